//! What several processes change at the same time: atomics, which are never trusted.

use std::mem::{offset_of, size_of};
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64};

/// Everything that changes, and that several processes change. Each field is an atomic.
#[repr(C)]
#[derive(Debug)]
pub struct Words {
    /// The lock: bits 0-29 the owner's identity, 30 inconsistent, 31 somebody sleeps.
    pub lock: AtomicU32,
    /// A bell (see `sync::bell`): who waits for readers to go sleeps at it, and readers who go ring it.
    pub drain: AtomicU32,
    /// Identity of a waiter who has slept and is next; 0: none.
    pub next: AtomicU32,
    /// Identity of the exclusive holder once all readers have gone; stale values do no harm.
    pub writer: AtomicU32,
    /// Writes begun.
    pub begun: AtomicU64,
    /// Writes ended; equal to `begun` when the elements are quiet and consistent.
    pub ended: AtomicU64,
    /// Lowest bit: which layout record is valid; all of it: how often that has changed.
    pub layout: AtomicU32,
    /// 1 while the .npy header does not agree with the valid layout record.
    pub front_stale: AtomicU32,
    /// Where the next search for a free slot begins.
    pub next_slot: AtomicU32,
    /// Records in the table of ranges that are exclusive: wanted, held, or left dirty by the dead.
    pub ranges_exclusive: AtomicU32,
    reserved_line: [AtomicU64; 2],
    /// One bit a slot: its owner has ever held the lock, or a range, shared.
    pub readers: [AtomicU64; 16],
    /// The mutex of the table of ranges.
    pub ranges_mutex: AtomicU32,
    /// One more than the index of the last record in use.
    pub ranges_high: AtomicU32,
    /// The last ticket that was drawn.
    pub ranges_ticket: AtomicU64,
    /// A bell: who found the table of ranges full sleeps at it.
    pub ranges_full: AtomicU32,
    ranges_reserved_32: AtomicU32,
    ranges_reserved: [AtomicU64; 5],
    /// Until when a segment must be kept although nobody is attached (CLOCK_BOOTTIME, ns, and in its low 16 bits how many
    /// leases are out; 0: none): see `segment::lease`.
    pub lease_deadline_ns: AtomicI64,
    /// Who completed the last write. Low half: its identity; high half, for diagnosis: its pid in its own namespace.
    pub publisher: AtomicU64,
    /// When that was: CLOCK_REALTIME, nanoseconds, to some milliseconds.
    pub published_ns: AtomicI64,
    /// Bell: rings after each completed write.
    pub published: AtomicU32,
    publisher_reserved_32: AtomicU32,
    publisher_reserved: [AtomicU64; 4],
    /// What can be waited for under the exclusive lock.
    pub conditions: [Condition; CONDITIONS],
    reserved: [AtomicU64; 8],
}

/// Counters of shared holds in a slot.
pub const COUNTERS: usize = 7;

/// One process that locks. Two cache lines: who it is, and what it changes often.
#[repr(C)]
#[derive(Debug)]
pub struct Slot {
    /// Raised by each claim of this slot; 20 bits are used.
    pub incarnation: AtomicU32,
    /// For diagnosis: the owner's pid in its own namespace; 0: none.
    pub pid: AtomicU32,
    /// For diagnosis.
    pub pid_namespace: AtomicU64,
    /// For diagnosis.
    pub start_time: AtomicU64,
    reserved: [AtomicU64; 5],
    /// High half: the incarnation that counts; low half: how many ranges this process holds, or wants.
    pub ranged: AtomicU64,
    /// The same for the whole array, held shared. The first is for everybody; each of the others belongs to one handle, which
    /// then need not count its holds elsewhere.
    pub shared: [AtomicU64; COUNTERS],
}

/// One condition: a counter of notifications, which is slept on.
#[repr(C)]
#[derive(Debug)]
pub struct Condition {
    /// Raised by each notification.
    pub sequence: AtomicU32,
    /// How many wait, the dead included.
    pub waiters: AtomicU32,
}

/// How many conditions an array has.
pub const CONDITIONS: usize = 16;

/// One range of rows that somebody holds or wants, or that a dead writer left. One cache line.
#[repr(C)]
#[derive(Debug, Default)]
pub struct Range {
    /// Identity of the process whose record this is; 0: the record is free. Stored last.
    pub owner: AtomicU32,
    /// Bits of `sync::lock::range_table::state`.
    pub state: AtomicU32,
    /// 1 while the owner sleeps until it may look again; a futex word.
    pub asleep: AtomicU32,
    reserved_32: AtomicU32,
    /// Which of the owner's handles holds it.
    pub handle: AtomicU64,
    /// Overlapping records are served in the order of their tickets.
    pub ticket: AtomicU64,
    /// The first row.
    pub start: AtomicU64,
    /// The row behind the last.
    pub end: AtomicU64,
    reserved: [AtomicU64; 2],
}

/// Bytes of one [`Range`].
pub const RANGE_SIZE: u64 = 64;

const _: () = {
    assert!(size_of::<Words>() == 512);
    assert!(size_of::<Slot>() == 128 && offset_of!(Slot, ranged) == 64);
    assert!(size_of::<Range>() == 64 && offset_of!(Range, start) == 32);
    assert!(offset_of!(Words, ranges_exclusive) == 44 && offset_of!(Words, ranges_mutex) == 192);
    assert!(offset_of!(Words, conditions) == 320);
    assert!(offset_of!(Words, begun) == 16 && offset_of!(Words, readers) == 64);
};
