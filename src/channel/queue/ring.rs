//! A ring of references to blocks, which any number of processes push to and pop from, and which no death damages.
//!
//! A reference names a block and the *version* that the block's holder word has while it is listed. Popping is taking
//! the block: exchanging its holder word from exactly that version to the next, in the taker's name. After that the
//! reference is stale, whether or not it still stands in the ring, and whoever meets it clears it away.
//!
//! | word | holds | changed by |
//! |---|---|---|
//! | slot | lap, and a reference or nothing | a push: nothing to a reference; a pop: a stale reference to nothing of the next lap |
//! | `tail` | about where to push: the first slot that is free in its lap, or one short of it | anybody, one step at a time |
//! | `head` | about where to pop: the first reference that is not stale, or one short of it | anybody, one step at a time |
//!
//! Each operation is one exchange; what follows it is tidying up that others do as well:
//!
//! - push: **slot: nothing to reference** | tail + 1
//! - pop: **holder word: listed version to mine** | slot: reference to nothing of the next lap | head + 1
//!
//! A process killed before the bold step has done nothing, and killed after it has done all that matters. Who pushes or
//! pops at a position has found `tail` or `head` there, so one that was killed leaves it one short: the next push or pop
//! steps over what is done already, and so does whoever only counts. (Slots with
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

    /// How many have been pushed, and how many popped, since the beginning: all that is done, by the dead too. Where
    /// others are at work it is about so, and never fewer between the two than there were.
    pub fn counts(&self, blocks: &Blocks) -> (u64, u64) {
        // SYNC: SeqCst, as in `Bell::listen`: who listened first sees what was done before a ring that it does not hear.
        let (head, tail) = (self.ends().head.load(SeqCst), &self.ends().tail);
        let popped = head.wrapping_add(self.is_popped(blocks, head).into());
        let tail = tail.load(SeqCst);
        let pushed = tail.wrapping_add(self.is_pushed(tail).into());
        (pushed.max(popped), popped)
    }

    /// About how many have been popped since the beginning, at the price of one load.
    pub fn popped(&self) -> u64 {
        self.ends().head.load(Relaxed)
    }

    /// Whether the push at this position is done: `tail` says so a moment later, or never.
    fn is_pushed(&self, position: u64) -> bool {
        let entry = Entry(self.slot(position).load(SeqCst));
        match entry.ahead_of(position >> self.shift) {
            0 => entry.block().is_some(),
            ahead => ahead < BEHIND,
        }
    }

    /// Whether the pop at this position is done: `head` says so a moment later, or never.
    fn is_popped(&self, blocks: &Blocks, position: u64) -> bool {
        let entry = Entry(self.slot(position).load(SeqCst));
        match (entry.ahead_of(position >> self.shift), entry.block()) {
            (0, Some(block)) => block >= blocks.count() || !entry.lists(Holder::of(blocks, block)),
            (ahead, _) => (1..BEHIND).contains(&ahead),
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::attachment::Identity;

    /// Memory that is aligned as a segment's is.
    #[repr(C, align(128))]
    #[derive(Clone)]
    struct Line([u8; 128]);

    /// A ring of three blocks, and what it should say.
    struct Tried {
        ring: Ring,
        blocks: Blocks,
        pushed: u64,
        popped: u64,
        _memory: Vec<Line>,
    }

    impl Tried {
        const BLOCKS: usize = 3;

        fn new() -> Tried {
            let mut memory = vec![Line([0; 128]); Tried::BLOCKS + Ring::bytes(Tried::BLOCKS) / 128];
            let start = NonNull::new(memory.as_mut_ptr()).unwrap().cast::<u8>();
            // SAFETY: a block of 8 bytes takes a line, and what the ring takes lies behind them; kept beside them.
            let (blocks, ring) = unsafe {
                let ring = Ring::new(start.add(128 * Tried::BLOCKS), Tried::BLOCKS);
                (Blocks::new(start, Tried::BLOCKS, 8), ring)
            };
            Tried { ring, blocks, pushed: 0, popped: 0, _memory: memory }
        }

        fn push(&mut self, is_killed: bool) {
            if self.pushed - self.popped == Tried::BLOCKS as u64 {
                return;
            }
            // They are popped in the order of the pushes, so this one is out.
            let block = (self.pushed % Tried::BLOCKS as u64) as usize;
            self.ring.push(&self.blocks, block, Holder::of(&self.blocks, block).version()).unwrap();
            self.pushed += 1;
            if is_killed {
                self.ring.ends().tail.store(self.pushed - 1, Relaxed);
            }
        }

        /// `is_tidy`: the killed one had cleared the slot.
        fn pop(&mut self, is_killed: bool, is_tidy: bool) {
            let me = Identity::from_word(1).unwrap();
            let slot = self.ring.slot(self.popped);
            let entry = slot.load(Relaxed);
            let taken = self.ring.pop(&self.blocks, |seen| seen.next(me, 0), |_| ()).unwrap();
            assert_eq!(taken.is_some(), self.pushed > self.popped);
            let Some((block, _)) = taken else { return };
            assert_eq!(block as u64, self.popped % Tried::BLOCKS as u64);
            self.popped += 1;
            if is_killed {
                self.ring.ends().head.store(self.popped - 1, Relaxed);
            }
            if is_killed && !is_tidy {
                slot.store(entry, Relaxed);
            }
        }
    }

    #[test]
    fn what_the_dead_have_done_is_counted_wherever_they_were_killed() {
        const STEPS: u32 = 7;
        for sequence in 0..5_u32.pow(STEPS) {
            let mut tried = Tried::new();
            for step in 0..STEPS {
                match sequence / 5_u32.pow(step) % 5 {
                    0 => tried.push(false),
                    1 => tried.push(true),
                    2 => tried.pop(false, true),
                    3 => tried.pop(true, true),
                    _ => tried.pop(true, false),
                }
                assert_eq!(tried.ring.counts(&tried.blocks), (tried.pushed, tried.popped), "{sequence}, {step}");
            }
        }
    }

    #[test]
    fn hostile_positions_are_counted_without_an_end() {
        let tried = Tried::new();
        for (head, tail) in [(u64::MAX, 0), (0, u64::MAX), (u64::MAX, u64::MAX), (1 << 63, 5), (5, 1 << 40)] {
            tried.ring.ends().head.store(head, Relaxed);
            tried.ring.ends().tail.store(tail, Relaxed);
            for slot in [0, u64::MAX, BEHIND << (BLOCK_BITS + VERSION_BITS)] {
                (0..4).for_each(|position| tried.ring.slot(position).store(slot, Relaxed));
                let (pushed, popped) = tried.ring.counts(&tried.blocks);
                assert!(pushed >= popped);
            }
        }
    }
}
