//! Growing an array: the length is the old one or the new one, never anything else, and the .npy header says the
//! same. What had been written stays; what is appended is there whole, or not at all; what is trimmed reads as zero.

use std::fs;
use std::sync::atomic::Ordering::Relaxed;

use super::{ENDURED, expect, expired};
use crate::engine::ground::DIRECTORY;
use crate::engine::marks::Hold;
use crate::engine::watchdog::LIMIT;
use crate::engine::{Fate, Operation, Survivor, Tally, Verdict, World};
use crate::subjects::Subject;
use crate::subjects::library::Library;

const OLD: Tally = Tally { at: 0, words: "arrays still had the old length" };
const NEW: Tally = Tally { at: 1, words: "arrays had the new length" };
const HEADER: Tally = Tally { at: 2, words: ".npy headers agreed with the array" };

const NAME: &str = "growing";
const BEFORE: u64 = 100;
const AFTER: u64 = 700;
const CAPACITY: u64 = 1000;

/// What the victim does under the exclusive lock, which it holds all the time.
#[derive(Clone, Copy, PartialEq)]
pub enum Resize {
    /// Another length.
    Grow,
    /// Numbers behind the last one.
    Append,
    /// Memory that is kept for growth is given back.
    Trim,
}

impl Operation for Resize {
    fn name(&self) -> &'static str {
        match self {
            Resize::Grow => "resize",
            Resize::Append => "append",
            Resize::Trim => "trim",
        }
    }

    fn tallies(&self) -> &'static [Tally] {
        match self {
            Resize::Grow | Resize::Append => &[OLD, NEW, HEADER],
            Resize::Trim => &[OLD, HEADER],
        }
    }

    fn can_be_endured(&self) -> bool {
        true
    }

    fn victim(&self, world: &World) -> Verdict {
        let array = Library::open(&world.name(NAME)).map_err(|why| why.to_string())?;
        let appended: Vec<u64> = (BEFORE..AFTER).map(number).collect();
        expect("lock before it", array.lock(Hold::Exclusive, 0), &[0], Library::detail)?;
        world.at(self.name());
        world.begin();
        let code = match self {
            Resize::Grow => array.resize(AFTER),
            Resize::Append => array.append(&appended),
            Resize::Trim => array.trim(),
        };
        world.end(code);
        Ok(())
    }

    fn survivor(&self) -> Box<dyn Survivor> {
        Box::new(Reader(*self))
    }
}

/// The element at an index, once it is written; never 0.
fn number(index: u64) -> u64 {
    index * 3 + 7
}

struct Reader(Resize);

impl Survivor for Reader {
    fn prepare(&mut self, world: &World) -> Verdict {
        let array =
            Library::create_growing(&world.name(NAME), BEFORE, CAPACITY).map_err(|why| format!("create: {why}"))?;
        for (element, index) in array.elements().iter().zip(0..) {
            element.store(number(index), Relaxed);
        }
        Ok(())
    }

    fn endure(&mut self, world: &World) -> Verdict {
        let array = Library::open(&world.name(NAME)).map_err(|why| format!("open: {why}"))?;
        for timeout_ns in ENDURED {
            let code = world.in_time("lock", timeout_ns, || array.lock(Hold::Exclusive, timeout_ns))?;
            expect("lock beside a stopped victim", code, &[expired(timeout_ns)], Library::detail)?;
        }
        Ok(())
    }

    fn check(&mut self, world: &World) -> Verdict {
        let name = world.name(NAME);
        let array = Library::open(&name).map_err(|why| format!("open: {why}"))?;
        let fate = world.fate();
        let told = if fate == Fate::Killed { libc::EOWNERDEAD } else { 0 };
        let limit = LIMIT.as_nanos() as i64;
        expect("lock by the survivor", array.lock(Hold::Exclusive, limit), &[told], Library::detail)?;
        let length = array.length().map_err(|why| format!("view: {why}"))?;
        let grown = self.0 != Resize::Trim;
        match (fate, length) {
            (Fate::Killed, BEFORE) => world.tally(OLD),
            (Fate::Returned(code), BEFORE) if code != 0 || !grown => world.tally(OLD),
            (Fate::Killed | Fate::Returned(0), AFTER) if grown => world.tally(NEW),
            _ => return Err(format!("{length} elements, where there were {BEFORE} and should be {AFTER} ({fate:?})")),
        }
        if fate == Fate::Killed {
            expect("recover", array.recover(), &[0], Library::detail)?;
        }
        header_says(world, length)?;
        let whole = if self.0 == Resize::Append { length } else { BEFORE };
        elements_are(&array, whole)?;

        // Life goes on: shrink, give back, grow again.
        let half = length / 2;
        expect("resize by the survivor", array.resize(half), &[0], Library::detail)?;
        header_says(world, half)?;
        expect("trim by the survivor", array.trim(), &[0], Library::detail)?;
        expect("append by the survivor", array.append(&[number(half)]), &[0], Library::detail)?;
        header_says(world, half + 1)?;
        elements_are(&array, half.min(whole))?;
        expect("unlock", array.unlock(), &[0], Library::detail)?;
        drop(array);
        expect("unlink", Library::unlink(&name), &[0], Library::detail)
    }
}

/// The first elements, as far as this process had them in view when it opened the array.
fn elements_are(array: &Library, count: u64) -> Verdict {
    for (element, index) in array.elements().iter().zip(0..count) {
        let found = element.load(Relaxed);
        if found != number(index) {
            return Err(format!("element {index} is {found}, where {} had been written", number(index)));
        }
    }
    Ok(())
}

/// What everybody without the library sees.
fn header_says(world: &World, length: u64) -> Verdict {
    let path = format!("{DIRECTORY}/{}", world.name(NAME));
    let bytes = fs::read(&path).map_err(|why| format!("{path}: {why}"))?;
    let header = String::from_utf8_lossy(&bytes[..bytes.len().min(4096)]).into_owned();
    if !header.contains(&format!("'shape': ({length},)")) {
        let shape = header.find("'shape'").map_or("no shape", |at| &header[at..(at + 30).min(header.len())]);
        return Err(format!("the .npy header says {shape}, where the array has {length} elements"));
    }
    world.tally(HEADER);
    Ok(())
}
