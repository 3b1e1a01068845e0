//! The array: a typed, shaped, lockable window on a segment.

mod bulk;
mod create;
pub mod dtype;
pub mod elements;
pub mod frames;
mod growth;
pub mod handover;
mod open;
pub mod options;
pub mod placement;
pub mod snapshot;
pub mod stat;
pub mod view;

use std::ffi::CString;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed};
use std::time::Duration;

use crate::error::{Code, Errno, Error, Result};
use crate::os::file;
use crate::os::name::Place;
use crate::os::time::Timeout;
use crate::segment::directory::{self, Entry};
use crate::segment::examine::Contents;
use crate::segment::format::placement as made;
use crate::segment::format::{CONDITIONS, Layout};
use crate::segment::{Access, Segment, remove};
use crate::sync::condition::{self, Awoken};
use crate::sync::generation::{self, Generation, Published};
use crate::sync::grip::Grip;
use crate::sync::lock::range_table::Rows;
use crate::sync::lock::short::{Left, Reached};
use crate::sync::lock::{Acquired, Mode, whole};
use crate::sync::notifier::Watches;

use dtype::{Dtype, Number};
use placement::Placement;
use stat::Stat;
use view::{Slice, View};

pub(crate) use view::Geometry;

/// One handle on an opened array. Handles made by [`Array::slice`] share its mapping, which lives as long as any.
#[derive(Debug)]
pub struct Array {
    watches: Watches,
    /// Before the segment: what it keeps of it goes first.
    grip: Grip,
    opened: Arc<Opened>,
    /// A part of the array; `None`: all of it, as large as it is now.
    window: Option<Box<Geometry>>,
}

/// What the handles over one mapping share.
#[derive(Debug)]
struct Opened {
    segment: Segment,
    dtype: Dtype,
    /// What atomic operations work on.
    number: Option<Number>,
    /// Of an ordinary .npy file; a shared segment's can change.
    ordinary: Option<Layout>,
    texts: Texts,
}

impl AsRef<Segment> for Opened {
    fn as_ref(&self) -> &Segment {
        &self.segment
    }
}

/// For callers who want a NUL at the end.
#[derive(Debug)]
struct Texts {
    name: CString,
    dtype: CString,
    tag: CString,
    metadata: Option<CString>,
}

impl Array {
    pub(crate) fn segment(&self) -> &Segment {
        &self.opened.segment
    }

    /// The layout of the whole array as it is now.
    fn layout(&self) -> Result<Layout> {
        match (&self.opened.ordinary, self.segment().control()) {
            (None, Some(control)) => {
                let (_, layout) = control.layout()?;
                if layout.itemsize == self.opened.dtype.itemsize() {
                    return Ok(layout);
                }
                Err(Error::new(Code::Corrupt, "the layout record is damaged: another size of an element"))
            }
            (Some(layout), _) => Ok(*layout),
            (None, None) => Err(Error::new(Code::Corrupt, "neither a layout record nor a .npy header")),
        }
    }

    fn geometry(&self) -> Result<Geometry> {
        match &self.window {
            Some(window) => Ok(**window),
            None => self.layout().map(|layout| Geometry::of(&layout)),
        }
    }

    /// From the file's start to the elements, in bytes.
    fn data_offset(&self) -> u64 {
        match self.segment().contents() {
            Contents::Shared(description) => description.header.data_offset,
            Contents::Ordinary(file) => file.front.data_offset,
        }
    }

    /// Where the elements lie, now: after another process's resize ask again.
    pub fn view(&self) -> Result<View> {
        Ok(self.view_of(self.geometry()?))
    }

    /// Where all elements lay when the array was opened: the control block, which was read then, is not touched again.
    pub fn view_when_opened(&self) -> Result<View> {
        let layout = match self.segment().contents() {
            Contents::Shared(description) => description.layout,
            Contents::Ordinary(_) => self.layout()?,
        };
        Ok(self.view_of(Geometry::of(&layout)))
    }

    fn view_of(&self, geometry: Geometry) -> View {
        let segment = self.segment();
        let is_shared = matches!(segment.contents(), Contents::Shared(_));
        let start = segment.start().wrapping_add(self.data_offset() as usize);
        let dtype = &self.opened.dtype;
        let mut view = View::new(start, geometry, dtype.itemsize(), dtype.alignment());
        view.writable = segment.access() != Access::Read;
        view.shared = is_shared && segment.access() != Access::CopyOnWrite;
        view
    }

    /// Another handle on the same mapping: on a part of it, by a slice for each of the leading axes. No copy.
    pub fn slice(&self, slices: &[Slice]) -> Result<Array> {
        let window = match slices {
            [] => self.window.clone(),
            slices => Some(Box::new(self.geometry()?.sliced(slices)?)),
        };
        Ok(Array { watches: Watches::default(), opened: self.opened.clone(), window, grip: Grip::default() })
    }

    /// Take the lock. It belongs to this handle: any thread may release it through the same one.
    #[inline]
    pub fn lock(&self, mode: Mode, timeout: Timeout) -> Result<Acquired> {
        self.grip.lock(self.segment(), mode, timeout)
    }

    /// As [`Array::lock`], where nobody else is there and nothing has to be told.
    #[inline]
    pub(crate) fn lock_at_once(&self, mode: Mode) -> Reached {
        self.grip.lock_at_once(mode)
    }

    /// Where [`Array::lock_at_once`] stopped in the middle: false says that nothing is held.
    pub(crate) fn lock_from_the_middle(&self, mode: Mode) -> bool {
        self.grip.lock_from_the_middle(mode)
    }

    /// As [`Array::unlock`], where that has nothing to tell.
    #[inline]
    pub(crate) fn unlock_at_once(&self) -> Left {
        self.grip.unlock_at_once()
    }

    /// Only where [`Array::unlock_at_once`] has left [`Left::Exclusive`].
    #[inline]
    pub(crate) fn unlock_from_the_middle(&self) -> Left {
        self.grip.unlock_from_the_middle()
    }

    /// Do what those two have left; false where that is everything.
    pub(crate) fn unlock_to_the_end(&self, left: Left) -> bool {
        self.grip.unlock_to_the_end(left)
    }

    /// Release what this handle holds; EPERM where it holds nothing.
    #[inline]
    pub fn unlock(&self) -> Result<()> {
        self.grip.unlock(self.segment())
    }

    /// Declare the elements repaired after a holder died.
    pub fn recover(&self) -> Result<()> {
        self.require_exclusive("recover")?;
        let attachment = self.segment().attachment()?;
        if attachment.words().front_stale.load(Relaxed) != 0 {
            self.write_front(&self.layout()?)?;
        }
        whole::recover(attachment)?;
        condition::notify_all(attachment);
        Ok(())
    }

    /// Lock `count` rows from `first`: an exclusive range excludes all that overlap it, others run beside it.
    ///
    /// A row is one index of the growing axis (the first in C order, the last in Fortran order) of the whole array,
    /// whatever part of it this handle shows. It may lie behind the present end, within the capacity.
    pub fn lock_range(&self, first: u64, count: u64, mode: Mode, timeout: Timeout) -> Result<Acquired> {
        let rows = self.rows(first, count)?;
        self.grip.lock_range(self.segment(), rows, mode, timeout)
    }

    /// Release a range as it was locked; EPERM where this handle does not hold it.
    pub fn unlock_range(&self, first: u64, count: u64) -> Result<()> {
        let rows = self.rows(first, count)?;
        if self.grip.unlock_range(self.segment(), Some(rows))? {
            return Ok(());
        }
        Err(Error::os(
            Errno::EPERM,
            format!(
                "this handle does not hold {count} rows from {first}: unlock each range as it was locked, through the \
                 handle that locked it; a child made by fork holds none of its parent's ranges"
            ),
        ))
    }

    /// Declare rows repaired after a holder of them died, under an exclusive range that contains them.
    pub fn recover_range(&self, first: u64, count: u64) -> Result<()> {
        let rows = self.rows(first, count)?;
        self.grip.recover_range(self.segment(), rows)
    }

    /// Give the exclusive lock back, sleep until that condition is notified, and take the lock again. What is waited for
    /// must be looked at in a loop. The lock is held afterwards, except after an error.
    pub fn wait_for(&self, condition: u32, timeout: Timeout) -> Result<Awoken> {
        let condition = condition_index(condition)?;
        self.require_exclusive("wait for a condition of")?;
        self.grip.wait(self.segment(), condition, timeout)
    }

    /// Call those who wait for that condition: so many at once, the others soon.
    pub fn notify(&self, condition: u32, count: u32) -> Result<()> {
        let condition = condition_index(condition)?;
        if count == 0 {
            return Err(Error::invalid("count is 0: name how many are to be woken at once, or UINT32_MAX for all"));
        }
        condition::notify(self.segment().attachment()?, condition, count);
        Ok(())
    }

    fn rows(&self, first: u64, count: u64) -> Result<Rows> {
        let capacity = self.segment().description()?.layout.capacity;
        let rows = Rows::new(first, count).filter(|rows| rows.end <= capacity);
        rows.ok_or_else(|| {
            Error::invalid(format!(
                "{count} rows from {first} are no range of this array: it has room for {capacity} rows, and a range has at \
                 least one"
            ))
        })
    }

    fn require_exclusive(&self, what: &str) -> Result<()> {
        if self.grip.is_exclusive() {
            return Ok(());
        }
        self.segment().description()?;
        Err(Error::os(
            Errno::EPERM,
            format!("to {what} an array, take its exclusive lock (SHM_ARRAY_EXCLUSIVE) through this handle first"),
        ))
    }

    /// A resizer died between layout and header. Whoever holds the lock now does it, or the next who opens.
    fn finish_interrupted_resize(&self) {
        let taken = self.lock(Mode::Exclusive, Timeout::Try);
        if taken.is_ok() {
            let _ = self.layout().and_then(|layout| self.write_front(&layout));
            let _ = self.unlock();
        }
    }

    /// Completed writes (exclusive locks).
    pub fn generation(&self) -> Result<u64> {
        self.segment().description()?;
        Ok(self.segment().control().map_or(0, |control| control.words().ended.load(Acquire)))
    }

    /// Sleep until somebody completes a write after generation `since`; says which generation it is then.
    pub fn wait(&self, since: u64, timeout: Timeout) -> Result<u64> {
        generation::wait(self.segment(), since, timeout)
    }

    /// Who completed the last write, when, and whether that process still lives.
    pub fn last_publish(&self) -> Result<Published> {
        generation::last(self.segment())
    }

    /// A descriptor that becomes readable when the generation is another than `since`, and at each one after that.
    pub fn notify_fd(&self, since: u64) -> Result<OwnedFd> {
        self.segment().description()?;
        self.watches.add(Arc::new(Generation(self.opened.clone())), Some(since))
    }

    /// Who is attached, who locks, how large it is.
    pub fn stat(&self) -> Result<Stat> {
        stat::stat(self)
    }

    /// Where the elements live; never [`Placement::Auto`].
    pub fn placement(&self) -> Placement {
        let segment = self.segment();
        match (segment.place(), segment.contents()) {
            (Place::Shm(_), _) => Placement::Shm,
            (Place::Directory(_) | Place::File(_), _) => Placement::File,
            // By descriptor it may be any: its maker knew.
            (Place::Anonymous, Contents::Shared(description)) => match description.header.placement {
                made::SHM => Placement::Shm,
                made::MEMFD => Placement::Memfd,
                _ => Placement::File,
            },
            (Place::Anonymous, Contents::Ordinary(_)) => Placement::File,
        }
    }

    /// A descriptor for another process: whoever has it can open the array.
    pub fn fd(&self) -> Result<OwnedFd> {
        let Some(fd) = self.segment().file() else {
            return Err(Error::os(
                Errno::EOPNOTSUPP,
                "the array was opened with SHM_ARRAY_UNTRACKED, which keeps no descriptor: open it without",
            ));
        };
        file::duplicate(fd)
    }

    /// Unlink this array's name; ESTALE where it is another segment's by now.
    pub fn unlink(&self) -> Result<()> {
        remove::unlink(self.segment().place(), Some(self.segment().id()))
    }

    /// As `open` takes it; empty for anonymous memory.
    pub fn name(&self) -> &std::ffi::CStr {
        &self.opened.texts.name
    }

    /// numpy's text for the type of the elements.
    pub fn dtype(&self) -> &std::ffi::CStr {
        &self.opened.texts.dtype
    }

    /// Name of an extension dtype, or empty.
    pub fn dtype_tag(&self) -> &std::ffi::CStr {
        &self.opened.texts.tag
    }

    /// The creator's JSON.
    pub fn metadata(&self) -> Option<&std::ffi::CStr> {
        self.opened.texts.metadata.as_deref()
    }
}

impl Drop for Array {
    fn drop(&mut self) {
        self.grip.let_go(self.segment());
    }
}

/// Unlink by name, whoever uses the array: they keep what they have.
pub fn unlink(name: &str) -> Result<()> {
    remove::unlink(&Place::find(name)?, None)
}

/// All arrays with a plain name that this user may read.
pub fn list() -> Result<Vec<Entry>> {
    directory::list()
}

/// Remove last-close arrays that no live process uses, and persistent ones created that long ago; how many went.
pub fn collect(persistent_after: Option<Duration>) -> Result<u64> {
    directory::collect(persistent_after)
}

fn condition_index(condition: u32) -> Result<usize> {
    let index = usize::try_from(condition).ok().filter(|index| *index < CONDITIONS);
    index.ok_or_else(|| Error::invalid(format!("condition {condition}: an array has {CONDITIONS}, numbered from 0")))
}
