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

/// How large a file system is, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Space {
    /// All of it.
    pub total: u64,
    /// What an ordinary user can still allocate.
    pub free: u64,
}

/// The file system of `fd`; `None` where it does not say.
pub fn space_on(fd: impl AsFd) -> Option<Space> {
    let figures = fstatvfs(fd).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(figures.fragment_size());
    // A tmpfs mounted without a limit, like that of memfd, reports no blocks at all.
    (figures.blocks() > 0).then(|| Space { total: bytes(figures.blocks()), free: bytes(figures.blocks_available()) })
}

/// What the whole machine has, in bytes, as /proc/meminfo tells it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// All memory.
    pub total: u64,
    /// Memory that can be had without swapping (MemAvailable).
    pub available: u64,
    /// Swap that is free.
    pub swap_free: u64,
    /// What may still be promised, where promises are counted strictly (vm.overcommit_memory = 2).
    pub commit_left: Option<u64>,
}

/// The machine's figures; `None` where /proc does not tell.
pub fn machine() -> Option<Machine> {
    let strict = std::fs::read_to_string("/proc/sys/vm/overcommit_memory").is_ok_and(|mode| mode.trim() == "2");
    machine_of(&std::fs::read_to_string("/proc/meminfo").ok()?, strict)
}

fn machine_of(meminfo: &str, strict: bool) -> Option<Machine> {
    let bytes = |name: &str| kilobytes(meminfo, name);
    Some(Machine {
        total: bytes("MemTotal:")?,
        available: bytes("MemAvailable:")?,
        swap_free: bytes("SwapFree:").unwrap_or(0),
        commit_left: strict.then(|| Some(bytes("CommitLimit:")?.saturating_sub(bytes("Committed_AS:")?))).flatten(),
    })
}

/// The number behind a name in a file such as /proc/meminfo, in bytes.
fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// The largest file that this process may write (RLIMIT_FSIZE); beyond it the kernel kills with SIGXFSZ.
pub fn file_size_limit() -> Option<u64> {
    limit(Resource::RLIMIT_FSIZE)
}

/// How many descriptors this process may have (RLIMIT_NOFILE).
pub fn descriptor_limit() -> Option<u64> {
    limit(Resource::RLIMIT_NOFILE)
}

/// Bytes that this process may still map (RLIMIT_AS); `None`: no limit.
pub fn address_space_left() -> Option<u64> {
    let limit = limit(Resource::RLIMIT_AS)?;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    Some(limit.saturating_sub(kilobytes(&status, "VmSize:").unwrap_or(0)))
}

/// Bytes that this process may still lock in memory (RLIMIT_MEMLOCK); `None`: as much as there is.
pub fn lockable_left() -> Option<u64> {
    const CAP_IPC_LOCK: u32 = 14;
    let limit = limit(Resource::RLIMIT_MEMLOCK)?;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let capabilities = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let capabilities = capabilities.and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok()).unwrap_or(0);
    let privileged = capabilities & (1 << CAP_IPC_LOCK) != 0;
    (!privileged).then(|| limit.saturating_sub(kilobytes(&status, "VmLck:").unwrap_or(0)))
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
        assert!(machine().unwrap().available > 1 << 20);
    }

    #[test]
    fn promises_count_where_they_are_counted() {
        let meminfo =
            "MemTotal:  100 kB\nMemAvailable:  70 kB\nSwapFree: 5 kB\nCommitLimit: 9 kB\nCommitted_AS: 8 kB\n";
        let lavish = Machine { total: 102_400, available: 71_680, swap_free: 5120, commit_left: None };
        assert_eq!(machine_of(meminfo, false), Some(lavish));
        assert_eq!(machine_of(meminfo, true), Some(Machine { commit_left: Some(1024), ..lavish }));
        assert_eq!(machine_of("MemTotal: many kB", false), None);
    }
}
