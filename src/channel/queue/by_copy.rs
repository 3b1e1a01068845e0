//! Sending and receiving copies, one or several at a time.

use super::dispatch::Place;
use super::{Engine, Queue, Received, Sort, refusals};
use crate::error::{Errno, Error, Result};
use crate::os::time::Timeout;

impl Queue {
    /// Send a copy of these bytes.
    #[inline]
    pub fn send(&self, bytes: &[u8], priority: u32, timeout: Timeout) -> Result<()> {
        if let Engine::Single(single) = &self.engine
            && self.is_fine(bytes.len(), priority, Sort::Plain)
        {
            let state = self.object.state();
            if single.send_at_once(&state.seats, bytes) {
                state.ends.receivers.ring();
                return Ok(());
            }
        }
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
        if let Engine::Single(single) = &self.engine {
            let state = self.object.state();
            if let Some((len, again)) = single.receive_at_once(&state.seats, buffer) {
                state.ends.senders.ring();
                return Ok(Received { len, priority: 0, again });
            }
        }
        self.receive_patiently(buffer, timeout)
    }

    #[inline]
    fn receive_patiently(&self, buffer: &mut [u8], timeout: Timeout) -> Result<Received> {
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
            refusals::other_sort(message.sort)
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
}
