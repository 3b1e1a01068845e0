//! Many processes that lock ranges, and now and then the whole array.

use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use super::{Rows, expect, is_whole, part, spoil, write};
use crate::engine::marks::{CONDEMNED, Hold};
use crate::engine::page::SLOTS;
use crate::engine::watchdog::LIMIT;
use crate::engine::{Crowd, Tally, Verdict, World};
use crate::subjects::library::Library;
use crate::subjects::{Life, Subject};

/// Many processes lock ranges of one array.
pub struct Ranging;

const ALONE: Tally = Tally { at: 0, words: "exclusive holders of rows were alone with them" };
const READERS: Tally = Tally { at: 1, words: "readers of rows had no writer beside them" };
const WHOLE: Tally = Tally { at: 2, words: "rows were whole, or their holder was told EOWNERDEAD" };
const TOLD: Tally = Tally { at: 3, words: "holders were told EOWNERDEAD" };
const TORN: Tally = Tally { at: 4, words: "of these found a row half-written" };
const RECOVERED: Tally = Tally { at: 5, words: "ranges recovered" };
const LATE: Tally = Tally { at: 6, words: "waits timed out, not before their time" };
const SECOND: Tally = Tally { at: 7, words: "holders got a second range" };
const BESIDE: Tally = Tally { at: 8, words: "writers had another writer beside them, at other rows" };

const NAME: &str = "ranged";
/// As many as fit twice into a mark.
const ROWS: u64 = 24;
const ALL: Rows = 0..ROWS;

impl Crowd for Ranging {
    fn name(&self) -> &'static str {
        "range"
    }

    fn tallies(&self) -> &'static [Tally] {
        &[ALONE, READERS, WHOLE, TOLD, TORN, RECOVERED, LATE, SECOND, BESIDE]
    }

    fn prepare(&self, world: &World) -> Verdict {
        let array = Library::create(&world.name(NAME), Life::Kept, 80).map_err(|why| format!("create: {why}"))?;
        write(array.elements(), &ALL, 1);
        Ok(())
    }

    fn round(&self, world: &World) -> Verdict {
        world.at("open");
        let array = Library::open(&world.name(NAME)).map_err(|why| format!("open: {why}"))?;
        for _ in 0..=world.chance.below(8) {
            section(world, &array).inspect_err(|words| world.complain(words))?;
        }
        world.at("close");
        Ok(())
    }

    fn check(&self, world: &World) -> Verdict {
        let array = Library::open(&world.name(NAME)).map_err(|why| format!("open: {why}"))?;
        let code = array.lock_range(&ALL, Hold::Exclusive, LIMIT.as_nanos() as i64);
        expect("lock of all rows when all are dead", code, &[0, libc::EOWNERDEAD], Library::detail)?;
        if code == 0 && !is_whole(array.elements(), &ALL) {
            return Err("a half-written row without EOWNERDEAD".to_owned());
        }
        expect("unlock of all rows", array.unlock_range(&ALL), &[0], Library::detail)?;
        expect("lock of the array", array.lock(Hold::Exclusive, 0), &[0, libc::EOWNERDEAD], Library::detail)?;
        expect("recover", array.recover(), &[0], Library::detail)?;
        expect("unlock of the array", array.unlock(), &[0], Library::detail)?;
        for row in 0..ROWS {
            let rows = row..row + 1;
            expect("a try afterwards", array.lock_range(&rows, Hold::Exclusive, 0), &[0], Library::detail)?;
        }
        drop(array);
        expect("unlink", Library::unlink(&world.name(NAME)), &[0], Library::detail)
    }
}

/// What is locked: rows, or the whole array.
struct Lock {
    rows: Rows,
    whole: bool,
    hold: Hold,
}

impl Lock {
    fn choose(world: &World) -> Lock {
        let chance = &world.chance;
        let hold = if chance.below(3) == 0 { Hold::Shared } else { Hold::Exclusive };
        if chance.one_in(8) {
            return Lock { rows: ALL, whole: true, hold };
        }
        let start = chance.below(ROWS);
        let end = start + 1 + chance.spread(ROWS - start).min(ROWS - start - 1);
        Lock { rows: start..end, whole: false, hold }
    }

    fn take(&self, array: &Library, timeout_ns: i64) -> i32 {
        if self.whole { array.lock(self.hold, timeout_ns) } else { array.lock_range(&self.rows, self.hold, timeout_ns) }
    }

    fn recover(&self, array: &Library) -> i32 {
        if self.whole { array.recover() } else { array.recover_range(&self.rows) }
    }

    fn give_back(&self, array: &Library) -> i32 {
        if self.whole { array.unlock() } else { array.unlock_range(&self.rows) }
    }

    /// The rows in a mark: a bit for each that is held exclusively, and behind those for each that is shared.
    fn mark(&self) -> u64 {
        let rows = ((1 << self.rows.end) - 1) & !((1 << self.rows.start) - 1);
        if self.hold == Hold::Exclusive { rows << 8 } else { rows << 32 }
    }
}

fn rows_of(mark: u64) -> u64 {
    (mark >> 8 | mark >> 32) & ((1 << ROWS) - 1)
}

fn exclusive_of(mark: u64) -> u64 {
    mark >> 8 & ((1 << ROWS) - 1)
}

/// Other marks, with the slots that they are in.
fn others(world: &World) -> impl Iterator<Item = (usize, u64)> + '_ {
    (0..SLOTS).filter(|&slot| slot != world.slot).map(|slot| (slot, world.page.slots[slot].mark.load(SeqCst)))
}

/// Living holders that must not be, and dead ones of whom we must be told.
fn look_round(world: &World, mark: u64) -> Result<bool, String> {
    let mut has_dead = false;
    for (slot, other) in others(world) {
        let clash = exclusive_of(mark) & rows_of(other) | exclusive_of(other) & rows_of(mark);
        if other & CONDEMNED != 0 {
            has_dead |= exclusive_of(other) & rows_of(mark) != 0;
        } else if clash != 0 {
            return Err(format!(
                "holds rows {:#x} (exclusive {:#x}), but participant {slot}, alive, has {:#x} of them",
                rows_of(mark),
                exclusive_of(mark),
                clash
            ));
        }
    }
    Ok(has_dead)
}

/// The rows of the dead under this mark have been repaired.
fn absolve(world: &World, mark: u64) {
    for (slot, other) in others(world) {
        if other & CONDEMNED != 0 {
            world.page.slots[slot].mark.fetch_and(!(exclusive_of(mark) << 8), SeqCst);
        }
    }
}

fn section(world: &World, array: &Library) -> Verdict {
    let lock = Lock::choose(world);
    let timeout_ns = match world.chance.below(10) {
        0 | 1 => 0,
        2 | 3 => world.chance.spread(20_000_000) as i64,
        _ => -1,
    };
    world.at(if lock.whole { "lock all" } else { "lock" });
    let start = Instant::now();
    let code = lock.take(array, timeout_ns);
    match code {
        0 | libc::EOWNERDEAD => {}
        libc::EBUSY if timeout_ns == 0 => return Ok(()),
        libc::ETIMEDOUT if timeout_ns > 0 => {
            let (waited, timeout) = (start.elapsed(), Duration::from_nanos(timeout_ns as u64));
            if waited < timeout {
                return Err(format!("ETIMEDOUT after {waited:?} although the timeout was {timeout:?}"));
            }
            world.tally(LATE);
            return Ok(());
        }
        _ => {
            return Err(format!(
                "lock of {:?} (timeout {timeout_ns} ns) returned {code} ({})",
                lock.rows,
                Library::detail()
            ));
        }
    }
    world.at(if lock.whole { "hold all" } else { "hold" });
    inside(world, array, &lock, code == libc::EOWNERDEAD, 0)?;
    if !lock.whole && world.chance.one_in(4) {
        second(world, array, &lock)?;
    }
    look_round(world, lock.mark())?;
    world.page.slots[world.slot].mark.fetch_and(CONDEMNED, SeqCst);
    world.at(if lock.whole { "free all" } else { "free" });
    expect("unlock", lock.give_back(array), &[0], Library::detail)
}

/// Somebody else's rows, beside those that we hold: only tried, as two who want each other's would wait for ever.
fn second(world: &World, array: &Library, first: &Lock) -> Verdict {
    let other = Lock::choose(world);
    if other.whole || other.rows.start < first.rows.end && first.rows.start < other.rows.end {
        return Ok(());
    }
    world.at("second");
    let code = other.take(array, 0);
    expect("a try for a second range", code, &[0, libc::EOWNERDEAD, libc::EBUSY], Library::detail)?;
    if code == libc::EBUSY {
        return Ok(());
    }
    world.tally(SECOND);
    inside(world, array, &other, code == libc::EOWNERDEAD, first.mark())?;
    world.page.slots[world.slot].mark.fetch_and(!other.mark() | CONDEMNED, SeqCst);
    expect("unlock of the second range", other.give_back(array), &[0], Library::detail)
}

/// With the rows in our hands.
fn inside(world: &World, array: &Library, lock: &Lock, told: bool, held: u64) -> Verdict {
    let mark = lock.mark();
    let before = world.page.slots[world.slot].mark.fetch_or(mark, SeqCst);
    if before & !CONDEMNED != held {
        return Err(format!("the own mark was {before:#x} instead of {held:#x}"));
    }
    if look_round(world, mark)? && !told {
        return Err(format!("was not told EOWNERDEAD of {:?}, although somebody was killed in there", lock.rows));
    }
    world.tally(if lock.hold == Hold::Exclusive { ALONE } else { READERS });
    let beside = |(_, other): (usize, u64)| other & CONDEMNED == 0 && exclusive_of(other) != 0;
    if lock.hold == Hold::Exclusive && others(world).any(beside) {
        world.tally(BESIDE);
    }
    let elements = array.elements();
    let whole = is_whole(elements, &lock.rows);
    if !whole && !told {
        return Err(format!("a half-written row of {:?} without EOWNERDEAD", lock.rows));
    }
    world.tally(WHOLE);
    if told {
        world.tally(TOLD);
        if !whole {
            world.tally(TORN);
        }
    }
    let values = || part(elements, &lock.rows).iter().map(|row| row.load(SeqCst)).collect::<Vec<u64>>();
    if lock.hold == Hold::Shared {
        let before = values();
        world.linger(world.chance.spread(30_000));
        return if values() == before { Ok(()) } else { Err("rows changed under a reader".to_owned()) };
    }
    // Now and then nobody repairs the damage: the next one has to be told again.
    if told && world.chance.one_in(8) {
        return Ok(());
    }
    spoil(elements, &lock.rows);
    world.linger(world.chance.spread(30_000));
    write(elements, &lock.rows, world.chance.next());
    let before = values();
    world.linger(world.chance.spread(3_000));
    if values() != before {
        return Err("somebody else wrote rows that were held exclusively".to_owned());
    }
    if told {
        world.at("recover");
        match lock.recover(array) {
            // The rest of a dead writer's rows would need a record, and there is none: so they stay as they are.
            libc::ENOSPC => return Ok(()),
            code => expect("recover", code, &[0], Library::detail)?,
        }
        absolve(world, mark);
        world.tally(RECOVERED);
    }
    Ok(())
}
