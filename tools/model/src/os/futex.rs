//! Sleeping and waking, as the kernel does it: in queues by address, the first come first.

use std::cell::RefCell;

use shuttle::thread::{self, Thread};

use super::atomic::{AtomicU32, Ordering};
use crate::participant::is_ghost;

/// Who among the sleepers of one word a wake is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    Readers,
    Writers,
}

struct Sleeper {
    word: usize,
    queue: Queue,
    thread: Thread,
}

/// Of one world: whether time passes, and who sleeps.
type Sleepers = (bool, Vec<Sleeper>);

thread_local! {
    /// Shuttle plays all participants of a world in one thread, one after the other.
    static SLEEPERS: RefCell<Sleepers> = const { RefCell::new((false, Vec::new())) };
}

fn with<T>(look: impl FnOnce(&mut Sleepers) -> T) -> T {
    SLEEPERS.with_borrow_mut(look)
}

/// A new world, in which nobody sleeps, and sleeps end by wakes alone.
pub fn reset() {
    with(|sleepers| *sleepers = (false, Vec::new()));
}

/// From now on sleeps may end by themselves.
pub fn let_time_pass() {
    let asleep = with(|sleepers| {
        sleepers.0 = true;
        std::mem::take(&mut sleepers.1)
    });
    asleep.iter().for_each(|sleeper| sleeper.thread.unpark());
}

/// Whether sleeps may end by themselves.
pub fn time_passes() -> bool {
    with(|sleepers| sleepers.0)
}

pub fn wait(word: &AtomicU32, expected: u32, queue: Queue) {
    let place = std::ptr::from_ref(word) as usize;
    // Others may come in before the look, and not between it and the entry in the list.
    word.load(Ordering::SeqCst);
    if word.now() != expected || is_ghost() {
        return;
    }
    if time_passes() {
        thread::yield_now();
        return;
    }
    let thread = thread::current();
    let me = thread.id();
    with(|sleepers| sleepers.1.push(Sleeper { word: place, queue, thread }));
    while with(|sleepers| sleepers.1.iter().any(|sleeper| sleeper.thread.id() == me)) {
        thread::park();
    }
}

pub fn wake(word: &AtomicU32, queue: Queue, count: i32) {
    if is_ghost() {
        return;
    }
    let place = std::ptr::from_ref(word) as usize;
    let mut woken = Vec::new();
    with(|sleepers| {
        while woken.len() < count as usize {
            let is_meant = |sleeper: &Sleeper| sleeper.word == place && sleeper.queue == queue;
            let Some(index) = sleepers.1.iter().position(is_meant) else { break };
            woken.push(sleepers.1.remove(index).thread);
        }
    });
    woken.iter().for_each(Thread::unpark);
}
