//! The library passes a short run of everything. The README names the long ones.

use std::process::Command;

fn must_pass(arguments: &str) {
    let output = Command::new(env!("CARGO_BIN_EXE_death")).args(arguments.split_whitespace()).output();
    let output = output.expect("the harness starts");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "death {arguments} found a violation:\n{out}\n{err}");
}

/// One after the other: the watchdog of the harness wants the processors for itself. Waits are stepped through only in
/// the long runs: thousands of instructions take longer than the waits' own timeouts on a machine that is busy.
#[test]
fn kills_stops_and_errors() {
    must_pass("random lock snapshot frames --kills 300");
    must_pass("random range condition --kills 150");
    must_pass("random semaphore event barrier publish --kills 200 --participants 4");
    must_pass("soak --seconds 3");
    must_pass("syscalls create open close unlink collect resize append trim adopt lock range condition");
    must_pass("syscalls semaphore event barrier publish");
    must_pass("steps lock/exclusive lock/shared lock/one-slot --every 37");
    must_pass("steps range/exclusive range/shared range/beside --every 197");
    must_pass("steps condition --every 97");
    must_pass("steps frames/write frames/cancel frames/read semaphore event barrier publish --every 997");
    must_pass("steps resize append trim --every 9973");
    must_pass("random queue pipe topic --kills 200 --participants 4");
    must_pass("syscalls queue spsc pipe topic");
    must_pass("steps queue/send queue/take queue/receive queue/reserve spsc pipe topic --every 197");
    must_pass("soak queue spsc topic --messages 50000");
    must_pass("soak queue spsc pipe topic --messages 500 --bytes 65536");
}
