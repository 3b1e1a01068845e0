//! The atomics of what processes share, for the rooms of `sync`.
//!
//! A module of its own so that tools/model can compile those very sources over atomics that it steps and stops.

pub use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
