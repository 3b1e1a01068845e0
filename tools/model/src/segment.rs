//! What the locks need of a segment: words, slots, the table of ranges, and who is alive.

pub mod attachment;
pub mod format;
