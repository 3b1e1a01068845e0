//! Topics of the library, through its C functions.

use std::ffi::{c_char, c_int, c_void};
use std::ptr;

use super::Failure;
use super::channels::{OPTIONS, Options, WORDS, WRITE, Words};
use super::library::{checked, judged, terminated};

const KEEP: u32 = 1;
const BYTES: usize = size_of::<Words>();

#[repr(C)]
struct Handle {
    opaque: [u8; 0],
}

/// As the header has it.
#[repr(C)]
struct Stat {
    size: usize,
    id: [u8; 16],
    capacity: u64,
    message_bytes: u64,
    itemsize: u64,
    published: u64,
    behind: u64,
    file_bytes: u64,
    created_ns: i64,
    creator_pid: u32,
    flags: u32,
    subscribers: u32,
    reserved: u32,
}

unsafe extern "C" {
    fn shm_topic_create(
        name: *const c_char,
        capacity: u64,
        message_bytes: u64,
        dtype: *const c_char,
        flags: u32,
        options: *const Options,
        out: *mut *mut Handle,
    ) -> c_int;
    fn shm_topic_open(name: *const c_char, flags: u32, out: *mut *mut Handle) -> c_int;
    fn shm_topic_publish(topic: *const Handle, data: *const c_void, len: usize, timeout_ns: i64) -> c_int;
    fn shm_topic_subscribe(topic: *const Handle, timeout_ns: i64) -> c_int;
    fn shm_topic_receive(
        topic: *const Handle,
        data: *mut c_void,
        room: usize,
        timeout_ns: i64,
        out_len: *mut usize,
        out_lost: *mut u64,
    ) -> c_int;
    fn shm_topic_stat(topic: *const Handle, out: *mut Stat) -> c_int;
    fn shm_topic_close(topic: *mut Handle);
}

/// An open topic of [`Words`].
pub struct Topic(*mut Handle);

impl Topic {
    /// Make one, or open it if it is there. `keep`: publishers wait for slow subscribers.
    pub fn create_or_open(name: &str, capacity: u64, keep: bool) -> Result<Topic, Failure> {
        let (name, mut handle) = (terminated(name), ptr::null_mut());
        let flags = if keep { KEEP } else { 0 };
        // SAFETY: all pointers are to locals that outlive the call.
        checked(unsafe {
            shm_topic_create(name.as_ptr(), capacity, BYTES as u64, ptr::null(), flags, &OPTIONS, &mut handle)
        })?;
        Ok(Topic(handle))
    }

    /// Open it.
    pub fn open(name: &str) -> Result<Topic, Failure> {
        let (name, mut handle) = (terminated(name), ptr::null_mut());
        // SAFETY: both pointers are to locals that outlive the call.
        checked(unsafe { shm_topic_open(name.as_ptr(), WRITE, &mut handle) })?;
        Ok(Topic(handle))
    }

    /// 0 or a code.
    pub fn publish(&self, words: &Words, timeout_ns: i64) -> i32 {
        // SAFETY: the handle is open, and so many bytes are there.
        judged(unsafe { shm_topic_publish(self.0, words.as_ptr().cast(), BYTES, timeout_ns) })
    }

    /// 0 or a code.
    pub fn subscribe(&self, timeout_ns: i64) -> i32 {
        // SAFETY: the handle is open.
        judged(unsafe { shm_topic_subscribe(self.0, timeout_ns) })
    }

    /// A copy, and how many were lost before it; or a code.
    pub fn receive(&self, timeout_ns: i64) -> Result<(Words, u64), i32> {
        let (mut words, mut len, mut lost) = ([0; WORDS], 0, 0);
        // SAFETY: the handle is open, and there is room for so many bytes.
        let code =
            unsafe { shm_topic_receive(self.0, words.as_mut_ptr().cast(), BYTES, timeout_ns, &mut len, &mut lost) };
        match judged(code) {
            0 if len == BYTES => Ok((words, lost)),
            0 => Err(libc::EILSEQ),
            code => Err(code),
        }
    }

    /// Messages since the beginning, or a code.
    pub fn published(&self) -> Result<u64, i32> {
        // SAFETY: numbers, for all of which zero is a value.
        let mut stat: Stat = unsafe { std::mem::zeroed() };
        stat.size = size_of::<Stat>();
        // SAFETY: the handle is open, and the record says its own size.
        match judged(unsafe { shm_topic_stat(self.0, &mut stat) }) {
            0 => Ok(stat.published),
            code => Err(code),
        }
    }
}

impl Drop for Topic {
    fn drop(&mut self) {
        // SAFETY: the handle is open, and gone with this value.
        unsafe { shm_topic_close(self.0) };
    }
}
