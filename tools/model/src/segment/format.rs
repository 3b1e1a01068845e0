//! The words of a segment, by the names that they have in the format.

use crate::os::atomic::{AtomicU32, AtomicU64};

pub const CONDITIONS: usize = 2;
pub const COUNTERS: usize = 2;

#[derive(Debug, Default)]
pub struct Words {
    pub lock: AtomicU32,
    pub drain: AtomicU32,
    pub next: AtomicU32,
    pub writer: AtomicU32,
    pub begun: AtomicU64,
    pub ended: AtomicU64,
    pub ranges_exclusive: AtomicU32,
    pub readers: [AtomicU64; 1],
    pub ranges_mutex: AtomicU32,
    pub ranges_high: AtomicU32,
    pub ranges_ticket: AtomicU64,
    pub ranges_full: AtomicU32,
    pub conditions: [Condition; CONDITIONS],
}

#[derive(Debug, Default)]
pub struct Slot {
    pub pid: AtomicU32,
    pub ranged: AtomicU64,
    pub shared: [AtomicU64; COUNTERS],
}

#[derive(Debug, Default)]
pub struct Condition {
    pub sequence: AtomicU32,
    pub waiters: AtomicU32,
}

#[derive(Debug, Default)]
pub struct Range {
    pub owner: AtomicU32,
    pub state: AtomicU32,
    pub asleep: AtomicU32,
    pub handle: AtomicU64,
    pub ticket: AtomicU64,
    pub start: AtomicU64,
    pub end: AtomicU64,
}

pub mod lock_bit {
    pub const INCONSISTENT: u32 = 1 << 30;
    pub const WAITERS: u32 = 1 << 31;
}
