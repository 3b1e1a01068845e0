//! How much there is: of memory, of a file system, of what this process may use.
//!
//! These figures are for refusing early and for words; what decides in the end is fallocate.

use std::fmt;
use std::os::fd::AsFd;

use nix::sys::resource::{Resource, getrlimit};
use nix::sys::statvfs::fstatvfs;

/// A number of bytes, written for people and exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(&str, u64); 4] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
        match UNITS.iter().find(|unit| self.0 >= unit.1) {
            Some((unit, size)) => write!(f, "{:.1} {unit} ({} bytes)", self.0 as f64 / *size as f64, self.0),
            None => write!(f, "{} bytes", self.0),
        }
    }
}

/// Bytes that an ordinary user can still allocate on the file system of `fd`; `None` where it does not say.
pub fn free_on(fd: impl AsFd) -> Option<u64> {
    let figures = fstatvfs(fd).ok()?;
    // A tmpfs mounted without a limit reports no blocks at all.
    (figures.blocks() > 0).then(|| figures.blocks_available().saturating_mul(figures.fragment_size()))
}

/// Bytes of memory that can be had without swapping (MemAvailable).
pub fn available() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// Bytes of swap that are free.
pub fn swap_free() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("SwapFree:"));
    line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// The largest file that this process may write (RLIMIT_FSIZE); beyond it the kernel kills with SIGXFSZ.
pub fn file_size_limit() -> Option<u64> {
    limit(Resource::RLIMIT_FSIZE)
}

/// How many descriptors this process may have (RLIMIT_NOFILE).
pub fn descriptor_limit() -> Option<u64> {
    limit(Resource::RLIMIT_NOFILE)
}

fn limit(resource: Resource) -> Option<u64> {
    getrlimit(resource).ok().map(|(soft, _)| soft).filter(|soft| *soft != libc::RLIM_INFINITY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_for_people() {
        assert_eq!(Bytes(12).to_string(), "12 bytes");
        assert_eq!(Bytes(1536).to_string(), "1.5 KiB (1536 bytes)");
        assert_eq!(Bytes(3 << 30).to_string(), "3.0 GiB (3221225472 bytes)");
    }

    #[test]
    fn the_machine_has_memory() {
        assert!(available().unwrap() > 1 << 20);
    }
}
