//! What processes wait for, over any segment.

pub mod barrier;
pub mod bell;
pub mod event;
pub mod generation;
pub mod holds;
pub mod mutex;
pub mod notifier;
pub mod patience;
pub mod rwlock;
pub mod semaphore;
