//! A bell: a word that sleepers announce themselves at, and that is rung only if somebody did.
//!
//! The lowest bit says that somebody sleeps, or is about to; each ringing goes on to the next even number. A sleeper
//! announces itself, looks once more at what it waits for, and sleeps while the word is what it was told: whoever
//! changes that thing, and then rings, finds the bit set or was seen by that look. As the numbers go on, a ringing is
//! not missed even where others announce themselves at once again. Nothing needs to be put right after a death: a
//! bell left with its bit set costs one needless ringing, a ringer killed before it woke anybody costs one sleep.

use crate::os::atomic::AtomicU32;
use crate::os::atomic::Ordering::{Relaxed, SeqCst};
use crate::os::futex::{self, Queue};

const ANNOUNCED: u32 = 1;

/// Say that somebody sleeps here: while the word is the returned one.
pub fn announce(bell: &AtomicU32) -> u32 {
    // SYNC: SeqCst against `ring`: either the ringer sees the bit, or we see what the ringer changed before.
    bell.fetch_or(ANNOUNCED, SeqCst) | ANNOUNCED
}

/// Wake all who announced themselves.
#[inline]
pub fn ring(bell: &AtomicU32) {
    // SYNC: SeqCst against `announce`.
    let seen = bell.load(SeqCst);
    if seen & ANNOUNCED != 0 {
        wake(bell, seen);
    }
}

#[cold]
fn wake(bell: &AtomicU32, seen: u32) {
    // Whose exchange fails was overtaken by another ringer.
    if bell.compare_exchange(seen, seen.wrapping_add(1), SeqCst, Relaxed).is_ok() {
        futex::wake(bell, Queue::Writers, i32::MAX);
    }
}
