//! A stream of bytes, as pipe(7) and a FIFO have it, in shared memory.
//!
//! A ring of bytes and two positions: how many bytes have been written since the beginning, and how many read. Writers
//! take turns by a small robust mutex, readers by another one; the two sides never wait for the same.
//!
//! | word | holds | changed by |
//! |---|---|---|
//! | `writing` | the mutex of writers | who writes, or has reserved |
//! | `written` | bytes written | the writer, by one exchange, when they all are in the ring |
//! | `reading` | the mutex of readers | who reads, or peeks |
//! | `read` | bytes read | the reader, by one exchange, when they all are out of the ring |
//!
//! | killed | leaves | what others find |
//! |---|---|---|
//! | before the exchange of `written` | some bytes behind the end, and a mutex with a dead owner | nothing was written; the next writer takes the mutex, and overwrites them |
//! | after it | a mutex with a dead owner | the bytes; as above |
//! | before the exchange of `read` | a mutex with a dead owner | the bytes are still there, for the next reader |
//! | before it rings | sleepers at the other side | they wake by themselves within 20 ms |
//!
//! So a piece that is written at once arrives whole or not at all: that is promised for up to [`ATOMIC`] bytes. Longer
//! writes go piece by piece, and those of others may come in between.
//!
//! End of file is when all bytes are read and no living process has a handle for writing any more, if one ever had: before
//! the first writer has come, readers wait. Writing is EPIPE when no living process has a handle for reading any more, if
//! one ever had: before that, bytes wait in the pipe. When somebody comes again, it goes on. Who is there is kept by
//! [`super::presence`]; a forked child is there from its first read or write.

use std::cell::Cell;
use std::ffi::CStr;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicU32, AtomicU64};

use super::post::Post;
use super::presence::{End, Presence, Sums};
use super::turn;
use crate::error::{Code, Errno, Error, Result};
use crate::os::process;
use crate::os::time::{self, Timeout};
use crate::segment::Access;
use crate::segment::attachment::Attachment;
use crate::segment::format::{DEFAULT_SLOTS, kind};
use crate::segment::object::{Object, ObjectOptions, Room, State};
use crate::sync::bell::Bell;
use crate::sync::mutex;
use crate::sync::notifier::{Sight, Source, Watches};

/// So many bytes are written at once or not at all.
pub const ATOMIC: usize = 4096;
/// Bytes in the ring, unless the creator asks for another number.
pub const DEFAULT_CAPACITY: u64 = 65536;
/// As large as a ring can be.
pub const MAX_CAPACITY: u64 = 1 << 40;

/// One side of the ring: its mutex, its position, and where the other side was when last seen.
#[repr(C, align(128))]
#[derive(Debug)]
struct Side {
    mutex: AtomicU32,
    reserved_32: AtomicU32,
    position: AtomicU64,
    seen: AtomicU64,
    reserved: [AtomicU64; 13],
}

/// What is kept in shared memory beside the bytes and who is there.
#[repr(C, align(128))]
#[derive(Debug)]
pub(crate) struct PipeState {
    capacity: AtomicU64,
    sums: Sums,
    /// When a writer last looked whether a reader lives.
    looked_ms: AtomicU64,
    reserved: [AtomicU64; 12],
    reading: Side,
    writing: Side,
    readers: Post,
    writers: Post,
}

const _: () = assert!(size_of::<PipeState>() == 512);

// SAFETY: repr(C), atomics only.
unsafe impl State for PipeState {
    const KIND: u32 = kind::PIPE;
}

/// How often a writer looks whether a reader lives.
const LOOK_MS: u64 = 20;

/// A moment in the life of a pipe.
#[derive(Clone, Copy, Debug)]
pub struct PipeStat {
    /// Bytes that wait.
    pub count: u64,
    /// Bytes written since the beginning.
    pub written: u64,
    /// Handles for reading that living processes have.
    pub readers: u32,
    /// Handles for writing that living processes have.
    pub writers: u32,
}

/// Which ends a handle has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ends {
    /// It may read.
    pub reader: bool,
    /// It may write.
    pub writer: bool,
}

/// One handle on an opened pipe.
#[derive(Debug)]
pub struct Pipe {
    watches: Watches,
    object: Arc<Object<PipeState>>,
    bytes: NonNull<u8>,
    capacity: u64,
    presence: Presence,
    ends: Ends,
    /// The epoch of the process that this handle has been counted in.
    joined: AtomicU64,
    peeked: Kept,
    reserved: Kept,
}

// SAFETY: the pointer leads into the object's mapping; what lies there is touched under the protocol's mutexes only.
unsafe impl Send for Pipe {}
// SAFETY: as above.
unsafe impl Sync for Pipe {}

/// What a reader found.
enum Look {
    /// So many bytes.
    Found(usize),
    /// None.
    Empty,
    /// Another reader, who is at it.
    Taken,
}

/// A mutex that this handle holds from one call to another, and for how many bytes.
#[derive(Debug, Default)]
struct Kept {
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
    fn clear(&self) -> bool {
        self.epoch.compare_exchange(process::epoch(), 0, AcqRel, Relaxed).is_ok()
    }
}

impl Pipe {
    /// Make a pipe, and have these ends of it. A capacity of 0 is [`DEFAULT_CAPACITY`].
    pub fn create(name: Option<&str>, capacity: u64, ends: Ends, options: &ObjectOptions) -> Result<Pipe> {
        let capacity = if capacity == 0 { DEFAULT_CAPACITY } else { capacity };
        if !(ATOMIC as u64..=MAX_CAPACITY).contains(&capacity) {
            let what = format!("from {ATOMIC} (which are written at once) to {MAX_CAPACITY} are possible");
            return Err(Error::invalid(format!("a pipe for {capacity} bytes: {what}")));
        }
        let slots = if options.slots == 0 { DEFAULT_SLOTS } else { options.slots };
        let room = Room::bytes(Presence::bytes(slots as usize), capacity);
        let prepare = |new: &Object<PipeState>| {
            new.state().capacity.store(capacity, Relaxed);
            Ok(())
        };
        let (object, _) = Object::create(name, &room, options, prepare)?;
        let pipe = Pipe::over(object, ends)?;
        if pipe.capacity != capacity {
            let (place, has) = (pipe.object.segment().place(), pipe.capacity);
            return Err(Error::os(
                Errno::EEXIST,
                format!("{place} exists with room for {has} bytes, not {capacity}: open it as it is, or unlink it"),
            ));
        }
        Ok(pipe)
    }

    /// Open a pipe that exists, and have these ends of it; with none, to look.
    pub fn open(name: &str, ends: Ends) -> Result<Pipe> {
        Pipe::over(Object::open(name, ends.access())?, ends)
    }

    /// Open the pipe that a descriptor stands for; the caller keeps the descriptor.
    pub fn open_fd(fd: BorrowedFd<'_>, ends: Ends) -> Result<Pipe> {
        Pipe::over(Object::open_fd(fd, ends.access())?, ends)
    }

    fn over(object: Object<PipeState>, ends: Ends) -> Result<Pipe> {
        let capacity = object.state().capacity.load(Relaxed);
        let slots = object.description().header.slots as usize;
        let ((words, words_len), (bytes, bytes_len)) = (object.extra(), object.data());
        if capacity < ATOMIC as u64 || capacity > bytes_len || words_len < Presence::bytes(slots) {
            let place = object.segment().place();
            return Err(Error::new(Code::Corrupt, format!("{place} is a damaged pipe: its bytes do not fit into it")));
        }
        // SAFETY: the length was checked just now; what lies behind a state is aligned as the state is, and the object keeps
        // the mapping.
        let presence = unsafe { Presence::new(words, slots) };
        let pipe = Pipe {
            watches: Watches::default(),
            object: Arc::new(object),
            bytes,
            capacity,
            presence,
            ends,
            joined: AtomicU64::new(0),
            peeked: Kept::default(),
            reserved: Kept::default(),
        };
        if ends != Ends::default() {
            pipe.join()?;
        }
        Ok(pipe)
    }

    /// Be counted, once in each process.
    #[inline]
    fn join(&self) -> Result<&Attachment> {
        let attachment = self.object.attachment()?;
        if self.joined.load(Acquire) == process::epoch() {
            return Ok(attachment);
        }
        self.join_slowly(attachment)?;
        Ok(attachment)
    }

    #[cold]
    fn join_slowly(&self, attachment: &Attachment) -> Result<()> {
        let me = attachment.identity()?;
        let before = self.joined.load(Acquire);
        // Another thread may be faster.
        if before == process::epoch()
            || self.joined.compare_exchange(before, process::epoch(), AcqRel, Acquire).is_err()
        {
            return Ok(());
        }
        let sums = &self.object.state().sums;
        let joined = self.each_end().try_for_each(|end| self.presence.join(sums, end, me));
        if joined.is_err() {
            self.joined.store(0, Release);
        }
        joined
    }

    fn each_end(&self) -> impl Iterator<Item = End> {
        [(self.ends.reader, End::Reader), (self.ends.writer, End::Writer)]
            .into_iter()
            .filter(|end| end.0)
            .map(|end| end.1)
    }

    fn require_end(&self, end: End) -> Result<()> {
        let (has, what) = match end {
            End::Reader => (self.ends.reader, "reading (SHM_PIPE_READER)"),
            End::Writer => (self.ends.writer, "writing (SHM_PIPE_WRITER)"),
        };
        if has {
            return Ok(());
        }
        Err(Error::os(Errno::EBADF, format!("this handle was not opened for {what}")))
    }

    /// Bytes free, for who has the turn to write; looks at the other side only if it must.
    #[inline]
    fn room(&self, written: u64, wanted: u64) -> u64 {
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
    fn waiting(&self, read: u64, wanted: u64) -> u64 {
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
    fn advance(side: &Side, by: usize) {
        // SYNC: pairs with the Acquire in `room` and `waiting`. An exchange, so that the look at sleepers comes after it.
        side.position.swap(side.position.load(Relaxed).wrapping_add(by as u64), SeqCst);
    }

    /// Where a position lies in memory, and how many bytes there are to the end of the ring.
    fn place(&self, position: u64) -> (*mut u8, usize) {
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
    fn refuse_without_readers(&self, attachment: &Attachment) -> Result<()> {
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
        self.wait_to_read(timeout, |attachment| self.try_read(buffer, attachment))
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

    /// Wait for bytes, or for the end of the file: 0.
    fn wait_to_read(&self, timeout: Timeout, mut attempt: impl FnMut(&Attachment) -> Result<Look>) -> Result<usize> {
        let attachment = self.join()?;
        let state = self.object.state();
        let is_over = Cell::new(false);
        let count = state.readers.wait(
            timeout,
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

    /// The next bytes in place, as many as lie together; none at the end of the file. Other readers wait until
    /// [`Pipe::consume`].
    pub fn peek(&self, timeout: Timeout) -> Result<(*const u8, usize)> {
        self.require_end(End::Reader)?;
        self.require_no(&self.peeked, "peeked at")?;
        let state = self.object.state();
        let mut found: *const u8 = ptr::null();
        let count = self.wait_to_read(timeout, |attachment| {
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

    /// A descriptor that becomes readable when there are bytes to read, or the end of the file has come.
    pub fn notify_fd(&self) -> Result<OwnedFd> {
        self.require_end(End::Reader)?;
        let slots = self.object.description().header.slots as usize;
        // SAFETY: as in `over`: the object keeps the mapping.
        let presence = unsafe { Presence::new(self.object.extra().0, slots) };
        self.watches.add(Arc::new(Arrivals { object: self.object.clone(), presence }), None)
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

    fn require_no(&self, kept: &Kept, what: &str) -> Result<()> {
        if !kept.is_set() {
            return Ok(());
        }
        Err(Error::os(Errno::EBUSY, format!("through this handle bytes are {what}: let go of them first")))
    }

    fn expired(&self, timeout: Timeout, how: &str) -> Error {
        let (count, capacity) = (self.count(), self.capacity);
        let errno = if timeout == Timeout::Try { Errno::EAGAIN } else { Errno::ETIMEDOUT };
        Error::os(errno, format!("the pipe is {how}, or somebody has it reserved: {count} of {capacity} bytes wait"))
    }

    /// Bytes that wait.
    pub fn count(&self) -> u64 {
        let state = self.object.state();
        let read = state.reading.position.load(Relaxed);
        state.writing.position.load(Relaxed).max(read) - read
    }

    /// Bytes that it can hold.
    pub fn capacity(&self) -> u64 {
        self.capacity
    }

    /// The moment, for people and monitors. Who only looks does not see who has died.
    pub fn stat(&self) -> Result<PipeStat> {
        let state = self.object.state();
        let (readers, writers) = if self.ends == Ends::default() {
            Presence::sums(&state.sums)
        } else {
            let attachment = self.object.attachment()?;
            let living = |end| self.presence.living(&state.sums, end, attachment);
            (living(End::Reader)?, living(End::Writer)?)
        };
        Ok(PipeStat { count: self.count(), written: state.writing.position.load(Relaxed), readers, writers })
    }

    /// The segment and its name.
    pub(crate) fn object(&self) -> &Object<PipeState> {
        &self.object
    }

    /// As `open` takes it; empty for anonymous memory.
    pub fn name(&self) -> &CStr {
        self.object.name()
    }

    /// A descriptor for another process.
    pub fn fd(&self) -> Result<OwnedFd> {
        self.object.fd()
    }
}

/// What a watcher of a pipe looks at. It is open for as long as somebody watches.
#[derive(Debug)]
struct Arrivals {
    object: Arc<Object<PipeState>>,
    presence: Presence,
}

impl Source for Arrivals {
    fn bell(&self) -> &Bell {
        self.object.state().readers.bell()
    }

    fn announces(&self) -> bool {
        true
    }

    fn is_silent(&self) -> bool {
        // No bell rings when the last writer is killed.
        true
    }

    fn look(&self) -> Sight {
        let state = self.object.state();
        let is_over = self
            .object
            .attachment()
            .and_then(|attachment| self.presence.is_abandoned(&state.sums, End::Writer, attachment));
        let is_over = is_over.unwrap_or(false);
        let (read, written) = (state.reading.position.load(SeqCst), state.writing.position.load(SeqCst));
        let arrived = written + u64::from(is_over);
        Sight { is_ready: written > read || is_over, begun: arrived, ended: arrived }
    }
}

impl Ends {
    fn access(self) -> Access {
        if self == Ends::default() { Access::Read } else { Access::Write }
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        let state = self.object.state();
        for (kept, side) in [(&self.peeked, &state.reading), (&self.reserved, &state.writing)] {
            if kept.clear() {
                mutex::unlock(&side.mutex);
            }
        }
        if self.joined.load(Acquire) != process::epoch() {
            return;
        }
        if let Some(me) = self.object.segment().known_identity() {
            self.each_end().for_each(|end| self.presence.leave(&state.sums, end, me));
            state.readers.ring();
            state.writers.ring();
        }
    }
}
