//! kill -9 at random moments, among several processes that all do the same thing.
//!
//! Kills come in bursts, a microsecond to five milliseconds apart, every order of magnitude equally likely. After
//! each burst there is a calm in which every living participant has to complete a round: in an unbroken hail of
//! kills nobody would live long enough to be seen hanging. Some victims are stopped first and die stopped, and some
//! are stopped and continued, because a process that is slow is not dead. The dead stay unreaped for a while.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::unistd::Pid;
use std::sync::atomic::Ordering::SeqCst;

use crate::engine::chance::Chance;
use crate::engine::ground::Ground;
use crate::engine::marks;
use crate::engine::page::SLOTS;
use crate::engine::process::{Birth, Cast, Process, in_words};
use crate::engine::report::Report;
use crate::engine::watchdog::{self, LIMIT, Patience};
use crate::engine::{Crowd, Verdict, World};

/// How much of it.
pub struct Options {
    /// Kills in all.
    pub kills: u64,
    /// Processes at any time.
    pub participants: usize,
}

/// Kills without a calm between them, at most.
const BURST: u64 = 24;
/// Nanoseconds between two kills, at most.
const PAUSE: u64 = 5_000_000;
/// The dead that may lie about unreaped, at most.
const GRAVES: usize = 24;

struct Arena<'a> {
    cast: &'a Cast,
    ground: &'a Ground,
    chance: Chance,
    living: Vec<Process>,
    dead: Vec<Process>,
    born: u64,
    /// What the victims were doing.
    struck: BTreeMap<String, u64>,
}

/// Do it all for one crowd.
pub fn run(crowd: &dyn Crowd, cast: &Cast, ground: &Ground, options: &Options, report: &mut Report) -> Verdict {
    if let Err(words) = once(cast, "prepare") {
        report.violation(format!("before anybody was killed: {words}"));
        return Ok(());
    }
    // SAFETY: asks that orphaned grandchildren become ours.
    unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1) };
    let start = Instant::now();
    let chance = Chance::new(cast.page.seed.load(SeqCst));
    let mut arena =
        Arena { cast, ground, chance, living: Vec::new(), dead: Vec::new(), born: 0, struck: BTreeMap::new() };
    let mut verdict = arena.fight(options, report);
    if let Err(words) = &verdict {
        arena.freeze();
        report.violation(words.clone());
        if let Some(place) = ground.save() {
            eprintln!("the segments as they were then: {}", place.display());
        }
    }
    let kills: u64 = arena.struck.values().sum();
    let rate = kills as f64 / start.elapsed().as_secs_f64();
    report.add("kills", kills);
    report.add("kills a second", rate as u64);
    arena.struck.iter().for_each(|(stage, number)| report.add(&format!("killed at '{stage}'"), *number));
    arena.living.iter().for_each(|process| process.signal(Signal::SIGKILL)); // all at once: the last, largest kill
    drop(arena);
    outlive_orphans();
    if verdict.is_ok() {
        verdict = once(cast, "check").and_then(|()| ground.expect_only(&[]));
        if let Err(words) = &verdict {
            report.violation(format!("when all were dead: {words}"));
        }
    }
    report.collect(cast.page, crowd.tallies());
    Ok(())
}

/// Children that participants have left behind use segments too: the world is only in order when they are gone.
fn outlive_orphans() {
    // SAFETY: reaps whoever is left; the harness has no other children now.
    while unsafe { libc::waitpid(-1, std::ptr::null_mut(), 0) } > 0 {}
}

impl Arena<'_> {
    fn fight(&mut self, options: &Options, report: &mut Report) -> Verdict {
        let mut kills = 0;
        while self.living.len() < options.participants {
            self.bear()?;
        }
        self.calm()?;
        while kills < options.kills {
            for _ in 0..(self.chance.below(BURST) + 1).min(options.kills - kills) {
                self.pass_time()?;
                let Some(victim) = self.choose() else { continue };
                self.strike(victim, report);
                kills += 1;
                self.bear()?;
                self.bury();
            }
            self.calm()?;
            report.count("calms in which every participant completed a round");
        }
        Ok(())
    }

    /// A new participant; every other one is alone in a PID namespace.
    fn bear(&mut self) -> Verdict {
        let taken = |slot: usize| self.living.iter().chain(&self.dead).any(|process| process.slot == slot);
        let slot = (1..SLOTS).find(|&slot| !taken(slot)).expect("there are more slots than living and dead");
        self.born += 1;
        let alone = self.ground.namespaces && self.born.is_multiple_of(2);
        self.living.push(self.cast.start("participant", slot, Birth { alone, traced: false })?);
        Ok(())
    }

    /// Let some time pass, a microsecond or milliseconds, and keep an eye on all.
    fn pass_time(&mut self) -> Verdict {
        let pause = Duration::from_nanos(self.chance.spread(PAUSE));
        let start = Instant::now();
        while start.elapsed() < pause {
            if pause > Duration::from_micros(200) {
                std::thread::sleep(Duration::from_micros(100));
            } else {
                std::hint::spin_loop();
            }
        }
        self.look()
    }

    /// One of those that have begun to do something: a kill before that proves nothing.
    fn choose(&self) -> Option<usize> {
        let begun = |process: &Process| self.cast.page.slots[process.slot].doing.load(SeqCst) != 0;
        let able: Vec<usize> = (0..self.living.len()).filter(|&which| begun(&self.living[which])).collect();
        (!able.is_empty()).then(|| able[self.chance.below(able.len() as u64) as usize])
    }

    fn strike(&mut self, which: usize, report: &mut Report) {
        let nap = Duration::from_nanos(self.chance.spread(PAUSE));
        if self.chance.one_in(16) {
            // Stopped and continued: whatever it holds must stay its own.
            let slow = &self.living[self.chance.below(self.living.len() as u64) as usize];
            slow.signal(Signal::SIGSTOP);
            std::thread::sleep(nap);
            slow.signal(Signal::SIGCONT);
            report.count("participants stopped and continued");
        }
        let victim = self.living.swap_remove(which);
        if self.chance.one_in(16) {
            victim.signal(Signal::SIGSTOP);
            std::thread::sleep(nap);
            report.count("participants killed while stopped");
        }
        *self.struck.entry(self.cast.page.slots[victim.slot].doing()).or_default() += 1;
        marks::condemn(self.cast.page, victim.slot);
        victim.signal(Signal::SIGKILL);
        self.dead.push(victim);
    }

    /// Reap some of the dead; the others stay zombies for a while.
    fn bury(&mut self) {
        while self.dead.len() > GRAVES || !self.dead.is_empty() && self.chance.one_in(2) {
            let mut body = self.dead.swap_remove(self.chance.below(self.dead.len() as u64) as usize);
            body.reap();
        }
    }

    /// Nobody is killed until everybody has completed a round.
    fn calm(&mut self) -> Verdict {
        let rounds = |process: &Process| self.cast.page.slots[process.slot].rounds.load(SeqCst);
        let before: Vec<u64> = self.living.iter().map(rounds).collect();
        let mut patience = Patience::new();
        loop {
            let late: Vec<&Process> = self
                .living
                .iter()
                .zip(&before)
                .filter(|(process, then)| rounds(process) == **then)
                .map(|x| x.0)
                .collect();
            if late.is_empty() {
                return Ok(());
            }
            let pids: Vec<Pid> = self.living.iter().map(|process| process.pid).collect();
            if patience.exhausted(&pids) {
                let who: Vec<String> = late.iter().map(|process| self.describe(process)).collect();
                return Err(format!(
                    "a hang: {} of {} participants completed no round in {LIMIT:?}, while nobody was killed or stopped\n    {}",
                    late.len(),
                    self.living.len(),
                    who.join("\n    ")
                ));
            }
            self.look()?;
            std::thread::sleep(Duration::from_micros(100));
        }
    }

    /// Has anybody complained, or left without being killed?
    fn look(&mut self) -> Verdict {
        let heard = |slot: usize| self.cast.page.slots[slot].hear().map(|words| format!("participant {slot}: {words}"));
        if let Some(words) = (1..SLOTS).find_map(heard) {
            // Who was first has said so before anybody could follow; only now is it sure that we see it.
            let first = self.cast.page.first_complaint.load(SeqCst) as usize;
            return Err(heard(first).unwrap_or(words));
        }
        for process in &mut self.living {
            if let Some(status) = process.ended() {
                let slot = &self.cast.page.slots[process.slot];
                // It may have complained between our two looks.
                let words = slot.hear().unwrap_or_else(|| "it was not killed by us".to_owned());
                let (which, doing) = (process.slot, slot.doing());
                return Err(format!("participant {which} {} at '{doing}': {words}", in_words(status)));
            }
        }
        Ok(())
    }

    fn describe(&self, process: &Process) -> String {
        let slot = &self.cast.page.slots[process.slot];
        let alone = if process.birth.alone { ", tid 1 of its own namespace" } else { "" };
        format!("participant {} at '{}'{alone}: {}", process.slot, slot.doing(), watchdog::describe(process.pid))
    }

    /// Keep everything as it is, for a post-mortem.
    fn freeze(&self) {
        for process in &self.living {
            process.signal(Signal::SIGSTOP);
        }
    }
}

/// Run one part of the scenario in a process of its own.
fn once(cast: &Cast, role: &str) -> Verdict {
    let slot = 1;
    let mut process = cast.start(role, slot, Birth::default())?;
    let mut patience = Patience::new();
    loop {
        if let Some(status) = process.ended() {
            return match cast.page.slots[slot].hear() {
                Some(words) => Err(words),
                None if in_words(status) == "exited with code 0" => Ok(()),
                None => Err(format!("the process that should {role} {}", in_words(status))),
            };
        }
        if patience.is_over(LIMIT * 4, &[process.pid]) {
            let doing = cast.page.slots[slot].doing();
            return Err(format!("{role} hangs at '{doing}': {}", watchdog::describe(process.pid)));
        }
        std::thread::sleep(Duration::from_micros(100));
    }
}

/// The life of a participant: rounds, until it is killed or finds something wrong.
pub fn participate(crowd: &dyn Crowd, world: &World) -> Verdict {
    loop {
        crowd.round(world)?;
        world.page.slots[world.slot].rounds.fetch_add(1, SeqCst);
    }
}
