//! kill -9 at the entry and at the exit of every system call of an operation, and every error at every one.
//!
//! At entry the call has not been made yet, at exit it has been and the process does not know. An injected error
//! replaces the call: the kernel is given the number -1, and the process the error. The operation then has to
//! return an error or to succeed by another way, and must leave nothing behind: no name, no segment without a name,
//! no descriptor, no mapping. Close is the exception: it is made, and then reported as failed, because Linux frees
//! the descriptor in any case; and with EINTR only, because that is all that a close on a local file system has
//! ever been seen to say.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::call_name::call_name;
use crate::engine::page::{INJECTED, UNMAPPED};
use crate::engine::ptrace::{ERRORS, Go, Stop, Tracee};
use crate::engine::report::Report;
use crate::engine::trial::{Order, Trials};
use crate::engine::world::{ENDED, PAUSED};

use nix::errno::Errno;

/// Where to strike.
pub struct Options {
    /// Only at this call (from 1), to repeat something seen.
    pub at: Option<u64>,
}

/// What to do at a call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Blow {
    Nothing,
    KillAtEntry,
    KillAtExit,
    Fail(Errno),
}

impl Blow {
    fn words(self) -> String {
        match self {
            Blow::Nothing => "left alone".to_owned(),
            Blow::KillAtEntry => "entered, and killed there".to_owned(),
            Blow::KillAtExit => "made, and killed at its exit".to_owned(),
            Blow::Fail(errno) => format!("made to fail with {errno}"),
        }
    }
}

/// Do it all for one operation.
pub fn run(trials: &mut Trials, options: &Options, report: &mut Report) -> Result<(), String> {
    // Once in peace, to know the calls.
    let mut calls = Vec::new();
    match strike(trials, u64::MAX, Blow::Nothing, &mut calls) {
        Ok(Outcome::Missed(0)) => {}
        Ok(Outcome::Missed(code) | Outcome::Failed(code)) => {
            report.violation(format!("left alone, the operation returned {code} instead of 0"));
        }
        Ok(Outcome::Killed) => unreachable!("nobody has killed it"),
        Err(words) => report.violation(format!("left alone: {words}")),
    }
    if !report.is_clean() {
        return Ok(());
    }
    report.add("system calls", calls.len() as u64);

    let mut survived = BTreeMap::<String, BTreeSet<String>>::new();
    let blows = [Blow::KillAtEntry, Blow::KillAtExit].into_iter().chain(ERRORS.map(Blow::Fail));
    for blow in blows {
        let before = report.found();
        for (n, &call) in (1..).zip(&calls) {
            let is_pointless = matches!(blow, Blow::Fail(errno) if !can_fail(call, errno));
            if is_pointless || report.is_enough(before) || options.at.is_some_and(|at| at != n) {
                continue;
            }
            let mut made = Vec::new();
            let outcome = strike(trials, n, blow, &mut made);
            // Not always the call that it was in peace: waiting depends on time.
            let call = call_name(made.get(n as usize - 1).copied().unwrap_or(call));
            match (outcome, blow) {
                (Ok(Outcome::Killed), Blow::KillAtEntry) => report.count("kills at entry"),
                (Ok(Outcome::Killed), _) => report.count("kills at exit"),
                (Ok(Outcome::Failed(0)), Blow::Fail(errno)) => {
                    report.count("injected errors, and the operation succeeded all the same");
                    survived.entry(call).or_default().insert(format!("{errno:?}"));
                }
                (Ok(Outcome::Failed(_)), _) => report.count("injected errors, and the operation returned an error"),
                (Ok(Outcome::Missed(_)), _) => report.count("operations that made other calls this time"),
                (Err(words), blow) => {
                    let (name, subject) = (trials.operation.name(), trials.subject());
                    report.violation(format!(
                        "call {n} ({call}) {}: {words}\n    repeat with: death syscalls {name} --subject {subject} --at {n}",
                        blow.words()
                    ));
                    trials.renew()?;
                }
            }
        }
    }
    for (call, errors) in survived {
        let which = errors.into_iter().collect::<Vec<_>>().join(", ");
        report.note(format!("succeeded although {call} failed with {which}"));
    }
    Ok(())
}

/// How a trial ended.
enum Outcome {
    /// The victim was killed.
    Killed,
    /// An error was injected, and the operation returned this.
    Failed(i32),
    /// There was no such call this time, or one that does not fail like that. The operation returned this.
    Missed(i32),
}

/// One trial with a blow at the n-th call; `calls` collects those that were made.
fn strike(trials: &mut Trials, n: u64, blow: Blow, calls: &mut Vec<i64>) -> Result<Outcome, String> {
    let mut victim = trials.victim()?;
    let mut has_failed = false;
    loop {
        match next(trials, &mut victim)? {
            Stop::Entry(_) if trials.marker() == ENDED => {
                let code = trials.finish_and_check(victim)?;
                return Ok(if has_failed { Outcome::Failed(code) } else { Outcome::Missed(code) });
            }
            Stop::Entry(_) if trials.marker() == PAUSED => {} // the marker's own call
            Stop::Entry(call) => {
                calls.push(call);
                if calls.len() as u64 != n {
                    continue;
                }
                if let Blow::Fail(errno) = blow {
                    has_failed = can_fail(call, errno);
                    if has_failed {
                        fail(trials, &mut victim, call, errno)?;
                    }
                    continue;
                }
                if blow == Blow::KillAtExit {
                    leave_call(trials, &mut victim)?;
                }
                return trials.kill_and_check(victim).map(|()| Outcome::Killed);
            }
            Stop::Exit | Stop::Marker => {}
            other => return Err(trials.lost(&other)),
        }
    }
}

/// Go on to the next stop, and wake a victim that sleeps.
fn next(trials: &mut Trials, victim: &mut Tracee) -> Result<Stop, String> {
    match victim.go(Go::Call, true) {
        Stop::Asleep => {
            trials.order(Order::Nudge)?;
            Ok(victim.wait(false))
        }
        stop => Ok(stop),
    }
}

/// From the entry of a call to its exit.
fn leave_call(trials: &mut Trials, victim: &mut Tracee) -> Result<(), String> {
    match next(trials, victim)? {
        Stop::Exit => Ok(()),
        other => Err(trials.lost(&other)),
    }
}

/// All errors are tried at all calls but these.
fn can_fail(call: i64, errno: Errno) -> bool {
    match call {
        libc::SYS_close => errno == Errno::EINTR,
        libc::SYS_brk => errno == Errno::ENOMEM,
        _ => true,
    }
}

/// From the entry of a call to its exit, where it has failed.
fn fail(trials: &mut Trials, victim: &mut Tracee, call: i64, errno: Errno) -> Result<(), String> {
    trials.meddle(if call == libc::SYS_munmap { INJECTED | UNMAPPED } else { INJECTED });
    match call {
        libc::SYS_brk => {
            victim.void_brk()?;
            return leave_call(trials, victim);
        }
        libc::SYS_close => {}
        _ => victim.skip_call()?,
    }
    leave_call(trials, victim)?;
    victim.fail_call(errno as i32)
}
