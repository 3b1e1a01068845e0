//! The table of those who subscribe to a topic, and what watchers of a topic look at.

use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicU32, AtomicU64};

use super::{FINISHED, TopicState};
use crate::error::Result;
use crate::segment::attachment::{Attachment, Identity};
use crate::segment::object::Object;
use crate::sync::bell::Bell;
use crate::sync::notifier::{Sight, Source};

/// One subscriber. A cache line.
#[repr(C, align(64))]
#[derive(Debug)]
pub(super) struct Entry {
    pub owner: AtomicU32,
    reserved_32: AtomicU32,
    pub position: AtomicU64,
    reserved: [AtomicU64; 6],
}

const _: () = assert!(size_of::<Entry>() == 64);

/// All of them.
#[derive(Debug)]
pub(super) struct Subscribers {
    object: Arc<Object<TopicState>>,
    entries: NonNull<Entry>,
    count: usize,
}

// SAFETY: the pointer leads into the object's mapping, to atomics.
unsafe impl Send for Subscribers {}
// SAFETY: as above.
unsafe impl Sync for Subscribers {}

impl Subscribers {
    /// `count` entries, which fit into what lies behind the state.
    pub fn new(object: Arc<Object<TopicState>>, count: usize) -> Subscribers {
        let entries = object.extra().0.cast();
        Subscribers { object, entries, count }
    }

    /// How many there can be.
    pub fn len(&self) -> usize {
        self.count
    }

    pub fn entry(&self, index: usize) -> Option<&Entry> {
        // SAFETY: within the table (`Topic::over`), aligned as what lies behind a state is, and made of atomics only.
        (index < self.count).then(|| unsafe { self.entries.add(index).as_ref() })
    }

    /// Those that are taken, and by whom.
    pub fn each(&self) -> impl Iterator<Item = (&Entry, Identity)> {
        (0..self.count).filter_map(|index| {
            let entry = self.entry(index)?;
            // SYNC: pairs with the store in `subscribe`: who sees the owner sees where it began.
            Some((entry, Identity::from_word(entry.owner.load(SeqCst))?))
        })
    }

    /// What the slowest one reads next, and `published` where there is none.
    pub fn slowest(&self, published: u64) -> u64 {
        let slowest = self.each().map(|(entry, _)| entry.position.load(SeqCst)).min();
        // Never beyond the present: a position is what another process says of itself.
        slowest.unwrap_or(published).min(published)
    }

    /// Take the entries of the dead away; says how many.
    pub fn drop_dead(&self, attachment: &Attachment) -> Result<u32> {
        let mut dropped = 0;
        for (entry, owner) in self.each() {
            if !attachment.is_alive_or_self(owner)? {
                let gone = entry.owner.compare_exchange(owner.bits(), 0, SeqCst, Relaxed).is_ok();
                dropped += u32::from(gone);
            }
        }
        Ok(dropped)
    }
}

/// What a subscriber looks at. The topic is open for as long as somebody watches.
#[derive(Debug)]
pub(super) struct Arrivals(pub Arc<Object<TopicState>>);

impl Source for Arrivals {
    fn bell(&self) -> &Bell {
        self.0.state().subscribers.bell()
    }

    fn announces(&self) -> bool {
        true
    }

    fn is_silent(&self) -> bool {
        false
    }

    fn look(&self) -> Sight {
        // Where it differs from what the subscriber knows, there is a message, or the end.
        let published = self.0.state().published.load(SeqCst);
        Sight { is_ready: true, begun: published, ended: published }
    }
}

/// What a publisher looks at that waits for the slowest subscriber.
#[derive(Debug)]
pub(super) struct Departures {
    pub all: Arc<Subscribers>,
    /// How far behind that one may be; `None`: as far as it likes.
    pub capacity: Option<u64>,
}

impl Departures {
    fn has_room(&self, published: u64, slowest: u64) -> bool {
        self.capacity.is_none_or(|capacity| published - slowest < capacity)
    }
}

impl Source for Departures {
    fn bell(&self) -> &Bell {
        self.all.object.state().publishers.bell()
    }

    fn announces(&self) -> bool {
        self.all.object.is_writable()
    }

    fn is_silent(&self) -> bool {
        // No bell rings for the dead, who are in nobody's way.
        true
    }

    fn look(&self) -> Sight {
        let word = self.all.object.state().published.load(SeqCst);
        let (published, finished) = (word & !FINISHED, word & FINISHED);
        let mut slowest = self.all.slowest(published);
        if !self.has_room(published, slowest)
            && self.all.object.is_writable()
            && let Ok(attachment) = self.all.object.attachment()
        {
            // Whoever cannot is not told of them now, but the next time.
            let _ = self.all.drop_dead(attachment);
            slowest = self.all.slowest(published);
        }
        // The slowest one never goes back: it tells one state from the next.
        let count = slowest | finished;
        Sight { is_ready: finished != 0 || self.has_room(published, slowest), begun: count, ended: count }
    }
}
