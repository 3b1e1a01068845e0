//! Growing an array: the length is the old one or the new one, never anything else, and the .npy header says the
//! same.

use std::fs;

use super::expect;
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

/// Resize under the exclusive lock, which the victim holds all the time.
pub struct Resize;

impl Operation for Resize {
    fn name(&self) -> &'static str {
        "resize"
    }

    fn tallies(&self) -> &'static [Tally] {
        &[OLD, NEW, HEADER]
    }

    fn victim(&self, world: &World) -> Verdict {
        let array = Library::open(&world.name(NAME)).map_err(|why| why.to_string())?;
        expect("lock before resize", array.lock(Hold::Exclusive, 0), &[0], Library::detail)?;
        world.at("resize");
        world.begin();
        let code = array.resize(AFTER);
        world.end(code);
        Ok(())
    }

    fn survivor(&self) -> Box<dyn Survivor> {
        Box::new(Reader)
    }
}

struct Reader;

impl Survivor for Reader {
    fn prepare(&mut self, world: &World) -> Verdict {
        Library::create_growing(&world.name(NAME), BEFORE, CAPACITY).map(drop).map_err(|why| format!("create: {why}"))
    }

    fn check(&mut self, world: &World) -> Verdict {
        let name = world.name(NAME);
        let array = Library::open(&name).map_err(|why| format!("open: {why}"))?;
        let fate = world.fate();
        let told = if fate == Fate::Killed { libc::EOWNERDEAD } else { 0 };
        let limit = LIMIT.as_nanos() as i64;
        expect("lock by the survivor", array.lock(Hold::Exclusive, limit), &[told], Library::detail)?;
        let length = array.length().map_err(|why| format!("view: {why}"))?;
        match (fate, length) {
            (Fate::Killed, BEFORE) => world.tally(OLD),
            (Fate::Returned(code), BEFORE) if code != 0 => world.tally(OLD),
            (Fate::Killed | Fate::Returned(0), AFTER) => world.tally(NEW),
            _ => return Err(format!("{length} elements, where there were {BEFORE} and should be {AFTER} ({fate:?})")),
        }
        if fate == Fate::Killed {
            expect("recover", array.recover(), &[0], Library::detail)?;
        }
        header_says(world, length)?;
        let again = length / 2;
        expect("resize by the survivor", array.resize(again), &[0], Library::detail)?;
        header_says(world, again)?;
        expect("unlock", array.unlock(), &[0], Library::detail)?;
        drop(array);
        expect("unlink", Library::unlink(&name), &[0], Library::detail)
    }
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
