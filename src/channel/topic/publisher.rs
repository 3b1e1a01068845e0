//! The side that publishes: turn by turn, each message by one exchange.

use std::sync::atomic::Ordering::{Relaxed, Release, SeqCst};
use std::sync::atomic::fence;

use super::{FINISHED, Topic, expired, finished};
use crate::channel::turn;
use crate::error::{Errno, Error, Result};
use crate::os::time::Timeout;
use crate::segment::attachment::Attachment;

impl Topic {
    /// Let every subscriber have a copy of these bytes. Where nothing is overwritten this waits for the slowest.
    pub fn publish(&self, bytes: &[u8], timeout: Timeout) -> Result<()> {
        self.object.require_writable()?;
        if bytes.len() > self.blocks.room() {
            let (len, room) = (bytes.len(), self.blocks.room());
            let words = format!("a message of {len} bytes; this topic was created for at most {room}");
            return Err(Error::os(Errno::EMSGSIZE, words));
        }
        if !self.typed.is_whole(bytes.len()) {
            return Err(self.typed.not_whole(bytes.len()));
        }
        let (state, attachment) = (self.object.state(), self.object.attachment()?);
        let attempt = || self.try_publish(bytes, attachment);
        let done = state.publishers.wait(timeout, attempt, || self.all.drop_dead(attachment).map(drop))?;
        done.ok_or_else(|| {
            let behind = self.stat().behind;
            expired(
                timeout,
                format!("the slowest subscriber is {behind} messages behind, or somebody else is publishing"),
            )
        })
    }

    fn try_publish(&self, bytes: &[u8], attachment: &Attachment) -> Result<Option<()>> {
        let state = self.object.state();
        let Some(guard) = turn::take(&state.publishing, attachment)? else { return Ok(None) };
        let number = state.published.load(Relaxed);
        if number & FINISHED != 0 {
            return Err(finished());
        }
        if self.keep && number >= state.limit.load(Relaxed) {
            let limit = self.all.slowest(number).saturating_add(self.capacity());
            state.limit.store(limit, Relaxed);
            if number >= limit {
                return Ok(None);
            }
        }
        let block = self.block(number);
        let header = self.blocks.header(block);
        header.holder.store(0, Relaxed);
        // SYNC: pairs with the fence in `copy`: who sees any of the new bytes sees that the old number is gone.
        fence(Release);
        self.blocks.write_racing(block, bytes);
        header.len.store(bytes.len() as u64, Relaxed);
        // SYNC: pairs with the Acquire in `copy`.
        header.holder.store(number + 1, Release);
        // SYNC: pairs with the Acquire in `try_receive`.
        let done = state.published.compare_exchange(number, number + 1, SeqCst, Relaxed);
        drop(guard);
        if !self.keep {
            // Who waits for its turn; where nothing is overwritten subscribers ring for it.
            state.publishers.ring();
        }
        done.map_err(|_| finished())?;
        state.subscribers.ring();
        Ok(Some(()))
    }
}
