//! `shm_array_atomic_*`: atomic operations on single elements.

use std::ffi::{c_int, c_void};

use super::{guard, handle, missing, numbers};
use crate::array::Array;
use crate::array::elements::Operation;
use crate::error::{Error, Result};

/// Load one element.
///
/// For all shm_array_atomic_*(): elements are integers of 1, 2, 4 or 8 bytes, or floats of 4 or 8, in this machine's
/// byte order. `index` has `ndim` numbers, one for each axis, or one (`ndim` 1) for all elements in C order; negative
/// ones count from the end. Values are passed by address, as C has them (`int64_t`, `float`, ...), and `size` is their
/// sizeof, which must be the element's: so one function serves all types, from any language, and a value of the wrong
/// size is an error. All are sequentially consistent, among all processes. They are no writes to the lock: generations
/// and snapshots do not know of them.
///
/// Returns:
///   0           `*out` is the element's value.
///   EOPNOTSUPP  elements of another type, of the other byte order, or not aligned (in an adopted or ordinary .npy
///               file).
///   ENOSPC      a lazy array, and no room is left for the page that the element lies in.
///   EINVAL      no such index, `size` is not the element's, or NULL.
///
/// Ownership: borrows. The array may be open for reading.
/// Since 0.1.
///
/// # Safety
///
/// `array` is NULL or open; `index` is NULL or has `ndim` numbers; `out` is NULL or `size` bytes can be written there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_array_atomic_load(
    array: Option<&Array>,
    ndim: usize,
    index: *const i64,
    size: usize,
    out: *mut c_void,
) -> c_int {
    guard(|| {
        // SAFETY: the caller's promise.
        let element = unsafe { Element::of(array, ndim, index, size) }?;
        if out.is_null() {
            return Err(missing("out"));
        }
        let value = element.array.atomic_load(element.index)?;
        // SAFETY: not NULL, and the caller's promise.
        unsafe { write(out, size, value) };
        Ok(())
    })
}

/// Store one element.
///
/// Returns:
///   EACCES  the array was opened with SHM_ARRAY_READ.
///   and what shm_array_atomic_load() returns.
///
/// Since 0.1.
///
/// # Safety
///
/// As shm_array_atomic_load(); `value` is NULL or has `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_array_atomic_store(
    array: Option<&Array>,
    ndim: usize,
    index: *const i64,
    size: usize,
    value: *const c_void,
) -> c_int {
    let (operation, what) = (Operation::Exchange, "value");
    // SAFETY: the caller's promise.
    guard(|| unsafe { fetch(array, ndim, index, size, operation, value, what, std::ptr::null_mut()) })
}

/// Replace one element, and learn what it was. `out_previous` may be NULL here and below.
///
/// Returns what shm_array_atomic_store() returns. Since 0.1.
///
/// # Safety
///
/// As shm_array_atomic_store(); `out_previous` is NULL or `size` bytes can be written there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_array_atomic_exchange(
    array: Option<&Array>,
    ndim: usize,
    index: *const i64,
    size: usize,
    value: *const c_void,
    out_previous: *mut c_void,
) -> c_int {
    // SAFETY: the caller's promise.
    guard(|| unsafe { fetch(array, ndim, index, size, Operation::Exchange, value, "value", out_previous) })
}

/// Replace one element if it has exactly the bits of `*expected`.
///
/// `*expected` becomes what the element was, and `*out_exchanged` 1 or 0: whether it was replaced. Bits are compared,
/// so that a NaN is equal to itself, and 0.0 is not -0.0.
///
/// Returns what shm_array_atomic_store() returns, and 0 whether it was replaced or not. Since 0.1.
///
/// # Safety
///
/// As shm_array_atomic_store(); `expected` is NULL or has `size` bytes that can be written; `out_exchanged` is NULL or
/// can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_array_atomic_compare_exchange(
    array: Option<&Array>,
    ndim: usize,
    index: *const i64,
    size: usize,
    expected: *mut c_void,
    desired: *const c_void,
    out_exchanged: *mut c_int,
) -> c_int {
    guard(|| {
        // SAFETY: the caller's promise.
        let element = unsafe { Element::of(array, ndim, index, size) }?;
        if out_exchanged.is_null() {
            return Err(missing("out_exchanged"));
        }
        // SAFETY: the caller's promise.
        let (before, after) = unsafe { (read(expected, size, "expected")?, read(desired, size, "desired")?) };
        let (exchanged, found) = element.array.atomic_compare_exchange(element.index, before, after)?;
        // SAFETY: not NULL, and the caller's promise.
        unsafe {
            write(expected, size, found);
            out_exchanged.write(c_int::from(exchanged));
        }
        Ok(())
    })
}

/// Add to one element. Integers wrap round.
///
/// With an operand of 1 on a counter of 8 bytes it hands out numbers, each to one caller alone.
///
/// Returns what shm_array_atomic_store() returns. Since 0.1.
///
/// # Safety
///
/// As shm_array_atomic_exchange().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_array_atomic_fetch_add(
    array: Option<&Array>,
    ndim: usize,
    index: *const i64,
    size: usize,
    operand: *const c_void,
    out_previous: *mut c_void,
) -> c_int {
    // SAFETY: the caller's promise.
    guard(|| unsafe { fetch(array, ndim, index, size, Operation::Add, operand, "operand", out_previous) })
}

/// Make one element the smaller one of itself and the operand.
///
/// As numpy.fmin: a NaN is no number, and the other one is taken. Zeros of either sign are equal: the element stays.
///
/// Returns what shm_array_atomic_store() returns. Since 0.1.
///
/// # Safety
///
/// As shm_array_atomic_exchange().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_array_atomic_fetch_min(
    array: Option<&Array>,
    ndim: usize,
    index: *const i64,
    size: usize,
    operand: *const c_void,
    out_previous: *mut c_void,
) -> c_int {
    // SAFETY: the caller's promise.
    guard(|| unsafe { fetch(array, ndim, index, size, Operation::Min, operand, "operand", out_previous) })
}

/// Make one element the larger one of itself and the operand; NaN as in shm_array_atomic_fetch_min().
///
/// Returns what shm_array_atomic_store() returns. Since 0.1.
///
/// # Safety
///
/// As shm_array_atomic_exchange().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_array_atomic_fetch_max(
    array: Option<&Array>,
    ndim: usize,
    index: *const i64,
    size: usize,
    operand: *const c_void,
    out_previous: *mut c_void,
) -> c_int {
    // SAFETY: the caller's promise.
    guard(|| unsafe { fetch(array, ndim, index, size, Operation::Max, operand, "operand", out_previous) })
}

/// Keep the bits of one element that the operand has too. Integers only.
///
/// Returns what shm_array_atomic_store() returns. Since 0.1.
///
/// # Safety
///
/// As shm_array_atomic_exchange().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_array_atomic_fetch_and(
    array: Option<&Array>,
    ndim: usize,
    index: *const i64,
    size: usize,
    operand: *const c_void,
    out_previous: *mut c_void,
) -> c_int {
    // SAFETY: the caller's promise.
    guard(|| unsafe { fetch(array, ndim, index, size, Operation::And, operand, "operand", out_previous) })
}

/// Set those bits of one element that the operand has. Integers only.
///
/// Returns what shm_array_atomic_store() returns. Since 0.1.
///
/// # Safety
///
/// As shm_array_atomic_exchange().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_array_atomic_fetch_or(
    array: Option<&Array>,
    ndim: usize,
    index: *const i64,
    size: usize,
    operand: *const c_void,
    out_previous: *mut c_void,
) -> c_int {
    // SAFETY: the caller's promise.
    guard(|| unsafe { fetch(array, ndim, index, size, Operation::Or, operand, "operand", out_previous) })
}

/// Turn those bits of one element over that the operand has. Integers only.
///
/// Returns what shm_array_atomic_store() returns. Since 0.1.
///
/// # Safety
///
/// As shm_array_atomic_exchange().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_array_atomic_fetch_xor(
    array: Option<&Array>,
    ndim: usize,
    index: *const i64,
    size: usize,
    operand: *const c_void,
    out_previous: *mut c_void,
) -> c_int {
    // SAFETY: the caller's promise.
    guard(|| unsafe { fetch(array, ndim, index, size, Operation::Xor, operand, "operand", out_previous) })
}

/// What all of them do that take one value.
///
/// # Safety
///
/// As shm_array_atomic_exchange().
#[allow(clippy::too_many_arguments)]
unsafe fn fetch(
    array: Option<&Array>,
    ndim: usize,
    index: *const i64,
    size: usize,
    operation: Operation,
    value: *const c_void,
    what: &str,
    out_previous: *mut c_void,
) -> Result<()> {
    // SAFETY: the caller's promise.
    let (element, value) = unsafe { (Element::of(array, ndim, index, size)?, read(value, size, what)?) };
    let previous = element.array.atomic_fetch(element.index, operation, value)?;
    if !out_previous.is_null() {
        // SAFETY: not NULL, and the caller's promise.
        unsafe { write(out_previous, size, previous) };
    }
    Ok(())
}

/// Which element of which array.
struct Element<'a> {
    array: &'a Array,
    index: &'a [i64],
}

impl<'a> Element<'a> {
    /// # Safety
    ///
    /// `index` is NULL or has `ndim` numbers.
    unsafe fn of(array: Option<&'a Array>, ndim: usize, index: *const i64, size: usize) -> Result<Element<'a>> {
        let array = handle(array)?;
        let index = match ndim {
            0 => &[],
            // SAFETY: the caller's promise.
            _ => unsafe { numbers(index, ndim) }.ok_or_else(|| missing("index"))?,
        };
        // Checked before anything is read or written with it: it is how long the caller's values are.
        if size != array.itemsize() {
            let expected = array.itemsize();
            return Err(Error::invalid(format!("a value of {size} bytes, where the array's elements have {expected}")));
        }
        if size > size_of::<u64>() {
            // Of no dtype with such elements: which the operation itself says.
            array.atomic_load(index)?;
            return Err(Error::invalid(format!("a value of {size} bytes, expected at most 8")));
        }
        Ok(Element { array, index })
    }
}

/// # Safety
///
/// NULL, or `size` bytes, at most 8, can be read.
unsafe fn read(value: *const c_void, size: usize, what: &str) -> Result<u64> {
    if value.is_null() {
        return Err(missing(what));
    }
    // SAFETY: not NULL, and the caller's promise; a value may lie anywhere.
    Ok(unsafe {
        match size {
            1 => u64::from(value.cast::<u8>().read()),
            2 => u64::from(value.cast::<u16>().read_unaligned()),
            4 => u64::from(value.cast::<u32>().read_unaligned()),
            // Of another size the dtype is refused before the value is used.
            8 => value.cast::<u64>().read_unaligned(),
            _ => 0,
        }
    })
}

/// # Safety
///
/// `size` bytes, the size of a number, can be written.
unsafe fn write(out: *mut c_void, size: usize, value: u64) {
    // SAFETY: the caller's promise.
    unsafe {
        match size {
            1 => out.cast::<u8>().write(value as u8),
            2 => out.cast::<u16>().write_unaligned(value as u16),
            4 => out.cast::<u32>().write_unaligned(value as u32),
            _ => out.cast::<u64>().write_unaligned(value),
        }
    }
}
