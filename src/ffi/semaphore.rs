//! `shm_semaphore_*`: one exported function a method of [`Semaphore`].

use std::ffi::{c_char, c_int};
use std::os::fd::IntoRawFd;
use std::ptr;

use super::object::{self, access, descriptor, shm_object_options_t};
use super::{boxed, close, guard, missing, optional_text, put, records, text};
use crate::error::{Error, Result};
use crate::os::name::Place;
use crate::os::time::Timeout;
use crate::segment::remove;
use crate::sync::notifier;
use crate::sync::semaphore::{Kind, Semaphore};

/// A count, as POSIX has it: anybody posts, anybody takes, and who took owes nothing.
pub const SHM_SEMAPHORE_SIGNALLING: u32 = 1;
/// A limit: who took a permit holds it until it posts, closes or dies; the permits of the dead come back.
pub const SHM_SEMAPHORE_OWNED: u32 = 2;
/// The largest count.
pub const SHM_SEMAPHORE_MAX_VALUE: u32 = 0x7fff_ffff;

/// What is going on at a semaphore: for people and monitors.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct shm_semaphore_stat_t {
    /// sizeof(shm_semaphore_stat_t), set by the caller.
    pub size: usize,
    /// SHM_SEMAPHORE_SIGNALLING or _OWNED.
    pub kind: u32,
    /// What can be taken now.
    pub value: u32,
    /// The largest count: the number of permits of an owned one.
    pub limit: u32,
    /// Living processes that hold permits; `pids` and `held` have the first 64.
    pub holders: u32,
    /// Permits that came back from the dead, since it was made.
    pub reclaimed: u64,
    /// Process ids, each in its own PID namespace.
    pub pids: [u32; 64],
    /// How many permits each of them holds.
    pub held: [u32; 64],
}

// SAFETY: see the struct.
unsafe impl records::Sized for shm_semaphore_stat_t {}

fn handle(semaphore: Option<&Semaphore>) -> Result<&Semaphore> {
    semaphore.ok_or_else(|| missing("semaphore"))
}

/// Create a semaphore, and open it for taking part.
///
/// `kind` is SHM_SEMAPHORE_SIGNALLING, where `value` (from 0) is the count to begin with, or SHM_SEMAPHORE_OWNED, where
/// `value` (from 1) is the number of permits. `name` is as in shm_array_create(), NULL for anonymous memory.
///
/// Returns:
///   0       `*out` is the semaphore.
///   EEXIST  the name is taken; with SHM_OBJECT_OR_OPEN: by a semaphore of another kind or limit.
///   EINVAL  a bad name, kind, value or option, or `out` is NULL.
///   and what shm_array_create() returns.
///
/// Ownership: the caller closes `*out`.
/// Since 0.1.
///
/// # Safety
///
/// `name` is NULL or ends in NUL; `options` is NULL or as long as its size says; `out` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_semaphore_create(
    name: *const c_char,
    kind: u32,
    value: u32,
    options: *const shm_object_options_t,
    out: *mut *mut Semaphore,
) -> c_int {
    let create = || {
        // SAFETY: the caller's promise.
        let (name, options) = unsafe { (optional_text(name, "name")?, object::options(options)?) };
        let kind = match kind {
            SHM_SEMAPHORE_SIGNALLING => Kind::Signalling,
            SHM_SEMAPHORE_OWNED => Kind::Owned,
            _ => {
                return Err(Error::invalid(format!(
                    "kind {kind} is neither SHM_SEMAPHORE_SIGNALLING nor SHM_SEMAPHORE_OWNED"
                )));
            }
        };
        boxed(Semaphore::create(name, kind, value, &options))
    };
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out, "out", create) })
}

/// Open a semaphore that exists: SHM_OBJECT_WRITE to take and post, SHM_OBJECT_READ to look.
///
/// Returns:
///   ENOENT  there is none of that name. EACCES, EMFILE: as said.
///   EINVAL  a bad name or flag, or NULL.
///   SHM_ARRAY_ERR_FORMAT  what has that name is no semaphore; _CORRUPT, _VERSION: as said.
///
/// Ownership: the caller closes `*out`.
/// Since 0.1.
///
/// # Safety
///
/// `name` is NULL or ends in NUL; `out` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_semaphore_open(name: *const c_char, flags: u32, out: *mut *mut Semaphore) -> c_int {
    // SAFETY: the caller's promise.
    let open = || unsafe { boxed(Semaphore::open(text(name, "name")?, access(flags)?)) };
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out, "out", open) })
}

/// Open the semaphore that a descriptor stands for, from shm_semaphore_fd() in another process.
///
/// Returns:
///   EBADF   `fd` is no open descriptor.
///   and what shm_semaphore_open() returns.
///
/// Ownership: `fd` stays the caller's; the caller closes `*out`.
/// Since 0.1.
///
/// # Safety
///
/// `out` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_semaphore_open_fd(fd: c_int, flags: u32, out: *mut *mut Semaphore) -> c_int {
    let open = || boxed(Semaphore::open_fd(descriptor(fd)?, access(flags)?));
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out, "out", open) })
}

/// A descriptor of the semaphore, for another process.
///
/// Returns:
///   EMFILE  too many descriptors. EINVAL: NULL.
///
/// Ownership: the caller closes `*out_fd`, which is close-on-exec.
/// Since 0.1.
///
/// # Safety
///
/// `semaphore` is NULL or open; `out_fd` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_semaphore_fd(semaphore: Option<&Semaphore>, out_fd: *mut c_int) -> c_int {
    let duplicate = || Ok(handle(semaphore)?.object().fd()?.into_raw_fd());
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out_fd, "out_fd", duplicate) })
}

/// Take one, waiting at most `timeout_ns` nanoseconds until there is one. A negative timeout waits for ever; 0 only tries.
///
/// Returns:
///   0          the caller has it; of an owned one it holds a permit now.
///   ETIMEDOUT  none came in time (EBUSY where the timeout was 0), or, of an owned one, a process that was stopped
///              while it took or gave (SIGSTOP, a debugger) has been in the way all the time: with a timeout of 0 for
///              some milliseconds.
///   EACCES     opened with SHM_OBJECT_READ. EINVAL: NULL.
///   EUSERS     more processes hold permits than there are slots.
///
/// Threads: any thread may take, and any thread may give back through the same handle.
/// Fork:    a child holds none of its parent's permits.
/// Memory:  what was written before a post is visible after the wait that it ended.
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn shm_semaphore_wait(semaphore: Option<&Semaphore>, timeout_ns: i64) -> c_int {
    guard(|| handle(semaphore)?.wait(Timeout::from_ns(timeout_ns)))
}

/// Give `n`, and wake as many of those who wait.
///
/// Returns:
///   EPERM      owned: this handle holds fewer permits than that (a forked child holds none).
///   EOVERFLOW  signalling: the count would exceed SHM_SEMAPHORE_MAX_VALUE; nothing was posted.
///   EACCES     opened with SHM_OBJECT_READ. EINVAL: NULL, or `n` is 0.
///
/// It waits for nobody: where a process was stopped while it took or gave, owned permits are counted when that goes on,
/// or dies.
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn shm_semaphore_post(semaphore: Option<&Semaphore>, n: u32) -> c_int {
    guard(|| handle(semaphore)?.post(n))
}

/// What could be taken now. By the time you look at it, it may be another.
///
/// Returns:
///   EINVAL  NULL.
///
/// Since 0.1.
///
/// # Safety
///
/// `semaphore` is NULL or open; `out` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_semaphore_value(semaphore: Option<&Semaphore>, out: *mut u32) -> c_int {
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out, "out", || Ok(handle(semaphore)?.value())) })
}

/// Who holds how many permits. For people and monitors: nothing should be decided by it.
///
/// Returns:
///   EINVAL  NULL, or `out->size` is no size. E2BIG: as in shm_array_view().
///
/// Since 0.1.
///
/// # Safety
///
/// `semaphore` is NULL or open; `out` is NULL or as long as its size says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_semaphore_stat(semaphore: Option<&Semaphore>, out: *mut shm_semaphore_stat_t) -> c_int {
    guard(|| {
        let semaphore = handle(semaphore)?;
        // SAFETY: the caller's promise.
        unsafe { records::check(out, "out (shm_semaphore_stat_t)") }?;
        let stat = semaphore.stat();
        let mut record: shm_semaphore_stat_t = records::zeroed();
        record.kind = match stat.kind {
            Kind::Signalling => SHM_SEMAPHORE_SIGNALLING,
            Kind::Owned => SHM_SEMAPHORE_OWNED,
        };
        (record.value, record.limit, record.reclaimed) = (stat.value, stat.limit, stat.reclaimed);
        record.holders = stat.holders.len() as u32;
        for (index, (pid, held)) in stat.holders.into_iter().take(record.pids.len()).enumerate() {
            (record.pids[index], record.held[index]) = (pid, held);
        }
        // SAFETY: checked above.
        unsafe { records::write(out, &record) }
    })
}

/// A descriptor that becomes readable when there is something to take. For epoll, asyncio, libuv.
///
/// Read it (8 bytes) first, then wait with a timeout of 0 until there is nothing: another may have taken it. Each post
/// makes it readable again. See shm_array_notify_fd().
///
/// Returns:
///   EMFILE  each needs two descriptors. EINVAL: NULL.
///
/// Ownership: the caller ends it by shm_notify_close(). When the handle is closed, it is never readable again.
/// Since 0.1.
///
/// # Safety
///
/// `semaphore` is NULL or open; `out_fd` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_semaphore_notify_fd(semaphore: Option<&Semaphore>, out_fd: *mut c_int) -> c_int {
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out_fd, "out_fd", || notifier::raw(handle(semaphore)?.notify_fd())) })
}

/// The name, as shm_semaphore_open() takes it; "" for anonymous memory, NULL for NULL.
///
/// Borrowed from the handle. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn shm_semaphore_name(semaphore: Option<&Semaphore>) -> *const c_char {
    semaphore.map_or(ptr::null(), |semaphore| semaphore.object().name().as_ptr())
}

/// Take a semaphore's name away. Who has it open keeps it.
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
pub unsafe extern "C" fn shm_semaphore_unlink(name: *const c_char) -> c_int {
    // SAFETY: the caller's promise.
    guard(|| remove::unlink(&Place::find(unsafe { text(name, "name") }?)?, None))
}

/// Close a handle, and give back the permits that it holds. NULL is fine.
///
/// Since 0.1.
///
/// # Safety
///
/// NULL, or a handle that is not closed yet and that no other thread uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_semaphore_close(semaphore: *mut Semaphore) {
    // SAFETY: the caller's promise.
    unsafe { close(semaphore) };
}
