//! The table of ranges: what a record can be, and each change that is made to one.
//!
//! # Records
//!
//! | state | what it is | who makes it so |
//! |---|---|---|
//! | owner 0 | free | `settle` |
//! | 0 | a shared range is wanted | `insert`: its last store is the owner |
//! | EXCLUSIVE | an exclusive range is wanted | `insert` |
//! | HELD | a shared range is held | its owner, `hold` |
//! | EXCLUSIVE, HELD | an exclusive range is held: its rows may be half written | its owner, `hold` |
//! | .., LEFT | given back, or given up: as good as free | its owner, alone without the mutex; `bury` |
//! | EXCLUSIVE, DIRTY | its holder died: the rows may be half written until somebody recovers them | `bury` |
//!
//! All but LEFT is written under the table's mutex, by one who holds the array at least by its range counter, or alone.
//! Of two records that overlap, and are not both shared, the later ticket waits for the earlier.
//!
//! # Death
//!
//! Each change of a record is one store. What follows from the records (how many are exclusive, where the used ones
//! end, how many writes are under way) is counted afresh at the end of each stay in the table, by [`Table::settle`]. A
//! death in between leaves these figures behind the records, and on the safe side: too many exclusive, too few writes
//! ended.

use std::iter;

use crate::os::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use crate::segment::attachment::Identity;
use crate::segment::format::{Range, Words};
use crate::sync::bell::Bell;

use super::mode::Mode;
use super::writes::{begin_write, doubt, end_writes_but, writes_under_way};

/// Bits of a record's state.
pub mod state {
    /// Alone with the rows; else together with others who only read.
    pub const EXCLUSIVE: u32 = 1;
    /// Held; else wanted.
    pub const HELD: u32 = 2;
    /// Its owner has no more to do with it.
    pub const LEFT: u32 = 4;
    /// Its holder died while writing, and nobody has recovered since.
    pub const DIRTY: u32 = 8;
    /// Above them lie the low bits of the ticket: who gives back a record by exchanging its state, without the mutex, never
    /// takes a later use of it for the one that it saw.
    pub const STAMP_SHIFT: u32 = 4;
}
use state::{DIRTY, EXCLUSIVE, HELD, LEFT, STAMP_SHIFT};

/// Neighbouring rows; at least one where it comes from [`Rows::new`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rows {
    /// The first.
    pub start: u64,
    /// Behind the last.
    pub end: u64,
}

impl Rows {
    /// The whole array, however long it may become.
    pub const ALL: Rows = Rows { start: 0, end: u64::MAX };

    /// So many rows from `first`; `None` for no rows, and for more than there can be.
    pub fn new(first: u64, count: u64) -> Option<Rows> {
        let end = first.checked_add(count)?;
        (count > 0).then_some(Rows { start: first, end })
    }

    fn overlaps(self, other: Rows) -> bool {
        self.start < other.end && other.start < self.end
    }

    fn touches(self, other: Rows) -> bool {
        self.start <= other.end && other.start <= self.end
    }

    fn contains(self, other: Rows) -> bool {
        self.start <= other.start && other.end <= self.end
    }
}

/// One record, as it was when it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the table.
    pub index: usize,
    /// Whose it is, or was.
    pub owner: Identity,
    /// Bits of [`state`].
    pub state: u32,
    /// The rows that it is about.
    pub rows: Rows,
    handle: u64,
    ticket: u64,
}

impl Entry {
    /// A record in use; whatever another process writes there, it is only compared.
    fn read(index: usize, record: &Range) -> Option<Entry> {
        // SYNC: pairs with the Release in `insert`: with the owner comes the rest.
        let owner = Identity::from_word(record.owner.load(Acquire))?;
        // SYNC: pairs with the Release in `leave`: with LEFT comes what was written to the rows.
        let state = record.state.load(Acquire);
        let rows = Rows { start: record.start.load(Relaxed), end: record.end.load(Relaxed) };
        let (handle, ticket) = (record.handle.load(Relaxed), record.ticket.load(Relaxed));
        Some(Entry { index, owner, state, rows, handle, ticket })
    }

    /// How the rows are held, or wanted.
    pub fn mode(&self) -> Mode {
        if self.state & EXCLUSIVE != 0 { Mode::Exclusive } else { Mode::Shared }
    }

    /// Whether the rows are held, or were by one who died.
    pub fn is_held(&self) -> bool {
        self.state & HELD != 0
    }

    fn is_dirty(&self) -> bool {
        self.state & DIRTY != 0
    }

    fn is_left(&self) -> bool {
        self.state & LEFT != 0
    }

    fn blocks(&self, later: &Entry) -> bool {
        let conflict = (self.state | later.state) & EXCLUSIVE != 0 && self.rows.overlaps(later.rows);
        let is_first = self.is_held() || (self.ticket, self.index) < (later.ticket, later.index);
        self.index != later.index && !self.is_dirty() && conflict && is_first
    }
}

/// What who does not come into the table can see there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outlook {
    /// Somebody alive writes rows, or is about to.
    pub is_written: bool,
    /// The dead left rows half written.
    pub is_doubtful: bool,
}

/// The table, and the words that go with it.
#[derive(Clone, Copy)]
pub struct Table<'a> {
    records: &'a [Range],
    words: &'a Words,
}

impl<'a> Table<'a> {
    /// Over the records of a segment.
    pub fn new(records: &'a [Range], words: &'a Words) -> Table<'a> {
        Table { records, words }
    }

    /// How many records there are.
    pub fn capacity(&self) -> usize {
        self.records.len()
    }

    /// Whether a record is free.
    pub fn has_room(&self) -> bool {
        self.records.iter().any(|record| record.owner.load(Relaxed) == 0)
    }

    /// The record at an index that [`Entry`] has.
    pub fn record(&self, index: usize) -> &'a Range {
        &self.records[index]
    }

    fn used(&self) -> impl Iterator<Item = Entry> + use<'a> {
        let high = self.words.ranges_high.load(SeqCst) as usize;
        self.records.iter().take(high).enumerate().filter_map(|(index, record)| Entry::read(index, record))
    }

    /// Records that mean something.
    pub fn entries(&self) -> impl Iterator<Item = Entry> + use<'a> {
        self.used().filter(|entry| !entry.is_left())
    }

    /// Want these rows; `None` where the table is full.
    pub fn insert(&self, owner: Identity, handle: u64, rows: Rows, mode: Mode) -> Option<Entry> {
        let ticket = self.words.ranges_ticket.load(Relaxed).wrapping_add(1);
        self.words.ranges_ticket.store(ticket, Relaxed);
        let state = (ticket as u32) << STAMP_SHIFT | if mode == Mode::Exclusive { EXCLUSIVE } else { 0 };
        self.put(Entry { index: 0, owner, state, rows, handle, ticket })
    }

    fn put(&self, mut entry: Entry) -> Option<Entry> {
        let record;
        (entry.index, record) = self.records.iter().enumerate().find(|(_, record)| record.owner.load(Relaxed) == 0)?;
        // Seen to be in use before it is: too much is looked through by those who do not see the owner yet.
        self.words.ranges_high.fetch_max(entry.index as u32 + 1, SeqCst);
        record.state.store(entry.state, Relaxed);
        record.asleep.store(0, Relaxed);
        record.handle.store(entry.handle, Relaxed);
        record.ticket.store(entry.ticket, Relaxed);
        record.start.store(entry.rows.start, Relaxed);
        record.end.store(entry.rows.end, Relaxed);
        // SYNC: pairs with the Acquire in `Entry::read`.
        record.owner.store(entry.owner.bits(), Release);
        Some(entry)
    }

    /// Who has to be waited for first.
    pub fn blocker(&self, of: &Entry) -> Option<Entry> {
        self.entries().find(|entry| entry.blocks(of))
    }

    /// The wanted rows are held from now on.
    pub fn hold(&self, entry: &Entry) {
        if entry.mode() == Mode::Exclusive {
            // Before HELD, so that a death in between is a write that began and ended, not one that ended twice.
            begin_write(self.words);
        }
        self.record(entry.index).state.store(entry.state | HELD, SeqCst);
    }

    /// Rows that the dead left half written, among these.
    pub fn dirty(&self, rows: Rows) -> Option<Rows> {
        self.entries().find(|entry| entry.is_dirty() && entry.rows.overlaps(rows)).map(|entry| entry.rows)
    }

    /// For who only looks, without the mutex; `is_dead` says of an owner whether it is.
    pub fn outlook(&self, is_dead: impl Fn(Identity) -> bool) -> Outlook {
        let mut outlook = Outlook::default();
        if self.words.ranges_exclusive.load(SeqCst) == 0 {
            return outlook;
        }
        for entry in self.entries().filter(|entry| entry.mode() == Mode::Exclusive) {
            if entry.is_dirty() {
                outlook.is_doubtful = true;
            } else if is_dead(entry.owner) {
                outlook.is_doubtful |= entry.is_held();
            } else {
                outlook.is_written = true;
            }
        }
        outlook
    }

    /// Whether this handle of the caller's holds any rows: of that mode, and these among them.
    pub fn holds(&self, owner: Identity, handle: u64, mode: Mode, rows: Option<Rows>) -> bool {
        let is_it = |entry: &Entry| {
            self.is_held_by(entry, owner, handle)
                && (mode == Mode::Shared || entry.mode() == mode)
                && rows.is_none_or(|rows| entry.rows.contains(rows))
        };
        self.entries().any(|entry| is_it(&entry))
    }

    /// Give back one range of this handle: these rows, or any. Without the mutex: its owner alone does this. `before` is
    /// called while the rows are still held.
    pub fn give_back(
        &self,
        owner: Identity,
        handle: u64,
        rows: Option<Rows>,
        before: impl Fn(&Entry),
    ) -> Option<Entry> {
        let is_it = |entry: &Entry| self.is_held_by(entry, owner, handle) && rows.is_none_or(|rows| rows == entry.rows);
        // Of several threads that give back equal ranges each takes its own; no later use of a record has the same state.
        self.entries().filter(is_it).inspect(before).find(|entry| self.leave(entry.index, entry.state))
    }

    /// Without the mutex: another thread of the owner's may have left the record just after it was seen to be ours, and
    /// another process have got it. So the owner is looked at once more, when the state is known.
    fn is_held_by(&self, entry: &Entry, owner: Identity, handle: u64) -> bool {
        let is_mine = (entry.owner, entry.handle) == (owner, handle) && entry.is_held() && !entry.is_dirty();
        // SYNC: after the state, which was loaded with Acquire.
        is_mine && self.record(entry.index).owner.load(Acquire) == owner.bits()
    }

    /// Have no more to do with a record, if it still is in this state.
    pub fn leave(&self, index: usize, state: u32) -> bool {
        // SYNC: pairs with the Acquire in `Entry::read`, and with that of the next holder.
        self.record(index).state.compare_exchange(state, state | LEFT, SeqCst, Relaxed).is_ok()
    }

    /// The owner of this record is dead.
    pub fn bury(&self, dead: &Entry) {
        let record = self.record(dead.index);
        // It may have given the rows back after it was looked at, and before it died.
        let Some(dead) = Entry::read(dead.index, record).filter(|now| !now.is_left()) else { return };
        if dead.is_dirty() {
        } else if dead.state & (EXCLUSIVE | HELD) == EXCLUSIVE | HELD {
            record.state.store(EXCLUSIVE | DIRTY, SeqCst);
            self.absorb(dead.index, dead.rows);
        } else {
            record.state.store(dead.state | LEFT, SeqCst);
        }
    }

    /// Make one dirty record of all that overlap or touch: who dies again and again at the same rows fills no table.
    fn absorb(&self, index: usize, mut rows: Rows) {
        let neighbour = |rows: Rows| {
            self.entries().find(|entry| entry.index != index && entry.is_dirty() && entry.rows.touches(rows))
        };
        let neighbours = iter::from_fn(|| {
            let other = neighbour(rows)?;
            rows = Rows { start: rows.start.min(other.rows.start), end: rows.end.max(other.rows.end) };
            Some((other.index, rows))
        });
        for (other, rows) in neighbours.take(self.capacity()) {
            // First the larger one, then without the other: nothing dirty is ever forgotten.
            self.record(index).start.store(rows.start, SeqCst);
            self.record(index).end.store(rows.end, SeqCst);
            self.record(other).state.store(EXCLUSIVE | DIRTY | LEFT, SeqCst);
        }
    }

    /// These rows have been repaired. False where a record would have to be cut in two, and there is no room.
    #[must_use]
    pub fn clean(&self, rows: Rows) -> bool {
        for entry in self.entries().filter(|entry| entry.is_dirty() && entry.rows.overlaps(rows)) {
            let record = self.record(entry.index);
            match (entry.rows.start < rows.start, rows.end < entry.rows.end) {
                (false, false) => record.state.store(EXCLUSIVE | DIRTY | LEFT, SeqCst),
                (false, true) => record.start.store(rows.end, SeqCst),
                (true, false) => record.end.store(rows.start, SeqCst),
                (true, true) => {
                    // First the part behind, then without it.
                    let behind = Entry { rows: Rows { start: rows.end, end: entry.rows.end }, ..entry };
                    if self.put(behind).is_none() {
                        return false;
                    }
                    record.end.store(rows.start, SeqCst);
                }
            }
        }
        true
    }

    /// Where dirty records fill the table: no row is beyond doubt any more, and all records are free.
    pub fn doubt_all_if_full(&self) {
        if self.entries().filter(Entry::is_dirty).count() == self.capacity() {
            // First the greater doubt, then without the lesser ones.
            doubt(self.words);
            self.entries().for_each(|entry| self.record(entry.index).state.store(entry.state | LEFT, SeqCst));
        }
    }

    /// Nothing is dirty, and nobody has or wants anything: the caller is alone with the array.
    pub fn clear(&self) {
        for entry in self.used() {
            self.record(entry.index).owner.store(0, SeqCst);
        }
        self.words.ranges_exclusive.store(0, SeqCst);
        self.words.ranges_high.store(0, SeqCst);
    }

    /// Free what was left, and count what follows from the rest. The end of each stay in the table.
    pub fn settle(&self) {
        let (mut high, mut exclusive, mut writing, mut has_room) = (0, 0, 0, false);
        for entry in self.used() {
            if entry.is_left() {
                self.record(entry.index).owner.store(0, SeqCst);
                has_room = true;
                continue;
            }
            high = entry.index as u32 + 1;
            exclusive += u32::from(entry.mode() == Mode::Exclusive);
            writing += u64::from(entry.state & (EXCLUSIVE | HELD) == EXCLUSIVE | HELD);
        }
        // Nobody writes the whole array now: all writes under way are in the table.
        if writes_under_way(self.words) != writing {
            end_writes_but(self.words, writing);
        }
        for (word, now) in [(&self.words.ranges_exclusive, exclusive), (&self.words.ranges_high, high)] {
            if word.load(Relaxed) != now {
                // SYNC: SeqCst against the counters of who shares the whole array: see `whole`.
                word.store(now, SeqCst);
            }
        }
        if has_room {
            Bell::on(&self.words.ranges_full).ring(false);
        }
    }

    /// Waiters of these rows whose turn has come: each is told, and has to be woken.
    pub fn next_ones(&self, rows: Rows) -> Vec<Entry> {
        let sleeps = |entry: &Entry| !entry.is_held() && self.record(entry.index).asleep.load(Relaxed) != 0;
        let candidates = self.entries().filter(|entry| entry.rows.overlaps(rows) && !entry.is_dirty());
        let next: Vec<Entry> = candidates.filter(|entry| sleeps(entry) && self.blocker(entry).is_none()).collect();
        next.iter().for_each(|entry| self.record(entry.index).asleep.store(0, SeqCst));
        next
    }
}
