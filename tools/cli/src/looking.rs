//! Opening an array only to look at it, and leaving it as it was found.

use std::ops::Deref;
use std::path::Path;
use std::process;

use shm_array::{Access, Array};

use crate::failure::Result;

/// An array that was opened to be looked at.
///
/// Closing a last-close array that nobody else has would remove it, and what a crash left is just what somebody may
/// want to look at. So where nobody else was attached at the beginning, the handle is not dropped: it goes with the
/// process, and the array stays for `collect`.
pub struct Looked {
    array: Option<Array>,
    leave: bool,
}

impl Looked {
    /// At an array that exists.
    pub fn open(name: &str, access: Access) -> Result<Looked> {
        Looked::new(Array::open(&full_name(name), access)?)
    }

    /// At an array that was just opened.
    pub fn new(array: Array) -> Result<Looked> {
        let stat = array.stat()?;
        let leave = stat.last_close && stat.pids.iter().all(|pid| *pid == process::id());
        Ok(Looked { array: Some(array), leave })
    }
}

impl Deref for Looked {
    type Target = Array;

    fn deref(&self) -> &Array {
        self.array.as_ref().expect("it is taken in drop only")
    }
}

impl Drop for Looked {
    fn drop(&mut self) {
        if let (Some(array), true) = (self.array.take(), self.leave) {
            let _ = array.unlock();
            std::mem::forget(array);
        }
    }
}

/// A name as the library takes it: a path with a slash in it is a file, and a symbolic link means what it leads to,
/// which the library itself never follows.
pub fn full_name(name: &str) -> String {
    match name_of_path(name) {
        Some(path) => format!("file://{}", path.canonicalize().unwrap_or_else(|_| path.to_path_buf()).display()),
        None => name.to_string(),
    }
}

/// As [`full_name`], but a symbolic link is refused: for what takes names away.
pub fn exact_name(name: &str) -> String {
    name_of_path(name).map_or_else(|| name.to_string(), |path| format!("file://{}", path.display()))
}

fn name_of_path(name: &str) -> Option<&Path> {
    let is_path = name.contains('/') && !name.starts_with("shm://") && !name.starts_with("file://");
    is_path.then(|| Path::new(name))
}
