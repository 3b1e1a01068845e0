//! The pattern: what an exclusive holder writes, in two parts, so that a half-done write can be seen.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Write the first part.
pub fn begin(elements: &[AtomicU64], value: u64) {
    elements[..elements.len() / 2].iter().for_each(|element| element.store(value, Relaxed));
}

/// Write the second part.
pub fn complete(elements: &[AtomicU64], value: u64) {
    elements[elements.len() / 2..].iter().for_each(|element| element.store(value, Relaxed));
}

/// The value that was written, if it was written completely.
pub fn whole(elements: &[AtomicU64]) -> Option<u64> {
    let value = elements[0].load(Relaxed);
    elements.iter().all(|element| element.load(Relaxed) == value).then_some(value)
}
