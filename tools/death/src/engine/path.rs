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

use super::ptrace::{Go, Tracee};

/// Where a victim is met that was let run.
#[derive(Clone, Copy)]
struct Landmark {
    /// After so many instructions.
    steps: u64,
    /// It is here for the first time.
    address: u64,
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
    fn landmark(&self, steps: u64) -> Option<Landmark> {
        let before = self.landmarks.partition_point(|landmark| landmark.steps < steps);
        before.checked_sub(1).map(|last| self.landmarks[last])
    }

    /// A victim is here after so many instructions. False if those before it were elsewhere: all is forgotten then.
    fn note(&mut self, steps: u64, address: u64) -> bool {
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

/// One victim's way to its place.
pub struct Walk<'a> {
    path: Option<&'a mut Path>,
    steps: u64,
    /// Where it runs to; from there on it is stepped.
    landmark: Option<Landmark>,
    has_run: bool,
    has_strayed: bool,
}

impl<'a> Walk<'a> {
    /// To the place after so many instructions. Without a path each of them is a step.
    pub fn new(path: Option<&'a mut Path>, victim: &Tracee, steps: u64) -> Walk<'a> {
        let landmark = path.as_ref().and_then(|path| path.landmark(steps));
        let landmark = landmark.filter(|landmark| victim.break_at(Some(landmark.address)));
        Walk { path, steps: 0, landmark, has_run: landmark.is_some(), has_strayed: false }
    }

    /// How to let the victim go on.
    pub fn go(&self) -> Go {
        if self.runs() { Go::Freely } else { Go::Step }
    }

    /// It has stopped there: one step further, or at the landmark.
    pub fn stopped(&mut self, victim: &Tracee) {
        self.steps = match self.landmark.take() {
            Some(landmark) => {
                victim.break_at(None);
                landmark.steps
            }
            None => self.steps + 1,
        };
        let is_known = self.path.as_mut().is_none_or(|path| path.note(self.steps, victim.address()));
        // Who was stepped all the way knows where it is.
        self.has_strayed |= self.has_run && !is_known;
    }

    /// It has come to its end. Who runs then never came to the landmark.
    pub fn ended(&mut self, victim: &Tracee) {
        if self.landmark.take().is_some() {
            victim.break_at(None);
            self.has_strayed = true;
            self.path.iter_mut().for_each(|path| **path = Path::default());
        }
    }

    /// Whether it runs; how many steps it has done is not known as long as it does.
    pub fn runs(&self) -> bool {
        self.landmark.is_some()
    }

    /// So many instructions were done.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// It ran a part of the way.
    pub fn has_run(&self) -> bool {
        self.has_run
    }

    /// It was another way than that of the victims before, and the number of steps on it is not known.
    pub fn has_strayed(&self) -> bool {
        self.has_strayed
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
