//! Big n-dimensional arrays, shared between processes on one machine.
//!
//! The C boundary (`ffi`, and the generated `include/shm_array.h`) is what other languages use; this is the
//! same library for Rust. Every array is a valid .npy file that several processes map; its lock survives the
//! death of any holder.
//!
//! ```
//! use shm_array::{Array, Mode, OpenFlags, Options, Timeout};
//!
//! # fn main() -> shm_array::Result<()> {
//! let array = Array::create(None, "<f8", &[2, 3], &Options::default())?;
//! let _ = array.lock(Mode::Exclusive, Timeout::Forever)?;
//! let view = array.view()?;
//! assert_eq!((view.shape(), view.nbytes), (&[2, 3][..], 48));
//! array.unlock()?;
//! # Ok(())
//! # }
//! ```

#![deny(clippy::undocumented_unsafe_blocks)]

pub mod array;
pub mod channel;
pub mod error;
pub mod ffi;
mod os;
mod segment;
mod sync;

pub use array::elements::Operation;
pub use array::frames::{Frame, Frames, FramesStat};
pub use array::handover::ArrayIdentity;
pub use array::options::{OpenFlags, Options};
pub use array::placement::Placement;
pub use array::snapshot::Snapshot;
pub use array::stat::Stat;
pub use array::view::View;
pub use array::{Array, collect, list, unlink};
pub use channel::pipe::Pipe;
pub use channel::queue::Queue;
pub use channel::topic::Topic;
pub use error::{Code, Errno, Error, Result};
pub use os::copy::Source;
pub use os::map::{Advice, Spread};
pub use os::racing::Room;
pub use os::time::Timeout;
pub use segment::birth::{Readiness, Way};
pub use segment::directory::Entry;
pub use segment::holders::Holder;
pub use segment::object::ObjectOptions;
pub use segment::{Access, literal, npy};
pub use sync::barrier::Barrier;
pub use sync::event::{Event, Until};
pub use sync::generation::Published;
pub use sync::lock::{Acquired, Mode};
#[doc(hidden)]
pub use sync::patience::spin_before_sleep;
pub use sync::semaphore::{Kind, Semaphore};
