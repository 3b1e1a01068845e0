//! What became of each message, in the processes' own words: a byte for each number, in plain memory that they share.

use std::fs::{self, OpenOptions};
use std::os::fd::AsRawFd;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicU8, AtomicU64};

use crate::engine::World;
use crate::engine::ground::DIRECTORY;

/// It was about to be sent.
pub const BEGUN: u8 = 1;
/// The library said that it was sent.
pub const SENT: u8 = 2;
/// Somebody had it.
pub const TAKEN: u8 = 4;
/// The library said that it was acknowledged.
pub const DONE: u8 = 8;

/// So many messages can be followed; after that none is sent.
const MOST: usize = 1 << 27;

const NAME: &str = "ledger";

/// The ledger of this run. Its memory takes room as it is used.
pub struct Ledger {
    next: &'static AtomicU64,
    entries: &'static [AtomicU8],
}

fn path(world: &World) -> String {
    format!("{DIRECTORY}/{}", world.name(NAME))
}

impl Ledger {
    /// Open it, or make it.
    pub fn open(world: &World) -> Result<Ledger, String> {
        let path = path(world);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(|why| format!("{path}: {why}"))?;
        let bytes = 4096 + MOST;
        file.set_len(bytes as u64).map_err(|why| format!("{path}: {why}"))?;
        let (access, fd) = (libc::PROT_READ | libc::PROT_WRITE, file.as_raw_fd());
        // SAFETY: a new mapping; nothing is replaced.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), bytes, access, libc::MAP_SHARED, fd, 0) };
        if start == libc::MAP_FAILED {
            return Err(format!("cannot map {path}: {}", std::io::Error::last_os_error()));
        }
        // SAFETY: page-aligned, so long, never unmapped; every bit pattern is a valid atomic.
        unsafe {
            Ok(Ledger {
                next: &*start.cast::<AtomicU64>(),
                entries: std::slice::from_raw_parts(start.cast::<u8>().add(4096).cast(), MOST),
            })
        }
    }

    /// A number that nobody else has; `None` when they are used up.
    pub fn begin(&self) -> Option<u64> {
        let number = self.next.fetch_add(1, SeqCst);
        self.entries.get(number as usize)?.fetch_or(BEGUN, SeqCst);
        Some(number)
    }

    /// Note something; says what was noted before.
    pub fn note(&self, number: u64, what: u8) -> Result<u8, String> {
        let entry = self.entries.get(number as usize).ok_or_else(|| format!("message {number} was never sent"))?;
        Ok(entry.fetch_or(what, SeqCst))
    }

    /// All of them.
    pub fn entries(&self) -> impl Iterator<Item = (u64, u8)> {
        let count = (self.next.load(SeqCst) as usize).min(MOST);
        (0..).zip(self.entries[..count].iter().map(|entry| entry.load(SeqCst)))
    }

    /// Take its file away.
    pub fn remove(world: &World) {
        let _ = fs::remove_file(path(world));
    }
}
