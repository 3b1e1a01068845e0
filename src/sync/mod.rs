//! What processes wait for, over any segment.

pub mod bell;
pub mod condition;
pub mod mutex;
pub mod patience;
pub mod range_table;
#[cfg(test)]
mod range_table_tests;
pub mod ranges;
pub mod rwlock;
