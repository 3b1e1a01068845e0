//! Copying large memory, with as many threads as help.

use std::marker::PhantomData;
use std::ops::ControlFlow;

use super::parallel::for_slices;

/// What one thread copies at a time: large enough for the C library to write past the caches.
const SLICE: usize = 8 << 20;

/// Bytes to be copied. Not a slice: other processes may be writing them.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    start: *const u8,
    len: usize,
    lives: PhantomData<&'a [u8]>,
}

// SAFETY: whoever made it promised that the bytes can be read, by any thread.
unsafe impl Send for Source<'_> {}
// SAFETY: as above.
unsafe impl Sync for Source<'_> {}

impl<'a> From<&'a [u8]> for Source<'a> {
    fn from(bytes: &'a [u8]) -> Source<'a> {
        Source { start: bytes.as_ptr(), len: bytes.len(), lives: PhantomData }
    }
}

impl Source<'_> {
    /// From where a caller says that bytes are.
    ///
    /// # Safety
    ///
    /// `len` bytes can be read for as long as the value lives.
    pub unsafe fn new(start: *const u8, len: usize) -> Self {
        Source { start, len, lives: PhantomData }
    }

    /// How many bytes.
    pub fn bytes(&self) -> usize {
        self.len
    }

    fn at(&self, offset: usize) -> *const u8 {
        self.start.wrapping_add(offset)
    }

    /// Copy all of them.
    ///
    /// # Safety
    ///
    /// As many bytes can be written from `destination` on, and none of them is one of the source's.
    pub unsafe fn copy_to(self, destination: *mut u8) {
        let destination = Destination(destination);
        for_slices(self.len, SLICE, |slice| {
            let from = self.at(slice.start);
            let to = destination.at(slice.start);
            // SAFETY: slices of what the two promises cover; each is copied once.
            unsafe { from.copy_to_nonoverlapping(to, slice.len()) };
            ControlFlow::Continue(())
        });
    }
}

/// Where several threads write, each a part of its own.
struct Destination(*mut u8);

// SAFETY: a place in memory, which belongs to no thread.
unsafe impl Sync for Destination {}

impl Destination {
    fn at(&self, offset: usize) -> *mut u8 {
        self.0.wrapping_add(offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_copied() {
        for len in [0, 1, SLICE - 1, SLICE, 3 * SLICE + 17] {
            let source: Vec<u8> = (0..len).map(|at| (at * 31 / 7) as u8).collect();
            let mut copy = vec![0u8; len];
            // SAFETY: two vectors of the same length.
            unsafe { Source::from(&source[..]).copy_to(copy.as_mut_ptr()) };
            assert!(copy == source, "{len} bytes");
        }
    }
}
