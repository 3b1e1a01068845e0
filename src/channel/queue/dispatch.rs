//! The steps of a message's life, behind which either engine works, and the waits for the first of them.

use std::sync::atomic::Ordering::{Relaxed, SeqCst};

use super::many::{Many, Taken};
use super::single::Single;
use super::{Engine, Message, Queue, Sort, refusals};
use crate::error::{Errno, Error, Result};
use crate::os::time::Timeout;

/// A block in this process's hands, between two calls of an engine.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub block: usize,
    pub token: u64,
    pub again: bool,
}

impl Queue {
    #[inline]
    pub(super) fn check_message(&self, len: usize, priority: u32, sort: Sort) -> Result<()> {
        if self.is_fine(len, priority, sort) { Ok(()) } else { Err(self.wrong_message(len, priority)) }
    }

    #[inline]
    pub(super) fn is_fine(&self, len: usize, priority: u32, sort: Sort) -> bool {
        let is_whole = sort != Sort::Plain || self.typed.is_whole(len);
        len <= self.blocks().room() && priority < self.priorities && is_whole
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
    pub(super) fn wait_to_reserve(&self, timeout: Timeout) -> Result<Place> {
        self.object.require_writable()?;
        let place = self.ends().senders.wait(timeout, || self.try_reserve(), || self.look_round())?;
        place.ok_or_else(|| {
            let (capacity, count) = (self.capacity(), self.count());
            refusals::expired(
                timeout,
                format!("the queue is full: {count} messages wait, of {capacity}, others are in use"),
            )
        })
    }

    #[inline]
    pub(super) fn wait_to_take(&self, timeout: Timeout) -> Result<Place> {
        self.object.require_writable()?;
        let (attempt, look_round) = (|| self.try_take(), || self.look_round());
        let glance = self.is_single().then_some(|| Single::may_take(&self.object.state().seats));
        let place =
            self.ends().receivers.wait_at(&self.pace, || self.received(), timeout, glance, attempt, look_round)?;
        place.ok_or_else(|| refusals::expired(timeout, "the queue is empty".into()))
    }

    /// Messages taken since the beginning, about.
    fn received(&self) -> u64 {
        match &self.engine {
            Engine::Many(many) => many.received(),
            Engine::Single(_) => Single::counts(&self.object.state().seats).1,
        }
    }

    #[inline]
    pub(super) fn try_reserve(&self) -> Result<Option<Place>> {
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
    pub(super) fn publish(&self, place: Place, len: usize, priority: u32, sort: Sort) -> Result<()> {
        match &self.engine {
            Engine::Many(many) => many.commit(Taken::from_token(place.token), len, priority, sort),
            Engine::Single(single) => single.commit(&self.object.state().seats, place.token, len, sort),
        }
    }

    #[inline]
    pub(super) fn try_take(&self) -> Result<Option<Place>> {
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
                        return Err(refusals::at_end());
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
    pub(super) fn message(&self, place: Place) -> Message {
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
    pub(super) fn acknowledge(&self, place: Place) -> Result<()> {
        match &self.engine {
            Engine::Many(many) => many.free(Taken::from_token(place.token)),
            Engine::Single(single) => {
                single.release(&self.object.state().seats, place.token);
                Ok(())
            }
        }
    }

    pub(super) fn put_back(&self, place: Place, again: bool) -> Result<()> {
        match &self.engine {
            Engine::Many(many) => many.give_back(Taken::from_token(place.token), again),
            Engine::Single(single) => {
                single.give_back(&self.object.state().seats, again);
                // Who else would be told could not receive it: this handle has the consumer's seat.
                self.given_back.fetch_add(1, SeqCst);
                Ok(())
            }
        }
    }

    /// What this handle keeps under that token, once.
    pub(super) fn claim(&self, token: u64, is_consumer: bool) -> Result<Place> {
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
