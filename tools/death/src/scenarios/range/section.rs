//! One process that locks rows, writes or reads them, and unlocks, and another one that outlives it.

use super::{Rows, expect, is_whole, spoil, write};
use crate::engine::marks::Hold;
use crate::engine::watchdog::LIMIT;
use crate::engine::{Fate, Operation, Survivor, Tally, Verdict, World};
use crate::scenarios::{ENDURED, FEW_SLOTS, expired};
use crate::subjects::library::Library;
use crate::subjects::{Life, Subject};

const WHOLE: Tally = Tally { at: 0, words: "rows were whole, or the survivor was told EOWNERDEAD" };
const TOLD: Tally = Tally { at: 1, words: "survivors were told EOWNERDEAD" };
const TORN: Tally = Tally { at: 2, words: "of these found a row half-written" };
const CALM: Tally = Tally { at: 3, words: "survivors after whom nobody had died were not told EOWNERDEAD" };
const APART: Tally = Tally { at: 4, words: "survivors got other rows at once, and were not told" };
const BESIDE: Tally = Tally { at: 5, words: "survivors held rows beside a victim that was kept out" };
const COUNTED: Tally = Tally { at: 6, words: "writes side by side were both counted when both had ended" };

const NAME: &str = "ranged";
const LIMIT_NS: i64 = LIMIT.as_nanos() as i64;

/// The victim's rows, some that overlap them, some that do not, and all.
const MINE: Rows = 4..8;
const OVERLAPPING: Rows = 6..10;
const APART_ROWS: Rows = 12..16;
const ALL: Rows = 0..64;

/// What one of the two locks.
#[derive(Clone, Copy, PartialEq)]
enum Thing {
    Rows,
    Whole,
}

#[derive(Clone, Copy)]
struct Plan {
    name: &'static str,
    /// The victim's.
    thing: Thing,
    hold: Hold,
    /// What the survivor holds until the victim has slept twice: its overlapping rows, or the whole array.
    behind: Option<(Thing, Hold)>,
    /// The victim holds another range all the time.
    second: bool,
    /// The victim is behind for longer than its patience.
    gives_up: bool,
    /// The survivor writes other rows all the time, and gives them back while the victim is stopped.
    beside: bool,
}

impl Plan {
    const fn new(name: &'static str, hold: Hold) -> Plan {
        Plan { name, thing: Thing::Rows, hold, behind: None, second: false, gives_up: false, beside: false }
    }
}

const X: Hold = Hold::Exclusive;
const S: Hold = Hold::Shared;
const PLANS: [Plan; 10] = [
    Plan::new("range/exclusive", X),
    Plan::new("range/shared", S),
    Plan { second: true, ..Plan::new("range/second", X) },
    Plan { beside: true, ..Plan::new("range/beside", X) },
    Plan { behind: Some((Thing::Rows, X)), ..Plan::new("range/contended", X) },
    Plan { behind: Some((Thing::Rows, X)), ..Plan::new("range/contended-shared", S) },
    Plan { behind: Some((Thing::Whole, S)), ..Plan::new("range/behind-reader", X) },
    Plan { behind: Some((Thing::Whole, X)), ..Plan::new("range/behind-writer", X) },
    Plan { thing: Thing::Whole, behind: Some((Thing::Rows, X)), ..Plan::new("range/reader-behind", S) },
    Plan { gives_up: true, behind: Some((Thing::Rows, X)), ..Plan::new("range/gives-up", X) },
];

/// All operations on ranges.
pub fn operations() -> Vec<Box<dyn Operation>> {
    PLANS.iter().map(|&plan| Box::new(Section { plan }) as Box<dyn Operation>).collect()
}

struct Section {
    plan: Plan,
}

// The stages of a victim.
const READY: &str = "ready";
const LOCKING: &str = "locking";
const REFUSED: &str = "refused";
const INSIDE: &str = "inside";
const UNLOCKING: &str = "unlock";
const AFTER: &str = "after";

impl Plan {
    fn lock(&self, array: &Library, timeout_ns: i64) -> i32 {
        match self.thing {
            Thing::Rows => array.lock_range(&MINE, self.hold, timeout_ns),
            Thing::Whole => array.lock(self.hold, timeout_ns),
        }
    }

    fn unlock(&self, array: &Library) -> i32 {
        match self.thing {
            Thing::Rows => array.unlock_range(&MINE),
            Thing::Whole => array.unlock(),
        }
    }
}

impl Operation for Section {
    fn name(&self) -> &'static str {
        self.plan.name
    }

    fn tallies(&self) -> &'static [Tally] {
        &[WHOLE, TOLD, TORN, CALM, APART, BESIDE, COUNTED]
    }

    fn fixtures(&self) -> &'static [&'static str] {
        &[NAME]
    }

    fn is_shared(&self) -> bool {
        !self.plan.gives_up
    }

    fn can_be_endured(&self) -> bool {
        true
    }

    fn victim(&self, world: &World) -> Verdict {
        let (plan, hold) = (&self.plan, self.plan.hold);
        let array = Library::open(&world.name(NAME)).map_err(|why| why.to_string())?;
        if plan.lock(&array, 0) == 0 {
            // Whatever is set up once is set up now. Where the rows are contended this is a try that fails.
            expect("unlock", plan.unlock(&array), &[0], Library::detail)?;
        }
        if plan.second {
            expect("lock of other rows", array.lock_range(&(20..24), X, LIMIT_NS), &[0], Library::detail)?;
        }
        world.at(READY);
        world.begin();
        world.stage(LOCKING);
        let mut code = plan.lock(&array, if plan.gives_up { 1_000_000 } else { 10 * LIMIT_NS });
        if plan.gives_up && code == libc::ETIMEDOUT {
            world.stage(REFUSED);
            code = 0;
        } else if code != 0 {
            world.stage(REFUSED);
        } else {
            world.stage(INSIDE);
            if hold == X {
                spoil(array.elements(), &MINE);
            }
            world.pause();
            if hold == X {
                write(array.elements(), &MINE, 7);
            }
            world.stage(UNLOCKING);
            code = plan.unlock(&array);
            world.stage(AFTER);
        }
        world.end(code);
        Ok(())
    }

    fn survivor(&self) -> Box<dyn Survivor> {
        let (plan, saw) = (self.plan, String::new());
        let (array, holds, since, writes_beside, nudges, checks) = (None, None, None, false, 0, 0);
        Box::new(Guard { plan, array, holds, since, writes_beside, saw, nudges, checks })
    }
}

/// Outlives the victims, and meets them.
struct Guard {
    plan: Plan,
    array: Option<Library>,
    /// What we hold beside the victim.
    holds: Option<(Thing, Hold)>,
    /// How many writes there had been, where we write other rows beside the victim.
    since: Option<u64>,
    /// We still do.
    writes_beside: bool,
    /// Where the victim was when we got it.
    saw: String,
    nudges: u32,
    checks: u64,
}

impl Guard {
    fn array(&self) -> &Library {
        self.array.as_ref().expect("opened in `prepare`")
    }

    /// Another one each time.
    fn next_lock(&self) -> (Thing, Hold) {
        [(Thing::Rows, X), (Thing::Whole, S), (Thing::Rows, S), (Thing::Whole, X)][self.checks as usize % 4]
    }

    fn take(&self, (thing, hold): (Thing, Hold), timeout_ns: i64) -> i32 {
        match thing {
            Thing::Rows => self.array().lock_range(&OVERLAPPING, hold, timeout_ns),
            Thing::Whole => self.array().lock(hold, timeout_ns),
        }
    }

    fn give_back(&self, (thing, _): (Thing, Hold)) -> i32 {
        match thing {
            Thing::Rows => self.array().unlock_range(&OVERLAPPING),
            Thing::Whole => self.array().unlock(),
        }
    }

    fn excludes(&self, (_, hold): (Thing, Hold)) -> bool {
        hold == X || self.plan.hold == X
    }

    /// Give back what we hold beside the victim, which must not have come in meanwhile.
    fn let_go(&mut self, world: &World) -> Verdict {
        let Some(lock) = self.holds.take() else { return Ok(()) };
        let stage = world.last_word();
        let was_outside = [READY, LOCKING].contains(&self.saw.as_str());
        if self.excludes(lock) && was_outside && ![READY, LOCKING, REFUSED].contains(&stage.as_str()) {
            return Err(format!("the victim got in ('{stage}') while the survivor held rows of its own"));
        }
        world.tally(BESIDE);
        expect("unlock by the survivor", self.give_back(lock), &[0], Library::detail)
    }

    fn begin_beside(&mut self) -> Verdict {
        self.since = Some(self.array().generation().map_err(|why| why.to_string())?);
        self.writes_beside = true;
        expect("lock of rows beside the victim's", self.array().lock_range(&APART_ROWS, X, 0), &[0], Library::detail)
    }

    fn end_beside(&mut self, world: &World) -> Verdict {
        if !std::mem::take(&mut self.writes_beside) {
            return Ok(());
        }
        let code = world.in_time("unlock", 1, || self.array().unlock_range(&APART_ROWS))?;
        expect("unlock of rows beside the victim's", code, &[0], Library::detail)
    }

    /// Where the victim's write has ended, and ours: nobody else need come for both to be counted.
    fn count_writes(&mut self, world: &World) -> Verdict {
        let since = self.since.take();
        let has_ended = world.victim_is_gone() && matches!(world.fate(), Fate::Returned(_));
        let Some(since) = since.filter(|_| has_ended) else { return Ok(()) };
        // One more, before the operation, to set up what is set up once.
        let counted = self.array().generation().map_err(|why| why.to_string())? - since;
        if counted != 3 {
            return Err(format!("3 writes have ended, and {counted} are counted"));
        }
        world.tally(COUNTED);
        Ok(())
    }

    /// Take rows of one that may have died: whether we were told.
    fn take_over(&self, world: &World, rows: &Rows, timeout_ns: i64) -> Result<bool, String> {
        let array = self.array();
        let code = array.lock_range(rows, X, timeout_ns);
        expect("lock by the survivor", code, &[0, libc::EOWNERDEAD], Library::detail)?;
        let told = code == libc::EOWNERDEAD;
        let whole = is_whole(array.elements(), rows);
        if !whole && !told {
            return Err("a half-written row without EOWNERDEAD".to_owned());
        }
        world.tally(WHOLE);
        if told {
            world.tally(TOLD);
            if !whole {
                world.tally(TORN);
            }
            write(array.elements(), rows, 1);
            expect("recover", array.recover_range(rows), &[0], Library::detail)?;
        }
        expect("unlock", array.unlock_range(rows), &[0], Library::detail)?;
        Ok(told)
    }

    /// As `take_over`, by the lock of the whole array.
    fn take_over_whole(&self, timeout_ns: i64) -> Result<bool, String> {
        let array = self.array();
        let code = array.lock(X, timeout_ns);
        expect("lock of the array by the survivor", code, &[0, libc::EOWNERDEAD], Library::detail)?;
        if code == 0 && !is_whole(array.elements(), &ALL) {
            return Err("a half-written row without EOWNERDEAD".to_owned());
        }
        if code != 0 {
            write(array.elements(), &ALL, 1);
            expect("recover", array.recover(), &[0], Library::detail)?;
        }
        expect("unlock", array.unlock(), &[0], Library::detail)?;
        Ok(code != 0)
    }
}

impl Survivor for Guard {
    fn prepare(&mut self, world: &World) -> Verdict {
        world.at("prepare");
        self.nudges = 0;
        if self.array.is_none() {
            let made = Library::create(&world.name(NAME), Life::Kept, FEW_SLOTS);
            let made = made.map_err(|why| format!("create: {why}"))?;
            write(made.elements(), &ALL, 1);
            self.array = Some(made);
        }
        if let Some(lock) = self.plan.behind {
            expect("lock by the survivor", self.take(lock, 0), &[0], Library::detail)?;
            (self.holds, self.saw) = (Some(lock), READY.to_owned());
        }
        if self.plan.beside { self.begin_beside() } else { Ok(()) }
    }

    fn nudge(&mut self, world: &World) -> Verdict {
        world.at("let go");
        self.nudges += 1;
        if self.nudges < 2 || self.plan.gives_up { Ok(()) } else { self.let_go(world) }
    }

    fn intrude(&mut self, world: &World) -> Verdict {
        world.at("intrude");
        self.end_beside(world)?;
        if self.holds.is_some() || self.plan.beside {
            return Ok(());
        }
        let (lock, stage) = (self.next_lock(), world.last_word());
        match self.take(lock, 0) {
            0 if stage == INSIDE && self.excludes(lock) => {
                Err("the survivor got in while the victim, stopped, was inside".to_owned())
            }
            0 => {
                (self.holds, self.saw) = (Some(lock), stage);
                Ok(())
            }
            // It may be there already, or still, or wait in a way that others respect; or it is in the table.
            libc::EBUSY if ![READY, REFUSED, AFTER].contains(&stage.as_str()) || self.plan.second => Ok(()),
            libc::EOWNERDEAD => {
                Err(format!("the survivor was told EOWNERDEAD of a victim that was stopped at '{stage}'"))
            }
            code => Err(format!("a try beside a victim stopped at '{stage}' returned {code} ({})", Library::detail())),
        }
    }

    fn endure(&mut self, world: &World) -> Verdict {
        self.end_beside(world)?;
        self.let_go(world)?;
        let (lock, stage) = (self.next_lock(), world.last_word());
        for timeout_ns in ENDURED {
            match world.in_time("lock", timeout_ns, || self.take(lock, timeout_ns))? {
                0 if stage == INSIDE && self.excludes(lock) => {
                    return Err("the survivor got in while the victim, stopped, was inside".to_owned());
                }
                0 => {
                    let code = world.in_time("unlock", 1, || self.give_back(lock))?;
                    expect("unlock beside a stopped victim", code, &[0], Library::detail)?;
                }
                code if code == expired(timeout_ns)
                    && (![READY, REFUSED, AFTER].contains(&stage.as_str()) || self.plan.second) => {}
                code => {
                    let detail = Library::detail();
                    return Err(format!("a lock beside a victim stopped at '{stage}' returned {code} ({detail})"));
                }
            }
        }
        Ok(())
    }

    fn check(&mut self, world: &World) -> Verdict {
        let kept_out = self.holds.is_some_and(|lock| self.excludes(lock) && self.saw != INSIDE);
        self.end_beside(world)?;
        self.count_writes(world)?;
        self.let_go(world)?;
        world.at("survive");
        self.checks += 1;
        let is_gone = world.victim_is_gone();
        let timeout_ns = if is_gone && self.checks % 8 < 4 { 0 } else { LIMIT_NS };
        if self.plan.thing == Thing::Rows {
            let code = self.array().lock_range(&APART_ROWS, X, timeout_ns);
            expect("lock of other rows", code, &[0], Library::detail)?;
            expect("unlock of other rows", self.array().unlock_range(&APART_ROWS), &[0], Library::detail)?;
            world.tally(APART);
        }
        let told = match self.checks % 3 {
            0 => self.take_over_whole(timeout_ns)?,
            1 => self.take_over(world, &ALL, timeout_ns)?,
            _ => self.take_over(world, &OVERLAPPING, timeout_ns)?,
        };
        let stage = world.last_word();
        let is_writer = self.plan.hold == X;
        if stage == INSIDE && is_writer && !told {
            return Err("not told EOWNERDEAD, although the victim died inside".to_owned());
        }
        let was_outside = kept_out || !is_writer || [READY, REFUSED, AFTER].contains(&stage.as_str());
        if was_outside && !self.plan.second {
            if told {
                return Err(format!("told EOWNERDEAD, although no writer died inside (the victim was at '{stage}')"));
            }
            world.tally(CALM);
        }
        // What the first look did not reach is still dirty; then all is as new.
        let rest = self.take_over(world, &ALL, LIMIT_NS)?;
        if rest && !told && !self.plan.second {
            return Err("told EOWNERDEAD only at a second look".to_owned());
        }
        // A victim that is still about may not have lowered its counter yet.
        let timeout_ns = if is_gone { 0 } else { LIMIT_NS };
        for hold in [X, S] {
            expect("a try afterwards", self.array().lock_range(&ALL, hold, timeout_ns), &[0], Library::detail)?;
            expect("unlock afterwards", self.array().unlock_range(&ALL), &[0], Library::detail)?;
            expect("a try of all afterwards", self.array().lock(hold, timeout_ns), &[0], Library::detail)?;
            expect("unlock of all afterwards", self.array().unlock(), &[0], Library::detail)?;
        }
        Ok(())
    }
}
