//! What is remembered of each array between two pictures.
//!
//! A lock is held for microseconds, so a single look says little. It is looked at many times between two pictures, and
//! what is shown is the share of looks that found it held exclusively, held by readers or by rows, or waited for.

use std::collections::BTreeMap;
use std::time::Instant;

use shm_array::Entry;

/// By what the table is sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// A to Z.
    Name,
    /// The largest first.
    Size,
    /// The busiest first.
    Rate,
    /// The most waited for first.
    Waits,
}

/// One array.
#[derive(Debug)]
pub struct Watched {
    /// As it was seen last.
    pub entry: Entry,
    /// Writes a second, in the last round.
    pub rate: f64,
    /// The share of looks that found it locked exclusively.
    pub locked: f64,
    /// The share of looks that found it read, or rows of it locked.
    pub shared: f64,
    /// The share of looks that found it waited for.
    pub waited: f64,
    /// Its generation when this round began.
    generation: u64,
    looks: u32,
    looks_locked: u32,
    looks_shared: u32,
    looks_waited: u32,
}

impl Watched {
    fn new(entry: Entry) -> Watched {
        let generation = entry.generation;
        let (rate, locked, shared, waited) = (0.0, 0.0, 0.0, 0.0);
        let (looks, looks_locked, looks_shared, looks_waited) = (0, 0, 0, 0);
        Watched { entry, rate, locked, shared, waited, generation, looks, looks_locked, looks_shared, looks_waited }
    }
}

/// All arrays.
#[derive(Debug, Default)]
pub struct Board {
    /// By the segment's id: a name may be given again.
    watched: BTreeMap<[u8; 16], Watched>,
    round_began: Option<Instant>,
}

impl Board {
    /// One look.
    pub fn sample(&mut self, entries: &[Entry]) {
        for entry in entries {
            let watched = self.watched.entry(entry.id).or_insert_with(|| Watched::new(entry.clone()));
            watched.entry = entry.clone();
            watched.looks += 1;
            watched.looks_locked += u32::from(entry.lock_pid != 0);
            watched.looks_shared += u32::from(!entry.holders.is_empty());
            watched.looks_waited += u32::from(entry.contended);
        }
        self.watched.retain(|id, _| entries.iter().any(|entry| entry.id == *id));
    }

    /// Reckon, and begin the next round.
    pub fn finish_round(&mut self, now: Instant) {
        let seconds = self.round_began.map_or(0.0, |began| now.duration_since(began).as_secs_f64());
        self.round_began = Some(now);
        for watched in self.watched.values_mut() {
            let share = |looks: u32| f64::from(looks) / f64::from(watched.looks.max(1));
            watched.locked = share(watched.looks_locked);
            watched.shared = share(watched.looks_shared);
            watched.waited = share(watched.looks_waited);
            let writes = watched.entry.generation.wrapping_sub(watched.generation);
            watched.rate = if seconds > 0.0 { writes as f64 / seconds } else { 0.0 };
            watched.generation = watched.entry.generation;
            (watched.looks, watched.looks_locked) = (0, 0);
            (watched.looks_shared, watched.looks_waited) = (0, 0);
        }
    }

    /// In order; equals by name.
    pub fn rows(&self, sort: Sort) -> Vec<&Watched> {
        let mut rows: Vec<&Watched> = self.watched.values().collect();
        rows.sort_by(|a, b| {
            let larger_first = match sort {
                Sort::Name => std::cmp::Ordering::Equal,
                Sort::Size => b.entry.file_bytes.cmp(&a.entry.file_bytes),
                Sort::Rate => b.rate.total_cmp(&a.rate),
                Sort::Waits => b.waited.total_cmp(&a.waited),
            };
            larger_first.then_with(|| a.entry.name.cmp(&b.entry.name))
        });
        rows
    }

    /// How many, how large, and writes a second.
    pub fn totals(&self) -> (usize, u64, f64) {
        let size = self.watched.values().map(|watched| watched.entry.file_bytes).sum();
        (self.watched.len(), size, self.watched.values().map(|watched| watched.rate).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shm_array::Holder;
    use std::time::Duration;

    fn entry(name: &str, generation: u64, lock_pid: u32, contended: bool) -> Entry {
        Entry {
            kind: 1,
            in_file: false,
            name: name.into(),
            dtype: "<f8".into(),
            tag: String::new(),
            itemsize: 8,
            file_bytes: 1000 * name.len() as u64,
            generation,
            created_ns: 0,
            id: std::array::from_fn(|i| name.as_bytes().get(i).copied().unwrap_or(0)),
            last_close: false,
            fortran: false,
            adopted: false,
            attached: true,
            lock_pid,
            holders: if contended { vec![Holder { pid: 8, shared: 1, ranges: 0 }] } else { Vec::new() },
            contended,
            inconsistent: false,
            shape: vec![3],
        }
    }

    #[test]
    fn rates_and_shares_are_of_one_round() {
        let mut board = Board::default();
        let start = Instant::now();
        board.sample(&[entry("busy", 100, 0, false), entry("calm!", 5, 0, false)]);
        board.finish_round(start);
        board.sample(&[entry("busy", 110, 7, false), entry("calm!", 5, 0, false)]);
        board.sample(&[entry("busy", 120, 7, true), entry("calm!", 5, 0, false)]);
        board.sample(&[entry("busy", 130, 0, false), entry("calm!", 5, 0, false)]);
        board.sample(&[entry("busy", 140, 0, false), entry("calm!", 5, 0, false)]);
        board.finish_round(start + Duration::from_secs(2));
        let rows = board.rows(Sort::Rate);
        assert_eq!((rows[0].entry.name.as_str(), rows[0].rate), ("busy", 20.0));
        assert_eq!((rows[0].locked, rows[0].shared, rows[0].waited), (0.5, 0.25, 0.25));
        assert_eq!((rows[1].rate, rows[1].locked), (0.0, 0.0));
        assert_eq!(board.rows(Sort::Size)[0].entry.name, "calm!");
        assert_eq!(board.totals(), (2, 9000, 20.0));
    }

    #[test]
    fn what_is_gone_is_forgotten() {
        let mut board = Board::default();
        board.sample(&[entry("a", 1, 0, false), entry("b", 1, 0, false)]);
        board.sample(&[entry("b", 1, 0, false)]);
        assert_eq!(board.rows(Sort::Name).len(), 1);
    }
}
