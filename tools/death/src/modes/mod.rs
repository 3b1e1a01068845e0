//! The three ways to die: at random, at every system call, at every instruction.

pub mod random;
pub mod steps;
pub mod syscalls;
