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

#[test]
fn it_exports_what_the_header_declares_and_nothing_else() {
    let header = std::fs::read_to_string(workshop::root().join("include/shm_array.h")).expect("it is checked in");
    let code = header.lines().filter(|line| !line.starts_with("//") && !line.starts_with([' ', '*']));
    let names = |line: &str| {
        let words = line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').map(str::to_string);
        words.filter(|word| word.starts_with("shm_")).collect::<Vec<_>>()
    };
    // A declaration is the one place where a name stands before a bracket.
    let declared: BTreeSet<String> =
        code.filter_map(|line| names(line.split_once('(')?.0).pop()).filter(|name| !name.ends_with("_t")).collect();
    let symbols = told("readelf", "--dyn-syms");
    let defined = symbols.lines().filter(|line| line.contains(" GLOBAL ") && !line.contains(" UND "));
    let exported: BTreeSet<String> =
        defined.filter_map(|line| line.split_whitespace().last()).map(str::to_string).collect();
    assert_eq!(exported, declared, "exported (left), declared in include/shm_array.h (right)");
}
