//! Who uses a file, for people: nothing is ever decided by it.

use super::file::FileId;

/// The processes that map a file, as far as /proc lets this user see them.
pub fn who_maps(file: FileId) -> Vec<u32> {
    let device = file.device();
    let (major, minor) = (nix::sys::stat::major(device), nix::sys::stat::minor(device));
    // A line of maps: addresses, permissions, offset, device, inode, path.
    let wanted = [format!("{major:02x}:{minor:02x}"), file.inode().to_string()];
    let is_mapped = |maps: String| {
        maps.lines().any(|line| line.split_ascii_whitespace().skip(3).take(2).eq(wanted.iter().map(String::as_str)))
    };
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| std::fs::read_to_string(format!("/proc/{pid}/maps")).is_ok_and(is_mapped)).collect()
}
