//! Messages that are filled and used where they lie: each belongs to its handle from one call to another.

use super::many::Taken;
use super::{Engine, Message, Queue, Sort};
use crate::error::Result;
use crate::os::time::Timeout;

impl Queue {
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
}
