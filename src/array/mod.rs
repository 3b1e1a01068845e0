//! The array: a typed, shaped, lockable window on a segment.

mod bulk;
pub mod dtype;
pub mod elements;
pub mod frames;
mod growth;
pub mod handover;
mod hold;
pub mod options;
pub mod placement;
pub mod snapshot;
pub mod stat;
pub mod view;

use std::ffi::CString;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed};
use std::time::Duration;

use crate::error::{Code, Errno, Error, Result};
use crate::os::file;
use crate::os::memory::Bytes;
use crate::os::name::Place;
use crate::os::time::Timeout;
use crate::segment::adopt::adopt;
use crate::segment::birth::{Birth, Way};
use crate::segment::create::{Blueprint, Unnamed, build};
use crate::segment::directory::{self, Entry};
use crate::segment::examine::{Contents, OrdinaryFile};
use crate::segment::format::placement as made;
use crate::segment::format::{CONDITIONS, DEFAULT_SLOTS, Layout, MAX_NDIM, MAX_SLOTS, PAGE, kind, lifetime, origin};
use crate::segment::{Access, Segment, npy, open, remove};
use crate::sync::condition::{self, Awoken};
use crate::sync::generation::{self, Generation, Published};
use crate::sync::notifier::Watches;
use crate::sync::range_table::Rows;
use crate::sync::ranges;
use crate::sync::rwlock::{self, Acquired, Mode};

use dtype::{Dtype, Number};
use hold::Hold;
use options::{OpenFlags, Options};
use placement::Placement;
use stat::Stat;
use view::{Slice, View};

pub(crate) use view::Geometry;

/// One handle on an opened array. Handles made by [`Array::slice`] share its mapping, which lives as long as any.
#[derive(Debug)]
pub struct Array {
    watches: Watches,
    opened: Arc<Opened>,
    /// A part of the array; `None`: all of it, as large as it is now.
    window: Option<Box<Geometry>>,
    hold: Hold,
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
    /// Make an array of zeros and give it a name; `None` for anonymous memory.
    pub fn create(name: Option<&str>, dtype: &str, shape: &[u64], options: &Options) -> Result<Array> {
        let places = placement::candidates(options.placement, name, options.directory, options.unnamed)?;
        let plan = Plan::new(dtype, shape, options)?;
        let Some(name) = name.filter(|_| options.or_open) else {
            return plan.build(&places, options, |_| Ok(()));
        };
        let flags = OpenFlags { untracked: options.untracked, readiness: options.readiness, ..Access::Write.into() };
        let deadline = Timeout::For(open::PATIENCE).deadline();
        loop {
            match Array::open_place(&where_it_is(name, &places)?, flags) {
                Err(error) if error.is(Errno::ENOENT) => match plan.build(&places, options, |_| Ok(())) {
                    Err(error) if error.is(Errno::EEXIST) && !deadline.has_passed() => continue,
                    done => return done,
                },
                Ok(array) => return plan.require_same(array),
                Err(error) => return Err(error),
            }
        }
    }

    /// As [`Array::create`], but `fill` writes the elements before the name appears: others find the whole array or
    /// none, and who dies or fails on the way leaves nothing. EEXIST where the name is taken, even with `or_open`.
    pub fn create_filled(
        name: Option<&str>,
        dtype: &str,
        shape: &[u64],
        options: &Options,
        fill: impl FnOnce(&View) -> Result<()>,
    ) -> Result<Array> {
        let places = placement::candidates(options.placement, name, options.directory, options.unnamed)?;
        Plan::new(dtype, shape, options)?.build(&places, options, fill)
    }

    /// Open by name.
    pub fn open(name: &str, flags: impl Into<OpenFlags>) -> Result<Array> {
        Array::open_place(&Place::find(name)?, flags.into())
    }

    /// Open by name, but only the segment with this id: ESTALE where the name is another's by now.
    pub fn open_id(name: &str, flags: impl Into<OpenFlags>, id: &[u8; 16]) -> Result<Array> {
        let array = Array::open(name, flags)?;
        match array.segment().contents() {
            Contents::Shared(description) if description.header.id == *id => Ok(array),
            _ => Err(Error::os(
                Errno::ESTALE,
                format!(
                    "{} is another array by now: the one that was meant has been unlinked",
                    array.segment().place()
                ),
            )),
        }
    }

    /// Open what a descriptor stands for; the caller keeps the descriptor.
    pub fn open_fd(fd: BorrowedFd<'_>, flags: impl Into<OpenFlags>) -> Result<Array> {
        let flags = flags.into();
        if flags.adopt {
            return Err(Error::invalid("only a file with a name can be adopted: open it by name"));
        }
        Array::ready(open::open_fd(fd, flags.access, kind::ARRAY)?, flags)
    }

    fn open_place(place: &Place, flags: OpenFlags) -> Result<Array> {
        if !flags.adopt {
            return Array::ready(open::open(place, flags.access, kind::ARRAY)?, flags);
        }
        if flags.access != Access::Write {
            return Err(Error::invalid("SHM_ARRAY_ADOPT goes with SHM_ARRAY_WRITE"));
        }
        let found = Array::over(open::open(place, Access::Read, kind::ARRAY)?, false)?;
        if let (Contents::Ordinary(file), Some(layout)) = (found.segment().contents(), &found.opened.ordinary) {
            let capacity_bytes = found.view()?.nbytes;
            let blueprint = Blueprint {
                kind: kind::ARRAY,
                front: &[],
                data_offset: file.front.data_offset,
                layout: *layout,
                capacity_bytes,
                dtype: found.opened.dtype.descr(),
                tag: "",
                metadata: "",
                slots: DEFAULT_SLOTS,
                ranges: DEFAULT_SLOTS,
                state_len: 0,
                wakes_readers: false,
                lifetime: lifetime::UNTIL_UNLINKED,
                origin: origin::ADOPTED,
            };
            adopt(place, found.segment().id(), &blueprint)?;
        }
        Array::ready(open::open(place, Access::Write, kind::ARRAY)?, flags)
    }

    fn ready(segment: Segment, flags: OpenFlags) -> Result<Array> {
        segment.make_ready(flags.readiness)?;
        Array::over(segment, flags.untracked)
    }

    /// What opening found, understood as an array.
    fn over(mut segment: Segment, untracked: bool) -> Result<Array> {
        let place = segment.place().clone();
        let about = |error: Error| Error::new(error.code(), format!("{place}: {}", error.detail()));
        let (dtype, ordinary, metadata, front_stale) = match segment.contents() {
            Contents::Shared(description) => {
                let mut dtype = Dtype::parse(&description.dtype).map_err(about)?;
                if !description.tag.is_empty() {
                    dtype = dtype.with_tag(&description.tag).map_err(about)?;
                }
                if dtype.itemsize() != description.layout.itemsize {
                    return Err(about(Error::new(Code::Corrupt, "the size of an element contradicts its dtype")));
                }
                (dtype, None, description.metadata.clone(), description.front_stale)
            }
            Contents::Ordinary(file) => {
                let dtype = Dtype::parse(&file.front.descr).map_err(about)?;
                let layout = ordinary_layout(file, &dtype).map_err(about)?;
                if segment.access() == Access::Write {
                    return Err(Error::os(
                        Errno::EOPNOTSUPP,
                        format!(
                            "{place} is an ordinary .npy file: it opens with SHM_ARRAY_READ or \
                             SHM_ARRAY_COPY_ON_WRITE, or with SHM_ARRAY_WRITE | SHM_ARRAY_ADOPT, which makes it a \
                             shared array"
                        ),
                    ));
                }
                (dtype, Some(layout), String::new(), false)
            }
        };
        if untracked {
            segment.untrack();
        }
        let text = |text: &str| CString::new(text).unwrap_or_default();
        let texts = Texts {
            name: text(&segment.place().name()),
            dtype: text(dtype.descr()),
            tag: text(dtype.tag()),
            metadata: (!metadata.is_empty()).then(|| text(&metadata)),
        };
        let opened = Arc::new(Opened { number: dtype.number(), segment, dtype, ordinary, texts });
        let array = Array { watches: Watches::default(), opened, window: None, hold: Hold::default() };
        if front_stale && array.segment().access() == Access::Write && !untracked {
            array.finish_interrupted_resize();
        }
        Ok(array)
    }

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
        let segment = self.segment();
        let is_shared = matches!(segment.contents(), Contents::Shared(_));
        let start = segment.start().wrapping_add(self.data_offset() as usize);
        let dtype = &self.opened.dtype;
        let mut view = View::new(start, self.geometry()?, dtype.itemsize(), dtype.alignment());
        view.writable = segment.access() != Access::Read;
        view.shared = is_shared && segment.access() != Access::CopyOnWrite;
        Ok(view)
    }

    /// Another handle on the same mapping: on a part of it, by a slice for each of the leading axes. No copy.
    pub fn slice(&self, slices: &[Slice]) -> Result<Array> {
        let window = match slices {
            [] => self.window.clone(),
            slices => Some(Box::new(self.geometry()?.sliced(slices)?)),
        };
        Ok(Array { watches: Watches::default(), opened: self.opened.clone(), window, hold: Hold::default() })
    }

    /// Take the lock. It belongs to this handle: any thread may release it through the same one.
    #[inline]
    pub fn lock(&self, mode: Mode, timeout: Timeout) -> Result<Acquired> {
        let acquired = rwlock::lock(self.segment().attachment()?, mode, timeout)?;
        self.hold.add(mode);
        Ok(acquired)
    }

    /// As [`Array::lock`], where nobody else is there and nothing has to be told; false says nothing.
    #[inline]
    pub(crate) fn lock_at_once(&self, mode: Mode) -> bool {
        let done = self.segment().attached().is_some_and(|(attachment, me)| rwlock::lock_at_once(attachment, me, mode));
        if done {
            self.hold.add(mode);
        }
        done
    }

    /// As [`Array::unlock`], where that has nothing to tell; false says nothing.
    #[inline]
    pub(crate) fn unlock_at_once(&self) -> bool {
        let Some((attachment, me)) = self.segment().attached() else { return false };
        self.hold.take().is_some_and(|mode| rwlock::give_back(attachment, me, mode))
    }

    /// Release what this handle holds; EPERM where it holds nothing.
    #[inline]
    pub fn unlock(&self) -> Result<()> {
        match self.hold.take() {
            Some(mode) => rwlock::unlock(self.segment().attachment()?, mode),
            None => Err(Error::os(
                Errno::EPERM,
                "this handle does not hold the lock: unlock through the handle that locked; a child made by fork holds none \
                 of its parent's locks",
            )),
        }
    }

    /// Declare the elements repaired after a holder died.
    pub fn recover(&self) -> Result<()> {
        self.require_exclusive("recover")?;
        let attachment = self.segment().attachment()?;
        if attachment.words().front_stale.load(Relaxed) != 0 {
            self.write_front(&self.layout()?)?;
        }
        rwlock::recover(attachment)?;
        condition::notify_all(attachment);
        Ok(())
    }

    /// Lock `count` rows from `first`: an exclusive range excludes all that overlap it, others run beside it.
    ///
    /// A row is one index of the growing axis (the first in C order, the last in Fortran order) of the whole array,
    /// whatever part of it this handle shows. It may lie behind the present end, within the capacity.
    pub fn lock_range(&self, first: u64, count: u64, mode: Mode, timeout: Timeout) -> Result<Acquired> {
        let rows = self.rows(first, count)?;
        let attachment = self.segment().attachment()?;
        self.hold.expect_ranges();
        ranges::lock(attachment, self.hold.number, rows, mode, timeout)
    }

    /// Release a range as it was locked; EPERM where this handle does not hold it.
    pub fn unlock_range(&self, first: u64, count: u64) -> Result<()> {
        let rows = self.rows(first, count)?;
        if self.hold.may_have_ranges() && ranges::unlock(self.segment().attachment()?, self.hold.number, Some(rows))? {
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
        ranges::recover(self.segment().attachment()?, self.hold.number, rows)
    }

    /// Give the exclusive lock back, sleep until that condition is notified, and take the lock again. What is waited for
    /// must be looked at in a loop. The lock is held afterwards, except after an error.
    pub fn wait_for(&self, condition: u32, timeout: Timeout) -> Result<Awoken> {
        let condition = condition_index(condition)?;
        self.require_exclusive("wait for a condition of")?;
        let attachment = self.segment().attachment()?;
        self.hold.take();
        let awoken = condition::wait(attachment, condition, timeout)?;
        self.hold.add(Mode::Exclusive);
        Ok(awoken)
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
        if self.hold.is_exclusive() {
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
        while self.unlock().is_ok() {}
        if self.hold.may_have_ranges()
            && let Ok(attachment) = self.segment().attachment()
        {
            while ranges::unlock(attachment, self.hold.number, None).unwrap_or(false) {}
        }
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

/// Where to look for what may exist already: the caller may have named a directory that nobody else knows of.
fn where_it_is(name: &str, places: &[Place]) -> Result<Place> {
    let existing = places.iter().find(|place| place.path().is_some_and(|path| file::named(path).is_ok()));
    existing.map_or_else(|| Place::find(name), |place| Ok(place.clone()))
}

fn condition_index(condition: u32) -> Result<usize> {
    let index = usize::try_from(condition).ok().filter(|index| *index < CONDITIONS);
    index.ok_or_else(|| Error::invalid(format!("condition {condition}: an array has {CONDITIONS}, numbered from 0")))
}

fn ordinary_layout(file: &OrdinaryFile, dtype: &Dtype) -> Result<Layout> {
    let front = &file.front;
    if front.shape.len() > MAX_NDIM {
        return Err(Error::new(
            Code::Corrupt,
            format!("{} dimensions; at most {MAX_NDIM} are allowed", front.shape.len()),
        ));
    }
    let mut layout = Layout::new(dtype.itemsize(), &front.shape, front.fortran, 1);
    layout.capacity = layout.growing_axis().map_or(1, |axis| layout.shape[axis]);
    let layout = Layout::new(dtype.itemsize(), &front.shape, front.fortran, layout.capacity);
    let end = layout.bytes_for(layout.capacity).and_then(|bytes| bytes.checked_add(front.data_offset));
    let Some(end) = end.filter(|end| *end <= file.len && layout.is_addressable()) else {
        let promised = end.map_or("more than 2^64 bytes".into(), |end| Bytes(end - front.data_offset).to_string());
        return Err(Error::new(
            Code::Corrupt,
            format!(
                "the header of {} bytes promises {promised} of elements (shape {:?}), and the whole file has {}: it was cut \
                 short",
                front.data_offset,
                front.shape,
                Bytes(file.len)
            ),
        ));
    };
    // Segments begin their elements at a whole page, which other writers of .npy files do not.
    if front.data_offset.is_multiple_of(PAGE) && end != file.len && !file.half_adopted {
        return Err(Error::new(Code::Corrupt, "it was a shared array: its control block is cut off or overwritten"));
    }
    Ok(layout)
}

fn order(layout: &Layout) -> &'static str {
    if layout.fortran == 1 { "Fortran" } else { "C" }
}

/// Arguments of `create`, checked before anything is made.
struct Plan {
    dtype: Dtype,
    layout: Layout,
    front: Vec<u8>,
    capacity_bytes: u64,
    slots: u32,
    permissions: u32,
}

impl Plan {
    fn new(dtype: &str, shape: &[u64], options: &Options) -> Result<Plan> {
        let mut dtype = Dtype::parse(dtype)?;
        if let Some(tag) = options.dtype_tag.filter(|tag| !tag.is_empty()) {
            dtype = dtype.with_tag(tag)?;
        }
        if shape.len() > MAX_NDIM {
            return Err(Error::invalid(format!("{} dimensions; at most {MAX_NDIM} are allowed", shape.len())));
        }
        let growing = if options.fortran { shape.last() } else { shape.first() };
        let length = growing.copied().unwrap_or(1);
        let capacity = if options.capacity == 0 { length } else { options.capacity };
        if capacity < length || (shape.is_empty() && capacity > 1) {
            return Err(Error::invalid(format!(
                "capacity {capacity} is not at least the growing axis's length of {length}{}",
                if shape.is_empty() { ", and an array without dimensions cannot grow" } else { "" }
            )));
        }
        let layout = Layout::new(dtype.itemsize(), shape, options.fortran, capacity);
        let capacity_bytes = layout.bytes_for(capacity).filter(|bytes| *bytes <= i64::MAX as u64);
        let Some(capacity_bytes) = capacity_bytes.filter(|_| layout.is_addressable()) else {
            return Err(Error::invalid(format!(
                "shape {shape:?} with {} bytes for each element and capacity {capacity} is more than 2^63 bytes",
                dtype.itemsize()
            )));
        };
        if options.slots > MAX_SLOTS {
            return Err(Error::invalid(format!("{} slots; at most {MAX_SLOTS} are allowed", options.slots)));
        }
        if options.permissions & !0o777 != 0 {
            return Err(Error::invalid(format!("permissions {:#o} have bits beyond 0777", options.permissions)));
        }
        if let Some(metadata) = options.metadata {
            serde_json::from_str::<serde_json::Value>(metadata)
                .map_err(|error| Error::invalid(format!("the metadata are not JSON: {error}")))?;
        }
        let front = npy::render(dtype.descr(), options.fortran, shape, npy::room(dtype.descr())?)?;
        let slots = if options.slots == 0 { DEFAULT_SLOTS } else { options.slots };
        let permissions = if options.permissions == 0 { 0o600 } else { options.permissions };
        Ok(Plan { dtype, layout, front, capacity_bytes, slots, permissions })
    }

    /// Build in the first place that has room, fill, and publish.
    fn build(&self, places: &[Place], options: &Options, fill: impl FnOnce(&View) -> Result<()>) -> Result<Array> {
        let (segment, unnamed) = self.build_in_one_of(places, options)?;
        let start = segment.start().wrapping_add(self.front.len());
        let (itemsize, alignment) = (self.dtype.itemsize(), self.dtype.alignment());
        let mut view = View::new(start, Geometry::of(&self.layout), itemsize, alignment);
        view.writable = true;
        fill(&view)?;
        unnamed.publish(&segment)?;
        Array::over(segment, options.untracked)
    }

    fn build_in_one_of(&self, places: &[Place], options: &Options) -> Result<(Segment, Unnamed)> {
        let mut failed: Option<Error> = None;
        for place in places {
            let error = match self.build_in(place, options) {
                Err(error) if placement::may_fit_elsewhere(&error) => error,
                done => return done,
            };
            failed = Some(match failed {
                None => error,
                Some(before) => Error::new(error.code(), format!("{}; {}", before.detail(), error.detail())),
            });
        }
        Err(failed.unwrap_or_else(|| Error::invalid("there is no place to put the array")))
    }

    fn build_in(&self, place: &Place, options: &Options) -> Result<(Segment, Unnamed)> {
        let blueprint = Blueprint {
            kind: kind::ARRAY,
            front: &self.front,
            data_offset: self.front.len() as u64,
            layout: self.layout,
            capacity_bytes: self.capacity_bytes,
            dtype: self.dtype.descr(),
            tag: self.dtype.tag(),
            metadata: options.metadata.unwrap_or_default(),
            slots: self.slots,
            ranges: self.slots,
            state_len: 0,
            wakes_readers: options.wakes_readers,
            lifetime: if options.last_close { lifetime::LAST_CLOSE } else { lifetime::UNTIL_UNLINKED },
            origin: if options.way == Way::Lazy { origin::LAZY } else { 0 },
        };
        let birth = Birth { way: options.way, nodes: options.nodes };
        build(place, &blueprint, self.permissions, &birth, options.readiness)
    }

    /// What exists must be what would have been made.
    fn require_same(&self, array: Array) -> Result<Array> {
        let layout = array.layout()?;
        let same = array.opened.dtype == self.dtype
            && layout.shape() == self.layout.shape()
            && layout.fortran == self.layout.fortran;
        if same {
            return Ok(array);
        }
        Err(Error::os(
            Errno::EEXIST,
            format!(
                "{} exists with dtype {} and shape {:?} in {} order, not with dtype {} and shape {:?} in {} order: open it as \
                 it is, or unlink it",
                array.segment().place(),
                array.opened.dtype.descr(),
                layout.shape(),
                order(&layout),
                self.dtype.descr(),
                self.layout.shape(),
                order(&self.layout)
            ),
        ))
    }
}
