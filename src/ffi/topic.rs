//! `shm_topic_*`: one to many; every subscriber gets every message from where it joined.

use std::ffi::{c_char, c_int, c_void};
use std::os::fd::IntoRawFd;
use std::ptr;

use super::object::{self, SHM_OBJECT_LAST_CLOSE, descriptor, shm_object_options_t};
use super::{bits, boxed, buffer, bytes, close, guard, missing, optional_text, put, records, refuse_unknown, text};
use crate::array;
use crate::channel::topic::{Form, Topic};
use crate::error::Result;
use crate::os::time::Timeout;
use crate::sync::notifier;

/// Create a topic that overwrites nothing which a living subscriber has not read: publishers wait for the slowest.
/// Without it a slow subscriber loses the oldest messages, and is told how many.
pub const SHM_TOPIC_KEEP: u32 = 1;
/// In figures: the topic is finished.
pub const SHM_TOPIC_FINISHED: u32 = 4;

/// What is going on at a topic: for people and monitors.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct shm_topic_stat_t {
    /// sizeof(shm_topic_stat_t), set by the caller.
    pub size: usize,
    /// The segment's random id.
    pub id: [u8; 16],
    /// Messages that a subscriber can be behind.
    pub capacity: u64,
    /// The longest message, in bytes.
    pub message_bytes: u64,
    /// Bytes of one element of the messages' dtype; 1 where they are any bytes.
    pub itemsize: u64,
    /// Messages published since the beginning.
    pub published: u64,
    /// How many messages the slowest subscriber has not read.
    pub behind: u64,
    /// Bytes of the whole file.
    pub file_bytes: u64,
    /// CLOCK_REALTIME, nanoseconds.
    pub created_ns: i64,
    /// Who made it, in its own PID namespace.
    pub creator_pid: u32,
    /// SHM_TOPIC_KEEP, SHM_TOPIC_FINISHED, SHM_OBJECT_LAST_CLOSE.
    pub flags: u32,
    /// Subscribers; the dead among them until somebody needs their place, or would have to wait for them.
    pub subscribers: u32,
    /// 0.
    pub reserved: u32,
}

// SAFETY: see the struct.
unsafe impl records::Sized for shm_topic_stat_t {}

fn handle(topic: Option<&Topic>) -> Result<&Topic> {
    topic.ok_or_else(|| missing("topic"))
}

/// Create a topic, and open it for publishing and subscribing.
///
/// It keeps `capacity` messages of at most `message_bytes` bytes each. With a `dtype` (numpy's, or NULL) every message is
/// one or more elements of it. `flags` is 0 or SHM_TOPIC_KEEP. As many can subscribe at a time as `options` has slots
/// (256). With SHM_OBJECT_OR_OPEN in `options` a topic of the same make that exists is opened.
///
/// Returns:
///   0           `*out` is the topic.
///   EEXIST      the name is taken; with SHM_OBJECT_OR_OPEN: by a topic of another make.
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
pub unsafe extern "C" fn shm_topic_create(
    name: *const c_char,
    capacity: u64,
    message_bytes: u64,
    dtype: *const c_char,
    flags: u32,
    options: *const shm_object_options_t,
    out: *mut *mut Topic,
) -> c_int {
    let create = || {
        // SAFETY: the caller's promise, for each argument.
        let (name, dtype) = unsafe { (optional_text(name, "name")?, optional_text(dtype, "dtype")?) };
        refuse_unknown(flags, SHM_TOPIC_KEEP)?;
        let form = Form { capacity, message_bytes, dtype, keep: flags & SHM_TOPIC_KEEP != 0 };
        // SAFETY: the caller's promise.
        boxed(Topic::create(name, &form, &unsafe { object::options(options) }?))
    };
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out, "out", create) })
}

/// Open a topic that exists.
///
/// `flags` is SHM_OBJECT_WRITE to publish and subscribe, or SHM_OBJECT_READ to look.
///
/// Returns:
///   0        `*out` is the topic.
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
pub unsafe extern "C" fn shm_topic_open(name: *const c_char, flags: u32, out: *mut *mut Topic) -> c_int {
    // SAFETY: the caller's promise.
    let open = || unsafe { boxed(Topic::open(text(name, "name")?, object::access(flags)?)) };
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out, "out", open) })
}

/// Open a topic only if its messages are of this dtype; NULL: of any bytes.
///
/// Returns:
///   SHM_ARRAY_ERR_DTYPE  they are not.
///   and what shm_topic_open() returns.
///
/// Since 0.1.
///
/// # Safety
///
/// As shm_topic_open(); `dtype` is NULL or ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_topic_open_typed(
    name: *const c_char,
    dtype: *const c_char,
    flags: u32,
    out: *mut *mut Topic,
) -> c_int {
    let open = || {
        // SAFETY: the caller's promise.
        let (name, dtype) = unsafe { (text(name, "name")?, optional_text(dtype, "dtype")?) };
        let topic = Topic::open(name, object::access(flags)?)?;
        topic.require_dtype(dtype)?;
        boxed(Ok(topic))
    };
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out, "out", open) })
}

/// Open the topic that a descriptor stands for, from shm_topic_fd() in another process.
///
/// Returns:
///   EBADF   `fd` is no open descriptor. EACCES: it cannot be written, and SHM_OBJECT_WRITE was asked for.
///   and what shm_topic_open() returns.
///
/// Ownership: `fd` stays the caller's; the caller closes `*out`.
/// Since 0.1.
///
/// # Safety
///
/// `out` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_topic_open_fd(fd: c_int, flags: u32, out: *mut *mut Topic) -> c_int {
    let open = || {
        let access = object::access(flags)?;
        boxed(Topic::open_fd(descriptor(fd)?, access))
    };
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out, "out", open) })
}

/// A descriptor of the topic, for another process.
///
/// Returns:
///   EMFILE  too many descriptors. EINVAL: `topic` or `out_fd` is NULL.
///
/// Ownership: the caller closes `*out_fd`, which is close-on-exec.
/// Since 0.1.
///
/// # Safety
///
/// `topic` is NULL or open; `out_fd` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_topic_fd(topic: Option<&Topic>, out_fd: *mut c_int) -> c_int {
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out_fd, "out_fd", || Ok(handle(topic)?.fd()?.into_raw_fd())) })
}

/// Let every subscriber have a copy of `len` bytes.
///
/// Does not wait for subscribers, unless the topic was created with SHM_TOPIC_KEEP and the slowest is `capacity` messages
/// behind. A dead subscriber is dropped. A publisher that dies has published a whole message or none.
///
/// Returns:
///   0           it is published.
///   EAGAIN      it would have to wait, and the timeout was 0. ETIMEDOUT: there was no room all the time.
///   EPIPE       the topic is finished.
///   EMSGSIZE    longer than the topic was created for.
///   EACCES      opened with SHM_OBJECT_READ.
///   EUSERS      more processes use this topic than it has slots.
///   EINVAL      NULL.
///   SHM_ARRAY_ERR_DTYPE  no whole number of elements of the topic's dtype.
///
/// Ownership: borrows `data`.
/// Threads:   any thread may call; several publishers take turns.
/// Fork:      a child may publish through its parent's handle; it has no subscription of its parent's.
/// Since 0.1.
///
/// # Safety
///
/// `topic` is NULL or open; `data` is NULL or has `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_topic_publish(
    topic: Option<&Topic>,
    data: *const c_void,
    len: usize,
    timeout_ns: i64,
) -> c_int {
    // SAFETY: the caller's promise.
    guard(|| handle(topic)?.publish(unsafe { bytes(data, len, "data") }?, Timeout::from_ns(timeout_ns)))
}

/// Subscribe through this handle, from the next message on. A handle subscribes once; it ends when that is closed.
///
/// Returns:
///   0           what is published from now on will be received.
///   EUSERS      all places for subscribers are taken by the living.
///   EBUSY       the handle is a subscriber already.
///   EAGAIN, ETIMEDOUT  somebody was publishing all the time.
///   EACCES      opened with SHM_OBJECT_READ. EINVAL: NULL.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn shm_topic_subscribe(topic: Option<&Topic>, timeout_ns: i64) -> c_int {
    guard(|| handle(topic)?.subscribe(Timeout::from_ns(timeout_ns)))
}

/// Receive a copy of the next message into `data`, which has room for `room` bytes.
///
/// Returns:
///   0           `*out_len` bytes were received. `*out_lost` (which may be NULL) says how many messages before it this
///               subscriber was too slow for, and has lost.
///   EAGAIN      nothing new, and the timeout was 0. ETIMEDOUT: there has been nothing all the time.
///   ENODATA     the topic is finished, and this subscriber has everything.
///   EMSGSIZE    the next message is longer than `room`: it was left there.
///   EPERM       this handle does not subscribe.
///   EINVAL      NULL.
///
/// Ownership: borrows `data`.
/// Threads:   any thread may call; each message goes to one of them.
/// Since 0.1.
///
/// # Safety
///
/// `topic` is NULL or open; `data` is NULL or has `room` bytes; `out_len` is NULL or can be written, and so is `out_lost`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_topic_receive(
    topic: Option<&Topic>,
    data: *mut c_void,
    room: usize,
    timeout_ns: i64,
    out_len: *mut usize,
    out_lost: *mut u64,
) -> c_int {
    let receive = || {
        // SAFETY: the caller's promise.
        let buffer = unsafe { buffer(data, room, "data") }?;
        let heard = handle(topic)?.receive(buffer, Timeout::from_ns(timeout_ns))?;
        if !out_lost.is_null() {
            // SAFETY: not NULL, and the caller's promise.
            unsafe { out_lost.write(heard.lost) };
        }
        Ok(heard.len)
    };
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out_len, "out_len", receive) })
}

/// A descriptor that becomes readable when there is a message for this handle's subscriber, or the topic is finished: for
/// epoll, asyncio, libuv.
///
/// Read it (8 bytes) first, then receive with a timeout of 0 until there is nothing. See shm_array_notify_fd().
///
/// Returns:
///   EPERM   this handle does not subscribe.
///   EMFILE  each needs two descriptors. EINVAL: NULL.
///
/// Ownership: the caller ends it by shm_notify_close(). When the handle is closed, it is never readable again.
/// Fork:      a child has no subscription of its parent's, and asks for descriptors of its own.
/// Since 0.1.
///
/// # Safety
///
/// `topic` is NULL or open; `out_fd` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_topic_notify_fd(topic: Option<&Topic>, out_fd: *mut c_int) -> c_int {
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out_fd, "out_fd", || notifier::raw(handle(topic)?.notify_fd())) })
}

/// A descriptor that becomes readable when shm_topic_publish() need not wait for a subscriber, or the topic is finished.
///
/// Read it (8 bytes) first, then publish with a timeout of 0 until there is no room: another may have been faster.
///
/// Returns:
///   EMFILE  each needs two descriptors. EINVAL: NULL.
///
/// Ownership: the caller ends it by shm_notify_close(). When the handle is closed, it is never readable again.
/// Since 0.1.
///
/// # Safety
///
/// `topic` is NULL or open; `out_fd` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_topic_notify_room_fd(topic: Option<&Topic>, out_fd: *mut c_int) -> c_int {
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out_fd, "out_fd", || notifier::raw(handle(topic)?.notify_room_fd())) })
}

/// Say that no message is published any more: publishers are told EPIPE, subscribers get what there is, and then ENODATA.
///
/// Returns:
///   EACCES  opened with SHM_OBJECT_READ. EINVAL: NULL.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn shm_topic_finish(topic: Option<&Topic>) -> c_int {
    guard(|| handle(topic)?.finish())
}

/// How many messages wait for this handle's subscriber, those included that it will have lost; 0 if it is none.
///
/// Returns:
///   EINVAL  NULL.
///
/// Since 0.1.
///
/// # Safety
///
/// `topic` is NULL or open; `out` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_topic_count(topic: Option<&Topic>, out: *mut u64) -> c_int {
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out, "out", || Ok(handle(topic)?.count())) })
}

/// numpy's text for the type of the messages; "" where they are any bytes, NULL for NULL.
///
/// Borrowed from the handle. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn shm_topic_dtype(topic: Option<&Topic>) -> *const c_char {
    topic.map_or(ptr::null(), |topic| topic.dtype().as_ptr())
}

/// The name, as shm_topic_open() takes it; "" for anonymous memory, NULL for NULL.
///
/// Borrowed from the handle. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn shm_topic_name(topic: Option<&Topic>) -> *const c_char {
    topic.map_or(ptr::null(), |topic| topic.name().as_ptr())
}

/// How much was published, who subscribes, how large it is. For people and monitors.
///
/// Returns:
///   EINVAL  NULL, or `out->size` is no size. E2BIG: as in shm_array_view().
///
/// Since 0.1.
///
/// # Safety
///
/// `topic` is NULL or open; `out` is NULL or as long as its size says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_topic_stat(topic: Option<&Topic>, out: *mut shm_topic_stat_t) -> c_int {
    guard(|| {
        let topic = handle(topic)?;
        // SAFETY: the caller's promise.
        unsafe { records::check(out, "out (shm_topic_stat_t)") }?;
        let (stat, description) = (topic.stat(), topic.object().description());
        let mut record: shm_topic_stat_t = records::zeroed();
        record.id = description.header.id;
        record.capacity = topic.capacity();
        record.message_bytes = topic.message_bytes();
        record.itemsize = topic.itemsize();
        record.published = stat.published;
        record.behind = stat.behind;
        record.file_bytes = description.trailer.file_len;
        record.created_ns = description.header.created_ns;
        record.creator_pid = description.header.creator_pid;
        record.flags = bits(&[
            (stat.keep, SHM_TOPIC_KEEP),
            (stat.finished, SHM_TOPIC_FINISHED),
            (description.is_last_close(), SHM_OBJECT_LAST_CLOSE),
        ]);
        record.subscribers = stat.subscribers;
        // SAFETY: checked above.
        unsafe { records::write(out, &record) }
    })
}

/// Take a topic's name away. Who has it open keeps it.
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
pub unsafe extern "C" fn shm_topic_unlink(name: *const c_char) -> c_int {
    // SAFETY: the caller's promise.
    guard(|| array::unlink(unsafe { text(name, "name") }?))
}

/// Close a handle. NULL is fine.
///
/// A subscriber goes with its handle. Since 0.1.
///
/// # Safety
///
/// NULL, or a handle that is not closed yet and that no other thread uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_topic_close(topic: *mut Topic) {
    // SAFETY: the caller's promise.
    unsafe { close(topic) };
}
