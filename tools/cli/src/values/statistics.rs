//! Smallest, largest, mean and deviation, in one pass and without losing digits.
//!
//! Numbers are gathered in blocks; a block's mean and squared deviations are taken in two passes over it, and blocks
//! are merged as Chan, Golub and LeVeque do it, so that a long array of large numbers loses nothing to its sum.

use super::kind::{Kind, Number};

const BLOCK: usize = 1024;

/// What has been seen of one column of elements.
#[derive(Debug)]
pub struct Statistics {
    kind: Kind,
    smallest: Option<Number>,
    largest: Option<Number>,
    /// Neither NaN nor NaT.
    count: u64,
    /// NaN or NaT.
    missing: u64,
    infinite: u64,
    mean: f64,
    squares: f64,
    block: Vec<f64>,
}

impl Statistics {
    /// Of elements of this kind, which [is a number](Kind::is_number).
    pub fn new(kind: Kind) -> Statistics {
        let block = Vec::with_capacity(BLOCK);
        let (count, missing, infinite) = (0, 0, 0);
        Statistics { kind, smallest: None, largest: None, count, missing, infinite, mean: 0.0, squares: 0.0, block }
    }

    /// One more element.
    pub fn add(&mut self, bytes: &[u8]) {
        let Some(number) = self.kind.number(bytes).filter(|number| !number.real().is_nan()) else {
            self.missing += 1;
            return;
        };
        if self.smallest.is_none_or(|smallest| is_less(number, smallest)) {
            self.smallest = Some(number);
        }
        if self.largest.is_none_or(|largest| is_less(largest, number)) {
            self.largest = Some(number);
        }
        let real = number.real();
        if real.is_infinite() {
            self.infinite += 1;
            return;
        }
        self.block.push(real);
        if self.block.len() == BLOCK {
            self.merge();
        }
    }

    fn merge(&mut self) {
        if self.block.is_empty() {
            return;
        }
        let (seen, fresh) = (self.count as f64, self.block.len() as f64);
        let mean = self.block.iter().sum::<f64>() / fresh;
        let squares: f64 = self.block.iter().map(|real| (real - mean).powi(2)).sum();
        let apart = mean - self.mean;
        self.mean += apart * fresh / (seen + fresh);
        self.squares += squares + apart * apart * seen * fresh / (seen + fresh);
        self.count += self.block.len() as u64;
        self.block.clear();
    }

    /// Everything has been added.
    pub fn finish(mut self) -> Summary {
        self.merge();
        let deviation = (self.count > 0).then(|| (self.squares / self.count as f64).sqrt());
        Summary {
            smallest: self.smallest,
            largest: self.largest,
            mean: (self.count > 0 && self.kind.has_mean()).then_some(self.mean),
            deviation: deviation.filter(|_| self.kind.has_mean()),
            missing: self.missing,
            infinite: self.infinite,
            kind: self.kind,
        }
    }
}

fn is_less(a: Number, b: Number) -> bool {
    match (a, b) {
        (Number::Int(a), Number::Int(b)) => a < b,
        (a, b) => a.real() < b.real(),
    }
}

/// What is to be told of a column. Mean and deviation (of the population) leave infinities out.
#[derive(Debug)]
pub struct Summary {
    /// Of what.
    pub kind: Kind,
    /// `None` where all are missing.
    pub smallest: Option<Number>,
    /// As above.
    pub largest: Option<Number>,
    /// `None` where there is none, as of dates.
    pub mean: Option<f64>,
    /// As above.
    pub deviation: Option<f64>,
    /// NaN or NaT.
    pub missing: u64,
    /// Of either sign.
    pub infinite: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(descr: &str, elements: impl IntoIterator<Item = Vec<u8>>) -> Summary {
        let mut statistics = Statistics::new(Kind::new(descr, "").unwrap());
        elements.into_iter().for_each(|element| statistics.add(&element));
        statistics.finish()
    }

    #[test]
    fn large_numbers_lose_nothing_to_their_sum() {
        // 1e9 + {0, 1} over many blocks: mean 1e9 + 0.5, deviation 0.5.
        let summary = of("<f8", (0..10_000).map(|i| (1e9 + f64::from(i % 2)).to_le_bytes().to_vec()));
        assert_eq!(summary.mean, Some(1e9 + 0.5));
        assert!((summary.deviation.unwrap() - 0.5).abs() < 1e-12);
        assert_eq!(summary.largest, Some(Number::Real(1e9 + 1.0)));
    }

    #[test]
    fn integers_are_exact() {
        let summary = of("<u8", [u64::MAX, u64::MAX - 1].map(|n| n.to_le_bytes().to_vec()));
        assert_eq!(summary.smallest, Some(Number::Int(u64::MAX as i128 - 1)));
    }

    #[test]
    fn what_is_missing_is_counted_apart() {
        let summary = of("<f8", [1.0, f64::NAN, f64::INFINITY, 3.0].map(|n: f64| n.to_le_bytes().to_vec()));
        assert_eq!((summary.missing, summary.infinite, summary.mean), (1, 1, Some(2.0)));
        assert_eq!(summary.largest, Some(Number::Real(f64::INFINITY)));
        let nothing = of("<M8[s]", [i64::MIN.to_le_bytes().to_vec()]);
        assert_eq!((nothing.smallest, nothing.missing, nothing.mean), (None, 1, None));
    }
}
