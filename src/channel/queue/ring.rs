//! A ring of references to blocks, which any number of processes push to and pop from, and which no death damages.
//!
//! A reference names a block and the *version* that the block's holder word has while it is listed. Popping is taking
//! the block: exchanging its holder word from exactly that version to the next, in the taker's name. After that the
//! reference is stale, whether or not it still stands in the ring, and whoever meets it clears it away.
//!
//! | word | holds | changed by |
//! |---|---|---|
//! | slot | lap, and a reference or nothing | a push: nothing to a reference; a pop: a stale reference to nothing of the next lap |
//! | `tail` | about where to push: never beyond the first slot that is free in its lap | anybody, one step at a time |
//! | `head` | about where to pop: never beyond the first reference that is not cleared | anybody, one step at a time |
//!
//! Each operation is one exchange; what follows it is tidying up that others do as well:
//!
//! - push: **slot: nothing to reference** | tail + 1
//! - pop: **holder word: listed version to mine** | slot: reference to nothing of the next lap | head + 1
//!
//! A process killed before the bold step has done nothing, and killed after it has done all that matters. (Slots with
//! laps are Dmitry Vyukov's bounded queue; taking by the block's own word is what makes a death between the steps harmless.)

use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, SeqCst};

use super::holder::Holder;
use crate::channel::blocks::Blocks;
use crate::error::{Code, Error, Result};
use crate::os::time::{Duration, Instant};

const BLOCK_BITS: u32 = 20;
const VERSION_BITS: u32 = 20;
const LAP_BITS: u32 = 24;
const BLOCK_MASK: u64 = (1 << BLOCK_BITS) - 1;
const VERSION_MASK: u64 = (1 << VERSION_BITS) - 1;
const LAP_MASK: u64 = (1 << LAP_BITS) - 1;

/// Each turn of a loop means that another process has made progress. So many in one call, and for so long, and the memory
/// is spoilt: a process that was merely kept from running has made few, one that races against hundreds is through soon.
const TURNS: u32 = 1 << 12;
const TURNING: Duration = Duration::from_millis(5);

/// How often a loop has turned, and since when.
#[derive(Default)]
struct Turns {
    count: u32,
    since: Option<Instant>,
}

impl Turns {
    /// One more; an error where there have been too many.
    #[inline]
    fn turn(&mut self) -> Result<()> {
        self.count = self.count.wrapping_add(1);
        if self.count.is_multiple_of(TURNS) { self.look_at_the_clock() } else { Ok(()) }
    }

    #[cold]
    fn look_at_the_clock(&mut self) -> Result<()> {
        let since = *self.since.get_or_insert_with(Instant::now);
        if since.elapsed() < TURNING { Ok(()) } else { Err(spoilt()) }
    }
}

/// Where to pop and where to push, each with cache lines of its own.
#[repr(C, align(128))]
#[derive(Debug)]
struct Ends {
    head: AtomicU64,
    reserved: [AtomicU64; 15],
    tail: AtomicU64,
    reserved_too: [AtomicU64; 15],
}

/// One ring. Whoever holds this keeps the mapping.
#[derive(Debug)]
pub(super) struct Ring {
    ends: NonNull<Ends>,
    slots: NonNull<AtomicU64>,
    shift: u32,
}

// SAFETY: pointers into a mapping that the owner keeps, to atomics.
unsafe impl Send for Ring {}
// SAFETY: as above.
unsafe impl Sync for Ring {}

/// A slot's content.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Entry(u64);

impl Entry {
    fn nothing(lap: u64) -> Entry {
        Entry((lap & LAP_MASK) << (BLOCK_BITS + VERSION_BITS))
    }

    fn reference(lap: u64, block: usize, version: u32) -> Entry {
        let version = (u64::from(version) & VERSION_MASK) << BLOCK_BITS;
        Entry(Entry::nothing(lap).0 | version | (block as u64 + 1))
    }

    fn block(self) -> Option<usize> {
        (self.0 & BLOCK_MASK).checked_sub(1).map(|block| block as usize)
    }

    fn lap(self) -> u64 {
        self.0 >> (BLOCK_BITS + VERSION_BITS)
    }

    /// Whether the block still is as it was when it was listed.
    fn lists(self, holder: Holder) -> bool {
        (self.0 >> BLOCK_BITS) & VERSION_MASK == u64::from(holder.version()) & VERSION_MASK
    }

    /// How many laps the slot is ahead of `lap`: 0, something, or nearly all (it is behind).
    fn ahead_of(self, lap: u64) -> u64 {
        self.lap().wrapping_sub(lap) & LAP_MASK
    }
}

const BEHIND: u64 = 1 << (LAP_BITS - 1);

impl Ring {
    /// Bytes of a ring for so many blocks.
    pub fn bytes(blocks: usize) -> usize {
        let slots = blocks.next_power_of_two() * size_of::<AtomicU64>();
        size_of::<Ends>() + slots.next_multiple_of(align_of::<Ends>())
    }

    /// Over mapped memory.
    ///
    /// # Safety
    ///
    /// [`Ring::bytes`] bytes from `start`, which is aligned to 128, stay mapped for as long as the value lives.
    pub unsafe fn new(start: NonNull<u8>, blocks: usize) -> Ring {
        // SAFETY: the caller's promise.
        let slots = unsafe { start.add(size_of::<Ends>()) }.cast();
        Ring { ends: start.cast(), slots, shift: blocks.next_power_of_two().trailing_zeros() }
    }

    fn ends(&self) -> &Ends {
        // SAFETY: mapped and aligned (`new`), atomics only.
        unsafe { self.ends.as_ref() }
    }

    #[inline]
    fn slot(&self, position: u64) -> &AtomicU64 {
        let index = position as usize & ((1 << self.shift) - 1);
        // SAFETY: within the ring (`new`), atomics only.
        unsafe { self.slots.add(index).as_ref() }
    }

    /// List the blocks from 0 to `blocks` under version 0, in a ring that nobody sees yet.
    pub fn fill(&self, blocks: usize) {
        for block in 0..blocks {
            self.slot(block as u64).store(Entry::reference(0, block, 0).0, Relaxed);
        }
        self.ends().tail.store(blocks as u64, Relaxed);
    }

    /// List a block that this process has, under the version that its holder word has.
    #[inline]
    pub fn push(&self, blocks: &Blocks, block: usize, version: u32) -> Result<()> {
        let tail = &self.ends().tail;
        let mut turns = Turns::default();
        loop {
            turns.turn()?;
            let position = tail.load(Acquire);
            let (slot, lap) = (self.slot(position), position >> self.shift);
            let entry = Entry(slot.load(Acquire));
            match entry.ahead_of(lap) {
                0 if entry.block().is_none() => {
                    let listed = Entry::reference(lap, block, version);
                    // SYNC: pairs with the Acquire in `pop`: who sees the reference sees the block's bytes.
                    if slot.compare_exchange(entry.0, listed.0, SeqCst, Relaxed).is_ok() {
                        let _ = tail.compare_exchange(position, position.wrapping_add(1), SeqCst, Relaxed);
                        return Ok(());
                    }
                }
                BEHIND.. => self.clear_stale(blocks, slot, entry)?,
                _ => drop(tail.compare_exchange(position, position.wrapping_add(1), SeqCst, Relaxed)),
            }
        }
    }

    /// A reference of the last lap is in the way: its block has been taken, and the taker has not tidied up yet.
    #[cold]
    fn clear_stale(&self, blocks: &Blocks, slot: &AtomicU64, entry: Entry) -> Result<()> {
        if let Some(block) = entry.block().filter(|block| *block < blocks.count())
            && entry.lists(Holder::of(blocks, block))
            && slot.load(SeqCst) == entry.0
        {
            // A ring has a slot for each block, so it is never full.
            return Err(spoilt());
        }
        let _ = slot.compare_exchange(entry.0, Entry::nothing(entry.lap() + 1).0, SeqCst, Relaxed);
        Ok(())
    }

    /// Take the first block that is listed, in the name of `taker`; says which, and its new holder word. `soon` is told
    /// which block is likely to be the next.
    #[inline]
    pub fn pop(
        &self,
        blocks: &Blocks,
        taker: impl Fn(Holder) -> Holder,
        soon: impl Fn(usize),
    ) -> Result<Option<(usize, Holder)>> {
        let head = &self.ends().head;
        let mut turns = Turns::default();
        loop {
            turns.turn()?;
            let position = head.load(Acquire);
            let (slot, lap) = (self.slot(position), position >> self.shift);
            // SYNC: pairs with the exchange in `push`.
            let entry = Entry(slot.load(Acquire));
            match (entry.ahead_of(lap), entry.block()) {
                (0, None) | (BEHIND.., _) => return Ok(None),
                (0, Some(block)) => {
                    if block < blocks.count() {
                        let holder = Holder::of(blocks, block);
                        if slot.load(Relaxed) != entry.0 {
                            continue;
                        }
                        let taken = taker(holder);
                        if entry.lists(holder) {
                            if !holder.exchange(blocks, block, taken) {
                                continue;
                            }
                            if let Some(next) = self.next(position) {
                                soon(next);
                            }
                            self.tidy(slot, entry, position);
                            return Ok(Some((block, taken)));
                        }
                    }
                    self.tidy(slot, entry, position);
                }
                _ => drop(head.compare_exchange(position, position.wrapping_add(1), SeqCst, Relaxed)),
            }
        }
    }

    /// The block that is listed behind `position`, if one is: whoever pops is likely to want it soon.
    #[inline]
    fn next(&self, position: u64) -> Option<usize> {
        let next = position.wrapping_add(1);
        let entry = Entry(self.slot(next).load(Relaxed));
        if entry.ahead_of(next >> self.shift) == 0 { entry.block() } else { None }
    }

    #[inline]
    fn tidy(&self, slot: &AtomicU64, entry: Entry, position: u64) {
        let _ = slot.compare_exchange(entry.0, Entry::nothing(entry.lap() + 1).0, SeqCst, Relaxed);
        let _ = self.ends().head.compare_exchange(position, position.wrapping_add(1), SeqCst, Relaxed);
    }

    /// Call with each block that is listed, and the low bits of its version; stale references are among them.
    pub fn each(&self, mut listed: impl FnMut(usize, Listed)) {
        for position in 0..1 << self.shift {
            let entry = Entry(self.slot(position).load(SeqCst));
            if let Some(block) = entry.block() {
                listed(block, Listed(entry));
            }
        }
    }

    /// How many have been pushed, and how many popped, since the beginning; about.
    pub fn counts(&self) -> (u64, u64) {
        let ends = self.ends();
        let popped = ends.head.load(Relaxed);
        (ends.tail.load(Relaxed).max(popped), popped)
    }
}

/// A reference found in a ring.
#[derive(Clone, Copy)]
pub(super) struct Listed(Entry);

impl Listed {
    /// Whether it is the block as that holder word says, and not stale.
    pub fn is(self, holder: Holder) -> bool {
        self.0.lists(holder)
    }
}

#[cold]
fn spoilt() -> Error {
    Error::new(Code::Corrupt, "the queue's rings contradict its blocks: somebody has written into its memory")
}
