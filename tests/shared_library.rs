//! What the dynamic linker finds in libshm_array.so.

use std::collections::BTreeSet;
use std::process::Command;

/// What a tool of binutils, which every C compiler brings, says of the library.
fn told(tool: &str, option: &str) -> String {
    let library = workshop::library().unwrap_or_else(|words| panic!("{words}"));
    let output = Command::new(tool).arg(option).arg("--wide").arg(library).output();
    let output = output.unwrap_or_else(|error| panic!("{tool} does not start: {error}"));
    assert!(output.status.success(), "{tool}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Programs find it by this name; handlers for fork point into it, so it is never unloaded.
#[test]
fn it_has_a_name_and_stays_loaded() {
    let dynamic = told("readelf", "--dynamic");
    assert!(dynamic.contains("Library soname: [libshm_array.so]"), "{dynamic}");
    assert!(dynamic.lines().any(|line| line.contains("(FLAGS_1)") && line.contains("NODELETE")), "{dynamic}");
}

/// The names before a bracket in a piece of C: functions that it declares or calls.
fn functions(text: &str) -> BTreeSet<String> {
    let last_word = |before: &str| {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        before.rsplit(|c| !is_part(c)).next().unwrap_or_default().to_string()
    };
    let mut pieces: Vec<String> = text.split('(').map(last_word).collect();
    pieces.pop();
    pieces.into_iter().filter(|name| name.starts_with("shm_") && !name.ends_with("_t")).collect()
}

fn text(path: &str) -> String {
    std::fs::read_to_string(workshop::root().join(path)).expect("it is checked in")
}

fn declared() -> BTreeSet<String> {
    let header = text("include/shm_array.h");
    let code = header.lines().filter(|line| !line.starts_with("//") && !line.starts_with([' ', '*']));
    functions(&code.collect::<Vec<_>>().join("\n"))
}

#[test]
fn it_exports_what_the_header_declares_and_nothing_else() {
    let symbols = told("readelf", "--dyn-syms");
    let defined = symbols.lines().filter(|line| line.contains(" GLOBAL ") && !line.contains(" UND "));
    let exported: BTreeSet<String> =
        defined.filter_map(|line| line.split_whitespace().last()).map(str::to_string).collect();
    assert_eq!(exported, declared(), "exported (left), declared in include/shm_array.h (right)");
}

/// ctests/every_call.c says of full disks and tight limits that no call ends in a signal there.
#[test]
fn every_call_is_tried_where_something_is_short() {
    let files = ["every.h", "every_object.h", "shortage.h", "given.h", "objects.h", "pipes.h", "queues.h", "topics.h"];
    let tried = files.map(|file| text(&format!("ctests/{file}"))).join("\n") + &text("ctests/frames_given.h");
    // Each kind of object is opened and closed in the same words.
    let kinds = ["semaphore", "event", "barrier", "frames", "pipe", "queue", "topic"];
    let tried: BTreeSet<String> = functions(&kinds.map(|kind| tried.replace("##kind##", kind)).join("\n"));
    let left_out: Vec<_> = declared().difference(&tried).cloned().collect();
    assert!(left_out.is_empty(), "ctests/every.h and every_object.h try all calls but {left_out:?}");
}
