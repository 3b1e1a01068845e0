//! The ways for a message to get from one process to another.

pub mod kernel;
pub mod locked_ring;
pub mod ours;
pub mod ring;

/// One direction, from the processes that fork from the one that made it. Blocking, in order.
pub trait Channel {
    /// Send a copy.
    fn send(&mut self, bytes: &[u8]);
    /// Receive a copy; says how long it is.
    fn receive(&mut self, buffer: &mut [u8]) -> usize;
    /// After fork, in each process, before its first message.
    fn start(&mut self, _sends: bool) {}
}

/// A kind of channel, made before the fork.
pub struct Peer {
    /// As it stands in the tables.
    pub name: &'static str,
    /// One for `capacity` messages of `bytes` bytes; `None` where it cannot carry such.
    pub make: fn(capacity: usize, bytes: usize) -> Option<Box<dyn Channel>>,
    /// Several processes may send.
    pub many: bool,
}

/// All of them; the first is what the others are measured by.
pub fn all() -> Vec<Peer> {
    vec![
        Peer { name: "bare ring", make: ring::make, many: false },
        Peer { name: "shm_queue SPSC", make: ours::single, many: false },
        Peer { name: "shm_queue SPSC in place", make: ours::single_in_place, many: false },
        Peer { name: "shm_queue", make: ours::many, many: true },
        Peer { name: "shm_queue in place", make: ours::many_in_place, many: true },
        Peer { name: "shm_pipe", make: ours::pipe, many: false },
        Peer { name: "mutex+condition ring", make: locked_ring::make, many: true },
        Peer { name: "pipe", make: kernel::pipe, many: false },
        Peer { name: "unix socket", make: kernel::socket, many: false },
        Peer { name: "POSIX mq", make: kernel::mq, many: true },
    ]
}

/// Zeroed memory that a forked child shares.
pub fn shared(bytes: usize) -> *mut u8 {
    let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS | libc::MAP_POPULATE;
    // SAFETY: a new mapping; nothing is replaced.
    let start = unsafe { libc::mmap(std::ptr::null_mut(), bytes, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
    assert_ne!(start, libc::MAP_FAILED, "memory for a channel");
    start.cast()
}
