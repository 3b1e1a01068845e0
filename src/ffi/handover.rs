//! `shm_array_identity`, `shm_array_lease`, `shm_array_arrived`: an array on its way to another process.

use std::ffi::c_int;
use std::time::Duration;

use super::array::{SHM_ARRAY_ADOPT, SHM_ARRAY_LAST_CLOSE};
use super::records::{self, shm_array_identity_t};
use super::{bits, guard, handle};
use crate::array::Array;
use crate::error::Error;

/// What tells an array from every other one on this machine. Costs no system call.
///
/// A receiver who opens a name compares: a name can be used again, and a copy of a file has the same id as the file.
///
/// Returns:
///   EINVAL  `array` or `out` is NULL, or `out->size` is no size. E2BIG: as in shm_array_view().
///
/// Since 0.1.
///
/// # Safety
///
/// `array` is NULL or open; `out` is NULL or as long as its size says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_array_identity(array: Option<&Array>, out: *mut shm_array_identity_t) -> c_int {
    guard(|| {
        let array = handle(array)?;
        // SAFETY: the caller's promise.
        unsafe { records::check(out, "out (shm_array_identity_t)") }?;
        let identity = array.identity();
        let mut record: shm_array_identity_t = records::zeroed();
        record.id = identity.id;
        record.device = identity.device;
        record.inode = identity.inode;
        record.data_offset = identity.data_offset;
        record.flags = bits(&[(identity.last_close, SHM_ARRAY_LAST_CLOSE), (identity.adopted, SHM_ARRAY_ADOPT)]);
        // SAFETY: checked above.
        unsafe { records::write(out, &record) }
    })
}

/// Keep the array although nobody may be attached: for one receiver who is still on the way to it.
///
/// Who sends an array's name to another process, and may close the array before that process has opened it, takes a
/// lease first. For at most `duration_ns` nanoseconds neither the last user's close nor shm_array_collect() removes the
/// array; shm_array_unlink() still does. Each call counts for one receiver: the leases end when shm_array_arrived() was
/// called as often, or at the latest deadline. An array that nobody came for by then goes with the next
/// shm_array_collect().
///
/// Returns:
///   0           the lease is written into the array, and survives this process.
///   EINVAL      `array` is NULL, or `duration_ns` is not in 1 .. 24 hours.
///   EACCES      the array was opened with SHM_ARRAY_READ, and this process may not write the file (EROFS: nobody may).
///   EOPNOTSUPP  an ordinary .npy file; an untracked array that was not opened with SHM_ARRAY_WRITE.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn shm_array_lease(array: Option<&Array>, duration_ns: i64) -> c_int {
    guard(|| {
        let array = handle(array)?;
        let duration = u64::try_from(duration_ns).map(Duration::from_nanos);
        array.lease(duration.map_err(|_| Error::invalid(format!("a lease of {duration_ns} ns")))?)
    })
}

/// Say that a receiver whom shm_array_lease() was called for has opened the array: from now on he keeps it himself.
///
/// Where no lease is out, nothing happens.
///
/// Returns: as shm_array_lease(). Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn shm_array_arrived(array: Option<&Array>) -> c_int {
    guard(|| handle(array)?.arrived())
}
