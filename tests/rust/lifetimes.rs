//! How long arrays live, and who may take them away.

use std::time::Duration;

use shm_array::{Access, Array, Errno, Options, collect, list, unlink};

use crate::given::{Child, Name, doubles, load, refused, store};

fn last_close() -> Options<'static> {
    Options { last_close: true, ..Options::default() }
}

#[test]
fn an_array_stays_until_it_is_unlinked() {
    let name = Name::new();
    let child = Child::start(|| store(&doubles(&name, 1), 0, 1.0));
    assert_eq!(child.end(), 0);
    let _ = collect(None).unwrap();
    let array = Array::open(&name, Access::Read).unwrap();
    unlink(&name).unwrap();
    assert!(!name.exists());
    assert_eq!(load(&array, 0), 1.0);
    refused(unlink(&name), Errno::ENOENT, &[&name]);
}

#[test]
fn a_last_close_array_goes_with_its_last_user() {
    let name = Name::new();
    let array = Array::create(Some(&name), "<f8", &[1], &last_close()).unwrap();
    let other = Array::open(&name, Access::Write).unwrap();
    drop(array);
    assert!(name.exists());
    drop(other);
    assert!(!name.exists());
}

#[test]
fn what_killed_processes_leave_is_collected() {
    let name = Name::new();
    let child = Child::that_stays(|| std::mem::forget(Array::create(Some(&name), "<f8", &[1], &last_close()).unwrap()));
    collect(None).unwrap();
    assert!(name.exists(), "it is in use");
    child.kill();
    assert!(name.exists());
    collect(None).unwrap();
    assert!(!name.exists());
}

#[test]
fn persistent_arrays_are_collected_by_age_only() {
    let name = Name::new();
    drop(doubles(&name, 1));
    collect(None).unwrap();
    // An age that nobody else's has on this machine.
    collect(Some(Duration::from_secs(100 * 365 * 24 * 3600))).unwrap();
    assert!(name.exists());
}

#[test]
fn a_handle_unlinks_its_own_array_and_no_other() {
    let name = Name::new();
    let first = doubles(&name, 1);
    first.unlink().unwrap();
    let second = doubles(&name, 1);
    refused(first.unlink(), Errno::ESTALE, &["another"]);
    assert!(name.exists());
    second.unlink().unwrap();
}

#[test]
fn a_name_that_was_used_again_is_stale() {
    let name = Name::new();
    let first = doubles(&name, 1);
    let id = first.stat().unwrap().id;
    assert_eq!(Array::open_id(&name, Access::Read, &id).unwrap().stat().unwrap().id, id);
    first.unlink().unwrap();
    let _second = doubles(&name, 1);
    refused(Array::open_id(&name, Access::Read, &id), Errno::ESTALE, &[&name]);
}

#[test]
fn a_listing_tells_what_there_is() {
    let name = Name::new();
    let _array = Array::create(Some(&name), "<i2", &[3, 4], &last_close()).unwrap();
    let entries = list().unwrap();
    let mine: Vec<_> = entries.iter().filter(|entry| entry.name == *name).collect();
    let [entry] = mine.as_slice() else { panic!("{} entries of that name", mine.len()) };
    assert_eq!((entry.dtype.as_str(), entry.shape.as_slice(), entry.itemsize), ("<i2", &[3, 4][..], 2));
    assert!(entry.last_close && entry.attached && !entry.fortran && !entry.adopted);
}

#[test]
fn nothing_is_left_of_a_creation_that_failed() {
    let name = Name::new();
    refused(
        Array::create(Some(&name), "<f8", &[1 << 50], &Options::default()),
        Errno::ENOMEM,
        &["MemAvailable", "swap"],
    );
    assert!(!name.exists());
}
