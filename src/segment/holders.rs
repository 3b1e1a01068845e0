//! Who holds an array beside its one exclusive owner, as the slots tell. For people and monitors: nothing is decided by it.

use std::mem::{offset_of, size_of};
use std::os::fd::AsFd;

use crate::os::{file, file_lock};

use super::attachment::Identity;
use super::examine::Description;
use super::format::{COUNTERS, Slot, kind, lock_byte};

/// A live process that reads, or has locked rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// In its own PID namespace.
    pub pid: u32,
    /// How often it holds the whole array shared.
    pub shared: u32,
    /// How many ranges of rows it holds or waits for.
    pub ranges: u32,
}

impl Holder {
    /// As a slot's words tell; `None` where they are of an earlier owner, or tell of nothing.
    pub fn in_slot(index: usize, incarnation: u32, pid: u32, shared: [u64; COUNTERS], ranged: u64) -> Option<Holder> {
        let owner = Identity::of_slot(index, incarnation);
        let count = |word: u64| if Identity::of_slot(index, (word >> 32) as u32) == owner { word as u32 } else { 0 };
        let shared = shared.into_iter().map(count).fold(0, u32::saturating_add);
        let holder = Holder { pid, shared, ranges: count(ranged) };
        (pid != 0 && (holder.shared, holder.ranges) != (0, 0)).then_some(holder)
    }
}

/// The holders of a segment that is only looked at, through a description that has no slot's lock.
pub fn of_file(fd: impl AsFd, description: &Description) -> Vec<Holder> {
    let header = &description.header;
    if header.kind != kind::ARRAY {
        return Vec::new();
    }
    let mut table = vec![0u8; header.slots as usize * size_of::<Slot>()];
    let offset = description.trailer.control_offset + u64::from(header.slots_offset);
    if file::read_at(&fd, &mut table, offset) != Ok(table.len()) {
        return Vec::new();
    }
    let slots = table.chunks_exact(size_of::<Slot>()).enumerate();
    let holders = slots.filter_map(|(index, slot)| {
        let half = |at: usize| u32::from_ne_bytes(slot[at..at + 4].try_into().expect("four bytes"));
        let word = |at: usize| u64::from_ne_bytes(slot[at..at + 8].try_into().expect("eight bytes"));
        let (incarnation, pid) = (half(offset_of!(Slot, incarnation)), half(offset_of!(Slot, pid)));
        let shared = std::array::from_fn(|counter| word(offset_of!(Slot, shared) + counter * size_of::<u64>()));
        let ranged = word(offset_of!(Slot, ranged));
        let holder = Holder::in_slot(index, incarnation, pid, shared, ranged)?;
        file_lock::is_write_locked(&fd, lock_byte::SLOT + index as i64).unwrap_or(false).then_some(holder)
    });
    holders.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_of_the_present_owner_count() {
        let now = 7u64 << 32;
        let slot = |pid, shared, ranged| {
            let mut counters = [now; COUNTERS];
            (counters[0], counters[COUNTERS - 1]) = (shared, shared);
            Holder::in_slot(3, 7, pid, counters, ranged)
        };
        let at = |shared, ranged| slot(99, shared, ranged);
        assert_eq!(at(now | 2, now), Some(Holder { pid: 99, shared: 4, ranges: 0 }));
        assert_eq!(at(now, now | 1), Some(Holder { pid: 99, shared: 0, ranges: 1 }));
        assert_eq!(at(6 << 32 | 2, now), None);
        assert_eq!(at(now, now), None);
        assert_eq!(slot(0, now | 1, now), None);
    }
}
