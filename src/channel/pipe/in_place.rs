//! Bytes that are read and written where they lie: their side of the ring is the handle's from one call to another.

use std::ptr;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

use super::by_copy::Look;
use super::{Pipe, Side};
use crate::channel::presence::End;
use crate::channel::turn;
use crate::error::{Errno, Error, Result};
use crate::os::process;
use crate::os::time::Timeout;
use crate::sync::mutex;

/// A mutex that this handle holds from one call to another, and for how many bytes.
#[derive(Debug, Default)]
pub(super) struct Kept {
    epoch: AtomicU64,
    len: AtomicU64,
}

impl Kept {
    fn set(&self, len: usize) {
        self.len.store(len as u64, Relaxed);
        self.epoch.store(process::epoch(), Release);
    }

    fn is_set(&self) -> bool {
        self.epoch.load(Acquire) == process::epoch()
    }

    /// Once.
    pub(super) fn clear(&self) -> bool {
        self.epoch.compare_exchange(process::epoch(), 0, AcqRel, Relaxed).is_ok()
    }
}

impl Pipe {
    /// The next bytes in place, as many as lie together; none at the end of the file. Other readers wait until
    /// [`Pipe::consume`].
    pub fn peek(&self, timeout: Timeout) -> Result<(*const u8, usize)> {
        self.require_end(End::Reader)?;
        self.require_no(&self.peeked, "peeked at")?;
        let state = self.object.state();
        let mut found: *const u8 = ptr::null();
        let count = self.wait_to_read(self.capacity as usize, timeout, |attachment| {
            let Some(guard) = turn::take(&state.reading.mutex, attachment)? else { return Ok(Look::Taken) };
            let read = state.reading.position.load(Relaxed);
            let (place, to_end) = self.place(read);
            match self.waiting(read, to_end as u64) {
                0 => Ok(Look::Empty),
                waiting => {
                    guard.keep();
                    let count = to_end.min(waiting as usize);
                    self.peeked.set(count);
                    found = place;
                    Ok(Look::Found(count))
                }
            }
        })?;
        Ok((found, count))
    }

    /// Be done with the first `len` of the bytes that were peeked at; the others stay.
    pub fn consume(&self, len: usize) -> Result<()> {
        self.let_go(&self.peeked, &self.object.state().reading, len, "peeked at")
    }

    /// Room to write in place, as much as lies together. Other writers wait until [`Pipe::commit`].
    pub fn reserve(&self, timeout: Timeout) -> Result<(*mut u8, usize)> {
        self.require_end(End::Writer)?;
        self.require_no(&self.reserved, "reserved")?;
        let attachment = self.join()?;
        let state = self.object.state();
        let attempt = || {
            self.refuse_without_readers(attachment)?;
            let Some(guard) = turn::take(&state.writing.mutex, attachment)? else { return Ok(None) };
            let written = state.writing.position.load(Relaxed);
            let (place, to_end) = self.place(written);
            let room = to_end.min(self.room(written, to_end as u64) as usize);
            if room == 0 {
                return Ok(None);
            }
            guard.keep();
            self.reserved.set(room);
            Ok(Some((place, room)))
        };
        state.writers.wait(timeout, attempt, || Ok(()))?.ok_or_else(|| self.expired(timeout, "too full"))
    }

    /// Let readers have the first `len` bytes of what was reserved; 0: none.
    pub fn commit(&self, len: usize) -> Result<()> {
        self.let_go(&self.reserved, &self.object.state().writing, len, "reserved")
    }

    fn let_go(&self, kept: &Kept, side: &Side, len: usize, what: &str) -> Result<()> {
        let most = kept.len.load(Relaxed);
        if kept.is_set() && len as u64 > most {
            return Err(Error::invalid(format!("{len} bytes; only {most} were {what}")));
        }
        if !kept.clear() {
            return Err(Error::os(Errno::EPERM, format!("this handle has {what} nothing, or let go of it already")));
        }
        if len > 0 {
            Pipe::advance(side, len);
        }
        mutex::unlock(&side.mutex);
        // The other side, and who waited for the turn.
        let state = self.object.state();
        state.readers.ring();
        state.writers.ring();
        Ok(())
    }

    pub(super) fn require_no(&self, kept: &Kept, what: &str) -> Result<()> {
        if !kept.is_set() {
            return Ok(());
        }
        Err(Error::os(Errno::EBUSY, format!("through this handle bytes are {what}: let go of them first")))
    }
}
