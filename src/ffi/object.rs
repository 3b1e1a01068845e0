//! What all objects that are no arrays have in common at the boundary: semaphores, events, queues, ...

use std::ffi::c_int;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use super::{guard, records, refuse_unknown};
use crate::error::{Errno, Error, Result};
use crate::segment::Access;
use crate::segment::object::{self, ObjectOptions};

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

/// Keep an object although nobody may have it open: for one receiver who is still on the way to it.
///
/// What shm_array_lease() is for arrays. `fd` is the object's, from shm_semaphore_fd(), shm_queue_fd() and the like. For at
/// most `duration_ns` nanoseconds neither the last user's close nor shm_array_collect() removes an object that was created
/// with SHM_OBJECT_LAST_CLOSE. Each call counts for one receiver.
///
/// Returns:
///   0       the lease is written into the object, and survives this process.
///   EBADF   `fd` is no open descriptor. EINVAL: `duration_ns` is not in 1 .. 24 hours, or `fd` is no regular file's.
///   EACCES  this process may not write the file (EROFS: nobody may).
///   SHM_ARRAY_ERR_FORMAT, _CORRUPT  `fd` is something else's.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn shm_object_lease(fd: c_int, duration_ns: i64) -> c_int {
    guard(|| {
        let duration = u64::try_from(duration_ns).map(Duration::from_nanos);
        let duration = duration.map_err(|_| Error::invalid(format!("a lease of {duration_ns} ns")))?;
        object::lease(descriptor(fd)?, duration)
    })
}

/// Say that a receiver whom shm_object_lease() was called for has opened the object: from now on he keeps it himself.
///
/// Where no lease is out, nothing happens.
///
/// Returns: as shm_object_lease(). Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn shm_object_arrived(fd: c_int) -> c_int {
    guard(|| object::arrived(descriptor(fd)?))
}

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
