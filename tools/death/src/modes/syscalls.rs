//! kill -9 at the entry and at the exit of every system call of an operation, and every error at every one.
//!
//! At entry the call has not been made yet, at exit it has been and the process does not know. An injected error
//! replaces the call: the kernel is given the number -1, and the process the error. The operation then has to
//! return an error or to succeed by another way, and must leave nothing behind: no name, no segment without a name,
//! no descriptor, no mapping. Close is the exception: it is made, and then reported as failed, because Linux frees
//! the descriptor in any case; and with EINTR only, because that is all that a close on a local file system has
//! ever been seen to say.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::page::{INJECTED, UNMAPPED};
use crate::engine::ptrace::{ERRORS, Go, Stop, Tracee, call_name};
use crate::engine::report::Report;
use crate::engine::trial::{Order, Trials};
use crate::engine::world::{ENDED, PAUSED};

use nix::errno::Errno;

const CLOSE: i64 = libc::SYS_close;

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

/// Do it all for one operation.
pub fn run(trials: &mut Trials, options: &Options, report: &mut Report) -> Result<(), String> {
    // Once in peace, to know the calls.
    let mut calls = Vec::new();
    match strike(trials, u64::MAX, Blow::Nothing, &mut calls) {
        Ok(Some(0)) => {}
        Ok(code) => report.violation(format!("left alone, the operation returned {code:?} instead of 0")),
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
            let unheard_of = call == CLOSE && matches!(blow, Blow::Fail(errno) if errno != Errno::EINTR);
            if unheard_of || report.is_enough(before) || options.at.is_some_and(|at| at != n) {
                continue;
            }
            let mut made = Vec::new();
            let result = strike(trials, n, blow, &mut made);
            // Not always the call that it was in peace: waiting depends on time.
            let struck = made.get(n as usize - 1).copied();
            let call = struck.unwrap_or(call);
            match result {
                Ok(_) if struck.is_none() => report.count("operations that made fewer calls this time"),
                Ok(outcome) => match (blow, outcome) {
                    (Blow::KillAtEntry, None) => report.count("kills at entry"),
                    (_, None) => report.count("kills at exit"),
                    (Blow::Fail(errno), Some(0)) => {
                        report.count("injected errors, and the operation succeeded all the same");
                        survived.entry(call_name(call)).or_default().insert(format!("{errno:?}"));
                    }
                    (Blow::Fail(_), Some(_)) => report.count("injected errors, and the operation returned an error"),
                    (_, Some(_)) => unreachable!("the killed return nothing"),
                },
                Err(words) => {
                    let (call, name) = (call_name(call), trials.operation.name());
                    let what = match blow {
                        Blow::Nothing => unreachable!("not among the blows"),
                        Blow::KillAtEntry => format!("killed at the entry of call {n} ({call})"),
                        Blow::KillAtExit => format!("killed at the exit of call {n} ({call})"),
                        Blow::Fail(errno) => format!("call {n} ({call}) made to fail with {errno}"),
                    };
                    let again = format!("death syscalls {name} --subject {} --at {n}", trials.subject());
                    report.violation(format!("{what}: {words}\n    repeat with: {again}"));
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

/// One trial with a blow at the n-th call. Returns what the operation did, unless it was killed.
fn strike(trials: &mut Trials, n: u64, blow: Blow, calls: &mut Vec<i64>) -> Result<Option<i32>, String> {
    let mut victim = trials.victim()?;
    loop {
        match next(trials, &mut victim)? {
            Stop::Entry(_) if trials.marker() == ENDED => return trials.finish_and_check(victim).map(Some),
            Stop::Entry(_) if trials.marker() == PAUSED => {} // the marker's own call
            Stop::Entry(call) => {
                calls.push(call);
                if calls.len() as u64 != n {
                    continue;
                }
                if let Blow::Fail(errno) = blow {
                    fail(trials, &mut victim, call, errno)?;
                } else if blow == Blow::KillAtEntry
                    || blow == Blow::KillAtExit && next(trials, &mut victim)? == Stop::Exit
                {
                    return trials.kill_and_check(victim).map(|()| None);
                }
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

/// From the entry of a call to its exit, where it has failed.
fn fail(trials: &mut Trials, victim: &mut Tracee, call: i64, errno: Errno) -> Result<(), String> {
    if call != CLOSE {
        victim.skip_call()?;
    }
    trials.meddle(if call == libc::SYS_munmap { INJECTED | UNMAPPED } else { INJECTED });
    match next(trials, victim)? {
        Stop::Exit => victim.fail_call(errno as i32),
        other => Err(format!("no exit after the entry of a system call, but: {other:?}")),
    }
}
