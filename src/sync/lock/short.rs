//! The short way: to take the lock of an array, and to give it back, where nobody at all is there, neither now nor dead.
//! Most locks are free, and this is all that they cost.
//!
//! It stops where it would have to call another function, for that costs every caller a stack frame, the lucky ones too:
//! the caller goes on from there with the function that ends what was begun. A refusal says nothing but that the long way
//! (`whole`) must be gone. Every store counts as well: the next locked instruction waits for it.

use crate::os::atomic::AtomicU64;
use crate::os::atomic::Ordering::{Relaxed, Release, SeqCst};
use crate::segment::attachment::{Attachment, Identity};
use crate::segment::format::Words;
use crate::sync::bell::Bell;
use crate::sync::generation;

use super::holders::{count_down, holds_nothing, lower, none_ever_read};
use super::owner::disown;
use super::writes::{begin_write, end_writes_but};

/// How far the short way to the lock went.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// The lock is held.
    End,
    /// It must be gone on here, with [`end_exclusive`] or [`turn_back_from_shared`].
    Middle,
    /// Nothing was done.
    Nothing,
}

/// Take the lock alone.
#[inline]
pub fn begin_exclusive(attachment: &Attachment, me: Identity) -> Reached {
    let words = attachment.words();
    // SYNC: as in `whole::lock_exclusive`.
    if words.next.load(Relaxed) != 0 || words.lock.compare_exchange(0, me.bits(), SeqCst, Relaxed).is_err() {
        return Reached::Nothing;
    }
    if words.ranges_exclusive.load(SeqCst) != 0 || !none_ever_read(words, attachment.control().slots()) {
        return Reached::Middle;
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
pub fn begin_shared(attachment: &Attachment, counter: &AtomicU64) -> Reached {
    let words = attachment.words();
    // SYNC: as in `whole::lock_shared`.
    counter.fetch_add(1, SeqCst);
    let is_free = words.lock.load(SeqCst) == 0 && words.ranges_exclusive.load(SeqCst) == 0;
    if is_free { Reached::End } else { Reached::Middle }
}

/// Somebody writes, or a dead one did: hold nothing.
#[cold]
pub fn turn_back_from_shared(attachment: &Attachment, counter: &AtomicU64) {
    lower(attachment.words(), counter);
}

/// What is left to do on the way back; where that is to wake others, with [`give_to_the_end`].
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Left {
    /// Nobody waits.
    Nothing,
    /// All of it: the lock is held alone, and there is a clock to be looked at, by a function, for [`give_exclusive`].
    Exclusive,
    /// The write has ended, and somebody sleeps for the lock, which is not free yet.
    Sleepers,
    /// The lock is free, and somebody waits for the generation that has come.
    Listeners,
    /// The shared hold is given back, and the owner of the lock waits for that.
    Owner,
}

/// Whether [`give_exclusive`] may follow: this process has the lock alone, nobody sleeps for it, no elements are in doubt,
/// and who wrote last is known to be this process.
#[inline]
pub fn may_give_exclusive(words: &Words, me: Identity) -> bool {
    words.lock.load(Relaxed) == me.bits() && generation::is_signed_by(words, me)
}

/// Give back the lock that was taken alone, at this time (CLOCK_REALTIME).
#[inline]
pub fn give_exclusive(words: &Words, me: Identity, now_ns: i64, loud: bool) -> Left {
    generation::date(words, now_ns);
    end_writes_but(words, 0);
    words.writer.store(0, Relaxed);
    // SYNC: as in `disown`.
    if words.lock.compare_exchange(me.bits(), 0, SeqCst, Relaxed).is_err() {
        return Left::Sleepers;
    }
    if generation::is_awaited(words, loud) { Left::Listeners } else { Left::Nothing }
}

/// Give back a hold that is shared; None where the counter says that there is none.
#[inline]
pub fn give_shared(words: &Words, counter: &AtomicU64) -> Option<Left> {
    let left = |is_heard| if is_heard { Left::Owner } else { Left::Nothing };
    count_down(counter).then(|| left(Bell::on(&words.drain).is_heard(false)))
}

/// Wake those who wait.
#[cold]
pub fn give_to_the_end(attachment: &Attachment, me: Identity, left: Left) {
    let words = attachment.words();
    match left {
        Left::Nothing | Left::Exclusive => {}
        Left::Owner => Bell::on(&words.drain).ring(false),
        Left::Listeners => generation::announce(attachment),
        Left::Sleepers => {
            disown(words, me);
            generation::announce(attachment);
        }
    }
}
