//! How to wait where there is no time: never by spinning; by sleeping until somebody wakes, or time passes.

use shuttle::rand::{Rng, thread_rng};

use crate::os::atomic::AtomicU32;
use crate::os::futex::{self, Queue};
use crate::os::time::{Duration, Timeout};
use crate::participant::{is_ghost, step};

/// So long that everybody who lives is done by then.
const LONG: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expired;

#[derive(Debug)]
pub struct Patience {
    timeout: Timeout,
    has_slept: bool,
}

impl Patience {
    pub fn new(timeout: Timeout) -> Patience {
        Patience { timeout, has_slept: false }
    }

    pub fn spin(&mut self) -> bool {
        false
    }

    pub fn sleep(&mut self, word: &AtomicU32, expected: u32, queue: Queue) -> Result<(), Expired> {
        self.expire()?;
        futex::wait(word, expected, queue);
        self.has_slept = true;
        Ok(())
    }

    /// So short that it ends by itself.
    pub fn sleep_at_most(&mut self, _: &AtomicU32, _: u32, _: Queue, _: Duration) -> Result<(), Expired> {
        self.expire()?;
        step();
        shuttle::thread::yield_now();
        self.has_slept = true;
        Ok(())
    }

    /// A limited patience ends now, or later. Where it does, others may have to find out by themselves.
    fn expire(&self) -> Result<(), Expired> {
        let expired = match self.timeout {
            Timeout::Try => true,
            Timeout::For(limit) => limit < LONG && thread_rng().gen_bool(0.5),
            Timeout::Forever => false,
        };
        if !expired && !is_ghost() {
            return Ok(());
        }
        futex::let_time_pass();
        Err(Expired)
    }

    pub fn check(&mut self) -> Result<(), Expired> {
        Ok(())
    }

    pub fn only_tries(&self) -> bool {
        self.timeout == Timeout::Try
    }

    pub fn has_slept(&self) -> bool {
        self.has_slept
    }

    pub fn rest(&mut self, _: Duration) -> Timeout {
        Timeout::Forever
    }
}
