//! Files that are written whole or not at all.
//!
//! The bytes go into a file without a name (O_TMPFILE), which gets its name at the end: an error, a Ctrl-C or a kill
//! before that leaves what was there. Where the file system has none, a hidden file beside the target serves, and only
//! a kill leaves that behind.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, StdoutLock, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{AT_FDCWD, AtFlags, OFlag};

use crate::failure::{Doing, Result};

/// Where an export goes.
pub enum Destination {
    /// "-"
    Stdout(StdoutLock<'static>),
    /// A pipe or a device, written as it is.
    Stream(File),
    /// A file that appears when it is complete.
    Whole { file: BufWriter<File>, target: PathBuf, hidden: Option<PathBuf> },
}

impl Destination {
    /// Nothing is changed yet.
    pub fn open(target: &Path) -> Result<Destination> {
        if target == Path::new("-") {
            return Ok(Destination::Stdout(io::stdout().lock()));
        }
        let doing = || format!("cannot write {}", target.display());
        // A symbolic link stays, and what it leads to is replaced.
        let target = target.canonicalize().unwrap_or_else(|_| target.to_path_buf());
        if let Ok(facts) = fs::metadata(&target) {
            let kind = facts.file_type();
            if kind.is_fifo() || kind.is_char_device() || kind.is_socket() {
                return OpenOptions::new().write(true).open(&target).map(Destination::Stream).doing(doing);
            }
            if kind.is_dir() {
                return Err("it is a directory").doing(doing);
            }
        }
        let (file, hidden) = unnamed(directory(&target))
            .map(|file| (file, None))
            .or_else(|_| {
                let hidden = hidden(&target);
                OpenOptions::new().write(true).create_new(true).open(&hidden).map(|file| (file, Some(hidden)))
            })
            .doing(doing)?;
        Ok(Destination::Whole { file: BufWriter::with_capacity(1 << 16, file), target, hidden })
    }

    /// Everything is written: let it appear.
    pub fn finish(mut self) -> Result<()> {
        self.flush()?;
        let Destination::Whole { file, target, hidden: by_name } = &mut self else { return Ok(()) };
        let doing = || format!("cannot write {}", target.display());
        let temporary = match by_name.take() {
            Some(path) => path,
            None => {
                let from = format!("/proc/self/fd/{}", file.get_ref().as_raw_fd());
                let link =
                    |to: &Path| nix::unistd::linkat(AT_FDCWD, from.as_str(), AT_FDCWD, to, AtFlags::AT_SYMLINK_FOLLOW);
                if link(target).is_ok() {
                    return Ok(());
                }
                // It exists: a link cannot replace, a rename can.
                let path = hidden(target);
                link(&path).doing(doing)?;
                path
            }
        };
        fs::rename(&temporary, &*target).doing(doing).inspect_err(|_| {
            let _ = fs::remove_file(&temporary);
        })
    }
}

impl Drop for Destination {
    fn drop(&mut self) {
        if let Destination::Whole { hidden: Some(path), .. } = self {
            let _ = fs::remove_file(path);
        }
    }
}

impl Write for Destination {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Destination::Stdout(out) => out.write(bytes),
            Destination::Stream(file) => file.write(bytes),
            Destination::Whole { file, .. } => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Destination::Stdout(out) => out.flush(),
            Destination::Stream(file) => file.flush(),
            Destination::Whole { file, .. } => file.flush(),
        }
    }
}

fn unnamed(directory: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).mode(0o666).custom_flags(OFlag::O_TMPFILE.bits()).open(directory)
}

fn directory(target: &Path) -> &Path {
    target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn hidden(target: &Path) -> PathBuf {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    directory(target).join(format!(".{name}.{}", std::process::id()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_or_stays() {
        let place = std::env::temp_dir().join(format!("shm-array-destination-{}", std::process::id()));
        fs::create_dir_all(&place).unwrap();
        let target = place.join("x");
        for words in ["first", "second"] {
            let mut destination = Destination::open(&target).unwrap();
            destination.write_all(words.as_bytes()).unwrap();
            destination.finish().unwrap();
            assert_eq!(fs::read_to_string(&target).unwrap(), words);
        }
        let mut given_up = Destination::open(&target).unwrap();
        given_up.write_all(&[0; 1 << 20]).unwrap();
        drop(given_up);
        assert_eq!(fs::read_to_string(&target).unwrap(), "second");
        assert_eq!(fs::read_dir(&place).unwrap().count(), 1);
        fs::remove_dir_all(place).unwrap();
    }
}
