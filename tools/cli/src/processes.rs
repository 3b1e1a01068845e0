//! Which processes map which file, in one walk through /proc.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Device (major, minor) and inode.
type FileKey = (u64, u64, u64);

/// Who maps what, at one moment, as far as /proc shows it.
#[derive(Debug, Default)]
pub struct Processes {
    mapping: HashMap<FileKey, Vec<u32>>,
}

impl Processes {
    /// Look at all processes, this one aside.
    pub fn look() -> Processes {
        let mut processes = Processes::default();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
            if pid != std::process::id()
                && let Ok(maps) = fs::read(entry.path().join("maps"))
            {
                processes.add(pid, &String::from_utf8_lossy(&maps));
            }
        }
        processes
    }

    fn add(&mut self, pid: u32, maps: &str) {
        for line in maps.lines() {
            // Addresses, permissions, offset, device, inode, path.
            let mut words = line.split_ascii_whitespace().skip(3);
            let device = words.next().and_then(|device| device.split_once(':'));
            let inode = words.next().and_then(|inode| inode.parse().ok()).filter(|inode| *inode != 0);
            let number = |text| u64::from_str_radix(text, 16).ok();
            if let (Some((major, minor)), Some(inode)) = (device, inode)
                && let (Some(major), Some(minor)) = (number(major), number(minor))
            {
                let pids = self.mapping.entry((major, minor, inode)).or_default();
                if pids.last() != Some(&pid) {
                    pids.push(pid);
                }
            }
        }
    }

    /// Who maps the shared-memory object of that name.
    pub fn of_shm(&self, name: &str) -> &[u32] {
        let Ok(facts) = fs::symlink_metadata(Path::new("/dev/shm").join(name)) else { return &[] };
        let (major, minor) = (nix::sys::stat::major(facts.dev()), nix::sys::stat::minor(facts.dev()));
        self.mapping.get(&(major, minor, facts.ino())).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_process_counts_once_for_each_file() {
        let maps = "\
7f10 -7f11 r--s
7f1000000000-7f1000010000 rw-s 00000000 00:1a 77                         /dev/shm/x
7f1000010000-7f1000020000 rw-s 00010000 00:1a 77                         /dev/shm/x
7f1000020000-7f1000030000 rw-p 00000000 00:00 0                          [heap]
7f1000030000-7f1000040000 r--p 00000000 fe:00 1234                       /usr/lib/a b.so (deleted)
";
        let mut processes = Processes::default();
        processes.add(5, maps);
        processes.add(6, maps);
        assert_eq!(processes.mapping[&(0, 0x1a, 77)], [5, 6]);
        assert_eq!(processes.mapping[&(0xfe, 0, 1234)], [5, 6]);
        assert_eq!(processes.mapping.len(), 2);
    }
}
