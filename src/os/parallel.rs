//! Work on large memory by several threads, which live no longer than the call.

use std::ops::{ControlFlow, Range};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use nix::sys::signal::{SigSet, SigmaskHow, pthread_sigmask};

/// Beyond this many, threads that only move bytes stand in each other's way.
const MOST: usize = 8;

/// Do `work` for each slice of `0..len`, until one says `Break`. Slices go to whichever thread is free; where a thread
/// cannot be made, the others do its part.
pub fn for_slices(len: usize, slice: usize, work: impl Fn(Range<usize>) -> ControlFlow<()> + Sync) {
    let (next, stopped) = (AtomicUsize::new(0), AtomicBool::new(false));
    let slices = len.div_ceil(slice);
    let run = || {
        while !stopped.load(Ordering::Relaxed) {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= slices {
                return;
            }
            if work(index * slice..len.min((index + 1) * slice)).is_break() {
                stopped.store(true, Ordering::Relaxed);
            }
        }
    };
    // One asks for the number of processors only where there is work for more than one.
    let helpers = if slices < 2 { 0 } else { processors().min(MOST).min(slices) - 1 };
    thread::scope(|scope| {
        if helpers > 0 {
            without_signals(|| {
                for _ in 0..helpers {
                    if thread::Builder::new().name("shm_array".into()).spawn_scoped(scope, run).is_err() {
                        break;
                    }
                }
            });
        }
        run();
    });
}

fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Threads made meanwhile take no signals: a program's handlers run on its own threads.
fn without_signals(make: impl FnOnce()) {
    let mut before = SigSet::empty();
    let blocked = pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::all()), Some(&mut before)).is_ok();
    make();
    if blocked {
        let _ = pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&before), None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_in_one_slice() {
        let sum = AtomicUsize::new(0);
        for_slices(1003, 10, |slice| {
            assert!(slice.len() == 10 || slice == (1000..1003));
            sum.fetch_add(slice.sum::<usize>(), Ordering::Relaxed);
            ControlFlow::Continue(())
        });
        assert_eq!(sum.into_inner(), (0..1003).sum::<usize>());
        for_slices(0, 10, |_| panic!("there is nothing to do"));
    }

    #[test]
    fn one_can_stop_all() {
        let count = AtomicUsize::new(0);
        for_slices(1 << 30, 1, |_| {
            count.fetch_add(1, Ordering::Relaxed);
            ControlFlow::Break(())
        });
        assert!(count.into_inner() <= MOST);
    }
}
