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
use super::owner::{disown, disown_and_wake};
use super::whole::sign_and_unlock;
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

/// What is left to do on the way back.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)] // it is handed on to functions that are extern "C"
pub enum Left {
    /// Nothing: it is done, and nobody waits.
    Nothing,
    /// Everything: the long way must be gone.
    Everything,
    /// Everything, by [`give_exclusive`]: the lock is held alone, and a clock is to be looked at, by a function.
    Exclusive,
    /// To say who wrote, which was another the last time, and all that follows. This and the next ones are for
    /// [`give_to_the_end`].
    Signature,
    /// To free the lock, for which somebody sleeps, or whose elements are in doubt.
    Lock,
    /// To wake those who wait for the generation that has come.
    Listeners,
    /// To wake the owner of the lock, who waits for those who share it.
    Owner,
}

/// Give back the lock that this process has taken alone, at this time (CLOCK_REALTIME).
#[inline]
pub fn give_exclusive(words: &Words, me: Identity, now_ns: i64, loud: bool) -> Left {
    generation::date(words, now_ns);
    if !generation::is_signed_by(words, me) {
        return Left::Signature;
    }
    end_writes_but(words, 0);
    words.writer.store(0, Relaxed);
    // SYNC: as in `disown`.
    if words.lock.compare_exchange(me.bits(), 0, SeqCst, Relaxed).is_err() {
        return Left::Lock;
    }
    if generation::is_awaited(words, loud) { Left::Listeners } else { Left::Nothing }
}

/// Give back a hold that is shared, if the counter says that there is one.
#[inline]
pub fn give_shared(words: &Words, counter: &AtomicU64) -> Left {
    if !count_down(counter) {
        return Left::Everything;
    }
    if Bell::on(&words.drain).is_heard(false) { Left::Owner } else { Left::Nothing }
}

/// Do what is left; false where that is everything.
#[cold]
pub fn give_to_the_end(attachment: &Attachment, me: Identity, left: Left) -> bool {
    let words = attachment.words();
    match left {
        Left::Nothing => {}
        Left::Everything | Left::Exclusive => return false,
        Left::Signature => sign_and_unlock(attachment, me),
        Left::Lock => {
            disown_and_wake(words);
            generation::announce(attachment);
        }
        Left::Listeners => generation::announce(attachment),
        Left::Owner => Bell::on(&words.drain).ring(false),
    }
    true
}
