//! Files in memory.
//!
//! Large mappings begin at an address that is a multiple of the huge page size, as their offset in the file is: only
//! then can the kernel map a huge page of the file as one, in whatever process.

use std::ffi::c_void;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::ptr::NonNull;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use memmap2::{MmapOptions, MmapRaw};
use nix::errno::Errno;
use nix::sys::mman::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};

use super::memory::{self, Bytes};
use super::process::page_size;
use crate::error::{Error, Result};

/// What a mapping is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// Loads only; a store is a SIGSEGV.
    Read,
    /// Loads and stores that everybody sees.
    Write,
    /// Loads, and stores that stay in this process.
    CopyOnWrite,
}

/// What a process tells the kernel about a part of a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// Take the others back.
    Normal,
    /// It is passed through once, in order: read ahead.
    Sequential,
    /// It is touched here and there: do not read ahead.
    Random,
    /// It is needed soon: begin to read it.
    WillNeed,
    /// It is not needed by this process for now: what a file holds may leave memory.
    DoneWith,
    /// Back it with huge pages (Linux 6.1).
    Collapse,
    /// Map it now, for loads (Linux 5.14).
    PopulateRead,
    /// Map it now, for stores (Linux 5.14).
    PopulateWrite,
}

impl Advice {
    fn number(self) -> i32 {
        match self {
            Advice::Normal => libc::MADV_NORMAL,
            Advice::Sequential => libc::MADV_SEQUENTIAL,
            Advice::Random => libc::MADV_RANDOM,
            Advice::WillNeed => libc::MADV_WILLNEED,
            Advice::DoneWith => libc::MADV_DONTNEED,
            Advice::Collapse => libc::MADV_COLLAPSE,
            Advice::PopulateRead => libc::MADV_POPULATE_READ,
            Advice::PopulateWrite => libc::MADV_POPULATE_WRITE,
        }
    }
}

/// How memory is spread over the nodes of a NUMA machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    /// From these nodes only.
    Bind,
    /// In turn from each of these nodes.
    Interleave,
    /// From the node of the processor that touches it first.
    Local,
}

/// Bytes of a huge page: what one entry of the second lowest table of pages maps, on x86-64 and arm64 alike.
pub fn huge_page_size() -> usize {
    page_size() * (page_size() / size_of::<u64>())
}

/// A part of a file in this process's memory, until dropped.
#[derive(Debug)]
pub struct Map {
    memory: Memory,
}

#[derive(Debug)]
enum Memory {
    /// Where the kernel chose.
    Anywhere(MmapRaw),
    /// At a multiple of the huge page size.
    Aligned(Aligned),
}

impl Map {
    /// Map `len` bytes of the file from `offset`, a multiple of the page size.
    pub fn new(fd: impl AsFd, offset: u64, len: usize, protection: Protection) -> Result<Map> {
        let huge = huge_page_size();
        if len >= huge
            && offset.is_multiple_of(huge as u64)
            && let Ok(aligned) = Aligned::new(fd.as_fd(), offset, len, protection)
        {
            return Ok(Map { memory: Memory::Aligned(aligned) });
        }
        let fd = fd.as_fd().as_raw_fd();
        let mut options = MmapOptions::new();
        options.offset(offset).len(len);
        let mapped = match protection {
            Protection::Read => options.map_raw_read_only(fd),
            Protection::Write => options.map_raw(fd),
            // SAFETY: only a raw pointer is kept; nobody makes a Rust slice of memory that others may write.
            Protection::CopyOnWrite => unsafe { options.map_copy(fd) }.map(MmapRaw::from),
        };
        mapped.map(|raw| Map { memory: Memory::Anywhere(raw) }).map_err(|error| refusal(len, &error))
    }

    /// The first byte.
    pub fn start(&self) -> *mut u8 {
        match &self.memory {
            Memory::Anywhere(raw) => raw.as_mut_ptr(),
            Memory::Aligned(aligned) => aligned.start.as_ptr().cast(),
        }
    }

    /// Bytes that are mapped.
    pub fn len(&self) -> usize {
        match &self.memory {
            Memory::Anywhere(raw) => raw.len(),
            Memory::Aligned(aligned) => aligned.len,
        }
    }

    /// Keep this mapping out of every forked child.
    pub fn keep_from_children(&self) -> nix::Result<()> {
        // SAFETY: advice about a mapping of ours, which does not change what its bytes are.
        Errno::result(unsafe { libc::madvise(self.start().cast(), self.len(), libc::MADV_DONTFORK) }).map(drop)
    }

    /// Tell the kernel something about the pages that lie at these bytes, in part or as a whole.
    pub fn advise(&self, bytes: Range<usize>, advice: Advice) -> nix::Result<()> {
        let (start, len) = self.pages(bytes);
        // SAFETY: within the mapping, and no such advice changes what the bytes of a shared mapping are.
        Errno::result(unsafe { libc::madvise(start, len, advice.number()) }).map(drop)
    }

    /// Write what these bytes' pages hold to the file's disk, and wait until it is there.
    pub fn sync(&self, bytes: Range<usize>) -> nix::Result<()> {
        let (start, len) = self.pages(bytes);
        // SAFETY: within the mapping; nothing in memory changes.
        Errno::result(unsafe { libc::msync(start, len, libc::MS_SYNC) }).map(drop)
    }

    /// Keep all of it in memory, for as long as it is mapped.
    pub fn lock(&self) -> nix::Result<()> {
        // SAFETY: a mapping of ours; locking does not change what its bytes are.
        Errno::result(unsafe { libc::mlock(self.start().cast(), self.len()) }).map(drop)
    }

    /// Say from which nodes the memory of the file's pages is to come, when they come into being. `nodes` has a bit a
    /// node. ENOSYS where the kernel knows of no nodes.
    pub fn spread(&self, spread: Spread, nodes: u64) -> nix::Result<()> {
        let (mode, nodes) = match spread {
            Spread::Bind => (libc::MPOL_BIND, nodes),
            Spread::Interleave => (libc::MPOL_INTERLEAVE, nodes),
            Spread::Local => (libc::MPOL_LOCAL, 0),
        };
        let (mask, bits) = if nodes == 0 { (std::ptr::null(), 0) } else { (&raw const nodes, u64::BITS as u64 + 1) };
        // SAFETY: within a mapping of ours; the mask has as many bits as said (the kernel wants one more counted).
        let done = unsafe { libc::syscall(libc::SYS_mbind, self.start(), self.len(), mode, mask, bits, 0) };
        Errno::result(done).map(drop)
    }

    /// The whole pages round a part of the mapping.
    fn pages(&self, bytes: Range<usize>) -> (*mut c_void, usize) {
        let page = page_size();
        let end = bytes.end.min(self.len());
        let start = bytes.start.min(end) / page * page;
        (self.start().wrapping_add(start).cast(), end - start)
    }
}

/// A mapping at a multiple of the huge page size.
#[derive(Debug)]
struct Aligned {
    start: NonNull<c_void>,
    len: usize,
}

// SAFETY: a mapping belongs to the process, not to a thread.
unsafe impl Send for Aligned {}
// SAFETY: as above; what it hands out are raw pointers.
unsafe impl Sync for Aligned {}

/// Where an aligned mapping was last, or 0: to ask for the same place again is one call, and to look for one is four.
static LAST_GIVEN_BACK: AtomicUsize = AtomicUsize::new(0);

impl Aligned {
    /// Reserve more addresses than are needed, map the file at the first right one among them, give the rest back.
    fn new(fd: BorrowedFd<'_>, offset: u64, len: usize, protection: Protection) -> nix::Result<Aligned> {
        let (huge, len) = (huge_page_size(), len.checked_next_multiple_of(page_size()).ok_or(Errno::EOVERFLOW)?);
        let reserved = len.checked_add(huge).and_then(NonZeroUsize::new).ok_or(Errno::EOVERFLOW)?;
        let (protection, sharing) = match protection {
            Protection::Read => (ProtFlags::PROT_READ, MapFlags::MAP_SHARED),
            Protection::Write => (ProtFlags::PROT_READ | ProtFlags::PROT_WRITE, MapFlags::MAP_SHARED),
            Protection::CopyOnWrite => (ProtFlags::PROT_READ | ProtFlags::PROT_WRITE, MapFlags::MAP_PRIVATE),
        };
        let (Some(bytes), Ok(offset)) = (NonZeroUsize::new(len), i64::try_from(offset)) else {
            return Err(Errno::EINVAL);
        };
        if let hint @ Some(_) = NonZeroUsize::new(LAST_GIVEN_BACK.swap(0, Relaxed)) {
            // SAFETY: at the hint if nothing is there, else somewhere else.
            let start = unsafe { mmap(hint, bytes, protection, sharing, fd, offset) }?;
            if start.as_ptr().align_offset(huge) == 0 {
                return Ok(Aligned { start, len });
            }
            // SAFETY: mapped a moment ago.
            unsafe { munmap(start, len) }?;
        }
        let nothing = MapFlags::MAP_PRIVATE | MapFlags::MAP_NORESERVE;
        // SAFETY: addresses of the kernel's choice, which nobody can touch.
        let reservation = unsafe { mmap_anonymous(None, reserved, ProtFlags::PROT_NONE, nothing) }?;
        let head = reservation.as_ptr().align_offset(huge);
        // SAFETY: the reservation is longer than `len` by a huge page.
        let start = unsafe { reservation.add(head) };
        let at = NonZeroUsize::new(start.as_ptr() as usize);
        // SAFETY: MAP_FIXED replaces a part of the reservation, which is nobody else's.
        let mapped = unsafe { mmap(at, bytes, protection, sharing | MapFlags::MAP_FIXED, fd, offset) };
        // SAFETY: what is unmapped lies in the reservation, before and behind the mapping, or is all of it.
        unsafe {
            match mapped {
                Ok(_) => {
                    let tail = huge - head;
                    let _ = if head > 0 { munmap(reservation, head) } else { Ok(()) };
                    let _ = if tail > 0 { munmap(start.add(len), tail) } else { Ok(()) };
                    Ok(Aligned { start, len })
                }
                Err(errno) => {
                    let _ = munmap(reservation, reserved.get());
                    Err(errno)
                }
            }
        }
    }
}

impl Drop for Aligned {
    fn drop(&mut self) {
        // SAFETY: mapped in `new`; whoever has a pointer into it keeps this value.
        if unsafe { munmap(self.start, self.len) }.is_ok() {
            LAST_GIVEN_BACK.store(self.start.as_ptr() as usize, Relaxed);
        }
    }
}

fn refusal(len: usize, error: &std::io::Error) -> Error {
    let errno = Errno::from_raw(error.raw_os_error().unwrap_or(libc::EINVAL));
    let advice = match (errno, memory::address_space_left()) {
        (Errno::ENOMEM, Some(left)) => format!(
            "; the address space of this process is limited (RLIMIT_AS) and has {} left: raise it with ulimit -v, or \
             close arrays that are no longer used",
            Bytes(left)
        ),
        (Errno::ENOMEM, None) => "; the number of mappings (sysctl vm.max_map_count) is at its limit: raise it, or \
                                  close arrays that are no longer used"
            .into(),
        _ => String::new(),
    };
    Error::os(errno, format!("cannot map {}: {}{advice}", Bytes(len as u64), errno.desc()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::file;

    #[test]
    fn large_mappings_are_aligned_for_huge_pages() {
        let fd = file::anonymous().unwrap();
        let (huge, len) = (huge_page_size(), 3 * huge_page_size() + 5);
        file::truncate(&fd, len as u64).unwrap();
        for protection in [Protection::Read, Protection::Write, Protection::CopyOnWrite] {
            let map = Map::new(&fd, 0, len, protection).unwrap();
            assert_eq!(map.start() as usize % huge, 0, "{protection:?}");
            assert!(map.len() >= len);
            // SAFETY: a byte of the file, in a mapping of ours that nobody else knows.
            assert_eq!(unsafe { map.start().add(len - 1).read() }, 0);
        }
        // Where another mapping was, or beside what is there meanwhile.
        for taken in [false, true] {
            let place = Map::new(&fd, 0, len, Protection::Read).unwrap().start();
            let middle = NonZeroUsize::new(place as usize + huge / 2);
            let reads = ProtFlags::PROT_READ;
            let page = NonZeroUsize::new(page_size()).unwrap();
            // SAFETY: no address is replaced.
            let other = taken.then(|| unsafe { mmap_anonymous(middle, page, reads, MapFlags::MAP_PRIVATE) }.unwrap());
            LAST_GIVEN_BACK.store(place as usize, Relaxed);
            let map = Map::new(&fd, 0, len, Protection::Read).unwrap();
            assert_eq!(map.start() as usize % huge, 0, "{taken}");
            if let Some(other) = other {
                // SAFETY: mapped above, for nobody.
                unsafe { munmap(other, page.get()) }.unwrap();
            }
        }
        // Not at a multiple in the file: nothing is gained by the address.
        assert!(Map::new(&fd, 4096 * 16, huge + 1, Protection::Read).is_ok());
    }
}
