//! Conditions: many processes that trade by them (`crowd`, for mode `random`), and one that waits or notifies beside
//! another that waits (`section`, for `steps` and `syscalls`).
//!
//! What has to hold: whoever waits for something that is there comes back, although one who was to be woken, or who was
//! to wake, is killed at any instruction; and a wait holds the lock afterwards, or says that it does not.

mod crowd;
mod section;

pub use crowd::Trading;
pub use section::operations;

use super::expect;
