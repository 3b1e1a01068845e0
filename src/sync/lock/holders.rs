//! Who holds the array shared, or ranges of it: the counters of the slots.

use crate::os::atomic::AtomicU64;
use crate::os::atomic::Ordering::{Relaxed, SeqCst};
use crate::segment::attachment::{Attachment, Identity};
use crate::segment::format::{Slot, Words};

use crate::sync::bell::Bell;

/// Which holds of a slot count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// Of the whole array.
    Whole,
    /// Of the whole array, or of ranges.
    Any,
}

/// A slot whose process holds the array shared, dead or alive.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    index: usize,
    counter: &'a AtomicU64,
    seen: u64,
}

impl Reader<'_> {
    pub fn identity(&self) -> Identity {
        Identity::of_slot(self.index, (self.seen >> 32) as u32)
    }

    /// The reader is dead. Exactly what it left goes: a new owner of the slot has another incarnation in it.
    pub fn forget(&self) {
        let _ = self.counter.compare_exchange(self.seen, self.seen & !u64::from(u32::MAX), SeqCst, Relaxed);
    }
}

/// Whether certainly no process that is here has ever held the lock shared, or a range of it: many arrays are only ever
/// written under it, and this is found out without a branch. Not of an array with more slots than usual.
#[inline]
pub fn none_ever_read(words: &Words, slots: usize) -> bool {
    /// As many as 256 slots need.
    const USUAL: usize = 4;
    // SYNC: as in `first_reader`.
    slots <= USUAL * 64 && words.readers.iter().take(USUAL).fold(0, |all, word| all | word.load(SeqCst)) == 0
}

/// Whether nobody, dead or alive, holds the lock shared or a range of it: [`first_reader`] for who need not know who.
pub fn holds_nothing(attachment: &Attachment) -> bool {
    let control = attachment.control();
    let mut all = 0;
    for (group, word) in attachment.words().readers.iter().take(control.slots().div_ceil(64)).enumerate() {
        // SYNC: as in `first_reader`.
        let mut bits = word.load(SeqCst);
        while bits != 0 {
            let slot = control.slot(group * 64 + bits.trailing_zeros() as usize);
            bits &= bits - 1;
            all |= slot.map_or(0, holds);
        }
    }
    all == 0
}

/// Not 0 where the slot holds something.
#[inline]
fn holds(slot: &Slot) -> u32 {
    // In this order: see `reader_in`.
    let ranged = slot.ranged.load(SeqCst);
    // Most slots hold nothing, which is found out without a branch for each counter.
    slot.shared.iter().fold(ranged, |all, counter| all | counter.load(SeqCst)) as u32
}

/// The first slot that holds the lock shared, dead or alive.
pub fn first_reader(attachment: &Attachment, holds: Holds) -> Option<Reader<'_>> {
    let control = attachment.control();
    for (group, word) in attachment.words().readers.iter().take(control.slots().div_ceil(64)).enumerate() {
        // SYNC: SeqCst against the bit and the counter in `whole`, `short` and `ranges`.
        let mut bits = word.load(SeqCst);
        while bits != 0 {
            let index = group * 64 + bits.trailing_zeros() as usize;
            bits &= bits - 1;
            let reader = control.slot(index).and_then(|slot| reader_in(index, slot, holds));
            if reader.is_some() {
                return reader;
            }
        }
    }
    None
}

fn reader_in(index: usize, slot: &Slot, holds: Holds) -> Option<Reader<'_>> {
    // In this order: who comes in turn raises `shared` while `ranged` is still raised.
    let ranged = (holds == Holds::Any).then_some(&slot.ranged);
    ranged.into_iter().chain(&slot.shared).find_map(|counter| {
        let seen = counter.load(SeqCst);
        (seen as u32 != 0).then_some(Reader { index, counter, seen })
    })
}

/// Hold it once less.
#[inline]
pub fn lower(words: &Words, counter: &AtomicU64) {
    counter.fetch_sub(1, SeqCst);
    Bell::on(&words.drain).ring(false);
}

/// As [`lower`], where the counter says that it is held; false where it does not.
pub fn lower_if_held(words: &Words, counter: &AtomicU64) -> bool {
    let is_held = count_down(counter);
    if is_held {
        Bell::on(&words.drain).ring(false);
    }
    is_held
}

/// The first half of [`lower_if_held`]: the bell comes next.
#[inline]
pub fn count_down(counter: &AtomicU64) -> bool {
    let mut seen = counter.load(Relaxed);
    while seen as u32 != 0 {
        match counter.compare_exchange(seen, seen - 1, SeqCst, Relaxed) {
            Ok(_) => return true,
            Err(now) => seen = now,
        }
    }
    false
}

/// For people: the pid of a process that locks, in its own namespace; 0: unknown.
pub fn pid_of(attachment: &Attachment, who: Identity) -> u32 {
    who.slot().and_then(|slot| attachment.control().slot(slot)).map_or(0, |slot| slot.pid.load(Relaxed))
}
