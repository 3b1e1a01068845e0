//! One producer and one consumer at a time: nothing is fought for, so a message costs two stores.
//!
//! Message number n lies in block n modulo their number. Each side has a *seat* in shared memory: who has it, and how far
//! they have come. A seat belongs to one handle of one process, and is free again when that is closed or dead.
//!
//! | word | holds | changed by |
//! |---|---|---|
//! | `producer.owner` | identity of the producer; 0: none | who sits down, by exchanging 0 or a dead one's identity |
//! | `producer.position` | messages committed; bit 63: closed | the producer adds one; who closes sets the bit |
//! | `consumer.owner` | identity of the consumer; 0: none | as above |
//! | `consumer.position` | messages acknowledged | the consumer adds one |
//! | `consumer.taken` | the message that the consumer has, plus one | the consumer |
//!
//! What lies between the two positions are the messages. The producer fills the block behind them, then adds one: a kill
//! before that leaves nothing, and the next producer fills the same block. The consumer adds one when it is done with a
//! message: a kill before that leaves the message first in line, and `taken` tells the next consumer that somebody had it.
//!
//! In this process's own memory each side remembers how far the other one was when it last looked, so that the two
//! touch each other's cache lines only when they meet.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicU32, AtomicU64};

use super::{Sort, refusals};
use crate::channel::blocks::Blocks;
use crate::error::{Errno, Error, Result};
use crate::os::process;
use crate::segment::attachment::{Attachment, Identity};

/// One side, in shared memory. Two cache lines, as prefetchers fetch them.
#[repr(C, align(128))]
#[derive(Debug)]
pub struct Seat {
    pub(super) owner: AtomicU32,
    reserved_32: AtomicU32,
    pub(super) position: AtomicU64,
    taken: AtomicU64,
    reserved: [AtomicU64; 13],
}

const CLOSED: u64 = 1 << 63;

/// How many messages ahead cache lines are asked for: a line takes as long to arrive as some messages do.
const AHEAD: u64 = 4;

/// This handle has reserved, or taken, a message.
const BUSY: u64 = 1;
/// A thread is about to commit or release that message.
const FINISHING: u64 = 2;

fn seated() -> u64 {
    process::epoch() << 2
}

/// One side, as this handle knows it.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Side {
    /// Four times the epoch of the process in which this handle has the seat; plus [`BUSY`] or [`FINISHING`].
    seated: AtomicU64,
    /// How far the other side was when last seen.
    seen: AtomicU64,
}

/// A queue for two, over one opened object.
#[derive(Debug)]
pub(super) struct Single {
    pub blocks: Blocks,
    capacity: u64,
    producer: Side,
    consumer: Side,
}

impl Side {
    /// Begin to use the seat; `seat` is taken first if need be.
    #[inline]
    fn enter(&self, seat: &Seat, attachment: &Attachment, who: &str) -> Result<()> {
        match self.seated.compare_exchange(seated(), seated() | BUSY, AcqRel, Acquire) {
            Ok(_) => Ok(()),
            Err(other) => self.sit_down(other, seat, attachment, who),
        }
    }

    #[cold]
    fn sit_down(&self, other: u64, seat: &Seat, attachment: &Attachment, who: &str) -> Result<()> {
        if other & !3 == seated() {
            let what = "has a message under way through this handle (a queue with SHM_QUEUE_SPSC has one at a time)";
            return Err(Error::os(Errno::EBUSY, format!("the {who} {what}: finish that first")));
        }
        let me = attachment.identity()?;
        let owner = seat.owner.load(Acquire);
        if let Some(identity) = Identity::from_word(owner)
            && attachment.is_alive_or_self(identity)?
        {
            let pid = identity.slot().and_then(|slot| attachment.control().slot(slot));
            let pid = pid.map_or(0, |slot| slot.pid.load(Relaxed));
            return Err(Error::os(
                Errno::EBUSY,
                format!(
                    "process {pid} is the {who} of this queue, which was created with SHM_QUEUE_SPSC: it has to close its \
                     handle first, or create the queue without"
                ),
            ));
        }
        // SYNC: pairs with the Release in `leave_seat`: what the last owner did is seen.
        if seat.owner.compare_exchange(owner, me.bits(), SeqCst, Relaxed).is_err() {
            return Err(Error::os(Errno::EBUSY, format!("another process has just become the {who} of this queue")));
        }
        self.seen.store(0, Relaxed);
        self.seated.store(seated() | BUSY, Release);
        Ok(())
    }

    #[inline]
    fn leave(&self) {
        self.seated.store(seated(), Release);
    }

    /// Have the message that is under way to oneself, among threads; only message `number` will do.
    fn finish(&self, seat: &Seat, number: u64) -> bool {
        let (busy, finishing) = (seated() | BUSY, seated() | FINISHING);
        if self.seated.compare_exchange(busy, finishing, AcqRel, Relaxed).is_err() {
            return false;
        }
        let is_it = seat.position.load(Relaxed) & !CLOSED == number;
        if !is_it {
            let _ = self.seated.compare_exchange(finishing, busy, AcqRel, Relaxed);
        }
        is_it
    }

    fn leave_seat(&self, seat: &Seat, me: Identity) {
        if self.seated.load(Acquire) & !3 == seated() {
            let _ = seat.owner.compare_exchange(me.bits(), 0, Release, Relaxed);
        }
    }
}

impl Single {
    pub fn new(blocks: Blocks) -> Single {
        Single { capacity: blocks.count() as u64, blocks, producer: Side::default(), consumer: Side::default() }
    }

    #[inline]
    pub fn block(&self, number: u64) -> usize {
        let is_power = self.capacity.is_power_of_two();
        (if is_power { number & (self.capacity - 1) } else { number % self.capacity }) as usize
    }

    /// The number of the message to fill; `None` where all blocks have messages.
    #[inline]
    pub fn try_reserve(&self, seats: &[Seat; 2], attachment: &Attachment) -> Result<Option<u64>> {
        let [producer, consumer] = seats;
        self.producer.enter(producer, attachment, "producer")?;
        let number = producer.position.load(Relaxed);
        if number & CLOSED != 0 {
            self.producer.leave();
            return Err(refusals::closed());
        }
        let Some(seen) = self.room_for(number, consumer) else {
            self.producer.leave();
            return Ok(None);
        };
        self.fetch_free(number, seen);
        Ok(Some(number))
    }

    /// How far the consumer is known to be, if message `number` has a free block; a closed queue's is far away.
    #[inline]
    fn room_for(&self, number: u64, consumer: &Seat) -> Option<u64> {
        let mut seen = self.producer.seen.load(Relaxed);
        if number.wrapping_sub(seen) >= self.capacity {
            // SYNC: pairs with the exchange in `release`: the consumer is done with the block.
            seen = consumer.position.load(Acquire);
            self.producer.seen.store(seen, Relaxed);
        }
        (number.wrapping_sub(seen) < self.capacity).then_some(seen)
    }

    #[inline]
    pub fn commit(&self, seats: &[Seat; 2], number: u64, len: usize, sort: Sort) -> Result<()> {
        let is_done = self.publish(&seats[0], self.block(number), number, len, sort);
        self.producer.leave();
        if is_done { Ok(()) } else { Err(refusals::closed()) }
    }

    pub fn cancel(&self) {
        self.producer.leave();
    }

    /// The number of the first message; `None` where there is none. An error where there never will be.
    #[inline]
    pub fn try_take(&self, seats: &[Seat; 2], attachment: &Attachment) -> Result<Option<u64>> {
        let [producer, consumer] = seats;
        self.consumer.enter(consumer, attachment, "consumer")?;
        let number = consumer.position.load(Relaxed);
        if number >= self.consumer.seen.load(Relaxed) {
            // SYNC: pairs with the exchange in `publish`.
            let committed = producer.position.load(Acquire);
            self.consumer.seen.store(committed & !CLOSED, Relaxed);
            if number == committed & !CLOSED {
                self.consumer.leave();
                return if committed & CLOSED == 0 { Ok(None) } else { Err(refusals::at_end()) };
            }
        }
        self.fetch(number, self.consumer.seen.load(Relaxed));
        Ok(Some(number))
    }

    /// Have the cache lines of a block that is free, and will be filled some messages later, brought here meanwhile;
    /// not those of a message that the consumer is about to read.
    #[inline]
    fn fetch_free(&self, number: u64, seen: u64) {
        let next = number.wrapping_add(AHEAD);
        if next.wrapping_sub(seen) < self.capacity {
            self.blocks.soon_filled(self.block(next));
        }
    }

    /// Have the cache lines of a message that is far enough behind this one brought here meanwhile; of this one, if it
    /// is the last: both of its lines at once, and not the second one when the first has said how long it is.
    #[inline]
    fn fetch(&self, number: u64, seen: u64) {
        let next = number.wrapping_add(AHEAD);
        if next < seen {
            self.blocks.soon_used(self.block(next));
        } else if number.wrapping_add(1) == seen {
            self.blocks.read_now(self.block(number));
        }
    }

    /// Send a copy, if that takes no waiting, no sitting down and no refusal; false says nothing.
    #[inline]
    pub fn send_at_once(&self, seats: &[Seat; 2], bytes: &[u8]) -> bool {
        let [producer, consumer] = seats;
        let seated = seated();
        if self.producer.seated.compare_exchange(seated, seated | BUSY, AcqRel, Relaxed).is_err() {
            return false;
        }
        let number = producer.position.load(Relaxed);
        let mut is_sent = false;
        if let Some(seen) = self.room_for(number, consumer) {
            self.fetch_free(number, seen);
            let block = self.block(number);
            self.blocks.write(block, bytes);
            is_sent = self.publish(producer, block, number, bytes.len(), Sort::Plain);
        }
        self.producer.seated.store(seated, Release);
        is_sent
    }

    /// Whether the message was still wanted.
    #[inline]
    fn publish(&self, producer: &Seat, block: usize, number: u64, len: usize, sort: Sort) -> bool {
        let header = self.blocks.header(block);
        header.len.store(len as u64, Relaxed);
        header.kind.store(sort as u32, Relaxed);
        // SYNC: pairs with the Acquire in `try_take`: who sees the number sees the message.
        producer.position.compare_exchange(number, number.wrapping_add(1), SeqCst, Relaxed).is_ok()
    }

    /// Receive a copy, if that takes no waiting, no sitting down and no refusal; `None` says nothing.
    #[inline]
    pub fn receive_at_once(&self, seats: &[Seat; 2], buffer: &mut [u8]) -> Option<(usize, bool)> {
        let [producer, consumer] = seats;
        let seated = seated();
        if self.consumer.seated.compare_exchange(seated, seated | BUSY, AcqRel, Relaxed).is_err() {
            return None;
        }
        let number = consumer.position.load(Relaxed);
        let mut seen = self.consumer.seen.load(Relaxed);
        if number >= seen {
            // SYNC: pairs with the exchange in `publish`.
            seen = producer.position.load(Acquire) & !CLOSED;
            self.consumer.seen.store(seen, Relaxed);
        }
        let mut received = None;
        if number < seen {
            let block = self.block(number);
            self.fetch(number, seen);
            let len = self.blocks.len(block);
            if let Some(part) = buffer.get_mut(..len)
                && self.blocks.header(block).kind.load(Relaxed) == Sort::Plain as u32
            {
                let again = self.note_taken(seats, number);
                self.blocks.read(block, part);
                // SYNC: as in `release`.
                consumer.position.swap(number.wrapping_add(1), SeqCst);
                received = Some((len, again));
            }
        }
        self.consumer.seated.store(seated, Release);
        received
    }

    /// Whether [`Single::try_take`] may have something to say: one load of what the producer writes.
    #[inline]
    pub fn may_take(seats: &[Seat; 2]) -> bool {
        seats[0].position.load(Relaxed) != seats[1].position.load(Relaxed)
    }

    /// Whether a consumer had this message before. From now on the next one is told so.
    #[inline]
    pub fn note_taken(&self, seats: &[Seat; 2], number: u64) -> bool {
        let taken = &seats[1].taken;
        let again = taken.load(Relaxed) == number.wrapping_add(1);
        taken.store(number.wrapping_add(1), Relaxed);
        again
    }

    /// The message is acknowledged.
    #[inline]
    pub fn release(&self, seats: &[Seat; 2], number: u64) {
        // SYNC: pairs with the Acquire in `try_reserve`; an exchange, so that the look at sleepers comes after it.
        seats[1].position.swap(number.wrapping_add(1), SeqCst);
        self.consumer.leave();
    }

    pub fn give_back(&self, seats: &[Seat; 2], again: bool) {
        if !again {
            seats[1].taken.store(0, Relaxed);
        }
        self.consumer.leave();
    }

    /// This handle's message, once: it has been reserved, or taken, and is to be let go of now.
    pub fn claim(&self, seats: &[Seat; 2], number: u64, is_consumer: bool) -> Result<()> {
        let (side, seat) = if is_consumer { (&self.consumer, &seats[1]) } else { (&self.producer, &seats[0]) };
        if side.finish(seat, number) {
            return Ok(());
        }
        Err(refusals::not_held())
    }

    /// Close the queue: nothing is committed any more.
    pub fn close(seats: &[Seat; 2]) {
        seats[0].position.fetch_or(CLOSED, SeqCst);
    }

    pub fn is_closed(seats: &[Seat; 2]) -> bool {
        seats[0].position.load(SeqCst) & CLOSED != 0
    }

    /// Messages committed, and acknowledged, since the beginning.
    pub fn counts(seats: &[Seat; 2]) -> (u64, u64) {
        let acknowledged = seats[1].position.load(Relaxed);
        ((seats[0].position.load(Relaxed) & !CLOSED).max(acknowledged), acknowledged)
    }

    /// Both seats are free for others.
    pub fn let_go(&self, seats: &[Seat; 2], me: Identity) {
        self.producer.leave_seat(&seats[0], me);
        self.consumer.leave_seat(&seats[1], me);
    }
}
