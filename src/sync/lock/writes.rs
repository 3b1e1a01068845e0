//! Writes begun and ended, by which those who do not lock know whether the elements are quiet; and doubt in them.

use crate::os::atomic::Ordering::{Relaxed, Release, SeqCst};
use crate::os::atomic::fence;
use crate::segment::format::Words;
use crate::segment::format::lock_bit::INCONSISTENT;

/// A write begins. The caller is alone with the array, or in the table of ranges.
#[inline]
pub fn begin_write(words: &Words) {
    // SYNC: pairs with the Acquire loads of who copies without a lock: what is written now comes after `begun`.
    words.begun.store(words.begun.load(Relaxed).wrapping_add(1), Release);
    fence(Release);
}

/// All writes have ended but so many, which go on. The caller is alone with the array, or in the table of ranges.
#[inline]
pub fn end_writes_but(words: &Words, going_on: u64) {
    // SYNC: what was written is visible to whoever sees that the write has ended.
    words.ended.store(words.begun.load(Relaxed).wrapping_sub(going_on), Release);
}

/// How many writes are under way.
pub fn writes_under_way(words: &Words) -> u64 {
    words.begun.load(Relaxed).wrapping_sub(words.ended.load(Relaxed))
}

/// Tell everybody from now on that elements may be half written, until somebody recovers the whole array.
pub fn doubt(words: &Words) {
    words.lock.fetch_or(INCONSISTENT, SeqCst);
}
