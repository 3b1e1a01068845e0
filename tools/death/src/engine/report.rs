//! What a run did, in a short table, and what it found.

use super::Tally;
use super::page::Page;
use std::sync::atomic::Ordering::SeqCst;

/// After so many violations of one kind we look no further: the first ones say it all.
const ENOUGH: usize = 3;

/// The result of a run.
#[derive(Default)]
pub struct Report {
    title: String,
    rows: Vec<(String, u64)>,
    notes: Vec<String>,
    violations: Vec<String>,
}

impl Report {
    /// Begin one.
    pub fn new(title: String) -> Report {
        Report { title, ..Report::default() }
    }

    /// Count one more of something.
    pub fn count(&mut self, words: &str) {
        self.add(words, 1);
    }

    /// Count some more of something.
    pub fn add(&mut self, words: &str, number: u64) {
        match self.rows.iter_mut().find(|row| row.0 == words) {
            Some(row) => row.1 += number,
            None => self.rows.push((words.to_owned(), number)),
        }
    }

    /// Take over the invariants that the scenario has counted, and set them back.
    pub fn collect(&mut self, page: &Page, tallies: &[Tally]) {
        for tally in tallies {
            self.add(tally.words, page.tallies[tally.at].swap(0, SeqCst));
        }
    }

    /// Something that is in order, but worth a thought.
    pub fn note(&mut self, words: String) {
        self.notes.push(words);
    }

    /// Something is not as it has to be.
    pub fn violation(&mut self, words: String) {
        eprintln!("VIOLATION in {}: {words}\n", self.title);
        self.violations.push(words);
    }

    /// How many violations there are.
    pub fn found(&self) -> usize {
        self.violations.len()
    }

    /// Whether to stop looking for more than there were before.
    pub fn is_enough(&self, before: usize) -> bool {
        self.violations.len() >= before + ENOUGH
    }

    /// Whether nothing was found.
    pub fn is_clean(&self) -> bool {
        self.violations.is_empty()
    }

    /// Print the table.
    pub fn print(&self) {
        println!("{}", self.title);
        for (words, number) in &self.rows {
            println!("  {number:>9}  {words}");
        }
        self.notes.iter().for_each(|words| println!("             {words}"));
        match self.violations.len() {
            0 => println!("  no violation\n"),
            1 => println!("  ONE VIOLATION, see above\n"),
            many => println!("  {many} VIOLATIONS, see above\n"),
        }
    }
}
