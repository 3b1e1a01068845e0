//! Why the program ends without having done what was asked: a sentence, and an exit code.

use std::fmt;
use std::process::ExitCode;

/// What every command returns.
pub type Result<T> = std::result::Result<T, Failure>;

/// A sentence for people. Exit code 1, or 2 where the command line made no sense.
#[derive(Debug)]
pub struct Failure {
    words: String,
    is_usage: bool,
}

impl Failure {
    /// Something did not work.
    pub fn new(words: impl Into<String>) -> Failure {
        Failure { words: words.into(), is_usage: false }
    }

    /// Arguments that contradict each other, or that this array cannot satisfy.
    pub fn usage(words: impl Into<String>) -> Failure {
        Failure { words: words.into(), is_usage: true }
    }

    /// 1, or 2 for the command line.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(if self.is_usage { 2 } else { 1 })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl From<shm_array::Error> for Failure {
    fn from(error: shm_array::Error) -> Failure {
        Failure::new(error.detail())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Failure {
        Failure::new(format!("cannot write: {error}"))
    }
}

/// Completes an error of the system with what was being done.
pub trait Doing<T> {
    /// `doing` is half a sentence, such as "cannot read x.npy".
    fn doing(self, doing: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: fmt::Display> Doing<T> for std::result::Result<T, E> {
    fn doing(self, doing: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| Failure::new(format!("{}: {error}", doing())))
    }
}
