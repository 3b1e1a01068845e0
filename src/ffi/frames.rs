//! `shm_frames_*`: whole buffers, published one after the other, of which the latest is read.

use std::ffi::{c_char, c_int, c_void};
use std::os::fd::IntoRawFd;
use std::ptr;

use super::object::{access, descriptor, options, shm_object_options_t};
use super::records::{self, shm_frame_t, shm_frames_stat_t};
use super::{boxed, close, guard, missing, numbers, optional_text, put, text};
use crate::array::frames::{Frame, Frames};
use crate::array::unlink;
use crate::error::{Error, Result};
use crate::os::racing::Room;
use crate::os::time::Timeout;
use crate::sync::notifier;

/// Create frames: `count` buffers (3 to 1024) of one dtype and shape, in which whole frames are published one after the
/// other. Open for writing.
///
/// A writer takes a buffer that nobody looks at (shm_frames_begin_write()), fills it in place, and makes it the latest
/// (shm_frames_publish()). A reader pins the latest (shm_frames_acquire()), reads it in place for as long as it likes,
/// and releases it. Nobody waits for anybody: with as many buffers as are pinned at once, one for each writer, and one
/// more (for one writer and three readers: five) a writer always finds one. Who is killed leaves nothing behind: a
/// half-filled buffer was never visible, and is used again, and so is what a dead reader had pinned.
///
/// `name` is as in shm_array_create(); `dtype`, `ndim` and `shape` are those of one frame (at most 63 dimensions). The
/// .npy file is an array of all buffers, of shape (count, *shape).
///
/// Returns:
///   0       `*out` is open for writing.
///   EEXIST  the name is taken (with SHM_OBJECT_OR_OPEN: by frames of another dtype, shape or count).
///   EINVAL  a bad name, flag, count, shape or option, or NULL.
///   and what shm_array_create() returns.
///
/// Ownership: the caller closes `*out`.
/// Since 0.1.
///
/// # Safety
///
/// Strings end in NUL; `shape` has `ndim` numbers; `options` is NULL or as long as its size says; `out` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_frames_create(
    name: *const c_char,
    dtype: *const c_char,
    ndim: usize,
    shape: *const u64,
    count: u32,
    options: *const shm_object_options_t,
    out: *mut *mut Frames,
) -> c_int {
    let create = || {
        // SAFETY: the caller's promise.
        let (name, dtype) = unsafe { (optional_text(name, "name")?, text(dtype, "dtype")?) };
        if ndim > 63 {
            return Err(Error::invalid(format!("frames of {ndim} dimensions; at most 63 are possible")));
        }
        let shape = match ndim {
            0 => &[],
            // SAFETY: the caller's promise.
            _ => unsafe { numbers(shape, ndim) }.ok_or_else(|| missing("shape"))?,
        };
        // SAFETY: the caller's promise.
        let options = unsafe { self::options(options) }?;
        boxed(Frames::create(name, dtype, shape, count.into(), &options))
    };
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out, "out", create) })
}

/// Open frames that exist: SHM_OBJECT_WRITE to publish and to pin, SHM_OBJECT_READ to copy and to wait.
///
/// Returns what shm_array_open() returns. The caller closes `*out`. Since 0.1.
///
/// # Safety
///
/// `name` is NULL or ends in NUL; `out` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_frames_open(name: *const c_char, flags: u32, out: *mut *mut Frames) -> c_int {
    // SAFETY: the caller's promise.
    let open = || unsafe { boxed(Frames::open(text(name, "name")?, access(flags)?)) };
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out, "out", open) })
}

/// Open the frames that a descriptor stands for; `fd` stays the caller's.
///
/// Returns what shm_array_open_fd() returns. The caller closes `*out`. Since 0.1.
///
/// # Safety
///
/// `out` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_frames_open_fd(fd: c_int, flags: u32, out: *mut *mut Frames) -> c_int {
    let open = || boxed(Frames::open_fd(descriptor(fd)?, access(flags)?));
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out, "out", open) })
}

/// A descriptor of the frames, for another process; the caller closes it.
///
/// Returns what shm_array_fd() returns. Since 0.1.
///
/// # Safety
///
/// `out_fd` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_frames_fd(frames: Option<&Frames>, out_fd: *mut c_int) -> c_int {
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out_fd, "out_fd", || Ok(handle(frames)?.fd()?.into_raw_fd())) })
}

/// Take a buffer to fill: `out->data`, `out->bytes` long. It has whatever an older frame left in it.
///
/// Never waits. Several buffers may be filled at the same time, by one handle or many.
///
/// Returns:
///   0       `*out` is the caller's to fill, and then to publish or to cancel.
///   EAGAIN  all buffers are taken: pinned by living readers, being filled, or the latest. No reader loses what it
///           pinned.
///   EACCES  opened with SHM_OBJECT_READ. EUSERS: more processes take part than there are slots.
///   EINVAL  NULL, or `out->size` is no size.
///
/// Ownership: the memory is valid until the handle is closed, and only written between this call and publish or cancel.
/// Fork:      a child cannot publish what its parent has begun.
/// Since 0.1.
///
/// # Safety
///
/// `out` is NULL or as long as its size says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_frames_begin_write(frames: Option<&Frames>, out: *mut shm_frame_t) -> c_int {
    // SAFETY: the caller's promise.
    guard(|| unsafe { fill(frames, out, Frames::begin_write) })
}

/// Make a frame that was begun the latest one, and wake who waits for it. Only `frame->buffer` is looked at.
///
/// `*out_number` becomes its number; `out_number` may be NULL. Frames get their numbers in the order of publication.
///
/// Returns:
///   EPERM   this handle is not filling that buffer.
///   EINVAL  NULL.
///
/// Memory: what was written to the frame before is seen by whoever acquires it.
/// Since 0.1.
///
/// # Safety
///
/// `frame` is NULL or as long as its size says; `out_number` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_frames_publish(
    frames: Option<&Frames>,
    frame: *const shm_frame_t,
    out_number: *mut u64,
) -> c_int {
    guard(|| {
        // SAFETY: the caller's promise.
        let number = handle(frames)?.publish(unsafe { buffer_of(frame) }?)?;
        if !out_number.is_null() {
            // SAFETY: not NULL, and the caller's promise.
            unsafe { out_number.write(number) };
        }
        Ok(())
    })
}

/// Give a buffer that was begun back: nobody ever sees what is in it.
///
/// Returns what shm_frames_publish() returns. Since 0.1.
///
/// # Safety
///
/// `frame` is NULL or as long as its size says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_frames_cancel(frames: Option<&Frames>, frame: *const shm_frame_t) -> c_int {
    // SAFETY: the caller's promise.
    guard(|| handle(frames)?.cancel(unsafe { buffer_of(frame) }?))
}

/// Pin the latest frame, and look at it where it lies. No copy.
///
/// Waits for one whose number is higher than `newer_than`: 0 for any, the last one's number for the next. What was
/// published in between is skipped, and counted in `out->missed`. The frame stays as it is until it is released.
///
/// Returns:
///   0          `*out` is a complete frame.
///   ETIMEDOUT  none was published in time (EAGAIN where the timeout was 0).
///   EAGAIN     writers published so fast, all the time, that none could be pinned.
///   EACCES     opened with SHM_OBJECT_READ, which cannot pin: shm_frames_copy_latest() copies.
///   EUSERS     more processes take part than there are slots. EINVAL: NULL, or `out->size` is no size.
///
/// Ownership: the memory is valid and unchanged until shm_frames_release(); it is not written to.
/// Fork:      a child cannot release what its parent has acquired, and must not look at it after that was released.
/// Since 0.1.
///
/// # Safety
///
/// `out` is NULL or as long as its size says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_frames_acquire(
    frames: Option<&Frames>,
    newer_than: u64,
    timeout_ns: i64,
    out: *mut shm_frame_t,
) -> c_int {
    // SAFETY: the caller's promise.
    guard(|| unsafe { fill(frames, out, |frames| frames.acquire(newer_than, Timeout::from_ns(timeout_ns))) })
}

/// Let go of a frame that was acquired through this handle, once for each time. Only `frame->buffer` is looked at.
///
/// Returns:
///   EPERM   this handle has not pinned that buffer.
///   EINVAL  NULL.
///
/// Since 0.1.
///
/// # Safety
///
/// `frame` is NULL or as long as its size says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_frames_release(frames: Option<&Frames>, frame: *const shm_frame_t) -> c_int {
    // SAFETY: the caller's promise.
    guard(|| handle(frames)?.release(unsafe { buffer_of(frame) }?))
}

/// Copy the latest frame into `destination`, which has room for `bytes`; `out` (which may be NULL) says which one it
/// is.
///
/// Waits as shm_frames_acquire() does. Works on handles that are open for reading too: they cannot keep writers from a
/// buffer, so a frame that was overwritten while it was copied is given up for a newer one.
///
/// Returns:
///   0          `destination` is one complete frame.
///   ETIMEDOUT  none was published in time (EAGAIN where the timeout was 0).
///   EAGAIN     each copy was overtaken: count - 1 frames are published faster than one is copied. `destination` may be
///              filled with anything.
///   EINVAL     not enough room, or NULL.
///
/// Since 0.1.
///
/// # Safety
///
/// `destination` is NULL or `bytes` can be written there; `out` is NULL or as long as its size says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_frames_copy_latest(
    frames: Option<&Frames>,
    newer_than: u64,
    destination: *mut c_void,
    bytes: usize,
    timeout_ns: i64,
    out: *mut shm_frame_t,
) -> c_int {
    guard(|| {
        if destination.is_null() {
            return Err(missing("destination"));
        }
        // SAFETY: not NULL, and the caller's promise.
        let mut room = unsafe { Room::new(destination.cast(), bytes) };
        let copy = |frames: &Frames| frames.copy_latest(newer_than, &mut room, Timeout::from_ns(timeout_ns));
        match out.is_null() {
            true => handle(frames).and_then(copy).map(drop),
            // SAFETY: the caller's promise.
            false => unsafe { fill(frames, out, copy) },
        }
    })
}

/// A descriptor that becomes readable when a frame newer than number `newer_than` is published, and at each one after it:
/// for epoll, asyncio, libuv. See shm_array_notify_fd().
///
/// Read it (8 bytes) first, then acquire or copy with a timeout of 0.
///
/// Returns:
///   EMFILE  each needs two descriptors. EINVAL: NULL.
///
/// Ownership: the caller ends it by shm_notify_close(). When the handle is closed, it is never readable again.
/// Fork:      a child asks for descriptors of its own.
/// Since 0.1.
///
/// # Safety
///
/// `out_fd` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_frames_notify_fd(frames: Option<&Frames>, newer_than: u64, out_fd: *mut c_int) -> c_int {
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out_fd, "out_fd", || notifier::raw(handle(frames)?.notify_fd(newer_than))) })
}

/// What frames look like, and how things stand: for whoever opens them, for people and monitors.
///
/// Returns:
///   EINVAL  NULL, or `out->size` is no size. E2BIG: as in shm_array_view().
///
/// Since 0.1.
///
/// # Safety
///
/// `out` is NULL or as long as its size says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_frames_stat(frames: Option<&Frames>, out: *mut shm_frames_stat_t) -> c_int {
    guard(|| {
        let frames = handle(frames)?;
        // SAFETY: the caller's promise.
        unsafe { records::check(out, "out (shm_frames_stat_t)") }?;
        let stat = frames.stat()?;
        let mut record: shm_frames_stat_t = records::zeroed();
        record.dtype = frames.dtype().as_ptr();
        record.itemsize = frames.itemsize();
        record.frame_bytes = frames.frame_bytes();
        record.latest = stat.latest;
        record.buffers = stat.buffers as u32;
        record.pinned = stat.usage.pinned;
        record.writing = stat.usage.writing;
        record.slots = stat.slots;
        record.ndim = frames.shape().len() as u32;
        record.shape[..frames.shape().len()].copy_from_slice(frames.shape());
        // SAFETY: checked above.
        unsafe { records::write(out, &record) }
    })
}

/// The name, as shm_frames_open() takes it; "" for anonymous memory, NULL for NULL.
///
/// Borrowed from the handle. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn shm_frames_name(frames: Option<&Frames>) -> *const c_char {
    frames.map_or(ptr::null(), |frames| frames.name().as_ptr())
}

/// Take the frames' name away. Who has them open keeps them.
///
/// Returns what shm_array_unlink() returns. Since 0.1.
///
/// # Safety
///
/// `name` is NULL or ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_frames_unlink(name: *const c_char) -> c_int {
    // SAFETY: the caller's promise.
    guard(|| unlink(unsafe { text(name, "name") }?))
}

/// Close a handle: releases what it has acquired, and cancels what it has begun. NULL is fine.
///
/// Since 0.1.
///
/// # Safety
///
/// NULL, or a handle that is not closed yet and that no other thread uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_frames_close(frames: *mut Frames) {
    // SAFETY: the caller's promise.
    unsafe { close(frames) };
}

fn handle(frames: Option<&Frames>) -> Result<&Frames> {
    frames.ok_or_else(|| missing("frames"))
}

/// Tell the caller of a frame.
///
/// # Safety
///
/// `out` is NULL or as long as its size says.
unsafe fn fill(
    frames: Option<&Frames>,
    out: *mut shm_frame_t,
    get: impl FnOnce(&Frames) -> Result<Frame>,
) -> Result<()> {
    let frames = handle(frames)?;
    // Before anything is done that would have to be undone.
    // SAFETY: the caller's promise.
    unsafe { records::check(out, "out (shm_frame_t)") }?;
    let frame = get(frames)?;
    let mut record: shm_frame_t = records::zeroed();
    record.data = frame.data.cast();
    record.bytes = frames.frame_bytes();
    record.number = frame.number;
    record.missed = frame.missed;
    record.buffer = frame.buffer as u32;
    // SAFETY: checked above.
    unsafe { records::write(out, &record) }
}

/// # Safety
///
/// `frame` is NULL or as long as its size says.
unsafe fn buffer_of(frame: *const shm_frame_t) -> Result<usize> {
    if frame.is_null() {
        return Err(missing("frame"));
    }
    // SAFETY: not NULL, and the caller's promise.
    unsafe { records::read(frame, "frame (shm_frame_t)") }.map(|frame| frame.buffer as usize)
}
