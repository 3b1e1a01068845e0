//! What processes wait for, over any segment.

pub mod patience;
pub mod rwlock;
