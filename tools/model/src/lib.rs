//! A model of the locks: the very sources of `src/sync`, compiled over a world that a checker schedules.
//!
//! What the sources import is found here under the same names: atomics (`os::atomic`), a futex, clocks, and the table
//! of slots of a segment. Each access to an atomic is a point where shuttle may go on with another participant, and
//! where a participant may *vanish*: it takes no further step, as one that is killed there, and from then on it is
//! dead to whoever asks. (Its stack is unwound all the same, for the checker's sake; what it does on the way down
//! reaches nobody.)
//!
//! Time is modelled by its worst case. As long as nobody has vanished, and nobody has run out of patience, a sleep ends
//! only by a wake: a lost wake-up is a deadlock, which shuttle reports. After that every sleep may end by itself, as
//! the real ones do within 20 ms.
//!
//! Shuttle takes every ordering for sequential consistency: this model finds wrong transitions, not wrong orderings.

#![allow(missing_docs, dead_code)]

#[path = "../../../src/error.rs"]
pub mod error;
pub mod os;
pub mod participant;
pub mod segment;
pub mod sync;
