//! Participants: fresh processes, each its own fork and exec of this very program, some alone in a PID namespace.
//!
//! Fork and exec rather than fork alone, so that no handle, mapping or cache of the parent helps a child. Alone in
//! a namespace a process is tid 1, as the main process of every container is: libraries that tell processes apart
//! by their ids break right here.

use std::cell::Cell;
use std::ffi::CString;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;

use super::page::{Page, now_ns};

/// What all processes of a run have in common.
pub struct Cast {
    /// Whose scenarios are played: the library, or a toy.
    pub subject: String,
    /// The scenario's name.
    pub scenario: String,
    /// How names of this run begin.
    pub prefix: String,
    /// The side page.
    pub page: &'static Page,
    /// The descriptor that participants inherit the page by.
    pub page_fd: OwnedFd,
    /// Processes started so far: each draws its own chance from the seed and its number.
    pub births: Cell<u64>,
}

/// How a process comes into the world.
#[derive(Clone, Copy, Default)]
pub struct Birth {
    /// In a PID namespace of its own, where it is tid 1.
    pub alone: bool,
    /// Under ptrace from its first instruction.
    pub traced: bool,
}

/// One process of ours. Dropping it kills and reaps it.
pub struct Process {
    /// As seen from the harness.
    pub pid: Pid,
    /// Its slot on the side page.
    pub slot: usize,
    /// Its circumstances.
    pub birth: Birth,
    reaped: bool,
}

impl Cast {
    /// Start a process in a role (see `main`), with a fresh slot.
    pub fn start(&self, role: &str, slot: usize, birth: Birth) -> Result<Process, String> {
        self.page.slots[slot].reset(now_ns());
        let arguments = ["death", "participant", role, &self.subject, &self.scenario, &self.prefix];
        let mut arguments: Vec<String> = arguments.map(str::to_owned).into();
        self.births.set(self.births.get() + 1);
        arguments.extend([slot.to_string(), self.births.get().to_string(), self.page_fd.as_raw_fd().to_string()]);
        let terminated: Vec<CString> =
            arguments.into_iter().map(|word| CString::new(word).expect("arguments hold no zero byte")).collect();
        let mut pointers: Vec<*const libc::c_char> = terminated.iter().map(|word| word.as_ptr()).collect();
        pointers.push(std::ptr::null());

        let flags = libc::SIGCHLD | if birth.alone { libc::CLONE_NEWPID } else { 0 };
        // SAFETY: with no stack and no CLONE_VM this is a fork. The child only makes system calls until exec, with
        // memory that was prepared above; the harness has one thread, so no lock of another is held.
        let pid = unsafe { libc::syscall(libc::SYS_clone, flags as libc::c_long, 0, 0, 0, 0) as i32 };
        if pid == 0 {
            // SAFETY: as above. If the harness dies, so do its participants.
            unsafe {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                if birth.traced {
                    libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0);
                }
                libc::execv(c"/proc/self/exe".as_ptr(), pointers.as_ptr());
                libc::_exit(127);
            }
        }
        if pid < 0 {
            return Err(format!("cannot start a process: {}", std::io::Error::last_os_error()));
        }
        Ok(Process { pid: Pid::from_raw(pid), slot, birth, reaped: false })
    }
}

impl Process {
    /// Send a signal; a process that is gone already does not mind.
    pub fn signal(&self, signal: Signal) {
        let _ = kill(self.pid, signal);
    }

    /// How it ended, if it has; it is reaped then.
    pub fn ended(&mut self) -> Option<WaitStatus> {
        if self.reaped {
            return None; // the number may be another process's by now
        }
        match waitpid(self.pid, Some(WaitPidFlag::WNOHANG | WaitPidFlag::__WALL)) {
            Ok(status @ (WaitStatus::Exited(..) | WaitStatus::Signaled(..))) => {
                self.reaped = true;
                Some(status)
            }
            _ => None,
        }
    }

    /// Wait until it is dead, but leave it unreaped: a zombie, which a liveness test must not mistake for the
    /// living.
    pub fn await_death(&self) {
        while waitid(Id::Pid(self.pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT | WaitPidFlag::__WALL)
            == Err(Errno::EINTR)
        {}
    }

    /// Somebody else has reaped it: the number may be another process's by now.
    pub fn forget(&mut self) {
        self.reaped = true;
    }

    /// Reap it; it must be dying.
    pub fn reap(&mut self) {
        while !self.reaped {
            match waitpid(self.pid, Some(WaitPidFlag::__WALL)) {
                Ok(WaitStatus::Exited(..) | WaitStatus::Signaled(..)) | Err(Errno::ECHILD) => self.reaped = true,
                _ => {}
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.reaped {
            self.signal(Signal::SIGKILL);
            self.reap();
        }
    }
}

/// How a process ended, in words.
pub fn in_words(status: WaitStatus) -> String {
    match status {
        WaitStatus::Exited(_, code) => format!("exited with code {code}"),
        WaitStatus::Signaled(_, signal, _) => format!("was ended by {signal}"),
        other => format!("{other:?}"),
    }
}
