//! From figures to sentences: what is, what it means for arrays, and what to type.

use shm_array::Entry;

use crate::machine::{CgroupLimit, Machine, RemoveIpc};
use crate::units::bytes;

use super::swap;

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// As it should be.
    Good,
    /// Neither good nor bad.
    Fact,
    /// It may hurt one day.
    Warning,
    /// It will hurt.
    Bad,
}

/// One sentence each, and commands.
#[derive(Clone, Debug)]
pub struct Finding {
    /// A word.
    pub topic: &'static str,
    /// How much it matters.
    pub weight: Weight,
    /// The figures.
    pub is: String,
    /// For arrays.
    pub means: String,
    /// What to type, if anything.
    pub todo: Vec<String>,
}

impl Finding {
    fn new(topic: &'static str, weight: Weight, is: impl Into<String>, means: impl Into<String>) -> Finding {
        Finding { topic, weight, is: is.into(), means: means.into(), todo: Vec::new() }
    }

    fn with(mut self, todo: impl IntoIterator<Item = String>) -> Finding {
        self.todo.extend(todo);
        self
    }
}

/// Everything, from the memory up.
pub fn of(machine: &Machine) -> Vec<Finding> {
    let mut findings = vec![memory(machine), swap(machine), shared_memory(machine)];
    findings.extend(cgroup(machine));
    findings.push(overcommit(machine));
    findings.extend(limits(machine));
    findings.push(huge_pages(machine));
    findings.push(logout(machine));
    findings
}

fn memory(machine: &Machine) -> Finding {
    let memory = &machine.memory;
    let (Some(total), Some(available)) = (memory.total, memory.available) else {
        return Finding::new(
            "memory",
            Weight::Warning,
            "/proc/meminfo cannot be read",
            "Sizes cannot be checked early.",
        );
    };
    let is = format!("{} in all, {} available", bytes(total), bytes(available));
    let shmem = memory.shmem.map_or(String::new(), |shmem| format!(" {} are shared memory now.", bytes(shmem)));
    let means = format!(
        "Arrays with a shared-memory name, and anonymous ones, are memory: all together can take what is available, \
         and free swap.{shmem}"
    );
    Finding::new("memory", if available < total / 10 { Weight::Warning } else { Weight::Good }, is, means)
}

const LARGER_OR_GONE: &str = "(to enlarge it, or to remove it: shm-array doctor swap enlarge, or remove, prints how)";

fn swap(machine: &Machine) -> Finding {
    let memory = &machine.memory;
    if memory.swap_total > 0 {
        let is = format!("{} in all, {} free", bytes(memory.swap_total), bytes(memory.swap_free));
        let weight = if memory.swap_free < memory.swap_total / 10 { Weight::Warning } else { Weight::Good };
        let areas = machine.swaps.iter().map(|area| area.path.as_str()).collect::<Vec<_>>().join(", ");
        let means = format!("Arrays that nobody touches go there when memory runs short ({areas}).");
        let file = machine.swaps.iter().any(|area| area.path == swap::DEFAULT_FILE).then(|| LARGER_OR_GONE.to_string());
        return Finding::new("swap", weight, is, means).with(file);
    }
    let means = "When memory is full, nothing can be paged out: creating fails with ENOMEM, and a program that grows is \
                 killed. An array in a file (file:///directory/x.npy) is paged to its own disk without swap. To add \
                 swap, once or twice the memory's size:";
    let size = swap::default_size(machine);
    let mut todo = swap::add(swap::DEFAULT_FILE, size);
    todo.push(match machine.in_container {
        true => "(on the host: a container has the host's swap)".into(),
        false => format!("(or: sudo shm-array doctor swap add --size {} --apply)", swap::size_text(size)),
    });
    if !machine.in_container {
        todo.push(format!("(after each boot, too: {})", swap::keep_by_default()));
        todo.push(LARGER_OR_GONE.into());
    }
    Finding::new("swap", Weight::Warning, "none", means).with(todo)
}

/// What Docker gives by default.
const SMALL: u64 = 64 << 20;

fn shared_memory(machine: &Machine) -> Finding {
    const TOPIC: &str = "/dev/shm";
    let enlarge = |size: u64| match machine.in_container {
        true => vec![
            format!("docker run --shm-size={} ...", swap::size_text(size)),
            "(Kubernetes: an emptyDir volume with medium: Memory at /dev/shm)".to_string(),
        ],
        false => vec![format!("mount -o remount,size={} /dev/shm", swap::size_text(size))],
    };
    let half = (machine.memory.total.unwrap_or(2 << 30) / 2).next_multiple_of(1 << 30);
    let Some(mount) = &machine.shm else {
        let means = "There are no shared-memory names here: use files (file:///directory/x.npy) or anonymous arrays.";
        let todo = ["mkdir -p /dev/shm".to_string(), "mount -t tmpfs -o mode=1777 tmpfs /dev/shm".to_string()];
        return Finding::new(TOPIC, Weight::Bad, "missing", means).with(todo);
    };
    if mount.read_only {
        return Finding::new(
            TOPIC,
            Weight::Bad,
            "mounted read-only",
            "No array with a shared-memory name can be made.",
        );
    }
    if mount.kind != "tmpfs" {
        let means =
            "It should be a tmpfs: on another file system arrays are written to a disk, or lie in small memory.";
        return Finding::new(TOPIC, Weight::Warning, format!("is no tmpfs, but {}", mount.kind), means);
    }
    let Some(room) = mount.room else {
        return Finding::new(TOPIC, Weight::Good, "no limit of its own", "Memory and swap are the limit.");
    };
    let is = format!("{} in all, {} free", bytes(room.size), bytes(room.free));
    if room.size <= SMALL {
        let means =
            "That is what a container gets by default, and too small for arrays: creating larger ones is ENOSPC.";
        return Finding::new(TOPIC, Weight::Bad, is, means).with(enlarge(half));
    }
    let means = "The sum of all arrays with a shared-memory name; its memory is used only as far as there are arrays.";
    let finding = Finding::new(TOPIC, Weight::Good, is, means);
    match room.free < room.size / 10 {
        true => Finding { weight: Weight::Warning, ..finding }.with(enlarge(room.size * 2)),
        false => finding,
    }
}

fn cgroup(machine: &Machine) -> Option<Finding> {
    let tightest = machine.cgroups.iter().min_by_key(|limit| limit.left())?;
    let is = format!(
        "{} of at most {} used, {} left ({})",
        bytes(tightest.used),
        bytes(tightest.max),
        bytes(tightest.left()),
        tightest.file
    );
    let swap = match tightest.swap {
        Some(0) => " Its group may not swap.".to_string(),
        Some(swap) => format!(" Its group may swap {}.", bytes(swap)),
        None => String::new(),
    };
    let means = format!(
        "Elements count for the group of whoever touches them first, and beyond the limit the kernel kills in the \
         group.{swap} Files in the page cache, which give way, do not count as used here."
    );
    let roomy = machine.memory.total.is_some_and(|total| tightest.max >= total);
    let close = tightest.left() < tightest.max / 10;
    let weight = if close {
        Weight::Warning
    } else if roomy {
        Weight::Good
    } else {
        Weight::Fact
    };
    let todo = if roomy && !close {
        None
    } else {
        Some("(docker run --memory=..., or MemoryMax= of the systemd unit)".into())
    };
    Some(Finding::new("cgroup", weight, is, means).with(todo))
}

fn overcommit(machine: &Machine) -> Finding {
    const TOPIC: &str = "overcommit";
    match machine.overcommit {
        Some(2) => {
            let memory = &machine.memory;
            let left = memory.commit_limit.unwrap_or(0).saturating_sub(memory.committed.unwrap_or(0));
            let is = format!("strict (2): {} can still be promised", bytes(left));
            let means = "Shared memory is promised in full when an array is made, used or not; beyond that, ENOMEM.";
            let todo = ["sysctl vm.overcommit_memory=0".to_string()];
            Finding::new(TOPIC, Weight::Warning, is, means).with(todo)
        }
        Some(mode @ (0 | 1)) => {
            let name = if mode == 0 { "heuristic (0)" } else { "always (1)" };
            let means = "Arrays reserve their memory when they are made, so that it is there whatever others promised.";
            Finding::new(TOPIC, Weight::Good, name, means)
        }
        _ => Finding::new(TOPIC, Weight::Fact, "not known", "vm.overcommit_memory cannot be read."),
    }
}

fn limits(machine: &Machine) -> Vec<Finding> {
    let limits = &machine.limits;
    let mut findings = Vec::new();
    if let Some(size) = limits.file_size {
        let means = "A larger array is refused (EFBIG), wherever it lies: shared memory is a file to this limit.";
        let finding = Finding::new("ulimit -f", Weight::Bad, format!("files of at most {}", bytes(size)), means);
        findings.push(finding.with(["ulimit -f unlimited".to_string()]));
    }
    if let Some(size) = limits.address_space {
        let means = "All mapped arrays and the program itself together; beyond that, opening is ENOMEM.";
        let finding = Finding::new("ulimit -v", Weight::Warning, format!("{} of addresses", bytes(size)), means);
        findings.push(finding.with(["ulimit -v unlimited".to_string()]));
    }
    if let Some(locked) = limits.locked {
        let means = "Only mlock asks for it: so much of arrays can be pinned in memory, never to be swapped.";
        findings.push(Finding::new("ulimit -l", Weight::Fact, format!("{} can be locked", bytes(locked)), means));
    }
    if let Some(files) = limits.open_files {
        let weight = if files < 1024 { Weight::Warning } else { Weight::Fact };
        let means = "Each open array takes one descriptor, and one more where it is locked.";
        findings.push(Finding::new("ulimit -n", weight, format!("{files} open files"), means));
    }
    if findings.iter().all(|finding| finding.weight == Weight::Fact) {
        findings.insert(0, Finding::new("ulimits", Weight::Good, "none is in the way", ""));
    }
    findings
}

fn huge_pages(machine: &Machine) -> Finding {
    const TOPIC: &str = "huge pages";
    let Some(shmem) = &machine.huge.shmem else {
        let means =
            "Arrays use pages of 4 KiB: the first touch of each costs a page fault, and random access is slower.";
        return Finding::new(TOPIC, Weight::Warning, "this kernel has none for shared memory", means);
    };
    let enabled = machine.huge.enabled.as_deref().unwrap_or("none");
    let (major, minor) = machine.kernel.unwrap_or((0, 0));
    let is = format!("shmem_enabled {shmem}, THP {enabled}, Linux {major}.{minor}");
    if shmem == "deny" {
        let means = "Shared memory gets no huge pages at all, not even on request.";
        let todo = ["echo never > /sys/kernel/mm/transparent_hugepage/shmem_enabled".to_string()];
        return Finding::new(TOPIC, Weight::Warning, is, means).with(todo);
    }
    if (major, minor) >= (6, 1) {
        let means =
            "MADV_COLLAPSE makes huge pages of shared memory on request, for any user, whatever the settings say.";
        return Finding::new(TOPIC, Weight::Good, is, means);
    }
    if shmem != "never" {
        return Finding::new(TOPIC, Weight::Good, is, "The settings give huge pages to shared memory.");
    }
    let means = "MADV_COLLAPSE came with Linux 6.1; before that only this setting gives huge pages to arrays:";
    let todo = ["echo advise > /sys/kernel/mm/transparent_hugepage/shmem_enabled".to_string()];
    Finding::new(TOPIC, Weight::Warning, is, means).with(todo)
}

fn logout(machine: &Machine) -> Finding {
    const TOPIC: &str = "RemoveIPC";
    match machine.remove_ipc {
        RemoveIpc::NoLogind => Finding::new(TOPIC, Weight::Good, "no systemd-logind here", ""),
        RemoveIpc::No => Finding::new(TOPIC, Weight::Good, "no", "Arrays outlive their user's last session."),
        RemoveIpc::Yes => {
            let means = "When an ordinary user's last session ends, systemd-logind deletes all their names in /dev/shm, \
                         arrays in use included (who has one open keeps it). Root and system users are spared. Either:";
            let todo = [
                "loginctl enable-linger USER".to_string(),
                "mkdir -p /etc/systemd/logind.conf.d".to_string(),
                "printf '[Login]\\nRemoveIPC=no\\n' > /etc/systemd/logind.conf.d/shm-array.conf".to_string(),
                "systemctl restart systemd-logind".to_string(),
            ];
            Finding::new(TOPIC, Weight::Warning, "yes (systemd's default)", means).with(todo)
        }
    }
}

/// What is there now, and what could go.
pub fn of_arrays(entries: &[Entry]) -> Finding {
    let size = |entries: &[&Entry]| bytes(entries.iter().map(|entry| entry.file_bytes).sum());
    let all: Vec<&Entry> = entries.iter().collect();
    let abandoned: Vec<&Entry> = entries.iter().filter(|entry| entry.last_close && !entry.attached).collect();
    let idle: Vec<&Entry> = entries.iter().filter(|entry| !entry.last_close && !entry.attached).collect();
    let is = format!("{} with a shared-memory name, {}", all.len(), size(&all));
    let mut means = Vec::new();
    let mut todo = Vec::new();
    if !abandoned.is_empty() {
        means.push(format!("{} of {} were left by users who died.", abandoned.len(), size(&abandoned)));
        todo.push("shm-array collect".to_string());
    }
    if !idle.is_empty() {
        means.push(format!("{} of {} are open nowhere, and stay until they are removed.", idle.len(), size(&idle)));
        todo.push("shm-array collect --older-than 1d".to_string());
    }
    let weight = if abandoned.is_empty() { Weight::Good } else { Weight::Warning };
    Finding::new("arrays", weight, is, means.join(" ")).with(todo)
}

/// Whether a shared-memory array of that size would find room, and which figure is short.
pub fn of_need(machine: &Machine, need: u64) -> Finding {
    let memory = &machine.memory;
    let mut room = Vec::new();
    if let Some(available) = memory.available {
        room.push((available.saturating_add(memory.swap_free), "of memory available, free swap included"));
    }
    match &machine.shm {
        None => room.push((0, "/dev/shm, which is missing")),
        Some(mount) => room.extend(mount.room.map(|room| (room.free, "free in /dev/shm"))),
    }
    let with_swap =
        |limit: &CgroupLimit| limit.left().saturating_add(limit.swap.unwrap_or(u64::MAX).min(memory.swap_free));
    room.extend(machine.cgroups.iter().map(|limit| (with_swap(limit), "left in the cgroup")));
    room.extend(machine.limits.file_size.map(|size| (size, "for any one file (ulimit -f)")));
    room.extend(machine.limits.address_space.map(|size| (size, "of addresses (ulimit -v)")));
    if machine.overcommit == Some(2)
        && let (Some(limit), Some(committed)) = (memory.commit_limit, memory.committed)
    {
        room.push((limit.saturating_sub(committed), "that can still be promised (overcommit)"));
    }
    match room.into_iter().min_by_key(|(bytes, _)| *bytes) {
        Some((least, name)) if least < need => {
            let is = format!("an array of {} does not fit: there are only {} {name}", bytes(need), bytes(least));
            let means = "An array in a file, file:///directory/x.npy, needs room on its disk only.";
            Finding::new("need", Weight::Bad, is, means)
        }
        Some((least, name)) => {
            let is = format!("an array of {} fits: the least room is {} {name}", bytes(need), bytes(least));
            Finding::new("need", Weight::Good, is, "")
        }
        None => Finding::new("need", Weight::Fact, "no figure can be read", "Creating the array will tell."),
    }
}
