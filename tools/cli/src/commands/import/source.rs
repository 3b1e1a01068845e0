//! Where elements come from, and what they are: a .npy file says so itself, of raw bytes the user does.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use shm_array::array::dtype::Dtype;
use shm_array::npy;

use crate::arguments::Import;
use crate::failure::{Doing, Failure, Result};
use crate::units;

/// An opened file or stream, understood.
pub struct Source {
    /// numpy's text.
    pub dtype: String,
    /// Elements along each axis.
    pub shape: Vec<u64>,
    /// First axis fastest.
    pub fortran: bool,
    /// Of all elements.
    pub bytes: u64,
    /// The elements.
    pub data: Data,
}

/// The elements.
pub enum Data {
    /// From this byte on.
    File {
        /// A regular file.
        file: File,
        /// The first element's.
        offset: u64,
    },
    /// As they come.
    Stream {
        /// What was read of them already.
        ahead: Vec<u8>,
        /// The rest.
        reader: Box<dyn Read + Send>,
        /// Whether it should end with them: a pipe, and not /dev/zero.
        ends: bool,
    },
}

impl Source {
    /// As the command line says.
    pub fn open(import: &Import) -> Result<Source> {
        let path = import.file.as_path();
        let doing = || format!("cannot read {}", path.display());
        let file = if path == Path::new("-") { own_stdin() } else { File::open(path) }.doing(doing)?;
        let facts = file.metadata().doing(doing)?;
        if facts.is_dir() {
            return Err(Failure::new(format!("cannot read {}: it is a directory", path.display())));
        }
        let length = facts.is_file().then_some(facts.len());
        let ends = !facts.file_type().is_char_device();
        match &import.dtype {
            Some(dtype) => Source::raw(import, dtype, file, length, ends),
            None => Source::npy(path, file, length, ends),
        }
    }

    fn npy(path: &Path, mut file: File, length: Option<u64>, ends: bool) -> Result<Source> {
        let mut ahead = Vec::new();
        file.by_ref()
            .take(npy::READ_AHEAD as u64)
            .read_to_end(&mut ahead)
            .doing(|| format!("cannot read {}", path.display()))?;
        if !ahead.starts_with(b"\x93NUMPY") {
            return Err(Failure::new(format!(
                "{} is not a .npy file; for raw elements say what they are, e.g. --dtype '<f8' --shape 480,640",
                path.display()
            )));
        }
        let front = npy::parse(&ahead).map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
        let itemsize =
            Dtype::parse(&front.descr).map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
        let bytes = total(&front.shape, itemsize.itemsize())?;
        if let Some(there) =
            length.map(|length| length.saturating_sub(front.data_offset)).filter(|there| *there < bytes)
        {
            return Err(Failure::new(format!(
                "{} was cut short: its header promises {} of elements, and {} are there",
                path.display(),
                units::bytes(bytes),
                units::bytes(there)
            )));
        }
        let data = match length {
            Some(_) => Data::File { file, offset: front.data_offset },
            None => {
                ahead.drain(..front.data_offset as usize);
                Data::Stream { ahead, reader: Box::new(file), ends }
            }
        };
        Ok(Source { dtype: front.descr, shape: front.shape, fortran: front.fortran, bytes, data })
    }

    fn raw(import: &Import, dtype: &str, mut file: File, length: Option<u64>, ends: bool) -> Result<Source> {
        let itemsize = Dtype::parse(dtype)?.itemsize();
        let there = length.map(|length| length.saturating_sub(import.offset));
        let shape = complete(&import.shape, itemsize, there)?;
        let bytes = total(&shape, itemsize)?;
        if let Some(there) = there.filter(|there| *there != bytes) {
            return Err(Failure::new(format!(
                "{} has {there} bytes from {} on, and a shape of {shape:?} with {itemsize} bytes each takes {bytes}",
                import.file.display(),
                import.offset
            )));
        }
        let data = match length {
            Some(_) => Data::File { file, offset: import.offset },
            None => {
                let skipped = io::copy(&mut file.by_ref().take(import.offset), &mut io::sink());
                skipped.doing(|| format!("cannot read {}", import.file.display()))?;
                Data::Stream { ahead: Vec::new(), reader: Box::new(file), ends }
            }
        };
        Ok(Source { dtype: dtype.into(), shape, fortran: import.fortran, bytes, data })
    }
}

/// Read where it stands: stdin may be a file, too, of which something was read already.
fn own_stdin() -> io::Result<File> {
    use std::os::fd::AsFd;
    io::stdin().as_fd().try_clone_to_owned().map(File::from)
}

/// The shape as typed, a -1 replaced by what the length of the file leaves for it; all in one row where none was typed.
fn complete(typed: &[i64], itemsize: u64, there: Option<u64>) -> Result<Vec<u64>> {
    let typed = if typed.is_empty() { &[-1] } else { typed };
    let open = typed.iter().filter(|len| **len == -1).count();
    if open > 1 || typed.iter().any(|len| *len < -1) {
        return Err(Failure::usage(format!("--shape {typed:?}: lengths are 0 or more, and only one can be -1")));
    }
    let row = typed.iter().filter(|len| **len >= 0).try_fold(itemsize, |bytes, len| bytes.checked_mul(*len as u64));
    let row = row.ok_or_else(|| Failure::usage(format!("--shape {typed:?} is more than 2^64 bytes")))?;
    let left = match (open, there) {
        (0, _) => 0,
        (_, None) => return Err(Failure::usage("the length of a stream is not known: say the whole --shape")),
        (_, Some(_)) if row == 0 => {
            return Err(Failure::usage(format!("--shape {typed:?} leaves nothing to infer -1 from")));
        }
        (_, Some(there)) if there % row != 0 => {
            return Err(Failure::new(format!(
                "the file has {there} bytes of elements, which is no multiple of {row} ({itemsize} bytes each, --shape {})",
                typed.iter().map(i64::to_string).collect::<Vec<_>>().join(",")
            )));
        }
        (_, Some(there)) => there / row,
    };
    Ok(typed.iter().map(|len| u64::try_from(*len).unwrap_or(left)).collect())
}

fn total(shape: &[u64], itemsize: u64) -> Result<u64> {
    let bytes = shape.iter().try_fold(itemsize, |bytes, len| bytes.checked_mul(*len));
    bytes
        .ok_or_else(|| Failure::new(format!("a shape of {shape:?} with {itemsize} bytes each is more than 2^64 bytes")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_length_can_be_left_to_the_file() {
        assert_eq!(complete(&[], 8, Some(80)).unwrap(), [10]);
        assert_eq!(complete(&[-1, 4], 2, Some(80)).unwrap(), [10, 4]);
        assert_eq!(complete(&[3, 4], 2, None).unwrap(), [3, 4]);
        assert_eq!(complete(&[-1], 1, Some(0)).unwrap(), [0]);
        for (typed, itemsize, there) in [
            (&[-1, -1][..], 8, Some(80)),
            (&[-2], 8, Some(80)),
            (&[-1, 3], 8, Some(80)),
            (&[-1, 0], 8, Some(80)),
            (&[-1], 8, None),
            (&[i64::MAX, i64::MAX], 8, Some(80)),
        ] {
            assert!(complete(typed, itemsize, there).is_err(), "{typed:?}");
        }
    }
}
