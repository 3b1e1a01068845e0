//! A bell: how those who change something in shared memory wake those who wait for it to change.
//!
//! The word counts rings in steps of two; its lowest bit says that somebody listens. A waiter *listens* first (the bit
//! is set, and the word noted), then looks at what it waits for, and sleeps only while the word is as noted. Who changes
//! something changes it first and *rings* afterwards: where nobody listens that is one load. A ring moves the word on and
//! clears the bit in one exchange, and wakes all.
//!
//! Nothing is lost: of a listener who looks and a ringer who has changed something at the same time, at least one sees
//! the other. If the exchange of a ring fails, another ring has come in between; it wakes whoever listened before, and who
//! listens after it finds the change already there. What waiters look at is the state, never the bell: a ringer that is
//! killed before it rings delays them by one sleep, [`LONGEST_SLEEP`](super::patience::LONGEST_SLEEP).
//!
//! Who may only read cannot set the bit. Where a segment was made for such listeners, every ring is a loud one.

use crate::os::atomic::AtomicU32;
use crate::os::atomic::Ordering::SeqCst;
use crate::os::futex::{self, Queue};

use super::patience::{Expired, Patience};

const LISTENED: u32 = 1;

/// Whether a ring at this word wakes anybody.
#[inline]
fn reaches_anybody(word: u32, loud: bool) -> bool {
    word & LISTENED != 0 || loud
}

/// One word in shared memory.
#[repr(transparent)]
#[derive(Debug, Default)]
pub struct Bell(AtomicU32);

impl Bell {
    /// The bell that a word is used as.
    #[inline]
    pub fn on(word: &AtomicU32) -> &Bell {
        // SAFETY: a bell is such a word and nothing else (repr(transparent)).
        unsafe { &*(&raw const *word).cast::<Bell>() }
    }

    /// From now on every ring is noticed by [`Bell::sleep`]. `announce`: the caller may write the word.
    pub fn listen(&self, announce: bool) -> u32 {
        // SYNC: SeqCst against `ring`: either the ringer sees the bit, or we see what it changed before.
        if announce { self.0.fetch_or(LISTENED, SeqCst) | LISTENED } else { self.0.load(SeqCst) }
    }

    /// Something has changed. The change was made by a sequentially consistent exchange, or one came after it.
    #[inline]
    pub fn ring(&self, loud: bool) {
        // SYNC: SeqCst against `listen`.
        let word = self.0.load(SeqCst);
        if reaches_anybody(word, loud) {
            self.wake(word);
        }
    }

    /// Whether a ring would wake anybody, now.
    #[inline]
    pub fn is_heard(&self, loud: bool) -> bool {
        // SYNC: as in `ring`.
        reaches_anybody(self.0.load(SeqCst), loud)
    }

    #[cold]
    #[inline(never)]
    fn wake(&self, word: u32) {
        let _ = self.0.compare_exchange(word, (word | LISTENED).wrapping_add(1), SeqCst, SeqCst);
        futex::wake(&self.0, Queue::Readers, i32::MAX);
    }

    /// Sleep until the bell rings, if it has not since it was `heard`: at most one sleep of a patient waiter.
    pub fn sleep(&self, heard: u32, patience: &mut Patience) -> Result<(), Expired> {
        patience.sleep(&self.0, heard, Queue::Readers)
    }

    /// For who waits at several bells at once.
    pub fn word(&self) -> &AtomicU32 {
        &self.0
    }

    /// Wait until `look` finds what it looks for.
    pub fn wait<T>(
        &self,
        announce: bool,
        patience: &mut Patience,
        mut look: impl FnMut() -> Option<T>,
    ) -> Result<T, Expired> {
        loop {
            if let Some(found) = look() {
                return Ok(found);
            }
            if patience.only_tries() {
                return Err(Expired);
            }
            if patience.spin() {
                continue;
            }
            let heard = self.listen(announce);
            if let Some(found) = look() {
                return Ok(found);
            }
            self.sleep(heard, patience)?;
        }
    }
}
