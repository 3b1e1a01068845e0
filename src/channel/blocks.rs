//! Blocks: equal pieces of a segment's data area, one for each message, each with a small header before its bytes.

use std::mem::{align_of, size_of};
use std::ptr::{self, NonNull};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU32, AtomicU64};

use crate::os::prefetch;

/// What is known of the message in a block. A cache line.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct Header {
    /// Who has the block; see `queue::many`.
    pub holder: AtomicU64,
    /// Bytes of the message. Never trust it: see [`Blocks::len`].
    pub len: AtomicU64,
    /// What kind of message it is.
    pub kind: AtomicU32,
    /// How important it is; 0 is the least.
    pub priority: AtomicU32,
    /// 1: a consumer had it before, and gave it back or died.
    pub again: AtomicU32,
    reserved_32: AtomicU32,
    reserved: [AtomicU64; 3],
}

const _: () = assert!(size_of::<Header>() == 64);

/// Blocks lie at an odd multiple of this from one another: at a power of two, all of them would compete for the same few
/// places in the processor's cache.
const UNIT: u64 = 128;

/// The blocks of one opened object. Whoever holds this keeps the mapping.
#[derive(Debug)]
pub struct Blocks {
    start: NonNull<u8>,
    count: usize,
    stride: usize,
    room: usize,
}

// SAFETY: a pointer into a mapping that the owner keeps. Headers are atomics; the bytes of a block belong to one process
// at a time, by the protocol of who uses the blocks.
unsafe impl Send for Blocks {}
// SAFETY: as above.
unsafe impl Sync for Blocks {}

/// From one block to the next, for messages of at most so many bytes; `None` where that overflows.
pub fn stride(message_bytes: u64) -> Option<u64> {
    let units = message_bytes.checked_add(size_of::<Header>() as u64)?.checked_next_multiple_of(UNIT)? / UNIT;
    (units | 1).checked_mul(UNIT)
}

impl Blocks {
    /// Over mapped memory.
    ///
    /// # Safety
    ///
    /// `count * stride(room)` bytes from `start`, which is aligned to 64, stay mapped for as long as the value lives.
    pub unsafe fn new(start: NonNull<u8>, count: usize, room: usize) -> Blocks {
        let stride = stride(room as u64).expect("computed before, by who reserved the bytes") as usize;
        Blocks { start, count, stride, room }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Bytes that a message may have.
    pub fn room(&self) -> usize {
        self.room
    }

    #[inline]
    fn at(&self, index: usize) -> *mut u8 {
        assert!(index < self.count);
        self.start.as_ptr().wrapping_add(index * self.stride)
    }

    /// What is known of one block.
    #[inline]
    pub fn header(&self, index: usize) -> &Header {
        const { assert!(align_of::<Header>() == 64) };
        // SAFETY: within the mapping (`at`), aligned as the strides are, and made of atomics only.
        unsafe { &*self.at(index).cast::<Header>() }
    }

    /// Where a block's bytes begin; aligned to 64.
    #[inline]
    pub fn bytes(&self, index: usize) -> *mut u8 {
        self.at(index).wrapping_add(size_of::<Header>())
    }

    /// Bytes of the message in a block; never more than there is room for, whatever stands in the header.
    #[inline]
    pub fn len(&self, index: usize) -> usize {
        (self.header(index).len.load(Relaxed) as usize).min(self.room)
    }

    /// This process will soon have that block, if there is one, to fill it.
    #[inline]
    pub fn soon_filled(&self, index: usize) {
        let start = self.start.as_ptr().wrapping_add(index * self.stride);
        prefetch::soon_written(start);
        prefetch::soon_written(start.wrapping_add(size_of::<Header>()));
    }

    /// This process is about to read that block.
    #[inline]
    pub fn read_now(&self, index: usize) {
        let start = self.start.as_ptr().wrapping_add(index * self.stride);
        prefetch::soon_read(start);
        prefetch::soon_read(start.wrapping_add(size_of::<Header>()));
    }

    /// This process will soon have that block, if there is one, to use it.
    #[inline]
    pub fn soon_used(&self, index: usize) {
        let start = self.start.as_ptr().wrapping_add(index * self.stride);
        prefetch::soon_written(start);
        prefetch::soon_read(start.wrapping_add(size_of::<Header>()));
    }

    /// Copy bytes into a block that this process has.
    #[inline]
    pub fn write(&self, index: usize, bytes: &[u8]) {
        assert!(bytes.len() <= self.room);
        // SAFETY: within the block; by protocol nobody else uses it now. No reference to these bytes is ever made.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), self.bytes(index), bytes.len()) };
    }

    /// Copy the beginning of a block that this process has.
    #[inline]
    pub fn read(&self, index: usize, buffer: &mut [u8]) {
        assert!(buffer.len() <= self.room);
        // SAFETY: as in `write`.
        unsafe { ptr::copy_nonoverlapping(self.bytes(index), buffer.as_mut_ptr(), buffer.len()) };
    }

    /// Copy bytes into a block that others may be reading: they will find out that they have torn ones.
    pub fn write_racing(&self, index: usize, bytes: &[u8]) {
        assert!(bytes.len() <= self.room);
        let (words, rest) = bytes.as_chunks::<8>();
        for (at, word) in words.iter().enumerate() {
            self.word(index, at).store(u64::from_ne_bytes(*word), Relaxed);
        }
        if !rest.is_empty() {
            let mut last = [0; 8];
            last[..rest.len()].copy_from_slice(rest);
            self.word(index, words.len()).store(u64::from_ne_bytes(last), Relaxed);
        }
    }

    /// Copy the beginning of a block that others may be writing.
    pub fn read_racing(&self, index: usize, buffer: &mut [u8]) {
        assert!(buffer.len() <= self.room);
        let (words, rest) = buffer.as_chunks_mut::<8>();
        for (at, word) in words.iter_mut().enumerate() {
            *word = self.word(index, at).load(Relaxed).to_ne_bytes();
        }
        if !rest.is_empty() {
            let last = self.word(index, words.len()).load(Relaxed).to_ne_bytes();
            rest.copy_from_slice(&last[..rest.len()]);
        }
    }

    /// A word of a block's bytes. The last one may lie partly behind them, where a block has padding (see [`stride`]).
    #[inline]
    fn word(&self, index: usize, at: usize) -> &AtomicU64 {
        // SAFETY: within the block, whose stride is a multiple of 8; aligned to 8, since blocks and headers are to 64.
        unsafe { &*self.bytes(index).cast::<AtomicU64>().add(at) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strides_hold_header_and_message_and_do_not_compete() {
        for bytes in [1, 64, 65, 4096, 65536, 1 << 20] {
            let stride = stride(bytes).unwrap();
            assert!(stride >= bytes + 64 && stride.is_multiple_of(UNIT) && !stride.is_multiple_of(2 * UNIT));
        }
        assert_eq!(stride(u64::MAX), None);
    }
}
