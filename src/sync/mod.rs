//! What processes wait for, over any segment.

pub mod barrier;
pub mod bell;
#[cfg(test)]
mod bell_tests;
pub mod buffers;
pub mod condition;
pub mod event;
pub mod generation;
pub mod grip;
pub mod hold;
pub mod holds;
pub mod lock;
pub mod mutex;
pub mod notifier;
pub mod patience;
pub mod semaphore;
