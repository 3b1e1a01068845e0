//! The path that victims take, instruction by instruction, and the short way to a place on it.
//!
//! To strike after the k-th instruction of a fresh victim takes k single steps, and k grows: most of the time would go
//! into the steps to the places of the trials before. But a victim does what those before it did, up to where it is
//! struck. So the addresses that they stood at are kept. The processor itself can stop a victim where it comes to an
//! address for the first time, and only the rest of the way is stepped.
//!
//! A victim may still take another path than those before, by a word in memory that was another. Then it is not at the
//! address that was noted for that many instructions, the path is forgotten, and a victim is stepped all the way again.

use std::collections::HashSet;

/// Where a victim is met that was let run.
#[derive(Clone, Copy)]
pub struct Landmark {
    /// After so many instructions.
    pub steps: u64,
    /// It is here for the first time.
    pub address: u64,
}

/// The addresses after 1, 2, 3 ... instructions.
#[derive(Default)]
pub struct Path {
    addresses: Vec<u64>,
    seen: HashSet<u64>,
    landmarks: Vec<Landmark>,
}

impl Path {
    /// The last landmark before a victim has done so many instructions.
    pub fn landmark(&self, steps: u64) -> Option<Landmark> {
        let before = self.landmarks.partition_point(|landmark| landmark.steps < steps);
        before.checked_sub(1).map(|last| self.landmarks[last])
    }

    /// A victim is here after so many instructions. False if those before it were elsewhere: all is forgotten then.
    pub fn note(&mut self, steps: u64, address: u64) -> bool {
        match self.addresses.get(steps as usize - 1) {
            Some(known) if *known == address => {}
            Some(_) => {
                *self = Path::default();
                return false;
            }
            None if self.addresses.len() as u64 == steps - 1 => {
                self.addresses.push(address);
                if self.seen.insert(address) {
                    self.landmarks.push(Landmark { steps, address });
                }
            }
            None => {} // forgotten on this victim's way: the next one is stepped from the start
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::Path;

    #[test]
    fn the_last_place_that_is_reached_for_the_first_time_is_the_landmark() {
        let mut path = Path::default();
        for (steps, address) in (1..).zip([10, 20, 10, 20, 30]) {
            assert!(path.landmark(1).is_none());
            assert!(path.note(steps, address));
        }
        let found = |steps| path.landmark(steps).map(|landmark| (landmark.steps, landmark.address));
        assert_eq!([2, 3, 5, 6, 99].map(found), [(1, 10), (2, 20), (2, 20), (5, 30), (5, 30)].map(Some));
    }

    #[test]
    fn another_way_forgets_the_path() {
        let mut path = Path::default();
        assert!(path.note(1, 10) && path.note(2, 20) && path.note(2, 20));
        assert!(!path.note(2, 21));
        assert!(path.landmark(2).is_none());
        assert!(path.note(3, 30), "the rest of that way has no beginning, and is not kept");
        assert!(path.landmark(4).is_none());
        assert!(path.note(1, 10));
        assert_eq!(path.landmark(4).map(|landmark| landmark.steps), Some(1));
    }
}
