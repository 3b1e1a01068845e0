//! How much of something one handle holds.
//!
//! A forked child has a copy of its parent's handles, and holds nothing through them: the count carries the epoch of the
//! process that it was counted in.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::os::process;

/// High half: epoch; low half: how much.
#[derive(Debug, Default)]
pub struct Holds(AtomicU64);

const COUNT: u64 = u32::MAX as u64;

impl Holds {
    fn epoch() -> u64 {
        process::epoch() << 32
    }

    fn counted(raw: u64) -> u32 {
        if raw & !COUNT == Holds::epoch() { raw as u32 } else { 0 }
    }

    /// How much this process holds through this handle.
    pub fn count(&self) -> u32 {
        Holds::counted(self.0.load(Ordering::Acquire))
    }

    /// One more.
    pub fn add(&self) {
        self.change(|held| Some(held + 1));
    }

    /// Take `n` back, if that many are held.
    pub fn take(&self, n: u32) -> bool {
        self.change(|held| held.checked_sub(n))
    }

    fn change(&self, change: impl Fn(u32) -> Option<u32>) -> bool {
        let mut raw = self.0.load(Ordering::Acquire);
        loop {
            let Some(after) = change(Holds::counted(raw)) else { return false };
            let after = Holds::epoch() | u64::from(after);
            match self.0.compare_exchange_weak(raw, after, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return true,
                Err(now) => raw = now,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_taken_than_is_held() {
        let holds = Holds::default();
        assert!(!holds.take(1));
        holds.add();
        holds.add();
        assert!(!holds.take(3) && holds.take(2) && holds.count() == 0);
        holds.0.store(5, Ordering::Release);
        assert_eq!(holds.count(), 0, "counted in another process");
    }
}
