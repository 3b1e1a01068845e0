//! Where words go: results to stdout, everything else to stderr; colours only where somebody sees them.

use std::fmt::Display;
use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};

use anstream::AutoStream;
use anstyle::{AnsiColor, Style};
use clap::ValueEnum;

use crate::failure::{Failure, Result};

/// Headings of tables and sections.
pub const HEADING: Style = Style::new().bold();
/// What is as it should be.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// What deserves a look.
pub const WARNING: Style = AnsiColor::Yellow.on_default();
/// What will hurt.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// What can be skipped over.
pub const FAINT: Style = Style::new().dimmed();

/// Whether to colour.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// From here on, for all streams.
    pub fn apply(self) {
        let choice = match self {
            Color::Auto => anstream::ColorChoice::Auto,
            Color::Always => anstream::ColorChoice::Always,
            Color::Never => anstream::ColorChoice::Never,
        };
        choice.write_global();
    }
}

/// The program's stdout, and what may be said on stderr.
pub struct Output {
    out: BufWriter<AutoStream<StdoutLock<'static>>>,
    quiet: bool,
}

impl Output {
    /// With `quiet`, notes and progress bars are left out.
    pub fn new(quiet: bool) -> Output {
        Output { out: BufWriter::new(AutoStream::auto(io::stdout().lock())), quiet }
    }

    /// Whether notes and progress bars are unwelcome.
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Whether stdout shows colours.
    pub fn has_colors(&self) -> bool {
        self.out.get_ref().current_choice() != anstream::ColorChoice::Never
    }

    /// One line of the result.
    pub fn line(&mut self, words: impl Display) -> Result<()> {
        Ok(writeln!(self.out, "{words}")?)
    }

    /// A result for programs.
    pub fn json(&mut self, value: &serde_json::Value) -> Result<()> {
        self.line(format_args!("{value:#}"))
    }

    /// What was done, for people who look; not part of the result.
    pub fn note(&self, words: impl Display) {
        if !self.quiet {
            let _ = writeln!(anstream::stderr(), "{words}");
        }
    }

    /// Why the program ends early.
    pub fn complain(&mut self, failure: &Failure) {
        let _ = self.out.flush();
        let _ = writeln!(anstream::stderr(), "{BAD}shm-array:{BAD:#} {failure}");
    }

    /// Everything has been said.
    pub fn finish(&mut self) -> Result<()> {
        Ok(self.out.flush()?)
    }
}

/// Columns and rows of the terminal that stdout is; a page of 100 x 40 where it is none.
pub fn page() -> (usize, usize) {
    let size = io::stdout().is_terminal().then(ratatui::crossterm::terminal::size);
    match size {
        Some(Ok((columns, rows))) if columns > 0 && rows > 0 => (columns.into(), rows.into()),
        _ => (100, 40),
    }
}

/// Rust programs ignore SIGPIPE and then complain of a closed pipe; others just end, and so does this one.
pub fn end_quietly_with_the_reader() {
    use nix::sys::signal::{SigHandler, Signal, signal};
    // SAFETY: the default action calls no code of ours, and no other thread runs yet.
    let _ = unsafe { signal(Signal::SIGPIPE, SigHandler::SigDfl) };
}
