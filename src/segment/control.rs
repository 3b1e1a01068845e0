//! The control block in memory: typed access to bytes that other processes change at the same time.

use std::mem::{offset_of, size_of};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering, fence};

use crate::error::{Code, Error, Result};

use super::format::{Header, Layout, PAGE, Range, Record, Slot, Words, page};

/// A mapped control block. Whoever holds one keeps its mapping.
#[derive(Debug)]
pub struct Control {
    start: NonNull<u8>,
    words: NonNull<Words>,
    len: usize,
    slots_offset: usize,
    slots: usize,
    ranges_offset: usize,
    ranges: usize,
    state_offset: usize,
    state_len: usize,
    capacity_bytes: u64,
    wakes_readers: bool,
}

// SAFETY: a pointer into a mapping that the owner keeps; everything reached through it is an atomic.
unsafe impl Send for Control {}
// SAFETY: as above.
unsafe impl Sync for Control {}

const RECORD_WORDS: usize = size_of::<Layout>() / size_of::<u64>();
/// So often a record may change under its reader.
const ATTEMPTS: usize = 1000;

fn restless() -> Error {
    Error::new(Code::Corrupt, "the layout changes faster than it can be read")
}

impl Control {
    /// Over a mapped control block.
    ///
    /// # Safety
    ///
    /// `len` bytes from `start` stay mapped for as long as the value lives, `start` is aligned to a page, and the
    /// header was examined: its offsets lie within `len`.
    pub unsafe fn new(start: NonNull<u8>, len: usize, header: &Header) -> Control {
        // SAFETY: a control block is longer than a page, and its last one has the words.
        let words = unsafe { start.add(len - PAGE as usize + page::WORDS as usize) }.cast();
        Control {
            start,
            words,
            len,
            slots_offset: header.slots_offset as usize,
            slots: header.slots as usize,
            ranges_offset: header.ranges_offset as usize,
            ranges: header.ranges as usize,
            state_offset: header.state_offset as usize,
            state_len: header.state_len as usize,
            capacity_bytes: header.capacity_bytes,
            wakes_readers: header.wakes_readers != 0,
        }
    }

    fn last_page(&self) -> *const u8 {
        // SAFETY: a control block is longer than a page.
        unsafe { self.start.as_ptr().add(self.len - PAGE as usize) }
    }

    /// What changes.
    #[inline]
    pub fn words(&self) -> &Words {
        // SAFETY: mapped, aligned (page), and made of atomics only.
        unsafe { self.words.as_ref() }
    }

    /// Whether the segment was made for waiters who may only read, and whom nobody sees waiting.
    #[inline]
    pub fn wakes_readers(&self) -> bool {
        self.wakes_readers
    }

    /// How many slots there are.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// One slot; `None` beyond the table.
    pub fn slot(&self, index: usize) -> Option<&Slot> {
        // SAFETY: the table was checked to lie within the block, at a multiple of 128; it is made of atomics only.
        (index < self.slots)
            .then(|| unsafe { &*self.start.as_ptr().add(self.slots_offset + index * size_of::<Slot>()).cast::<Slot>() })
    }

    /// The table of range locks.
    pub fn ranges(&self) -> &[Range] {
        // SAFETY: the table was checked to lie within the block, at a multiple of 64; it is made of atomics only.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr().add(self.ranges_offset).cast(), self.ranges) }
    }

    /// Where an object's own state begins, and its length in bytes; aligned to [`super::format::STATE_ALIGNMENT`].
    pub fn state(&self) -> (NonNull<u8>, usize) {
        // SAFETY: the state was checked to lie within the block.
        (unsafe { self.start.add(self.state_offset) }, self.state_len)
    }

    /// One of the two layout records, as atomic words: others may be writing it.
    fn record(&self, index: u32) -> &[AtomicU64; RECORD_WORDS] {
        let offset = page::LAYOUTS as usize + (index & 1) as usize * size_of::<Layout>();
        // SAFETY: both records lie within the last page, aligned to 8 bytes.
        unsafe { &*self.last_page().add(offset).cast() }
    }

    /// The valid layout record, checked, and the number of its edition.
    pub fn layout(&self) -> Result<(u32, Layout)> {
        let edition_word = &self.words().layout;
        for _ in 0..ATTEMPTS {
            // SYNC: pairs with the Release in `replace_layout`: the record is at least as new as its edition.
            let edition = edition_word.load(Ordering::Acquire);
            let mut bytes = [0u64; RECORD_WORDS];
            for (copy, word) in bytes.iter_mut().zip(self.record(edition)) {
                *copy = word.load(Ordering::Relaxed);
            }
            // SYNC: the copy is done before the edition is looked at again.
            fence(Ordering::Acquire);
            if edition_word.load(Ordering::Relaxed) == edition {
                // SAFETY: a record of integers, copied word by word.
                let layout: Layout = unsafe { std::mem::transmute(bytes) };
                return layout.validate(self.capacity_bytes).map(|()| (edition, layout));
            }
        }
        Err(restless())
    }

    /// The length of one axis now, for who knows the rest of the layout. Compare it with the capacity: it is not
    /// checked.
    #[inline]
    pub fn length(&self, axis: usize) -> Result<u64> {
        const FIRST: usize = offset_of!(Layout, shape) / size_of::<u64>();
        let edition_word = &self.words().layout;
        for _ in 0..ATTEMPTS {
            // SYNC: as in `layout`.
            let edition = edition_word.load(Ordering::Acquire);
            let length = self.record(edition)[FIRST..][axis].load(Ordering::Relaxed);
            fence(Ordering::Acquire);
            if edition_word.load(Ordering::Relaxed) == edition {
                return Ok(length);
            }
        }
        Err(restless())
    }

    /// Write the record that is not in use, then make it the valid one. The caller holds the exclusive lock and may
    /// write the control block; a death before the last store leaves the old layout in force.
    pub fn replace_layout(&self, layout: &Layout) {
        let edition_word = &self.words().layout;
        let edition = edition_word.load(Ordering::Relaxed);
        for (word, bytes) in self.record(edition.wrapping_add(1)).iter().zip(layout.as_bytes().chunks_exact(8)) {
            word.store(u64::from_ne_bytes(bytes.try_into().expect("chunks of 8")), Ordering::Relaxed);
        }
        // SYNC: pairs with the Acquire in `layout`.
        edition_word.store(edition.wrapping_add(1), Ordering::Release);
    }
}
