//! Waiting for a write. What has to hold: an unlock wakes who waits, even if the writer dies in it; a writer that dies
//! inside has published nothing; who wrote last is told, and whether it lives.

use std::time::{Duration, Instant};

use super::{in_words, patience};
use crate::engine::marks::Hold;
use crate::engine::{Crowd, Operation, Survivor, Tally, Verdict, World};
use crate::scenarios::{ENDURED, expect, expired};
use crate::subjects::library::Library;
use crate::subjects::{ELEMENTS, Life, Subject};

const WROTE: Tally = Tally { at: 0, words: "writes were completed" };
const CAME: Tally = Tally { at: 1, words: "waits ended with a write" };
const NONE: Tally = Tally { at: 2, words: "waits ended without one" };
const KNOWN: Tally = Tally { at: 3, words: "last writers were known" };

const NAME: &str = "published";

/// Many processes write, and wait for each other's writes.
pub struct Writers;

impl Crowd for Writers {
    fn name(&self) -> &'static str {
        "publish"
    }

    fn tallies(&self) -> &'static [Tally] {
        &[WROTE, CAME, NONE, KNOWN]
    }

    fn round(&self, world: &World) -> Verdict {
        world.at("open");
        let array = Library::create_or_open(&world.name(NAME), Life::Kept).map_err(in_words)?;
        for _ in 0..=world.chance.below(6) {
            let before = array.generation().map_err(in_words)?;
            if world.chance.one_in(2) {
                world.at("write");
                write(&array)?;
                let after = array.generation().map_err(in_words)?;
                if after <= before {
                    return Err(format!("generation {after} after a write, and {before} before"));
                }
                expect("a wait for the past", array.wait(before, 0), &[0], Library::detail)?;
                world.tally(WROTE);
            } else {
                world.at("wait");
                let timeout_ns = world.chance.spread(10_000_000) as i64 + 1;
                let start = Instant::now();
                match array.wait(before, timeout_ns) {
                    0 => world.tally(CAME),
                    libc::ETIMEDOUT if start.elapsed() >= Duration::from_nanos(timeout_ns as u64) => world.tally(NONE),
                    code => return Err(format!("wait returned {code} after {:?}", start.elapsed())),
                }
            }
            world.at("last");
            let last = array.last_publish().map_err(in_words)?;
            if last.generation != 0 {
                if last.pid == 0 || last.published_ns == 0 {
                    return Err(format!("generation {} by process {}", last.generation, last.pid));
                }
                world.tally(KNOWN);
            }
        }
        world.at("close");
        Ok(())
    }

    fn check(&self, world: &World) -> Verdict {
        let array = Library::open(&world.name(NAME)).map_err(in_words)?;
        let last = array.last_publish().map_err(in_words)?;
        if last.alive != 0 {
            return Err(format!("process {} wrote last and lives, though all are dead", last.pid));
        }
        drop(array);
        expect("unlink", Library::unlink(&world.name(NAME)), &[0], Library::detail)
    }
}

fn write(array: &Library) -> Verdict {
    let code = array.lock(Hold::Exclusive, -1);
    expect("lock", code, &[0, libc::EOWNERDEAD], Library::detail)?;
    if code != 0 {
        expect("recover", array.recover(), &[0], Library::detail)?;
    }
    expect("unlock", array.unlock(), &[0], Library::detail)
}

/// All operations on what is published.
pub fn operations() -> Vec<Box<dyn Operation>> {
    vec![Box::new(Write)]
}

/// A write that the survivor waits for.
struct Write;

impl Operation for Write {
    fn name(&self) -> &'static str {
        "publish"
    }

    fn tallies(&self) -> &'static [Tally] {
        &[CAME, NONE, KNOWN]
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
        let array = Library::open(&world.name(NAME)).map_err(in_words)?;
        expect("lock", array.lock(Hold::Exclusive, 0), &[0], Library::detail)?;
        world.at("ready");
        world.begin();
        world.stage("unlock");
        world.pause();
        let code = array.unlock();
        world.stage("after");
        world.end(code);
        Ok(())
    }

    fn survivor(&self) -> Box<dyn Survivor> {
        Box::new(Reader { array: None, since: 0 })
    }
}

struct Reader {
    array: Option<Library>,
    since: u64,
}

impl Survivor for Reader {
    fn prepare(&mut self, world: &World) -> Verdict {
        if self.array.is_none() {
            self.array = Some(Library::create_or_open(&world.name(NAME), Life::Kept).map_err(in_words)?);
        }
        self.since = self.array.as_ref().expect("opened just now").generation().map_err(in_words)?;
        Ok(())
    }

    fn endure(&mut self, world: &World) -> Verdict {
        let array = self.array.as_ref().expect("opened in `prepare`");
        for timeout_ns in ENDURED {
            let code = world.in_time("wait", timeout_ns, || array.wait(self.since, timeout_ns))?;
            expect("wait beside a stopped victim", code, &[0, expired(timeout_ns)], Library::detail)?;
            let mut copy = [0; ELEMENTS];
            let rows = 0..ELEMENTS as u64;
            let code = world.in_time("snapshot", timeout_ns, || array.snapshot(rows, &mut copy, timeout_ns, false))?;
            expect("snapshot beside a stopped victim", code, &[0, libc::EAGAIN], Library::detail)?;
        }
        Ok(())
    }

    fn check(&mut self, world: &World) -> Verdict {
        let array = self.array.as_ref().expect("opened in `prepare`");
        let code = array.wait(self.since, patience(world));
        expect("wait by the survivor", code, &[0, libc::EBUSY, libc::ETIMEDOUT], Library::detail)?;
        let generation = array.generation().map_err(in_words)?;
        world.tally(if code == 0 { CAME } else { NONE });
        if code == 0 && generation != self.since + 1 {
            return Err(format!("generation {generation} after {}", self.since));
        }
        if code != 0 && (generation != self.since || world.last_word() == "after") {
            return Err(format!("waited in vain since generation {}, and it is {generation}", self.since));
        }
        write(array)?;
        let last = array.last_publish().map_err(in_words)?;
        if (last.pid, last.alive) != (std::process::id(), 1) {
            return Err(format!("wrote last, but that is said of process {}, alive: {}", last.pid, last.alive));
        }
        world.tally(KNOWN);
        Ok(())
    }
}
