//! What it costs to have one moment of an array, beside what a program would do without: `cargo bench --bench
//! snapshots`.
//!
//! A and B are measured in turns, and medians are printed with their ratio: this machine's other work hits both alike.

use std::hint::black_box;
use std::mem::MaybeUninit;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use shm_array::{Array, Frames, ObjectOptions, Operation, Options, Room, Timeout};

const ROUNDS: usize = 15;
/// One measurement takes about so long.
const ROUND: Duration = Duration::from_millis(8);

fn time(repetitions: u32, work: &mut dyn FnMut()) -> Duration {
    let start = Instant::now();
    for _ in 0..repetitions {
        work();
    }
    start.elapsed() / repetitions
}

fn compare(what: &str, ours: &mut dyn FnMut(), other: &str, theirs: &mut dyn FnMut()) {
    let repetitions = |work: &mut dyn FnMut()| {
        work(); // pages are touched once
        (ROUND.as_nanos() / time(1, work).as_nanos().max(1)).clamp(1, 1_000_000) as u32
    };
    let (mine, its) = (repetitions(ours), repetitions(theirs));
    let mut times: [Vec<Duration>; 2] = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        times[0].push(time(mine, ours));
        times[1].push(time(its, theirs));
    }
    let [ours, theirs] = times.map(|mut times| {
        times.sort_unstable();
        times[ROUNDS / 2].as_nanos() as f64
    });
    println!("{what:<44} {ours:>12.0} ns   {other:<28} {theirs:>12.0} ns   ratio {:.2}", ours / theirs);
}

fn main() {
    for (len, words) in [(4 << 10, "4 KiB"), (1 << 20, "1 MiB"), (64 << 20, "64 MiB")] {
        snapshot(len, words);
    }
    for (len, words) in [(64 << 10, "64 KiB"), (8 << 20, "8 MiB")] {
        frames(len, words);
    }
    elements();
}

fn snapshot(len: usize, words: &str) {
    let array = Array::create(None, "|u1", &[len as u64], &Options::default()).expect("there is room");
    let source = vec![1u8; len];
    let (mut one, mut two) = (vec![0u8; len], vec![0u8; len]);
    let mut ours = || {
        let room = &mut Room::from(&mut one[..]);
        array.snapshot(0..len as u64, room, Timeout::Try, false).expect("nobody writes");
    };
    let mut theirs = || black_box(&mut two[..]).copy_from_slice(black_box(&source));
    compare(&format!("snapshot of {words}"), &mut ours, "memcpy", &mut theirs);
}

/// One side fills a frame and the other looks at all of it: in place, or in and out of what a mutex guards.
fn frames(len: usize, words: &str) {
    let frames = Frames::create(None, "|u1", &[len as u64], 3, &ObjectOptions::default()).expect("there is room");
    let picture = vec![1u8; len];
    let mut ours = || {
        let frame = frames.begin_write().expect("a buffer is free");
        // SAFETY: the frame is this handle's to fill, and that long.
        let buffer = unsafe { std::slice::from_raw_parts_mut(frame.data.cast::<MaybeUninit<u8>>(), len) };
        fill(buffer, &picture);
        frames.publish(frame.buffer).expect("begun above");
        let frame = frames.acquire(0, Timeout::Try).expect("published above");
        // SAFETY: pinned until it is released, and nobody writes it.
        black_box(sum(unsafe { std::slice::from_raw_parts(frame.data, len) }));
        frames.release(frame.buffer).expect("acquired above");
    };
    let guarded = Mutex::new(vec![0u8; len]);
    let mut copy = vec![0u8; len];
    let mut theirs = || {
        guarded.lock().expect("no panic").copy_from_slice(black_box(&picture));
        copy.copy_from_slice(&guarded.lock().expect("no panic"));
        black_box(sum(&copy));
    };
    compare(&format!("frame of {words}: publish, read in place"), &mut ours, "mutex, copy in, copy out", &mut theirs);
    if len < 1 << 20 {
        let mut ours = || {
            let frame = frames.begin_write().expect("a buffer is free");
            frames.publish(frame.buffer).expect("begun above");
            let frame = frames.acquire(0, Timeout::Try).expect("published above");
            frames.release(frame.buffer).expect("acquired above");
        };
        let mut theirs = || drop(black_box(guarded.lock()));
        compare("begin, publish, acquire, release: no bytes", &mut ours, "an uncontended mutex", &mut theirs);
    }
}

fn fill(buffer: &mut [MaybeUninit<u8>], picture: &[u8]) {
    for (place, byte) in buffer.iter_mut().zip(black_box(picture)) {
        place.write(*byte);
    }
}

fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().map(|byte| u64::from(*byte)).sum()
}

fn elements() {
    let integers = Array::create(None, "<u8", &[1000], &Options::default()).expect("there is room");
    let floats = Array::create(None, "<f8", &[10, 100], &Options::default()).expect("there is room");
    let bare = AtomicU64::new(0);
    let mut theirs = || {
        bare.fetch_add(black_box(1), SeqCst);
    };
    let mut ours = || {
        black_box(integers.atomic_fetch(black_box(&[500]), Operation::Add, 1)).expect("an index of it");
    };
    compare("atomic fetch_add on an integer element", &mut ours, "bare fetch_add", &mut theirs);
    let mut ours = || {
        black_box(floats.atomic_fetch(black_box(&[5, 50]), Operation::Add, 1f64.to_bits())).expect("an index of it");
    };
    compare("atomic fetch_add on a float element, 2-d", &mut ours, "bare fetch_add", &mut theirs);
    let mut ours = || {
        black_box(integers.atomic_load(black_box(&[500]))).expect("an index of it");
    };
    let mut theirs = || {
        black_box(bare.load(SeqCst));
    };
    compare("atomic load of an element", &mut ours, "bare load", &mut theirs);
}
