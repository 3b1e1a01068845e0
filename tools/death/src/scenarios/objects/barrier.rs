//! Barriers. What has to hold: nobody waits for the dead; after a reset the barrier is as new; who is told that all have
//! come is not told so alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::{LIMIT_NS, in_words};
use crate::engine::world::{MOST_LATE_NS, timed};
use crate::engine::{Crowd, Fate, Operation, Survivor, Tally, Verdict, World};
use crate::scenarios::{ENDURED, expect, expired};
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
    vec![Box::new(Meet { first: false }), Box::new(Meet { first: true }), Box::new(ComeLast)]
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

    fn can_be_endured(&self) -> bool {
        true
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

    fn endure(&mut self, world: &World) -> Verdict {
        for timeout_ns in ENDURED {
            let barrier = self.barrier.as_ref().expect("opened in `prepare`");
            let code = world.in_time("meet", timeout_ns, || barrier.wait(timeout_ns))?;
            expect("wait beside a stopped victim", code, &[0, expired(timeout_ns)], Library::detail)?;
            if code == 0 && self.met {
                return Err("met twice with a victim that comes once".to_owned());
            }
            self.met |= code == 0;
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

/// Come last: a thread of the survivor's waits, gives up, and comes again, all the time.
struct ComeLast;

impl Operation for ComeLast {
    fn name(&self) -> &'static str {
        "barrier/last"
    }

    fn tallies(&self) -> &'static [Tally] {
        &[MET, TOLD, LATE]
    }

    fn fixtures(&self) -> &'static [&'static str] {
        &[NAME]
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn can_be_endured(&self) -> bool {
        true
    }

    fn victim(&self, world: &World) -> Verdict {
        Meet { first: false }.victim(world)
    }

    fn survivor(&self) -> Box<dyn Survivor> {
        Box::new(Fickle { barrier: None, waits: Arc::default(), is_enough: Arc::default(), thread: None, phase: 0 })
    }
}

/// How long the one who comes again and again waits each time, and for how long a victim is stopped so that it gives
/// up.
const SHORT_NS: i64 = 8_000_000;
/// What it says when it was kept for much longer.
const TOO_LATE: i32 = -2;
const LONGER: Duration = Duration::from_millis(20);

/// The survivor, one thread of which cannot make up its mind.
struct Fickle {
    barrier: Option<Arc<Barrier>>,
    waits: Arc<AtomicU64>,
    is_enough: Arc<AtomicBool>,
    /// Says how its last wait ended.
    thread: Option<JoinHandle<i32>>,
    phase: u64,
}

impl Survivor for Fickle {
    fn prepare(&mut self, world: &World) -> Verdict {
        let barrier = match &self.barrier {
            Some(barrier) => barrier.clone(),
            None => Arc::new(Barrier::create(&world.name(NAME), 2).map_err(in_words)?),
        };
        self.barrier = Some(barrier.clone());
        self.phase = barrier.stat().map_err(in_words)?.phase;
        self.is_enough = Arc::default();
        let (waits, is_enough) = (self.waits.clone(), self.is_enough.clone());
        self.thread = Some(thread::spawn(move || {
            loop {
                let (code, took) = timed(|| barrier.wait(SHORT_NS));
                waits.fetch_add(1, SeqCst);
                if took > SHORT_NS as u64 + MOST_LATE_NS {
                    return TOO_LATE;
                }
                if code != libc::ETIMEDOUT || is_enough.load(SeqCst) {
                    return code;
                }
            }
        }));
        Ok(())
    }

    fn intrude(&mut self, _: &World) -> Verdict {
        thread::sleep(LONGER);
        Ok(())
    }

    fn endure(&mut self, _: &World) -> Verdict {
        // Of two waits that end one has begun after the victim was stopped; the thread itself looks at the clock.
        let enough = self.waits.load(SeqCst) + 2;
        while self.waits.load(SeqCst) < enough && self.thread.as_ref().is_some_and(|thread| !thread.is_finished()) {
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    fn check(&mut self, world: &World) -> Verdict {
        self.is_enough.store(true, SeqCst);
        let code = self.thread.take().expect("started in `prepare`").join().unwrap_or(-1);
        let barrier = self.barrier.as_ref().expect("opened in `prepare`");
        let ended = barrier.stat().map_err(in_words)?.phase - self.phase;
        // Each meeting that has ended was one for both, and all who came to it were told the same.
        match (world.fate(), code, ended) {
            (Fate::Returned(0) | Fate::Killed, 0, 1) => world.tally(MET),
            (Fate::Killed, libc::EOWNERDEAD, 1) => world.tally(TOLD),
            (Fate::Killed, libc::ETIMEDOUT, 0) => world.tally(LATE),
            // The system refused the victim something, and it went away in good order.
            (Fate::Returned(refusal), libc::ETIMEDOUT, 0) if refusal != 0 => world.tally(LATE),
            (fate, ..) => return Err(format!("told {code}, when {ended} meetings had ended ({fate:?})")),
        }
        if world.fate() == Fate::Killed {
            let code = barrier.wait(LIMIT_NS);
            expect("wait after a death", code, &[libc::EOWNERDEAD], Library::detail)?;
            expect("reset", barrier.reset(), &[0], Library::detail)?;
        }
        as_new(barrier, 1)
    }
}
