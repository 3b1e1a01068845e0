//! boost::interprocess::message_queue, which a forked child uses through its parent's mapping.

use std::ffi::{CString, c_char, c_int, c_void};

use super::{Channel, unique_name};

unsafe extern "C" {
    fn peer_boost_create(name: *const c_char, capacity: usize, bytes: usize) -> *mut c_void;
    fn peer_boost_send(queue: *mut c_void, data: *const c_void, bytes: usize) -> c_int;
    fn peer_boost_receive(queue: *mut c_void, data: *mut c_void, room: usize) -> isize;
    fn peer_boost_close(queue: *mut c_void, name: *const c_char);
}

struct Boost {
    queue: *mut c_void,
    name: CString,
}

/// For many.
pub fn make(capacity: usize, bytes: usize) -> Option<Box<dyn Channel>> {
    let name = CString::new(unique_name()).ok()?;
    // SAFETY: a terminated name.
    let queue = unsafe { peer_boost_create(name.as_ptr(), capacity, bytes) };
    (!queue.is_null()).then(|| Box::new(Boost { queue, name }) as Box<dyn Channel>)
}

impl Channel for Boost {
    fn send(&mut self, bytes: &[u8]) {
        // SAFETY: so many bytes are there.
        assert_eq!(unsafe { peer_boost_send(self.queue, bytes.as_ptr().cast(), bytes.len()) }, 0);
    }

    fn receive(&mut self, buffer: &mut [u8]) -> usize {
        // SAFETY: there is room for so many bytes.
        let len = unsafe { peer_boost_receive(self.queue, buffer.as_mut_ptr().cast(), buffer.len()) };
        assert!(len >= 0, "boost: receive");
        len as usize
    }
}

impl Drop for Boost {
    fn drop(&mut self) {
        // SAFETY: ours, and gone with this value.
        unsafe { peer_boost_close(self.queue, self.name.as_ptr()) };
    }
}
