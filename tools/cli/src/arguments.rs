//! What can be typed. The help, the man page and the completions are made from this file.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;

use crate::output::Color;
use crate::units::{parse_bytes, parse_duration};

const AFTER: &str = "\
NAME is a shared-memory name (temperature, that is /dev/shm/temperature), file:///directory/x.npy, or a path with a \
slash in it (./x.npy).

Exit codes: 0 all was done; 1 something failed, and stderr says what; 2 the command line makes no sense.";

/// Look at, move and clean up the shared arrays of this machine.
#[derive(Debug, Parser)]
#[command(name = "shm-array", version, max_term_width = 100, after_long_help = AFTER)]
pub struct Arguments {
    /// No notes and no progress bars; errors are still told
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// When to use colors
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", hide_possible_values = true)]
    pub color: Color,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// One word, one command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// All arrays with a shared-memory name
    #[command(visible_alias = "ls")]
    List(List),
    /// Everything that is known of one array
    Info(Info),
    /// First rows, statistics, and a heat map of a 2-D slice
    Head(Head),
    /// Write an array, or a slice of it, to a .npy, .png or raw file
    Export(Export),
    /// Make a shared array of a .npy file or of raw elements
    Import(Import),
    /// Take names away; who uses an array keeps it
    Rm(Rm),
    /// Remove what nobody uses any more
    Collect(Collect),
    /// Watch locks and generations, live
    Top(Top),
    /// What this machine's memory means for arrays, and what to do about it
    Doctor(Doctor),
    /// Print a completion script, e.g. shm-array completions bash > /etc/bash_completion.d/shm-array
    Completions(Completions),
    /// Print the man page, or write one page a command into a directory
    Man(Man),
}

/// Options of `list`.
#[derive(Args, Debug)]
pub struct List {
    /// For programs: one JSON array
    #[arg(long)]
    pub json: bool,
}

/// Options of `info`.
#[derive(Args, Debug)]
pub struct Info {
    /// Which array
    pub name: String,
    /// For programs: one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Options of `head`.
#[derive(Args, Debug)]
pub struct Head {
    /// Which array
    pub name: String,
    /// How many rows to print
    #[arg(short = 'n', long, default_value_t = 5)]
    pub rows: u64,
    /// A part, as Python writes it: 0,:,10:20
    #[arg(short, long, allow_hyphen_values = true)]
    pub slice: Option<String>,
    /// When to draw a heat map; auto: on a terminal
    #[arg(long, value_enum, default_value_t = When::Auto, value_name = "WHEN")]
    pub heat: When,
    /// Statistics of every element, where a sample would do for a large array
    #[arg(long)]
    pub all: bool,
    /// For programs: one JSON object
    #[arg(long)]
    pub json: bool,
}

/// A choice that the terminal makes where the user does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// On a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Options of `export`.
#[derive(Args, Debug)]
pub struct Export {
    /// Which array
    pub name: String,
    /// Where to; its ending says the format, "-" is stdout
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// The format, where the file's ending does not tell it
    #[arg(short, long, value_enum)]
    pub format: Option<Format>,
    /// A part, as Python writes it: 0,:,10:20
    #[arg(short, long, allow_hyphen_values = true)]
    pub slice: Option<String>,
    /// PNG: the value that becomes black [default: the smallest]
    #[arg(long, allow_negative_numbers = true)]
    pub min: Option<f64>,
    /// PNG: the value that becomes white [default: the largest]
    #[arg(long, allow_negative_numbers = true)]
    pub max: Option<f64>,
    /// Read without the array's lock: what others write meanwhile may come out half
    #[arg(long)]
    pub no_lock: bool,
    /// How long to wait for the lock
    #[arg(long, value_name = "SPAN", default_value = "10s", value_parser = parse_duration)]
    pub timeout: Duration,
}

/// What `export` writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// numpy's file format
    Npy,
    /// An 8-bit picture: of 2 dimensions, or of height x width x 1, 2, 3 or 4
    Png,
    /// The elements, in C order, and nothing else
    Raw,
}

/// Options of `import`.
#[derive(Args, Debug)]
pub struct Import {
    /// Where from; "-" is stdin
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// The new array's name
    pub name: String,
    /// The file has raw elements of this type: <f8, uint16, "[('x', '<f4')]"
    #[arg(long)]
    pub dtype: Option<String>,
    /// Elements along each axis, e.g. 480,640; one of them may be -1 (from the file's size)
    #[arg(long, value_delimiter = ',', allow_hyphen_values = true, requires = "dtype")]
    pub shape: Vec<i64>,
    /// Raw elements: the first axis is the fastest
    #[arg(long, requires = "dtype")]
    pub fortran: bool,
    /// Raw elements: begin so many bytes into the file
    #[arg(long, default_value = "0", value_name = "SIZE", value_parser = parse_bytes, requires = "dtype")]
    pub offset: u64,
    /// Name of an extension dtype, e.g. bfloat16
    #[arg(long, value_name = "NAME")]
    pub tag: Option<String>,
    /// A note on the array, as JSON
    #[arg(long, value_name = "JSON")]
    pub metadata: Option<String>,
    /// Room for so many elements along the growing axis
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    pub capacity: u64,
    /// Who may use it, as chmod writes it
    #[arg(long, value_name = "MODE", default_value = "600", value_parser = parse_mode)]
    pub permissions: u32,
}

fn parse_mode(text: &str) -> Result<u32, String> {
    u32::from_str_radix(text, 8).map_err(|_| format!("{text:?} is not a file mode: write e.g. 600 or 664"))
}

/// Options of `rm`.
#[derive(Args, Debug)]
pub struct Rm {
    /// Which arrays
    #[arg(required = true)]
    pub names: Vec<String>,
    /// What is not there is no error
    #[arg(short, long)]
    pub force: bool,
}

/// Options of `collect`.
#[derive(Args, Debug)]
pub struct Collect {
    /// Unused persistent arrays, too, if they are older than this (30m, 2h, 7d)
    #[arg(long, value_name = "SPAN", value_parser = parse_duration)]
    pub older_than: Option<Duration>,
    /// For programs: {"removed": N}
    #[arg(long)]
    pub json: bool,
}

/// Options of `top`.
#[derive(Args, Debug)]
pub struct Top {
    /// Time between two pictures, in seconds
    #[arg(short, long, default_value_t = 1.0, value_parser = parse_interval)]
    pub interval: f64,
}

fn parse_interval(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.1..=3600.0).contains(seconds));
    seconds.ok_or_else(|| format!("{text:?} is not from 0.1 to 3600 seconds"))
}

/// Options of `doctor`.
#[derive(Args, Debug)]
pub struct Doctor {
    /// Whether an array of this size would find room
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    pub need: Option<u64>,
    /// For programs: one JSON object
    #[arg(long)]
    pub json: bool,
    /// Read /proc, /sys and /etc below this directory
    #[arg(long, global = true, hide = true, default_value = "/")]
    pub root: PathBuf,
    /// What to do
    #[command(subcommand)]
    pub remedy: Option<Remedy>,
}

/// What `doctor` can do, and not only tell.
#[derive(Debug, Subcommand)]
pub enum Remedy {
    /// Print the commands that add, keep, enlarge or remove a swap file
    Swap(Swap),
}

/// Options of `doctor swap`.
#[derive(Args, Debug)]
pub struct Swap {
    /// What to do with the swap file
    #[arg(value_enum, default_value_t = SwapStep::Add)]
    pub step: SwapStep,
    /// Its size, or a multiple of the machine's memory: 16G, 1x, 2x [default: 1x]
    #[arg(long)]
    pub size: Option<String>,
    /// Where it lies
    #[arg(long, default_value = "/swapfile", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// Run the commands; needs root
    #[arg(long)]
    pub apply: bool,
    /// Where file systems and swap files are listed that are used after each boot
    #[arg(long, hide = true, default_value = "/etc/fstab")]
    pub fstab: PathBuf,
}

/// A step in the life of a swap file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SwapStep {
    /// Make it, and use it until the next boot
    Add,
    /// Use it after each boot, too (a line in /etc/fstab)
    Keep,
    /// Replace it by a larger one
    Enlarge,
    /// Stop using it, and give the disk space back
    Remove,
}

/// Options of `completions`.
#[derive(Args, Debug)]
pub struct Completions {
    /// For which shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// Options of `man`.
#[derive(Args, Debug)]
pub struct Man {
    /// Write shm-array.1, shm-array-list.1, ... into this directory
    #[arg(value_hint = ValueHint::DirPath)]
    pub directory: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Arguments::command().debug_assert();
    }
}
