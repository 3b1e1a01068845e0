//! What a segment carries, for who has no lock: others may be writing it. Nothing here makes a reference to plain data.

use std::mem::{align_of, size_of};
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64};

use crate::error::{self, Code, Error};
use crate::os::racing::Room;

use super::Segment;

/// An atomic of one of the sizes that processors have. Values are the low bits of a u64, and the others are 0; all
/// operations are sequentially consistent.
///
/// # Safety
///
/// An atomic integer of the standard library, of at most 8 bytes.
pub unsafe trait Cell {
    /// What is there.
    fn get(&self) -> u64;
    /// Put something there; what was there before.
    fn swap(&self, value: u64) -> u64;
    /// Put something there if `expected` is there; what was there is the error otherwise. May fail without a reason.
    fn exchange(&self, expected: u64, value: u64) -> Result<u64, u64>;
    /// Add, and wrap round; what was there before.
    fn add(&self, value: u64) -> u64;
    /// Keep the bits that are in both; what was there before.
    fn and(&self, value: u64) -> u64;
    /// Set bits; what was there before.
    fn or(&self, value: u64) -> u64;
    /// Turn bits over; what was there before.
    fn xor(&self, value: u64) -> u64;
}

/// The four implementations differ in their types alone, and the standard library has no trait for its atomics.
macro_rules! cells {
    ($($atomic:ident $integer:ident),*) => {$(
        // SYNC: each operation pairs with all others on the same element, in any process.
        // SAFETY: as the trait says.
        unsafe impl Cell for $atomic {
            fn get(&self) -> u64 {
                self.load(SeqCst) as u64
            }
            fn swap(&self, value: u64) -> u64 {
                $atomic::swap(self, value as $integer, SeqCst) as u64
            }
            fn exchange(&self, expected: u64, value: u64) -> Result<u64, u64> {
                let done = self.compare_exchange_weak(expected as $integer, value as $integer, SeqCst, SeqCst);
                done.map(|before| before as u64).map_err(|found| found as u64)
            }
            fn add(&self, value: u64) -> u64 {
                self.fetch_add(value as $integer, SeqCst) as u64
            }
            fn and(&self, value: u64) -> u64 {
                self.fetch_and(value as $integer, SeqCst) as u64
            }
            fn or(&self, value: u64) -> u64 {
                self.fetch_or(value as $integer, SeqCst) as u64
            }
            fn xor(&self, value: u64) -> u64 {
                self.fetch_xor(value as $integer, SeqCst) as u64
            }
        }
    )*};
}

cells!(AtomicU8 u8, AtomicU16 u16, AtomicU32 u32, AtomicU64 u64);

impl Segment {
    /// Copy `len` bytes of the file, from the byte `offset` on, into a room from its byte `at` on.
    pub fn copy_out(&self, offset: u64, len: usize, room: &mut Room, at: usize) -> error::Result<()> {
        let start = self.within(offset, len)?;
        // SAFETY: mapped, for as long as the segment lives; the room is the caller's own.
        unsafe { room.fill(at, start, len) };
        Ok(())
    }

    /// The element at the byte `offset` of the file; `None` where it is not aligned. For loads only where the segment
    /// was opened for reading.
    #[inline]
    pub fn cell<C: Cell>(&self, offset: u64) -> error::Result<Option<&C>> {
        let start = self.within(offset, size_of::<C>())?;
        let is_aligned = (start as usize).is_multiple_of(align_of::<C>());
        // SAFETY: mapped for as long as the segment lives, aligned, and any bytes are a value of an atomic integer.
        Ok(is_aligned.then(|| unsafe { &*start.cast() }))
    }

    #[inline]
    fn within(&self, offset: u64, len: usize) -> error::Result<*const u8> {
        let start = usize::try_from(offset).ok();
        match start.filter(|start| start.checked_add(len).is_some_and(|end| end <= self.map.len())) {
            Some(start) => Ok(self.map.start().wrapping_add(start)),
            None => Err(Error::new(
                Code::Corrupt,
                format!("{len} bytes at {offset} lie outside of the {} that are mapped", self.map.len()),
            )),
        }
    }
}
