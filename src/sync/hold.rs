//! What one handle holds of something that is held alone, or together with others.
//!
//! A forked child has a copy of its parent's handles, and holds nothing through them: what is written here carries the
//! epoch of the process that wrote it.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::os::process;

use super::lock::Mode;

/// Low half: epoch, for then who knows the epoch need not shift it; high half: EXCLUSIVE, or the number of shared holds.
#[derive(Debug, Default)]
pub struct Hold(AtomicU64);

const EXCLUSIVE: u64 = 1 << 63;
const ONE: u64 = 1 << 32;
const HOLDS: u64 = !(ONE - 1);

impl Hold {
    /// What is held in this process.
    fn load(&self) -> u64 {
        let hold = self.0.load(Ordering::Acquire);
        if hold & !HOLDS == process::epoch() { hold & HOLDS } else { 0 }
    }

    /// It was taken exclusively through this handle, in the process with that epoch.
    #[inline]
    pub fn add_exclusive(&self, epoch: u64) {
        self.0.store(epoch | EXCLUSIVE, Ordering::Release);
    }

    /// It was taken through this handle.
    pub fn add(&self, mode: Mode) {
        match mode {
            // Nobody else can hold it now, through this handle or another.
            Mode::Exclusive => self.add_exclusive(process::epoch()),
            Mode::Shared => while !self.exchange(|held| Some(held + ONE)).1 {},
        }
    }

    /// Whether this handle holds it exclusively, in the process with that epoch.
    #[inline]
    pub fn is_exclusive_in(&self, epoch: u64) -> bool {
        self.0.load(Ordering::Acquire) == epoch | EXCLUSIVE
    }

    /// Take back the exclusive hold that was there a moment ago, in this process, if it still is. Without an exchange: two
    /// threads that give back the one hold within the same nanosecond, a bug of theirs, may both be told that they had it.
    #[inline]
    pub fn take_exclusive(&self) -> bool {
        let is_exclusive = self.0.load(Ordering::Acquire) & EXCLUSIVE != 0;
        if is_exclusive {
            self.0.store(0, Ordering::Release);
        }
        is_exclusive
    }

    /// Take back one hold, if there is one: the caller then releases the lock.
    pub fn take(&self) -> Option<Mode> {
        loop {
            let (before, done) = self.exchange(|held| match held {
                0 => None,
                EXCLUSIVE => Some(0),
                shared => Some(shared - ONE),
            });
            match (before, done) {
                (0, _) => return None,
                (EXCLUSIVE, true) => return Some(Mode::Exclusive),
                (_, true) => return Some(Mode::Shared),
                _ => {}
            }
        }
    }

    /// Take back one hold of that mode, if there is one.
    pub fn take_only(&self, mode: Mode) -> bool {
        loop {
            let (before, done) = self.exchange(|held| match (held, mode) {
                (EXCLUSIVE, Mode::Exclusive) => Some(0),
                (0 | EXCLUSIVE, _) | (_, Mode::Exclusive) => None,
                (shared, Mode::Shared) => Some(shared - ONE),
            });
            let has_one =
                if mode == Mode::Exclusive { before == EXCLUSIVE } else { before != 0 && before != EXCLUSIVE };
            if done || !has_one {
                return done;
            }
        }
    }

    /// Whether this handle holds it exclusively.
    pub fn is_exclusive(&self) -> bool {
        self.load() == EXCLUSIVE
    }

    /// What was held, and whether it could be changed.
    fn exchange(&self, change: impl FnOnce(u64) -> Option<u64>) -> (u64, bool) {
        let raw = self.0.load(Ordering::Acquire);
        let epoch = process::epoch();
        let held = if raw & !HOLDS == epoch { raw & HOLDS } else { 0 };
        let Some(after) = change(held) else { return (held, false) };
        let done = self.0.compare_exchange(raw, epoch | after, Ordering::AcqRel, Ordering::Acquire).is_ok();
        (held, done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_are_counted() {
        let hold = Hold::default();
        assert_eq!(hold.take(), None);
        hold.add(Mode::Shared);
        hold.add(Mode::Shared);
        assert_eq!((hold.take(), hold.take(), hold.take()), (Some(Mode::Shared), Some(Mode::Shared), None));
        hold.add(Mode::Shared);
        assert!(!hold.take_only(Mode::Exclusive) && hold.take_only(Mode::Shared) && !hold.take_only(Mode::Shared));
        hold.add(Mode::Exclusive);
        assert!(hold.is_exclusive() && !hold.take_only(Mode::Shared));
        let epoch = process::epoch();
        assert!(hold.is_exclusive_in(epoch) && !hold.is_exclusive_in(epoch + 1));
        assert!(hold.take_exclusive() && !hold.is_exclusive_in(epoch) && !hold.take_exclusive());
        hold.add_exclusive(epoch + 1);
        assert!(!hold.is_exclusive(), "that is another process's");
        hold.add_exclusive(epoch);
        assert_eq!((hold.take(), hold.take()), (Some(Mode::Exclusive), None));
    }
}
