//! How an array is to be made, and opened: the flags of C.

use super::refuse_unknown;
use crate::array::options::OpenFlags;
use crate::error::{Error, Result};
use crate::segment::Access;
use crate::segment::birth::Readiness;

/// Open for loads only: a store is a SIGSEGV.
pub const SHM_ARRAY_READ: u32 = 1;
/// Open for loads and stores that everybody sees.
pub const SHM_ARRAY_WRITE: u32 = 2;
/// Open for loads, and for stores that stay in this process.
pub const SHM_ARRAY_COPY_ON_WRITE: u32 = 4;
/// Map only: keep no descriptor, have no lock. For opening and creating.
pub const SHM_ARRAY_UNTRACKED: u32 = 8;
/// With SHM_ARRAY_WRITE: make a shared array of an ordinary .npy file.
pub const SHM_ARRAY_ADOPT: u32 = 16;
/// Map every page in advance, so that no touch is a page fault. For opening and creating.
pub const SHM_ARRAY_POPULATE: u32 = 32;
/// Keep every page in memory (mlock), as far as RLIMIT_MEMLOCK allows. For opening and creating.
pub const SHM_ARRAY_MLOCK: u32 = 64;
/// Create with the first axis fastest.
pub const SHM_ARRAY_FORTRAN: u32 = 256;
/// Create an array that goes when its last user closes it; the default lives until it is unlinked.
pub const SHM_ARRAY_LAST_CLOSE: u32 = 512;
/// Create, or open (SHM_ARRAY_WRITE) what exists with the same dtype, shape and order.
pub const SHM_ARRAY_OR_OPEN: u32 = 1024;
/// Create without reserving memory, for sparse data. A touch when memory has run out is a SIGBUS, as with plain mmap.
pub const SHM_ARRAY_LAZY: u32 = 2048;
/// Create with all memory reserved, but cleared only when it is touched; the default clears it at once where that gives
/// huge pages.
pub const SHM_ARRAY_RESERVE: u32 = 4096;
/// Create without the name, in memory that travels by descriptor, where /dev/shm has no room for it.
pub const SHM_ARRAY_UNNAMED: u32 = 8192;
/// Create an array whose writers also wake, at once, those who opened it for reading and wait for a write: each unlock
/// then asks the kernel (0.25 us). Without it such waiters look by themselves every 20 ms.
pub const SHM_ARRAY_WAKES_READERS: u32 = 16384;

/// How C asks for an array to be opened.
pub(super) fn open_flags(flags: u32) -> Result<OpenFlags> {
    const ACCESS: u32 = SHM_ARRAY_READ | SHM_ARRAY_WRITE | SHM_ARRAY_COPY_ON_WRITE;
    refuse_unknown(flags, ACCESS | SHM_ARRAY_UNTRACKED | SHM_ARRAY_ADOPT | SHM_ARRAY_POPULATE | SHM_ARRAY_MLOCK)?;
    let access = match flags & ACCESS {
        SHM_ARRAY_READ => Access::Read,
        SHM_ARRAY_WRITE => Access::Write,
        SHM_ARRAY_COPY_ON_WRITE => Access::CopyOnWrite,
        _ => {
            return Err(Error::invalid(format!(
                "flags {flags:#x} need exactly one of SHM_ARRAY_READ, SHM_ARRAY_WRITE, SHM_ARRAY_COPY_ON_WRITE"
            )));
        }
    };
    Ok(OpenFlags {
        access,
        untracked: flags & SHM_ARRAY_UNTRACKED != 0,
        adopt: flags & SHM_ARRAY_ADOPT != 0,
        readiness: readiness(flags),
    })
}

/// Whether its pages are to be there in advance.
pub(super) fn readiness(flags: u32) -> Readiness {
    Readiness { populate: flags & SHM_ARRAY_POPULATE != 0, lock: flags & SHM_ARRAY_MLOCK != 0 }
}
