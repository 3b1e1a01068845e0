//! Many processes that publish and subscribe while they are killed.
//!
//! What has to hold: a message is whole; a subscriber has each publisher's messages in order and none twice; it misses
//! none but those that it was told it had lost, and none at all where publishers wait; what the library said was
//! published counts, and of what was begun nothing counts twice. And the dead are in nobody's way.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::ledger::{Ledger, SENT};
use super::{message, number, sign, unsign};
use crate::engine::watchdog::LIMIT;
use crate::engine::{Crowd, Tally, Verdict, World};
use crate::scenarios::expect;
use crate::subjects::Subject;
use crate::subjects::library::Library;
use crate::subjects::topics::Topic;

const WHOLE: Tally = Tally { at: 0, words: "messages were whole" };
const NEXT: Tally = Tally { at: 1, words: "messages were their publisher's next" };
const LOST: Tally = Tally { at: 2, words: "messages were missed that had been told to be lost" };
const COUNTED: Tally = Tally { at: 3, words: "messages that were published had been counted" };
const FREE: Tally = Tally { at: 4, words: "rounds could be published beside dead subscribers" };

const NAME: &str = "topic";
const CAPACITY: u64 = 8;
const MOMENT_NS: i64 = 2_000_000;
const LIMIT_NS: i64 = LIMIT.as_nanos() as i64;
/// Bits of a message's number that say which one of its publisher's it is.
const SERIAL: u64 = (1 << 20) - 1;

/// See above.
pub struct Broadcast {
    name: &'static str,
    keep: bool,
    kept: RefCell<Option<Kept>>,
}

/// Both kinds of topic: publishers wait for slow subscribers, or these lose messages.
pub fn crowds() -> [Broadcast; 2] {
    [("topic/keep", true), ("topic/lose", false)].map(|(name, keep)| Broadcast { name, keep, kept: RefCell::new(None) })
}

/// What a participant keeps from round to round.
struct Kept {
    publisher: Topic,
    subscriber: Topic,
    ledger: Ledger,
    /// Who this publisher is, and how many messages it has published.
    me: u64,
    published: u64,
    /// The last that was heard of each publisher.
    latest: BTreeMap<u64, u64>,
    lost: u64,
    missed: u64,
}

impl Broadcast {
    fn open(&self, world: &World) -> Result<Kept, String> {
        let open = || Topic::create_or_open(&world.name(NAME), CAPACITY, self.keep).map_err(|why| why.to_string());
        let kept = Kept {
            publisher: open()?,
            subscriber: open()?,
            ledger: Ledger::open(world)?,
            me: world.chance.next() << 8,
            published: 0,
            latest: BTreeMap::new(),
            lost: 0,
            missed: 0,
        };
        expect("subscribe", kept.subscriber.subscribe(LIMIT_NS), &[0], Library::detail)?;
        Ok(kept)
    }
}

impl Kept {
    /// Publish this publisher's next message; false where others were too slow.
    fn publish(&mut self, world: &World, timeout_ns: i64) -> Result<bool, String> {
        world.at("publish");
        let Some(entry) = self.ledger.begin() else { return Ok(false) };
        let mut words = message(entry << 20 | self.published & SERIAL);
        sign(&mut words, self.me);
        match self.publisher.publish(&words, timeout_ns) {
            0 => {
                self.ledger.note(entry, SENT)?;
                self.published += 1;
                Ok(true)
            }
            libc::ETIMEDOUT => Ok(false),
            code => Err(format!("publish returned {code} ({})", Library::detail())),
        }
    }

    /// Receive the next message; false where there is none.
    fn receive(&mut self, world: &World, timeout_ns: i64) -> Result<bool, String> {
        world.at("receive");
        let (mut words, lost) = match self.subscriber.receive(timeout_ns) {
            Ok(received) => received,
            Err(libc::ETIMEDOUT | libc::EAGAIN) => return Ok(false),
            Err(code) => return Err(format!("receive returned {code} ({})", Library::detail())),
        };
        let publisher = unsign(&mut words);
        let serial = number(&words)? & SERIAL;
        world.tally(WHOLE);
        self.lost += lost;
        if let Some(latest) = self.latest.insert(publisher, serial) {
            let Some(missed) = serial.checked_sub(latest + 1) else {
                return Err(format!("message {serial} of a publisher came after its message {latest}"));
            };
            self.missed += missed;
            if missed == 0 {
                world.tally(NEXT);
            } else if self.missed <= self.lost {
                world.tally(LOST);
            } else {
                let (missed, lost) = (self.missed, self.lost);
                return Err(format!("{missed} messages were missed, and the subscriber was told that it lost {lost}"));
            }
        }
        Ok(true)
    }
}

impl Crowd for Broadcast {
    fn name(&self) -> &'static str {
        self.name
    }

    fn tallies(&self) -> &'static [Tally] {
        if self.keep { &[WHOLE, NEXT, COUNTED, FREE] } else { &[WHOLE, NEXT, LOST, COUNTED, FREE] }
    }

    fn prepare(&self, world: &World) -> Verdict {
        self.open(world).map(drop)
    }

    fn round(&self, world: &World) -> Verdict {
        let mut place = self.kept.borrow_mut();
        if place.is_none() || world.chance.one_in(64) {
            world.at("open");
            *place = None;
            *place = Some(self.open(world)?);
        }
        let kept = place.as_mut().expect("opened just now");
        for _ in 0..world.chance.below(4) {
            // Whoever publishes where publishers wait has to listen, too: it waits for itself otherwise.
            while self.keep && kept.receive(world, 0)? {}
            kept.publish(world, MOMENT_NS)?;
        }
        for _ in 0..world.chance.below(8) {
            kept.receive(world, MOMENT_NS / 4)?;
        }
        if self.keep && kept.lost > 0 {
            return Err(format!("{} messages were lost where publishers wait", kept.lost));
        }
        Ok(())
    }

    fn check(&self, world: &World) -> Verdict {
        let mut kept = self.open(world)?;
        for _ in 0..3 * CAPACITY {
            if !kept.publish(world, LIMIT_NS)? || !kept.receive(world, LIMIT_NS)? {
                return Err(format!("among the dead, nothing could be published: {}", Library::detail()));
            }
        }
        world.tally(FREE);
        let published = kept.publisher.published().map_err(|code| format!("stat returned {code}"))?;
        let (mut begun, mut sent) = (0, 0);
        for (_, entry) in kept.ledger.entries() {
            begun += 1;
            sent += u64::from(entry & SENT != 0);
            if entry & SENT != 0 {
                world.tally(COUNTED);
            }
        }
        if !(sent..=begun).contains(&published) {
            return Err(format!("{published} were counted; {sent} had been published, and {begun} begun"));
        }
        drop(kept);
        Ledger::remove(world);
        expect("unlink", Library::unlink(&world.name(NAME)), &[0], Library::detail)
    }
}
