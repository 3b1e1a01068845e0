//! Snapshots at full speed, for as long as one likes: one writer that never rests, and readers that check every row.
//!
//! Nobody is killed here; it is the number of copies that counts. With `careless`, readers copy without asking whether
//! somebody writes: that must find torn rows at once, or the check is worth nothing.

use std::process::{Child, Command, ExitCode};
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use crate::engine::Verdict;
use crate::engine::chance::Chance;
use crate::engine::marks::Hold;
use crate::engine::page::now_ns;
use crate::scenarios::snapshot::{LENGTH, ROWS, torn, write};
use crate::subjects::Subject;
use crate::subjects::library::Library;

/// How much of it.
pub struct Options {
    /// For so long.
    pub seconds: u64,
    /// Processes that take snapshots.
    pub readers: usize,
    /// The readers do not look whether somebody writes.
    pub careless: bool,
}

/// What a process ends with.
const TORN: u8 = 1;
const FAILED: u8 = 2;

/// Run it; false where rows were torn.
pub fn run(name: &str, options: &Options) -> Result<bool, String> {
    let table = Library::create_table(name, ROWS, LENGTH as u64).map_err(|why| format!("create: {why}"))?;
    write(table.elements(), 1);
    let reader = if options.careless { "careless" } else { "reader" };
    let roles = std::iter::once("writer").chain(std::iter::repeat_n(reader, options.readers));
    let processes: Result<Vec<Child>, String> = roles.map(|role| start(role, name, options.seconds)).collect();
    let mut clean = true;
    let mut failed = false;
    for mut process in processes? {
        let status = process.wait().map_err(|why| format!("wait: {why}"))?;
        clean &= status.code() != Some(i32::from(TORN));
        failed |= !matches!(status.code(), Some(0) | Some(1));
    }
    drop(table);
    Library::unlink(name);
    if failed { Err("a process could not do its part".to_owned()) } else { Ok(clean) }
}

fn start(role: &str, name: &str, seconds: u64) -> Result<Child, String> {
    let program = std::env::current_exe().map_err(|why| format!("this program: {why}"))?;
    let words = ["soaking", role, name, &seconds.to_string()];
    Command::new(program).args(words).spawn().map_err(|why| format!("{role} does not start: {why}"))
}

/// Be one of the processes: `role name seconds`.
pub fn play(words: &[String]) -> ExitCode {
    let [role, name, seconds] = words else {
        eprintln!("death: 'soaking' is not for you: the harness starts these itself");
        return ExitCode::from(FAILED);
    };
    let end = Instant::now() + Duration::from_secs(seconds.parse().expect("the harness passes numbers"));
    let result = if role == "writer" { write_until(end, name).map(|()| 0) } else { look_until(end, name, role) };
    match result {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(TORN),
        Err(words) => {
            eprintln!("death: {role}: {words}");
            ExitCode::from(FAILED)
        }
    }
}

fn done(what: &str, code: i32) -> Verdict {
    if code == 0 { Ok(()) } else { Err(format!("{what} returned {code} ({})", Library::detail())) }
}

fn write_until(end: Instant, name: &str) -> Verdict {
    let table = Library::open(name).map_err(|why| why.to_string())?;
    let chance = Chance::new(now_ns());
    let mut writes = 0u64;
    while Instant::now() < end {
        done("lock", table.lock(Hold::Exclusive, -1))?;
        write(table.elements(), chance.next());
        done("unlock", table.unlock())?;
        writes += 1;
        // Without any pause there would be no snapshot; with long ones no contest.
        let pause = chance.spread(40_000);
        let until = now_ns() + pause;
        while now_ns() < until {
            std::hint::spin_loop();
        }
    }
    println!("{writes:>12}  writes of {ROWS} rows");
    Ok(())
}

fn look_until(end: Instant, name: &str, role: &str) -> Result<usize, String> {
    let table = Library::open_to_read(name).map_err(|why| why.to_string())?;
    let mut copy = vec![0; ROWS as usize * LENGTH];
    let (mut copies, mut late, mut torn_rows) = (0u64, 0u64, 0);
    while Instant::now() < end {
        if role == "careless" {
            copy.iter_mut().zip(table.elements()).for_each(|(copy, element)| *copy = element.load(Relaxed));
        } else {
            match table.snapshot(0..ROWS, &mut copy, 1_000_000, false) {
                0 => {}
                libc::EAGAIN => {
                    late += 1;
                    continue;
                }
                code => done("snapshot", code)?,
            }
        }
        copies += 1;
        torn_rows += torn(&copy, 0);
    }
    println!("{copies:>12}  snapshots by one reader ({late} were given up in time), {torn_rows} torn rows");
    if copies == 0 { Err("no snapshot at all".to_owned()) } else { Ok(torn_rows) }
}
