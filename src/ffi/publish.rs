//! What writers of an array publish, and descriptors that become readable: for arrays here, for other objects beside
//! them.

use std::ffi::c_int;

use super::{guard, handle, put, records};
use crate::array::Array;
use crate::os::time::Timeout;
use crate::sync::notifier;

/// Who completed the last write of an array.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct shm_array_publish_t {
    /// sizeof(shm_array_publish_t), set by the caller.
    pub size: usize,
    /// Completed writes.
    pub generation: u64,
    /// When the last of them was completed: CLOCK_REALTIME, nanoseconds, to some milliseconds; 0: never.
    pub published_ns: i64,
    /// How long ago that is, in nanoseconds.
    pub age_ns: u64,
    /// Whose write it was, in its own PID namespace; 0: nobody has written yet.
    pub pid: u32,
    /// 1: that process still lives.
    pub alive: u32,
}

// SAFETY: see the struct.
unsafe impl records::Sized for shm_array_publish_t {}

/// How many writes (exclusive locks) have been completed.
///
/// Returns:
///   EOPNOTSUPP  an ordinary .npy file. EINVAL: NULL.
///
/// Since 0.1.
///
/// # Safety
///
/// `array` is NULL or open; `out` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_array_generation(array: Option<&Array>, out: *mut u64) -> c_int {
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out, "out", || handle(array)?.generation()) })
}

/// Sleep until somebody completes a write: until the generation is another than `since`.
///
/// Pass what shm_array_generation(), or the last wait, gave. A negative timeout waits for ever; 0 only looks.
///
/// Returns:
///   0           `*out_generation`, unless that is NULL, is the generation now.
///   ETIMEDOUT   not in time (EBUSY where the timeout was 0).
///   EOPNOTSUPP  an ordinary .npy file. EINVAL: NULL.
///
/// Memory:  what was written before the unlock that ended the wait is visible. It may be overwritten at any moment: lock
///          to read.
/// Latency: who opened it with SHM_ARRAY_READ or _COPY_ON_WRITE looks every 20 ms, or is woken at once where the array
///          was made with SHM_ARRAY_WAKES_READERS. A writer killed between unlock and wake-up delays by at most as much.
/// Since 0.1.
///
/// # Safety
///
/// `array` is NULL or open; `out_generation` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_array_wait(
    array: Option<&Array>,
    since: u64,
    timeout_ns: i64,
    out_generation: *mut u64,
) -> c_int {
    guard(|| {
        let generation = handle(array)?.wait(since, Timeout::from_ns(timeout_ns))?;
        if !out_generation.is_null() {
            // SAFETY: the caller's promise.
            unsafe { out_generation.write(generation) };
        }
        Ok(())
    })
}

/// Who completed the last write, when, and whether that process still lives. Cheap, and needs no lock.
///
/// Returns:
///   EOPNOTSUPP  an ordinary .npy file. EINVAL: NULL, or `out->size` is no size. E2BIG: as in shm_array_view().
///
/// Since 0.1.
///
/// # Safety
///
/// `array` is NULL or open; `out` is NULL or as long as its size says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_array_last_publish(array: Option<&Array>, out: *mut shm_array_publish_t) -> c_int {
    guard(|| {
        let array = handle(array)?;
        // SAFETY: the caller's promise.
        unsafe { records::check(out, "out (shm_array_publish_t)") }?;
        let last = array.last_publish()?;
        let mut record: shm_array_publish_t = records::zeroed();
        (record.generation, record.published_ns, record.age_ns) = (last.generation, last.published_ns, last.age_ns);
        (record.pid, record.alive) = (last.pid, u32::from(last.is_alive));
        // SAFETY: checked above.
        unsafe { records::write(out, &record) }
    })
}

/// A descriptor that becomes readable when a write is completed: when the generation is another than `since`, and at
/// each one after that. For epoll, asyncio, libuv.
///
/// Read it (8 bytes) first, then look: several writes may make it readable once. Now and then it is readable once too
/// often, never not at all. A thread of the library's own sees to that, as long as there are such descriptors.
///
/// Returns:
///   EOPNOTSUPP  an ordinary .npy file. EMFILE: each needs two descriptors. EINVAL: NULL.
///
/// Ownership: the caller ends it by shm_notify_close(). When the handle is closed, it is never readable again.
/// Fork:      a child asks for descriptors of its own; it closes those that it inherited with close().
/// Since 0.1.
///
/// # Safety
///
/// `array` is NULL or open; `out_fd` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_array_notify_fd(array: Option<&Array>, since: u64, out_fd: *mut c_int) -> c_int {
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out_fd, "out_fd", || notifier::raw(handle(array)?.notify_fd(since))) })
}

/// Close a descriptor that a shm_*_notify_fd() function gave.
///
/// Returns:
///   EBADF  it is not one of this process, or its handle has been closed (then close() it).
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn shm_notify_close(fd: c_int) -> c_int {
    guard(|| notifier::close(fd))
}
