//! The library's frames, through its C functions; declared by hand as in `library`.

use std::ffi::{c_char, c_int, c_void};
use std::ptr;
use std::sync::atomic::AtomicU64;

use super::Failure;
use super::library::{checked, judged, terminated};

const READ: u32 = 1;
const WRITE: u32 = 2;

/// One frame, as the library tells of it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Frame {
    size: usize,
    data: *mut c_void,
    bytes: u64,
    /// Its number.
    pub number: u64,
    /// How many were missed before it.
    pub missed: u64,
    buffer: u32,
    reserved: u32,
}

impl Frame {
    fn none() -> Frame {
        let (size, data) = (size_of::<Frame>(), ptr::null_mut());
        Frame { size, data, bytes: 0, number: 0, missed: 0, buffer: 0, reserved: 0 }
    }

    /// What is in it, for as long as it is pinned or being filled.
    pub fn elements(&self) -> &[AtomicU64] {
        // SAFETY: the library says that so many bytes are mapped here; they stay until the handle is closed.
        unsafe { std::slice::from_raw_parts(self.data.cast(), self.bytes as usize / 8) }
    }
}

#[repr(C)]
struct Stat {
    size: usize,
    dtype: *const c_char,
    itemsize: u64,
    frame_bytes: u64,
    latest: u64,
    buffers: u32,
    pinned: u32,
    writing: u32,
}

#[repr(C)]
struct Handle {
    opaque: [u8; 0],
}

unsafe extern "C" {
    fn shm_frames_create(
        name: *const c_char,
        dtype: *const c_char,
        ndim: usize,
        shape: *const u64,
        count: u32,
        options: *const c_void,
        out: *mut *mut Handle,
    ) -> c_int;
    fn shm_frames_open(name: *const c_char, flags: u32, out: *mut *mut Handle) -> c_int;
    fn shm_frames_begin_write(frames: *const Handle, out: *mut Frame) -> c_int;
    fn shm_frames_publish(frames: *const Handle, frame: *const Frame, out_number: *mut u64) -> c_int;
    fn shm_frames_cancel(frames: *const Handle, frame: *const Frame) -> c_int;
    fn shm_frames_acquire(frames: *const Handle, newer_than: u64, timeout_ns: i64, out: *mut Frame) -> c_int;
    fn shm_frames_release(frames: *const Handle, frame: *const Frame) -> c_int;
    fn shm_frames_copy_latest(
        frames: *const Handle,
        newer_than: u64,
        destination: *mut c_void,
        bytes: usize,
        timeout_ns: i64,
        out: *mut Frame,
    ) -> c_int;
    fn shm_frames_stat(frames: *const Handle, out: *mut Stat) -> c_int;
    fn shm_frames_close(frames: *mut Handle);
}

/// Frames of u64.
pub struct Frames(*mut Handle);

impl Frames {
    /// Create them.
    pub fn create(name: &str, length: u64, count: u32) -> Result<Frames, Failure> {
        let (name, mut handle, dtype) = (terminated(name), ptr::null_mut(), c"<u8".as_ptr());
        // SAFETY: all pointers are to locals that outlive the call; the shape has one axis as said.
        checked(unsafe { shm_frames_create(name.as_ptr(), dtype, 1, &length, count, ptr::null(), &mut handle) })?;
        Ok(Frames(handle))
    }

    /// Open them, to take part or to look only.
    pub fn open(name: &str, writes: bool) -> Result<Frames, Failure> {
        let (name, mut handle) = (terminated(name), ptr::null_mut());
        let flags = if writes { WRITE } else { READ };
        // SAFETY: both pointers are to locals that outlive the call.
        checked(unsafe { shm_frames_open(name.as_ptr(), flags, &mut handle) })?;
        Ok(Frames(handle))
    }

    /// Take a buffer to fill.
    pub fn begin(&self) -> Result<Frame, Failure> {
        let mut frame = Frame::none();
        // SAFETY: the handle is open, and the frame says its size.
        checked(unsafe { shm_frames_begin_write(self.0, &mut frame) }).map(|()| frame)
    }

    /// 0 or a code.
    pub fn publish(&self, frame: &Frame) -> i32 {
        // SAFETY: the handle is open, and the frame says its size.
        judged(unsafe { shm_frames_publish(self.0, frame, ptr::null_mut()) })
    }

    /// 0 or a code.
    pub fn cancel(&self, frame: &Frame) -> i32 {
        // SAFETY: as above.
        judged(unsafe { shm_frames_cancel(self.0, frame) })
    }

    /// Pin the latest frame.
    pub fn acquire(&self, newer_than: u64, timeout_ns: i64) -> Result<Frame, Failure> {
        let mut frame = Frame::none();
        // SAFETY: as above.
        checked(unsafe { shm_frames_acquire(self.0, newer_than, timeout_ns, &mut frame) }).map(|()| frame)
    }

    /// 0 or a code.
    pub fn release(&self, frame: &Frame) -> i32 {
        // SAFETY: as above.
        judged(unsafe { shm_frames_release(self.0, frame) })
    }

    /// Copy the latest frame.
    pub fn copy(&self, newer_than: u64, copy: &mut [u64], timeout_ns: i64) -> Result<Frame, Failure> {
        let mut frame = Frame::none();
        let (bytes, to) = (size_of_val(copy), copy.as_mut_ptr().cast());
        // SAFETY: the handle is open, the frame says its size, and there is room for so many bytes.
        checked(unsafe { shm_frames_copy_latest(self.0, newer_than, to, bytes, timeout_ns, &mut frame) })
            .map(|()| frame)
    }

    /// How many buffers are pinned, and how many are being filled.
    pub fn usage(&self) -> Result<(u32, u32), Failure> {
        let (size, dtype) = (size_of::<Stat>(), ptr::null());
        let mut stat = Stat { size, dtype, itemsize: 0, frame_bytes: 0, latest: 0, buffers: 0, pinned: 0, writing: 0 };
        // SAFETY: the handle is open, and `stat` says its size.
        checked(unsafe { shm_frames_stat(self.0, &mut stat) })?;
        Ok((stat.pinned, stat.writing))
    }
}

impl Drop for Frames {
    fn drop(&mut self) {
        // SAFETY: the handle is open, and gone with this value.
        unsafe { shm_frames_close(self.0) };
    }
}
