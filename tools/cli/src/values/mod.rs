//! Elements as text and as numbers, whatever their dtype.

mod kind;
mod show;
pub mod statistics;
pub mod time;

pub use kind::{Field, Kind, Number};
