//! What is going on at an array: for people and monitors. Nothing is decided by it.

use std::sync::atomic::Ordering::Relaxed;

use crate::error::{Code, Error, Result};
use crate::os::{file, mappers, process};
use crate::segment::Segment;
use crate::segment::attachment::Identity;
use crate::segment::directory::Watch;
use crate::segment::examine::{Contents, OrdinaryFile};
use crate::segment::format::origin;
use crate::segment::holders::Holder;
use crate::sync::generation::Published;
use crate::sync::lock::range_table::{Rows, Table};
use crate::sync::lock::{INCONSISTENT, Mode};

use super::Array;
use super::placement::Placement;

/// A moment in the life of an array.
#[derive(Clone, Debug)]
pub struct Stat {
    /// The segment's random id.
    pub id: [u8; 16],
    /// Completed exclusive locks.
    pub generation: u64,
    /// From the file's start to the elements, in bytes.
    pub data_offset: u64,
    /// Bytes that the elements may take.
    pub capacity_bytes: u64,
    /// Bytes of the whole file.
    pub file_bytes: u64,
    /// CLOCK_REALTIME, nanoseconds.
    pub created_ns: i64,
    /// Who made it, in its own PID namespace.
    pub creator_pid: u32,
    /// Removed when its last user closes it.
    pub last_close: bool,
    /// First axis fastest.
    pub fortran: bool,
    /// It was an ordinary .npy file once.
    pub adopted: bool,
    /// Writers wake those who may only read, too.
    pub wakes_readers: bool,
    /// Length of the slot table.
    pub slots: u32,
    /// How the lock is held by the living.
    pub lock: Option<Mode>,
    /// The live exclusive holder; 0: none.
    pub lock_pid: u32,
    /// Who reads, or has locked rows.
    pub holders: Vec<Holder>,
    /// A holder died while writing, and nobody has recovered since.
    pub inconsistent: bool,
    /// Where the elements live.
    pub placement: Placement,
    /// Bytes that the file takes of memory or disk; 0 where nobody can tell: untracked, and the name is gone.
    pub allocated_bytes: u64,
    /// Who wrote last.
    pub published: Published,
    /// Processes known to be attached: those that map the file, as far as /proc shows them, and those that lock.
    pub pids: Vec<u32>,
}

pub(super) fn stat(array: &Array) -> Result<Stat> {
    let segment = array.segment();
    let layout = array.layout()?;
    let (description, control) = match (segment.contents(), segment.control()) {
        (Contents::Shared(description), Some(control)) => (description, control),
        (Contents::Ordinary(file), _) => return Ok(of_ordinary(array, file, layout.fortran == 1)),
        (Contents::Shared(_), None) => return Err(Error::new(Code::Corrupt, "the control block is not mapped")),
    };
    let header = &description.header;
    let words = control.words();
    let word = words.lock.load(Relaxed);
    // A description of its own, or the segment's: neither holds a slot's lock.
    let watch = Watch::new(segment);
    let alive = |identity: Identity| -> Option<u32> {
        let slot = control.slot(identity.slot()?)?;
        let pid = slot.pid.load(Relaxed);
        (identity == Identity::of_slot(identity.slot()?, slot.incarnation.load(Relaxed)) && watch.has_slot(identity))
            .then_some(pid)
    };
    let mut lockers = Vec::new();
    let mut holders = Vec::new();
    for index in 0..control.slots() {
        let Some(slot) = control.slot(index).filter(|slot| slot.pid.load(Relaxed) != 0) else { continue };
        let identity = Identity::of_slot(index, slot.incarnation.load(Relaxed));
        if let Some(pid) = alive(identity) {
            let shared = slot.shared.each_ref().map(|counter| counter.load(Relaxed));
            let ranged = slot.ranged.load(Relaxed);
            holders.extend(Holder::in_slot(index, identity.incarnation(), pid, shared, ranged));
            if slot.pid_namespace.load(Relaxed) == process::pid_namespace() {
                lockers.push(pid);
            }
        }
    }
    let has_dirty_rows = Table::new(control.ranges(), words).dirty(Rows::ALL).is_some();
    let lock_pid = Identity::from_word(word).and_then(alive).unwrap_or(0);
    let mut pids = mappers::who_maps(segment.id());
    pids.extend(lockers);
    pids.sort_unstable();
    pids.dedup();
    Ok(Stat {
        id: header.id,
        generation: words.ended.load(Relaxed),
        data_offset: header.data_offset,
        capacity_bytes: header.capacity_bytes,
        file_bytes: description.trailer.file_len,
        created_ns: header.created_ns,
        creator_pid: header.creator_pid,
        last_close: description.is_last_close(),
        fortran: layout.fortran == 1,
        adopted: header.origin & origin::ADOPTED != 0,
        wakes_readers: header.wakes_readers != 0,
        slots: header.slots,
        lock: if lock_pid != 0 { Some(Mode::Exclusive) } else { (!holders.is_empty()).then_some(Mode::Shared) },
        lock_pid,
        holders,
        inconsistent: word & INCONSISTENT != 0 || has_dirty_rows,
        placement: array.placement(),
        allocated_bytes: allocated(segment),
        published: array.last_publish()?,
        pids,
    })
}

fn allocated(segment: &Segment) -> u64 {
    let facts = match (segment.file(), segment.place().path()) {
        (Some(fd), _) => file::facts(fd).ok(),
        (None, Some(path)) => file::facts_of(path).ok(),
        (None, None) => None,
    };
    facts.filter(|facts| facts.id == segment.id()).map_or(0, |facts| facts.allocated)
}

/// An ordinary .npy file has sizes, and nobody locks it.
fn of_ordinary(array: &Array, file: &OrdinaryFile, fortran: bool) -> Stat {
    Stat {
        id: [0; 16],
        generation: 0,
        data_offset: file.front.data_offset,
        capacity_bytes: array.view().map_or(0, |view| view.nbytes),
        file_bytes: file.len,
        created_ns: 0,
        creator_pid: 0,
        last_close: false,
        fortran,
        adopted: false,
        wakes_readers: false,
        slots: 0,
        lock: None,
        lock_pid: 0,
        holders: Vec::new(),
        inconsistent: false,
        placement: array.placement(),
        allocated_bytes: allocated(array.segment()),
        published: Published::default(),
        pids: mappers::who_maps(array.segment().id()),
    }
}
