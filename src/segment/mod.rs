//! A segment: a file with a .npy front and a control block behind, mapped by several processes.
//!
//! `format` says where every byte lies, `create` builds, `open` examines and maps, `attachment` is how a
//! process that locks is known to the others, `remove` takes names away (not while there is a
//! `lease`), `directory` looks round.

pub mod adopt;
pub mod attachment;
pub mod birth;
pub mod control;
pub mod create;
pub mod directory;
pub mod elements;
pub mod examine;
pub mod format;
pub mod holders;
mod huge;
pub mod lease;
pub mod literal;
pub mod npy;
pub mod object;
pub mod open;
pub mod refusal;
pub mod remove;

use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use crate::error::{Code, Context, Errno, Error, Result};
use crate::os::copy::Source;
use crate::os::file::{self, FileId};
use crate::os::map::{Advice, Map, Protection};
use crate::os::name::Place;

use attachment::{Attachment, Identity};
use birth::Readiness;
use control::Control;
use examine::{Contents, Description};
use format::origin;
use remove::LastCloser;

/// What a process may do with the elements of a segment that it opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Load.
    Read,
    /// Load and store, seen by everybody.
    Write,
    /// Load and store, seen by nobody else.
    CopyOnWrite,
}

impl Access {
    fn protection(self) -> Protection {
        match self {
            Access::Read => Protection::Read,
            Access::Write => Protection::Write,
            Access::CopyOnWrite => Protection::CopyOnWrite,
        }
    }
}

/// What is done to elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touch {
    /// They are looked at.
    Load,
    /// They are changed.
    Store,
}

/// One opening of a segment. Mapped until dropped; fields go in this order.
#[derive(Debug)]
pub struct Segment {
    attachment: AtomicPtr<Attachment>,
    control: Option<Control>,
    map: Map,
    _control_map: Option<Map>,
    file: Option<OwnedFd>,
    id: FileId,
    place: Place,
    access: Access,
    contents: Contents,
    /// Of what was born lazy: the page that was last made sure of, see [`Segment::back`].
    backed: AtomicU64,
    /// Last of all: it looks whether anybody is left.
    _last_closer: Option<LastCloser>,
}

// SAFETY: the raw pointers lead into mappings that the segment owns; what several threads change there are atomics.
unsafe impl Send for Segment {}
// SAFETY: as above.
unsafe impl Sync for Segment {}

impl Segment {
    /// Map an examined file, whose attach byte `fd` holds.
    fn map(fd: OwnedFd, id: FileId, place: Place, access: Access, contents: Contents) -> Result<Segment> {
        let (map, control_map, control) = match &contents {
            Contents::Ordinary(file) => (Map::new(&fd, 0, to_len(file.len)?, access.protection())?, None, None),
            Contents::Shared(description) => map_shared(&fd, access, description)?,
        };
        let last_closer = match (&contents, place.path()) {
            (Contents::Shared(description), Some(path)) if description.is_last_close() => {
                Some(LastCloser::new(path.to_path_buf(), id))
            }
            _ => None,
        };
        Ok(Segment {
            attachment: AtomicPtr::default(),
            control,
            map,
            _control_map: control_map,
            file: Some(fd),
            id,
            place,
            access,
            contents,
            backed: AtomicU64::new(u64::MAX),
            _last_closer: last_closer,
        })
    }

    /// Map or lock the file's pages in advance.
    pub fn make_ready(&self, readiness: Readiness) -> Result<()> {
        if !readiness.is_wanted() {
            return Ok(());
        }
        readiness
            .bring_about(&self.map, self.map.len(), self.access.protection())
            .map_err(|error| Error::new(error.code(), format!("{}: {}", self.place, error.detail())))
    }

    /// Copy bytes into the file's memory, from this offset on, by several threads where they are many. The caller knows
    /// that this range may be written.
    pub fn copy_in(&self, offset: u64, source: Source) -> Result<()> {
        if self.access == Access::Read {
            return Err(Error::os(Errno::EACCES, format!("{} was opened for reading only", self.place)));
        }
        let end = offset.checked_add(source.bytes() as u64).filter(|end| *end <= self.map.len() as u64);
        if end.is_none() {
            return Err(Error::invalid(format!("{} bytes from offset {offset} lie beyond the file", source.bytes())));
        }
        // SAFETY: the range lies in a mapping that can be written; the caller of the boundary promised that the source
        // is elsewhere.
        unsafe { source.copy_to(self.map.start().wrapping_add(offset as usize)) };
        Ok(())
    }

    /// Reserve memory or disk for a part of the file: no later touch of it is a SIGBUS.
    pub fn reserve(&self, fd: BorrowedFd<'_>, bytes: Range<u64>) -> Result<()> {
        let len = bytes.end.saturating_sub(bytes.start);
        file::allocate(fd, bytes.start, len).map_err(|errno| refusal::no_room(&self.place, fd, len, errno))
    }

    /// As [`Segment::reserve`], through the mapping: for who has no descriptor, or a private mapping.
    pub fn populate(&self, bytes: Range<u64>, need: Touch) -> Result<()> {
        let range = bytes.start as usize..bytes.end as usize;
        let advice = if need == Touch::Store { Advice::PopulateWrite } else { Advice::PopulateRead };
        birth::populate(&self.map, range, advice, "create without SHM_ARRAY_LAZY")
            .map_err(|error| Error::new(error.code(), format!("{}: {}", self.place, error.detail())))
    }

    /// Whether it was made without memory for the elements: a touch is a SIGBUS when memory has run out by then.
    #[inline]
    pub fn is_lazy(&self) -> bool {
        matches!(&self.contents, Contents::Shared(description) if description.header.origin & origin::LAZY != 0)
    }

    /// Before the library itself touches elements: an error where there is no memory for them, and not a SIGBUS.
    #[inline]
    pub fn back(&self, bytes: Range<u64>, need: Touch) -> Result<()> {
        if self.is_lazy() { self.back_pages(bytes, need) } else { Ok(()) }
    }

    /// The page of the last touch is remembered, so that a counter costs no system call. It stays: holes are punched only
    /// behind the elements, and who makes them elements again reserves memory first.
    fn back_pages(&self, bytes: Range<u64>, need: Touch) -> Result<()> {
        const PAGE: u64 = 4096; // or a part of one
        let (first, last) = (bytes.start / PAGE, bytes.end.saturating_sub(1) / PAGE);
        let known = |page: u64| page << 1 | u64::from(need == Touch::Store);
        // SYNC: a note for oneself: whichever thread's it is, it is true.
        if first == last && self.backed.load(Ordering::Relaxed) == known(first) {
            return Ok(());
        }
        self.populate(bytes, need)?;
        self.backed.store(known(last), Ordering::Relaxed);
        Ok(())
    }

    /// Tell the kernel how this process will use a part of the file.
    pub fn advise(&self, bytes: Range<u64>, advice: Advice) -> Result<()> {
        let range = bytes.start as usize..bytes.end as usize;
        let len = bytes.end - bytes.start;
        let done = match (advice, self.file()) {
            // What this process changed of a private mapping is nowhere else.
            (Advice::DoneWith, _) if self.access == Access::CopyOnWrite => Ok(()),
            (Advice::DoneWith, Some(fd)) if !file::is_in_memory(fd) => file::start_writing_back(fd, bytes.start, len)
                .and_then(|()| self.map.advise(range, advice))
                .and_then(|()| file::forget_cached(fd, bytes.start, len)),
            _ => self.map.advise(range, advice),
        };
        done.context(|| format!("cannot advise the kernel about {}", self.place))
    }

    /// Write a part of the file to its disk, and wait until it is there.
    pub fn sync(&self, bytes: Range<u64>) -> Result<()> {
        let range = bytes.start as usize..bytes.end as usize;
        self.map.sync(range).context(|| format!("cannot write {} to disk", self.place))
    }

    /// Begin to write a part of the file to its disk.
    pub fn start_sync(&self, bytes: Range<u64>) -> Result<()> {
        let Some(fd) = self.file() else {
            return Err(Error::os(
                Errno::EOPNOTSUPP,
                format!("{} is untracked: SHM_ARRAY_SYNC_WAIT works without a descriptor", self.place),
            ));
        };
        let begun = file::start_writing_back(fd, bytes.start, bytes.end - bytes.start);
        begun.context(|| format!("cannot write {} to disk", self.place))
    }

    /// Give the descriptor back: the mapping alone keeps the attach byte, and there will be no lock.
    pub fn untrack(&mut self) {
        self.file = None;
    }

    /// Where the file begins in memory.
    pub fn start(&self) -> *mut u8 {
        self.map.start()
    }

    /// What the caller may do with the elements.
    pub fn access(&self) -> Access {
        self.access
    }

    /// Where it was opened.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Which file it is.
    pub fn id(&self) -> FileId {
        self.id
    }

    /// What opening found.
    pub fn contents(&self) -> &Contents {
        &self.contents
    }

    /// What is known of a shared segment; an error in words for an ordinary .npy file.
    pub fn description(&self) -> Result<&Description> {
        match &self.contents {
            Contents::Shared(description) => Ok(description),
            Contents::Ordinary(_) => Err(Error::os(
                Errno::EOPNOTSUPP,
                format!(
                    "{} is an ordinary .npy file, without locks or generations: open it with SHM_ARRAY_WRITE | \
                     SHM_ARRAY_ADOPT to make it a shared array",
                    self.place
                ),
            )),
        }
    }

    /// The control block, for loads only where the segment was opened for reading; none in an ordinary file.
    pub fn control(&self) -> Option<&Control> {
        self.control.as_ref()
    }

    /// The descriptor, unless the segment is untracked.
    pub fn file(&self) -> Option<BorrowedFd<'_>> {
        self.file.as_ref().map(|fd| fd.as_fd())
    }

    /// How this process is known to the others who lock this segment. Made at the first call.
    pub fn attachment(&self) -> Result<&Attachment> {
        // SYNC: pairs with the Release of the exchange in `attach`.
        let known = self.attachment.load(Ordering::Acquire);
        if known.is_null() {
            return self.attach();
        }
        // SAFETY: the pointer came from Arc::into_raw below and is given back only in drop.
        Ok(unsafe { &*known })
    }

    /// The same, to keep. Whoever keeps it lets go of it before the segment.
    pub fn share_attachment(&self) -> Result<Arc<Attachment>> {
        let attachment: *const Attachment = self.attachment()?;
        // SAFETY: it came from Arc::into_raw, and the segment keeps a reference meanwhile.
        Ok(unsafe {
            Arc::increment_strong_count(attachment);
            Arc::from_raw(attachment)
        })
    }

    /// Who this process is to the others, if it has ever been anybody.
    pub fn known_identity(&self) -> Option<Identity> {
        self.attached().map(|(_, identity)| identity)
    }

    /// The attachment, where it has been made and has a slot of this very process.
    #[inline]
    pub fn attached(&self) -> Option<(&Attachment, Identity)> {
        // SYNC: as in `attachment`.
        let known = self.attachment.load(Ordering::Acquire);
        // SAFETY: as in `attachment`.
        let attachment = unsafe { known.as_ref() }?;
        attachment.known_identity().map(|identity| (attachment, identity))
    }

    /// No OnceLock here: a fork while another thread initialises it would block the child for ever.
    #[cold]
    fn attach(&self) -> Result<&Attachment> {
        let description = self.description()?;
        if self.access == Access::Read {
            return Err(Error::os(
                Errno::EACCES,
                format!(
                    "{} was opened for reading only, and a lock is written into it: open it for writing",
                    self.place
                ),
            ));
        }
        let Some(file) = self.file() else {
            return Err(Error::os(
                Errno::EOPNOTSUPP,
                format!("{} was opened with SHM_ARRAY_UNTRACKED, which has no lock: open it without", self.place),
            ));
        };
        let fresh = Arc::into_raw(Attachment::of(self.id, file, description, &self.place)?).cast_mut();
        let result = self.attachment.compare_exchange(std::ptr::null_mut(), fresh, Ordering::AcqRel, Ordering::Acquire);
        let kept = match result {
            Ok(_) => fresh,
            Err(another_threads) => {
                // SAFETY: `fresh` came from Arc::into_raw a moment ago and was given to nobody.
                drop(unsafe { Arc::from_raw(fresh) });
                another_threads
            }
        };
        // SAFETY: the segment owns one reference, until drop.
        Ok(unsafe { &*kept })
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        let attachment = *self.attachment.get_mut();
        if !attachment.is_null() {
            // SAFETY: the pointer came from Arc::into_raw, and nobody can use it after this.
            drop(unsafe { Arc::from_raw(attachment) });
        }
    }
}

/// The elements as asked for. The control block lies behind them in the same map, but not in a private one: it
/// would not see what others change.
fn map_shared(fd: &OwnedFd, access: Access, description: &Description) -> Result<(Map, Option<Map>, Option<Control>)> {
    let trailer = &description.trailer;
    let control_len = to_len(trailer.control_len)?;
    let (map, control_map) = if access == Access::CopyOnWrite {
        let private = Map::new(fd, 0, to_len(trailer.control_offset)?, access.protection())?;
        (private, Some(Map::new(fd, trailer.control_offset, control_len, Protection::Read)?))
    } else {
        (Map::new(fd, 0, to_len(trailer.file_len)?, access.protection())?, None)
    };
    let start = match &control_map {
        Some(control_map) => control_map.start(),
        // SAFETY: the offset was checked to lie within the file, all of which is mapped.
        None => unsafe { map.start().add(trailer.control_offset as usize) },
    };
    let start = NonNull::new(start).expect("a mapping is never at address 0");
    // SAFETY: the segment keeps the mapping for as long as the control block's value.
    let control = unsafe { Control::new(start, control_len, &description.header) };
    Ok((map, control_map, Some(control)))
}

fn to_len(bytes: u64) -> Result<usize> {
    let len = usize::try_from(bytes).ok().filter(|len| *len <= isize::MAX as usize);
    len.ok_or_else(|| Error::new(Code::Os(Errno::EOVERFLOW), format!("{bytes} bytes do not fit in this address space")))
}
