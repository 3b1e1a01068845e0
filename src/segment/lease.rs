//! A lease: a segment is kept for a while although nobody is attached to it.
//!
//! Who hands a segment over to another process, and may be gone before that process has opened it, takes a lease;
//! the receiver, once attached, says that it has arrived. While leases are out, neither the last closer nor `collect`
//! removes the segment. Receivers can be killed, and messages lost, so a lease ends at its deadline in any case.
//!
//! ```text
//!     bits 16-62   the deadline, CLOCK_BOOTTIME in nanoseconds, the low 16 bits cut off
//!     bits 0-15    leases that are out; 65535: too many to count, and only the deadline ends them
//! ```
//!
//! Both are one word, so that a death leaves them as they were before a change or after it. A file outlives a boot,
//! which the clock does not: a deadline farther away than any lease can last is none.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::error::{Error, Result};

/// The longest lease that can be asked for.
pub const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

const COUNT: i64 = 0xffff;

/// Refuses what is no time for a lease.
pub fn check(duration: Duration) -> Result<()> {
    if duration.is_zero() || duration > LONGEST {
        return Err(Error::invalid(format!(
            "a lease of {duration:?}; expected more than nothing, and at most {LONGEST:?}"
        )));
    }
    Ok(())
}

/// Whether leases are out at the moment `now`, according to a word that anybody may have written.
pub fn is_running(word: i64, now: i64) -> bool {
    word & COUNT != 0 && (1..=LONGEST.as_nanos() as i64 + COUNT).contains(&(word & !COUNT).saturating_sub(now))
}

/// One more lease, which lasts until `deadline`, or longer where another one does.
pub fn take(word: &AtomicI64, now: i64, deadline: i64) {
    let _ = word.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |word| {
        let (count, earlier) = if is_running(word, now) { (word & COUNT, word & !COUNT) } else { (0, 0) };
        // Rounded up: it is never shorter than asked for.
        let deadline = deadline.saturating_add(COUNT) & !COUNT;
        Some(deadline.max(earlier) | (count + 1).min(COUNT))
    });
}

/// One lease less.
pub fn give_back(word: &AtomicI64, now: i64) {
    let _ = word.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |word| match word & COUNT {
        COUNT if is_running(word, now) => None,
        2.. if is_running(word, now) => Some(word - 1),
        _ => (word != 0).then_some(0),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_000_000_000_000;
    const MINUTE: i64 = 60_000_000_000;

    #[test]
    fn it_ends_when_all_have_arrived() {
        let word = AtomicI64::new(0);
        assert!(!is_running(0, NOW));
        take(&word, NOW, NOW + MINUTE);
        take(&word, NOW, NOW + MINUTE);
        give_back(&word, NOW);
        assert!(is_running(word.load(Ordering::Relaxed), NOW));
        give_back(&word, NOW);
        assert_eq!(word.load(Ordering::Relaxed), 0);
        give_back(&word, NOW);
        assert_eq!(word.load(Ordering::Relaxed), 0, "nobody was expected");
    }

    #[test]
    fn it_ends_at_the_latest_deadline() {
        let word = AtomicI64::new(0);
        take(&word, NOW, NOW + 2 * MINUTE);
        take(&word, NOW, NOW + MINUTE);
        let taken = word.load(Ordering::Relaxed);
        assert!(is_running(taken, NOW + 2 * MINUTE - 1));
        assert!(!is_running(taken, NOW + 2 * MINUTE + COUNT + 1));
        // Those who never came do not count in the next one.
        take(&word, NOW + 3 * MINUTE, NOW + 4 * MINUTE);
        give_back(&word, NOW + 3 * MINUTE);
        assert!(!is_running(word.load(Ordering::Relaxed), NOW + 3 * MINUTE));
    }

    #[test]
    fn deadlines_that_nobody_can_have_asked_for_are_none() {
        for word in [i64::MAX, i64::MIN | 1, -1, NOW + 3 * LONGEST.as_nanos() as i64, (NOW + MINUTE) & !COUNT] {
            assert!(!is_running(word, NOW), "{word:#x}");
        }
        let word = AtomicI64::new(i64::MAX);
        take(&word, NOW, NOW + MINUTE);
        assert!(!is_running(word.load(Ordering::Relaxed), NOW + MINUTE + COUNT + 1));
    }

    #[test]
    fn too_many_to_count_end_at_the_deadline_only() {
        let word = AtomicI64::new(0);
        for _ in 0..COUNT + 5 {
            take(&word, NOW, NOW + MINUTE);
        }
        for _ in 0..COUNT + 5 {
            give_back(&word, NOW);
        }
        assert!(is_running(word.load(Ordering::Relaxed), NOW + MINUTE - 1));
    }
}
