//! `completions` and `man`: what a package installs beside the program.

use std::fs;
use std::path::Path;

use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;

use crate::arguments::Arguments;
use crate::failure::{Doing, Result};
use crate::output::Output;

/// The script that a shell reads.
pub fn completions(shell: Shell, out: &mut Output) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut visible(&Arguments::command()), "shm-array", &mut script);
    out.line(String::from_utf8_lossy(&script).trim_end())
}

/// The same command line without the options that help does not tell of: scripts for shells would offer them.
fn visible(command: &Command) -> Command {
    let arguments = command.get_arguments().filter(|argument| !argument.is_hide_set());
    // Names that live as long as the program, which ends soon.
    let name = |text: &str| -> &'static str { text.to_string().leak() };
    let mut copy = Command::new(name(command.get_name()))
        .args(arguments)
        .subcommands(command.get_subcommands().map(visible))
        .visible_aliases(command.get_visible_aliases().map(name));
    if let Some(about) = command.get_about() {
        copy = copy.about(about.clone());
    }
    match command.get_version() {
        Some(version) => copy.version(name(version)),
        None => copy,
    }
}

/// The program's page on stdout, or the pages of all commands in a directory.
pub fn pages(directory: Option<&Path>, out: &mut Output) -> Result<()> {
    let program = Arguments::command();
    if let Some(directory) = directory {
        fs::create_dir_all(directory).doing(|| format!("cannot make {}", directory.display()))?;
        return clap_mangen::generate_to(program, directory)
            .doing(|| format!("cannot write to {}", directory.display()));
    }
    let mut page = Vec::new();
    Man::new(program).render(&mut page)?;
    out.line(String::from_utf8_lossy(&page).trim_end())
}
