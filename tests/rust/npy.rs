//! Ordinary .npy files: opened as they are, adopted, refused in words.

use shm_array::{Access, Array, Code, Errno, Mode, OpenFlags, Timeout};

use crate::given::{TestFile, load, refused, says, store};

fn adopt() -> OpenFlags {
    OpenFlags { adopt: true, ..Access::Write.into() }
}

/// As numpy.save writes three float64.
fn three() -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\x00\x76\x00{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }".to_vec();
    bytes.resize(127, b' ');
    bytes.push(b'\n');
    [1.0f64, 2.0, 3.0].iter().for_each(|element| bytes.extend(element.to_le_bytes()));
    bytes
}

#[test]
fn an_ordinary_file_opens_as_it_is() {
    let file = TestFile::new(&three());
    for access in [Access::Read, Access::CopyOnWrite] {
        let array = Array::open(&file.name(), access).unwrap();
        assert_eq!((load(&array, 2), array.view().unwrap().shape()), (3.0, &[3][..]));
        refused(array.generation(), Errno::EOPNOTSUPP, &["ordinary"]);
    }
    refused(Array::open(&file.name(), Access::Write), Errno::EOPNOTSUPP, &["SHM_ARRAY_ADOPT"]);
    assert_eq!(file.bytes(), three());
}

#[test]
fn adopting_makes_it_shared_and_leaves_it_an_npy() {
    let file = TestFile::new(&three());
    let array = Array::open(&file.name(), adopt()).unwrap();
    let _ = array.lock(Mode::Exclusive, Timeout::Try).unwrap();
    store(&array, 0, 9.0);
    refused(array.resize(2), Errno::EINVAL, &["adopted"]);
    array.unlock().unwrap();
    assert!(array.stat().unwrap().adopted);
    let bytes = file.bytes();
    assert_eq!((&bytes[..128], &bytes[128..136]), (&three()[..128], &9.0f64.to_le_bytes()[..]));
    assert_eq!(load(&Array::open(&file.name(), Access::Write).unwrap(), 0), 9.0);
}

#[test]
fn what_lies_about_itself_is_refused() {
    let whole = three();
    for (bytes, code, word) in [
        (b"PK\x03\x04".to_vec(), Code::Format, "NUMPY"),
        (whole[..100].to_vec(), Code::Corrupt, "100 bytes"),
        (whole[..140].to_vec(), Code::Corrupt, "cut short"),
        ([b"\x93NUMPY\x09\x00", &whole[8..]].concat(), Code::Version, "9.0"),
        (String::from_utf8_lossy(&whole[10..]).replace("<f8", "|O8").into_bytes(), Code::Dtype, "objects"),
    ] {
        let bytes = if code == Code::Dtype { [&whole[..10], &bytes].concat() } else { bytes };
        let file = TestFile::new(&bytes);
        for flags in [Access::Read.into(), adopt()] {
            let error = Array::open(&file.name(), flags).unwrap_err();
            assert_eq!(error.code(), code, "{error}");
            says(&error, &[word, &file.name()]);
        }
        assert_eq!(file.bytes(), bytes);
    }
}
