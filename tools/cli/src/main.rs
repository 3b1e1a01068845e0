//! `shm-array`: look at, move and clean up the shared arrays of a machine.
//!
//! `arguments` says what can be typed, `commands` has one file for each word; they stand on `values` (elements as text
//! and numbers), `window` (a slice of an array, read while others write), `picture` (heat maps) and `machine` (what
//! /proc, /sys and /etc tell of memory). Errors go to stderr and end the program with 1, or with 2 for a command line
//! that makes no sense.

mod arguments;
mod commands;
mod destination;
mod failure;
mod looking;
mod machine;
mod output;
mod picture;
mod processes;
mod table;
mod units;
mod values;
mod window;

use std::process::ExitCode;

use clap::Parser;

use arguments::Arguments;
use output::Output;

fn main() -> ExitCode {
    output::end_quietly_with_the_reader();
    let arguments = Arguments::parse();
    arguments.color.apply();
    let mut out = Output::new(arguments.quiet);
    match commands::run(arguments.command, &mut out).and_then(|()| out.finish()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            out.complain(&failure);
            failure.exit_code()
        }
    }
}
