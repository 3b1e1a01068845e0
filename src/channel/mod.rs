//! What carries data from one process to another: queues of messages, pipes of bytes, topics with many readers.
//!
//! All of them publish in the same way: the data first, then one store (or one exchange) that makes them visible. So a
//! process that is killed at any instruction has either sent something whole, or nothing. All of them wait in the same
//! way too: see [`post`].

mod arrays;
pub mod blocks;
pub mod pipe;
pub mod post;
mod presence;
pub mod queue;
pub mod topic;
mod turn;
mod typed;
