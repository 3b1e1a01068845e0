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
