//! The locks themselves, word for word; only how to be patient is the model's own.

#[path = "../../../src/sync/bell.rs"]
pub mod bell;
#[path = "../../../src/sync/condition.rs"]
pub mod condition;
pub mod generation;
#[path = "../../../src/sync/lock/mod.rs"]
pub mod lock;
#[path = "../../../src/sync/mutex.rs"]
pub mod mutex;
pub mod patience;
