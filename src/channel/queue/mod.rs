//! A bounded queue of messages, delivered at least once.
//!
//! A message is filled in place and becomes visible by one exchange; a consumer takes it, uses it in place, and
//! acknowledges it. So a producer that dies has sent a whole message or none, and a consumer that dies gives its
//! message back. Two engines do this behind the same calls: `many` for any number of producers and consumers, and
//! `single` for one of each at a time, which is faster.

mod arrivals;
mod by_copy;
mod dispatch;
mod holder;
mod in_place;
mod many;
pub(super) mod refusals;
mod ring;
mod single;

use std::ffi::CStr;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicU32, AtomicU64};

use super::blocks::{self, Blocks};
use super::post::{Pace, Post};
use super::typed::Typed;
use crate::error::{Code, Errno, Error, Result};
use crate::segment::Access;
use crate::segment::format::kind;
use crate::segment::object::{Object, ObjectOptions, State};
use crate::sync::notifier::Watches;

use arrivals::{Arrivals, Departures};
use many::Many;
use single::{Seat, Single};

/// The most messages that a queue can hold.
pub const MAX_CAPACITY: u64 = 1 << 18;
/// The most priorities that a queue can have.
pub const MAX_PRIORITIES: u32 = 8;
/// The longest message.
pub const MAX_MESSAGE: u64 = 1 << 40;

const SINGLE: u32 = 1;
const TYPED: u32 = 2;

/// What is kept in shared memory beside rings and messages.
#[repr(C, align(128))]
#[derive(Debug)]
pub(crate) struct QueueState {
    // Written once, before anybody else sees the queue; read once, at opening.
    capacity: AtomicU64,
    message_bytes: AtomicU64,
    priorities: AtomicU32,
    flags: AtomicU32,
    reserved: [AtomicU64; 13],
    // What changes.
    closed: AtomicU32,
    reserved_32: AtomicU32,
    reserved_line: [AtomicU64; 15],
    ends: Ends,
    seats: [Seat; 2],
}

/// Where the two sides wait.
#[repr(C, align(128))]
#[derive(Debug)]
struct Ends {
    receivers: Post,
    reserved: [AtomicU64; 8],
    senders: Post,
    /// When somebody last looked for the dead.
    mended_ms: AtomicU64,
    reserved_too: [AtomicU64; 7],
}

const _: () = assert!(size_of::<QueueState>() == 768);

// SAFETY: repr(C), atomics only.
unsafe impl State for QueueState {
    const KIND: u32 = kind::QUEUE;
}

/// What a queue is made for.
#[derive(Clone, Copy, Debug)]
pub struct Form<'a> {
    /// Messages that it can hold, those included that are being filled or used.
    pub capacity: u64,
    /// The longest message, in bytes.
    pub message_bytes: u64,
    /// Every message is one or more elements of this dtype.
    pub dtype: Option<&'a str>,
    /// How many; the least important is 0.
    pub priorities: u32,
    /// One producer and one consumer at a time.
    pub single: bool,
}

/// What kind of message it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Sort {
    /// Bytes, or elements of the queue's dtype.
    Plain = 0,
    /// The handle of an array.
    Array = 1,
}

/// A block that this handle fills or uses in place, until it lets go of it.
#[derive(Clone, Copy, Debug)]
pub struct Message {
    /// The bytes, aligned to 64.
    pub data: *mut u8,
    /// How many: of a message that was taken, its length; of one that is to be filled, the most that it may have.
    pub len: usize,
    /// As it was sent; 0 for one that is to be filled.
    pub priority: u32,
    /// What kind it is.
    pub sort: Sort,
    /// A consumer had it before, and gave it back or died.
    pub again: bool,
    /// What names it in later calls.
    pub token: u64,
}

/// What is known of a message whose bytes were copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Bytes.
    pub len: usize,
    /// As it was sent.
    pub priority: u32,
    /// A consumer had it before, and gave it back or died.
    pub again: bool,
}

/// A moment in the life of a queue.
#[derive(Clone, Copy, Debug)]
pub struct QueueStat {
    /// Messages that wait.
    pub count: u64,
    /// Messages that are being filled or used.
    pub out: u64,
    /// Messages committed since the beginning.
    pub sent: u64,
    /// No message is sent any more.
    pub closed: bool,
    /// One producer and one consumer at a time.
    pub single: bool,
}

/// One handle on an opened queue.
#[derive(Debug)]
pub struct Queue {
    watches: Watches,
    object: Arc<Object<QueueState>>,
    engine: Engine,
    typed: Typed,
    priorities: u32,
    pace: Pace,
    /// See [`Arrivals`].
    given_back: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Engine {
    Many(Many),
    Single(Box<Single>),
}

impl Engine {
    /// Whether nothing is sent any more: what senders and receivers go by.
    fn is_closed(&self, state: &QueueState) -> bool {
        match self {
            Engine::Many(_) => state.closed.load(SeqCst) != 0,
            Engine::Single(_) => Single::is_closed(&state.seats),
        }
    }
}

impl Queue {
    /// Make a queue.
    pub fn create(name: Option<&str>, form: &Form, options: &ObjectOptions) -> Result<Queue> {
        let typed = Typed::parse(form.dtype)?;
        check(form, typed.itemsize())?;
        let too_large = || Error::invalid("the queue would have more than 2^63 bytes: ask for less");
        let bytes = blocks::stride(form.message_bytes).and_then(|stride| stride.checked_mul(form.capacity));
        let room =
            typed.room(extra(form.capacity as usize, form.priorities, form.single), bytes.ok_or_else(too_large)?);
        let prepare = |new: &Object<QueueState>| {
            let state = new.state();
            state.capacity.store(form.capacity, Relaxed);
            state.message_bytes.store(form.message_bytes, Relaxed);
            state.priorities.store(form.priorities, Relaxed);
            let flags = if form.single { SINGLE } else { 0 } | if typed.is_any() { 0 } else { TYPED };
            state.flags.store(flags, Relaxed);
            if let Engine::Many(many) = engine(new)? {
                many.prepare();
            }
            Ok(())
        };
        let (object, is_new) = Object::create(name, &room, options, prepare)?;
        let queue = Queue::over(object)?;
        if !is_new {
            queue.require_same(form, &typed)?;
        }
        Ok(queue)
    }

    /// Open a queue that exists.
    pub fn open(name: &str, access: Access) -> Result<Queue> {
        Queue::over(Object::open(name, access)?)
    }

    /// Open the queue that a descriptor stands for; the caller keeps the descriptor.
    pub fn open_fd(fd: BorrowedFd<'_>, access: Access) -> Result<Queue> {
        Queue::over(Object::open_fd(fd, access)?)
    }

    fn over(object: Object<QueueState>) -> Result<Queue> {
        let engine = engine(&object)?;
        let is_typed = object.state().flags.load(Relaxed) & TYPED != 0;
        let typed = Typed::parse(is_typed.then_some(object.description().dtype.as_str()))?;
        let priorities = object.state().priorities.load(Relaxed).clamp(1, MAX_PRIORITIES);
        Ok(Queue {
            watches: Watches::default(),
            object: Arc::new(object),
            engine,
            typed,
            priorities,
            pace: Pace::default(),
            given_back: Arc::default(),
        })
    }

    fn require_same(&self, form: &Form, typed: &Typed) -> Result<()> {
        let is_same = (self.capacity(), self.message_bytes(), self.priorities, self.is_single())
            == (form.capacity, form.message_bytes, form.priorities, form.single)
            && self.typed == *typed;
        if is_same {
            return Ok(());
        }
        let (name, single) = (self.object.segment().place(), |single| if single { ", SPSC" } else { "" });
        Err(Error::os(
            Errno::EEXIST,
            format!(
                "{name} exists with room for {} messages of {} bytes, {} priorities, {}{}, not for {} of {} bytes, \
                 {} priorities, {}{}: open it as it is, or unlink it",
                self.capacity(),
                self.message_bytes(),
                self.priorities,
                self.typed,
                single(self.is_single()),
                form.capacity,
                form.message_bytes,
                form.priorities,
                typed,
                single(form.single)
            ),
        ))
    }

    /// Refuse the queue unless its messages are of this dtype; `None`: of any bytes.
    pub fn require_dtype(&self, dtype: Option<&str>) -> Result<()> {
        self.typed.require_same(dtype, self.object.segment().place())
    }

    /// A descriptor that becomes readable when there is a message to take, or will never be one.
    pub fn notify_fd(&self) -> Result<OwnedFd> {
        let engine = engine(&self.object)?;
        let (object, given_back) = (self.object.clone(), self.given_back.clone());
        self.watches.add(Arc::new(Arrivals { object, engine, given_back }), None)
    }

    /// A descriptor that becomes readable when there is room for a message, or will never be any.
    pub fn notify_room_fd(&self) -> Result<OwnedFd> {
        let engine = engine(&self.object)?;
        self.watches.add(Arc::new(Departures { object: self.object.clone(), engine }), None)
    }

    /// No message is sent any more: senders are told EPIPE, receivers get what there is, and then ENODATA.
    pub fn finish(&self) -> Result<()> {
        self.object.require_writable()?;
        let state = self.object.state();
        // The seats are what counts where there are any (`Engine::is_closed`): closed by one exchange, or not at all.
        if self.is_single() {
            Single::close(&state.seats);
        }
        state.closed.store(1, SeqCst);
        self.ends().receivers.ring();
        self.ends().senders.ring();
        Ok(())
    }

    /// Messages that wait.
    pub fn count(&self) -> u64 {
        match &self.engine {
            Engine::Many(many) => many.count(),
            Engine::Single(_) => {
                let (sent, acknowledged) = Single::counts(&self.object.state().seats);
                sent - acknowledged
            }
        }
    }

    /// Messages that it can hold.
    pub fn capacity(&self) -> u64 {
        self.blocks().count() as u64
    }

    /// The longest message.
    pub fn message_bytes(&self) -> u64 {
        self.blocks().room() as u64
    }

    /// How many priorities there are.
    pub fn priorities(&self) -> u32 {
        self.priorities
    }

    /// numpy's text for the type of the messages; empty where they are any bytes.
    pub fn dtype(&self) -> &CStr {
        self.typed.text()
    }

    /// Bytes of one element of the messages' type; 1 where they are any bytes.
    pub fn itemsize(&self) -> u64 {
        self.typed.itemsize()
    }

    /// The moment, for people and monitors.
    pub fn stat(&self) -> QueueStat {
        let state = self.object.state();
        let (count, closed) = (self.count(), self.engine.is_closed(state));
        match &self.engine {
            Engine::Many(many) => QueueStat { count, out: many.out(count), sent: many.sent(), closed, single: false },
            Engine::Single(_) => {
                QueueStat { count, out: 0, sent: Single::counts(&state.seats).0, closed, single: true }
            }
        }
    }

    /// The segment and its name.
    pub(crate) fn object(&self) -> &Object<QueueState> {
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

    fn is_single(&self) -> bool {
        matches!(self.engine, Engine::Single(_))
    }

    #[inline]
    fn blocks(&self) -> &Blocks {
        match &self.engine {
            Engine::Many(many) => &many.blocks,
            Engine::Single(single) => &single.blocks,
        }
    }

    #[inline]
    fn ends(&self) -> &Ends {
        &self.object.state().ends
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        if self.object.segment().access() != Access::Write {
            return;
        }
        // A handle that never sent or received has no identity, and nothing to give back.
        let Some(me) = self.object.segment().known_identity() else { return };
        let state = self.object.state();
        match &self.engine {
            Engine::Many(many) => {
                let (freed, returned) = many.let_go(me);
                if freed > 0 {
                    state.ends.senders.ring();
                }
                if returned > 0 {
                    state.ends.receivers.ring();
                }
            }
            Engine::Single(single) => single.let_go(&state.seats, me),
        }
    }
}

fn check(form: &Form, itemsize: u64) -> Result<()> {
    let Form { capacity, message_bytes, priorities, .. } = *form;
    let wrong = if !(1..=MAX_CAPACITY).contains(&capacity) {
        format!("a queue for {capacity} messages: from 1 to {MAX_CAPACITY} are possible")
    } else if !(1..=MAX_MESSAGE).contains(&message_bytes) {
        format!("messages of {message_bytes} bytes: from 1 to {MAX_MESSAGE} are possible")
    } else if !(1..=MAX_PRIORITIES).contains(&priorities) {
        format!("{priorities} priorities: from 1 to {MAX_PRIORITIES} are possible")
    } else if form.single && priorities != 1 {
        format!("{priorities} priorities: a queue with SHM_QUEUE_SPSC has one")
    } else if itemsize > message_bytes {
        format!("messages of at most {message_bytes} bytes cannot hold an element of {itemsize} bytes")
    } else {
        return Ok(());
    };
    Err(Error::invalid(wrong))
}

fn extra(blocks: usize, priorities: u32, single: bool) -> usize {
    if single { 0 } else { Many::bytes(blocks, priorities) }
}

/// Over what was opened: what its words promise must be there.
fn engine(object: &Object<QueueState>) -> Result<Engine> {
    let state = object.state();
    let (capacity, message_bytes) = (state.capacity.load(Relaxed), state.message_bytes.load(Relaxed));
    let (priorities, flags) = (state.priorities.load(Relaxed), state.flags.load(Relaxed));
    let form = Form { capacity, message_bytes, dtype: None, priorities, single: flags & SINGLE != 0 };
    let place = object.segment().place();
    let corrupt = |what: &str| Error::new(Code::Corrupt, format!("{place} is a damaged queue: {what}"));
    check(&form, 1).map_err(|error| corrupt(error.detail()))?;
    let (rings, rings_len) = object.extra();
    let (data, data_len) = object.data();
    let needed = blocks::stride(message_bytes).and_then(|stride| stride.checked_mul(capacity));
    if needed.is_none_or(|needed| needed > data_len) || !(data.as_ptr() as usize).is_multiple_of(64) {
        return Err(corrupt("its messages do not fit into it"));
    }
    if rings_len < extra(capacity as usize, priorities, form.single) {
        return Err(corrupt("its rings do not fit into it"));
    }
    // SAFETY: the length was checked just now; the object keeps the mapping for as long as the queue lives.
    let blocks = unsafe { Blocks::new(data, capacity as usize, message_bytes as usize) };
    Ok(if form.single {
        Engine::Single(Box::new(Single::new(blocks)))
    } else {
        // SAFETY: as above; what lies behind a state is aligned as the state is.
        Engine::Many(unsafe { Many::new(rings, blocks, priorities) })
    })
}
