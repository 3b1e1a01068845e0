//! From a name, or a descriptor, to a mapped segment.
//!
//! An opener locks the attach byte first and then looks whether the file still has a name. Who takes the last name of
//! a file that nobody may use any more holds the attach byte meanwhile. So an opener either is seen by the remover, or
//! sees that the file has lost its name and starts again.

use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::error::{Code, Context, Errno, Error, Result};
use crate::os::file::{self, Facts};
use crate::os::file_lock::{self, Kind};
use crate::os::name::Place;
use crate::os::time::Timeout;

use super::attachment::Attachment;
use super::examine::{Contents, examine};
use super::format::{kind, lock_byte};
use super::{Access, Segment};

/// A remover holds the attach byte for microseconds; who is in the way for longer means it.
pub const PATIENCE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_micros(200);

/// Open a segment of this [`kind`] by name.
pub fn open(place: &Place, access: Access, kind: u32) -> Result<Segment> {
    let Some(path) = place.path() else {
        return Err(Error::invalid("anonymous memory has no name: pass its descriptor to the function that opens one"));
    };
    let mut deadline = None;
    loop {
        let fd = file::open_existing(path, access == Access::Write).map_err(|errno| cannot_open(place, errno))?;
        if let Place::File(_) | Place::Directory(_) = place {
            file::require_local(&fd, place)?; // before a lock asks a server, which may never answer
        }
        let attached = take_attach_byte(&fd, place);
        let facts = file::facts(&fd).context(|| format!("cannot examine {place}"))?;
        require_regular(&facts, place)?;
        if attached? && has_name(&facts, path) {
            let contents = examine(&fd, &facts, place)?;
            return finish(fd, &facts, place.clone(), access, kind, contents);
        }
        if deadline.get_or_insert_with(|| Timeout::For(PATIENCE).deadline()).has_passed() {
            return Err(Error::os(
                Errno::EBUSY,
                format!("{place} is being replaced or removed, again and again, for {PATIENCE:?}: try later"),
            ));
        }
        std::thread::sleep(PAUSE);
    }
}

/// Open what a descriptor stands for; the caller keeps the descriptor.
pub fn open_fd(fd: BorrowedFd<'_>, access: Access, kind: u32) -> Result<Segment> {
    let place = Place::Anonymous;
    let facts = file::facts(fd).context(|| format!("descriptor {} cannot be examined", fd.as_raw_fd()))?;
    require_regular(&facts, &place)?;
    file::require_local(fd, &place)?;
    let writable = file::is_writable(fd).context(|| format!("descriptor {} cannot be examined", fd.as_raw_fd()))?;
    if access == Access::Write && !writable {
        return Err(Error::os(
            Errno::EACCES,
            format!("descriptor {} is not open for writing: open it for reading", fd.as_raw_fd()),
        ));
    }
    let own = file::duplicate(fd)?;
    if !take_attach_byte(&own, &place)? {
        return Err(Error::os(Errno::EBUSY, "it is being removed by somebody else"));
    }
    let contents = examine(&own, &facts, &place)?;
    finish(own, &facts, place, access, kind, contents)
}

/// How this process is known at the segment behind a descriptor, whatever its kind; the caller keeps the descriptor.
pub fn attachment_fd(fd: BorrowedFd<'_>) -> Result<Arc<Attachment>> {
    let place = Place::Anonymous;
    let facts = file::facts(fd).context(|| format!("descriptor {} cannot be examined", fd.as_raw_fd()))?;
    require_regular(&facts, &place)?;
    match examine(fd, &facts, &place)? {
        Contents::Shared(description) => Attachment::of(facts.id, fd, &description, &place),
        Contents::Ordinary(_) => Err(Error::new(Code::Format, "an ordinary .npy file has no control block")),
    }
}

fn finish(fd: OwnedFd, facts: &Facts, place: Place, access: Access, kind: u32, contents: Contents) -> Result<Segment> {
    require_kind(&contents, kind, &place)?;
    if let (Contents::Shared(description), Access::Write) = (&contents, access) {
        let unknown = description.header.features_read_compatible;
        if unknown != 0 {
            return Err(Error::new(
                Code::Version,
                format!("{place} uses features {unknown:#x} of a newer library: it can be opened for reading only"),
            ));
        }
    }
    Segment::map(fd, facts.id, place, access, contents)
}

/// A .npy file without a control block is an array.
fn require_kind(contents: &Contents, wanted: u32, place: &Place) -> Result<()> {
    let found = match contents {
        Contents::Shared(description) => description.header.kind,
        Contents::Ordinary(_) => kind::ARRAY,
    };
    if found == wanted {
        return Ok(());
    }
    let wanted = kind::noun(wanted).unwrap_or("another kind of segment");
    Err(match kind::noun(found) {
        Some(found) => Error::new(Code::Format, format!("{place} is {found}, not {wanted}")),
        None => Error::new(
            Code::Version,
            format!("{place} is of kind {found}, which this version does not know; expected {wanted}"),
        ),
    })
}

fn require_regular(facts: &Facts, place: &Place) -> Result<()> {
    if facts.is_regular {
        return Ok(());
    }
    let what = "it is a directory, FIFO, socket or device";
    Err(Error::new(Code::Format, format!("{place} is not a regular file: {what}")))
}

/// Some file systems, of those in user space, count no names: there the path is asked.
fn has_name(facts: &Facts, path: &Path) -> bool {
    facts.has_name || file::named(path) == Ok(facts.id)
}

fn take_attach_byte(fd: &OwnedFd, place: &Place) -> Result<bool> {
    file_lock::try_lock(fd, lock_byte::ATTACH, Kind::Read).context(|| format!("cannot attach to {place}"))
}

pub(super) fn cannot_open(place: &Place, errno: Errno) -> Error {
    let advice = match errno {
        Errno::ENOENT => match place {
            Place::Shm(path) if path.parent().is_some_and(|directory| !directory.exists()) => {
                "; this machine has no /dev/shm: set SHM_ARRAY_DIR to a directory that holds names, or use \
                 file:///directory/name.npy"
                    .to_string()
            }
            _ => "; nobody has created it, or it was unlinked".to_string(),
        },
        other => file::advice(other),
    };
    Error::os(errno, format!("cannot open {place}: {}{advice}", errno.desc()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_its_name_until_it_is_unlinked_also_where_names_are_not_counted() {
        let path = std::env::temp_dir().join(format!("shm_array-has-name-{}", std::process::id()));
        std::fs::write(&path, b"x").unwrap();
        let fd = file::open_existing(&path, false).unwrap();
        let uncounted = || Facts { has_name: false, ..file::facts(&fd).unwrap() };
        assert!(has_name(&file::facts(&fd).unwrap(), &path) && has_name(&uncounted(), &path));
        std::fs::remove_file(&path).unwrap();
        assert!(!has_name(&file::facts(&fd).unwrap(), &path) && !has_name(&uncounted(), &path));
        std::fs::write(&path, b"another's").unwrap();
        assert!(!has_name(&file::facts(&fd).unwrap(), &path) && !has_name(&uncounted(), &path));
        std::fs::remove_file(&path).unwrap();
    }
}
