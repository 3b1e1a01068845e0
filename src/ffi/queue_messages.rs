//! `shm_queue_*`, continued: the messages, copied and in place, of bytes and of arrays.

use std::ffi::{c_int, c_void};
use std::time::Duration;

use super::flags::open_flags;
use super::queue::handle;
use super::records;
use super::{bits, boxed, buffer, bytes, guard, missing, numbers, put};
use crate::array::Array;
use crate::channel::queue::{Message, Queue, Sort};
use crate::error::{Error, Result};
use crate::os::time::Timeout;

/// In a message: a consumer had it before, and gave it back or died.
pub const SHM_QUEUE_AGAIN: u32 = 1;
/// In a message: it carries an array.
pub const SHM_QUEUE_ARRAY: u32 = 2;

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

// SAFETY: see the struct.
unsafe impl records::Sized for shm_queue_message_t {}

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
/// Where this process has it open in the same way already, `*out` is another handle on the same mapping.
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
