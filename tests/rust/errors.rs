//! What bad input gets: a code to branch on, and words with names and figures.

use std::os::unix::fs::FileExt;

use shm_array::{Access, Array, Code, Errno, Options, unlink};

use crate::given::{Name, doubles, refused, says};

#[test]
fn bad_names_are_refused_by_whoever_takes_a_name() {
    for (name, word) in [("", "empty"), ("a/b", "'/'"), ("..", "dot"), ("a b", "character"), ("file://", "file")] {
        refused(Array::create(Some(name), "<f8", &[1], &Options::default()), Errno::EINVAL, &[word]);
        refused(Array::open(name, Access::Read), Errno::EINVAL, &[word]);
        refused(unlink(name), Errno::EINVAL, &[word]);
    }
}

#[test]
fn missing_and_existing_names_are_told() {
    let name = Name::new();
    refused(Array::open(&name, Access::Read), Errno::ENOENT, &[&name]);
    let _array = doubles(&name, 1);
    refused(Array::create(Some(&name), "<f8", &[1], &Options::default()), Errno::EEXIST, &[&name]);
}

#[test]
fn dtypes_that_cannot_be_shared_are_refused_by_name() {
    for (dtype, word) in [("O", "objects"), ("<f3", "<f3"), ("StringDType()", "StringDType"), ("[('x'", "[('x'")] {
        let error = Array::create(None, dtype, &[1], &Options::default()).unwrap_err();
        assert_eq!(error.code(), Code::Dtype);
        says(&error, &[word]);
    }
}

#[test]
fn options_that_make_no_sense_are_refused() {
    for (options, word) in [
        (Options { slots: 1024, ..Options::default() }, "1023"),
        (Options { capacity: 2, ..Options::default() }, "capacity 2"),
    ] {
        refused(Array::create(None, "<f8", &[3], &options), Errno::EINVAL, &[word]);
    }
}

/// Damage to a closed array, and what opening it then says.
#[track_caller]
fn damaged(damage: impl FnOnce(&std::fs::File, u64), code: Code, word: &str) {
    let name = Name::new();
    drop(doubles(&name, 10));
    let file = std::fs::File::options().read(true).write(true).open(name.path()).unwrap();
    damage(&file, file.metadata().unwrap().len());
    for access in [Access::Read, Access::CopyOnWrite, Access::Write] {
        let error = Array::open(&name, access).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        says(&error, &[&name, word]);
    }
}

#[test]
fn a_file_that_was_cut_is_damaged() {
    damaged(|file, len| file.set_len(len - 4096).unwrap(), Code::Corrupt, "cut off");
    damaged(|file, len| file.set_len(len + 4096).unwrap(), Code::Corrupt, "cut off or overwritten");
}

#[test]
fn a_flipped_bit_is_damage() {
    let flip = |from_end: u64| {
        move |file: &std::fs::File, len: u64| {
            let mut byte = [0];
            file.read_exact_at(&mut byte, len - from_end).unwrap();
            file.write_all_at(&[byte[0] ^ 1], len - from_end).unwrap();
        }
    };
    damaged(flip(64), Code::Corrupt, "trailer");
    damaged(flip(64 + 600), Code::Corrupt, "header");
    damaged(flip(4096 - 512 - 40), Code::Corrupt, "layout");
}

#[test]
fn what_is_not_an_array_is_not_unlinked() {
    let name = Name::new();
    std::fs::write(name.path(), "something else").unwrap();
    assert_eq!(Array::open(&name, Access::Read).unwrap_err().code(), Code::Format);
    assert_eq!(unlink(&name).unwrap_err().code(), Code::Format);
    assert!(name.exists());
}
