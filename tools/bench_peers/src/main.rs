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

use peers::Peer;

const HELP: &str = "\
bench_peers [--rounds N] [--only WORD] [--bytes N]... [--soak N]
    --rounds   how often each peer has its turn (5)
    --only     peers whose name contains the word
    --bytes    lengths of messages (64, 1024, 65536, 1048576)
    --soak     so many messages one way and no table: each one is checked for its number, its order and all of its bytes
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
    soak: Option<u64>,
}

fn read_request() -> Result<Option<Request>, lexopt::Error> {
    let mut request = Request { rounds: 5, only: String::new(), bytes: Vec::new(), soak: None };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("rounds") => request.rounds = parser.value()?.parse()?,
            Long("only") => request.only = parser.value()?.string()?,
            Long("bytes") => request.bytes.push(parser.value()?.parse()?),
            Long("soak") => request.soak = Some(parser.value()?.parse()?),
            Long("help") | Short('h') => return Ok(None),
            // cargo bench passes this.
            Long("bench") => {}
            other => return Err(other.unexpected()),
        }
    }
    if request.bytes.is_empty() {
        request.bytes = vec![64, 1024, 65536, 1 << 20];
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
    let peers: Vec<Peer> = peers::all().into_iter().filter(|peer| peer.name.contains(&request.only)).collect();
    if let Some(count) = request.soak {
        return peers.iter().for_each(|peer| request.bytes.iter().for_each(|bytes| soak(peer, *bytes, count)));
    }
    for &bytes in &request.bytes {
        println!("\n{bytes} bytes");
        println!(
            "{:<28}{:>12}{:>8}{:>12}{:>12}{:>12}{:>8}",
            "", "us/message", "ratio", "p50 us", "p99 us", "2 senders", "ratio"
        );
        let mut figures: Vec<[Vec<f64>; 4]> = peers.iter().map(|_| Default::default()).collect();
        for _ in 0..request.rounds {
            for (peer, figures) in peers.iter().zip(&mut figures) {
                let Some(microseconds) = throughput(peer, bytes, 1) else { continue };
                figures[0].push(microseconds);
                if let Some((p50, p99)) = round_trip(peer, bytes) {
                    figures[1].push(p50);
                    figures[2].push(p99);
                }
                if peer.many && bytes <= 4096 {
                    figures[3].extend(throughput(peer, bytes, 2));
                }
            }
        }
        let first: Vec<f64> = figures[0].iter().map(|turns| median(turns)).collect();
        for (peer, figures) in peers.iter().zip(&figures) {
            let [each, p50, p99, two] = [0, 1, 2, 3].map(|which| median(&figures[which]));
            let show = |value: f64| if value.is_nan() { "-".to_owned() } else { format!("{value:.3}") };
            let ratio = |value: f64| if value.is_nan() { "-".to_owned() } else { format!("{:.2}", value / first[0]) };
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

/// Microseconds a message, from the first to the last that arrives.
fn throughput(peer: &Peer, bytes: usize, senders: u64) -> Option<f64> {
    let mut channel = (peer.make)(capacity(bytes), bytes)?;
    let each = messages(bytes) / senders;
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
                // Until all is received: some peers take their messages with them.
                start.wait(2 * senders as u32 + 1);
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

/// Many messages, each of which is looked through.
fn soak(peer: &Peer, bytes: usize, count: u64) {
    assert!(bytes.is_multiple_of(8), "lengths of whole words");
    if peer.name.ends_with("in place") {
        return; // only a line of it is copied
    }
    let Some(mut channel) = (peer.make)(capacity(bytes), bytes) else { return };
    let pattern = |number: u64, at: usize| number.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(at as u64);
    let gate = Gate::make();
    let sender = child(|| {
        channel.start(true);
        let mut message = vec![0u8; bytes];
        for number in 0..count {
            for (at, word) in message.chunks_exact_mut(8).enumerate() {
                word.copy_from_slice(&pattern(number, at).to_ne_bytes());
            }
            channel.send(&message);
        }
        gate.wait(1);
    });
    channel.start(false);
    let mut buffer = vec![0u8; bytes];
    let begin = Instant::now();
    for number in 0..count {
        assert_eq!(channel.receive(&mut buffer), bytes, "{}: message {number}", peer.name);
        for (at, word) in buffer.chunks_exact(8).enumerate() {
            let found = u64::from_ne_bytes(word.try_into().expect("8 bytes"));
            assert_eq!(found, pattern(number, at), "{}: word {at} of message {number}", peer.name);
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    gate.come();
    reap(sender);
    let gigabytes = count as f64 * bytes as f64 / 1e9;
    println!(
        "{:<28}{count} messages of {bytes} bytes in order and whole: {gigabytes:.1} GB in {seconds:.1} s",
        peer.name
    );
}

/// Median and 99th percentile of a message's way there and back, in microseconds.
fn round_trip(peer: &Peer, bytes: usize) -> Option<(f64, f64)> {
    let mut there = (peer.make)(capacity(bytes), bytes)?;
    let mut back = (peer.make)(capacity(bytes), bytes)?;
    let count = (messages(bytes) / 20).max(100) as usize;
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
