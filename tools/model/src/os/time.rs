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

/// A moment that lies long back, or not.
#[derive(Clone, Copy, Debug)]
pub struct Instant;

impl Instant {
    pub fn now() -> Instant {
        Instant
    }

    pub fn elapsed(self) -> Duration {
        if thread_rng().gen_bool(0.5) { Duration::ZERO } else { Duration::MAX }
    }
}
