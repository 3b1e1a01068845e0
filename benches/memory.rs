//! How soon memory is there, and how fast it is then: this library beside what else there is, in one run.
//!
//!     cargo bench --bench memory [-- MIB ROUNDS]
//!
//! The figure of each way is the median of several rounds, and the ways take turns: ratios within one run are what
//! counts. Before each measurement memory is touched and freed, as a host takes back what is free for seconds.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::time::Instant;

use nix::sys::mman::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};
use shm_array::{Access, Array, OpenFlags, Options, Placement, Readiness, Source, Way};

type Bytes = *mut u8;

fn main() {
    let numbers: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let mib = numbers.first().copied().unwrap_or(1024);
    let rounds = numbers.get(1).copied().unwrap_or(5);
    let mut python = Python::start();
    let ways: [(&str, Measure); 14] = [
        ("create, ready in huge pages, and touch all of it", |len| born(len, Way::Ready, false)),
        ("create and touch, in a file of /dev/shm by path", |len| born_by_path(len)),
        ("create with SHM_ARRAY_POPULATE, and touch", |len| born(len, Way::Ready, true)),
        ("create with SHM_ARRAY_RESERVE, and touch", |len| born(len, Way::Reserve, false)),
        ("create with SHM_ARRAY_LAZY, and touch", |len| born(len, Way::Lazy, false)),
        ("create, and copy an array in (copy_in)", |len| copied(len)),
        ("bare memfd: ftruncate and touch", |len| bare(len, false)),
        ("bare memfd: fallocate and touch", |len| bare(len, true)),
        ("memset of anonymous memory that is ready", |len| memset(len, 1)),
        ("  the same by two threads", |len| memset(len, 2)),
        ("second process maps and writes all, huge pages", |len| second(len, Way::Ready)),
        ("second process maps and writes all, 4 KiB pages", |len| second(len, Way::Reserve)),
        ("random access, huge pages (10 million reads)", |len| random(len, Way::Ready)),
        ("random access, 4 KiB pages", |len| random(len, Way::Reserve)),
    ];
    let figures = rows(&ways, &mut python, mib, rounds);
    println!("\n{mib} MiB, median of {rounds} rounds, ms:");
    for (name, figure) in figures {
        println!("{figure:9.1}  {name}");
    }
}

type Measure = fn(usize) -> f64;

/// Each way in each round, one after the other.
fn rows(ways: &[(&'static str, Measure)], python: &mut Python, mib: usize, rounds: usize) -> Vec<(&'static str, f64)> {
    const PYTHONS: [(&str, &str); 2] = [
        ("multiprocessing.shared_memory: create and touch", "shared_memory"),
        ("numpy.memmap (w+) in /dev/shm: create and touch", "memmap"),
    ];
    let mut all: Vec<(&'static str, Vec<f64>)> = ways.iter().map(|way| (way.0, Vec::new())).collect();
    all.extend(PYTHONS.iter().map(|row| (row.0, Vec::new())));
    for round in 0..rounds {
        eprintln!("round {} of {rounds}", round + 1);
        let (own, pythons) = all.split_at_mut(ways.len());
        for ((_, measure), (_, figures)) in ways.iter().zip(own) {
            touch_and_free();
            figures.push(measure(mib << 20));
        }
        for ((_, way), (_, figures)) in PYTHONS.iter().zip(pythons) {
            touch_and_free();
            figures.push(python.ask(way, mib));
        }
    }
    all.into_iter().map(|(name, figures)| (name, median(figures))).collect()
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}

fn touch_and_free() {
    drop(std::hint::black_box(vec![1u8; 2 << 30]));
}

/// One store into each 4 KiB page.
fn touch(bytes: Bytes, len: usize) {
    for at in (0..len).step_by(4096) {
        // SAFETY: within memory of this benchmark's own that can be written.
        unsafe { bytes.add(at).write_volatile(1) };
    }
}

fn name() -> String {
    format!("bench-memory-{}", std::process::id())
}

fn array(len: usize, way: Way, populate: bool) -> Array {
    let readiness = Readiness { populate, lock: false };
    let options = Options { way, readiness, placement: Placement::Shm, ..Options::default() };
    Array::create(Some(&name()), "|u1", &[len as u64], &options).expect("room in /dev/shm")
}

fn data(array: &Array) -> Bytes {
    array.view().expect("an open array").data
}

fn born(len: usize, way: Way, populate: bool) -> f64 {
    let begin = Instant::now();
    let array = array(len, way, populate);
    touch(data(&array), len);
    let figure = milliseconds(begin);
    array.unlink().expect("a name of ours");
    figure
}

fn born_by_path(len: usize) -> f64 {
    let begin = Instant::now();
    let path = format!("file:///dev/shm/{}", name());
    let array = Array::create(Some(&path), "|u1", &[len as u64], &Options::default()).expect("room in /dev/shm");
    touch(data(&array), len);
    let figure = milliseconds(begin);
    array.unlink().expect("a name of ours");
    figure
}

fn copied(len: usize) -> f64 {
    let source = vec![3u8; len];
    let begin = Instant::now();
    let array = array(len, Way::Ready, false);
    array.copy_in(0, Source::from(&source[..])).expect("the same length");
    let figure = milliseconds(begin);
    array.unlink().expect("a name of ours");
    figure
}

fn bare(len: usize, reserve: bool) -> f64 {
    use nix::fcntl::{FallocateFlags, fallocate};
    let begin = Instant::now();
    let file = nix::sys::memfd::memfd_create("bench", nix::sys::memfd::MFdFlags::empty()).expect("a memfd");
    if reserve {
        fallocate(&file, FallocateFlags::empty(), 0, len as i64).expect("room");
    } else {
        nix::unistd::ftruncate(&file, len as i64).expect("a length");
    }
    let bytes = len.try_into().expect("some bytes");
    let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    // SAFETY: a new mapping, unmapped below.
    let map = unsafe { mmap(None, bytes, access, MapFlags::MAP_SHARED, &file, 0) }.expect("addresses");
    touch(map.as_ptr().cast(), len);
    let figure = milliseconds(begin);
    // SAFETY: mapped above.
    unsafe { munmap(map, len) }.expect("it is mapped");
    figure
}

fn memset(len: usize, threads: usize) -> f64 {
    let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    let bytes = len.try_into().expect("some bytes");
    // SAFETY: a new mapping, unmapped below.
    let map = unsafe { mmap_anonymous(None, bytes, access, MapFlags::MAP_PRIVATE) }.expect("addresses");
    // SAFETY: advice for that mapping; without huge pages the figure is another, and nothing breaks.
    let _ = unsafe { nix::sys::mman::madvise(map, len, nix::sys::mman::MmapAdvise::MADV_HUGEPAGE) };
    touch(map.as_ptr().cast(), len);
    let start = map.as_ptr() as usize;
    let begin = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let part = len / threads;
            // SAFETY: each thread fills its own part of the mapping.
            scope.spawn(move || unsafe { ((start + thread * part) as Bytes).write_bytes(2, part) });
        }
    });
    let figure = milliseconds(begin);
    // SAFETY: mapped above.
    unsafe { munmap(map, len) }.expect("it is mapped");
    figure
}

/// What a process that opens the array pays for touching all of it. A new mapping is what counts, not the process.
fn second(len: usize, way: Way) -> f64 {
    let array = array(len, way, false);
    touch(data(&array), len);
    let begin = Instant::now();
    let other = Array::open(&name(), OpenFlags::from(Access::Write)).expect("it was created a moment ago");
    touch(data(&other), len);
    let figure = milliseconds(begin);
    array.unlink().expect("a name of ours");
    figure
}

fn random(len: usize, way: Way) -> f64 {
    let array = array(len, way, false);
    let bytes = data(&array);
    touch(bytes, len);
    let (mut state, mut sum) = (1u64, 0u64);
    let begin = Instant::now();
    for _ in 0..10_000_000 {
        // A linear congruential generator (Knuth's MMIX); each place depends on what was read before.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407 + (sum & 1));
        let at = ((u128::from(state) * len as u128) >> 64) as usize;
        // SAFETY: within the array's elements.
        sum += u64::from(unsafe { bytes.add(at).read_volatile() });
    }
    let figure = milliseconds(begin);
    std::hint::black_box(sum);
    array.unlink().expect("a name of ours");
    figure
}

/// A Python interpreter that measures on demand.
struct Python {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<std::process::ChildStdout>,
}

const SCRIPT: &str = r#"
import os, sys, time
import numpy as np
from multiprocessing import shared_memory

def of_shared_memory(size):
    begin = time.perf_counter()
    memory = shared_memory.SharedMemory(create=True, size=size)
    array = np.ndarray(size, np.uint8, memory.buf)
    array[::4096] = 1
    figure = time.perf_counter() - begin
    del array
    memory.close()
    memory.unlink()
    return figure

def of_memmap(size):
    path = f"/dev/shm/bench-memmap-{os.getpid()}"
    begin = time.perf_counter()
    array = np.memmap(path, np.uint8, "w+", shape=size)
    array[::4096] = 1
    figure = time.perf_counter() - begin
    os.unlink(path)
    return figure

for line in sys.stdin:
    way, mib = line.split()
    print(1000 * globals()["of_" + way](int(mib) << 20), flush=True)
"#;

impl Python {
    fn start() -> Python {
        let requirements = workshop::root().join("python/requirements-test.txt");
        let environment = workshop::Python::environment("tests", &requirements, |words| eprintln!("{words}"));
        let mut command = environment.and_then(|python| python.command()).unwrap_or_else(|why| panic!("{why}"));
        command.args(["-c", SCRIPT]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the interpreter starts");
        let (questions, answers) = (child.stdin.take().expect("a pipe"), child.stdout.take().expect("a pipe"));
        Python { child, questions, answers: BufReader::new(answers) }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        let _ = self.answers.read_line(&mut line);
        line
    }

    fn ask(&mut self, way: &str, mib: usize) -> f64 {
        writeln!(self.questions, "{way} {mib}").expect("the interpreter listens");
        self.line().trim().parse().expect("a figure")
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
