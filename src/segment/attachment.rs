//! How a process that locks is known to the others: a slot, and an identity that cannot be forged by a pid.
//!
//! A process claims a slot of a segment at its first lock there. It opens a fresh description of the file,
//! write-locks the slot's byte through it, maps one page of it that no child inherits, and closes the
//! descriptor. The kernel now keeps that lock exactly as long as the process: it needs no descriptor, goes at
//! death and at exec, and belongs to no forked child. `identity = slot + 1 | incarnation << 10` is what lock
//! words hold; an identity is alive when the slot still has that incarnation and its byte is write-locked.
//!
//! A process has one attachment for a file, however often it opens it: a registry by device and inode sees to
//! that. A forked child inherits the mapping and the descriptor, which serve it as well, but not the claim: the
//! claim carries the epoch of the process that made it (see `os::process`).

use std::cell::UnsafeCell;
use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::error::{Code, Context, Errno, Error, Result};
use crate::os::file::{self, FileId};
use crate::os::file_lock::{self, Kind};
use crate::os::map::{Map, Protection};
use crate::os::name::Place;
use crate::os::process;

use super::control::Control;
use super::examine::Description;
use super::format::{COUNTERS, MAX_SLOTS, Slot, Words, lock_byte};

const SLOT_BITS: u32 = 10;
const SLOT_MASK: u32 = (1 << SLOT_BITS) - 1;
const INCARNATION_MASK: u32 = (1 << 20) - 1;

/// One process's claim on one slot: 30 bits, never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity(u32);

impl Identity {
    /// The bits of a lock word that hold an identity.
    pub const MASK: u32 = (1 << 30) - 1;

    /// From a word that anybody may have written; `None` where nobody is named.
    pub fn from_word(word: u32) -> Option<Identity> {
        let bits = word & Identity::MASK;
        (bits != 0).then_some(Identity(bits))
    }

    /// From [`Identity::bits`], kept by who got them.
    pub fn from_bits(bits: u32) -> Identity {
        debug_assert!(bits & Identity::MASK == bits && bits != 0);
        Identity(bits)
    }

    /// As a word holds it.
    pub fn bits(self) -> u32 {
        self.0
    }

    fn new(slot: usize, incarnation: u32) -> Identity {
        Identity((slot as u32 + 1) | ((incarnation & INCARNATION_MASK) << SLOT_BITS))
    }

    /// Who has, or had, this slot in that incarnation.
    pub fn of_slot(slot: usize, incarnation: u32) -> Identity {
        Identity::new(slot, incarnation)
    }

    /// `None` for a forged identity that names no slot.
    pub fn slot(self) -> Option<usize> {
        (self.0 & SLOT_MASK).checked_sub(1).map(|slot| slot as usize)
    }

    /// Which of the slot's owners.
    pub fn incarnation(self) -> u32 {
        self.0 >> SLOT_BITS
    }
}

/// The counter of shared holds that belongs to no handle.
pub const COMMON: usize = 0;

/// One process's standing at one segment.
#[derive(Debug)]
pub struct Attachment {
    control: Control,
    _map: Map,
    /// A description that holds no slot's lock: others are asked about through it.
    watch: OwnedFd,
    id: FileId,
    claim: Claim,
    /// Bit i: the slot's counter i of shared holds belongs to a handle.
    counters: AtomicU32,
    /// See [`Attachment::refused`].
    refused: AtomicU64,
}

/// Valid in the process with that epoch only; changed under the registry's mutex only.
#[derive(Debug, Default)]
struct Claim {
    epoch: AtomicU64,
    identity: AtomicU32,
    pin: AtomicPtr<Map>,
}

impl Attachment {
    /// This process's attachment to the file that `file` is a descriptor of.
    pub fn of(id: FileId, file: BorrowedFd<'_>, description: &Description, place: &Place) -> Result<Arc<Attachment>> {
        let mut known = registry();
        if let Some(attachment) = known.get(&id).and_then(Weak::upgrade) {
            return Ok(attachment);
        }
        let attachment = Arc::new(Attachment::new(id, file, description, place)?);
        known.insert(id, Arc::downgrade(&attachment));
        Ok(attachment)
    }

    fn new(id: FileId, file: BorrowedFd<'_>, description: &Description, place: &Place) -> Result<Attachment> {
        let watch = file::reopen(file, true).map_err(|errno| {
            let why = match errno {
                Errno::EACCES | Errno::EROFS | Errno::EPERM => {
                    "locking writes into the array's control block, and this process may not write to the file"
                }
                Errno::ENOENT => "/proc is needed for locking, and it is not mounted",
                _ => errno.desc(),
            };
            Error::os(errno, format!("cannot lock {place}: {why}{}", file::advice(errno)))
        })?;
        let trailer = &description.trailer;
        let len = trailer.control_len as usize;
        let map = Map::new(&watch, trailer.control_offset, len, Protection::Write)?;
        let start = NonNull::new(map.start()).expect("a mapping is never at address 0");
        // SAFETY: the mapping lives as long as the control block's value, and the header was examined.
        let control = unsafe { Control::new(start, len, &description.header) };
        Ok(Attachment {
            control,
            _map: map,
            watch,
            id,
            claim: Claim::default(),
            counters: AtomicU32::new(1 << COMMON),
            refused: AtomicU64::new(0),
        })
    }

    /// What all processes change.
    #[inline]
    pub fn words(&self) -> &Words {
        self.control.words()
    }

    /// The control block, for loads and stores.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// See [`Control::wakes_readers`].
    #[inline]
    pub fn wakes_readers(&self) -> bool {
        self.control.wakes_readers()
    }

    /// For whose sake this process was refused a free lock, low half, and since when: kept for `sync::lock::owner` from one
    /// wait to the next.
    pub fn refused(&self) -> &AtomicU64 {
        &self.refused
    }

    /// A descriptor that can write the file.
    pub fn file(&self) -> BorrowedFd<'_> {
        self.watch.as_fd()
    }

    /// Who this process is to the others; claims a slot at the first call in each process.
    #[inline]
    pub fn identity(&self) -> Result<Identity> {
        match self.known_identity() {
            Some(identity) => Ok(identity),
            None => self.claim(),
        }
    }

    /// The same, if this process has claimed a slot.
    #[inline]
    pub fn known_identity(&self) -> Option<Identity> {
        // SYNC: pairs with the Release in `claim`: who sees the epoch sees the identity.
        let is_ours = self.claim.epoch.load(Ordering::Acquire) == process::epoch();
        is_ours.then(|| Identity(self.claim.identity.load(Ordering::Relaxed)))
    }

    /// The slot of one's own.
    #[inline]
    pub fn own_slot(&self) -> Result<&Slot> {
        let slot = self.identity()?.slot().and_then(|slot| self.control.slot(slot));
        slot.ok_or_else(|| Error::new(Code::Corrupt, "the slot table is gone"))
    }

    /// Whether the process that an identity names still lives. Never ask about yourself.
    pub fn is_alive(&self, other: Identity) -> Result<bool> {
        let Some((index, slot)) = other.slot().and_then(|index| Some((index, self.control.slot(index)?))) else {
            return Ok(false);
        };
        let current = slot.incarnation.load(Ordering::Acquire) & INCARNATION_MASK;
        if current != other.incarnation() {
            return Ok(false);
        }
        let asking = || "cannot ask who is alive".to_string();
        if file_lock::is_write_locked(&self.watch, slot_byte(index)).context(asking)? {
            return Ok(true);
        }
        // A descriptor that somebody closed and re-used under us would make everybody look dead.
        match file::facts(&self.watch) {
            Ok(facts) if facts.id == self.id => Ok(false),
            _ => Err(Error::os(
                Errno::EBADF,
                "this process closed the array's descriptor (close_range or a loop over close): open the array again",
            )),
        }
    }

    /// Ask about anybody, oneself included.
    pub fn is_alive_or_self(&self, who: Identity) -> Result<bool> {
        if self.claim.epoch.load(Ordering::Acquire) == process::epoch()
            && self.claim.identity.load(Ordering::Relaxed) == who.bits()
        {
            return Ok(true);
        }
        self.is_alive(who)
    }

    #[cold]
    fn claim(&self) -> Result<Identity> {
        // Forks wait for this mutex, so that no child inherits the pin between mmap and madvise.
        let _guard = registry();
        let epoch = process::epoch();
        if self.claim.epoch.load(Ordering::Acquire) == epoch {
            return Ok(Identity(self.claim.identity.load(Ordering::Relaxed)));
        }
        let (index, pin) = self.pin_free_slot()?;
        let slot = self.control.slot(index).ok_or_else(|| Error::new(Code::Corrupt, "the slot table is gone"))?;
        let incarnation = slot.incarnation.load(Ordering::Relaxed).wrapping_add(1) & INCARNATION_MASK;
        // At once: as long as its byte is locked and the incarnation is its own, a dead owner seems to live. What it left
        // names its own incarnation, so nobody takes it for ours meanwhile.
        // SYNC: pairs with the Acquire in `is_alive`.
        slot.incarnation.store(incarnation, Ordering::Release);
        for holds in slot.shared.iter().chain([&slot.ranged]) {
            holds.store(u64::from(incarnation) << 32, Ordering::SeqCst);
        }
        self.forget_reader(index);
        let myself = process::myself();
        slot.pid.store(myself.pid, Ordering::Relaxed);
        slot.pid_namespace.store(myself.pid_namespace, Ordering::Relaxed);
        slot.start_time.store(myself.start_time, Ordering::Relaxed);

        let identity = Identity::new(index, incarnation);
        // A pin of the parent's is not mapped here: its value is forgotten, not dropped.
        self.claim.pin.store(Box::into_raw(Box::new(pin)), Ordering::Relaxed);
        self.claim.identity.store(identity.bits(), Ordering::Relaxed);
        // SYNC: pairs with the Acquire in `identity`.
        self.claim.epoch.store(epoch, Ordering::Release);
        Ok(identity)
    }

    /// Lock the byte of a slot that nobody has, for as long as the returned page is mapped.
    fn pin_free_slot(&self) -> Result<(usize, Map)> {
        let slots = self.control.slots();
        let doing = || "cannot claim a slot of the array's lock".to_string();
        let fresh = file::reopen(&self.watch, true)
            .map_err(|errno| Error::os(errno, format!("{}: {}{}", doing(), errno.desc(), file::advice(errno))))?;
        let first = self.words().next_slot.fetch_add(1, Ordering::Relaxed) as usize;
        for offset in 0..slots {
            let index = (first % slots + offset) % slots;
            if file_lock::try_lock(&fresh, slot_byte(index), Kind::Write).context(doing)? {
                let pin = Map::new(&fresh, 0, process::page_size(), Protection::Read)?;
                pin.keep_from_children().context(doing)?;
                return Ok((index, pin));
            }
        }
        Err(Error::os(
            Errno::EUSERS,
            format!(
                "all {slots} slots of the array's lock are taken by live processes: let some close it, or create the \
                 array with more slots (at most {MAX_SLOTS})"
            ),
        ))
    }

    /// A counter of shared holds for one handle, until it gives it back; [`COMMON`] where all are taken.
    pub fn take_counter(&self) -> usize {
        let free = |taken: u32| (0..COUNTERS).find(|counter| taken & 1 << counter == 0);
        let taken = self.counters.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |taken| {
            free(taken).map(|counter| taken | 1 << counter)
        });
        taken.ok().and_then(free).unwrap_or(COMMON)
    }

    /// The handle holds nothing more, and goes.
    pub fn give_counter(&self, counter: usize) {
        if counter != COMMON {
            self.counters.fetch_and(!(1 << counter), Ordering::Relaxed);
        }
    }

    /// Mark that this process holds, or may hold, the lock shared.
    pub fn remember_reader(&self, index: usize) {
        if let Some((word, bit)) = self.reader_bit(index)
            && word.load(Ordering::Relaxed) & bit == 0
        {
            word.fetch_or(bit, Ordering::SeqCst);
        }
    }

    fn forget_reader(&self, index: usize) {
        if let Some((word, bit)) = self.reader_bit(index) {
            word.fetch_and(!bit, Ordering::SeqCst);
        }
    }

    fn reader_bit(&self, index: usize) -> Option<(&AtomicU64, u64)> {
        Some((self.words().readers.get(index / 64)?, 1 << (index % 64)))
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        let mut known = registry();
        if known.get(&self.id).is_some_and(|other| other.strong_count() == 0) {
            known.remove(&self.id);
        }
        let pin = *self.claim.pin.get_mut();
        if pin.is_null() || *self.claim.epoch.get_mut() != process::epoch() {
            return;
        }
        if let Some(index) = Identity(*self.claim.identity.get_mut()).slot()
            && let Some(slot) = self.control.slot(index)
        {
            slot.pid.store(0, Ordering::Relaxed);
            self.forget_reader(index);
        }
        // SAFETY: made by Box::into_raw in `claim`, in this very process. Unmapping it frees the slot.
        drop(unsafe { Box::from_raw(pin) });
    }
}

fn slot_byte(index: usize) -> i64 {
    lock_byte::SLOT + index as i64
}

/// This process's attachments, by file. Behind a pointer: a child made by a bare clone(2) may find the mutex locked
/// by a thread that it does not have, and takes a new one.
struct Registry {
    epoch: AtomicU64,
    known: Mutex<Known>,
}

/// Not a HashMap, which asks the kernel for random numbers and panics where a sandbox refuses them.
type Known = BTreeMap<FileId, Weak<Attachment>>;

static REGISTRY: AtomicPtr<Registry> = AtomicPtr::new(std::ptr::null_mut());
static HANDLERS: AtomicBool = AtomicBool::new(false);

/// Be ready for forks. Floors above call it before they do the same: a fork then locks theirs first, as they do
/// when they use an attachment.
pub fn expect_forks() {
    process::at_fork(&HANDLERS, before_fork, after_fork_in_parent, after_fork_in_child);
}

fn registry() -> MutexGuard<'static, Known> {
    expect_forks();
    current_registry().known.lock().unwrap_or_else(PoisonError::into_inner)
}

fn current_registry() -> &'static Registry {
    let epoch = process::epoch();
    let current = REGISTRY.load(Ordering::Acquire);
    // SAFETY: registries are never freed.
    if let Some(registry) = unsafe { current.as_ref() }
        && registry.epoch.load(Ordering::Acquire) == epoch
    {
        return registry;
    }
    // The first use in this process, or a child made behind our handlers' back.
    let fresh = Box::leak(Box::new(Registry { epoch: AtomicU64::new(epoch), known: Mutex::default() }));
    match REGISTRY.compare_exchange(current, fresh, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => fresh,
        // SAFETY: registries are never freed.
        Err(another_threads) => unsafe { &*another_threads },
    }
}

/// The registry's mutex while a thread forks. Only who has locked that mutex touches this; not a thread-local, which
/// a thread that forks in its last destructors has no more.
struct Forking(UnsafeCell<Option<MutexGuard<'static, Known>>>);

// SAFETY: see above: the mutex keeps threads apart.
unsafe impl Sync for Forking {}

static FORKING: Forking = Forking(UnsafeCell::new(None));

extern "C" fn before_fork() {
    let guard = current_registry().known.lock().unwrap_or_else(PoisonError::into_inner);
    // SAFETY: the mutex is ours from now on.
    unsafe { *FORKING.0.get() = Some(guard) };
}

extern "C" fn after_fork_in_parent() {
    // SAFETY: the mutex is ours until the guard, which leaves the cell first, is dropped.
    drop(unsafe { (*FORKING.0.get()).take() });
}

extern "C" fn after_fork_in_child() {
    process::renew_epoch();
    // SAFETY: registries are never freed.
    if let Some(registry) = unsafe { REGISTRY.load(Ordering::Acquire).as_ref() } {
        registry.epoch.store(process::epoch(), Ordering::Release);
    }
    after_fork_in_parent();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_hold_slot_and_incarnation() {
        let identity = Identity::new(1022, INCARNATION_MASK);
        assert_eq!(identity.slot(), Some(1022));
        assert_eq!(identity.incarnation(), INCARNATION_MASK);
        assert_eq!(Identity::from_word(identity.bits() | 1 << 30 | 1 << 31), Some(identity));
        assert_eq!(Identity::from_word(1 << 31), None);
        assert_eq!(Identity::new(0, 0).bits(), 1);
        assert_eq!(Identity(5 << SLOT_BITS).slot(), None, "a forged identity without a slot");
    }
}
