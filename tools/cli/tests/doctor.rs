//! `doctor` on machines that are not this one, as their /proc, /sys and /etc tell; and its swap commands.

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;

use common::{Place, Said, program, run};
use serde_json::Value;

/// A directory with the files of another machine.
struct Machine(Place);

impl Machine {
    fn new(what: &str, files: &[(&str, &str)]) -> Machine {
        let machine = Machine(Place::new(what));
        machine.write("dev/shm/.keep", "");
        files.iter().for_each(|(path, text)| machine.write(path, text));
        machine
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn root(&self) -> &str {
        self.0.0.to_str().unwrap()
    }

    fn findings(&self, more: &[&str]) -> Vec<Value> {
        let mut arguments = vec!["doctor", "--json", "--root", self.root()];
        arguments.extend(more);
        run(arguments).json()["findings"].as_array().unwrap().clone()
    }

    fn finding(&self, topic: &str) -> (String, String, String) {
        let findings = self.findings(&[]);
        let found = findings.iter().find(|finding| finding["topic"] == topic);
        let found = found.unwrap_or_else(|| panic!("nothing about {topic}: {findings:#?}"));
        let todo: Vec<&str> = found["do"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        (found["level"].as_str().unwrap().into(), found["is"].as_str().unwrap().into(), todo.join("\n"))
    }

    fn swap(&self, arguments: &[&str]) -> Said {
        run(["doctor", "--root", self.root(), "swap"].iter().chain(arguments))
    }
}

/// A desktop: 16 GiB, swap partition, cgroup 2 without limits, systemd.
fn desktop() -> Machine {
    Machine::new(
        "desktop",
        &[
            (
                "proc/meminfo",
                "MemTotal:       16226288 kB\nMemFree:         1201816 kB\nMemAvailable:    9870164 kB\n\
                 SwapTotal:       2097148 kB\nSwapFree:        2097148 kB\nShmem:            901544 kB\n\
                 CommitLimit:    10210292 kB\nCommitted_AS:   14802960 kB\n",
            ),
            (
                "proc/swaps",
                "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n\
                 /swapfile                               file\t\t2097148\t\t0\t\t-2\n",
            ),
            ("proc/sys/vm/overcommit_memory", "0\n"),
            ("proc/sys/kernel/osrelease", "5.15.0-119-generic\n"),
            ("proc/self/cgroup", "0::/user.slice/user-1000.slice/session-2.scope\n"),
            (
                "proc/mounts",
                "/dev/nvme0n1p2 / ext4 rw,relatime 0 0\ntmpfs /dev/shm tmpfs rw,nosuid,nodev,size=8113144k 0 0\n\
                 cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0\n",
            ),
            ("sys/fs/cgroup/user.slice/memory.max", "max\n"),
            ("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n"),
            ("sys/kernel/mm/transparent_hugepage/shmem_enabled", "always within_size advise [never] deny force\n"),
            ("proc/self/limits", "Limit  Soft Limit  Hard Limit  Units\nMax open files  1024  524288  files\n"),
            ("etc/systemd/logind.conf", "[Login]\n#RemoveIPC=yes\n"),
            ("run/systemd/system/.keep", ""),
            ("etc/fstab", "UUID=1234 / ext4 defaults 0 1\n/swapfile none swap sw 0 0\n"),
        ],
    )
}

/// A container: cgroup 2 with a limit and its own namespace, 64 MiB of /dev/shm, no swap.
fn container() -> Machine {
    Machine::new(
        "container",
        &[
            (
                "proc/meminfo",
                "MemTotal:       65809540 kB\nMemAvailable:   50123456 kB\nSwapTotal:             0 kB\nSwapFree:              0 kB\n",
            ),
            ("proc/sys/vm/overcommit_memory", "1\n"),
            ("proc/sys/kernel/osrelease", "6.8.0-45-generic\n"),
            ("proc/self/cgroup", "0::/\n"),
            (
                "proc/mounts",
                "overlay / overlay rw,relatime,lowerdir=/x 0 0\nshm /dev/shm tmpfs rw,nosuid,nodev,noexec,size=65536k 0 0\n\
                 cgroup /sys/fs/cgroup cgroup2 ro,nosuid 0 0\n",
            ),
            ("sys/fs/cgroup/memory.max", "4294967296\n"),
            ("sys/fs/cgroup/memory.current", "1073741824\n"),
            ("sys/fs/cgroup/memory.swap.max", "0\n"),
            ("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n"),
            ("sys/kernel/mm/transparent_hugepage/shmem_enabled", "always within_size advise [never] deny force\n"),
            (".dockerenv", ""),
        ],
    )
}

#[test]
fn a_desktop_is_understood() {
    let desktop = desktop();
    assert_eq!(desktop.finding("memory").0, "good");
    let (level, is, _) = desktop.finding("swap");
    assert_eq!((level.as_str(), is.as_str()), ("good", "2.00 GiB in all, 2.00 GiB free"));
    assert!(desktop.findings(&[]).iter().all(|finding| finding["topic"] != "cgroup"), "it has no limit");
    // Before Linux 6.1 the setting decides.
    let (level, _, todo) = desktop.finding("huge pages");
    assert!(level == "warning" && todo.contains("echo advise >"), "{level} {todo}");
    let (level, _, todo) = desktop.finding("RemoveIPC");
    assert!(level == "warning" && todo.contains("RemoveIPC=no") && todo.contains("enable-linger"), "{level} {todo}");
    desktop.write("etc/systemd/logind.conf.d/x.conf", "[Login]\nRemoveIPC=no\n");
    assert_eq!(desktop.finding("RemoveIPC").0, "good");
    desktop.write("proc/sys/vm/overcommit_memory", "2\n");
    assert!(desktop.finding("overcommit").1.contains("0 B can still be promised"));
}

#[test]
fn a_container_is_told_of_its_small_shared_memory_and_its_limit() {
    let container = container();
    let (level, is, todo) = container.finding("/dev/shm");
    assert!(level == "bad" && is.starts_with("64.0 MiB") && todo.contains("--shm-size=32G"), "{level} {is} {todo}");
    let (_, is, _) = container.finding("cgroup");
    assert!(is.contains("3.00 GiB left (/sys/fs/cgroup/memory.max)"), "{is}");
    let (level, _, todo) = container.finding("swap");
    assert!(level == "warning" && todo.starts_with("fallocate -l 63G /swapfile\nchmod 600"), "{todo}");
    assert_eq!(container.finding("huge pages").0, "good");
    assert_eq!(container.finding("RemoveIPC").0, "good");
    fs::remove_dir_all(container.0.0.join("dev/shm")).unwrap();
    assert_eq!(container.finding("/dev/shm").1, "missing");
}

#[test]
fn the_first_version_of_cgroups_is_read_too() {
    let machine = Machine::new(
        "v1",
        &[
            ("proc/meminfo", "MemTotal:       24683656 kB\nMemAvailable:   23784116 kB\n"),
            ("proc/self/cgroup", "9:name=systemd:/\n4:memory:/a/b\n0::/\n"),
            ("proc/mounts", "cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n"),
            ("sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "9223372036854771712\n"),
            ("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "2147483648\n"),
            ("sys/fs/cgroup/memory/a/memory.usage_in_bytes", "2040109466\n"),
        ],
    );
    let (_, _, todo) = machine.finding("swap");
    assert!(todo.contains(">> /etc/fstab") && todo.contains("swap enlarge, or remove"), "{todo}");
    let (level, is, _) = machine.finding("cgroup");
    assert!(level == "warning" && is.contains("/sys/fs/cgroup/memory/a/memory.limit_in_bytes"), "{level} {is}");
}

#[test]
fn a_need_is_held_against_the_shortest_figure() {
    let container = container();
    let need = |size: &str| run(["doctor", "--root", container.root(), "--need", size]);
    need("60M").good();
    let short = need("100M");
    assert!(short.code == Some(1) && short.out.contains("64.0 MiB free in /dev/shm"), "{short:?}");
    assert!(short.err.contains("no room for an array of 100 MiB"), "{short:?}");
    container.write("proc/mounts", "shm /dev/shm tmpfs rw,size=33554432k 0 0\ncgroup /sys/fs/cgroup cgroup2 ro 0 0\n");
    assert!(need("3500M").out.contains("3.00 GiB left in the cgroup"));
    // Files in the page cache give way, and the group may swap a little.
    container.write("sys/fs/cgroup/memory.stat", "anon 536870912\nactive_file 104857600\ninactive_file 104857600\n");
    assert!(need("4000M").out.contains("3.20 GiB left in the cgroup"));
    container.write("sys/fs/cgroup/memory.swap.max", "1073741824\n");
    let swap = "MemTotal: 65809540 kB\nMemAvailable: 50123456 kB\nSwapTotal: 1048576 kB\nSwapFree: 524288 kB\n";
    container.write("proc/meminfo", swap);
    assert!(need("4000M").out.contains("3.70 GiB left in the cgroup"));
    container.write("proc/self/limits", "Max file size    1048576    unlimited    bytes\n");
    assert!(need("2M").out.contains("1.00 MiB for any one file (ulimit -f)"));
    run(["doctor", "--need", "much"]).failed(2, "not a size");
}

#[test]
fn swap_commands_are_sized_for_the_machine() {
    let container = container();
    container.write("proc/mounts", "/dev/vda / ext4 rw 0 0\n");
    let expected = "fallocate -l 126G /swapfile\nchmod 600 /swapfile\nmkswap /swapfile\nswapon /swapfile\n";
    assert_eq!(container.swap(&["add", "--size", "2x"]).good(), expected);
    assert!(container.swap(&["add", "--size", "1500M", "--file", "/data/s"]).good().contains("-l 1500M /data/s"));
    container.swap(&["add", "--size", "many"]).failed(2, "not a size");
    container.swap(&["add", "--size", "0x"]).failed(2, "multiple");
    container.swap(&["add", "--file", "/a; reboot"]).failed(2, "absolute path");
    container.write("proc/mounts", "/dev/vda / btrfs rw 0 0\n");
    assert!(container.swap(&["add"]).good().starts_with("btrfs filesystem mkswapfile --size 63G /swapfile\n"));
    container.write("proc/mounts", "overlay / overlay rw 0 0\n");
    container.swap(&["add"]).failed(1, "overlay");
}

#[test]
fn only_swap_files_are_kept_enlarged_or_removed() {
    let desktop = desktop();
    desktop.swap(&["keep"]).failed(1, "/etc/fstab has a line");
    let removal = "swapoff /swapfile\nsed -i '\\|^/swapfile[[:space:]]|d' /etc/fstab\nrm /swapfile\n";
    assert_eq!(desktop.swap(&["remove"]).good(), removal);
    assert!(
        desktop
            .swap(&["enlarge", "--size", "2x"])
            .good()
            .starts_with("swapoff /swapfile\nfallocate -l 31G /swapfile\n")
    );
    for step in ["keep", "enlarge", "remove"] {
        desktop.swap(&[step, "--file", "/other"]).failed(1, "there is no /other");
    }
    desktop.write("thesis.tex", &"x".repeat(5000));
    for step in ["keep", "enlarge", "remove"] {
        desktop.swap(&[step, "--file", "/thesis.tex"]).failed(1, "no swap file");
    }
    desktop.swap(&["add", "--file", "/thesis.tex"]).failed(1, "exists already");
    let mut unused = vec![0u8; 8192];
    unused[4086..4096].copy_from_slice(b"SWAPSPACE2");
    fs::write(desktop.0.0.join("unused"), unused).unwrap();
    assert_eq!(desktop.swap(&["keep", "--file", "/unused"]).good(), "echo '/unused none swap sw 0 0' >> /etc/fstab\n");
    assert_eq!(desktop.swap(&["remove", "--file", "/unused"]).good(), "rm /unused\n");
    // The new line is one of its own, whoever edited the table last.
    desktop.write("etc/fstab", "UUID=1234 / ext4 defaults 0 1");
    let line = "printf '\\n/unused none swap sw 0 0\\n' >> /etc/fstab\n";
    assert_eq!(desktop.swap(&["keep", "--file", "/unused"]).good(), line);
}

/// Programs of these names that only write down how they were called.
fn fakes(place: &Place, failing: &str) -> String {
    let bin = place.0.join(format!("bin-{failing}"));
    fs::create_dir_all(&bin).unwrap();
    for name in ["fallocate", "mkswap", "swapon", "swapoff"] {
        let script = bin.join(name);
        let end = if name == failing {
            "exit 1"
        } else if name == "fallocate" {
            "touch \"$3\""
        } else {
            ":"
        };
        fs::write(&script, format!("#!/bin/sh\necho {name} \"$@\" >> {}\n{end}\n", place.file("calls"))).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    }
    format!("{}:{}", bin.display(), std::env::var("PATH").unwrap())
}

#[test]
fn apply_runs_just_what_is_printed_and_cleans_up_after_a_failure() {
    if !nix::unistd::geteuid().is_root() {
        println!("skipped: --apply is for root");
        return;
    }
    let place = Place(std::env::temp_dir().join(format!("shm-array-swap-{}", std::process::id())));
    fs::create_dir_all(&place.0).unwrap();
    let file = place.file("swap");
    let add = |failing: &str, apply: &[&str]| {
        let mut command = program();
        command.args(["doctor", "swap", "add", "--size", "1M", "--file", &file]).args(apply);
        Said::of(&command.env("PATH", fakes(&place, failing)).output().unwrap())
    };
    let printed = add("nothing", &[]);
    if printed.code == Some(1) {
        println!("skipped: {}", printed.err);
        return;
    }
    assert!(!Path::new(&place.file("calls")).exists(), "something ran without --apply");

    add("mkswap", &["--apply"]).failed(1, &format!("{file} was removed again"));
    assert!(!Path::new(&file).exists());
    fs::remove_file(place.file("calls")).unwrap();
    add("nothing", &["--apply"]).good();
    let calls = fs::read_to_string(place.file("calls")).unwrap();
    let ran: Vec<&str> = printed.out.lines().filter(|line| !line.starts_with("chmod")).collect();
    assert_eq!(calls.lines().collect::<Vec<_>>(), ran);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn apply_needs_root_and_this_machine() {
    if !nix::unistd::geteuid().is_root() {
        println!("skipped: only root can become somebody else");
        return;
    }
    desktop().swap(&["remove", "--apply"]).failed(2, "another one");
    let copy = std::env::temp_dir().join(format!("shm-array-doctor-{}", std::process::id()));
    fs::copy(env!("CARGO_BIN_EXE_shm-array"), &copy).unwrap();
    let mut command = std::process::Command::new(&copy);
    command.args(["doctor", "swap", "add", "--size", "1M", "--file", "/var/tmp/shm-array-swap", "--apply"]);
    let output = command.uid(65534).gid(65534).output();
    fs::remove_file(&copy).unwrap();
    let said = Said::of(&output.unwrap());
    assert!(said.code == Some(1) && (said.err.contains("needs root") || said.err.contains("free")), "{said:?}");
    assert!(!Path::new("/var/tmp/shm-array-swap").exists());
}

/// A swap file of this machine's own, which goes with the test, whatever becomes of it.
struct RealSwap(String);

impl RealSwap {
    /// In KiB, as /proc/swaps has it.
    fn size(&self) -> Option<u64> {
        let swaps = fs::read_to_string("/proc/swaps").unwrap();
        let line = swaps.lines().find(|line| line.split_whitespace().next() == Some(&self.0))?;
        line.split_whitespace().nth(2)?.parse().ok()
    }
}

impl Drop for RealSwap {
    fn drop(&mut self) {
        if self.size().is_some() {
            let _ = std::process::Command::new("swapoff").arg(&self.0).status();
        }
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn a_real_swap_file_is_made_kept_enlarged_and_removed() {
    if !nix::unistd::geteuid().is_root() {
        println!("skipped: swap is for root");
        return;
    }
    let place = Place(std::env::temp_dir().join(format!("shm-array-real-swap-{}", std::process::id())));
    fs::create_dir_all(&place.0).unwrap();
    let (swap, fstab) = (RealSwap(place.file("swap")), place.file("fstab"));
    let other = "UUID=1234 / ext4 defaults 0 1\n";
    fs::write(&fstab, other).unwrap();
    let doctor = |step: &[&str]| {
        run(["doctor", "swap"].iter().chain(step).chain(&["--file", &swap.0, "--fstab", &fstab, "--apply"]))
    };

    let added = doctor(&["add", "--size", "16M"]);
    if added.code == Some(1) {
        // No room, no such programs, a file system without swap, a container.
        assert!(swap.size().is_none() && !Path::new(&swap.0).exists(), "{added:?}");
        println!("skipped: {}", added.err);
        return;
    }
    assert!(added.err.contains("+ mkswap") && added.err.contains("swap now:"), "{added:?}");
    added.good();
    assert_eq!(swap.size(), Some((16 << 10) - 4), "one page is the head");
    assert_eq!(fs::metadata(&swap.0).unwrap().permissions().mode() & 0o777, 0o600);
    doctor(&["add", "--size", "16M"]).failed(1, "exists already");

    doctor(&["keep"]).good();
    assert_eq!(fs::read_to_string(&fstab).unwrap(), format!("{other}{} none swap sw 0 0\n", swap.0));
    doctor(&["keep"]).failed(1, "has a line");

    doctor(&["enlarge", "--size", "8M"]).failed(1, "larger");
    // The disk is full, say: the machine has its swap as before.
    let (bin, mut command) = (place.0.join("bin"), program());
    fs::create_dir(&bin).unwrap();
    fs::write(bin.join("fallocate"), "#!/bin/sh\nexit 1\n").unwrap();
    fs::set_permissions(bin.join("fallocate"), fs::Permissions::from_mode(0o755)).unwrap();
    command.env("PATH", format!("{}:{}", bin.display(), std::env::var("PATH").unwrap()));
    command.args(["doctor", "swap", "enlarge", "--size", "24M", "--apply", "--file", &swap.0, "--fstab", &fstab]);
    Said::of(&command.output().unwrap()).failed(1, "is in use again");
    assert_eq!(swap.size(), Some((16 << 10) - 4));

    doctor(&["enlarge", "--size", "24M"]).good();
    assert_eq!(swap.size(), Some((24 << 10) - 4));

    doctor(&["remove"]).good();
    assert_eq!(swap.size(), None);
    assert!(!Path::new(&swap.0).exists());
    assert_eq!(fs::read_to_string(&fstab).unwrap(), other);
    doctor(&["remove"]).failed(1, "there is no");
}
