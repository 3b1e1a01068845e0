//! Any number of producers and consumers.
//!
//! Blocks go round between two kinds of rings: `free` lists those that a producer may fill, `ready` (one for each
//! priority) those with messages, and `returned` those with messages that a consumer had and did not acknowledge. Each
//! block's holder word names who took it last, what for, and how often it has been taken (its version).
//!
//! | holder word | listed under its version in | the block is |
//! |---|---|---|
//! | producer P | - | being filled by P; where P is dead: nobody's, and to be listed in `free` |
//! | producer P | a `ready` ring | a message, whoever sent it and whether or not they live |
//! | producer P | `free` | free: P thought better of it |
//! | consumer C | - | being used by C; where C is dead: a message, to be listed in `returned` |
//! | consumer C | `free` | free: C acknowledged it |
//! | consumer C | `returned` | a message: C gave it back |
//!
//! So each step of a message's life is one exchange: taking a block changes its holder word, and letting go of it changes
//! a slot of a ring, which is all that a push is. What a kill between two instructions of send and receive leaves:
//!
//! | killed | leaves | who mends it |
//! |---|---|---|
//! | before a producer takes a block | nothing | |
//! | before it lists the message | a block that a dead producer fills | [`Many::mend`]: free again, nothing was sent |
//! | after it | a message; a tail that is one behind | whoever pushes next |
//! | before it rings | a message and sleeping consumers | they wake by themselves within 20 ms |
//! | before a consumer takes the block | a message | |
//! | before it tidies the ring | a stale reference | whoever pops next |
//! | before it lists the block as free | a block that a dead consumer uses | [`Many::mend`]: delivered again, first of all |
//! | after it | a free block: it was acknowledged | |
//! | in `mend`, having taken a dead one's block | a block in the mender's name, of the same purpose | the next `mend` |
//!
//! Order: messages of one priority are taken in the order in which they were listed (committed); higher priorities
//! come first; what was given back comes before all of them, in the order of being given back.
//!
//! `mend` looks for the dead now and then: before a sleep, and among the takes of a busy consumer.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};

use super::holder::{CONSUMER, Holder, VERSION_SHIFT};
use super::ring::{Listed, Ring};
use super::{Ends, QueueState, Sort, refusals};
use crate::channel::blocks::Blocks;
use crate::error::Result;
use crate::os::time;
use crate::segment::attachment::{Attachment, Identity};

/// A block that this process has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    pub block: usize,
    version: u32,
}

impl Taken {
    /// As a number that C can keep.
    pub fn token(self) -> u64 {
        u64::from(self.version) << VERSION_SHIFT | self.block as u64
    }

    pub fn from_token(token: u64) -> Taken {
        Taken { block: token as u32 as usize, version: (token >> VERSION_SHIFT) as u32 }
    }
}

/// A queue for many, over one opened object.
#[derive(Debug)]
pub(super) struct Many {
    pub blocks: Blocks,
    free: Ring,
    returned: Ring,
    /// The most important first.
    ready: Vec<Ring>,
    /// A bit for each block that this handle keeps from one call to another.
    kept: Box<[AtomicU64]>,
}

/// Takes between two looks at the clock. A block's version is raised twice for each message.
const TAKES: u32 = 8;

impl Many {
    /// Bytes that the rings need.
    pub fn bytes(blocks: usize, priorities: u32) -> usize {
        Ring::bytes(blocks) * (2 + priorities as usize)
    }

    /// Over mapped memory.
    ///
    /// # Safety
    ///
    /// [`Many::bytes`] bytes from `rings`, aligned to 128, stay mapped for as long as the value lives.
    pub unsafe fn new(rings: NonNull<u8>, blocks: Blocks, priorities: u32) -> Many {
        let count = blocks.count();
        // SAFETY: the caller's promise.
        let ring = |index: usize| unsafe { Ring::new(rings.add(index * Ring::bytes(count)), count) };
        let ready = (0..priorities as usize).rev().map(|priority| ring(2 + priority)).collect();
        let kept = (0..count.div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        Many { free: ring(0), returned: ring(1), ready, kept, blocks }
    }

    /// All blocks are free, in a queue that nobody sees yet.
    pub fn prepare(&self) {
        self.free.fill(self.blocks.count());
    }

    /// A block to fill; `None` where all are taken.
    #[inline]
    pub fn try_reserve(&self, state: &QueueState, me: Identity) -> Result<Option<Taken>> {
        if state.closed.load(SeqCst) != 0 {
            return Err(refusals::closed());
        }
        let Some((block, holder)) =
            self.free.pop(&self.blocks, |seen| seen.next(me, 0), |block| self.blocks.soon_filled(block))?
        else {
            return Ok(None);
        };
        let taken = Taken { block, version: holder.version() };
        // SYNC: SeqCst against `is_settled`: either we see that the queue is closed, or it sees that we have a block.
        if state.closed.load(SeqCst) != 0 {
            self.free.push(&self.blocks, block, taken.version)?;
            return Err(refusals::closed());
        }
        Ok(Some(taken))
    }

    /// The block is a message from now on.
    #[inline]
    pub fn commit(&self, taken: Taken, len: usize, priority: u32, sort: Sort) -> Result<()> {
        let header = self.blocks.header(taken.block);
        header.len.store(len as u64, Relaxed);
        header.kind.store(sort as u32, Relaxed);
        header.priority.store(priority, Relaxed);
        header.again.store(0, Relaxed);
        let ring = &self.ready[self.ready.len() - 1 - priority as usize];
        ring.push(&self.blocks, taken.block, taken.version)
    }

    /// The block is free from now on: nothing was sent, or it has been received.
    #[inline]
    pub fn free(&self, taken: Taken) -> Result<()> {
        self.free.push(&self.blocks, taken.block, taken.version)
    }

    /// The message is the first of all from now on.
    pub fn give_back(&self, taken: Taken, again: bool) -> Result<()> {
        if again {
            self.blocks.header(taken.block).again.store(1, Relaxed);
        }
        self.returned.push(&self.blocks, taken.block, taken.version)
    }

    /// The first message; `None` where there is none.
    #[inline]
    pub fn try_take(&self, me: Identity) -> Result<Option<Taken>> {
        for ring in std::iter::once(&self.returned).chain(&self.ready) {
            if let Some((block, holder)) =
                ring.pop(&self.blocks, |seen| seen.next(me, CONSUMER), |block| self.blocks.soon_used(block))?
            {
                return Ok(Some(Taken { block, version: holder.version() }));
            }
        }
        Ok(None)
    }

    /// Whether nobody alive may still commit a message to a closed queue. If a take after that finds none, it is empty
    /// for ever.
    pub fn is_settled(&self, attachment: &Attachment) -> Result<bool> {
        // Listed as free, or being filled: only the rings tell.
        let of_producers = self.held(attachment, |holder, is_alive| is_alive && !holder.is_consumer())?;
        let is_listed = self.are_listed(&of_producers);
        // One that has been taken since was listed before.
        let is_done = |(block, holder): &(usize, Holder)| Holder::of(&self.blocks, *block) != *holder;
        Ok(of_producers.iter().zip(is_listed).all(|(of_producer, is_listed)| is_listed || is_done(of_producer)))
    }

    fn rings(&self) -> impl Iterator<Item = &Ring> {
        [&self.free, &self.returned].into_iter().chain(&self.ready)
    }

    /// Blocks that somebody took last, and whose holder is `wanted`, of which is said whether it lives.
    fn held(&self, attachment: &Attachment, wanted: impl Fn(Holder, bool) -> bool) -> Result<Vec<(usize, Holder)>> {
        // Not a HashMap, which asks the kernel for random numbers and panics where a sandbox refuses them.
        let mut verdicts = BTreeMap::from([(attachment.identity()?.bits(), true)]);
        let mut held = Vec::new();
        for block in 0..self.blocks.count() {
            let holder = Holder::of(&self.blocks, block);
            let Some(who) = holder.identity() else { continue };
            let is_alive = match verdicts.entry(who.bits()) {
                Entry::Occupied(known) => *known.get(),
                Entry::Vacant(unknown) => *unknown.insert(attachment.is_alive(who)?),
            };
            if wanted(holder, is_alive) {
                held.push((block, holder));
            }
        }
        Ok(held)
    }

    /// Which of these blocks, in ascending order, a ring lists; each ring is looked through once.
    fn are_listed(&self, held: &[(usize, Holder)]) -> Vec<bool> {
        let mut are_listed = vec![false; held.len()];
        if held.is_empty() {
            return are_listed;
        }
        let mut note = |block: usize, listed: Listed| {
            if let Ok(at) = held.binary_search_by_key(&block, |(block, _)| *block)
                && listed.is(held[at].1)
            {
                are_listed[at] = true;
            }
        };
        self.rings().for_each(|ring| ring.each(&mut note));
        are_listed
    }

    /// Give to others what the dead had; says how many messages that were.
    pub fn mend(&self, attachment: &Attachment) -> Result<usize> {
        let me = attachment.identity()?;
        let left = self.held(attachment, |_, is_alive| !is_alive)?;
        // The dead list nothing any more: what was listed by them still is, or has been taken.
        let are_listed = self.are_listed(&left);
        let mut messages = 0;
        for ((block, holder), is_listed) in left.into_iter().zip(are_listed) {
            let purpose = if holder.is_consumer() { CONSUMER } else { 0 };
            let mine = holder.next(me, purpose);
            if is_listed || !holder.exchange(&self.blocks, block, mine) {
                continue;
            }
            let taken = Taken { block, version: mine.version() };
            if holder.is_consumer() {
                self.give_back(taken, true)?;
                messages += 1;
            } else {
                self.free(taken)?;
            }
        }
        Ok(messages)
    }

    /// As [`Many::mend`], if the last time is long enough ago. The larger the queue, the rarer; a small one is looked
    /// through whenever somebody finds nothing in it.
    #[cold]
    pub fn mend_now_and_then(&self, ends: &Ends, attachment: &Attachment, is_busy: bool) -> Result<()> {
        let interval = (self.blocks.count() as u64 / 64).min(200).max(if is_busy { 20 } else { 0 });
        let (now, last) = (time::coarse_ms(), ends.mended_ms.load(Relaxed));
        // Also when the clock is another machine's, in a file that was copied.
        if now.wrapping_sub(last) < interval {
            return Ok(());
        }
        if now != last && ends.mended_ms.compare_exchange(last, now, Relaxed, Relaxed).is_err() {
            return Ok(());
        }
        let messages = self.mend(attachment)?;
        if messages > 0 {
            ends.receivers.ring();
        }
        Ok(())
    }

    /// Whether a busy consumer should look for the dead now.
    #[inline]
    pub fn is_time_to_look(taken: Taken) -> bool {
        (taken.version / 2).is_multiple_of(TAKES)
    }

    /// This handle keeps a block until a later call.
    pub fn keep(&self, taken: Taken) {
        self.kept[taken.block / 64].fetch_or(1 << (taken.block % 64), SeqCst);
    }

    /// This handle's block, once.
    pub fn claim(&self, taken: Taken, me: Identity, is_consumer: bool) -> Result<()> {
        let purpose = if is_consumer { CONSUMER } else { 0 };
        let expected = Holder::expected(taken.version, purpose, me);
        let is_mine = taken.block < self.blocks.count() && Holder::of(&self.blocks, taken.block) == expected;
        let bit = 1 << (taken.block % 64);
        if is_mine && self.kept[taken.block / 64].fetch_and(!bit, SeqCst) & bit != 0 {
            return Ok(());
        }
        Err(refusals::not_held())
    }

    /// Let go of all that this handle keeps: what was reserved is free, what was taken is delivered again.
    pub fn let_go(&self, me: Identity) -> (usize, usize) {
        let (mut freed, mut returned) = (0, 0);
        for block in 0..self.blocks.count() {
            if self.kept[block / 64].load(Relaxed) & (1 << (block % 64)) == 0 {
                continue;
            }
            let holder = Holder::of(&self.blocks, block);
            let taken = Taken { block, version: holder.version() };
            if self.claim(taken, me, true).is_ok() {
                returned += usize::from(self.give_back(taken, true).is_ok());
            } else if self.claim(taken, me, false).is_ok() {
                freed += usize::from(self.free(taken).is_ok());
            }
        }
        (freed, returned)
    }

    /// Messages that wait, about.
    pub fn count(&self) -> u64 {
        let waiting = |ring: &Ring| {
            let (pushed, popped) = ring.counts(&self.blocks);
            pushed - popped
        };
        let waiting = self.ready.iter().map(waiting).fold(waiting(&self.returned), u64::saturating_add);
        waiting.min(self.blocks.count() as u64)
    }

    /// Messages committed since the beginning.
    pub fn sent(&self) -> u64 {
        self.ready.iter().map(|ring| ring.counts(&self.blocks).0).fold(0, u64::saturating_add)
    }

    /// Messages taken since the beginning, about, again and again those that came back.
    pub fn received(&self) -> u64 {
        self.ready.iter().chain([&self.returned]).map(Ring::popped).fold(0, u64::wrapping_add)
    }

    /// Messages that wait, about, and all that were listed since the beginning, again and again those that came back. Both
    /// from one look at each ring: whichever message is not in the one figure is not in the other either.
    pub fn arrivals(&self) -> (u64, u64) {
        let counts = self.ready.iter().chain([&self.returned]).map(|ring| ring.counts(&self.blocks));
        counts.fold((0, 0), |(waiting, arrived), (pushed, popped)| {
            (u64::saturating_add(waiting, pushed - popped), u64::wrapping_add(arrived, pushed))
        })
    }

    /// Blocks that can be reserved, about.
    pub fn free_blocks(&self) -> u64 {
        self.departures().0
    }

    /// Blocks that can be reserved, about, and all that became free since the beginning, from one look.
    pub fn departures(&self) -> (u64, u64) {
        let (pushed, popped) = self.free.counts(&self.blocks);
        (pushed - popped, pushed)
    }

    /// Blocks that no ring lists: reserved, or taken and not released; about. `count` was read before: a message that is
    /// given back in between is still out, so that no message is in neither figure.
    pub fn out(&self, count: u64) -> u64 {
        (self.blocks.count() as u64).saturating_sub(count).saturating_sub(self.free_blocks())
    }
}
