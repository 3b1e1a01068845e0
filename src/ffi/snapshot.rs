//! `shm_array_snapshot`: copies that no writer has torn.

use std::ffi::{c_int, c_void};

use super::array::owner_died;
use super::{guard, handle, missing, refuse_unknown};
use crate::array::Array;
use crate::error::{Error, Result};
use crate::os::racing::Room;
use crate::os::time::Timeout;
use crate::sync::lock::Acquired;

/// Take the shared lock for a snapshot where writers leave no time for one without.
pub const SHM_ARRAY_SNAPSHOT_MAY_LOCK: u32 = 1;

/// Copy rows as they are at one moment, without holding any writer up.
///
/// Copies `rows` rows (indices of the first axis; an array without dimensions has one) from `first_row` on into
/// `destination`, which has room for `bytes`, without gaps and in the array's order, C or Fortran. What a writer
/// changed meanwhile is copied again, until it is of one moment. Writers do not notice: nothing is written and no lock
/// is taken, so the array may be open for reading. The copy is as old as `*out_generation` (which may be NULL) says.
///
/// A writer is who holds the lock exclusively, or a range of it; who writes without the lock tears the copy. While
/// somebody writes all the time no copy comes about: two who write ranges in turns, so that one is always at it, are
/// enough. With SHM_ARRAY_SNAPSHOT_MAY_LOCK in `flags` the shared lock is then taken, within the same timeout.
///
/// The handle that holds the lock exclusively copies at once. Memory that others fill is only waited for: the time for
/// the copy itself does not count. A negative timeout waits for ever; 0 tries once.
///
/// Returns:
///   0           `destination` and `*out_generation` are filled.
///   EOWNERDEAD  they are filled, but a writer died, and nobody has called shm_array_recover() since: rows may be half
///               written. (Without a descriptor, SHM_ARRAY_UNTRACKED, a dead writer is not told from a slow one:
///               EAGAIN.)
///   EAGAIN      writers left no time for it. `destination` may be filled with anything.
///   EOPNOTSUPP  an ordinary .npy file; a copy-on-write handle, whose elements are a mixture that never was.
///   ENOSPC      a lazy array in memory, and no room is left for pages that nobody has touched yet.
///   EINVAL      no such rows, not enough room, unknown flags, or NULL.
///   and with SHM_ARRAY_SNAPSHOT_MAY_LOCK what shm_array_lock() returns, but for EBUSY and ETIMEDOUT.
///
/// Ownership: borrows. `destination` is no part of the array.
/// Memory:    what was written before the unlock that ended that generation is in the copy.
/// Since 0.1.
///
/// # Safety
///
/// `array` is NULL or open; `destination` is NULL or `bytes` can be written there; `out_generation` is NULL or can be
/// written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_array_snapshot(
    array: Option<&Array>,
    first_row: u64,
    rows: u64,
    destination: *mut c_void,
    bytes: usize,
    timeout_ns: i64,
    flags: u32,
    out_generation: *mut u64,
) -> c_int {
    let snapshot = || -> Result<()> {
        let array = handle(array)?;
        refuse_unknown(flags, SHM_ARRAY_SNAPSHOT_MAY_LOCK)?;
        if destination.is_null() {
            return Err(missing("destination"));
        }
        let end = first_row.checked_add(rows);
        let end = end.ok_or_else(|| Error::invalid(format!("{rows} rows from row {first_row} on are beyond 2^64")))?;
        // SAFETY: not NULL, and the caller's promise.
        let mut room = unsafe { Room::new(destination.cast(), bytes) };
        let may_lock = flags & SHM_ARRAY_SNAPSHOT_MAY_LOCK != 0;
        let snapshot = array.snapshot(first_row..end, &mut room, Timeout::from_ns(timeout_ns), may_lock)?;
        if !out_generation.is_null() {
            // SAFETY: not NULL, and the caller's promise.
            unsafe { out_generation.write(snapshot.generation) };
        }
        match snapshot.found {
            Acquired::Clean => Ok(()),
            Acquired::OwnerDied => Err(owner_died("the rows are copied")),
        }
    };
    guard(snapshot)
}
