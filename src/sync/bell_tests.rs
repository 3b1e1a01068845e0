//! Unit tests of bells, beside their sources, which tools/model compiles as well.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::{Duration, Instant};

use super::bell::Bell;
use super::patience::Patience;
use crate::os::time::Timeout;

#[test]
fn a_ring_is_a_load_where_nobody_listens() {
    let bell = Bell::default();
    bell.ring(false);
    assert_eq!(bell.word().load(SeqCst), 0);
    let heard = bell.listen(true);
    assert_eq!(heard, 1);
    bell.ring(false);
    assert_eq!(bell.word().load(SeqCst), 2, "moved on, and nobody listens any more");
    bell.ring(true);
    assert_eq!(bell.word().load(SeqCst), 4, "a loud ring moves on, too");
}

#[test]
fn whoever_reads_only_leaves_no_trace() {
    let bell = Bell::default();
    assert_eq!(bell.listen(false), 0);
    assert_eq!(bell.word().load(SeqCst), 0);
}

#[test]
fn no_change_is_missed() {
    const ROUNDS: u64 = 20_000;
    let (bell, there, back) = (Bell::default(), AtomicU64::new(0), AtomicU64::new(0));
    let (last, begin, before) = (AtomicU64::new(ROUNDS), Instant::now(), busy());
    let until = |word: &AtomicU64, value: u64| {
        let mut patience = Patience::new(Timeout::For(Duration::from_secs(60)));
        bell.wait(true, &mut patience, || (word.load(SeqCst) >= value).then_some(())).expect("it comes");
    };
    let answer = || {
        let rounds = (1..).take_while(|round| *round <= last.load(SeqCst));
        rounds.for_each(|round| {
            until(&there, round);
            back.fetch_add(1, SeqCst);
            bell.ring(false);
        });
        busy()
    };
    let spent = thread::scope(|scope| {
        let other = scope.spawn(answer);
        for round in 1..=ROUNDS {
            // A machine may be too busy for all of them.
            if begin.elapsed() > Duration::from_secs(5) {
                last.fetch_min(round, SeqCst);
            }
            there.fetch_add(1, SeqCst);
            bell.ring(false);
            until(&back, round);
            if last.load(SeqCst) == round {
                break;
            }
        }
        busy() - before + other.join().unwrap()
    });
    // Each lost wake-up would cost 20 ms, in which neither of the two has anything to do.
    let idle = begin.elapsed().saturating_sub(spent);
    let most = Duration::from_secs(2) + Duration::from_micros(100) * last.into_inner() as u32;
    assert!(idle < most, "{idle:?}");
}

/// For how long this thread has run, or could have run and waited for a processor.
fn busy() -> Duration {
    let schedule = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(schedule.split_whitespace().take(2).filter_map(|word| word.parse::<u64>().ok()).sum())
}
