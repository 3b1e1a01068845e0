//! How the two ends of a channel wait for each other: at a bell (`sync::bell`), which rings only where somebody sleeps.

use std::sync::atomic::AtomicU32;

use crate::error::Result;
use crate::os::time::{self, Timeout};
use crate::sync::bell::Bell;
use crate::sync::patience::{Expired, Patience};

/// Between two looks. Each look takes the cache line away from who is about to publish: looking seldom lets it publish
/// several messages, which then are taken for the price of one look.
const MOST_PAUSES: u32 = 8;
/// From then on a patient waiter yields its processor, which takes long enough.
const ALL_PAUSES: u32 = 96;

/// A place to wait at, in shared memory; it has a cache line for itself.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct Post {
    bell: Bell,
    reserved: [AtomicU32; 15],
}

impl Post {
    /// Wake those who sleep here, if any do. What they wait for has been published, by an exchange (SeqCst), before.
    #[inline]
    pub fn ring(&self) {
        self.bell.ring(false);
    }

    /// The bell itself, for who watches it.
    pub fn bell(&self) -> &Bell {
        &self.bell
    }

    /// Wait until `attempt` gives something; `None` when the time is up. `look_round` is called before a sleep, and once
    /// where the caller only tries: for what no living process would ring for.
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
            // An attempt may wait for its turn, for a moment; many of them would take longer than the caller's time.
            let begun = time::coarse_ms();
            let (mut pauses, mut paused) = (1, 0);
            while (0..pauses).all(|_| patience.spin()) && time::coarse_ms() == begun {
                if let Some(done) = attempt()? {
                    return Ok(Some(done));
                }
                paused += pauses;
                pauses = if paused < ALL_PAUSES { (pauses * 2).min(MOST_PAUSES) } else { 1 };
            }
            look_round()?;
            if patience.only_tries() {
                return attempt();
            }
            let heard = self.bell.listen(true);
            if let Some(done) = attempt()? {
                return Ok(Some(done));
            }
            if self.bell.sleep(heard, &mut patience) == Err(Expired) {
                return Ok(None);
            }
            if let Some(done) = attempt()? {
                return Ok(Some(done));
            }
        }
    }
}
