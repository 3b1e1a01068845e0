//! Looking round: which segments there are, and which of them nobody uses any more.

use std::iter;
use std::mem::size_of;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use crate::error::{Errno, Result};
use crate::os::file::{self, HIDDEN_PREFIX};
use crate::os::file_lock;
use crate::os::name::{Place, SHM_DIRECTORY, configured_directory};
use crate::os::time;

use super::Segment;
use super::attachment::Identity;
use super::control::Control;
use super::examine::{Contents, Description, examine};
use super::format::{Slot, kind, lock_bit, lock_byte, origin};
use super::holders::{self, Holder};
use super::remove::remove_unused;

/// One segment in a listing.
#[derive(Clone, Debug)]
pub struct Entry {
    /// As `open` takes it.
    pub name: String,
    /// [`super::format::kind`].
    pub kind: u32,
    /// numpy's text for the type of the elements.
    pub dtype: String,
    /// Name of an extension dtype, or empty.
    pub tag: String,
    /// Bytes of one element.
    pub itemsize: u64,
    /// Bytes of the whole file.
    pub file_bytes: u64,
    /// Completed exclusive locks.
    pub generation: u64,
    /// CLOCK_REALTIME, nanoseconds.
    pub created_ns: i64,
    /// The segment's random id.
    pub id: [u8; 16],
    /// Removed when its last user closes it.
    pub last_close: bool,
    /// First axis fastest.
    pub fortran: bool,
    /// It was an ordinary .npy file once.
    pub adopted: bool,
    /// Whether any live process is attached.
    pub attached: bool,
    /// The live exclusive holder; 0: none.
    pub lock_pid: u32,
    /// Who reads, or has locked rows.
    pub holders: Vec<Holder>,
    /// In a file of the directory that SHM_ARRAY_DIR names; else in /dev/shm.
    pub in_file: bool,
    /// Somebody waits for the lock.
    pub contended: bool,
    /// A holder died while writing, and nobody has recovered since.
    pub inconsistent: bool,
    /// Elements along each axis.
    pub shape: Vec<u64>,
}

impl Entry {
    /// What it is, in a word: "array", "queue", ...
    pub fn kind_name(&self) -> &'static str {
        kind::noun(self.kind).and_then(|noun| noun.rsplit(' ').next()).unwrap_or("unknown")
    }
}

/// All segments with a plain name that this user may read.
pub fn list() -> Result<Vec<Entry>> {
    let mut names = Vec::new();
    for (index, directory) in directories()?.into_iter().enumerate() {
        names.extend(names_in(&directory)?.into_iter().map(|name| (name, index, directory.clone())));
    }
    names.sort_unstable();
    // What a process would get by the name, should somebody without the setting have given it twice.
    names.dedup_by(|(name, ..), (before, ..)| name == before);
    let entries = names.into_iter().filter_map(|(name, index, directory)| {
        let path = directory.join(&name);
        entry(if index == 0 { Place::Shm(path) } else { Place::Directory(path) }, name)
    });
    Ok(entries.collect())
}

/// The directories that hold names, in the order in which a name is looked for.
fn directories() -> Result<Vec<PathBuf>> {
    Ok(iter::once(SHM_DIRECTORY.into()).chain(configured_directory()?).collect())
}

/// Where there is no directory there are no segments.
fn names_in(directory: &Path) -> Result<Vec<String>> {
    file::names_in(directory).or_else(|error| if error.is(Errno::ENOENT) { Ok(Vec::new()) } else { Err(error) })
}

/// Looks without attaching: a listing must not keep anything alive.
fn look(place: &Place, writable: bool) -> Option<(OwnedFd, file::Facts, Box<Description>)> {
    let fd = file::open_existing(place.path()?, writable).ok()?;
    let facts = file::facts(&fd).ok().filter(|facts| facts.is_regular)?;
    match examine(&fd, &facts, place).ok()? {
        Contents::Shared(description) => Some((fd, facts, description)),
        Contents::Ordinary(_) => None,
    }
}

fn entry(place: Place, name: String) -> Option<Entry> {
    let (fd, _, description) = look(&place, false)?;
    let (header, layout) = (&description.header, &description.layout);
    let lock_pid = Identity::from_word(description.lock).and_then(|owner| live_pid(&fd, &description, owner));
    Some(Entry {
        name,
        kind: header.kind,
        dtype: description.dtype.clone(),
        tag: description.tag.clone(),
        itemsize: layout.itemsize,
        file_bytes: description.trailer.file_len,
        generation: description.generation,
        created_ns: header.created_ns,
        id: header.id,
        last_close: description.is_last_close(),
        fortran: layout.fortran == 1,
        adopted: header.origin & origin::ADOPTED != 0,
        attached: file_lock::is_locked(&fd, lock_byte::ATTACH).unwrap_or(false),
        lock_pid: lock_pid.unwrap_or(0),
        holders: holders::of_file(&fd, &description),
        in_file: matches!(place, Place::Directory(_)),
        contended: description.lock & lock_bit::WAITERS != 0,
        inconsistent: description.lock & lock_bit::INCONSISTENT != 0,
        shape: layout.shape().to_vec(),
    })
}

/// The pid in an owner's slot, if the owner lives.
fn live_pid(fd: impl AsFd, description: &Description, owner: Identity) -> Option<u32> {
    let index = owner.slot().filter(|index| *index < description.header.slots as usize)?;
    let table = description.trailer.control_offset + u64::from(description.header.slots_offset);
    let mut words = [0u8; 8];
    let read = file::read_at(&fd, &mut words, table + (index * size_of::<Slot>()) as u64).ok()?;
    let number = |at: usize| u32::from_ne_bytes(words[at..at + 4].try_into().expect("four bytes"));
    let alive = read == words.len()
        && Identity::of_slot(index, number(0)) == owner
        && file_lock::is_write_locked(&fd, lock_byte::SLOT + index as i64).unwrap_or(false);
    alive.then(|| number(4))
}

/// How to ask about the slots of a segment that may keep no descriptor.
#[derive(Debug)]
pub struct Watch(Option<OwnedFd>);

impl Watch {
    /// Through a description of its own.
    pub fn new(segment: &Segment) -> Watch {
        let reopened = match segment.file() {
            Some(fd) => file::reopen(fd, false).ok(),
            None => segment.place().path().and_then(|path| file::open_existing(path, false).ok()),
        };
        Watch(reopened.filter(|fd| file::facts(fd).is_ok_and(|facts| facts.id == segment.id())))
    }

    /// Whether a live process has the slot of this identity.
    pub fn has_slot(&self, identity: Identity) -> bool {
        let byte = identity.slot().map(|slot| lock_byte::SLOT + slot as i64);
        match (&self.0, byte) {
            (Some(fd), Some(byte)) => file_lock::is_write_locked(fd, byte).unwrap_or(false),
            _ => false,
        }
    }

    /// Whether the process that an identity names is known to be dead. Not knowing is not that.
    pub fn is_dead(&self, control: &Control, identity: Identity) -> bool {
        let Some(index) = identity.slot() else { return true };
        let Some(slot) = control.slot(index) else { return true };
        if Identity::of_slot(index, slot.incarnation.load(Ordering::Acquire)) != identity {
            return true;
        }
        let byte = lock_byte::SLOT + index as i64;
        self.0.as_ref().is_some_and(|fd| file_lock::is_write_locked(fd, byte) == Ok(false))
    }
}

/// A file that is being built under a hidden name is not looked at for so long.
const BUILDING: Duration = Duration::from_secs(60);

/// Remove last-close segments that no live process is attached to, and, with `persistent_after`, persistent ones
/// that were created so long ago; says how many went.
pub fn collect(persistent_after: Option<Duration>) -> Result<u64> {
    let mut removed = 0;
    for directory in directories()? {
        let paths = names_in(&directory)?.into_iter().map(|name| directory.join(name));
        removed += paths.filter(|path| collect_one(path, persistent_after)).count() as u64;
    }
    Ok(removed)
}

fn collect_one(path: &Path, persistent_after: Option<Duration>) -> bool {
    if path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(HIDDEN_PREFIX.as_bytes())) {
        return is_abandoned(path) && file::remove(path).is_ok();
    }
    // Another user's segment cannot be opened for writing: it is theirs to collect.
    look(&Place::File(path.to_path_buf()), true).is_some_and(|(fd, facts, description)| {
        drop(fd);
        is_due(&description, persistent_after) && remove_unused(path, facts.id).unwrap_or(false)
    })
}

fn is_due(description: &Description, persistent_after: Option<Duration>) -> bool {
    let age = Duration::from_nanos(time::realtime_ns().saturating_sub(description.header.created_ns).max(0) as u64);
    description.is_last_close() || persistent_after.is_some_and(|minimum| age >= minimum)
}

fn is_abandoned(path: &Path) -> bool {
    let modified = std::fs::symlink_metadata(path).and_then(|metadata| metadata.modified());
    modified.is_ok_and(|at| SystemTime::now().duration_since(at).is_ok_and(|age| age > BUILDING))
}
