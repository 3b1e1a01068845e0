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
    let until = moment_after(limit);
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

/// An absolute time on CLOCK_MONOTONIC, which is what the calls here take.
fn moment_after(limit: Duration) -> libc::timespec {
    let mut until = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel fills one timespec, which outlives the call.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut until) };
    let nanoseconds = until.tv_nsec + i64::from(limit.subsec_nanos());
    until.tv_sec = until.tv_sec.saturating_add(limit.as_secs() as i64).saturating_add(nanoseconds / 1_000_000_000);
    until.tv_nsec = nanoseconds % 1_000_000_000;
    until
}

/// The most words that [`wait_any`] takes.
pub const MOST_WORDS: usize = 128;

/// One of several words to sleep on; struct futex_waitv of the kernel.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Sleep {
    expected: u64,
    address: u64,
    flags: u32,
    reserved: u32,
}

impl Sleep {
    /// While the word is `expected`. Only its address is kept: should its memory go, the sleep ends.
    pub fn while_is(word: &AtomicU32, expected: u32) -> Sleep {
        const SIZE_U32: u32 = 2;
        Sleep { expected: expected.into(), address: word.as_ptr() as u64, flags: SIZE_U32, reserved: 0 }
    }

    /// Whether it is about this word.
    pub fn is_on(&self, word: &AtomicU32) -> bool {
        self.address == word.as_ptr() as u64
    }
}

/// How [`wait_any`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slept {
    /// A word was another, or somebody woke us, or the time was up.
    Enough,
    /// The memory of one of the words is gone.
    Faulted,
    /// This kernel (before 5.16), or its sandbox, does not know the call.
    Unknown,
}

/// Sleep while each word is as expected, at most for `limit`.
pub fn wait_any(sleeps: &[Sleep], limit: Duration) -> Slept {
    const SYS_FUTEX_WAITV: libc::c_long = 449; // on every architecture
    let until = moment_after(limit);
    // SAFETY: the kernel reads as many records and one timespec, and compares words at addresses that it checks.
    let woken = unsafe {
        let count = sleeps.len().min(MOST_WORDS) as libc::c_uint;
        libc::syscall(SYS_FUTEX_WAITV, sleeps.as_ptr(), count, 0u32, &raw const until, libc::CLOCK_MONOTONIC)
    };
    match nix::errno::Errno::last() {
        _ if woken >= 0 => Slept::Enough,
        nix::errno::Errno::EAGAIN | nix::errno::Errno::ETIMEDOUT | nix::errno::Errno::EINTR => Slept::Enough,
        nix::errno::Errno::EFAULT => Slept::Faulted,
        _ => Slept::Unknown,
    }
}

/// Wake at most `count` sleepers of that queue.
pub fn wake(word: &AtomicU32, queue: Queue, count: i32) {
    // SAFETY: the kernel only uses the address of the word, which is live.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAKE_BITSET,
            count,
            ptr::null::<libc::timespec>(),
            ptr::null::<u32>(),
            queue as u32,
        );
    }
}
