//! Atomic operations on single elements: counters, work to be handed out, running extremes, without the lock.
//!
//! They know nothing of the lock, and it nothing of them: a snapshot or a generation does not tell that an element has
//! changed this way.
//!
//! A value is the bits of an element in the low end of a u64. Integers wrap round. Floats have no atomic instructions:
//! they are computed and exchanged if nobody was faster, again and again, which is fair only as far as the processor
//! is. The extremes of floats are numpy's `fmin` and `fmax`: a NaN is no number, whatever it meets is taken instead, so
//! an element that starts as NaN has no extreme yet. Zeros of either sign are equal, and the one that is there stays.

use std::ops::Range;
use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64};

use crate::error::{Errno, Error, Result};
use crate::segment::elements::Cell;
use crate::segment::format::Layout;
use crate::segment::{Access, Touch};

use super::Array;
use super::dtype::Number;

/// What is to be done with an element and an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Replace the element.
    Exchange,
    /// The sum.
    Add,
    /// The smaller one.
    Min,
    /// The larger one.
    Max,
    /// The bits that both have; integers only.
    And,
    /// The bits that either has; integers only.
    Or,
    /// The bits that only one has; integers only.
    Xor,
}

impl Array {
    /// Load one element. `index` has a number for each axis, or one for all, in C order; negative ones count from the
    /// end.
    pub fn atomic_load(&self, index: &[i64]) -> Result<u64> {
        self.number()?;
        self.with_cell(index, Touch::Load, |cell| cell.get())
    }

    /// Change one element; what it was before.
    pub fn atomic_fetch(&self, index: &[i64], operation: Operation, operand: u64) -> Result<u64> {
        let number = self.number()?;
        self.require_store()?;
        let size = self.opened.dtype.itemsize();
        if number == Number::Float && matches!(operation, Operation::And | Operation::Or | Operation::Xor) {
            return Err(self.refuse("and, or and xor are for integers"));
        }
        let computed = |now: u64| match operation {
            Operation::Add => sum(size, now, operand),
            Operation::Min if precedes(number, size, operand, now) => operand,
            Operation::Max if precedes(number, size, now, operand) => operand,
            Operation::Min | Operation::Max if is_nan(number, size, now) => operand,
            _ => now,
        };
        self.with_cell(index, Touch::Store, |cell| match operation {
            Operation::Exchange => cell.swap(operand),
            Operation::And => cell.and(operand),
            Operation::Or => cell.or(operand),
            Operation::Xor => cell.xor(operand),
            Operation::Add if number != Number::Float => cell.add(operand),
            Operation::Add | Operation::Min | Operation::Max => update(cell, computed),
        })
    }

    /// Change one element to `desired` if it has exactly the bits of `expected`: whether it had, and what it was.
    pub fn atomic_compare_exchange(&self, index: &[i64], expected: u64, desired: u64) -> Result<(bool, u64)> {
        self.number()?;
        self.require_store()?;
        self.with_cell(index, Touch::Store, |cell| {
            loop {
                match cell.exchange(expected, desired) {
                    Ok(before) => return (true, before),
                    // It may fail without a reason.
                    Err(found) if found == expected => {}
                    Err(found) => return (false, found),
                }
            }
        })
    }

    /// Bytes of one element.
    pub fn itemsize(&self) -> usize {
        self.opened.dtype.itemsize() as usize
    }

    #[inline]
    fn number(&self) -> Result<Number> {
        self.opened.number.ok_or_else(|| {
            let tagged = !self.opened.dtype.tag().is_empty();
            let tag = if tagged { format!(" tagged {}", self.opened.dtype.tag()) } else { String::new() };
            self.refuse(&format!(
                "atomic operations are for integers of 1, 2, 4 and 8 bytes and floats of 4 and 8, in this machine's byte \
                 order, and not for {}{tag}",
                self.opened.dtype.descr()
            ))
        })
    }

    #[cold]
    fn refuse(&self, why: &str) -> Error {
        Error::os(Errno::EOPNOTSUPP, format!("{}: {why}", self.segment().place()))
    }

    fn require_store(&self) -> Result<()> {
        if self.segment().access() != Access::Read {
            return Ok(());
        }
        let place = self.segment().place();
        Err(Error::os(
            Errno::EACCES,
            format!("{place} was opened for reading only: only atomic loads are possible; open it for writing"),
        ))
    }

    /// The element as an atomic of its size.
    #[inline]
    fn with_cell<T>(&self, index: &[i64], need: Touch, what: impl FnOnce(&dyn Cell) -> T) -> Result<T> {
        let segment = self.segment();
        let (offset, size) = (self.offset_of(index)?, self.opened.dtype.itemsize());
        self.back(offset..offset + size, need)?;
        let cell = match size {
            1 => segment.cell::<AtomicU8>(offset)?.map(|cell| cell as &dyn Cell),
            2 => segment.cell::<AtomicU16>(offset)?.map(|cell| cell as &dyn Cell),
            4 => segment.cell::<AtomicU32>(offset)?.map(|cell| cell as &dyn Cell),
            _ => segment.cell::<AtomicU64>(offset)?.map(|cell| cell as &dyn Cell),
        };
        cell.map(what).ok_or_else(|| {
            self.refuse(&format!(
                "its elements of {} bytes are not aligned (this one lies at byte {offset}), so no processor changes them \
                 at once: copy it into a new array",
                self.opened.dtype.itemsize()
            ))
        })
    }

    /// Before the library touches elements: an error where there is no memory for them, and not a SIGBUS. There may be
    /// none in a lazy array; and behind the end of any, for who has a slice of it from before it shrank and was trimmed.
    #[inline]
    pub(super) fn back(&self, bytes: Range<u64>, need: Touch) -> Result<()> {
        match self.window {
            Some(_) if bytes.end > self.end_now()? => self.segment().populate(bytes, need),
            _ => self.segment().back(bytes, need),
        }
    }

    /// Where the elements end in the file now, if they can grow and shrink.
    fn end_now(&self) -> Result<u64> {
        let (layout, now) = self.growing()?;
        let bytes = now.and_then(|(_, length)| layout.bytes_for(length));
        Ok(bytes.map_or(u64::MAX, |bytes| self.data_offset() + bytes))
    }

    /// Where an element lies, in bytes from the file's start.
    #[inline]
    fn offset_of(&self, index: &[i64]) -> Result<u64> {
        let offset = match &self.window {
            Some(window) => {
                window.offset + locate(index, window.ndim, |axis| (window.shape[axis], window.strides[axis]))?
            }
            None => {
                let (layout, now) = self.growing()?;
                locate(index, layout.ndim as usize, |axis| {
                    let length = match now {
                        Some((growing, length)) if growing == axis => length,
                        _ => layout.shape[axis],
                    };
                    (length, layout.strides[axis])
                })?
            }
        };
        Ok(self.data_offset() + offset as u64)
    }

    /// The layout as it was at opening, and the one length that may have changed since: a resize changes no stride,
    /// since the growing axis is the slowest.
    #[inline]
    pub(super) fn growing(&self) -> Result<(&Layout, Option<(usize, u64)>)> {
        if let Some(layout) = &self.opened.ordinary {
            return Ok((layout, None));
        }
        let layout = &self.segment().description()?.layout;
        let (Some(axis), Some(control)) = (layout.growing_axis(), self.segment().control()) else {
            return Ok((layout, None));
        };
        Ok((layout, Some((axis, control.length(axis)?.min(layout.capacity)))))
    }
}

/// From the first element to the one with this index, in bytes. `axis` tells length and stride of each.
#[inline]
fn locate(index: &[i64], ndim: usize, axis: impl Fn(usize) -> (u64, i64)) -> Result<i64> {
    if index.len() == ndim {
        let mut offset = 0;
        for (number, index) in index.iter().enumerate() {
            let (length, stride) = axis(number);
            offset += counted(*index, length).ok_or_else(|| outside(*index, length, number))? as i64 * stride;
        }
        return Ok(offset);
    }
    let &[flat] = index else {
        return Err(Error::invalid(format!(
            "an index of {} numbers for an array of {ndim} dimensions: give {ndim}, or one for all elements in C order",
            index.len()
        )));
    };
    let count = (0..ndim).map(|number| axis(number).0).product();
    let mut rest = counted(flat, count)
        .ok_or_else(|| Error::invalid(format!("element {flat} of an array that has {count} elements")))?;
    let mut offset = 0;
    for number in (0..ndim).rev() {
        let (length, stride) = axis(number);
        offset += (rest % length) as i64 * stride;
        rest /= length;
    }
    Ok(offset)
}

/// As Python counts: from the end, if it is negative.
#[inline]
fn counted(index: i64, length: u64) -> Option<u64> {
    let place = if index < 0 { length.checked_sub(index.unsigned_abs())? } else { index as u64 };
    (place < length).then_some(place)
}

#[cold]
fn outside(index: i64, length: u64, axis: usize) -> Error {
    Error::invalid(format!("index {index} of axis {axis}, which has length {length}"))
}

/// Compute and exchange, until nobody was faster; what was there before. Nothing is stored where nothing would change.
fn update(cell: &dyn Cell, computed: impl Fn(u64) -> u64) -> u64 {
    let mut now = cell.get();
    loop {
        let next = computed(now);
        if next == now {
            return now;
        }
        match cell.exchange(now, next) {
            Ok(before) => return before,
            Err(found) => now = found,
        }
    }
}

/// Of two floats of that size.
fn sum(size: u64, one: u64, other: u64) -> u64 {
    match size {
        4 => u64::from((f32::from_bits(one as u32) + f32::from_bits(other as u32)).to_bits()),
        _ => (f64::from_bits(one) + f64::from_bits(other)).to_bits(),
    }
}

/// Whether the first is less than the second.
fn precedes(number: Number, size: u64, first: u64, second: u64) -> bool {
    let unused = 64 - 8 * size as u32;
    let signed = |bits: u64| (bits << unused) as i64;
    match number {
        Number::Unsigned => first < second,
        Number::Signed => signed(first) < signed(second),
        Number::Float => float(size, first) < float(size, second),
    }
}

fn is_nan(number: Number, size: u64, bits: u64) -> bool {
    number == Number::Float && float(size, bits).is_nan()
}

/// Every float of 4 bytes is one of 8.
fn float(size: u64, bits: u64) -> f64 {
    if size == 4 { f64::from(f32::from_bits(bits as u32)) } else { f64::from_bits(bits) }
}

#[cfg(test)]
mod tests {
    use super::Operation::*;
    use super::*;
    use crate::array::options::Options;

    fn one(dtype: &str) -> Array {
        Array::create(None, dtype, &[], &Options::default()).unwrap()
    }

    /// Does it twice: what was there before the second time.
    fn result(dtype: &str, start: u64, operation: Operation, operand: u64) -> u64 {
        let array = one(dtype);
        array.atomic_fetch(&[], Exchange, start).unwrap();
        assert_eq!(array.atomic_fetch(&[], operation, operand).unwrap(), start);
        array.atomic_load(&[]).unwrap()
    }

    #[test]
    fn integers_wrap_and_keep_their_sign() {
        let minus = |n: i64, size: u32| n as u64 & (u64::MAX >> (64 - 8 * size));
        for (size, dtype) in [(1, "i1"), (2, "i2"), (4, "i4"), (8, "i8")] {
            assert_eq!(result(dtype, minus(-1, size), Add, 3), 2);
            assert_eq!(result(dtype, minus(-1, size), Max, 3), 3);
            assert_eq!(result(dtype, minus(-1, size), Min, 3), minus(-1, size));
            assert_eq!(result(dtype, 5, Min, minus(-7, size)), minus(-7, size));
        }
        for (size, dtype) in [(1, "u1"), (2, "u2"), (4, "u4"), (8, "u8")] {
            assert_eq!(result(dtype, minus(-1, size), Add, 3), 2);
            assert_eq!(result(dtype, minus(-1, size), Max, 3), minus(-1, size));
            assert_eq!(result(dtype, minus(-1, size), Min, 3), 3);
            assert_eq!(result(dtype, 0b1100, And, 0b1010), 0b1000);
            assert_eq!(result(dtype, 0b1100, Or, 0b1010), 0b1110);
            assert_eq!(result(dtype, 0b1100, Xor, 0b1010), 0b0110);
        }
    }

    #[test]
    fn floats_add_and_nan_is_no_number() {
        let single = |x: f32| u64::from(x.to_bits());
        assert_eq!(result("f4", single(0.5), Add, single(0.25)), single(0.75));
        assert_eq!(result("f8", (-0.5f64).to_bits(), Add, 2f64.to_bits()), 1.5f64.to_bits());
        assert_eq!(result("f4", single(-3.0), Max, single(-4.0)), single(-3.0));
        assert_eq!(result("f4", single(-3.0), Min, single(-4.0)), single(-4.0));
        for operation in [Min, Max] {
            assert_eq!(result("f8", f64::NAN.to_bits(), operation, 7f64.to_bits()), 7f64.to_bits());
            assert_eq!(result("f8", 7f64.to_bits(), operation, f64::NAN.to_bits()), 7f64.to_bits());
            assert_eq!(result("f4", single(f32::NAN), operation, single(7.0)), single(7.0));
            assert_eq!(result("f8", (-0f64).to_bits(), operation, 0), (-0f64).to_bits(), "zeros are equal");
        }
        for operation in [And, Or, Xor] {
            assert!(one("f8").atomic_fetch(&[], operation, 1).unwrap_err().is(Errno::EOPNOTSUPP));
        }
    }

    #[test]
    fn indices_are_pythons_and_numpys() {
        let c = |index: &[i64]| locate(index, 3, |axis| [(2, 96), (3, 32), (4, 8)][axis]);
        assert_eq!(c(&[1, 2, 3]).unwrap(), 184);
        assert_eq!(c(&[-1, -1, -1]).unwrap(), 184);
        assert_eq!((c(&[23]).unwrap(), c(&[-1]).unwrap(), c(&[-24]).unwrap()), (184, 184, 0));
        let fortran = |index: &[i64]| locate(index, 2, |axis| [(2, 8), (3, 16)][axis]);
        assert_eq!((fortran(&[1]).unwrap(), fortran(&[3]).unwrap()), (16, 8), "the second, and the fourth, by rows");
        assert_eq!(locate(&[], 0, |_| unreachable!()).unwrap(), 0);
        assert_eq!(locate(&[0], 0, |_| unreachable!()).unwrap(), 0);
        for (index, words) in [
            (&[2, 0, 0][..], "index 2 of axis 0, which has length 2"),
            (&[0, -4, 0], "index -4 of axis 1, which has length 3"),
            (&[0, 0, i64::MIN], "axis 2"),
            (&[24], "element 24 of an array that has 24"),
            (&[-25], "element -25"),
            (&[0, 0], "an index of 2 numbers for an array of 3 dimensions"),
            (&[], "an index of 0 numbers"),
        ] {
            let error = c(index).unwrap_err();
            assert!(error.is(Errno::EINVAL) && error.detail().contains(words), "{error}");
        }
    }

    #[test]
    fn an_index_is_good_as_far_as_the_array_goes_now() {
        let array = Array::create(None, "u8", &[3], &Options { capacity: 10, ..Options::default() }).unwrap();
        assert!(array.atomic_load(&[3]).is_err());
        let _ = array.lock(crate::Mode::Exclusive, crate::Timeout::Try).unwrap();
        array.resize(5).unwrap();
        assert_eq!(array.atomic_fetch(&[-1], Add, 7).unwrap(), 0);
        assert_eq!(array.atomic_load(&[4]).unwrap(), 7);
        array.resize(2).unwrap();
        assert!(array.atomic_load(&[2]).is_err());
    }

    #[test]
    fn what_has_no_such_number_is_refused() {
        for dtype in [">u4", "f2", "f16", "c8", "b1", "S4", "M8[s]", "[('x', '<u4')]", "bfloat16"] {
            let error = one(dtype).atomic_load(&[]).unwrap_err();
            assert!(
                error.is(Errno::EOPNOTSUPP) && error.detail().contains("integers of 1, 2, 4 and 8 bytes"),
                "{error}"
            );
        }
        let array = one("u8");
        assert_eq!(array.atomic_compare_exchange(&[], 0, 5).unwrap(), (true, 0));
        assert_eq!(array.atomic_compare_exchange(&[], 0, 6).unwrap(), (false, 5));
    }
}
