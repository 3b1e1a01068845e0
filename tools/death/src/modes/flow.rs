//! Messages and bytes at full speed, as many as one likes: each is looked at for its order, its content, and that it came
//! once.
//!
//! Nobody is killed here; it is the number that counts. A message says who sent it and which of its sender's it is, and all
//! its other bytes follow from that. Receivers compare every byte, look that each sender's messages come in order, and
//! sum up what they had; the sums of all together tell whether anything is missing, or came twice. With a fault, senders
//! do wrong now and then: that must be found, or the check is worth nothing.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use shm_array::channel::{pipe, queue, topic};
use shm_array::{Access, Errno, ObjectOptions, Pipe, Queue, Timeout, Topic};

use crate::engine::chance::Chance;

/// What can flow.
pub const KINDS: [&str; 4] = ["queue", "spsc", "pipe", "topic"];
/// What senders can be made to do wrong.
pub const FAULTS: [&str; 4] = ["change", "lose", "repeat", "swap"];

/// How much of it.
pub struct Options {
    /// Messages of each sender.
    pub messages: u64,
    /// The longest message.
    pub bytes: u64,
    /// One of [`FAULTS`], or nothing.
    pub fault: String,
}

const PATIENCE: Timeout = Timeout::For(Duration::from_secs(60));
const PIPE_BYTES: u64 = 1 << 20;
/// A message's first words: who, and which.
const HEAD: usize = 16;
/// A fault is made once in so many messages.
const SELDOM: u64 = 500;

/// What a process ends with.
const WRONG: u8 = 1;
const FAILED: u8 = 2;

type Outcome<T = ()> = Result<T, String>;

/// What a receiver had of one sender, or all of them together: how many, and two sums over their numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Heard {
    count: u64,
    sum: u64,
    squares: u64,
}

impl Heard {
    fn note(&mut self, serial: u64) {
        self.add(&Heard { count: 1, sum: serial, squares: serial.wrapping_mul(serial) });
    }

    fn add(&mut self, other: &Heard) {
        self.count += other.count;
        self.sum = self.sum.wrapping_add(other.sum);
        self.squares = self.squares.wrapping_add(other.squares);
    }

    fn all(messages: u64) -> Heard {
        let mut all = Heard::default();
        (0..messages).for_each(|serial| all.note(serial));
        all
    }
}

/// Senders and receivers.
fn crowd(kind: &str) -> (usize, usize) {
    match kind {
        "queue" => (2, 2),
        "topic" => (1, 2),
        _ => (1, 1),
    }
}

/// Room for some hundreds of small messages, or a handful of large ones.
fn capacity(bytes: u64) -> u64 {
    ((1 << 20) / bytes).clamp(8, 1024)
}

/// Run it; a sentence where something was wrong.
pub fn run(kind: &str, name: &str, options: &Options) -> Result<Result<String, String>, String> {
    let object = Flow::make(kind, name, options.bytes).map_err(|why| format!("create: {why}"))?;
    let (senders, receivers) = crowd(kind);
    let mut hearing = Vec::new();
    for _ in 0..receivers {
        hearing.push(Process::start("receive", kind, name, 0, options)?.ready()?);
    }
    let begin = Instant::now();
    let sending: Outcome<Vec<Process>> =
        (0..senders).map(|which| Process::start("send", kind, name, which, options)).collect();
    // A receiver that found something wrong ends it all: then senders cannot do their part.
    let sent: Vec<_> = sending?.into_iter().map(Process::end).collect();
    object.finish();
    let mut heard = vec![vec![Heard::default(); senders]; receivers];
    let mut verdict = Ok(());
    for (receiver, heard) in hearing.into_iter().zip(&mut heard) {
        match receiver.end()? {
            Ok(lines) => lines.iter().try_for_each(|line| read(line, heard))?,
            Err(words) => verdict = Err(words),
        }
    }
    if verdict.is_ok() {
        sent.into_iter().try_for_each(|sender| sender.map(drop))?;
    }
    let seconds = begin.elapsed().as_secs_f64();
    drop(object);
    shm_array::unlink(name).map_err(|why| format!("unlink: {why}"))?;
    if let Err(words) = verdict.and_then(|()| compare(kind, &heard, options)) {
        return Ok(Err(words));
    }
    let sent = senders as u64 * options.messages;
    let each = seconds * 1e6 / sent as f64;
    Ok(Ok(format!("{sent} messages of at most {} bytes in {seconds:.1} s ({each:.2} us each)", options.bytes)))
}

/// Whether together they had everything once; of a topic, each of them.
fn compare(kind: &str, heard: &[Vec<Heard>], options: &Options) -> Outcome {
    let all = if kind == "pipe" {
        Heard { count: options.messages * options.bytes, ..Heard::default() }
    } else {
        Heard::all(options.messages)
    };
    let mut together = vec![Heard::default(); heard[0].len()];
    for heard in heard {
        together.iter_mut().zip(heard).for_each(|(sum, heard)| sum.add(heard));
    }
    let judged = if kind == "topic" { heard } else { &[together][..] };
    match judged.iter().flatten().find(|heard| **heard != all) {
        None => Ok(()),
        Some(found) => Err(format!("something is missing, or came twice: {found:?}, not {all:?}")),
    }
}

fn read(line: &str, heard: &mut [Heard]) -> Outcome {
    let numbers: Vec<u64> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let &[sender, count, sum, squares] = &numbers[..] else { return Err(format!("a receiver said '{line}'")) };
    heard[sender as usize].add(&Heard { count, sum, squares });
    Ok(())
}

/// One of those who send and receive.
struct Process {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Process {
    fn start(role: &str, kind: &str, name: &str, which: usize, options: &Options) -> Outcome<Process> {
        let program = std::env::current_exe().map_err(|why| format!("this program: {why}"))?;
        let Options { messages, bytes, fault } = options;
        let (which, messages, bytes) = (which.to_string(), messages.to_string(), bytes.to_string());
        let words = ["flowing", role, kind, name, &which, &messages, &bytes, fault];
        let mut command = Command::new(program);
        let started = command.args(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = started.map_err(|why| format!("{role} does not start: {why}"))?;
        let lines = BufReader::new(child.stdout.take().expect("piped"));
        Ok(Process { child, lines })
    }

    /// Wait until it is there.
    fn ready(mut self) -> Outcome<Process> {
        let mut line = String::new();
        self.lines.read_line(&mut line).map_err(|why| format!("a receiver: {why}"))?;
        if line == "ready\n" { Ok(self) } else { Err(self.end()?.err().unwrap_or(line)) }
    }

    /// Wait for its end: what it says, or what it found wrong.
    fn end(self) -> Outcome<Result<Vec<String>, String>> {
        let Process { child, lines } = self;
        let lines: Vec<String> = lines.lines().map_while(Result::ok).collect();
        let output = child.wait_with_output().map_err(|why| format!("wait: {why}"))?;
        let words = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        match output.status.code() {
            Some(0) => Ok(Ok(lines)),
            Some(code) if code == i32::from(WRONG) => Ok(Err(words)),
            _ => Err(format!("a process could not do its part: {words}")),
        }
    }
}

/// Be one of the processes: `role kind name which messages bytes fault`.
pub fn play(words: &[String]) -> ExitCode {
    let [role, kind, name, which, messages, bytes, fault] = words else {
        eprintln!("death: 'flowing' is not for you: the harness starts these itself");
        return ExitCode::from(FAILED);
    };
    let number = |word: &String| word.parse::<u64>().expect("the harness passes numbers");
    let options = Options { messages: number(messages), bytes: number(bytes), fault: fault.clone() };
    let done = match role.as_str() {
        "send" => Flow::open(kind, name, true).and_then(|flow| flow.send(number(which), &options)).map(|()| Ok(())),
        _ => Flow::open(kind, name, false).and_then(|flow| {
            let done = flow.receive(crowd(kind).0, &options);
            if !matches!(done, Ok(Ok(()))) {
                flow.finish();
            }
            done
        }),
    };
    match done {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(wrong)) => {
            eprintln!("{wrong}");
            ExitCode::from(WRONG)
        }
        Err(words) => {
            eprintln!("{role} {kind}: {words}");
            ExitCode::from(FAILED)
        }
    }
}

/// What things flow through.
enum Flow {
    Queue(Box<Queue>),
    Pipe(Box<Pipe>),
    Topic(Box<Topic>),
}

impl Flow {
    fn make(kind: &str, name: &str, bytes: u64) -> shm_array::Result<Flow> {
        let (capacity, options, name) = (capacity(bytes), ObjectOptions::default(), Some(name));
        let form = |single| queue::Form { capacity, message_bytes: bytes, dtype: None, priorities: 1, single };
        Ok(match kind {
            "pipe" => Flow::Pipe(Box::new(Pipe::create(name, PIPE_BYTES, pipe::Ends::default(), &options)?)),
            "topic" => {
                let form = topic::Form { capacity, message_bytes: bytes, dtype: None, keep: true };
                Flow::Topic(Box::new(Topic::create(name, &form, &options)?))
            }
            _ => Flow::Queue(Box::new(Queue::create(name, &form(kind == "spsc"), &options)?)),
        })
    }

    fn open(kind: &str, name: &str, sends: bool) -> Outcome<Flow> {
        let ends = pipe::Ends { reader: !sends, writer: sends };
        let opened = match kind {
            "pipe" => Pipe::open(name, ends).map(|pipe| Flow::Pipe(Box::new(pipe))),
            "topic" => Topic::open(name, Access::Write).map(|topic| Flow::Topic(Box::new(topic))),
            _ => Queue::open(name, Access::Write).map(|queue| Flow::Queue(Box::new(queue))),
        };
        opened.map_err(|why| format!("open: {why}"))
    }

    /// Nothing is sent any more.
    fn finish(&self) {
        let finished = match self {
            Flow::Queue(queue) => queue.finish(),
            Flow::Topic(topic) => topic.finish(),
            Flow::Pipe(_) => Ok(()), // ends with its last writer
        };
        finished.expect("it is open for writing");
    }

    fn send(self, which: u64, options: &Options) -> Outcome {
        if let Flow::Pipe(pipe) = self {
            return write(&pipe, options);
        }
        let mut bytes = vec![0; options.bytes as usize];
        let mut put = |serial: u64, changed: bool| {
            let message = render(which, serial, &mut bytes);
            if changed {
                let last = message.len() - 1;
                message[last] ^= 1;
            }
            let sent = match &self {
                Flow::Topic(topic) => topic.publish(message, PATIENCE),
                Flow::Queue(queue) => queue.send(message, 0, PATIENCE),
                Flow::Pipe(_) => unreachable!("its bytes are no messages"),
            };
            sent.map_err(|why| format!("message {serial}: {why}"))
        };
        for serial in 0..options.messages {
            let fault = if serial % SELDOM == SELDOM - 1 { options.fault.as_str() } else { "" };
            match fault {
                "lose" => {}
                "change" => put(serial, true)?,
                "repeat" => (0..2).try_for_each(|_| put(serial, false))?,
                "swap" => [serial + 1, serial].into_iter().try_for_each(|serial| put(serial, false))?,
                _ => put(serial, false)?,
            }
        }
        Ok(())
    }

    /// An error: it could not be done. A sentence inside: something was wrong.
    fn receive(&self, senders: usize, options: &Options) -> Outcome<Outcome> {
        if let Flow::Topic(topic) = self {
            topic.subscribe(PATIENCE).map_err(|why| format!("subscribe: {why}"))?;
        }
        println!("ready");
        if let Flow::Pipe(pipe) = self {
            return read_all(pipe, options);
        }
        let (mut bytes, mut expected) = (vec![0; options.bytes as usize], vec![0; options.bytes as usize]);
        let mut heard = vec![(Heard::default(), None); senders];
        loop {
            let received = match self {
                Flow::Topic(topic) => topic.receive(&mut bytes, PATIENCE).map(|heard| (heard.len, heard.lost)),
                Flow::Queue(queue) => queue.receive(&mut bytes, PATIENCE).map(|received| (received.len, 0)),
                Flow::Pipe(_) => unreachable!("its bytes are no messages"),
            };
            let (message, lost) = match received {
                Ok((len, lost)) => (&bytes[..len], lost),
                Err(why) if why.is(Errno::ENODATA) => break,
                Err(why) => return Err(why.to_string()),
            };
            let (Some((which, serial)), 0) = (understand(message), lost) else {
                return Ok(Err(format!("a message of {} bytes says nothing, or {lost} were lost", message.len())));
            };
            let Some((heard, latest)) = heard.get_mut(which as usize) else {
                return Ok(Err(format!("a message is of sender {which}, who is none")));
            };
            if latest.is_some_and(|latest| latest >= serial) {
                return Ok(Err(format!("message {serial} of sender {which} came after {latest:?}")));
            }
            if *message != *render(which, serial, &mut expected) {
                return Ok(Err(format!("message {serial} of sender {which} was changed on its way")));
            }
            *latest = Some(serial);
            heard.note(serial);
        }
        for (which, (Heard { count, sum, squares }, _)) in heard.iter().enumerate() {
            println!("{which} {count} {sum} {squares}");
        }
        Ok(Ok(()))
    }
}

/// Write a message; every other one is as long as can be.
fn render(which: u64, serial: u64, bytes: &mut [u8]) -> &mut [u8] {
    let chance = Chance::new(which << 48 ^ serial);
    let more = bytes.len() - HEAD;
    let len = if serial.is_multiple_of(2) { more } else { chance.below(more as u64 + 1) as usize };
    let message = &mut bytes[..HEAD + len];
    message[..8].copy_from_slice(&which.to_le_bytes());
    message[8..HEAD].copy_from_slice(&serial.to_le_bytes());
    fill(chance.next(), 0, &mut message[HEAD..]);
    message
}

fn understand(message: &[u8]) -> Option<(u64, u64)> {
    let word = |at: usize| Some(u64::from_le_bytes(message.get(at..at + 8)?.try_into().ok()?));
    Some((word(0)?, word(8)?))
}

/// Bytes of an endless text, from one of its positions on.
fn fill(text: u64, position: u64, bytes: &mut [u8]) {
    let word = |index: u64| text.wrapping_add(index.wrapping_mul(0x9E37_79B9_7F4A_7C15)).to_le_bytes();
    let before = (position % 8) as usize;
    let head = (8 - before).min(bytes.len()) % 8;
    let (first, rest) = bytes.split_at_mut(head);
    first.copy_from_slice(&word(position / 8)[before..before + head]);
    let start = (position + head as u64) / 8;
    let (words, last) = rest.as_chunks_mut::<8>();
    for (index, bytes) in (start..).zip(&mut *words) {
        *bytes = word(index);
    }
    let end = word(start + words.len() as u64);
    last.copy_from_slice(&end[..last.len()]);
}

/// Pieces of all lengths, of a stream of `messages * bytes` bytes.
fn write(pipe: &Pipe, options: &Options) -> Outcome {
    let (chance, mut bytes) = (Chance::new(1), vec![0; 2 * options.bytes as usize]);
    let (mut position, end) = (0, options.messages * options.bytes);
    let mut pieces = 0;
    while position < end {
        let len = (1 + chance.below(bytes.len() as u64)).min(end - position) as usize;
        fill(0, position, &mut bytes[..len]);
        let fault = if pieces % SELDOM == SELDOM - 1 { options.fault.as_str() } else { "" };
        let piece = match fault {
            "change" => {
                bytes[len - 1] ^= 1;
                &bytes[..len]
            }
            "lose" => &bytes[..len - 1],
            "swap" => {
                bytes[..len].rotate_left(1);
                &bytes[..len]
            }
            _ => &bytes[..len],
        };
        for _ in 0..if fault == "repeat" { 2 } else { 1 } {
            let mut done = 0;
            while done < piece.len() {
                done += pipe.write(&piece[done..], PATIENCE).map_err(|why| format!("at byte {position}: {why}"))?;
            }
        }
        (position, pieces) = (position + len as u64, pieces + 1);
    }
    Ok(())
}

fn read_all(pipe: &Pipe, options: &Options) -> Outcome<Outcome> {
    let chance = Chance::new(2);
    let (mut bytes, mut expected) = (vec![0; 2 * options.bytes as usize], vec![0; 2 * options.bytes as usize]);
    let mut position = 0;
    loop {
        let len = 1 + chance.below(bytes.len() as u64) as usize;
        let count = pipe.read(&mut bytes[..len], PATIENCE).map_err(|why| format!("at byte {position}: {why}"))?;
        if count == 0 {
            break;
        }
        fill(0, position, &mut expected[..count]);
        if bytes[..count] != expected[..count] {
            return Ok(Err(format!("of {count} bytes at {position} some are others than were written")));
        }
        position += count as u64;
    }
    println!("0 {position} 0 0");
    Ok(Ok(()))
}
