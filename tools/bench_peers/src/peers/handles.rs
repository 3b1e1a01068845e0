//! Arrays by queue: what travels is the handle, whatever the size of the array.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use shm_array::channel::queue::Form;
use shm_array::{Access, Array, ObjectOptions, Options, Queue, Timeout};

use super::{Channel, unique_name};

/// One array, sent again and again; the receiver gets a handle on it, reads an element, and closes the handle.
struct Handles {
    fd: OwnedFd,
    queue: Option<Queue>,
    name: String,
    array: Option<Array>,
    received: u64,
    /// The receiver has the array open all the time, as where a pool of arrays goes round; else it opens it each time.
    keeps: bool,
}

const KEEP: Duration = Duration::from_secs(60);
const ELEMENT: u64 = 0x5EED;

/// The receiver does not have the array.
pub fn opened(capacity: usize, bytes: usize) -> Option<Box<dyn Channel>> {
    make(capacity, bytes, false)
}

/// The receiver has the array.
pub fn kept(capacity: usize, bytes: usize) -> Option<Box<dyn Channel>> {
    make(capacity, bytes, true)
}

/// An array of so many bytes.
fn make(capacity: usize, bytes: usize, keeps: bool) -> Option<Box<dyn Channel>> {
    let form = Form { capacity: capacity as u64, message_bytes: 512, dtype: None, priorities: 1, single: false };
    let queue = Queue::create(None, &form, &ObjectOptions::default()).expect("a queue");
    let name = unique_name();
    let array = Array::create(Some(&name), "<u8", &[bytes as u64 / 8], &Options::default()).ok()?;
    // SAFETY: the first of at least eight elements.
    unsafe { array.view().expect("a view").data.cast::<u64>().write_volatile(ELEMENT) };
    let fd = queue.fd().expect("a descriptor");
    Some(Box::new(Handles { fd, queue: None, name, array: Some(array), received: 0, keeps }))
}

impl Channel for Handles {
    fn start(&mut self, sends: bool) {
        self.queue = Some(Queue::open_fd(self.fd.as_fd(), Access::Write).expect("the queue opens"));
        if !sends {
            self.array = None;
            self.array = self.keeps.then(|| Array::open(&self.name, Access::Write).expect("the array opens"));
        }
    }

    fn send(&mut self, _bytes: &[u8]) {
        let (queue, array) = (self.queue.as_ref().expect("started"), self.array.as_ref().expect("a sender has it"));
        queue.send_array(array, KEEP, 0, Timeout::Forever).expect("send");
    }

    fn receive(&mut self, buffer: &mut [u8]) -> usize {
        let queue = self.queue.as_ref().expect("started");
        let array = queue.receive_array(Access::Write, Timeout::Forever).expect("receive");
        // SAFETY: the first of at least eight elements.
        assert_eq!(unsafe { array.view().expect("a view").data.cast::<u64>().read_volatile() }, ELEMENT);
        // In place of the number that the others find in the message.
        buffer[..8].copy_from_slice(&self.received.to_ne_bytes());
        self.received += 1;
        buffer.len()
    }
}

impl Drop for Handles {
    fn drop(&mut self) {
        let _ = shm_array::unlink(&self.name);
    }
}
