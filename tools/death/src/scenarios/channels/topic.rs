//! One process that publishes, subscribes or receives, and a subscriber that looks at the topic afterwards.

use super::{message, number};
use crate::engine::watchdog::LIMIT;
use crate::engine::{Fate, Operation, Survivor, Tally, Verdict, World};
use crate::scenarios::{ENDURED, expect, nothing_came};
use crate::subjects::Subject;
use crate::subjects::library::Library;
use crate::subjects::topics::Topic;

const ABSENT: Tally = Tally { at: 0, words: "messages were not published: their publisher died before" };
const PRESENT: Tally = Tally { at: 1, words: "messages were published, once and whole" };
const OVERWRITTEN: Tally = Tally { at: 2, words: "messages were lost to one too slow, which was told so" };
const OTHERS: Tally = Tally { at: 3, words: "subscribers had every message, whatever became of another one" };
const USABLE: Tally = Tally { at: 4, words: "topics could be published to for two rounds afterwards" };

const NAME: &str = "topic";
const CAPACITY: u64 = 4;
const LIMIT_NS: i64 = LIMIT.as_nanos() as i64;
/// What the victim publishes.
const FRESH: u64 = 77;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Deed {
    Publish,
    /// The same, where the survivor's first message is in the way.
    Overwrite,
    Subscribe,
    Receive,
}

/// A deed at one of the two kinds of topic.
#[derive(Clone, Copy)]
struct Plan {
    name: &'static str,
    deed: Deed,
    keep: bool,
}

const fn plan(name: &'static str, deed: Deed, keep: bool) -> Plan {
    Plan { name, deed, keep }
}

const PLANS: [Plan; 6] = [
    plan("topic/publish", Deed::Publish, true),
    plan("topic/overwrite", Deed::Overwrite, false),
    plan("topic/subscribe", Deed::Subscribe, true),
    plan("topic/subscribe-losing", Deed::Subscribe, false),
    plan("topic/receive", Deed::Receive, true),
    plan("topic/receive-losing", Deed::Receive, false),
];

/// All operations on a topic.
pub fn operations() -> Vec<Box<dyn Operation>> {
    PLANS.iter().map(|&plan| Box::new(plan) as Box<dyn Operation>).collect()
}

impl Plan {
    /// Numbers of the messages that the topic has for the survivor before the victim does its deed.
    fn before(&self) -> std::ops::Range<u64> {
        match self.deed {
            Deed::Overwrite => 0..CAPACITY,
            _ => 0..2,
        }
    }

    fn publishes(&self) -> bool {
        matches!(self.deed, Deed::Publish | Deed::Overwrite)
    }
}

impl Operation for Plan {
    fn name(&self) -> &'static str {
        self.name
    }

    fn tallies(&self) -> &'static [Tally] {
        match self.deed {
            Deed::Publish => &[ABSENT, PRESENT, USABLE],
            Deed::Overwrite => &[ABSENT, PRESENT, OVERWRITTEN, USABLE],
            Deed::Subscribe | Deed::Receive => &[OTHERS, USABLE],
        }
    }

    fn can_be_endured(&self) -> bool {
        true
    }

    fn victim(&self, world: &World) -> Verdict {
        let topic = Topic::open(&world.name(NAME)).map_err(|why| why.to_string())?;
        let last = self.before().end - 1;
        // Whatever is set up once is set up now: this process's slot, at the latest by its first turn to publish.
        if self.deed == Deed::Receive {
            expect("subscribe", topic.subscribe(LIMIT_NS), &[0], Library::detail)?;
        }
        expect("the last one before", topic.publish(&message(last), LIMIT_NS), &[0], Library::detail)?;
        world.at("ready");
        world.begin();
        let code = match self.deed {
            Deed::Publish | Deed::Overwrite => topic.publish(&message(FRESH), LIMIT_NS),
            Deed::Subscribe => topic.subscribe(LIMIT_NS),
            Deed::Receive => match topic.receive(LIMIT_NS) {
                Ok((words, 0)) if number(&words) == Ok(last) => 0,
                Ok(_) => libc::EILSEQ,
                Err(code) => code,
            },
        };
        world.stage("after");
        world.end(code);
        Ok(())
    }

    fn survivor(&self) -> Box<dyn Survivor> {
        Box::new(Heir { plan: *self, subscriber: None, received: (Vec::new(), 0) })
    }
}

struct Heir {
    plan: Plan,
    subscriber: Option<Topic>,
    /// What the survivor has received beside the victim, and how many it was told that it lost.
    received: (Vec<u64>, u64),
}

impl Survivor for Heir {
    fn prepare(&mut self, world: &World) -> Verdict {
        world.at("prepare");
        let topic = Topic::create_or_open(&world.name(NAME), CAPACITY, self.plan.keep);
        let topic = topic.map_err(|why| format!("create: {why}"))?;
        expect("subscribe", topic.subscribe(0), &[0], Library::detail)?;
        let mut before = self.plan.before();
        // The victim publishes the last one.
        before.end -= 1;
        before
            .map(|number| topic.publish(&message(number), 0))
            .try_for_each(|code| expect("publish before", code, &[0], Library::detail))?;
        self.subscriber = Some(topic);
        Ok(())
    }

    /// Subscribe by another handle, which needs a publisher's turn, and receive what is there.
    fn endure(&mut self, world: &World) -> Verdict {
        let topic = self.subscriber.as_ref().ok_or("nothing was prepared")?;
        for timeout_ns in ENDURED {
            let codes = [0, nothing_came(timeout_ns)];
            let other = Topic::open(&world.name(NAME)).map_err(|why| format!("open by the survivor: {why}"))?;
            let code = world.in_time("subscr", timeout_ns, || other.subscribe(timeout_ns))?;
            expect("subscribe beside a stopped victim", code, &codes, Library::detail)?;
            let mut got = None;
            let receive = || match topic.receive(timeout_ns) {
                Ok(received) => {
                    got = Some(received);
                    0
                }
                Err(code) => code,
            };
            let code = world.in_time("receive", timeout_ns, receive)?;
            expect("receive beside a stopped victim", code, &codes, Library::detail)?;
            if let Some((words, lost)) = got {
                self.received.0.push(number(&words)?);
                self.received.1 += lost;
            }
        }
        Ok(())
    }

    fn check(&mut self, world: &World) -> Verdict {
        world.at("check");
        let topic = self.subscriber.take().ok_or("nothing was prepared")?;
        let (mut found, mut lost) = std::mem::take(&mut self.received);
        loop {
            match topic.receive(0) {
                Ok((words, before)) => {
                    lost += before;
                    found.push(number(&words)?);
                }
                Err(libc::EAGAIN) => break,
                Err(code) => return Err(format!("receive by the survivor returned {code} ({})", Library::detail())),
            }
        }
        self.judge(world, &mut found, lost)?;
        // A dead publisher's turn, and a dead subscriber's place, are in nobody's way.
        let publisher = Topic::open(&world.name(NAME)).map_err(|why| format!("open afterwards: {why}"))?;
        for count in 0..2 * CAPACITY {
            expect("publish afterwards", publisher.publish(&message(count), LIMIT_NS), &[0], Library::detail)?;
            let got = topic.receive(LIMIT_NS).map_err(|code| format!("receive afterwards returned {code}"))?;
            if (number(&got.0), got.1) != (Ok(count), 0) {
                return Err(format!("afterwards message {count} came as {got:x?}"));
            }
        }
        world.tally(USABLE);
        drop((topic, publisher));
        expect("unlink", Library::unlink(&world.name(NAME)), &[0], Library::detail)
    }
}

impl Heir {
    fn judge(&self, world: &World, found: &mut Vec<u64>, lost: u64) -> Verdict {
        let (fate, stage) = (world.fate(), world.last_word());
        let mut wrong = None;
        let mut expected: Vec<u64> = self.plan.before().collect();
        if self.plan.publishes() {
            let is_there = found.last() == Some(&FRESH);
            let must = fate == Fate::Returned(0) || stage == "after" && fate == Fate::Killed;
            if is_there {
                found.pop();
            } else if must {
                wrong = Some("it should be there");
            }
            // The first goes as soon as its place is being overwritten: of all this is the only one that may be lost.
            let may_lose = self.plan.deed == Deed::Overwrite;
            if may_lose && (lost == 1 || is_there) {
                expected.remove(0);
            }
            if lost != u64::from(may_lose && expected.len() < CAPACITY as usize) {
                wrong = Some("it was told of other losses");
            }
            world.tally(if is_there { PRESENT } else { ABSENT });
            if lost == 1 {
                world.tally(OVERWRITTEN);
            }
        } else {
            if lost != 0 {
                wrong = Some("nothing was lost");
            }
            world.tally(OTHERS);
        }
        if *found != expected {
            wrong = Some("others were expected");
        }
        match wrong {
            None => Ok(()),
            Some(words) => {
                Err(format!("{found:?} was received and {lost} lost: {words} ({fate:?}, the victim was at '{stage}')"))
            }
        }
    }
}
