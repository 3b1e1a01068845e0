//! The three ways to die: at random, at every system call, at every instruction. And two long lives.

pub mod flow;
pub mod random;
pub mod soak;
pub mod steps;
pub mod syscalls;
