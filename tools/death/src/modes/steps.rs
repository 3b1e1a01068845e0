//! kill -9 after every single instruction, and a stop after every single instruction.
//!
//! For each k a fresh victim runs k instructions of its operation under PTRACE_SINGLESTEP and is struck; when k is
//! beyond the operation's end, we are done. An instruction that is a system call and puts the victim to sleep
//! counts twice: struck asleep, and struck after the harness has let it go on.
//!
//! Operations that others can meet (a lock) get two more passes. In one the survivor comes while the victim is
//! inside and waits, until it sleeps in the kernel, and only then stepping goes on: the wake-up is part of what is
//! killed. In the other the victim is not killed but stopped, the survivor does what it can beside it, and the
//! victim goes on: every instruction is a place where a scheduler may have preempted it.
//!
//! In the last pass the victim is stopped for good. The survivor must not be kept by it for longer than its timeouts
//! say; then the victim is killed after all.
//!
//! Where victims have to wait they go to sleep at once: what they would do before, looking at a word and yielding some
//! thousand times, changes nothing that others see, and takes longer under single steps than all the rest. With
//! `--spin` they wait as they do in life; that is for looking at each Nth instruction.

use crate::engine::path::{Path, Walk};
use crate::engine::ptrace::{Go, Stop, Tracee};
use crate::engine::report::Report;
use crate::engine::trial::{Order, Trials};
use crate::engine::world::{ENDED, PAUSED};

/// What to step.
pub struct Options {
    /// Strike after every so many instructions only.
    pub every: u64,
    /// Strike after exactly so many instructions, to repeat something seen.
    pub at: Option<u64>,
    /// Strike after at least, and at most, so many.
    pub range: (u64, u64),
    /// Only this pass, by its name.
    pub pass: Option<String>,
    /// Addresses are the same for all victims, which may be let run to where others were before.
    pub short_ways: bool,
}

/// So many runs must reach the end before we believe that k is beyond it: waiting loops differ from run to run.
const ENDS: u32 = 3;

/// Trials alternate: in a namespace or not, reaped or not, the survivor tries or waits.
const TURNS: u32 = 8;

/// What a pass does after k instructions.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// Kill; the survivor comes then.
    Kill,
    /// Kill; the survivor has been waiting since the victim was inside.
    KillAwaited,
    /// Stop, let the survivor intrude, and go on.
    Stop,
    /// Stop, let the survivor do without it, and kill.
    Freeze,
}

/// What the passes are called on the command line.
pub const PASSES: [&str; 4] = ["kill", "awaited", "stop", "freeze"];

impl Pass {
    fn words(self) -> &'static str {
        match self {
            Pass::Kill => "kills after one more instruction",
            Pass::KillAwaited => "kills after one more instruction, survivor asleep",
            Pass::Stop => "stops after one more instruction, survivor beside",
            Pass::Freeze => "stops for good after one more instruction, survivor in time",
        }
    }
}

/// Where to strike.
#[derive(Clone, Copy)]
struct Point {
    pass: Pass,
    steps: u64,
    /// If the last step puts the victim to sleep, strike it there.
    asleep: bool,
}

/// The paths of the victims that are not alone in their namespace, and of those that are: the kernel tells them different
/// numbers. None where addresses differ from victim to victim.
type Paths = Option<[Path; 2]>;

/// What happened on the way there.
#[derive(Default)]
struct Way {
    /// The operation ended before.
    ended: bool,
    /// The last step slept.
    slept: bool,
    /// See [`Walk::has_run`] and [`Walk::has_strayed`].
    ran: bool,
    strayed: bool,
    /// Steps before the pause.
    pause: Option<u64>,
    /// Where the victim stood when it was struck.
    place: String,
}

/// Do it all for one operation.
pub fn run(trials: &mut Trials, options: &Options, report: &mut Report) -> Result<(), String> {
    let operation = trials.operation;
    let is_played = |pass: &Pass| match pass {
        Pass::Kill => true,
        Pass::KillAwaited | Pass::Stop => operation.is_shared(),
        Pass::Freeze => operation.can_be_endured(),
    };
    let is_asked_for = |pass: &Pass| options.pass.as_deref().is_none_or(|name| name == PASSES[*pass as usize]);
    let all = [Pass::Kill, Pass::KillAwaited, Pass::Stop, Pass::Freeze];
    let (first, last) = options.range;
    let mut pause = None;
    for pass in all.into_iter().filter(is_played).filter(is_asked_for) {
        let before = report.found();
        // Before the victim is inside, the second pass would repeat the first.
        let start = match (pass, pause) {
            (Pass::KillAwaited, None) if options.pass.is_none() => continue,
            (Pass::KillAwaited, Some(pause)) => first.max(pause),
            _ => first,
        };
        let mut steps = options.at.unwrap_or(start);
        let (mut ends, mut repeats) = (0, 1);
        let mut paths: Paths = options.short_ways.then(Default::default);
        while ends < ENDS && steps <= last && !report.is_enough(before) {
            let mut point = Point { pass, steps, asleep: false };
            let mut way = attempt(trials, point, &mut paths, report)?;
            if way.slept && matches!(pass, Pass::Kill | Pass::KillAwaited) {
                point.asleep = true;
                way = attempt(trials, point, &mut paths, report)?;
                report.count("kills asleep in the kernel");
            }
            pause = way.pause.or(pause);
            if way.ended {
                ends += 1;
                report.count("operations that ran to their end");
            } else {
                report.count(pass.words());
            }
            match options.at {
                None => steps += options.every,
                Some(_) if repeats < TURNS => repeats += 1,
                Some(_) => break,
            }
        }
    }
    Ok(())
}

/// A trial, and another one as long as the victim strays.
fn attempt(trials: &mut Trials, point: Point, paths: &mut Paths, report: &mut Report) -> Result<Way, String> {
    loop {
        let way = attempt_once(trials, point, paths, report)?;
        if way.ran {
            report.count("victims ran to where others had been, and were stepped from there");
        }
        if !way.strayed {
            return Ok(way);
        }
        report.count("victims took another way than those before, and were struck somewhere on it");
    }
}

/// One trial; what it finds goes into the report, with the point to repeat it at.
fn attempt_once(trials: &mut Trials, point: Point, paths: &mut Paths, report: &mut Report) -> Result<Way, String> {
    let mut way = Way::default();
    if let Err(words) = go(trials, point, paths, &mut way) {
        let what = match (point.pass, point.asleep) {
            (Pass::Kill, false) => "killed after instruction",
            (Pass::Kill, true) => "killed asleep in instruction",
            (Pass::KillAwaited, false) => "killed, with a survivor asleep, after instruction",
            (Pass::KillAwaited, true) => "killed asleep, with a survivor asleep, in instruction",
            (Pass::Stop, _) => "stopped for a while after instruction",
            (Pass::Freeze, _) => "stopped for good after instruction",
        };
        let (steps, place, name, subject) = (point.steps, &way.place, trials.operation.name(), trials.subject());
        report.violation(format!(
            "{what} {steps} (at {place}): {words}\n    repeat with: death steps {name} --subject {subject} --at {steps}"
        ));
        trials.renew()?;
    }
    Ok(way)
}

fn go(trials: &mut Trials, point: Point, paths: &mut Paths, way: &mut Way) -> Result<(), String> {
    let mut victim = trials.victim()?;
    let path = paths.as_mut().map(|paths| &mut paths[usize::from(trials.is_alone())]);
    let mut walk = Walk::new(path, &victim, point.steps);
    way.ran = walk.has_run();
    let mut checking = false;
    while walk.steps() < point.steps {
        let mut stop = victim.go(walk.go(), true);
        if stop == Stop::Asleep {
            way.slept = !walk.runs() && walk.steps() + 1 == point.steps;
            if way.slept && point.asleep {
                break;
            }
            while stop == Stop::Asleep {
                if !checking {
                    trials.order(Order::Nudge)?;
                }
                // Who runs may sleep several times; where it is stepped, each is a step of its own.
                stop = victim.wait(walk.runs() && !checking);
            }
        }
        match stop {
            Stop::Stepped => walk.stopped(&victim),
            Stop::Marker if trials.marker() == PAUSED => {
                way.pause = (!walk.runs()).then(|| walk.steps());
                if point.pass == Pass::KillAwaited {
                    trials.tell(Order::Check);
                    checking = true;
                    if !trials.await_sleep() {
                        trials.hear(Order::Check)?;
                        return Err("the survivor did not have to wait while the victim was inside".to_owned());
                    }
                }
            }
            Stop::Marker => {}
            other => return Err(trials.lost(&other)),
        }
        way.ended = trials.marker() == ENDED;
        if way.ended {
            walk.ended(&victim);
        }
        way.strayed = walk.has_strayed();
        if way.ended {
            return conclude(trials, victim, checking);
        }
    }
    way.place = victim.place();
    match point.pass {
        Pass::Kill => trials.kill_and_check(victim),
        Pass::KillAwaited if checking => trials.kill_and_hear(victim),
        Pass::KillAwaited => trials.kill_and_check(victim),
        Pass::Stop => {
            trials.order(Order::Intrude)?;
            run_on(trials, &mut victim)?;
            conclude(trials, victim, false)
        }
        Pass::Freeze => {
            trials.order(Order::Endure)?;
            trials.kill_and_check(victim)
        }
    }
}

/// Let a stopped victim run to its end, beside a survivor that makes way when the victim has to sleep.
fn run_on(trials: &mut Trials, victim: &mut Tracee) -> Result<(), String> {
    while trials.marker() != ENDED {
        let mut stop = victim.go(Go::Freely, true);
        while stop == Stop::Asleep {
            trials.order(Order::Nudge)?;
            stop = victim.wait(true);
        }
        if stop != Stop::Marker {
            return Err(trials.lost(&stop));
        }
    }
    Ok(())
}

fn conclude(trials: &mut Trials, victim: Tracee, checking: bool) -> Result<(), String> {
    let code = if checking {
        let code = trials.finish(victim)?;
        trials.hear(Order::Check)?;
        code
    } else {
        trials.finish_and_check(victim)?
    };
    if code != 0 {
        return Err(format!("left alone, the operation returned {code} instead of 0"));
    }
    Ok(())
}
