//! How soon memory is there, and how fast it is then: this library beside what else there is, in one run.
//!
//!     cargo build --release -p shm-array && cargo bench --bench memory [-- [MIB [ROUNDS]] [WORD...]]
//!
//! Words choose the ways whose names contain one of them.
//!
//! The figure of each way is the median of several rounds, and the ways take turns: ratios within one run are what
//! counts. It depends on what memory is free: a virtual machine's host takes back what is free for seconds, and clears it
//! when it is touched again, and programs that came before leave free memory in small pages or in huge ones. So each way is
//! measured twice, just after as much memory as it can need has been touched and freed: by small pages, and by huge ones.
//! Processor time stands beside each figure: others that run meanwhile do not lengthen it.

mod cost;
mod peers;
mod ways;

use cost::Cost;
use peers::Python;

/// What was free last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Free {
    Small,
    Huge,
}

fn main() {
    let numbers: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let mib = numbers.first().copied().unwrap_or(1024);
    let rounds = numbers.get(1).copied().unwrap_or(5);
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word.parse::<usize>().is_err()).collect();
    let is_chosen =
        |name: &str| words.iter().all(|word| word.starts_with("--")) || words.iter().any(|w| name.contains(w));
    let mut rows = Row::all();
    rows.retain(|row| is_chosen(row.name));
    let mut python = Python::start();
    for round in 0..rounds {
        eprintln!("round {} of {rounds}", round + 1);
        for free in [Free::Small, Free::Huge] {
            for row in &mut rows {
                touch_and_free(mib, free);
                let cost = match row.way {
                    Way::Rust(measure) => measure(mib << 20),
                    Way::Python(way) => python.ask(way, mib),
                };
                row.costs(free).extend(cost);
            }
        }
    }
    println!("\n{mib} MiB, medians of {rounds} rounds, ms (of processor time), out of memory that was freed");
    println!("{:>18}  {:>18}", "in small pages", "in huge pages");
    for row in &rows {
        println!("{:>18}  {:>18}  {}", row.median(Free::Small), row.median(Free::Huge), row.name);
    }
    for free in [Free::Small, Free::Huge] {
        touch_and_free(mib, free);
        let share = ways::share_of_huge_pages(mib << 20);
        println!("an array made then lies in huge pages to {share:.0} % ({free:?})");
    }
}

enum Way {
    Rust(ways::Measure),
    Python(&'static str),
}

struct Row {
    name: &'static str,
    way: Way,
    costs: [Vec<Cost>; 2],
}

impl Row {
    fn all() -> Vec<Row> {
        let own = ways::WAYS.iter().map(|(name, measure)| (*name, Way::Rust(*measure)));
        let pythons = peers::WAYS.iter().map(|(name, way)| (*name, Way::Python(way)));
        own.chain(pythons).map(|(name, way)| Row { name, way, costs: Default::default() }).collect()
    }

    fn costs(&mut self, free: Free) -> &mut Vec<Cost> {
        &mut self.costs[free as usize]
    }

    fn median(&self, free: Free) -> String {
        let costs = &self.costs[free as usize];
        let median = |figure: fn(&Cost) -> f64| {
            let mut figures: Vec<f64> = costs.iter().map(figure).collect();
            figures.sort_by(f64::total_cmp);
            figures.get(figures.len() / 2).copied()
        };
        match (median(|cost| cost.wall), median(|cost| cost.processor)) {
            (Some(wall), Some(processor)) => format!("{wall:.1} ({processor:.0})"),
            _ => "-".into(),
        }
    }
}

/// Twice as much as a way can need: what it finds free is what was free last.
fn touch_and_free(mib: usize, free: Free) {
    ways::ready_memory((2 * mib) << 20, free == Free::Huge, |_| ());
}
