//! Files in memory.

use std::os::fd::{AsFd, AsRawFd};

use memmap2::{Advice, MmapOptions, MmapRaw};
use nix::errno::Errno;

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

/// A part of a file in this process's memory, until dropped.
#[derive(Debug)]
pub struct Map {
    raw: MmapRaw,
}

impl Map {
    /// Map `len` bytes of the file from `offset`, a multiple of the page size.
    pub fn new(fd: impl AsFd, offset: u64, len: usize, protection: Protection) -> Result<Map> {
        let fd = fd.as_fd().as_raw_fd();
        let mut options = MmapOptions::new();
        options.offset(offset).len(len);
        let mapped = match protection {
            Protection::Read => options.map_raw_read_only(fd),
            Protection::Write => options.map_raw(fd),
            // SAFETY: only a raw pointer is kept; nobody makes a Rust slice of memory that others may write.
            Protection::CopyOnWrite => unsafe { options.map_copy(fd) }.map(MmapRaw::from),
        };
        mapped.map(|raw| Map { raw }).map_err(|error| refusal(len, &error))
    }

    /// The first byte.
    pub fn start(&self) -> *mut u8 {
        self.raw.as_mut_ptr()
    }

    /// Bytes that are mapped.
    pub fn len(&self) -> usize {
        self.raw.len()
    }

    /// Keep this mapping out of every forked child.
    pub fn keep_from_children(&self) -> nix::Result<()> {
        self.raw.advise(Advice::DontFork).map_err(errno_of)
    }
}

fn errno_of(error: std::io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(libc::EINVAL))
}

fn refusal(len: usize, error: &std::io::Error) -> Error {
    let errno = Errno::from_raw(error.raw_os_error().unwrap_or(libc::EINVAL));
    let advice = if errno == Errno::ENOMEM {
        "; the address space (ulimit -v) or the number of mappings (sysctl vm.max_map_count) is at its limit: \
         raise it, or close arrays that are no longer used"
    } else {
        ""
    };
    Error::os(errno, format!("cannot map {len} bytes: {}{advice}", errno.desc()))
}
