//! The machine, as the locks see it.

pub mod atomic;
pub mod futex;
pub mod time;
