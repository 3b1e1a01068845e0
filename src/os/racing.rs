//! Copying memory that other processes may be writing.
//!
//! Such a copy is a data race in Rust and in C alike, whatever is done with the result, unless each byte is moved by
//! an atomic load. A loop of relaxed 8-byte loads is what the language offers; the compiler never makes vector code of
//! it, and it takes 1.2 times as long as `memcpy` where the data fit into the cache, 3 times for a few kilobytes, and
//! 1.7 times for hundreds of megabytes, where `memcpy` writes round the cache. So the bytes are moved by machine code
//! that is not compiled from either language: libc's `memcpy`, called through a pointer that is read anew each time, so
//! that the compiler can neither see what is called nor put its own idea of it in its place. To the compiler that is a
//! call of unknown code which may touch all memory; to the processor each load is one of its own, and a byte that
//! changes meanwhile comes out old or new.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr;

/// Where a caller wants bytes to be put.
#[derive(Debug)]
pub struct Room<'a> {
    start: *mut u8,
    len: usize,
    lender: std::marker::PhantomData<&'a mut [u8]>,
}

impl<'a> Room<'a> {
    /// Memory that may be shared as well: no reference to it is ever made.
    ///
    /// # Safety
    ///
    /// `len` bytes from `start` can be written for as long as the value lives.
    pub unsafe fn new(start: *mut u8, len: usize) -> Room<'a> {
        Room { start, len, lender: std::marker::PhantomData }
    }

    /// Bytes that there is room for.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing fits.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Fill `len` bytes of it, from the byte `at` on, with those that begin at `from`.
    ///
    /// # Safety
    ///
    /// `len` bytes from `from` can be read, whoever writes them meanwhile, and are no part of the room.
    pub unsafe fn fill(&mut self, at: usize, from: *const u8, len: usize) {
        assert!(at.checked_add(len).is_some_and(|end| end <= self.len), "{len} bytes at {at} in {}", self.len);
        // SAFETY: within the room, and the caller's promise.
        unsafe { copy(from, self.start.add(at), len) };
    }
}

impl<'a> From<&'a mut [u8]> for Room<'a> {
    fn from(bytes: &'a mut [u8]) -> Room<'a> {
        Room { start: bytes.as_mut_ptr(), len: bytes.len(), lender: std::marker::PhantomData }
    }
}

impl<'a> From<&'a mut [MaybeUninit<u8>]> for Room<'a> {
    fn from(bytes: &'a mut [MaybeUninit<u8>]) -> Room<'a> {
        Room { start: bytes.as_mut_ptr().cast(), len: bytes.len(), lender: std::marker::PhantomData }
    }
}

type Memcpy = unsafe extern "C" fn(*mut c_void, *const c_void, usize) -> *mut c_void;

static MEMCPY: Memcpy = libc::memcpy;

/// # Safety
///
/// `len` bytes can be read at `from` and written at `to`, and the two do not overlap.
unsafe fn copy(from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: a static of this module. Volatile, so that the call stays one of unknown code.
    let memcpy = unsafe { ptr::read_volatile(&raw const MEMCPY) };
    // SAFETY: the caller's promise; that others may write at `from` is what this module is for.
    unsafe { memcpy(to.cast(), from.cast(), len) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_arrives_whatever_the_alignment() {
        let from: Vec<u8> = (0..1000u32).map(|n| (n * 7 % 251) as u8).collect();
        for (skip, at, len) in [(0, 0, 1000), (1, 0, 999), (3, 5, 64), (7, 13, 0), (8, 1, 17)] {
            let mut bytes = vec![255; 1000];
            // SAFETY: `from` has that many bytes from there on.
            unsafe { Room::from(&mut bytes[..]).fill(at, from[skip..].as_ptr(), len) };
            assert_eq!(bytes[at..at + len], from[skip..skip + len]);
            assert!(bytes[..at].iter().chain(&bytes[at + len..]).all(|byte| *byte == 255));
        }
    }

    #[test]
    #[should_panic(expected = "2 bytes at 7 in 8")]
    fn nothing_is_written_beyond_the_room() {
        // SAFETY: ten bytes can be read.
        unsafe { Room::from(&mut [0u8; 8][..]).fill(7, [1; 10].as_ptr(), 2) };
    }
}
