//! Where a new array is put.

use std::path::Path;

use crate::error::{Errno, Error, Result};
use crate::os::name::{self, Place};

/// Where the elements live.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Placement {
    /// In /dev/shm if the name may be there and the array fits; else in memory without a name, where the caller allows
    /// that; else in a file of the directory that is given, or that SHM_ARRAY_DIR names.
    #[default]
    Auto,
    /// In /dev/shm: memory and swap.
    Shm,
    /// In a file: on disk, which the kernel pages from and to without swap.
    File,
    /// In memory without a name (memfd), which travels by descriptor.
    Memfd,
}

/// What is tried one after the other; at least one place.
pub(super) fn candidates(
    placement: Placement,
    name: Option<&str>,
    directory: Option<&Path>,
    unnamed: bool,
) -> Result<Vec<Place>> {
    let place = Place::parse(name)?;
    let misplaced = |what: &str| Err(Error::invalid(format!("{place} cannot be placed so: {what}")));
    match (placement, &place) {
        (Placement::Auto, Place::Shm(path)) => {
            let file = in_directory(path, directory)?;
            // What a host does not have is not tried, unless there is nothing else that could say why.
            let shm = name::has_shm_directory() || (file.is_none() && !unnamed);
            let tried = [shm.then(|| place.clone()), unnamed.then_some(Place::Anonymous), file];
            Ok(tried.into_iter().flatten().collect())
        }
        (Placement::File, Place::Shm(path)) => match in_directory(path, directory)? {
            Some(file) => Ok(vec![file]),
            None => misplaced("for a file set SHM_ARRAY_DIR, give a directory, or write file:///directory/name.npy"),
        },
        (Placement::Shm, Place::File(_) | Place::Anonymous) => misplaced("/dev/shm has plain names"),
        (Placement::Memfd, Place::Shm(_) | Place::File(_)) => misplaced("memory without a name has no name: give NULL"),
        (Placement::File, Place::Anonymous) => misplaced("a file has a name"),
        _ => Ok(vec![place]),
    }
}

/// The file of that name in the caller's directory, or in the one that holds names.
fn in_directory(path: &Path, directory: Option<&Path>) -> Result<Option<Place>> {
    let short = path.file_name().unwrap_or_default();
    let configured = name::configured_directory()?;
    let Some(directory) = directory else {
        return Ok(configured.map(|directory| Place::Directory(directory.join(short))));
    };
    let directory = name::absolute_directory(directory, "options.directory")?;
    let path = directory.join(short);
    Ok(Some(if Some(directory) == configured { Place::Directory(path) } else { Place::File(path) }))
}

/// Whether another place may have what this one had not.
pub(super) fn may_fit_elsewhere(error: &Error) -> bool {
    [Errno::ENOSPC, Errno::ENOMEM, Errno::EDQUOT].into_iter().any(|errno| error.is(errno))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_tried_in_order() {
        let (shm, file) = (Place::Shm("/dev/shm/x".into()), Place::File("/data/x".into()));
        let directory = Some(Path::new("/data/"));
        let auto = |directory, unnamed| candidates(Placement::Auto, Some("x"), directory, unnamed).unwrap();
        assert_eq!(auto(None, false), std::slice::from_ref(&shm));
        assert_eq!(auto(directory, false), [shm.clone(), file.clone()]);
        assert_eq!(auto(directory, true), [shm, Place::Anonymous, file.clone()]);
        assert_eq!(candidates(Placement::File, Some("x"), directory, true).unwrap(), [file]);
        assert_eq!(candidates(Placement::Auto, None, directory, true).unwrap(), [Place::Anonymous]);
    }

    #[test]
    fn contradictions_are_refused_in_words() {
        for (placement, name, word) in [
            (Placement::Shm, Some("file:///x"), "plain names"),
            (Placement::Shm, None, "plain names"),
            (Placement::Memfd, Some("x"), "NULL"),
            (Placement::File, None, "a name"),
            (Placement::File, Some("x"), "SHM_ARRAY_DIR"),
        ] {
            let error = candidates(placement, name, None, false).unwrap_err();
            assert!(error.is(Errno::EINVAL) && error.detail().contains(word), "{error}");
        }
        let relative = candidates(Placement::Auto, Some("x"), Some(Path::new("data")), false).unwrap_err();
        assert!(relative.detail().contains("absolute"), "{relative}");
    }
}
