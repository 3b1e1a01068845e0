//! What a piece of work took.

use std::time::Instant;

/// What a way took, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// On the wall's clock.
    pub wall: f64,
    /// Of all processors.
    pub processor: f64,
}

/// Does it, and says what it took.
pub fn cost(work: impl FnOnce()) -> Option<Cost> {
    let (begun, processor) = (Instant::now(), processor_ms());
    work();
    Some(Cost { wall: begun.elapsed().as_secs_f64() * 1000.0, processor: processor_ms() - processor })
}

/// Processor time of this process, its threads, and its children that have ended.
fn processor_ms() -> f64 {
    // SAFETY: the kernel fills the record.
    let mut used: [libc::rusage; 2] = unsafe { std::mem::zeroed() };
    for (who, used) in [libc::RUSAGE_SELF, libc::RUSAGE_CHILDREN].into_iter().zip(&mut used) {
        // SAFETY: one record is filled, which outlives the call.
        unsafe { libc::getrusage(who, used) };
    }
    let ms = |time: libc::timeval| time.tv_sec as f64 * 1e3 + time.tv_usec as f64 / 1e3;
    used.iter().map(|used| ms(used.ru_utime) + ms(used.ru_stime)).sum()
}
