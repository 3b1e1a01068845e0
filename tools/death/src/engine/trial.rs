//! A trial: one victim, killed at one exact point, and the survivor that looks at the world afterwards.
//!
//! The survivor is one process for all trials of an operation. It does what it is told by a word in its slot of the
//! side page: prepare the world, let a sleeping victim go on, check. A victim is a fresh process every time, under
//! ptrace. While the survivor checks, the victim is a zombie in every other trial, and reaped in the others.

use std::sync::atomic::Ordering::SeqCst;

use nix::sys::signal::Signal;

use super::ground::Ground;
use super::page::{post, wait_while};
use super::process::{Birth, Cast, Process, in_words};
use super::ptrace::{Go, Stop, Tracee, use_all_processors};
use super::watchdog::{self, LIMIT, Patience};
use super::world::{BEGUN, ENDED, KILLED, RUNNING, VICTIM};
use super::{Fate, Operation, Survivor, Verdict, World};

/// The survivor's slot on the side page.
pub const SURVIVOR: usize = 1;

/// What a survivor can be told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Order {
    /// Put the world into its starting state.
    Prepare = 1,
    /// Let the sleeping victim go on.
    Nudge = 2,
    /// Do something beside a victim that is stopped.
    Intrude = 3,
    /// Check the invariants.
    Check = 4,
    /// Do without the victim, which is stopped for good.
    Endure = 5,
}

const WELL: u32 = 1;
const ILL: u32 = 2;

/// The trials of one operation.
pub struct Trials<'a> {
    /// What is tried.
    pub operation: &'a dyn Operation,
    cast: &'a Cast,
    ground: &'a Ground,
    survivor: Process,
    count: u64,
}

impl<'a> Trials<'a> {
    /// Start the survivor.
    pub fn new(operation: &'a dyn Operation, cast: &'a Cast, ground: &'a Ground) -> Result<Trials<'a>, String> {
        let survivor = cast.start("survivor", SURVIVOR, Birth::default())?;
        Ok(Trials { operation, cast, ground, survivor, count: 0 })
    }

    /// After a violation: a new survivor on clean ground.
    pub fn renew(&mut self) -> Verdict {
        self.survivor.signal(Signal::SIGKILL);
        self.survivor.reap();
        self.ground.sweep();
        self.survivor = self.cast.start("survivor", SURVIVOR, Birth::default())?;
        Ok(())
    }

    /// Note that a call of the victim was made to fail: bits as in `Slot::meddled`.
    pub fn meddle(&self, bits: u32) {
        self.cast.page.slots[VICTIM].meddled.fetch_or(bits, SeqCst);
    }

    /// Prepare the world and bring a fresh victim to the point where its operation begins.
    pub fn victim(&mut self) -> Result<Tracee, String> {
        self.order(Order::Prepare)?;
        self.count += 1;
        // Half of the victims are tid 1 of a PID namespace of their own.
        let birth = Birth { alone: self.is_alone(), traced: true };
        let mut victim = Tracee::adopt(self.cast.start("victim", VICTIM, birth)?)?;
        let stop = victim.go(Go::Freely, false);
        if stop != Stop::Marker || self.marker() != BEGUN {
            return Err(format!("before the operation: {}", self.lost(&stop)));
        }
        self.cast.page.slots[VICTIM].marker.store(RUNNING, SeqCst);
        Ok(victim)
    }

    /// Whether the last victim is in a PID namespace of its own.
    pub fn is_alone(&self) -> bool {
        self.ground.namespaces && self.count.is_multiple_of(2)
    }

    /// The last marker that the victim has passed.
    pub fn marker(&self) -> u32 {
        self.cast.page.slots[VICTIM].marker.load(SeqCst)
    }

    /// Kill the victim where it stands, and let the survivor check.
    pub fn kill_and_check(&mut self, mut victim: Tracee) -> Verdict {
        self.cast.page.slots[VICTIM].fate.store(KILLED, SeqCst);
        victim.kill();
        if self.count % 4 < 2 {
            victim.process.reap();
        }
        self.check()
    }

    /// As `kill_and_check`, where the survivor was told to check before, and sleeps.
    pub fn kill_and_hear(&mut self, victim: Tracee) -> Verdict {
        self.cast.page.slots[VICTIM].fate.store(KILLED, SeqCst);
        victim.kill();
        self.hear(Order::Check)?;
        drop(victim);
        self.ground.expect_only(self.operation.fixtures())
    }

    /// Let the victim, which has passed its last marker, go; it drops what it has, and must exit in good order.
    pub fn finish(&mut self, mut victim: Tracee) -> Result<i32, String> {
        debug_assert_eq!(self.marker(), ENDED);
        loop {
            match victim.go(Go::Freely, false) {
                Stop::Marker => {}
                Stop::Gone(how) if how == "exited with code 0" => break,
                other => return Err(format!("after the operation: {}", self.lost(&other))),
            }
        }
        match self.fate() {
            Fate::Returned(code) => Ok(code),
            Fate::Killed => unreachable!("nobody has killed it"),
        }
    }

    /// As `finish`, and let the survivor check.
    pub fn finish_and_check(&mut self, victim: Tracee) -> Result<i32, String> {
        let code = self.finish(victim)?;
        self.check()?;
        Ok(code)
    }

    /// Let the survivor check, and look at what is left behind.
    pub fn check(&mut self) -> Verdict {
        self.order(Order::Check)?;
        self.ground.expect_only(self.operation.fixtures())
    }

    /// Give an order and wait until it is done.
    pub fn order(&mut self, order: Order) -> Verdict {
        self.tell(order);
        self.hear(order)
    }

    /// Give an order.
    pub fn tell(&self, order: Order) {
        let slot = &self.cast.page.slots[SURVIVOR];
        slot.answer.store(0, SeqCst);
        post(&slot.command, order as u32);
    }

    /// Wait until the survivor sleeps in the kernel (true), or has answered already (false).
    pub fn await_sleep(&self) -> bool {
        let slot = &self.cast.page.slots[SURVIVOR];
        let mut patience = Patience::new();
        let mut looks_asleep = 0;
        while !patience.exhausted(&[self.survivor.pid]) && looks_asleep < 3 {
            wait_while(&slot.answer, 0);
            if slot.answer.load(SeqCst) != 0 {
                return false;
            }
            let taken = slot.command.load(SeqCst) == 0;
            looks_asleep = if taken && watchdog::state(self.survivor.pid) == Some('S') { looks_asleep + 1 } else { 0 };
        }
        true
    }

    /// Wait for the answer to an order.
    pub fn hear(&mut self, order: Order) -> Verdict {
        let slot = &self.cast.page.slots[SURVIVOR];
        let mut patience = Patience::new();
        loop {
            wait_while(&slot.answer, 0);
            match slot.answer.load(SeqCst) {
                WELL => return Ok(()),
                ILL => return Err(slot.hear().unwrap_or_default()),
                _ => {}
            }
            if let Some(status) = self.survivor.ended() {
                return Err(format!("the survivor, told to {order:?}, {} at '{}'", in_words(status), slot.doing()));
            }
            // Twice the limit: its own waits end at the limit, and then it can say more than we could.
            if patience.is_over(LIMIT * 2, &[self.survivor.pid]) {
                let how = watchdog::describe(self.survivor.pid);
                return Err(format!("the survivor, told to {order:?}, hangs at '{}':\n    {how}", slot.doing()));
            }
        }
    }

    fn fate(&self) -> Fate {
        match self.cast.page.slots[VICTIM].fate.load(SeqCst) {
            KILLED => Fate::Killed,
            code => Fate::Returned(code as i32),
        }
    }

    /// The victim is not where it should be: what happened, in words.
    pub fn lost(&self, stop: &Stop) -> String {
        let slot = &self.cast.page.slots[VICTIM];
        let doing = slot.doing();
        match (slot.hear(), stop) {
            (Some(words), _) => words,
            (None, Stop::Gone(how)) => format!("the victim was not killed by us, but {how} (at '{doing}')"),
            (None, Stop::Stuck(how)) => format!("the victim hangs (at '{doing}'): {how}"),
            (None, other) => format!("the victim stopped where it should not (at '{doing}'): {other:?}"),
        }
    }

    /// Whose operation it is.
    pub fn subject(&self) -> &str {
        &self.cast.subject
    }
}

/// The life of a survivor.
pub fn survive(mut survivor: Box<dyn Survivor>, world: &World) -> ! {
    use_all_processors();
    let slot = &world.page.slots[world.slot];
    loop {
        wait_while(&slot.command, 0);
        let verdict = match slot.command.swap(0, SeqCst) {
            1 => survivor.prepare(world),
            2 => survivor.nudge(world),
            3 => survivor.intrude(world),
            4 => survivor.check(world),
            5 => survivor.endure(world),
            _ => continue,
        };
        if let Err(words) = &verdict {
            slot.say(words);
        }
        post(&slot.answer, if verdict.is_ok() { WELL } else { ILL });
    }
}

/// The life of a victim: its operation, and then nothing may be left of it in this process.
pub fn fall_victim(operation: &dyn Operation, world: &World) -> Verdict {
    let before = possessions()?;
    operation.victim(world)?;
    let after = possessions()?;
    if after.descriptors != before.descriptors {
        let (before, after) = (before.descriptors, after.descriptors);
        return Err(format!("{before} descriptors open before, {after} after everything was closed"));
    }
    if after.mappings > before.mappings && !world.may_keep_mappings() {
        let (before, after) = (before.mappings, after.mappings);
        return Err(format!("{before} segments mapped before, {after} after everything was closed"));
    }
    Ok(())
}

struct Possessions {
    descriptors: usize,
    mappings: usize,
}

fn possessions() -> Result<Possessions, String> {
    let cannot = |why: std::io::Error| format!("cannot look at /proc/self: {why}");
    let descriptors = std::fs::read_dir("/proc/self/fd").map_err(cannot)?.count();
    let maps = std::fs::read_to_string("/proc/self/maps").map_err(cannot)?;
    Ok(Possessions {
        descriptors,
        mappings: maps.lines().filter(|line| line.contains(super::ground::DIRECTORY)).count(),
    })
}
