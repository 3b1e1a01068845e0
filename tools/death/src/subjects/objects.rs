//! Semaphores, events and barriers of the library, through its C functions.

use std::ffi::{c_char, c_int};
use std::os::fd::{FromRawFd, OwnedFd};
use std::ptr;

use super::Failure;
use super::library::{checked, judged, terminated};

const OR_OPEN: u32 = 1024;
const OWNED: u32 = 2;
const SIGNALLING: u32 = 1;
const ANY: u32 = 1;
const CONSUME: u32 = 4;

#[repr(C)]
struct Options {
    size: usize,
    flags: u32,
    permissions: u32,
    slots: u32,
    reserved: u32,
}

const OPTIONS: Options = Options { size: size_of::<Options>(), flags: OR_OPEN, permissions: 0, slots: 40, reserved: 0 };

#[repr(C)]
struct Handle {
    opaque: [u8; 0],
}

/// As the header has it, as far as it is used.
#[repr(C)]
#[derive(Default)]
struct EventStat {
    size: usize,
    bits: u64,
}

/// As the header has it, as far as it is used.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct BarrierStat {
    size: usize,
    /// Meetings that have ended.
    pub phase: u64,
    /// How many have to come.
    pub participants: u32,
    /// How many have come.
    pub arrived: u32,
    /// A participant died.
    pub broken: u32,
    /// Living participants.
    pub members: u32,
}

unsafe extern "C" {
    fn shm_semaphore_create(
        name: *const c_char,
        kind: u32,
        value: u32,
        options: *const Options,
        out: *mut *mut Handle,
    ) -> c_int;
    fn shm_semaphore_wait(semaphore: *const Handle, timeout_ns: i64) -> c_int;
    fn shm_semaphore_post(semaphore: *const Handle, n: u32) -> c_int;
    fn shm_semaphore_value(semaphore: *const Handle, out: *mut u32) -> c_int;
    fn shm_semaphore_close(semaphore: *mut Handle);
    fn shm_event_create(
        name: *const c_char,
        bit_names: *const *const c_char,
        count: usize,
        options: *const Options,
        out: *mut *mut Handle,
    ) -> c_int;
    fn shm_event_set(event: *const Handle, bits: u64) -> c_int;
    fn shm_event_clear(event: *const Handle, bits: u64) -> c_int;
    fn shm_event_pulse(event: *const Handle, bits: u64) -> c_int;
    fn shm_event_wait(event: *const Handle, mask: u64, flags: u32, timeout_ns: i64, out_bits: *mut u64) -> c_int;
    fn shm_event_stat(event: *const Handle, out: *mut EventStat) -> c_int;
    fn shm_event_notify_fd(event: *const Handle, mask: u64, flags: u32, out_fd: *mut c_int) -> c_int;
    fn shm_event_close(event: *mut Handle);
    fn shm_barrier_create(
        name: *const c_char,
        participants: u32,
        options: *const Options,
        out: *mut *mut Handle,
    ) -> c_int;
    fn shm_barrier_join(barrier: *const Handle) -> c_int;
    fn shm_barrier_wait(barrier: *const Handle, timeout_ns: i64, out_index: *mut u32) -> c_int;
    fn shm_barrier_reset(barrier: *const Handle) -> c_int;
    fn shm_barrier_stat(barrier: *const Handle, out: *mut BarrierStat) -> c_int;
    fn shm_barrier_close(barrier: *mut Handle);
}

/// A counting semaphore.
pub struct Semaphore(*mut Handle);

impl Semaphore {
    /// Make it, or open it: so many permits that are owned.
    pub fn owned(name: &str, limit: u32) -> Result<Semaphore, Failure> {
        Semaphore::create(name, OWNED, limit)
    }

    /// Make it, or open it: a count from 0.
    pub fn signalling(name: &str) -> Result<Semaphore, Failure> {
        Semaphore::create(name, SIGNALLING, 0)
    }

    fn create(name: &str, kind: u32, value: u32) -> Result<Semaphore, Failure> {
        let (name, mut handle) = (terminated(name), ptr::null_mut());
        // SAFETY: all pointers are to what outlives the call.
        checked(unsafe { shm_semaphore_create(name.as_ptr(), kind, value, &OPTIONS, &mut handle) })?;
        Ok(Semaphore(handle))
    }

    /// 0 or a code.
    pub fn wait(&self, timeout_ns: i64) -> i32 {
        // SAFETY: the handle is open.
        judged(unsafe { shm_semaphore_wait(self.0, timeout_ns) })
    }

    /// 0 or a code.
    pub fn post(&self, n: u32) -> i32 {
        // SAFETY: the handle is open.
        judged(unsafe { shm_semaphore_post(self.0, n) })
    }

    /// What can be taken.
    pub fn value(&self) -> Result<u32, Failure> {
        let mut value = 0;
        // SAFETY: the handle is open, and `value` outlives the call.
        checked(unsafe { shm_semaphore_value(self.0, &mut value) }).map(|()| value)
    }
}

impl Drop for Semaphore {
    fn drop(&mut self) {
        // SAFETY: the handle is open, and gone with this value.
        unsafe { shm_semaphore_close(self.0) };
    }
}

/// 64 bits.
pub struct Event(*mut Handle);

impl Event {
    /// Make it, or open it.
    pub fn create(name: &str) -> Result<Event, Failure> {
        let (name, mut handle) = (terminated(name), ptr::null_mut());
        // SAFETY: all pointers are to what outlives the call.
        checked(unsafe { shm_event_create(name.as_ptr(), ptr::null(), 0, &OPTIONS, &mut handle) })?;
        Ok(Event(handle))
    }

    /// 0 or a code.
    pub fn set(&self, bits: u64) -> i32 {
        // SAFETY: the handle is open.
        judged(unsafe { shm_event_set(self.0, bits) })
    }

    /// 0 or a code.
    pub fn clear(&self, bits: u64) -> i32 {
        // SAFETY: the handle is open.
        judged(unsafe { shm_event_clear(self.0, bits) })
    }

    /// 0 or a code.
    pub fn pulse(&self, bits: u64) -> i32 {
        // SAFETY: the handle is open.
        judged(unsafe { shm_event_pulse(self.0, bits) })
    }

    /// Wait for one of these, and leave them: 0 or a code.
    pub fn wait(&self, mask: u64, timeout_ns: i64) -> i32 {
        // SAFETY: the handle is open; nothing is to be written.
        judged(unsafe { shm_event_wait(self.0, mask, ANY, timeout_ns, ptr::null_mut()) })
    }

    /// Wait for one of these, and clear what came: 0 or a code.
    pub fn consume(&self, mask: u64, timeout_ns: i64) -> i32 {
        // SAFETY: the handle is open; nothing is to be written.
        judged(unsafe { shm_event_wait(self.0, mask, ANY | CONSUME, timeout_ns, ptr::null_mut()) })
    }

    /// What is set.
    pub fn bits(&self) -> Result<u64, Failure> {
        let mut stat = EventStat { size: size_of::<EventStat>(), bits: 0 };
        // SAFETY: the handle is open, and `stat` says its own size.
        checked(unsafe { shm_event_stat(self.0, &mut stat) }).map(|()| stat.bits)
    }

    /// A descriptor that becomes readable when one of these is set. It is only closed: the handle ends the watch.
    pub fn notify_fd(&self, mask: u64) -> Result<OwnedFd, Failure> {
        let mut fd = -1;
        // SAFETY: the handle is open, and `fd` outlives the call.
        checked(unsafe { shm_event_notify_fd(self.0, mask, ANY, &mut fd) })?;
        // SAFETY: the descriptor is ours, and of nobody else.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: the handle is open, and gone with this value.
        unsafe { shm_event_close(self.0) };
    }
}

/// A meeting point.
pub struct Barrier(*mut Handle);

// SAFETY: the library lets any thread use a handle.
unsafe impl Send for Barrier {}
// SAFETY: and several at once; only closing wants to be alone, as a drop is.
unsafe impl Sync for Barrier {}

impl Barrier {
    /// Make it, or open it.
    pub fn create(name: &str, participants: u32) -> Result<Barrier, Failure> {
        let (name, mut handle) = (terminated(name), ptr::null_mut());
        // SAFETY: all pointers are to what outlives the call.
        checked(unsafe { shm_barrier_create(name.as_ptr(), participants, &OPTIONS, &mut handle) })?;
        Ok(Barrier(handle))
    }

    /// 0 or a code.
    pub fn join(&self) -> i32 {
        // SAFETY: the handle is open.
        judged(unsafe { shm_barrier_join(self.0) })
    }

    /// 0 or a code.
    pub fn wait(&self, timeout_ns: i64) -> i32 {
        // SAFETY: the handle is open; nothing is to be written.
        judged(unsafe { shm_barrier_wait(self.0, timeout_ns, ptr::null_mut()) })
    }

    /// 0 or a code.
    pub fn reset(&self) -> i32 {
        // SAFETY: the handle is open.
        judged(unsafe { shm_barrier_reset(self.0) })
    }

    /// How it stands.
    pub fn stat(&self) -> Result<BarrierStat, Failure> {
        let mut stat = BarrierStat { size: size_of::<BarrierStat>(), ..BarrierStat::default() };
        // SAFETY: the handle is open, and `stat` says its own size.
        checked(unsafe { shm_barrier_stat(self.0, &mut stat) }).map(|()| stat)
    }
}

impl Drop for Barrier {
    fn drop(&mut self) {
        // SAFETY: the handle is open, and gone with this value.
        unsafe { shm_barrier_close(self.0) };
    }
}
