//! 64 bits that can be set, cleared, pulsed, and waited for, by any number of processes.
//!
//! The state is the bits themselves, so a bit that is set stays known whoever dies. Waiters look at the bits and sleep on
//! a bell. To *consume* is to clear, in one exchange with the look, the bits that ended the wait: of several waiters
//! one gets them. A *pulse* reaches those who wait when it comes, and nobody else: each bit has a counter of its pulses,
//! which a waiter notes when it begins and compares when it looks; a pulse of several bits is one of each, in turn.
//!
//! `begun` and `ended` count sets and pulses, as an array's do its writes. Watchers that are told of changes by
//! descriptor need them: nothing has come between two looks if what had ended at the first is what has begun by the
//! second. A setter killed in between leaves them unequal, and watchers are then told a little more often than needed.

use std::ffi::{CStr, CString};
use std::mem::size_of;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64};

use crate::error::{Code, Errno, Error, Result};
use crate::os::time::Timeout;
use crate::segment::Access;
use crate::segment::format::kind;
use crate::segment::object::{Object, ObjectOptions, Room, State};

use super::bell::Bell;
use super::notifier::{Sight, Source, Watches};
use super::patience::{Expired, Patience};

/// How many bits there are.
pub const BITS: usize = 64;
/// Bytes of a bit's name, with the zero at its end.
pub const NAME_ROOM: usize = 32;

/// In shared memory. Behind it lies a table of names, [`NAME_ROOM`] bytes for each bit.
#[repr(C)]
#[derive(Debug)]
pub struct Words {
    /// How many bits have names, and can be used; 0: no names, and all can. Never changes.
    named: AtomicU32,
    reserved_32: AtomicU32,
    reserved: [AtomicU64; 7],
    begun: AtomicU64,
    ended: AtomicU64,
    bits: AtomicU64,
    bell: Bell,
    reserved_32_more: AtomicU32,
    reserved_line: [AtomicU64; 4],
    pulses: [AtomicU32; BITS],
}

const _: () = assert!(size_of::<Words>() == 384);

// SAFETY: repr(C), atomics only.
unsafe impl State for Words {
    const KIND: u32 = kind::EVENT;
}

/// What ends a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// One bit of the mask at least.
    Any,
    /// Every bit of the mask.
    All,
}

/// A moment in the life of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// What is set.
    pub bits: u64,
    /// Completed sets and pulses.
    pub generation: u64,
    /// What can be set.
    pub usable: u64,
}

/// One handle on an event.
#[derive(Debug)]
pub struct Event {
    watches: Watches,
    object: Arc<Object<Words>>,
    names: Vec<CString>,
}

impl Event {
    /// Make one whose bits, from the lowest on, have these names; without names all 64 can be used.
    pub fn create(name: Option<&str>, bit_names: &[&str], options: &ObjectOptions) -> Result<Event> {
        let names = checked(bit_names)?;
        let (object, is_new) =
            Object::create(name, &Room::bytes(BITS * NAME_ROOM, 0), options, |new: &Object<Words>| {
                new.state().named.store(names.len() as u32, Relaxed);
                for (room, name) in name_table(new).chunks(NAME_ROOM).zip(&names) {
                    room.iter().zip(name.as_bytes()).for_each(|(place, byte)| place.store(*byte, Relaxed));
                }
                Ok(())
            })?;
        let event = Event::over(object)?;
        if is_new || event.names == names {
            return Ok(event);
        }
        let place = event.object.segment().place();
        Err(Error::os(
            Errno::EEXIST,
            format!("{place} is another event: its bits are {:?}, not {names:?}", event.names),
        ))
    }

    /// Open by name.
    pub fn open(name: &str, access: Access) -> Result<Event> {
        Event::over(Object::open(name, access)?)
    }

    /// Open what a descriptor stands for.
    pub fn open_fd(fd: BorrowedFd<'_>, access: Access) -> Result<Event> {
        Event::over(Object::open_fd(fd, access)?)
    }

    fn over(object: Object<Words>) -> Result<Event> {
        let corrupt = || Error::new(Code::Corrupt, format!("{}: its names are damaged", object.segment().place()));
        let named = object.state().named.load(Relaxed) as usize;
        let table = name_table(&object);
        if named > BITS || table.len() < BITS * NAME_ROOM {
            return Err(corrupt());
        }
        let read = |room: &[AtomicU8]| {
            let bytes: Vec<u8> = room.iter().map(|byte| byte.load(Relaxed)).take_while(|byte| *byte != 0).collect();
            CString::new(bytes).ok().filter(|name| name.to_str().is_ok())
        };
        let names: Option<Vec<CString>> = table.chunks(NAME_ROOM).take(named).map(read).collect();
        let names = names.ok_or_else(corrupt)?;
        Ok(Event { watches: Watches::default(), object: Arc::new(object), names })
    }

    /// What it stands on.
    pub fn object(&self) -> &Object<Words> {
        &self.object
    }

    /// What can be set.
    fn usable(&self) -> u64 {
        match self.names.len() {
            0 | BITS => u64::MAX,
            named => (1 << named) - 1,
        }
    }

    fn check(&self, bits: u64) -> Result<()> {
        let unknown = bits & !self.usable();
        if bits != 0 && unknown == 0 {
            return Ok(());
        }
        let place = self.object.segment().place();
        if bits == 0 {
            return Err(Error::invalid(format!("no bit at all was given for {place}")));
        }
        let known = self.in_words(self.usable());
        Err(Error::invalid(format!("bits {bits:#x}: of these {unknown:#x} have no name in {place}, which has {known}")))
    }

    /// The bit of that name.
    pub fn bit(&self, name: &str) -> Result<u64> {
        match self.names.iter().position(|known| known.as_bytes() == name.as_bytes()) {
            Some(index) => Ok(1 << index),
            None => {
                let place = self.object.segment().place();
                let known = if self.names.is_empty() { "no names".into() } else { self.in_words(self.usable()) };
                Err(Error::os(Errno::ENOENT, format!("no bit of {place} is called {name:?}: it has {known}")))
            }
        }
    }

    /// The name of the bit with that index, from 0; `None` where it has none.
    pub fn bit_name(&self, index: usize) -> Option<&CStr> {
        self.names.get(index).map(CString::as_c_str)
    }

    fn in_words(&self, bits: u64) -> String {
        if self.names.is_empty() {
            return format!("{bits:#x}");
        }
        let is_meant = |index: &usize| bits >> index & 1 == 1;
        let names = (0..self.names.len()).filter(is_meant).map(|index| self.names[index].to_string_lossy());
        names.collect::<Vec<_>>().join(", ")
    }

    /// Set bits, and wake who waits for them.
    pub fn set(&self, bits: u64) -> Result<()> {
        self.change(bits, |words| {
            words.bits.fetch_or(bits, SeqCst);
        })
    }

    /// Reach those who wait for these bits now; nothing stays set.
    pub fn pulse(&self, bits: u64) -> Result<()> {
        self.change(bits, |words| {
            each(bits, |index| {
                words.pulses[index].fetch_add(1, SeqCst);
            });
        })
    }

    #[inline]
    fn change(&self, bits: u64, make: impl FnOnce(&Words)) -> Result<()> {
        self.object.require_writable()?;
        self.check(bits)?;
        let words = self.object.state();
        words.begun.fetch_add(1, SeqCst);
        make(words);
        words.ended.fetch_add(1, SeqCst);
        words.bell.ring(self.object.wakes_readers());
        Ok(())
    }

    /// Clear bits; says which of them were set.
    pub fn clear(&self, bits: u64) -> Result<u64> {
        self.object.require_writable()?;
        self.check(bits)?;
        Ok(self.object.state().bits.fetch_and(!bits, SeqCst) & bits)
    }

    /// Wait for bits of the mask; says which of them came. `consume`: clear them as well, if nobody else has.
    pub fn wait(&self, mask: u64, until: Until, consume: bool, timeout: Timeout) -> Result<u64> {
        if consume {
            self.object.require_writable()?;
        }
        self.check(mask)?;
        if let Some(came) = self.look(mask, until, consume, 0) {
            return Ok(came);
        }
        let words = self.object.state();
        let mut before = [0u32; BITS];
        each(mask, |index| before[index] = words.pulses[index].load(SeqCst));
        let pulsed = || {
            let mut pulsed = 0;
            each(mask, |index| pulsed |= u64::from(words.pulses[index].load(SeqCst) != before[index]) << index);
            pulsed
        };
        let mut patience = Patience::new(timeout);
        let look = || self.look(mask, until, consume, pulsed());
        words
            .bell
            .wait(self.object.is_writable(), &mut patience, look)
            .map_err(|Expired| self.refusal(mask, until, timeout))
    }

    /// What came, if it is enough.
    #[inline]
    fn look(&self, mask: u64, until: Until, consume: bool, pulsed: u64) -> Option<u64> {
        let words = self.object.state();
        // SYNC: pairs with the exchanges in `change`: what was written before a set is seen after the wait.
        let mut bits = words.bits.load(SeqCst);
        loop {
            let set = bits & mask;
            let came = set | pulsed;
            let is_enough = if until == Until::All { came == mask } else { came != 0 };
            if !is_enough {
                return None;
            }
            if !consume || set == 0 {
                return Some(came);
            }
            match words.bits.compare_exchange_weak(bits, bits & !set, SeqCst, SeqCst) {
                Ok(_) => return Some(came),
                Err(now) => bits = now,
            }
        }
    }

    /// A descriptor that becomes readable when bits of the mask are set or, for [`Until::Any`], pulsed.
    pub fn notify_fd(&self, mask: u64, until: Until) -> Result<OwnedFd> {
        self.check(mask)?;
        let pulsed = AtomicU64::new(self.object.state().pulses_of(mask));
        self.watches.add(Arc::new(Watched { object: self.object.clone(), mask, until, pulsed }), None)
    }

    /// What is set, and how often something was.
    pub fn stat(&self) -> Stat {
        let words = self.object.state();
        Stat { generation: words.ended.load(SeqCst), bits: words.bits.load(SeqCst), usable: self.usable() }
    }

    #[cold]
    fn refusal(&self, mask: u64, until: Until, timeout: Timeout) -> Error {
        let errno = if timeout == Timeout::Try { Errno::EBUSY } else { Errno::ETIMEDOUT };
        let (place, wanted) = (self.object.segment().place(), self.in_words(mask));
        let all = if until == Until::All { "all" } else { "one" };
        let set = match self.object.state().bits.load(Relaxed) & self.usable() {
            0 => "none is".to_string(),
            bits => self.in_words(bits),
        };
        Error::os(errno, format!("{place}: waited for {all} of {wanted}; set: {set}"))
    }
}

impl Words {
    /// How many pulses these bits have had, together.
    fn pulses_of(&self, mask: u64) -> u64 {
        let mut sum = 0;
        each(mask, |index| sum += u64::from(self.pulses[index].load(SeqCst)));
        sum
    }
}

/// An event, for who is notified of some of its bits.
#[derive(Debug)]
struct Watched {
    object: Arc<Object<Words>>,
    mask: u64,
    until: Until,
    /// Pulses that were told of.
    pulsed: AtomicU64,
}

impl Source for Watched {
    fn bell(&self) -> &Bell {
        &self.object.state().bell
    }

    fn announces(&self) -> bool {
        self.object.is_writable()
    }

    fn is_silent(&self) -> bool {
        !self.object.is_writable() && !self.object.wakes_readers()
    }

    fn look(&self) -> Sight {
        let words = self.object.state();
        let ended = words.ended.load(SeqCst);
        let set = words.bits.load(SeqCst) & self.mask;
        let pulses = words.pulses_of(self.mask);
        let is_ready = match self.until {
            Until::All => set == self.mask,
            Until::Any => set != 0 || pulses != self.pulsed.load(Relaxed),
        };
        self.pulsed.store(pulses, Relaxed);
        Sight { is_ready, begun: words.begun.load(SeqCst), ended }
    }
}

/// The names that a creator gives.
fn checked(names: &[&str]) -> Result<Vec<CString>> {
    if names.len() > BITS {
        return Err(Error::invalid(format!("{} names; an event has {BITS} bits", names.len())));
    }
    let mut known: Vec<CString> = Vec::new();
    for name in names {
        if name.is_empty() || name.len() >= NAME_ROOM {
            let most = NAME_ROOM - 1;
            return Err(Error::invalid(format!("bit name {name:?} has {} bytes, not 1 to {most}", name.len())));
        }
        let name = CString::new(*name).map_err(|_| Error::invalid(format!("bit name {name:?} has a zero byte")))?;
        if known.contains(&name) {
            return Err(Error::invalid(format!("two bits are called {name:?}")));
        }
        known.push(name);
    }
    Ok(known)
}

fn name_table(object: &Object<Words>) -> &[AtomicU8] {
    let (start, len) = object.extra();
    // SAFETY: that many bytes lie there for as long as the object; atomics, whatever they hold.
    unsafe { std::slice::from_raw_parts(start.as_ptr().cast::<AtomicU8>(), len) }
}

/// For the index of each bit that is set.
#[inline]
fn each(mut bits: u64, mut tell: impl FnMut(usize)) {
    while bits != 0 {
        tell(bits.trailing_zeros() as usize);
        bits &= bits - 1;
    }
}
