//! This library, without a name: the descriptor is inherited, and each process opens it for itself.

use std::os::fd::{AsFd, OwnedFd};
use std::ptr;

use shm_array::channel::pipe::Ends;
use shm_array::channel::queue::Form;
use shm_array::{Access, ObjectOptions, Pipe, Queue, Timeout};

use super::Channel;

struct Messages {
    fd: OwnedFd,
    queue: Option<Queue>,
    in_place: bool,
}

fn queue(capacity: usize, bytes: usize, single: bool, in_place: bool) -> Option<Box<dyn Channel>> {
    let form = Form { capacity: capacity as u64, message_bytes: bytes as u64, dtype: None, priorities: 1, single };
    let made = Queue::create(None, &form, &ObjectOptions::default()).expect("a queue");
    let fd = made.fd().expect("a descriptor");
    Some(Box::new(Messages { fd, queue: None, in_place }))
}

/// For one and one.
pub fn single(capacity: usize, bytes: usize) -> Option<Box<dyn Channel>> {
    queue(capacity, bytes, true, false)
}

/// Reserve, touch a line, commit; take, touch a line, release.
pub fn single_in_place(capacity: usize, bytes: usize) -> Option<Box<dyn Channel>> {
    queue(capacity, bytes, true, true)
}

/// For many.
pub fn many(capacity: usize, bytes: usize) -> Option<Box<dyn Channel>> {
    queue(capacity, bytes, false, false)
}

/// For many, in place.
pub fn many_in_place(capacity: usize, bytes: usize) -> Option<Box<dyn Channel>> {
    queue(capacity, bytes, false, true)
}

impl Messages {
    fn queue(&self) -> &Queue {
        self.queue.as_ref().expect("started")
    }
}

impl Channel for Messages {
    fn start(&mut self, _sends: bool) {
        self.queue = Some(Queue::open_fd(self.fd.as_fd(), Access::Write).expect("the queue opens"));
    }

    fn send(&mut self, bytes: &[u8]) {
        if !self.in_place {
            return self.queue().send(bytes, 0, Timeout::Forever).expect("send");
        }
        let message = self.queue().reserve(Timeout::Forever).expect("reserve");
        let touched = bytes.len().min(64);
        // SAFETY: ours until it is committed.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), message.data, touched) };
        self.queue().commit(message.token, bytes.len(), 0).expect("commit");
    }

    fn receive(&mut self, buffer: &mut [u8]) -> usize {
        if !self.in_place {
            return self.queue().receive(buffer, Timeout::Forever).expect("receive").len;
        }
        let message = self.queue().take(Timeout::Forever).expect("take");
        // SAFETY: ours until it is released.
        unsafe { ptr::copy_nonoverlapping(message.data, buffer.as_mut_ptr(), message.len.min(64)) };
        self.queue().release(message.token).expect("release");
        message.len
    }
}

/// Messages in one call.
const BATCH: usize = 32;

/// As [`single`], but 32 messages to a call: what is sent is collected first, and what is received lies ready.
struct Batches {
    messages: Messages,
    bytes: usize,
    /// What goes out with the next call, or came in with the last one.
    ready: Vec<u8>,
    used: usize,
}

/// For one and one, by `send_many` and `receive_many`.
pub fn single_in_batches(capacity: usize, bytes: usize) -> Option<Box<dyn Channel>> {
    let form =
        Form { capacity: capacity as u64, message_bytes: bytes as u64, dtype: None, priorities: 1, single: true };
    let made = Queue::create(None, &form, &ObjectOptions::default()).expect("a queue");
    let fd = made.fd().expect("a descriptor");
    let messages = Messages { fd, queue: None, in_place: false };
    Some(Box::new(Batches { messages, bytes, ready: Vec::new(), used: 0 }))
}

impl Channel for Batches {
    fn start(&mut self, sends: bool) {
        self.messages.start(sends);
    }

    fn send(&mut self, bytes: &[u8]) {
        self.ready.extend_from_slice(bytes);
        if self.ready.len() == BATCH * self.bytes {
            self.flush();
        }
    }

    fn flush(&mut self) {
        let all: Vec<&[u8]> = self.ready.chunks(self.bytes).collect();
        let mut left = &all[..];
        while !left.is_empty() {
            left = &left[self.messages.queue().send_many(left, 0, Timeout::Forever).expect("send_many")..];
        }
        self.ready.clear();
    }

    fn receive(&mut self, buffer: &mut [u8]) -> usize {
        if self.used == self.ready.len() {
            self.ready.resize(BATCH * self.bytes, 0);
            let queue = self.messages.queue();
            let count = queue.receive_many(&mut self.ready, BATCH, Timeout::Forever, |_| {}).expect("receive_many");
            self.ready.truncate(count * self.bytes);
            self.used = 0;
        }
        buffer[..self.bytes].copy_from_slice(&self.ready[self.used..self.used + self.bytes]);
        self.used += self.bytes;
        self.bytes
    }
}

struct Bytes {
    fd: OwnedFd,
    pipe: Option<Pipe>,
    bytes: usize,
}

/// A stream of 1 MiB.
pub fn pipe(_capacity: usize, bytes: usize) -> Option<Box<dyn Channel>> {
    let made = Pipe::create(None, 1 << 20, Ends::default(), &ObjectOptions::default()).expect("a pipe");
    Some(Box::new(Bytes { fd: made.fd().expect("a descriptor"), pipe: None, bytes }))
}

impl Channel for Bytes {
    fn start(&mut self, sends: bool) {
        let ends = Ends { reader: !sends, writer: sends };
        self.pipe = Some(Pipe::open_fd(self.fd.as_fd(), ends).expect("the pipe opens"));
    }

    fn send(&mut self, bytes: &[u8]) {
        let pipe = self.pipe.as_ref().expect("started");
        assert_eq!(pipe.write(bytes, Timeout::Forever).expect("write"), bytes.len());
    }

    fn receive(&mut self, buffer: &mut [u8]) -> usize {
        let pipe = self.pipe.as_ref().expect("started");
        let mut done = 0;
        while done < self.bytes {
            done += pipe.read(&mut buffer[done..self.bytes], Timeout::Forever).expect("read");
        }
        done
    }
}
