//! Structs that cross the boundary. Each begins with its size, as its caller knows it (openat2's rule).

use std::ffi::c_char;
use std::mem::size_of;

use crate::error::{Errno, Error, Result};

/// What `shm_array_create` may be asked for. Zero all that is not set; NULL options are all defaults.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct shm_array_options_t {
    /// sizeof(shm_array_options_t).
    pub size: usize,
    /// SHM_ARRAY_FORTRAN, _LAST_CLOSE, _OR_OPEN, _UNTRACKED, _WAKES_READERS, _LAZY or _RESERVE, _POPULATE, _MLOCK,
    /// _UNNAMED.
    pub flags: u32,
    /// The file's mode bits, whatever the umask is; 0: 0600.
    pub permissions: u32,
    /// Length of the growing axis (the first in C order, the last in Fortran order) to keep room for; 0: as the shape.
    pub capacity: u64,
    /// How many processes can lock at the same time; 0: 256; at most 1023.
    pub slots: u32,
    /// 0.
    pub reserved: u32,
    /// UTF-8 JSON, or NULL.
    pub metadata: *const c_char,
    /// Name of an extension dtype ("bfloat16"), or NULL.
    pub dtype_tag: *const c_char,
    /// Absolute path of a directory for files; NULL: what the environment variable SHM_ARRAY_DIR says.
    pub directory: *const c_char,
    /// SHM_ARRAY_PLACE_AUTO (0), _SHM, _FILE or _MEMFD.
    pub placement: u32,
    /// On machines with several memory nodes: 0, SHM_ARRAY_NUMA_BIND, _INTERLEAVE or _LOCAL. Not for files on disk.
    pub numa: u32,
    /// A bit a node, for _BIND and _INTERLEAVE.
    pub numa_nodes: u64,
}

/// Where the elements lie.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct shm_array_view_t {
    /// sizeof(shm_array_view_t), set by the caller.
    pub size: usize,
    /// The first element of this view; valid until the last handle over the mapping is closed.
    pub data: *mut std::ffi::c_void,
    /// numpy's type string or descr; borrowed from the handle.
    pub dtype: *const c_char,
    /// Name of the extension dtype, or ""; borrowed from the handle.
    pub dtype_tag: *const c_char,
    /// Bytes of one element.
    pub itemsize: u64,
    /// Elements.
    pub count: u64,
    /// count * itemsize.
    pub nbytes: u64,
    /// SHM_ARRAY_VIEW_*.
    pub flags: u32,
    /// Dimensions in use.
    pub ndim: u32,
    /// Elements along each axis.
    pub shape: [u64; 64],
    /// Bytes from one element to the next along each axis.
    pub strides: [i64; 64],
}

/// What is going on at an array: for people and monitors.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct shm_array_stat_t {
    /// sizeof(shm_array_stat_t), set by the caller.
    pub size: usize,
    /// The segment's random id.
    pub id: [u8; 16],
    /// Completed exclusive locks.
    pub generation: u64,
    /// Bytes from the file's start to the elements.
    pub data_offset: u64,
    /// Bytes that the elements may take.
    pub capacity_bytes: u64,
    /// Bytes of the whole file.
    pub file_bytes: u64,
    /// CLOCK_REALTIME, nanoseconds.
    pub created_ns: i64,
    /// Who made it, in its own PID namespace.
    pub creator_pid: u32,
    /// SHM_ARRAY_LAST_CLOSE, _FORTRAN, _ADOPT, _WAKES_READERS, as the array was made.
    pub flags: u32,
    /// Length of the slot table.
    pub slots: u32,
    /// 0: free, SHM_ARRAY_EXCLUSIVE or SHM_ARRAY_SHARED.
    pub lock: u32,
    /// The live exclusive holder, else 0.
    pub lock_pid: u32,
    /// 1: a holder died while writing, and nobody has recovered yet.
    pub inconsistent: u32,
    /// Processes known to be attached; `pids` has the first 64.
    pub attached: u32,
    /// SHM_ARRAY_PLACE_SHM, _FILE or _MEMFD.
    pub placement: u32,
    /// Process ids, as this process sees them.
    pub pids: [u32; 64],
    /// Bytes that the file takes of memory or disk: fewer than `file_bytes` where it has holes; 0: not known.
    pub allocated_bytes: u64,
    /// When the last write was completed: CLOCK_REALTIME, nanoseconds, to some milliseconds; 0: never.
    pub published_ns: i64,
    /// How long ago that is, in nanoseconds.
    pub published_age_ns: u64,
    /// Whose write it was, in its own PID namespace; 0: nobody has written yet.
    pub publisher_pid: u32,
    /// 1: that process still lives.
    pub publisher_alive: u32,
}

/// What tells an array from every other one on this machine.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct shm_array_identity_t {
    /// sizeof(shm_array_identity_t), set by the caller.
    pub size: usize,
    /// The segment's random id; zeros for an ordinary .npy file.
    pub id: [u8; 16],
    /// Device of the file, as stat(2) has it.
    pub device: u64,
    /// Inode of the file.
    pub inode: u64,
    /// Bytes from the file's start to the elements.
    pub data_offset: u64,
    /// SHM_ARRAY_LAST_CLOSE, _ADOPT, as the array was made.
    pub flags: u32,
    /// 0.
    pub reserved: u32,
}

/// One array in a listing.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct shm_array_entry_t {
    /// sizeof(shm_array_entry_t), set by the caller.
    pub size: usize,
    /// As shm_array_open takes it; valid until the next call on the list.
    pub name: *const c_char,
    /// numpy's type string or descr; valid until the next call on the list.
    pub dtype: *const c_char,
    /// Bytes of one element.
    pub itemsize: u64,
    /// Bytes of the whole file.
    pub file_bytes: u64,
    /// Completed exclusive locks.
    pub generation: u64,
    /// CLOCK_REALTIME, nanoseconds.
    pub created_ns: i64,
    /// The segment's random id.
    pub id: [u8; 16],
    /// SHM_ARRAY_LAST_CLOSE, _FORTRAN, _ADOPT, as the array was made.
    pub flags: u32,
    /// 1: at least one live process is attached.
    pub attached: u32,
    /// The live exclusive holder, else 0.
    pub lock_pid: u32,
    /// Dimensions in use.
    pub ndim: u32,
    /// Elements along each axis.
    pub shape: [u64; 64],
    /// SHM_KIND_*: what it is.
    pub kind: u32,
    /// SHM_ARRAY_PLACE_SHM, or _FILE for one in the directory that SHM_ARRAY_DIR names.
    pub placement: u32,
    /// 0.
    pub reserved: u32,
}

/// One frame.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct shm_frame_t {
    /// sizeof(shm_frame_t), set by the caller.
    pub size: usize,
    /// Where it lies, in C order and without gaps; NULL after shm_frames_copy_latest().
    pub data: *mut std::ffi::c_void,
    /// Bytes of one frame.
    pub bytes: u64,
    /// The first frame is number 1; 0 while it is being filled.
    pub number: u64,
    /// Frames between the last one that was had through this handle and this one; 0 for the first.
    pub missed: u64,
    /// Which buffer it lies in: the index of the first axis of the .npy file.
    pub buffer: u32,
    /// 0.
    pub reserved: u32,
}

/// What frames look like, and how things stand.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct shm_frames_stat_t {
    /// sizeof(shm_frames_stat_t), set by the caller.
    pub size: usize,
    /// numpy's type string or descr; borrowed from the handle.
    pub dtype: *const c_char,
    /// Bytes of one element.
    pub itemsize: u64,
    /// Bytes of one frame.
    pub frame_bytes: u64,
    /// Number of the latest frame; 0: none yet.
    pub latest: u64,
    /// How many buffers there are.
    pub buffers: u32,
    /// Buffers that living readers have pinned.
    pub pinned: u32,
    /// Buffers that living writers fill.
    pub writing: u32,
    /// How many processes can take part.
    pub slots: u32,
    /// 0.
    pub reserved: u32,
    /// Dimensions of a frame.
    pub ndim: u32,
    /// Elements along each axis of a frame.
    pub shape: [u64; 64],
}

/// Plain data that may be copied in part, and that is valid when all its bytes are zero.
///
/// # Safety
///
/// `#[repr(C)]`, beginning with `size: usize`, of integers and pointers only.
pub(super) unsafe trait Sized: Copy {}
// SAFETY: see the structs.
unsafe impl Sized for shm_array_options_t {}
// SAFETY: see the structs.
unsafe impl Sized for shm_array_view_t {}
// SAFETY: see the structs.
unsafe impl Sized for shm_array_stat_t {}
// SAFETY: see the structs.
unsafe impl Sized for shm_array_entry_t {}
// SAFETY: see the structs.
unsafe impl Sized for shm_array_identity_t {}
// SAFETY: see the structs.
unsafe impl Sized for shm_frame_t {}
// SAFETY: see the structs.
unsafe impl Sized for shm_frames_stat_t {}

/// All zero.
pub(super) fn zeroed<T: Sized>() -> T {
    // SAFETY: the trait promises that zeros are a value.
    unsafe { std::mem::zeroed() }
}

/// How long the caller's struct is; at most what can be a mistake's cost.
///
/// # Safety
///
/// Not NULL, and valid for reads of a usize.
unsafe fn size_at<T: Sized>(record: *const T, what: &str) -> Result<usize> {
    const LARGEST: usize = 65536;
    // SAFETY: the caller's promise.
    let size = unsafe { record.cast::<usize>().read_unaligned() };
    if (size_of::<usize>()..=LARGEST).contains(&size) {
        return Ok(size);
    }
    let expected = size_of::<T>();
    Err(Error::invalid(format!("{what}.size is {size}: set it to sizeof the struct, {expected} in this version")))
}

/// A struct that the caller filled: what it is too short for is zero, and what we do not know of it must be.
///
/// # Safety
///
/// Not NULL, and valid for reads of the bytes that its size says.
pub(super) unsafe fn read<T: Sized>(record: *const T, what: &str) -> Result<T> {
    // SAFETY: the caller's promise.
    let size = unsafe { size_at(record, what) }?;
    let mut own: T = zeroed();
    let known = size.min(size_of::<T>());
    // SAFETY: `known` bytes are in both, and every pattern of bytes is a value.
    unsafe { std::ptr::copy_nonoverlapping(record.cast::<u8>(), (&raw mut own).cast::<u8>(), known) };
    for index in known..size {
        // SAFETY: within the size that the caller gave.
        if unsafe { record.cast::<u8>().add(index).read() } != 0 {
            return Err(Error::os(
                Errno::E2BIG,
                format!("{what} has {size} bytes, of which this version knows {known}, and asks for something beyond"),
            ));
        }
    }
    Ok(own)
}

/// Whether a struct can be filled. A longer one than ours must come with a zero tail, as the caller's newer header
/// promises nothing about what we leave alone.
///
/// # Safety
///
/// NULL, or valid for reads of the bytes that its size says.
pub(super) unsafe fn check<T: Sized>(out: *const T, what: &str) -> Result<()> {
    if out.is_null() {
        return Err(super::missing(what));
    }
    // SAFETY: not NULL, and the caller's promise.
    let size = unsafe { size_at(out, what) }?;
    for index in size_of::<T>()..size {
        // SAFETY: within the size that the caller gave.
        if unsafe { out.cast::<u8>().add(index).read() } != 0 {
            let ours = size_of::<T>();
            return Err(Error::os(Errno::E2BIG, format!("{what} has {size} bytes, this version knows {ours}")));
        }
    }
    Ok(())
}

/// Fill the caller's struct as far as it goes; its size stays.
///
/// # Safety
///
/// [`check`] passed, and valid for writes of the bytes that its size says.
pub(super) unsafe fn write<T: Sized>(out: *mut T, record: &T) -> Result<()> {
    // SAFETY: `check` passed.
    let size = unsafe { size_at(out, "out") }?;
    let skip = size_of::<usize>();
    let known = size.min(size_of::<T>()) - skip;
    // SAFETY: within both structs.
    unsafe {
        std::ptr::copy_nonoverlapping((&raw const *record).cast::<u8>().add(skip), out.cast::<u8>().add(skip), known);
    }
    Ok(())
}
