//! The lock: who holds it, who waits, and what a death leaves.

use std::sync::Barrier;
use std::time::{Duration, Instant};

use shm_array::{Access, Acquired, Array, Errno, Mode, Options, Timeout};

use crate::given::{Child, Name, SOON, doubles, load, refused, store};

/// Two handles on one array, as two processes would have them.
fn two(name: &Name) -> (Array, Array) {
    (doubles(name, 4), Array::open(name, Access::Write).unwrap())
}

fn lock(array: &Array, mode: Mode) {
    assert_eq!(array.lock(mode, Timeout::Try).unwrap(), Acquired::Clean);
}

/// Another process that holds the lock until it is killed.
fn hold(name: &str, mode: Mode) -> Child {
    Child::that_stays(|| {
        let array = Array::open(name, Access::Write).unwrap();
        lock(&array, mode);
        std::mem::forget(array);
    })
}

#[test]
fn one_writes_or_many_read() {
    let name = Name::new();
    let (one, other) = two(&name);
    lock(&one, Mode::Exclusive);
    refused(other.lock(Mode::Exclusive, Timeout::Try), Errno::EBUSY, &["not free"]);
    refused(other.lock(Mode::Shared, Timeout::Try), Errno::EBUSY, &["not free"]);
    one.unlock().unwrap();
    lock(&one, Mode::Shared);
    lock(&other, Mode::Shared);
    refused(one.lock(Mode::Exclusive, Timeout::Try), Errno::EBUSY, &["shared"]);
    other.unlock().unwrap();
    one.unlock().unwrap();
    lock(&other, Mode::Exclusive);
}

#[test]
fn processes_exclude_each_other() {
    let name = Name::new();
    let array = doubles(&name, 1);
    let add = || {
        let mine = Array::open(&name, Access::Write).unwrap();
        for _ in 0..2000 {
            assert_eq!(mine.lock(Mode::Exclusive, SOON).unwrap(), Acquired::Clean);
            store(&mine, 0, load(&mine, 0) + 1.0);
            mine.unlock().unwrap();
        }
    };
    let children = [Child::start(add), Child::start(add), Child::start(add)];
    assert_eq!(children.map(Child::end), [0; 3]);
    assert_eq!(load(&array, 0), 6000.0);
    assert_eq!(array.generation().unwrap(), 6000);
}

#[test]
fn a_timeout_is_waited_to_its_end_and_names_the_holder() {
    let name = Name::new();
    let array = doubles(&name, 1);
    let holder = hold(&name, Mode::Exclusive);
    let start = Instant::now();
    let patience = Duration::from_millis(60);
    let pid = format!("process {} ", holder.pid());
    refused(array.lock(Mode::Exclusive, Timeout::For(patience)), Errno::ETIMEDOUT, &[&pid]);
    assert!(start.elapsed() >= patience);
}

#[test]
fn every_holder_after_a_death_is_told_until_one_recovers() {
    let name = Name::new();
    let array = doubles(&name, 1);
    hold(&name, Mode::Exclusive).kill();
    for mode in [Mode::Exclusive, Mode::Shared, Mode::Exclusive] {
        assert_eq!(array.lock(mode, SOON).unwrap(), Acquired::OwnerDied);
        if mode == Mode::Shared {
            refused(array.recover(), Errno::EPERM, &["exclusive"]);
        }
        array.unlock().unwrap();
    }
    assert!(array.stat().unwrap().inconsistent);
    assert_eq!(array.lock(Mode::Exclusive, SOON).unwrap(), Acquired::OwnerDied);
    array.recover().unwrap();
    array.unlock().unwrap();
    lock(&array, Mode::Exclusive);
    assert!(!array.stat().unwrap().inconsistent);
}

#[test]
fn a_zombie_is_dead_and_a_waiter_gets_its_lock() {
    let name = Name::new();
    let array = doubles(&name, 1);
    let holder = hold(&name, Mode::Exclusive);
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| array.lock(Mode::Exclusive, SOON));
        std::thread::sleep(Duration::from_millis(50));
        holder.kill();
        assert_eq!(waiter.join().unwrap().unwrap(), Acquired::OwnerDied);
    });
    assert_eq!(holder.end(), -libc::SIGKILL);
}

#[test]
fn a_readers_death_alarms_nobody() {
    let name = Name::new();
    let array = doubles(&name, 1);
    let reader = hold(&name, Mode::Shared);
    refused(array.lock(Mode::Exclusive, Timeout::Try), Errno::EBUSY, &[&format!("process {} ", reader.pid())]);
    reader.kill();
    assert_eq!(array.lock(Mode::Exclusive, SOON).unwrap(), Acquired::Clean);
}

#[test]
fn a_forked_child_holds_nothing() {
    let name = Name::new();
    let array = doubles(&name, 1);
    lock(&array, Mode::Exclusive);
    let child = Child::start(|| {
        refused(array.unlock(), Errno::EPERM, &["fork"]);
        refused(array.lock(Mode::Exclusive, Timeout::Try), Errno::EBUSY, &[]);
    });
    assert_eq!(child.end(), 0);
    array.unlock().unwrap();
}

#[test]
fn the_lock_belongs_to_the_handle_not_to_the_thread() {
    let name = Name::new();
    let (one, other) = two(&name);
    lock(&one, Mode::Exclusive);
    refused(other.unlock(), Errno::EPERM, &["handle"]);
    std::thread::scope(|scope| scope.spawn(|| one.unlock().unwrap()).join().unwrap());
    refused(one.unlock(), Errno::EPERM, &["handle"]);
    lock(&other, Mode::Exclusive);
}

#[test]
fn threads_exclude_each_other() {
    let array = Array::create(None, "<f8", &[1], &Options::default()).unwrap();
    let start = Barrier::new(3);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                start.wait();
                for _ in 0..2000 {
                    let _ = array.lock(Mode::Exclusive, Timeout::Forever).unwrap();
                    store(&array, 0, load(&array, 0) + 1.0);
                    array.unlock().unwrap();
                }
            });
        }
    });
    assert_eq!(load(&array, 0), 6000.0);
}

#[test]
fn closing_gives_back_what_the_handle_holds() {
    let name = Name::new();
    let (one, other) = two(&name);
    lock(&one, Mode::Shared);
    lock(&one, Mode::Shared);
    drop(one);
    lock(&other, Mode::Exclusive);
}

#[test]
fn who_only_reads_cannot_lock() {
    let name = Name::new();
    let _array = doubles(&name, 1);
    let reader = Array::open(&name, Access::Read).unwrap();
    refused(reader.lock(Mode::Shared, Timeout::Try), Errno::EACCES, &["reading"]);
}

#[test]
fn when_all_slots_are_taken_one_more_is_refused_until_somebody_dies() {
    let name = Name::new();
    let array = Array::create(Some(&name), "<f8", &[1], &Options { slots: 2, ..Options::default() }).unwrap();
    let holders = [hold(&name, Mode::Shared), hold(&name, Mode::Shared)];
    refused(array.lock(Mode::Shared, Timeout::Try), Errno::EUSERS, &["2 slots"]);
    holders[0].kill();
    lock(&array, Mode::Shared);
}

#[test]
fn stat_tells_who_is_there() {
    let name = Name::new();
    let array = doubles(&name, 1);
    let holder = hold(&name, Mode::Exclusive);
    let stat = array.stat().unwrap();
    assert_eq!((stat.lock, stat.lock_pid), (Some(Mode::Exclusive), holder.pid()));
    assert!(stat.pids.contains(&holder.pid()) && stat.pids.contains(&std::process::id()), "{:?}", stat.pids);
    holder.kill();
    assert_eq!(array.stat().unwrap().lock, None);
}
