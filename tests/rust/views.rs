//! Views: parts without a copy, private copies, and how long memory lives.

use shm_array::array::view::Slice;
use shm_array::{Access, Array, Errno, Options};

use crate::given::{Name, doubles, load, refused, store};

fn slice(start: impl Into<Option<i64>>, stop: impl Into<Option<i64>>, step: impl Into<Option<i64>>) -> Slice {
    Slice { start: start.into(), stop: stop.into(), step: step.into() }
}

#[test]
fn slices_are_pythons() {
    let array = Array::create(None, "<f8", &[10], &Options::default()).unwrap();
    (0..10).for_each(|i| store(&array, i, i as f64));
    for (part, expected) in [
        (slice(2, 8, 3), vec![2.0, 5.0]),
        (slice(None, None, -4), vec![9.0, 5.0, 1.0]),
        (slice(-3, 100, None), vec![7.0, 8.0, 9.0]),
        (slice(8, 2, None), vec![]),
    ] {
        let part = array.slice(&[part]).unwrap();
        let count = part.view().unwrap().count as usize;
        assert_eq!((0..count).map(|i| load(&part, i)).collect::<Vec<_>>(), expected);
    }
    refused(array.slice(&[slice(None, None, 0)]), Errno::EINVAL, &["step 0"]);
    refused(array.slice(&[Slice::default(); 2]), Errno::EINVAL, &["2 slices", "1 dimension"]);
}

#[test]
fn a_slice_of_a_slice_shares_the_memory() {
    let array = Array::create(None, "<i4", &[6, 8], &Options::default()).unwrap();
    let rows = array.slice(&[slice(1, 5, 2)]).unwrap();
    let part = rows.slice(&[Slice::default(), slice(None, None, -2)]).unwrap();
    let (whole, view) = (array.view().unwrap(), part.view().unwrap());
    assert_eq!((view.shape(), view.strides()), (&[2, 4][..], &[64, -8][..]));
    // SAFETY: both lie in one mapping.
    assert_eq!(unsafe { view.data.offset_from(whole.data) }, 32 + 7 * 4);
    assert!(!view.c_contiguous && !view.f_contiguous && view.aligned);
}

#[test]
fn a_part_outlives_its_whole() {
    let name = Name::new();
    let array = Array::create(Some(&name), "<f8", &[10], &Options { last_close: true, ..Options::default() }).unwrap();
    store(&array, 3, 1.5);
    let part = array.slice(&[slice(3, None, None)]).unwrap();
    drop(array);
    assert_eq!(load(&part, 0), 1.5);
    assert!(name.exists());
    drop(part);
    assert!(!name.exists());
}

#[test]
fn a_view_says_what_may_be_done() {
    let name = Name::new();
    let array = doubles(&name, 4);
    for (access, writable, shared) in
        [(Access::Read, false, true), (Access::Write, true, true), (Access::CopyOnWrite, true, false)]
    {
        let view = Array::open(&name, access).unwrap().view().unwrap();
        assert_eq!((view.writable, view.shared), (writable, shared), "{access:?}");
    }
    assert!(array.view().unwrap().aligned);
}

#[test]
fn copy_on_write_stays_private() {
    let name = Name::new();
    let array = doubles(&name, 4);
    let private = Array::open(&name, Access::CopyOnWrite).unwrap();
    store(&private, 0, 7.0);
    assert_eq!((load(&private, 0), load(&array, 0)), (7.0, 0.0));
}
