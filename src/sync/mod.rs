//! What processes wait for, over any segment.

pub mod barrier;
pub mod bell;
#[cfg(test)]
mod bell_tests;
pub mod buffers;
pub mod condition;
pub mod event;
pub mod generation;
pub mod holds;
pub mod mutex;
pub mod notifier;
pub mod patience;
pub mod range_table;
#[cfg(test)]
mod range_table_tests;
pub mod ranges;
pub mod rwlock;
pub mod semaphore;
