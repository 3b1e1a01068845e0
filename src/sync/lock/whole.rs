//! The whole array, alone or shared.

use crate::error::{Errno, Error, Result};
use crate::os::atomic::AtomicU64;
use crate::os::atomic::Ordering::{Relaxed, Release, SeqCst};
use crate::os::time::Timeout;
use crate::segment::attachment::{Attachment, Identity};
use crate::segment::format::lock_bit::INCONSISTENT;
use crate::sync::generation;
use crate::sync::patience::Patience;

use super::holders::{Holds, first_reader, lower};
use super::mode::Acquired;
use super::owner::{disown, own, wait_for_readers, wait_to_share};
use super::ranges;
use super::writes::{begin_write, end_writes_but};

/// Take the lock alone. EBUSY for [`Timeout::Try`], ETIMEDOUT for any other end of patience.
pub fn lock_exclusive(attachment: &Attachment, timeout: Timeout) -> Result<Acquired> {
    let words = attachment.words();
    let me = attachment.identity()?;
    let mut patience = Patience::new(timeout);
    // SYNC: pairs with the exchanges in `disown` and `short::give_exclusive`; SeqCst against the counters in `lock_shared`.
    let at_once = words.next.load(Relaxed) == 0 && words.lock.compare_exchange(0, me.bits(), SeqCst, Relaxed).is_ok();
    if !at_once {
        own(attachment, me, &mut patience)?;
    }
    if first_reader(attachment, Holds::Any).is_some() {
        wait_for_readers(attachment, &mut patience).inspect_err(|_| disown(words, me))?;
    }
    let has_dirty_ranges = words.ranges_exclusive.load(SeqCst) != 0
        && ranges::bury_all(attachment, &mut patience).inspect_err(|_| disown(words, me))?;
    words.writer.store(me.bits(), Release);
    let word = words.lock.load(Relaxed);
    if word & INCONSISTENT != 0 {
        // A dead writer's write never ended; alone with the array, nobody else's can be under way.
        end_writes_but(words, 0);
    }
    begin_write(words);
    Ok(if has_dirty_ranges { Acquired::OwnerDied } else { Acquired::from_word(word) })
}

/// Give back what [`lock_exclusive`] gave; `now_ns` is the time of it, CLOCK_REALTIME. False where this process is not the
/// owner: another thread has given it back in this very moment.
pub fn unlock_exclusive(attachment: &Attachment, me: Identity, now_ns: i64) -> bool {
    let words = attachment.words();
    let is_owner = Identity::from_word(words.lock.load(Relaxed)) == Some(me);
    if is_owner {
        generation::date(words, now_ns);
        sign_and_unlock(attachment, me);
    }
    is_owner
}

/// As [`unlock_exclusive`], by the owner, who has dated the write.
pub fn sign_and_unlock(attachment: &Attachment, me: Identity) {
    let words = attachment.words();
    generation::sign(attachment, me);
    end_writes_but(words, 0);
    words.writer.store(0, Relaxed);
    disown(words, me);
    generation::announce(attachment);
}

/// Why [`unlock_exclusive`] did nothing.
#[cold]
pub fn not_the_owner() -> Error {
    Error::os(Errno::EPERM, "another thread has given the lock back already, through the same handle")
}

/// Take the lock together with others who only read; `counter` is one of the own slot's. Errors as [`lock_exclusive`].
pub fn lock_shared(attachment: &Attachment, counter: &AtomicU64, timeout: Timeout) -> Result<Acquired> {
    let me = attachment.identity()?;
    let words = attachment.words();
    attachment.remember_reader(me.slot().unwrap_or_default());
    // SYNC: SeqCst against an owner, or one with an exclusive range, who writes its word and then reads the counters.
    counter.fetch_add(1, SeqCst);
    let word = words.lock.load(SeqCst);
    if Identity::from_word(word).is_none() && words.ranges_exclusive.load(SeqCst) == 0 {
        return Ok(Acquired::from_word(word));
    }
    lower(words, counter);
    share_in_turn(attachment, me, counter, timeout)
}

/// Give back what [`lock_shared`] gave.
#[inline]
pub fn unlock_shared(attachment: &Attachment, counter: &AtomicU64) {
    lower(attachment.words(), counter);
}

/// After the owner of the word, and in turn with those who want ranges alone.
#[cold]
fn share_in_turn(attachment: &Attachment, me: Identity, counter: &AtomicU64, timeout: Timeout) -> Result<Acquired> {
    let words = attachment.words();
    let mut patience = Patience::new(timeout);
    let acquired = wait_to_share(attachment, me, counter, &mut patience)?;
    if words.ranges_exclusive.load(SeqCst) == 0 {
        return Ok(acquired);
    }
    lower(words, counter);
    ranges::share_all(attachment, counter, &mut patience)
}

/// Declare all elements repaired. The caller holds the lock exclusively.
pub fn recover(attachment: &Attachment) -> Result<()> {
    let words = attachment.words();
    if words.ranges_exclusive.load(Relaxed) != 0 {
        ranges::recover_all(attachment)?;
    }
    words.lock.fetch_and(!INCONSISTENT, SeqCst);
    Ok(())
}
