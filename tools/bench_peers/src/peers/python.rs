//! multiprocessing.Queue, measured by a Python program of its own.

use std::process::Command;

const PROGRAM: &str = include_str!("multiprocessing.py");

/// With whatever `python3` is.
pub fn measure(capacity: usize, bytes: usize, count: u64) -> Option<[f64; 4]> {
    let numbers = [capacity.to_string(), bytes.to_string(), count.to_string()];
    let output = Command::new("python3").args(["-c", PROGRAM]).args(numbers).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let figures: Vec<f64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    if figures.len() != 4 {
        eprintln!("python3: {}", String::from_utf8_lossy(&output.stderr));
    }
    figures.try_into().ok()
}
