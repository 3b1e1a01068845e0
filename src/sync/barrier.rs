//! A meeting point: so many participants come, and go on together; then they meet again.
//!
//! Who takes part is known by its slot, from its first wait (or when it joins) until it closes its handle. A participant
//! that dies is not waited for: who waits finds out before its next sleep, or who comes last, and *calls the meeting off*:
//! all that wait are told EOWNERDEAD, as is everybody who comes later, until somebody resets the barrier.
//!
//! # State
//!
//! All of it changes under a small robust mutex, but for those who leave where its owner has been stopped (below).
//!
//! | where | what |
//! |---|---|
//! | `phase` | number of the meeting that is being waited for; one exchange ends it for all. Bit 63: SEALED (below) |
//! | `died`, `cancelled` | one bit for each of the last 64 meetings: how it ended, if not well |
//! | `arrived` | how many have come to this one; the sum over the table |
//! | `broken` | a participant died, and nobody has reset the barrier |
//! | table, `member` | high half: incarnation of the slot's owner; low half: its handles that take part |
//! | table, `waiting` | high half: the lower half of a phase; low half: how many of this process wait for that meeting |
//!
//! Entries for an earlier phase count for nothing, so that there is nothing to tidy up when a phase ends. Who finds that
//! the mutex's last owner died inside adds up the table anew, and calls the meeting off if a participant is dead.
//!
//! # Leaving
//!
//! Whose time is up leaves at once, though somebody may have been stopped with the mutex: it lowers its own entry, and
//! then looks at the phase. Who comes last must not take it for one who goes on. So the last one *seals* the phase,
//! adds up the table, and ends the meeting by exchanging exactly the sealed phase; who leaves breaks the seal. Either
//! the exchange comes first, and the one who wanted to leave has met the others; or the seal is broken, and the last
//! one adds up again.

use std::mem::size_of;
use std::os::fd::BorrowedFd;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicU32, AtomicU64};

use crate::error::{Code, Errno, Error, Result};
use crate::os::time::{Duration, Timeout};
use crate::segment::Access;
use crate::segment::attachment::Identity;
use crate::segment::directory::Watch;
use crate::segment::format::{DEFAULT_SLOTS, kind};
use crate::segment::object::{Object, ObjectOptions, Room, State};

use super::bell::Bell;
use super::holds::Holds;
use super::mutex::{self, Guard};
use super::patience::Patience;

/// How long those wait for the mutex who were given no time: only one that was stopped with it keeps it so long.
const RECOVERING: Timeout = Timeout::For(Duration::from_secs(1));

/// In `phase`: its meeting is about to end well.
const SEALED: u64 = 1 << 63;

/// The most participants of one barrier.
pub const MAX_PARTICIPANTS: u32 = 65535;

/// In shared memory. Behind it lies the table, one [`Entry`] a slot.
#[repr(C)]
#[derive(Debug)]
pub struct Words {
    /// Never changes.
    participants: AtomicU32,
    reserved_32: AtomicU32,
    reserved: [AtomicU64; 7],
    phase: AtomicU64,
    died: AtomicU64,
    cancelled: AtomicU64,
    bell: Bell,
    mutex: AtomicU32,
    arrived: AtomicU32,
    broken: AtomicU32,
    reserved_line: [AtomicU64; 3],
}

/// One process.
#[repr(C)]
#[derive(Debug)]
struct Entry {
    member: AtomicU64,
    waiting: AtomicU64,
}

const _: () = assert!(size_of::<Words>() == 128 && size_of::<Entry>() == 16);

// SAFETY: repr(C), atomics only.
unsafe impl State for Words {
    const KIND: u32 = kind::BARRIER;
}

/// How a meeting ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Met,
    Died,
    Cancelled,
}

/// A moment in the life of a barrier.
#[derive(Clone, Debug)]
pub struct Stat {
    /// How many have to come.
    pub participants: u32,
    /// How many have come.
    pub arrived: u32,
    /// Meetings that have ended.
    pub phase: u64,
    /// A participant died, and nobody has reset the barrier.
    pub is_broken: bool,
    /// Living processes that take part.
    pub pids: Vec<u32>,
}

/// One handle on a barrier.
#[derive(Debug)]
pub struct Barrier {
    object: Object<Words>,
    participants: u32,
    joined: Holds,
}

impl Barrier {
    /// Make one for so many participants.
    pub fn create(name: Option<&str>, participants: u32, options: &ObjectOptions) -> Result<Barrier> {
        if participants == 0 || participants > MAX_PARTICIPANTS {
            return Err(Error::invalid(format!("{participants} participants, not from 1 to {MAX_PARTICIPANTS}")));
        }
        let slots = if options.slots == 0 { DEFAULT_SLOTS } else { options.slots };
        let room = Room::bytes(slots as usize * size_of::<Entry>(), 0);
        let (object, is_new) = Object::create(name, &room, options, |new: &Object<Words>| {
            new.state().participants.store(participants, Relaxed);
            Ok(())
        })?;
        let barrier = Barrier::over(object)?;
        if is_new || barrier.participants == participants {
            return Ok(barrier);
        }
        let (place, found) = (barrier.object.segment().place(), barrier.participants);
        Err(Error::os(Errno::EEXIST, format!("{place} is a barrier for {found} participants, not {participants}")))
    }

    /// Open by name.
    pub fn open(name: &str, access: Access) -> Result<Barrier> {
        Barrier::over(Object::open(name, access)?)
    }

    /// Open what a descriptor stands for.
    pub fn open_fd(fd: BorrowedFd<'_>, access: Access) -> Result<Barrier> {
        Barrier::over(Object::open_fd(fd, access)?)
    }

    fn over(object: Object<Words>) -> Result<Barrier> {
        let participants = object.state().participants.load(Relaxed);
        let room = object.description().header.slots as usize * size_of::<Entry>();
        if !(1..=MAX_PARTICIPANTS).contains(&participants) || object.extra().1 < room {
            return Err(Error::new(Code::Corrupt, format!("{}: no barrier's state", object.segment().place())));
        }
        Ok(Barrier { object, participants, joined: Holds::default() })
    }

    /// What it stands on.
    pub fn object(&self) -> &Object<Words> {
        &self.object
    }

    /// Be known as a participant from now on, and not only from the first wait.
    pub fn join(&self) -> Result<()> {
        self.object.require_writable()?;
        let _guard = self.table(&mut Patience::new(RECOVERING))?;
        self.enter(self.own_entry()?)
    }

    /// Come, and wait for the others. Says how many had come before: the last one is told `participants - 1`.
    pub fn wait(&self, timeout: Timeout) -> Result<u32> {
        self.object.require_writable()?;
        let mut patience = Patience::new(timeout);
        let words = self.object.state();
        let entry = self.own_entry()?;
        let (phase, before) = {
            let _guard = self.table(&mut patience)?;
            self.enter(entry)?;
            if words.broken.load(Relaxed) != 0 {
                return Err(self.called_off());
            }
            let (phase, before) = (self.phase(), words.arrived.load(Relaxed));
            self.count_in(entry, phase);
            if before.saturating_add(1) >= self.participants {
                // Who came and died since is reported, not taken for one who goes on.
                if self.has_dead_members().inspect_err(|_| self.count_out(entry, phase))? {
                    self.call_off();
                    return Err(self.called_off());
                }
                if self.meet(phase) {
                    return Ok(self.participants - 1);
                }
            }
            (phase, before)
        };
        self.await_end(phase, entry, &mut patience).map(|()| before)
    }

    fn await_end(&self, phase: u64, entry: &Entry, patience: &mut Patience) -> Result<()> {
        let words = self.object.state();
        let has_ended = || self.phase() != phase;
        loop {
            if has_ended() {
                return self.how_it_ended(phase);
            }
            if patience.spin() {
                continue;
            }
            let heard = words.bell.listen(true);
            if has_ended() {
                continue;
            }
            let somebody_died = self.has_dead_members();
            if matches!(somebody_died, Ok(false)) && words.bell.sleep(heard, patience) == Ok(()) {
                continue;
            }
            // Not with our own patience, which may be at its end: what we counted in must be counted out.
            let guard = self.table(&mut Patience::new(Timeout::For(mutex::MOMENT)));
            if has_ended() {
                continue;
            }
            let arrived = words.arrived.load(Relaxed);
            match (&guard, &somebody_died) {
                (Ok(_), Ok(true)) => {
                    self.call_off();
                    continue;
                }
                (Ok(_), _) => self.count_out(entry, phase),
                // The one that was stopped with it goes on, or dies, before our time is up; or else we leave.
                (Err(_), Ok(true)) if patience.check() == Ok(()) => continue,
                (Err(_), _) if self.leave(entry, phase) => {}
                (Err(_), _) => continue,
            }
            somebody_died?;
            let errno = if patience.only_tries() { Errno::EBUSY } else { Errno::ETIMEDOUT };
            let (place, needed) = (self.object.segment().place(), self.participants);
            return Err(Error::os(errno, format!("{place}: {arrived} of {needed} participants have come in time")));
        }
    }

    fn how_it_ended(&self, phase: u64) -> Result<()> {
        let words = self.object.state();
        let bit = 1 << (phase % 64);
        if words.died.load(SeqCst) & bit != 0 {
            return Err(self.called_off());
        }
        if words.cancelled.load(SeqCst) & bit != 0 {
            let place = self.object.segment().place();
            return Err(Error::os(Errno::ECANCELED, format!("{place} was reset while this participant waited")));
        }
        Ok(())
    }

    #[cold]
    fn called_off(&self) -> Error {
        let place = self.object.segment().place();
        Error::os(
            Errno::EOWNERDEAD,
            format!("a participant of {place} has died: nobody meets there until shm_barrier_reset()"),
        )
    }

    /// Whoever waits is told ECANCELED; the dead are forgotten; the next who come begin anew.
    pub fn reset(&self) -> Result<()> {
        self.object.require_writable()?;
        let words = self.object.state();
        let mut guard = mutex::lock(&words.mutex, self.object.attachment()?, &mut Patience::new(RECOVERING))?;
        self.forget_the_dead()?;
        guard.mend(|| self.add_up());
        if words.arrived.load(Relaxed) != 0 {
            self.end(End::Cancelled);
        }
        words.broken.store(0, Relaxed);
        Ok(())
    }

    /// How many have come, and who takes part.
    pub fn stat(&self) -> Stat {
        let words = self.object.state();
        let watch = Watch::new(self.object.segment());
        let control = self.object.segment().control();
        let pid_of = |identity: Identity| {
            let index = identity.slot()?;
            let slot = control?.slot(index)?;
            let is_current = Identity::of_slot(index, slot.incarnation.load(Relaxed)) == identity;
            (is_current && watch.has_slot(identity)).then(|| slot.pid.load(Relaxed))
        };
        Stat {
            participants: self.participants,
            arrived: words.arrived.load(Relaxed),
            phase: self.phase(),
            is_broken: words.broken.load(Relaxed) != 0,
            pids: self.members().filter_map(|(who, _)| pid_of(who)).collect(),
        }
    }

    /// The mutex; what a dead owner left in disorder is put in order first.
    fn table<'a>(&'a self, patience: &mut Patience) -> Result<Guard<'a>> {
        let mut guard = mutex::lock(&self.object.state().mutex, self.object.attachment()?, patience)?;
        if guard.is_inconsistent() {
            guard.mend(|| self.add_up());
            if self.has_dead_members().inspect_err(|_| mutex::doubt(&self.object.state().mutex))? {
                self.call_off();
            }
        }
        Ok(guard)
    }

    fn entries(&self) -> &[Entry] {
        let (start, _) = self.object.extra();
        let slots = self.object.description().header.slots as usize;
        // SAFETY: `over` saw that they lie within the state, which is aligned to 128 bytes behind 128 bytes; atomics.
        unsafe { std::slice::from_raw_parts(start.as_ptr().cast::<Entry>(), slots) }
    }

    fn own_entry(&self) -> Result<&Entry> {
        let slot = self.object.attachment()?.identity()?.slot();
        let entry = slot.and_then(|slot| self.entries().get(slot));
        entry.ok_or_else(|| Error::new(Code::Corrupt, "the table of participants is gone"))
    }

    fn members(&self) -> impl Iterator<Item = (Identity, &Entry)> {
        self.entries().iter().enumerate().filter_map(|(slot, entry)| {
            let member = entry.member.load(Relaxed);
            (member as u32 != 0).then(|| (Identity::of_slot(slot, (member >> 32) as u32), entry))
        })
    }

    fn has_dead_members(&self) -> Result<bool> {
        let attachment = self.object.attachment()?;
        for (who, _) in self.members() {
            if !attachment.is_alive_or_self(who)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Under the mutex: this handle takes part.
    fn enter(&self, entry: &Entry) -> Result<()> {
        if self.joined.count() != 0 {
            return Ok(());
        }
        let mine = u64::from(self.object.attachment()?.identity()?.incarnation()) << 32;
        let member = entry.member.load(Relaxed);
        let handles = if member >> 32 == mine >> 32 { member as u32 } else { 0 };
        if handles == 0 {
            if member as u32 != 0 {
                // The slot's last owner took part, and has died.
                self.call_off();
            }
            entry.waiting.store(0, Relaxed);
        }
        if handles == 0 {
            entry.member.store(mine | 1, Relaxed);
        } else {
            // Other handles of this process may leave at the same time.
            entry.member.fetch_add(1, Relaxed);
        }
        self.joined.add();
        Ok(())
    }

    /// Under the mutex: one more of this process waits for this meeting.
    fn count_in(&self, entry: &Entry, phase: u64) {
        change_waiting(entry, |waiting| Some(phase << 32 | u64::from(count_for(waiting, phase).saturating_add(1))));
        let arrived = &self.object.state().arrived;
        arrived.store(arrived.load(Relaxed).saturating_add(1), Relaxed);
    }

    /// Under the mutex, before the meeting has ended: one of this process does not wait for it any more.
    fn count_out(&self, entry: &Entry, phase: u64) {
        change_waiting(entry, |waiting| (count_for(waiting, phase) != 0).then(|| waiting - 1));
        self.add_up();
    }

    /// As `count_out`, without the mutex, which one that was stopped has; false where the meeting has ended.
    fn leave(&self, entry: &Entry, phase: u64) -> bool {
        let words = self.object.state();
        change_waiting(entry, |waiting| (count_for(waiting, phase) != 0).then(|| waiting - 1));
        // SYNC: SeqCst against `meet`: either the last one to come sees our entry, or we see its seal.
        let seal = words.phase.compare_exchange(phase | SEALED, phase, SeqCst, SeqCst);
        // `arrived` is too high until somebody adds up. Who believes it does so before it ends the meeting.
        mutex::doubt(&words.mutex);
        seal.is_ok() || seal == Err(phase)
    }

    /// The number of the meeting.
    fn phase(&self) -> u64 {
        self.object.state().phase.load(SeqCst) & !SEALED
    }

    /// Under the mutex: end the meeting, for all, if as many have come as are needed.
    fn meet(&self, phase: u64) -> bool {
        let words = self.object.state();
        self.note(phase, End::Met);
        loop {
            // SYNC: SeqCst against `leave`, here and in the exchange.
            words.phase.store(phase | SEALED, SeqCst);
            if self.add_up() < self.participants {
                words.phase.store(phase, SeqCst);
                return false;
            }
            if words.phase.compare_exchange(phase | SEALED, next(phase), SeqCst, SeqCst).is_ok() {
                self.begin_next();
                return true;
            }
        }
    }

    /// Under the mutex: the meeting is over, for all, before it came to be.
    fn end(&self, how: End) {
        let (words, phase) = (self.object.state(), self.phase());
        self.note(phase, how);
        // SYNC: pairs with the loads of `await_end`: who sees the phase sees how the last one ended.
        words.phase.swap(next(phase), SeqCst);
        self.begin_next();
    }

    /// Under the mutex: how the meeting ends, which it does not yet.
    fn note(&self, phase: u64, how: End) {
        let words = self.object.state();
        let (bit, next) = (1u64 << (phase % 64), 1u64 << (next(phase) % 64));
        for (mask, end) in [(&words.died, End::Died), (&words.cancelled, End::Cancelled)] {
            let marked = mask.load(Relaxed) & !next;
            mask.store(if how == end { marked | bit } else { marked & !bit }, SeqCst);
        }
    }

    /// Under the mutex: nobody has come to the next meeting.
    fn begin_next(&self) {
        let words = self.object.state();
        words.arrived.store(0, Relaxed);
        words.bell.ring(self.object.wakes_readers());
    }

    /// Under the mutex: a participant is dead.
    fn call_off(&self) {
        self.object.state().broken.store(1, Relaxed);
        self.end(End::Died);
        let _ = self.forget_the_dead();
    }

    /// Under the mutex.
    fn forget_the_dead(&self) -> Result<()> {
        let attachment = self.object.attachment()?;
        for (who, entry) in self.members() {
            if !attachment.is_alive_or_self(who)? {
                entry.member.store(0, Relaxed);
                entry.waiting.store(0, Relaxed);
            }
        }
        Ok(())
    }

    /// Under the mutex: as many have arrived as the table says.
    fn add_up(&self) -> u32 {
        let phase = self.phase();
        let arrived = self.entries().iter().fold(0u32, |sum, entry| sum.saturating_add(waiting_for(entry, phase)));
        self.object.state().arrived.store(arrived, Relaxed);
        arrived
    }
}

/// The number of the meeting after this one.
fn next(phase: u64) -> u64 {
    phase.wrapping_add(1) & !SEALED
}

/// Change an own entry, which this process's threads alone do, with the mutex or without.
fn change_waiting(entry: &Entry, change: impl Fn(u64) -> Option<u64>) {
    let mut waiting = entry.waiting.load(Relaxed);
    while let Some(changed) = change(waiting) {
        match entry.waiting.compare_exchange_weak(waiting, changed, SeqCst, Relaxed) {
            Ok(_) => return,
            Err(now) => waiting = now,
        }
    }
}

/// How many of a process wait for this meeting.
fn waiting_for(entry: &Entry, phase: u64) -> u32 {
    count_for(entry.waiting.load(SeqCst), phase)
}

fn count_for(waiting: u64, phase: u64) -> u32 {
    if waiting >> 32 == phase & u64::from(u32::MAX) { waiting as u32 } else { 0 }
}

impl Drop for Barrier {
    /// A participant that leaves in good order is not missed.
    fn drop(&mut self) {
        if self.joined.count() == 0 {
            return;
        }
        if let Ok(entry) = self.own_entry() {
            // Without the mutex: only this process changes the entry while it lives, each of its handles once.
            entry.member.fetch_sub(1, SeqCst);
        }
    }
}
