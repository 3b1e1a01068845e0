//! The main job, end to end: `cargo run --release --example quickstart`.
//!
//! It needs Rust, a C compiler and python3, and makes the rest itself, under target/. Then:
//!
//! 1. photograph.py puts a real photograph into a shared array; two C processes (filter.c) emboss it in place, under
//!    the lock; one of them is killed half way through a block, and its work is put right; Python checks the result
//!    against numpy and writes it as PNG. The elements are never copied between the processes.
//! 2. blocks.py fills an array of 2000 x 10 numbers from four pool processes.

use std::path::Path;
use std::process::{Command, ExitCode};

use workshop::Python;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(words) => {
            eprintln!("quickstart: {words}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let here = workshop::root().join("examples/quickstart");
    let place = workshop::directory("quickstart")?;

    let python = Python::environment("quickstart", &here.join("requirements.txt"), |words| println!("{words}"))?;
    let filter = place.join("filter");
    workshop::compile(&here.join("filter.c"), &filter)?;

    println!("\nA photograph, two C processes that filter it in place, and a kill");
    let picture = place.join("grace_hopper_embossed.png");
    finish(python.command()?.arg(here.join("photograph.py")).arg(&filter).arg(&picture))?;

    println!("\nFour pool processes that fill blocks of one array");
    finish(python.command()?.arg(here.join("blocks.py")))?;

    println!("\nThe picture lies in {}", shortest(&picture).display());
    Ok(())
}

/// Runs a step, whose output goes where ours goes.
fn finish(command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(|error| format!("{command:?} does not start: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("the step above failed, {status}")) }
}

/// The path as seen from where the user stands.
fn shortest(path: &Path) -> &Path {
    std::env::current_dir().ok().and_then(|here| path.strip_prefix(here).ok()).unwrap_or(path)
}
