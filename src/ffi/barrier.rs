//! `shm_barrier_*`: one exported function a method of [`Barrier`].

use std::ffi::{c_char, c_int};
use std::os::fd::IntoRawFd;
use std::ptr;

use super::object::{self, access, descriptor, shm_object_options_t};
use super::{boxed, close, guard, missing, optional_text, put, records, text};
use crate::error::Result;
use crate::os::name::Place;
use crate::os::time::Timeout;
use crate::segment::remove;
use crate::sync::barrier::Barrier;

/// What is going on at a barrier: for people and monitors.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct shm_barrier_stat_t {
    /// sizeof(shm_barrier_stat_t), set by the caller.
    pub size: usize,
    /// Meetings that have ended, well or not.
    pub phase: u64,
    /// How many have to come.
    pub participants: u32,
    /// How many have come to the next meeting.
    pub arrived: u32,
    /// 1: a participant died, and nobody has reset the barrier.
    pub broken: u32,
    /// Living processes that take part; `pids` has the first 64.
    pub members: u32,
    /// Process ids, each in its own PID namespace.
    pub pids: [u32; 64],
}

// SAFETY: see the struct.
unsafe impl records::Sized for shm_barrier_stat_t {}

fn handle(barrier: Option<&Barrier>) -> Result<&Barrier> {
    barrier.ok_or_else(|| missing("barrier"))
}

/// Create a meeting point for `participants` (1 to 65,535), and open it for taking part.
///
/// `name` is as in shm_array_create(), NULL for anonymous memory. Processes take part, and threads: each call of
/// shm_barrier_wait() is one arrival.
///
/// Returns:
///   0       `*out` is the barrier.
///   EEXIST  the name is taken; with SHM_OBJECT_OR_OPEN: by a barrier for another number.
///   EINVAL  a bad name, number or option, or `out` is NULL.
///   and what shm_array_create() returns.
///
/// Ownership: the caller closes `*out`.
/// Since 0.1.
///
/// # Safety
///
/// `name` is NULL or ends in NUL; `options` is NULL or as long as its size says; `out` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_barrier_create(
    name: *const c_char,
    participants: u32,
    options: *const shm_object_options_t,
    out: *mut *mut Barrier,
) -> c_int {
    let create = || {
        // SAFETY: the caller's promise.
        let (name, options) = unsafe { (optional_text(name, "name")?, object::options(options)?) };
        boxed(Barrier::create(name, participants, &options))
    };
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out, "out", create) })
}

/// Open a barrier that exists: SHM_OBJECT_WRITE to take part, SHM_OBJECT_READ to look.
///
/// Returns:
///   ENOENT  there is none of that name. EACCES, EMFILE: as said.
///   EINVAL  a bad name or flag, or NULL.
///   SHM_ARRAY_ERR_FORMAT  what has that name is no barrier; _CORRUPT, _VERSION: as said.
///
/// Ownership: the caller closes `*out`.
/// Since 0.1.
///
/// # Safety
///
/// `name` is NULL or ends in NUL; `out` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_barrier_open(name: *const c_char, flags: u32, out: *mut *mut Barrier) -> c_int {
    // SAFETY: the caller's promise.
    let open = || unsafe { boxed(Barrier::open(text(name, "name")?, access(flags)?)) };
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out, "out", open) })
}

/// Open the barrier that a descriptor stands for, from shm_barrier_fd() in another process.
///
/// Returns:
///   EBADF   `fd` is no open descriptor.
///   and what shm_barrier_open() returns.
///
/// Ownership: `fd` stays the caller's; the caller closes `*out`.
/// Since 0.1.
///
/// # Safety
///
/// `out` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_barrier_open_fd(fd: c_int, flags: u32, out: *mut *mut Barrier) -> c_int {
    let open = || boxed(Barrier::open_fd(descriptor(fd)?, access(flags)?));
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out, "out", open) })
}

/// A descriptor of the barrier, for another process.
///
/// Returns:
///   EMFILE  too many descriptors. EINVAL: NULL.
///
/// Ownership: the caller closes `*out_fd`, which is close-on-exec.
/// Since 0.1.
///
/// # Safety
///
/// `barrier` is NULL or open; `out_fd` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_barrier_fd(barrier: Option<&Barrier>, out_fd: *mut c_int) -> c_int {
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out_fd, "out_fd", || Ok(handle(barrier)?.object().fd()?.into_raw_fd())) })
}

/// Be known as a participant from now on. Without it, a process is known from its first shm_barrier_wait(): if it dies
/// before, the others wait for it.
///
/// Returns:
///   EACCES  opened with SHM_OBJECT_READ. EUSERS: more processes take part than there are slots. EINVAL: NULL.
///   ETIMEDOUT  a process that was stopped while it came or went has been in the way for a second.
///
/// Fork: a child does not take part through its parent; it joins, or waits, itself.
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn shm_barrier_join(barrier: Option<&Barrier>) -> c_int {
    guard(|| handle(barrier)?.join())
}

/// Come, and wait at most `timeout_ns` nanoseconds until all have come; then the next meeting begins.
///
/// A negative timeout waits for ever; with 0 only the last to come succeeds.
///
/// Returns:
///   0           all have come. `*out_index`, unless that is NULL, is how many came before this one: 0 for the first,
///               the number of participants minus 1 for the last.
///   EOWNERDEAD  a participant died. All who wait are told, and all who come, until shm_barrier_reset().
///   ETIMEDOUT   not all came in time (EBUSY where the timeout was 0), or a process that was stopped while it came or
///               went (SIGSTOP, a debugger) has been in the way all the time, with a timeout of 0 for some
///               milliseconds; this one counts as not come.
///   ECANCELED   somebody called shm_barrier_reset().
///   EACCES      opened with SHM_OBJECT_READ. EUSERS: more processes take part than there are slots. EINVAL: NULL.
///
/// Memory: what any of them wrote before it came is visible to all after.
/// Since 0.1.
///
/// # Safety
///
/// `barrier` is NULL or open; `out_index` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_barrier_wait(barrier: Option<&Barrier>, timeout_ns: i64, out_index: *mut u32) -> c_int {
    guard(|| {
        let index = handle(barrier)?.wait(Timeout::from_ns(timeout_ns))?;
        if !out_index.is_null() {
            // SAFETY: the caller's promise.
            unsafe { out_index.write(index) };
        }
        Ok(())
    })
}

/// Begin anew: who waits is told ECANCELED, the dead are forgotten, and the next meeting needs all participants again.
///
/// Returns:
///   EACCES  opened with SHM_OBJECT_READ. EINVAL: NULL.
///   ETIMEDOUT  a process that was stopped while it came or went has been in the way for a second.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn shm_barrier_reset(barrier: Option<&Barrier>) -> c_int {
    guard(|| handle(barrier)?.reset())
}

/// How many have come, and who takes part. For people and monitors: nothing should be decided by it.
///
/// Returns:
///   EINVAL  NULL, or `out->size` is no size. E2BIG: as in shm_array_view().
///
/// Since 0.1.
///
/// # Safety
///
/// `barrier` is NULL or open; `out` is NULL or as long as its size says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_barrier_stat(barrier: Option<&Barrier>, out: *mut shm_barrier_stat_t) -> c_int {
    guard(|| {
        let barrier = handle(barrier)?;
        // SAFETY: the caller's promise.
        unsafe { records::check(out, "out (shm_barrier_stat_t)") }?;
        let stat = barrier.stat();
        let mut record: shm_barrier_stat_t = records::zeroed();
        (record.phase, record.participants, record.arrived) = (stat.phase, stat.participants, stat.arrived);
        (record.broken, record.members) = (u32::from(stat.is_broken), stat.pids.len() as u32);
        for (place, pid) in record.pids.iter_mut().zip(stat.pids) {
            *place = pid;
        }
        // SAFETY: checked above.
        unsafe { records::write(out, &record) }
    })
}

/// The name, as shm_barrier_open() takes it; "" for anonymous memory, NULL for NULL.
///
/// Borrowed from the handle. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn shm_barrier_name(barrier: Option<&Barrier>) -> *const c_char {
    barrier.map_or(ptr::null(), |barrier| barrier.object().name().as_ptr())
}

/// Take a barrier's name away. Who has it open keeps it.
///
/// Returns:
///   ENOENT  there is none of that name. EACCES, EPERM: it is another user's.
///   EINVAL  a bad name, or NULL.
///
/// Since 0.1.
///
/// # Safety
///
/// `name` is NULL or ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_barrier_unlink(name: *const c_char) -> c_int {
    // SAFETY: the caller's promise.
    guard(|| remove::unlink(&Place::find(unsafe { text(name, "name") }?)?, None))
}

/// Close a handle: it takes part no more, and is not missed as the dead are. NULL is fine.
///
/// Since 0.1.
///
/// # Safety
///
/// NULL, or a handle that is not closed yet and that no other thread uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_barrier_close(barrier: *mut Barrier) {
    // SAFETY: the caller's promise.
    unsafe { close(barrier) };
}
