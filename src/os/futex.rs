//! Sleeping on a 32-bit word in shared memory, and waking those who sleep on it.
//!
//! Never with FUTEX_PRIVATE_FLAG: the word is shared by processes. A sleep may end early for any reason;
//! callers look at the word again.

use std::ptr;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

/// Who among the sleepers of one word a wake is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Queue {
    /// Those who would share.
    Readers = 1,
    /// Those who want it alone.
    Writers = 2,
}

/// Sleep while the word still is `expected`, at most for `limit`.
pub fn wait(word: &AtomicU32, expected: u32, queue: Queue, limit: Duration) {
    // FUTEX_WAIT_BITSET takes an absolute time on CLOCK_MONOTONIC.
    let mut until = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel fills one timespec, which outlives the call.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut until) };
    let nanoseconds = until.tv_nsec + i64::from(limit.subsec_nanos());
    until.tv_sec = until.tv_sec.saturating_add(limit.as_secs() as i64).saturating_add(nanoseconds / 1_000_000_000);
    until.tv_nsec = nanoseconds % 1_000_000_000;
    // SAFETY: the word is a live, aligned u32 for as long as the borrow lasts; the kernel only reads it.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAIT_BITSET,
            expected,
            &raw const until,
            ptr::null::<u32>(),
            queue as u32,
        );
    }
}

/// Wake at most `count` sleepers of that queue; says how many there were.
pub fn wake(word: &AtomicU32, queue: Queue, count: i32) -> u32 {
    // SAFETY: the kernel only uses the address of the word, which is live.
    let woken = unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAKE_BITSET,
            count,
            ptr::null::<libc::timespec>(),
            ptr::null::<u32>(),
            queue as u32,
        )
    };
    u32::try_from(woken).unwrap_or(0)
}
