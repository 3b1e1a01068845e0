//! `shm_array_stat`: what goes on at an array.

use std::ffi::c_int;

use super::array::{SHM_ARRAY_EXCLUSIVE, SHM_ARRAY_SHARED};
use super::flags::{SHM_ARRAY_ADOPT, SHM_ARRAY_FORTRAN, SHM_ARRAY_LAST_CLOSE, SHM_ARRAY_WAKES_READERS};
use super::records::{self, shm_array_stat_t};
use super::{bits, guard, handle, memory};
use crate::array::Array;
use crate::sync::lock::Mode;

/// Who is attached, who locks, how large it all is. For people and monitors: nothing should be decided by it.
///
/// Processes of other users and of other PID namespaces are seen only as far as /proc shows them.
///
/// Returns:
///   EINVAL      NULL, or `out->size` is no size. E2BIG: as in shm_array_view().
///
/// Since 0.1.
///
/// # Safety
///
/// `array` is NULL or open; `out` is NULL or as long as its size says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_array_stat(array: Option<&Array>, out: *mut shm_array_stat_t) -> c_int {
    guard(|| {
        let array = handle(array)?;
        // SAFETY: the caller's promise.
        unsafe { records::check(out, "out (shm_array_stat_t)") }?;
        let stat = array.stat()?;
        let mut record: shm_array_stat_t = records::zeroed();
        record.id = stat.id;
        record.generation = stat.generation;
        record.data_offset = stat.data_offset;
        record.capacity_bytes = stat.capacity_bytes;
        record.file_bytes = stat.file_bytes;
        record.created_ns = stat.created_ns;
        record.creator_pid = stat.creator_pid;
        record.flags = bits(&[
            (stat.last_close, SHM_ARRAY_LAST_CLOSE),
            (stat.fortran, SHM_ARRAY_FORTRAN),
            (stat.adopted, SHM_ARRAY_ADOPT),
            (stat.wakes_readers, SHM_ARRAY_WAKES_READERS),
        ]);
        record.slots = stat.slots;
        record.lock = match stat.lock {
            None => 0,
            Some(Mode::Exclusive) => SHM_ARRAY_EXCLUSIVE,
            Some(Mode::Shared) => SHM_ARRAY_SHARED,
        };
        record.lock_pid = stat.lock_pid;
        record.inconsistent = u32::from(stat.inconsistent);
        record.published_ns = stat.published.published_ns;
        record.published_age_ns = stat.published.age_ns;
        record.publisher_pid = stat.published.pid;
        record.publisher_alive = u32::from(stat.published.is_alive);
        record.attached = stat.pids.len() as u32;
        record.placement = memory::number(stat.placement);
        record.allocated_bytes = stat.allocated_bytes;
        for (place, pid) in record.pids.iter_mut().zip(stat.pids) {
            *place = pid;
        }
        // SAFETY: checked above.
        unsafe { records::write(out, &record) }
    })
}
