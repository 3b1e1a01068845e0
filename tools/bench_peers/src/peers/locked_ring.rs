//! A ring under a process-shared pthread mutex with two condition variables, as textbooks have it.

use std::ptr;

use super::{Channel, shared};

#[repr(C)]
struct Head {
    mutex: libc::pthread_mutex_t,
    not_empty: libc::pthread_cond_t,
    not_full: libc::pthread_cond_t,
    sent: u64,
    received: u64,
}

struct Locked {
    head: *mut Head,
    slots: *mut u8,
    stride: usize,
    count: u64,
}

/// For messages of `bytes` bytes.
pub fn make(capacity: usize, bytes: usize) -> Option<Box<dyn Channel>> {
    let stride = (bytes + 8).next_multiple_of(64);
    let start = shared(4096 + stride * capacity);
    let head = start.cast::<Head>();
    // SAFETY: within the mapping, before anybody else sees it.
    unsafe {
        let mut mutex: libc::pthread_mutexattr_t = std::mem::zeroed();
        libc::pthread_mutexattr_init(&mut mutex);
        libc::pthread_mutexattr_setpshared(&mut mutex, libc::PTHREAD_PROCESS_SHARED);
        libc::pthread_mutex_init(&raw mut (*head).mutex, &mutex);
        let mut condition: libc::pthread_condattr_t = std::mem::zeroed();
        libc::pthread_condattr_init(&mut condition);
        libc::pthread_condattr_setpshared(&mut condition, libc::PTHREAD_PROCESS_SHARED);
        libc::pthread_cond_init(&raw mut (*head).not_empty, &condition);
        libc::pthread_cond_init(&raw mut (*head).not_full, &condition);
        Some(Box::new(Locked { head, slots: start.add(4096), stride, count: capacity as u64 }))
    }
}

impl Locked {
    fn slot(&self, position: u64) -> *mut u8 {
        // SAFETY: within the mapping.
        unsafe { self.slots.add((position % self.count) as usize * self.stride) }
    }
}

impl Channel for Locked {
    fn send(&mut self, bytes: &[u8]) {
        let head = self.head;
        // SAFETY: all of it under the mutex.
        unsafe {
            libc::pthread_mutex_lock(&raw mut (*head).mutex);
            while (*head).sent - (*head).received == self.count {
                libc::pthread_cond_wait(&raw mut (*head).not_full, &raw mut (*head).mutex);
            }
            let slot = self.slot((*head).sent);
            slot.cast::<u64>().write(bytes.len() as u64);
            ptr::copy_nonoverlapping(bytes.as_ptr(), slot.add(8), bytes.len());
            (*head).sent += 1;
            libc::pthread_cond_signal(&raw mut (*head).not_empty);
            libc::pthread_mutex_unlock(&raw mut (*head).mutex);
        }
    }

    fn receive(&mut self, buffer: &mut [u8]) -> usize {
        let head = self.head;
        // SAFETY: all of it under the mutex.
        unsafe {
            libc::pthread_mutex_lock(&raw mut (*head).mutex);
            while (*head).sent == (*head).received {
                libc::pthread_cond_wait(&raw mut (*head).not_empty, &raw mut (*head).mutex);
            }
            let slot = self.slot((*head).received);
            let len = slot.cast::<u64>().read() as usize;
            ptr::copy_nonoverlapping(slot.add(8), buffer.as_mut_ptr(), len);
            (*head).received += 1;
            libc::pthread_cond_signal(&raw mut (*head).not_full);
            libc::pthread_mutex_unlock(&raw mut (*head).mutex);
            len
        }
    }
}
