//! The lock of a whole array: exclusive or shared, robust, fair under contention.
//!
//! # State
//!
//! | where | what | who writes |
//! |---|---|---|
//! | `lock`, bits 0-29 | identity of the owner: who has, or is about to have, the array alone | compare-exchange from 0, or from a dead owner |
//! | `lock`, bit 30 INCONSISTENT | a holder died while writing; stays until recovered | who takes over from the dead; cleared by `recover` |
//! | `lock`, bit 31 WAITERS | somebody sleeps on this word | waiters; cleared by unlock, which wakes |
//! | slot's `shared`, low half | how often this process holds the array shared | that process alone; a dead one's is reaped |
//! | `readers`, one bit a slot | where to look for holders | set before a slot's first shared lock |
//! | `writer` | the owner, once all readers have gone | the owner |
//! | `drain` | 1: the owner sleeps until readers have gone | the owner; cleared by who wakes it |
//! | `next` | identity of a waiter who has slept: nobody else may take `lock` before it | that waiter; anybody, after a while |
//! | `begun`, `ended` | writes begun and ended; their difference tells a torn read | the exclusive holder |
//!
//! # Transitions
//!
//! - **exclusive**: make oneself the owner of `lock`; wait until no living slot holds it shared; store `writer`.
//! - **shared**: raise the own slot's counter, *then* look at `lock`. If it has an owner, lower the counter again and
//!   wait. (The owner does the same the other way round: first `lock`, then the counters. Both are sequentially
//!   consistent, so of two who come at once at least one sees the other.)
//! - **unlock**: lower what was raised, wake who sleeps.
//! - **death**: a waiter asks whether the owner lives before each of its sleeps. A dead one is replaced by exchanging
//!   exactly the word that was seen. If it was `writer` too, it may have left the elements half written: the word
//!   becomes INCONSISTENT. An owner that died waiting for readers has not written, and nobody is alarmed.
//!
//! A kill between any two instructions leaves a state of this table. A wake-up that is lost that way costs a waiter
//! one sleep, 20 ms at most.
//!
//! # Fairness
//!
//! The fast paths take what is free, in any order: handing over from sleeper to sleeper would cost a wake-up for each
//! acquisition. But a waiter that has slept and still finds the lock taken writes itself into `next`, and exclusive
//! lockers then leave `lock` to it. Readers need not: an owner keeps new readers out by being the owner.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use std::time::{Duration, Instant};

use crate::error::{Errno, Error, Result};
use crate::os::futex::{self, Queue};
use crate::os::time::Timeout;
use crate::segment::attachment::{Attachment, Identity};
use crate::segment::format::lock_bit::WAITERS;
use crate::segment::format::{Slot, Words};

use super::generation;
use super::patience::{Expired, Patience};

pub use crate::segment::format::lock_bit::INCONSISTENT;

/// How long others hold back for one who is next; it may have been stopped, or killed.
const DEFERENCE: Duration = Duration::from_millis(10);
const DEFERENCE_STEP: Duration = Duration::from_millis(1);

/// Alone, or together with others who only read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Nobody else holds the lock.
    Exclusive,
    /// Nobody holds it exclusively.
    Shared,
}

/// The lock is held; this is how it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Acquired {
    /// All who held it before gave it back.
    Clean,
    /// Somebody died while writing, and nobody has recovered since: the elements may be half written.
    OwnerDied,
}

impl Acquired {
    fn from_word(word: u32) -> Acquired {
        if word & INCONSISTENT == 0 { Acquired::Clean } else { Acquired::OwnerDied }
    }
}

/// Take the lock. EBUSY for [`Timeout::Try`], ETIMEDOUT for any other end of patience.
#[inline]
pub fn lock(attachment: &Attachment, mode: Mode, timeout: Timeout) -> Result<Acquired> {
    match mode {
        Mode::Exclusive => lock_exclusive(attachment, timeout),
        Mode::Shared => lock_shared(attachment, timeout),
    }
}

/// Give back what [`lock`] gave. The caller knows that this process holds it so.
#[inline]
pub fn unlock(attachment: &Attachment, mode: Mode) -> Result<()> {
    match mode {
        Mode::Exclusive => unlock_exclusive(attachment)?,
        Mode::Shared => lower(attachment.words(), attachment.own_slot()?),
    }
    Ok(())
}

/// Declare the elements repaired. The caller holds the lock exclusively.
pub fn recover(attachment: &Attachment) {
    attachment.words().lock.fetch_and(!INCONSISTENT, SeqCst);
}

#[inline]
fn lock_exclusive(attachment: &Attachment, timeout: Timeout) -> Result<Acquired> {
    let words = attachment.words();
    let me = attachment.identity()?;
    let mut patience = Patience::new(timeout);
    // SYNC: pairs with the Release in `unlock_exclusive`; SeqCst against the counters in `lock_shared`.
    let at_once = words.next.load(Relaxed) == 0 && words.lock.compare_exchange(0, me.bits(), SeqCst, Relaxed).is_ok();
    if !at_once {
        own(attachment, me, &mut patience)?;
    }
    if first_reader(attachment).is_some() {
        wait_for_readers(attachment, &mut patience).inspect_err(|_| disown(words))?;
    }
    words.writer.store(me.bits(), Release);
    let word = words.lock.load(Relaxed);
    let begun = words.begun.load(Relaxed);
    if word & INCONSISTENT != 0 {
        // A dead writer's write never ended; alone with the array, nobody else's can be under way.
        words.ended.store(begun, Relaxed);
    }
    // SYNC: pairs with the Acquire loads of who copies without a lock: what is written now comes after `begun`.
    words.begun.store(begun.wrapping_add(1), Release);
    std::sync::atomic::fence(Release);
    Ok(Acquired::from_word(word))
}

#[inline]
fn unlock_exclusive(attachment: &Attachment) -> Result<()> {
    let words = attachment.words();
    generation::sign(attachment)?;
    // SYNC: what was written is visible to whoever sees that the write has ended.
    words.ended.store(words.begun.load(Relaxed), Release);
    words.writer.store(0, Relaxed);
    disown(words);
    generation::announce(attachment);
    Ok(())
}

/// Be nobody's owner any more.
#[inline]
fn disown(words: &Words) {
    // SYNC: pairs with the exchange of the next owner, and with the loads of readers.
    let before = words.lock.fetch_and(INCONSISTENT, SeqCst);
    if before & WAITERS != 0 {
        wake(words);
    }
}

#[cold]
fn wake(words: &Words) {
    futex::wake(&words.lock, Queue::Readers, i32::MAX);
    // One is enough: it will find, and set again, that others sleep.
    futex::wake(&words.lock, Queue::Writers, 1);
}

/// Become the owner of the lock word.
#[cold]
fn own(attachment: &Attachment, me: Identity, patience: &mut Patience) -> Result<()> {
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

/// The first slot that holds the lock shared, dead or alive.
#[inline]
fn first_reader(attachment: &Attachment) -> Option<(&Slot, usize, u64)> {
    let control = attachment.control();
    for (group, word) in attachment.words().readers.iter().take(control.slots().div_ceil(64)).enumerate() {
        // SYNC: SeqCst against the bit and the counter in `lock_shared`.
        let mut bits = word.load(SeqCst);
        while bits != 0 {
            let index = group * 64 + bits.trailing_zeros() as usize;
            bits &= bits - 1;
            if let Some(slot) = control.slot(index) {
                let shared = slot.shared.load(SeqCst);
                if shared as u32 != 0 {
                    return Some((slot, index, shared));
                }
            }
        }
    }
    None
}

/// The owner of the lock word waits until nobody holds it shared.
#[cold]
fn wait_for_readers(attachment: &Attachment, patience: &mut Patience) -> Result<()> {
    let words = attachment.words();
    while first_reader(attachment).is_some() {
        if patience.spin() {
            continue;
        }
        // SYNC: SeqCst against `lower`: either the reader sees the 1, or we see its counter lowered.
        words.drain.store(1, SeqCst);
        let Some((slot, index, shared)) = first_reader(attachment) else { break };
        if !attachment.is_alive_or_self(Identity::of_slot(index, (shared >> 32) as u32))? {
            // Exactly what the dead one left: a new owner of the slot has another incarnation in it.
            let _ = slot.shared.compare_exchange(shared, shared & !u64::from(u32::MAX), SeqCst, Relaxed);
            continue;
        }
        let slept = patience.sleep(&words.drain, 1, Queue::Writers);
        slept.map_err(|Expired| refusal(attachment, words.lock.load(Relaxed), patience))?;
    }
    words.drain.store(0, Relaxed);
    Ok(())
}

#[inline]
fn lock_shared(attachment: &Attachment, timeout: Timeout) -> Result<Acquired> {
    let me = attachment.identity()?;
    let words = attachment.words();
    let slot = attachment.own_slot()?;
    attachment.remember_reader(me.slot().unwrap_or_default());
    match raise(words, slot) {
        Some(acquired) => Ok(acquired),
        None => wait_to_share(attachment, me, slot, timeout),
    }
}

/// Hold the lock shared if it has no owner.
#[inline]
fn raise(words: &Words, slot: &Slot) -> Option<Acquired> {
    // SYNC: SeqCst against the owner, who writes `lock` and then reads the counters.
    slot.shared.fetch_add(1, SeqCst);
    let word = words.lock.load(SeqCst);
    if Identity::from_word(word).is_none() {
        return Some(Acquired::from_word(word));
    }
    lower(words, slot);
    None
}

#[inline]
fn lower(words: &Words, slot: &Slot) {
    slot.shared.fetch_sub(1, SeqCst);
    if words.drain.load(SeqCst) != 0 {
        words.drain.store(0, SeqCst);
        futex::wake(&words.drain, Queue::Writers, 1);
    }
}

#[cold]
fn wait_to_share(attachment: &Attachment, me: Identity, slot: &Slot, timeout: Timeout) -> Result<Acquired> {
    let words = attachment.words();
    let mut patience = Patience::new(timeout);
    let turn = Turn::new(attachment, me);
    loop {
        let word = words.lock.load(Relaxed);
        let Some(owner) = Identity::from_word(word) else {
            match raise(words, slot) {
                Some(acquired) => return Ok(acquired),
                None => patience.check().map_err(|Expired| refusal(attachment, word, &patience))?,
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
                patience.check().map_err(|Expired| refusal(attachment, word, &patience))?;
            }
            continue;
        }
        if patience.has_slept() {
            turn.ask();
        }
        let slept = sleep_on_lock(words, word, &mut patience, Queue::Readers);
        slept.map_err(|Expired| refusal(attachment, word, &patience))?;
    }
}

/// One waiter's claim to be next, and its deference to another's. Given up when the wait ends, however it ends.
struct Turn<'a> {
    attachment: &'a Attachment,
    me: Identity,
    deferring: Option<(u32, Instant)>,
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
            return Ok(true);
        }
        let is_over = match self.deferring {
            Some((other, since)) if other == next => since.elapsed() > DEFERENCE,
            _ => {
                self.deferring = Some((next, Instant::now()));
                match Identity::from_word(next) {
                    Some(other) => !self.attachment.is_alive_or_self(other)?,
                    None => true,
                }
            }
        };
        if is_over {
            self.withdraw(next);
        }
        Ok(is_over)
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
    }
}

/// Why the lock was not had in time, with the pid of who has it.
#[cold]
fn refusal(attachment: &Attachment, word: u32, patience: &Patience) -> Error {
    let pid_at = |slot: Option<&Slot>| slot.map_or(0, |slot| slot.pid.load(Relaxed));
    let me = attachment.identity().ok();
    let holder = match Identity::from_word(word) {
        Some(owner) if Some(owner) != me => {
            let pid = pid_at(owner.slot().and_then(|slot| attachment.control().slot(slot)));
            format!("process {pid} holds it exclusively, or waits for its readers")
        }
        _ => match first_reader(attachment) {
            Some((slot, _, _)) => format!("process {} holds it shared", pid_at(Some(slot))),
            None => "this process, or one that has just gone, held it".into(),
        },
    };
    let errno = if patience.only_tries() { Errno::EBUSY } else { Errno::ETIMEDOUT };
    Error::os(errno, format!("the lock is not free: {holder}"))
}
