//! The lock of a whole array: exclusive or shared, robust, fair under contention. Ranges of rows (`ranges`) stand on
//! it.
//!
//! # State
//!
//! | where | what | who writes |
//! |---|---|---|
//! | `lock`, bits 0-29 | identity of the owner: who has, or is about to have, the array alone | compare-exchange from 0, or from a dead owner |
//! | `lock`, bit 30 INCONSISTENT | a holder died while writing; stays until recovered | who takes over from the dead; cleared by `recover` |
//! | `lock`, bit 31 WAITERS | somebody sleeps on this word | waiters; cleared by unlock, which wakes |
//! | slot's `shared`, low half | how often this process holds the array shared | that process alone; a dead one's is reaped |
//! | slot's `ranged`, low half | how many ranges of rows it holds or wants | as `shared` |
//! | `readers`, one bit a slot | where to look for holders | set before a slot's first shared lock |
//! | `ranges_exclusive` | how many exclusive ranges are wanted, held, or left dirty by the dead | `range_table`, under its mutex |
//! | `writer` | the owner, once all readers have gone | the owner |
//! | `drain` | a bell: somebody sleeps until readers have gone | who sleeps; readers who go ring it |
//! | `next` | identity of a waiter who has slept: nobody else may take `lock` before it | that waiter; anybody, after a while |
//! | `begun`, `ended` | writes begun and ended; their difference tells a torn read | the exclusive holder; who is in the table of ranges |
//!
//! # Transitions
//!
//! - **exclusive**: make oneself the owner of `lock`; wait until no living slot holds it shared, or a range of it;
//!   store `writer`.
//! - **shared**: raise the own slot's counter, *then* look at `lock` and at `ranges_exclusive`. If there is an owner,
//!   or an exclusive range, lower the counter again and wait for the one, draw a ticket among the others. (They do the
//!   same the other way round: first their word, then the counters. All this is sequentially consistent, so of two who
//!   come at once at least one sees the other.)
//! - **range**: raise the slot's other counter, then look at `lock` alone; the rest is told in `ranges`. (These are the
//!   intention locks of hierarchical locking; Gray and others, 1975.)
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

use crate::error::{Errno, Error, Result};
use crate::os::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use crate::os::atomic::{AtomicU64, fence};
use crate::os::futex::{self, Queue};
use crate::os::time::{Duration, Instant, Timeout};
use crate::segment::attachment::{Attachment, Identity};
use crate::segment::format::Words;
use crate::segment::format::lock_bit::WAITERS;

use super::bell::Bell;
use super::patience::{Expired, Patience};
use super::{generation, ranges};

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
    /// As the lock word has it.
    pub fn from_word(word: u32) -> Acquired {
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

/// Take the lock if nobody at all is there, neither now nor dead: false says nothing but that [`lock`] must do it. Most
/// locks are free, and this is all that they cost.
#[inline]
pub fn lock_at_once(attachment: &Attachment, me: Identity, mode: Mode) -> bool {
    let words = attachment.words();
    if mode == Mode::Shared {
        let Some((index, slot)) = me.slot().and_then(|index| Some((index, attachment.control().slot(index)?))) else {
            return false;
        };
        attachment.remember_reader(index);
        // SYNC: as in `lock_shared`.
        slot.shared.fetch_add(1, SeqCst);
        let is_free = words.lock.load(SeqCst) == 0 && words.ranges_exclusive.load(SeqCst) == 0;
        if !is_free {
            lower(words, &slot.shared);
        }
        return is_free;
    }
    // SYNC: as in `lock_exclusive`.
    if words.next.load(Relaxed) != 0 || words.lock.compare_exchange(0, me.bits(), SeqCst, Relaxed).is_err() {
        return false;
    }
    let is_free = words.ranges_exclusive.load(SeqCst) == 0 && first_reader(attachment, Holds::Any).is_none();
    if is_free {
        words.writer.store(me.bits(), Release);
        begin_write(words);
    } else {
        disown(words);
    }
    is_free
}

/// Give back what [`lock`] gave. The caller knows that this process holds it so.
#[inline]
pub fn unlock(attachment: &Attachment, mode: Mode) -> Result<()> {
    if give_back(attachment, attachment.identity()?, mode) { Ok(()) } else { Err(not_the_owner()) }
}

/// As [`unlock`], for who knows its identity; false where another thread has done it in this very moment.
#[inline]
pub fn give_back(attachment: &Attachment, me: Identity, mode: Mode) -> bool {
    let words = attachment.words();
    match mode {
        Mode::Exclusive => {
            Identity::from_word(words.lock.load(Relaxed)) == Some(me) && {
                unlock_exclusive(attachment, me);
                true
            }
        }
        Mode::Shared => me.slot().and_then(|index| attachment.control().slot(index)).is_some_and(|slot| {
            lower(words, &slot.shared);
            true
        }),
    }
}

/// Declare all elements repaired. The caller holds the lock exclusively.
pub fn recover(attachment: &Attachment) -> Result<()> {
    let words = attachment.words();
    if words.ranges_exclusive.load(Relaxed) != 0 {
        ranges::recover_all(attachment)?;
    }
    words.lock.fetch_and(!INCONSISTENT, SeqCst);
    Ok(())
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
    if first_reader(attachment, Holds::Any).is_some() {
        wait_for_readers(attachment, &mut patience).inspect_err(|_| disown(words))?;
    }
    let has_dirty_ranges = words.ranges_exclusive.load(SeqCst) != 0
        && ranges::bury_all(attachment, &mut patience).inspect_err(|_| disown(words))?;
    words.writer.store(me.bits(), Release);
    let word = words.lock.load(Relaxed);
    if word & INCONSISTENT != 0 {
        // A dead writer's write never ended; alone with the array, nobody else's can be under way.
        end_writes_but(words, 0);
    }
    begin_write(words);
    Ok(if has_dirty_ranges { Acquired::OwnerDied } else { Acquired::from_word(word) })
}

#[inline]
fn unlock_exclusive(attachment: &Attachment, me: Identity) {
    let words = attachment.words();
    generation::sign(attachment, me);
    end_writes_but(words, 0);
    words.writer.store(0, Relaxed);
    disown(words);
    generation::announce(attachment);
}

#[cold]
fn not_the_owner() -> Error {
    Error::os(Errno::EPERM, "another thread has given the lock back already, through the same handle")
}

/// Tell everybody from now on that elements may be half written, until somebody recovers the whole array.
pub(super) fn doubt(words: &Words) {
    words.lock.fetch_or(INCONSISTENT, SeqCst);
}

/// A write begins. The caller is alone with the array, or in the table of ranges.
#[inline]
pub(super) fn begin_write(words: &Words) {
    // SYNC: pairs with the Acquire loads of who copies without a lock: what is written now comes after `begun`.
    words.begun.store(words.begun.load(Relaxed).wrapping_add(1), Release);
    fence(Release);
}

/// All writes have ended but so many, which go on. The caller is alone with the array, or in the table of ranges.
#[inline]
pub(super) fn end_writes_but(words: &Words, going_on: u64) {
    // SYNC: what was written is visible to whoever sees that the write has ended.
    words.ended.store(words.begun.load(Relaxed).wrapping_sub(going_on), Release);
}

/// How many writes are under way.
pub(super) fn writes_under_way(words: &Words) -> u64 {
    words.begun.load(Relaxed).wrapping_sub(words.ended.load(Relaxed))
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

/// Which holds of a slot count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    /// Of the whole array.
    Whole,
    /// Of the whole array, or of ranges.
    Any,
}

/// A slot whose process holds the array shared, dead or alive.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    index: usize,
    counter: &'a AtomicU64,
    seen: u64,
}

impl Reader<'_> {
    pub fn identity(&self) -> Identity {
        Identity::of_slot(self.index, (self.seen >> 32) as u32)
    }

    /// The reader is dead. Exactly what it left goes: a new owner of the slot has another incarnation in it.
    pub fn forget(&self) {
        let _ = self.counter.compare_exchange(self.seen, self.seen & !u64::from(u32::MAX), SeqCst, Relaxed);
    }
}

/// The first slot that holds the lock shared, dead or alive.
#[inline]
pub(super) fn first_reader(attachment: &Attachment, holds: Holds) -> Option<Reader<'_>> {
    let control = attachment.control();
    for (group, word) in attachment.words().readers.iter().take(control.slots().div_ceil(64)).enumerate() {
        // SYNC: SeqCst against the bit and the counter in `lock_shared` and `enter_by_range`.
        let mut bits = word.load(SeqCst);
        while bits != 0 {
            let index = group * 64 + bits.trailing_zeros() as usize;
            bits &= bits - 1;
            let Some(slot) = control.slot(index) else { continue };
            // In this order: who comes in turn raises `shared` while `ranged` is still raised.
            let counters = [&slot.ranged, &slot.shared];
            for counter in if holds == Holds::Any { &counters[..] } else { &counters[1..] } {
                let seen = counter.load(SeqCst);
                if seen as u32 != 0 {
                    return Some(Reader { index, counter, seen });
                }
            }
        }
    }
    None
}

/// The owner of the lock word waits until nobody holds it shared, or a range of it.
#[cold]
fn wait_for_readers(attachment: &Attachment, patience: &mut Patience) -> Result<()> {
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

#[inline]
fn lock_shared(attachment: &Attachment, timeout: Timeout) -> Result<Acquired> {
    let me = attachment.identity()?;
    let words = attachment.words();
    let slot = attachment.own_slot()?;
    attachment.remember_reader(me.slot().unwrap_or_default());
    // SYNC: SeqCst against an owner, or one with an exclusive range, who writes its word and then reads the counters.
    slot.shared.fetch_add(1, SeqCst);
    let word = words.lock.load(SeqCst);
    if Identity::from_word(word).is_none() && words.ranges_exclusive.load(SeqCst) == 0 {
        return Ok(Acquired::from_word(word));
    }
    lower(words, &slot.shared);
    share_in_turn(attachment, me, &slot.shared, timeout)
}

/// After the owner of the word, and in turn with those who want ranges alone.
#[cold]
fn share_in_turn(attachment: &Attachment, me: Identity, counter: &AtomicU64, timeout: Timeout) -> Result<Acquired> {
    let words = attachment.words();
    let mut patience = Patience::new(timeout);
    let acquired = wait_to_share(attachment, me, counter, &mut patience)?;
    if words.ranges_exclusive.load(SeqCst) == 0 {
        return Ok(acquired);
    }
    lower(words, counter);
    ranges::share_all(attachment, &mut patience)
}

/// Keep those out who want the whole array alone, for the sake of a range.
#[inline]
pub(super) fn enter_by_range(attachment: &Attachment, handle: u64, patience: &mut Patience) -> Result<()> {
    let me = attachment.identity()?;
    let slot = attachment.own_slot()?;
    attachment.remember_reader(me.slot().unwrap_or_default());
    match raise(attachment.words(), &slot.ranged) {
        Some(_) => Ok(()),
        None => enter_beside_owner(attachment, me, handle, patience),
    }
}

/// An owner waits, or writes. Who holds a range through the same handle is one whom it waits for: that one must go on.
#[cold]
fn enter_beside_owner(attachment: &Attachment, me: Identity, handle: u64, patience: &mut Patience) -> Result<()> {
    let (words, slot) = (attachment.words(), attachment.own_slot()?);
    // First raised, then looked: while the range is still held the owner cannot have passed.
    slot.ranged.fetch_add(1, SeqCst);
    if ranges::holds_any(attachment, me, handle) {
        return Ok(());
    }
    lower(words, &slot.ranged);
    wait_to_share(attachment, me, &slot.ranged, patience).map(drop)
}

/// The range is not held any more, nor wanted.
pub(super) fn leave_by_range(attachment: &Attachment) -> Result<()> {
    lower(attachment.words(), &attachment.own_slot()?.ranged);
    Ok(())
}

/// Raise a counter if the lock has no owner.
#[inline]
fn raise(words: &Words, counter: &AtomicU64) -> Option<Acquired> {
    // SYNC: SeqCst against the owner, who writes `lock` and then reads the counters.
    counter.fetch_add(1, SeqCst);
    let word = words.lock.load(SeqCst);
    if Identity::from_word(word).is_none() {
        return Some(Acquired::from_word(word));
    }
    lower(words, counter);
    None
}

#[inline]
fn lower(words: &Words, counter: &AtomicU64) {
    counter.fetch_sub(1, SeqCst);
    Bell::on(&words.drain).ring(false);
}

/// Raise a counter as soon as the lock has no owner.
#[cold]
fn wait_to_share(
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

/// For people: the pid of a process that locks, in its own namespace; 0: unknown.
pub(super) fn pid_of(attachment: &Attachment, who: Identity) -> u32 {
    who.slot().and_then(|slot| attachment.control().slot(slot)).map_or(0, |slot| slot.pid.load(Relaxed))
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
