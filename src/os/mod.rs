//! Every call to the operating system, each in the words of its room.
//!
//! Nothing above this floor names libc, nix or memmap2.

pub mod atomic;
pub mod cgroup;
pub mod copy;
pub mod event_fd;
pub mod file;
pub mod file_lock;
pub mod futex;
pub mod map;
pub mod mappers;
pub mod memory;
pub mod name;
pub mod parallel;
pub mod prefetch;
pub mod process;
pub mod racing;
pub mod thread;
pub mod time;
