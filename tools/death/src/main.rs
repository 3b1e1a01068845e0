//! The command line of the harness for death.

use std::cell::Cell;
use std::process::ExitCode;
use std::sync::atomic::Ordering::SeqCst;

use death::engine::chance::Chance;
use death::engine::ground::Ground;
use death::engine::page::{Page, now_ns};
use death::engine::process::Cast;
use death::engine::report::Report;
use death::engine::trial::{self, Trials};
use death::engine::{Crowd, Operation, Verdict, World, ptrace};
use death::modes::{flow, random, soak, steps, syscalls};
use death::scenarios::{Repertoire, SUBJECTS, repertoire};
use death::subjects::library;
use lexopt::prelude::*;

const HELP: &str = "\
death random SCENARIO... [--kills N] [--participants N] [--seed N]
    kill -9 at random moments (300 kills, 6 participants)
death syscalls SCENARIO... [--at N]
    kill -9 at the entry and exit of every system call, and every error at each; --at: only at the Nth
death steps SCENARIO... [--at N] [--every N] [--from N] [--to N] [--pass kill|awaited|stop|freeze] [--spin]
    kill -9 after every instruction; --at: only after N, --every: after each Nth, --from, --to: from the Nth to the Nth;
    --pass: only that one of the passes; --spin: victims spin before they sleep, as in life (with --every)
death soak [--seconds N] [--participants N] [--careless]
    snapshots at full speed beside a writer that never rests (600 s, 3 processes); --careless: by readers that do not
    look whether somebody writes, which has to find torn rows
death soak queue|spsc|pipe|topic... [--messages N] [--bytes N] [--fault change|lose|repeat|swap]
    so many messages of each sender (100,000), of at most so many bytes (64), by two senders and two receivers of a queue:
    every byte is compared, and that all come, once and in order; --fault: senders do that now and then, which has to be
    found
death list
    the scenarios

A scenario's name stands for itself and for all that begin with it and a slash: 'lock' for 'lock/shared' too.
--subject NAME plays it with one of the toys instead of the library; each but toy-sound has a bug that is to be found.
The exit code is 0 if all invariants held, 1 if not, 2 if the harness itself could not work.
";

/// The command line, read.
struct Request {
    mode: String,
    scenarios: Vec<String>,
    subject: String,
    kills: u64,
    participants: usize,
    seed: u64,
    at: Option<u64>,
    every: u64,
    range: (u64, u64),
    pass: Option<String>,
    spins: bool,
    seconds: u64,
    careless: bool,
    messages: u64,
    bytes: u64,
    fault: String,
}

fn main() -> ExitCode {
    let mut words = std::env::args();
    match words.nth(1).as_deref() {
        Some("participant") => return play(words.collect()),
        Some("flowing") => return flow::play(&words.collect::<Vec<String>>()),
        Some("soaking") => return soak::play(&words.collect::<Vec<String>>()),
        _ => {}
    }
    match read_request().and_then(|request| run(&request)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(words) => {
            eprintln!("death: {words}");
            ExitCode::from(2)
        }
    }
}

fn read_request() -> Result<Request, String> {
    let mut request = Request {
        mode: "help".to_owned(),
        scenarios: Vec::new(),
        subject: "shm_array".to_owned(),
        kills: 300,
        participants: 0,
        seed: Chance::new(now_ns()).below(1_000_000),
        at: None,
        every: 1,
        range: (0, u64::MAX),
        pass: None,
        spins: false,
        seconds: 600,
        careless: false,
        messages: 100_000,
        bytes: 64,
        fault: String::new(),
    };
    let mut parser = lexopt::Parser::from_env();
    let mut positional = Vec::new();
    let mut read = || -> Result<(), lexopt::Error> {
        while let Some(argument) = parser.next()? {
            match argument {
                Value(word) => positional.push(word.string()?),
                Long("subject") => request.subject = parser.value()?.string()?,
                Long("kills") => request.kills = parser.value()?.parse()?,
                Long("participants") => request.participants = parser.value()?.parse()?,
                Long("seed") => request.seed = parser.value()?.parse()?,
                Long("at") => request.at = Some(parser.value()?.parse()?),
                Long("seconds") => request.seconds = parser.value()?.parse()?,
                Long("careless") => request.careless = true,
                Long("messages") => request.messages = parser.value()?.parse()?,
                Long("bytes") => request.bytes = parser.value()?.parse()?,
                Long("fault") => request.fault = parser.value()?.string()?,
                Long("every") => request.every = parser.value()?.parse()?,
                Long("from") => request.range.0 = parser.value()?.parse()?,
                Long("to") => request.range.1 = parser.value()?.parse()?,
                Long("pass") => request.pass = Some(parser.value()?.string()?),
                Long("spin") => request.spins = true,
                Long("help") | Short('h') => positional.insert(0, "help".to_owned()),
                other => return Err(other.unexpected()),
            }
        }
        Ok(())
    };
    read().map_err(|why| format!("{why}; see: death --help"))?;
    let mut positional = positional.into_iter();
    request.mode = positional.next().unwrap_or(request.mode);
    request.scenarios = positional.collect();
    if request.participants == 0 {
        request.participants = if request.mode == "soak" { 3 } else { 6 };
    }
    if !(1..=32).contains(&request.participants) {
        return Err("--participants must be from 1 to 32".to_owned());
    }
    if request.every == 0 {
        return Err("--every must be at least 1".to_owned());
    }
    if request.pass.as_deref().is_some_and(|pass| !steps::PASSES.contains(&pass)) {
        return Err(format!("--pass must be one of {}", steps::PASSES.join(", ")));
    }
    if !(64..=1 << 30).contains(&request.bytes) {
        return Err("--bytes must be from 64 to 2^30".to_owned());
    }
    if !request.fault.is_empty() && !flow::FAULTS.contains(&request.fault.as_str()) {
        return Err(format!("there is no fault '{}'; see: death --help", request.fault));
    }
    Ok(request)
}

/// Do what was asked; false if an invariant did not hold.
fn run(request: &Request) -> Result<bool, String> {
    let Repertoire { crowds, operations } = repertoire(&request.subject)?;
    match request.mode.as_str() {
        "help" => {
            print!("{HELP}");
            return Ok(true);
        }
        "list" => {
            crowds.iter().for_each(|crowd| println!("random           {}", crowd.name()));
            operations.iter().for_each(|operation| println!("syscalls, steps {}", operation.name()));
            SUBJECTS.iter().for_each(|(name, _)| println!("--subject        {name}"));
            return Ok(true);
        }
        "random" | "syscalls" | "steps" => {}
        "soak" if request.scenarios.is_empty() => return play_soak(request),
        "soak" => return play_flows(request),
        other => return Err(format!("there is no mode '{other}'; see: death --help")),
    }

    let ground = Ground::claim();
    ground.caveats.iter().for_each(|caveat| println!("note: {caveat}"));
    let mut clean = true;
    if request.scenarios.is_empty() {
        return Err("which scenario? See: death list".to_owned());
    }
    for asked in &request.scenarios {
        let matches = |name: &str| name == asked || name.starts_with(&format!("{asked}/"));
        let mut found = false;
        if request.mode == "random" {
            for crowd in crowds.iter().filter(|crowd| matches(crowd.name())) {
                found = true;
                clean &= play_crowd(request, &ground, crowd.as_ref())?;
            }
        } else {
            for operation in operations.iter().filter(|operation| matches(operation.name())) {
                found = true;
                clean &= play_operation(request, &ground, operation.as_ref())?;
            }
        }
        if !found {
            return Err(format!("there is no scenario '{asked}' for mode '{}'; see: death list", request.mode));
        }
    }
    Ok(clean)
}

fn cast(request: &Request, ground: &Ground, scenario: &str) -> Result<Cast, String> {
    let (page, page_fd) = Page::make()?;
    page.seed.store(request.seed, SeqCst);
    let (subject, prefix) = (request.subject.clone(), ground.prefix.clone());
    Ok(Cast { subject, scenario: scenario.to_owned(), prefix, page, page_fd, births: Cell::new(0) })
}

fn play_soak(request: &Request) -> Result<bool, String> {
    let ground = Ground::claim();
    let readers = request.participants.saturating_sub(1).max(1);
    let options = soak::Options { seconds: request.seconds, readers, careless: request.careless };
    println!("soak: one writer and {readers} readers for {} s", request.seconds);
    let clean = soak::run(&format!("{}soak", ground.prefix), &options)?;
    if clean {
        println!("  no violation");
    } else {
        eprintln!("VIOLATION: rows were torn");
    }
    Ok(clean)
}

fn play_flows(request: &Request) -> Result<bool, String> {
    let ground = Ground::claim();
    let options = flow::Options { messages: request.messages, bytes: request.bytes, fault: request.fault.clone() };
    let mut clean = true;
    for kind in &request.scenarios {
        if !flow::KINDS.contains(&kind.as_str()) {
            return Err(format!("'{kind}' cannot be soaked; see: death --help"));
        }
        match flow::run(kind, &format!("{}{kind}", ground.prefix), &options)? {
            Ok(figures) => println!("soak {kind}: {figures}: each came once, in order and whole"),
            Err(words) => {
                clean = false;
                ground.sweep();
                eprintln!("VIOLATION: soak {kind}: {words}");
            }
        }
    }
    Ok(clean)
}

fn play_crowd(request: &Request, ground: &Ground, crowd: &dyn Crowd) -> Result<bool, String> {
    let Request { kills, participants, seed, subject, .. } = request;
    let name = crowd.name();
    let title = format!("random {name}: {kills} kills among {participants} participants of {subject}, seed {seed}");
    let mut report = Report::new(title);
    let options = random::Options { kills: *kills, participants: *participants };
    random::run(crowd, &cast(request, ground, name)?, ground, &options, &mut report)?;
    if !report.is_clean() {
        ground.sweep();
        println!(
            "repeat with: death random {name} --subject {subject} --kills {kills} --participants {participants} --seed {seed}\n\
             (the choices repeat, the kernel's scheduling does not)"
        );
    }
    report.print();
    Ok(report.is_clean())
}

fn play_operation(request: &Request, ground: &Ground, operation: &dyn Operation) -> Result<bool, String> {
    ptrace::start_ticking();
    let (mode, name) = (&request.mode, operation.name());
    let mut report = Report::new(format!("{mode} {name} of {}", request.subject));
    let cast = cast(request, ground, name)?;
    cast.page.sleeps_at_once.store((mode == "steps" && !request.spins).into(), SeqCst);
    let mut trials = Trials::new(operation, &cast, ground)?;
    ptrace::share_one_processor();
    if mode == "steps" {
        let (every, at, range, pass) = (request.every, request.at, request.range, request.pass.clone());
        let short_ways = ptrace::fix_addresses();
        if !short_ways {
            report.note("addresses cannot be fixed here: every victim is stepped all the way".to_owned());
        }
        steps::run(&mut trials, &steps::Options { every, at, range, pass, short_ways }, &mut report)?;
    } else {
        syscalls::run(&mut trials, &syscalls::Options { at: request.at }, &mut report)?;
    }
    drop(trials);
    ground.sweep();
    report.collect(cast.page, operation.tallies());
    report.print();
    Ok(report.is_clean())
}

/// Be a participant: `role subject scenario prefix slot birth descriptor`.
fn play(words: Vec<String>) -> ExitCode {
    let [role, subject, scenario, prefix, slot, birth, descriptor] = words.as_slice() else {
        eprintln!("death: 'participant' is not for you: the harness starts these itself");
        return ExitCode::from(2);
    };
    let number = |word: &String| word.parse::<u64>().expect("the harness passes numbers");
    let page = Page::inherit(number(descriptor) as i32).expect("the harness passes its side page");
    let world = World::new(page, number(slot) as usize, number(birth), prefix);
    let known = repertoire(subject).expect("the harness passes a subject that it knows");
    let crowd = || known.crowds.iter().find(|crowd| crowd.name() == scenario).expect("a known scenario");
    let operation =
        || known.operations.iter().find(|operation| operation.name() == scenario).expect("a known scenario");

    let verdict: Verdict = match role.as_str() {
        "prepare" => crowd().prepare(&world),
        "participant" => random::participate(crowd().as_ref(), &world),
        "check" => crowd().check(&world),
        "victim" => {
            library::spin_before_sleep(page.sleeps_at_once.load(SeqCst) == 0);
            trial::fall_victim(operation().as_ref(), &world)
        }
        "survivor" => trial::survive(operation().survivor(), &world),
        other => Err(format!("there is no role '{other}'")),
    };
    match verdict {
        Ok(()) => ExitCode::SUCCESS,
        Err(words) => {
            world.complain(&words);
            ExitCode::from(1)
        }
    }
}
