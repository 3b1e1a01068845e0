//! What processes wait for, over any segment.

pub mod mutex;
pub mod patience;
pub mod rwlock;
