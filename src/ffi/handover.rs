//! An array on its way to another process: by descriptor, or by name and id.

use std::ffi::{c_char, c_int};
use std::os::fd::IntoRawFd;
use std::time::Duration;

use super::flags::{SHM_ARRAY_ADOPT, SHM_ARRAY_LAST_CLOSE, open_flags};
use super::object::descriptor;
use super::records::{self, shm_array_identity_t};
use super::{bits, boxed, guard, handle, missing, numbers, put, text};
use crate::array::Array;
use crate::error::Error;

/// Open an array only if it is the segment with this id (16 bytes, from shm_array_stat()).
///
/// Returns:
///   ESTALE  the name is another array's by now.
///   and what shm_array_open() returns.
///
/// Since 0.1.
///
/// # Safety
///
/// As shm_array_open(); `id` is NULL or has 16 bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_array_open_id(
    name: *const c_char,
    flags: u32,
    id: *const u8,
    out: *mut *mut Array,
) -> c_int {
    let open = || {
        // SAFETY: the caller's promise.
        let (name, id) = unsafe { (text(name, "name")?, numbers(id, 16).ok_or_else(|| missing("id"))?) };
        boxed(Array::open_id(name, open_flags(flags)?, id.try_into().expect("16 bytes")))
    };
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out, "out", open) })
}

/// Open the array that a descriptor stands for: from shm_array_fd() in another process, or any open file.
///
/// Returns:
///   EBADF   `fd` is no open descriptor. EACCES: it cannot be written, and SHM_ARRAY_WRITE was asked for.
///   and what shm_array_open() returns.
///
/// Ownership: `fd` stays the caller's; the caller closes `*out`.
/// Since 0.1.
///
/// # Safety
///
/// `out` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_array_open_fd(fd: c_int, flags: u32, out: *mut *mut Array) -> c_int {
    let open = || {
        let flags = open_flags(flags)?;
        boxed(Array::open_fd(descriptor(fd)?, flags))
    };
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out, "out", open) })
}

/// A descriptor of the array, for another process (by fork, or SCM_RIGHTS over a Unix socket).
///
/// While it is open anywhere, a last-close array counts as used.
///
/// Returns:
///   EOPNOTSUPP  the array is untracked. EMFILE: too many descriptors.
///   EINVAL      `array` or `out_fd` is NULL.
///
/// Ownership: the caller closes `*out_fd`, which is close-on-exec.
/// Since 0.1.
///
/// # Safety
///
/// `array` is NULL or open; `out_fd` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_array_fd(array: Option<&Array>, out_fd: *mut c_int) -> c_int {
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out_fd, "out_fd", || Ok(handle(array)?.fd()?.into_raw_fd())) })
}

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
