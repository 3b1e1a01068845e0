//! Adopting an ordinary .npy file: at any moment it is a valid .npy file with the same elements.

use std::fs;
use std::sync::atomic::Ordering::Relaxed;

use super::expect;
use crate::engine::ground::DIRECTORY;
use crate::engine::marks::Hold;
use crate::engine::{Fate, Operation, Survivor, Tally, Verdict, World};
use crate::subjects::Subject;
use crate::subjects::library::Library;

const READABLE: Tally = Tally { at: 0, words: "files were valid .npy files with the same elements" };
const UNTOUCHED: Tally = Tally { at: 1, words: "files of failed adoptions were as before, to the byte" };
const DONE: Tally = Tally { at: 3, words: "files were adopted completely, and only could not be opened" };
const ADOPTED: Tally = Tally { at: 2, words: "files could be adopted afterwards" };

const NAME: &str = "ordinary.npy";
const LENGTH: u64 = 64;

/// Adopt a file that numpy could have written.
pub struct Adopt;

fn path(world: &World) -> String {
    format!("{DIRECTORY}/{}", world.name(NAME))
}

fn ordinary() -> Vec<u8> {
    let text = format!("{{'descr': '<u8', 'fortran_order': False, 'shape': ({LENGTH},), }}");
    let mut bytes = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    bytes.extend(text.as_bytes());
    bytes.resize(127, b' ');
    bytes.push(b'\n');
    bytes.extend((0..LENGTH).flat_map(|element| element.to_le_bytes()));
    bytes
}

impl Operation for Adopt {
    fn name(&self) -> &'static str {
        "adopt"
    }

    fn tallies(&self) -> &'static [Tally] {
        &[READABLE, UNTOUCHED, DONE, ADOPTED]
    }

    fn victim(&self, world: &World) -> Verdict {
        let name = format!("file://{}", path(world));
        world.at("adopt");
        world.begin();
        let adopted = Library::adopt(&name);
        world.end(adopted.as_ref().err().map_or(0, |why| why.code));
        Ok(())
    }

    fn survivor(&self) -> Box<dyn Survivor> {
        Box::new(Reader)
    }
}

struct Reader;

impl Survivor for Reader {
    fn prepare(&mut self, world: &World) -> Verdict {
        fs::write(path(world), ordinary()).map_err(|why| format!("{}: {why}", path(world)))
    }

    fn check(&mut self, world: &World) -> Verdict {
        let (path, ordinary) = (path(world), ordinary());
        let bytes = fs::read(&path).map_err(|why| format!("{path}: {why}"))?;
        if !bytes.starts_with(&ordinary) {
            return Err("the header or the elements of the file have changed".to_owned());
        }
        world.tally(READABLE);
        if matches!(world.fate(), Fate::Returned(code) if code != 0) {
            // Once it is a segment others may use it as one: what fails after that is the opening alone.
            let is_segment = bytes.ends_with(b"SHMARRAY");
            if bytes != ordinary && !is_segment {
                let (before, after) = (ordinary.len(), bytes.len());
                return Err(format!("a failed adoption left the file with {after} bytes, where it had {before}"));
            }
            world.tally(if is_segment { DONE } else { UNTOUCHED });
        }
        let name = format!("file://{path}");
        let array = Library::adopt(&name).map_err(|why| format!("adoption by the survivor: {why}"))?;
        expect("lock", array.lock(Hold::Exclusive, 0), &[0], Library::detail)?;
        if !array.elements().iter().zip(0..LENGTH).all(|(element, value)| element.load(Relaxed) == value) {
            return Err("the elements of the adopted array have changed".to_owned());
        }
        expect("unlock", array.unlock(), &[0], Library::detail)?;
        world.tally(ADOPTED);
        drop(array);
        expect("unlink", Library::unlink(&name), &[0], Library::detail)
    }
}
