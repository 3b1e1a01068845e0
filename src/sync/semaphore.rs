//! A counting semaphore, of one of two kinds.
//!
//! A **signalling** semaphore is a count as POSIX has it: anybody posts, anybody takes, and who took owes nothing.
//!
//! An **owned** semaphore is a limit: so many permits, of which each process holds some. Beside the count stands a table
//! with what each process holds, so that the permits of the dead come back. Both change under a small robust mutex; who
//! finds that its last owner died inside counts anew: available is the limit minus what the living hold. Who finds no
//! permit looks for the dead before each of its sleeps, and that is how their permits come back.
//!
//! Giving back waits for nobody: where the mutex's owner has been stopped inside, the giver lowers its own entry, in
//! one exchange that leaves the mark UNCOUNTED there, and whoever has the mutex next counts anew. Before it looks at an
//! entry it takes the mark away, so that what is lowered after the look is marked again.
//!
//! # The count
//!
//! | bits | what |
//! |---|---|
//! | 0-30 | how many can be taken |
//! | 31 SLEEPERS | somebody sleeps on this word |
//! | 32 HUNGRY | somebody has slept more than once in vain |
//! | 33-63 | how often something was given: so that a watcher sees every time, not only the last |
//!
//! The lower half is the word that waiters sleep on, while it is SLEEPERS and nothing else. Giving clears SLEEPERS and wakes as many as it
//! gives. One that has slept does not know whether others still do: it sets SLEEPERS again, and wakes one more if it
//! leaves something. A giver killed before it wakes delays a sleeper by one sleep.
//!
//! Who comes takes what is there, in any order, which is fast and may starve those who sleep. So one that has slept more
//! than once in vain says that it is HUNGRY: who has just come then lets others go first for as long as it would spin.

use std::mem::size_of;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicU32, AtomicU64};

use crate::error::{Code, Errno, Error, Result};
use crate::os::futex::{self, Queue};
use crate::os::time::Timeout;
use crate::segment::Access;
use crate::segment::attachment::Identity;
use crate::segment::directory::Watch;
use crate::segment::format::{DEFAULT_SLOTS, kind, lock_bit};
use crate::segment::object::{Object, ObjectOptions, Room, State};

use super::bell::Bell;
use super::holds::Holds;
use super::mutex::{self, Guard};
use super::notifier::{Sight, Source, Watches};
use super::patience::{Expired, Patience};

/// The largest count.
pub const MAX_VALUE: u32 = (1 << 31) - 1;
const SLEEPERS: u64 = 1 << 31;
const COUNT: u64 = MAX_VALUE as u64;
const HUNGRY: u64 = 1 << 32;
const GIVEN: u64 = 1 << 33;
/// In an entry of the table: permits were given back from it that are not in the count yet.
const UNCOUNTED: u64 = 1 << 31;

/// Whose the permits are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nobody's: posted and taken by anybody.
    Signalling,
    /// Who took one holds it, until it posts or dies.
    Owned,
}

/// In shared memory; all that changes is in the second half.
#[repr(C)]
#[derive(Debug)]
pub struct Words {
    /// 1 signalling, 2 owned; never changes.
    kind: AtomicU32,
    /// The largest count; never changes.
    limit: AtomicU32,
    reserved: [AtomicU64; 7],
    count: AtomicU64,
    /// For watchers.
    bell: Bell,
    /// Of the table.
    mutex: AtomicU32,
    /// Permits that came back from the dead.
    reclaimed: AtomicU64,
    reserved_line: [AtomicU64; 5],
}

const _: () = assert!(size_of::<Words>() == 128);

// SAFETY: repr(C), atomics only.
unsafe impl State for Words {
    const KIND: u32 = kind::SEMAPHORE;
}

/// A moment in the life of a semaphore.
#[derive(Clone, Debug)]
pub struct Stat {
    /// Which kind it is.
    pub kind: Kind,
    /// What can be taken.
    pub value: u32,
    /// The largest count.
    pub limit: u32,
    /// Permits that came back from the dead.
    pub reclaimed: u64,
    /// Living holders: pid, and how many.
    pub holders: Vec<(u32, u32)>,
}

/// One handle on a semaphore.
#[derive(Debug)]
pub struct Semaphore {
    watches: Watches,
    core: Arc<Core>,
    holds: Holds,
}

/// What a handle shares with those who watch through it.
#[derive(Debug)]
struct Core {
    object: Object<Words>,
    kind: Kind,
    limit: u32,
}

impl Semaphore {
    /// Make one with `value` to take: for an owned one that is its limit.
    pub fn create(name: Option<&str>, kind: Kind, value: u32, options: &ObjectOptions) -> Result<Semaphore> {
        if value > MAX_VALUE || kind == Kind::Owned && value == 0 {
            let least = u32::from(kind == Kind::Owned);
            return Err(Error::invalid(format!("a value of {value}: it must be from {least} to {MAX_VALUE}")));
        }
        let limit = if kind == Kind::Owned { value } else { MAX_VALUE };
        let slots = if options.slots == 0 { DEFAULT_SLOTS } else { options.slots };
        let room = Room::bytes(slots as usize * size_of::<AtomicU64>(), 0);
        let (object, is_new) = Object::create(name, &room, options, |new: &Object<Words>| {
            let words = new.state();
            words.kind.store(if kind == Kind::Owned { 2 } else { 1 }, Relaxed);
            words.limit.store(limit, Relaxed);
            words.count.store(value.into(), Relaxed);
            Ok(())
        })?;
        let semaphore = Semaphore::over(object)?;
        let core = &semaphore.core;
        if is_new || (core.kind, core.limit) == (kind, limit) {
            return Ok(semaphore);
        }
        let (place, found, of) = (core.object.segment().place(), core.kind, core.limit);
        Err(Error::os(
            Errno::EEXIST,
            format!("{place} is another semaphore: {found:?} with a limit of {of}, not {kind:?} with {limit}"),
        ))
    }

    /// Open by name.
    pub fn open(name: &str, access: Access) -> Result<Semaphore> {
        Semaphore::over(Object::open(name, access)?)
    }

    /// Open what a descriptor stands for.
    pub fn open_fd(fd: BorrowedFd<'_>, access: Access) -> Result<Semaphore> {
        Semaphore::over(Object::open_fd(fd, access)?)
    }

    fn over(object: Object<Words>) -> Result<Semaphore> {
        let words = object.state();
        let (number, limit) = (words.kind.load(Relaxed), words.limit.load(Relaxed));
        let slots = object.description().header.slots as usize;
        let kind = match number {
            1 => Kind::Signalling,
            2 if object.extra().1 / size_of::<AtomicU64>() >= slots => Kind::Owned,
            _ => return Err(Error::new(Code::Corrupt, format!("{}: no semaphore's state", object.segment().place()))),
        };
        let core = Arc::new(Core { object, kind, limit: limit.min(MAX_VALUE) });
        Ok(Semaphore { watches: Watches::default(), core, holds: Holds::default() })
    }

    /// What it stands on.
    pub fn object(&self) -> &Object<Words> {
        &self.core.object
    }

    /// Take one, waiting until there is one.
    #[inline]
    pub fn wait(&self, timeout: Timeout) -> Result<()> {
        self.core.object.require_writable()?;
        self.core.wait(timeout)?;
        if self.core.kind == Kind::Owned {
            self.holds.add();
        }
        Ok(())
    }

    /// Give `n`: permits that this handle holds, or, to a signalling semaphore, anything.
    #[inline]
    pub fn post(&self, n: u32) -> Result<()> {
        self.core.object.require_writable()?;
        if n == 0 || n > MAX_VALUE {
            return Err(Error::invalid(format!("posting {n}: it must be from 1 to {MAX_VALUE}")));
        }
        if self.core.kind == Kind::Signalling {
            return self.core.count_up(n);
        }
        if self.holds.take(n) {
            return self.core.give_back(n);
        }
        let held = self.holds.count();
        Err(Error::os(
            Errno::EPERM,
            format!(
                "this handle holds {held} permits, not {n}: give back through the handle that waited; a child made by fork \
                 holds none of its parent's"
            ),
        ))
    }

    /// What could be taken now; whoever asks may only read.
    pub fn value(&self) -> u32 {
        self.core.value()
    }

    /// Who holds how many.
    pub fn stat(&self) -> Stat {
        self.core.stat()
    }

    /// A descriptor that becomes readable when there is something to take.
    pub fn notify_fd(&self) -> Result<OwnedFd> {
        self.watches.add(self.core.clone(), None)
    }
}

impl Core {
    /// Take one, waiting until there is one.
    #[inline]
    fn wait(&self, timeout: Timeout) -> Result<()> {
        let mut patience = Patience::new(timeout);
        let mut is_polite = !patience.only_tries();
        let mut sleeps = 0;
        loop {
            if self.take(&mut patience, is_polite)? {
                return Ok(());
            }
            if patience.only_tries() {
                return self.try_after_the_dead(&mut patience);
            }
            if patience.spin() {
                continue;
            }
            if is_polite {
                is_polite = false;
                continue;
            }
            if self.bring_back_from_the_dead(&mut patience)? {
                continue;
            }
            sleeps += 1;
            self.sleep(&mut patience, sleeps > 2).map_err(|Expired| self.refusal(&patience))?;
        }
    }

    /// Say in the count, if there is nothing, that somebody sleeps, and sleep.
    fn sleep(&self, patience: &mut Patience, is_hungry: bool) -> std::result::Result<(), Expired> {
        let count = &self.object.state().count;
        let word = count.load(Relaxed);
        let marked = word | SLEEPERS | if is_hungry { HUNGRY } else { 0 };
        if word & COUNT != 0 || word != marked && count.compare_exchange(word, marked, SeqCst, Relaxed).is_err() {
            return patience.check();
        }
        patience.sleep(lower_half(count), SLEEPERS as u32, Queue::Writers)
    }

    /// One that only tries looks for the dead once.
    #[cold]
    fn try_after_the_dead(&self, patience: &mut Patience) -> Result<()> {
        if self.bring_back_from_the_dead(patience)? && self.take(patience, false)? {
            return Ok(());
        }
        Err(self.refusal(patience))
    }

    /// Take one, if there is one; who is polite leaves it to the hungry.
    #[inline]
    fn take(&self, patience: &mut Patience, is_polite: bool) -> Result<bool> {
        let word = self.object.state().count.load(Relaxed);
        if word & COUNT == 0 || is_polite && word & HUNGRY != 0 {
            return Ok(false);
        }
        if self.kind == Kind::Signalling {
            return Ok(self.count_down(patience.has_slept()));
        }
        let mut guard = self.table(patience)?;
        if guard.is_inconsistent() {
            guard.mend(|| self.count_anew())?;
        }
        let entry = self.own_entry()?;
        self.make_own(entry)?;
        if !self.count_down(patience.has_slept()) {
            return Ok(false);
        }
        change_share(entry, |held| (held + 1).min(COUNT));
        Ok(true)
    }

    #[inline]
    fn count_down(&self, has_slept: bool) -> bool {
        let count = &self.object.state().count;
        let mut word = count.load(Relaxed);
        loop {
            if word & COUNT == 0 {
                return false;
            }
            let after = (word - 1) & !HUNGRY | if has_slept { SLEEPERS } else { 0 };
            // SYNC: pairs with the exchange in `count_up`: what was written before a post is seen after the wait.
            match count.compare_exchange_weak(word, after, SeqCst, Relaxed) {
                Ok(_) if has_slept && after & COUNT != 0 => {
                    futex::wake(lower_half(count), Queue::Writers, 1);
                    return true;
                }
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
    }

    /// Permits of this process go back.
    fn give_back(&self, n: u32) -> Result<()> {
        let entry = self.own_entry()?;
        let lower = |mark: u64| change_share(entry, |held| held.saturating_sub(n.into()) | mark);
        let Ok(mut guard) = self.table(&mut Patience::new(Timeout::For(mutex::MOMENT))) else {
            lower(UNCOUNTED);
            // Not needed, but sooner found.
            mutex::doubt(&self.object.state().mutex);
            return Ok(());
        };
        lower(0);
        if guard.is_inconsistent() {
            return guard.mend(|| self.count_anew());
        }
        self.count_up(n)
    }

    #[inline]
    fn count_up(&self, n: u32) -> Result<()> {
        let words = self.object.state();
        let mut word = words.count.load(Relaxed);
        loop {
            let available = (word & COUNT) as u32;
            if n > self.limit.saturating_sub(available) {
                let limit = self.limit;
                return Err(Error::os(
                    Errno::EOVERFLOW,
                    format!("posting {n} to a count of {available} would exceed the largest count, {limit}"),
                ));
            }
            let after = (word & !SLEEPERS).wrapping_add(GIVEN) + u64::from(n);
            match words.count.compare_exchange_weak(word, after, SeqCst, Relaxed) {
                Ok(_) => break,
                Err(now) => word = now,
            }
        }
        if word & SLEEPERS != 0 {
            futex::wake(lower_half(&words.count), Queue::Writers, n as i32);
        }
        self.ring();
        Ok(())
    }

    #[inline]
    fn ring(&self) {
        self.object.state().bell.ring(self.object.wakes_readers());
    }

    fn table<'a>(&'a self, patience: &mut Patience) -> Result<Guard<'a>> {
        let words = self.object.state();
        mutex::lock(&words.mutex, self.object.attachment()?, patience)
    }

    /// What each process holds: high half the incarnation of its slot, low half how much, and UNCOUNTED.
    fn shares(&self) -> &[AtomicU64] {
        let (start, _) = self.object.extra();
        let slots = self.object.description().header.slots as usize;
        // SAFETY: `over` saw that they lie within the state, which is aligned to 128 bytes behind 128 bytes; atomics.
        unsafe { std::slice::from_raw_parts(start.as_ptr().cast::<AtomicU64>(), slots) }
    }

    #[inline]
    fn own_entry(&self) -> Result<&AtomicU64> {
        let slot = self.object.attachment()?.identity()?.slot();
        let entry = slot.and_then(|slot| self.shares().get(slot));
        entry.ok_or_else(|| Error::new(Code::Corrupt, "the table of permits is gone"))
    }

    /// Under the mutex: the entry says what this process holds. What a dead owner of the same slot held goes back to
    /// the count first.
    #[inline]
    fn make_own(&self, entry: &AtomicU64) -> Result<()> {
        let incarnation = self.object.attachment()?.identity()?.incarnation();
        let mine = u64::from(incarnation) << 32;
        let share = entry.load(Relaxed);
        if share >> 32 == mine >> 32 {
            return Ok(());
        }
        entry.store(mine, Relaxed);
        if share as u32 == 0 {
            return Ok(());
        }
        self.object.state().reclaimed.fetch_add(share & COUNT, Relaxed);
        self.count_anew()
    }

    /// Whether somebody who held permits has died, or gave them back uncounted, so that there are some now.
    #[cold]
    fn bring_back_from_the_dead(&self, patience: &mut Patience) -> Result<bool> {
        if self.kind == Kind::Signalling || !self.has_dead_holders()? {
            return Ok(false);
        }
        let mut guard = self.table(patience)?;
        guard.mend(|| self.count_anew())?;
        Ok(true)
    }

    fn has_dead_holders(&self) -> Result<bool> {
        let attachment = self.object.attachment()?;
        let mutex = self.object.state().mutex.load(Relaxed);
        if mutex & lock_bit::INCONSISTENT != 0 {
            return Ok(true);
        }
        let at_work = Identity::from_word(mutex);
        if self.holders().any(|(_, entry)| entry.load(Relaxed) & UNCOUNTED != 0) {
            return Ok(true);
        }
        for who in at_work.into_iter().chain(self.holders().map(|(who, _)| who)) {
            if !attachment.is_alive_or_self(who)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn holders(&self) -> impl Iterator<Item = (Identity, &AtomicU64)> {
        self.shares().iter().enumerate().filter_map(|(slot, entry)| {
            let share = entry.load(Relaxed);
            (share as u32 != 0).then(|| (Identity::of_slot(slot, (share >> 32) as u32), entry))
        })
    }

    /// Under the mutex: available is the limit minus what the living hold.
    fn count_anew(&self) -> Result<()> {
        let words = self.object.state();
        let mut held = 0u32;
        for (identity, entry) in self.holders() {
            // SYNC: SeqCst against `give_back`: what it lowers after this look is marked again.
            let share = entry.fetch_and(!UNCOUNTED, SeqCst) & COUNT;
            let is_alive = self.object.attachment().and_then(|attachment| attachment.is_alive_or_self(identity));
            if is_alive.inspect_err(|_| mutex::doubt(&words.mutex))? {
                held = held.saturating_add(share as u32);
            } else {
                entry.store(0, Relaxed);
                words.reclaimed.fetch_add(share, Relaxed);
            }
        }
        let available = u64::from(self.limit.saturating_sub(held));
        let given = words.count.load(Relaxed) & !(GIVEN - 1);
        words.count.swap(given.wrapping_add(GIVEN) | available, SeqCst);
        futex::wake(lower_half(&words.count), Queue::Writers, i32::MAX);
        self.ring();
        Ok(())
    }

    /// What can be taken now.
    fn value(&self) -> u32 {
        (self.object.state().count.load(SeqCst) & COUNT) as u32
    }

    /// Who holds how many.
    fn stat(&self) -> Stat {
        let watch = Watch::new(self.object.segment());
        let control = self.object.segment().control();
        let pid_of = |identity: Identity| {
            let slot = control.and_then(|control| control.slot(identity.slot()?))?;
            let is_current = Identity::of_slot(identity.slot()?, slot.incarnation.load(Relaxed)) == identity;
            (is_current && watch.has_slot(identity)).then(|| slot.pid.load(Relaxed))
        };
        let holders = match self.kind {
            Kind::Signalling => Vec::new(),
            Kind::Owned => {
                let living = self
                    .holders()
                    .filter_map(|(who, entry)| Some((pid_of(who)?, (entry.load(Relaxed) & COUNT) as u32)));
                living.filter(|(_, held)| *held != 0).collect()
            }
        };
        let reclaimed = self.object.state().reclaimed.load(Relaxed);
        Stat { kind: self.kind, value: self.value(), limit: self.limit, reclaimed, holders }
    }

    #[cold]
    fn refusal(&self, patience: &Patience) -> Error {
        let errno = if patience.only_tries() { Errno::EBUSY } else { Errno::ETIMEDOUT };
        let place = self.object.segment().place();
        if self.kind == Kind::Signalling {
            return Error::os(errno, format!("{place}: nobody has posted"));
        }
        let holders = self.stat().holders;
        let who: Vec<String> = holders.iter().take(8).map(|(pid, held)| format!("process {pid} {held}")).collect();
        Error::os(
            errno,
            format!("{place}: all {} permits are taken: {} ({} holders)", self.limit, who.join(", "), holders.len()),
        )
    }
}

impl Drop for Semaphore {
    fn drop(&mut self) {
        let held = self.holds.count();
        if held != 0 {
            let _ = self.post(held);
        }
    }
}

impl Source for Core {
    fn bell(&self) -> &Bell {
        &self.object.state().bell
    }

    fn announces(&self) -> bool {
        self.object.is_writable()
    }

    fn is_silent(&self) -> bool {
        // No bell rings for the dead, either.
        self.kind == Kind::Owned || !self.object.is_writable() && !self.object.wakes_readers()
    }

    fn look(&self) -> Sight {
        let count = &self.object.state().count;
        if count.load(Relaxed) & COUNT == 0 && self.object.is_writable() {
            // Whoever cannot is not told of them now, but the next time.
            let _ = self.bring_back_from_the_dead(&mut Patience::new(Timeout::Try));
        }
        let word = count.load(SeqCst);
        Sight { is_ready: word & COUNT != 0, begun: word / GIVEN, ended: word / GIVEN }
    }
}

/// Change what an own entry says: by threads of its process alone, with the mutex or without.
fn change_share(entry: &AtomicU64, change: impl Fn(u64) -> u64) {
    let mut share = entry.load(Relaxed);
    loop {
        let changed = share & !COUNT | change(share & COUNT);
        match entry.compare_exchange_weak(share, changed, SeqCst, Relaxed) {
            Ok(_) => return,
            Err(now) => share = now,
        }
    }
}

/// The word that waiters sleep on. Only its address is used: the kernel looks at it.
fn lower_half(count: &AtomicU64) -> &AtomicU32 {
    let halves: *const AtomicU32 = (&raw const *count).cast();
    let lower = if cfg!(target_endian = "big") { 1 } else { 0 };
    // SAFETY: within the eight bytes, aligned, and alive as long as they are.
    unsafe { &*halves.add(lower) }
}
