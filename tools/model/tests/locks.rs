//! Short plays of two to four participants, in many thousand orders, and with one of them vanishing at every step.

use std::panic::Location;
use std::sync::{Arc, Mutex};

use model::os::atomic::AtomicU64;
use model::os::atomic::Ordering::SeqCst;
use model::os::futex;
use model::os::time::Timeout;
use model::participant::{interrupt, play, step};
use model::segment::attachment::{Attachment, Control};
use model::sync::condition;
use model::sync::lock::range_table::Rows;
use model::sync::lock::short::{self, Reached};
use model::sync::lock::{Acquired, INCONSISTENT, Mode, ranges, whole};
use shuttle::rand::{Rng, thread_rng};
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Runner, thread};

const X: Mode = Mode::Exclusive;
const S: Mode = Mode::Shared;
const ROWS: usize = 4;

/// What is locked.
#[derive(Clone, Copy, Debug)]
enum Lock {
    Whole(Mode),
    Range(u64, u64, Mode),
}
use Lock::{Range, Whole};

impl Lock {
    fn mode(self) -> Mode {
        match self {
            Whole(mode) | Range(_, _, mode) => mode,
        }
    }

    fn rows(self) -> std::ops::Range<usize> {
        match self {
            Whole(_) => 0..ROWS,
            Range(start, end, _) => start as usize..end as usize,
        }
    }
}

/// What the participants themselves know of each other: for each row who writes, who reads, and whether a writer has
/// vanished there. It is no part of what is modelled, and changes without steps.
#[derive(Default)]
struct Truth {
    writer: [Option<usize>; ROWS],
    readers: [Vec<usize>; ROWS],
    dirty: [bool; ROWS],
}

/// As a handle does it: the short way, and if that is not free the long one.
fn lock_whole(attachment: &Attachment, mode: Mode) -> Acquired {
    let me = attachment.identity().unwrap();
    let counter = counter(attachment);
    let is_held = match mode {
        X => match short::begin_exclusive(attachment, me) {
            Reached::End => true,
            Reached::Middle => short::end_exclusive(attachment, me),
            Reached::Nothing => false,
        },
        S => {
            attachment.remember_reader(me.slot().unwrap());
            let reached = short::begin_shared(attachment, counter);
            if reached == Reached::Middle {
                short::turn_back_from_shared(attachment, counter);
            }
            reached == Reached::End
        }
    };
    if is_held {
        return Acquired::Clean;
    }
    match mode {
        X => whole::lock_exclusive(attachment, Timeout::Forever).unwrap(),
        S => whole::lock_shared(attachment, counter, Timeout::Forever).unwrap(),
    }
}

fn unlock_whole(attachment: &Attachment, mode: Mode) {
    let me = attachment.identity().unwrap();
    let left = match mode {
        X => short::give_exclusive(attachment.words(), me, 0, false),
        S => short::give_shared(attachment.words(), counter(attachment)),
    };
    assert!(short::give_to_the_end(attachment, me, left), "it was held");
}

/// The counter of a handle of its own; what shares in the common one is among the ranges.
fn counter(attachment: &Attachment) -> &AtomicU64 {
    &attachment.own_slot().unwrap().shared[1]
}

struct Stage {
    control: Arc<Control>,
    truth: Mutex<Truth>,
}

impl Stage {
    fn new(participants: usize, ranges: usize) -> Arc<Stage> {
        futex::reset();
        Arc::new(Stage { control: Arc::new(Control::new(participants + 1, ranges)), truth: Mutex::default() })
    }

    fn truth(&self) -> std::sync::MutexGuard<'_, Truth> {
        self.truth.lock().unwrap()
    }

    /// Lock, look round, write or read, perhaps recover, unlock.
    #[track_caller]
    fn section(&self, me: usize, lock: Lock) {
        let at = Location::caller();
        let attachment = Attachment::new(&self.control, me);
        let acquired = match lock {
            Whole(mode) => Ok(lock_whole(&attachment, mode)),
            Range(start, end, mode) => ranges::lock(&attachment, 1, Rows { start, end }, mode, Timeout::Forever),
        };
        self.inside(me, lock, acquired.unwrap() == Acquired::OwnerDied, at);
        match lock {
            Whole(mode) => unlock_whole(&attachment, mode),
            Range(start, end, _) => assert!(ranges::unlock(&attachment, 1, Some(Rows { start, end })).unwrap(), "{at}"),
        }
    }

    fn inside(&self, me: usize, lock: Lock, told: bool, at: &Location) {
        {
            let mut truth = self.truth();
            for row in lock.rows() {
                assert!(told || !truth.dirty[row], "{me} has {lock:?} and was not told of row {row}, {at}");
                assert!(truth.writer[row].is_none(), "{me} has {lock:?} beside a writer of row {row}, {at}");
                if lock.mode() == X {
                    assert!(truth.readers[row].is_empty(), "{me} has {lock:?} beside readers of row {row}, {at}");
                    truth.writer[row] = Some(me);
                } else {
                    truth.readers[row].push(me);
                }
            }
            if told {
                assert!(truth.dirty.iter().any(|dirty| *dirty) || self.control.someone_died(), "told of nothing, {at}");
            }
        }
        let attachment = Attachment::new(&self.control, me);
        let words = attachment.words();
        for _ in 0..2 {
            if lock.mode() == X {
                // What readers without a lock rely on.
                assert!(words.begun.load(SeqCst) != words.ended.load(SeqCst), "a write under way looks ended, {at}");
            }
            step();
            thread::yield_now();
        }
        if told && lock.mode() == X {
            match lock {
                Whole(_) => whole::recover(&attachment).unwrap(),
                Range(start, end, _) => ranges::recover(&attachment, 1, Rows { start, end }).unwrap(),
            }
            // The rows of a dead writer of the whole array stay in doubt until that is recovered.
            let whole = words.lock.load(SeqCst) & INCONSISTENT != 0;
            if !whole {
                self.truth().dirty[lock.rows()].fill(false);
            }
        }
        let mut truth = self.truth();
        for row in lock.rows() {
            truth.writer[row] = truth.writer[row].filter(|writer| *writer != me);
            if let Some(index) = truth.readers[row].iter().position(|reader| *reader == me) {
                truth.readers[row].swap_remove(index);
            }
        }
    }

    /// A participant has vanished.
    fn bury(&self, me: usize) {
        let mut truth = self.truth();
        for row in 0..ROWS {
            truth.readers[row].retain(|reader| *reader != me);
            if truth.writer[row] == Some(me) {
                truth.writer[row] = None;
                truth.dirty[row] = true;
            }
        }
        drop(truth);
        self.control.bury(me);
        futex::let_time_pass();
    }

    /// Everybody has ended, or vanished: one more participant finds all in order.
    fn end(&self, me: usize) {
        self.section(me, Range(0, ROWS as u64, X));
        self.section(me, Whole(X));
        assert!(self.truth().dirty.iter().all(|dirty| !dirty));
        let attachment = Attachment::new(&self.control, me);
        for mode in [X, S] {
            assert_eq!(lock_whole(&attachment, mode), Acquired::Clean);
            unlock_whole(&attachment, mode);
            let all = Rows { start: 0, end: ROWS as u64 };
            assert_eq!(ranges::lock(&attachment, 1, all, mode, Timeout::Try).unwrap(), Acquired::Clean);
            assert!(ranges::unlock(&attachment, 1, Some(all)).unwrap());
        }
        let words = attachment.words();
        assert_eq!(words.begun.load(SeqCst), words.ended.load(SeqCst), "writes are still under way");
        assert_eq!(words.ranges_exclusive.load(SeqCst), 0, "exclusive ranges are left");
        assert_eq!(words.ranges_high.load(SeqCst), 0, "records are left");
    }
}

/// Play these parts, each in a participant of its own, in many orders. Where someone vanishes it is the first.
fn check(parts: &'static [&'static [Lock]], ranges: usize, vanishes: bool) {
    let one = move || {
        let stage = Stage::new(parts.len(), ranges);
        let steps = vanishes.then(|| thread_rng().gen_range(0..120u64));
        let players = parts.iter().enumerate().map(|(me, part)| {
            let stage = stage.clone();
            thread::spawn(move || {
                let steps = steps.filter(|_| me == 0);
                play(steps, || part.iter().for_each(|lock| stage.section(me, *lock)), || stage.bury(me));
            })
        });
        players.collect::<Vec<_>>().into_iter().for_each(|player| player.join().unwrap());
        stage.end(parts.len());
    };
    explore(one);
}

fn explore(one: impl Fn() + Send + Sync + Copy + 'static) {
    // MODEL_ORDERS=1000000 for a night.
    let orders = std::env::var("MODEL_ORDERS").ok().and_then(|number| number.parse().ok()).unwrap_or(300);
    Runner::new(RandomScheduler::new(orders), shuttle::Config::default()).run(one);
    Runner::new(PctScheduler::new(3, orders), shuttle::Config::default()).run(one);
}

macro_rules! plays {
    ($($name:ident: $ranges:expr, $parts:expr;)*) => { $(
        mod $name {
            use super::*;

            #[test]
            fn nobody_vanishes() {
                check(&$parts, $ranges, false);
            }

            #[test]
            fn one_vanishes() {
                check(&$parts, $ranges, true);
            }
        }
    )* };
}

plays! {
    writers: 4, [&[Whole(X), Whole(X)], &[Whole(X), Whole(X)]];
    writers_and_readers: 4, [&[Whole(X), Whole(S)], &[Whole(S), Whole(X)], &[Whole(S)]];
    overlapping: 4, [&[Range(0, 2, X), Range(1, 3, X)], &[Range(1, 3, X)], &[Range(2, 4, X)]];
    apart: 4, [&[Range(0, 2, X)], &[Range(2, 4, X), Range(0, 1, S)]];
    readers_of_rows: 4, [&[Range(0, 2, X), Range(0, 4, S)], &[Range(1, 3, S)], &[Range(1, 2, S), Range(0, 1, X)]];
    rows_and_readers_of_all: 4, [&[Range(0, 2, X), Whole(S)], &[Whole(S), Range(1, 3, X)], &[Whole(S)]];
    rows_and_writers_of_all: 4, [&[Range(0, 2, X), Whole(X)], &[Whole(X), Range(1, 3, X)]];
    everything: 4, [&[Range(0, 2, X), Whole(X)], &[Whole(S), Range(1, 3, S)], &[Range(1, 3, X)], &[Whole(X)]];
    a_full_table: 1, [&[Range(0, 2, X), Range(2, 3, S)], &[Range(1, 3, X)], &[Whole(S), Range(3, 4, X)]];
}

/// A thread that gives back its rows is stopped at each step. Meanwhile another thread of its process gives back others,
/// and another process, whose handle has the same number, gets their record: it keeps what it has.
#[test]
fn a_thread_gives_back_its_own() {
    for steps in 0..50 {
        let one = move || {
            let stage = Stage::new(2, 4);
            let [mine, other] = [0, 1].map(|me| Attachment::new(&stage.control, me));
            let lock = |attachment: &Attachment, handle, start, end, mode| {
                ranges::lock(attachment, handle, Rows { start, end }, mode, Timeout::Try)
            };
            let unlock = |attachment: &Attachment, handle, start, end| {
                ranges::unlock(attachment, handle, Some(Rows { start, end })).unwrap()
            };
            // Who finds the table occupied does not wait for ever.
            futex::let_time_pass();
            assert!(lock(&mine, 2, 2, 4, X).is_ok());
            assert!(lock(&mine, 1, 0, 2, S).is_ok());
            let (my_thread, neighbour, entered) = (mine.clone(), other.clone(), Arc::new(Mutex::new(false)));
            let has_entered = entered.clone();
            interrupt(steps, move || {
                assert!(unlock(&my_thread, 2, 2, 4));
                *has_entered.lock().unwrap() = lock(&neighbour, 1, 0, 2, S).is_ok();
            });
            assert!(unlock(&mine, 1, 0, 2), "stopped at step {steps}");
            assert!(!unlock(&mine, 1, 0, 2), "stopped at step {steps}: given back, and still there");
            assert_eq!(
                unlock(&other, 1, 0, 2),
                *entered.lock().unwrap(),
                "stopped at step {steps}: what the other had"
            );
        };
        Runner::new(RandomScheduler::new(1), shuttle::Config::default()).run(one);
    }
}

/// One that gives back its rows is stopped at each step. Meanwhile another gives back others, and does not wait for it to
/// come out of the table; and so does a third while the first goes on. At the end all writes are counted, and nobody else
/// need come there.
#[test]
fn who_is_in_the_table_works_for_who_could_not_come_in() {
    for (first, second) in (0..60).flat_map(|first| (0..40).map(move |second| (first, second))) {
        let one = move || {
            let stage = Stage::new(3, 4);
            let all = [0, 1, 2].map(|me| Attachment::new(&stage.control, me));
            futex::let_time_pass();
            let rows = |me: u64| Rows { start: me, end: me + 1 };
            for (attachment, me) in all.iter().zip(0..) {
                assert!(ranges::lock(attachment, 1, rows(me), X, Timeout::Try).is_ok());
            }
            let give_back = move |attachment: &Attachment, me| {
                ranges::unlock(attachment, 1, Some(rows(me))).unwrap();
            };
            let [mine, another, third] = all.clone();
            interrupt(first, move || {
                give_back(&another, 1);
                interrupt(second, move || give_back(&third, 2));
            });
            give_back(&mine, 0);
            // If that was over before so many steps.
            give_back(&all[1], 1);
            give_back(&all[2], 2);
            let words = mine.words();
            assert_eq!(words.begun.load(SeqCst), words.ended.load(SeqCst), "stopped at steps {first} and {second}");
            assert_eq!(words.ranges_high.load(SeqCst), 0, "stopped at steps {first} and {second}: a record is left");
        };
        Runner::new(RandomScheduler::new(1), shuttle::Config::default()).run(one);
    }
}

/// A store of one: a taker sleeps until a maker has notified; whoever vanishes, the last one finds out.
fn trade(vanishes: bool) {
    let one = move || {
        let stage = Stage::new(3, 2);
        let stock = Arc::new(Mutex::new(0u32));
        let steps = vanishes.then(|| thread_rng().gen_range(0..90u64));
        let maker = move |stage: &Stage, stock: &Mutex<u32>, me: usize| {
            let attachment = Attachment::new(&stage.control, me);
            let _ = lock_whole(&attachment, X);
            step();
            *stock.lock().unwrap() += 1;
            condition::notify(&attachment, 0, 1);
            unlock_whole(&attachment, X);
        };
        let taker = move |stage: &Stage, stock: &Mutex<u32>, me: usize| {
            let attachment = Attachment::new(&stage.control, me);
            let _ = lock_whole(&attachment, X);
            while *stock.lock().unwrap() == 0 {
                let _ = condition::wait(&attachment, 0, Timeout::Forever).unwrap();
                if stage.control.someone_died() && *stock.lock().unwrap() == 0 {
                    break; // the maker may be gone
                }
            }
            let mut stock = stock.lock().unwrap();
            *stock = stock.saturating_sub(1);
            drop(stock);
            step();
            unlock_whole(&attachment, X);
        };
        // The first may vanish: a taker that takes its notification with it, or a maker that gives none.
        let vanishing_maker = thread_rng().gen_bool(0.5);
        let players: Vec<_> = (0..3)
            .map(|me| {
                let (stage, stock) = (stage.clone(), stock.clone());
                thread::spawn(move || {
                    let part = || match me {
                        0 if vanishing_maker => maker(&stage, &stock, me),
                        0 => taker(&stage, &stock, me),
                        1 => taker(&stage, &stock, me),
                        _ => (0..2).for_each(|_| maker(&stage, &stock, me)),
                    };
                    play(steps.filter(|_| me == 0), part, || stage.bury(me));
                })
            })
            .collect();
        players.into_iter().for_each(|player| player.join().unwrap());
    };
    explore(one);
}

#[test]
fn a_condition_nobody_vanishes() {
    trade(false);
}

#[test]
fn a_condition_one_vanishes() {
    trade(true);
}
