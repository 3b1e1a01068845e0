//! Pieces through a pipe: whole or not at all, whoever is killed.

use super::{message, number};
use crate::engine::watchdog::LIMIT;
use crate::engine::{Crowd, Fate, Operation, Survivor, Tally, Verdict, World};
use crate::scenarios::{ENDURED, expect, nothing_came};
use crate::subjects::Subject;
use crate::subjects::channels::{Pipe, WORDS};
use crate::subjects::library::Library;

const WHOLE: Tally = Tally { at: 0, words: "pieces were whole" };
const ABSENT: Tally = Tally { at: 1, words: "pieces were not written: their writer died before" };
const PRESENT: Tally = Tally { at: 2, words: "pieces were written, once and whole" };
const STILL: Tally = Tally { at: 3, words: "pieces were still there: their reader died before it had read them" };
const GONE: Tally = Tally { at: 4, words: "pieces were read" };

const NAME: &str = "pipe";
const CAPACITY: u64 = 4096 + 40; // no multiple of a piece: pieces lie across the end of the ring
const BYTES: usize = WORDS * 8;
const MOMENT_NS: i64 = 2_000_000;
const LIMIT_NS: i64 = LIMIT.as_nanos() as i64;

fn piece(of: u64) -> Vec<u8> {
    message(of).iter().flat_map(|word| word.to_ne_bytes()).collect()
}

fn understand(bytes: &[u8]) -> Result<u64, String> {
    if bytes.len() != BYTES {
        return Err(format!("a piece of {} bytes, where all have {BYTES}", bytes.len()));
    }
    let mut words = [0; WORDS];
    for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(8)) {
        *word = u64::from_ne_bytes(bytes.try_into().expect("8 bytes"));
    }
    number(&words)
}

fn open(world: &World) -> Result<Pipe, String> {
    Pipe::create_or_open(&world.name(NAME), CAPACITY).map_err(|why| why.to_string())
}

/// Many processes that write pieces and read pieces.
pub struct Pieces;

impl Crowd for Pieces {
    fn name(&self) -> &'static str {
        "pipe"
    }

    fn tallies(&self) -> &'static [Tally] {
        &[WHOLE]
    }

    fn prepare(&self, world: &World) -> Verdict {
        open(world).map(drop)
    }

    fn round(&self, world: &World) -> Verdict {
        world.at("open");
        let pipe = open(world)?;
        for _ in 0..=world.chance.below(32) {
            if world.chance.one_in(2) {
                world.at("write");
                match pipe.write(&piece(world.chance.next()), MOMENT_NS) {
                    Ok(BYTES) | Err(libc::ETIMEDOUT) => {}
                    other => return Err(format!("write returned {other:?} ({})", Library::detail())),
                }
            } else {
                world.at("read");
                // Readers take pieces as long as all do.
                let mut bytes = [0; BYTES];
                match pipe.read(&mut bytes, MOMENT_NS) {
                    Ok(count) => understand(&bytes[..count]).map(|_| world.tally(WHOLE))?,
                    Err(libc::ETIMEDOUT) => {}
                    Err(code) => return Err(format!("read returned {code} ({})", Library::detail())),
                }
            }
        }
        world.at("close");
        Ok(())
    }

    fn check(&self, world: &World) -> Verdict {
        let pipe = open(world)?;
        let mut bytes = [0; BYTES];
        loop {
            match pipe.read(&mut bytes, LIMIT_NS) {
                Ok(count) => understand(&bytes[..count]).map(|_| world.tally(WHOLE))?,
                Err(libc::ETIMEDOUT) => break,
                Err(code) => return Err(format!("read at the end returned {code} ({})", Library::detail())),
            }
        }
        drop(pipe);
        expect("unlink", Library::unlink(&world.name(NAME)), &[0], Library::detail)
    }
}

/// One write, or one read.
#[derive(Clone, Copy)]
struct Deed {
    name: &'static str,
    writes: bool,
}

/// All operations on a pipe.
pub fn operations() -> Vec<Box<dyn Operation>> {
    vec![Box::new(Deed { name: "pipe/write", writes: true }), Box::new(Deed { name: "pipe/read", writes: false })]
}

impl Operation for Deed {
    fn name(&self) -> &'static str {
        self.name
    }

    fn tallies(&self) -> &'static [Tally] {
        &[WHOLE, ABSENT, PRESENT, STILL, GONE]
    }

    fn can_be_endured(&self) -> bool {
        true
    }

    fn victim(&self, world: &World) -> Verdict {
        let pipe = Pipe::open(&world.name(NAME)).map_err(|why| why.to_string())?;
        world.at("ready");
        world.begin();
        let code = if self.writes {
            pipe.write(&piece(7), LIMIT_NS).map_or_else(|code| code, |count| if count == BYTES { 0 } else { libc::EIO })
        } else {
            let mut bytes = [0; BYTES];
            let read = pipe.read(&mut bytes, LIMIT_NS);
            read.map_or_else(|code| code, |count| if understand(&bytes[..count]) == Ok(1) { 0 } else { libc::EIO })
        };
        world.stage("after");
        world.end(code);
        Ok(())
    }

    fn survivor(&self) -> Box<dyn Survivor> {
        Box::new(Heir { deed: *self, read: Vec::new() })
    }
}

struct Heir {
    deed: Deed,
    /// Pieces that the survivor has read beside the victim.
    read: Vec<u64>,
}

impl Survivor for Heir {
    fn prepare(&mut self, world: &World) -> Verdict {
        world.at("prepare");
        let pipe = open(world)?;
        // So that the next piece lies across the end of the ring.
        let pad = vec![0; CAPACITY as usize - BYTES - 40];
        let mut bytes = vec![0; pad.len()];
        let code = |code: i32| format!("before the operation: {code} ({})", Library::detail());
        pipe.write(&pad, 0).map_err(code)?;
        pipe.read(&mut bytes, 0).map_err(code)?;
        pipe.write(&piece(1), 0).map(drop).map_err(code)
    }

    /// Write nothing, which needs a turn all the same, and read what is there.
    fn endure(&mut self, world: &World) -> Verdict {
        let pipe = Pipe::open(&world.name(NAME)).map_err(|why| format!("open by the survivor: {why}"))?;
        let code = |done: Result<usize, i32>| done.map_or_else(|code| code, |_| 0);
        for timeout_ns in ENDURED {
            let codes = [0, nothing_came(timeout_ns)];
            let wrote = world.in_time("write", timeout_ns, || code(pipe.write(&[], timeout_ns)))?;
            expect("write beside a stopped victim", wrote, &codes, Library::detail)?;
            let mut bytes = [0; BYTES];
            let read = world.in_time("read", timeout_ns, || code(pipe.read(&mut bytes, timeout_ns)))?;
            expect("read beside a stopped victim", read, &codes, Library::detail)?;
            if read == 0 {
                self.read.push(understand(&bytes)?);
            }
        }
        Ok(())
    }

    fn check(&mut self, world: &World) -> Verdict {
        world.at("check");
        let pipe = Pipe::open(&world.name(NAME)).map_err(|why| format!("open by the survivor: {why}"))?;
        let mut found = std::mem::take(&mut self.read);
        let mut bytes = [0; BYTES];
        loop {
            match pipe.read(&mut bytes, 0) {
                Ok(count) => found.push(understand(&bytes[..count])?),
                Err(libc::EAGAIN) => break,
                Err(code) => return Err(format!("read by the survivor returned {code} ({})", Library::detail())),
            }
        }
        world.tally(WHOLE);
        let (fate, stage) = (world.fate(), world.last_word());
        let is_done = fate == Fate::Returned(0) || stage == "after" && fate == Fate::Killed;
        let tally = match (self.deed.writes, found.as_slice()) {
            (true, [1, 7]) => PRESENT,
            (true, [1]) if !is_done => ABSENT,
            (false, []) => GONE,
            (false, [1]) if !is_done => STILL,
            _ => return Err(format!("{found:?} was in the pipe ({fate:?}, the victim was at '{stage}')")),
        };
        world.tally(tally);
        for count in 0..100 {
            let code = |code: i32| format!("afterwards: {code} ({})", Library::detail());
            pipe.write(&piece(count), LIMIT_NS).map_err(code)?;
            let got = pipe.read(&mut bytes, LIMIT_NS).map_err(code)?;
            if understand(&bytes[..got])? != count {
                return Err(format!("afterwards piece {count} came as another"));
            }
        }
        drop(pipe);
        expect("unlink", Library::unlink(&world.name(NAME)), &[0], Library::detail)
    }
}
