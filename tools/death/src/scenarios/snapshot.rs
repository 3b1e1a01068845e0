//! Snapshots of a table that is written, and whose writers are killed: no copy is ever torn.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::expect;
use crate::engine::marks::Hold;
use crate::engine::watchdog::LIMIT;
use crate::engine::{Crowd, Tally, Verdict, World};
use crate::subjects::Subject;
use crate::subjects::library::Library;

const WHOLE: Tally = Tally { at: 0, words: "snapshots were of one moment, row by row and as a whole" };
const TOLD: Tally = Tally { at: 1, words: "snapshots came with EOWNERDEAD" };
const HALF: Tally = Tally { at: 2, words: "of these had a half-written table" };
const LATE: Tally = Tally { at: 3, words: "snapshots were given up in time, beside a writer" };
const WRITTEN: Tally = Tally { at: 4, words: "writes" };
const CALM: Tally = Tally { at: 5, words: "snapshots after the last recovery were not told of a death" };

const NAME: &str = "table";
/// Rows of the table.
pub const ROWS: u64 = 128;
/// Numbers in a row; the last one is their checksum.
pub const LENGTH: usize = 64;

/// Write all rows: the same value, with a checksum for each row.
pub fn write(elements: &[AtomicU64], value: u64) {
    for (number, row) in elements.chunks_exact(LENGTH).enumerate() {
        let (checksum, numbers) = row.split_last().expect("a row has numbers");
        let mut sum = 0u64;
        for (place, element) in numbers.iter().enumerate() {
            let next = value.rotate_left(place as u32) ^ number as u64;
            element.store(next, Relaxed);
            sum = sum.rotate_left(1).wrapping_add(next);
        }
        checksum.store(sum, Relaxed);
    }
}

/// How many rows of a copy have a wrong checksum, or are of another write than the first row. Zeros were never written.
pub fn torn(copy: &[u64], first_row: u64) -> usize {
    let value = copy[0] ^ first_row;
    let of_another = |row: &[u64], number: u64| row[0] ^ number != value;
    let rows = copy.chunks_exact(LENGTH).zip(first_row..);
    rows.filter(|(row, number)| {
        let (checksum, numbers) = row.split_last().expect("a row has numbers");
        let sum = numbers.iter().fold(0u64, |sum, next| sum.rotate_left(1).wrapping_add(*next));
        (sum != *checksum || of_another(row, *number)) && copy.iter().any(|number| *number != 0)
    })
    .count()
}

/// Many processes write a table and take snapshots of it.
pub struct Snapshots;

impl Crowd for Snapshots {
    fn name(&self) -> &'static str {
        "snapshot"
    }

    fn tallies(&self) -> &'static [Tally] {
        &[WHOLE, TOLD, HALF, LATE, WRITTEN, CALM]
    }

    fn prepare(&self, world: &World) -> Verdict {
        let table = Library::create_table(&world.name(NAME), ROWS, LENGTH as u64);
        table.map(|table| write(table.elements(), 1)).map_err(|why| format!("create: {why}"))
    }

    fn round(&self, world: &World) -> Verdict {
        let name = world.name(NAME);
        world.at("open");
        let writes = world.chance.one_in(3);
        let opened = if writes || world.chance.one_in(2) { Library::open(&name) } else { Library::open_to_read(&name) };
        let table = opened.map_err(|why| format!("open: {why}"))?;
        for _ in 0..=world.chance.below(8) {
            if writes {
                write_once(world, &table)?;
            } else {
                look(world, &table)?;
            }
        }
        Ok(())
    }

    fn check(&self, world: &World) -> Verdict {
        let name = world.name(NAME);
        let table = Library::open(&name).map_err(|why| format!("open: {why}"))?;
        look(world, &table)?;
        let code = table.lock(Hold::Exclusive, LIMIT.as_nanos() as i64);
        expect("lock when all are dead", code, &[0, libc::EOWNERDEAD], Library::detail)?;
        write(table.elements(), 7);
        expect("recover", table.recover(), &[0], Library::detail)?;
        expect("unlock", table.unlock(), &[0], Library::detail)?;
        let mut copy = vec![0; ROWS as usize * LENGTH];
        expect("the last snapshot", table.snapshot(0..ROWS, &mut copy, 0, false), &[0], Library::detail)?;
        if torn(&copy, 0) != 0 {
            return Err("a torn snapshot after all were dead".to_owned());
        }
        world.tally(CALM);
        drop(table);
        expect("unlink", Library::unlink(&name), &[0], Library::detail)
    }
}

fn write_once(world: &World, table: &Library) -> Verdict {
    world.at("lock");
    let code = table.lock(Hold::Exclusive, -1);
    expect("lock", code, &[0, libc::EOWNERDEAD], Library::detail)?;
    world.at("write");
    write(table.elements(), world.chance.next());
    if code == libc::EOWNERDEAD {
        expect("recover", table.recover(), &[0], Library::detail)?;
    }
    world.tally(WRITTEN);
    world.at("unlock");
    expect("unlock", table.unlock(), &[0], Library::detail)
}

fn look(world: &World, table: &Library) -> Verdict {
    let first = world.chance.below(ROWS / 2);
    let rows = first..ROWS - world.chance.below(ROWS / 2);
    let mut copy = vec![0; (rows.end - rows.start) as usize * LENGTH];
    let timeout_ns = if world.chance.one_in(4) { 0 } else { 100_000_000 };
    world.at("snapshot");
    let code = table.snapshot(rows, &mut copy, timeout_ns, world.chance.one_in(8));
    match (code, torn(&copy, first)) {
        (0, 0) => world.tally(WHOLE),
        (0, torn) => return Err(format!("{torn} torn rows in a snapshot from row {first} on")),
        (libc::EOWNERDEAD, torn) => {
            world.tally(TOLD);
            if torn > 0 {
                world.tally(HALF);
            }
        }
        (libc::EAGAIN, _) => world.tally(LATE),
        // Who may only read cannot fall back to the lock.
        (libc::EACCES, _) => {}
        _ => return Err(format!("snapshot returned {code} ({})", Library::detail())),
    }
    Ok(())
}
