//! Memory limits of control groups, versions 1 and 2, from this process's own group up to the root.
//!
//! ```text
//! /proc/self/cgroup      0::/user.slice/x         version 2: memory.max, memory.current, memory.swap.max
//!                        4:memory:/docker/1234    version 1: memory.limit_in_bytes, memory.usage_in_bytes
//! ```
//!
//! In a container the path is often not there, because the group itself is mounted as the root: then only the root is
//! looked at.

use super::Root;
use super::mounts::Table;

/// One group that has a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CgroupLimit {
    /// The file that says so.
    pub file: String,
    /// Bytes of memory, the page cache and all shared memory that the group touched first included.
    pub max: u64,
    /// Bytes in use that nothing would give back: without files in the page cache.
    pub used: u64,
    /// Bytes of swap that it may use; `None`: as much as there is.
    pub swap: Option<u64>,
}

impl CgroupLimit {
    /// Bytes that are left.
    pub fn left(&self) -> u64 {
        self.max.saturating_sub(self.used)
    }
}

struct Files {
    max: &'static str,
    used: &'static str,
    swap: Option<&'static str>,
    /// Lines of memory.stat with what the kernel drops before it kills.
    reclaimable: &'static [&'static str],
}

const V1: Files = Files {
    max: "memory.limit_in_bytes",
    used: "memory.usage_in_bytes",
    swap: None,
    reclaimable: &["total_active_file", "total_inactive_file"],
};
const V2: Files = Files {
    max: "memory.max",
    used: "memory.current",
    swap: Some("memory.swap.max"),
    reclaimable: &["active_file", "inactive_file", "slab_reclaimable"],
};
/// Version 1 says "no limit" with the largest number of pages there is.
const UNLIMITED: u64 = 1 << 62;

/// Of all groups that have one, the innermost first.
pub fn limits(root: &Root) -> Vec<CgroupLimit> {
    let (Some(groups), table) = (root.text("/proc/self/cgroup"), Table::read(root)) else { return Vec::new() };
    let mut found = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next()) else { continue };
        let (files, mount) = match controllers {
            "" => (V2, table.of_type("cgroup2", "")),
            list if list.split(',').any(|name| name == "memory") => (V1, table.of_type("cgroup", "memory")),
            _ => continue,
        };
        if let Some(mount) = mount {
            found.extend(up_the_tree(path).filter_map(|group| limit(root, &mount, group, &files)));
        }
    }
    found
}

/// `/a/b`, `/a`, and the root as "".
fn up_the_tree(path: &str) -> impl Iterator<Item = &str> {
    let whole = path.trim_end_matches('/');
    std::iter::successors(Some(whole), |path| path.rfind('/').map(|slash| &path[..slash]))
}

fn limit(root: &Root, mount: &str, group: &str, files: &Files) -> Option<CgroupLimit> {
    let file = format!("{mount}{group}/{}", files.max);
    // Version 2 writes "max" where there is no limit, which is no number.
    let max = root.number(&file).filter(|max| *max < UNLIMITED)?;
    let used = root.number(&format!("{mount}{group}/{}", files.used)).unwrap_or(0);
    let figures = root.text(&format!("{mount}{group}/memory.stat")).unwrap_or_default();
    let figures = figures.lines().filter_map(|line| line.split_once(' '));
    let cached: u64 = figures
        .filter(|(name, _)| files.reclaimable.contains(name))
        .filter_map(|(_, bytes)| bytes.trim().parse::<u64>().ok())
        .sum();
    let used = used.saturating_sub(cached);
    let swap = files.swap.and_then(|name| root.number(&format!("{mount}{group}/{name}")));
    Some(CgroupLimit { file, max, used, swap })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_walked_to_the_root() {
        assert_eq!(up_the_tree("/a/b").collect::<Vec<_>>(), ["/a/b", "/a", ""]);
        assert_eq!(up_the_tree("/").collect::<Vec<_>>(), [""]);
    }
}
