//! Taking names away, without ever taking away somebody else's.
//!
//! Whoever unlinks opens the name, write-locks the name byte on that inode, looks whether the name still is
//! that inode, and unlinks. Removing an *unused* segment write-locks the attach byte as well, which fails while
//! anybody, anywhere, is attached.

use std::mem::offset_of;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use crate::error::{Context, Errno, Error, Result};
use crate::os::file::{self, FileId};
use crate::os::file_lock::{self, Kind};
use crate::os::name::Place;
use crate::os::time::{self, Deadline, Timeout};

use super::format::{MAGIC, PAGE, Words, lock_byte, page};
use super::lease;
use super::open::{PATIENCE, cannot_open};

/// Unlink a name, whoever uses the segment: they keep what they have. With `only`, the name must stand for that
/// file (ESTALE).
pub fn unlink(place: &Place, only: Option<FileId>) -> Result<()> {
    let Some(path) = place.path() else {
        return Err(Error::invalid("an anonymous array has no name to unlink: it goes with its last user"));
    };
    let deadline = Timeout::For(PATIENCE).deadline();
    loop {
        // Write locks need a descriptor that can write.
        let fd = file::open_existing(path, true).map_err(|errno| cannot_open(place, errno))?;
        let facts = file::facts(&fd).context(|| format!("cannot examine {place}"))?;
        if only.is_some_and(|only| only != facts.id) {
            return Err(Error::os(Errno::ESTALE, format!("{place} is another array by now: it was not unlinked")));
        }
        if !facts.is_regular || !looks_like_ours(&fd, facts.size) {
            let what = "neither a shared array nor a .npy file: remove it with rm if it is yours";
            return Err(Error::new(crate::error::Code::Format, format!("{place} is {what}")));
        }
        take_name_byte(&fd, place, deadline)?;
        if file::named(path) == Ok(facts.id) {
            return file::remove(path).context(|| format!("cannot unlink {place}"));
        }
        if deadline.has_passed() {
            return Err(Error::os(Errno::EBUSY, format!("{place} is replaced again and again: try later")));
        }
    }
}

/// Whether a file is so unlike a segment that it must be a mistake.
fn looks_like_ours(fd: &OwnedFd, size: u64) -> bool {
    let mut begin = [0u8; 6];
    let mut end = [0u8; MAGIC.len()];
    let begins = file::read_at(fd, &mut begin, 0).is_ok() && &begin == b"\x93NUMPY";
    let ends = size >= 8 && file::read_at(fd, &mut end, size - 8).is_ok() && end == MAGIC;
    begins || ends
}

/// Wait, not for long, until nobody else is removing or adopting this file.
pub(super) fn take_name_byte(fd: impl AsFd, place: &Place, deadline: Deadline) -> Result<()> {
    while !file_lock::try_lock(&fd, lock_byte::NAME, Kind::Write).context(|| format!("cannot lock {place}"))? {
        if deadline.has_passed() {
            return Err(Error::os(Errno::EBUSY, format!("somebody else has been removing {place} for {PATIENCE:?}")));
        }
        std::thread::sleep(std::time::Duration::from_micros(200));
    }
    Ok(())
}

/// Remove the segment if `path` still is it, nobody is attached, and nobody is on the way to it; says whether it was
/// removed.
pub fn remove_unused(path: &Path, id: FileId) -> nix::Result<bool> {
    let fd = file::open_existing(path, true)?;
    let facts = file::facts(&fd)?;
    // A lease is taken, and given back, by who is attached: with the attach byte locked it cannot change.
    let idle = facts.id == id
        && file_lock::try_lock(&fd, lock_byte::ATTACH, Kind::Write)?
        && file_lock::try_lock(&fd, lock_byte::NAME, Kind::Write)?
        && !is_leased(&fd, facts.size)?
        && file::named(path)? == id;
    if idle {
        file::remove(path)?;
    }
    Ok(idle)
}

/// Whether somebody has handed the segment over, and the receiver may still come.
fn is_leased(fd: impl AsFd, size: u64) -> nix::Result<bool> {
    let place = page::WORDS + offset_of!(Words, lease_deadline_ns) as u64;
    let mut word = [0u8; 8];
    let read = file::read_at(fd, &mut word, size.saturating_sub(PAGE) + place)?;
    Ok(read == word.len() && lease::is_running(i64::from_ne_bytes(word), time::boottime_ns()))
}

/// The part of an opened last-close segment that is dropped last, when mapping and descriptor are gone already:
/// of two who close at the same time, one then always finds that it was the last.
#[derive(Debug)]
pub(super) struct LastCloser {
    path: PathBuf,
    id: FileId,
}

impl LastCloser {
    pub fn new(path: PathBuf, id: FileId) -> LastCloser {
        LastCloser { path, id }
    }
}

impl Drop for LastCloser {
    fn drop(&mut self) {
        // Who may not write cannot look; collecting does it later. So it does after any other failure.
        let _ = remove_unused(&self.path, self.id);
    }
}
