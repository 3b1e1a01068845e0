//! Messages between two processes: this library beside others, in one run.
//!
//! Two processes, each bound to a processor of its own where there are two. *Throughput*: one sends as fast as it can, the
//! other receives, and checks a number in each message. *Round trip*: a message goes there and back, one at a time, while
//! both are awake. Every peer has its turn in every round, and medians over the rounds are printed, so that a slow minute
//! of the machine falls on all of them; what counts are the ratios to the first line.

mod peers;

use std::process::ExitCode;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Instant;

use lexopt::prelude::*;

use peers::{Channel, Peer, Way};

const HELP: &str = "\
bench_peers [--rounds N] [--only WORDS] [--bytes N]...
    --rounds   how often each peer has its turn (5)
    --only     peers whose names contain one of these words, separated by commas
    --bytes    lengths of messages (64, 1024, 65536, 1048576, 1073741824; those beyond 1 MiB by handle only)
";

/// Messages in one turn, so that a turn takes some tenths of a second.
fn messages(bytes: usize) -> u64 {
    match bytes {
        ..=256 => 400_000,
        ..=4096 => 300_000,
        ..=131_072 => 10_000,
        _ => 600,
    }
}

fn capacity(bytes: usize) -> usize {
    match bytes {
        ..=4096 => 1024,
        ..=131_072 => 64,
        _ => 8,
    }
}

struct Request {
    rounds: usize,
    only: String,
    bytes: Vec<usize>,
}

fn read_request() -> Result<Option<Request>, lexopt::Error> {
    let mut request = Request { rounds: 5, only: String::new(), bytes: Vec::new() };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("rounds") => request.rounds = parser.value()?.parse()?,
            Long("only") => request.only = parser.value()?.string()?,
            Long("bytes") => request.bytes.push(parser.value()?.parse()?),
            Long("help") | Short('h') => return Ok(None),
            // cargo bench passes this.
            Long("bench") => {}
            other => return Err(other.unexpected()),
        }
    }
    if request.bytes.is_empty() {
        request.bytes = vec![64, 1024, 65536, 1 << 20, 1 << 30];
    }
    Ok(Some(request))
}

fn main() -> ExitCode {
    match read_request() {
        Ok(Some(request)) => compare(&request),
        Ok(None) => print!("{HELP}"),
        Err(why) => {
            eprintln!("bench_peers: {why}; see: bench_peers --help");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

fn compare(request: &Request) {
    let is_wanted = |peer: &Peer| request.only.split(',').any(|word| peer.name.contains(word));
    let peers: Vec<Peer> = peers::all().into_iter().filter(is_wanted).collect();
    for &bytes in &request.bytes {
        println!("\n{bytes} bytes");
        println!(
            "{:<28}{:>12}{:>8}{:>12}{:>12}{:>12}{:>8}",
            "", "us/message", "ratio", "p50 us", "p99 us", "2 senders", "ratio"
        );
        let mut figures: Vec<[Vec<f64>; 4]> = peers.iter().map(|_| Default::default()).collect();
        for _ in 0..request.rounds {
            for (peer, figures) in peers.iter().zip(&mut figures) {
                if bytes > 1 << 20 && !matches!(peer.way, Way::Handles(_)) {
                    continue;
                }
                if bytes > 4096 && matches!(peer.way, Way::Batches(_)) {
                    continue;
                }
                if let Way::Program(measure) = peer.way {
                    let found = measure(capacity(bytes), bytes, messages(bytes) / 10).unwrap_or([f64::NAN; 4]);
                    figures.iter_mut().zip(found).for_each(|(turns, found)| turns.push(found));
                    continue;
                }
                let Some(microseconds) = throughput(peer, bytes, 1) else { continue };
                figures[0].push(microseconds);
                if matches!(peer.way, Way::Batches(_)) {
                    continue;
                }
                if let Some((p50, p99)) = round_trip(peer, bytes) {
                    figures[1].push(p50);
                    figures[2].push(p99);
                }
                if peer.many && bytes <= 4096 {
                    figures[3].extend(throughput(peer, bytes, 2));
                }
            }
        }
        let first = figures.iter().map(|figures| median(&figures[0])).find(|each| !each.is_nan()).unwrap_or(f64::NAN);
        for (peer, figures) in peers.iter().zip(&figures).filter(|row| !row.1[0].is_empty()) {
            let [each, p50, p99, two] = [0, 1, 2, 3].map(|which| median(&figures[which]));
            let show = |value: f64| if value.is_nan() { "-".to_owned() } else { format!("{value:.3}") };
            let ratio = |value: f64| if value.is_nan() { "-".to_owned() } else { format!("{:.2}", value / first) };
            println!(
                "{:<28}{:>12}{:>8}{:>12}{:>12}{:>12}{:>8}",
                peer.name,
                show(each),
                ratio(each),
                show(p50),
                show(p99),
                show(two),
                ratio(two)
            );
        }
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

impl Peer {
    /// A channel for messages about so many bytes, and how many are in each.
    fn make(&self, bytes: usize) -> Option<(Box<dyn Channel>, usize)> {
        match self.way {
            Way::Copies(make) | Way::Batches(make) => Some((make(capacity(bytes), bytes)?, bytes)),
            Way::Handles(make) => Some((make(64, bytes)?, 64)),
            Way::Program(_) => None,
        }
    }

    /// In one turn.
    fn messages(&self, bytes: usize) -> u64 {
        if matches!(self.way, Way::Handles(_)) { 10_000 } else { messages(bytes) }
    }
}

/// Microseconds a message, from the first to the last that arrives.
fn throughput(peer: &Peer, bytes: usize, senders: u64) -> Option<f64> {
    let (mut channel, bytes_each) = peer.make(bytes)?;
    let each = peer.messages(bytes) / senders;
    let bytes = bytes_each;
    let warm = each / 10;
    let start: &Gate = Gate::make();
    let children: Vec<i32> = (0..senders)
        .map(|_| {
            child(|| {
                bind(1);
                channel.start(true);
                let mut message = vec![1u8; bytes];
                start.come();
                for number in 0..warm + each {
                    message[..8].copy_from_slice(&number.to_ne_bytes());
                    channel.send(&message);
                }
                channel.flush();
                // Until all is received: some peers take their messages with them.
                start.wait(2 * senders as u32 + 1);
                channel.stop();
            })
        })
        .collect();
    bind(0);
    channel.start(false);
    let mut buffer = vec![0u8; bytes.max(64)];
    start.wait(senders as u32);
    let mut sum = 0u64;
    let mut take = |count: u64| {
        for _ in 0..count {
            assert_eq!(channel.receive(&mut buffer), bytes);
            sum += u64::from_ne_bytes(buffer[..8].try_into().expect("8 bytes"));
        }
    };
    take(warm * senders);
    let begin = Instant::now();
    take(each * senders);
    let took = begin.elapsed();
    let all = warm + each;
    assert_eq!(sum, senders * (all * (all - 1) / 2), "{}: messages were lost or changed", peer.name);
    (0..=senders).for_each(|_| start.come());
    children.into_iter().for_each(reap);
    Some(took.as_secs_f64() * 1e6 / (each * senders) as f64)
}

/// Median and 99th percentile of a message's way there and back, in microseconds.
fn round_trip(peer: &Peer, bytes: usize) -> Option<(f64, f64)> {
    let ((mut there, _), (mut back, bytes_each)) = (peer.make(bytes)?, peer.make(bytes)?);
    let count = (peer.messages(bytes) / 20).max(100) as usize;
    let bytes = bytes_each;
    let start = Gate::make();
    let echo = child(|| {
        bind(1);
        there.start(false);
        back.start(true);
        let mut buffer = vec![0u8; bytes.max(64)];
        start.come();
        for _ in 0..count {
            let len = there.receive(&mut buffer);
            back.send(&buffer[..len]);
        }
        start.wait(2);
        there.stop();
        back.stop();
    });
    bind(0);
    there.start(true);
    back.start(false);
    start.wait(1);
    let message = vec![1u8; bytes];
    let mut buffer = vec![0u8; bytes.max(64)];
    let mut times: Vec<f64> = (0..count)
        .map(|_| {
            let begin = Instant::now();
            there.send(&message);
            back.receive(&mut buffer);
            begin.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    start.come();
    reap(echo);
    times.sort_by(f64::total_cmp);
    Some((times[count / 2], times[count * 99 / 100]))
}

/// Where processes wait for one another, without costing what is measured.
struct Gate(AtomicU32);

impl Gate {
    fn make() -> &'static Gate {
        // SAFETY: zeroed, shared, never unmapped.
        unsafe { &*peers::shared(4096).cast::<Gate>() }
    }

    fn come(&self) {
        self.0.fetch_add(1, SeqCst);
    }

    fn wait(&self, count: u32) {
        while self.0.load(SeqCst) < count {
            std::thread::yield_now();
        }
    }
}

fn child(body: impl FnOnce()) -> i32 {
    // SAFETY: this program has one thread.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "fork");
    if pid == 0 {
        body();
        // SAFETY: leaves without running anything of the parent's.
        unsafe { libc::_exit(0) };
    }
    pid
}

fn reap(pid: i32) {
    let mut status = 0;
    // SAFETY: our child.
    unsafe { libc::waitpid(pid, &mut status, 0) };
    assert_eq!(status, 0, "a child failed");
}

/// Stay on one processor.
fn bind(which: usize) {
    // SAFETY: a zeroed set, filled by the macro's functions.
    unsafe {
        let mut all: libc::cpu_set_t = std::mem::zeroed();
        libc::sched_getaffinity(0, size_of_val(&all), &mut all);
        let processors = libc::sysconf(libc::_SC_NPROCESSORS_ONLN).max(1) as usize;
        let mut one: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(which % processors, &mut one);
        libc::sched_setaffinity(0, size_of_val(&one), &one);
    }
}
