//! The harness finds what it is made to find: each toy has one classic bug, and the sound one has none.
//!
//! One test that goes from toy to toy: the watchdog of the harness wants the processors for itself.

use std::process::{Command, Output};

fn death(arguments: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_death"));
    command.args(arguments.split_whitespace()).env("RUST_BACKTRACE", "0").output().expect("the harness starts")
}

/// What it said of the violations.
fn must_find(arguments: &str, words: &[&str]) -> String {
    let output = death(arguments);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "death {arguments} should have found a violation:\n{out}\n{err}");
    assert!(
        words.iter().any(|words| err.contains(words)),
        "death {arguments} should have said {words:?}:\n{out}\n{err}"
    );
    format!("{out}{err}")
}

/// The words behind each of these.
fn behind<'a>(text: &'a str, mark: &str) -> Vec<&'a str> {
    let rest = text.split(mark).skip(1);
    rest.map(|rest| rest.split([')', '\n']).next().unwrap_or_default()).collect()
}

fn must_pass(arguments: &str) {
    let output = death(arguments);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "death {arguments} should have found nothing:\n{out}\n{err}");
    assert!(out.contains("no violation"), "death {arguments} should have said so:\n{out}");
}

#[test]
fn finds_every_bug_and_none_where_there_is_none() {
    must_pass("random lock --subject toy-sound --kills 300");
    must_pass("syscalls create open close unlink collect --subject toy-sound");
    must_pass("steps lock/exclusive --every 29 --subject toy-sound");
    must_pass("steps lock/shared --every 29 --subject toy-sound");

    // Who does not look whether somebody writes has torn rows.
    must_find("soak --seconds 2 --careless", &["rows were torn"]);

    // Nor does what goes wrong on its way through a channel stay hidden.
    must_find("soak queue --messages 2000 --fault change", &["was changed on its way"]);
    must_find("soak queue --messages 2000 --fault lose", &["something is missing"]);
    must_find("soak topic --messages 2000 --fault swap", &["came after"]);
    must_find("soak spsc --messages 2000 --fault repeat", &["came after"]);
    ["change", "lose", "swap", "repeat"].iter().for_each(|fault| {
        must_find(&format!("soak pipe --messages 2000 --bytes 100 --fault {fault}"), &["are others than were written"]);
    });

    // At random the same bug shows itself in many ways; at an exact point it has few faces.
    must_find("random lock --subject toy-hang", &["a hang:"]);
    let hang = must_find("steps lock/exclusive --every 29 --subject toy-hang", &["lock by the survivor returned 1"]);
    // Again where it was found: by one or two victims that are stepped all the way, and others that run a part of it.
    let at = format!("steps lock/exclusive --pass kill --subject toy-hang --at {}", behind(&hang, "--at ")[0]);
    let again = must_find(&at, &["lock by the survivor returned 1"]);
    let has_run = again.contains("victims ran to where others had been");
    assert!(has_run || again.contains("is stepped all the way"), "nobody ran:\n{again}");
    let (places, first) = (behind(&again, "(at "), behind(&hang, "(at ")[0]);
    assert!(places.len() == 3 && places.iter().all(|place| *place == first), "not all at {first}:\n{again}");
    must_find("random lock --subject toy-pid", &["VIOLATION"]);
    must_find("random lock --subject toy-silent", &["without EOWNERDEAD", "was not told EOWNERDEAD"]);
    must_find(
        "steps lock/exclusive --every 29 --subject toy-silent",
        &["EOWNERDEAD, although the victim died inside", "without EOWNERDEAD"],
    );
    must_find("random lock --subject toy-readers", &["VIOLATION"]);
    must_find("steps lock/shared --every 29 --subject toy-readers", &["got in ("]);
    must_find("random lock --subject toy-lease", &["VIOLATION"]);
    must_find("steps lock/exclusive --every 29 --subject toy-lease", &["did not have to wait"]);
    must_find("steps lock/exclusive --every 29 --subject toy-tardy", &["us beside a stopped victim"]);
    must_find("syscalls create --subject toy-half", &["'segment' should be there: code -20"]);
    must_find("syscalls create --subject toy-litter", &["left behind in /dev/shm"]);
    must_find("syscalls create --subject toy-leak", &["descriptors open before"]);
    must_find("syscalls create --subject toy-cling", &["segments mapped before"]);
    must_find("syscalls create --subject toy-crash", &["the victim was not killed by us, but exited with code 101"]);
}
