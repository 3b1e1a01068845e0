//! `shm_pipe_*`: a stream of bytes from any number of writers to any number of readers.

use std::ffi::{c_char, c_int, c_void};
use std::os::fd::IntoRawFd;
use std::ptr;

use super::object::{self, SHM_OBJECT_LAST_CLOSE, SHM_OBJECT_READ, descriptor, shm_object_options_t};
use super::{bits, boxed, buffer, bytes, close, guard, missing, optional_text, put, records, refuse_unknown, text};
use crate::array;
use crate::channel::pipe::{Ends, Pipe};
use crate::error::{Error, Result};
use crate::os::time::Timeout;
use crate::sync::notifier;

/// Open a pipe for reading.
pub const SHM_PIPE_READER: u32 = 16;
/// Open a pipe for writing.
pub const SHM_PIPE_WRITER: u32 = 32;
/// So many bytes are written at once or not at all, as PIPE_BUF says of pipe(7).
pub const SHM_PIPE_ATOMIC: usize = 4096;

/// What is going on at a pipe: for people and monitors.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct shm_pipe_stat_t {
    /// sizeof(shm_pipe_stat_t), set by the caller.
    pub size: usize,
    /// The segment's random id.
    pub id: [u8; 16],
    /// Bytes that it can hold.
    pub capacity: u64,
    /// Bytes that wait; about.
    pub count: u64,
    /// Bytes written since the beginning; about.
    pub written: u64,
    /// Bytes of the whole file.
    pub file_bytes: u64,
    /// CLOCK_REALTIME, nanoseconds.
    pub created_ns: i64,
    /// Who made it, in its own PID namespace.
    pub creator_pid: u32,
    /// SHM_OBJECT_LAST_CLOSE.
    pub flags: u32,
    /// Handles for reading that living processes have. A handle opened with SHM_OBJECT_READ counts some of the dead too.
    pub readers: u32,
    /// Handles for writing, in the same way.
    pub writers: u32,
}

// SAFETY: see the struct.
unsafe impl records::Sized for shm_pipe_stat_t {}

fn handle(pipe: Option<&Pipe>) -> Result<&Pipe> {
    pipe.ok_or_else(|| missing("pipe"))
}

fn ends(flags: u32) -> Result<Ends> {
    refuse_unknown(flags, SHM_PIPE_READER | SHM_PIPE_WRITER)?;
    Ok(Ends { reader: flags & SHM_PIPE_READER != 0, writer: flags & SHM_PIPE_WRITER != 0 })
}

/// The ends that C asked for when opening: none only in order to look.
fn ends_to_open(flags: u32) -> Result<Ends> {
    match flags {
        SHM_OBJECT_READ => Ok(Ends::default()),
        0 => Err(Error::invalid("flags are 0: SHM_PIPE_READER, SHM_PIPE_WRITER, both, or SHM_OBJECT_READ to look")),
        _ => ends(flags),
    }
}

/// Two results at once.
///
/// # Safety
///
/// Each is NULL, or valid for a write.
unsafe fn put_two<T>(
    data: *mut T,
    len: *mut usize,
    names: [&str; 2],
    values: impl FnOnce() -> Result<(T, usize)>,
) -> Result<()> {
    if data.is_null() {
        return Err(missing(names[0]));
    }
    let both = || {
        let (value, count) = values()?;
        // SAFETY: not NULL, and the caller's promise.
        unsafe { data.write(value) };
        Ok(count)
    };
    // SAFETY: the caller's promise.
    unsafe { put(len, names[1], both) }
}

/// Create a pipe that holds `capacity` bytes (0: 65536; at least SHM_PIPE_ATOMIC), and open it.
///
/// `ends` is SHM_PIPE_READER, SHM_PIPE_WRITER, both, or 0: somebody else will read and write. With SHM_OBJECT_OR_OPEN in
/// `options` a pipe of the same capacity that exists is opened.
///
/// Returns:
///   0       `*out` is the pipe.
///   EEXIST  the name is taken; with SHM_OBJECT_OR_OPEN: by a pipe of another capacity.
///   EINVAL  a bad name, capacity or flag, or NULL for `out`.
///   EUSERS  more processes use this pipe than it has slots.
///   ENOSPC, ENOMEM, ENOENT, EACCES: as in shm_array_create().
///
/// Ownership: the caller closes `*out`.
/// Since 0.1.
///
/// # Safety
///
/// Strings end in NUL; `options` is NULL or as long as its size says; `out` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_pipe_create(
    name: *const c_char,
    capacity: u64,
    ends: u32,
    options: *const shm_object_options_t,
    out: *mut *mut Pipe,
) -> c_int {
    let create = || {
        // SAFETY: the caller's promise, for each argument.
        let (name, options) = unsafe { (optional_text(name, "name")?, object::options(options)?) };
        boxed(Pipe::create(name, capacity, self::ends(ends)?, &options))
    };
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out, "out", create) })
}

/// Open a pipe that exists.
///
/// `ends` is SHM_PIPE_READER, SHM_PIPE_WRITER, or both; or SHM_OBJECT_READ to look. Opening does not wait for the other
/// end: who reads before the first writer has come waits for one, and what is written before the first reader has come
/// waits in the pipe.
///
/// Returns:
///   0        `*out` is the pipe.
///   ENOENT   there is none of that name. EACCES, EMFILE: as in shm_array_open().
///   EUSERS   more processes use this pipe than it has slots.
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
pub unsafe extern "C" fn shm_pipe_open(name: *const c_char, ends: u32, out: *mut *mut Pipe) -> c_int {
    // SAFETY: the caller's promise.
    let open = || boxed(Pipe::open(unsafe { text(name, "name") }?, ends_to_open(ends)?));
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out, "out", open) })
}

/// Open the pipe that a descriptor stands for, from shm_pipe_fd() in another process.
///
/// Returns:
///   EBADF   `fd` is no open descriptor. EACCES: it cannot be written.
///   and what shm_pipe_open() returns.
///
/// Ownership: `fd` stays the caller's; the caller closes `*out`.
/// Since 0.1.
///
/// # Safety
///
/// `out` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_pipe_open_fd(fd: c_int, ends: u32, out: *mut *mut Pipe) -> c_int {
    let open = || {
        let ends = ends_to_open(ends)?;
        boxed(Pipe::open_fd(descriptor(fd)?, ends))
    };
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out, "out", open) })
}

/// A descriptor of the pipe, for another process. It is not one to read or write: shm_pipe_open_fd() opens it.
///
/// Returns:
///   EMFILE  too many descriptors. EINVAL: `pipe` or `out_fd` is NULL.
///
/// Ownership: the caller closes `*out_fd`, which is close-on-exec.
/// Since 0.1.
///
/// # Safety
///
/// `pipe` is NULL or open; `out_fd` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_pipe_fd(pipe: Option<&Pipe>, out_fd: *mut c_int) -> c_int {
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out_fd, "out_fd", || Ok(handle(pipe)?.fd()?.into_raw_fd())) })
}

/// Write `len` bytes, waiting at most `timeout_ns` nanoseconds for room.
///
/// Up to SHM_PIPE_ATOMIC bytes are written at once or not at all. More go in pieces, and those of others may come in
/// between; a process that is killed has written some of them.
///
/// Returns:
///   0           `*out_written` bytes were written: all, or those for which there was room in time.
///   EAGAIN      no room, and the timeout was 0. ETIMEDOUT: there has been none all the time. Nothing was written.
///   EPIPE       no living process has a handle for reading any more. After a kill of the last one this may take 20 ms.
///   EBADF       not opened for writing.
///   EBUSY       this handle has reserved room and not committed.
///   EUSERS      more processes use this pipe than it has slots.
///   EINVAL      NULL.
///
/// Ownership: borrows `data`.
/// Threads:   any thread may call.
/// Fork:      a child may use its parent's handle; it counts as a reader or writer from its first call on.
/// Since 0.1.
///
/// # Safety
///
/// `pipe` is NULL or open; `data` is NULL or has `len` bytes; `out_written` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_pipe_write(
    pipe: Option<&Pipe>,
    data: *const c_void,
    len: usize,
    timeout_ns: i64,
    out_written: *mut usize,
) -> c_int {
    // SAFETY: the caller's promise.
    let write = || handle(pipe)?.write(unsafe { bytes(data, len, "data") }?, Timeout::from_ns(timeout_ns));
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out_written, "out_written", write) })
}

/// Read what there is, up to `room` bytes, waiting at most `timeout_ns` nanoseconds for the first.
///
/// Returns:
///   0           `*out_len` bytes were read. 0 of them: end of file, no living process has a handle for writing any more
///               (or `room` is 0).
///   EAGAIN      nothing to read, and the timeout was 0. ETIMEDOUT: there has been nothing all the time.
///   EBADF       not opened for reading.
///   EBUSY       this handle has peeked and not consumed.
///   EUSERS, EINVAL: as in shm_pipe_write().
///
/// Ownership: borrows `data`. Threads and Fork: as shm_pipe_write().
/// Since 0.1.
///
/// # Safety
///
/// `pipe` is NULL or open; `data` is NULL or has `room` bytes; `out_len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_pipe_read(
    pipe: Option<&Pipe>,
    data: *mut c_void,
    room: usize,
    timeout_ns: i64,
    out_len: *mut usize,
) -> c_int {
    // SAFETY: the caller's promise.
    let read = || handle(pipe)?.read(unsafe { buffer(data, room, "data") }?, Timeout::from_ns(timeout_ns));
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out_len, "out_len", read) })
}

/// Look at the next bytes in place: as many as lie together. Other readers wait until shm_pipe_consume().
///
/// Returns:
///   0   `*out_len` bytes lie at `*out_data`; 0 of them: end of file, and nothing is to be consumed.
///   and what shm_pipe_read() returns.
///
/// Ownership: the bytes are the caller's to read until it consumes.
/// Threads:   any thread may call, and any thread may consume.
/// Since 0.1.
///
/// # Safety
///
/// `pipe` is NULL or open; `out_data` and `out_len` are NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_pipe_peek(
    pipe: Option<&Pipe>,
    timeout_ns: i64,
    out_data: *mut *const c_void,
    out_len: *mut usize,
) -> c_int {
    let peek = || {
        let (data, len) = handle(pipe)?.peek(Timeout::from_ns(timeout_ns))?;
        Ok((data.cast::<c_void>(), len))
    };
    // SAFETY: the caller's promise.
    guard(|| unsafe { put_two(out_data, out_len, ["out_data", "out_len"], peek) })
}

/// Be done with the first `len` of the bytes that were peeked at. The others stay for the next reader.
///
/// Returns:
///   EPERM   this handle has not peeked. EINVAL: more than were peeked at; NULL.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn shm_pipe_consume(pipe: Option<&Pipe>, len: usize) -> c_int {
    guard(|| handle(pipe)?.consume(len))
}

/// Get room to write in place: as much as lies together. Other writers wait until shm_pipe_commit().
///
/// Returns:
///   0   there is room for `*out_room` bytes at `*out_data`. Nobody sees them before shm_pipe_commit().
///   and what shm_pipe_write() returns.
///
/// Ownership: the bytes are the caller's until it commits.
/// Threads:   any thread may call, and any thread may commit.
/// Since 0.1.
///
/// # Safety
///
/// `pipe` is NULL or open; `out_data` and `out_room` are NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_pipe_reserve(
    pipe: Option<&Pipe>,
    timeout_ns: i64,
    out_data: *mut *mut c_void,
    out_room: *mut usize,
) -> c_int {
    let reserve = || {
        let (data, room) = handle(pipe)?.reserve(Timeout::from_ns(timeout_ns))?;
        Ok((data.cast::<c_void>(), room))
    };
    // SAFETY: the caller's promise.
    guard(|| unsafe { put_two(out_data, out_room, ["out_data", "out_room"], reserve) })
}

/// Let readers have the first `len` bytes of what was reserved; 0: none.
///
/// Returns:
///   EPERM   this handle has not reserved. EINVAL: more than was reserved; NULL.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn shm_pipe_commit(pipe: Option<&Pipe>, len: usize) -> c_int {
    guard(|| handle(pipe)?.commit(len))
}

/// A descriptor that becomes readable when there are bytes to read, or the end of the file has come. For epoll, asyncio, libuv.
///
/// Read it (8 bytes) first, then read with a timeout of 0 until there is nothing: another may have been faster. See
/// shm_array_notify_fd().
///
/// Returns:
///   EMFILE  each needs two descriptors. EINVAL: NULL. EBADF: not opened for reading.
///
/// Ownership: the caller ends it by shm_notify_close(). When the handle is closed, it is never readable again.
/// Since 0.1.
///
/// # Safety
///
/// `pipe` is NULL or open; `out_fd` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_pipe_notify_fd(pipe: Option<&Pipe>, out_fd: *mut c_int) -> c_int {
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out_fd, "out_fd", || notifier::raw(handle(pipe)?.notify_fd())) })
}

/// How many bytes wait, about: others are reading and writing.
///
/// Returns:
///   EINVAL  NULL.
///
/// Since 0.1.
///
/// # Safety
///
/// `pipe` is NULL or open; `out` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_pipe_count(pipe: Option<&Pipe>, out: *mut u64) -> c_int {
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out, "out", || Ok(handle(pipe)?.count())) })
}

/// The name, as shm_pipe_open() takes it; "" for anonymous memory, NULL for NULL.
///
/// Borrowed from the handle. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn shm_pipe_name(pipe: Option<&Pipe>) -> *const c_char {
    pipe.map_or(ptr::null(), |pipe| pipe.name().as_ptr())
}

/// How much there is in the pipe, how large it is, who is there. For people and monitors.
///
/// Returns:
///   EINVAL  NULL, or `out->size` is no size. E2BIG: as in shm_array_view().
///
/// Since 0.1.
///
/// # Safety
///
/// `pipe` is NULL or open; `out` is NULL or as long as its size says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_pipe_stat(pipe: Option<&Pipe>, out: *mut shm_pipe_stat_t) -> c_int {
    guard(|| {
        let pipe = handle(pipe)?;
        // SAFETY: the caller's promise.
        unsafe { records::check(out, "out (shm_pipe_stat_t)") }?;
        let (stat, description) = (pipe.stat()?, pipe.object().description());
        let mut record: shm_pipe_stat_t = records::zeroed();
        record.id = description.header.id;
        record.capacity = pipe.capacity();
        record.count = stat.count;
        record.written = stat.written;
        record.file_bytes = description.trailer.file_len;
        record.created_ns = description.header.created_ns;
        record.creator_pid = description.header.creator_pid;
        record.flags = bits(&[(description.is_last_close(), SHM_OBJECT_LAST_CLOSE)]);
        record.readers = stat.readers;
        record.writers = stat.writers;
        // SAFETY: checked above.
        unsafe { records::write(out, &record) }
    })
}

/// Take a pipe's name away. Who has it open keeps it.
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
pub unsafe extern "C" fn shm_pipe_unlink(name: *const c_char) -> c_int {
    // SAFETY: the caller's promise.
    guard(|| array::unlink(unsafe { text(name, "name") }?))
}

/// Close a handle. NULL is fine.
///
/// What was reserved through it is not written, what was peeked at stays. Since 0.1.
///
/// # Safety
///
/// NULL, or a handle that is not closed yet and that no other thread uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_pipe_close(pipe: *mut Pipe) {
    // SAFETY: the caller's promise.
    unsafe { close(pipe) };
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_is_written_at_once_is_said() {
        assert_eq!(super::SHM_PIPE_ATOMIC, crate::channel::pipe::ATOMIC);
    }
}
