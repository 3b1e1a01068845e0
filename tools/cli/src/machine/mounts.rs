//! /proc/mounts: which file system is where, and how much room it has.

use std::path::Path;

use nix::sys::statvfs::statvfs;

use super::Root;

/// Bytes of a file system, as an ordinary user sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// In all.
    pub size: u64,
    /// Free.
    pub free: u64,
}

impl Room {
    /// Of the file system that a path lies on, here and now.
    pub fn at(path: &Path) -> Option<Room> {
        let figures = statvfs(path).ok()?;
        let bytes = |blocks: u64| blocks.saturating_mul(figures.fragment_size());
        Some(Room { size: bytes(figures.blocks()), free: bytes(figures.blocks_available()) })
    }
}

/// A mounted file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Such as tmpfs.
    pub kind: String,
    /// Its room; `None`: no limit of its own.
    pub room: Option<Room>,
    /// Mounted read-only.
    pub read_only: bool,
}

/// What is mounted at exactly that directory; where the directory is part of another file system, that one.
pub fn at(root: &Root, directory: &str) -> Option<Mount> {
    if !root.path(directory).is_dir() {
        return None;
    }
    let table = Table::read(root);
    let line = table.over(directory);
    let options = line.as_ref().map_or("", |line| line.options.as_str());
    // A tmpfs mounted without a limit reports no blocks at all.
    let room = match root.is_this_machine() {
        true => Room::at(Path::new(directory)).filter(|room| room.size > 0),
        false => size_option(options).map(|size| Room { size, free: size }),
    };
    let kind = line.as_ref().map_or_else(String::new, |line| line.kind.clone());
    Some(Mount { kind, room, read_only: options.split(',').any(|option| option == "ro") })
}

/// The file system's type at a path that may not exist yet.
pub fn kind_at(root: &Root, path: &str) -> Option<String> {
    Table::read(root).over(path).map(|line| line.kind.clone())
}

fn size_option(options: &str) -> Option<u64> {
    let size = options.split(',').find_map(|option| option.strip_prefix("size="))?;
    crate::units::parse_bytes(size).ok()
}

struct Line {
    directory: String,
    kind: String,
    options: String,
}

/// All of it.
pub struct Table(Vec<Line>);

impl Table {
    /// Empty where /proc is missing.
    pub fn read(root: &Root) -> Table {
        let text = root.text("/proc/mounts").unwrap_or_default();
        let line = |line: &str| {
            // Device, directory, type, options, 0, 0; spaces of a name as \040.
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            let [_, directory, kind, options, ..] = words.as_slice() else { return None };
            Some(Line { directory: directory.replace("\\040", " "), kind: (*kind).into(), options: (*options).into() })
        };
        Table(text.lines().filter_map(line).collect())
    }

    /// Where the first file system of that type, and with that option, is mounted.
    pub fn of_type(&self, kind: &str, option: &str) -> Option<String> {
        let has = |line: &&Line| option.is_empty() || line.options.split(',').any(|one| one == option);
        self.0.iter().filter(|line| line.kind == kind).find(has).map(|line| line.directory.clone())
    }

    /// The file system of a path: the longest directory that it begins with, of two at one place the later.
    fn over(&self, path: &str) -> Option<&Line> {
        let holds = |line: &&Line| Path::new(path).starts_with(&line.directory);
        self.0.iter().filter(holds).max_by_key(|line| line.directory.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_mount_counts() {
        let line = |directory: &str, kind: &str, options: &str| Line {
            directory: directory.into(),
            kind: kind.into(),
            options: options.into(),
        };
        let table = Table(vec![
            line("/", "ext4", "rw"),
            line("/dev", "devtmpfs", "rw"),
            line("/dev/shm", "tmpfs", "rw,size=65536k"),
            line("/sys/fs/cgroup/cpu", "cgroup", "rw,cpu"),
            line("/sys/fs/cgroup/memory", "cgroup", "rw,memory"),
        ]);
        assert_eq!(table.over("/dev/shm").unwrap().kind, "tmpfs");
        assert_eq!(table.over("/dev/shmx").unwrap().kind, "devtmpfs");
        assert_eq!(table.over("/swapfile").unwrap().kind, "ext4");
        assert_eq!(table.of_type("cgroup", "memory").unwrap(), "/sys/fs/cgroup/memory");
        assert_eq!(table.of_type("cgroup2", ""), None);
        assert_eq!(size_option("rw,nosuid,size=65536k,inode64"), Some(64 << 20));
    }
}
