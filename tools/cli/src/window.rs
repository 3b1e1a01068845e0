//! A part of an array, read while others may write it.
//!
//! This is the only file that touches elements of published arrays: word by word, so that a writer in another process
//! can spoil values, and never this program. (A file that somebody cuts short under the mapping is a SIGBUS all the
//! same; only anonymous arrays are safe from that.)

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use shm_array::array::view::Slice;
use shm_array::{Array, View};

use crate::failure::{Failure, Result};
use crate::values::Kind;

/// Bytes that are copied at once.
const PIECE: usize = 1 << 20;

/// One axis: how many elements, and how many bytes from one to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Axis {
    /// Elements.
    pub len: u64,
    /// Bytes; negative where the slice runs backwards.
    pub stride: i64,
}

/// A part of an array, by axes.
pub struct Window {
    view: View,
    axes: Vec<Axis>,
    kind: Kind,
    /// Keeps the elements mapped.
    _array: Array,
}

impl Window {
    /// `slice` is a text such as `0,:,10:20`; a number alone takes its axis away.
    pub fn new(array: &Array, slice: Option<&str>) -> Result<Window> {
        let descr = array.dtype().to_string_lossy();
        let kind = Kind::new(&descr, &array.dtype_tag().to_string_lossy()).map_err(Failure::new)?;
        let whole = array.view()?;
        let parts = slice.map_or(Ok(Vec::new()), parse)?;
        if parts.len() > whole.shape().len() {
            return Err(Failure::usage(format!(
                "--slice has {} parts, and the array has {} dimensions",
                parts.len(),
                whole.shape().len()
            )));
        }
        for (axis, (part, len)) in parts.iter().zip(whole.shape()).enumerate() {
            part.check(axis, *len)?;
        }
        let part = array.slice(&parts.iter().map(|part| part.slice()).collect::<Vec<_>>())?;
        let view = part.view()?;
        let axes = view.shape().iter().zip(view.strides()).map(|(len, stride)| Axis { len: *len, stride: *stride });
        let kept = axes.enumerate().filter(|(axis, _)| !matches!(parts.get(*axis), Some(Part::Index(_))));
        let axes = kept.map(|(_, axis)| axis).collect();
        Ok(Window { view, axes, kind, _array: part })
    }

    /// The axes that are left.
    pub fn axes(&self) -> &[Axis] {
        &self.axes
    }

    /// Elements along each axis.
    pub fn shape(&self) -> Vec<u64> {
        self.axes.iter().map(|axis| axis.len).collect()
    }

    /// Elements in all.
    pub fn count(&self) -> u64 {
        if self.axes.iter().any(|axis| axis.len == 0) { 0 } else { self.axes.iter().map(|axis| axis.len).product() }
    }

    /// What an element is.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// Whether the first axis is the fastest, without gaps, and the last is not.
    pub fn is_fortran(&self) -> bool {
        let size = self.kind.size() as u64;
        self.count() > 0
            && run(self.axes.iter(), size).1 == self.axes.len()
            && run(self.axes.iter().rev(), size).1 < self.axes.len()
    }

    /// The bytes from the window's first element to that at `index`.
    pub fn offset(&self, index: &[u64]) -> i64 {
        index.iter().zip(&self.axes).map(|(index, axis)| *index as i64 * axis.stride).sum()
    }

    /// Copies the element at that offset.
    pub fn read(&self, offset: i64, into: &mut [u8]) {
        debug_assert!(into.len() <= self.kind.size());
        self.copy(offset, into);
    }

    /// Gives all elements, in C order (or, reversed, with the first axis fastest), in pieces of whole elements.
    pub fn for_each_piece(&self, reversed: bool, mut take: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let size = self.kind.size();
        if self.count() == 0 || size == 0 {
            return Ok(());
        }
        let mut axes = self.axes.clone();
        if reversed {
            axes.reverse();
        }
        let (run_bytes, inner) = run(axes.iter().rev(), size as u64);
        let outer = &axes[..axes.len() - inner];
        let piece = (PIECE / size).max(1) * size;
        let mut buffer = vec![0u8; piece];
        let mut filled = 0;
        let mut odometer = Odometer::new(outer);
        while let Some(start) = odometer.next_offset() {
            let mut done = 0;
            while done < run_bytes {
                let some = (run_bytes - done).min((piece - filled) as u64) as usize;
                self.copy(start + done as i64, &mut buffer[filled..][..some]);
                done += some as u64;
                filled += some;
                if filled == piece {
                    take(&buffer)?;
                    filled = 0;
                }
            }
        }
        if filled > 0 { take(&buffer[..filled]) } else { Ok(()) }
    }

    /// Copies bytes from the elements: whole words where they are aligned, each in one load.
    fn copy(&self, offset: i64, into: &mut [u8]) {
        let start = self.view.data.wrapping_offset(offset as isize);
        let ahead = start.align_offset(size_of::<u64>()).min(into.len());
        let (head, rest) = into.split_at_mut(ahead);
        let (words, tail) = rest.as_chunks_mut::<{ size_of::<u64>() }>();
        let bytes = |from: *mut u8, to: &mut [u8]| {
            for (i, byte) in to.iter_mut().enumerate() {
                // SAFETY: offsets come from the view's own shape and strides, so that all bytes lie among the mapped
                // elements; others may write them at the same time, and this is an atomic load.
                *byte = unsafe { AtomicU8::from_ptr(from.add(i)) }.load(Ordering::Relaxed);
            }
        };
        bytes(start, head);
        let first = start.wrapping_add(ahead);
        for (i, word) in words.iter_mut().enumerate() {
            // SAFETY: as above, and aligned by `ahead`.
            let loaded = unsafe { AtomicU64::from_ptr(first.cast::<u64>().add(i)) }.load(Ordering::Relaxed);
            *word = loaded.to_ne_bytes();
        }
        bytes(first.wrapping_add(words.len() * size_of::<u64>()), tail);
    }
}

/// From the innermost axis on: the bytes that lie together, and over how many axes.
fn run<'a>(inside_out: impl Iterator<Item = &'a Axis>, size: u64) -> (u64, usize) {
    let mut bytes = size;
    let mut axes = 0;
    for axis in inside_out {
        if axis.len != 1 && axis.stride != bytes as i64 {
            break;
        }
        bytes *= axis.len;
        axes += 1;
    }
    (bytes, axes)
}

/// Counts through some axes, the last one fastest.
pub struct Odometer<'a> {
    axes: &'a [Axis],
    index: Vec<u64>,
    done: bool,
}

impl<'a> Odometer<'a> {
    /// At the first of them; none of the axes is empty.
    pub fn new(axes: &'a [Axis]) -> Odometer<'a> {
        Odometer { axes, index: vec![0; axes.len()], done: false }
    }

    /// The next offset in bytes.
    pub fn next_offset(&mut self) -> Option<i64> {
        if self.done {
            return None;
        }
        let offset = self.index.iter().zip(self.axes).map(|(index, axis)| *index as i64 * axis.stride).sum();
        self.done = true;
        for (index, axis) in self.index.iter_mut().zip(self.axes).rev() {
            *index += 1;
            if *index < axis.len {
                self.done = false;
                break;
            }
            *index = 0;
        }
        Some(offset)
    }
}

/// What stands between two commas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Index(i64),
    Slice(Option<i64>, Option<i64>, Option<i64>),
}

impl Part {
    fn check(self, axis: usize, len: u64) -> Result<()> {
        match self {
            Part::Index(index) if !(-(len as i128)..len as i128).contains(&index.into()) => Err(Failure::usage(
                format!("--slice: there is no index {index} on axis {axis}, which has {len} elements"),
            )),
            _ => Ok(()),
        }
    }

    fn slice(self) -> Slice {
        match self {
            Part::Index(index) => {
                Slice { start: Some(index), stop: index.checked_add(1).filter(|stop| *stop != 0), step: None }
            }
            Part::Slice(start, stop, step) => Slice { start, stop, step },
        }
    }
}

fn parse(text: &str) -> Result<Vec<Part>> {
    let wrong = || Failure::usage(format!("--slice {text:?}: write it as Python does, e.g. 0,:,10:20 or ::-1"));
    let number = |text: &str| match text.trim() {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| wrong()),
    };
    let part = |text: &str| {
        let pieces: Vec<&str> = text.split(':').collect();
        match pieces.as_slice() {
            [index] => number(index)?.map(Part::Index).ok_or_else(wrong),
            [start, stop] => Ok(Part::Slice(number(start)?, number(stop)?, None)),
            [start, stop, step] => Ok(Part::Slice(number(start)?, number(stop)?, number(step)?)),
            _ => Err(wrong()),
        }
    };
    text.trim_matches(['[', ']']).split(',').map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use shm_array::Options;

    fn counting(shape: &[u64], fortran: bool) -> Array {
        let options = Options { fortran, ..Options::default() };
        Array::create_filled(None, "|u1", shape, &options, |view| {
            for i in 0..view.count {
                // SAFETY: within the elements of an array that nobody else has.
                unsafe { view.data.add(i as usize).write(i as u8) };
            }
            Ok(())
        })
        .unwrap()
    }

    fn all(window: &Window, reversed: bool) -> Vec<u8> {
        let mut bytes = Vec::new();
        let take = |piece: &[u8]| {
            bytes.extend(piece);
            Ok(())
        };
        window.for_each_piece(reversed, take).unwrap();
        bytes
    }

    #[test]
    fn elements_come_in_c_order_whatever_the_memory_is() {
        let array = counting(&[2, 3], true);
        let window = Window::new(&array, None).unwrap();
        assert_eq!(all(&window, false), [0, 2, 4, 1, 3, 5]);
        assert_eq!(all(&window, true), [0, 1, 2, 3, 4, 5]);
        assert!(window.is_fortran());
        assert!(!Window::new(&counting(&[2, 3], false), None).unwrap().is_fortran());
        assert!(!Window::new(&counting(&[5], true), None).unwrap().is_fortran());
    }

    #[test]
    fn slices_are_pythons() {
        let array = counting(&[4, 5], false);
        let sliced = |text: &str| {
            let window = Window::new(&array, Some(text)).unwrap();
            (window.shape(), all(&window, false))
        };
        assert_eq!(sliced("1"), (vec![5], vec![5, 6, 7, 8, 9]));
        assert_eq!(sliced("-1,::-2"), (vec![3], vec![19, 17, 15]));
        assert_eq!(sliced("[1:3, 2]"), (vec![2], vec![7, 12]));
        assert_eq!(sliced("0,0"), (vec![], vec![0]));
        assert_eq!(sliced("2:2"), (vec![0, 5], vec![]));
        for wrong in ["", "x", "4", "-5", "0,0,0", "1:2:3:4", "::0"] {
            assert!(Window::new(&array, Some(wrong)).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn large_arrays_come_in_pieces() {
        let array = counting(&[3, PIECE as u64], false);
        let window = Window::new(&array, Some(":,1:")).unwrap();
        let bytes = all(&window, false);
        assert_eq!(bytes.len(), 3 * (PIECE - 1));
        assert_eq!(&bytes[PIECE - 2..PIECE + 1], [255, 1, 2]);
    }
}
