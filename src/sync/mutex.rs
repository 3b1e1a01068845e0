//! A small robust mutex on one word, for the tables and counts that objects keep in shared memory.
//!
//! The word is that of the array's lock (see `lock`): bits 0-29 the owner's identity, bit 30 INCONSISTENT, bit 31
//! WAITERS. Critical sections are a few dozen instructions, so it is not fair: whoever comes, takes. A dead owner is
//! replaced by exchanging exactly the word that was seen, and INCONSISTENT says to each owner from then on that the
//! table must be looked through, until one has done so to the end ([`Guard::mend`]). A panic inside a critical
//! section leaves the same mark as a death.

use crate::error::{Errno, Error, Result};
use crate::os::atomic::AtomicU32;
use crate::os::atomic::Ordering::{Relaxed, SeqCst};
use crate::os::futex::{self, Queue};
use crate::os::time::{Duration, Timeout};
use crate::segment::attachment::{Attachment, Identity};
pub use crate::segment::format::lock_bit::INCONSISTENT;
use crate::segment::format::lock_bit::WAITERS;

use super::patience::{Expired, Patience};

/// How long those wait who do not want to wait, for one that is at work on the table right now. Longer than that it
/// takes only who was stopped there, or has to wait for its processor.
pub const MOMENT: Duration = Duration::from_millis(5);

/// The mutex, held until dropped.
#[derive(Debug)]
#[must_use]
pub struct Guard<'a> {
    word: &'a AtomicU32,
    inconsistent: bool,
}

/// Take the mutex on this word of the segment that `attachment` is to. ETIMEDOUT at the end of patience; who only tries
/// waits for [`MOMENT`], and is told EBUSY.
#[inline]
pub fn lock<'a>(word: &'a AtomicU32, attachment: &Attachment, patience: &mut Patience) -> Result<Guard<'a>> {
    let me = attachment.identity()?;
    // SYNC: pairs with the exchange in Guard::drop: what an owner wrote is seen by the next.
    if word.compare_exchange(0, me.bits(), SeqCst, Relaxed).is_ok() {
        return Ok(Guard { word, inconsistent: false });
    }
    lock_slowly(word, attachment, me, patience)
}

#[cold]
fn lock_slowly<'a>(
    word: &'a AtomicU32,
    attachment: &Attachment,
    me: Identity,
    patience: &mut Patience,
) -> Result<Guard<'a>> {
    let mut moment = Patience::new(Timeout::For(MOMENT));
    let (patience, errno) = match patience.only_tries() {
        true => (&mut moment, Errno::EBUSY),
        false => (patience, Errno::ETIMEDOUT),
    };
    let mut has_slept = false;
    let expired =
        |Expired| Error::os(errno, "another process has been at work on it all the time, or was stopped there");
    loop {
        let seen = word.load(Relaxed);
        let flags = seen & (INCONSISTENT | WAITERS) | if has_slept { WAITERS } else { 0 };
        let (is_free, after) = match Identity::from_word(seen) {
            None => (true, flags),
            Some(_) if patience.spin() => continue,
            Some(owner) => (!attachment.is_alive_or_self(owner)?, flags | INCONSISTENT),
        };
        if is_free {
            if word.compare_exchange(seen, me.bits() | after, SeqCst, Relaxed).is_ok() {
                return Ok(Guard { word, inconsistent: after & INCONSISTENT != 0 });
            }
            continue;
        }
        let marked = seen | WAITERS;
        if seen == marked || word.compare_exchange(seen, marked, SeqCst, Relaxed).is_ok() {
            patience.sleep(word, marked, Queue::Writers).map_err(expired)?;
            has_slept = true;
        }
    }
}

impl Guard<'_> {
    /// Whether an owner died, or panicked, at its work, and nobody has mended what it left.
    pub fn is_inconsistent(&self) -> bool {
        self.inconsistent
    }

    /// Hold the mutex from one call to another, until [`unlock`].
    pub fn keep(self) {
        std::mem::forget(self);
    }

    /// Put in order what the dead left, and those who left a mark ([`doubt`]).
    ///
    /// The mark goes first: one that comes during the work stays, and is looked after by the next owner. A death or a panic
    /// at the work leaves one by itself; whoever cannot end it must doubt again.
    pub fn mend<T>(&mut self, work: impl FnOnce() -> T) -> T {
        self.inconsistent = false;
        self.word.fetch_and(!INCONSISTENT, SeqCst);
        work()
    }
}

impl Drop for Guard<'_> {
    #[inline]
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.word.fetch_or(INCONSISTENT, SeqCst);
        }
        unlock(self.word);
    }
}

/// The table must be looked through by who has it next: somebody has changed it without the mutex.
pub fn doubt(word: &AtomicU32) {
    word.fetch_or(INCONSISTENT, SeqCst);
}

/// Give back what [`Guard::keep`] kept.
#[inline]
pub fn unlock(word: &AtomicU32) {
    // SYNC: pairs with the exchanges in `lock` and `lock_slowly`.
    let before = word.fetch_and(INCONSISTENT, SeqCst);
    if before & WAITERS != 0 {
        futex::wake(word, Queue::Writers, 1);
    }
}
