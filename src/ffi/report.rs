//! What went wrong, and who we are.

use std::ffi::{CStr, CString, c_char, c_int};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use super::DETAIL;
use crate::error::Code;

/// The file is neither a shared array nor a .npy file.
pub const SHM_ARRAY_ERR_FORMAT: c_int = -10;
/// A shared array that is damaged: cut short, or with flipped bits.
pub const SHM_ARRAY_ERR_CORRUPT: c_int = -20;
/// Made by a newer version, or by a machine that lays out memory in another way.
pub const SHM_ARRAY_ERR_VERSION: c_int = -30;
/// The dtype is not understood, or cannot be shared.
pub const SHM_ARRAY_ERR_DTYPE: c_int = -40;
/// A bug in this library, caught at the boundary.
pub const SHM_ARRAY_ERR_PANIC: c_int = -90;

/// A short text for a code that a function returned.
///
/// Never NULL; static; do not free it. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn shm_array_strerror(code: c_int) -> *const c_char {
    // Made at the first use of each code and kept for ever: callers compare and print several at once.
    static TEXTS: [AtomicPtr<c_char>; 512] = [const { AtomicPtr::new(ptr::null_mut()) }; 512];
    const UNKNOWN: &CStr = c"unknown code";
    let index = usize::try_from(i64::from(code) + 256).unwrap_or(usize::MAX);
    let (Some(place), Some(text)) = (TEXTS.get(index), Code::describe(code)) else { return UNKNOWN.as_ptr() };
    let known = place.load(Ordering::Acquire);
    if !known.is_null() {
        return known;
    }
    let fresh = CString::new(text).unwrap_or_default().into_raw();
    match place.compare_exchange(ptr::null_mut(), fresh, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => fresh,
        Err(another_threads) => {
            // SAFETY: from into_raw a moment ago, and given to nobody.
            drop(unsafe { CString::from_raw(fresh) });
            another_threads
        }
    }
}

/// This thread's last failure in full: what was wrong, what was expected, what to do, with figures.
///
/// Never NULL; empty before the first failure; valid until this thread's next failure. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn shm_array_error_detail() -> *const c_char {
    DETAIL.try_with(|detail| detail.borrow().as_ptr()).unwrap_or(c"".as_ptr())
}

/// The version of this library, such as "0.1.0".
///
/// Static; do not free it. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn shm_array_version() -> *const c_char {
    const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(version) => version,
        Err(_) => panic!("a version has no NUL"),
    };
    VERSION.as_ptr()
}

/// The number of this binary interface: raised by each addition, since nothing is ever taken away.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn shm_array_abi_version() -> u32 {
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_are_the_codes() {
        for (constant, code) in [
            (SHM_ARRAY_ERR_FORMAT, Code::Format),
            (SHM_ARRAY_ERR_CORRUPT, Code::Corrupt),
            (SHM_ARRAY_ERR_VERSION, Code::Version),
            (SHM_ARRAY_ERR_DTYPE, Code::Dtype),
            (SHM_ARRAY_ERR_PANIC, Code::Panic),
        ] {
            assert_eq!(constant, code.number());
        }
    }
}
