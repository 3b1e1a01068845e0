//! Frames: whoever is killed wherever, a reader has a complete frame, a writer finds a buffer, and nothing stays taken.

use super::{ENDURED, expect, nothing_came, pattern};
use crate::engine::watchdog::LIMIT;
use crate::engine::{Crowd, Fate, Operation, Survivor, Tally, Verdict, World};
use crate::subjects::frames::{Frame, Frames};
use crate::subjects::library::Library;
use crate::subjects::{Failure, Subject};

const WHOLE: Tally = Tally { at: 0, words: "pinned frames were complete, and stayed as they were" };
const COPIED: Tally = Tally { at: 1, words: "copied frames were complete" };
const FOUND: Tally = Tally { at: 2, words: "writers found a buffer" };
const FREED: Tally = Tally { at: 3, words: "buffers of the dead were free again" };
const ROSE: Tally = Tally { at: 4, words: "numbers rose, by as many as were missed" };
const OVERTAKEN: Tally = Tally { at: 5, words: "copies without a pin were overtaken, and given up in time" };
const OLD: Tally = Tally { at: 6, words: "times the latest frame was the one before the victim's" };
const NEW: Tally = Tally { at: 7, words: "times it was the victim's" };

const NAME: &str = "frames";
const LENGTH: u64 = 512;
/// Where each instruction is stepped over, most should be the library's.
const SHORT: u64 = 4;
/// Each of 32 participants may have pinned one and be filling one; and one is the latest.
const BUFFERS: u32 = 66;
const LIMIT_NS: i64 = LIMIT.as_nanos() as i64;

fn failed(what: &'static str) -> impl Fn(Failure) -> String {
    move |why| format!("{what}: {why}")
}

fn value_in(frame: &Frame) -> Result<u64, String> {
    pattern::whole(frame.elements()).ok_or_else(|| format!("frame {} is not complete", frame.number))
}

fn fill(frame: &Frame, value: u64) {
    pattern::begin(frame.elements(), value);
    pattern::complete(frame.elements(), value);
}

fn publish(frames: &Frames, value: u64) -> Verdict {
    let frame = frames.begin().map_err(failed("begin"))?;
    fill(&frame, value);
    expect("publish", frames.publish(&frame), &[0], Library::detail)
}

/// Many processes publish and read.
pub struct Publishing;

impl Crowd for Publishing {
    fn name(&self) -> &'static str {
        "frames"
    }

    fn tallies(&self) -> &'static [Tally] {
        &[WHOLE, COPIED, FOUND, FREED, ROSE, OVERTAKEN]
    }

    fn prepare(&self, world: &World) -> Verdict {
        publish(&Frames::create(&world.name(NAME), LENGTH, BUFFERS).map_err(failed("create"))?, 1)
    }

    fn round(&self, world: &World) -> Verdict {
        let role = world.chance.below(3);
        world.at("open");
        let frames = Frames::open(&world.name(NAME), role < 2).map_err(failed("open"))?;
        let mut last = 0;
        for _ in 0..=world.chance.below(16) {
            last = match role {
                0 => write(world, &frames).map(|()| last)?,
                1 => read(world, &frames, last)?,
                _ => copy(world, &frames, last)?,
            };
        }
        world.at("close");
        Ok(())
    }

    fn check(&self, world: &World) -> Verdict {
        let name = world.name(NAME);
        let frames = Frames::open(&name, true).map_err(failed("open"))?;
        read(world, &frames, 0)?;
        if frames.usage().map_err(failed("stat"))? != (0, 0) {
            return Err("buffers are pinned or being filled when all are dead".to_owned());
        }
        for _ in 0..BUFFERS - 1 {
            frames.begin().map_err(failed("begin, when all are dead"))?;
            world.tally(FREED);
        }
        expect(
            "one buffer too many",
            frames.begin().err().map_or(0, |why| why.code),
            &[libc::EAGAIN],
            Library::detail,
        )?;
        drop(frames);
        expect("unlink", Library::unlink(&name), &[0], Library::detail)
    }
}

fn write(world: &World, frames: &Frames) -> Verdict {
    world.at("begin");
    // The living never take all buffers, so EAGAIN would mean that the dead still have theirs.
    let frame = frames.begin().map_err(failed("begin"))?;
    world.tally(FOUND);
    world.at("fill");
    let value = world.chance.next();
    pattern::begin(frame.elements(), value);
    world.linger(world.chance.spread(30_000));
    pattern::complete(frame.elements(), value);
    if value_in(&frame)? != value {
        return Err("somebody else wrote into the buffer of a living writer".to_owned());
    }
    if world.chance.one_in(8) {
        world.at("cancel");
        return expect("cancel", frames.cancel(&frame), &[0], Library::detail);
    }
    world.at("publish");
    expect("publish", frames.publish(&frame), &[0], Library::detail)
}

fn read(world: &World, frames: &Frames, last: u64) -> Result<u64, String> {
    world.at("acquire");
    let frame = frames.acquire(0, LIMIT_NS).map_err(failed("acquire"))?;
    world.at("read");
    let value = value_in(&frame)?;
    world.linger(world.chance.spread(100_000));
    if value_in(&frame)? != value {
        return Err(format!("frame {} changed while it was pinned", frame.number));
    }
    world.tally(WHOLE);
    rose(world, &frame, last)?;
    world.at("release");
    expect("release", frames.release(&frame), &[0], Library::detail)?;
    Ok(frame.number)
}

fn copy(world: &World, frames: &Frames, last: u64) -> Result<u64, String> {
    world.at("copy");
    let mut copy = [0; LENGTH as usize];
    let frame = match frames.copy(0, &mut copy, LIMIT_NS / 10) {
        Ok(frame) => frame,
        Err(why) if why.code == libc::EAGAIN => {
            world.tally(OVERTAKEN);
            return Ok(last);
        }
        Err(why) => return Err(format!("copy: {why}")),
    };
    if copy.iter().any(|number| *number != copy[0]) {
        return Err(format!("the copy of frame {} is not complete", frame.number));
    }
    world.tally(COPIED);
    rose(world, &frame, last)?;
    Ok(frame.number)
}

fn rose(world: &World, frame: &Frame, last: u64) -> Verdict {
    let missed = if last == 0 { 0 } else { frame.number.saturating_sub(last + 1) };
    if frame.number < last || frame.missed != missed {
        let Frame { number, missed, .. } = frame;
        return Err(format!("frame {number} after frame {last}, and {missed} missed"));
    }
    world.tally(ROSE);
    Ok(())
}

/// What the victim does.
#[derive(Clone, Copy, PartialEq)]
enum Deed {
    Write,
    Cancel,
    Read,
}

/// One writer or reader, killed anywhere.
struct Killed {
    name: &'static str,
    deed: Deed,
    /// The process has no slot yet.
    first: bool,
}

/// All operations on frames.
pub fn operations() -> Vec<Box<dyn Operation>> {
    let plans = [
        ("frames/write", Deed::Write, false),
        ("frames/cancel", Deed::Cancel, false),
        ("frames/read", Deed::Read, false),
        ("frames/first-write", Deed::Write, true),
        ("frames/first-read", Deed::Read, true),
    ];
    plans.into_iter().map(|(name, deed, first)| Box::new(Killed { name, deed, first }) as Box<dyn Operation>).collect()
}

const THEIRS: u64 = 7;
const OURS: u64 = 5;

impl Operation for Killed {
    fn name(&self) -> &'static str {
        self.name
    }

    fn tallies(&self) -> &'static [Tally] {
        &[OLD, NEW, WHOLE, FREED]
    }

    fn can_be_endured(&self) -> bool {
        true
    }

    fn victim(&self, world: &World) -> Verdict {
        let frames = Frames::open(&world.name(NAME), true).map_err(failed("open"))?;
        if !self.first {
            let frame = frames.acquire(0, 0).map_err(failed("acquire before"))?;
            expect("release before", frames.release(&frame), &[0], Library::detail)?;
        }
        world.at("ready");
        world.begin();
        let code = self.deed.done(&frames);
        world.end(code);
        Ok(())
    }

    fn survivor(&self) -> Box<dyn Survivor> {
        Box::new(Heir { deed: self.deed, before: 0 })
    }
}

impl Deed {
    fn done(self, frames: &Frames) -> i32 {
        let begun = if self == Deed::Read { frames.acquire(0, LIMIT_NS) } else { frames.begin() };
        let frame = match begun {
            Ok(frame) => frame,
            Err(why) => return why.code,
        };
        if self == Deed::Read {
            return frames.release(&frame);
        }
        fill(&frame, THEIRS);
        if self == Deed::Cancel { frames.cancel(&frame) } else { frames.publish(&frame) }
    }
}

struct Heir {
    deed: Deed,
    before: u64,
}

impl Survivor for Heir {
    /// Three buffers: one of the dead that stayed taken would be missed at once.
    fn prepare(&mut self, world: &World) -> Verdict {
        let frames = Frames::create(&world.name(NAME), SHORT, 3).map_err(failed("create"))?;
        publish(&frames, OURS)?;
        publish(&frames, OURS)?;
        self.before = 2;
        Ok(())
    }

    fn endure(&mut self, world: &World) -> Verdict {
        let frames = Frames::open(&world.name(NAME), true).map_err(failed("open"))?;
        let code = |done: Result<i32, Failure>| done.unwrap_or_else(|why| why.code);
        for timeout_ns in ENDURED {
            let acquire =
                |newer_than: u64| code(frames.acquire(newer_than, timeout_ns).map(|frame| frames.release(&frame)));
            let codes = [0, nothing_came(timeout_ns)];
            for newer_than in [0, u64::from(u32::MAX)] {
                let acquired = world.in_time("acquire", timeout_ns, || acquire(newer_than))?;
                expect(
                    "acquire beside a stopped victim",
                    acquired,
                    &codes[usize::from(newer_than != 0)..],
                    Library::detail,
                )?;
            }
            let begun = world.in_time("begin", 0, || code(frames.begin().map(|frame| frames.cancel(&frame))))?;
            expect("begin beside a stopped victim", begun, &[0], Library::detail)?;
        }
        Ok(())
    }

    fn check(&mut self, world: &World) -> Verdict {
        let name = world.name(NAME);
        let frames = Frames::open(&name, true).map_err(failed("open"))?;
        let latest = frames.acquire(0, LIMIT_NS).map_err(failed("acquire by the survivor"))?;
        let value = value_in(&latest)?;
        world.tally(WHOLE);
        let is_new = latest.number == self.before + 1 && value == THEIRS && self.deed == Deed::Write;
        let is_old = latest.number == self.before && value == OURS;
        match world.fate() {
            Fate::Killed if is_new => world.tally(NEW),
            Fate::Killed if is_old => world.tally(OLD),
            Fate::Returned(0) if is_new || is_old && self.deed != Deed::Write => world.tally(NEW),
            Fate::Returned(code) if code != 0 && is_old => world.tally(OLD),
            fate => return Err(format!("the latest frame is number {} of value {value} ({fate:?})", latest.number)),
        }
        // One is pinned, and is the latest: the two others must be free, whatever the victim had.
        let others = [frames.begin(), frames.begin()];
        for other in others {
            let other = other.map_err(failed("begin by the survivor"))?;
            fill(&other, 9);
            world.tally(FREED);
            expect("publish by the survivor", frames.publish(&other), &[0], Library::detail)?;
        }
        if value_in(&latest)? != value {
            return Err("a pinned frame was overwritten".to_owned());
        }
        expect("release by the survivor", frames.release(&latest), &[0], Library::detail)?;
        drop(frames);
        expect("unlink", Library::unlink(&name), &[0], Library::detail)
    }
}
