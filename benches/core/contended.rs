//! Two processes, each on a processor of its own, that want one lock all the time.

use std::hint::spin_loop;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::{mem, process, ptr};

use shm_array::ffi::array::{SHM_ARRAY_EXCLUSIVE, SHM_ARRAY_SHARED, shm_array_lock, shm_array_unlock};
use shm_array::{Array, Options};

use crate::bare::{Mutex, RwLock, shared};
use crate::race::{Candidate, race};

/// How long the lock is held: some hundreds of nanoseconds, and some microseconds.
const SECTIONS: [(&str, u32); 2] = [("0.2 us", 20), ("5 us", 500)];

pub fn bench() {
    for (length, pauses) in SECTIONS {
        let inside = move || (0..pauses).for_each(|_| spin_loop());
        let (mutex, robust, rwlock, array) = (Mutex::new(false), Mutex::new(true), RwLock::new(), Opened::new());
        let mut pairs = [
            ("pthread_mutex, process-shared", Pair::new(move || mutex.hold(inside))),
            ("pthread_mutex, robust", Pair::new(move || robust.hold(inside))),
            ("pthread_rwlock, to write", Pair::new(move || rwlock.write(inside))),
            ("shm_array, exclusive", Pair::new(move || array.hold(SHM_ARRAY_EXCLUSIVE, inside))),
        ];
        compare(&format!("Two processes hold a lock for {length} at a time"), &mut pairs);
    }
    let inside = move || (0..SECTIONS[0].1).for_each(|_| spin_loop());
    let (rwlock, array) = (RwLock::new(), Opened::new());
    let mut pairs = [
        ("nothing to lock", Pair::new(inside)),
        ("pthread_rwlock, to read", Pair::new(move || rwlock.read(inside))),
        ("shm_array, shared", Pair::new(move || array.hold(SHM_ARRAY_SHARED, inside))),
    ];
    compare(&format!("Two processes read for {} at a time", SECTIONS[0].0), &mut pairs);
}

fn compare(title: &str, pairs: &mut [(&str, Pair)]) {
    let mut candidates: Vec<Candidate> =
        pairs.iter_mut().map(|(name, pair)| Candidate::new(name, |times| pair.run(times))).collect();
    race(title, &mut candidates, 2_000, 101);
}

/// An array that a forked child has as well.
struct Opened(Array);

impl Opened {
    fn new() -> Opened {
        Opened(Array::create(None, "<f8", &[1000], &Options::default()).unwrap_or_else(|why| panic!("{why}")))
    }

    fn hold(&self, mode: u32, inside: impl FnOnce()) {
        assert_eq!(shm_array_lock(Some(&self.0), mode, -1), 0);
        inside();
        assert_eq!(shm_array_unlock(Some(&self.0)), 0);
    }
}

/// This process and a child, which do the same thing at the same time.
struct Pair {
    act: Box<dyn Fn()>,
    turn: &'static Turn,
    child: libc::pid_t,
}

/// Raised to tell the child to go, and by the child when it has come to the end.
struct Turn {
    begun: AtomicU32,
    ended: AtomicU32,
    times: AtomicU32,
}

impl Pair {
    fn new(act: impl Fn() + 'static) -> Pair {
        let turn: &Turn = shared();
        // SAFETY: this process has one thread.
        let child = unsafe { libc::fork() };
        assert!(child >= 0);
        if child == 0 {
            bind_to(1);
            for number in 1.. {
                while turn.begun.load(Acquire) != number {
                    // SAFETY: two numbers. Idle children sleep away the others' turns.
                    unsafe { libc::usleep(20) };
                }
                (0..turn.times.load(Acquire)).for_each(|_| act());
                turn.ended.store(number, Release);
            }
            process::exit(0);
        }
        bind_to(0);
        Pair { act: Box::new(act), turn, child }
    }

    fn run(&mut self, times: u32) {
        let number = self.turn.begun.load(Acquire) + 1;
        self.turn.times.store(times, Release);
        self.turn.begun.store(number, Release);
        (0..times).for_each(|_| (self.act)());
        while self.turn.ended.load(Acquire) != number {
            spin_loop();
        }
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        // SAFETY: our own child.
        unsafe { (libc::kill(self.child, libc::SIGKILL), libc::waitpid(self.child, ptr::null_mut(), 0)) };
    }
}

/// Run on that processor only, if there is one of that number.
fn bind_to(processor: usize) {
    // SAFETY: a set of processors may be all zeros, and has its size.
    unsafe {
        let mut set: libc::cpu_set_t = mem::zeroed();
        libc::CPU_SET(processor, &mut set);
        libc::sched_setaffinity(0, size_of_val(&set), &set);
    }
}
