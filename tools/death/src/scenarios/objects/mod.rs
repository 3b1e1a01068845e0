//! Semaphores, events, barriers, and waiting for a write. Each file: a crowd for mode `random`, and operations for
//! `steps` and `syscalls`.

mod barrier;
mod event;
mod publish;
mod semaphore;

use crate::engine::watchdog::LIMIT;
use crate::engine::{Crowd, Operation, World};
use crate::subjects::Failure;

const LIMIT_NS: i64 = LIMIT.as_nanos() as i64;
/// Longer than any delay that the death of a waker may cause.
const DELAYED_NS: i64 = 200_000_000;

/// For mode `random`.
pub fn crowds() -> Vec<Box<dyn Crowd>> {
    vec![
        Box::new(semaphore::Permits),
        Box::new(semaphore::Signals),
        Box::new(event::Bits),
        Box::new(barrier::Meetings),
        Box::new(publish::Writers),
    ]
}

/// For modes `steps` and `syscalls`.
pub fn operations() -> Vec<Box<dyn Operation>> {
    let mut operations = semaphore::operations();
    operations.extend(event::operations());
    operations.extend(barrier::operations());
    operations.extend(publish::operations());
    operations
}

/// How long the survivor waits for what a victim may have done: where the victim is gone, it is there or not.
fn patience(world: &World) -> i64 {
    if world.victim_is_gone() { 0 } else { DELAYED_NS }
}

fn in_words(why: Failure) -> String {
    why.to_string()
}
