//! Chance from a seed (splitmix64), so that a run's choices can be repeated. The kernel's scheduling cannot.

use std::cell::Cell;

/// A stream of pseudo-random numbers.
pub struct Chance(Cell<u64>);

impl Chance {
    /// The same seed gives the same stream.
    pub fn new(seed: u64) -> Chance {
        Chance(Cell::new(seed))
    }

    /// The next number, any of 64 bits.
    pub fn next(&self) -> u64 {
        let state = self.0.get().wrapping_add(0x9E37_79B9_7F4A_7C15);
        self.0.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`.
    pub fn below(&self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// True once in `n` times, on average.
    pub fn one_in(&self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// A number from 1 to `largest`, every order of magnitude equally likely.
    pub fn spread(&self, largest: u64) -> u64 {
        let fraction = (self.next() >> 11) as f64 / (1u64 << 53) as f64;
        (largest as f64).powf(fraction) as u64
    }
}
