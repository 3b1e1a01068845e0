//! Queues and pipes of the library, through its C functions.

use std::ffi::{c_char, c_int, c_void};
use std::ptr;

use super::Failure;
use super::library::{checked, judged, terminated};

pub(super) const WRITE: u32 = 2;
const OR_OPEN: u32 = 1024;
const SPSC: u32 = 1;
const AGAIN: u32 = 1;
const BOTH_ENDS: u32 = 16 | 32;

#[repr(C)]
pub(super) struct Options {
    size: usize,
    flags: u32,
    permissions: u32,
    slots: u32,
    reserved: u32,
}

pub(super) const OPTIONS: Options =
    Options { size: size_of::<Options>(), flags: OR_OPEN, permissions: 0, slots: 40, reserved: 0 };

#[repr(C)]
struct Handle {
    opaque: [u8; 0],
}

/// As the header has it.
#[repr(C)]
pub struct Message {
    size: usize,
    data: *mut c_void,
    len: usize,
    priority: u32,
    flags: u32,
    token: u64,
}

unsafe extern "C" {
    fn shm_queue_create(
        name: *const c_char,
        capacity: u64,
        message_bytes: u64,
        dtype: *const c_char,
        priorities: u32,
        flags: u32,
        options: *const Options,
        out: *mut *mut Handle,
    ) -> c_int;
    fn shm_queue_open(name: *const c_char, flags: u32, out: *mut *mut Handle) -> c_int;
    fn shm_queue_send(queue: *const Handle, data: *const c_void, len: usize, priority: u32, timeout_ns: i64) -> c_int;
    fn shm_queue_receive(
        queue: *const Handle,
        data: *mut c_void,
        room: usize,
        timeout_ns: i64,
        out: *mut usize,
    ) -> c_int;
    fn shm_queue_reserve(queue: *const Handle, timeout_ns: i64, out: *mut Message) -> c_int;
    fn shm_queue_commit(queue: *const Handle, message: *const Message) -> c_int;
    fn shm_queue_cancel(queue: *const Handle, message: *const Message) -> c_int;
    fn shm_queue_take(queue: *const Handle, timeout_ns: i64, out: *mut Message) -> c_int;
    fn shm_queue_release(queue: *const Handle, message: *const Message) -> c_int;
    fn shm_queue_give_back(queue: *const Handle, message: *const Message) -> c_int;
    fn shm_queue_finish(queue: *const Handle) -> c_int;
    fn shm_queue_close(queue: *mut Handle);
    fn shm_pipe_create(
        name: *const c_char,
        capacity: u64,
        ends: u32,
        options: *const Options,
        out: *mut *mut Handle,
    ) -> c_int;
    fn shm_pipe_open(name: *const c_char, ends: u32, out: *mut *mut Handle) -> c_int;
    fn shm_pipe_write(pipe: *const Handle, data: *const c_void, len: usize, timeout_ns: i64, out: *mut usize) -> c_int;
    fn shm_pipe_read(pipe: *const Handle, data: *mut c_void, room: usize, timeout_ns: i64, out: *mut usize) -> c_int;
    fn shm_pipe_close(pipe: *mut Handle);
}

/// Words of a message: enough for a number, a checksum and some bytes that depend on it.
pub const WORDS: usize = 12;

/// A message of numbers.
pub type Words = [u64; WORDS];

const BYTES: usize = size_of::<Words>();

/// An open queue of [`Words`].
pub struct Queue(*mut Handle);

impl Message {
    fn new() -> Message {
        Message { size: size_of::<Message>(), data: ptr::null_mut(), len: 0, priority: 0, flags: 0, token: 0 }
    }

    /// What is in it. It must have been reserved, or taken, and not let go of.
    pub fn words(&self) -> Words {
        // SAFETY: a block of at least so many bytes, aligned to 64, that is this process's.
        unsafe { self.data.cast::<Words>().read_volatile() }
    }

    /// Fill it. It must have been reserved, and not let go of.
    pub fn fill(&mut self, words: &Words) {
        // SAFETY: as in `words`.
        unsafe { self.data.cast::<Words>().write_volatile(*words) };
        self.len = BYTES;
    }

    /// Somebody had it before.
    pub fn again(&self) -> bool {
        self.flags & AGAIN != 0
    }
}

impl Queue {
    /// Make one, or open it if it is there.
    pub fn create_or_open(name: &str, capacity: u64, single: bool) -> Result<Queue, Failure> {
        let (name, mut handle) = (terminated(name), ptr::null_mut());
        let flags = if single { SPSC } else { 0 };
        // SAFETY: all pointers are to locals that outlive the call.
        checked(unsafe {
            shm_queue_create(name.as_ptr(), capacity, BYTES as u64, ptr::null(), 1, flags, &OPTIONS, &mut handle)
        })?;
        Ok(Queue(handle))
    }

    /// Open it.
    pub fn open(name: &str) -> Result<Queue, Failure> {
        let (name, mut handle) = (terminated(name), ptr::null_mut());
        // SAFETY: both pointers are to locals that outlive the call.
        checked(unsafe { shm_queue_open(name.as_ptr(), WRITE, &mut handle) })?;
        Ok(Queue(handle))
    }

    /// 0 or a code.
    pub fn send(&self, words: &Words, timeout_ns: i64) -> i32 {
        // SAFETY: the handle is open, and so many bytes are there.
        judged(unsafe { shm_queue_send(self.0, words.as_ptr().cast(), BYTES, 0, timeout_ns) })
    }

    /// A copy, or a code.
    pub fn receive(&self, timeout_ns: i64) -> Result<Words, i32> {
        let (mut words, mut len) = ([0; WORDS], 0);
        // SAFETY: the handle is open, and there is room for so many bytes.
        let code = unsafe { shm_queue_receive(self.0, words.as_mut_ptr().cast(), BYTES, timeout_ns, &mut len) };
        if judged(code) == 0 && len == BYTES { Ok(words) } else { Err(code) }
    }

    /// One to fill, or a code.
    pub fn reserve(&self, timeout_ns: i64) -> Result<Message, i32> {
        let mut message = Message::new();
        // SAFETY: the handle is open, and the message says its own size.
        match judged(unsafe { shm_queue_reserve(self.0, timeout_ns, &mut message) }) {
            0 => Ok(message),
            code => Err(code),
        }
    }

    /// One to use, or a code.
    pub fn take(&self, timeout_ns: i64) -> Result<Message, i32> {
        let mut message = Message::new();
        // SAFETY: the handle is open, and the message says its own size.
        match judged(unsafe { shm_queue_take(self.0, timeout_ns, &mut message) }) {
            0 => Ok(message),
            code => Err(code),
        }
    }

    /// 0 or a code.
    pub fn commit(&self, message: &Message) -> i32 {
        // SAFETY: the handle is open, and the message says its own size.
        judged(unsafe { shm_queue_commit(self.0, message) })
    }

    /// 0 or a code.
    pub fn cancel(&self, message: &Message) -> i32 {
        // SAFETY: as above.
        judged(unsafe { shm_queue_cancel(self.0, message) })
    }

    /// 0 or a code.
    pub fn release(&self, message: &Message) -> i32 {
        // SAFETY: as above.
        judged(unsafe { shm_queue_release(self.0, message) })
    }

    /// 0 or a code.
    pub fn give_back(&self, message: &Message) -> i32 {
        // SAFETY: as above.
        judged(unsafe { shm_queue_give_back(self.0, message) })
    }

    /// 0 or a code.
    pub fn finish(&self) -> i32 {
        // SAFETY: the handle is open.
        judged(unsafe { shm_queue_finish(self.0) })
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: the handle is open, and gone with this value.
        unsafe { shm_queue_close(self.0) };
    }
}

/// An open pipe, both ends of it.
pub struct Pipe(*mut Handle);

impl Pipe {
    /// Make one, or open it if it is there.
    pub fn create_or_open(name: &str, capacity: u64) -> Result<Pipe, Failure> {
        let (name, mut handle) = (terminated(name), ptr::null_mut());
        // SAFETY: all pointers are to locals that outlive the call.
        checked(unsafe { shm_pipe_create(name.as_ptr(), capacity, BOTH_ENDS, &OPTIONS, &mut handle) })?;
        Ok(Pipe(handle))
    }

    /// Open it.
    pub fn open(name: &str) -> Result<Pipe, Failure> {
        let (name, mut handle) = (terminated(name), ptr::null_mut());
        // SAFETY: both pointers are to locals that outlive the call.
        checked(unsafe { shm_pipe_open(name.as_ptr(), BOTH_ENDS, &mut handle) })?;
        Ok(Pipe(handle))
    }

    /// How many, or a code.
    pub fn write(&self, bytes: &[u8], timeout_ns: i64) -> Result<usize, i32> {
        let mut count = 0;
        // SAFETY: the handle is open, and so many bytes are there.
        match judged(unsafe { shm_pipe_write(self.0, bytes.as_ptr().cast(), bytes.len(), timeout_ns, &mut count) }) {
            0 => Ok(count),
            code => Err(code),
        }
    }

    /// How many, or a code.
    pub fn read(&self, bytes: &mut [u8], timeout_ns: i64) -> Result<usize, i32> {
        let mut count = 0;
        // SAFETY: the handle is open, and there is room for so many bytes.
        match judged(unsafe { shm_pipe_read(self.0, bytes.as_mut_ptr().cast(), bytes.len(), timeout_ns, &mut count) }) {
            0 => Ok(count),
            code => Err(code),
        }
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        // SAFETY: the handle is open, and gone with this value.
        unsafe { shm_pipe_close(self.0) };
    }
}
