//! `doctor swap`: a swap file's life, as commands that anybody can read, and that run only with --apply and as root.
//!
//! What is printed is what runs, line by line, by `sh`; the first line that fails ends it, and a file that was just
//! made for it is removed again.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;

use crate::arguments::{Swap, SwapStep};
use crate::failure::{Doing, Failure, Result};
use crate::machine::{Machine, Room, Root, SwapArea, kind_at};
use crate::output::{FAINT, HEADING, Output};
use crate::units::{bytes, parse_bytes};

/// Where most distributions have theirs.
pub const DEFAULT_FILE: &str = "/swapfile";
/// Disk space that a swap file must leave to others.
const SPARE: u64 = 1 << 30;
const GIB: u64 = 1 << 30;

/// As much as there is memory, in whole GiB.
pub fn default_size(machine: &Machine) -> u64 {
    multiple(machine, 1.0).unwrap_or(4 * GIB)
}

fn multiple(machine: &Machine, times: f64) -> Option<u64> {
    let total = machine.memory.total? as f64 * times;
    Some((total as u64).max(1).next_multiple_of(GIB))
}

/// As fallocate and mount take it.
pub fn size_text(size: u64) -> String {
    match size {
        _ if size.is_multiple_of(GIB) => format!("{}G", size / GIB),
        _ if size.is_multiple_of(1 << 20) => format!("{}M", size >> 20),
        _ => size.to_string(),
    }
}

/// Make it, and use it until the next boot.
pub fn add(file: &str, size: u64) -> Vec<String> {
    vec![
        format!("fallocate -l {} {file}", size_text(size)),
        format!("chmod 600 {file}"),
        format!("mkswap {file}"),
        format!("swapon {file}"),
    ]
}

/// btrfs needs a file without copy-on-write and compression, which its own tool makes.
fn add_on_btrfs(file: &str, size: u64) -> Vec<String> {
    vec![format!("btrfs filesystem mkswapfile --size {} {file}", size_text(size)), format!("swapon {file}")]
}

/// The line for it. `table`: what stands there already.
fn keep(file: &str, fstab: &str, table: &str) -> Vec<String> {
    let line = format!("{file} none swap sw 0 0");
    // The last line of a file that somebody edited may have no end.
    let has_end = table.is_empty() || table.ends_with('\n');
    vec![if has_end { format!("echo '{line}' >> {fstab}") } else { format!("printf '\\n{line}\\n' >> {fstab}") }]
}

/// What the doctor tells of a machine without swap, beside the commands of [`add`].
pub fn keep_by_default() -> String {
    keep(DEFAULT_FILE, "/etc/fstab", "").concat()
}

/// fallocate lengthens what is there.
fn enlarge(file: &str, size: u64) -> Vec<String> {
    let mut lines = vec![format!("swapoff {file}")];
    lines.extend(add(file, size));
    lines
}

/// `fstab`: where there is a line for it.
fn remove(file: &str, in_use: bool, fstab: Option<&str>) -> Vec<String> {
    let mut lines = Vec::new();
    if in_use {
        lines.push(format!("swapoff {file}"));
    }
    if let Some(fstab) = fstab {
        lines.push(format!("sed -i '\\|^{file}[[:space:]]|d' {fstab}"));
    }
    lines.push(format!("rm {file}"));
    lines
}

/// Print the commands, or run them.
pub fn run(request: &Swap, machine: &Machine, root: &Root, out: &mut Output) -> Result<()> {
    let file = checked(&request.file, "--file")?;
    let lines = plan(request, file, machine, root)?;
    if !request.apply {
        for line in &lines {
            out.line(format_args!("{HEADING}{line}{HEADING:#}"))?;
        }
        out.note(format_args!("{FAINT}nothing was changed; to run this, as root: add --apply{FAINT:#}"));
        return Ok(());
    }
    if !nix::unistd::geteuid().is_root() {
        return Err(Failure::new("--apply needs root: run it with sudo; nothing was changed"));
    }
    if !root.is_this_machine() {
        return Err(Failure::usage("--apply is for this machine, and --root is another one"));
    }
    let was_in_use = machine.swaps.iter().any(|area| area.path == file);
    for line in &lines {
        out.note(format_args!("{HEADING}+ {line}{HEADING:#}"));
        let status = Command::new("sh").args(["-ec", line]).status().doing(|| "cannot run sh".into())?;
        if !status.success() {
            let undone = undo(request.step, file, was_in_use, root);
            return Err(Failure::new(format!("`{line}` failed ({status}){undone}")));
        }
    }
    let now = Machine::read(root).memory;
    out.note(format_args!("swap now: {} in all, {} free", bytes(now.swap_total), bytes(now.swap_free)));
    Ok(())
}

/// After a step that failed: the machine as it was, as far as that goes; what became of it, in words.
fn undo(step: SwapStep, file: &str, was_in_use: bool, root: &Root) -> String {
    let is_in_use = || Machine::read(root).swaps.iter().any(|area| area.path == file);
    match step {
        SwapStep::Add if std::fs::remove_file(file).is_ok() => format!("; {file} was removed again"),
        SwapStep::Enlarge if was_in_use && !is_in_use() => {
            let status = Command::new("sh").args(["-ec", &format!("swapon {file}")]).status();
            match status.is_ok_and(|status| status.success()) {
                true => format!("; {file} is in use again"),
                false => format!("; {file} is not in use any more: see what is left of it, and swapon {file}"),
            }
        }
        _ => String::new(),
    }
}

/// A path that means the same in every line, quoted or not.
fn checked<'a>(file: &'a Path, option: &str) -> Result<&'a str> {
    let plain = |text: &&str| {
        text.starts_with('/')
            && text.len() > 1
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte))
    };
    file.to_str().filter(plain).ok_or_else(|| {
        Failure::usage(format!("{option} {}: an absolute path of A-Z a-z 0-9 / . _ - is needed", file.display()))
    })
}

fn plan(request: &Swap, file: &str, machine: &Machine, root: &Root) -> Result<Vec<String>> {
    let area = machine.swaps.iter().find(|area| area.path == file);
    let fstab = checked(&request.fstab, "--fstab")?;
    let lines = root.text(fstab).unwrap_or_default();
    let in_fstab = lines.lines().any(|line| line.split_ascii_whitespace().next() == Some(file));
    let exists = root.path(file).exists();
    let btrfs = kind_at(root, file).is_some_and(|kind| kind == "btrfs");
    match request.step {
        SwapStep::Add => {
            let size = size(request, machine)?;
            if exists {
                let what = "exists already: see enlarge and remove, or choose another --file";
                return Err(Failure::new(format!("{file} {what}")));
            }
            require_kind(file, root)?;
            require_room(file, size, root)?;
            Ok(if btrfs { add_on_btrfs(file, size) } else { add(file, size) })
        }
        SwapStep::Keep if in_fstab => Err(Failure::new(format!("{fstab} has a line for {file} already"))),
        SwapStep::Keep => {
            require_swap(file, area, exists, root)?;
            Ok(keep(file, fstab, &lines))
        }
        SwapStep::Enlarge => {
            require_swap(file, area, exists, root)?;
            let size = size(request, machine)?;
            let now = std::fs::metadata(root.path(file)).map_or(0, |facts| facts.len());
            if size <= now {
                return Err(Failure::new(format!("{file} has {} already: say a larger --size", bytes(now))));
            }
            let (used, available) = (area.map_or(0, |area| area.used), machine.memory.available.unwrap_or(0));
            if used > available {
                return Err(Failure::new(format!(
                    "{} of {file} are in use, and only {} of memory are available to take them back: add a second file \
                     instead (doctor swap add --file {file}2)",
                    bytes(used),
                    bytes(available)
                )));
            }
            require_room(file, size - now, root)?;
            // A btrfs swap file cannot be lengthened in place.
            let steps = if btrfs {
                [remove(file, area.is_some(), None), add_on_btrfs(file, size)].concat()
            } else {
                enlarge(file, size)
            };
            Ok(steps.into_iter().filter(|line| area.is_some() || !line.starts_with("swapoff")).collect())
        }
        SwapStep::Remove => {
            require_swap(file, area, exists, root)?;
            Ok(remove(file, area.is_some(), in_fstab.then_some(fstab)))
        }
    }
}

fn size(request: &Swap, machine: &Machine) -> Result<u64> {
    let Some(text) = &request.size else { return Ok(default_size(machine)) };
    let size = match text.strip_suffix(['x', 'X']).map(str::parse::<f64>) {
        Some(Ok(times)) if times > 0.0 && times <= 64.0 => multiple(machine, times)
            .ok_or_else(|| Failure::new("/proc/meminfo cannot be read: say the size in bytes, e.g. --size 16G"))?,
        Some(_) => return Err(Failure::usage(format!("--size {text}: a multiple is written 1x, 1.5x or 2x"))),
        None => parse_bytes(text).map_err(|words| Failure::usage(format!("--size: {words}, or 2x")))?,
    };
    // mkswap wants ten pages at least.
    if size < 1 << 20 { Err(Failure::usage(format!("--size {text} is less than 1 MiB"))) } else { Ok(size) }
}

/// What holds files in memory, or elsewhere, holds no swap.
fn require_kind(file: &str, root: &Root) -> Result<()> {
    const UNFIT: [&str; 8] = ["tmpfs", "ramfs", "overlay", "nfs", "nfs4", "cifs", "zfs", "fuse"];
    match kind_at(root, file).filter(|kind| UNFIT.contains(&kind.as_str())) {
        Some(kind) => {
            Err(Failure::new(format!("{file} would lie on {kind}, which holds no swap: choose another --file")))
        }
        None => Ok(()),
    }
}

fn require_room(file: &str, size: u64, root: &Root) -> Result<()> {
    let directory = Path::new(file).parent().unwrap_or(Path::new("/"));
    if !root.is_this_machine() {
        return Ok(());
    }
    let Some(room) = Room::at(directory) else {
        return Err(Failure::new(format!("there is no directory {}", directory.display())));
    };
    if room.free < size.saturating_add(SPARE) {
        return Err(Failure::new(format!(
            "{} has {} free: a swap file of {} would leave less than {}; choose a smaller --size or another --file",
            directory.display(),
            bytes(room.free),
            bytes(size),
            bytes(SPARE)
        )));
    }
    Ok(())
}

/// Nothing but a swap file is kept, enlarged or removed.
fn require_swap(file: &str, area: Option<&SwapArea>, exists: bool, root: &Root) -> Result<()> {
    if area.is_some() {
        return Ok(());
    }
    if !exists {
        return Err(Failure::new(format!("there is no {file}: see doctor swap add")));
    }
    // mkswap's mark stands at the end of the first page, whose size is the machine's.
    let marked = |page: u64| {
        let mut mark = [0u8; 10];
        let read = File::open(root.path(file)).and_then(|file| file.read_exact_at(&mut mark, page - 10));
        read.is_ok() && &mark == b"SWAPSPACE2"
    };
    match [4096, 16384, 65536].into_iter().any(marked) {
        true => Ok(()),
        false => Err(Failure::new(format!("{file} is no swap file (or not yours to read): nothing is done to it"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_whole() {
        assert_eq!(size_text(24 << 30), "24G");
        assert_eq!(size_text(1536 << 20), "1536M");
        assert_eq!(size_text(12345), "12345");
    }

    #[test]
    fn paths_that_a_shell_could_misread_are_refused() {
        for path in ["swapfile", "/", "/a b", "/x;reboot", "/x'", "/$x", "/\u{e9}"] {
            assert!(checked(Path::new(path), "--file").is_err(), "{path}");
        }
        assert_eq!(checked(Path::new("/data/swap-2.img"), "--file").unwrap(), "/data/swap-2.img");
    }

    #[test]
    fn removing_forgets_the_line_first() {
        assert_eq!(
            remove("/swapfile", true, Some("/etc/fstab")),
            ["swapoff /swapfile", "sed -i '\\|^/swapfile[[:space:]]|d' /etc/fstab", "rm /swapfile"]
        );
        assert_eq!(remove("/swapfile", false, None), ["rm /swapfile"]);
    }
}
