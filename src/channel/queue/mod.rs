//! A bounded queue of messages, delivered at least once.
//!
//! A message is filled in place and becomes visible by one exchange; a consumer takes it, uses it in place, and
//! acknowledges it. So a producer that dies has sent a whole message or none, and a consumer that dies gives its
//! message back. Two engines do this behind the same calls: `many` for any number of producers and consumers, and
//! `single` for one of each at a time, which is faster.

mod arrivals;
mod holder;
mod many;
mod ring;
mod single;

use std::ffi::CStr;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicU32, AtomicU64};

use super::blocks::{self, Blocks};
use super::post::Post;
use super::typed::Typed;
use crate::error::{Code, Errno, Error, Result};
use crate::os::time::Timeout;
use crate::segment::Access;
use crate::segment::format::kind;
use crate::segment::object::{Object, ObjectOptions, State};
use crate::sync::notifier::Watches;

use arrivals::{Arrivals, Departures};
use many::{Many, Taken};
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
}

#[derive(Debug)]
enum Engine {
    Many(Many),
    Single(Box<Single>),
}

/// A block in this process's hands, between two calls of an engine.
#[derive(Clone, Copy, Debug)]
struct Place {
    block: usize,
    token: u64,
    again: bool,
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
        Ok(Queue { watches: Watches::default(), object: Arc::new(object), engine, typed, priorities })
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

    /// Send a copy of these bytes.
    #[inline]
    pub fn send(&self, bytes: &[u8], priority: u32, timeout: Timeout) -> Result<()> {
        self.send_sort(bytes, priority, Sort::Plain, timeout)
    }

    #[inline]
    pub(crate) fn send_sort(&self, bytes: &[u8], priority: u32, sort: Sort, timeout: Timeout) -> Result<()> {
        self.check_message(bytes.len(), priority, sort)?;
        let place = self.wait_to_reserve(timeout)?;
        self.blocks().write(place.block, bytes);
        self.publish(place, bytes.len(), priority, sort)?;
        self.ends().receivers.ring();
        Ok(())
    }

    /// Send copies of several messages; waits for room for the first only. Says how many were sent, from the first on.
    pub fn send_many(&self, messages: &[&[u8]], priority: u32, timeout: Timeout) -> Result<usize> {
        messages.iter().try_for_each(|bytes| self.check_message(bytes.len(), priority, Sort::Plain))?;
        let mut sent = 0;
        while let Some(bytes) = messages.get(sent) {
            let place = match sent {
                0 => self.wait_to_reserve(timeout)?,
                _ => match self.try_reserve() {
                    Ok(Some(place)) => place,
                    // What was sent was sent; the next call will say it again.
                    Ok(None) | Err(_) => break,
                },
            };
            self.blocks().write(place.block, bytes);
            match self.publish(place, bytes.len(), priority, Sort::Plain) {
                Err(error) if sent == 0 => return Err(error),
                Err(_) => break,
                Ok(()) => sent += 1,
            }
        }
        if sent > 0 {
            self.ends().receivers.ring();
        }
        Ok(sent)
    }

    /// Copy the first message into `buffer`, and acknowledge it. Where it is too long it stays: EMSGSIZE.
    #[inline]
    pub fn receive(&self, buffer: &mut [u8], timeout: Timeout) -> Result<Received> {
        let place = self.wait_to_take(timeout)?;
        let received = self.copy_out(place, buffer, Sort::Plain)?;
        self.acknowledge(place)?;
        self.ends().senders.ring();
        Ok(received)
    }

    /// Copy several messages into `buffer`, one behind the other; waits for the first only. Calls `each` for every one
    /// that was copied; stops at the first that does not fit, which stays.
    pub fn receive_many(
        &self,
        buffer: &mut [u8],
        most: usize,
        timeout: Timeout,
        mut each: impl FnMut(Received),
    ) -> Result<usize> {
        let (mut count, mut used) = (0, 0);
        while count < most {
            let place = match count {
                0 => self.wait_to_take(timeout)?,
                _ => match self.try_take() {
                    Ok(Some(place)) => place,
                    Ok(None) | Err(_) => break,
                },
            };
            match self.copy_out(place, &mut buffer[used..], Sort::Plain) {
                Ok(received) => {
                    self.acknowledge(place)?;
                    (count, used) = (count + 1, used + received.len);
                    each(received);
                }
                Err(error) if count == 0 => return Err(error),
                Err(_) => break,
            }
        }
        if count > 0 {
            self.ends().senders.ring();
        }
        Ok(count)
    }

    /// Copies a message, or puts it back.
    #[inline]
    fn copy_out(&self, place: Place, buffer: &mut [u8], wanted: Sort) -> Result<Received> {
        let message = self.message(place);
        let refusal = if message.sort != wanted {
            other_sort(message.sort)
        } else if message.len > buffer.len() {
            let (len, room) = (message.len, buffer.len());
            Error::os(
                Errno::EMSGSIZE,
                format!(
                    "the next message has {len} bytes, and the buffer has room for {room}: the message was left there"
                ),
            )
        } else {
            self.blocks().read(place.block, &mut buffer[..message.len]);
            return Ok(Received { len: message.len, priority: message.priority, again: message.again });
        };
        self.put_back(place, message.again)?;
        self.ends().receivers.ring();
        Err(refusal)
    }

    /// A message to fill in place.
    pub fn reserve(&self, timeout: Timeout) -> Result<Message> {
        let place = self.wait_to_reserve(timeout)?;
        if let Engine::Many(many) = &self.engine {
            many.keep(Taken::from_token(place.token));
        }
        let data = self.blocks().bytes(place.block);
        let len = self.blocks().room();
        Ok(Message { data, len, priority: 0, sort: Sort::Plain, again: false, token: place.token })
    }

    /// Send what was reserved and filled: its first `len` bytes.
    pub fn commit(&self, token: u64, len: usize, priority: u32) -> Result<()> {
        self.check_message(len, priority, Sort::Plain)?;
        let place = self.claim(token, false)?;
        self.publish(place, len, priority, Sort::Plain)?;
        self.ends().receivers.ring();
        Ok(())
    }

    /// Do not send what was reserved.
    pub fn cancel(&self, token: u64) -> Result<()> {
        match (&self.engine, self.claim(token, false)?) {
            (Engine::Many(many), _) => many.free(Taken::from_token(token))?,
            (Engine::Single(single), _) => single.cancel(),
        }
        self.ends().senders.ring();
        Ok(())
    }

    /// The first message, to be used in place: to be released then, or given back.
    pub fn take(&self, timeout: Timeout) -> Result<Message> {
        let place = self.wait_to_take(timeout)?;
        if let Engine::Many(many) = &self.engine {
            many.keep(Taken::from_token(place.token));
        }
        Ok(self.message(place))
    }

    /// Acknowledge a message: nobody gets it again.
    pub fn release(&self, token: u64) -> Result<()> {
        let place = self.claim(token, true)?;
        self.acknowledge(place)?;
        self.ends().senders.ring();
        Ok(())
    }

    /// Let somebody else have a message: it is the first of all now.
    pub fn give_back(&self, token: u64) -> Result<()> {
        let place = self.claim(token, true)?;
        self.put_back(place, true)?;
        self.ends().receivers.ring();
        Ok(())
    }

    /// As [`Queue::give_back`], but nobody had it: the message does not become one that comes again.
    pub(crate) fn put_back_as_it_was(&self, message: &Message) -> Result<()> {
        let place = self.claim(message.token, true)?;
        self.put_back(place, message.again)?;
        self.ends().receivers.ring();
        Ok(())
    }

    /// Copy the bytes of a message that this handle has taken.
    pub(crate) fn copy(&self, message: &Message, buffer: &mut [u8]) {
        let block = match &self.engine {
            Engine::Many(_) => Taken::from_token(message.token).block,
            Engine::Single(single) => single.block(message.token),
        };
        self.blocks().read(block, buffer);
    }

    /// A descriptor that becomes readable when there is a message to take, or will never be one.
    pub fn notify_fd(&self) -> Result<OwnedFd> {
        let engine = engine(&self.object)?;
        self.watches.add(Arc::new(Arrivals { object: self.object.clone(), engine }), None)
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
        state.closed.store(1, SeqCst);
        if self.is_single() {
            Single::close(&state.seats);
        }
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
        let count = self.count();
        match &self.engine {
            Engine::Many(many) => QueueStat {
                count,
                out: many.out(count),
                sent: many.sent(),
                closed: state.closed.load(Relaxed) != 0,
                single: false,
            },
            Engine::Single(_) => QueueStat {
                count,
                out: 0,
                sent: Single::counts(&state.seats).0,
                closed: Single::is_closed(&state.seats),
                single: true,
            },
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

    #[inline]
    fn check_message(&self, len: usize, priority: u32, sort: Sort) -> Result<()> {
        let is_whole = sort != Sort::Plain || self.typed.is_whole(len);
        if len <= self.blocks().room() && priority < self.priorities && is_whole {
            return Ok(());
        }
        Err(self.wrong_message(len, priority))
    }

    #[cold]
    fn wrong_message(&self, len: usize, priority: u32) -> Error {
        if len > self.blocks().room() {
            let room = self.blocks().room();
            return Error::os(
                Errno::EMSGSIZE,
                format!("a message of {len} bytes; this queue was created for at most {room}"),
            );
        }
        if priority >= self.priorities {
            let highest = self.priorities - 1;
            return Error::invalid(format!(
                "priority {priority}; this queue was created for priorities 0 to {highest}"
            ));
        }
        self.typed.not_whole(len)
    }

    #[inline]
    fn wait_to_reserve(&self, timeout: Timeout) -> Result<Place> {
        self.object.require_writable()?;
        let place = self.ends().senders.wait(timeout, || self.try_reserve(), || self.look_round())?;
        place.ok_or_else(|| {
            let (capacity, count) = (self.capacity(), self.count());
            expired(timeout, format!("the queue is full: {count} messages wait, of {capacity}, others are in use"))
        })
    }

    #[inline]
    fn wait_to_take(&self, timeout: Timeout) -> Result<Place> {
        self.object.require_writable()?;
        let place = self.ends().receivers.wait(timeout, || self.try_take(), || self.look_round())?;
        place.ok_or_else(|| expired(timeout, "the queue is empty".into()))
    }

    #[inline]
    fn try_reserve(&self) -> Result<Option<Place>> {
        let attachment = self.object.attachment()?;
        Ok(match &self.engine {
            Engine::Many(many) => many.try_reserve(self.object.state(), attachment.identity()?)?.map(|taken| Place {
                block: taken.block,
                token: taken.token(),
                again: false,
            }),
            Engine::Single(single) => single.try_reserve(&self.object.state().seats, attachment)?.map(|number| Place {
                block: single.block(number),
                token: number,
                again: false,
            }),
        })
    }

    #[inline]
    fn publish(&self, place: Place, len: usize, priority: u32, sort: Sort) -> Result<()> {
        match &self.engine {
            Engine::Many(many) => many.commit(Taken::from_token(place.token), len, priority, sort),
            Engine::Single(single) => single.commit(&self.object.state().seats, place.token, len, sort),
        }
    }

    #[inline]
    fn try_take(&self) -> Result<Option<Place>> {
        let (attachment, state) = (self.object.attachment()?, self.object.state());
        match &self.engine {
            Engine::Many(many) => {
                let me = attachment.identity()?;
                let mut taken = many.try_take(me)?;
                if taken.is_none() && state.closed.load(SeqCst) != 0 {
                    // The end comes when neither the dead nor the living have anything that may still be delivered.
                    many.mend(attachment)?;
                    let is_settled = many.is_settled(attachment)?;
                    taken = many.try_take(me)?;
                    if taken.is_none() && is_settled {
                        return Err(at_end());
                    }
                }
                let Some(taken) = taken else { return Ok(None) };
                if Many::is_time_to_look(taken) {
                    many.mend_now_and_then(&state.ends, attachment, true)?;
                }
                let again = many.blocks.header(taken.block).again.load(Relaxed) != 0;
                Ok(Some(Place { block: taken.block, token: taken.token(), again }))
            }
            Engine::Single(single) => {
                let Some(number) = single.try_take(&state.seats, attachment)? else { return Ok(None) };
                let again = single.note_taken(&state.seats, number);
                Ok(Some(Place { block: single.block(number), token: number, again }))
            }
        }
    }

    #[inline]
    fn message(&self, place: Place) -> Message {
        let header = self.blocks().header(place.block);
        Message {
            data: self.blocks().bytes(place.block),
            len: self.blocks().len(place.block),
            priority: if self.priorities == 1 { 0 } else { header.priority.load(Relaxed) },
            sort: if header.kind.load(Relaxed) == Sort::Plain as u32 { Sort::Plain } else { Sort::Array },
            again: place.again,
            token: place.token,
        }
    }

    #[inline]
    fn acknowledge(&self, place: Place) -> Result<()> {
        match &self.engine {
            Engine::Many(many) => many.free(Taken::from_token(place.token)),
            Engine::Single(single) => {
                single.release(&self.object.state().seats, place.token);
                Ok(())
            }
        }
    }

    fn put_back(&self, place: Place, again: bool) -> Result<()> {
        match &self.engine {
            Engine::Many(many) => many.give_back(Taken::from_token(place.token), again),
            Engine::Single(single) => {
                single.give_back(&self.object.state().seats, again);
                Ok(())
            }
        }
    }

    /// What this handle keeps under that token, once.
    fn claim(&self, token: u64, is_consumer: bool) -> Result<Place> {
        let state = self.object.state();
        let block = match &self.engine {
            Engine::Many(many) => {
                let taken = Taken::from_token(token);
                many.claim(taken, self.object.attachment()?.identity()?, is_consumer)?;
                taken.block
            }
            Engine::Single(single) => {
                single.claim(&state.seats, token, is_consumer)?;
                single.block(token)
            }
        };
        Ok(Place { block, token, again: false })
    }

    /// Before a sleep: is there something that only the dead have?
    fn look_round(&self) -> Result<()> {
        match &self.engine {
            Engine::Many(many) => many.mend_now_and_then(self.ends(), self.object.attachment()?, false),
            Engine::Single(_) => Ok(()),
        }
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

#[cold]
fn closed() -> Error {
    Error::os(Errno::EPIPE, "the queue is finished: nothing is sent through it any more")
}

#[cold]
fn at_end() -> Error {
    Error::os(Errno::ENODATA, "the queue is finished, and all its messages have been received")
}

#[cold]
fn not_held() -> Error {
    Error::os(
        Errno::EPERM,
        "this handle has no such message: it was committed, released or given back before, it is another handle's, or it \
         was a parent process's",
    )
}

#[cold]
pub(super) fn other_sort(sort: Sort) -> Error {
    let words = match sort {
        Sort::Array => "the next message carries an array: receive it with shm_queue_receive_array()",
        Sort::Plain => "the next message carries no array: receive it with shm_queue_receive()",
    };
    Error::os(Errno::EBADMSG, words)
}

#[cold]
fn expired(timeout: Timeout, words: String) -> Error {
    Error::os(if timeout == Timeout::Try { Errno::EAGAIN } else { Errno::ETIMEDOUT }, words)
}
