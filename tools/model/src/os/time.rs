//! Clocks that say what they like.

use shuttle::rand::{Rng, thread_rng};
pub use std::time::Duration;

/// The caller's patience.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timeout {
    Try,
    For(Duration),
    Forever,
}

/// Much time may have passed, or none.
pub fn coarse_ms() -> u64 {
    if thread_rng().gen_bool(0.5) { 1 } else { 1000 }
}

pub fn realtime_coarse_ns() -> i64 {
    0
}
