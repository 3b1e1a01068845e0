//! How to wait: spin, then yield, then sleep - and never past the deadline.
//!
//! Waking a process that sleeps on another, idle processor costs some 40 us; a holder that is running needs far
//! less than that to finish. So a waiter looks at the word about a hundred times, then yields its processor for
//! some 50 us (which is what helps when the holder waits for this very processor), and only then asks the kernel.
//! No single sleep is longer than [`LONGEST_SLEEP`]: a wake-up that was lost because the waker was killed delays,
//! and never hangs.

use std::hint;
use std::sync::atomic::AtomicU32;
use std::time::{Duration, Instant};

use crate::os::futex::{self, Queue};
use crate::os::time::{Deadline, Timeout};

const PAUSES: u32 = 100;
const YIELDING: Duration = Duration::from_micros(50);

/// After this long a waiter looks by itself whether the one it waits for still lives.
pub const LONGEST_SLEEP: Duration = Duration::from_millis(20);

/// The time is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expired;

/// One wait, from its first look to its end.
#[derive(Debug)]
pub struct Patience {
    timeout: Timeout,
    /// The clock is read only by those who have to wait.
    deadline: Option<Deadline>,
    pauses: u32,
    yielding_since: Option<Instant>,
    has_slept: bool,
}

impl Patience {
    /// Nothing has been waited for yet.
    pub fn new(timeout: Timeout) -> Patience {
        Patience { timeout, deadline: None, pauses: 0, yielding_since: None, has_slept: false }
    }

    /// Let a moment pass without asking the kernel to wake us; false when such moments are used up.
    pub fn spin(&mut self) -> bool {
        if self.timeout == Timeout::Try {
            return false;
        }
        if self.pauses < PAUSES {
            self.pauses += 1;
            hint::spin_loop();
            return true;
        }
        let since = *self.yielding_since.get_or_insert_with(Instant::now);
        let go_on = since.elapsed() < YIELDING && !self.deadline().has_passed();
        if go_on {
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
        futex::wait(word, expected, queue, limit);
        self.has_slept = true;
        self.pauses = 0;
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

    fn deadline(&mut self) -> Deadline {
        *self.deadline.get_or_insert_with(|| self.timeout.deadline())
    }
}
