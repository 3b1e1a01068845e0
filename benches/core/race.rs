//! Several ways to do one thing, taking turns.

use std::time::Instant;

/// A way to do it: `run(n)` does it n times.
pub struct Candidate<'a> {
    name: &'a str,
    run: Box<dyn FnMut(u32) + 'a>,
    /// Seconds that one time took, in each turn.
    turns: Vec<f64>,
}

impl<'a> Candidate<'a> {
    pub fn new(name: &'a str, run: impl FnMut(u32) + 'a) -> Candidate<'a> {
        Candidate { name, run: Box::new(run), turns: Vec::new() }
    }
}

fn median(of: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = of.collect();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// Let all candidates do it `times` times a turn, and print what one time takes, and how often the first one's: medians,
/// the ratio's over the ratios of single turns.
///
/// Turns are short, so that most of them come to their end before the scheduler interrupts.
pub fn race(title: &str, candidates: &mut [Candidate], times: u32, turns: u32) {
    race_after(|| (), title, candidates, times, turns);
}

/// As [`race`], of those who take memory.
pub fn race_for_memory(title: &str, candidates: &mut [Candidate], times: u32, turns: u32) {
    race_after(warm_up, title, candidates, times, turns);
}

fn race_after(before: impl Fn(), title: &str, candidates: &mut [Candidate], times: u32, turns: u32) {
    // The first turn is for warming up.
    for turn in 0..=turns {
        for candidate in candidates.iter_mut() {
            before();
            let start = Instant::now();
            (candidate.run)(times);
            if turn > 0 {
                // Not divided as a Duration, which has whole nanoseconds only.
                candidate.turns.push(start.elapsed().as_secs_f64() / f64::from(times));
            }
        }
    }
    println!("\n| {title} | time | times the first |\n|---|---|---|");
    for candidate in candidates.iter() {
        let ratios = candidate.turns.iter().zip(&candidates[0].turns).map(|(own, first)| own / first);
        println!(
            "| {} | {} | {:.1} |",
            candidate.name,
            in_words(median(candidate.turns.iter().copied())),
            median(ratios)
        );
    }
}

fn in_words(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 1e-7 => format!("{:.1} ns", seconds * 1e9),
        seconds if seconds < 1e-6 => format!("{:.0} ns", seconds * 1e9),
        seconds if seconds < 1e-3 => format!("{:.1} us", seconds * 1e6),
        seconds => format!("{:.0} ms", seconds * 1e3),
    }
}

/// A virtual machine's host takes free memory back after a while, and the next to touch some pays for that. So touch a
/// little and free it; whoever takes much memory pays alike, for candidates follow each other closely.
fn warm_up() {
    let mut memory = vec![0u8; 16 << 20];
    memory.iter_mut().step_by(4096).for_each(|byte| *byte = 1);
    std::hint::black_box(&memory);
}
