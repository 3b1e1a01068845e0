//! What processes wait for, over any segment.

pub mod bell;
pub mod condition;
pub mod mutex;
pub mod patience;
pub mod range_table;
pub mod ranges;
pub mod rwlock;
