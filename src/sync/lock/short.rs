//! The short way: to take the lock of an array where nobody at all is there, neither now nor dead. Most locks are free,
//! and this is all that they cost.
//!
//! A refusal here says nothing but that the long way (`whole`) must be gone.

use crate::os::atomic::AtomicU64;
use crate::os::atomic::Ordering::{Relaxed, Release, SeqCst};
use crate::segment::attachment::{Attachment, Identity};

use super::holders::{Holds, first_reader, lower};
use super::owner::disown;
use super::writes::begin_write;

/// Take the lock alone.
#[inline]
pub fn lock_exclusive(attachment: &Attachment, me: Identity) -> bool {
    let words = attachment.words();
    // SYNC: as in `whole::lock_exclusive`.
    if words.next.load(Relaxed) != 0 || words.lock.compare_exchange(0, me.bits(), SeqCst, Relaxed).is_err() {
        return false;
    }
    let is_free = words.ranges_exclusive.load(SeqCst) == 0 && first_reader(attachment, Holds::Any).is_none();
    if is_free {
        words.writer.store(me.bits(), Release);
        begin_write(words);
    } else {
        disown(words);
    }
    is_free
}

/// Take the lock with others who only read. `counter` is one of the own slot's, whose bit in `readers` is set.
#[inline]
pub fn lock_shared(attachment: &Attachment, counter: &AtomicU64) -> bool {
    let words = attachment.words();
    // SYNC: as in `whole::lock_shared`.
    counter.fetch_add(1, SeqCst);
    let is_free = words.lock.load(SeqCst) == 0 && words.ranges_exclusive.load(SeqCst) == 0;
    if !is_free {
        lower(words, counter);
    }
    is_free
}
