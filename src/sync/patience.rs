//! How to wait: spin, then yield, then sleep - and never past the deadline.
//!
//! Waking a process that sleeps on another, idle processor costs some 40 us; a holder that is running needs far
//! less than that to finish. So a waiter looks at the word about a hundred times, then yields its processor for
//! some 50 us (which is what helps when the holder waits for this very processor), and only then asks the kernel.
//! No single sleep is longer than [`LONGEST_SLEEP`]: a wake-up that was lost because the waker was killed delays,
//! and never hangs.
//!
//! How often to look before the first yield is learnt. Where the one waited for runs on another processor it answers
//! within a hundred looks, and a yield would only give the processor away; where both share one, each look is in vain,
//! and the first yield brings the answer. So a process whose yield did, or that had to sleep, looks half as often the next
//! time, one that needed neither looks a hundred times again, and one wait in [`PROBE`] does whatever was learnt.

use std::hint;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::time::{Duration, Instant};

use crate::os::futex::{self, Queue};
use crate::os::time::{Deadline, Timeout};

const PAUSES: u32 = 100;
const FEWEST_PAUSES: u32 = 8;
const PROBE: u32 = 16;
/// Who answers after so few yields, and so soon, was waiting for this processor.
const FIRST_YIELDS: u32 = 2;
const SOON: Duration = Duration::from_micros(10);
const YIELDING: Duration = Duration::from_micros(50);

/// After this long a waiter looks by itself whether the one it waits for still lives.
pub const LONGEST_SLEEP: Duration = Duration::from_millis(20);

/// What a process has learnt. Threads may overwrite each other's lessons: it is a guess, and nothing depends on it.
#[derive(Debug)]
struct Experience {
    looks: AtomicU32,
    waits: AtomicU32,
}

static EXPERIENCE: Experience = Experience::new();

static SPINS: AtomicBool = AtomicBool::new(true);

/// Whether waits of this process look and yield before they sleep, as they do if nobody says otherwise. Off, a wait is
/// as few instructions as can be, which is for those who count them.
pub fn spin_before_sleep(spins: bool) {
    SPINS.store(spins, Relaxed);
}

impl Experience {
    const fn new() -> Experience {
        Experience { looks: AtomicU32::new(PAUSES), waits: AtomicU32::new(0) }
    }

    /// How often to look before yielding, in a wait that begins.
    fn budget(&self) -> u32 {
        let waits = self.waits.load(Relaxed);
        self.waits.store(waits.wrapping_add(1), Relaxed);
        if waits.is_multiple_of(PROBE) { PAUSES } else { self.looks.load(Relaxed) }
    }

    /// Every look was in vain, until this processor was given away, or the wait became a sleep.
    fn was_short(&self) {
        self.looks.store((self.looks.load(Relaxed) / 2).max(FEWEST_PAUSES), Relaxed);
    }

    /// It came before the first yield.
    fn was_enough(&self) {
        if self.looks.load(Relaxed) != PAUSES {
            self.looks.store(PAUSES, Relaxed);
        }
    }
}

/// The time is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expired;

/// One wait, from its first look to its end.
#[derive(Debug)]
pub struct Patience {
    timeout: Timeout,
    /// The clock is read only by those who have to wait.
    deadline: Option<Deadline>,
    /// Looks that are left before the first yield; `None`: it has not spun yet.
    pauses: Option<u32>,
    yielding_since: Option<Instant>,
    yields: u32,
    has_slept: bool,
}

impl Patience {
    /// Nothing has been waited for yet.
    pub fn new(timeout: Timeout) -> Patience {
        Patience { timeout, deadline: None, pauses: None, yielding_since: None, yields: 0, has_slept: false }
    }

    /// Let a moment pass without asking the kernel to wake us; false when such moments are used up.
    pub fn spin(&mut self) -> bool {
        if self.timeout == Timeout::Try || !SPINS.load(Relaxed) {
            return false;
        }
        let pauses = self.pauses.get_or_insert_with(|| EXPERIENCE.budget());
        if *pauses > 0 {
            *pauses -= 1;
            hint::spin_loop();
            return true;
        }
        let since = *self.yielding_since.get_or_insert_with(Instant::now);
        let go_on = since.elapsed() < YIELDING && !self.deadline().has_passed();
        if go_on {
            self.yields += 1;
            std::thread::yield_now();
        }
        go_on
    }

    /// Sleep while the word is `expected`: at most [`LONGEST_SLEEP`], and not past the deadline.
    pub fn sleep(&mut self, word: &AtomicU32, expected: u32, queue: Queue) -> Result<(), Expired> {
        self.sleep_at_most(word, expected, queue, LONGEST_SLEEP)
    }

    /// As [`Patience::sleep`], with a shorter limit.
    pub fn sleep_at_most(
        &mut self,
        word: &AtomicU32,
        expected: u32,
        queue: Queue,
        limit: Duration,
    ) -> Result<(), Expired> {
        let limit = self.deadline().at_most(limit);
        if limit.is_zero() {
            return Err(Expired);
        }
        if self.pauses.take().is_some() {
            EXPERIENCE.was_short();
        }
        futex::wait(word, expected, queue, limit);
        self.has_slept = true;
        Ok(())
    }

    /// After a lost race, which may be lost again and again: whether there is time for another one.
    pub fn check(&mut self) -> Result<(), Expired> {
        if self.deadline().has_passed() { Err(Expired) } else { Ok(()) }
    }

    /// Whether the caller does not want to wait at all.
    pub fn only_tries(&self) -> bool {
        self.timeout == Timeout::Try
    }

    /// Whether this waiter has slept: it then has a claim to be next.
    pub fn has_slept(&self) -> bool {
        self.has_slept
    }

    /// What is left of the caller's time, and at least `grace`.
    pub fn rest(&mut self, grace: Duration) -> Timeout {
        Timeout::For(self.deadline().at_most(Duration::MAX).max(grace))
    }

    /// At the end of a wait that did not sleep last.
    #[cold]
    fn learn(&self) {
        match self.yielding_since {
            None => EXPERIENCE.was_enough(),
            Some(since) if self.yields <= FIRST_YIELDS && since.elapsed() < SOON => EXPERIENCE.was_short(),
            Some(_) => {}
        }
    }

    fn deadline(&mut self) -> Deadline {
        *self.deadline.get_or_insert_with(|| self.timeout.deadline())
    }
}

impl Drop for Patience {
    #[inline]
    fn drop(&mut self) {
        if self.pauses.is_some() {
            self.learn();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_in_vain_become_fewer_until_some_are_not() {
        let experience = Experience::new();
        for expected in [100, 50, 25, 12, 8, 8, 8] {
            assert_eq!(experience.budget(), expected);
            experience.was_short();
        }
        experience.was_enough();
        assert_eq!(experience.budget(), PAUSES);
    }

    #[test]
    fn now_and_then_all_looks_are_tried() {
        let experience = Experience::new();
        (0..10).for_each(|_| experience.was_short());
        let tried = (0..10 * PROBE).filter(|_| experience.budget() == PAUSES).count();
        assert_eq!(tried, 10);
    }
}
