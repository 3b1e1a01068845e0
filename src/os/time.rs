//! How long to wait: timeouts as callers give them, deadlines as waiters keep them.
//!
//! All waits are on CLOCK_MONOTONIC, which is what [`Instant`] reads on Linux.

use std::ffi::CStr;
use std::mem::{self, MaybeUninit};
use std::ptr;
use std::sync::atomic::AtomicPtr;
use std::sync::atomic::Ordering::Relaxed;
use std::time::SystemTime;
pub use std::time::{Duration, Instant};

/// The caller's patience.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timeout {
    /// Do not wait at all.
    Try,
    /// Wait this long.
    For(Duration),
    /// Wait until it happens.
    Forever,
}

impl Timeout {
    /// C's convention: nanoseconds, 0 only tries, negative waits for ever.
    pub fn from_ns(ns: i64) -> Timeout {
        match ns {
            0 => Timeout::Try,
            1.. => Timeout::For(Duration::from_nanos(ns as u64)),
            _ => Timeout::Forever,
        }
    }

    /// The moment at which this patience, starting now, is at its end.
    pub fn deadline(self) -> Deadline {
        match self {
            Timeout::Try => Deadline { at: Some(Instant::now()) },
            Timeout::For(duration) => Deadline { at: Instant::now().checked_add(duration) },
            Timeout::Forever => Deadline { at: None },
        }
    }
}

/// One patience for several waits in a row.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    timeout: Timeout,
    begun: Option<Instant>,
}

impl Clock {
    /// Patience begins now.
    pub fn new(timeout: Timeout) -> Clock {
        let begun = matches!(timeout, Timeout::For(_)).then(Instant::now);
        Clock { timeout, begun }
    }

    /// What is left of it.
    pub fn left(self) -> Timeout {
        match (self.timeout, self.begun) {
            (Timeout::For(duration), Some(begun)) => match duration.saturating_sub(begun.elapsed()) {
                Duration::ZERO => Timeout::Try,
                left => Timeout::For(left),
            },
            (timeout, _) => timeout,
        }
    }
}

/// A moment on the monotonic clock, or never.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    at: Option<Instant>,
}

impl Deadline {
    /// Whether the moment has come.
    pub fn has_passed(self) -> bool {
        self.at.is_some_and(|at| Instant::now() >= at)
    }

    /// At most `limit`, and no longer than what is left.
    pub fn at_most(self, limit: Duration) -> Duration {
        match self.at {
            Some(at) => at.saturating_duration_since(Instant::now()).min(limit),
            None => limit,
        }
    }
}

/// Nanoseconds since 1970 (CLOCK_REALTIME), for records that people read.
pub fn realtime_ns() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_nanos() as i64)
}

/// Milliseconds of the monotonic clock, to within a few: cheap enough to be asked for often.
pub fn coarse_ms() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel fills one timespec, which outlives the call.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC_COARSE, &raw mut now) };
    now.tv_sec as u64 * 1000 + now.tv_nsec as u64 / 1_000_000
}

/// Nanoseconds since the machine was started, its sleep included (CLOCK_BOOTTIME): the same for all its processes.
pub fn boottime_ns() -> i64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes one timespec. It knows the clock since 2.6.39, so that nothing can go wrong.
    unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &raw mut now) };
    now.tv_sec.saturating_mul(1_000_000_000).saturating_add(now.tv_nsec)
}

/// Processor time that this thread has used.
pub fn thread_cpu() -> Duration {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: one timespec is filled, which outlives the call.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut now) };
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// As [`realtime_ns`], to some milliseconds, for where each nanosecond counts; 0 where nobody tells.
#[inline]
pub fn realtime_coarse_ns() -> i64 {
    let mut now = MaybeUninit::<libc::timespec>::uninit();
    // SAFETY: nothing else is ever in that word.
    let clock_gettime = unsafe { mem::transmute::<*mut (), ClockGettime>(CLOCK_GETTIME.load(Relaxed)) };
    // SAFETY: one timespec may be filled, which outlives the call.
    if unsafe { clock_gettime(libc::CLOCK_REALTIME_COARSE, now.as_mut_ptr()) } != 0 {
        return 0;
    }
    // SAFETY: the kernel's function, and ours in place of it, fill it when they say 0. It was not filled with zeros before, for
    // each store is waited for by the next locked instruction.
    let now = unsafe { now.assume_init() };
    now.tv_sec.wrapping_mul(1_000_000_000).wrapping_add(now.tv_nsec)
}

type ClockGettime = unsafe extern "C" fn(libc::clockid_t, *mut libc::timespec) -> libc::c_int;

/// A [`ClockGettime`], which is looked for at the first call.
static CLOCK_GETTIME: AtomicPtr<()> = AtomicPtr::new((find_clock_gettime as ClockGettime) as *mut ());

/// Look for the kernel's own function, which it maps into every process (vdso(7)), and call it: libc's goes there, too, and
/// takes half as long again for its detour. Where it cannot be found (under valgrind, in a static program), libc's it is.
#[cold]
#[inline(never)]
unsafe extern "C" fn find_clock_gettime(clock: libc::clockid_t, now: *mut libc::timespec) -> libc::c_int {
    const NAME: &CStr = if cfg!(target_arch = "aarch64") { c"__kernel_clock_gettime" } else { c"__vdso_clock_gettime" };
    let mut found: *mut () = ptr::null_mut();
    // Elsewhere its timespec may be another.
    if cfg!(all(target_pointer_width = "64", target_os = "linux")) {
        // SAFETY: two strings; the vdso is not loaded, but found, and never goes.
        let vdso = unsafe { libc::dlopen(c"linux-vdso.so.1".as_ptr(), libc::RTLD_LAZY | libc::RTLD_NOLOAD) };
        if !vdso.is_null() {
            // SAFETY: as above.
            found = unsafe { libc::dlsym(vdso, NAME.as_ptr()) }.cast();
        }
    }
    if found.is_null() {
        found = (libcs_clock_gettime as ClockGettime) as *mut ();
    }
    CLOCK_GETTIME.store(found, Relaxed);
    // SAFETY: what was found is such a function; the rest is the caller's.
    unsafe { mem::transmute::<*mut (), ClockGettime>(found)(clock, now) }
}

/// A sandbox may answer a system call in the kernel's place, with 0 and nothing written.
unsafe extern "C" fn libcs_clock_gettime(clock: libc::clockid_t, now: *mut libc::timespec) -> libc::c_int {
    // SAFETY: the caller's promise.
    unsafe {
        now.write(libc::timespec { tv_sec: 0, tv_nsec: 0 });
        libc::clock_gettime(clock, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_follow_the_sign() {
        assert_eq!(Timeout::from_ns(0), Timeout::Try);
        assert_eq!(Timeout::from_ns(5), Timeout::For(Duration::from_nanos(5)));
        assert_eq!(Timeout::from_ns(-1), Timeout::Forever);
        assert!(Timeout::Try.deadline().has_passed());
        assert!(!Timeout::Forever.deadline().has_passed());
        assert!(!Timeout::from_ns(i64::MAX).deadline().has_passed());
    }
}
