//! Where the elements lie: numpy's shapes, strides and slices.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::segment::format::{Layout, MAX_NDIM};

/// Memory as an array: everything inline, so that only `data` points anywhere.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// The first element. Valid while an [`super::Array`] over the same mapping lives.
    pub data: *mut u8,
    /// Bytes of one element.
    pub itemsize: u64,
    /// Elements.
    pub count: u64,
    /// Bytes of all elements.
    pub nbytes: u64,
    /// The last axis is the fastest, without gaps.
    pub c_contiguous: bool,
    /// The first axis is the fastest, without gaps.
    pub f_contiguous: bool,
    /// Each element lies as its type wants it.
    pub aligned: bool,
    /// The elements may be written.
    pub writable: bool,
    /// Other processes see what is written.
    pub shared: bool,
    geometry: Geometry,
}

impl View {
    pub(super) fn new(start: *mut u8, geometry: Geometry, itemsize: u64, alignment: u64) -> View {
        let data = start.wrapping_offset(geometry.offset as isize);
        let count = geometry.count();
        View {
            data,
            itemsize,
            count,
            nbytes: count * itemsize,
            c_contiguous: geometry.is_contiguous(itemsize, false),
            f_contiguous: geometry.is_contiguous(itemsize, true),
            aligned: geometry.is_aligned(data as u64, alignment),
            writable: false,
            shared: false,
            geometry,
        }
    }

    /// Elements along each axis.
    pub fn shape(&self) -> &[u64] {
        &self.geometry.shape[..self.geometry.ndim]
    }

    /// Bytes from one element to the next along each axis.
    pub fn strides(&self) -> &[i64] {
        &self.geometry.strides[..self.geometry.ndim]
    }
}

/// A slice of one axis, as Python writes it: `start:stop:step`, each of which may be left out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Slice {
    /// The first index.
    pub start: Option<i64>,
    /// The index before which to stop.
    pub stop: Option<i64>,
    /// From one index to the next; not 0.
    pub step: Option<i64>,
}

impl Slice {
    /// The first index and the number of indices along an axis of this length.
    fn indices(self, axis: usize, len: u64) -> Result<(i64, u64, i64)> {
        let step = self.step.unwrap_or(1);
        if step == 0 {
            return Err(Error::invalid(format!("the slice of axis {axis} has step 0: any other step will do")));
        }
        let len = i128::from(len);
        // Where a slice may begin and end, for either direction.
        let (lowest, highest) = if step < 0 { (-1, len - 1) } else { (0, len) };
        let place = |index: i64| {
            let index = i128::from(index);
            (if index < 0 { index + len } else { index }).clamp(lowest, highest)
        };
        let (first, end) = if step < 0 { (highest, lowest) } else { (lowest, highest) };
        let start = self.start.map_or(first, place);
        let stop = self.stop.map_or(end, place);
        let span = if step < 0 { start - stop } else { stop - start };
        let count = if span <= 0 { 0 } else { (span - 1) / i128::from(step).abs() + 1 };
        Ok((if count == 0 { 0 } else { start as i64 }, count as u64, step))
    }
}

/// Shape and strides over the elements of a segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Geometry {
    /// From the segment's first element, in bytes.
    pub offset: i64,
    pub ndim: usize,
    pub shape: [u64; MAX_NDIM],
    pub strides: [i64; MAX_NDIM],
}

impl Geometry {
    /// All elements.
    pub fn of(layout: &Layout) -> Geometry {
        Geometry { offset: 0, ndim: layout.ndim as usize, shape: layout.shape, strides: layout.strides }
    }

    /// A part of it, by a slice for each of the leading axes.
    pub fn sliced(mut self, slices: &[Slice]) -> Result<Geometry> {
        if slices.len() > self.ndim {
            return Err(Error::invalid(format!("{} slices for an array of {} dimensions", slices.len(), self.ndim)));
        }
        for (axis, slice) in slices.iter().enumerate() {
            let (start, count, step) = slice.indices(axis, self.shape[axis])?;
            // Within the elements; for an axis of at most one element the step may be anything.
            self.offset += start * self.strides[axis];
            self.strides[axis] = self.strides[axis].saturating_mul(step);
            self.shape[axis] = count;
        }
        Ok(self)
    }

    /// Some of its rows; an array without axes has one, itself.
    pub fn rows(mut self, rows: Range<u64>) -> Result<Geometry> {
        let len = if self.ndim == 0 { 1 } else { self.shape[0] };
        if rows.start > rows.end || rows.end > len {
            let Range { start, end } = rows;
            return Err(Error::invalid(format!("rows from {start} to {end} of an array that has {len}")));
        }
        if self.ndim > 0 {
            // Within the elements, or none.
            self.offset += (rows.start as i64).saturating_mul(self.strides[0]);
            self.shape[0] = rows.end - rows.start;
        }
        Ok(self)
    }

    /// Length and stride of each axis.
    pub fn axes(&self) -> impl Iterator<Item = (u64, i64)> {
        (0..self.ndim).map(|axis| (self.shape[axis], self.strides[axis]))
    }

    /// Whether it, whoever made it up, reaches no byte outside of the `bytes` that the elements may take.
    pub fn lies_within(&self, bytes: u64, itemsize: u64) -> bool {
        if self.ndim > MAX_NDIM || !(0..=bytes as i128).contains(&i128::from(self.offset)) {
            return false;
        }
        if self.shape().contains(&0) {
            return true;
        }
        let (mut first, mut last, mut count) = (i128::from(self.offset), i128::from(self.offset), 1u64);
        for (len, stride) in self.shape().iter().zip(&self.strides) {
            let Some(reach) = i128::from(*len - 1).checked_mul(i128::from(*stride)) else { return false };
            let (lowest, highest) = (first.checked_add(reach.min(0)), last.checked_add(reach.max(0)));
            let (Some(lowest), Some(highest), Some(more)) = (lowest, highest, count.checked_mul(*len)) else {
                return false;
            };
            (first, last, count) = (lowest, highest, more);
        }
        first >= 0 && last + i128::from(itemsize) <= i128::from(bytes) && count.checked_mul(itemsize.max(1)).is_some()
    }

    fn shape(&self) -> &[u64] {
        &self.shape[..self.ndim]
    }

    /// Elements.
    pub fn count(&self) -> u64 {
        if self.shape().contains(&0) { 0 } else { self.shape().iter().product() }
    }

    /// numpy's rule: axes of length 1 may have any stride, and arrays without elements are contiguous both ways.
    fn is_contiguous(&self, itemsize: u64, fortran: bool) -> bool {
        let mut expected = itemsize;
        let mut axes = (0..self.ndim).map(|i| if fortran { i } else { self.ndim - 1 - i });
        let fits = |axis: usize| {
            let fits = self.shape[axis] == 1 || self.strides[axis] == expected as i64;
            expected = expected.saturating_mul(self.shape[axis]);
            fits
        };
        self.count() == 0 || axes.all(fits)
    }

    fn is_aligned(&self, address: u64, alignment: u64) -> bool {
        let alignment = alignment.max(1);
        let mut steps =
            (0..self.ndim).filter(|axis| self.shape[*axis] > 1).map(|axis| self.strides[axis].unsigned_abs());
        address.is_multiple_of(alignment) && steps.all(|step| step.is_multiple_of(alignment))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn indices(start: i64, stop: i64, step: i64, len: u64) -> (i64, u64) {
        let given = |n: i64| (n != i64::MIN).then_some(n);
        let slice = Slice { start: given(start), stop: given(stop), step: given(step) };
        let (start, count, _) = slice.indices(0, len).unwrap();
        (start, count)
    }

    #[test]
    fn a_made_up_geometry_is_refused_where_it_reaches_outside() {
        let geometry = |offset: i64, shape: &[u64], strides: &[i64]| {
            let mut made_up = Geometry { offset, ndim: shape.len(), shape: [0; MAX_NDIM], strides: [0; MAX_NDIM] };
            made_up.shape[..shape.len()].copy_from_slice(shape);
            made_up.strides[..shape.len()].copy_from_slice(strides);
            made_up.lies_within(80, 8)
        };
        assert!(
            geometry(0, &[10], &[8])
                && geometry(72, &[10], &[-8])
                && geometry(72, &[], &[])
                && geometry(80, &[0], &[8])
        );
        assert!(geometry(0, &[2, 5], &[40, 8]) && geometry(0, &[1], &[i64::MAX]));
        assert!(!geometry(0, &[11], &[8]) && !geometry(8, &[10], &[8]) && !geometry(64, &[10], &[-8]));
        assert!(!geometry(-8, &[1], &[8]) && !geometry(80, &[1], &[8]) && !geometry(88, &[0], &[8]));
        assert!(!geometry(0, &[u64::MAX, 2], &[0, 0]) && !geometry(0, &[u64::MAX; 3], &[i64::MAX; 3]));
    }

    #[test]
    fn slices_are_pythons() {
        const NONE: i64 = i64::MIN;
        assert_eq!(indices(NONE, NONE, NONE, 5), (0, 5));
        assert_eq!(indices(1, 4, 2, 5), (1, 2));
        assert_eq!(indices(NONE, NONE, -1, 5), (4, 5));
        assert_eq!(indices(-2, NONE, NONE, 5), (3, 2));
        assert_eq!(indices(10, 20, 1, 5), (0, 0));
        assert_eq!(indices(-100, 100, i64::MAX, 5), (0, 1));
        assert_eq!(indices(3, 0, -2, 5), (3, 2));
        assert_eq!(indices(NONE, NONE, -1, 0), (0, 0));
        assert!(Slice { step: Some(0), ..Slice::default() }.indices(0, 3).is_err());
    }
}
