//! Semaphores. What has to hold: never are more permits held than there are; permits of the dead come back, all of them,
//! and no more; what was posted can be taken, and wakes who waits for it.

use super::{LIMIT_NS, in_words, patience};
use crate::engine::marks::Hold;
use crate::engine::{Crowd, Operation, Survivor, Tally, Verdict, World};
use crate::scenarios::{ENDURED, expect, expired};
use crate::subjects::Subject;
use crate::subjects::library::Library;
use crate::subjects::objects::Semaphore;

const WITHIN: Tally = Tally { at: 0, words: "holders were within the limit" };
const BACK: Tally = Tally { at: 1, words: "times all permits were there again" };
const LATE: Tally = Tally { at: 2, words: "waits timed out" };
const TAKEN: Tally = Tally { at: 3, words: "signals were taken" };
const NONE: Tally = Tally { at: 4, words: "victims died before they had posted" };

const PERMITS: &str = "permits";
const SIGNALS: &str = "signals";
const OTHERS: &str = "others";
const LIMIT: u32 = 2;
/// Any number: there is one semaphore.
const THING: u64 = 8;

fn timeout(world: &World) -> i64 {
    match world.chance.below(4) {
        0 => 0,
        1 => world.chance.spread(20_000_000) as i64 + 1,
        _ => LIMIT_NS,
    }
}

/// Many processes take owned permits and give them back.
pub struct Permits;

impl Crowd for Permits {
    fn name(&self) -> &'static str {
        "semaphore/owned"
    }

    fn tallies(&self) -> &'static [Tally] {
        &[WITHIN, LATE, BACK]
    }

    fn round(&self, world: &World) -> Verdict {
        world.at("open");
        let semaphore = Semaphore::owned(&world.name(PERMITS), LIMIT).map_err(in_words)?;
        for _ in 0..=world.chance.below(4) {
            world.at("wait");
            let timeout_ns = timeout(world);
            match semaphore.wait(timeout_ns) {
                0 => {}
                libc::EBUSY if timeout_ns == 0 => continue,
                libc::ETIMEDOUT if timeout_ns > 0 && timeout_ns < LIMIT_NS => {
                    world.tally(LATE);
                    continue;
                }
                code => return expect("wait", code, &[0], Library::detail),
            }
            world.at("hold");
            world.enter(THING, Hold::Shared);
            let others = world.sharing_at_once(THING);
            if others.len() >= LIMIT as usize {
                return Err(format!("holds one of {LIMIT} permits, and so do {others:?}, all alive"));
            }
            world.tally(WITHIN);
            world.linger(world.chance.spread(30_000));
            world.leave();
            if world.chance.one_in(8) {
                break; // closing gives back
            }
            world.at("post");
            expect("post", semaphore.post(1), &[0], Library::detail)?;
        }
        world.at("close");
        Ok(())
    }

    fn check(&self, world: &World) -> Verdict {
        let semaphore = Semaphore::owned(&world.name(PERMITS), LIMIT).map_err(in_words)?;
        all_are_there(world, &semaphore)?;
        drop(semaphore);
        expect("unlink", Library::unlink(&world.name(PERMITS)), &[0], Library::detail)
    }
}

/// Everybody else is dead: as many as there are can be taken, and not one more.
fn all_are_there(world: &World, semaphore: &Semaphore) -> Verdict {
    for _ in 0..LIMIT {
        expect("a try when all others are dead", semaphore.wait(0), &[0], Library::detail)?;
    }
    expect("one too many", semaphore.wait(0), &[libc::EBUSY], Library::detail)?;
    expect("post", semaphore.post(LIMIT), &[0], Library::detail)?;
    world.tally(BACK);
    match semaphore.value().map_err(in_words)? {
        LIMIT => Ok(()),
        value => Err(format!("{value} permits of {LIMIT} when nobody holds one")),
    }
}

/// Many processes post and take signals.
pub struct Signals;

impl Crowd for Signals {
    fn name(&self) -> &'static str {
        "semaphore/signalling"
    }

    fn tallies(&self) -> &'static [Tally] {
        &[TAKEN, LATE]
    }

    fn round(&self, world: &World) -> Verdict {
        let semaphore = Semaphore::signalling(&world.name(SIGNALS)).map_err(in_words)?;
        // Who posts first always finds one: others take no more than they have posted, whoever is killed.
        let n = world.chance.below(3) as u32 + 1;
        world.at("post");
        expect("post", semaphore.post(n), &[0], Library::detail)?;
        for _ in 0..n {
            world.at("wait");
            expect("wait", semaphore.wait(LIMIT_NS), &[0], Library::detail)?;
            world.tally(TAKEN);
        }
        // Of others nothing is certain: who takes them may be killed before it posts.
        let others = Semaphore::signalling(&world.name(OTHERS)).map_err(in_words)?;
        if world.chance.one_in(2) {
            world.at("post");
            return expect("post", others.post(1), &[0], Library::detail);
        }
        world.at("sleep");
        let code = others.wait(world.chance.spread(5_000_000) as i64 + 1);
        expect("wait", code, &[0, libc::ETIMEDOUT], Library::detail)?;
        world.tally(if code == 0 { TAKEN } else { LATE });
        Ok(())
    }

    fn check(&self, world: &World) -> Verdict {
        for name in [SIGNALS, OTHERS].map(|what| world.name(what)) {
            let semaphore = Semaphore::signalling(&name).map_err(in_words)?;
            for _ in 0..semaphore.value().map_err(in_words)? {
                expect("a try of what is there", semaphore.wait(0), &[0], Library::detail)?;
            }
            expect("one too many", semaphore.wait(0), &[libc::EBUSY], Library::detail)?;
            drop(semaphore);
            expect("unlink", Library::unlink(&name), &[0], Library::detail)?;
        }
        Ok(())
    }
}

/// All operations on a semaphore.
pub fn operations() -> Vec<Box<dyn Operation>> {
    vec![Box::new(TakeAndGive { first: false }), Box::new(TakeAndGive { first: true }), Box::new(Post)]
}

/// Take all permits but one, and give them back.
struct TakeAndGive {
    /// The victim's first: what is set up once happens now.
    first: bool,
}

impl Operation for TakeAndGive {
    fn name(&self) -> &'static str {
        if self.first { "semaphore/first" } else { "semaphore/owned" }
    }

    fn tallies(&self) -> &'static [Tally] {
        &[BACK]
    }

    fn fixtures(&self) -> &'static [&'static str] {
        &[PERMITS]
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn can_be_endured(&self) -> bool {
        true
    }

    fn victim(&self, world: &World) -> Verdict {
        let semaphore = Semaphore::owned(&world.name(PERMITS), LIMIT).map_err(in_words)?;
        if !self.first {
            expect("wait", semaphore.wait(0), &[0], Library::detail)?;
            expect("post", semaphore.post(1), &[0], Library::detail)?;
        }
        world.begin();
        world.stage("wait");
        let mut code = 0;
        let mut held = 0;
        while held < LIMIT && code == 0 {
            code = semaphore.wait(LIMIT_NS);
            held += u32::from(code == 0);
        }
        world.stage("inside");
        world.pause();
        world.stage("post");
        if held != 0 {
            let given = semaphore.post(held);
            code = if code == 0 { given } else { code };
        }
        world.stage("after");
        world.end(code);
        Ok(())
    }

    fn survivor(&self) -> Box<dyn Survivor> {
        Box::new(Heir { semaphore: None, holds: 0 })
    }
}

struct Heir {
    semaphore: Option<Semaphore>,
    holds: u32,
}

impl Heir {
    fn semaphore(&mut self, world: &World) -> Result<&Semaphore, String> {
        if self.semaphore.is_none() {
            self.semaphore = Some(Semaphore::owned(&world.name(PERMITS), LIMIT).map_err(in_words)?);
        }
        Ok(self.semaphore.as_ref().expect("opened just now"))
    }
}

impl Survivor for Heir {
    fn prepare(&mut self, world: &World) -> Verdict {
        self.semaphore(world).map(drop)
    }

    /// The victim sleeps, and may need what we took beside it.
    fn nudge(&mut self, world: &World) -> Verdict {
        match std::mem::take(&mut self.holds) {
            0 => Ok(()),
            had => expect("post by the survivor", self.semaphore(world)?.post(had), &[0], Library::detail),
        }
    }

    fn intrude(&mut self, world: &World) -> Verdict {
        let stage = world.last_word();
        let code = self.semaphore(world)?.wait(0);
        // Who is stopped at work on the table keeps others out, and who only tries does not wait for ever.
        expect("a try beside a stopped victim", code, &[0, libc::EBUSY], Library::detail)?;
        if code == 0 && stage == "inside" {
            return Err("got a permit while the victim, stopped, held all".to_owned());
        }
        self.holds += u32::from(code == 0);
        Ok(())
    }

    fn endure(&mut self, world: &World) -> Verdict {
        let stage = world.last_word();
        let semaphore = self.semaphore(world)?;
        for timeout_ns in ENDURED {
            let code = world.in_time("wait", timeout_ns, || semaphore.wait(timeout_ns))?;
            expect("wait beside a stopped victim", code, &[0, expired(timeout_ns)], Library::detail)?;
            if code == 0 && stage == "inside" {
                return Err("got a permit while the victim, stopped, held all".to_owned());
            }
            if code == 0 {
                let code = world.in_time("post", 1, || semaphore.post(1))?;
                expect("post beside a stopped victim", code, &[0], Library::detail)?;
            }
        }
        Ok(())
    }

    fn check(&mut self, world: &World) -> Verdict {
        let had = std::mem::take(&mut self.holds);
        let semaphore = self.semaphore(world)?;
        if had != 0 {
            expect("post by the survivor", semaphore.post(had), &[0], Library::detail)?;
        }
        if !world.victim_is_gone() {
            // Asleep when the victim gives back, or dies.
            expect("wait by the survivor", semaphore.wait(LIMIT_NS), &[0], Library::detail)?;
            expect("post by the survivor", semaphore.post(1), &[0], Library::detail)?;
            while !world.victim_is_gone() {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        }
        all_are_there(world, semaphore)
    }
}

/// Post one signal, for which the survivor may be waiting.
struct Post;

impl Operation for Post {
    fn name(&self) -> &'static str {
        "semaphore/post"
    }

    fn tallies(&self) -> &'static [Tally] {
        &[TAKEN, NONE]
    }

    fn fixtures(&self) -> &'static [&'static str] {
        &[SIGNALS]
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn can_be_endured(&self) -> bool {
        true
    }

    fn victim(&self, world: &World) -> Verdict {
        let semaphore = Semaphore::signalling(&world.name(SIGNALS)).map_err(in_words)?;
        world.at("ready");
        world.begin();
        world.stage("post");
        world.pause();
        let code = semaphore.post(1);
        world.stage("after");
        world.end(code);
        Ok(())
    }

    fn survivor(&self) -> Box<dyn Survivor> {
        Box::new(Taker(None))
    }
}

struct Taker(Option<Semaphore>);

impl Survivor for Taker {
    fn endure(&mut self, world: &World) -> Verdict {
        let semaphore = self.0.as_ref().expect("opened in `prepare`");
        for timeout_ns in ENDURED {
            let code = world.in_time("wait", timeout_ns, || semaphore.wait(timeout_ns))?;
            expect("wait beside a stopped victim", code, &[0, expired(timeout_ns)], Library::detail)?;
            if code == 0 {
                expect("post beside a stopped victim", semaphore.post(1), &[0], Library::detail)?;
            }
        }
        Ok(())
    }

    fn prepare(&mut self, world: &World) -> Verdict {
        if self.0.is_none() {
            self.0 = Some(Semaphore::signalling(&world.name(SIGNALS)).map_err(in_words)?);
        }
        Ok(())
    }

    fn check(&mut self, world: &World) -> Verdict {
        let semaphore = self.0.as_ref().expect("opened in `prepare`");
        let code = semaphore.wait(patience(world));
        expect("wait by the survivor", code, &[0, libc::EBUSY, libc::ETIMEDOUT], Library::detail)?;
        if code == 0 {
            world.tally(TAKEN);
            return expect("one too many", semaphore.wait(0), &[libc::EBUSY], Library::detail);
        }
        world.tally(NONE);
        match (semaphore.value().map_err(in_words)?, world.last_word().as_str()) {
            (0, "after") => Err("nothing to take, although the post had returned".to_owned()),
            (0, _) => Ok(()),
            (value, _) => Err(format!("waited in vain while there was {value} to take")),
        }
    }
}
