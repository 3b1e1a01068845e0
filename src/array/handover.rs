//! Handing an array over to another process: what tells it from every other, and keeping it until it has arrived.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use crate::error::{Code, Errno, Error, Result};
use crate::os::file;
use crate::os::time::boottime_ns;
use crate::segment::attachment::Attachment;
use crate::segment::examine::Contents;
use crate::segment::format::origin;
use crate::segment::{Access, lease};
use crate::sync::grip::Grip;
use crate::sync::notifier::Watches;

use super::options::OpenFlags;
use super::{Array, Geometry, Opened};

/// What tells an array from every other one on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArrayIdentity {
    /// The segment's random id; zeros for an ordinary .npy file.
    pub id: [u8; 16],
    /// Of the file, as stat(2) has it.
    pub device: u64,
    /// Of the file.
    pub inode: u64,
    /// From the file's start to the elements, in bytes.
    pub data_offset: u64,
    /// Removed when its last user closes it.
    pub last_close: bool,
    /// It was an ordinary .npy file once.
    pub adopted: bool,
}

/// What this process has open, by its id and whether it can be written. Nobody waits for the mutex: a child that was
/// forked while another thread of its parent had it does without.
static KNOWN: Mutex<Known> = Mutex::new(BTreeMap::new());

type Known = BTreeMap<([u8; 16], bool), Weak<Opened>>;

/// From so many on, those that were closed are looked for and forgotten.
const MANY: usize = 64;

impl Array {
    /// Which array this is. Costs no system call.
    pub fn identity(&self) -> ArrayIdentity {
        let segment = self.segment();
        let file = segment.id();
        let ordinary = |front_len| ArrayIdentity {
            id: [0; 16],
            device: file.device(),
            inode: file.inode(),
            data_offset: front_len,
            last_close: false,
            adopted: false,
        };
        match segment.contents() {
            Contents::Ordinary(file) => ordinary(file.front.data_offset),
            Contents::Shared(description) => ArrayIdentity {
                id: description.header.id,
                last_close: description.is_last_close(),
                adopted: description.header.origin & origin::ADOPTED != 0,
                ..ordinary(description.header.data_offset)
            },
        }
    }

    /// Keep the array for so long although nobody may be attached, until a receiver has called
    /// [`arrived`](Array::arrived); each call counts for one receiver.
    pub fn lease(&self, duration: Duration) -> Result<()> {
        lease::check(duration)?;
        let now = boottime_ns();
        self.with_lease_word(|word| lease::take(word, now, now + duration.as_nanos() as i64))
    }

    /// Say that one of those has arrived whom a lease was taken for. Where none is out, nothing happens.
    pub fn arrived(&self) -> Result<()> {
        self.with_lease_word(|word| lease::give_back(word, boottime_ns()))
    }

    /// From now on [`Array::open_already`] finds it.
    pub(super) fn note_open(&self) {
        let segment = self.segment();
        let (Contents::Shared(description), Some(_)) = (segment.contents(), segment.file()) else { return };
        if segment.access() == Access::CopyOnWrite {
            return; // what was changed there is this handle's alone
        }
        let Ok(mut known) = KNOWN.try_lock() else { return };
        if known.len() >= MANY && known.len().is_power_of_two() {
            known.retain(|_, opened| opened.strong_count() > 0);
        }
        known.insert((description.header.id, segment.access() == Access::Write), Arc::downgrade(&self.opened));
    }

    /// Another handle on an array that this process has open in the same way, if that can be told at once, and the name
    /// still is its own. It maps nothing, and asks the kernel one question.
    pub(crate) fn open_already(name: &str, flags: OpenFlags, id: &[u8; 16]) -> Option<Array> {
        if flags.untracked || flags.adopt || flags.readiness.is_wanted() || flags.access == Access::CopyOnWrite {
            return None;
        }
        let found = KNOWN.try_lock().ok()?.get(&(*id, flags.access == Access::Write))?.upgrade()?;
        let segment = &found.segment;
        let is_named = found.texts.name.to_bytes() == name.as_bytes()
            && segment.place().path().is_some_and(|path| file::named(path) == Ok(segment.id()));
        is_named.then(|| Array { watches: Watches::default(), opened: found, window: None, grip: Grip::default() })
    }

    /// Which part of the array this handle is on; `None`: all of it.
    pub(crate) fn window(&self) -> Option<&Geometry> {
        self.window.as_deref()
    }

    /// The part that another process's handle was on, if there is such a part.
    pub(crate) fn through(mut self, window: Geometry) -> Result<Array> {
        let capacity = match self.segment().contents() {
            Contents::Shared(description) => description.header.capacity_bytes,
            Contents::Ordinary(_) => self.view()?.nbytes,
        };
        if !window.lies_within(capacity, self.view()?.itemsize) {
            let place = self.segment().place();
            return Err(Error::new(Code::Corrupt, format!("a part of {place} that reaches outside of it was sent")));
        }
        self.window = Some(Box::new(window));
        Ok(self)
    }

    /// Readers lease as well, where this process may write the file: nothing else of it changes.
    fn with_lease_word(&self, change: impl FnOnce(&AtomicI64)) -> Result<()> {
        let segment = self.segment();
        let description = segment.description()?;
        match (segment.access(), segment.control(), segment.file()) {
            (Access::Write, Some(control), _) => change(&control.words().lease_deadline_ns),
            (_, _, Some(file)) => {
                let attachment = Attachment::of(segment.id(), file, description, segment.place())?;
                change(&attachment.words().lease_deadline_ns);
            }
            _ => {
                return Err(Error::os(
                    Errno::EOPNOTSUPP,
                    format!("{} was opened untracked and not for writing: it cannot be leased", segment.place()),
                ));
            }
        }
        Ok(())
    }
}
