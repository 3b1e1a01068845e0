//! What processes wait for, over any segment.

pub mod buffers;
pub mod mutex;
pub mod patience;
pub mod rwlock;
