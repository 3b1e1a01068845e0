//! What /proc, /sys and /etc tell of memory. Everything is read below a root directory, so that tests can bring their
//! own machines; nothing is an error here: what cannot be read is `None`.

mod cgroup;
mod limits;
mod login;
mod mounts;

use std::fs;
use std::path::{Path, PathBuf};

pub use cgroup::CgroupLimit;
pub use limits::Limits;
pub use login::RemoveIpc;
pub use mounts::{Mount, Room, kind_at};

/// Where the figures come from.
#[derive(Clone, Debug)]
pub struct Root(PathBuf);

impl Root {
    /// "/" is this machine.
    pub fn new(path: &Path) -> Root {
        Root(path.to_path_buf())
    }

    /// Whether what is read here is what system calls say, too.
    pub fn is_this_machine(&self) -> bool {
        self.0 == Path::new("/")
    }

    /// An absolute path, below the root.
    pub fn path(&self, absolute: &str) -> PathBuf {
        self.0.join(absolute.trim_start_matches('/'))
    }

    /// A small file's text.
    pub fn text(&self, absolute: &str) -> Option<String> {
        fs::read(self.path(absolute)).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    fn number(&self, absolute: &str) -> Option<u64> {
        self.text(absolute)?.trim().parse().ok()
    }
}

/// All figures, at one moment.
#[derive(Debug)]
pub struct Machine {
    /// RAM and swap in bytes.
    pub memory: Memory,
    /// Swap files and partitions in use.
    pub swaps: Vec<SwapArea>,
    /// vm.overcommit_memory: 0, 1 or 2.
    pub overcommit: Option<u64>,
    /// Limits on this process's cgroups, from its own up to the root.
    pub cgroups: Vec<CgroupLimit>,
    /// The file system of shared-memory names.
    pub shm: Option<Mount>,
    /// What this process may use.
    pub limits: Limits,
    /// Linux's version, such as 6.18.
    pub kernel: Option<(u32, u32)>,
    /// Transparent huge pages.
    pub huge: HugePages,
    /// What systemd does to shared memory at logout.
    pub remove_ipc: RemoveIpc,
    /// Inside Docker, Podman or the like.
    pub in_container: bool,
}

impl Machine {
    /// Read it all.
    pub fn read(root: &Root) -> Machine {
        let memory = root.text("/proc/meminfo").map(|text| Memory::parse(&text)).unwrap_or_default();
        Machine {
            memory,
            swaps: root.text("/proc/swaps").map(|text| SwapArea::parse(&text)).unwrap_or_default(),
            overcommit: root.number("/proc/sys/vm/overcommit_memory"),
            cgroups: cgroup::limits(root),
            shm: mounts::at(root, "/dev/shm"),
            limits: root.text("/proc/self/limits").map(|text| Limits::parse(&text)).unwrap_or_default(),
            kernel: root.text("/proc/sys/kernel/osrelease").as_deref().and_then(version),
            huge: HugePages::read(root),
            remove_ipc: login::remove_ipc(root),
            in_container: ["/.dockerenv", "/run/.containerenv"].iter().any(|path| root.path(path).exists()),
        }
    }
}

/// /proc/meminfo, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// All there is.
    pub total: Option<u64>,
    /// What can be had without swapping.
    pub available: Option<u64>,
    /// Swap in all.
    pub swap_total: u64,
    /// Swap that is free.
    pub swap_free: u64,
    /// What may be promised, where overcommit is 2.
    pub commit_limit: Option<u64>,
    /// What has been promised.
    pub committed: Option<u64>,
    /// Memory of all tmpfs and shared anonymous mappings.
    pub shmem: Option<u64>,
}

impl Memory {
    fn parse(text: &str) -> Memory {
        let figure = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
            line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
        };
        Memory {
            total: figure("MemTotal"),
            available: figure("MemAvailable"),
            swap_total: figure("SwapTotal").unwrap_or(0),
            swap_free: figure("SwapFree").unwrap_or(0),
            commit_limit: figure("CommitLimit"),
            committed: figure("Committed_AS"),
            shmem: figure("Shmem"),
        }
    }
}

/// A line of /proc/swaps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwapArea {
    /// A file or a device.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// Bytes.
    pub used: u64,
}

impl SwapArea {
    fn parse(text: &str) -> Vec<SwapArea> {
        let area = |line: &str| {
            // Filename, type, size, used, priority; sizes in KiB, and spaces of a name as \040.
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            let [path, _, size, used, ..] = words.as_slice() else { return None };
            let bytes = |kib: &str| kib.parse::<u64>().ok()?.checked_mul(1024);
            Some(SwapArea { path: path.replace("\\040", " "), size: bytes(size)?, used: bytes(used)? })
        };
        text.lines().skip(1).filter_map(area).collect()
    }
}

/// Transparent huge pages: what is chosen, the word in brackets of /sys.
#[derive(Clone, Debug, Default)]
pub struct HugePages {
    /// For private memory; `None`: the kernel has no such pages.
    pub enabled: Option<String>,
    /// For shared memory.
    pub shmem: Option<String>,
}

impl HugePages {
    fn read(root: &Root) -> HugePages {
        let chosen = |name: &str| {
            let text = root.text(&format!("/sys/kernel/mm/transparent_hugepage/{name}"))?;
            text.split_once('[')?.1.split_once(']').map(|(chosen, _)| chosen.to_string())
        };
        HugePages { enabled: chosen("enabled"), shmem: chosen("shmem_enabled") }
    }
}

fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meminfo_is_in_bytes() {
        let memory = Memory::parse(
            "MemTotal:       24683656 kB\nMemFree:        20993608 kB\nMemAvailable:   23784116 kB\nSwapCached:            \
             0 kB\nSwapTotal:       8388604 kB\nSwapFree:        8388000 kB\nShmem:              8924 kB\nHugePages_Total:       0\n",
        );
        assert_eq!(memory.total, Some(24_683_656 << 10));
        assert_eq!(memory.available, Some(23_784_116 << 10));
        assert_eq!((memory.swap_total, memory.swap_free), (8_388_604 << 10, 8_388_000 << 10));
        assert_eq!((memory.shmem, memory.commit_limit), (Some(8924 << 10), None));
    }

    #[test]
    fn swaps_are_lines() {
        let text = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n\
                    /dev/dm-1                               partition\t8388604\t\t604\t\t-2\n\
                    /my\\040swap                             file\t\t1048572\t\t0\t\t-3\n";
        let areas = SwapArea::parse(text);
        assert_eq!(areas[0], SwapArea { path: "/dev/dm-1".into(), size: 8_388_604 << 10, used: 604 << 10 });
        assert_eq!(areas[1].path, "/my swap");
        assert_eq!(SwapArea::parse("Filename\tType\tSize\tUsed\tPriority\n"), []);
    }

    #[test]
    fn kernels_have_versions() {
        assert_eq!(version("6.18.44-generic\n"), Some((6, 18)));
        assert_eq!(version("5.4\n"), Some((5, 4)));
        assert_eq!(version("linux"), None);
    }

    #[test]
    fn this_machine_can_be_read() {
        let machine = Machine::read(&Root::new(Path::new("/")));
        assert!(machine.memory.total.unwrap() >= machine.memory.available.unwrap());
        assert!(machine.kernel.unwrap() >= (4, 0));
        assert!(machine.limits.open_files.unwrap() > 0);
    }
}
