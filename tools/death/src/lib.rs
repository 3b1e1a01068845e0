//! The harness for death.
//!
//! Shared memory is easy as long as nobody dies. This program starts processes that use it, kills them with
//! SIGKILL, and looks at what the survivors find:
//!
//! - `random`: several processes, thousands of kills at random moments;
//! - `syscalls`: one operation, killed before and after each of its system calls, and each of its system calls
//!   failed with each of several errors;
//! - `steps`: one operation, killed after each of its instructions.
//!
//! In all of them half of the processes are each alone in a PID namespace, as in containers, where all are tid 1.
//!
//! [`engine`] knows how to start, watch, step and kill, and nothing of what is tested. [`scenarios`] say what is
//! done and what has to hold, each a file; [`subjects`] are what it is done to: the library, and toys with
//! well-known bugs, by which the tests of this crate show that the harness finds such bugs.
#![deny(unsafe_op_in_unsafe_fn)]

pub mod engine;
pub mod modes;
pub mod scenarios;
pub mod subjects;
