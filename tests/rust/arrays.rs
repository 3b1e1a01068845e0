//! Making arrays, of every kind, and what they are when opened.

use std::os::fd::AsFd;

use shm_array::{Access, Array, Errno, OpenFlags, Options};

use crate::given::{Child, Name, doubles, load, refused, store};

#[test]
fn what_one_writes_another_reads() {
    let name = Name::new();
    let array = doubles(&name, 1000);
    assert_eq!(load(&array, 999), 0.0);
    let child = Child::start(|| {
        let there = Array::open(&name, Access::Write).unwrap();
        assert_eq!(there.view().unwrap().shape(), [1000]);
        store(&there, 7, 2.5);
    });
    assert_eq!(child.end(), 0);
    assert_eq!(load(&array, 7), 2.5);
}

#[test]
fn every_kind_of_dtype_comes_back() {
    for (given, kept, itemsize) in [
        ("float64", "<f8", 8),
        ("?", "|b1", 1),
        (">i2", ">i2", 2),
        ("<U10", "<U10", 40),
        ("M8[25s]", "<M8[25s]", 8),
        ("c16", "<c16", 16),
        ("V6", "|V6", 6),
        ("[('x', 'f4'), ('y', '>i4', (3,)), ('z', [('q', 'u1')])]", "", 17),
    ] {
        let name = Name::new();
        drop(Array::create(Some(&name), given, &[3], &Options::default()).unwrap());
        let array = Array::open(&name, Access::Read).unwrap();
        assert_eq!(array.view().unwrap().itemsize, itemsize, "{given}");
        let dtype = array.dtype().to_str().unwrap();
        assert!(kept.is_empty() && dtype.contains("('z', [('q', '|u1')])") || dtype == kept, "{given}: {dtype}");
    }
}

#[test]
fn an_extension_dtype_keeps_its_name() {
    let name = Name::new();
    let options = Options { dtype_tag: Some("bfloat16"), ..Options::default() };
    drop(Array::create(Some(&name), "|V2", &[3], &options).unwrap());
    assert_eq!(Array::open(&name, Access::Read).unwrap().dtype_tag(), c"bfloat16");
}

#[test]
fn fortran_order_is_kept() {
    let name = Name::new();
    drop(Array::create(Some(&name), "<i2", &[2, 3, 4], &Options { fortran: true, ..Options::default() }).unwrap());
    let view = Array::open(&name, Access::Read).unwrap().view().unwrap();
    assert_eq!(view.strides(), [2, 4, 12]);
    assert!(view.f_contiguous && !view.c_contiguous);
}

#[test]
fn from_no_dimension_to_sixty_four() {
    let scalar = Array::create(None, "<f8", &[], &Options::default()).unwrap().view().unwrap();
    assert_eq!((scalar.count, scalar.nbytes), (1, 8));
    let empty = Array::create(None, "<f8", &[3, 0, 2], &Options::default()).unwrap().view().unwrap();
    assert_eq!((empty.count, empty.shape()), (0, &[3, 0, 2][..]));
    let many = Array::create(None, "|u1", &[1; 64], &Options::default()).unwrap().view().unwrap();
    assert_eq!(many.shape(), [1; 64]);
    refused(Array::create(None, "|u1", &[1; 65], &Options::default()), Errno::EINVAL, &["65", "64"]);
}

#[test]
fn a_shape_that_no_computer_holds_is_refused() {
    for shape in [&[u64::MAX][..], &[1 << 32, 1 << 32], &[0, 1 << 40, 1 << 40]] {
        refused(Array::create(None, "<f8", shape, &Options::default()), Errno::EINVAL, &[&format!("{shape:?}")]);
    }
}

#[test]
fn metadata_travel_and_must_be_json() {
    let name = Name::new();
    let text = "{\"unit\": \"K\", \"axes\": [\"größe\"]}";
    drop(Array::create(Some(&name), "<f8", &[1], &Options { metadata: Some(text), ..Options::default() }).unwrap());
    let there = Array::open(&name, Access::Read).unwrap();
    assert_eq!(there.metadata().unwrap().to_str(), Ok(text));
    let wrong = Options { metadata: Some("{unit: K}"), ..Options::default() };
    refused(Array::create(None, "<f8", &[1], &wrong), Errno::EINVAL, &["JSON"]);
}

#[test]
fn permissions_are_as_asked() {
    use std::os::unix::fs::PermissionsExt;
    for (asked, got) in [(0, 0o600), (0o640, 0o640)] {
        let name = Name::new();
        let options = Options { permissions: asked, ..Options::default() };
        drop(Array::create(Some(&name), "<f8", &[1], &options).unwrap());
        assert_eq!(std::fs::metadata(name.path()).unwrap().permissions().mode() & 0o7777, got);
    }
    refused(
        Array::create(None, "<f8", &[1], &Options { permissions: 0o4755, ..Options::default() }),
        Errno::EINVAL,
        &["0o4755"],
    );
}

#[test]
fn memory_without_a_name_travels_by_descriptor() {
    let array = Array::create(None, "<f8", &[4], &Options::default()).unwrap();
    store(&array, 1, 4.0);
    let fd = array.fd().unwrap();
    drop(array);
    let again = Array::open_fd(fd.as_fd(), Access::Write).unwrap();
    assert_eq!((load(&again, 1), again.name()), (4.0, c""));
    refused(again.unlink(), Errno::EINVAL, &["anonymous"]);
}

#[test]
fn create_or_open_takes_what_is_the_same() {
    let name = Name::new();
    let options = Options { or_open: true, ..Options::default() };
    let first = Array::create(Some(&name), "<f8", &[4], &options).unwrap();
    store(&first, 0, 1.0);
    assert_eq!(load(&Array::create(Some(&name), "<f8", &[4], &options).unwrap(), 0), 1.0);
    refused(Array::create(Some(&name), "<f4", &[4], &options), Errno::EEXIST, &["<f8", "<f4"]);
    refused(Array::create(Some(&name), "<f8", &[5], &options), Errno::EEXIST, &["[4]", "[5]"]);
}

#[test]
fn an_untracked_array_has_elements_and_no_lock() {
    let name = Name::new();
    let array = doubles(&name, 4);
    let untracked = OpenFlags { untracked: true, ..Access::Write.into() };
    let mapped = Array::open(&name, untracked).unwrap();
    store(&mapped, 0, 3.0);
    assert_eq!(load(&array, 0), 3.0);
    let locked = mapped.lock(shm_array::Mode::Exclusive, shm_array::Timeout::Try);
    refused(locked, Errno::EOPNOTSUPP, &["UNTRACKED"]);
    refused(mapped.fd(), Errno::EOPNOTSUPP, &["UNTRACKED"]);
}

#[test]
fn an_array_grows_within_its_capacity() {
    let name = Name::new();
    let array = Array::create(Some(&name), "<f8", &[2, 3], &Options { capacity: 5, ..Options::default() }).unwrap();
    let other = Array::open(&name, Access::Read).unwrap();
    refused(array.resize(4), Errno::EPERM, &["exclusive"]);
    let _ = array.lock(shm_array::Mode::Exclusive, shm_array::Timeout::Try).unwrap();
    array.resize(5).unwrap();
    refused(array.resize(6), Errno::EINVAL, &["6", "5"]);
    array.unlock().unwrap();
    assert_eq!(other.view().unwrap().shape(), [5, 3]);
    let front = std::fs::read(name.path()).unwrap();
    assert!(String::from_utf8_lossy(&front[..200]).contains("'shape': (5, 3)"));
}
