//! Participants: one for each process, with an identity, and perhaps a step at which it vanishes.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

shuttle::thread_local! {
    /// Steps until the participant of this thread vanishes; negative: it never does.
    static STEPS: Cell<i64> = Cell::new(-1);
    static GHOST: Cell<bool> = Cell::new(false);
    /// What comes in between, and after how many steps.
    static INTERRUPT: RefCell<Option<(u64, Box<dyn FnOnce()>)>> = const { RefCell::new(None) };
}

struct Vanished;

/// Whether this participant has vanished, and only its stack is still unwound.
pub fn is_ghost() -> bool {
    GHOST.with(Cell::get)
}

/// Something that others can see is about to be done.
pub fn step() {
    if is_ghost() {
        return;
    }
    let due = INTERRUPT.with(|interrupt| match &mut *interrupt.borrow_mut() {
        Some((left, _)) if *left > 0 => {
            *left -= 1;
            None
        }
        other => other.take(),
    });
    if let Some((_, others)) = due {
        others();
    }
    let left = STEPS.with(Cell::get);
    if left == 0 {
        GHOST.with(|ghost| ghost.set(true));
        resume_unwind(Box::new(Vanished));
    }
    if left > 0 {
        STEPS.with(|steps| steps.set(left - 1));
    }
}

/// Between that step of this participant and the next one others do something.
pub fn interrupt(steps: u64, others: impl FnOnce() + 'static) {
    INTERRUPT.with(|interrupt| *interrupt.borrow_mut() = Some((steps, Box::new(others))));
}

/// Play a part to its end, or to that step. `buried` is called when it has vanished: from then on it
/// counts as dead, and time passes (`os::futex::let_time_pass`).
pub fn play(steps: Option<u64>, part: impl FnOnce(), buried: impl FnOnce()) {
    STEPS.with(|left| left.set(steps.map_or(-1, |steps| steps as i64)));
    match catch_unwind(AssertUnwindSafe(part)) {
        Ok(()) => STEPS.with(|left| left.set(-1)),
        Err(cause) if cause.is::<Vanished>() => {
            buried();
        }
        Err(cause) => resume_unwind(cause),
    }
}
