//! `shm_array_list_*`: looking round, and `shm_array_collect`.

use std::ffi::{CString, c_int};
use std::time::Duration;

use super::flags::{SHM_ARRAY_ADOPT, SHM_ARRAY_FORTRAN, SHM_ARRAY_LAST_CLOSE};
use super::memory::{SHM_ARRAY_PLACE_FILE, SHM_ARRAY_PLACE_SHM};
use super::records::{self, shm_array_entry_t};
use super::{bits, guard, missing, put};
use crate::array;
use crate::error::{Errno, Error};
use crate::segment::directory::Entry;

/// In a listing: an array.
pub const SHM_KIND_ARRAY: u32 = 1;
/// In a listing: a semaphore.
pub const SHM_KIND_SEMAPHORE: u32 = 2;
/// In a listing: an event.
pub const SHM_KIND_EVENT: u32 = 3;
/// In a listing: a barrier.
pub const SHM_KIND_BARRIER: u32 = 4;
/// In a listing: a queue.
pub const SHM_KIND_QUEUE: u32 = 5;
/// In a listing: a pipe.
pub const SHM_KIND_PIPE: u32 = 6;
/// In a listing: a topic.
pub const SHM_KIND_TOPIC: u32 = 7;
/// In a listing: frames.
pub const SHM_KIND_FRAMES: u32 = 8;

/// A walk through all arrays, as they stood when it began.
#[derive(Debug)]
pub struct List {
    entries: std::vec::IntoIter<Entry>,
    name: CString,
    dtype: CString,
}

/// Begin a walk through all arrays with a plain name (in /dev/shm, or where SHM_ARRAY_DIR says) that this user may read.
///
/// Returns:
///   0       `*out` is the walk: pass it to shm_array_list_next(), and close it.
///   EINVAL  `out` is NULL. EACCES: /dev/shm, or the directory that SHM_ARRAY_DIR names, cannot be listed.
///
/// Ownership: the caller closes `*out`.
/// Threads:   one thread at a time uses a walk.
/// Since 0.1.
///
/// # Safety
///
/// `out` is NULL or valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_array_list(out: *mut *mut List) -> c_int {
    let begin = || {
        let entries = array::list()?.into_iter();
        Ok(Box::into_raw(Box::new(List { entries, name: CString::default(), dtype: CString::default() })))
    };
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out, "out", begin) })
}

/// The next array of a walk.
///
/// Returns:
///   0        `*out` is filled; its pointers are valid until the next call on `list`.
///   ENODATA  there are no more.
///   EINVAL   `list` or `out` is NULL, or `out->size` is no size.
///   E2BIG    `out` is longer than this version knows, and not zero there.
///
/// Since 0.1.
///
/// # Safety
///
/// `list` is NULL or open; `out` is NULL or valid for as many bytes as its size says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_array_list_next(list: Option<&mut List>, out: *mut shm_array_entry_t) -> c_int {
    guard(|| {
        let list = list.ok_or_else(|| missing("list"))?;
        // SAFETY: the caller's promise.
        unsafe { records::check(out, "out (shm_array_entry_t)") }?;
        let Some(entry) = list.entries.next() else { return Err(Error::os(Errno::ENODATA, "no more arrays")) };
        list.name = CString::new(entry.name.as_str()).unwrap_or_default();
        list.dtype = CString::new(entry.dtype.as_str()).unwrap_or_default();
        let mut record: shm_array_entry_t = records::zeroed();
        record.name = list.name.as_ptr();
        record.dtype = list.dtype.as_ptr();
        record.kind = entry.kind;
        record.itemsize = entry.itemsize;
        record.file_bytes = entry.file_bytes;
        record.generation = entry.generation;
        record.created_ns = entry.created_ns;
        record.id = entry.id;
        record.flags = bits(&[
            (entry.last_close, SHM_ARRAY_LAST_CLOSE),
            (entry.fortran, SHM_ARRAY_FORTRAN),
            (entry.adopted, SHM_ARRAY_ADOPT),
        ]);
        record.attached = u32::from(entry.attached);
        record.lock_pid = entry.lock_pid;
        record.ndim = entry.shape.len() as u32;
        record.shape[..entry.shape.len()].copy_from_slice(&entry.shape);
        record.placement = if entry.in_file { SHM_ARRAY_PLACE_FILE } else { SHM_ARRAY_PLACE_SHM };
        // SAFETY: checked above.
        unsafe { records::write(out, &record) }
    })
}

/// End a walk. NULL is fine. Since 0.1.
///
/// # Safety
///
/// NULL, or from shm_array_list() and not closed yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_array_list_close(list: *mut List) {
    if !list.is_null() {
        // SAFETY: the caller's promise.
        drop(unsafe { Box::from_raw(list) });
    }
}

/// Remove arrays that no live process uses.
///
/// A negative `minimum_age_ns` removes last-close arrays only, which a killed process left behind. 0 or more also
/// removes persistent ones that were created at least so many nanoseconds ago.
///
/// Returns:
///   0       `*out_removed` (which may be NULL) says how many went.
///   EACCES  /dev/shm, or the directory that SHM_ARRAY_DIR names, cannot be listed.
///
/// Since 0.1.
///
/// # Safety
///
/// `out_removed` is NULL or valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_array_collect(minimum_age_ns: i64, out_removed: *mut u64) -> c_int {
    guard(|| {
        let minimum_age = u64::try_from(minimum_age_ns).ok().map(Duration::from_nanos);
        let removed = array::collect(minimum_age)?;
        if !out_removed.is_null() {
            // SAFETY: the caller's promise.
            unsafe { out_removed.write(removed) };
        }
        Ok(())
    })
}
