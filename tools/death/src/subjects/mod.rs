//! What is put to the test: anything that can be created, opened, locked and removed by name.
//!
//! The scenarios of locks and of a segment's life are written once over this trait. The library is one subject, and
//! the toys are others: a sound one that must pass everything, and fragile ones, each with one classic bug that
//! must be found. That is how the harness shows that it can fail.

use std::sync::atomic::AtomicU64;

use crate::engine::marks::Hold;

pub mod channels;
pub mod frames;
pub mod library;
pub mod objects;
pub mod topics;
pub mod toy;

/// A call that did not work: its code (positive: an errno) and the subject's own words.
#[derive(Debug)]
pub struct Failure {
    /// The code.
    pub code: i32,
    /// The words.
    pub words: String,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(out, "code {} ({})", self.code, self.words)
    }
}

/// How long a segment lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// Until it is unlinked.
    Kept,
    /// Until its last user closes it, or dies and somebody collects it.
    LastClose,
}

/// Elements of a segment, each a u64, zero at first.
pub const ELEMENTS: usize = 64;

/// A shared segment of `ELEMENTS` numbers under a lock. Dropping it closes it, and releases what it holds.
pub trait Subject: Sized + 'static {
    /// Whether a lock is free when its holder is dead and a forked child of the holder lives on.
    const FORKS_SAFELY: bool = false;

    /// Make a new one, with room for so many processes that lock (0: the default): EEXIST if there is one.
    fn create(name: &str, life: Life, slots: u32) -> Result<Self, Failure>;
    /// Open an existing one: ENOENT if there is none.
    fn open(name: &str) -> Result<Self, Failure>;
    /// Open it, or make it if there is none.
    fn create_or_open(name: &str, life: Life) -> Result<Self, Failure>;
    /// The elements.
    fn elements(&self) -> &[AtomicU64];
    /// What tells this segment from all others that have or had the same name.
    fn identity(&self) -> Result<u64, Failure>;
    /// 0, EOWNERDEAD (held all the same), ETIMEDOUT, EBUSY where the timeout is 0, or another code. Negative
    /// timeouts are for ever.
    fn lock(&self, hold: Hold, timeout_ns: i64) -> i32;
    /// 0 or a code.
    fn unlock(&self) -> i32;
    /// 0 or a code.
    fn recover(&self) -> i32;
    /// 0 or a code.
    fn unlink(name: &str) -> i32;
    /// Remove what is to live until the last close and has no user: 0 or a code.
    fn collect() -> i32;
    /// The words that belong to the last code.
    fn detail() -> String;
}
