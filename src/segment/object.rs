//! What is no array: a semaphore, an event, a queue, ... Its state lies in the control block of a segment of its own,
//! which has slots, lifetimes and a name like any other; what it carries, if anything, lies where an array has its
//! elements.

use std::ffi::{CStr, CString};
use std::marker::PhantomData;
use std::mem::{align_of, size_of};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use crate::error::{Code, Errno, Error, Result};
use crate::os::file;
use crate::os::name::Place;
use crate::os::time::{Timeout, boottime_ns};

use super::attachment::Attachment;
use super::birth::{Birth, Readiness};
use super::control::Control;
use super::create::{Blueprint, build};
use super::examine::Description;
use super::format::{DEFAULT_SLOTS, Layout, MAX_SLOTS, STATE_ALIGNMENT, kind, lifetime};
use super::{Access, Segment, lease, npy, open, remove};

/// The words that one kind of object keeps in shared memory.
///
/// # Safety
///
/// `#[repr(C)]`, of atomics only, so that all zeros are a value and anybody may change anything at any time.
pub unsafe trait State {
    /// Of [`kind`].
    const KIND: u32;
}

/// How to create an object; the default is what most callers want.
#[derive(Clone, Copy, Debug, Default)]
pub struct ObjectOptions {
    /// Remove it when its last user closes it.
    pub last_close: bool,
    /// Open it if one of that name exists.
    pub or_open: bool,
    /// The file's permission bits; 0: 0600.
    pub permissions: u32,
    /// How many processes can take part at the same time; 0: 256.
    pub slots: u32,
    /// Wake those who may only read at once, too: a waker then always asks the kernel, which costs 0.25 us.
    pub wakes_readers: bool,
}

/// What a new object needs beside its state.
#[derive(Clone, Copy, Debug)]
pub struct Room<'a> {
    /// Bytes behind the state, in the control block.
    pub extra: usize,
    /// numpy's text for the type of what the object carries.
    pub dtype: &'a str,
    /// How that lies in the file.
    pub layout: Layout,
}

impl Room<'_> {
    /// `extra` bytes behind the state, and `len` plain bytes to carry.
    pub fn bytes(extra: usize, len: u64) -> Room<'static> {
        Room { extra, dtype: "|u1", layout: Layout::new(1, &[len], false, len) }
    }
}

/// A state is words, not data.
const LARGEST_STATE: u32 = 1 << 24;

/// One handle on an opened object.
#[derive(Debug)]
pub struct Object<S> {
    segment: Segment,
    name: CString,
    wakes_readers: bool,
    kind: PhantomData<fn() -> S>,
}

impl<S: State> Object<S> {
    /// Make a new one; `prepare` fills its words, all zero at first, before anybody else can see them. Says whether it
    /// was made, or is one that existed (with [`ObjectOptions::or_open`]): the caller then looks whether it will do.
    pub fn create(
        name: Option<&str>,
        room: &Room,
        options: &ObjectOptions,
        prepare: impl Fn(&Object<S>) -> Result<()>,
    ) -> Result<(Object<S>, bool)> {
        let deadline = Timeout::For(open::PATIENCE).deadline();
        loop {
            // Looked for each time: another process may give the name in the other directory that holds names.
            let place = name.map_or(Ok(Place::Anonymous), Place::find)?;
            if options.or_open && place.path().is_some() {
                match open::open(&place, Access::Write, S::KIND).and_then(Object::over) {
                    Err(error) if error.is(Errno::ENOENT) => {}
                    done => return done.map(|object| (object, false)),
                }
            }
            match Object::build(&place, room, options, &prepare) {
                Err(error) if options.or_open && error.is(Errno::EEXIST) && !deadline.has_passed() => {}
                done => return done.map(|object| (object, true)),
            }
        }
    }

    fn build(
        place: &Place,
        room: &Room,
        options: &ObjectOptions,
        prepare: impl Fn(&Object<S>) -> Result<()>,
    ) -> Result<Object<S>> {
        const { assert!(align_of::<S>() <= STATE_ALIGNMENT as usize) };
        let slots = if options.slots == 0 { DEFAULT_SLOTS } else { options.slots };
        if slots > MAX_SLOTS {
            return Err(Error::invalid(format!("{slots} slots; at most {MAX_SLOTS} are possible")));
        }
        let too_large = || Error::invalid(format!("{place} would need more bytes than can be had: ask for less"));
        let state_len = room.extra.checked_add(size_of::<S>()).and_then(|len| u32::try_from(len).ok());
        let state_len = state_len.filter(|len| *len <= LARGEST_STATE).ok_or_else(too_large)?;
        let layout = &room.layout;
        let front = npy::render(room.dtype, layout.fortran == 1, layout.shape(), npy::room(room.dtype)?)?;
        let blueprint = Blueprint {
            kind: S::KIND,
            front: &front,
            data_offset: front.len() as u64,
            layout: *layout,
            capacity_bytes: layout.bytes_for(layout.capacity).ok_or_else(too_large)?,
            dtype: room.dtype,
            tag: "",
            metadata: "",
            slots,
            ranges: 0,
            state_len,
            wakes_readers: options.wakes_readers,
            lifetime: if options.last_close { lifetime::LAST_CLOSE } else { lifetime::UNTIL_UNLINKED },
            origin: 0,
        };
        let permissions = if options.permissions == 0 { 0o600 } else { options.permissions };
        let (segment, unnamed) = build(place, &blueprint, permissions, &Birth::default(), Readiness::default())?;
        let object = Object::over(segment)?;
        prepare(&object)?;
        unnamed.publish(&object.segment)?;
        Ok(object)
    }

    /// Open by name. [`Access::Write`] to take part, [`Access::Read`] to look and to wait.
    pub fn open(name: &str, access: Access) -> Result<Object<S>> {
        Object::over(open::open(&Place::find(name)?, access, S::KIND)?)
    }

    /// Open what a descriptor stands for; the caller keeps the descriptor.
    pub fn open_fd(fd: BorrowedFd<'_>, access: Access) -> Result<Object<S>> {
        Object::over(open::open_fd(fd, access, S::KIND)?)
    }

    fn over(segment: Segment) -> Result<Object<S>> {
        let control = segment.control().ok_or_else(|| Error::new(Code::Corrupt, "the control block is not mapped"))?;
        let (_, len) = control.state();
        if len < size_of::<S>() {
            let (place, expected) = (segment.place(), size_of::<S>());
            return Err(Error::new(
                Code::Corrupt,
                format!("{place}: its state has {len} bytes, not at least {expected}"),
            ));
        }
        let name = CString::new(segment.place().name()).unwrap_or_default();
        let wakes_readers = segment.description()?.header.wakes_readers != 0;
        Ok(Object { segment, name, wakes_readers, kind: PhantomData })
    }

    fn control(&self) -> &Control {
        self.segment.control().expect("looked at in `over`")
    }

    /// The words, for loads; and for stores where the object is open for writing ([`Object::require_writable`]).
    #[inline]
    pub fn state(&self) -> &S {
        // SAFETY: long enough (`over`) and aligned (`build`, and examined at opening); the trait promises atomics only,
        // and the mapping lives as long as the segment.
        unsafe { self.control().state().0.cast().as_ref() }
    }

    /// What lies behind the state in the control block, and its length in bytes. Never trust what is read there.
    pub fn extra(&self) -> (NonNull<u8>, usize) {
        let (start, len) = self.control().state();
        // SAFETY: the state is at least that long.
        (unsafe { start.add(size_of::<S>()) }, len - size_of::<S>())
    }

    /// The same as words: whole ones, all zero at first.
    pub fn extra_words(&self) -> &[AtomicU64] {
        const { assert!(size_of::<S>().is_multiple_of(size_of::<AtomicU64>())) };
        let (start, len) = self.extra();
        // SAFETY: that many bytes are mapped there for as long as the object lives, aligned (the state is, and its length is
        // a multiple of 8), and any bytes are values of atomics.
        unsafe { std::slice::from_raw_parts(start.as_ptr().cast(), len / size_of::<AtomicU64>()) }
    }

    /// What the object carries, and its length in bytes. Never trust what is read there.
    pub fn data(&self) -> (NonNull<u8>, u64) {
        let header = &self.description().header;
        let start = self.segment.start().wrapping_add(header.data_offset as usize);
        (NonNull::new(start).expect("a mapping is never at address 0"), header.capacity_bytes)
    }

    /// What was found at opening.
    pub fn description(&self) -> &Description {
        self.segment.description().expect("a segment of this kind is no ordinary file")
    }

    /// EACCES where the object is open for reading only.
    #[inline]
    pub fn require_writable(&self) -> Result<()> {
        if self.is_writable() { Ok(()) } else { Err(self.is_for_looking()) }
    }

    #[cold]
    fn is_for_looking(&self) -> Error {
        let (place, noun) = (self.segment.place(), kind::noun(S::KIND).unwrap_or("object"));
        Error::os(
            Errno::EACCES,
            format!(
                "{place} was opened for reading only, which lets you look at {noun}, and wait: open it for writing"
            ),
        )
    }

    /// Whether it was made for waiters who may only read, and whom nobody sees waiting.
    #[inline]
    pub fn wakes_readers(&self) -> bool {
        self.wakes_readers
    }

    /// Whether this handle may do more than look.
    #[inline]
    pub fn is_writable(&self) -> bool {
        self.segment.access() == Access::Write
    }

    /// How this process is known to the others; made at the first call.
    #[inline]
    pub fn attachment(&self) -> Result<&Attachment> {
        self.segment.attachment()
    }

    /// The segment.
    pub fn segment(&self) -> &Segment {
        &self.segment
    }

    /// As `open` takes it; empty for anonymous memory.
    pub fn name(&self) -> &CStr {
        &self.name
    }

    /// A descriptor for another process: whoever has it can open the object.
    pub fn fd(&self) -> Result<OwnedFd> {
        match self.segment.file() {
            Some(fd) => file::duplicate(fd),
            None => Err(Error::os(Errno::EOPNOTSUPP, "it keeps no descriptor")),
        }
    }

    /// Take its name away, unless that is another's by now: ESTALE.
    pub fn unlink(&self) -> Result<()> {
        remove::unlink(self.segment.place(), Some(self.segment.id()))
    }
}

/// Keep the object behind a descriptor for so long although nobody may be attached, until a receiver has called
/// [`arrived`]; each call counts for one receiver.
pub fn lease(fd: BorrowedFd<'_>, duration: Duration) -> Result<()> {
    lease::check(duration)?;
    let now = boottime_ns();
    lease::take(&open::attachment_fd(fd)?.words().lease_deadline_ns, now, now + duration.as_nanos() as i64);
    Ok(())
}

/// Say that one of those has arrived whom a lease was taken for. Where none is out, nothing happens.
pub fn arrived(fd: BorrowedFd<'_>) -> Result<()> {
    lease::give_back(&open::attachment_fd(fd)?.words().lease_deadline_ns, boottime_ns());
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;
    use std::sync::atomic::Ordering::SeqCst;

    use super::*;

    #[repr(C)]
    #[derive(Debug)]
    struct Counter(AtomicU64);

    // SAFETY: one atomic.
    unsafe impl State for Counter {
        const KIND: u32 = kind::SEMAPHORE;
    }

    #[repr(C)]
    #[derive(Debug)]
    struct Other([AtomicU64; 3]);

    // SAFETY: atomics only.
    unsafe impl State for Other {
        const KIND: u32 = kind::EVENT;
    }

    #[repr(C)]
    #[derive(Debug)]
    struct Longer([AtomicU64; 100]);

    // SAFETY: atomics only.
    unsafe impl State for Longer {
        const KIND: u32 = kind::SEMAPHORE;
    }

    fn counter(name: &str, or_open: bool) -> Result<(Object<Counter>, bool)> {
        let options = ObjectOptions { or_open, ..ObjectOptions::default() };
        Object::create(Some(name), &Room::bytes(256, 1000), &options, |new: &Object<Counter>| {
            new.state().0.store(7, SeqCst);
            Ok(())
        })
    }

    #[test]
    fn an_object_is_made_opened_shared_and_taken_away() {
        let name = format!("unit-object-{}", std::process::id());
        let (made, is_new) = counter(&name, true).unwrap();
        assert!(is_new && made.state().0.load(SeqCst) == 7);
        assert!(counter(&name, false).unwrap_err().is(Errno::EEXIST));
        let (same, is_new) = counter(&name, true).unwrap();
        same.state().0.store(8, SeqCst);
        assert!(!is_new && made.state().0.load(SeqCst) == 8);
        assert_eq!((made.extra().1, made.data().1), (256, 1000));
        let reader = Object::<Counter>::open(&name, Access::Read).unwrap();
        assert_eq!(reader.state().0.load(SeqCst), 8);
        assert!(reader.require_writable().unwrap_err().is(Errno::EACCES));
        assert_eq!(made.name().to_str().unwrap(), name);
        let by_fd = Object::<Counter>::open_fd(made.fd().unwrap().as_fd(), Access::Write).unwrap();
        assert_eq!(by_fd.state().0.load(SeqCst), 8);

        let error = Object::<Other>::open(&name, Access::Read).unwrap_err();
        assert!(error.code() == Code::Format && error.detail().contains("is a semaphore, not an event"), "{error}");
        let error = Object::<Longer>::open(&name, Access::Read).unwrap_err();
        assert!(error.code() == Code::Corrupt && error.detail().contains("800"), "{error}");
        made.unlink().unwrap();
        assert!(Object::<Counter>::open(&name, Access::Read).unwrap_err().is(Errno::ENOENT));
    }

    #[test]
    fn a_preparation_that_fails_leaves_nothing() {
        let name = format!("unit-object-failed-{}", std::process::id());
        let refuse = |_: &Object<Counter>| Err(Error::invalid("not like this"));
        assert!(Object::create(Some(&name), &Room::bytes(0, 0), &ObjectOptions::default(), refuse).is_err());
        assert!(Object::<Counter>::open(&name, Access::Read).unwrap_err().is(Errno::ENOENT));
    }
}
