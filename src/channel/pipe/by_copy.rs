//! Reading and writing copies, and where in the ring they go.

use std::cell::Cell;
use std::ptr;
use std::sync::atomic::Ordering::{Acquire, Relaxed, SeqCst};

use super::{ATOMIC, LOOK_MS, Pipe, Side};
use crate::channel::presence::{End, Presence};
use crate::channel::turn;
use crate::error::{Errno, Error, Result};
use crate::os::time::{self, Timeout};
use crate::segment::attachment::Attachment;

/// What a reader found.
pub(super) enum Look {
    /// So many bytes.
    Found(usize),
    /// None.
    Empty,
    /// Another reader, who is at it.
    Taken,
}

impl Pipe {
    /// Bytes free, for who has the turn to write; looks at the other side only if it must.
    #[inline]
    pub(super) fn room(&self, written: u64, wanted: u64) -> u64 {
        let state = self.object.state();
        let room = |read: u64| self.capacity.saturating_sub(written.wrapping_sub(read));
        let known = room(state.writing.seen.load(Relaxed));
        if known >= wanted {
            return known;
        }
        // SYNC: pairs with the exchange in `advance`: the reader is done with what it has read.
        let read = state.reading.position.load(Acquire);
        state.writing.seen.store(read, Relaxed);
        room(read)
    }

    /// Bytes that wait, for who has the turn to read.
    #[inline]
    pub(super) fn waiting(&self, read: u64, wanted: u64) -> u64 {
        let state = self.object.state();
        let waiting = |written: u64| written.wrapping_sub(read).min(self.capacity);
        // Seen before the beginning of this turn's bytes, it is of no use.
        let seen = state.reading.seen.load(Relaxed);
        if seen > read && waiting(seen) >= wanted {
            return waiting(seen);
        }
        // SYNC: pairs with the exchange in `advance`: who sees the position sees the bytes.
        let written = state.writing.position.load(Acquire);
        state.reading.seen.store(written, Relaxed);
        if written > read { waiting(written) } else { 0 }
    }

    #[inline]
    pub(super) fn advance(side: &Side, by: usize) {
        // SYNC: pairs with the Acquire in `room` and `waiting`. An exchange, so that the look at sleepers comes after it.
        side.position.swap(side.position.load(Relaxed).wrapping_add(by as u64), SeqCst);
    }

    /// Where a position lies in memory, and how many bytes there are to the end of the ring.
    pub(super) fn place(&self, position: u64) -> (*mut u8, usize) {
        let offset = position % self.capacity;
        (self.bytes.as_ptr().wrapping_add(offset as usize), (self.capacity - offset) as usize)
    }

    /// Write all of the bytes, waiting for room as long as patience lasts; says how many were written, at least one.
    pub fn write(&self, bytes: &[u8], timeout: Timeout) -> Result<usize> {
        self.require_end(End::Writer)?;
        self.require_no(&self.reserved, "reserved")?;
        let attachment = self.join()?;
        let state = self.object.state();
        let deadline = time::Clock::new(timeout);
        let mut done = 0;
        while done < bytes.len() || bytes.is_empty() {
            let left = &bytes[done..];
            let wrote = state.writers.wait(deadline.left(), || self.try_write(left, attachment), || Ok(()));
            match wrote {
                Ok(Some(count)) => done += count,
                Ok(None) if done == 0 => return Err(self.expired(timeout, "too full")),
                Err(error) if done == 0 => return Err(error),
                // What is written is written; the next call will say it again.
                Ok(None) | Err(_) => break,
            }
            if bytes.is_empty() {
                break;
            }
        }
        Ok(done)
    }

    fn try_write(&self, bytes: &[u8], attachment: &Attachment) -> Result<Option<usize>> {
        let state = self.object.state();
        self.refuse_without_readers(attachment)?;
        let Some(guard) = turn::take(&state.writing.mutex, attachment)? else { return Ok(None) };
        let written = state.writing.position.load(Relaxed);
        let whole = if bytes.len() <= ATOMIC { bytes.len() } else { ATOMIC };
        let room = self.room(written, bytes.len() as u64);
        if room < whole as u64 {
            return Ok(None);
        }
        let count = bytes.len().min(room as usize);
        let (place, to_end) = self.place(written);
        let first = count.min(to_end);
        // SAFETY: `room` bytes behind the position are free, and this process has the writers' turn; no reference to them
        // is ever made.
        unsafe {
            ptr::copy_nonoverlapping(bytes.as_ptr(), place, first);
            ptr::copy_nonoverlapping(bytes.as_ptr().add(first), self.bytes.as_ptr(), count - first);
        }
        Pipe::advance(&state.writing, count);
        drop(guard);
        state.readers.ring();
        Ok(Some(count))
    }

    /// EPIPE where all readers have gone. Asks the kernel about them now and then.
    #[inline]
    pub(super) fn refuse_without_readers(&self, attachment: &Attachment) -> Result<()> {
        let state = self.object.state();
        let mut gone = Presence::is_deserted(&state.sums, End::Reader);
        let (now, last) = (time::coarse_ms(), state.looked_ms.load(Relaxed));
        if !gone && now.wrapping_sub(last) >= LOOK_MS {
            state.looked_ms.store(now, Relaxed);
            gone = self.presence.is_abandoned(&state.sums, End::Reader, attachment)?;
        }
        if !gone {
            return Ok(());
        }
        Err(Error::os(Errno::EPIPE, "nobody reads from the pipe any more"))
    }

    /// Read what there is, at least one byte, as much as the buffer takes; 0 bytes at the end of the file.
    pub fn read(&self, buffer: &mut [u8], timeout: Timeout) -> Result<usize> {
        self.require_end(End::Reader)?;
        self.require_no(&self.peeked, "peeked at")?;
        if buffer.is_empty() {
            return Ok(0);
        }
        let len = buffer.len();
        self.wait_to_read(len, timeout, |attachment| self.try_read(buffer, attachment))
    }

    fn try_read(&self, buffer: &mut [u8], attachment: &Attachment) -> Result<Look> {
        let state = self.object.state();
        let Some(guard) = turn::take(&state.reading.mutex, attachment)? else { return Ok(Look::Taken) };
        let read = state.reading.position.load(Relaxed);
        let waiting = self.waiting(read, buffer.len() as u64);
        if waiting == 0 {
            return Ok(Look::Empty);
        }
        let count = buffer.len().min(waiting as usize);
        let (place, to_end) = self.place(read);
        let first = count.min(to_end);
        // SAFETY: `waiting` bytes from the position on have been written, and this process has the readers' turn; no
        // reference to them is ever made.
        unsafe {
            ptr::copy_nonoverlapping(place, buffer.as_mut_ptr(), first);
            ptr::copy_nonoverlapping(self.bytes.as_ptr(), buffer.as_mut_ptr().add(first), count - first);
        }
        Pipe::advance(&state.reading, count);
        drop(guard);
        state.writers.ring();
        Ok(Look::Found(count))
    }

    /// Wait for bytes, or for the end of the file: 0. `len` is about how many at a time.
    pub(super) fn wait_to_read(
        &self,
        len: usize,
        timeout: Timeout,
        mut attempt: impl FnMut(&Attachment) -> Result<Look>,
    ) -> Result<usize> {
        let attachment = self.join()?;
        let state = self.object.state();
        let is_over = Cell::new(false);
        let count = state.readers.wait_at(
            &self.pace,
            || state.reading.position.load(Relaxed) / len as u64,
            timeout,
            None::<fn() -> bool>,
            || match attempt(attachment)? {
                Look::Found(count) => Ok(Some(count)),
                // Looked for after the last writer was seen to be gone: there never will be more of its bytes.
                Look::Empty if is_over.get() => Ok(Some(0)),
                Look::Empty | Look::Taken => Ok(None),
            },
            || {
                is_over.set(self.presence.is_abandoned(&state.sums, End::Writer, attachment)?);
                Ok(())
            },
        )?;
        count.ok_or_else(|| self.expired(timeout, "empty"))
    }
}
