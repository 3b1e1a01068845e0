//! The lock of an array: exclusive, shared, or on ranges of its rows; robust, and fair under contention.
//!
//! `whole` takes all of the array, `ranges` takes rows, by records in the `range_table`; both stand on `owner`, the lock
//! word, and on `holders`, the counters of the slots. `short` is the way of those whom nothing keeps waiting.
//!
//! # State
//!
//! | where | what | who writes |
//! |---|---|---|
//! | `lock`, bits 0-29 | identity of the owner: who has, or is about to have, the array alone | compare-exchange from 0, or from a dead owner |
//! | `lock`, bit 30 INCONSISTENT | a holder died while writing; stays until recovered | who takes over from the dead; cleared by `recover` |
//! | `lock`, bit 31 WAITERS | somebody sleeps on this word | waiters; cleared by unlock, which wakes |
//! | slot's `shared`, low halves | how often this process holds the array shared: a counter for each of its first handles, one for all others | that process alone; a dead one's are reaped |
//! | slot's `ranged`, low half | how many ranges of rows it holds or wants | as `shared` |
//! | `readers`, one bit a slot | where to look for holders | set before a slot's first shared lock |
//! | `ranges_exclusive` | how many exclusive ranges are wanted, held, or left dirty by the dead | `range_table`, under its mutex |
//! | `writer` | the owner, once all readers have gone | the owner |
//! | `drain` | a bell: somebody sleeps until readers have gone | who sleeps; readers who go ring it |
//! | `next` | identity of a waiter who has slept: nobody else may take `lock` before it | that waiter; anybody, after a while |
//! | `begun`, `ended` | writes begun and ended; their difference tells a torn read | the exclusive holder; who is in the table of ranges |
//!
//! # Transitions
//!
//! - **exclusive**: make oneself the owner of `lock`; wait until no living slot holds it shared, or a range of it;
//!   store `writer`.
//! - **shared**: raise a counter of the own slot, *then* look at `lock` and at `ranges_exclusive`. If there is an owner,
//!   or an exclusive range, lower the counter again and wait for the one, draw a ticket among the others. (They do the
//!   same the other way round: first their word, then the counters. All this is sequentially consistent, so of two who
//!   come at once at least one sees the other.)
//! - **range**: raise the slot's other counter, then look at `lock` alone; the rest is told in `ranges`. (These are the
//!   intention locks of hierarchical locking; Gray and others, 1975.)
//! - **unlock**: lower what was raised, wake who sleeps.
//! - **death**: a waiter asks whether the owner lives before each of its sleeps. A dead one is replaced by exchanging
//!   exactly the word that was seen. If it was `writer` too, it may have left the elements half written: the word
//!   becomes INCONSISTENT. An owner that died waiting for readers has not written, and nobody is alarmed.
//!
//! A kill between any two instructions leaves a state of this table. A wake-up that is lost that way costs a waiter
//! one sleep, 20 ms at most.
//!
//! # Fairness
//!
//! The fast paths take what is free, in any order: handing over from sleeper to sleeper would cost a wake-up for each
//! acquisition. But a waiter that has slept and still finds the lock taken writes itself into `next`, and exclusive
//! lockers then leave `lock` to it. Readers need not: an owner keeps new readers out by being the owner.

pub mod holders;
pub mod mode;
pub mod owner;
pub mod range_table;
#[cfg(test)]
mod range_table_tests;
pub mod ranges;
pub mod short;
pub mod whole;
mod writes;

pub use crate::segment::format::lock_bit::INCONSISTENT;
pub use mode::{Acquired, Mode};
