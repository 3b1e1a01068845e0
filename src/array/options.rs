//! What a caller may ask for when creating or opening.

use std::path::Path;

use super::placement::Placement;
use crate::os::map::Spread;
use crate::segment::Access;
use crate::segment::birth::{Readiness, Way};

/// How to create; the default is what most callers want.
#[derive(Clone, Debug, Default)]
pub struct Options<'a> {
    /// First axis fastest, as Fortran and MATLAB have it.
    pub fortran: bool,
    /// Remove the array when its last user closes it.
    pub last_close: bool,
    /// Open the array if one of that name, dtype, shape and order exists.
    pub or_open: bool,
    /// Keep no descriptor, and have no lock.
    pub untracked: bool,
    /// Wake those who may only read at once, too, when a write is completed: the writer then always asks the kernel.
    pub wakes_readers: bool,
    /// The file's permission bits; 0: 0600.
    pub permissions: u32,
    /// Length of the growing axis to keep room for; 0: as the shape says.
    pub capacity: u64,
    /// How many processes can lock at the same time; 0: 256.
    pub slots: u32,
    /// Anything, as JSON.
    pub metadata: Option<&'a str>,
    /// Name of an extension dtype, such as "bfloat16".
    pub dtype_tag: Option<&'a str>,
    /// Where the elements live.
    pub placement: Placement,
    /// For files: an absolute path; `None`: what SHM_ARRAY_DIR says.
    pub directory: Option<&'a Path>,
    /// [`Placement::Auto`] may put a named array into memory without a name.
    pub unnamed: bool,
    /// How much of the memory is there from the beginning.
    pub way: Way,
    /// From which nodes of a NUMA machine the memory comes, with a bit for each; files on disk do not care.
    pub nodes: Option<(Spread, u64)>,
    /// What is done to this process's mapping in advance.
    pub readiness: Readiness,
}

/// How to open.
#[derive(Clone, Copy, Debug)]
pub struct OpenFlags {
    /// What to do with the elements.
    pub access: Access,
    /// Keep no descriptor, and have no lock.
    pub untracked: bool,
    /// Make a shared array of an ordinary .npy file.
    pub adopt: bool,
    /// What is done to this process's mapping in advance.
    pub readiness: Readiness,
}

impl From<Access> for OpenFlags {
    fn from(access: Access) -> OpenFlags {
        OpenFlags { access, untracked: false, adopt: false, readiness: Readiness::default() }
    }
}
