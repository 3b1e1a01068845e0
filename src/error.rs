//! The one error of the library: a code and a sentence.
//!
//! The code is what programs branch on: an errno, or one of our own for what errno has no word for.
//! The sentence is what people read: what was wrong, what was expected, and what to do, with figures.

use std::fmt;

pub use nix::errno::Errno;

/// What every fallible function of this library returns.
pub type Result<T> = std::result::Result<T, Error>;

/// The reason of an [`Error`], as a number in C: errno values are positive, ours are negative and pinned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The operating system's word for it.
    Os(Errno),
    /// The file is neither one of our segments nor a .npy file.
    Format,
    /// The file is one of our segments, but damaged: cut short, or with flipped bits.
    Corrupt,
    /// The segment was made by a newer version, or on a machine with another layout of memory.
    Version,
    /// The dtype is not understood, or cannot be shared.
    Dtype,
    /// A panic in this library, caught at the C boundary: a bug.
    Panic,
}

/// Pinned for ever, with gaps for later neighbours.
const OURS: [(Code, i32, &str); 5] = [
    (Code::Format, -10, "not a shared array and not a .npy file"),
    (Code::Corrupt, -20, "the shared array is damaged"),
    (Code::Version, -30, "the shared array needs another version of this library"),
    (Code::Dtype, -40, "the dtype is not understood or cannot be shared"),
    (Code::Panic, -90, "internal error in shm_array"),
];

impl Code {
    /// The number that C sees.
    pub fn number(self) -> i32 {
        match self {
            Code::Os(errno) => errno as i32,
            ours => OURS.iter().find(|row| row.0 == ours).expect("each code of ours has a row").1,
        }
    }

    /// A short text for a number that C saw; `None` for one of ours that does not exist.
    pub fn describe(number: i32) -> Option<&'static str> {
        match number {
            0 => Some("success"),
            1.. => Some(Errno::from_raw(number).desc()),
            _ => OURS.iter().find(|row| row.1 == number).map(|row| row.2),
        }
    }
}

/// A code for programs and a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    code: Code,
    detail: String,
}

impl Error {
    /// An error of any code.
    pub fn new(code: Code, detail: impl Into<String>) -> Error {
        Error { code, detail: detail.into() }
    }

    /// An error that errno has a word for.
    pub fn os(errno: Errno, detail: impl Into<String>) -> Error {
        Error::new(Code::Os(errno), detail)
    }

    /// An argument that makes no sense: EINVAL.
    pub fn invalid(detail: impl Into<String>) -> Error {
        Error::os(Errno::EINVAL, detail)
    }

    /// What programs branch on.
    pub fn code(&self) -> Code {
        self.code
    }

    /// What people read.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// Whether this is the given errno.
    pub fn is(&self, errno: Errno) -> bool {
        self.code == Code::Os(errno)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Error {}

/// Turns a failed system call into an error, with a sentence that says what was being done.
pub trait Context<T> {
    /// The sentence is completed with the system's own words.
    fn context(self, doing: impl FnOnce() -> String) -> Result<T>;
}

impl<T> Context<T> for nix::Result<T> {
    fn context(self, doing: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|errno| Error::os(errno, format!("{}: {}", doing(), errno.desc())))
    }
}

impl<T> Context<T> for std::io::Result<T> {
    fn context(self, doing: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(Errno::EIO as i32))).context(doing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_pinned_and_described() {
        assert_eq!(Code::Os(Errno::ENOENT).number(), 2);
        for (code, number) in
            [(Code::Format, -10), (Code::Corrupt, -20), (Code::Version, -30), (Code::Dtype, -40), (Code::Panic, -90)]
        {
            assert_eq!(code.number(), number);
            assert!(Code::describe(number).is_some());
        }
        assert_eq!(Code::describe(-11), None);
        assert_eq!(Code::describe(2), Some("No such file or directory"));
    }
}
