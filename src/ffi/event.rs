//! `shm_event_*`: one exported function a method of [`Event`].

use std::ffi::{CStr, c_char, c_int};
use std::os::fd::IntoRawFd;
use std::ptr;

use super::object::{self, access, descriptor, shm_object_options_t};
use super::{boxed, close, guard, missing, numbers, optional_text, put, records, text};
use crate::error::{Error, Result};
use crate::os::name::Place;
use crate::os::time::Timeout;
use crate::segment::remove;
use crate::sync::event::{Event, Until};
use crate::sync::notifier;

/// Wait until one bit of the mask is set, at least.
pub const SHM_EVENT_ANY: u32 = 1;
/// Wait until every bit of the mask is set.
pub const SHM_EVENT_ALL: u32 = 2;
/// With one of these: clear the bits that ended the wait, in the same instant; of several waiters one gets them.
pub const SHM_EVENT_CONSUME: u32 = 4;
/// Bytes of a bit's name, with the zero at its end.
pub const SHM_EVENT_NAME_ROOM: u32 = 32;

/// What is going on at an event.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct shm_event_stat_t {
    /// sizeof(shm_event_stat_t), set by the caller.
    pub size: usize,
    /// What is set.
    pub bits: u64,
    /// Completed sets and pulses, since it was made.
    pub generation: u64,
    /// The bits that can be set: those with names, or all where none has one.
    pub usable: u64,
}

// SAFETY: see the struct.
unsafe impl records::Sized for shm_event_stat_t {}

fn handle(event: Option<&Event>) -> Result<&Event> {
    event.ok_or_else(|| missing("event"))
}

fn until(flags: u32) -> Result<Until> {
    match flags {
        SHM_EVENT_ANY => Ok(Until::Any),
        SHM_EVENT_ALL => Ok(Until::All),
        _ => Err(Error::invalid(format!("flags {flags:#x} are neither SHM_EVENT_ANY nor SHM_EVENT_ALL"))),
    }
}

/// Create an event of 64 bits, none of them set, and open it for taking part.
///
/// `bit_names` are `count` names for the lowest bits, each of 1 to 31 bytes; the others cannot be used then. NULL and 0:
/// no names, and all 64 can be used. `name` is as in shm_array_create(), NULL for anonymous memory.
///
/// Returns:
///   0       `*out` is the event.
///   EEXIST  the name is taken; with SHM_OBJECT_OR_OPEN: by an event with other bit names.
///   EINVAL  a bad name, bit name or option, more than 64 bit names, or `out` is NULL.
///   and what shm_array_create() returns.
///
/// Ownership: the caller closes `*out`.
/// Since 0.1.
///
/// # Safety
///
/// Strings end in NUL; `bit_names` has `count`; `options` is NULL or as long as its size says; `out` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_event_create(
    name: *const c_char,
    bit_names: *const *const c_char,
    count: usize,
    options: *const shm_object_options_t,
    out: *mut *mut Event,
) -> c_int {
    let create = || {
        // SAFETY: the caller's promise.
        let (name, options) = unsafe { (optional_text(name, "name")?, object::options(options)?) };
        if count > 64 {
            return Err(Error::invalid(format!("{count} bit names; an event has 64 bits")));
        }
        let given = match count {
            0 => &[],
            // SAFETY: the caller's promise.
            _ => unsafe { numbers(bit_names, count) }.ok_or_else(|| missing("bit_names"))?,
        };
        // SAFETY: the caller's promise.
        let names: Result<Vec<&str>> = given.iter().map(|name| unsafe { text(*name, "a bit name") }).collect();
        boxed(Event::create(name, &names?, &options))
    };
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out, "out", create) })
}

/// Open an event that exists: SHM_OBJECT_WRITE to set and clear, SHM_OBJECT_READ to look and to wait.
///
/// Returns:
///   ENOENT  there is none of that name. EACCES, EMFILE: as said.
///   EINVAL  a bad name or flag, or NULL.
///   SHM_ARRAY_ERR_FORMAT  what has that name is no event; _CORRUPT, _VERSION: as said.
///
/// Ownership: the caller closes `*out`.
/// Since 0.1.
///
/// # Safety
///
/// `name` is NULL or ends in NUL; `out` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_event_open(name: *const c_char, flags: u32, out: *mut *mut Event) -> c_int {
    // SAFETY: the caller's promise.
    let open = || unsafe { boxed(Event::open(text(name, "name")?, access(flags)?)) };
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out, "out", open) })
}

/// Open the event that a descriptor stands for, from shm_event_fd() in another process.
///
/// Returns:
///   EBADF   `fd` is no open descriptor.
///   and what shm_event_open() returns.
///
/// Ownership: `fd` stays the caller's; the caller closes `*out`.
/// Since 0.1.
///
/// # Safety
///
/// `out` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_event_open_fd(fd: c_int, flags: u32, out: *mut *mut Event) -> c_int {
    let open = || boxed(Event::open_fd(descriptor(fd)?, access(flags)?));
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out, "out", open) })
}

/// A descriptor of the event, for another process. (For one that becomes readable: shm_event_notify_fd().)
///
/// Returns:
///   EMFILE  too many descriptors. EINVAL: NULL.
///
/// Ownership: the caller closes `*out_fd`, which is close-on-exec.
/// Since 0.1.
///
/// # Safety
///
/// `event` is NULL or open; `out_fd` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_event_fd(event: Option<&Event>, out_fd: *mut c_int) -> c_int {
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out_fd, "out_fd", || Ok(handle(event)?.object().fd()?.into_raw_fd())) })
}

/// The bit of that name.
///
/// Returns:
///   ENOENT  no bit has that name; the words list those there are.
///   EINVAL  NULL.
///
/// Since 0.1.
///
/// # Safety
///
/// `event` is NULL or open; `name` is NULL or ends in NUL; `out_bit` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_event_bit(event: Option<&Event>, name: *const c_char, out_bit: *mut u64) -> c_int {
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out_bit, "out_bit", || handle(event)?.bit(text(name, "name")?)) })
}

/// The name of the bit 1 << `index`; NULL where it has none.
///
/// Borrowed from the handle. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn shm_event_bit_name(event: Option<&Event>, index: u32) -> *const c_char {
    event.and_then(|event| event.bit_name(index as usize)).map_or(ptr::null(), CStr::as_ptr)
}

/// Set bits, and wake all who wait for them. They stay set until they are cleared or consumed.
///
/// Returns:
///   EACCES  opened with SHM_OBJECT_READ.
///   EINVAL  NULL, no bit at all, or one without a name in an event with names.
///
/// Memory: what was written before is visible after the wait that this ends.
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn shm_event_set(event: Option<&Event>, bits: u64) -> c_int {
    guard(|| handle(event)?.set(bits))
}

/// Clear bits.
///
/// Returns:
///   what shm_event_set() returns.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn shm_event_clear(event: Option<&Event>, bits: u64) -> c_int {
    guard(|| handle(event)?.clear(bits).map(drop))
}

/// Reach all who wait for these bits at this moment, and nobody who comes later: nothing stays set.
///
/// Returns:
///   what shm_event_set() returns.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn shm_event_pulse(event: Option<&Event>, bits: u64) -> c_int {
    guard(|| handle(event)?.pulse(bits))
}

/// Wait at most `timeout_ns` nanoseconds for bits of `mask`. A negative timeout waits for ever; 0 only looks.
///
/// `flags` is SHM_EVENT_ANY or SHM_EVENT_ALL, and perhaps SHM_EVENT_CONSUME. A bit that is set and cleared again before a
/// waiter looks is not seen: to reach those who wait, pulse.
///
/// Returns:
///   0          `*out_bits`, unless that is NULL, has the bits of the mask that came.
///   ETIMEDOUT  not in time (EBUSY where the timeout was 0).
///   EACCES     SHM_EVENT_CONSUME, and opened with SHM_OBJECT_READ.
///   EINVAL     NULL, a bad flag, no bit at all, or one without a name in an event with names.
///
/// Threads: any number may wait.
/// Latency: who opened it with SHM_OBJECT_READ looks every 20 ms, or is woken at once where the event was made with
///          SHM_OBJECT_WAKES_READERS. A setter that is killed half way delays a waiter by at most as much.
/// Since 0.1.
///
/// # Safety
///
/// `event` is NULL or open; `out_bits` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_event_wait(
    event: Option<&Event>,
    mask: u64,
    flags: u32,
    timeout_ns: i64,
    out_bits: *mut u64,
) -> c_int {
    guard(|| {
        let event = handle(event)?;
        let until = until(flags & !SHM_EVENT_CONSUME)?;
        let came = event.wait(mask, until, flags & SHM_EVENT_CONSUME != 0, Timeout::from_ns(timeout_ns))?;
        if !out_bits.is_null() {
            // SAFETY: the caller's promise.
            unsafe { out_bits.write(came) };
        }
        Ok(())
    })
}

/// A descriptor that becomes readable when bits of `mask` are set (any, or all of them: `flags`), or, with SHM_EVENT_ANY,
/// pulsed. For epoll, asyncio, libuv.
///
/// Read it (8 bytes) first, then wait with a timeout of 0 until there is nothing. It says that something came, not that
/// something is left: another may have consumed it. See shm_array_notify_fd().
///
/// Returns:
///   EMFILE  each needs two descriptors. EINVAL: NULL, a bad flag, or bits as in shm_event_wait().
///
/// Ownership: the caller ends it by shm_notify_close(). When the handle is closed, it is never readable again.
/// Since 0.1.
///
/// # Safety
///
/// `event` is NULL or open; `out_fd` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_event_notify_fd(
    event: Option<&Event>,
    mask: u64,
    flags: u32,
    out_fd: *mut c_int,
) -> c_int {
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out_fd, "out_fd", || notifier::raw(handle(event)?.notify_fd(mask, until(flags)?))) })
}

/// What is set, and how often something was.
///
/// Returns:
///   EINVAL  NULL, or `out->size` is no size. E2BIG: as in shm_array_view().
///
/// Since 0.1.
///
/// # Safety
///
/// `event` is NULL or open; `out` is NULL or as long as its size says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_event_stat(event: Option<&Event>, out: *mut shm_event_stat_t) -> c_int {
    guard(|| {
        let event = handle(event)?;
        // SAFETY: the caller's promise.
        unsafe { records::check(out, "out (shm_event_stat_t)") }?;
        let stat = event.stat();
        let mut record: shm_event_stat_t = records::zeroed();
        (record.bits, record.generation, record.usable) = (stat.bits, stat.generation, stat.usable);
        // SAFETY: checked above.
        unsafe { records::write(out, &record) }
    })
}

/// The name, as shm_event_open() takes it; "" for anonymous memory, NULL for NULL.
///
/// Borrowed from the handle. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn shm_event_name(event: Option<&Event>) -> *const c_char {
    event.map_or(ptr::null(), |event| event.object().name().as_ptr())
}

/// Take an event's name away. Who has it open keeps it.
///
/// Returns:
///   ENOENT  there is none of that name. EACCES, EPERM: it is another user's.
///   EINVAL  a bad name, or NULL.
///
/// Since 0.1.
///
/// # Safety
///
/// `name` is NULL or ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_event_unlink(name: *const c_char) -> c_int {
    // SAFETY: the caller's promise.
    guard(|| remove::unlink(&Place::find(unsafe { text(name, "name") }?)?, None))
}

/// Close a handle. NULL is fine.
///
/// Since 0.1.
///
/// # Safety
///
/// NULL, or a handle that is not closed yet and that no other thread uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_event_close(event: *mut Event) {
    // SAFETY: the caller's promise.
    unsafe { close(event) };
}
