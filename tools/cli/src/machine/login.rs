//! RemoveIPC of systemd-logind: when a user's last session ends, their POSIX shared memory is deleted.
//!
//! It holds for ordinary users only (not root, not system users, whose ids are below 1000), unless they linger.

use std::fs;

use super::Root;

/// What happens at logout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemoveIpc {
    /// No logind here.
    NoLogind,
    /// Set to no.
    No,
    /// Set to yes, or by default.
    Yes,
}

/// Later directories override earlier ones; within one, files are read in the order of their names.
const MAIN_FILES: [&str; 2] = ["/usr/lib/systemd/logind.conf", "/etc/systemd/logind.conf"];
const DROP_INS: [&str; 3] =
    ["/usr/lib/systemd/logind.conf.d", "/run/systemd/logind.conf.d", "/etc/systemd/logind.conf.d"];

/// As the configuration says.
pub fn remove_ipc(root: &Root) -> RemoveIpc {
    // This directory is how sd_booted(3) tells, too.
    if !root.path("/run/systemd/system").is_dir() {
        return RemoveIpc::NoLogind;
    }
    let mut texts: Vec<String> = MAIN_FILES.iter().filter_map(|file| root.text(file)).collect();
    for directory in DROP_INS {
        let entries = fs::read_dir(root.path(directory)).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.retain(|name| name.ends_with(".conf"));
        names.sort();
        texts.extend(names.iter().filter_map(|name| root.text(&format!("{directory}/{name}"))));
    }
    match texts.iter().rev().find_map(|text| setting(text)) {
        Some(false) => RemoveIpc::No,
        _ => RemoveIpc::Yes,
    }
}

/// The last assignment in a text.
fn setting(text: &str) -> Option<bool> {
    let value = text.lines().rev().find_map(|line| line.trim().strip_prefix("RemoveIPC")?.trim().strip_prefix('='))?;
    match value.trim().to_ascii_lowercase().as_str() {
        "no" | "false" | "off" | "0" => Some(false),
        "yes" | "true" | "on" | "1" => Some(true),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_no_settings_and_the_last_one_counts() {
        assert_eq!(setting("[Login]\n#RemoveIPC=yes\n"), None);
        assert_eq!(setting("[Login]\nRemoveIPC=yes\nRemoveIPC = no\n"), Some(false));
        assert_eq!(setting("RemoveIPC=on"), Some(true));
    }
}
