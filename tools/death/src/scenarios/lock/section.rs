//! One process that locks, writes or reads, and unlocks, and another one that outlives it.

use std::marker::PhantomData;

use super::{BESIDE, CALM, HALF, LIMIT_NS, RECOVERED, TOLD, WHOLE, take_over};
use crate::engine::marks::Hold;
use crate::engine::{Operation, Survivor, Tally, Verdict, World};
use crate::scenarios::{ENDURED, FEW_SLOTS, expect, expired, pattern};
use crate::subjects::{Life, Subject};

const KEPT: &str = "kept";

/// lock, write or read, unlock: one operation.
struct Section<S> {
    plan: Plan,
    subject: PhantomData<S>,
}

/// What is special about it.
#[derive(Clone, Copy)]
struct Plan {
    name: &'static str,
    hold: Hold,
    /// It is this process's first lock of the segment: what is set up once happens now.
    first: bool,
    /// The survivor holds the lock like this, until the victim has slept twice.
    behind: Option<Hold>,
    /// The segment has one slot, so that the survivor gets that of the dead victim.
    one_slot: bool,
}

impl Plan {
    const fn new(name: &'static str, hold: Hold) -> Plan {
        Plan { name, hold, first: false, behind: None, one_slot: false }
    }
}

const PLANS: [Plan; 9] = [
    Plan::new("lock/exclusive", Hold::Exclusive),
    Plan::new("lock/shared", Hold::Shared),
    Plan { behind: Some(Hold::Exclusive), ..Plan::new("lock/contended", Hold::Exclusive) },
    Plan { behind: Some(Hold::Exclusive), ..Plan::new("lock/contended-shared", Hold::Shared) },
    Plan { behind: Some(Hold::Shared), ..Plan::new("lock/behind-reader", Hold::Exclusive) },
    Plan { first: true, ..Plan::new("lock/first", Hold::Exclusive) },
    Plan { first: true, ..Plan::new("lock/first-shared", Hold::Shared) },
    Plan { one_slot: true, ..Plan::new("lock/one-slot", Hold::Exclusive) },
    Plan { one_slot: true, ..Plan::new("lock/one-slot-shared", Hold::Shared) },
];

/// All operations on a lock.
pub fn operations<S: Subject>() -> Vec<Box<dyn Operation>> {
    PLANS.iter().map(|&plan| Box::new(Section::<S> { plan, subject: PhantomData }) as Box<dyn Operation>).collect()
}

impl<S: Subject> Operation for Section<S> {
    fn name(&self) -> &'static str {
        self.plan.name
    }

    fn tallies(&self) -> &'static [Tally] {
        &[WHOLE, TOLD, HALF, RECOVERED, CALM, BESIDE]
    }

    fn fixtures(&self) -> &'static [&'static str] {
        &[KEPT]
    }

    fn is_shared(&self) -> bool {
        !self.plan.one_slot
    }

    fn can_be_endured(&self) -> bool {
        !self.plan.one_slot
    }

    fn victim(&self, world: &World) -> Verdict {
        let segment = S::open(&world.name(KEPT)).map_err(|why| why.to_string())?;
        if !self.plan.first && segment.lock(self.plan.hold, 0) == 0 {
            // Whatever is set up once is set up now. Where the lock is contended this is a try that fails.
            expect("unlock", segment.unlock(), &[0], S::detail)?;
        }
        world.at(READY);
        world.begin();
        world.stage(LOCKING);
        let mut code = segment.lock(self.plan.hold, LIMIT_NS);
        if code != 0 {
            world.stage(REFUSED);
        } else {
            world.stage(INSIDE);
            if self.plan.hold == Hold::Exclusive {
                pattern::begin(segment.elements(), 7);
            }
            world.pause();
            if self.plan.hold == Hold::Exclusive {
                pattern::complete(segment.elements(), 7);
            }
            world.stage(UNLOCKING);
            code = segment.unlock();
            world.stage(AFTER);
        }
        world.end(code);
        Ok(())
    }

    fn survivor(&self) -> Box<dyn Survivor> {
        Box::new(Guard::<S> { plan: self.plan, segment: None, holds: None, saw: String::new(), nudges: 0, checks: 0 })
    }
}

// The stages of a victim.
const READY: &str = "ready";
const LOCKING: &str = "locking";
const REFUSED: &str = "refused";
const INSIDE: &str = "inside";
const UNLOCKING: &str = "unlock";
const AFTER: &str = "after";

/// Outlives the victims of a lock, and meets them: holds the lock before they come, or comes while they are
/// stopped.
struct Guard<S> {
    plan: Plan,
    segment: Option<S>,
    /// What we hold beside the victim.
    holds: Option<Hold>,
    /// Where the victim was when we got it.
    saw: String,
    /// How often the victim has slept.
    nudges: u32,
    checks: u64,
}

impl<S: Subject> Guard<S> {
    fn segment(&mut self, world: &World) -> Result<&S, String> {
        if self.segment.is_none() {
            let opened = S::open(&world.name(KEPT)).map_err(|why| format!("open by the survivor: {why}"))?;
            self.segment = Some(opened);
        }
        Ok(self.segment.as_ref().expect("opened just now"))
    }

    /// Give back what we hold beside the victim, which must not have come in meanwhile.
    fn let_go(&mut self, world: &World) -> Verdict {
        let Some(hold) = self.holds.take() else { return Ok(()) };
        let was_outside = self.saw == READY || self.saw == LOCKING;
        let stage = world.last_word();
        let is_outside = [READY, LOCKING, REFUSED].contains(&stage.as_str());
        if self.excludes(hold) && was_outside && !is_outside {
            return Err(format!("the victim got in ('{stage}') while the survivor held the lock ({hold:?})"));
        }
        world.tally(BESIDE);
        expect("unlock by the survivor", self.segment(world)?.unlock(), &[0], S::detail)
    }

    fn excludes(&self, hold: Hold) -> bool {
        hold == Hold::Exclusive || self.plan.hold == Hold::Exclusive
    }
}

impl<S: Subject> Survivor for Guard<S> {
    fn prepare(&mut self, world: &World) -> Verdict {
        world.at("prepare");
        self.nudges = 0;
        if self.checks == 0 {
            let slots = if self.plan.one_slot { 1 } else { FEW_SLOTS };
            let made = S::create(&world.name(KEPT), Life::Kept, slots);
            made.map_err(|why| format!("create: {why}"))?;
        }
        if let Some(hold) = self.plan.behind {
            expect("lock by the survivor", self.segment(world)?.lock(hold, 0), &[0], S::detail)?;
            (self.holds, self.saw) = (Some(hold), READY.to_owned());
        }
        Ok(())
    }

    fn nudge(&mut self, world: &World) -> Verdict {
        world.at("let go");
        self.nudges += 1;
        // Who has slept once and has to sleep again may ask for precedence, and may die with it.
        if self.nudges < 2 { Ok(()) } else { self.let_go(world) }
    }

    fn intrude(&mut self, world: &World) -> Verdict {
        world.at("intrude");
        if self.holds.is_some() {
            return Ok(());
        }
        let hold = if self.checks.is_multiple_of(2) { Hold::Exclusive } else { Hold::Shared };
        let stage = world.last_word();
        let code = self.segment(world)?.lock(hold, 0);
        match code {
            0 if stage == INSIDE && self.excludes(hold) => {
                Err(format!("the survivor got the lock ({hold:?}) while the victim, stopped, was inside"))
            }
            0 => {
                (self.holds, self.saw) = (Some(hold), stage);
                Ok(())
            }
            // It may be there already, or still, or wait in a way that others respect.
            libc::EBUSY if ![READY, REFUSED, AFTER].contains(&stage.as_str()) => Ok(()),
            libc::EOWNERDEAD => {
                Err(format!("the survivor was told EOWNERDEAD of a victim that was stopped at '{stage}'"))
            }
            _ => Err(format!("a try beside a victim stopped at '{stage}' returned {code} ({})", S::detail())),
        }
    }

    fn endure(&mut self, world: &World) -> Verdict {
        self.let_go(world)?;
        let hold = if self.checks.is_multiple_of(2) { Hold::Exclusive } else { Hold::Shared };
        let (stage, excludes) = (world.last_word(), self.excludes(hold));
        let segment = self.segment(world)?;
        for timeout_ns in ENDURED {
            match world.in_time("lock", timeout_ns, || segment.lock(hold, timeout_ns))? {
                0 if stage == INSIDE && excludes => {
                    return Err(format!("the survivor got the lock ({hold:?}) while the victim, stopped, was inside"));
                }
                0 => {
                    let code = world.in_time("unlock", 1, || segment.unlock())?;
                    expect("unlock beside a stopped victim", code, &[0], S::detail)?;
                }
                code if code == expired(timeout_ns) && ![READY, REFUSED, AFTER].contains(&stage.as_str()) => {}
                code => {
                    return Err(format!(
                        "a lock beside a victim stopped at '{stage}' returned {code} ({})",
                        S::detail()
                    ));
                }
            }
        }
        Ok(())
    }

    fn check(&mut self, world: &World) -> Verdict {
        // Whoever died while we held the lock can not have written.
        let kept_out = self.holds.is_some_and(|hold| self.excludes(hold) && self.saw != INSIDE);
        self.let_go(world)?;
        // Where nobody alive holds or wants the lock, half of the time a try has to do.
        self.checks += 1;
        let timeout_ns = if world.victim_is_gone() && self.checks % 8 < 4 { 0 } else { LIMIT_NS };
        let told = take_over(world, self.segment(world)?, timeout_ns)?;
        let stage = world.last_word();
        let is_writer = self.plan.hold == Hold::Exclusive;
        if stage == INSIDE && is_writer && !told {
            return Err("not told EOWNERDEAD, although the victim died inside".to_owned());
        }
        if kept_out || !is_writer || [READY, REFUSED, AFTER].contains(&stage.as_str()) {
            if told {
                return Err(format!("told EOWNERDEAD, although no writer died inside (the victim was at '{stage}')"));
            }
            world.tally(CALM);
        }
        if self.plan.one_slot {
            // The next victim needs the slot.
            self.segment = None;
        }
        Ok(())
    }
}
