//! Who is there: how many handles each process has on each of the two ends of a channel.
//!
//! A word for each slot of the segment: the identity of the process in its high half, and below that two counts, of
//! handles that read and of handles that write. A dead process's word counts for nothing, whatever stands in it, and the
//! next owner of its slot begins a new one. Beside the words there is a sum for each end, which may be too high (of the
//! dead, and while somebody comes or goes), and is never too low: where it is 0, nobody is there.

use std::ptr::NonNull;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicU32, AtomicU64};

use crate::error::{Errno, Error, Result};
use crate::segment::attachment::{Attachment, Identity};

/// One end of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Takes out.
    Reader,
    /// Puts in.
    Writer,
}

impl End {
    fn shift(self) -> u32 {
        match self {
            End::Reader => 16,
            End::Writer => 0,
        }
    }
}

const COUNT: u64 = 0xFFFF;
const COUNTS: u64 = 0xFFFF_FFFF;

/// The sums, in shared memory.
#[repr(C)]
#[derive(Debug)]
pub struct Sums {
    handles: [AtomicU32; 2],
    /// 1: somebody has been there.
    came: [AtomicU32; 2],
}

/// The words of one opened object. Whoever holds this keeps the mapping.
#[derive(Debug)]
pub struct Presence {
    words: NonNull<AtomicU64>,
    slots: usize,
}

// SAFETY: a pointer into a mapping that the owner keeps, to atomics.
unsafe impl Send for Presence {}
// SAFETY: as above.
unsafe impl Sync for Presence {}

impl Presence {
    /// Bytes for so many slots.
    pub fn bytes(slots: usize) -> usize {
        slots * size_of::<AtomicU64>()
    }

    /// Over mapped memory.
    ///
    /// # Safety
    ///
    /// [`Presence::bytes`] bytes from `words`, which is aligned to 8, stay mapped for as long as the value lives.
    pub unsafe fn new(words: NonNull<u8>, slots: usize) -> Presence {
        Presence { words: words.cast(), slots }
    }

    fn word(&self, slot: usize) -> Option<&AtomicU64> {
        // SAFETY: within the table (`new`).
        (slot < self.slots).then(|| unsafe { self.words.add(slot).as_ref() })
    }

    /// Count a handle of this process. The sum first: a death between the two leaves it too high.
    pub fn join(&self, sums: &Sums, end: End, me: Identity) -> Result<()> {
        let too_many = || Error::os(Errno::EMFILE, format!("this process has {COUNT} handles on this end already"));
        let word = me.slot().and_then(|slot| self.word(slot)).ok_or_else(too_many)?;
        sums.handles[end as usize].fetch_add(1, SeqCst);
        loop {
            let seen = word.load(SeqCst);
            let is_mine = (seen >> 32) as u32 == me.bits();
            let mine = if is_mine { seen } else { u64::from(me.bits()) << 32 };
            if (mine >> end.shift()) & COUNT == COUNT {
                sums.handles[end as usize].fetch_sub(1, SeqCst);
                return Err(too_many());
            }
            if word.compare_exchange(seen, mine + (1 << end.shift()), SeqCst, Relaxed).is_ok() {
                if !is_mine {
                    Presence::forget(sums, seen);
                }
                sums.came[end as usize].store(1, SeqCst);
                return Ok(());
            }
        }
    }

    /// Count a handle of this process no more. The sum last.
    pub fn leave(&self, sums: &Sums, end: End, me: Identity) {
        let Some(word) = me.slot().and_then(|slot| self.word(slot)) else { return };
        loop {
            let seen = word.load(SeqCst);
            if (seen >> 32) as u32 != me.bits() || (seen >> end.shift()) & COUNT == 0 {
                return;
            }
            if word.compare_exchange(seen, seen - (1 << end.shift()), SeqCst, Relaxed).is_ok() {
                sums.handles[end as usize].fetch_sub(1, SeqCst);
                return;
            }
        }
    }

    /// Handles for reading and for writing; those of the dead may be among them.
    pub fn sums(sums: &Sums) -> (u32, u32) {
        (sums.handles[0].load(Relaxed), sums.handles[1].load(Relaxed))
    }

    /// Whether nobody is at this end any more, as far as one can tell without asking the kernel.
    #[inline]
    pub fn is_deserted(sums: &Sums, end: End) -> bool {
        sums.handles[end as usize].load(SeqCst) == 0 && sums.came[end as usize].load(SeqCst) != 0
    }

    /// Whether somebody has been at this end, and nobody alive is any more. Forgets the dead.
    pub fn is_abandoned(&self, sums: &Sums, end: End, attachment: &Attachment) -> Result<bool> {
        Ok(sums.came[end as usize].load(SeqCst) != 0 && self.living(sums, end, attachment)? == 0)
    }

    /// How many handles the living have on this end. Forgets the dead.
    pub fn living(&self, sums: &Sums, end: End, attachment: &Attachment) -> Result<u32> {
        let mut handles = 0;
        for slot in 0..self.slots {
            let Some(word) = self.word(slot) else { break };
            let seen = word.load(SeqCst);
            let count = ((seen >> end.shift()) & COUNT) as u32;
            let Some(who) = Identity::from_word((seen >> 32) as u32).filter(|_| count > 0) else { continue };
            if attachment.is_alive_or_self(who)? {
                handles += count;
            } else if word.compare_exchange(seen, seen & !COUNTS, SeqCst, Relaxed).is_ok() {
                Presence::forget(sums, seen);
            }
        }
        Ok(handles)
    }

    /// Take the counts of a dead process's word out of the sums.
    fn forget(sums: &Sums, word: u64) {
        for end in [End::Reader, End::Writer] {
            sums.handles[end as usize].fetch_sub(((word >> end.shift()) & COUNT) as u32, SeqCst);
        }
    }
}
