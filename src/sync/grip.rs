//! One handle's grip on the lock of an array: what is held through it, and the short way to take and give it.
//!
//! The lock itself knows processes. Which of a process's handles holds it is told here, so that another handle is refused
//! and a handle that is closed gives back what it has. Exclusive holds are noted in the handle; shared ones are counted in
//! a counter of the process's slot that belongs to this handle alone, if one was free, and else in the handle as well.
//! Ranges stand in the array's table under the handle's number; here is only whether there may be any.
//!
//! What was found on the way once is kept for the next time, with the epoch of the process that found it: a forked child
//! finds its own.

use std::ptr;
use std::sync::Arc;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize};

use crate::error::{Errno, Error, Result};
use crate::os::process;
use crate::os::time::{self, Timeout};
use crate::segment::Segment;
use crate::segment::attachment::{Attachment, COMMON, Identity};

use super::condition::{self, Awoken};
use super::hold::Hold;
use super::lock::holders::lower_if_held;
use super::lock::range_table::Rows;
use super::lock::short::{self, Left, Reached};
use super::lock::whole::{lock_exclusive, lock_shared, not_the_owner, unlock_exclusive};
use super::lock::{Acquired, Mode, ranges};

/// Kept by the handle, and dropped before its segment.
#[derive(Debug)]
pub struct Grip {
    /// Where the epoch of this process stands; at NO_EPOCH until something was remembered.
    epoch_now: AtomicPtr<AtomicU64>,
    /// Which process found the next three; NOBODY until something was remembered.
    epoch: AtomicU64,
    attachment: AtomicPtr<Attachment>,
    /// Null until this process has shared the lock through this handle, and where the handle has no counter of its own.
    counter: AtomicPtr<AtomicU64>,
    me: AtomicU32,
    hold: Hold,
    /// The number of the counter, or UNCHOSEN.
    chosen: AtomicUsize,
    /// Epoch of the process that has locked a range through this handle.
    ranges: AtomicU64,
    /// No other handle of this process has it; never 0.
    number: u64,
}

const UNCHOSEN: usize = usize::MAX;

static NO_EPOCH: AtomicU64 = AtomicU64::new(0);
/// Neither any process's epoch nor what stands at NO_EPOCH.
const NOBODY: u64 = u64::MAX;

static LAST_NUMBER: AtomicU64 = AtomicU64::new(0);

impl Default for Grip {
    fn default() -> Grip {
        Grip {
            epoch_now: AtomicPtr::new((&raw const NO_EPOCH).cast_mut()),
            epoch: AtomicU64::new(NOBODY),
            attachment: AtomicPtr::default(),
            counter: AtomicPtr::default(),
            me: AtomicU32::new(0),
            hold: Hold::default(),
            chosen: AtomicUsize::new(UNCHOSEN),
            ranges: AtomicU64::new(0),
            number: LAST_NUMBER.fetch_add(1, Relaxed) + 1,
        }
    }
}

impl Grip {
    /// Take the lock where nobody else is there and nothing has to be told. From the middle go on with
    /// [`Grip::lock_from_the_middle`].
    #[inline]
    pub fn lock_at_once(&self, mode: Mode) -> Reached {
        let Some((attachment, epoch)) = self.remembered() else { return Reached::Nothing };
        if mode == Mode::Shared {
            return self.counter().map_or(Reached::Nothing, |counter| short::begin_shared(attachment, counter));
        }
        let reached = short::begin_exclusive(attachment, self.me());
        if reached == Reached::End {
            self.hold.add_exclusive(epoch);
        }
        reached
    }

    /// Where [`Grip::lock_at_once`] stopped in the middle: false says that nothing is held.
    pub fn lock_from_the_middle(&self, mode: Mode) -> bool {
        let Some((attachment, epoch)) = self.remembered() else { return false };
        if mode == Mode::Shared {
            if let Some(counter) = self.counter() {
                short::turn_back_from_shared(attachment, counter);
            }
            return false;
        }
        let is_held = short::end_exclusive(attachment, self.me());
        if is_held {
            self.hold.add_exclusive(epoch);
        }
        is_held
    }

    /// Give back what is held, where nothing has to be told. Where [`Left::Exclusive`] is left, go on with
    /// [`Grip::unlock_from_the_middle`].
    #[inline]
    pub fn unlock_at_once(&self) -> Left {
        let Some((attachment, epoch)) = self.remembered() else { return Left::Everything };
        if self.hold.is_exclusive_in(epoch) {
            return Left::Exclusive;
        }
        self.counter().map_or(Left::Everything, |counter| short::give_shared(attachment.words(), counter))
    }

    /// Only where [`Grip::unlock_at_once`] stopped in the middle.
    #[inline]
    pub fn unlock_from_the_middle(&self) -> Left {
        // First of all: little has to be kept over a call.
        let now_ns = time::realtime_coarse_ns();
        let (Some(attachment), me) = (self.attachment(), self.me()) else { return Left::Everything };
        let words = attachment.words();
        // Another thread may have given it back meanwhile.
        if words.lock.load(Relaxed) & Identity::MASK != me.bits() || !self.hold.take_exclusive() {
            return Left::Everything;
        }
        short::give_exclusive(words, me, now_ns, attachment.wakes_readers())
    }

    /// Do what those two have left; false where that is everything.
    pub fn unlock_to_the_end(&self, left: Left) -> bool {
        self.attachment().is_some_and(|attachment| short::give_to_the_end(attachment, self.me(), left))
    }

    /// What this process found the last time, and its epoch.
    #[inline]
    fn remembered(&self) -> Option<(&Attachment, u64)> {
        let epoch = self.epoch()?;
        // SAFETY: `remember` has been here, for there is an epoch, and so has `keep_attachment` before it.
        Some((unsafe { self.attachment().unwrap_unchecked() }, epoch))
    }

    /// The epoch of this process, if it is the one that found what is noted here.
    #[inline]
    fn epoch(&self) -> Option<u64> {
        // SAFETY: that of NO_EPOCH until `remember` has been here, and then for ever where the epoch stands.
        let epoch = unsafe { &*self.epoch_now.load(Acquire) }.load(Relaxed);
        // SYNC: pairs with the Release in `remember`: with the epoch comes what was found in it.
        (self.epoch.load(Acquire) == epoch).then_some(epoch)
    }

    #[inline]
    fn attachment(&self) -> Option<&Attachment> {
        // SAFETY: null, or from Arc::into_raw, and given back only when the grip is dropped.
        unsafe { self.attachment.load(Relaxed).as_ref() }
    }

    /// Who this process is, if it is the one that found what is noted here.
    #[inline]
    fn me(&self) -> Identity {
        Identity::from_bits(self.me.load(Relaxed))
    }

    #[inline]
    fn counter(&self) -> Option<&AtomicU64> {
        // SAFETY: null, or in the mapping of the attachment, which the grip keeps.
        unsafe { self.counter.load(Acquire).as_ref() }
    }

    /// Take the lock; any thread may give it back through this grip. Errors as [`lock_exclusive`].
    pub fn lock(&self, segment: &Segment, mode: Mode, timeout: Timeout) -> Result<Acquired> {
        let attachment = self.keep_attachment(segment)?;
        let acquired = match mode {
            Mode::Exclusive => lock_exclusive(attachment, timeout)?,
            Mode::Shared => {
                let counter = self.choose_counter(attachment);
                lock_shared(attachment, &attachment.own_slot()?.shared[counter], timeout)?
            }
        };
        if mode == Mode::Exclusive || self.chosen.load(Relaxed) == COMMON {
            self.hold.add(mode);
        }
        self.remember(attachment)?;
        Ok(acquired)
    }

    /// Give back what is held; EPERM where nothing is.
    pub fn unlock(&self, segment: &Segment) -> Result<()> {
        let taken = self.hold.take();
        if taken.is_none() && !self.has_own_counter() {
            return Err(nothing_held());
        }
        let attachment = segment.attachment()?;
        if taken == Some(Mode::Exclusive) {
            let is_done = unlock_exclusive(attachment, attachment.identity()?, time::realtime_coarse_ns());
            return if is_done { Ok(()) } else { Err(not_the_owner()) };
        }
        // A process that is nobody here, such as a child that has not locked yet, holds nothing: no slot is claimed.
        let Some(me) = attachment.known_identity() else { return Err(nothing_held()) };
        let slot = me.slot().and_then(|index| attachment.control().slot(index)).ok_or_else(nothing_held)?;
        let counter = if taken.is_some() { COMMON } else { self.chosen.load(Relaxed) };
        if lower_if_held(attachment.words(), &slot.shared[counter]) { Ok(()) } else { Err(nothing_held()) }
    }

    /// Whether the lock is held exclusively through this handle.
    pub fn is_exclusive(&self) -> bool {
        self.hold.is_exclusive()
    }

    /// Give the lock, which is held exclusively, back until a condition is notified: see [`condition::wait`].
    pub fn wait(&self, segment: &Segment, condition: usize, timeout: Timeout) -> Result<Awoken> {
        let attachment = segment.attachment()?;
        self.hold.take();
        let awoken = condition::wait(attachment, condition, timeout)?;
        self.hold.add(Mode::Exclusive);
        Ok(awoken)
    }

    /// Lock a range of rows; any thread may give it back through this grip. Errors as [`lock_exclusive`].
    pub fn lock_range(&self, segment: &Segment, rows: Rows, mode: Mode, timeout: Timeout) -> Result<Acquired> {
        let attachment = self.keep_attachment(segment)?;
        if !self.may_have_ranges() {
            self.ranges.store(process::epoch(), Release);
        }
        ranges::lock(attachment, self.number, rows, mode, timeout)
    }

    /// Give back one range, these rows or any; false where there is none such.
    pub fn unlock_range(&self, segment: &Segment, rows: Option<Rows>) -> Result<bool> {
        Ok(self.may_have_ranges() && ranges::unlock(segment.attachment()?, self.number, rows)?)
    }

    /// Declare rows repaired: see [`ranges::recover`].
    pub fn recover_range(&self, segment: &Segment, rows: Rows) -> Result<()> {
        ranges::recover(segment.attachment()?, self.number, rows)
    }

    /// Give back all that is held.
    pub fn let_go(&self, segment: &Segment) {
        if self.attachment.load(Relaxed).is_null() {
            return;
        }
        while self.unlock(segment).is_ok() {}
        while self.unlock_range(segment, None).unwrap_or(false) {}
    }

    /// Whether this process has ever locked a range through this handle.
    fn may_have_ranges(&self) -> bool {
        self.ranges.load(Acquire) == process::epoch()
    }

    fn has_own_counter(&self) -> bool {
        !matches!(self.chosen.load(Relaxed), COMMON | UNCHOSEN)
    }

    /// Which of a slot's counters this handle counts its shared holds in: always the same one.
    fn choose_counter(&self, attachment: &Attachment) -> usize {
        let chosen = self.chosen.load(Relaxed);
        if chosen != UNCHOSEN {
            return chosen;
        }
        let fresh = attachment.take_counter();
        match self.chosen.compare_exchange(UNCHOSEN, fresh, Relaxed, Relaxed) {
            Ok(_) => fresh,
            Err(another_threads) => {
                attachment.give_counter(fresh);
                another_threads
            }
        }
    }

    /// From the first lock on the attachment lives as long as the grip.
    fn keep_attachment<'a>(&self, segment: &'a Segment) -> Result<&'a Attachment> {
        if self.attachment.load(Relaxed).is_null() {
            let shared = Arc::into_raw(segment.share_attachment()?).cast_mut();
            if self.attachment.compare_exchange(ptr::null_mut(), shared, AcqRel, Relaxed).is_err() {
                // SAFETY: from Arc::into_raw a moment ago, and given to nobody: another thread was faster.
                drop(unsafe { Arc::from_raw(shared) });
            }
        }
        segment.attachment()
    }

    /// For the next time: the short way.
    fn remember(&self, attachment: &Attachment) -> Result<()> {
        let me = attachment.identity()?;
        let counter = if self.has_own_counter() {
            // Its bit was set by who shared first; a child's slot is another one.
            attachment.remember_reader(me.slot().unwrap_or_default());
            (&raw const attachment.own_slot()?.shared[self.chosen.load(Relaxed)]).cast_mut()
        } else {
            ptr::null_mut()
        };
        self.me.store(me.bits(), Relaxed);
        self.counter.store(counter, Release);
        // SYNC: pairs with the Acquire in `epoch`.
        self.epoch.store(process::epoch(), Release);
        self.epoch_now.store((&raw const *process::epoch_word()).cast_mut(), Release);
        Ok(())
    }
}

impl Drop for Grip {
    fn drop(&mut self) {
        let attachment = *self.attachment.get_mut();
        if !attachment.is_null() {
            // SAFETY: from Arc::into_raw in `keep_attachment`, and nobody can use it after this.
            let attachment = unsafe { Arc::from_raw(attachment) };
            attachment.give_counter(match *self.chosen.get_mut() {
                UNCHOSEN => COMMON,
                chosen => chosen,
            });
        }
    }
}

#[cold]
fn nothing_held() -> Error {
    Error::os(
        Errno::EPERM,
        "this handle does not hold the lock: unlock through the handle that locked; a child made by fork holds none of its \
         parent's locks",
    )
}
