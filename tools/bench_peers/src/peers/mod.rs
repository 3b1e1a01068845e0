//! The ways for a message to get from one process to another.

#[cfg(has_boost)]
pub mod boost;
pub mod handles;
pub mod iceoryx;
pub mod kernel;
pub mod locked_ring;
pub mod ours;
pub mod python;
pub mod ring;

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;

/// One direction, from the processes that fork from the one that made it. Blocking, in order.
pub trait Channel {
    /// Send a copy.
    fn send(&mut self, bytes: &[u8]);
    /// Receive a copy; says how long it is.
    fn receive(&mut self, buffer: &mut [u8]) -> usize;
    /// Nothing more is sent: what was collected goes out.
    fn flush(&mut self) {}
    /// After fork, in each process, before its first message.
    fn start(&mut self, _sends: bool) {}
    /// Before such a process ends, without running anything else of its parent's.
    fn stop(&mut self) {}
}

/// A kind of channel.
pub struct Peer {
    /// As it stands in the tables.
    pub name: &'static str,
    /// How it is measured.
    pub way: Way,
    /// Several processes may send.
    pub many: bool,
}

/// How a peer is measured.
pub enum Way {
    /// By us, with messages of so many bytes: one for `capacity` of them, made before the fork; `None` where it cannot
    /// carry such.
    Copies(fn(capacity: usize, bytes: usize) -> Option<Box<dyn Channel>>),
    /// The same, but a message may be kept back until others have come: it has no round trip.
    Batches(fn(capacity: usize, bytes: usize) -> Option<Box<dyn Channel>>),
    /// The same, but messages carry the handles of arrays of so many bytes.
    Handles(fn(capacity: usize, bytes: usize) -> Option<Box<dyn Channel>>),
    /// By a program of its own: microseconds a message, median and 99th percentile of a round trip, microseconds a
    /// message from two senders.
    Program(fn(capacity: usize, bytes: usize, count: u64) -> Option<[f64; 4]>),
}

/// All of them; the first is what the others are measured by.
pub fn all() -> Vec<Peer> {
    let peer = |name, way, many| Peer { name, way, many };
    vec![
        peer("bare ring", Way::Copies(ring::make), false),
        peer("shm_queue SPSC", Way::Copies(ours::single), false),
        peer("shm_queue SPSC, 32 a call", Way::Batches(ours::single_in_batches), false),
        peer("shm_queue SPSC in place", Way::Copies(ours::single_in_place), false),
        peer("shm_queue", Way::Copies(ours::many), true),
        peer("shm_queue in place", Way::Copies(ours::many_in_place), true),
        peer("shm_pipe", Way::Copies(ours::pipe), false),
        peer("array by handle, opened", Way::Handles(handles::opened), false),
        peer("array by handle, again", Way::Handles(handles::kept), false),
        peer("mutex+condition ring", Way::Copies(locked_ring::make), true),
        peer("iceoryx2 copy", Way::Copies(iceoryx::copied), true),
        peer("iceoryx2 loan", Way::Copies(iceoryx::loaned), true),
        #[cfg(has_boost)]
        peer("boost message_queue", Way::Copies(boost::make), true),
        peer("pipe", Way::Copies(kernel::pipe), false),
        peer("unix socket", Way::Copies(kernel::socket), false),
        peer("POSIX mq", Way::Copies(kernel::mq), true),
        peer("Python multiprocessing.Queue", Way::Program(python::measure), true),
    ]
}

/// A name that nothing else has.
pub fn unique_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("bench-peers-{}-{}", std::process::id(), NEXT.fetch_add(1, Relaxed))
}

/// Zeroed memory that a forked child shares.
pub fn shared(bytes: usize) -> *mut u8 {
    let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS | libc::MAP_POPULATE;
    // SAFETY: a new mapping; nothing is replaced.
    let start = unsafe { libc::mmap(std::ptr::null_mut(), bytes, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
    assert_ne!(start, libc::MAP_FAILED, "memory for a channel");
    start.cast()
}
