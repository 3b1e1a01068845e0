//! What C says about an array that is to be made, understood.

use std::ffi::c_char;
use std::path::Path;

use super::flags::{
    SHM_ARRAY_FORTRAN, SHM_ARRAY_LAST_CLOSE, SHM_ARRAY_LAZY, SHM_ARRAY_MLOCK, SHM_ARRAY_OR_OPEN, SHM_ARRAY_POPULATE,
    SHM_ARRAY_RESERVE, SHM_ARRAY_UNNAMED, SHM_ARRAY_UNTRACKED, SHM_ARRAY_WAKES_READERS, readiness,
};
use super::records::shm_array_options_t;
use super::{memory, missing, optional_text, refuse_unknown, text};
use crate::array::options::Options;
use crate::error::{Code, Error, Result};
use crate::segment::birth::Way;

/// A dtype that is not UTF-8 is like any other that is not understood.
///
/// # Safety
///
/// NULL, or ends in NUL and lives as long as the result.
pub(super) unsafe fn dtype_text<'a>(dtype: *const c_char) -> Result<&'a str> {
    if dtype.is_null() {
        return Err(missing("dtype"));
    }
    // SAFETY: not NULL, and the caller's promise.
    unsafe { text(dtype, "dtype") }.map_err(|error| Error::new(Code::Dtype, error.detail()))
}

/// # Safety
///
/// The texts are NULL or end in NUL, and live as long as the result.
pub(super) unsafe fn understand<'a>(given: &shm_array_options_t) -> Result<Options<'a>> {
    let flags = given.flags;
    const OF_THE_ARRAY: u32 =
        SHM_ARRAY_FORTRAN | SHM_ARRAY_LAST_CLOSE | SHM_ARRAY_OR_OPEN | SHM_ARRAY_UNTRACKED | SHM_ARRAY_WAKES_READERS;
    const OF_ITS_MEMORY: u32 =
        SHM_ARRAY_LAZY | SHM_ARRAY_RESERVE | SHM_ARRAY_UNNAMED | SHM_ARRAY_POPULATE | SHM_ARRAY_MLOCK;
    refuse_unknown(flags, OF_THE_ARRAY | OF_ITS_MEMORY)?;
    if given.reserved != 0 {
        return Err(Error::invalid(format!("options.reserved is {}: zero all that is not set", given.reserved)));
    }
    // SAFETY: the caller's promise.
    let (metadata, dtype_tag, directory) = unsafe {
        (
            optional_text(given.metadata, "options.metadata")?,
            optional_text(given.dtype_tag, "options.dtype_tag")?,
            optional_text(given.directory, "options.directory")?,
        )
    };
    Ok(Options {
        fortran: flags & SHM_ARRAY_FORTRAN != 0,
        last_close: flags & SHM_ARRAY_LAST_CLOSE != 0,
        or_open: flags & SHM_ARRAY_OR_OPEN != 0,
        untracked: flags & SHM_ARRAY_UNTRACKED != 0,
        wakes_readers: flags & SHM_ARRAY_WAKES_READERS != 0,
        permissions: given.permissions,
        capacity: given.capacity,
        slots: given.slots,
        metadata,
        dtype_tag,
        placement: memory::placement(given.placement)?,
        directory: directory.map(Path::new),
        unnamed: flags & SHM_ARRAY_UNNAMED != 0,
        way: match (flags & SHM_ARRAY_LAZY != 0, flags & SHM_ARRAY_RESERVE != 0) {
            (false, false) => Way::Ready,
            (false, true) => Way::Reserve,
            (true, false) => Way::Lazy,
            (true, true) => return Err(Error::invalid("SHM_ARRAY_LAZY and SHM_ARRAY_RESERVE exclude each other")),
        },
        nodes: memory::nodes(given.numa, given.numa_nodes)?,
        readiness: readiness(flags),
    })
}
