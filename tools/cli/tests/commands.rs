//! The commands, as a user or a script meets them: what they print, and how they end.

mod common;

use std::fs;
use std::io::{BufRead, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::Stdio;

use common::{Name, Place, Said, program, run};
use shm_array::{Array, Mode, Options, Timeout};

fn array(name: &Name, dtype: &str, shape: &[u64]) -> Array {
    Array::create(Some(&name.0), dtype, shape, &Options::default()).unwrap()
}

#[test]
fn list_tells_who_uses_and_who_locks() {
    let name = Name::new("list");
    let array = array(&name, ">f4", &[2, 3]);
    let find = || {
        let all = run(["list", "--json"]).json();
        all.as_array().unwrap().iter().find(|entry| entry["name"] == name.0.as_str()).cloned().unwrap()
    };
    let entry = find();
    assert_eq!((&entry["kind"], &entry["dtype"]), (&"array".into(), &">f4".into()));
    assert_eq!(entry["shape"], serde_json::json!([2, 3]));
    assert_eq!(entry["pids"], serde_json::json!([std::process::id()]));
    assert!(entry["lock_pid"].is_null());

    let _ = array.lock(Mode::Exclusive, Timeout::Forever).unwrap();
    assert_eq!(find()["lock_pid"], std::process::id());
    let table = run(["list"]).good();
    let line = table.lines().find(|line| line.starts_with(&name.0)).unwrap();
    assert!(line.contains("(2, 3)") && line.contains(&format!("locked by {}", std::process::id())), "{line}");
    array.unlock().unwrap();
    assert_eq!((find()["generation"].clone(), find()["lock_pid"].clone()), (1.into(), serde_json::Value::Null));
}

#[test]
fn readers_and_holders_of_rows_are_told_by_pid() {
    if let Ok(name) = std::env::var("READS_AND_WAITS") {
        let array = Array::open(&name, shm_array::Access::Write).unwrap();
        let _ = array.lock(Mode::Shared, Timeout::Forever).unwrap();
        println!("reading");
        let _ = std::io::stdin().read(&mut [0]);
        std::process::exit(0); // holding it: what the dead hold is not told
    }
    let name = Name::new("readers");
    let array = array(&name, "<f8", &[10]);
    let mut reader = std::process::Command::new(std::env::current_exe().unwrap());
    reader.args(["--exact", "readers_and_holders_of_rows_are_told_by_pid", "--nocapture"]);
    reader.env("READS_AND_WAITS", &name.0).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut reader = reader.spawn().unwrap();
    let mut said = std::io::BufReader::new(reader.stdout.take().unwrap()).lines();
    assert!(said.any(|line| line.unwrap().contains("reading")));
    let _ = array.lock_range(2, 3, Mode::Shared, Timeout::Forever).unwrap();

    let (me, other) = (std::process::id(), reader.id());
    let line = || {
        let table = run(["list"]).good();
        table.lines().find(|line| line.starts_with(&name.0)).unwrap().to_string()
    };
    let seen = line();
    assert!(seen.contains(&format!("read by {other}")) && seen.contains(&format!("rows locked by {me}")), "{seen}");
    let info = run(["info", &name.0, "--json"]).json();
    let holders = info["holders"].as_array().unwrap();
    let told = |pid: u32, shared: u32, ranges: u32| {
        holders.contains(&serde_json::json!({ "pid": pid, "shared": shared, "ranges": ranges }))
    };
    assert!(told(other, 1, 0) && told(me, 0, 1) && holders.len() == 2, "{holders:?}");
    assert!(run(["info", &name.0]).good().contains(&format!("process {other}: 1 shared")));

    drop(reader.stdin.take());
    reader.wait().unwrap();
    array.unlock_range(2, 3).unwrap();
    let seen = line();
    assert!(!seen.contains("read by") && !seen.contains("rows locked"), "{seen}");
}

#[test]
fn what_is_no_array_is_listed_as_what_it_is() {
    let name = Name::new("event");
    let _event = shm_array::Event::create(Some(&name.0), &["START"], &Default::default()).unwrap();
    let all = run(["list", "--json"]).json();
    let entry = all.as_array().unwrap().iter().find(|entry| entry["name"] == name.0.as_str()).cloned().unwrap();
    assert_eq!(entry["kind"], "event");
    run(["info", &name.0]).failed(1, "is an event, not an array");
}

#[test]
fn looking_at_what_a_crash_left_leaves_it_there() {
    if let Ok(name) = std::env::var("DIES_WITH") {
        die_with(&name);
    }
    let name = Name::new("left");
    // As a crash does: the array is never closed, only its mapping goes. This very test plays the one who crashes.
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    let this = "looking_at_what_a_crash_left_leaves_it_there";
    child.args(["--exact", this]).env("DIES_WITH", &name.0).stdout(Stdio::null());
    assert_eq!(child.status().unwrap().signal(), Some(9));
    for looking in [&["info"][..], &["head"], &["head", "--json"]] {
        run(looking.iter().copied().chain([name.0.as_str()])).good();
        assert!(name.path().exists(), "{looking:?} removed it");
    }
    assert!(run(["list"]).good().lines().any(|line| line.starts_with(&name.0) && line.contains("abandoned")));
    let removed = run(["collect", "--json"]).json();
    assert!(removed["removed"].as_u64().unwrap() >= 1 && !name.path().exists());
}

fn die_with(name: &str) -> ! {
    let options = Options { last_close: true, ..Options::default() };
    let _array = Array::create(Some(name), "<f8", &[3], &options).unwrap();
    let _ = std::process::Command::new("kill").args(["-9", &std::process::id().to_string()]).status();
    panic!("kill -9 did not kill");
}

#[test]
fn collect_spares_what_is_young_or_in_use() {
    let (idle, used) = (Name::new("idle"), Name::new("used"));
    drop(array(&idle, "<f8", &[1]));
    let _open = array(&used, "<f8", &[1]);
    // A hundred years: nobody else's array on this machine is that old.
    run(["collect", "--older-than", "5200w"]).good();
    assert!(idle.path().exists() && used.path().exists());
    run(["collect", "--older-than", "1y"]).failed(2, "time span");
}

#[test]
fn info_and_head_tell_everything() {
    let name = Name::new("info");
    let options = Options { metadata: Some(r#"{"unit": "K"}"#), capacity: 8, fortran: true, ..Options::default() };
    let _array = Array::create(Some(&name.0), "<f8", &[3, 4], &options).unwrap();
    let info = run(["info", "--json", &name.0]).json();
    assert_eq!((info["order"].as_str(), info["metadata"]["unit"].as_str()), (Some("F"), Some("K")));
    assert_eq!(info["capacity_bytes"], 3 * 8 * 8);
    let words = run(["info", &name.0]).good();
    assert!(words.contains("(3, 4), Fortran order") && words.contains("it can grow"), "{words}");
    let head = run(["head", &name.0, "-n", "2"]).good();
    assert!(head.contains("[[0.0, 0.0, 0.0, 0.0]") && head.contains("1 more rows"), "{head}");
    assert!(head.contains("min 0.0  max 0.0  mean 0  std 0"), "{head}");
}

#[test]
fn rm_removes_all_it_can_and_tells_the_rest() {
    let (one, two) = (Name::new("one"), Name::new("two"));
    let _keeps_it = array(&one, "<f8", &[1]);
    drop(array(&two, "<f8", &[1]));
    run(["rm", &one.0, "cli-never-there", &two.0]).failed(1, "cli-never-there");
    assert!(!one.path().exists() && !two.path().exists());
    run(["rm", "-f", &one.0]).good();
    run(["rm"]).failed(2, "required");
    run(["rm", "no/such/file.npy"]).failed(1, "No such file");
}

#[test]
fn rm_follows_no_link() {
    let place = Place::new("link");
    let (target, link) = (place.file("x.npy"), place.file("link.npy"));
    drop(Array::create(Some(&format!("file://{target}")), "<f8", &[3], &Options::default()).unwrap());
    std::os::unix::fs::symlink(&target, &link).unwrap();
    run(["info", &link]).good();
    assert_ne!(run(["rm", &link]).code, Some(0));
    assert!(fs::exists(&target).unwrap());
    run(["rm", &target]).good();
    assert!(!fs::exists(&target).unwrap());
}

#[test]
fn failures_have_codes_and_words() {
    let name = Name::new("codes");
    let _array = array(&name, "<f8", &[4, 4]);
    run(["info", "cli-never-there"]).failed(1, "nobody has created it");
    run(["info", "bad name"]).failed(1, "bad name");
    run(["nonsense"]).failed(2, "nonsense");
    run(["head", &name.0, "--slice", "9"]).failed(2, "no index 9 on axis 0");
    run(["head", &name.0, "--slice", "0,0,0"]).failed(2, "3 parts");
    run(["export", &name.0, "x.unknown"]).failed(2, "--format");
    run(["export", &name.0, "/no/such/directory/x.npy"]).failed(1, "/no/such/directory");
    run(["export", &name.0, "x.npy", "--min", "3"]).failed(2, "--min");
    run(["export", &name.0, "x.png", "--min", "3", "--max", "1"]).failed(2, "--min is 3");
    run(["export", &name.0, "x.png", "--slice", "0,0"]).failed(2, "2 dimensions");
    run(["top"]).failed(2, "terminal");
    assert!(!fs::exists("x.png").unwrap() && !fs::exists("x.npy").unwrap());
}

#[test]
fn export_waits_for_the_lock_and_gives_up() {
    let (name, place) = (Name::new("locked"), Place::new("locked"));
    let array = array(&name, "<f8", &[4]);
    let _ = array.lock(Mode::Exclusive, Timeout::Forever).unwrap();
    let file = place.file("x.npy");
    run(["export", &name.0, &file, "--timeout", "0"]).failed(1, &format!("process {}", std::process::id()));
    assert!(!fs::exists(&file).unwrap());
    run(["export", &name.0, &file, "--no-lock"]).good();
    assert!(fs::exists(&file).unwrap());
    array.unlock().unwrap();
    run(["export", &name.0, &file, "--timeout", "5s"]).good();
    // Its own hold is given back.
    let _ = array.lock(Mode::Exclusive, Timeout::Try).unwrap();
}

#[test]
fn quiet_is_quiet_and_colours_are_for_terminals() {
    let (name, place) = (Name::new("quiet"), Place::new("quiet"));
    let _array = array(&name, "<f8", &[4, 4]);
    let (loud, quiet) = (place.file("loud.npy"), place.file("quiet.npy"));
    assert!(run(["export", &name.0, &loud]).err.contains("(4, 4)"));
    assert_eq!(run(["-q", "export", &name.0, &quiet]).err, "");
    assert!(!run(["list"]).good().contains('\x1b'));
    assert!(run(["--color", "always", "list"]).good().contains('\x1b'));
    let heat = run(["--color", "always", "head", &name.0, "--heat", "always"]).good();
    assert!(heat.contains('▀') && heat.contains("\x1b["), "{heat}");
    assert!(!run(["head", &name.0, "--heat", "always"]).good().contains('\x1b'));
}

#[test]
fn a_closed_pipe_is_no_reason_to_complain() {
    let name = Name::new("pipe");
    let _array = array(&name, "<f8", &[1 << 20]);
    let mut child = program()
        .args(["export", "--format", "raw", &name.0, "-"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0u8; 16];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap(); // and closed
    let ended = child.wait_with_output().unwrap();
    assert_eq!((ended.status.signal(), Said::of(&ended).err), (Some(13), String::new()));
}

#[test]
fn completions_and_man_pages_are_complete() {
    for shell in ["bash", "zsh", "fish"] {
        let script = run(["completions", shell]).good();
        assert!(script.contains("collect") && script.contains("older-than") && script.contains("quiet"), "{shell}");
        assert!(!["--root", "--fstab", "-l root"].iter().any(|hidden| script.contains(hidden)), "{shell}");
    }
    let page = run(["man"]).good();
    assert!(page.starts_with(".ie") && page.contains("Exit codes"), "{page}");
    let place = Place::new("man");
    run(["man", place.0.to_str().unwrap()]).good();
    for page in ["shm-array.1", "shm-array-import.1", "shm-array-doctor-swap.1"] {
        assert!(place.0.join(page).exists(), "{page}");
    }
}

#[test]
fn import_dies_and_leaves_nothing() {
    let name = Name::new("dies");
    let mut child = program()
        .args(["import", "--dtype", "u1", "--shape", "50000000", "-", &name.0])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // The pipe holds 64 KiB at most, so that most of this has been read into the array.
    stdin.write_all(&vec![7u8; 20_000_000]).unwrap();
    assert!(!name.path().exists(), "half an import has a name");
    let before = in_dev_shm();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!name.path().exists());
    assert!(in_dev_shm().iter().all(|file| before.contains(file) || file.starts_with("cli-")), "something is left");
    assert!(before.iter().all(|file| !file.starts_with(".shm_array-")), "{before:?}");

    // One that comes too short fails, and leaves nothing either; the name is free for the next.
    let short = import_bytes(&["--dtype", "u1", "--shape", "5"], b"1234", &name);
    short.failed(1, "ends before the last element");
    import_bytes(&["--dtype", "u1", "--shape", "3"], b"1234", &name).failed(1, "more bytes");
    assert!(!name.path().exists());
    import_bytes(&["--dtype", "u1", "--shape", "4"], b"1234", &name).good();
    assert!(name.path().exists());
    import_bytes(&["--dtype", "u1", "--shape", "4"], b"9999", &name).failed(1, "shm-array rm");
    assert!(run(["head", &name.0]).good().contains("[49, 50, 51, 52]"));
}

fn in_dev_shm() -> Vec<String> {
    fs::read_dir("/dev/shm").unwrap().flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

fn import_bytes(options: &[&str], bytes: &[u8], name: &Name) -> Said {
    let mut command = program();
    command.arg("import").args(options).args(["-", &name.0]).stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Who refuses at once reads nothing.
    let _ = child.stdin.take().unwrap().write_all(bytes);
    Said::of(&child.wait_with_output().unwrap())
}

#[test]
fn bad_imports_are_refused_in_words() {
    let (name, place) = (Name::new("bad"), Place::new("bad"));
    let raw = place.file("x.raw");
    fs::write(&raw, [0u8; 100]).unwrap();
    run(["import", &raw, &name.0]).failed(1, "--dtype");
    run(["import", &raw, &name.0, "--dtype", "<f8"]).failed(1, "no multiple of 8");
    run(["import", &raw, &name.0, "--dtype", "<f4", "--shape", "5,4"]).failed(1, "takes 80");
    run(["import", &raw, &name.0, "--dtype", "O"]).failed(1, "Python objects");
    run(["import", &raw, &name.0, "--shape", "100"]).failed(2, "--dtype");
    run(["import", &place.file("none"), &name.0]).failed(1, "No such file");
    run(["import", place.0.to_str().unwrap(), &name.0]).failed(1, "directory");
    let cut = place.file("cut.npy");
    let front = shm_array::npy::render("<f8", false, &[100], 128).unwrap();
    fs::write(&cut, [front, vec![0; 792]].concat()).unwrap();
    run(["import", &cut, &name.0]).failed(1, "cut short");
    assert!(!name.path().exists());
    run(["import", &raw, &name.0, "--dtype", "<f4", "--shape", "-1,5", "--offset", "20", "--permissions", "640"])
        .good();
    assert_eq!(run(["info", "--json", &name.0]).json()["shape"], serde_json::json!([4, 5]));
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(fs::metadata(name.path()).unwrap().permissions().mode() & 0o777, 0o640);
}

#[test]
fn a_reader_without_the_right_to_write_exports_with_a_note() {
    if !nix::unistd::geteuid().is_root() {
        println!("skipped: only root can become somebody else");
        return;
    }
    let name = Name::new("readonly");
    let options = Options { permissions: 0o644, ..Options::default() };
    let _array = Array::create(Some(&name.0), "|u1", &[4], &options).unwrap();
    // The build may lie where nobody else can go.
    let copy = std::env::temp_dir().join(&name.0);
    fs::copy(env!("CARGO_BIN_EXE_shm-array"), &copy).unwrap();
    let mut command = std::process::Command::new(&copy);
    let output = command.args(["export", "--format", "raw", &name.0, "-"]).uid(65534).gid(65534).output();
    fs::remove_file(&copy).unwrap();
    let said = Said::of(&output.unwrap());
    assert!(said.err.contains("without its lock"), "{said:?}");
    assert_eq!(said.good(), "\0\0\0\0");
}
