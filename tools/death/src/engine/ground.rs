//! The ground that the processes stand on: a /dev/shm of their own, and what is left on it.
//!
//! In a mount namespace with a fresh tmpfs, "nothing left behind" is exact: the listing must be empty, and so must
//! be the file system's own count of inodes, which also knows files that have no name any more. Where the machine
//! does not permit that, the harness works on the common /dev/shm, looks only at names with its own prefix, and
//! says so.

use std::collections::BTreeSet;
use std::ffi::CStr;
use std::fs;
use std::path::{Path, PathBuf};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{getegid, geteuid};

use super::Verdict;

/// Where names live.
pub const DIRECTORY: &str = "/dev/shm";

/// What we could get.
pub struct Ground {
    /// /dev/shm is ours alone.
    pub private: bool,
    /// PID namespaces can be made.
    pub namespaces: bool,
    /// What is missing, in words.
    pub caveats: Vec<String>,
    /// How names of this run begin.
    pub prefix: String,
}

impl Ground {
    /// Take possession. Must come before anything else, while there is one thread.
    pub fn claim() -> Ground {
        let mut caveats = Vec::new();
        let private = match seclude() {
            Ok(()) => true,
            Err(why) => {
                caveats.push(format!(
                    "no private {DIRECTORY} ({why}): working on the common one, and looking only at names of this run. \
                     Run as root, or where user namespaces are allowed, for the exact check."
                ));
                false
            }
        };
        let namespaces = can_make_pid_namespaces();
        if !namespaces {
            caveats.push(
                "no PID namespaces (not permitted): all processes share one, so the case of two processes that are both \
                 tid 1 is NOT tested. Run as root, or where user namespaces are allowed."
                    .to_owned(),
            );
        }
        Ground { private, namespaces, caveats, prefix: format!("death.{}.", std::process::id()) }
    }

    /// Complain about everything that is there beyond `allowed` (names without the prefix).
    pub fn expect_only(&self, allowed: &[&str]) -> Verdict {
        let allowed: BTreeSet<String> = allowed.iter().map(|name| format!("{}{name}", self.prefix)).collect();
        let found: Vec<String> = self.names()?.into_iter().filter(|name| !allowed.contains(name)).collect();
        if !found.is_empty() {
            return Err(format!("left behind in {DIRECTORY}: {}", found.join(", ")));
        }
        if self.private {
            let used = inodes_in_use(c"/dev/shm")?;
            let most = allowed.len() as u64 + 1;
            if used > most {
                return Err(format!(
                    "{} of {used} inodes of {DIRECTORY} belong to no name: a segment without a name is still mapped or open",
                    used - most
                ));
            }
        }
        Ok(())
    }

    /// The names of this run; on a private ground, all.
    fn names(&self) -> Result<Vec<String>, String> {
        let entries = fs::read_dir(DIRECTORY).map_err(|why| format!("cannot list {DIRECTORY}: {why}"))?;
        let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
        Ok(names.filter(|name| self.private || name.contains(&self.prefix)).collect())
    }

    /// Remove everything of this run.
    pub fn sweep(&self) {
        for name in self.names().unwrap_or_default() {
            let _ = fs::remove_file(Path::new(DIRECTORY).join(name));
        }
    }

    /// Copy what is there to a directory that outlives the run, for looking at after a violation.
    pub fn save(&self) -> Option<PathBuf> {
        let target = std::env::temp_dir().join(format!("death-{}", std::process::id()));
        let names = self.names().ok().filter(|names| !names.is_empty())?;
        fs::create_dir_all(&target).ok()?;
        for name in names {
            fs::copy(Path::new(DIRECTORY).join(&name), target.join(&name)).ok()?;
        }
        Some(target)
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        // On the common ground we clear up after a violation too; a private one vanishes with the process.
        self.sweep();
    }
}

/// A mount namespace with an empty tmpfs on /dev/shm; for ordinary users by way of a user namespace.
fn seclude() -> Result<(), String> {
    let (user, group) = (geteuid(), getegid());
    if unshare(CloneFlags::CLONE_NEWNS).is_err() {
        unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS).map_err(|why| format!("unshare: {why}"))?;
        let write = |file: &str, text: String| fs::write(file, text).map_err(|why| format!("{file}: {why}"));
        write("/proc/self/setgroups", "deny".to_owned())?;
        write("/proc/self/uid_map", format!("0 {user} 1"))?;
        write("/proc/self/gid_map", format!("0 {group} 1"))?;
    }
    let nothing = None::<&str>;
    mount(nothing, "/", nothing, MsFlags::MS_REC | MsFlags::MS_PRIVATE, nothing)
        .map_err(|why| format!("mount: {why}"))?;
    mount(Some("tmpfs"), DIRECTORY, Some("tmpfs"), MsFlags::MS_NOSUID | MsFlags::MS_NODEV, Some("mode=1777"))
        .map_err(|why| format!("mount of a tmpfs on {DIRECTORY}: {why}"))
}

fn can_make_pid_namespaces() -> bool {
    let flags = (libc::CLONE_NEWPID | libc::SIGCHLD) as libc::c_long;
    // SAFETY: a fork; the child does nothing but leave.
    unsafe {
        let child = libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) as i32;
        if child == 0 {
            libc::_exit(0);
        }
        child > 0 && libc::waitpid(child, std::ptr::null_mut(), 0) == child
    }
}

fn inodes_in_use(path: &CStr) -> Result<u64, String> {
    // SAFETY: statfs is plain numbers, for which zero is valid; the kernel fills it in.
    let mut status: libc::statfs = unsafe { std::mem::zeroed() };
    // SAFETY: `path` is terminated and `status` outlives the call.
    if unsafe { libc::statfs(path.as_ptr(), &mut status) } != 0 {
        return Err(format!("statfs of {}: {}", path.to_string_lossy(), std::io::Error::last_os_error()));
    }
    Ok(status.f_files - status.f_ffree)
}
