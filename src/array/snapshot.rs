//! Snapshots: copies of rows that no writer has torn, without ever holding a writer up.
//!
//! A seqlock over the two counts of the array's lock. Every write adds one to `begun` before its first store, and one
//! to `ended` after its last. A reader
//!
//! 1. loads `ended`, then `begun`: where they are equal, nobody was writing when `begun` was loaded;
//! 2. copies;
//! 3. loads `begun` again: if it is the same, nobody has begun to write, and the copy is of one moment.
//!
//! Otherwise it waits until the writer is done, and does it again. Nothing is written anywhere, so a reader needs no
//! permission to write, takes no slot, and no writer notices it. The price: while somebody writes all the time (two
//! writers of ranges that overlap in time are enough) no copy comes about; the shared lock is then the way.
//!
//! **After a death.** What a dead writer began, of the whole array or of a range of rows, does not end before somebody
//! comes to lock. Its rows are copied as it left them, as far as nobody else begins, ends or takes the lock meanwhile, and
//! the caller is told, as those who lock the whole array are, until somebody recovers.

use std::ops::Range;
use std::sync::atomic::Ordering::Acquire;
use std::sync::atomic::fence;
use std::time::Duration;

use crate::error::{Code, Errno, Error, Result};
use crate::os::futex::Queue;
use crate::os::memory::Bytes;
use crate::os::racing::Room;
use crate::os::time::Timeout;
use crate::segment::attachment::COMMON;
use crate::segment::attachment::Identity;
use crate::segment::control::Control;
use crate::segment::directory::Watch;
use crate::segment::format::Layout;
use crate::segment::{Access, Touch};
use crate::sync::lock::range_table::{Outlook, Table};
use crate::sync::lock::whole::{lock_shared, unlock_shared};
use crate::sync::lock::{Acquired, INCONSISTENT};
use crate::sync::patience::{Expired, Patience};

use super::Array;
use super::view::Geometry;

/// After so many bytes a copy looks whether it is still worth going on: few enough to give up in time, and enough for
/// memcpy to write round the cache.
const BETWEEN_LOOKS: usize = 64 << 20;
/// Where the lock is allowed, so many copies may be torn before it is taken.
const COPIES: u32 = 3;
/// Who waits without a word is not woken.
const NAP: Duration = Duration::from_millis(1);

/// How a snapshot came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Whether a writer has died, and nobody has recovered since: its rows may be half written.
    pub found: Acquired,
    /// Writes that had ended before it.
    pub generation: u64,
}

impl Array {
    /// Copy rows (indices of the first axis) as they are at one moment, without holding any writer up. They come
    /// without gaps, in the array's order, C or Fortran. EAGAIN where writers leave no time for it.
    pub fn snapshot(&self, rows: Range<u64>, room: &mut Room, timeout: Timeout, may_lock: bool) -> Result<Snapshot> {
        let segment = self.segment();
        segment.description()?;
        if segment.access() == Access::CopyOnWrite {
            return Err(Error::os(
                Errno::EOPNOTSUPP,
                format!(
                    "{} was opened copy-on-write: its elements are what others write, mixed with this process's own \
                     stores, and were never like that at any moment; take snapshots through SHM_ARRAY_READ",
                    segment.place()
                ),
            ));
        }
        let control = segment.control().ok_or_else(|| Error::new(Code::Corrupt, "the control block is not mapped"))?;
        let mut watch = None;
        if self.grip.is_exclusive() {
            // This process alone has the array: whoever else stands in the table of ranges is dead.
            let is_clean = State::of(control).lock & INCONSISTENT == 0 && !outlook(control, |_| true).is_doubtful;
            return self.copy_undisturbed(rows, room, if is_clean { Acquired::Clean } else { Acquired::OwnerDied });
        }
        let mut patience = Patience::new(timeout);
        let mut torn = 0;
        loop {
            let before = State::of(control);
            if !before.is_quiet() && patience.spin() {
                continue;
            }
            let may_copy =
                before.is_quiet() || before.is_abandoned(control, watch.get_or_insert_with(|| Watch::new(segment)));
            if may_copy {
                let is_whole = self.copy_rows(rows.clone(), room, || State::of(control).begun == before.begun)?;
                // Whoever recovers begins a write: where this is out of date the copy is torn.
                let found = before.found(control, || watch.get_or_insert_with(|| Watch::new(segment)));
                // SYNC: pairs with the Release fence of who begins a write: had the copy seen any of its stores,
                // `begun` would now be seen as well.
                fence(Acquire);
                let after = State::of(control);
                if is_whole && before.still_holds(after) {
                    return Ok(Snapshot { found, generation: before.ended });
                }
                torn += 1;
            }
            if may_lock && (!may_copy || torn == COPIES || patience.only_tries()) {
                return self.snapshot_under_lock(rows, room, timeout);
            }
            let too_late = |_| too_late(before, torn);
            if patience.only_tries() {
                return Err(too_late(Expired));
            }
            patience.check().map_err(too_late)?;
            if !may_copy {
                // Any change of the lock ends the nap at once, if it comes with a wake; a writer of a range changes
                // nothing.
                patience.sleep_at_most(&control.words().lock, before.lock, Queue::Readers, NAP).map_err(too_late)?;
            }
        }
    }

    fn snapshot_under_lock(&self, rows: Range<u64>, room: &mut Room, timeout: Timeout) -> Result<Snapshot> {
        let attachment = self.segment().attachment()?;
        let counter = &attachment.own_slot()?.shared[COMMON];
        let found = lock_shared(attachment, counter, timeout).map_err(|error| {
            let is_late = error.is(Errno::EBUSY) || error.is(Errno::ETIMEDOUT);
            if is_late { Error::os(Errno::EAGAIN, format!("no snapshot: {}", error.detail())) } else { error }
        })?;
        let copied = self.copy_undisturbed(rows, room, found);
        unlock_shared(attachment, counter);
        copied
    }

    /// The caller holds the lock.
    fn copy_undisturbed(&self, rows: Range<u64>, room: &mut Room, found: Acquired) -> Result<Snapshot> {
        self.copy_rows(rows, room, || true)?;
        Ok(Snapshot { found, generation: self.generation()? })
    }

    /// As `geometry`, without the checksum of a layout that was examined at opening: it takes longer than to copy a
    /// page.
    fn geometry_now(&self) -> Result<Geometry> {
        if let Some(window) = &self.window {
            return Ok(**window);
        }
        let (layout, now) = self.growing()?;
        let Layout { mut shape, strides, .. } = *layout;
        if let Some((axis, length)) = now {
            shape[axis] = length;
        }
        Ok(Geometry { offset: 0, ndim: layout.ndim as usize, shape, strides })
    }

    /// Copy rows without gaps; false where the copy was given up, because it is not `worth_it` any more.
    fn copy_rows(&self, rows: Range<u64>, room: &mut Room, worth_it: impl Fn() -> bool) -> Result<bool> {
        let segment = self.segment();
        let description = segment.description()?;
        let itemsize = self.opened.dtype.itemsize();
        let geometry = self.geometry_now()?.rows(rows)?;
        let runs = Runs::of(&geometry, itemsize, description.layout.fortran == 1);
        let needed = geometry.count() * itemsize;
        if needed > room.len() as u64 {
            return Err(Error::invalid(format!(
                "the rows take {} ({needed} bytes), and the destination has room for {} ({} bytes)",
                Bytes(needed),
                Bytes(room.len() as u64),
                room.len()
            )));
        }
        let (mut at, mut unlooked) = (0, 0);
        for start in runs.starts() {
            let mut done = 0;
            while done < runs.len {
                let len = (runs.len - done).min(BETWEEN_LOOKS);
                let offset = self.data_offset() + start + done as u64;
                self.back(offset..offset + len as u64, Touch::Load)?;
                segment.copy_out(offset, len, room, at)?;
                (at, done, unlooked) = (at + len, done + len, unlooked + len);
                if unlooked >= BETWEEN_LOOKS {
                    unlooked = 0;
                    if !worth_it() {
                        return Ok(false);
                    }
                }
            }
        }
        Ok(true)
    }
}

/// The lock and its counts at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    lock: u32,
    ended: u64,
    begun: u64,
}

impl State {
    fn of(control: &Control) -> State {
        let words = control.words();
        let lock = words.lock.load(Acquire);
        // SYNC: pairs with the Release of who ends a write: its stores are seen. First `ended`, then `begun`: the other
        // way round, a whole write might pass between the two and make them look equal.
        let ended = words.ended.load(Acquire);
        let begun = words.begun.load(Acquire);
        State { lock, ended, begun }
    }

    /// Nobody was writing.
    fn is_quiet(self) -> bool {
        self.begun == self.ended
    }

    /// Nobody alive is writing, whatever the dead have left open: neither as the lock's owner nor in a range of rows.
    fn is_abandoned(self, control: &Control, watch: &Watch) -> bool {
        let is_dead = |who: Identity| watch.is_dead(control, who);
        Identity::from_word(self.lock).is_none_or(is_dead) && !outlook(control, is_dead).is_written
    }

    /// Whether the dead have left something half written.
    fn found<'a>(self, control: &Control, watch: impl FnOnce() -> &'a mut Watch) -> Acquired {
        let words = control.words();
        if self.is_quiet() && self.lock & INCONSISTENT == 0 && words.ranges_exclusive.load(Acquire) == 0 {
            return Acquired::Clean;
        }
        let watch = watch();
        let is_dead = |who: Identity| watch.is_dead(control, who);
        let has_died = |owner: Identity| words.writer.load(Acquire) == owner.bits() && is_dead(owner);
        let is_doubtful = self.lock & INCONSISTENT != 0
            || Identity::from_word(self.lock).is_some_and(has_died)
            || outlook(control, is_dead).is_doubtful;
        if is_doubtful { Acquired::OwnerDied } else { Acquired::Clean }
    }

    /// Whether nobody can have written between this moment and a later one. Where something has been left behind, it
    /// must still lie there untouched; where all was quiet, others may have come to read.
    fn still_holds(self, after: State) -> bool {
        self.begun == after.begun && (self.is_quiet() || self == after)
    }
}

fn outlook(control: &Control, is_dead: impl Fn(Identity) -> bool) -> Outlook {
    Table::new(control.ranges(), control.words()).outlook(is_dead)
}

#[cold]
fn too_late(state: State, torn: u32) -> Error {
    let State { begun, ended, .. } = state;
    let open = begun.wrapping_sub(ended);
    let what = if torn == 0 { "no copy was begun".into() } else { format!("{torn} copies were torn by writers") };
    Error::os(
        Errno::EAGAIN,
        format!(
            "no snapshot in time: {what}, and {open} writes are under way ({begun} begun, {ended} ended): wait longer, copy \
             fewer rows, or allow the shared lock (SHM_ARRAY_SNAPSHOT_MAY_LOCK), which makes writers wait"
        ),
    )
}

/// Elements in the order of a copy without gaps, as pieces of memory that are copied whole.
#[derive(Debug)]
struct Runs {
    /// From the first element of the segment, in bytes.
    first: i64,
    /// Bytes of one piece.
    len: usize,
    /// Length and stride of what is left when pieces are as long as can be, the slowest axis first.
    axes: Vec<(u64, i64)>,
}

impl Runs {
    fn of(geometry: &Geometry, itemsize: u64, fortran: bool) -> Runs {
        let mut axes: Vec<(u64, i64)> = geometry.axes().collect();
        if fortran {
            axes.reverse();
        }
        let mut len = if geometry.count() == 0 { 0 } else { itemsize };
        axes.retain(|(length, _)| *length != 1);
        while let Some(&(length, stride)) = axes.last()
            && stride == len as i64
        {
            len *= length;
            axes.pop();
        }
        Runs { first: geometry.offset, len: len as usize, axes }
    }

    /// Where the pieces begin; from the first element of the segment, in bytes.
    fn starts(&self) -> impl Iterator<Item = u64> {
        let pieces = if self.len == 0 { 0 } else { self.axes.iter().map(|(length, _)| length).product() };
        let mut index = vec![0; self.axes.len()];
        let mut offset = self.first;
        (0..pieces).map(move |_| {
            let start = offset as u64;
            for (index, (length, stride)) in index.iter_mut().zip(&self.axes).rev() {
                *index += 1;
                offset += stride;
                if *index < *length {
                    break;
                }
                offset -= stride * *length as i64;
                *index = 0;
            }
            start
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering::Relaxed;

    use super::*;
    use crate::array::options::Options;
    use crate::array::view::Slice;

    fn numbers(shape: &[u64], fortran: bool) -> Array {
        let array = Array::create(None, "<u4", shape, &Options { fortran, ..Options::default() }).unwrap();
        let view = array.view().unwrap();
        for n in 0..view.count {
            // In the order of memory.
            let cell = array.segment().cell::<std::sync::atomic::AtomicU32>(4096 + 4 * n).unwrap().unwrap();
            cell.store(n as u32, Relaxed);
        }
        array
    }

    fn copied(array: &Array, rows: Range<u64>, count: usize) -> Vec<u32> {
        let mut bytes = vec![0; 4 * count];
        let snapshot = array.snapshot(rows, &mut Room::from(&mut bytes[..]), Timeout::Try, false).unwrap();
        assert_eq!((snapshot.found, snapshot.generation), (Acquired::Clean, 0));
        bytes.chunks_exact(4).map(|four| u32::from_ne_bytes(four.try_into().unwrap())).collect()
    }

    #[test]
    fn rows_come_without_gaps_in_the_arrays_order() {
        let c = numbers(&[4, 3], false);
        assert_eq!(copied(&c, 1..3, 6), [3, 4, 5, 6, 7, 8]);
        assert_eq!(copied(&c, 4..4, 0), Vec::<u32>::new());
        let f = numbers(&[4, 3], true);
        assert_eq!(copied(&f, 0..4, 12), (0..12).collect::<Vec<u32>>());
        assert_eq!(copied(&f, 1..3, 6), [1, 2, 5, 6, 9, 10]);
        let backwards = [Slice { step: Some(-1), ..Slice::default() }, Slice { step: Some(2), ..Slice::default() }];
        assert_eq!(copied(&c.slice(&backwards).unwrap(), 0..2, 4), [9, 11, 6, 8]);
        assert_eq!(copied(&numbers(&[], false), 0..1, 1), [0]);
        assert_eq!(copied(&numbers(&[0, 3], false), 0..0, 0), Vec::<u32>::new());
        assert_eq!(copied(&numbers(&[3, 0], false), 0..3, 0), Vec::<u32>::new());
        assert_eq!(copied(&numbers(&[2, 2, 2], false), 1..2, 4), [4, 5, 6, 7]);
    }

    #[test]
    fn pieces_are_as_long_as_can_be() {
        let pieces = |array: &Array| {
            let runs = Runs::of(&array.geometry().unwrap(), 4, false);
            (runs.len, runs.starts().collect::<Vec<u64>>())
        };
        let array = numbers(&[2, 3, 4], false);
        assert_eq!(pieces(&array), (96, vec![0]));
        let inner = [Slice::default(), Slice { start: Some(1), ..Slice::default() }];
        assert_eq!(pieces(&array.slice(&inner).unwrap()), (32, vec![16, 64]));
        let ends = [Slice::default(), Slice::default(), Slice { start: Some(3), ..Slice::default() }];
        assert_eq!(pieces(&array.slice(&ends).unwrap()), (4, vec![12, 28, 44, 60, 76, 92]));
    }

    #[test]
    fn a_write_under_way_is_waited_for_and_its_holder_copies_at_once() {
        let array = numbers(&[4], false);
        let other = array.slice(&[]).unwrap();
        let _ = array.lock(crate::Mode::Exclusive, Timeout::Try).unwrap();
        let mut bytes = [0; 16];
        let mut snapshot =
            |array: &Array, timeout, may_lock| array.snapshot(0..4, &mut Room::from(&mut bytes[..]), timeout, may_lock);
        for timeout in [Timeout::Try, Timeout::For(Duration::from_millis(2))] {
            let error = snapshot(&other, timeout, false).unwrap_err();
            assert!(error.is(Errno::EAGAIN) && error.detail().contains("1 writes are under way (1 begun, 0 ended)"));
            assert!(snapshot(&other, timeout, true).unwrap_err().is(Errno::EAGAIN));
        }
        assert_eq!(snapshot(&array, Timeout::Try, false).unwrap().generation, 0);
        array.unlock().unwrap();
        assert_eq!(snapshot(&other, Timeout::Try, false).unwrap().generation, 1);
    }
}
