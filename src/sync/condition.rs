//! Conditions: give the exclusive lock back, sleep until somebody notifies, take the lock again.
//!
//! A condition is a counter of notifications. A waiter reads it while it still holds the lock, and sleeps while it is
//! unchanged: whoever changes something under the lock, and notifies after that, is not missed. Nothing about a waiter
//! is stored but how many there are, so that a notification without waiters costs no system call; the dead only make
//! that number too large.
//!
//! - A killed waiter takes no notification with it: the counter has changed for all. Those whom the kernel did not wake
//!   see it at their next look of their own, within 20 ms.
//! - A notifier that is killed after counting and before waking costs the waiters one such look.
//! - A holder that is killed before it could notify is found out by the same look. The waiter takes the lock, and is
//!   told (EOWNERDEAD).
//!
//! So a waiter may return without having been meant, as with every other kind of condition: callers look, in a loop, at
//! what they wait for.

use crate::error::{Errno, Error, Result};
use crate::os::atomic::Ordering::SeqCst;
use crate::os::futex::{self, Queue};
use crate::os::time::{self, Duration, Timeout};
use crate::segment::attachment::{Attachment, Identity};
use crate::segment::format::Condition;

use super::lock::whole::{lock_exclusive, not_the_owner, unlock_exclusive};
use super::lock::{Acquired, INCONSISTENT};
use super::patience::{Expired, Patience};

/// For taking the lock again when the time is up: those who hold it just then need not cost us the lock.
const GRACE: Duration = Duration::from_millis(20);

/// How a wait ended. The lock is held again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Awoken {
    /// Somebody notified, or a holder died.
    Called(Acquired),
    /// The time is up.
    TimedOut(Acquired),
}

/// The caller holds the lock exclusively, and does so again afterwards. ENOLCK where it could not be had in time; then,
/// and at any other error, it is not held.
pub fn wait(attachment: &Attachment, condition: usize, timeout: Timeout) -> Result<Awoken> {
    let condition = &attachment.words().conditions[condition];
    let (me, before) = (attachment.identity()?, condition.sequence.load(SeqCst));
    // SYNC: SeqCst against `notify`: either it counts us, or we see its number.
    condition.waiters.fetch_add(1, SeqCst);
    if !unlock_exclusive(attachment, me, time::realtime_coarse_ns()) {
        condition.waiters.fetch_sub(1, SeqCst);
        return Err(not_the_owner());
    }
    let mut patience = Patience::new(timeout);
    let called = sleep(attachment, condition, before, &mut patience);
    condition.waiters.fetch_sub(1, SeqCst);
    let called = called?;
    match lock_exclusive(attachment, patience.rest(GRACE)) {
        Ok(acquired) if called => Ok(Awoken::Called(acquired)),
        Ok(acquired) => Ok(Awoken::TimedOut(acquired)),
        Err(error) if error.is(Errno::ETIMEDOUT) => {
            let detail = error.detail();
            Err(Error::os(Errno::ENOLCK, format!("the time is up, and the lock is not held any more: {detail}")))
        }
        Err(error) => Err(error),
    }
}

/// Whether there is a reason to look; false when the time is up.
fn sleep(attachment: &Attachment, condition: &Condition, before: u32, patience: &mut Patience) -> Result<bool> {
    while condition.sequence.load(SeqCst) == before {
        if patience.spin() {
            continue;
        }
        if holder_died(attachment)? {
            return Ok(true);
        }
        if patience.sleep(&condition.sequence, before, Queue::Writers) == Err(Expired) {
            return Ok(condition.sequence.load(SeqCst) != before);
        }
    }
    Ok(true)
}

/// Whether somebody died with the lock, and nobody has recovered since.
fn holder_died(attachment: &Attachment) -> Result<bool> {
    let word = attachment.words().lock.load(SeqCst);
    match Identity::from_word(word) {
        _ if word & INCONSISTENT != 0 => Ok(true),
        Some(owner) => attachment.is_alive_or_self(owner).map(|alive| !alive),
        None => Ok(false),
    }
}

/// Call the waiters of a condition: so many at once, the others when they look by themselves.
pub fn notify(attachment: &Attachment, condition: usize, count: u32) {
    let condition = &attachment.words().conditions[condition];
    condition.sequence.fetch_add(1, SeqCst);
    // SYNC: SeqCst against `wait`.
    if condition.waiters.load(SeqCst) != 0 {
        futex::wake(&condition.sequence, Queue::Writers, count.min(i32::MAX as u32) as i32);
    }
}

/// All conditions, all waiters: they may have missed who died before it could notify.
pub fn notify_all(attachment: &Attachment) {
    (0..attachment.words().conditions.len()).for_each(|condition| notify(attachment, condition, u32::MAX));
}
