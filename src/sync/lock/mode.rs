//! How a lock is held, and how it was found.

use crate::segment::format::lock_bit::INCONSISTENT;

/// Alone, or together with others who only read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Nobody else holds the lock.
    Exclusive,
    /// Nobody holds it exclusively.
    Shared,
}

/// The lock is held; this is how it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Acquired {
    /// All who held it before gave it back.
    Clean,
    /// Somebody died while writing, and nobody has recovered since: the elements may be half written.
    OwnerDied,
}

impl Acquired {
    /// As the lock word has it.
    pub fn from_word(word: u32) -> Acquired {
        if word & INCONSISTENT == 0 { Acquired::Clean } else { Acquired::OwnerDied }
    }
}
