//! `shm_array_*`: one exported function a method of [`Array`].

use std::ffi::{c_char, c_int, c_void};
use std::ptr;

use super::flags::open_flags;
use super::options;
use super::records::{self, shm_array_options_t, shm_array_view_t};
use super::{bits, boxed, close, guard, handle, missing, numbers, optional_text, put, text};
use crate::array::view::{Slice, View};
use crate::array::{self, Array};
use crate::error::{Errno, Error, Result};
use crate::os::time::Timeout;
use crate::sync::lock::short::{Left, Reached};
use crate::sync::lock::{Acquired, Mode};

/// Lock mode: alone.
pub const SHM_ARRAY_EXCLUSIVE: u32 = 1;
/// Lock mode: together with others who only read.
pub const SHM_ARRAY_SHARED: u32 = 2;
/// The last axis is the fastest, without gaps.
pub const SHM_ARRAY_VIEW_C_CONTIGUOUS: u32 = 1;
/// The first axis is the fastest, without gaps.
pub const SHM_ARRAY_VIEW_F_CONTIGUOUS: u32 = 2;
/// Each element lies as its type wants it.
pub const SHM_ARRAY_VIEW_ALIGNED: u32 = 4;
/// The elements may be written.
pub const SHM_ARRAY_VIEW_WRITABLE: u32 = 8;
/// Other processes see what is written.
pub const SHM_ARRAY_VIEW_SHARED: u32 = 16;
/// The most dimensions that an array can have (numpy 1 stops at 32).
pub const SHM_ARRAY_MAX_NDIM: u32 = 64;
/// A start, stop or step of a slice that is left out.
pub const SHM_ARRAY_NONE: i64 = i64::MIN;

/// Create an array of zeros, and open it for writing.
///
/// `name` is a POSIX shared-memory name ("temperature", /dev/shm/temperature), "file:///directory/x.npy", or NULL for
/// memory without a name, which travels by descriptor. `dtype` is numpy's type string or descr ("<f8", "float64",
/// "[('x', '<f4'), ('y', '<i4', (3,))]"). `shape` has `ndim` lengths in elements (NULL where `ndim` is 0).
///
/// Memory: where it fits it is there, of 8 MiB and more in huge pages where the kernel can; see SHM_ARRAY_LAZY and
/// SHM_ARRAY_RESERVE for other ways. What does not fit is refused, with the figure that is short and the remedy.
///
/// Placement: with SHM_ARRAY_PLACE_AUTO a plain name is put into /dev/shm; where it does not fit there, into memory
/// without a name, if SHM_ARRAY_UNNAMED allows that; else into a file of that name in `options->directory` or in the
/// directory that the environment variable SHM_ARRAY_DIR names, if there is one. shm_array_placement() tells which.
/// A plain name is looked for in /dev/shm, then in SHM_ARRAY_DIR; what lies in another directory is opened by its path.
///
/// Returns:
///   0           `*out` is the array. Unless it is lazy, no later touch is a SIGBUS.
///   EEXIST      the name is taken.
///   ENOSPC      /dev/shm or the disk is full. ENOMEM: memory of the machine or of a control group, RLIMIT_AS,
///               RLIMIT_MEMLOCK. EFBIG: RLIMIT_FSIZE.
///   EINVAL      a bad name, flag, capacity, placement or metadata, or a shape of more than 64 dimensions or 2^63 bytes.
///   ENOENT      no /dev/shm, or no such directory. EACCES, EMFILE, EOPNOTSUPP (a network file system): as said.
///   SHM_ARRAY_ERR_DTYPE  the dtype is not understood, or holds Python objects.
///
/// Ownership: the caller closes `*out`. Nothing half made stays behind on failure, or at any death.
/// Since 0.1.
///
/// # Safety
///
/// Strings end in NUL; `shape` has `ndim` numbers; `options` is NULL or as long as its size says; `out` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_array_create(
    name: *const c_char,
    dtype: *const c_char,
    ndim: usize,
    shape: *const u64,
    options: *const shm_array_options_t,
    out: *mut *mut Array,
) -> c_int {
    let create = || {
        // SAFETY: the caller's promise, for each argument.
        let name = unsafe { optional_text(name, "name") }?;
        // SAFETY: the caller's promise.
        let dtype = unsafe { options::dtype_text(dtype) }?;
        if ndim > SHM_ARRAY_MAX_NDIM as usize {
            return Err(Error::invalid(format!("{ndim} dimensions; at most {SHM_ARRAY_MAX_NDIM} are allowed")));
        }
        let shape = match ndim {
            0 => &[],
            // SAFETY: the caller's promise.
            _ => unsafe { numbers(shape, ndim) }.ok_or_else(|| missing("shape"))?,
        };
        let given = match options.is_null() {
            true => records::zeroed(),
            // SAFETY: not NULL, and the caller's promise.
            false => unsafe { records::read(options, "options (shm_array_options_t)") }?,
        };
        // SAFETY: the caller's promise.
        let options = unsafe { options::understand(&given) }?;
        boxed(Array::create(name, dtype, shape, &options))
    };
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out, "out", create) })
}

/// Open an array that exists.
///
/// `flags` is one of SHM_ARRAY_READ, SHM_ARRAY_WRITE, SHM_ARRAY_COPY_ON_WRITE, and perhaps SHM_ARRAY_UNTRACKED,
/// SHM_ARRAY_ADOPT, SHM_ARRAY_POPULATE or SHM_ARRAY_MLOCK. An ordinary .npy file opens for reading and copy-on-write as it is.
///
/// Returns:
///   0           `*out` is the array.
///   ENOENT      there is none of that name. EACCES, EMFILE, ELOOP (a symbolic link): as said.
///   EOPNOTSUPP  an ordinary .npy file, for writing, without SHM_ARRAY_ADOPT; a network file system.
///   EBUSY       the name is being replaced, for seconds.
///   ENOSPC      no room for the missing pages of a lazy array that is to be populated. ENOMEM: RLIMIT_AS, RLIMIT_MEMLOCK.
///   EINVAL      a bad name or flag.
///   SHM_ARRAY_ERR_FORMAT, _CORRUPT, _VERSION, _DTYPE  what is there cannot be used, and why.
///
/// Ownership: the caller closes `*out`.
/// Since 0.1.
///
/// # Safety
///
/// `name` is NULL or ends in NUL; `out` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_array_open(name: *const c_char, flags: u32, out: *mut *mut Array) -> c_int {
    // SAFETY: the caller's promise.
    let open = || unsafe { boxed(Array::open(text(name, "name")?, open_flags(flags)?)) };
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out, "out", open) })
}

/// Open an array that exists, and tell where its elements lie: shm_array_open() and shm_array_view() in one call, which
/// touches no memory of the array. For programs that open many, and for languages in which a call is dear.
///
/// `flags` as for shm_array_open(). The view is that of the moment of opening.
///
/// Returns:
///   0       `*out` is the array, and `*out_view` is filled, as far as its size says.
///   EINVAL  `out` or `out_view` is NULL, or `out_view->size` is no size. E2BIG: it is longer than known, and not zero
///           there.
///   else    what shm_array_open() returns; nothing is open then.
///
/// Ownership: the caller closes `*out`; `out_view->data` is valid until the last handle over the mapping is closed.
/// Since 0.1.
///
/// # Safety
///
/// `name` is NULL or ends in NUL; `out` is NULL or can be written; `out_view` is NULL or as long as its size says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_array_open_view(
    name: *const c_char,
    flags: u32,
    out: *mut *mut Array,
    out_view: *mut shm_array_view_t,
) -> c_int {
    let open = || {
        // SAFETY: the caller's promise.
        unsafe { records::check(out_view, "out_view (shm_array_view_t)") }?;
        // SAFETY: the caller's promise.
        let array = Array::open(unsafe { text(name, "name") }?, open_flags(flags)?)?;
        let record = view_record(&array, &array.view_when_opened()?);
        // SAFETY: checked above.
        unsafe { records::write(out_view, &record) }?;
        boxed(Ok(array))
    };
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out, "out", open) })
}

/// Where the elements lie, now.
///
/// After somebody's resize ask again: the memory stays where it is, the shape is new.
///
/// Returns:
///   0       `*out` is filled, as far as its size says.
///   EINVAL  `array` or `out` is NULL, or `out->size` is no size. E2BIG: it is longer than known, and not zero there.
///   SHM_ARRAY_ERR_CORRUPT  somebody has damaged the layout record.
///
/// Ownership: borrows; `data` is valid until the last handle over the mapping is closed.
/// Since 0.1.
///
/// # Safety
///
/// `array` is NULL or open; `out` is NULL or as long as its size says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_array_view(array: Option<&Array>, out: *mut shm_array_view_t) -> c_int {
    guard(|| {
        let array = handle(array)?;
        // SAFETY: the caller's promise.
        unsafe { records::check(out, "out (shm_array_view_t)") }?;
        let record = view_record(array, &array.view()?);
        // SAFETY: checked above.
        unsafe { records::write(out, &record) }
    })
}

fn view_record(array: &Array, view: &View) -> shm_array_view_t {
    let mut record: shm_array_view_t = records::zeroed();
    record.data = view.data.cast::<c_void>();
    record.dtype = array.dtype().as_ptr();
    record.dtype_tag = array.dtype_tag().as_ptr();
    record.itemsize = view.itemsize;
    record.count = view.count;
    record.nbytes = view.nbytes;
    record.flags = bits(&[
        (view.c_contiguous, SHM_ARRAY_VIEW_C_CONTIGUOUS),
        (view.f_contiguous, SHM_ARRAY_VIEW_F_CONTIGUOUS),
        (view.aligned, SHM_ARRAY_VIEW_ALIGNED),
        (view.writable, SHM_ARRAY_VIEW_WRITABLE),
        (view.shared, SHM_ARRAY_VIEW_SHARED),
    ]);
    record.ndim = view.shape().len() as u32;
    record.shape[..view.shape().len()].copy_from_slice(view.shape());
    record.strides[..view.shape().len()].copy_from_slice(view.strides());
    record
}

/// Another handle on the same mapping: on a part of the array, by slices of its leading `naxes` axes. No copy.
///
/// `start`, `stop` and `step` have `naxes` numbers each, as in Python's start:stop:step; each may be NULL, and each
/// number SHM_ARRAY_NONE, for "left out". With `naxes` 0 it is a second handle on the same part.
///
/// Returns:
///   EINVAL  more slices than dimensions, a step of 0, or NULL for `array` or `out`.
///
/// Ownership: the caller closes `*out`; it outlives `array`, and holds locks of its own.
/// Since 0.1.
///
/// # Safety
///
/// `array` is NULL or open; the arrays are NULL or have `naxes` numbers; `out` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_array_slice(
    array: Option<&Array>,
    naxes: usize,
    start: *const i64,
    stop: *const i64,
    step: *const i64,
    out: *mut *mut Array,
) -> c_int {
    let slice = || {
        let array = handle(array)?;
        if naxes > SHM_ARRAY_MAX_NDIM as usize {
            return Err(Error::invalid(format!("{naxes} slices; at most {SHM_ARRAY_MAX_NDIM} are allowed")));
        }
        // SAFETY: the caller's promise.
        let [start, stop, step] = [start, stop, step].map(|given| unsafe { numbers(given, naxes) });
        let at = |given: Option<&[i64]>, axis: usize| given.map(|n| n[axis]).filter(|n| *n != SHM_ARRAY_NONE);
        let slices: Vec<Slice> = (0..naxes)
            .map(|axis| Slice { start: at(start, axis), stop: at(stop, axis), step: at(step, axis) })
            .collect();
        boxed(array.slice(&slices))
    };
    // SAFETY: the caller's promise.
    guard(|| unsafe { put(out, "out", slice) })
}

/// Take the array's lock, waiting at most `timeout_ns` nanoseconds.
///
/// `mode` is SHM_ARRAY_EXCLUSIVE or SHM_ARRAY_SHARED. A negative timeout waits for ever; 0 only tries.
///
/// Returns:
///   0           the caller holds the lock.
///   EOWNERDEAD  the caller holds the lock, and a holder died while writing: the elements may be half written. Repair
///               them, then call shm_array_recover(); until then every holder is told again.
///   ETIMEDOUT   not acquired in time (EBUSY where the timeout was 0).
///   EACCES      the array was opened with SHM_ARRAY_READ, or this process may not write the file (EROFS: nobody may).
///   EUSERS      more processes lock this array than it has slots.
///   EOPNOTSUPP  an untracked array, or an ordinary .npy file.
///   EINVAL      `array` is NULL, or `mode` is neither of the two.
///
/// Ownership: borrows `array`. Pair each 0 or EOWNERDEAD with one shm_array_unlock().
/// Threads:   any thread may call, and any thread may unlock through the same handle. Who locks what this process holds
///            already waits, like anybody else.
/// Fork:      a child holds none of its parent's locks.
/// Memory:    what was written before an unlock is visible after the next lock, in any process.
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn shm_array_lock(array: Option<&Array>, mode: u32, timeout_ns: i64) -> c_int {
    // Most locks are free: that way has nothing to tell, and cannot panic.
    let reached = match (array, mode) {
        (Some(array), SHM_ARRAY_EXCLUSIVE) => array.lock_at_once(Mode::Exclusive),
        (Some(array), SHM_ARRAY_SHARED) => array.lock_at_once(Mode::Shared),
        _ => Reached::Nothing,
    };
    match reached {
        Reached::End => 0,
        Reached::Middle => lock_from_the_middle(array, mode, timeout_ns),
        Reached::Nothing => lock_in_turn(array, mode, timeout_ns),
    }
}

/// Apart as the next one is.
#[inline(never)]
extern "C" fn lock_from_the_middle(array: Option<&Array>, mode: u32, timeout_ns: i64) -> c_int {
    if let (Some(array), Some(mode)) = (array, known_mode(mode))
        && array.lock_from_the_middle(mode)
    {
        return 0;
    }
    lock_in_turn(array, mode, timeout_ns)
}

/// Apart, so that a lock that is free costs no stack frame; and extern "C", which cannot unwind and so can be jumped to.
#[cold]
#[inline(never)]
extern "C" fn lock_in_turn(array: Option<&Array>, mode: u32, timeout_ns: i64) -> c_int {
    guard(|| {
        let array = handle(array)?;
        told(array.lock(lock_mode(mode)?, Timeout::from_ns(timeout_ns))?)
    })
}

fn known_mode(mode: u32) -> Option<Mode> {
    match mode {
        SHM_ARRAY_EXCLUSIVE => Some(Mode::Exclusive),
        SHM_ARRAY_SHARED => Some(Mode::Shared),
        _ => None,
    }
}

fn lock_mode(mode: u32) -> Result<Mode> {
    let refusal = || Error::invalid(format!("mode {mode} is neither SHM_ARRAY_EXCLUSIVE nor SHM_ARRAY_SHARED"));
    known_mode(mode).ok_or_else(refusal)
}

pub(super) fn told(acquired: Acquired) -> Result<()> {
    if acquired == Acquired::Clean { Ok(()) } else { Err(owner_died("the lock is held now")) }
}

#[cold]
pub(super) fn owner_died(what: &str) -> Error {
    Error::os(
        Errno::EOWNERDEAD,
        format!(
            "{what}, but a holder died while writing: the elements may be half written; repair them under an exclusive \
             lock, then call shm_array_recover(), or shm_array_recover_range() for a range"
        ),
    )
}

/// Release what this handle holds: the lock, or one of its shared holds.
///
/// Returns:
///   EPERM   this handle holds nothing (another one may; a forked child never does).
///   EINVAL  `array` is NULL.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn shm_array_unlock(array: Option<&Array>) -> c_int {
    let Some(open) = array else { return unlock_and_tell(array) };
    match open.unlock_at_once() {
        Left::Nothing => 0,
        Left::Everything => unlock_and_tell(array),
        Left::Exclusive => unlock_from_the_middle(open),
        left => unlock_to_the_end(open, left),
    }
}

/// As [`lock_from_the_middle`]: it calls a function to look at the clock.
#[inline(never)]
extern "C" fn unlock_from_the_middle(array: &Array) -> c_int {
    match array.unlock_from_the_middle() {
        Left::Nothing => 0,
        left => unlock_to_the_end(array, left),
    }
}

/// As [`lock_in_turn`].
#[cold]
#[inline(never)]
extern "C" fn unlock_to_the_end(array: &Array, left: Left) -> c_int {
    if array.unlock_to_the_end(left) { 0 } else { unlock_and_tell(Some(array)) }
}

/// As [`lock_in_turn`].
#[cold]
#[inline(never)]
extern "C" fn unlock_and_tell(array: Option<&Array>) -> c_int {
    guard(|| handle(array)?.unlock())
}

/// Declare the elements repaired after EOWNERDEAD, ranges included; the lock stays held.
///
/// Returns:
///   EPERM   this handle does not hold the lock exclusively.
///   EINVAL  `array` is NULL.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn shm_array_recover(array: Option<&Array>) -> c_int {
    guard(|| handle(array)?.recover())
}

/// Lock a range of rows, waiting at most `timeout_ns` nanoseconds.
///
/// Exclusive ranges exclude all that overlap them, shared ones do not exclude each other, and ranges apart run side by
/// side; overlapping ones are served in the order in which they came. A row is one index of the growing axis (the first
/// in C order, the last in Fortran order) of the whole array, whatever part of it the handle shows; rows behind the
/// present end, within the capacity, may be locked too. An array without dimensions has one row. The whole array's lock
/// and ranges know each other: its exclusive holder excludes all ranges, its shared holders exclude exclusive ranges.
///
/// Returns:
///   0           the caller holds the range.
///   EOWNERDEAD  the caller holds the range, and a holder of rows in it, or of the whole array, died while writing.
///               Repair them, then call shm_array_recover_range() (for the whole array: lock it, shm_array_recover());
///               until then everybody who locks such rows is told, and nobody else.
///   ETIMEDOUT   not acquired in time (EBUSY where the timeout was 0), or no room in the table of ranges: it has as many
///               records as the array has slots.
///   EINVAL      `array` is NULL, `mode` is unknown, `rows` is 0, or the range ends behind the capacity.
///   and EACCES, EUSERS, EOPNOTSUPP as shm_array_lock().
///
/// Ownership: borrows `array`. Pair each 0 or EOWNERDEAD with one shm_array_unlock_range() of the same rows.
/// Threads:   any thread may call, and any thread may unlock through the same handle, which may hold many ranges. Who
///            locks rows that this process holds already waits, like anybody else.
/// Fork:      a child holds none of its parent's ranges.
/// Memory:    what was written before an unlock is visible after the next lock of those rows, in any process.
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn shm_array_lock_range(
    array: Option<&Array>,
    first_row: u64,
    rows: u64,
    mode: u32,
    timeout_ns: i64,
) -> c_int {
    guard(|| {
        let array = handle(array)?;
        told(array.lock_range(first_row, rows, lock_mode(mode)?, Timeout::from_ns(timeout_ns))?)
    })
}

/// Release a range, as it was locked.
///
/// Returns:
///   EPERM   this handle holds no range of just these rows (another one may; a forked child never does).
///   EINVAL  `array` is NULL, or these can be no rows of it.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn shm_array_unlock_range(array: Option<&Array>, first_row: u64, rows: u64) -> c_int {
    guard(|| handle(array)?.unlock_range(first_row, rows))
}

/// Declare rows repaired after EOWNERDEAD; the range stays held.
///
/// Returns:
///   EPERM      this handle holds no exclusive range that contains these rows.
///   ENOSPC     they lie within a dead holder's rows, and the table of ranges has no room for both that remain.
///   ETIMEDOUT  a process that was stopped has been in the table of ranges for a second: try again.
///   EINVAL     `array` is NULL, or these can be no rows of it.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn shm_array_recover_range(array: Option<&Array>, first_row: u64, rows: u64) -> c_int {
    guard(|| handle(array)?.recover_range(first_row, rows))
}

/// The name, as shm_array_open() takes it; "" for anonymous memory, NULL for NULL.
///
/// Borrowed from the handle. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn shm_array_name(array: Option<&Array>) -> *const c_char {
    array.map_or(ptr::null(), |array| array.name().as_ptr())
}

/// The creator's metadata, as JSON; NULL where there are none, or for NULL.
///
/// Borrowed from the handle. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn shm_array_metadata(array: Option<&Array>) -> *const c_char {
    array.and_then(Array::metadata).map_or(ptr::null(), |metadata| metadata.as_ptr())
}

/// Close a handle. NULL is fine.
///
/// Releases what the handle holds. The memory goes when the last handle over the mapping is closed, and a last-close
/// array with its last user. Since 0.1.
///
/// # Safety
///
/// NULL, or a handle that is not closed yet and that no other thread uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_array_close(array: *mut Array) {
    // SAFETY: the caller's promise.
    unsafe { close(array) };
}

/// Take an array's name away. Who has it open keeps it.
///
/// Returns:
///   ENOENT  there is none of that name. EACCES, EPERM: it is another user's.
///   EINVAL  a bad name, or NULL.
///   SHM_ARRAY_ERR_FORMAT  the file is neither a shared array nor a .npy file: nothing was removed.
///
/// Since 0.1.
///
/// # Safety
///
/// `name` is NULL or ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_array_unlink(name: *const c_char) -> c_int {
    // SAFETY: the caller's promise.
    guard(|| array::unlink(unsafe { text(name, "name") }?))
}

/// Take the name of an opened array away, unless it is another array's by now.
///
/// Returns:
///   ESTALE  the name is another array's. EINVAL: the array is anonymous, or NULL.
///   and what shm_array_unlink() returns.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn shm_array_funlink(array: Option<&Array>) -> c_int {
    guard(|| handle(array)?.unlink())
}
