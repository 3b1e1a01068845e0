//! The locks themselves, word for word; only how to be patient is the model's own.

#[path = "../../../src/sync/bell.rs"]
pub mod bell;
#[path = "../../../src/sync/condition.rs"]
pub mod condition;
pub mod generation;
#[path = "../../../src/sync/mutex.rs"]
pub mod mutex;
pub mod patience;
#[path = "../../../src/sync/range_table.rs"]
pub mod range_table;
#[path = "../../../src/sync/ranges.rs"]
pub mod ranges;
#[path = "../../../src/sync/rwlock.rs"]
pub mod rwlock;
