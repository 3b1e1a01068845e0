//! What the control groups of this process leave it: each group above it may have a limit of its own.
//!
//! Files that only cache what a disk holds count as free: the kernel drops them before it refuses or kills.

use std::path::{Path, PathBuf};

/// A control group with a limit of memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The file that holds the limit.
    pub limit_file: PathBuf,
    /// Bytes that the group may use.
    pub limit: u64,
    /// Bytes of it that are left.
    pub left: u64,
    /// Bytes of swap that it may use on top of it; `u64::MAX`: as much as there is.
    pub swap: u64,
}

/// The limited groups of this process, from its own up to the root, as far as this process can see them.
pub fn limited_groups() -> Vec<Group> {
    let text = |path: &Path| std::fs::read_to_string(path).ok();
    match (text(Path::new("/proc/self/cgroup")), text(Path::new("/proc/self/mountinfo"))) {
        (Some(groups), Some(mounts)) => limited(&groups, &mounts, text),
        _ => Vec::new(),
    }
}

/// One of the two generations of control groups.
struct Generation {
    file_system: &'static str,
    /// Files with limits, and with what is used of them; the last word: whether swap comes on top.
    limits: &'static [(&'static str, &'static str, bool)],
    /// The same of the swap that comes on top.
    swap: Option<(&'static str, &'static str)>,
    /// Lines of memory.stat with memory that can be taken back at once.
    reclaimable: &'static [&'static str],
}

const SECOND: Generation = Generation {
    file_system: "cgroup2",
    limits: &[("memory.max", "memory.current", true), ("memory.high", "memory.current", true)],
    swap: Some(("memory.swap.max", "memory.swap.current")),
    reclaimable: &["active_file", "inactive_file", "slab_reclaimable"],
};
const FIRST: Generation = Generation {
    file_system: "cgroup",
    limits: &[
        ("memory.limit_in_bytes", "memory.usage_in_bytes", true),
        ("memory.memsw.limit_in_bytes", "memory.memsw.usage_in_bytes", false),
    ],
    swap: None,
    reclaimable: &["total_active_file", "total_inactive_file"],
};

fn limited(groups: &str, mounts: &str, read: impl Fn(&Path) -> Option<String>) -> Vec<Group> {
    let mut found = Vec::new();
    // A line of /proc/self/cgroup: number, controllers (none: the second generation), path.
    for (controllers, path) in groups.lines().filter_map(|line| line.split_once(':')?.1.split_once(':')) {
        let generation = match controllers {
            "" => &SECOND,
            named if named.split(',').any(|name| name == "memory") => &FIRST,
            _ => continue,
        };
        for (directory, top) in mounts.lines().filter_map(|line| place(line, generation, path)) {
            for directory in directory.ancestors().take_while(|above| above.starts_with(&top)) {
                found.extend(generation.limits.iter().filter_map(|row| group(directory, generation, *row, &read)));
            }
        }
    }
    found
}

/// Where a group's directory lies, and the highest one that can be seen, if this line of mountinfo mounts them.
fn place(line: &str, generation: &Generation, path: &str) -> Option<(PathBuf, PathBuf)> {
    // Number, parent, device, root, mount point, options, optional fields, "-", file system, source, its options.
    let (mount, file_system) = line.split_once(" - ")?;
    let mut kind = file_system.split(' ');
    let fits = kind.next()? == generation.file_system
        && (generation.file_system == "cgroup2" || kind.nth(1)?.split(',').any(|option| option == "memory"));
    let mut fields = mount.split(' ').skip(3);
    let (root, top) = (fields.next()?, PathBuf::from(fields.next()?));
    // A path that is not below the root belongs to somebody who moved us from outside: only the top can be seen.
    let below = Path::new(path).strip_prefix(root).ok().filter(|below| !below.starts_with(".."));
    fits.then(|| (below.map_or_else(|| top.clone(), |below| top.join(below)), top))
}

fn group(
    directory: &Path,
    generation: &Generation,
    (limit_file, used_file, swap_on_top): (&str, &str, bool),
    read: &impl Fn(&Path) -> Option<String>,
) -> Option<Group> {
    /// The first generation writes "no limit" as a number close to 2^63.
    const ENDLESS: u64 = 1 << 62;
    let number = |name: &str| read(&directory.join(name))?.trim().parse::<u64>().ok();
    let limit = number(limit_file).filter(|limit| *limit < ENDLESS)?;
    let used = number(used_file)?;
    let figures = read(&directory.join("memory.stat")).unwrap_or_default();
    let lines = figures.lines().filter_map(|line| line.split_once(' '));
    let reclaimable: u64 = lines
        .filter(|(name, _)| generation.reclaimable.contains(name))
        .filter_map(|(_, bytes)| bytes.trim().parse::<u64>().ok())
        .sum();
    let left = limit.saturating_sub(used.saturating_sub(reclaimable));
    let limited_swap = || {
        let (max, current) = generation.swap?;
        Some(number(max)?.saturating_sub(number(current)?))
    };
    let swap = if swap_on_top { limited_swap().unwrap_or(u64::MAX) } else { 0 };
    Some(Group { limit_file: directory.join(limit_file), limit, left, swap })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
24 1 0:22 / /proc rw - proc proc rw
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory
36 31 0:33 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
41 31 0:38 /box /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
";

    fn files(path: &Path) -> Option<String> {
        let text = match path.to_str()?.strip_prefix("/sys/fs/cgroup/")? {
            "unified/a/memory.max" => "1000\n",
            "unified/a/memory.high" => "max\n",
            "unified/a/memory.current" => "700\n",
            "unified/a/memory.stat" => "anon 300\nactive_file 100\ninactive_file 50\nslab_reclaimable 50\n",
            "unified/a/memory.swap.max" => "80\n",
            "unified/a/memory.swap.current" => "30\n",
            "unified/memory.swap.max" => "max\n",
            "unified/memory.swap.current" => "30\n",
            "unified/memory.high" => "5000\n",
            "unified/memory.current" => "6000\n",
            "memory/x/memory.limit_in_bytes" => "4096\n",
            "memory/x/memory.usage_in_bytes" => "96\n",
            "memory/x/memory.memsw.limit_in_bytes" => "9223372036854771712\n",
            "memory/x/y/memory.memsw.limit_in_bytes" => "8192\n",
            "memory/x/y/memory.memsw.usage_in_bytes" => "192\n",
            _ => return None,
        };
        Some(text.into())
    }

    fn group(path: &str, limit: u64, left: u64, swap: u64) -> Group {
        Group { limit_file: Path::new("/sys/fs/cgroup").join(path), limit, left, swap }
    }

    #[test]
    fn every_limit_up_the_tree_is_found() {
        let found = limited("4:cpu,memory:/x/y\n3:cpu:/\n0::/box/a/b\n", MOUNTS, files);
        let expected = [
            group("memory/x/y/memory.memsw.limit_in_bytes", 8192, 8000, 0),
            group("memory/x/memory.limit_in_bytes", 4096, 4000, u64::MAX),
            group("unified/a/memory.max", 1000, 500, 50),
            group("unified/memory.high", 5000, 0, u64::MAX),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_group_outside_of_what_is_mounted_shows_the_top() {
        assert_eq!(limited("0::/elsewhere\n", MOUNTS, files), [group("unified/memory.high", 5000, 0, u64::MAX)]);
        assert_eq!(limited("", MOUNTS, files), []);
        assert_eq!(limited("nonsense\n0::/a", "nonsense - \n - cgroup2", files), []);
    }
}
