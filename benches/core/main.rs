//! What the core costs, each time beside the barest thing that could do its work, in one run.
//!
//! `cargo bench --bench core` prints a table for each question; words behind `--` choose among them: `open`, `lock`,
//! `contended`, `create`. Candidates take turns, so that what the machine does meanwhile strikes all of them alike; the
//! figure is the median of their turns. What counts is the last column, the ratio: absolute times differ from machine to
//! machine.

mod bare;
mod contended;
mod race;

use std::ffi::CString;
use std::hint::black_box;

use shm_array::ffi::array::{SHM_ARRAY_EXCLUSIVE, SHM_ARRAY_SHARED, shm_array_lock, shm_array_unlock};
use shm_array::{Access, Array, Options};

use race::{Candidate, race, race_for_memory};

const GIB: usize = 1 << 30;

fn main() {
    let asked: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    for (name, bench) in [("open", open as fn()), ("lock", lock), ("contended", contended::bench), ("create", create)] {
        if asked.is_empty() || asked.iter().any(|word| word == name) {
            bench();
        }
    }
}

/// An array that is unlinked when the benchmark has ended.
struct Named {
    name: String,
    array: Array,
}

impl Named {
    fn new(what: &str, shape: &[u64]) -> Named {
        let name = format!("bench-{}-{what}", std::process::id());
        let array = Array::create(Some(&name), "<f8", shape, &Options::default()).unwrap_or_else(|why| panic!("{why}"));
        Named { name, array }
    }

    fn path(&self) -> CString {
        CString::new(format!("/dev/shm/{}", self.name)).expect("names have no NUL")
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        let _ = self.array.unlink();
    }
}

fn open() {
    let named = Named::new("open", &[1000]);
    let (name, path) = (named.name.as_str(), named.path());
    let ours = |access: Access| {
        move |times| {
            for _ in 0..times {
                drop(black_box(Array::open(name, access).expect("it is there")));
            }
        }
    };
    race_for_memory(
        "Open and close an array of 1,000 float64",
        &mut [
            Candidate::new("open, fstat, mmap, munmap, close", |times| {
                (0..times).for_each(|_| bare::open_and_close(&path, 0, false));
            }),
            Candidate::new("the same, and one pread of 4 KiB", |times| {
                (0..times).for_each(|_| bare::open_and_close(&path, 4096, false));
            }),
            Candidate::new("the same, and one element read instead", |times| {
                (0..times).for_each(|_| bare::open_and_close(&path, 0, true));
            }),
            Candidate::new("shm_array, to read", ours(Access::Read)),
            Candidate::new("shm_array, to write", ours(Access::Write)),
            Candidate::new("shm_array, copy-on-write", ours(Access::CopyOnWrite)),
        ],
        200,
        101,
    );
}

fn lock_and_unlock(named: &Named, mode: u32) -> impl FnMut(u32) {
    let array = Some(&named.array);
    // Called, as a C program calls them, and the C library's: not made a part of the loop.
    let lock: extern "C" fn(_, _, _) -> _ = black_box(shm_array_lock);
    let unlock: extern "C" fn(_) -> _ = black_box(shm_array_unlock);
    move |times| {
        for _ in 0..times {
            bare::done(lock(array, mode, -1));
            bare::done(unlock(array));
        }
    }
}

fn lock() {
    // Who takes the lock alone looks whether others hold it shared: in one place where nobody has ever done so, else in
    // the slot of each process that has.
    let (written, read) = (Named::new("lock-written", &[1000]), Named::new("lock-read", &[1000]));
    let (mutex, robust, rwlock, word) =
        (bare::Mutex::new(false), bare::Mutex::new(true), bare::RwLock::new(), bare::Word::new());
    race(
        "Lock and unlock, nobody else there",
        &mut [
            Candidate::new("compare-and-exchange, store", |times| (0..times).for_each(|_| word.lock_and_unlock())),
            Candidate::new("pthread_mutex, process-shared", |times| (0..times).for_each(|_| mutex.hold(|| ()))),
            Candidate::new("pthread_mutex, robust", |times| (0..times).for_each(|_| robust.hold(|| ()))),
            Candidate::new("pthread_rwlock, to write", |times| (0..times).for_each(|_| rwlock.write(|| ()))),
            Candidate::new("pthread_rwlock, to read", |times| (0..times).for_each(|_| rwlock.read(|| ()))),
            Candidate::new("shm_array, exclusive", lock_and_unlock(&written, SHM_ARRAY_EXCLUSIVE)),
            Candidate::new(
                "shm_array, exclusive, by a process that shares it, too",
                lock_and_unlock(&read, SHM_ARRAY_EXCLUSIVE),
            ),
            Candidate::new("shm_array, shared", lock_and_unlock(&read, SHM_ARRAY_SHARED)),
        ],
        10_000,
        101,
    );
}

fn create() {
    let name = format!("bench-{}-create", std::process::id());
    let ours = |touch: bool| {
        let name = name.as_str();
        move |times| {
            for _ in 0..times {
                let array = Array::create(Some(name), "|u1", &[GIB as u64], &Options::default());
                let array = array.unwrap_or_else(|why| panic!("{why}"));
                if touch {
                    // SAFETY: the view has so many bytes, and nobody else knows of this array.
                    unsafe { bare::touch(array.view().expect("it has a view").data, GIB) };
                }
                array.unlink().expect("it is ours");
            }
        }
    };
    race_for_memory(
        "Create 1 GiB in /dev/shm, and give it back",
        &mut [
            Candidate::new("fallocate alone", |times| (0..times).for_each(|_| bare::allocate(GIB, true, false))),
            Candidate::new("fallocate, and touch every page", |times| {
                (0..times).for_each(|_| bare::allocate(GIB, true, true));
            }),
            Candidate::new("ftruncate, and touch every page", |times| {
                (0..times).for_each(|_| bare::allocate(GIB, false, true));
            }),
            Candidate::new("shm_array", ours(false)),
            Candidate::new("shm_array, and touch every page", ours(true)),
        ],
        1,
        11,
    );
}
