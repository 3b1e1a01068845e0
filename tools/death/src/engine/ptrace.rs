//! A traced process: run it to a marker, by one system call, or by one instruction.
//!
//! All that depends on the processor is in `registers` at the end: making a system call fail, and running to an
//! instruction. Everything else, down to the number of a system call and the address of an instruction, comes from the
//! kernel in the same form everywhere (PTRACE_GET_SYSCALL_INFO).

use std::mem::MaybeUninit;
use std::os::raw::c_int;

use nix::errno::Errno;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::personality::{self, Persona};
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::process::{Process, in_words};
use super::watchdog::{self, LIMIT, Patience};

/// How to let a stopped process go on.
#[derive(Clone, Copy)]
pub enum Go {
    /// To the next signal (a marker is one).
    Freely,
    /// To the next entry or exit of a system call.
    Call,
    /// By one instruction.
    Step,
}

/// Why it stopped.
#[derive(Debug, PartialEq, Eq)]
pub enum Stop {
    /// At a marker: see `World::begin`.
    Marker,
    /// At the entry of this system call.
    Entry(i64),
    /// At the exit of a system call.
    Exit,
    /// After one instruction.
    Stepped,
    /// It did not stop: it sleeps in the kernel. Reported once for each `go`.
    Asleep,
    /// It has gone, in words.
    Gone(String),
    /// It did not stop within the watchdog's limit, in words.
    Stuck(String),
}

/// A process under ptrace. Wraps its `Process`, which kills it when dropped.
pub struct Tracee {
    /// The process.
    pub process: Process,
    pending: Option<Signal>,
}

impl Tracee {
    /// Take over a process that was born traced, at its first instruction.
    pub fn adopt(process: Process) -> Result<Tracee, String> {
        let mut tracee = Tracee { process, pending: None };
        match tracee.wait(false) {
            Stop::Stepped => {} // the SIGTRAP of its exec
            other => return Err(format!("a traced process did not stop after exec, but: {other:?}")),
        }
        let options = Options::PTRACE_O_TRACESYSGOOD | Options::PTRACE_O_EXITKILL;
        ptrace::setoptions(tracee.process.pid, options).map_err(|why| format!("PTRACE_SETOPTIONS: {why}"))?;
        Ok(tracee)
    }

    /// Let it go on, and wait for the next stop. `Asleep` is only reported where the caller can do something about
    /// it.
    pub fn go(&mut self, go: Go, report_sleep: bool) -> Stop {
        let (pid, signal) = (self.process.pid, self.pending.take());
        let resumed = match go {
            Go::Freely => ptrace::cont(pid, signal),
            Go::Call => ptrace::syscall(pid, signal),
            Go::Step => ptrace::step(pid, signal),
        };
        match resumed {
            Ok(()) | Err(Errno::ESRCH) => self.wait(report_sleep),
            Err(why) => Stop::Gone(format!("could not be resumed: {why}")),
        }
    }

    /// Wait for the next stop.
    pub fn wait(&mut self, report_sleep: bool) -> Stop {
        let pid = self.process.pid;
        let mut patience = Patience::new();
        let mut ticks_asleep = 0;
        loop {
            // Blocks; the ticking alarm interrupts it every millisecond.
            match waitpid(pid, Some(WaitPidFlag::__WALL)) {
                Ok(WaitStatus::Stopped(_, Signal::SIGSTOP)) => return Stop::Marker,
                Ok(WaitStatus::Stopped(_, Signal::SIGTRAP)) => return Stop::Stepped,
                Ok(WaitStatus::PtraceSyscall(_)) => return self.at_call(),
                Ok(WaitStatus::Stopped(_, signal)) => {
                    // Any other signal is the process's own business: deliver it.
                    if ptrace::cont(pid, signal).is_err() {
                        return Stop::Gone(format!("was ended by {signal}"));
                    }
                }
                Ok(status @ (WaitStatus::Exited(..) | WaitStatus::Signaled(..))) => {
                    self.process.forget();
                    return Stop::Gone(in_words(status));
                }
                Err(Errno::EINTR) => {
                    ticks_asleep = if watchdog::state(pid) == Some('S') { ticks_asleep + 1 } else { 0 };
                    if report_sleep && ticks_asleep == 2 {
                        return Stop::Asleep;
                    }
                }
                Ok(_) => {}
                Err(why) => return Stop::Gone(format!("could not be waited for: {why}")),
            }
            if patience.exhausted(&[pid]) {
                return Stop::Stuck(format!("no stop within {LIMIT:?}: {}", watchdog::describe(pid)));
            }
        }
    }

    fn at_call(&self) -> Stop {
        match self.info() {
            Some(info) if info.op == libc::PTRACE_SYSCALL_INFO_ENTRY => {
                // SAFETY: `op` says that this is the variant that the kernel has written.
                Stop::Entry(unsafe { info.u.entry.nr } as i64)
            }
            _ => Stop::Exit,
        }
    }

    /// The address of the next instruction.
    pub fn address(&self) -> u64 {
        self.info().map_or(0, |info| info.instruction_pointer)
    }

    /// The file and offset of the next instruction, for addr2line.
    pub fn place(&self) -> String {
        let address = self.address();
        watchdog::place(self.process.pid, address).unwrap_or_else(|| format!("{address:#x}"))
    }

    fn info(&self) -> Option<libc::ptrace_syscall_info> {
        let mut info = MaybeUninit::<libc::ptrace_syscall_info>::zeroed();
        let size = size_of::<libc::ptrace_syscall_info>();
        // SAFETY: the kernel writes at most `size` bytes to `info`, for which zero is valid.
        unsafe {
            let request = libc::PTRACE_GET_SYSCALL_INFO;
            let got = libc::ptrace(request, self.process.pid.as_raw(), size, info.as_mut_ptr());
            (got > 0).then(|| info.assume_init())
        }
    }

    /// Stop, as after a step, before the instruction at this address, or nowhere. False where that cannot be had.
    pub fn break_at(&self, address: Option<u64>) -> bool {
        registers::break_at(self.process.pid, address)
    }

    /// At an entry: the call is not made.
    pub fn skip_call(&self) -> Result<(), String> {
        registers::skip_call(self.process.pid)
    }

    /// At an entry of brk: it does not move the break. brk is the one call that fails without an errno.
    pub fn void_brk(&self) -> Result<(), String> {
        registers::set_first_argument(self.process.pid, 0)
    }

    /// At an exit: the call returns this error.
    pub fn fail_call(&self, errno: i32) -> Result<(), String> {
        registers::set_result(self.process.pid, -i64::from(errno))
    }

    /// kill -9, and wait until it is dead; it stays a zombie.
    pub fn kill(&self) {
        self.process.signal(Signal::SIGKILL);
        self.process.await_death();
    }
}

/// Interrupt blocking waits every millisecond, so that they can look at the clock. A one-shot alarm could go off
/// just before the wait begins; a ticking one cannot be missed.
pub fn start_ticking() {
    extern "C" fn nothing(_: c_int) {}
    let action = SigAction::new(SigHandler::Handler(nothing), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler does nothing at all.
    unsafe { sigaction(Signal::SIGALRM, &action) }.expect("a handler for SIGALRM can be set");
    let tick = libc::timeval { tv_sec: 0, tv_usec: 1000 };
    let timer = libc::itimerval { it_interval: tick, it_value: tick };
    // SAFETY: `timer` outlives the call.
    unsafe { libc::setitimer(libc::ITIMER_REAL, &timer, std::ptr::null_mut()) };
}

/// Keep the harness and what it starts from now on to the processor it runs on. Stepping is a hand-over for each
/// instruction: 1.5 us on one processor, 30 us if the other one has to be woken every time.
pub fn share_one_processor() {
    let here = nix::sched::sched_getcpu().unwrap_or(0);
    let mut only = CpuSet::new();
    // Where it cannot be had, stepping is slow, and that is all.
    let _ = only.set(here).and_then(|()| sched_setaffinity(Pid::from_raw(0), &only));
}

/// Have what is executed from now on at the same addresses every time. False where that is not permitted.
pub fn fix_addresses() -> bool {
    let set = |persona: Persona| personality::set(persona | Persona::ADDR_NO_RANDOMIZE);
    personality::get().and_then(set).is_ok()
}

/// Undo what was inherited from a harness that shares one processor.
pub fn use_all_processors() {
    let mut all = CpuSet::new();
    // The kernel leaves out those that do not exist or are not ours.
    for processor in 0..CpuSet::count() {
        let _ = all.set(processor);
    }
    let _ = sched_setaffinity(Pid::from_raw(0), &all);
}

/// The errors that are injected, each of which some kernel or sandbox has been seen to return where no manual lists
/// it.
pub const ERRORS: [Errno; 7] =
    [Errno::ENOMEM, Errno::EINTR, Errno::EACCES, Errno::ENOSPC, Errno::EMFILE, Errno::EAGAIN, Errno::EIO];

#[cfg(target_arch = "x86_64")]
mod registers {
    use std::mem::offset_of;

    use nix::sys::ptrace;
    use nix::unistd::Pid;

    fn change(pid: Pid, what: impl FnOnce(&mut libc::user_regs_struct)) -> Result<(), String> {
        let mut registers = ptrace::getregs(pid).map_err(|why| format!("PTRACE_GETREGS: {why}"))?;
        what(&mut registers);
        ptrace::setregs(pid, registers).map_err(|why| format!("PTRACE_SETREGS: {why}"))
    }

    pub fn skip_call(pid: Pid) -> Result<(), String> {
        change(pid, |registers| registers.orig_rax = u64::MAX)
    }

    pub fn set_first_argument(pid: Pid, value: u64) -> Result<(), String> {
        change(pid, |registers| registers.rdi = value)
    }

    /// By the first debug register; the last one switches it on and off.
    pub fn break_at(pid: Pid, address: Option<u64>) -> bool {
        let write = |register: usize, value: u64| {
            let offset = offset_of!(libc::user, u_debugreg) + register * size_of::<u64>();
            // The kernel's own checks refuse what a process may not watch.
            ptrace::write_user(pid, offset as *mut _, value as i64).is_ok()
        };
        match address {
            Some(address) => write(0, address) && write(7, 1),
            None => write(7, 0),
        }
    }

    pub fn set_result(pid: Pid, result: i64) -> Result<(), String> {
        change(pid, |registers| registers.rax = result as u64)
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod registers {
    use nix::unistd::Pid;

    const SORRY: &str = "injecting errors is written for x86_64 only; kills and steps work here";

    pub fn break_at(_: Pid, _: Option<u64>) -> bool {
        false
    }

    pub fn skip_call(_: Pid) -> Result<(), String> {
        Err(SORRY.to_owned())
    }

    pub fn set_first_argument(_: Pid, _: u64) -> Result<(), String> {
        Err(SORRY.to_owned())
    }

    pub fn set_result(_: Pid, _: i64) -> Result<(), String> {
        Err(SORRY.to_owned())
    }
}
