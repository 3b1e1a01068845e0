//! A meeting point: so many participants come, and go on together; then they meet again.
//!
//! Who takes part is known by its slot, from its first wait (or when it joins) until it closes its handle. A participant
//! that dies is not waited for: who waits finds out before its next sleep, or who comes last, and *calls the meeting off*:
//! all that wait are told EOWNERDEAD, as is everybody who comes later, until somebody resets the barrier.
//!
//! # State
//!
//! All of it changes under a small robust mutex.
//!
//! | where | what |
//! |---|---|
//! | `phase` | number of the meeting that is being waited for; one store ends it for all |
//! | `died`, `cancelled` | one bit for each of the last 64 meetings: how it ended, if not well |
//! | `arrived` | how many have come to this one; the sum over the table |
//! | `broken` | a participant died, and nobody has reset the barrier |
//! | table, `member` | high half: incarnation of the slot's owner; low half: its handles that take part |
//! | table, `waiting` | high half: the lower half of a phase; low half: how many of this process wait for that meeting |
//!
//! Entries for an earlier phase count for nothing, so that there is nothing to tidy up when a phase ends. Who finds that
//! the mutex's last owner died inside adds up the table anew, and calls the meeting off if a participant is dead.

use std::mem::size_of;
use std::os::fd::BorrowedFd;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicU32, AtomicU64};

use crate::error::{Code, Errno, Error, Result};
use crate::os::time::Timeout;
use crate::segment::Access;
use crate::segment::attachment::Identity;
use crate::segment::directory::Watch;
use crate::segment::format::{DEFAULT_SLOTS, kind};
use crate::segment::object::{Object, ObjectOptions, Room, State};

use super::bell::Bell;
use super::holds::Holds;
use super::mutex::{self, Guard};
use super::patience::Patience;

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
        let _guard = self.table(&mut Patience::new(Timeout::Forever))?;
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
            let (phase, before) = (words.phase.load(Relaxed), words.arrived.load(Relaxed));
            self.count_in(entry, phase, 1);
            if before.saturating_add(1) >= self.participants {
                // Who came and died since is reported, not taken for one who goes on.
                if self.has_dead_members().inspect_err(|_| self.count_in(entry, phase, -1))? {
                    self.call_off();
                    return Err(self.called_off());
                }
                self.end(End::Met);
                return Ok(before);
            }
            (phase, before)
        };
        self.await_end(phase, entry, &mut patience).map(|()| before)
    }

    fn await_end(&self, phase: u64, entry: &Entry, patience: &mut Patience) -> Result<()> {
        let words = self.object.state();
        let has_ended = || words.phase.load(SeqCst) != phase;
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
            let _guard = self.table(&mut Patience::new(Timeout::Forever))?;
            if has_ended() {
                continue;
            }
            if matches!(somebody_died, Ok(true)) {
                self.call_off();
                continue;
            }
            let arrived = words.arrived.load(Relaxed);
            self.count_in(entry, phase, -1);
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
        let mut guard = mutex::lock(&words.mutex, self.object.attachment()?, &mut Patience::new(Timeout::Forever))?;
        self.forget_the_dead()?;
        self.add_up();
        guard.repaired();
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
            phase: words.phase.load(Relaxed),
            is_broken: words.broken.load(Relaxed) != 0,
            pids: self.members().filter_map(|(who, _)| pid_of(who)).collect(),
        }
    }

    /// The mutex; what a dead owner left in disorder is put in order first.
    fn table<'a>(&'a self, patience: &mut Patience) -> Result<Guard<'a>> {
        let words = self.object.state();
        let attachment = self.object.attachment()?;
        let mut guard = match patience.only_tries() {
            true => mutex::lock(&words.mutex, attachment, &mut Patience::new(mutex::BRIEFLY))?,
            false => mutex::lock(&words.mutex, attachment, patience)?,
        };
        if guard.is_inconsistent() {
            self.add_up();
            if self.has_dead_members()? {
                self.call_off();
            }
            guard.repaired();
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
        entry.member.store(mine | u64::from(handles.saturating_add(1)), Relaxed);
        self.joined.add();
        Ok(())
    }

    /// Under the mutex: so many more of this process wait for this meeting.
    fn count_in(&self, entry: &Entry, phase: u64, change: i32) {
        let waiting = waiting_for(entry, phase).saturating_add_signed(change);
        entry.waiting.store(phase << 32 | u64::from(waiting), Relaxed);
        let arrived = &self.object.state().arrived;
        arrived.store(arrived.load(Relaxed).saturating_add_signed(change), Relaxed);
    }

    /// Under the mutex: the meeting is over, for all.
    fn end(&self, how: End) {
        let words = self.object.state();
        let phase = words.phase.load(Relaxed);
        let (bit, next) = (1u64 << (phase % 64), 1u64 << ((phase + 1) % 64));
        for (mask, end) in [(&words.died, End::Died), (&words.cancelled, End::Cancelled)] {
            let marked = mask.load(Relaxed) & !next;
            mask.store(if how == end { marked | bit } else { marked & !bit }, SeqCst);
        }
        words.arrived.store(0, Relaxed);
        // SYNC: pairs with the loads of `await_end`: who sees the phase sees how the last one ended.
        words.phase.swap(phase.wrapping_add(1), SeqCst);
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
    fn add_up(&self) {
        let words = self.object.state();
        let phase = words.phase.load(Relaxed);
        let arrived = self.entries().iter().fold(0u32, |sum, entry| sum.saturating_add(waiting_for(entry, phase)));
        words.arrived.store(arrived, Relaxed);
    }
}

/// How many of a process wait for this meeting.
fn waiting_for(entry: &Entry, phase: u64) -> u32 {
    let waiting = entry.waiting.load(Relaxed);
    if waiting >> 32 == phase & u64::from(u32::MAX) { waiting as u32 } else { 0 }
}

impl Drop for Barrier {
    /// A participant that leaves in good order is not missed.
    fn drop(&mut self) {
        if self.joined.count() == 0 {
            return;
        }
        let leave = || -> Result<()> {
            let entry = self.own_entry()?;
            let _guard = self.table(&mut Patience::new(Timeout::Forever))?;
            let member = entry.member.load(Relaxed);
            entry.member.store(member - u64::from(member as u32 != 0), Relaxed);
            Ok(())
        };
        let _ = leave();
    }
}
