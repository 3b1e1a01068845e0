//! The lock word: how to become its owner, and how to wait for one.

use crate::error::{Errno, Error, Result};
use crate::os::atomic::AtomicU64;
use crate::os::atomic::Ordering::{Acquire, Relaxed, SeqCst};
use crate::os::futex::{self, Queue};
use crate::os::time::{self, Duration};
use crate::segment::attachment::{Attachment, Identity};
use crate::segment::format::Words;
use crate::segment::format::lock_bit::{INCONSISTENT, WAITERS};
use crate::sync::bell::Bell;
use crate::sync::patience::{Expired, Patience};

use super::holders::{Holds, first_reader, lower, pid_of};
use super::mode::Acquired;

/// How long others hold back for one who is next; it may have been stopped, or killed.
const DEFERENCE: u32 = 10; // milliseconds
const DEFERENCE_STEP: Duration = Duration::from_millis(1);

/// Be the owner no more.
#[inline]
pub fn disown(words: &Words, me: Identity) {
    // SYNC: pairs with the exchange of the next owner, and with the loads of readers.
    if words.lock.compare_exchange(me.bits(), 0, SeqCst, Relaxed).is_err() {
        disown_and_wake(words);
    }
}

/// As [`disown`], where somebody sleeps, or elements are in doubt.
#[cold]
#[inline(never)]
pub fn disown_and_wake(words: &Words) {
    if words.lock.fetch_and(INCONSISTENT, SeqCst) & WAITERS == 0 {
        return;
    }
    futex::wake(&words.lock, Queue::Readers, i32::MAX);
    // One is enough: it will find, and set again, that others sleep.
    futex::wake(&words.lock, Queue::Writers, 1);
}

/// Become the owner of the lock word.
#[cold]
pub fn own(attachment: &Attachment, me: Identity, patience: &mut Patience) -> Result<()> {
    let words = attachment.words();
    let mut turn = Turn::new(attachment, me);
    loop {
        let word = words.lock.load(Relaxed);
        let owner = Identity::from_word(word);
        if owner.is_none() && turn.has_come()? {
            // Who has slept does not know whether others still do.
            let sleepers = if patience.has_slept() { WAITERS } else { word & WAITERS };
            let mine = me.bits() | (word & INCONSISTENT) | sleepers;
            if words.lock.compare_exchange(word, mine, SeqCst, Relaxed).is_ok() {
                return Ok(());
            }
            patience.check().map_err(|Expired| refusal(attachment, word, patience))?;
            continue;
        }
        if patience.spin() {
            continue;
        }
        let Some(owner) = owner else {
            // Free, but for somebody else: not for long.
            let slept = patience.sleep_at_most(&words.lock, word, Queue::Writers, DEFERENCE_STEP);
            slept.map_err(|Expired| refusal(attachment, word, patience))?;
            continue;
        };
        if !attachment.is_alive_or_self(owner)? {
            let inherited = me.bits() | state_after(words, owner, word);
            if words.lock.compare_exchange(word, inherited, SeqCst, Relaxed).is_ok() {
                return Ok(());
            }
            patience.check().map_err(|Expired| refusal(attachment, word, patience))?;
            continue;
        }
        if patience.has_slept() {
            turn.ask();
        }
        let slept = sleep_on_lock(words, word, patience, Queue::Writers);
        slept.map_err(|Expired| refusal(attachment, word, patience))?;
    }
}

/// The flags of the lock word when a dead owner is taken out of it.
fn state_after(words: &Words, dead: Identity, word: u32) -> u32 {
    let was_writing = words.writer.load(Acquire) == dead.bits();
    (word & (INCONSISTENT | WAITERS)) | if was_writing { INCONSISTENT } else { 0 }
}

/// Say in the word that somebody sleeps, and sleep.
fn sleep_on_lock(words: &Words, word: u32, patience: &mut Patience, queue: Queue) -> std::result::Result<(), Expired> {
    let marked = word | WAITERS;
    if word != marked && words.lock.compare_exchange(word, marked, SeqCst, Relaxed).is_err() {
        return Ok(());
    }
    patience.sleep(&words.lock, marked, queue)
}

/// The owner of the lock word waits until nobody holds it shared, or a range of it.
#[cold]
pub fn wait_for_readers(attachment: &Attachment, patience: &mut Patience) -> Result<()> {
    let words = attachment.words();
    while first_reader(attachment, Holds::Any).is_some() {
        if patience.spin() {
            continue;
        }
        // Either the reader hears us, or we see its counter lowered.
        let expected = Bell::on(&words.drain).listen(true);
        let Some(reader) = first_reader(attachment, Holds::Any) else { break };
        if !attachment.is_alive_or_self(reader.identity())? {
            reader.forget();
            continue;
        }
        let slept = Bell::on(&words.drain).sleep(expected, patience);
        slept.map_err(|Expired| refusal(attachment, words.lock.load(Relaxed), patience))?;
    }
    Ok(())
}

/// Raise a counter if the lock has no owner.
#[inline]
pub fn raise(words: &Words, counter: &AtomicU64) -> Option<Acquired> {
    // SYNC: SeqCst against the owner, who writes `lock` and then reads the counters.
    counter.fetch_add(1, SeqCst);
    let word = words.lock.load(SeqCst);
    if Identity::from_word(word).is_none() {
        return Some(Acquired::from_word(word));
    }
    lower(words, counter);
    None
}

/// Raise a counter as soon as the lock has no owner.
#[cold]
pub fn wait_to_share(
    attachment: &Attachment,
    me: Identity,
    counter: &AtomicU64,
    patience: &mut Patience,
) -> Result<Acquired> {
    let words = attachment.words();
    let turn = Turn::new(attachment, me);
    loop {
        let word = words.lock.load(Relaxed);
        let Some(owner) = Identity::from_word(word) else {
            match raise(words, counter) {
                Some(acquired) => return Ok(acquired),
                None => patience.check().map_err(|Expired| refusal(attachment, word, patience))?,
            }
            continue;
        };
        if patience.spin() {
            continue;
        }
        if !attachment.is_alive_or_self(owner)? {
            // Nobody's, with what its death leaves behind; then share it like anybody else.
            let left = state_after(words, owner, word);
            if words.lock.compare_exchange(word, left, SeqCst, Relaxed).is_err() {
                patience.check().map_err(|Expired| refusal(attachment, word, patience))?;
            }
            continue;
        }
        if patience.has_slept() {
            turn.ask();
        }
        let slept = sleep_on_lock(words, word, patience, Queue::Readers);
        slept.map_err(|Expired| refusal(attachment, word, patience))?;
    }
}

/// One waiter's claim to be next, and its deference to another's. Given up when the wait ends, however it ends.
struct Turn<'a> {
    attachment: &'a Attachment,
    me: Identity,
    /// To whom, and since when.
    deferring: Option<(u32, u32)>,
}

impl<'a> Turn<'a> {
    fn new(attachment: &'a Attachment, me: Identity) -> Turn<'a> {
        Turn { attachment, me, deferring: None }
    }

    /// Ask to be the next owner, unless somebody else does.
    fn ask(&self) {
        let next = &self.attachment.words().next;
        if next.load(Relaxed) == 0 {
            let _ = next.compare_exchange(0, self.me.bits(), Relaxed, Relaxed);
        }
    }

    /// Whether a free lock may be taken, now.
    fn has_come(&mut self) -> Result<bool> {
        let next = self.attachment.words().next.load(Relaxed);
        if next == 0 || next == self.me.bits() {
            self.defer_no_more();
            return Ok(true);
        }
        let now = time::coarse_ms() as u32;
        let is_over = match self.deferring {
            Some((other, since)) if other == next => now.wrapping_sub(since) > DEFERENCE,
            _ => {
                let since = self.refused_since(next).unwrap_or(now);
                self.deferring = Some((next, since));
                now.wrapping_sub(since) > DEFERENCE
                    || match Identity::from_word(next) {
                        Some(other) => !self.attachment.is_alive_or_self(other)?,
                        None => true,
                    }
            }
        };
        if is_over {
            self.defer_no_more();
            self.withdraw(next);
        }
        Ok(is_over)
    }

    /// Since when this process was refused the lock for the sake of that one: who only tries, again and again, must not be
    /// refused a free lock for ever by one who was stopped.
    fn refused_since(&self, next: u32) -> Option<u32> {
        let refused = self.attachment.refused().load(Relaxed);
        (refused as u32 == next).then_some((refused >> 32) as u32)
    }

    fn defer_no_more(&mut self) {
        self.deferring = None;
        self.attachment.refused().store(0, Relaxed);
    }

    fn withdraw(&self, next: u32) {
        let _ = self.attachment.words().next.compare_exchange(next, 0, Relaxed, Relaxed);
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if self.attachment.words().next.load(Relaxed) == self.me.bits() {
            self.withdraw(self.me.bits());
        }
        if let Some((next, since)) = self.deferring {
            self.attachment.refused().store(u64::from(since) << 32 | u64::from(next), Relaxed);
        }
    }
}

/// Why the lock was not had in time, with the pid of who has it.
#[cold]
fn refusal(attachment: &Attachment, word: u32, patience: &Patience) -> Error {
    let me = attachment.identity().ok();
    let holder = match Identity::from_word(word) {
        Some(owner) if Some(owner) != me => {
            format!("process {} holds it exclusively, or waits for its readers", pid_of(attachment, owner))
        }
        _ => match first_reader(attachment, Holds::Any) {
            Some(reader) => format!("process {} holds it shared, or rows of it", pid_of(attachment, reader.identity())),
            None => "this process, or one that has just gone, held it".into(),
        },
    };
    let errno = if patience.only_tries() { Errno::EBUSY } else { Errno::ETIMEDOUT };
    Error::os(errno, format!("the lock is not free: {holder}"))
}
