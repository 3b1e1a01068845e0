//! What the kernel offers.

use std::ffi::CString;

use super::Channel;

/// A pair of descriptors that carry a stream; messages of a fixed length, so that they need no frames.
struct Stream {
    write: i32,
    read: i32,
    bytes: usize,
}

/// pipe(2), as large as an ordinary user may make it.
pub fn pipe(_capacity: usize, bytes: usize) -> Option<Box<dyn Channel>> {
    let mut ends = [0; 2];
    // SAFETY: two descriptors are written.
    unsafe {
        assert_eq!(libc::pipe(ends.as_mut_ptr()), 0);
        libc::fcntl(ends[1], libc::F_SETPIPE_SZ, 1 << 20);
    }
    Some(Box::new(Stream { write: ends[1], read: ends[0], bytes }))
}

/// socketpair(2).
pub fn socket(_capacity: usize, bytes: usize) -> Option<Box<dyn Channel>> {
    let mut ends = [0; 2];
    // SAFETY: two descriptors are written.
    assert_eq!(unsafe { libc::socketpair(libc::AF_UNIX, libc::SOCK_STREAM, 0, ends.as_mut_ptr()) }, 0);
    Some(Box::new(Stream { write: ends[1], read: ends[0], bytes }))
}

impl Channel for Stream {
    fn send(&mut self, bytes: &[u8]) {
        let mut done = 0;
        while done < bytes.len() {
            // SAFETY: so many bytes are there.
            let count = unsafe { libc::write(self.write, bytes[done..].as_ptr().cast(), bytes.len() - done) };
            assert!(count > 0, "write");
            done += count as usize;
        }
    }

    fn receive(&mut self, buffer: &mut [u8]) -> usize {
        let mut done = 0;
        while done < self.bytes {
            // SAFETY: there is room for so many bytes.
            let count = unsafe { libc::read(self.read, buffer[done..].as_mut_ptr().cast(), self.bytes - done) };
            assert!(count > 0, "read");
            done += count as usize;
        }
        done
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // SAFETY: ours.
        unsafe { (libc::close(self.write), libc::close(self.read)) };
    }
}

struct Mq(libc::mqd_t, usize);

/// mq_overview(7), within the limits that an ordinary user has: 10 messages of 8 KiB.
pub fn mq(_capacity: usize, bytes: usize) -> Option<Box<dyn Channel>> {
    if bytes > 8192 {
        return None;
    }
    let name = CString::new(format!("/bench-peers-{}", std::process::id())).ok()?;
    // SAFETY: a terminated name and a filled struct.
    let queue = unsafe {
        let mut attributes: libc::mq_attr = std::mem::zeroed();
        attributes.mq_maxmsg = 10;
        attributes.mq_msgsize = bytes as i64;
        let queue = libc::mq_open(name.as_ptr(), libc::O_RDWR | libc::O_CREAT | libc::O_EXCL, 0o600, &attributes);
        libc::mq_unlink(name.as_ptr());
        queue
    };
    (queue >= 0).then(|| Box::new(Mq(queue, bytes)) as Box<dyn Channel>)
}

impl Channel for Mq {
    fn send(&mut self, bytes: &[u8]) {
        // SAFETY: so many bytes are there.
        assert_eq!(unsafe { libc::mq_send(self.0, bytes.as_ptr().cast(), bytes.len(), 0) }, 0);
    }

    fn receive(&mut self, buffer: &mut [u8]) -> usize {
        // SAFETY: there is room for a message.
        let len = unsafe { libc::mq_receive(self.0, buffer.as_mut_ptr().cast(), self.1, std::ptr::null_mut()) };
        assert!(len >= 0);
        len as usize
    }
}

impl Drop for Mq {
    fn drop(&mut self) {
        // SAFETY: ours.
        unsafe { libc::mq_close(self.0) };
    }
}
