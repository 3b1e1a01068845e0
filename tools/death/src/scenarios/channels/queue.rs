//! One process that sends or receives one message, and another that looks at the queue afterwards.

use super::{message, number};
use crate::engine::watchdog::LIMIT;
use crate::engine::{Fate, Operation, Survivor, Tally, Verdict, World};
use crate::scenarios::{ENDURED, expect, nothing_came};
use crate::subjects::Subject;
use crate::subjects::channels::Queue;
use crate::subjects::library::Library;

const ABSENT: Tally = Tally { at: 0, words: "messages were not sent: their sender died before" };
const PRESENT: Tally = Tally { at: 1, words: "messages were sent, once and whole" };
const STILL: Tally = Tally { at: 2, words: "messages were delivered again: their receiver died with them" };
const GONE: Tally = Tally { at: 3, words: "messages were acknowledged, and did not come again" };
const USABLE: Tally = Tally { at: 4, words: "queues could be filled and drained afterwards" };

const NAME: &str = "queue";
const CAPACITY: u64 = 4;
const LIMIT_NS: i64 = LIMIT.as_nanos() as i64;
/// What the queue holds before the victim comes.
const BEFORE: [u64; 2] = [1, 2];
/// What the victim sends.
const FRESH: u64 = 7;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Deed {
    Send,
    Reserve,
    Receive,
    Take,
}

/// A deed at one of the two kinds of queue.
#[derive(Clone, Copy)]
struct Plan {
    name: &'static str,
    deed: Deed,
    single: bool,
    /// It is this process's first: what is set up once happens now.
    first: bool,
}

const fn plan(name: &'static str, deed: Deed, single: bool, first: bool) -> Plan {
    Plan { name, deed, single, first }
}

const PLANS: [Plan; 10] = [
    plan("queue/send", Deed::Send, false, false),
    plan("queue/reserve", Deed::Reserve, false, false),
    plan("queue/receive", Deed::Receive, false, false),
    plan("queue/take", Deed::Take, false, false),
    plan("queue/first", Deed::Take, false, true),
    plan("spsc/send", Deed::Send, true, false),
    plan("spsc/reserve", Deed::Reserve, true, false),
    plan("spsc/receive", Deed::Receive, true, false),
    plan("spsc/take", Deed::Take, true, false),
    plan("spsc/first", Deed::Send, true, true),
];

/// All operations on a queue.
pub fn operations() -> Vec<Box<dyn Operation>> {
    PLANS.iter().map(|&plan| Box::new(plan) as Box<dyn Operation>).collect()
}

impl Plan {
    fn sends(&self) -> bool {
        matches!(self.deed, Deed::Send | Deed::Reserve)
    }

    /// Whatever is set up once is set up now.
    fn warm_up(&self, queue: &Queue) -> Verdict {
        let code = |code: i32| format!("before the operation: {code} ({})", Library::detail());
        if self.sends() {
            let reserved = queue.reserve(0).map_err(code)?;
            expect("cancel", queue.cancel(&reserved), &[0], Library::detail)
        } else {
            let taken = queue.take(0).map_err(code)?;
            expect("give back", queue.give_back(&taken), &[0], Library::detail)
        }
    }

    fn act(&self, world: &World, queue: &Queue) -> i32 {
        match self.deed {
            Deed::Send => queue.send(&message(FRESH), LIMIT_NS),
            Deed::Receive => match queue.receive(LIMIT_NS) {
                Ok(words) if number(&words) == Ok(BEFORE[0]) => 0,
                Ok(_) => libc::EILSEQ,
                Err(code) => code,
            },
            Deed::Reserve => match queue.reserve(LIMIT_NS) {
                Err(code) => code,
                Ok(mut reserved) => {
                    world.stage("inside");
                    reserved.fill(&message(FRESH));
                    world.stage("commit");
                    queue.commit(&reserved)
                }
            },
            Deed::Take => match queue.take(LIMIT_NS) {
                Err(code) => code,
                Ok(taken) => {
                    world.stage("inside");
                    let is_it = number(&taken.words()) == Ok(BEFORE[0]);
                    world.stage("release");
                    let code = queue.release(&taken);
                    if is_it { code } else { libc::EILSEQ }
                }
            },
        }
    }
}

impl Operation for Plan {
    fn name(&self) -> &'static str {
        self.name
    }

    fn tallies(&self) -> &'static [Tally] {
        &[ABSENT, PRESENT, STILL, GONE, USABLE]
    }

    fn can_be_endured(&self) -> bool {
        true
    }

    fn victim(&self, world: &World) -> Verdict {
        let queue = Queue::open(&world.name(NAME)).map_err(|why| why.to_string())?;
        if !self.first {
            self.warm_up(&queue)?;
        }
        world.at("ready");
        world.begin();
        let code = self.act(world, &queue);
        world.stage("after");
        world.end(code);
        Ok(())
    }

    fn survivor(&self) -> Box<dyn Survivor> {
        Box::new(Heir(*self))
    }
}

struct Heir(Plan);

impl Survivor for Heir {
    fn prepare(&mut self, world: &World) -> Verdict {
        world.at("prepare");
        let queue = Queue::create_or_open(&world.name(NAME), CAPACITY, self.0.single);
        let queue = queue.map_err(|why| format!("create: {why}"))?;
        BEFORE
            .iter()
            .try_for_each(|number| expect("send before", queue.send(&message(*number), 0), &[0], Library::detail))
    }

    /// Take what is there and give it back, and reserve and think better of it.
    fn endure(&mut self, world: &World) -> Verdict {
        let queue = Queue::open(&world.name(NAME)).map_err(|why| format!("open by the survivor: {why}"))?;
        let code = |done: Result<i32, i32>| done.unwrap_or_else(|code| code);
        for timeout_ns in ENDURED {
            let mut codes = vec![0, nothing_came(timeout_ns)];
            if self.0.single {
                // The victim has that seat.
                codes.push(libc::EBUSY);
            }
            let take = || code(queue.take(timeout_ns).map(|taken| queue.give_back(&taken)));
            let taken = world.in_time("take", timeout_ns, take)?;
            expect("take beside a stopped victim", taken, &codes, Library::detail)?;
            let reserve = || code(queue.reserve(timeout_ns).map(|reserved| queue.cancel(&reserved)));
            let reserved = world.in_time("reserve", timeout_ns, reserve)?;
            expect("reserve beside a stopped victim", reserved, &codes, Library::detail)?;
        }
        Ok(())
    }

    fn check(&mut self, world: &World) -> Verdict {
        world.at("check");
        let name = world.name(NAME);
        let queue = Queue::open(&name).map_err(|why| format!("open by the survivor: {why}"))?;
        let mut found = Vec::new();
        // So small a queue is looked through for the dead by whoever finds it empty.
        loop {
            match queue.receive(0) {
                Ok(words) => found.push(number(&words)?),
                Err(libc::EAGAIN) => break,
                Err(code) => return Err(format!("receive by the survivor returned {code} ({})", Library::detail())),
            }
        }
        self.judge(world, &mut found)?;
        for round in 0..2 {
            for count in 0..CAPACITY {
                expect("send afterwards", queue.send(&message(count), LIMIT_NS), &[0], Library::detail)?;
            }
            expect("send to a full queue", queue.send(&message(9), 0), &[libc::EAGAIN], Library::detail)?;
            for count in 0..CAPACITY {
                let got = queue.receive(LIMIT_NS).map_err(|code| format!("receive afterwards returned {code}"))?;
                if number(&got) != Ok(count) {
                    return Err(format!("round {round} afterwards: message {count} came as {got:x?}"));
                }
            }
        }
        world.tally(USABLE);
        drop(queue);
        expect("unlink", Library::unlink(&name), &[0], Library::detail)
    }
}

impl Heir {
    fn judge(&self, world: &World, found: &mut Vec<u64>) -> Verdict {
        let (fate, stage) = (world.fate(), world.last_word());
        if self.0.sends() {
            let is_there = found.last() == Some(&FRESH);
            let must = fate == Fate::Returned(0) || stage == "after" && fate == Fate::Killed;
            let must_not = ["ready", "inside"].contains(&stage.as_str()) && self.0.deed == Deed::Reserve;
            if is_there {
                found.pop();
            }
            if *found != BEFORE || must && !is_there || must_not && is_there {
                return Err(format!(
                    "{found:?}, and the fresh one: {is_there} ({fate:?}, the victim was at '{stage}')"
                ));
            }
            world.tally(if is_there { PRESENT } else { ABSENT });
            return Ok(());
        }
        // What a dead one had comes first if somebody has looked for it by then; nobody does while there are others.
        found.sort_unstable();
        let was_first = found.first() == Some(&BEFORE[0]);
        let expected = if was_first { &BEFORE[..] } else { &BEFORE[1..] };
        // What was acknowledged must not come again, and what was not, must.
        let must_not = fate == Fate::Returned(0) || stage == "after" && fate == Fate::Killed;
        let must = stage == "inside" && fate == Fate::Killed;
        if found != expected || must && !was_first || must_not && was_first {
            return Err(format!("{found:?} was left ({fate:?}, the victim was at '{stage}')"));
        }
        world.tally(if was_first { STILL } else { GONE });
        Ok(())
    }
}
