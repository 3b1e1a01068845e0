//! Semaphores, events, barriers and waiting for a write, beside what the system has: `cargo bench --bench objects`.
//!
//! Each table is measured in rounds, in which every row has its turn; what is printed is the median over the rounds, and
//! its ratio to the row that the table names. Ratios within one run are what counts: machines differ, and have moods.

use std::ffi::c_int;
use std::hint::black_box;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::{Duration, Instant};

use shm_array::ffi::{array, barrier, event, publish, semaphore};

const ROUNDS: usize = 15;
const FOREVER: i64 = -1;
/// Long enough for the other process to have gone to sleep.
const NAP: Duration = Duration::from_micros(400);

fn main() {
    uncontended();
    awake();
    asleep();
}

/// One row of a table: its name, and what takes so many nanoseconds.
struct Row<'a>(&'static str, Box<dyn FnMut() -> f64 + 'a>);

fn table(title: &str, against: &str, mut rows: Vec<Row>) {
    let mut times: Vec<Vec<f64>> = rows.iter().map(|_| Vec::new()).collect();
    for _ in 0..ROUNDS {
        rows.iter_mut().zip(&mut times).for_each(|(row, times)| times.push((row.1)()));
    }
    let medians: Vec<f64> = times.iter_mut().map(|times| median(times)).collect();
    let base = rows.iter().position(|row| row.0 == against).map_or(1.0, |index| medians[index]);
    println!("\n{title}\n{:>12} {:>8}", "ns", "ratio");
    for (row, median) in rows.iter().zip(&medians) {
        println!("{median:>12.1} {:>8.2}  {}", median / base, row.0);
    }
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// A call that must not fail.
fn ok(code: c_int) {
    if code != 0 {
        refused(code);
    }
}

/// Apart: what may have to be printed would be stored each time.
#[cold]
fn refused(code: c_int) -> ! {
    panic!("{:?}", std::io::Error::from_raw_os_error(code.abs()));
}

/// Nanoseconds for each of so many calls.
fn each(calls: u32, mut call: impl FnMut()) -> f64 {
    let start = Instant::now();
    (0..calls).for_each(|_| call());
    start.elapsed().as_nanos() as f64 / f64::from(calls)
}

/// What a maker of the C boundary makes.
fn made<T>(make: impl FnOnce(*mut *mut T) -> c_int) -> &'static T {
    let mut handle = ptr::null_mut();
    ok(make(&raw mut handle));
    // SAFETY: just made, and never closed.
    unsafe { &*handle }
}

fn new_semaphore(kind: u32, value: u32) -> &'static shm_array_semaphore {
    // SAFETY: no name, no options, and the handle outlives the call.
    made(|out| unsafe { semaphore::shm_semaphore_create(ptr::null(), kind, value, ptr::null(), out) })
}

fn new_event() -> &'static shm_array_event {
    // SAFETY: as above.
    made(|out| unsafe { event::shm_event_create(ptr::null(), ptr::null(), 0, ptr::null(), out) })
}

fn new_array() -> &'static shm_array::Array {
    let count = 1u64;
    // SAFETY: as above; one length.
    made(|out| unsafe { array::shm_array_create(ptr::null(), c"<f8".as_ptr(), 1, &raw const count, ptr::null(), out) })
}

#[allow(non_camel_case_types)]
type shm_array_semaphore = shm_array::Semaphore;
#[allow(non_camel_case_types)]
type shm_array_event = shm_array::Event;

fn set(event: &shm_array_event, bits: u64) {
    ok(event::shm_event_set(Some(event), bits));
}

fn consume(event: &shm_array_event, bits: u64) {
    // SAFETY: nothing is to be written.
    ok(unsafe { event::shm_event_wait(Some(event), bits, event::SHM_EVENT_ANY | 4, FOREVER, ptr::null_mut()) });
}

fn post(semaphore: &shm_array_semaphore) {
    ok(semaphore::shm_semaphore_post(Some(semaphore), 1));
}

fn wait(semaphore: &shm_array_semaphore) {
    ok(semaphore::shm_semaphore_wait(Some(semaphore), FOREVER));
}

fn write(array: &shm_array::Array) {
    ok(array::shm_array_lock(Some(array), array::SHM_ARRAY_EXCLUSIVE, FOREVER));
    ok(array::shm_array_unlock(Some(array)));
}

/// Memory that a forked child shares.
fn shared<T>() -> *mut T {
    // SAFETY: a new mapping, larger than T, never unmapped.
    let memory = unsafe {
        let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
        libc::mmap(ptr::null_mut(), 4096, protection, flags, -1, 0)
    };
    assert!(memory != libc::MAP_FAILED);
    memory.cast()
}

fn new_sem_t() -> *mut libc::sem_t {
    let semaphore = shared::<libc::sem_t>();
    // SAFETY: fresh memory.
    ok(unsafe { libc::sem_init(semaphore, 1, 0) });
    semaphore
}

fn new_mutex() -> *mut libc::pthread_mutex_t {
    let mutex = shared::<libc::pthread_mutex_t>();
    let mut attributes = MaybeUninit::uninit();
    // SAFETY: fresh memory; the attributes are initialised first.
    unsafe {
        ok(libc::pthread_mutexattr_init(attributes.as_mut_ptr()));
        ok(libc::pthread_mutexattr_setpshared(attributes.as_mut_ptr(), libc::PTHREAD_PROCESS_SHARED));
        ok(libc::pthread_mutexattr_setrobust(attributes.as_mut_ptr(), libc::PTHREAD_MUTEX_ROBUST));
        ok(libc::pthread_mutex_init(mutex, attributes.as_ptr()));
    }
    mutex
}

/// Two ends that a byte, or a count, goes through: an eventfd, or a pipe.
#[derive(Clone, Copy)]
struct Ends(c_int, c_int);

impl Ends {
    fn eventfd() -> Ends {
        // SAFETY: two numbers.
        let fd = unsafe { libc::eventfd(0, 0) };
        Ends(fd, fd)
    }

    fn pipe() -> Ends {
        let mut ends = [0; 2];
        // SAFETY: two descriptors are written.
        ok(unsafe { libc::pipe(ends.as_mut_ptr()) });
        Ends(ends[0], ends[1])
    }

    fn put(self) {
        let one = 1u64;
        // SAFETY: eight bytes.
        assert_eq!(unsafe { libc::write(self.1, (&raw const one).cast(), 8) }, 8);
    }

    fn take(self) {
        let mut one = 0u64;
        // SAFETY: eight bytes.
        assert_eq!(unsafe { libc::read(self.0, (&raw mut one).cast(), 8) }, 8);
    }
}

fn uncontended() {
    const CALLS: u32 = 100_000;
    let (signals, permits) = (new_semaphore(1, 0), new_semaphore(2, 4));
    let (event, array, sem_t, mutex) = (new_event(), new_array(), new_sem_t(), new_mutex());
    let (eventfd, pipe) = (Ends::eventfd(), Ends::pipe());
    table(
        "uncontended, one process",
        "sem_t post + wait",
        vec![
            Row(
                "sem_t post + wait",
                Box::new(|| {
                    each(CALLS, || {
                        // SAFETY: initialised, and never destroyed.
                        unsafe { (ok(libc::sem_post(sem_t)), ok(libc::sem_wait(sem_t))) };
                    })
                }),
            ),
            Row("semaphore, signalling: post + wait", Box::new(|| each(CALLS, || (post(signals), wait(signals)).0))),
            Row("semaphore, owned: wait + post", Box::new(|| each(CALLS, || (wait(permits), post(permits)).0))),
            Row("event: set + consume", Box::new(|| each(CALLS, || (set(event, 1), consume(event, 1)).0))),
            Row(
                "pthread mutex, robust: lock + unlock",
                Box::new(|| {
                    each(CALLS, || {
                        // SAFETY: initialised, and never destroyed.
                        unsafe { (ok(libc::pthread_mutex_lock(mutex)), ok(libc::pthread_mutex_unlock(mutex))) };
                    })
                }),
            ),
            Row("array: lock + unlock, exclusive", Box::new(|| each(CALLS, || write(array)))),
            Row(
                "CLOCK_REALTIME_COARSE",
                Box::new(|| {
                    each(CALLS, || {
                        let mut now = MaybeUninit::<libc::timespec>::uninit();
                        // SAFETY: one timespec is written.
                        black_box(unsafe { libc::clock_gettime(libc::CLOCK_REALTIME_COARSE, now.as_mut_ptr()) });
                    })
                }),
            ),
            Row("eventfd write + read", Box::new(|| each(CALLS / 10, || (eventfd.put(), eventfd.take()).0))),
            Row("pipe write + read, 8 bytes", Box::new(|| each(CALLS / 10, || (pipe.put(), pipe.take()).0))),
        ],
    );
}

/// A child that answers for ever; killed when dropped.
struct Answerer(libc::pid_t);

impl Answerer {
    fn start(mut answer: impl FnMut()) -> Answerer {
        // SAFETY: this process has one thread.
        match unsafe { libc::fork() } {
            0 => loop {
                answer();
            },
            child => Answerer(child),
        }
    }
}

impl Drop for Answerer {
    fn drop(&mut self) {
        // SAFETY: our own child.
        unsafe { (libc::kill(self.0, libc::SIGKILL), libc::waitpid(self.0, ptr::null_mut(), 0)) };
    }
}

/// Sleep on a bare futex until it is another, without a look before.
fn futex_wait(word: &AtomicU32, value: u32) {
    while word.load(SeqCst) == value {
        // SAFETY: the word outlives the call.
        unsafe {
            libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAIT, value, ptr::null::<libc::timespec>())
        };
    }
}

fn futex_raise(word: &AtomicU32) {
    word.fetch_add(1, SeqCst);
    // SAFETY: the word outlives the call.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, 1) };
}

/// Rows of a round trip through a child; `nap` lets the child go to sleep before each.
fn round_trips(title: &str, trips: u32, nap: Option<Duration>) {
    let words: &'static [AtomicU32; 2] = {
        // SAFETY: fresh zeros, never unmapped.
        unsafe { &*shared::<[AtomicU32; 2]>() }
    };
    let mut seen = 0;
    let _bare = Answerer::start(move || {
        futex_wait(&words[0], seen);
        seen = seen.wrapping_add(1);
        futex_raise(&words[1]);
    });
    let (there, back) = (new_sem_t() as usize, new_sem_t() as usize);
    let _sem_t = Answerer::start(move || {
        // SAFETY: initialised, and never destroyed.
        unsafe { (libc::sem_wait(there as *mut _), libc::sem_post(back as *mut _)) };
    });
    let (eventfds, pipes) = ([Ends::eventfd(), Ends::eventfd()], [Ends::pipe(), Ends::pipe()]);
    let _eventfd = Answerer::start(move || (eventfds[0].take(), eventfds[1].put()).0);
    let _pipe = Answerer::start(move || (pipes[0].take(), pipes[1].put()).0);
    let (signals, answers) = (new_semaphore(1, 0), new_semaphore(1, 0));
    let _semaphore = Answerer::start(|| (wait(signals), post(answers)).0);
    let event = new_event();
    let _event = Answerer::start(|| (consume(event, 1), set(event, 2)).0);
    let (array, done) = (new_array(), new_semaphore(1, 0));
    let mut generation = 0;
    let _array = Answerer::start(move || {
        // SAFETY: one number is written.
        ok(unsafe { publish::shm_array_wait(Some(array), generation, FOREVER, &raw mut generation) });
        post(done);
    });
    // SAFETY: no name, no options, and the handle outlives the call.
    let barrier = made(|out| unsafe { barrier::shm_barrier_create(ptr::null(), 2, ptr::null(), out) });
    // SAFETY: nothing is to be written.
    let meet = || ok(unsafe { barrier::shm_barrier_wait(Some(barrier), FOREVER, ptr::null_mut()) });
    let _barrier = Answerer::start(meet);

    let timed = |mut trip: Box<dyn FnMut()>| {
        Box::new(move || {
            let mut times: Vec<f64> = (0..trips)
                .map(|_| {
                    nap.inspect(|nap| std::thread::sleep(*nap));
                    each(1, &mut trip)
                })
                .collect();
            median(&mut times)
        })
    };
    table(
        title,
        "bare futex",
        vec![
            Row(
                "bare futex",
                timed(Box::new(|| {
                    let before = words[1].load(SeqCst);
                    futex_raise(&words[0]);
                    futex_wait(&words[1], before);
                })),
            ),
            Row(
                "sem_t",
                timed(Box::new(move || {
                    // SAFETY: initialised, and never destroyed.
                    unsafe { (libc::sem_post(there as *mut _), libc::sem_wait(back as *mut _)) };
                })),
            ),
            Row("eventfd", timed(Box::new(move || (eventfds[0].put(), eventfds[1].take()).0))),
            Row("pipe, 8 bytes", timed(Box::new(move || (pipes[0].put(), pipes[1].take()).0))),
            Row("semaphore", timed(Box::new(|| (post(signals), wait(answers)).0))),
            Row("event", timed(Box::new(|| (set(event, 1), consume(event, 2)).0))),
            Row("array: unlock to shm_array_wait", timed(Box::new(|| (write(array), wait(done)).0))),
            Row("barrier", timed(Box::new(meet))),
        ],
    );
}

fn awake() {
    round_trips("round trip, both processes awake", 2000, None);
}

fn asleep() {
    round_trips("round trip, the other process asleep", 40, Some(NAP));
}
