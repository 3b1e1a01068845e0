//! How the two ends of a channel wait for each other: at a bell (`sync::bell`), which rings only where somebody sleeps.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU32, AtomicU64};

use crate::error::Result;
use crate::os::time::{self, Timeout};
use crate::sync::bell::Bell;
use crate::sync::patience::{Expired, Patience};

/// Between two looks. Each look takes the cache line away from who is about to publish: looking seldom lets it publish
/// several messages, which then are taken for the price of one look.
const MOST_PAUSES: u32 = 8;
/// From then on a patient waiter yields its processor, which takes long enough.
const ALL_PAUSES: u32 = 96;

/// How long a receiver who finds nothing lets the senders alone, before its first look.
///
/// A receiver that is as fast as the senders finds nothing again and again, and takes each message as soon as it is
/// there: then the two fight for the same few cache lines all the time, and a message costs three times as much as
/// where one is some dozens of messages ahead of the other. So where many messages came since the last wait the next
/// wait begins with a longer lull, up to some 5 us; where few came, with a shorter one. Who gets one message at a time,
/// as in a conversation, looks at once.
#[derive(Debug, Default)]
pub struct Pace {
    lull: AtomicU32,
    /// How many messages had been received when somebody waited last.
    received: AtomicU64,
    /// 1: that wait ended at its first look, or, where there is one after each pause, within [`SOON`] of them.
    was_short: AtomicU32,
}

/// As many messages have to come between two waits for the lull to grow, or one for each four pauses of it.
const MANY: u64 = 2;
/// So short a lull grows, too, after a wait that ended at once: nobody can answer so quickly. Where it does not grow it
/// is a conversation, in which every look but the last is for nothing, and a pause too many is a delay.
const SHORT: u32 = 2;
const SOON: u32 = 4;

impl Pace {
    /// Pauses before the first look of a wait that begins when so many messages have been received.
    fn lull(&self, received: u64) -> u32 {
        let came = received.wrapping_sub(self.received.load(Relaxed));
        let last = self.lull.load(Relaxed).clamp(1, ALL_PAUSES);
        let was_short = last <= SHORT && self.was_short.load(Relaxed) != 0;
        let is_dense = was_short || came >= MANY.max(u64::from(last) / 4);
        let lull = if is_dense { (2 * last).min(ALL_PAUSES) } else { last / 2 };
        self.received.store(received, Relaxed);
        self.lull.store(lull, Relaxed);
        lull.max(1)
    }
}

/// How many pauses come before the first look of a wait, and between two later ones at most.
#[derive(Clone, Copy, Debug)]
struct Looks {
    lull: u32,
    most: u32,
}

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
            None => {
                let looks = Looks { lull: 1, most: MOST_PAUSES };
                Ok(self.wait_longer(timeout, looks, || true, attempt, look_round)?.map(|(done, _)| done))
            }
        }
    }

    /// The same for receivers, at a pace: `received` says how many messages there have been. `glance`, where there is
    /// such a thing, says at the cost of a load whether an attempt is worth while: in a conversation after each pause.
    #[inline]
    pub fn wait_at<T>(
        &self,
        pace: &Pace,
        received: impl FnOnce() -> u64,
        timeout: Timeout,
        mut glance: Option<impl FnMut() -> bool>,
        mut attempt: impl FnMut() -> Result<Option<T>>,
        look_round: impl FnMut() -> Result<()>,
    ) -> Result<Option<T>> {
        match attempt()? {
            Some(done) => Ok(Some(done)),
            None => {
                let lull = pace.lull(received());
                let most = if lull <= SHORT && glance.is_some() { 1 } else { MOST_PAUSES.max(lull) };
                let may_be = || glance.as_mut().is_none_or(|glance| glance());
                let waited = self.wait_longer(timeout, Looks { lull, most }, may_be, attempt, look_round)?;
                pace.was_short.store(waited.as_ref().is_some_and(|(_, was_short)| *was_short).into(), Relaxed);
                Ok(waited.map(|(done, _)| done))
            }
        }
    }

    /// Also says whether it was a short wait.
    #[cold]
    fn wait_longer<T>(
        &self,
        timeout: Timeout,
        looks: Looks,
        mut glance: impl FnMut() -> bool,
        mut attempt: impl FnMut() -> Result<Option<T>>,
        mut look_round: impl FnMut() -> Result<()>,
    ) -> Result<Option<(T, bool)>> {
        let mut patience = Patience::new(timeout);
        loop {
            // An attempt may wait for its turn, for a moment; many of them would take longer than the caller's time.
            let begun = time::coarse_ms();
            let (mut pauses, mut paused) = (looks.lull, 0);
            while (0..pauses).all(|_| patience.spin()) {
                if glance() {
                    if time::coarse_ms() != begun {
                        break;
                    }
                    if let Some(done) = attempt()? {
                        let was_short = paused == 0 || looks.most == 1 && paused < SOON;
                        return Ok(Some((done, was_short && !patience.has_slept())));
                    }
                }
                paused += pauses;
                pauses = if paused < ALL_PAUSES { (pauses * 2).min(looks.most) } else { 1 };
            }
            look_round()?;
            if patience.only_tries() {
                return Ok(attempt()?.map(|done| (done, false)));
            }
            let heard = self.bell.listen(true);
            if let Some(done) = attempt()? {
                return Ok(Some((done, false)));
            }
            if self.bell.sleep(heard, &mut patience) == Err(Expired) {
                return Ok(None);
            }
            if let Some(done) = attempt()? {
                return Ok(Some((done, false)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dense_stream_is_looked_at_seldom_and_a_conversation_at_once() {
        let pace = Pace::default();
        let mut received = 0;
        let mut after = |came: u64, was_short: bool| {
            received += came;
            pace.was_short.store(was_short.into(), Relaxed);
            pace.lull(received)
        };
        // One message at a time, each as soon as it is looked for: nobody answers so quickly, so it is a stream.
        assert_eq!([after(1, true), after(1, true), after(1, true)], [2, 4, 2]);
        let grown: Vec<u32> = (0..8).map(|_| after(50, true)).collect();
        assert_eq!(grown, [4, 8, 16, 32, 64, 96, 96, 96]);
        // It becomes a conversation: few messages, which are waited for.
        let shrunk: Vec<u32> = (0..8).map(|_| after(1, false)).collect();
        assert_eq!(shrunk, [48, 24, 12, 6, 3, 1, 1, 1]);
    }
}
