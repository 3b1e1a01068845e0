//! `shm_queue_*`: messages from any number of processes to any number of others.

use std::ffi::{c_char, c_int};
use std::os::fd::IntoRawFd;
use std::ptr;

use super::object::{self, SHM_OBJECT_LAST_CLOSE, descriptor, shm_object_options_t};
use super::records;
use super::{bits, boxed, close, guard, missing, optional_text, put, refuse_unknown, text};
use crate::array;
use crate::channel::queue::{Form, Queue};
use crate::error::Result;
use crate::sync::notifier;

/// Create a queue for one producer and one consumer at a time, which is faster. A place is its handle's until that is
/// closed, or its process dead.
pub const SHM_QUEUE_SPSC: u32 = 1;
/// In figures: the queue is finished.
pub const SHM_QUEUE_FINISHED: u32 = 4;
/// The most messages that a queue can hold.
pub const SHM_QUEUE_MAX_CAPACITY: u64 = 262144;
/// The most priorities that a queue can have.
pub const SHM_QUEUE_MAX_PRIORITIES: u32 = 8;

/// What is going on at a queue: for people and monitors.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct shm_queue_stat_t {
    /// sizeof(shm_queue_stat_t), set by the caller.
    pub size: usize,
    /// The segment's random id.
    pub id: [u8; 16],
    /// Messages that it can hold, those included that are being filled or used.
    pub capacity: u64,
    /// The longest message, in bytes.
    pub message_bytes: u64,
    /// Bytes of one element of the messages' dtype; 1 where they are any bytes.
    pub itemsize: u64,
    /// Messages that wait; about.
    pub count: u64,
    /// Messages that are being filled or used; about.
    pub out: u64,
    /// Messages sent since the beginning; about.
    pub sent: u64,
    /// Bytes of the whole file.
    pub file_bytes: u64,
    /// CLOCK_REALTIME, nanoseconds.
    pub created_ns: i64,
    /// Who made it, in its own PID namespace.
    pub creator_pid: u32,
    /// SHM_QUEUE_SPSC, SHM_QUEUE_FINISHED, SHM_OBJECT_LAST_CLOSE.
    pub flags: u32,
    /// How many priorities there are.
    pub priorities: u32,
    /// 0.
    pub reserved: u32,
}

// SAFETY: see the struct.
unsafe impl records::Sized for shm_queue_stat_t {}

pub(super) fn handle(queue: Option<&Queue>) -> Result<&Queue> {
    queue.ok_or_else(|| missing("queue"))
}

/// Create a queue, and open it for sending and receiving.
///
/// It holds `capacity` messages of at most `message_bytes` bytes each, those included that are being filled or used;
/// memory for all of them is reserved. With a `dtype` (numpy's, or NULL) every message is one or more elements of it.
/// `priorities` is how many there are (0 is taken as 1); `flags` is 0 or SHM_QUEUE_SPSC. With SHM_OBJECT_OR_OPEN in
/// `options` a queue of the same make that exists is opened.
///
/// Returns:
///   0           `*out` is the queue.
///   EEXIST      the name is taken; with SHM_OBJECT_OR_OPEN: by a queue of another make.
///   EINVAL      a bad name, figure or flag, or NULL for `out`.
///   ENOSPC, ENOMEM, ENOENT, EACCES: as in shm_array_create().
///   SHM_ARRAY_ERR_DTYPE   the dtype is not understood. SHM_ARRAY_ERR_FORMAT: the name is something else's.
///
/// Ownership: the caller closes `*out`.
/// Since 0.1.
///
/// # Safety
///
/// Strings end in NUL; `options` is NULL or as long as its size says; `out` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_queue_create(
    name: *const c_char,
    capacity: u64,
    message_bytes: u64,
    dtype: *const c_char,
    priorities: u32,
    flags: u32,
    options: *const shm_object_options_t,
    out: *mut *mut Queue,
) -> c_int {
    let create = || {
        // SAFETY: the caller's promise, for each argument.
        let (name, dtype) = unsafe { (optional_text(name, "name")?, optional_text(dtype, "dtype")?) };
        refuse_unknown(flags, SHM_QUEUE_SPSC)?;
        let single = flags & SHM_QUEUE_SPSC != 0;
        let form = Form { capacity, message_bytes, dtype, priorities: priorities.max(1), single };
        // SAFETY: the caller's promise.
        boxed(Queue::create(name, &form, &unsafe { object::options(options) }?))
    };
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out, "out", create) })
}

/// Open a queue that exists.
///
/// `flags` is SHM_OBJECT_WRITE to send and receive, or SHM_OBJECT_READ to look.
///
/// Returns:
///   0        `*out` is the queue.
///   ENOENT   there is none of that name. EACCES, EMFILE: as in shm_array_open().
///   EINVAL   a bad name or flag, or NULL.
///   SHM_ARRAY_ERR_FORMAT  it is something else. _CORRUPT, _VERSION: it cannot be used, and why.
///
/// Ownership: the caller closes `*out`.
/// Since 0.1.
///
/// # Safety
///
/// `name` is NULL or ends in NUL; `out` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_queue_open(name: *const c_char, flags: u32, out: *mut *mut Queue) -> c_int {
    // SAFETY: the caller's promise.
    let open = || unsafe { boxed(Queue::open(text(name, "name")?, object::access(flags)?)) };
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out, "out", open) })
}

/// Open a queue only if its messages are of this dtype; NULL: of any bytes.
///
/// Returns:
///   SHM_ARRAY_ERR_DTYPE  they are not.
///   and what shm_queue_open() returns.
///
/// Since 0.1.
///
/// # Safety
///
/// As shm_queue_open(); `dtype` is NULL or ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_queue_open_typed(
    name: *const c_char,
    dtype: *const c_char,
    flags: u32,
    out: *mut *mut Queue,
) -> c_int {
    let open = || {
        // SAFETY: the caller's promise.
        let (name, dtype) = unsafe { (text(name, "name")?, optional_text(dtype, "dtype")?) };
        let queue = Queue::open(name, object::access(flags)?)?;
        queue.require_dtype(dtype)?;
        boxed(Ok(queue))
    };
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out, "out", open) })
}

/// Open the queue that a descriptor stands for, from shm_queue_fd() in another process.
///
/// Returns:
///   EBADF   `fd` is no open descriptor. EACCES: it cannot be written, and SHM_OBJECT_WRITE was asked for.
///   and what shm_queue_open() returns.
///
/// Ownership: `fd` stays the caller's; the caller closes `*out`.
/// Since 0.1.
///
/// # Safety
///
/// `out` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_queue_open_fd(fd: c_int, flags: u32, out: *mut *mut Queue) -> c_int {
    let open = || {
        let access = object::access(flags)?;
        boxed(Queue::open_fd(descriptor(fd)?, access))
    };
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out, "out", open) })
}

/// A descriptor of the queue, for another process.
///
/// Returns:
///   EMFILE  too many descriptors. EINVAL: `queue` or `out_fd` is NULL.
///
/// Ownership: the caller closes `*out_fd`, which is close-on-exec.
/// Since 0.1.
///
/// # Safety
///
/// `queue` is NULL or open; `out_fd` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_queue_fd(queue: Option<&Queue>, out_fd: *mut c_int) -> c_int {
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out_fd, "out_fd", || Ok(handle(queue)?.fd()?.into_raw_fd())) })
}

/// Say that no message is sent any more: senders are told EPIPE, receivers get what there is, and then ENODATA.
///
/// What live processes had reserved before may still be committed, and receivers wait for it. A message that another
/// consumer has taken, and gives back later, is delivered to who receives then.
///
/// Returns:
///   EACCES  opened with SHM_OBJECT_READ. EINVAL: NULL.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn shm_queue_finish(queue: Option<&Queue>) -> c_int {
    guard(|| handle(queue)?.finish())
}

/// A descriptor that becomes readable when there is a message to take, or the queue is finished. For epoll, asyncio, libuv.
///
/// Read it (8 bytes) first, then receive or take with a timeout of 0 until there is nothing: another may have been faster. See
/// shm_array_notify_fd().
///
/// Where somebody has a message reserved when the queue is finished (EAGAIN until then), it becomes readable again when the
/// end has come: ENODATA. A message that was given back is told of as a new one is; with SHM_QUEUE_SPSC to descriptors of
/// that same handle, since no other may receive it. Nor is the end of a consumer told there, whose place others may take.
///
/// Returns:
///   EMFILE  each needs two descriptors. EINVAL: NULL.
///
/// Ownership: the caller ends it by shm_notify_close(). When the handle is closed, it is never readable again.
/// Since 0.1.
///
/// # Safety
///
/// `queue` is NULL or open; `out_fd` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_queue_notify_fd(queue: Option<&Queue>, out_fd: *mut c_int) -> c_int {
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out_fd, "out_fd", || notifier::raw(handle(queue)?.notify_fd())) })
}

/// A descriptor that becomes readable when there is room for a message, or the queue is finished: for who would have to
/// wait in shm_queue_send() or shm_queue_reserve().
///
/// Read it (8 bytes) first, then send with a timeout of 0 until there is no room: another may have been faster. See
/// shm_array_notify_fd().
///
/// Returns:
///   EMFILE  each needs two descriptors. EINVAL: NULL.
///
/// Ownership: the caller ends it by shm_notify_close(). When the handle is closed, it is never readable again.
/// Since 0.1.
///
/// # Safety
///
/// `queue` is NULL or open; `out_fd` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_queue_notify_room_fd(queue: Option<&Queue>, out_fd: *mut c_int) -> c_int {
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out_fd, "out_fd", || notifier::raw(handle(queue)?.notify_room_fd())) })
}

/// How many messages wait, about: others are sending and receiving.
///
/// Returns:
///   EINVAL  NULL.
///
/// Since 0.1.
///
/// # Safety
///
/// `queue` is NULL or open; `out` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_queue_count(queue: Option<&Queue>, out: *mut u64) -> c_int {
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out, "out", || Ok(handle(queue)?.count())) })
}

/// numpy's text for the type of the messages; "" where they are any bytes, NULL for NULL.
///
/// Borrowed from the handle. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn shm_queue_dtype(queue: Option<&Queue>) -> *const c_char {
    queue.map_or(ptr::null(), |queue| queue.dtype().as_ptr())
}

/// The name, as shm_queue_open() takes it; "" for anonymous memory, NULL for NULL.
///
/// Borrowed from the handle. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn shm_queue_name(queue: Option<&Queue>) -> *const c_char {
    queue.map_or(ptr::null(), |queue| queue.name().as_ptr())
}

/// How much there is in the queue, and how large it is. For people and monitors.
///
/// Returns:
///   EINVAL  NULL, or `out->size` is no size. E2BIG: as in shm_array_view().
///
/// Since 0.1.
///
/// # Safety
///
/// `queue` is NULL or open; `out` is NULL or as long as its size says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_queue_stat(queue: Option<&Queue>, out: *mut shm_queue_stat_t) -> c_int {
    guard(|| {
        let queue = handle(queue)?;
        // SAFETY: the caller's promise.
        unsafe { records::check(out, "out (shm_queue_stat_t)") }?;
        let (stat, description) = (queue.stat(), queue.object().description());
        let mut record: shm_queue_stat_t = records::zeroed();
        record.id = description.header.id;
        record.capacity = queue.capacity();
        record.message_bytes = queue.message_bytes();
        record.itemsize = queue.itemsize();
        record.count = stat.count;
        record.out = stat.out;
        record.sent = stat.sent;
        record.file_bytes = description.trailer.file_len;
        record.created_ns = description.header.created_ns;
        record.creator_pid = description.header.creator_pid;
        record.flags = bits(&[
            (stat.single, SHM_QUEUE_SPSC),
            (stat.closed, SHM_QUEUE_FINISHED),
            (description.is_last_close(), SHM_OBJECT_LAST_CLOSE),
        ]);
        record.priorities = queue.priorities();
        // SAFETY: checked above.
        unsafe { records::write(out, &record) }
    })
}

/// Take a queue's name away. Who has it open keeps it.
///
/// Returns:
///   as shm_array_unlink().
///
/// Since 0.1.
///
/// # Safety
///
/// `name` is NULL or ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_queue_unlink(name: *const c_char) -> c_int {
    // SAFETY: the caller's promise.
    guard(|| array::unlink(unsafe { text(name, "name") }?))
}

/// Close a handle. NULL is fine.
///
/// What was reserved through it is not sent; what was taken and not released is delivered again. Since 0.1.
///
/// # Safety
///
/// NULL, or a handle that is not closed yet and that no other thread uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_queue_close(queue: *mut Queue) {
    // SAFETY: the caller's promise.
    unsafe { close(queue) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::queue::{MAX_CAPACITY, MAX_PRIORITIES};

    #[test]
    fn constants_are_the_limits() {
        assert_eq!((SHM_QUEUE_MAX_CAPACITY, SHM_QUEUE_MAX_PRIORITIES), (MAX_CAPACITY, MAX_PRIORITIES));
    }
}
