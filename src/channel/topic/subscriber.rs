//! The side that subscribes: an entry in the table, and copies that nobody has torn.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::fence;

use super::subscribers::{Arrivals, Entry};
use super::{FINISHED, Heard, INDEX, Topic, at_end, expired};
use crate::channel::turn;
use crate::error::{Errno, Error, Result};
use crate::os::process;
use crate::os::time::{self, Timeout};

/// Lost races, with the publisher or another thread, before a look at the clock. In a large topic one of them may take
/// milliseconds: then it is the last.
const ATTEMPTS: u32 = 64;

impl Topic {
    /// Subscribe through this handle, from the next message on.
    pub fn subscribe(&self, timeout: Timeout) -> Result<()> {
        self.object.require_writable()?;
        let (state, attachment) = (self.object.state(), self.object.attachment()?);
        let me = attachment.identity()?;
        let attempt = || {
            let Some(_guard) = turn::take(&state.publishing, attachment)? else { return Ok(None) };
            if self.own_entry().is_some() {
                return Err(Error::os(Errno::EBUSY, "this handle is a subscriber already: open another one"));
            }
            let is_free = |index: &usize| self.all.entry(*index).is_some_and(|entry| entry.owner.load(SeqCst) == 0);
            let mut free = (0..self.all.len()).find(is_free);
            if free.is_none() && self.all.drop_dead(attachment)? > 0 {
                free = (0..self.all.len()).find(is_free);
            }
            let Some((index, entry)) = free.and_then(|index| Some((index, self.all.entry(index)?))) else {
                let words = format!("the topic has {} subscribers, and was created for no more", self.all.len());
                return Err(Error::os(Errno::EUSERS, words));
            };
            entry.position.store(state.published.load(Relaxed) & !FINISHED, Relaxed);
            entry.owner.store(me.bits(), SeqCst);
            self.subscribed.store(process::epoch() << 32 | (index as u64 + 1), Release);
            Ok(Some(()))
        };
        let done = state.publishers.wait(timeout, attempt, || Ok(()))?;
        done.ok_or_else(|| expired(timeout, "somebody is publishing all the time".into()))
    }

    /// This handle's entry, unless it is a parent process's.
    pub(super) fn own_entry(&self) -> Option<&Entry> {
        let subscribed = self.subscribed.load(Acquire);
        let is_ours = subscribed >> 32 == process::epoch() & INDEX;
        (is_ours && subscribed & INDEX != 0).then(|| self.all.entry((subscribed & INDEX) as usize - 1)).flatten()
    }

    /// Copy the next message into `buffer`. Where it is too long it stays: EMSGSIZE.
    pub fn receive(&self, buffer: &mut [u8], timeout: Timeout) -> Result<Heard> {
        let entry = self.own_entry().ok_or_else(no_subscriber)?;
        let state = self.object.state();
        let (received, attempt) = (|| entry.position.load(Relaxed), || self.try_receive(entry, buffer));
        let heard =
            state.subscribers.wait_at(&self.pace, received, timeout, None::<fn() -> bool>, attempt, || Ok(()))?;
        heard.ok_or_else(|| expired(timeout, "nothing new was published".into()))
    }

    fn try_receive(&self, entry: &Entry, buffer: &mut [u8]) -> Result<Option<Heard>> {
        let state = self.object.state();
        let begun = time::coarse_ms();
        let is_time = |attempt: &u32| *attempt == 0 || time::coarse_ms() == begun;
        for _ in (0..ATTEMPTS).take_while(is_time) {
            let begin = entry.position.load(Acquire);
            let published = state.published.load(Acquire);
            let end = published & !FINISHED;
            if begin >= end {
                return if published & FINISHED == 0 { Ok(None) } else { Err(at_end()) };
            }
            // What has been overwritten for certain; of the rest, blocks tell.
            let mut number = begin.max(end.saturating_sub(self.capacity()));
            let mut copied = self.copy(number, buffer)?;
            while copied.is_none() && number + 1 < end {
                number += 1;
                copied = self.copy(number, buffer)?;
            }
            // An exchange: another thread may read through the same handle.
            if copied.is_none() && published & FINISHED != 0 {
                // Who was about to publish when the topic was finished has destroyed the last one, and nothing follows it.
                return Err(at_end());
            }
            if let Some(len) = copied
                && entry.position.compare_exchange(begin, number + 1, SeqCst, Relaxed).is_ok()
            {
                if self.keep {
                    state.publishers.ring();
                }
                return Ok(Some(Heard { len, lost: number - begin }));
            }
        }
        Ok(None)
    }

    /// Copy one message; `None` where it has been overwritten, or is just being.
    fn copy(&self, number: u64, buffer: &mut [u8]) -> Result<Option<usize>> {
        let block = self.block(number);
        let holder = &self.blocks.header(block).holder;
        // SYNC: pairs with the second store in `try_publish`.
        if holder.load(Acquire) != number + 1 {
            return Ok(None);
        }
        let len = self.blocks.len(block);
        let fits = len.min(buffer.len());
        self.blocks.read_racing(block, &mut buffer[..fits]);
        // SYNC: pairs with the fence in `try_publish`: if a byte is newer, so is the number.
        fence(Acquire);
        if holder.load(Relaxed) != number + 1 {
            return Ok(None);
        }
        if len > buffer.len() {
            let room = buffer.len();
            return Err(Error::os(
                Errno::EMSGSIZE,
                format!(
                    "the next message has {len} bytes, and the buffer has room for {room}: the message was left there"
                ),
            ));
        }
        Ok(Some(len))
    }

    /// A descriptor that becomes readable when there is a message for this handle's subscriber, or never will be another.
    pub fn notify_fd(&self) -> Result<OwnedFd> {
        let entry = self.own_entry().ok_or_else(no_subscriber)?;
        self.watches.add(Arc::new(Arrivals(self.object.clone())), Some(entry.position.load(SeqCst)))
    }
}

#[cold]
fn no_subscriber() -> Error {
    Error::os(
        Errno::EPERM,
        "this handle is no subscriber: call shm_topic_subscribe() first; a child made by fork is none",
    )
}
