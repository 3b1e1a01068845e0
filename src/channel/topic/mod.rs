//! One to many: every subscriber gets every message from where it joined.
//!
//! Message number n lies in block n modulo their number; publishers take turns by a small robust mutex. Each subscriber
//! has an entry in a table: who it is, and which message it reads next. What happens when a slow one is a whole round
//! behind is chosen at creation: the publisher waits for it ([`Form::keep`]), or overwrites, and the subscriber is told how
//! many messages it lost.
//!
//! | word | holds | changed by |
//! |---|---|---|
//! | `publishing` | the mutex of publishers | who publishes, subscribes |
//! | `published` | messages published; bit 63: finished | the publisher, by one exchange; who finishes sets the bit |
//! | `limit` | the number up to which nothing is overwritten that somebody needs | the publisher |
//! | a block's `holder` | number of its message plus one; 0: being overwritten | the publisher, before and after the bytes |
//! | an entry's `owner` | identity of the subscriber; 0: free | who subscribes, unsubscribes, or finds it dead |
//! | an entry's `position` | the number that it reads next | the subscriber, by one exchange for each message |
//!
//! | killed | leaves | what others find |
//! |---|---|---|
//! | a publisher before the exchange | a block that is 0 or of the next number, a mutex with a dead owner | nothing was published; the next publisher overwrites the same block |
//! | after it | a mutex with a dead owner | the message |
//! | a subscriber before its exchange | an entry of a dead owner | the publisher drops it when it would have to wait for it |
//! | who subscribes before it stores `owner` | a free entry | a free entry |
//!
//! Where messages are overwritten a reader copies, word by word, and then looks at the block's number again: if that has
//! changed, what it copied is torn, and lost (a seqlock).

mod publisher;
mod subscriber;
mod subscribers;

use std::ffi::CStr;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering::{AcqRel, Relaxed, SeqCst};
use std::sync::atomic::{AtomicU32, AtomicU64};

use super::blocks::{self, Blocks};
use super::post::{Pace, Post};
use super::queue::{MAX_CAPACITY, MAX_MESSAGE};
use super::typed::Typed;
use crate::error::{Code, Errno, Error, Result};
use crate::os::time::Timeout;
use crate::segment::Access;
use crate::segment::format::{DEFAULT_SLOTS, kind};
use crate::segment::object::{Object, ObjectOptions, State};
use crate::sync::notifier::Watches;

use subscribers::{Departures, Entry, Subscribers};

const KEEP: u32 = 1;
const TYPED: u32 = 2;
const FINISHED: u64 = 1 << 63;

/// What is kept in shared memory beside subscribers and messages.
#[repr(C, align(128))]
#[derive(Debug)]
pub(crate) struct TopicState {
    // Written once, before anybody else sees the topic; read once, at opening.
    capacity: AtomicU64,
    message_bytes: AtomicU64,
    flags: AtomicU32,
    entries: AtomicU32,
    reserved: [AtomicU64; 13],
    // What publishers change.
    publishing: AtomicU32,
    reserved_32: AtomicU32,
    published: AtomicU64,
    limit: AtomicU64,
    reserved_line: [AtomicU64; 13],
    subscribers: Post,
    publishers: Post,
}

const _: () = assert!(size_of::<TopicState>() == 384);

// SAFETY: repr(C), atomics only.
unsafe impl State for TopicState {
    const KIND: u32 = kind::TOPIC;
}

/// What a topic is made for.
#[derive(Clone, Copy, Debug)]
pub struct Form<'a> {
    /// Messages that a subscriber can be behind.
    pub capacity: u64,
    /// The longest message, in bytes.
    pub message_bytes: u64,
    /// Every message is one or more elements of this dtype.
    pub dtype: Option<&'a str>,
    /// Nothing is overwritten that a living subscriber has not read: the publisher waits.
    pub keep: bool,
}

/// What is known of a message whose bytes were copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Bytes.
    pub len: usize,
    /// Messages before it that this subscriber has lost.
    pub lost: u64,
}

/// A moment in the life of a topic.
#[derive(Clone, Copy, Debug)]
pub struct TopicStat {
    /// Messages published since the beginning.
    pub published: u64,
    /// Subscribers; those of the dead are among them until somebody needs their place, or has to wait for them.
    pub subscribers: u32,
    /// How many messages the slowest of them has not read.
    pub behind: u64,
    /// No message is published any more.
    pub finished: bool,
    /// Nothing is overwritten.
    pub keep: bool,
}

/// One handle on an opened topic; at most one subscriber.
#[derive(Debug)]
pub struct Topic {
    watches: Watches,
    object: Arc<Object<TopicState>>,
    blocks: Blocks,
    all: Arc<Subscribers>,
    typed: Typed,
    keep: bool,
    /// Index of this handle's entry plus one, above it the epoch of the process that it subscribed in.
    subscribed: AtomicU64,
    pace: Pace,
}

const INDEX: u64 = 0xFFFF_FFFF;

impl Topic {
    /// Make a topic.
    pub fn create(name: Option<&str>, form: &Form, options: &ObjectOptions) -> Result<Topic> {
        let typed = Typed::parse(form.dtype)?;
        check(form, typed.itemsize())?;
        let too_large = || Error::invalid("the topic would have more than 2^63 bytes: ask for less");
        let bytes = blocks::stride(form.message_bytes).and_then(|stride| stride.checked_mul(form.capacity));
        let entries = if options.slots == 0 { DEFAULT_SLOTS } else { options.slots };
        let room = typed.room(entries as usize * size_of::<Entry>(), bytes.ok_or_else(too_large)?);
        let prepare = |new: &Object<TopicState>| {
            let state = new.state();
            state.capacity.store(form.capacity, Relaxed);
            state.message_bytes.store(form.message_bytes, Relaxed);
            state.entries.store(entries, Relaxed);
            state.limit.store(form.capacity, Relaxed);
            let flags = if form.keep { KEEP } else { 0 } | if typed.is_any() { 0 } else { TYPED };
            state.flags.store(flags, Relaxed);
            Ok(())
        };
        let (object, is_new) = Object::create(name, &room, options, prepare)?;
        let topic = Topic::over(object)?;
        let has = (topic.capacity(), topic.message_bytes(), topic.keep);
        if is_new || has == (form.capacity, form.message_bytes, form.keep) && topic.typed == typed {
            return Ok(topic);
        }
        Err(Error::os(
            Errno::EEXIST,
            format!(
                "{} exists with {} messages of {} bytes of {} ({}), not {} of {} bytes of {typed} ({}): open it as it is, or \
                 unlink it",
                topic.object.segment().place(),
                has.0,
                has.1,
                topic.typed,
                habit(has.2),
                form.capacity,
                form.message_bytes,
                habit(form.keep)
            ),
        ))
    }

    /// Open a topic that exists.
    pub fn open(name: &str, access: Access) -> Result<Topic> {
        Topic::over(Object::open(name, access)?)
    }

    /// Open the topic that a descriptor stands for; the caller keeps the descriptor.
    pub fn open_fd(fd: BorrowedFd<'_>, access: Access) -> Result<Topic> {
        Topic::over(Object::open_fd(fd, access)?)
    }

    fn over(object: Object<TopicState>) -> Result<Topic> {
        let state = object.state();
        let (capacity, message_bytes) = (state.capacity.load(Relaxed), state.message_bytes.load(Relaxed));
        let (entries, flags) = (state.entries.load(Relaxed) as usize, state.flags.load(Relaxed));
        let form = Form { capacity, message_bytes, dtype: None, keep: flags & KEEP != 0 };
        let corrupt =
            |what: &str| Error::new(Code::Corrupt, format!("{} is a damaged topic: {what}", object.segment().place()));
        check(&form, 1).map_err(|error| corrupt(error.detail()))?;
        let (data, data_len) = object.data();
        let needed = blocks::stride(message_bytes).and_then(|stride| stride.checked_mul(capacity));
        if needed.is_none_or(|needed| needed > data_len) || !(data.as_ptr() as usize).is_multiple_of(64) {
            return Err(corrupt("its messages do not fit into it"));
        }
        if entries.checked_mul(size_of::<Entry>()).is_none_or(|len| len > object.extra().1) {
            return Err(corrupt("its subscribers do not fit into it"));
        }
        let typed = Typed::parse((flags & TYPED != 0).then_some(object.description().dtype.as_str()))?;
        // SAFETY: the length was checked just now; the object keeps the mapping for as long as the topic lives.
        let blocks = unsafe { Blocks::new(data, capacity as usize, message_bytes as usize) };
        let object = Arc::new(object);
        let (watches, subscribed) = (Watches::default(), AtomicU64::new(0));
        let all = Arc::new(Subscribers::new(object.clone(), entries));
        Ok(Topic { watches, object, blocks, all, typed, keep: form.keep, subscribed, pace: Pace::default() })
    }

    /// Refuse the topic unless its messages are of this dtype; `None`: of any bytes.
    pub fn require_dtype(&self, dtype: Option<&str>) -> Result<()> {
        self.typed.require_same(dtype, self.object.segment().place())
    }

    fn block(&self, number: u64) -> usize {
        (number % self.blocks.count() as u64) as usize
    }

    /// A descriptor that becomes readable when nobody is too slow for one more message, or the topic is finished.
    pub fn notify_room_fd(&self) -> Result<OwnedFd> {
        let (all, capacity) = (self.all.clone(), self.keep.then(|| self.capacity()));
        self.watches.add(Arc::new(Departures { all, capacity }), None)
    }

    /// No message is published any more: publishers are told EPIPE, subscribers get what there is, and then ENODATA.
    pub fn finish(&self) -> Result<()> {
        self.object.require_writable()?;
        let state = self.object.state();
        state.published.fetch_or(FINISHED, SeqCst);
        state.subscribers.ring();
        state.publishers.ring();
        Ok(())
    }

    /// Messages that a subscriber can be behind.
    pub fn capacity(&self) -> u64 {
        self.blocks.count() as u64
    }

    /// The longest message.
    pub fn message_bytes(&self) -> u64 {
        self.blocks.room() as u64
    }

    /// numpy's text for the type of the messages; empty where they are any bytes.
    pub fn dtype(&self) -> &CStr {
        self.typed.text()
    }

    /// Bytes of one element of the messages' type; 1 where they are any bytes.
    pub fn itemsize(&self) -> u64 {
        self.typed.itemsize()
    }

    /// Messages that wait for this subscriber, those that it will have lost among them.
    pub fn count(&self) -> u64 {
        let published = self.object.state().published.load(Relaxed) & !FINISHED;
        self.own_entry().map_or(0, |entry| published.saturating_sub(entry.position.load(Relaxed)))
    }

    /// The moment, for people and monitors.
    pub fn stat(&self) -> TopicStat {
        let word = self.object.state().published.load(Relaxed);
        let published = word & !FINISHED;
        let positions = self.all.each().map(|(entry, _)| entry.position.load(Relaxed));
        let (subscribers, slowest) =
            positions.fold((0, published), |(count, least), next| (count + 1, least.min(next)));
        TopicStat {
            published,
            subscribers,
            behind: published - slowest,
            finished: word & FINISHED != 0,
            keep: self.keep,
        }
    }

    /// The segment and its name.
    pub(crate) fn object(&self) -> &Object<TopicState> {
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

impl Drop for Topic {
    fn drop(&mut self) {
        let (Some(entry), Some(me)) = (self.own_entry(), self.object.segment().known_identity()) else { return };
        let _ = entry.owner.compare_exchange(me.bits(), 0, AcqRel, Relaxed);
        self.object.state().publishers.ring();
    }
}

fn habit(keep: bool) -> &'static str {
    if keep { "slow subscribers slow the publisher" } else { "slow subscribers lose messages" }
}

fn check(form: &Form, itemsize: u64) -> Result<()> {
    let Form { capacity, message_bytes, .. } = *form;
    let wrong = if !(1..=MAX_CAPACITY).contains(&capacity) {
        format!("a topic of {capacity} messages: from 1 to {MAX_CAPACITY} are possible")
    } else if !(1..=MAX_MESSAGE).contains(&message_bytes) {
        format!("messages of {message_bytes} bytes: from 1 to {MAX_MESSAGE} are possible")
    } else if itemsize > message_bytes {
        format!("messages of at most {message_bytes} bytes cannot hold an element of {itemsize} bytes")
    } else {
        return Ok(());
    };
    Err(Error::invalid(wrong))
}

#[cold]
fn finished() -> Error {
    Error::os(Errno::EPIPE, "the topic is finished: nothing is published any more")
}

#[cold]
fn at_end() -> Error {
    Error::os(Errno::ENODATA, "the topic is finished, and this subscriber has all its messages")
}

#[cold]
fn expired(timeout: Timeout, words: String) -> Error {
    Error::os(if timeout == Timeout::Try { Errno::EAGAIN } else { Errno::ETIMEDOUT }, words)
}
