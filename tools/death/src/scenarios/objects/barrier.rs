//! Barriers. What has to hold: nobody waits for the dead; after a reset the barrier is as new; who is told that all have
//! come is not told so alone.

use super::{LIMIT_NS, in_words};
use crate::engine::{Crowd, Fate, Operation, Survivor, Tally, Verdict, World};
use crate::scenarios::expect;
use crate::subjects::Subject;
use crate::subjects::library::Library;
use crate::subjects::objects::Barrier;

const MET: Tally = Tally { at: 0, words: "participants met" };
const TOLD: Tally = Tally { at: 1, words: "participants were told of a death" };
const RESET: Tally = Tally { at: 2, words: "participants were sent away by a reset" };
const LATE: Tally = Tally { at: 3, words: "waits timed out" };

const NAME: &str = "barrier";

/// Many processes meet in pairs.
pub struct Meetings;

impl Crowd for Meetings {
    fn name(&self) -> &'static str {
        "barrier"
    }

    fn tallies(&self) -> &'static [Tally] {
        &[MET, TOLD, RESET, LATE]
    }

    fn round(&self, world: &World) -> Verdict {
        world.at("open");
        let barrier = Barrier::create(&world.name(NAME), 2).map_err(in_words)?;
        if world.chance.one_in(4) {
            world.at("join");
            expect("join", barrier.join(), &[0], Library::detail)?;
        }
        for _ in 0..=world.chance.below(4) {
            world.at("wait");
            let timeout_ns = if world.chance.one_in(4) { world.chance.spread(5_000_000) as i64 } else { LIMIT_NS / 2 };
            match barrier.wait(timeout_ns) {
                0 => world.tally(MET),
                libc::EOWNERDEAD => {
                    world.tally(TOLD);
                    world.at("reset");
                    expect("reset", barrier.reset(), &[0], Library::detail)?;
                }
                libc::ECANCELED => world.tally(RESET),
                // In the last rounds before a calm nobody else may come.
                libc::ETIMEDOUT | libc::EBUSY => {
                    world.tally(LATE);
                    break;
                }
                code => return expect("wait", code, &[0], Library::detail),
            }
        }
        world.at("close");
        Ok(())
    }

    fn check(&self, world: &World) -> Verdict {
        let barrier = Barrier::create(&world.name(NAME), 2).map_err(in_words)?;
        expect("reset", barrier.reset(), &[0], Library::detail)?;
        as_new(&barrier, 0)?;
        drop(barrier);
        expect("unlink", Library::unlink(&world.name(NAME)), &[0], Library::detail)
    }
}

fn as_new(barrier: &Barrier, members: u32) -> Verdict {
    let stat = barrier.stat().map_err(in_words)?;
    if (stat.arrived, stat.broken, stat.members) != (0, 0, members) {
        return Err(format!("not as new, with {members} members, after a reset: {stat:?}"));
    }
    Ok(())
}

/// All operations on a barrier.
pub fn operations() -> Vec<Box<dyn Operation>> {
    vec![Box::new(Meet { first: false }), Box::new(Meet { first: true })]
}

/// Come first, and wait for the survivor.
struct Meet {
    /// The victim is not known as a participant before.
    first: bool,
}

impl Operation for Meet {
    fn name(&self) -> &'static str {
        if self.first { "barrier/first" } else { "barrier/meet" }
    }

    fn tallies(&self) -> &'static [Tally] {
        &[MET, TOLD, LATE]
    }

    fn fixtures(&self) -> &'static [&'static str] {
        &[NAME]
    }

    fn victim(&self, world: &World) -> Verdict {
        let barrier = Barrier::create(&world.name(NAME), 2).map_err(in_words)?;
        if !self.first {
            expect("join", barrier.join(), &[0], Library::detail)?;
        }
        world.at("ready");
        world.begin();
        world.stage("meet");
        let code = barrier.wait(LIMIT_NS);
        world.stage("after");
        world.end(code);
        Ok(())
    }

    fn survivor(&self) -> Box<dyn Survivor> {
        Box::new(Other { first: self.first, barrier: None, met: false })
    }
}

struct Other {
    first: bool,
    barrier: Option<Barrier>,
    /// The survivor was told that both have come.
    met: bool,
}

impl Survivor for Other {
    fn prepare(&mut self, world: &World) -> Verdict {
        self.met = false;
        if self.barrier.is_none() {
            self.barrier = Some(Barrier::create(&world.name(NAME), 2).map_err(in_words)?);
        }
        Ok(())
    }

    /// The victim has come, and sleeps: now there are two.
    fn nudge(&mut self, world: &World) -> Verdict {
        if !self.met {
            world.at("nudge");
            let barrier = self.barrier.as_ref().expect("opened in `prepare`");
            expect("wait by the survivor", barrier.wait(LIMIT_NS), &[0], Library::detail)?;
            world.tally(MET);
            self.met = true;
        }
        Ok(())
    }

    fn check(&mut self, world: &World) -> Verdict {
        let barrier = self.barrier.as_ref().expect("opened in `prepare`");
        let code = barrier.wait(30_000_000);
        match code {
            libc::EOWNERDEAD => world.tally(TOLD),
            // The victim had not begun to take part, or has left in good order.
            libc::ETIMEDOUT => world.tally(LATE),
            _ => return Err(format!("alone at the barrier, and told {code} ({})", Library::detail())),
        }
        let was_member = !self.first || self.met;
        if code != libc::EOWNERDEAD && was_member && world.fate() == Fate::Killed {
            return Err("not told EOWNERDEAD, although a participant was killed".to_owned());
        }
        if code == libc::EOWNERDEAD {
            if world.fate() != Fate::Killed {
                return Err("told EOWNERDEAD, although nobody was killed".to_owned());
            }
            expect("told again", barrier.wait(0), &[libc::EOWNERDEAD], Library::detail)?;
            expect("reset", barrier.reset(), &[0], Library::detail)?;
        }
        as_new(barrier, 1)
    }
}
