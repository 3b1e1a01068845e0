//! How the two ends of a channel wait for each other, and wake each other only when somebody sleeps.
//!
//! | word | holds | changed by |
//! |---|---|---|
//! | `rung` | the futex: how often the bell was rung aloud | who rings |
//! | `sleepers` | 1: somebody may sleep, or is about to | sleepers set it; who rings clears it, and sets it again if more sleep |
//!
//! A sleeper notes `rung`, sets `sleepers`, looks once more for what it waits for, and sleeps only while `rung` is what
//! it noted. Who has something for it publishes that first, then looks at `sleepers`, clears it, raises `rung`, wakes.
//! Of the two at least one sees the other. A kill between the ringer's steps costs a sleeper one sleep of 20 ms: it
//! then looks by itself.

use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicU32, fence};

use crate::error::Result;
use crate::os::futex::{self, Queue};
use crate::os::time::Timeout;
use crate::sync::patience::{Expired, Patience};

/// A place to wait at, in shared memory; it has a cache line for itself.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct Bell {
    rung: AtomicU32,
    sleepers: AtomicU32,
}

impl Bell {
    /// Wake up to `count` of those who sleep here, if any do. What they wait for has been published, by an exchange
    /// (SeqCst), before.
    #[inline]
    pub fn ring(&self, count: usize) {
        // SYNC: SeqCst against `listen`.
        if self.sleepers.load(SeqCst) != 0 {
            self.ring_aloud(count);
        }
    }

    /// Wake all who sleep here: something has happened that concerns each of them.
    #[cold]
    pub fn ring_all(&self) {
        fence(SeqCst);
        self.ring_aloud(i32::MAX as usize);
    }

    #[cold]
    fn ring_aloud(&self, count: usize) {
        self.sleepers.store(0, SeqCst);
        self.rung.fetch_add(1, SeqCst);
        let count = i32::try_from(count).unwrap_or(i32::MAX);
        if futex::wake(&self.rung, Queue::Writers, count) == count as u32 {
            // There may be more.
            self.sleepers.store(1, SeqCst);
        }
    }

    /// Wait until `attempt` gives something; `None` when the time is up. `look_round` is called now and then, before a
    /// sleep: for what no living process would ring for.
    #[inline]
    pub fn wait<T>(
        &self,
        timeout: Timeout,
        mut attempt: impl FnMut() -> Result<Option<T>>,
        look_round: impl FnMut() -> Result<()>,
    ) -> Result<Option<T>> {
        match attempt()? {
            Some(done) => Ok(Some(done)),
            None => self.wait_longer(timeout, attempt, look_round),
        }
    }

    #[cold]
    fn wait_longer<T>(
        &self,
        timeout: Timeout,
        mut attempt: impl FnMut() -> Result<Option<T>>,
        mut look_round: impl FnMut() -> Result<()>,
    ) -> Result<Option<T>> {
        let mut patience = Patience::new(timeout);
        loop {
            while patience.spin() {
                if let Some(done) = attempt()? {
                    return Ok(Some(done));
                }
            }
            look_round()?;
            if patience.only_tries() {
                return attempt();
            }
            let noted = self.listen();
            if let Some(done) = attempt()? {
                return Ok(Some(done));
            }
            if patience.sleep(&self.rung, noted, Queue::Writers) == Err(Expired) {
                return Ok(None);
            }
            if let Some(done) = attempt()? {
                return Ok(Some(done));
            }
        }
    }

    fn listen(&self) -> u32 {
        let noted = self.rung.load(SeqCst);
        self.sleepers.store(1, SeqCst);
        // SYNC: SeqCst against `ring`: the next look sees what was published before it found no sleepers.
        fence(SeqCst);
        noted
    }
}
