//! What writers of an array leave for those who do not lock: a generation, who it was by, when, and a bell.
//!
//! A writer *dates* and *signs* while it still holds the lock, raises `ended`, and *announces* when the lock is free: where
//! it wrote the last time, too, and nobody waits for a generation, that is a look at a coarse clock, a store and two loads.

use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, SeqCst};

use crate::error::{Errno, Error, Result};
use crate::os::time::{self, Timeout};
use crate::segment::attachment::{Attachment, Identity};
use crate::segment::directory::Watch;
use crate::segment::format::Words;
use crate::segment::{Access, Segment};

use super::bell::Bell;
use super::notifier::{Sight, Source};
use super::patience::{Expired, Patience};

/// Who wrote last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// Completed writes.
    pub generation: u64,
    /// When the last of them was completed, CLOCK_REALTIME in nanoseconds, to some milliseconds; 0: never.
    pub published_ns: i64,
    /// How long ago that is, in nanoseconds.
    pub age_ns: u64,
    /// Who it was, in its own PID namespace; 0: nobody has written yet.
    pub pid: u32,
    /// Whether that process still is there.
    pub is_alive: bool,
}

/// When a write ends (CLOCK_REALTIME). The caller still holds the lock for it.
#[inline]
pub fn date(words: &Words, now_ns: i64) {
    words.published_ns.store(now_ns, Relaxed);
}

/// Whether it was this process that wrote the last time.
#[inline]
pub fn is_signed_by(words: &Words, me: Identity) -> bool {
    words.publisher.load(Relaxed) as u32 == me.bits()
}

/// Whose write it is. The caller still holds the lock for it.
pub fn sign(attachment: &Attachment, me: Identity) {
    let words = attachment.words();
    if is_signed_by(words, me) {
        return;
    }
    let pid = me.slot().and_then(|index| attachment.control().slot(index)).map_or(0, |slot| slot.pid.load(Relaxed));
    // Both at once: writers of rows apart from each other may be here at the same time.
    words.publisher.store(u64::from(pid) << 32 | u64::from(me.bits()), Relaxed);
}

/// The write has ended, and a sequentially consistent exchange has come after it.
#[inline]
pub fn announce(attachment: &Attachment) {
    Bell::on(&attachment.words().published).ring(attachment.wakes_readers());
}

/// Whether [`announce`] has somebody to tell.
#[inline]
pub fn is_awaited(words: &Words, loud: bool) -> bool {
    Bell::on(&words.published).is_heard(loud)
}

/// Sleep until the generation is another than `since`; says which.
pub fn wait(segment: &Segment, since: u64, timeout: Timeout) -> Result<u64> {
    let words = words(segment)?;
    let mut patience = Patience::new(timeout);
    let look = || Some(words.ended.load(SeqCst)).filter(|generation| *generation != since);
    Bell::on(&words.published).wait(is_announced(segment), &mut patience, look).map_err(|Expired| {
        let errno = if patience.only_tries() { Errno::EBUSY } else { Errno::ETIMEDOUT };
        Error::os(errno, format!("{}: nobody has completed a write since generation {since}", segment.place()))
    })
}

fn words(segment: &Segment) -> Result<&Words> {
    segment.description()?;
    let control = segment.control();
    control.map(|control| control.words()).ok_or_else(|| Error::invalid("the control block is not mapped"))
}

/// Only where all of the file is mapped for writing.
fn is_announced(segment: &Segment) -> bool {
    segment.access() == Access::Write
}

/// Who wrote last, when, and whether it still is there.
pub fn last(segment: &Segment) -> Result<Published> {
    const ATTEMPTS: usize = 100;
    let words = words(segment)?;
    let mut published = Published::default();
    let mut publisher = None;
    for _ in 0..ATTEMPTS {
        let before = words.ended.load(Acquire);
        let signature = words.publisher.load(Relaxed);
        publisher = Identity::from_word(signature as u32);
        published = Published {
            generation: before,
            published_ns: words.published_ns.load(Relaxed),
            pid: (signature >> 32) as u32,
            ..published
        };
        std::sync::atomic::fence(Acquire);
        if words.ended.load(Relaxed) == before {
            break;
        }
    }
    if let Some(publisher) = publisher {
        let age = time::realtime_ns().saturating_sub(published.published_ns);
        published.age_ns = u64::try_from(age).unwrap_or(0);
        published.is_alive = is_alive(segment, publisher);
    }
    Ok(published)
}

fn is_alive(segment: &Segment, who: Identity) -> bool {
    if let (Access::Write, Ok(attachment)) = (segment.access(), segment.attachment()) {
        return attachment.is_alive_or_self(who).unwrap_or(false);
    }
    let slot = segment.control().zip(who.slot()).and_then(|(control, index)| control.slot(index));
    let is_current =
        slot.is_some_and(|slot| Identity::of_slot(who.slot().unwrap_or(0), slot.incarnation.load(Acquire)) == who);
    is_current && Watch::new(segment).has_slot(who)
}

/// The generation of an array, for who is notified of it. `T` keeps the segment.
#[derive(Debug)]
pub struct Generation<T>(pub Arc<T>);

impl<T: AsRef<Segment> + std::fmt::Debug + Send + Sync> Generation<T> {
    fn segment(&self) -> &Segment {
        (*self.0).as_ref()
    }

    fn words(&self) -> &Words {
        self.segment().control().expect("looked at when the watch began").words()
    }
}

impl<T: AsRef<Segment> + std::fmt::Debug + Send + Sync> Source for Generation<T> {
    fn bell(&self) -> &Bell {
        Bell::on(&self.words().published)
    }

    fn announces(&self) -> bool {
        is_announced(self.segment())
    }

    fn is_silent(&self) -> bool {
        let wakes_readers = self.segment().description().is_ok_and(|description| description.header.wakes_readers != 0);
        !self.announces() && !wakes_readers
    }

    fn look(&self) -> Sight {
        let ended = self.words().ended.load(SeqCst);
        Sight { is_ready: true, begun: ended, ended }
    }
}
