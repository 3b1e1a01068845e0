//! Descriptors that become readable when something in shared memory changes: for epoll, asyncio, libuv.
//!
//! A futex has no descriptor. So a process that asks for one gets a helper thread, which sleeps on the bells of all that
//! is watched (futex_waitv, Linux 5.16; before that it looks round every few milliseconds) and writes to an eventfd. A
//! call takes 128 words: for each 127 bells there is a thread. Nobody asks, no thread; nothing is watched any more, none
//! either. It takes no signals, and holds nothing that the end of the process would have to wait for.
//!
//! What is watched is a [`Source`]. A descriptor becomes readable when the source is ready and something has been made
//! ready since it last was told of: once for what several changes brought, and now and then once too often, but never
//! not at all. So a reader drains the descriptor *first*, and then takes until there is nothing.
//!
//! A forked child has none of the threads and none of the watches: it asks for descriptors of its own. (Those that it
//! inherited are its parent's: what one of them reads the other does not see.)

use std::cell::UnsafeCell;
use std::fmt::Debug;
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::{Context, Errno, Error, Result};
use crate::os::event_fd::EventFd;
use crate::os::futex::{self, Queue, Sleep, Slept};
use crate::os::{process, thread};
use crate::segment::attachment;

use super::bell::Bell;
use super::patience::LONGEST_SLEEP;

/// A ringer that was killed before it rang delays a watcher by so much.
const SELDOM: Duration = Duration::from_millis(80);
/// How often to look where the kernel cannot tell.
const WITHOUT_WAITV: Duration = Duration::from_millis(4);
/// One of the words is for poking the thread.
const BELLS: usize = futex::MOST_WORDS - 1;

/// Something in shared memory that can be ready.
pub trait Source: Debug + Send + Sync {
    /// Rings after each change.
    fn bell(&self) -> &Bell;

    /// Whether the bell may be written, so that its ringers know of us.
    fn announces(&self) -> bool;

    /// Whether it must be looked at by the clock: its ringers do not know of us, or a death is what makes it ready.
    fn is_silent(&self) -> bool;

    /// How it stands.
    fn look(&self) -> Sight;
}

/// How a source stands. Whatever makes a source ready raises a count `begun`, makes it ready, and raises a count `ended`;
/// one exchange that does all at once needs one count.
#[derive(Clone, Copy, Debug)]
pub struct Sight {
    /// There is something for the reader.
    pub is_ready: bool,
    /// Read after it was looked at.
    pub begun: u64,
    /// Read before it was looked at.
    pub ended: u64,
}

/// The watches of one handle, which end with it.
#[derive(Debug, Default)]
pub struct Watches(AtomicU64);

impl Watches {
    /// A descriptor that becomes readable when the source is ready; `seen`: what is known already of its count.
    pub fn add(&self, source: Arc<dyn Source>, seen: Option<u64>) -> Result<OwnedFd> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let fresh = NEXT.fetch_add(1, Ordering::Relaxed);
        let known = self.0.compare_exchange(0, fresh, Ordering::Relaxed, Ordering::Relaxed);
        let owner = known.err().unwrap_or(fresh);

        let eventfd = EventFd::new()?;
        let given = eventfd.duplicate()?;
        let mut watch = Watch { fd: given.as_raw_fd(), eventfd, source, owner, seen, heard: 0 };
        watch.attend();
        let notifier = Notifier::current();
        let mut groups = notifier.lock();
        groups.iter_mut().for_each(|group| group.watches.retain(|other| other.fd != watch.fd));
        match groups.iter_mut().find(|group| group.has_room_for(watch.source.bell())) {
            Some(group) => group.add(watch),
            None => {
                let group = Group { poke: Arc::default(), watches: vec![watch] };
                let poke = group.poke.clone();
                groups.push(group);
                let started = thread::start("shm_array", move || keep_watch(notifier, &poke));
                started
                    .context(|| "cannot start the thread that watches".into())
                    .inspect_err(|_| drop(groups.pop()))?;
            }
        }
        Ok(given)
    }
}

impl Drop for Watches {
    fn drop(&mut self) {
        let owner = *self.0.get_mut();
        if owner != 0 {
            end(|watch| watch.owner == owner);
        }
    }
}

/// Close a descriptor that [`Watches::add`] gave, and end its watch.
pub fn close(fd: RawFd) -> Result<()> {
    match end(|watch| watch.fd == fd) {
        0 => Err(Error::os(
            Errno::EBADF,
            format!(
                "{fd} is not a descriptor that this process is notified by, or its handle is closed: close() it, as a forked child does"
            ),
        )),
        _ => {
            // It was given to the caller, who gives it back.
            crate::os::file::close_raw(fd);
            Ok(())
        }
    }
}

/// End the watches of a kind; says how many there were. When it returns, nobody looks at their sources any more.
fn end(which: impl Fn(&Watch) -> bool) -> usize {
    let mut ended = Vec::new();
    for group in Notifier::current().lock().iter_mut() {
        let before = ended.len();
        ended.extend(group.watches.extract_if(.., |watch| which(watch)));
        if ended.len() != before {
            group.poke();
        }
    }
    // The sources go here, with the lock released: the last one may close a segment.
    ended.len()
}

#[derive(Debug)]
struct Watch {
    /// The caller's descriptor.
    fd: RawFd,
    /// Our own of the same: the caller may close theirs, and another file get its number.
    eventfd: EventFd,
    source: Arc<dyn Source>,
    /// Number of the handle.
    owner: u64,
    /// What had ended when we last looked.
    seen: Option<u64>,
    /// What the bell was then.
    heard: u32,
}

impl Watch {
    /// Look at the source, and tell of what is new.
    fn attend(&mut self) {
        self.heard = self.source.bell().listen(self.source.announces());
        let sight = self.source.look();
        if sight.is_ready && self.seen != Some(sight.begun) {
            self.eventfd.ring();
        }
        self.seen = Some(sight.ended);
    }
}

/// The watches of one thread.
#[derive(Debug)]
struct Group {
    poke: Arc<AtomicU32>,
    watches: Vec<Watch>,
}

impl Group {
    fn has_room_for(&self, bell: &Bell) -> bool {
        let mut bells: Vec<*const Bell> = self.watches.iter().map(|watch| &raw const *watch.source.bell()).collect();
        bells.sort_unstable();
        bells.dedup();
        bells.len() < BELLS || bells.contains(&&raw const *bell)
    }

    fn add(&mut self, watch: Watch) {
        self.watches.push(watch);
        self.poke();
    }

    fn poke(&self) {
        self.poke.fetch_add(1, Ordering::SeqCst);
        futex::wake(&self.poke, Queue::Readers, 1);
    }

    /// Look at everything; what to sleep on, and how long.
    fn attend(&mut self, sleeps: &mut Vec<Sleep>) -> Duration {
        let mut limit = SELDOM;
        for watch in &mut self.watches {
            watch.attend();
            let word = watch.source.bell().word();
            // Many watch one bell; if it has rung in between, the older note ends the sleep at once.
            if !sleeps.iter().any(|sleep| sleep.is_on(word)) {
                sleeps.push(Sleep::while_is(word, watch.heard));
            }
            if watch.source.is_silent() {
                limit = LONGEST_SLEEP;
            }
        }
        limit
    }
}

/// The life of a helper thread.
fn keep_watch(notifier: &'static Notifier, poke: &Arc<AtomicU32>) {
    let mut sleeps = Vec::with_capacity(futex::MOST_WORDS);
    let mut knows_waitv = true;
    loop {
        sleeps.clear();
        let poked = poke.load(Ordering::SeqCst);
        sleeps.push(Sleep::while_is(poke, poked));
        let limit = {
            let mut groups = notifier.lock();
            let Some(index) = groups.iter().position(|group| Arc::ptr_eq(&group.poke, poke)) else { return };
            if groups[index].watches.is_empty() {
                groups.swap_remove(index);
                return;
            }
            groups[index].attend(&mut sleeps)
        };
        if knows_waitv {
            match futex::wait_any(&sleeps, limit) {
                Slept::Enough => continue,
                // A handle was closed: its watches are gone at the next look.
                Slept::Faulted => {}
                Slept::Unknown => knows_waitv = false,
            }
        }
        futex::wait(poke, poked, Queue::Readers, WITHOUT_WAITV);
    }
}

/// This process's groups. Behind a pointer, for the same reason as the registry of attachments.
struct Notifier {
    epoch: AtomicU64,
    groups: Mutex<Vec<Group>>,
}

type Groups = MutexGuard<'static, Vec<Group>>;

static NOTIFIER: AtomicPtr<Notifier> = AtomicPtr::new(std::ptr::null_mut());
static HANDLERS: AtomicBool = AtomicBool::new(false);

impl Notifier {
    fn current() -> &'static Notifier {
        let epoch = process::epoch();
        let current = NOTIFIER.load(Ordering::Acquire);
        // SAFETY: never freed.
        if let Some(notifier) = unsafe { current.as_ref() }
            && notifier.epoch.load(Ordering::Acquire) == epoch
        {
            return notifier;
        }
        attachment::expect_forks();
        process::at_fork(&HANDLERS, before_fork, after_fork_in_parent, after_fork_in_child);
        let fresh = Box::leak(Box::new(Notifier { epoch: AtomicU64::new(epoch), groups: Mutex::default() }));
        match NOTIFIER.compare_exchange(current, fresh, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => fresh,
            // SAFETY: never freed.
            Err(another_threads) => unsafe { &*another_threads },
        }
    }

    fn lock(&'static self) -> Groups {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The groups while a thread forks. Only who has locked that mutex touches this; not a thread-local, which a thread that
/// forks in its last destructors has no more.
struct Forking(UnsafeCell<Option<Groups>>);

// SAFETY: see above: the mutex keeps threads apart.
unsafe impl Sync for Forking {}

static FORKING: Forking = Forking(UnsafeCell::new(None));

extern "C" fn before_fork() {
    let groups = Notifier::current().lock();
    // SAFETY: the mutex is ours from now on.
    unsafe { *FORKING.0.get() = Some(groups) };
}

/// The groups, out of the cell: whoever locks them next finds it empty.
fn forked() -> Option<Groups> {
    // SAFETY: called by the handlers below only, when the mutex is ours.
    unsafe { (*FORKING.0.get()).take() }
}

extern "C" fn after_fork_in_parent() {
    drop(forked());
}

extern "C" fn after_fork_in_child() {
    // The handlers of the attachments have run: the epoch is this process's own.
    // SAFETY: never freed.
    if let Some(notifier) = unsafe { NOTIFIER.load(Ordering::Acquire).as_ref() } {
        notifier.epoch.store(process::epoch(), Ordering::Release);
    }
    if let Some(mut groups) = forked() {
        groups.clear();
    }
}

/// For C, which owns numbers.
pub fn raw(fd: Result<OwnedFd>) -> Result<RawFd> {
    fd.map(IntoRawFd::into_raw_fd)
}
