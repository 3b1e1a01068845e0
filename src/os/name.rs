//! What a name means: a POSIX shared-memory object, a file, or nothing but memory.
//!
//! A plain name lives in one of two directories: /dev/shm, and the one that the environment variable SHM_ARRAY_DIR
//! names, if it is set: for hosts without /dev/shm, and for what does not fit there. It is looked for in that order.
//! Those who share the setting never see a name twice, as nobody gives a name that the other directory has.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

use super::file;
use crate::error::{Context, Error, Result};

/// Where POSIX shared memory lives on Linux.
pub const SHM_DIRECTORY: &str = "/dev/shm";
/// The environment variable with the second directory that holds names.
pub const VARIABLE: &str = "SHM_ARRAY_DIR";
/// Bytes of the longest path that the kernel takes; so no name is longer.
pub const LONGEST_PATH: usize = libc::PATH_MAX as usize;
const LONGEST: usize = 200;

/// Where a segment lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A POSIX shared-memory object: /dev/shm/NAME.
    Shm(PathBuf),
    /// A name in the directory that SHM_ARRAY_DIR names: a file there, which the kernel pages to disk.
    Directory(PathBuf),
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

    /// Where an array of that name is, or else would be.
    pub fn find(name: &str) -> Result<Place> {
        let place = Place::parse(Some(name))?;
        let (Place::Shm(path), Some(directory)) = (&place, configured_directory()?) else { return Ok(place) };
        let other = directory.join(path.file_name().unwrap_or_default());
        let elsewhere = file::named(path).is_err() && (file::named(&other).is_ok() || !has_shm_directory());
        Ok(if elsewhere { Place::Directory(other) } else { place })
    }

    /// The other path that this name could have, where a second directory holds names.
    pub fn twin(&self) -> Result<Option<PathBuf>> {
        let directory = match self {
            Place::Shm(_) => configured_directory()?,
            Place::Directory(_) => Some(PathBuf::from(SHM_DIRECTORY)),
            Place::File(_) | Place::Anonymous => None,
        };
        Ok(directory.zip(self.path().and_then(Path::file_name)).map(|(directory, name)| directory.join(name)))
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
            Place::Shm(path) | Place::Directory(path) | Place::File(path) => Some(path),
            Place::Anonymous => None,
        }
    }

    /// The name as a caller would give it to open this place again; empty for anonymous memory.
    pub fn name(&self) -> String {
        match self {
            Place::Shm(path) | Place::Directory(path) => {
                path.file_name().unwrap_or(OsStr::new("")).to_string_lossy().into_owned()
            }
            Place::File(path) => format!("file://{}", path.display()),
            Place::Anonymous => String::new(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Anonymous => f.write_str("an anonymous segment"),
            named => write!(f, "{:?}", named.name()),
        }
    }
}

/// The directory that SHM_ARRAY_DIR names, where it is set.
pub fn configured_directory() -> Result<Option<PathBuf>> {
    let Some(text) = std::env::var_os(VARIABLE).filter(|text| !text.is_empty()) else { return Ok(None) };
    let directory = absolute_directory(Path::new(&text), VARIABLE)?;
    Ok(Some(directory).filter(|directory| directory != Path::new(SHM_DIRECTORY)))
}

/// A directory that somebody named must not depend on where a process happens to be.
pub fn absolute_directory(path: &Path, who: &str) -> Result<PathBuf> {
    if path.is_absolute() {
        return Ok(path.components().collect());
    }
    Err(Error::invalid(format!("{who} is {path:?}: give the absolute path of a directory")))
}

/// Whether this host has a directory for POSIX shared memory.
pub fn has_shm_directory() -> bool {
    Path::new(SHM_DIRECTORY).is_dir()
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
