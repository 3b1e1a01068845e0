//! `shm_queue_*`: messages from any number of processes to any number of others.

use std::ffi::{c_char, c_int, c_void};
use std::os::fd::IntoRawFd;
use std::ptr;
use std::time::Duration;

use super::array::open_flags;
use super::object::{self, SHM_OBJECT_LAST_CLOSE, descriptor, shm_object_options_t};
use super::records;
use super::{bits, boxed, buffer, bytes, close, guard, missing, numbers, optional_text, put, refuse_unknown, text};
use crate::array::{self, Array};
use crate::channel::queue::{Form, Message, Queue, Sort};
use crate::error::{Error, Result};
use crate::os::time::Timeout;
use crate::sync::notifier;

/// Create a queue for one producer and one consumer at a time, which is faster. A place is its handle's until that is
/// closed, or its process dead.
pub const SHM_QUEUE_SPSC: u32 = 1;
/// In a message: a consumer had it before, and gave it back or died.
pub const SHM_QUEUE_AGAIN: u32 = 1;
/// In a message: it carries an array.
pub const SHM_QUEUE_ARRAY: u32 = 2;
/// In figures: the queue is finished.
pub const SHM_QUEUE_FINISHED: u32 = 4;
/// The most messages that a queue can hold.
pub const SHM_QUEUE_MAX_CAPACITY: u64 = 262144;
/// The most priorities that a queue can have.
pub const SHM_QUEUE_MAX_PRIORITIES: u32 = 8;

/// A message in place: one that was reserved and is to be filled, or one that was taken and is to be used.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct shm_queue_message_t {
    /// sizeof(shm_queue_message_t), set by the caller.
    pub size: usize,
    /// The bytes, aligned to 64; they are the caller's until it lets go of the message.
    pub data: *mut c_void,
    /// Bytes: of a message that was taken, as it was sent; of one that is reserved, room, which the caller sets to the
    /// message's length before it commits.
    pub len: usize,
    /// As it was sent; set it before committing. 0 is the least important.
    pub priority: u32,
    /// SHM_QUEUE_AGAIN, _ARRAY.
    pub flags: u32,
    /// What names the message: leave it alone.
    pub token: u64,
}

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

// SAFETY: see the structs.
unsafe impl records::Sized for shm_queue_message_t {}
// SAFETY: see the structs.
unsafe impl records::Sized for shm_queue_stat_t {}

fn handle(queue: Option<&Queue>) -> Result<&Queue> {
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

/// Send a copy of `len` bytes, waiting at most `timeout_ns` nanoseconds for room.
///
/// Messages of one priority arrive in the order in which they were sent, higher priorities first. A producer that dies
/// has sent a whole message or none.
///
/// Returns:
///   0           it is sent.
///   EAGAIN      the queue is full, and the timeout was 0. ETIMEDOUT: it has been full all the time.
///   EPIPE       the queue is finished.
///   EMSGSIZE    longer than the queue was created for.
///   EACCES      opened with SHM_OBJECT_READ.
///   EUSERS      more processes use this queue than it has slots.
///   EBUSY       SHM_QUEUE_SPSC: another handle is the producer, or another thread is sending right now.
///   EINVAL      NULL, or a priority that the queue was not created for.
///   SHM_ARRAY_ERR_DTYPE  no whole number of elements of the queue's dtype.
///
/// Ownership: borrows `data`.
/// Threads:   any thread may call; with SHM_QUEUE_SPSC one at a time.
/// Fork:      a child may send and receive through its parent's handle, and has none of its parent's messages.
/// Since 0.1.
///
/// # Safety
///
/// `queue` is NULL or open; `data` is NULL or has `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_queue_send(
    queue: Option<&Queue>,
    data: *const c_void,
    len: usize,
    priority: u32,
    timeout_ns: i64,
) -> c_int {
    // SAFETY: the caller's promise.
    guard(|| handle(queue)?.send(unsafe { bytes(data, len, "data") }?, priority, Timeout::from_ns(timeout_ns)))
}

/// Send copies of `count` messages: `lens[i]` bytes from `data[i]` each. Waits for room for the first only.
///
/// Returns:
///   0   `*out_sent` of them, at least one, were sent, in their order (0 where `count` is 0).
///   and what shm_queue_send() returns: none was sent.
///
/// Ownership: borrows. Threads and Fork: as shm_queue_send().
/// Since 0.1.
///
/// # Safety
///
/// `queue` is NULL or open; `data` and `lens` are NULL or have `count` entries, each a pointer to so many bytes;
/// `out_sent` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_queue_send_many(
    queue: Option<&Queue>,
    data: *const *const c_void,
    lens: *const usize,
    count: usize,
    priority: u32,
    timeout_ns: i64,
    out_sent: *mut usize,
) -> c_int {
    let send = || {
        let queue = handle(queue)?;
        if count == 0 {
            return Ok(0);
        }
        // SAFETY: the caller's promise.
        let (data, lens) = unsafe {
            (numbers(data, count).ok_or_else(|| missing("data"))?, numbers(lens, count).ok_or_else(|| missing("lens"))?)
        };
        // SAFETY: the caller's promise.
        let messages = data.iter().zip(lens).map(|(data, len)| unsafe { bytes(*data, *len, "data") });
        queue.send_many(&messages.collect::<Result<Vec<_>>>()?, priority, Timeout::from_ns(timeout_ns))
    };
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out_sent, "out_sent", send) })
}

/// Receive a copy of the first message into `data`, which has room for `room` bytes, and acknowledge it.
///
/// Returns:
///   0           `*out_len` bytes were received.
///   EAGAIN      the queue is empty, and the timeout was 0. ETIMEDOUT: it has been empty all the time.
///   ENODATA     the queue is finished, and empty.
///   EMSGSIZE    the first message is longer than `room`: it was left there.
///   EBADMSG     the first message carries an array: shm_queue_receive_array() receives it.
///   EACCES, EUSERS, EINVAL: as in shm_queue_send().
///   EBUSY       SHM_QUEUE_SPSC: another handle is the consumer, or this one has taken a message and not released it.
///
/// Ownership: borrows `data`. Threads and Fork: as shm_queue_send().
/// Since 0.1.
///
/// # Safety
///
/// `queue` is NULL or open; `data` is NULL or has `room` bytes; `out_len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_queue_receive(
    queue: Option<&Queue>,
    data: *mut c_void,
    room: usize,
    timeout_ns: i64,
    out_len: *mut usize,
) -> c_int {
    let receive = || {
        // SAFETY: the caller's promise.
        let buffer = unsafe { buffer(data, room, "data") }?;
        handle(queue)?.receive(buffer, Timeout::from_ns(timeout_ns)).map(|received| received.len)
    };
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out_len, "out_len", receive) })
}

/// Receive copies of at most `most` messages into `data`, one behind the other, and acknowledge them. Waits for the first
/// only; stops before one that does not fit.
///
/// Returns:
///   0   `*out_count` messages, at least one, were received, of `lens[i]` bytes each.
///   and what shm_queue_receive() returns: none was received.
///
/// Ownership: borrows. Threads and Fork: as shm_queue_send().
/// Since 0.1.
///
/// # Safety
///
/// `queue` is NULL or open; `data` is NULL or has `room` bytes; `lens` is NULL or has `most` entries; `out_count` is NULL
/// or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_queue_receive_many(
    queue: Option<&Queue>,
    data: *mut c_void,
    room: usize,
    most: usize,
    timeout_ns: i64,
    lens: *mut usize,
    out_count: *mut usize,
) -> c_int {
    let receive = || {
        let queue = handle(queue)?;
        // SAFETY: the caller's promise.
        let buffer = unsafe { buffer(data, room, "data") }?;
        if lens.is_null() || most == 0 {
            return if most == 0 { Ok(0) } else { Err(missing("lens")) };
        }
        let mut index = 0;
        queue.receive_many(buffer, most, Timeout::from_ns(timeout_ns), |received| {
            // SAFETY: fewer than `most`, and the caller's promise.
            unsafe { lens.add(index).write(received.len) };
            index += 1;
        })
    };
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out_count, "out_count", receive) })
}

fn in_c(message: &Message) -> shm_queue_message_t {
    let mut record: shm_queue_message_t = records::zeroed();
    record.data = message.data.cast::<c_void>();
    record.len = message.len;
    record.priority = message.priority;
    record.flags = bits(&[(message.again, SHM_QUEUE_AGAIN), (message.sort == Sort::Array, SHM_QUEUE_ARRAY)]);
    record.token = message.token;
    record
}

/// Get a message to fill in place.
///
/// Nobody sees it before shm_queue_commit(). If this process dies before that, or closes the handle, nothing was sent.
///
/// Returns:
///   0   `out->data` has room for `out->len` bytes. Write, set `len` (and `priority`), and commit; or cancel.
///   and what shm_queue_send() returns; E2BIG: `out` is longer than this version knows, and not zero there.
///
/// Ownership: the bytes are the caller's until it commits or cancels.
/// Threads:   any thread may call, and any thread may commit.
/// Since 0.1.
///
/// # Safety
///
/// `queue` is NULL or open; `out` is NULL or as long as its size says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_queue_reserve(
    queue: Option<&Queue>,
    timeout_ns: i64,
    out: *mut shm_queue_message_t,
) -> c_int {
    guard(|| {
        let queue = handle(queue)?;
        // SAFETY: the caller's promise.
        unsafe { records::check(out, "out (shm_queue_message_t)") }?;
        let message = queue.reserve(Timeout::from_ns(timeout_ns))?;
        // SAFETY: checked above.
        unsafe { records::write(out, &in_c(&message)) }
    })
}

/// A message that C passed back.
///
/// # Safety
///
/// NULL, or as long as its size says.
unsafe fn message(message: *const shm_queue_message_t) -> Result<shm_queue_message_t> {
    if message.is_null() {
        return Err(missing("message"));
    }
    // SAFETY: not NULL, and the caller's promise.
    unsafe { records::read(message, "message (shm_queue_message_t)") }
}

/// Send a message that was reserved and filled: its first `message->len` bytes, with `message->priority`.
///
/// Returns:
///   0       it is sent.
///   EPERM   this handle has not reserved it (or has committed or cancelled it already).
///   EPIPE   SHM_QUEUE_SPSC: the queue was finished meanwhile. Otherwise what was reserved before may still be sent.
///   EMSGSIZE, EINVAL, SHM_ARRAY_ERR_DTYPE: as in shm_queue_send(); it still is reserved.
///
/// Since 0.1.
///
/// # Safety
///
/// `queue` is NULL or open; `message` is NULL or as long as its size says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_queue_commit(queue: Option<&Queue>, message: *const shm_queue_message_t) -> c_int {
    guard(|| {
        // SAFETY: the caller's promise.
        let given = unsafe { self::message(message) }?;
        handle(queue)?.commit(given.token, given.len, given.priority)
    })
}

/// Do not send a message that was reserved.
///
/// Returns:
///   EPERM   this handle has not reserved it (or has committed or cancelled it already). EINVAL: NULL.
///
/// Since 0.1.
///
/// # Safety
///
/// As shm_queue_commit().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_queue_cancel(queue: Option<&Queue>, message: *const shm_queue_message_t) -> c_int {
    guard(|| {
        // SAFETY: the caller's promise.
        let given = unsafe { self::message(message) }?;
        handle(queue)?.cancel(given.token)
    })
}

/// Take the first message, to use it in place.
///
/// It is delivered again, before all others and with SHM_QUEUE_AGAIN, if this process dies or closes the handle before
/// it releases it.
///
/// Returns:
///   0   `*out` is the message. Release it when the work is done; or give it back.
///   and what shm_queue_receive() returns (but not EMSGSIZE and EBADMSG); E2BIG: as in shm_queue_reserve().
///
/// Ownership: the bytes are the caller's until it lets go of the message.
/// Threads:   any thread may call, and any thread may release. With SHM_QUEUE_SPSC a handle has one message at a time.
/// Since 0.1.
///
/// # Safety
///
/// `queue` is NULL or open; `out` is NULL or as long as its size says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_queue_take(
    queue: Option<&Queue>,
    timeout_ns: i64,
    out: *mut shm_queue_message_t,
) -> c_int {
    guard(|| {
        let queue = handle(queue)?;
        // SAFETY: the caller's promise.
        unsafe { records::check(out, "out (shm_queue_message_t)") }?;
        let message = queue.take(Timeout::from_ns(timeout_ns))?;
        // SAFETY: checked above.
        unsafe { records::write(out, &in_c(&message)) }
    })
}

/// Acknowledge a message that was taken: nobody gets it again.
///
/// Returns:
///   EPERM   this handle does not have it (or has released it already). EINVAL: NULL.
///
/// Since 0.1.
///
/// # Safety
///
/// As shm_queue_commit().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_queue_release(queue: Option<&Queue>, message: *const shm_queue_message_t) -> c_int {
    guard(|| {
        // SAFETY: the caller's promise.
        let given = unsafe { self::message(message) }?;
        handle(queue)?.release(given.token)
    })
}

/// Let somebody else have a message that was taken: it is the first of all now, and carries SHM_QUEUE_AGAIN.
///
/// Returns:
///   EPERM   this handle does not have it (or has released it already). EINVAL: NULL.
///
/// Since 0.1.
///
/// # Safety
///
/// As shm_queue_commit().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_queue_give_back(queue: Option<&Queue>, message: *const shm_queue_message_t) -> c_int {
    guard(|| {
        // SAFETY: the caller's promise.
        let given = unsafe { self::message(message) }?;
        handle(queue)?.give_back(given.token)
    })
}

/// Send an array, whatever its size: the handle travels, the elements stay where they are.
///
/// The receiver gets the part that this handle is on, as shm_array_slice() made it. The array is kept for `keep_ns`
/// nanoseconds (0: ten minutes; at most a day) until it is received, even if it is a last-close array that everybody
/// closes meanwhile; what nobody has received by then goes by shm_array_collect(). Who unlinks its name takes it away.
///
/// Returns:
///   0           it is sent. `array` may be closed now.
///   EOPNOTSUPP  an array without a name: create it with one (and SHM_ARRAY_LAST_CLOSE), or pass its descriptor.
///   EMSGSIZE    the queue's messages are shorter than 40 bytes, 16 for each dimension of a part, and the name.
///   EINVAL      an array opened copy-on-write; `keep_ns` negative or more than a day; NULL.
///   and what shm_queue_send() returns.
///
/// Ownership: borrows `array`. Threads and Fork: as shm_queue_send().
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn shm_queue_send_array(
    queue: Option<&Queue>,
    array: Option<&Array>,
    keep_ns: i64,
    priority: u32,
    timeout_ns: i64,
) -> c_int {
    guard(|| {
        let (queue, array) = (handle(queue)?, array.ok_or_else(|| missing("array"))?);
        let keep = match u64::try_from(keep_ns) {
            Ok(0) => TEN_MINUTES,
            Ok(keep) => Duration::from_nanos(keep),
            Err(_) => return Err(Error::invalid(format!("keep_ns is {keep_ns}: expected nanoseconds, or 0"))),
        };
        queue.send_array(array, keep, priority, Timeout::from_ns(timeout_ns))
    })
}

const TEN_MINUTES: Duration = Duration::from_secs(600);

/// Receive an array, opened with `flags` as shm_array_open() takes them, and acknowledge it.
///
/// Returns:
///   0           `*out` is the array, on the part that was sent.
///   EBADMSG     the first message carries no array: it was left there.
///   ENOENT, ESTALE  it has been unlinked, or was not kept long enough: the message was dropped.
///   EACCES, EMFILE, ENOMEM, EBUSY  it cannot be opened by this process, now: the message was left there.
///   and what shm_queue_receive() and shm_array_open() return.
///
/// Ownership: the caller closes `*out`. Threads and Fork: as shm_queue_send().
/// Since 0.1.
///
/// # Safety
///
/// `queue` is NULL or open; `out` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_queue_receive_array(
    queue: Option<&Queue>,
    flags: u32,
    timeout_ns: i64,
    out: *mut *mut Array,
) -> c_int {
    let receive = || {
        let flags = open_flags(flags)?;
        boxed(handle(queue)?.receive_array(flags, Timeout::from_ns(timeout_ns)))
    };
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out, "out", receive) })
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
