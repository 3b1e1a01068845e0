//! The barest thing that could do it: one producer, one consumer, two positions, slots; it spins, yields, then sleeps.
//! No death, no second producer, no name.

use std::ptr;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicU32, AtomicU64, fence};
use std::time::{Duration, Instant};

use super::{Channel, shared};

#[repr(C, align(128))]
struct Side {
    position: AtomicU64,
    sleeps: AtomicU32,
}

struct Ring {
    sides: *const [Side; 2],
    slots: *mut u8,
    stride: usize,
    count: u64,
    /// How far the other side was when last seen.
    seen: u64,
}

/// For messages of `bytes` bytes.
pub fn make(capacity: usize, bytes: usize) -> Option<Box<dyn Channel>> {
    let stride = (bytes + 8).next_multiple_of(64);
    let count = capacity.next_power_of_two();
    let start = shared(256 + stride * count);
    // SAFETY: within the mapping.
    Some(Box::new(Ring { sides: start.cast(), slots: unsafe { start.add(256) }, stride, count: count as u64, seen: 0 }))
}

fn futex(word: &AtomicU32, operation: i32, value: u32) {
    let limit = libc::timespec { tv_sec: 0, tv_nsec: 20_000_000 };
    // SAFETY: the word and the time outlive the call.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation, value, &limit, 0, 0) };
}

impl Ring {
    fn sides(&self) -> &'static [Side; 2] {
        // SAFETY: never unmapped, atomics only.
        unsafe { &*self.sides }
    }

    fn wait(&mut self, other: usize, until: impl Fn(u64) -> bool) {
        let (side, own) = (&self.sides()[other], &self.sides()[1 - other]);
        let mut spins = 0;
        let mut since = None;
        while {
            self.seen = side.position.load(Acquire);
            !until(self.seen)
        } {
            spins += 1;
            if spins < 100 {
                std::hint::spin_loop();
            } else if since.get_or_insert_with(Instant::now).elapsed() < Duration::from_micros(50) {
                std::thread::yield_now();
            } else {
                own.sleeps.store(1, SeqCst);
                fence(SeqCst);
                if !until(side.position.load(Acquire)) {
                    futex(&own.sleeps, libc::FUTEX_WAIT, 1);
                }
            }
        }
    }

    fn advance(&self, own: usize, position: u64) {
        self.sides()[own].position.store(position, Release);
        fence(SeqCst);
        let sleeps = &self.sides()[1 - own].sleeps;
        if sleeps.load(Relaxed) != 0 {
            sleeps.store(0, SeqCst);
            futex(sleeps, libc::FUTEX_WAKE, 1);
        }
    }

    fn slot(&self, position: u64) -> *mut u8 {
        // SAFETY: within the mapping.
        unsafe { self.slots.add((position & (self.count - 1)) as usize * self.stride) }
    }
}

impl Channel for Ring {
    fn send(&mut self, bytes: &[u8]) {
        let tail = self.sides()[0].position.load(Relaxed);
        if tail - self.seen >= self.count {
            let count = self.count;
            self.wait(1, |head| tail - head < count);
        }
        let slot = self.slot(tail);
        // SAFETY: the slot is ours until the position moves.
        unsafe {
            slot.cast::<u64>().write(bytes.len() as u64);
            ptr::copy_nonoverlapping(bytes.as_ptr(), slot.add(8), bytes.len());
        }
        self.advance(0, tail + 1);
    }

    fn receive(&mut self, buffer: &mut [u8]) -> usize {
        let head = self.sides()[1].position.load(Relaxed);
        if head >= self.seen {
            self.wait(0, |tail| tail > head);
        }
        let slot = self.slot(head);
        // SAFETY: the slot is ours until the position moves.
        let len = unsafe {
            let len = slot.cast::<u64>().read() as usize;
            ptr::copy_nonoverlapping(slot.add(8), buffer.as_mut_ptr(), len);
            len
        };
        self.advance(1, head + 1);
        len
    }
}
