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

mod arrivals;
mod by_copy;
mod in_place;

use std::ffi::CStr;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU32, AtomicU64};

use super::post::{Pace, Post};
use super::presence::{End, Presence, Sums};
use crate::error::{Code, Errno, Error, Result};
use crate::os::process;
use crate::os::time::Timeout;
use crate::segment::Access;
use crate::segment::attachment::Attachment;
use crate::segment::format::{DEFAULT_SLOTS, kind};
use crate::segment::object::{Object, ObjectOptions, Room, State};
use crate::sync::mutex;
use crate::sync::notifier::Watches;

use arrivals::Arrivals;
use in_place::Kept;

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
    pace: Pace,
}

// SAFETY: the pointer leads into the object's mapping; what lies there is touched under the protocol's mutexes only.
unsafe impl Send for Pipe {}
// SAFETY: as above.
unsafe impl Sync for Pipe {}

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
            pace: Pace::default(),
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

    /// A descriptor that becomes readable when there are bytes to read, or the end of the file has come.
    pub fn notify_fd(&self) -> Result<OwnedFd> {
        self.require_end(End::Reader)?;
        let slots = self.object.description().header.slots as usize;
        // SAFETY: as in `over`: the object keeps the mapping.
        let presence = unsafe { Presence::new(self.object.extra().0, slots) };
        self.watches.add(Arc::new(Arrivals { object: self.object.clone(), presence }), None)
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
