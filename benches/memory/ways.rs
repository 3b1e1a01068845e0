//! The ways to memory that are written in Rust.

use std::sync::OnceLock;

use nix::sys::mman::{MapFlags, MmapAdvise, ProtFlags, madvise, mmap, mmap_anonymous, munmap};
use shm_array::{Access, Array, OpenFlags, Options, Placement, Readiness, Source, Way};

use crate::cost::{Cost, cost};
use crate::peers;

type Bytes = *mut u8;

/// A way, for so many bytes; `None` where this machine does not have what it takes.
pub type Measure = fn(usize) -> Option<Cost>;

/// All of them.
pub const WAYS: [(&str, Measure); 17] = [
    ("create, and touch all of it", |len| born(len, Way::Ready, false)),
    ("create and touch, in a file of /dev/shm by path", born_by_path),
    ("create with SHM_ARRAY_POPULATE, and touch", |len| born(len, Way::Ready, true)),
    ("create with SHM_ARRAY_RESERVE, and touch", |len| born(len, Way::Reserve, false)),
    ("create with SHM_ARRAY_LAZY, and touch", |len| born(len, Way::Lazy, false)),
    ("create, and copy an array in (copy_in)", copied),
    ("bare memfd: ftruncate and touch", |len| bare(len, false)),
    ("bare memfd: fallocate and touch", |len| bare(len, true)),
    ("memset of anonymous memory that is ready", |len| memset(len, 1)),
    ("  the same by two threads", |len| memset(len, 2)),
    ("new anonymous memory in huge pages, touched by two threads", cleared),
    ("second process maps and writes all, huge pages", |len| second(len, Way::Ready)),
    ("second process maps and writes all, 4 KiB pages", |len| second(len, Way::Reserve)),
    ("random access, huge pages (10 million reads)", |len| random(len, Way::Ready)),
    ("random access, 4 KiB pages", |len| random(len, Way::Reserve)),
    ("shm-array import of a .npy file that is cached", peers::imported),
    ("cp of the same file to /dev/shm", peers::copied_by_cp),
];

/// How much of an array lies in huge pages, in percent.
pub fn share_of_huge_pages(len: usize) -> f64 {
    let array = array(len, Way::Ready, false);
    touch(data(&array), len);
    let maps = std::fs::read_to_string("/proc/self/smaps").unwrap_or_default();
    let kib = |line: &str| line.strip_prefix("ShmemPmdMapped:")?.trim().strip_suffix(" kB")?.parse::<f64>().ok();
    let huge: f64 = maps.lines().filter_map(kib).sum();
    array.unlink().expect("a name of ours");
    100.0 * huge * 1024.0 / len as f64
}

/// One store into each 4 KiB page.
fn touch(bytes: Bytes, len: usize) {
    for at in (0..len).step_by(4096) {
        // SAFETY: within memory of this benchmark's own that can be written.
        unsafe { bytes.add(at).write_volatile(1) };
    }
}

/// Memory of this process alone that has been touched, for as long as `work` takes.
pub fn ready_memory<T>(len: usize, huge: bool, work: impl FnOnce(Bytes) -> T) -> T {
    let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    let bytes = len.try_into().expect("some bytes");
    // SAFETY: a new mapping, unmapped below.
    let map = unsafe { mmap_anonymous(None, bytes, access, MapFlags::MAP_PRIVATE) }.expect("addresses");
    let advice = if huge { MmapAdvise::MADV_HUGEPAGE } else { MmapAdvise::MADV_NOHUGEPAGE };
    // SAFETY: advice for that mapping; without huge pages the figure is another, and nothing breaks.
    let _ = unsafe { madvise(map, len, advice) };
    touch(map.as_ptr().cast(), len);
    let done = work(map.as_ptr().cast());
    // SAFETY: mapped above.
    unsafe { munmap(map, len) }.expect("it is mapped");
    done
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

/// What making it takes; giving it back does not count.
fn made(make: impl FnOnce() -> Array) -> Option<Cost> {
    let mut array = None;
    let cost = cost(|| array = Some(make()));
    array.expect("it was made").unlink().expect("a name of ours");
    cost
}

fn born(len: usize, way: Way, populate: bool) -> Option<Cost> {
    made(|| {
        let array = array(len, way, populate);
        touch(data(&array), len);
        array
    })
}

fn born_by_path(len: usize) -> Option<Cost> {
    let path = format!("file:///dev/shm/{}", name());
    made(|| {
        let array = Array::create(Some(&path), "|u1", &[len as u64], &Options::default()).expect("room in /dev/shm");
        touch(data(&array), len);
        array
    })
}

fn copied(len: usize) -> Option<Cost> {
    // Made once: it would take of what was freed for the array.
    static SOURCE: OnceLock<Vec<u8>> = OnceLock::new();
    let source = SOURCE.get_or_init(|| vec![3u8; len]);
    made(|| {
        let array = array(len, Way::Ready, false);
        array.copy_in(0, Source::from(&source[..])).expect("the same length");
        array
    })
}

fn bare(len: usize, reserve: bool) -> Option<Cost> {
    use nix::fcntl::{FallocateFlags, fallocate};
    let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    let mut made = None;
    let cost = cost(|| {
        let file = nix::sys::memfd::memfd_create("bench", nix::sys::memfd::MFdFlags::empty()).expect("a memfd");
        if reserve {
            fallocate(&file, FallocateFlags::empty(), 0, len as i64).expect("room");
        } else {
            nix::unistd::ftruncate(&file, len as i64).expect("a length");
        }
        let bytes = len.try_into().expect("some bytes");
        // SAFETY: a new mapping, unmapped below.
        let map = unsafe { mmap(None, bytes, access, MapFlags::MAP_SHARED, &file, 0) }.expect("addresses");
        touch(map.as_ptr().cast(), len);
        made = Some((file, map));
    });
    let (_file, map) = made.expect("it was made");
    // SAFETY: mapped above.
    unsafe { munmap(map, len) }.expect("it is mapped");
    cost
}

/// What the kernel takes to clear as much memory as an array has: no way to new memory is faster.
fn cleared(len: usize) -> Option<Cost> {
    let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    let bytes = len.try_into().expect("some bytes");
    let mut map = None;
    let cost = cost(|| {
        // SAFETY: a new mapping, unmapped below.
        let new = unsafe { mmap_anonymous(None, bytes, access, MapFlags::MAP_PRIVATE) }.expect("addresses");
        // SAFETY: advice for that mapping; without huge pages the figure is another, and nothing breaks.
        let _ = unsafe { madvise(new, len, MmapAdvise::MADV_HUGEPAGE) };
        let start = new.as_ptr() as usize;
        std::thread::scope(|scope| {
            scope.spawn(move || touch(start as Bytes, len / 2));
            touch((start + len / 2) as Bytes, len / 2);
        });
        map = Some(new);
    });
    // SAFETY: mapped above.
    unsafe { munmap(map.expect("it was mapped"), len) }.expect("it is mapped");
    cost
}

fn memset(len: usize, threads: usize) -> Option<Cost> {
    ready_memory(len, true, |bytes| {
        let (start, part) = (bytes as usize, len / threads);
        cost(|| {
            std::thread::scope(|scope| {
                for thread in 0..threads {
                    // SAFETY: each thread fills its own part of the mapping.
                    scope.spawn(move || unsafe { ((start + thread * part) as Bytes).write_bytes(2, part) });
                }
            });
        })
    })
}

/// An array that lies in the pages that the way stands for, whatever is free.
fn settled(len: usize, way: Way) -> Array {
    ready_memory(2 * len, way == Way::Ready, |_| ());
    let array = array(len, way, false);
    touch(data(&array), len);
    array
}

/// What a process that opens the array pays for touching all of it. A new mapping is what counts, not the process.
fn second(len: usize, way: Way) -> Option<Cost> {
    let array = settled(len, way);
    let cost = cost(|| {
        let other = Array::open(&name(), OpenFlags::from(Access::Write)).expect("it was created a moment ago");
        touch(data(&other), len);
    });
    array.unlink().expect("a name of ours");
    cost
}

fn random(len: usize, way: Way) -> Option<Cost> {
    let array = settled(len, way);
    let bytes = data(&array);
    let (mut state, mut sum) = (1u64, 0u64);
    let cost = cost(|| {
        for _ in 0..10_000_000 {
            // A linear congruential generator (Knuth's MMIX); each place depends on what was read before.
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407 + (sum & 1));
            let at = ((u128::from(state) * len as u128) >> 64) as usize;
            // SAFETY: within the array's elements.
            sum += u64::from(unsafe { bytes.add(at).read_volatile() });
        }
    });
    std::hint::black_box(sum);
    array.unlink().expect("a name of ours");
    cost
}
