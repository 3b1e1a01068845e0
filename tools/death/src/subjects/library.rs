//! The library itself, through its C functions: what they promise is what counts.
//!
//! Declared here by hand as a C program would find them in the header, structs only as far as they are used (the
//! library serves a struct as far as its `size` goes).

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::fs::File;
use std::ops::Range;
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::ptr;
use std::sync::atomic::AtomicU64;

// Linked for its C functions, and for this one.
pub use shm_array::spin_before_sleep;

use super::{ELEMENTS, Failure, Life, Subject};
use crate::engine::marks::Hold;

const READ: u32 = 1;
const WRITE: u32 = 2;
const MAY_LOCK: u32 = 1;
const ADOPT: u32 = 16;
const LAST_CLOSE: u32 = 512;
const OR_OPEN: u32 = 1024;
const EXCLUSIVE: u32 = 1;
const SHARED: u32 = 2;
const PANIC: i32 = -90;

#[repr(C)]
struct Options {
    size: usize,
    flags: u32,
    permissions: u32,
    capacity: u64,
    slots: u32,
    reserved: u32,
}

#[repr(C)]
struct View {
    size: usize,
    data: *mut c_void,
    dtype: *const c_char,
    dtype_tag: *const c_char,
    itemsize: u64,
    count: u64,
}

/// Who wrote last.
#[repr(C)]
#[derive(Default)]
pub struct Publish {
    size: usize,
    /// Completed writes.
    pub generation: u64,
    /// When the last of them was completed.
    pub published_ns: i64,
    /// How long ago that is.
    pub age_ns: u64,
    /// By whom.
    pub pid: u32,
    /// Whether it lives.
    pub alive: u32,
}

#[repr(C)]
struct Handle {
    opaque: [u8; 0],
}

unsafe extern "C" {
    fn shm_array_create(
        name: *const c_char,
        dtype: *const c_char,
        ndim: usize,
        shape: *const u64,
        options: *const Options,
        out: *mut *mut Handle,
    ) -> c_int;
    fn shm_array_open(name: *const c_char, flags: u32, out: *mut *mut Handle) -> c_int;
    fn shm_array_view(array: *const Handle, out: *mut View) -> c_int;
    fn shm_array_fd(array: *const Handle, out_fd: *mut c_int) -> c_int;
    fn shm_array_lock(array: *const Handle, mode: u32, timeout_ns: i64) -> c_int;
    fn shm_array_unlock(array: *const Handle) -> c_int;
    fn shm_array_recover(array: *const Handle) -> c_int;
    fn shm_array_lock_range(array: *const Handle, first: u64, rows: u64, mode: u32, timeout_ns: i64) -> c_int;
    fn shm_array_unlock_range(array: *const Handle, first: u64, rows: u64) -> c_int;
    fn shm_array_recover_range(array: *const Handle, first: u64, rows: u64) -> c_int;
    fn shm_array_condition_wait(array: *const Handle, condition: u32, timeout_ns: i64) -> c_int;
    fn shm_array_condition_notify(array: *const Handle, condition: u32, count: u32) -> c_int;
    fn shm_array_resize(array: *const Handle, length: u64) -> c_int;
    fn shm_array_append(array: *const Handle, rows: u64, source: *const c_void, bytes: usize) -> c_int;
    fn shm_array_trim(array: *const Handle) -> c_int;
    fn shm_array_snapshot(
        array: *const Handle,
        first_row: u64,
        rows: u64,
        destination: *mut c_void,
        bytes: usize,
        timeout_ns: i64,
        flags: u32,
        out_generation: *mut u64,
    ) -> c_int;
    fn shm_array_close(array: *mut Handle);
    fn shm_array_generation(array: *const Handle, out: *mut u64) -> c_int;
    fn shm_array_wait(array: *const Handle, since: u64, timeout_ns: i64, out_generation: *mut u64) -> c_int;
    fn shm_array_last_publish(array: *const Handle, out: *mut Publish) -> c_int;
    fn shm_array_unlink(name: *const c_char) -> c_int;
    fn shm_array_collect(minimum_age_ns: i64, out_removed: *mut u64) -> c_int;
    fn shm_array_error_detail() -> *const c_char;
}

/// An array of u64.
pub struct Library {
    handle: *mut Handle,
    elements: &'static [AtomicU64],
}

pub(super) fn terminated(text: &str) -> CString {
    CString::new(text).expect("no name of ours holds a zero byte")
}

/// A code of the library. A panic that it caught is a bug of it, whatever the scenario allows.
pub(super) fn judged(code: c_int) -> i32 {
    assert!(code != PANIC, "the library caught a panic of its own: {}", Library::detail());
    code
}

pub(super) fn checked(code: c_int) -> Result<(), Failure> {
    match judged(code) {
        0 => Ok(()),
        code => Err(Failure { code, words: Library::detail() }),
    }
}

impl Library {
    fn make(name: &str, shape: &[u64], options: Options) -> Result<Library, Failure> {
        let (name, mut handle) = (terminated(name), ptr::null_mut());
        let (ndim, shape) = (shape.len(), shape.as_ptr());
        // SAFETY: all pointers are to what outlives the call; the shape has as many axes as said.
        checked(unsafe { shm_array_create(name.as_ptr(), c"<u8".as_ptr(), ndim, shape, &options, &mut handle) })?;
        Library::adopt_handle(handle)
    }

    /// Create one that can grow.
    pub fn create_growing(name: &str, length: u64, capacity: u64) -> Result<Library, Failure> {
        let (size, flags) = (size_of::<Options>(), 0);
        Library::make(name, &[length], Options { size, flags, permissions: 0, capacity, slots: 0, reserved: 0 })
    }

    /// Create one of rows.
    pub fn create_table(name: &str, rows: u64, length: u64) -> Result<Library, Failure> {
        Library::make(name, &[rows, length], options(Life::Kept, 0, 0))
    }

    /// Open it to look only.
    pub fn open_to_read(name: &str) -> Result<Library, Failure> {
        Library::open_with(name, READ)
    }

    /// Copy rows at one moment: 0 or a code.
    pub fn snapshot(&self, rows: std::ops::Range<u64>, copy: &mut [u64], timeout_ns: i64, may_lock: bool) -> i32 {
        let (count, bytes) = (rows.end - rows.start, size_of_val(copy));
        let copy = copy.as_mut_ptr().cast();
        let flags = if may_lock { MAY_LOCK } else { 0 };
        let no_generation = ptr::null_mut();
        // SAFETY: the handle is open, and `copy` has room for so many bytes.
        judged(unsafe {
            shm_array_snapshot(self.handle, rows.start, count, copy, bytes, timeout_ns, flags, no_generation)
        })
    }

    /// Make an ordinary .npy file shared and lockable.
    pub fn adopt(name: &str) -> Result<Library, Failure> {
        Library::open_with(name, WRITE | ADOPT)
    }

    fn open_with(name: &str, flags: u32) -> Result<Library, Failure> {
        let (name, mut handle) = (terminated(name), ptr::null_mut());
        // SAFETY: both pointers are to locals that outlive the call.
        checked(unsafe { shm_array_open(name.as_ptr(), flags, &mut handle) })?;
        Library::adopt_handle(handle)
    }

    /// Wrap a fresh handle; it is closed if anything goes wrong.
    fn adopt_handle(handle: *mut Handle) -> Result<Library, Failure> {
        let mut library = Library { handle, elements: &[] };
        let view = library.view()?;
        // SAFETY: the library says that `count` elements of 8 bytes are mapped here; they stay until close, and `elements()`
        // hands them out for no longer than the handle lives. Other processes write them too, hence atomics.
        library.elements = unsafe { std::slice::from_raw_parts(view.data.cast::<AtomicU64>(), view.count as usize) };
        Ok(library)
    }

    fn view(&self) -> Result<View, Failure> {
        let (null, size) = (ptr::null(), size_of::<View>());
        let mut view = View { size, data: ptr::null_mut(), dtype: null, dtype_tag: null, itemsize: 0, count: 0 };
        // SAFETY: the handle is open, and `view` says its own size.
        checked(unsafe { shm_array_view(self.handle, &mut view) })?;
        Ok(view)
    }

    /// Elements by now.
    pub fn length(&self) -> Result<u64, Failure> {
        self.view().map(|view| view.count)
    }

    /// Completed writes.
    pub fn generation(&self) -> Result<u64, Failure> {
        let mut generation = 0;
        // SAFETY: the handle is open, and `generation` outlives the call.
        checked(unsafe { shm_array_generation(self.handle, &mut generation) }).map(|()| generation)
    }

    /// Wait for another generation: 0 or a code.
    pub fn wait(&self, since: u64, timeout_ns: i64) -> i32 {
        // SAFETY: the handle is open; nothing is to be written.
        judged(unsafe { shm_array_wait(self.handle, since, timeout_ns, ptr::null_mut()) })
    }

    /// Who wrote last.
    pub fn last_publish(&self) -> Result<Publish, Failure> {
        let mut last = Publish { size: size_of::<Publish>(), ..Publish::default() };
        // SAFETY: the handle is open, and `last` says its own size.
        checked(unsafe { shm_array_last_publish(self.handle, &mut last) }).map(|()| last)
    }

    /// As `lock`, for some rows: in one dimension an element is a row.
    pub fn lock_range(&self, rows: &Range<u64>, hold: Hold, timeout_ns: i64) -> i32 {
        // SAFETY: the handle is open.
        judged(unsafe { shm_array_lock_range(self.handle, rows.start, length(rows), mode(hold), timeout_ns) })
    }

    /// 0 or a code.
    pub fn unlock_range(&self, rows: &Range<u64>) -> i32 {
        // SAFETY: the handle is open.
        judged(unsafe { shm_array_unlock_range(self.handle, rows.start, length(rows)) })
    }

    /// 0 or a code.
    pub fn recover_range(&self, rows: &Range<u64>) -> i32 {
        // SAFETY: the handle is open.
        judged(unsafe { shm_array_recover_range(self.handle, rows.start, length(rows)) })
    }

    /// 0, EOWNERDEAD, ETIMEDOUT (all held), ENOLCK or another code (not held).
    pub fn wait_for(&self, condition: u32, timeout_ns: i64) -> i32 {
        // SAFETY: the handle is open.
        judged(unsafe { shm_array_condition_wait(self.handle, condition, timeout_ns) })
    }

    /// 0 or a code.
    pub fn notify(&self, condition: u32, count: u32) -> i32 {
        // SAFETY: the handle is open.
        judged(unsafe { shm_array_condition_notify(self.handle, condition, count) })
    }

    /// 0 or a code.
    pub fn resize(&self, length: u64) -> i32 {
        // SAFETY: the handle is open.
        judged(unsafe { shm_array_resize(self.handle, length) })
    }

    /// Put numbers behind the last one: 0 or a code.
    pub fn append(&self, numbers: &[u64]) -> i32 {
        // SAFETY: the handle is open, and the numbers have as many bytes as said.
        judged(unsafe {
            shm_array_append(self.handle, numbers.len() as u64, numbers.as_ptr().cast(), size_of_val(numbers))
        })
    }

    /// Give back what is kept for growth: 0 or a code.
    pub fn trim(&self) -> i32 {
        // SAFETY: the handle is open.
        judged(unsafe { shm_array_trim(self.handle) })
    }
}

fn mode(hold: Hold) -> u32 {
    if hold == Hold::Exclusive { EXCLUSIVE } else { SHARED }
}

fn length(rows: &Range<u64>) -> u64 {
    rows.end - rows.start
}

fn options(life: Life, flags: u32, slots: u32) -> Options {
    let flags = if life == Life::LastClose { flags | LAST_CLOSE } else { flags };
    Options { size: size_of::<Options>(), flags, permissions: 0, capacity: 0, slots, reserved: 0 }
}

impl Subject for Library {
    const FORKS_SAFELY: bool = true;

    fn create(name: &str, life: Life, slots: u32) -> Result<Library, Failure> {
        Library::make(name, &[ELEMENTS as u64], options(life, 0, slots))
    }

    fn open(name: &str) -> Result<Library, Failure> {
        Library::open_with(name, WRITE)
    }

    fn create_or_open(name: &str, life: Life) -> Result<Library, Failure> {
        // A small table where it comes and goes, so that the slots of the dead are needed again soon.
        let slots = if life == Life::LastClose { 40 } else { 0 };
        Library::make(name, &[ELEMENTS as u64], options(life, OR_OPEN, slots))
    }

    fn elements(&self) -> &[AtomicU64] {
        self.elements
    }

    fn identity(&self) -> Result<u64, Failure> {
        // The inode: stat would tell the segment's own id, and look through all of /proc for it.
        let mut fd = -1;
        // SAFETY: the handle is open, and `fd` outlives the call.
        checked(unsafe { shm_array_fd(self.handle, &mut fd) })?;
        // SAFETY: the descriptor is ours, and of nobody else.
        let file = File::from(unsafe { OwnedFd::from_raw_fd(fd) });
        let inode = file.metadata().map(|own| own.ino());
        inode.map(|inode| inode << 8).map_err(|why| Failure { code: libc::EIO, words: format!("fstat: {why}") })
    }

    fn lock(&self, hold: Hold, timeout_ns: i64) -> i32 {
        // SAFETY: the handle is open.
        judged(unsafe { shm_array_lock(self.handle, mode(hold), timeout_ns) })
    }

    fn unlock(&self) -> i32 {
        // SAFETY: the handle is open.
        judged(unsafe { shm_array_unlock(self.handle) })
    }

    fn recover(&self) -> i32 {
        // SAFETY: the handle is open.
        judged(unsafe { shm_array_recover(self.handle) })
    }

    fn unlink(name: &str) -> i32 {
        // SAFETY: a terminated name that outlives the call.
        judged(unsafe { shm_array_unlink(terminated(name).as_ptr()) })
    }

    fn collect() -> i32 {
        let mut removed = 0;
        // SAFETY: `removed` outlives the call.
        judged(unsafe { shm_array_collect(-1, &mut removed) })
    }

    fn detail() -> String {
        // SAFETY: the library returns a terminated text of this thread's, or NULL.
        unsafe {
            let words = shm_array_error_detail();
            if words.is_null() { String::new() } else { CStr::from_ptr(words).to_string_lossy().into_owned() }
        }
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        self.elements = &[];
        // SAFETY: the handle is open, and gone with this value.
        unsafe { shm_array_close(self.handle) };
    }
}
