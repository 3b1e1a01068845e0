//! Whole buffers, of which the latest is read: writers fill one that nobody looks at and then make it the latest with
//! one store; readers pin the latest and read it where it lies. Nobody ever waits for anybody else.
//!
//! # State
//!
//! | where | what | who writes |
//! |---|---|---|
//! | `latest` | number of the latest frame, and the buffer that it lies in; 0: none yet | who publishes, by compare-exchange |
//! | buffer's `owner` | identity of who fills it; 0: nobody | compare-exchange from 0, or from a dead owner; the owner |
//! | buffer's `number` | the complete frame in it; 0: none | the owner |
//! | pin of slot and buffer | high half: identity of who pins; low half: how often | that process; a dead one's is reaped |
//! | `readers`, one bit a slot | where to look for pins | set before a slot's first pin |
//! | `bell` | rung at each publication | who publishes; who waits |
//!
//! # Transitions
//!
//! - **begin**: make oneself the owner of a buffer. From then on nobody else can publish it, so if it is not the latest
//!   now, it will not be. Set its `number` to 0, *then* look for pins: if there is one, put the number back, and try
//!   another buffer.
//! - **publish**: write the next number into the buffer, and exchange `latest`; then be its owner no more.
//! - **pin**: load `latest`, raise the own pin of its buffer, *then* look whether its `number` still is that frame's.
//!   If not, a writer has taken the buffer since (or is about to find the pin): lower it and begin again. Both sides
//!   first write and then look, in sequentially consistent order, so of two who come at once at least one sees the
//!   other.
//! - **copy without a pin**, for who may only read: load `latest`, copy, and look whether `number` still is that
//!   frame's. It became 0 before the first byte was changed.
//! - **death**: a buffer that a dead writer owns was never visible, or is a complete frame by now; it is taken over by
//!   exchanging exactly the owner that was seen. A dead reader's pin is cleared by who needs its buffer. Whether
//!   somebody lives is asked (of the kernel) only when no other buffer is free.
//!
//! At most p pinned buffers, w that are being filled and the latest are taken: with p + w + 1 buffers every one of w
//! writers always finds one. For one writer that is p + 2.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicU32, AtomicU64, fence};

use crate::error::{Code, Errno, Error, Result};
use crate::segment::Access;
use crate::segment::attachment::{Attachment, Identity};
use crate::segment::format::{DEFAULT_SLOTS, kind};
use crate::segment::object::{Object, ObjectOptions, Room, State};

use super::bell::Bell;
use super::notifier::{Sight, Source, Watches};
use super::patience::{Expired, Patience};

/// One is the latest, one is being written, and one more lets readers in.
pub const FEWEST: u64 = 3;
/// `latest` has this many bits for the buffer.
const BUFFER_BITS: u32 = 10;
/// What they can hold.
pub const MOST: u64 = 1 << BUFFER_BITS;
/// So many races may be lost before the clock is looked at.
const RACES: u32 = 100;

/// What all participants share, beside the buffers' records and the table of pins.
#[repr(C)]
#[derive(Debug)]
pub struct Board {
    /// Number of the frame << 10 | its buffer.
    latest: AtomicU64,
    /// Rings at each publication.
    bell: Bell,
    reserved_32: AtomicU32,
    reserved: [AtomicU64; 14],
    /// One bit a slot: its owner has ever pinned a buffer.
    readers: [AtomicU64; 16],
}

const _: () = assert!(size_of::<Board>() == 256);

// SAFETY: atomics only.
unsafe impl State for Board {
    const KIND: u32 = kind::FRAMES;
}

/// Words of one buffer's record, which has a cache line of its own: `number`, `owner`, and room.
const RECORD: usize = 8;
const NUMBER: usize = 0;
const OWNER: usize = 1;

/// One frame, and where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The first one that was published is 1.
    pub number: u64,
    /// Below the number of buffers.
    pub buffer: usize,
}

/// How the buffers are used at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// Pinned by living readers.
    pub pinned: u32,
    /// Being filled by living writers.
    pub writing: u32,
}

/// The buffers of one object.
#[derive(Debug)]
pub struct Buffers {
    watches: Watches,
    object: Arc<Object<Board>>,
    count: usize,
    slots: usize,
}

impl Buffers {
    /// Make an object of `room.layout.shape()[0]` buffers; `room.extra` is filled in here. Whether it was made, or
    /// existed.
    pub fn create(name: Option<&str>, room: &Room, options: &ObjectOptions) -> Result<(Buffers, bool)> {
        let count = room.layout.shape().first().copied().unwrap_or_default();
        if !(FEWEST..=MOST).contains(&count) {
            return Err(Error::invalid(format!("{count} buffers: at least {FEWEST} and at most {MOST} are possible")));
        }
        let slots = if options.slots == 0 { DEFAULT_SLOTS } else { options.slots } as usize;
        let room = Room { extra: words(count as usize, slots) * size_of::<u64>(), ..*room };
        let (object, is_new) = Object::create(name, &room, options, |_| Ok(()))?;
        Ok((Buffers::over(object)?, is_new))
    }

    /// Open by name.
    pub fn open(name: &str, access: Access) -> Result<Buffers> {
        Buffers::over(Object::open(name, access)?)
    }

    /// Open what a descriptor stands for.
    pub fn open_fd(fd: BorrowedFd<'_>, access: Access) -> Result<Buffers> {
        Buffers::over(Object::open_fd(fd, access)?)
    }

    fn over(object: Object<Board>) -> Result<Buffers> {
        let description = object.description();
        let layout = &description.layout;
        let count = layout.shape().first().copied().unwrap_or_default();
        let slots = description.header.slots as usize;
        let is_sound = (FEWEST..=MOST).contains(&count)
            && layout.fortran == 0
            && object.extra_words().len() >= words(count as usize, slots);
        if !is_sound {
            let place = object.segment().place();
            return Err(Error::new(Code::Corrupt, format!("{place}: {count} buffers do not fit the table of them")));
        }
        Ok(Buffers { watches: Watches::default(), count: count as usize, slots, object: Arc::new(object) })
    }

    /// The object that they belong to.
    pub fn object(&self) -> &Object<Board> {
        &self.object
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    fn record(&self, buffer: usize) -> &[AtomicU64] {
        &self.object.extra_words()[buffer * RECORD..][..RECORD]
    }

    /// The pins of one slot, one a buffer.
    fn pins(&self, slot: usize) -> &[AtomicU64] {
        &self.object.extra_words()[self.count * RECORD + slot * row(self.count)..][..self.count]
    }

    /// The latest frame; `None` before the first.
    pub fn latest(&self) -> Result<Option<Place>> {
        let place = latest(&self.object);
        if place.buffer >= self.count {
            let (buffer, count) = (place.buffer, self.count);
            return Err(Error::new(Code::Corrupt, format!("the latest frame lies in buffer {buffer} of {count}")));
        }
        Ok((place.number != 0).then_some(place))
    }

    /// Take a buffer to fill. Never waits: EAGAIN where all are taken.
    pub fn begin(&self) -> Result<usize> {
        self.object.require_writable()?;
        let attachment = self.object.attachment()?;
        let me = attachment.identity()?;
        let first = self.latest()?.map_or(0, |latest| latest.buffer + 1);
        for asks in [false, true] {
            for buffer in (first..first + self.count).map(|buffer| buffer % self.count) {
                if self.claim(buffer, me, attachment, asks)? {
                    return Ok(buffer);
                }
            }
        }
        Err(self.all_taken(attachment))
    }

    /// Own a buffer that nobody looks at. Who is in the way may be dead, but that is only asked if `asks`.
    fn claim(&self, buffer: usize, me: Identity, attachment: &Attachment, asks: bool) -> Result<bool> {
        let (number, owner) = (&self.record(buffer)[NUMBER], &self.record(buffer)[OWNER]);
        let seen = owner.load(Relaxed);
        if seen != 0 && !(asks && is_dead(attachment, seen)?) {
            return Ok(false);
        }
        // SYNC: pairs with the store in `publish` and `cancel`.
        if owner.compare_exchange(seen, me.bits().into(), SeqCst, Relaxed).is_err() {
            return Ok(false);
        }
        let claimed = self.latest().and_then(|latest| {
            if latest.is_some_and(|latest| latest.buffer == buffer) {
                return Ok(false);
            }
            // SYNC: SeqCst against `pin`: either we see its pin, or it sees the 0.
            let before = number.swap(0, SeqCst);
            let is_free = self.is_pinned(buffer, attachment, asks).map(|pinned| !pinned);
            if !matches!(is_free, Ok(true)) {
                number.store(before, SeqCst);
            }
            is_free
        });
        if matches!(claimed, Ok(true)) {
            // SYNC: pairs with the Acquire fence in `is_still`: who copies one byte of ours sees the 0.
            fence(Release);
        } else {
            owner.store(0, SeqCst);
        }
        claimed
    }

    /// Make the frame in an own buffer the latest; its number.
    pub fn publish(&self, buffer: usize) -> u64 {
        let state = self.object.state();
        let (number, owner) = (&self.record(buffer)[NUMBER], &self.record(buffer)[OWNER]);
        let mut before = state.latest.load(Relaxed);
        let mine = loop {
            let mine = ((before >> BUFFER_BITS) + 1) & (u64::MAX >> BUFFER_BITS);
            // Nobody looks for it here before `latest` says so.
            number.store(mine, SeqCst);
            // SYNC: pairs with the load in `latest`.
            match state.latest.compare_exchange(before, mine << BUFFER_BITS | buffer as u64, SeqCst, Relaxed) {
                Ok(_) => break mine,
                Err(another_writers) => before = another_writers,
            }
        };
        owner.store(0, SeqCst);
        state.bell.ring(self.object.wakes_readers());
        mine
    }

    /// Give an own buffer back unpublished.
    pub fn cancel(&self, buffer: usize) {
        self.record(buffer)[OWNER].store(0, SeqCst);
    }

    /// Wait for a frame with a higher number.
    pub fn wait(&self, newer_than: u64, patience: &mut Patience) -> Result<Place> {
        let newer = || self.latest().map(|latest| latest.filter(|latest| latest.number > newer_than)).transpose();
        let found = self.object.state().bell.wait(self.object.is_writable(), patience, newer);
        found.unwrap_or_else(|Expired| Err(too_early(newer_than, patience)))
    }

    /// A descriptor that becomes readable when the latest frame is another than number `seen`, and at each one after that.
    pub fn notify_fd(&self, seen: u64) -> Result<OwnedFd> {
        self.watches.add(Arc::new(Publications(self.object.clone())), Some(seen))
    }

    /// Keep the latest frame from being overwritten, once it has a higher number.
    pub fn pin(&self, newer_than: u64, patience: &mut Patience) -> Result<Place> {
        self.object.require_writable()?;
        let me = self.object.attachment()?.identity()?;
        let slot = me.slot().filter(|slot| *slot < self.slots).unwrap_or_default();
        let (readers, bit) = (&self.object.state().readers[slot / 64], 1 << (slot % 64));
        if readers.load(Relaxed) & bit == 0 {
            // SYNC: SeqCst against `is_pinned`: before the first pin.
            readers.fetch_or(bit, SeqCst);
        }
        for race in 0.. {
            let latest = self.wait(newer_than, patience)?;
            let pin = &self.pins(slot)[latest.buffer];
            // SYNC: SeqCst against `claim`, which writes the number and then reads the pins.
            change(pin, me, |pins| pins.saturating_add(1));
            if self.record(latest.buffer)[NUMBER].load(SeqCst) == latest.number {
                return Ok(latest);
            }
            change(pin, me, |pins| pins.saturating_sub(1));
            if race >= RACES {
                patience.check().map_err(|Expired| overtaken())?;
            }
        }
        unreachable!("counting races takes longer than any wait")
    }

    /// Let go of a buffer that this process has pinned.
    pub fn unpin(&self, buffer: usize) -> Result<()> {
        let me = self.object.attachment()?.identity()?;
        let slot = me.slot().filter(|slot| *slot < self.slots).unwrap_or_default();
        change(&self.pins(slot)[buffer], me, |pins| pins.saturating_sub(1));
        Ok(())
    }

    /// Whether what was copied from there is that frame.
    pub fn is_still(&self, place: Place) -> bool {
        // SYNC: pairs with the Release fence in `claim`.
        fence(Acquire);
        self.record(place.buffer)[NUMBER].load(SeqCst) == place.number
    }

    fn is_pinned(&self, buffer: usize, attachment: &Attachment, asks: bool) -> Result<bool> {
        for slot in self.ever_pinned() {
            let pin = &self.pins(slot)[buffer];
            let seen = pin.load(SeqCst);
            if seen as u32 == 0 {
                continue;
            }
            if !(asks && is_dead(attachment, seen >> 32)?) {
                return Ok(true);
            }
            // Exactly what the dead one left: a new owner of the slot has another identity.
            if pin.compare_exchange(seen, 0, SeqCst, Relaxed).is_err() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn ever_pinned(&self) -> impl Iterator<Item = usize> {
        let groups = self.object.state().readers.iter().take(self.slots.div_ceil(64)).enumerate();
        let slots = groups.flat_map(|(group, word)| {
            // SYNC: SeqCst against the bit and the pin in `pin`.
            let mut bits = word.load(SeqCst);
            std::iter::from_fn(move || {
                let bit = bits.trailing_zeros() as usize;
                bits &= bits.wrapping_sub(1);
                (bit < 64).then_some(group * 64 + bit)
            })
        });
        slots.filter(|slot| *slot < self.slots)
    }

    /// How the buffers are used, as far as `is_dead` knows; for people.
    pub fn usage(&self, is_dead: impl Fn(Identity) -> bool) -> Usage {
        let alive = |word: u64| Identity::from_word(word as u32).is_some_and(|identity| !is_dead(identity));
        let mut usage = Usage::default();
        for buffer in 0..self.count {
            usage.writing += u32::from(alive(self.record(buffer)[OWNER].load(Relaxed)));
            usage.pinned += u32::from(self.ever_pinned().any(|slot| {
                let pin = self.pins(slot)[buffer].load(Relaxed);
                pin as u32 != 0 && alive(pin >> 32)
            }));
        }
        usage
    }

    #[cold]
    fn all_taken(&self, attachment: &Attachment) -> Error {
        let Usage { pinned, writing } =
            self.usage(|identity| !attachment.is_alive_or_self(identity).unwrap_or_default());
        Error::os(
            Errno::EAGAIN,
            format!(
                "all {} buffers are taken: {pinned} pinned by readers, {writing} being filled, and one is the latest; try \
                 again when one is released, or create it with more: as many as are pinned at once, one for each writer, \
                 and one",
                self.count
            ),
        )
    }
}

/// What a watcher of frames looks at. They are open for as long as somebody watches.
#[derive(Debug)]
struct Publications(Arc<Object<Board>>);

impl Source for Publications {
    fn bell(&self) -> &Bell {
        &self.0.state().bell
    }

    fn announces(&self) -> bool {
        self.0.is_writable()
    }

    fn is_silent(&self) -> bool {
        !self.0.is_writable() && !self.0.wakes_readers()
    }

    fn look(&self) -> Sight {
        let number = latest(&self.0).number;
        Sight { is_ready: true, begun: number, ended: number }
    }
}

/// As it stands there; number 0 before the first.
fn latest(object: &Object<Board>) -> Place {
    // SYNC: pairs with the exchange in `publish`: the frame is complete.
    let word = object.state().latest.load(SeqCst);
    Place { number: word >> BUFFER_BITS, buffer: (word & (MOST - 1)) as usize }
}

/// Words of the records and of the table of pins.
fn words(count: usize, slots: usize) -> usize {
    count * RECORD + slots * row(count)
}

/// Words of one slot's pins: whole cache lines, so that readers do not disturb each other.
fn row(count: usize) -> usize {
    count.next_multiple_of(8)
}

fn is_dead(attachment: &Attachment, word: u64) -> Result<bool> {
    match Identity::from_word(word as u32) {
        Some(identity) => attachment.is_alive_or_self(identity).map(|alive| !alive),
        None => Ok(true),
    }
}

/// Change how often this process pins. What a dead owner of its slot left there does not count.
fn change(pin: &AtomicU64, me: Identity, by: impl Fn(u32) -> u32) {
    let mut seen = pin.load(Relaxed);
    loop {
        let mine = if (seen >> 32) as u32 == me.bits() { seen as u32 } else { 0 };
        let next = u64::from(me.bits()) << 32 | u64::from(by(mine));
        match pin.compare_exchange_weak(seen, next, SeqCst, Relaxed) {
            Ok(_) => return,
            Err(found) => seen = found,
        }
    }
}

#[cold]
fn too_early(newer_than: u64, patience: &Patience) -> Error {
    let errno = if patience.only_tries() { Errno::EAGAIN } else { Errno::ETIMEDOUT };
    Error::os(errno, format!("no frame newer than number {newer_than} has been published"))
}

#[cold]
fn overtaken() -> Error {
    Error::os(Errno::EAGAIN, "writers publish faster than a frame can be taken: create it with more buffers")
}
