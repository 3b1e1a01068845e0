//! `shm_array_condition_*`: sleeping, under an array's lock, until others say that something has changed.

use std::ffi::c_int;

use super::array::{owner_died, told};
use super::{guard, handle};
use crate::array::Array;
use crate::error::{Errno, Error};
use crate::os::time::Timeout;
use crate::sync::condition::Awoken;
use crate::sync::lock::Acquired;

/// Conditions of an array, numbered from 0.
pub const SHM_ARRAY_CONDITIONS: u32 = 16;

/// Give the exclusive lock back, sleep until the condition is notified, and take the lock again.
///
/// `condition` is a number below SHM_ARRAY_CONDITIONS, whose meaning its users agree on. A waiter may also wake without
/// having been meant: look at what you wait for, and wait again, in a loop. A negative timeout waits for ever.
///
/// Returns:
///   0           notified, or awake for no reason; the lock is held.
///   EOWNERDEAD  the lock is held, and a holder died while writing: see shm_array_lock(). Waiters learn of a death within
///               some 20 ms, though nobody notifies them.
///   ETIMEDOUT   not notified in time; the lock is held.
///   ENOLCK      the time is up, and others kept the lock for 20 ms beyond it: it is NOT held.
///   EPERM       this handle does not hold the lock exclusively.
///   EINVAL      `array` is NULL, or there is no such condition.
///
/// Threads:   as shm_array_lock(); while it sleeps, other threads may lock through the same handle.
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn shm_array_condition_wait(array: Option<&Array>, condition: u32, timeout_ns: i64) -> c_int {
    guard(|| match handle(array)?.wait_for(condition, Timeout::from_ns(timeout_ns))? {
        Awoken::Called(acquired) => told(acquired),
        Awoken::TimedOut(Acquired::OwnerDied) => Err(owner_died("the lock is held now")),
        Awoken::TimedOut(Acquired::Clean) => Err(Error::os(
            Errno::ETIMEDOUT,
            format!("condition {condition} was not notified in time; the lock is held"),
        )),
    })
}

/// Wake those who wait for a condition: `count` of them at once (UINT32_MAX: all), any others within some 20 ms.
///
/// Change what they wait for under the exclusive lock, and notify while you still hold it: then a kill at any instruction
/// loses nothing. Whoever is killed between an unlock and a notification after it has notified nobody.
///
/// Returns:
///   EINVAL  `array` is NULL, there is no such condition, or `count` is 0.
///   and EACCES, EOPNOTSUPP as shm_array_lock().
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn shm_array_condition_notify(array: Option<&Array>, condition: u32, count: u32) -> c_int {
    guard(|| handle(array)?.notify(condition, count))
}
