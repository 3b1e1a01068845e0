//! Ranges of rows: many processes at them (`crowd`, for mode `random`), and one at a time (`section`, for `steps` and
//! `syscalls`).
//!
//! A row is one element here. What has to hold, beside what holds for the whole array's lock:
//!
//! - rows that one holds exclusively are nobody else's, and rows that are shared are only shared;
//! - whoever gets rows that a killed writer held is told EOWNERDEAD, until they are recovered;
//! - who comes for other rows is not told, and does not wait.

mod crowd;
mod section;

pub use crowd::Ranging;
pub use section::operations;

use std::ops::Range;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use super::expect;

/// Rows, from a number to a number.
type Rows = Range<u64>;

/// A writer's rows are torn where its two halves differ; a row has room for its own number, and the writer's.
fn part<'a>(elements: &'a [AtomicU64], rows: &Rows) -> &'a [AtomicU64] {
    &elements[rows.start as usize..rows.end as usize]
}

/// A word whose upper half is a sum over its lower.
fn checksummed(value: u64) -> u64 {
    let lower = value & 0xFFFF_FFFF;
    lower | (lower.wrapping_mul(0x9E37_79B9) & 0xFFFF_FFFF) << 32
}

/// Whether each row is whole: its checksum is right. Writers write an odd one first.
fn is_whole(elements: &[AtomicU64], rows: &Rows) -> bool {
    part(elements, rows).iter().all(|row| {
        let value = row.load(Relaxed);
        value == checksummed(value)
    })
}

fn spoil(elements: &[AtomicU64], rows: &Rows) {
    part(elements, rows).iter().for_each(|row| row.store(!checksummed(1), Relaxed));
}

fn write(elements: &[AtomicU64], rows: &Rows, value: u64) {
    part(elements, rows).iter().for_each(|row| row.store(checksummed(value), Relaxed));
}
