//! /proc/self/limits: what this process may use, and its children after it.

/// Soft limits; `None`: unlimited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// RLIMIT_FSIZE, bytes.
    pub file_size: Option<u64>,
    /// RLIMIT_AS, bytes.
    pub address_space: Option<u64>,
    /// RLIMIT_MEMLOCK, bytes.
    pub locked: Option<u64>,
    /// RLIMIT_NOFILE.
    pub open_files: Option<u64>,
}

impl Limits {
    /// From the file's text.
    pub fn parse(text: &str) -> Limits {
        let soft = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_ascii_whitespace().next()?.parse().ok()
        };
        Limits {
            file_size: soft("Max file size"),
            address_space: soft("Max address space"),
            locked: soft("Max locked memory"),
            open_files: soft("Max open files"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_soft_ones() {
        let text = "\
Limit                     Soft Limit           Hard Limit           Units     
Max file size             1048576              unlimited            bytes     
Max open files            1024                 524288               files     
Max locked memory         8388608              8388608              bytes     
Max address space         unlimited            unlimited            bytes     
";
        let limits = Limits::parse(text);
        assert_eq!(limits.file_size, Some(1 << 20));
        assert_eq!((limits.open_files, limits.locked, limits.address_space), (Some(1024), Some(8 << 20), None));
    }
}
