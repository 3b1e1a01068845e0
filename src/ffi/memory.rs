//! Where an array's memory is, and what is done with it: placement, growth, copies, advice.

use std::ffi::{c_int, c_void};

use super::{guard, handle, missing};
use crate::array::Array;
use crate::array::placement::Placement;
use crate::error::{Error, Result};
use crate::os::copy::Source;
use crate::os::map::{Advice, Spread};

/// Choose: /dev/shm, memory without a name, a file.
pub const SHM_ARRAY_PLACE_AUTO: u32 = 0;
/// In /dev/shm.
pub const SHM_ARRAY_PLACE_SHM: u32 = 1;
/// In a file, which the kernel pages to and from disk.
pub const SHM_ARRAY_PLACE_FILE: u32 = 2;
/// In memory without a name (memfd).
pub const SHM_ARRAY_PLACE_MEMFD: u32 = 3;
/// Advice: nothing special; takes the others back.
pub const SHM_ARRAY_ADVICE_NORMAL: u32 = 0;
/// Advice: the elements are passed through in order; read ahead.
pub const SHM_ARRAY_ADVICE_SEQUENTIAL: u32 = 1;
/// Advice: the elements are touched here and there; do not read ahead.
pub const SHM_ARRAY_ADVICE_RANDOM: u32 = 2;
/// Advice: the elements are needed soon; begin to read them.
pub const SHM_ARRAY_ADVICE_WILL_NEED: u32 = 3;
/// Advice: this process is done with the elements for now; those of a file are written and may leave memory.
pub const SHM_ARRAY_ADVICE_DONE_WITH: u32 = 4;
/// Begin to write to disk, and do not wait.
pub const SHM_ARRAY_SYNC_START: u32 = 1;
/// Write to disk, and wait until it is there.
pub const SHM_ARRAY_SYNC_WAIT: u32 = 2;
/// Memory from the nodes in `numa_nodes` only.
pub const SHM_ARRAY_NUMA_BIND: u32 = 1;
/// Memory in turn from each of the nodes in `numa_nodes`.
pub const SHM_ARRAY_NUMA_INTERLEAVE: u32 = 2;
/// Memory from the node of the processor that touches it first.
pub const SHM_ARRAY_NUMA_LOCAL: u32 = 3;

const PLACEMENTS: [(Placement, u32); 4] = [
    (Placement::Auto, SHM_ARRAY_PLACE_AUTO),
    (Placement::Shm, SHM_ARRAY_PLACE_SHM),
    (Placement::File, SHM_ARRAY_PLACE_FILE),
    (Placement::Memfd, SHM_ARRAY_PLACE_MEMFD),
];

pub(super) fn placement(number: u32) -> Result<Placement> {
    let known = PLACEMENTS.iter().find(|row| row.1 == number).map(|row| row.0);
    known.ok_or_else(|| Error::invalid(format!("options.placement is {number}: it is one of SHM_ARRAY_PLACE_*")))
}

pub(super) fn number(placement: Placement) -> u32 {
    PLACEMENTS.iter().find(|row| row.0 == placement).map_or(0, |row| row.1)
}

pub(super) fn nodes(numa: u32, nodes: u64) -> Result<Option<(Spread, u64)>> {
    let spread = match numa {
        0 => None,
        SHM_ARRAY_NUMA_BIND => Some(Spread::Bind),
        SHM_ARRAY_NUMA_INTERLEAVE => Some(Spread::Interleave),
        SHM_ARRAY_NUMA_LOCAL => Some(Spread::Local),
        _ => return Err(Error::invalid(format!("options.numa is {numa}: it is 0 or one of SHM_ARRAY_NUMA_*"))),
    };
    let wants_nodes = matches!(spread, Some(Spread::Bind | Spread::Interleave));
    if wants_nodes != (nodes != 0) {
        return Err(Error::invalid(format!(
            "options.numa_nodes is {nodes:#x}: a bit a node for SHM_ARRAY_NUMA_BIND and _INTERLEAVE, and 0 for all else"
        )));
    }
    Ok(spread.map(|spread| (spread, nodes)))
}

/// Where the elements live: SHM_ARRAY_PLACE_SHM, _FILE or _MEMFD; 0 for NULL.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn shm_array_placement(array: Option<&Array>) -> u32 {
    array.map_or(0, |array| number(array.placement()))
}

/// Copy `bytes` bytes from `source` to the elements, from the byte `offset` on, with as many threads as help.
///
/// The bytes are elements in the array's own order, type and byte order. It is what a memcpy() to the view's data does, at
/// the speed of several processors; whoever wants others to see all or nothing holds the lock.
///
/// Returns:
///   EACCES   the array was opened for reading only.
///   EINVAL   beyond the elements; a slice with gaps; NULL.
///   ENOSPC   a lazy array for which there is no room left; ENOMEM likewise.
///
/// Threads:   the threads that help take no signals, and have ended when the call returns.
/// Since 0.1.
///
/// # Safety
///
/// `array` is NULL or open; `source` is NULL or has `bytes` bytes, none of them an element that is written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_array_copy_in(
    array: Option<&Array>,
    offset: u64,
    source: *const c_void,
    bytes: usize,
) -> c_int {
    // SAFETY: the caller's promise.
    guard(|| handle(array)?.copy_in(offset, unsafe { from(source, bytes) }?))
}

/// Add `rows` entries of the growing axis (the first in C order, the last in Fortran order) behind the last one.
///
/// `source` has `bytes` bytes, closely packed in the array's own order, type and byte order. Nothing moves: other
/// processes' pointers stay valid, and they see the new shape in their next shm_array_view().
///
/// Returns:
///   0       the array is `rows` longer, in its file as well.
///   EPERM   this handle does not hold the lock exclusively. EACCES: it was opened copy-on-write.
///   EINVAL  beyond the capacity; `bytes` is not what `rows` take; an adopted file; no dimensions; NULL.
///   ENOSPC  a lazy or trimmed array for which there is no room left. ENOMEM likewise. EFBIG: RLIMIT_FSIZE.
///
/// A death on the way leaves the old length or the new one. Since 0.1.
///
/// # Safety
///
/// As shm_array_copy_in().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_array_append(
    array: Option<&Array>,
    rows: u64,
    source: *const c_void,
    bytes: usize,
) -> c_int {
    // SAFETY: the caller's promise.
    guard(|| handle(array)?.append(rows, unsafe { from(source, bytes) }?))
}

/// Give the growing axis (the first in C order, the last in Fortran order) another length, within the capacity.
///
/// Elements stay where they are; new ones are what was there before. Other processes see the new shape in their next
/// shm_array_view(), and their pointers stay valid.
///
/// Returns:
///   EPERM       this handle does not hold the lock exclusively.
///   EINVAL      `length` is beyond the capacity; an adopted file; an array without dimensions; NULL.
///   EOPNOTSUPP  an ordinary .npy file.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn shm_array_resize(array: Option<&Array>, length: u64) -> c_int {
    guard(|| handle(array)?.resize(length))
}

/// Give back the memory or disk that the array keeps for growth; growing reserves it again, or fails with ENOSPC.
///
/// What lies behind the last element reads as zero from now on. Who still uses a view from before a shrink reads zeros
/// there, and a touch takes memory again.
///
/// Returns:
///   EPERM       this handle does not hold the lock exclusively.
///   EOPNOTSUPP  an ordinary .npy file, or a file system that cannot punch holes.
///   EINVAL      NULL.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn shm_array_trim(array: Option<&Array>) -> c_int {
    guard(|| handle(array)?.trim())
}

/// Tell the kernel how this process will use `bytes` bytes of the elements, from the byte `offset` on.
///
/// `advice` is one of SHM_ARRAY_ADVICE_*. What lies beyond the end is ignored, so that UINT64_MAX means "to the end". A
/// pass through a file that is larger than memory says DONE_WITH for each part behind it, and keeps little in memory.
/// Copy-on-write arrays keep what this process has changed.
///
/// Returns:
///   EINVAL  no such advice; a slice with gaps; NULL.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn shm_array_advise(array: Option<&Array>, advice: u32, offset: u64, bytes: u64) -> c_int {
    guard(|| {
        let array = handle(array)?;
        let advice = match advice {
            SHM_ARRAY_ADVICE_NORMAL => Advice::Normal,
            SHM_ARRAY_ADVICE_SEQUENTIAL => Advice::Sequential,
            SHM_ARRAY_ADVICE_RANDOM => Advice::Random,
            SHM_ARRAY_ADVICE_WILL_NEED => Advice::WillNeed,
            SHM_ARRAY_ADVICE_DONE_WITH => Advice::DoneWith,
            _ => return Err(Error::invalid(format!("advice {advice} is none of SHM_ARRAY_ADVICE_*"))),
        };
        array.advise(advice, offset, bytes)
    })
}

/// Write `bytes` bytes of the elements, from the byte `offset` on, to the file's disk.
///
/// `mode` is SHM_ARRAY_SYNC_START or SHM_ARRAY_SYNC_WAIT. What lies beyond the end is ignored, so that UINT64_MAX means "to
/// the end". Other processes see stores at once, with or without this; it is for the case that the machine fails. For
/// arrays in memory there is nothing to do.
///
/// Returns:
///   EIO, ENOSPC  the disk failed, or is full.
///   EOPNOTSUPP   SHM_ARRAY_SYNC_START of an untracked array.
///   EINVAL       no such mode; a slice with gaps; NULL.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn shm_array_sync(array: Option<&Array>, mode: u32, offset: u64, bytes: u64) -> c_int {
    guard(|| {
        let array = handle(array)?;
        match mode {
            SHM_ARRAY_SYNC_START => array.start_sync(offset, bytes),
            SHM_ARRAY_SYNC_WAIT => array.sync(offset, bytes),
            _ => Err(Error::invalid(format!("mode {mode} is neither SHM_ARRAY_SYNC_START nor SHM_ARRAY_SYNC_WAIT"))),
        }
    })
}

/// What a caller wants copied.
///
/// # Safety
///
/// NULL, or `bytes` bytes that can be read for as long as the result is used.
unsafe fn from<'a>(source: *const c_void, bytes: usize) -> Result<Source<'a>> {
    if bytes == 0 {
        return Ok(Source::from(&[][..]));
    }
    if source.is_null() {
        return Err(missing("source"));
    }
    // SAFETY: not NULL, and the caller's promise.
    Ok(unsafe { Source::new(source.cast(), bytes) })
}
