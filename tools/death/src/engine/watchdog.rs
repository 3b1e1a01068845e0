//! The watchdog: what counts as a hang, and what to say about one.
//!
//! Half a second without a sign of life is a hang, unless the machine gave the processes no chance to give one. So
//! the time is not read off a clock but summed up from the watchdog's own short naps: when a nap of a millisecond
//! took a hundred, the whole machine stood still, and only a little of it counts. And when one of those that are
//! waited for could run, but got no processor, or a page from the disk, because others wanted it, the wait goes on; the
//! time in which it was queued for a processor does not count, whatever it does when the limit is over.

use std::fs;
use std::time::{Duration, Instant};

use nix::unistd::Pid;

use super::call_name::call_name;

/// From here on it is a hang.
pub const LIMIT: Duration = Duration::from_millis(500);

/// One look at the clock adds at most this.
const MOST: Duration = Duration::from_millis(20);

/// No wait is longer than this, whoever starves.
const AT_LAST: Duration = Duration::from_secs(10);

/// Time spent waiting, in which the harness itself could run.
pub struct Patience {
    last: Instant,
    spent: Duration,
    /// What those that are waited for had had of the processors when half of the limit was over.
    by_half: Option<Vec<Share>>,
}

impl Patience {
    /// Begin to wait.
    pub fn new() -> Patience {
        Patience { last: Instant::now(), spent: Duration::ZERO, by_half: None }
    }

    /// Look again (every few milliseconds at least) and say how long it has been.
    pub fn spent(&mut self) -> Duration {
        let now = Instant::now();
        self.spent += (now - self.last).min(MOST);
        self.last = now;
        self.spent
    }

    /// Look again; is it over the limit, for these processes?
    pub fn exhausted(&mut self, pids: &[Pid]) -> bool {
        self.is_over(LIMIT, pids)
    }

    /// As [`Patience::exhausted`], with another limit.
    pub fn is_over(&mut self, limit: Duration, pids: &[Pid]) -> bool {
        let spent = self.spent();
        if spent < limit / 2 {
            return false;
        }
        let by_half = self.by_half.get_or_insert_with(|| pids.iter().map(|pid| Share::of(*pid)).collect());
        if spent <= limit {
            return false;
        }
        let since: Vec<Share> = pids.iter().zip(by_half).map(|(pid, before)| Share::of(*pid).since(before)).collect();
        let queued = since.iter().map(|share| share.queued).max().unwrap_or_default();
        let starves = |(pid, share): (&Pid, &Share)| matches!(state(*pid), Some('R' | 'D')) && share.ran < LIMIT / 4;
        spent > AT_LAST || spent.saturating_sub(queued) > limit && !pids.iter().zip(&since).any(starves)
    }
}

/// For how long a process has had a processor, and for how long it was queued for one.
struct Share {
    ran: Duration,
    queued: Duration,
}

impl Share {
    fn of(pid: Pid) -> Share {
        let schedule = fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap_or_default();
        let mut words = schedule.split_whitespace().map(|word| Duration::from_nanos(word.parse().unwrap_or(0)));
        Share { ran: words.next().unwrap_or_default(), queued: words.next().unwrap_or_default() }
    }

    fn since(&self, before: &Share) -> Share {
        let (ran, queued) = (self.ran.saturating_sub(before.ran), self.queued.saturating_sub(before.queued));
        Share { ran, queued }
    }
}

impl Default for Patience {
    fn default() -> Patience {
        Patience::new()
    }
}

/// R, S, D, T, t, Z ...: what the kernel says the process is doing.
pub fn state(pid: Pid) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

/// Everything that /proc tells about a process that does not get on.
pub fn describe(pid: Pid) -> String {
    let read = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default().trim().to_owned();
    let call = read("syscall");
    let mut words = call.split_whitespace();
    let name = match words.next() {
        None => "not readable".to_owned(),
        Some("running") => "none, it is running".to_owned(),
        Some(number) => number.parse().map_or(number.to_owned(), |number| format!("{} ({call})", call_name(number))),
    };
    let instruction = words.last().and_then(|word| u64::from_str_radix(word.trim_start_matches("0x"), 16).ok());
    let schedule = read("schedstat");
    let mut numbers = schedule.split_whitespace().filter_map(|word| word.parse::<u64>().ok().map(|n| n / 1_000_000));
    let (ran, queued) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    let mut text = format!(
        "pid {pid}: state {}, system call {name}, waits in {}, ran {ran} ms, queued for a processor {queued} ms",
        state(pid).unwrap_or('?'),
        read("wchan"),
    );
    if let Some(place) = instruction.and_then(|address| place(pid, address)) {
        text += &format!(", at {place}");
    }
    for line in read("stack").lines() {
        text += &format!("\n        {line}");
    }
    text
}

/// The file and the offset in it that an address of a process belongs to: what addr2line takes.
pub fn place(pid: Pid, address: u64) -> Option<String> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).ok()?;
    let (mut file, mut base) = ("", 0);
    for line in maps.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (start, end) = fields[0].split_once('-')?;
        let (start, end) = (u64::from_str_radix(start, 16).ok()?, u64::from_str_radix(end, 16).ok()?);
        let name = fields.get(5).copied().unwrap_or("");
        if name != file || name.is_empty() {
            (file, base) = (name, start);
        }
        if (start..end).contains(&address) {
            return Some(format!("{}+{:#x}", file.rsplit('/').next().unwrap_or(file), address - base));
        }
    }
    None
}
