//! The library passes a short run of everything. The README names the long ones.

use std::process::Command;

fn must_pass(arguments: &str) {
    let output = Command::new(env!("CARGO_BIN_EXE_death")).args(arguments.split_whitespace()).output();
    let output = output.expect("the harness starts");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "death {arguments} found a violation:\n{out}\n{err}");
}

/// One after the other: the watchdog of the harness wants the processors for itself.
#[test]
fn kills_stops_and_errors() {
    must_pass("random lock snapshot frames --kills 300");
    must_pass("soak --seconds 3");
    must_pass("syscalls create open close unlink collect resize adopt lock");
    must_pass("steps lock/exclusive lock/shared lock/one-slot --every 37");
    must_pass("steps frames/write frames/cancel frames/read --every 499");
    must_pass("steps lock/contended lock/behind-reader resize --every 997");
}
