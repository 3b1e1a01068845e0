//! The table's own rules, without processes. (Beside it, not in it: tools/model compiles it over other atomics.)

use crate::os::atomic::Ordering::SeqCst;
use crate::segment::attachment::Identity;
use crate::segment::format::{Range, Words};

use super::INCONSISTENT;
use super::mode::Mode;
use super::range_table::{Entry, Rows, Table};

const X: Mode = Mode::Exclusive;
const S: Mode = Mode::Shared;

struct Memory {
    records: [Range; 4],
    words: Box<Words>,
}

impl Memory {
    fn new() -> Memory {
        // SAFETY: atomics of integers only, for which zeros are a value.
        Memory { records: Default::default(), words: Box::new(unsafe { std::mem::zeroed() }) }
    }

    fn table(&self) -> Table<'_> {
        Table::new(&self.records, &self.words)
    }

    /// What follows from the records.
    fn figures(&self) -> (u32, u32, u64, u64) {
        let words = &self.words;
        let (exclusive, high) = (words.ranges_exclusive.load(SeqCst), words.ranges_high.load(SeqCst));
        (exclusive, high, words.begun.load(SeqCst), words.ended.load(SeqCst))
    }
}

fn who(slot: usize) -> Identity {
    Identity::of_slot(slot, 1)
}

fn rows(start: u64, end: u64) -> Rows {
    Rows { start, end }
}

fn held(table: Table, slot: usize, of: Rows, mode: Mode) -> Entry {
    let entry = table.insert(who(slot), 1, of, mode).expect("there is room");
    assert_eq!(table.blocker(&entry), None);
    table.hold(&entry);
    table.settle();
    table.entries().find(|other| other.index == entry.index).expect("it was inserted")
}

fn dirty(table: Table) -> Vec<Rows> {
    let mut dirty: Vec<Rows> =
        table.entries().filter(|entry| table.dirty(entry.rows) == Some(entry.rows)).map(|entry| entry.rows).collect();
    dirty.sort_by_key(|rows| rows.start);
    dirty
}

#[test]
fn rows_are_at_least_one_and_at_most_all() {
    assert_eq!(Rows::new(3, 4), Some(rows(3, 7)));
    assert_eq!(Rows::new(3, 0), None);
    assert_eq!(Rows::new(u64::MAX, 1), None);
    assert_eq!(Rows::new(0, u64::MAX), Some(Rows::ALL));
}

#[test]
fn the_earlier_ticket_goes_first_where_ranges_overlap_and_one_is_exclusive() {
    let memory = Memory::new();
    let table = memory.table();
    let first = held(table, 0, rows(0, 10), S);
    let writer = table.insert(who(1), 1, rows(5, 15), X).unwrap();
    let reader = table.insert(who(2), 1, rows(9, 12), S).unwrap();
    let apart = table.insert(who(3), 1, rows(15, 16), X).unwrap();
    assert!(table.insert(who(4), 1, rows(20, 21), S).is_none(), "the table is full");
    let blocker = |of| table.blocker(of).map(|entry| entry.index);
    assert_eq!(blocker(&writer), Some(first.index));
    assert_eq!(blocker(&reader), Some(writer.index), "a reader does not pass a writer that came first");
    assert_eq!(blocker(&apart), None, "rows side by side do not overlap");

    assert!(table.give_back(who(0), 1, Some(rows(0, 9)), |_| ()).is_none(), "only as it was locked");
    assert!(table.give_back(who(0), 2, Some(rows(0, 10)), |_| ()).is_none(), "only through the handle that locked");
    assert!(table.give_back(who(1), 1, None, |_| ()).is_none(), "what is only wanted is not held");
    assert_eq!(table.give_back(who(0), 1, Some(rows(0, 10)), |_| ()).map(|entry| entry.rows), Some(rows(0, 10)));
    assert_eq!(blocker(&writer), None, "as soon as it is given back");
    for entry in [&writer, &reader] {
        table.record(entry.index).asleep.store(1, SeqCst);
    }
    table.settle();
    let next: Vec<usize> = table.next_ones(rows(0, 10)).iter().map(|entry| entry.index).collect();
    assert_eq!(next, [writer.index], "whose turn it is, and nobody else, is woken");
    assert!(table.next_ones(rows(0, 10)).is_empty(), "once");
}

#[test]
fn the_figures_follow_from_the_records() {
    let memory = Memory::new();
    let table = memory.table();
    held(table, 0, rows(0, 1), S);
    held(table, 1, rows(1, 2), X);
    let dead = held(table, 2, rows(2, 3), X);
    assert_eq!(memory.figures(), (2, 3, 2, 0));
    table.give_back(who(1), 1, None, |_| ());
    assert_eq!(memory.figures(), (2, 3, 2, 0), "a death here leaves them on the safe side");
    table.settle();
    assert_eq!(memory.figures(), (1, 3, 2, 1));
    table.bury(&dead);
    table.settle();
    assert_eq!(memory.figures(), (1, 3, 2, 2), "the write of the dead has ended, and is not forgotten");
    table.give_back(who(0), 1, None, |_| ());
    assert!(table.clean(rows(0, 9)));
    table.settle();
    assert_eq!(memory.figures(), (0, 0, 2, 2));
    assert!(table.has_room());
}

#[test]
fn only_writers_leave_something_dirty() {
    let memory = Memory::new();
    let table = memory.table();
    let reader = held(table, 0, rows(0, 10), S);
    let waiter = table.insert(who(1), 1, rows(0, 10), X).unwrap();
    table.bury(&reader);
    table.bury(&waiter);
    table.settle();
    assert_eq!((dirty(table), memory.figures().1), (vec![], 0));
    let writer = held(table, 0, rows(3, 5), X);
    table.bury(&writer);
    assert_eq!(table.dirty(rows(0, 3)), None);
    assert_eq!(table.dirty(rows(4, 9)), Some(rows(3, 5)));
    let next = table.insert(who(1), 1, rows(0, 10), X).unwrap();
    assert_eq!(table.blocker(&next), None, "the dead hinder nobody");
}

#[test]
fn dirty_neighbours_become_one_and_are_cut_where_they_are_repaired() {
    let memory = Memory::new();
    let table = memory.table();
    for of in [rows(10, 20), rows(30, 40), rows(20, 30), rows(12, 14)] {
        let dead = held(table, 0, of, X);
        table.bury(&dead);
        table.settle();
    }
    assert_eq!(dirty(table), [rows(10, 40)]);
    assert!(table.clean(rows(0, 12)) && table.clean(rows(39, 50)));
    assert_eq!(dirty(table), [rows(12, 39)]);
    assert!(table.clean(rows(20, 21)));
    assert_eq!(dirty(table), [rows(12, 20), rows(21, 39)]);
    held(table, 1, rows(100, 101), S);
    held(table, 1, rows(101, 102), S);
    assert!(!table.clean(rows(25, 30)), "no record for the part behind");
    assert_eq!(dirty(table), [rows(12, 20), rows(21, 39)], "and nothing is forgotten");
    assert!(table.clean(rows(12, 20)));
    table.settle();
    assert!(table.clean(rows(25, 30)));
    assert_eq!(dirty(table), [rows(21, 25), rows(30, 39)]);
}

#[test]
fn a_table_full_of_dirty_rows_makes_room() {
    let memory = Memory::new();
    let table = memory.table();
    for start in [0, 10, 20, 30] {
        let dead = held(table, 0, rows(start, start + 1), X);
        table.doubt_all_if_full();
        table.bury(&dead);
        table.settle();
    }
    assert_eq!((memory.words.lock.load(SeqCst), dirty(table).len()), (0, 4), "not before it is full");
    table.doubt_all_if_full();
    table.settle();
    assert_eq!(memory.words.lock.load(SeqCst), INCONSISTENT);
    assert_eq!((memory.figures().0, memory.figures().1), (0, 0));
}

#[test]
fn a_hostile_table_is_only_looked_at() {
    let memory = Memory::new();
    let table = memory.table();
    memory.words.ranges_high.store(u32::MAX, SeqCst);
    for record in &memory.records {
        for word in [&record.owner, &record.state, &record.asleep] {
            word.store(u32::MAX, SeqCst);
        }
        record.start.store(u64::MAX, SeqCst);
    }
    let mine = table.insert(who(0), 1, rows(0, 1), X);
    assert!(mine.is_none() && table.dirty(Rows::ALL).is_none() && table.clean(Rows::ALL));
    table.entries().for_each(|entry| table.bury(&entry));
    table.settle();
    assert!(table.has_room());
}

#[test]
fn who_gives_back_late_does_not_give_back_what_is_another_ones_by_now() {
    let memory = Memory::new();
    let table = memory.table();
    let seen = held(table, 0, rows(0, 10), S);
    assert!(table.leave(seen.index, seen.state));
    table.settle();
    // The same record, of the same kind, of another process.
    let other = held(table, 1, rows(0, 10), S);
    assert_eq!(other.index, seen.index);
    assert!(!table.leave(seen.index, seen.state), "what was seen is gone");
    assert!(table.holds(who(1), 1, S, Some(rows(0, 10))));
}

#[test]
fn from_outside_one_sees_who_writes_and_what_the_dead_left() {
    let memory = Memory::new();
    let table = memory.table();
    let see = |dead: &[usize]| {
        let outlook = table.outlook(|owner| dead.iter().any(|slot| who(*slot) == owner));
        (outlook.is_written, outlook.is_doubtful)
    };
    held(table, 0, rows(0, 10), S);
    assert_eq!(see(&[]), (false, false), "who reads does not write");
    let writer = held(table, 1, rows(10, 20), X);
    assert_eq!(see(&[]), (true, false));
    assert_eq!(see(&[1]), (false, true), "found dead before anybody came into the table");
    table.bury(&writer);
    table.settle();
    assert_eq!(see(&[1]), (false, true));
    held(table, 2, rows(30, 40), X);
    assert_eq!(see(&[1]), (true, true));
    assert!(table.clean(rows(0, 100)));
    table.settle();
    assert_eq!(see(&[1]), (true, false));
    table.give_back(who(2), 1, None, |_| ());
    assert_eq!(see(&[1]), (false, false));
}
