//! What a name means: a POSIX shared-memory object, a file, or nothing but memory.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::error::{Context, Error, Result};

/// Where POSIX shared memory lives on Linux.
pub const SHM_DIRECTORY: &str = "/dev/shm";
const LONGEST: usize = 200;

/// Where a segment lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A POSIX shared-memory object: /dev/shm/NAME.
    Shm(PathBuf),
    /// An ordinary file, by its absolute path.
    File(PathBuf),
    /// Memory without a name (memfd), reached by descriptor.
    Anonymous,
}

impl Place {
    /// `temperature` and `shm://temperature` are shared memory, `file:///data/x.npy` is a file, `None` is anonymous.
    pub fn parse(name: Option<&str>) -> Result<Place> {
        let Some(name) = name else { return Ok(Place::Anonymous) };
        if let Some(path) = name.strip_prefix("file://") {
            return Place::file(path);
        }
        let short = name.strip_prefix("shm://").unwrap_or(name);
        check(short)?;
        Ok(Place::Shm(Path::new(SHM_DIRECTORY).join(short)))
    }

    fn file(path: &str) -> Result<Place> {
        if path.is_empty() || path.ends_with('/') || path.contains('\0') {
            return Err(Error::invalid(format!(
                "{path:?} is not the path of a file: write file:///directory/name.npy"
            )));
        }
        let absolute = std::path::absolute(path).context(|| format!("cannot resolve the path {path:?}"))?;
        Ok(Place::File(absolute))
    }

    /// The path, where there is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Place::Shm(path) | Place::File(path) => Some(path),
            Place::Anonymous => None,
        }
    }

    /// The name as a caller would give it to open this place again; empty for anonymous memory.
    pub fn name(&self) -> String {
        match self {
            Place::Shm(path) => path.file_name().unwrap_or(OsStr::new("")).to_string_lossy().into_owned(),
            Place::File(path) => format!("file://{}", path.display()),
            Place::Anonymous => String::new(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Anonymous => f.write_str("an anonymous array"),
            named => write!(f, "{:?}", named.name()),
        }
    }
}

fn check(name: &str) -> Result<()> {
    let wrong = if name.is_empty() {
        "is empty"
    } else if name.len() > LONGEST {
        return Err(Error::invalid(format!("the name is {} bytes long; at most {LONGEST} are allowed", name.len())));
    } else if name.contains('/') {
        "contains '/': for a file write file:///directory/name.npy"
    } else if name.starts_with('.') {
        "begins with a dot"
    } else if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) {
        "has a character other than A-Z a-z 0-9 . _ -"
    } else {
        return Ok(());
    };
    Err(Error::invalid(format!("the name {name:?} {wrong}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_places() {
        assert_eq!(Place::parse(None).unwrap(), Place::Anonymous);
        assert_eq!(Place::parse(Some("t")).unwrap(), Place::Shm("/dev/shm/t".into()));
        assert_eq!(Place::parse(Some("shm://t")).unwrap(), Place::Shm("/dev/shm/t".into()));
        let file = Place::parse(Some("file:///data/x.npy")).unwrap();
        assert_eq!(file, Place::File("/data/x.npy".into()));
        assert_eq!(file.name(), "file:///data/x.npy");
    }

    #[test]
    fn bad_names_are_refused_in_words() {
        let longest = "x".repeat(LONGEST);
        assert!(Place::parse(Some(&longest)).is_ok());
        let too_long = "x".repeat(LONGEST + 1);
        for (name, word) in [
            ("", "empty"),
            ("a/b", "file://"),
            ("..", "dot"),
            (".hidden", "dot"),
            ("a b", "character"),
            ("é", "character"),
            ("file://", "path"),
            ("file:///tmp/", "path"),
            (too_long.as_str(), "201"),
        ] {
            let error = Place::parse(Some(name)).unwrap_err();
            assert!(error.is(crate::error::Errno::EINVAL) && error.detail().contains(word), "{name}: {error}");
        }
    }
}
