//! What all objects that are no arrays have in common at the boundary: semaphores, events, queues, ...

use std::ffi::c_int;
use std::os::fd::BorrowedFd;

use super::records;
use super::refuse_unknown;
use crate::error::{Errno, Error, Result};
use crate::segment::Access;
use crate::segment::object::ObjectOptions;

/// Open an object to look at it, and to wait.
pub const SHM_OBJECT_READ: u32 = 1;
/// Open an object to take part.
pub const SHM_OBJECT_WRITE: u32 = 2;
/// Create an object that goes when its last user closes it; the default lives until it is unlinked.
pub const SHM_OBJECT_LAST_CLOSE: u32 = 512;
/// Create, or open (SHM_OBJECT_WRITE) what exists of that name, if it is of the same make.
pub const SHM_OBJECT_OR_OPEN: u32 = 1024;
/// Create an object whose wakers also wake, at once, those who opened it for reading: each of their calls then asks the
/// kernel (0.25 us). Without it such waiters look by themselves every 20 ms.
pub const SHM_OBJECT_WAKES_READERS: u32 = 16384;

/// What any object that is no array may be created with. Zero all that is not set; NULL options are all defaults.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct shm_object_options_t {
    /// sizeof(shm_object_options_t).
    pub size: usize,
    /// SHM_OBJECT_LAST_CLOSE, _OR_OPEN, _WAKES_READERS.
    pub flags: u32,
    /// The file's mode bits, whatever the umask is; 0: 0600.
    pub permissions: u32,
    /// How many processes can take part at the same time; 0: 256; at most 1023.
    pub slots: u32,
    /// 0.
    pub reserved: u32,
}

// SAFETY: see the struct.
unsafe impl records::Sized for shm_object_options_t {}

/// The options that C passed; NULL for the defaults.
///
/// # Safety
///
/// NULL, or as long as its size says.
pub(super) unsafe fn options(given: *const shm_object_options_t) -> Result<ObjectOptions> {
    if given.is_null() {
        return Ok(ObjectOptions::default());
    }
    // SAFETY: not NULL, and the caller's promise.
    let given = unsafe { records::read(given, "options (shm_object_options_t)") }?;
    refuse_unknown(given.flags, SHM_OBJECT_LAST_CLOSE | SHM_OBJECT_OR_OPEN | SHM_OBJECT_WAKES_READERS)?;
    if given.reserved != 0 {
        return Err(Error::invalid(format!("options.reserved is {}: zero all that is not set", given.reserved)));
    }
    Ok(ObjectOptions {
        last_close: given.flags & SHM_OBJECT_LAST_CLOSE != 0,
        or_open: given.flags & SHM_OBJECT_OR_OPEN != 0,
        permissions: given.permissions,
        slots: given.slots,
        wakes_readers: given.flags & SHM_OBJECT_WAKES_READERS != 0,
    })
}

/// The access that C asked for.
pub(super) fn access(flags: u32) -> Result<Access> {
    match flags {
        SHM_OBJECT_READ => Ok(Access::Read),
        SHM_OBJECT_WRITE => Ok(Access::Write),
        _ => Err(Error::invalid(format!("flags {flags:#x} are neither SHM_OBJECT_READ nor SHM_OBJECT_WRITE"))),
    }
}

/// A descriptor that C passed, and keeps.
pub(super) fn descriptor<'a>(fd: c_int) -> Result<BorrowedFd<'a>> {
    if fd < 0 {
        return Err(Error::os(Errno::EBADF, format!("{fd} is not a descriptor")));
    }
    // SAFETY: a number that is no open descriptor makes system calls fail with EBADF, and does no harm.
    Ok(unsafe { BorrowedFd::borrow_raw(fd) })
}
