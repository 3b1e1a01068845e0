//! What cannot succeed is refused before the kernel has worked for it, or killed for it: in words, with the figure that
//! is short and the remedy.
//!
//! Between these figures and the allocation others may take what was free: the real test is fallocate, and when that
//! fails the figures say why.

use std::os::fd::BorrowedFd;

use crate::error::{Errno, Error, Result};
use crate::os::cgroup;
use crate::os::file;
use crate::os::memory::{self, Bytes};
use crate::os::name::{Place, SHM_DIRECTORY};

/// What is asked of the machine.
#[derive(Clone, Copy, Debug)]
pub struct Need {
    /// The length of the whole file, all of which is mapped.
    pub file_len: u64,
    /// Bytes that are allocated at once.
    pub fresh: u64,
    /// Whether all of it is to be locked in memory.
    pub locked: bool,
}

/// Below this, reading the machine's figures costs more than the attempt.
const WORTH_ASKING: u64 = 16 << 20;

/// Refuse what is larger than the figures allow; a small need only where that costs next to nothing.
pub fn refuse_early(place: &Place, fd: BorrowedFd<'_>, need: Need) -> Result<()> {
    limits_of_process(place, need)?;
    // The machine first: who is short of memory is not helped by a larger /dev/shm.
    if need.fresh >= WORTH_ASKING && file::is_in_memory(fd) {
        machine(place, need.fresh)?;
    }
    file_system(place, fd, need.fresh)
}

/// The kernel has refused to allocate: why.
pub fn no_room(place: &Place, fd: BorrowedFd<'_>, need: u64, errno: Errno) -> Error {
    let memory = || if file::is_in_memory(fd) { machine(place, need) } else { Ok(()) };
    if errno != Errno::EFBIG
        && let Err(known) = file_system(place, fd, need).and_then(|()| memory())
    {
        return known;
    }
    let advice = match errno {
        Errno::ENOSPC => "; free some space, or use another directory",
        Errno::EDQUOT => "; raise this user's quota there, or use another directory",
        Errno::EINVAL => "; options.numa_nodes may name a node that this machine has not (/sys/devices/system/node)",
        Errno::EFBIG => "; the file system does not hold files of that size",
        _ => "",
    };
    let free = memory::space_on(fd).map_or(String::new(), |space| format!(" ({} are free)", Bytes(space.free)));
    Error::os(errno, format!("cannot reserve {} for {place}{free}: {}{advice}", Bytes(need), errno.desc()))
}

/// mlock has failed.
pub fn cannot_lock_memory(errno: Errno) -> Error {
    let (what, left) = ("cannot lock the array in memory", memory::lockable_left());
    match left {
        Some(left) => Error::os(
            Errno::ENOMEM,
            format!("{what}: this process may lock {} more (RLIMIT_MEMLOCK); {RAISE_MEMLOCK}", Bytes(left)),
        ),
        None => Error::os(errno, format!("{what}: {}", errno.desc())),
    }
}

const RAISE_MEMLOCK: &str =
    "raise it with ulimit -l, docker run --ulimit memlock=-1 or LimitMEMLOCK= of systemd, or leave SHM_ARRAY_MLOCK out";

/// A sentence of what is needed, what there is, and what to do.
fn short(errno: Errno, place: &Place, need: u64, there_is: &str, remedy: &str) -> Error {
    Error::os(errno, format!("{place} needs {}; {there_is}: {remedy}", Bytes(need)))
}

/// RLIMIT_FSIZE, which kills with SIGXFSZ; RLIMIT_AS, without which it could not be mapped; RLIMIT_MEMLOCK.
pub fn limits_of_process(place: &Place, need: Need) -> Result<()> {
    let whole = need.file_len;
    if let Some(limit) = memory::file_size_limit().filter(|limit| whole > *limit) {
        let there_is = format!("this process may write files of {} (RLIMIT_FSIZE)", Bytes(limit));
        return Err(short(Errno::EFBIG, place, whole, &there_is, "raise it with ulimit -f"));
    }
    if let Some(left) = memory::address_space_left().filter(|left| whole > *left) {
        let there_is = format!("this process may map {} more (RLIMIT_AS)", Bytes(left));
        return Err(short(Errno::ENOMEM, place, whole, &there_is, "raise it with ulimit -v"));
    }
    if let Some(left) = need.locked.then(memory::lockable_left).flatten().filter(|left| whole > *left) {
        let there_is = format!("this process may lock {} more in memory (RLIMIT_MEMLOCK)", Bytes(left));
        return Err(short(Errno::ENOMEM, place, whole, &there_is, RAISE_MEMLOCK));
    }
    Ok(())
}

fn file_system(place: &Place, fd: BorrowedFd<'_>, need: u64) -> Result<()> {
    let Some(space) = memory::space_on(fd).filter(|space| need > space.free) else { return Ok(()) };
    let (where_, remedy) = match place {
        Place::Shm(_) => {
            let mib = (space.total - space.free).saturating_add(need).div_ceil(1 << 20);
            let remedy = format!(
                "enlarge it (as root: mount -o remount,size={mib}M {SHM_DIRECTORY}; a container: docker run \
                 --shm-size={mib}m), remove arrays that nobody uses, or use a file: file:///directory/name.npy"
            );
            (SHM_DIRECTORY.to_string(), remedy)
        }
        _ => ("its file system".into(), "free some space, or use another directory".into()),
    };
    let there_is = format!("{where_} has {} free, of {}", Bytes(space.free), Bytes(space.total));
    Err(short(Errno::ENOSPC, place, need, &there_is, &remedy))
}

const USE_A_FILE: &str = "use a file (file:///directory/name.npy), which the kernel pages to disk";

/// Memory of the machine, of each control group, and what the kernel still promises.
fn machine(place: &Place, need: u64) -> Result<()> {
    let Some(machine) = memory::machine() else { return Ok(()) };
    if need > machine.available.saturating_add(machine.swap_free) {
        let there_is = format!(
            "this machine has {} of memory available (MemAvailable) and {} of swap free",
            Bytes(machine.available),
            Bytes(machine.swap_free)
        );
        let missing = need - machine.available - machine.swap_free;
        let gib = machine.total.max(missing).div_ceil(1 << 30);
        let remedy = format!(
            "{USE_A_FILE}, or add swap, as root: fallocate -l {gib}G /swapfile && chmod 600 /swapfile && mkswap \
             /swapfile && swapon /swapfile"
        );
        return Err(short(Errno::ENOMEM, place, need, &there_is, &remedy));
    }
    for group in cgroup::limited_groups() {
        if need > group.left.saturating_add(group.swap.min(machine.swap_free)) {
            let there_is = format!(
                "the control group of this container or service may use {} more, of {} ({})",
                Bytes(group.left),
                Bytes(group.limit),
                group.limit_file.display()
            );
            let remedy = format!("{USE_A_FILE}, or raise that limit (docker run --memory=..., MemoryMax= of systemd)");
            return Err(short(Errno::ENOMEM, place, need, &there_is, &remedy));
        }
    }
    if let Some(left) = machine.commit_left.filter(|left| need > *left) {
        let there_is = format!(
            "this machine counts strictly (vm.overcommit_memory = 2) and promises {} more (CommitLimit - Committed_AS)",
            Bytes(left)
        );
        let remedy = format!("{USE_A_FILE}, add swap, or raise vm.overcommit_ratio");
        return Err(short(Errno::ENOMEM, place, need, &there_is, &remedy));
    }
    Ok(())
}
