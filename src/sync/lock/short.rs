//! The short way: to take the lock of an array where nobody at all is there, neither now nor dead. Most locks are free,
//! and this is all that they cost.
//!
//! It stops where it would have to call another function, for that costs every caller a stack frame, the lucky ones too:
//! the caller goes on from there with the function that ends what was begun. A refusal says nothing but that the long way
//! (`whole`) must be gone.

use crate::os::atomic::AtomicU64;
use crate::os::atomic::Ordering::{Relaxed, Release, SeqCst};
use crate::segment::attachment::{Attachment, Identity};
use crate::segment::format::Words;

use super::holders::{holds_nothing, lower, none_ever_read};
use super::owner::disown;
use super::writes::begin_write;

/// How far the short way went, there or back.
#[must_use]
pub enum Reached<'a> {
    /// The lock is held, or given back.
    End,
    /// Neither end: it must be gone on here, when locking with [`end_exclusive`] or [`turn_back_from_shared`].
    Middle(&'a Attachment),
    /// Nothing was done.
    Nothing,
}

/// Take the lock alone.
#[inline]
pub fn begin_exclusive(attachment: &Attachment, me: Identity) -> Reached<'_> {
    let words = attachment.words();
    // SYNC: as in `whole::lock_exclusive`.
    if words.next.load(Relaxed) != 0 || words.lock.compare_exchange(0, me.bits(), SeqCst, Relaxed).is_err() {
        return Reached::Nothing;
    }
    if words.ranges_exclusive.load(SeqCst) != 0 || !none_ever_read(attachment) {
        return Reached::Middle(attachment);
    }
    write_alone(words, me);
    Reached::End
}

/// The word is this process's, and somebody may read: false if somebody does, and then nothing is held.
pub fn end_exclusive(attachment: &Attachment, me: Identity) -> bool {
    let words = attachment.words();
    let is_free = words.ranges_exclusive.load(SeqCst) == 0 && holds_nothing(attachment);
    if is_free {
        write_alone(words, me);
    } else {
        disown(words, me);
    }
    is_free
}

#[inline]
fn write_alone(words: &Words, me: Identity) {
    words.writer.store(me.bits(), Release);
    begin_write(words);
}

/// Take the lock with others who only read. `counter` is one of the own slot's, whose bit in `readers` is set.
#[inline]
pub fn begin_shared<'a>(attachment: &'a Attachment, counter: &AtomicU64) -> Reached<'a> {
    let words = attachment.words();
    // SYNC: as in `whole::lock_shared`.
    counter.fetch_add(1, SeqCst);
    let is_free = words.lock.load(SeqCst) == 0 && words.ranges_exclusive.load(SeqCst) == 0;
    if is_free { Reached::End } else { Reached::Middle(attachment) }
}

/// Somebody writes, or a dead one did: hold nothing.
#[cold]
pub fn turn_back_from_shared(attachment: &Attachment, counter: &AtomicU64) {
    lower(attachment.words(), counter);
}
