//! The C boundary: conventions in the header's preface, one function a call of the floors below.

pub mod array;
pub mod atomic;
pub mod barrier;
pub mod condition;
pub mod event;
pub mod flags;
pub mod frames;
pub mod handover;
pub mod list;
pub mod memory;
pub mod object;
pub mod options;
pub mod pipe;
pub mod publish;
pub mod queue;
pub mod queue_messages;
pub mod records;
pub mod report;
pub mod semaphore;
pub mod snapshot;
pub mod stat;
pub mod topic;

use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::array::Array;
use crate::error::{Code, Error, Result};

thread_local! {
    static DETAIL: RefCell<CString> = RefCell::default();
}

/// Run the body of an exported function: its error, or its panic, becomes a code and this thread's last detail.
/// Never inlined, so that what an exported function does before it, to be quick, needs no large frame.
#[inline(never)]
fn guard(body: impl FnOnce() -> Result<()>) -> c_int {
    let result = catch_unwind(AssertUnwindSafe(body));
    match result {
        Ok(Ok(())) => 0,
        Ok(Err(error)) => report(&error),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a message");
            report(&Error::new(Code::Panic, format!("internal error, please report it: {text}")))
        }
    }
}

#[cold]
fn report(error: &Error) -> c_int {
    let detail = CString::new(error.detail().replace('\0', "\\0")).unwrap_or_default();
    // A thread that ends has no more words when its destructors run; they still get the code.
    let _ = DETAIL.try_with(|last| *last.borrow_mut() = detail);
    error.code().number()
}

/// The flags whose condition holds.
fn bits(conditions: &[(bool, u32)]) -> u32 {
    conditions.iter().filter(|(holds, _)| *holds).fold(0, |bits, (_, flag)| bits | flag)
}

/// An array that C passed.
fn handle(array: Option<&Array>) -> Result<&Array> {
    array.ok_or_else(|| missing("array"))
}

/// A handle for C to keep, until it closes it.
fn boxed<T>(object: Result<T>) -> Result<*mut T> {
    object.map(|object| Box::into_raw(Box::new(object)))
}

/// Take a handle back from C. NULL is fine.
///
/// # Safety
///
/// NULL, or from [`boxed`] and not closed yet, and no other thread uses it.
unsafe fn close<T>(object: *mut T) {
    if !object.is_null() {
        guard(|| {
            // SAFETY: the caller's promise.
            drop(unsafe { Box::from_raw(object) });
            Ok(())
        });
    }
}

fn refuse_unknown(flags: u32, known: u32) -> Result<()> {
    match flags & !known {
        0 => Ok(()),
        unknown => Err(Error::invalid(format!("flags {flags:#x} have unknown or misplaced bits {unknown:#x}"))),
    }
}

fn missing(what: &str) -> Error {
    Error::invalid(format!("{what} is NULL"))
}

/// A text that C passed; `None` for NULL.
///
/// # Safety
///
/// NULL, or a NUL-terminated string that lives as long as the result.
unsafe fn optional_text<'a>(text: *const c_char, what: &str) -> Result<Option<&'a str>> {
    if text.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's promise.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_str().map(Some).map_err(|_| Error::invalid(format!("{what} is not UTF-8")))
}

/// A text that must be there.
///
/// # Safety
///
/// As [`optional_text`].
unsafe fn text<'a>(text: *const c_char, what: &str) -> Result<&'a str> {
    // SAFETY: the caller's promise.
    unsafe { optional_text(text, what) }?.ok_or_else(|| missing(what))
}

/// Bytes that an object in memory can have.
const LONGEST: usize = isize::MAX as usize;

#[cold]
fn endless(len: usize, what: &str) -> Error {
    Error::invalid(format!("{what} cannot have {len} bytes: is the length a negative number, an error's?"))
}

/// An array of numbers that C passed; `None` for NULL.
///
/// # Safety
///
/// NULL, or `len` numbers that live as long as the result.
unsafe fn numbers<'a, T>(first: *const T, len: usize) -> Option<&'a [T]> {
    // No memory is longer; a length that is (-1, say) is refused by who knows how many there may be.
    let len = len.min(LONGEST / size_of::<T>());
    // SAFETY: the caller's promise.
    (!first.is_null()).then(|| unsafe { std::slice::from_raw_parts(first, len) })
}

/// Bytes that C passed; NULL is as good as any pointer to none.
///
/// # Safety
///
/// NULL, or `len` bytes that live as long as the result.
unsafe fn bytes<'a>(data: *const c_void, len: usize, what: &str) -> Result<&'a [u8]> {
    match len {
        0 => Ok(&[]),
        len if len > LONGEST => Err(endless(len, what)),
        // SAFETY: the caller's promise.
        _ => unsafe { numbers(data.cast::<u8>(), len) }.ok_or_else(|| missing(what)),
    }
}

/// A buffer that C passed; NULL is as good as any pointer to none.
///
/// # Safety
///
/// NULL, or `len` bytes that nobody else uses as long as the result lives.
unsafe fn buffer<'a>(data: *mut c_void, len: usize, what: &str) -> Result<&'a mut [u8]> {
    match (len, data.is_null()) {
        (0, _) => Ok(&mut []),
        (_, true) => Err(missing(what)),
        (len, _) if len > LONGEST => Err(endless(len, what)),
        // SAFETY: the caller's promise.
        (_, false) => Ok(unsafe { std::slice::from_raw_parts_mut(data.cast::<u8>(), len) }),
    }
}

/// Where a result goes.
///
/// # Safety
///
/// NULL, or valid for a write.
unsafe fn put<T>(out: *mut T, what: &str, value: impl FnOnce() -> Result<T>) -> Result<()> {
    if out.is_null() {
        return Err(missing(what));
    }
    let value = value()?;
    // SAFETY: the caller's promise.
    unsafe { out.write(value) };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use report::{SHM_ARRAY_ERR_PANIC, shm_array_error_detail};

    fn detail() -> String {
        // SAFETY: never NULL, and valid until this thread's next failure.
        unsafe { CStr::from_ptr(shm_array_error_detail()) }.to_string_lossy().into_owned()
    }

    #[test]
    fn a_panic_becomes_a_code_and_words() {
        assert_eq!(guard(|| panic!("{} of {}", 3, 2)), SHM_ARRAY_ERR_PANIC);
        assert!(detail().ends_with("please report it: 3 of 2"), "{}", detail());
        assert_eq!(guard(|| panic!("plain")), SHM_ARRAY_ERR_PANIC);
        assert!(detail().ends_with("please report it: plain"), "{}", detail());
        assert_eq!(guard(|| std::panic::panic_any(7)), SHM_ARRAY_ERR_PANIC);
        assert_eq!(guard(|| Ok(())), 0);
    }

    #[test]
    fn words_with_a_nul_are_words() {
        assert_eq!(guard(|| Err(Error::invalid("a\0b"))), libc::EINVAL);
        assert_eq!(detail(), "a\\0b");
    }

    /// How a function of the boundary's own is called, if all that it does is in a guard.
    fn guarded_function(text: &str) -> Option<String> {
        let (name, rest) = text.split_once('(')?;
        let (_, body) = rest.split_once("-> c_int {\n")?;
        body.trim_start().starts_with("guard(").then(|| format!("{name}("))
    }

    /// Whatever returns a code has its body in [`guard`].
    #[test]
    fn every_exported_function_is_guarded() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ffi");
        let mut guarded = 0;
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let text = std::fs::read_to_string(entry.path()).unwrap();
            // The lock has its guard apart, for the sake of who does not need it.
            let private = text.replace("\nextern \"C\" fn ", "\nfn ");
            let apart: Vec<String> = private.split("\nfn ").skip(1).filter_map(guarded_function).collect();
            for function in text.split("#[unsafe(no_mangle)]").skip(1) {
                let body = function.split_once("\n}").unwrap().0;
                let (head, body) = body.split_once(" {\n").unwrap();
                let returns_a_code = head.ends_with("-> c_int");
                let is_guarded = body.contains("guard(") || apart.iter().any(|call| body.contains(call));
                assert!(!returns_a_code || is_guarded, "not in a guard:{head}");
                guarded += usize::from(returns_a_code);
            }
        }
        assert!(guarded > 15, "{guarded} functions that return a code were found");
    }
}
