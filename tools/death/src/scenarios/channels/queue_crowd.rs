//! Many processes that send and receive, in place and by copy, while they are killed.
//!
//! What has to hold: a message that was sent is delivered; one that was acknowledged is not delivered again; one is
//! delivered twice only where it says so (and the first who had it is dead, or gave it back); none is corrupt; each
//! producer's arrive in order.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::ledger::{BEGUN, DONE, Ledger, SENT, TAKEN};
use super::{message, number, sign, unsign};
use crate::engine::watchdog::LIMIT;
use crate::engine::{Crowd, Tally, Verdict, World};
use crate::scenarios::expect;
use crate::subjects::Subject;
use crate::subjects::channels::{Message, Queue};
use crate::subjects::library::Library;

const WHOLE: Tally = Tally { at: 0, words: "messages were whole" };
const AGAIN: Tally = Tally { at: 1, words: "messages were delivered again, and said so" };
const DELIVERED: Tally = Tally { at: 2, words: "messages that had been sent were delivered" };
const NOTHING: Tally = Tally { at: 3, words: "messages whose sender died were not sent at all" };
const ORDER: Tally = Tally { at: 4, words: "messages came after those that their producer had sent before" };

const NAME: &str = "queue";
const CAPACITY: u64 = 8;
const MOMENT_NS: i64 = 2_000_000;

/// See above.
#[derive(Default)]
pub struct Messages {
    kept: RefCell<Option<Kept>>,
}

/// What a participant keeps from round to round.
struct Kept {
    queue: Queue,
    ledger: Ledger,
    /// Numbers grow, so those of one producer must too.
    latest: BTreeMap<u64, u64>,
    me: u64,
}

fn open(world: &World) -> Result<Kept, String> {
    let queue = Queue::create_or_open(&world.name(NAME), CAPACITY, false).map_err(|why| why.to_string())?;
    Ok(Kept { queue, ledger: Ledger::open(world)?, latest: BTreeMap::new(), me: world.chance.next() >> 16 << 8 })
}

impl Kept {
    fn send(&self, world: &World, in_place: bool) -> Result<bool, String> {
        world.at("send");
        if !in_place {
            let Some(number) = self.ledger.begin() else { return Ok(false) };
            let mut words = message(number);
            sign(&mut words, self.me);
            return match self.queue.send(&words, MOMENT_NS) {
                0 => self.ledger.note(number, SENT).map(|_| true),
                libc::ETIMEDOUT => Ok(false),
                code => Err(format!("send returned {code} ({})", Library::detail())),
            };
        }
        let mut reserved = match self.queue.reserve(MOMENT_NS) {
            Ok(reserved) => reserved,
            Err(libc::ETIMEDOUT) => return Ok(false),
            Err(code) => return Err(format!("reserve returned {code} ({})", Library::detail())),
        };
        world.stage("fill");
        // Its number comes with its place: what is committed first has the lower one.
        let Some(number) = self.ledger.begin() else { return Ok(false) };
        let mut words = message(number);
        sign(&mut words, self.me);
        reserved.fill(&words);
        world.stage("commit");
        expect("commit", self.queue.commit(&reserved), &[0], Library::detail)?;
        self.ledger.note(number, SENT)?;
        Ok(true)
    }

    fn receive(&mut self, world: &World, timeout_ns: i64) -> Result<bool, String> {
        world.at("take");
        let taken: Message = match self.queue.take(timeout_ns) {
            Ok(taken) => taken,
            Err(libc::ETIMEDOUT) => return Ok(false),
            Err(code) => return Err(format!("take returned {code} ({})", Library::detail())),
        };
        world.stage("use");
        let mut words = taken.words();
        let producer = unsign(&mut words);
        let number = number(&words)?;
        world.tally(WHOLE);
        let before = self.ledger.note(number, TAKEN)?;
        if before & BEGUN == 0 {
            return Err(format!("message {number} was never sent"));
        }
        if before & DONE != 0 {
            return Err(format!("message {number} was delivered although it had been acknowledged"));
        }
        match (before & TAKEN != 0, taken.again()) {
            (true, false) => return Err(format!("message {number} was delivered twice, and does not say so")),
            (_, true) => world.tally(AGAIN),
            _ => {
                if self.latest.insert(producer, number).is_some_and(|latest| latest > number) {
                    return Err(format!("message {number} came after a later one of the same producer"));
                }
                world.tally(ORDER);
            }
        }
        if world.chance.one_in(16) {
            world.stage("return");
            return expect("give back", self.queue.give_back(&taken), &[0], Library::detail).map(|()| true);
        }
        world.stage("release");
        expect("release", self.queue.release(&taken), &[0], Library::detail)?;
        self.ledger.note(number, DONE)?;
        Ok(true)
    }
}

impl Crowd for Messages {
    fn name(&self) -> &'static str {
        "queue"
    }

    fn tallies(&self) -> &'static [Tally] {
        &[WHOLE, AGAIN, DELIVERED, NOTHING, ORDER]
    }

    fn prepare(&self, world: &World) -> Verdict {
        open(world).map(drop)
    }

    fn round(&self, world: &World) -> Verdict {
        let mut place = self.kept.borrow_mut();
        if place.is_none() || world.chance.one_in(64) {
            world.at("open");
            *place = None;
            *place = Some(open(world)?);
        }
        let kept = place.as_mut().expect("opened just now");
        for _ in 0..=world.chance.below(8) {
            if world.chance.one_in(2) {
                kept.send(world, world.chance.one_in(2))?;
            } else {
                kept.receive(world, MOMENT_NS)?;
            }
        }
        Ok(())
    }

    fn check(&self, world: &World) -> Verdict {
        let mut kept = open(world)?;
        while kept.receive(world, LIMIT.as_nanos() as i64)? {}
        expect("finish", kept.queue.finish(), &[0], Library::detail)?;
        match kept.queue.take(-1) {
            Err(libc::ENODATA) => {}
            Err(code) => return Err(format!("take from a finished queue returned {code} ({})", Library::detail())),
            Ok(_) => return Err("a message came only after the queue was finished".to_owned()),
        }
        for (number, entry) in kept.ledger.entries() {
            match (entry & SENT != 0, entry & TAKEN != 0) {
                (true, false) => return Err(format!("message {number} was sent, and is lost")),
                (true, true) => world.tally(DELIVERED),
                (false, false) => world.tally(NOTHING),
                (false, true) => {}
            }
        }
        drop(kept);
        Ledger::remove(world);
        expect("unlink", Library::unlink(&world.name(NAME)), &[0], Library::detail)
    }
}
