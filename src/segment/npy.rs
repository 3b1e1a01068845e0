//! The .npy front of every file: what numpy reads to know the dtype, the order and the shape.
//!
//! ```text
//! "\x93NUMPY"  major  minor  length of the header  {'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }   \n
//! 6 bytes      1      1      2, or 4 from 2.0 on   a Python dict, padded with spaces and ended by a newline
//! ```
//!
//! Numbers are little-endian. The header is Latin-1 up to version 2.0 and UTF-8 in 3.0; the elements follow at once.
//! Our own files pad it to a whole number of pages, so that the elements are aligned and so that a resize can write
//! another shape in place: hence the room for the widest shape there can be.

use crate::error::{Code, Error, Result};
use crate::segment::literal::Literal;

/// How much of a file's start [`parse`] wants to see (or all of a shorter file).
pub const READ_AHEAD: usize = 16 * 1024;

const MAGIC: &[u8] = b"\x93NUMPY";
/// numpy refuses to read a longer header.
const MAX_CHARACTERS: usize = 10_000;
/// The lengths of our fronts: whole pages, and below numpy's limit.
const ROOMS: [usize; 2] = [4096, 8192];
/// The longest shape: as many dimensions as numpy has, each of twenty digits.
const WIDEST_SHAPE: [u64; 64] = [u64::MAX; 64];

/// What a .npy front says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Front {
    /// The dtype, not judged yet: a type string (`<f8`), or the text of a structured one (`[('x', '<f4')]`).
    pub descr: String,
    /// Whether the first axis is the fastest.
    pub fortran: bool,
    /// Elements along each axis.
    pub shape: Vec<u64>,
    /// Where the elements begin, in bytes from the start of the file.
    pub data_offset: u64,
}

/// Reads the front at the start of a file, of which `bytes` are the first [`READ_AHEAD`], or all.
pub fn parse(bytes: &[u8]) -> Result<Front> {
    let Some(rest) = bytes.strip_prefix(MAGIC) else {
        return Err(Error::new(Code::Format, r#"not a .npy file: it does not begin with "\x93NUMPY""#));
    };
    let Some((&[major, minor], rest)) = rest.split_first_chunk() else { return Err(cut_short(bytes)) };
    let (length, rest) = match (major, minor) {
        (1, 0) => rest.split_first_chunk().map(|(n, rest)| (u16::from_le_bytes(*n).into(), rest)),
        (2 | 3, 0) => rest.split_first_chunk().map(|(n, rest)| (u32::from_le_bytes(*n), rest)),
        _ => {
            let detail = format!("the .npy header has version {major}.{minor}; 1.0, 2.0 and 3.0 can be read");
            return Err(Error::new(Code::Version, detail));
        }
    }
    .ok_or_else(|| cut_short(bytes))?;

    let start = bytes.len() - rest.len();
    let length = length as usize;
    if start + length > READ_AHEAD {
        return Err(damaged(format!("it claims to be {length} bytes long, at most {} are read", READ_AHEAD - start)));
    }
    let header = decode(major, rest.get(..length).ok_or_else(|| cut_short(bytes))?)?;
    let characters = header.chars().count();
    if characters > MAX_CHARACTERS {
        return Err(damaged(format!("it is {characters} characters long, numpy reads at most {MAX_CHARACTERS}")));
    }
    let (descr, fortran, shape) = fields(&Literal::parse(&header).map_err(damaged)?)?;
    Ok(Front { descr, fortran, shape, data_offset: (start + length) as u64 })
}

/// Writes a front of exactly `length` bytes: see [`room`] for how many to ask for.
pub fn render(descr: &str, fortran: bool, shape: &[u64], length: usize) -> Result<Vec<u8>> {
    let mut front = unpadded(descr, fortran, shape);
    let header = length.checked_sub(prefix_length(descr)).and_then(|header| u16::try_from(header).ok());
    let Some(header) = header.filter(|_| front.len() < length) else {
        let detail = format!("the .npy header needs {} bytes and has {length}", front.len() + 1);
        return Err(Error::new(Code::Dtype, detail));
    };
    front[MAGIC.len() + 2..][..2].copy_from_slice(&header.to_le_bytes());
    front.resize(length - 1, b' ');
    front.push(b'\n');
    Ok(front)
}

/// How long the front must be so that it fits whatever the shape becomes: 4096 or 8192 bytes.
pub fn room(descr: &str) -> Result<usize> {
    let needed = unpadded(descr, false, &WIDEST_SHAPE).len() + 1;
    ROOMS.into_iter().find(|&room| needed <= room).ok_or_else(|| {
        let most = ROOMS[1] - (needed - descr.len());
        let detail = format!(
            "the dtype's descr is {} bytes long, a .npy header has room for {most}: shorten or group the fields' names",
            descr.len()
        );
        Error::new(Code::Dtype, detail)
    })
}

/// The front without its padding, the header's length still zero.
fn unpadded(descr: &str, fortran: bool, shape: &[u64]) -> Vec<u8> {
    let mut front = MAGIC.to_vec();
    front.extend([if descr.is_ascii() { 1 } else { 3 }, 0]);
    front.resize(prefix_length(descr), 0);

    let descr = if descr.starts_with('[') { descr.into() } else { Literal::Str(descr.into()).to_string() };
    let fortran = Literal::Bool(fortran);
    let shape = Literal::Tuple(shape.iter().map(|&n| Literal::Int(n.into())).collect());
    front.extend(format!("{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}").bytes());
    front
}

/// The bytes before the header: its length takes two in version 1.0, and four in 3.0, which other alphabets need.
fn prefix_length(descr: &str) -> usize {
    MAGIC.len() + 2 + if descr.is_ascii() { 2 } else { 4 }
}

fn decode(major: u8, header: &[u8]) -> Result<String> {
    match major {
        3 => String::from_utf8(header.to_vec()).map_err(|error| damaged(format!("it is not UTF-8: {error}"))),
        _ => Ok(header.iter().map(|&latin1| char::from(latin1)).collect()),
    }
}

/// The three entries of the header's dict, in any order.
fn fields(header: &Literal) -> Result<(String, bool, Vec<u64>)> {
    let entries = if let Literal::Dict(entries) = header { entries.as_slice() } else { &[] };
    let entry = |name: &str| entries.iter().find(|(key, _)| *key == Literal::Str(name.into())).map(|(_, value)| value);
    match (entries.len(), entry("descr"), entry("fortran_order"), entry("shape")) {
        (3, Some(descr), Some(Literal::Bool(fortran)), Some(Literal::Tuple(shape))) => {
            let descr = if let Literal::Str(text) = descr { text.clone() } else { descr.to_string() };
            Ok((descr, *fortran, lengths(shape)?))
        }
        _ => {
            let start: String = header.to_string().chars().take(200).collect();
            Err(damaged(format!("expected a dict of 'descr', 'fortran_order' (a bool) and 'shape' (a tuple): {start}")))
        }
    }
}

fn lengths(shape: &[Literal]) -> Result<Vec<u64>> {
    let length = |literal: &Literal| match literal {
        Literal::Int(n) => u64::try_from(*n).ok(),
        _ => None,
    };
    shape.iter().map(|n| length(n).ok_or_else(|| damaged(format!("the shape has a length of {n}")))).collect()
}

fn damaged(why: String) -> Error {
    Error::new(Code::Corrupt, format!("the .npy header is damaged: {why}"))
}

fn cut_short(bytes: &[u8]) -> Error {
    damaged(format!("the file ends inside it, after {} bytes", bytes.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A front around any header text, as a program other than numpy may have written it.
    fn front(major: u8, header: &[u8]) -> Vec<u8> {
        let length = (header.len() as u32).to_le_bytes();
        [MAGIC, &[major, 0], if major == 1 { &length[..2] } else { &length }, header].concat()
    }

    fn code(bytes: &[u8]) -> Code {
        parse(bytes).unwrap_err().code()
    }

    #[test]
    fn text_is_numpys() {
        let front = render("<f8", false, &[2, 3], 4096).unwrap();
        let text = b"\x93NUMPY\x01\x00\xf6\x0f{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }  ";
        assert!(front.starts_with(text));
        assert!(front.ends_with(b"  \n"));
    }

    #[test]
    fn what_is_written_is_read() {
        let structured = "[('x', '<f4'), ('\u{e9}', '<i4', (3,))]";
        for (descr, version) in [("<f8", 1), ("<M8[25s]", 1), ("[('x', '<f4')]", 1), (structured, 3)] {
            for (fortran, shape) in [(false, vec![]), (true, vec![0]), (true, vec![2, 3]), (false, vec![u64::MAX; 64])]
            {
                for length in [4096, 8192] {
                    let bytes = render(descr, fortran, &shape, length).unwrap();
                    assert_eq!((bytes.len(), bytes[6]), (length, version));
                    let (descr, shape) = (descr.to_string(), shape.clone());
                    assert_eq!(parse(&bytes).unwrap(), Front { descr, fortran, shape, data_offset: length as u64 });
                }
            }
        }
    }

    #[test]
    fn reads_what_others_write() {
        let python2 = b"{'shape': (3L,), 'fortran_order': True, 'descr': [(u'\xe9', '<f4')]}\n";
        for major in [1, 2] {
            let front = parse(&front(major, python2)).unwrap();
            assert_eq!((front.descr.as_str(), front.shape), ("[('\u{e9}', '<f4')]", vec![3]));
            assert_eq!(front.data_offset, if major == 1 { 10 } else { 12 } + python2.len() as u64);
        }
        assert!(parse(&front(3, python2)).unwrap_err().detail().contains("UTF-8"));
    }

    #[test]
    fn room_is_enough_for_any_shape() {
        let field = |n| format!("[('{}', '<f4')]", "x".repeat(n));
        for (descr, expected) in [("<f8".into(), 4096), (field(2000), 4096), (field(3000), 8192)] {
            assert_eq!(room(&descr).unwrap(), expected);
            assert!(render(&descr, false, &WIDEST_SHAPE, expected).is_ok());
        }
        let most = 8192 - (unpadded("", false, &WIDEST_SHAPE).len() - "''".len() + 1);
        let widest = field(most - field(0).len());
        assert_eq!(room(&widest).unwrap(), 8192);
        assert!(render(&widest, false, &WIDEST_SHAPE, 8192).is_ok());
        let error = room(&field(most - field(0).len() + 1)).unwrap_err();
        assert_eq!(error.code(), Code::Dtype);
        assert!(error.detail().contains(&format!("is {} bytes long", most + 1)), "{error}");
        assert!(error.detail().contains(&format!("room for {most}")), "{error}");
    }

    #[test]
    fn a_front_that_does_not_fit_is_refused() {
        assert_eq!(render("<f8", false, &[], 60).unwrap_err().code(), Code::Dtype);
        assert_eq!(render("<f8", false, &[], 5).unwrap_err().code(), Code::Dtype);
        assert_eq!(render("<f8", false, &[], 70_000).unwrap_err().code(), Code::Dtype);
    }

    #[test]
    fn strangers_and_newer_versions_are_told_apart_from_damage() {
        assert_eq!(code(b""), Code::Format);
        assert_eq!(code(b"\x93NUMP"), Code::Format);
        assert_eq!(code(b"PK\x03\x04"), Code::Format);
        assert_eq!(code(b"\x93NUMPY\x04\x00"), Code::Version);
        assert_eq!(code(b"\x93NUMPY\x01\x01"), Code::Version);
        let whole = render("<f8", false, &[2, 3], 4096).unwrap();
        for length in MAGIC.len()..whole.len() {
            assert_eq!(code(&whole[..length]), Code::Corrupt, "cut to {length} bytes");
        }
    }

    #[test]
    fn damage_is_told_in_words() {
        for (header, complaint) in [
            ("", "expected a value at character 1"),
            ("[]", "expected a dict of"),
            ("{}", "expected a dict of"),
            ("{'descr': '<f8', 'fortran_order': False}", "expected a dict of"),
            ("{'descr': '<f8', 'fortran_order': False, 'shape': (1,), 'x': 1}", "'x': 1"),
            ("{'descr': '<f8', 'descr': '<f4', 'fortran_order': False, 'shape': ()}", "'descr': '<f4'"),
            ("{'descr': '<f8', 'descr': '<f4', 'shape': ()}", "'descr': '<f4'"),
            ("{'descr': '<f8', 'fortran_order': 1, 'shape': ()}", "'fortran_order': 1"),
            ("{'descr': '<f8', 'fortran_order': False, 'shape': 3}", "'shape': 3"),
            ("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}", "a length of -1"),
            ("{'descr': '<f8', 'fortran_order': False, 'shape': (18446744073709551616,)}", "a length of 184467"),
            ("{'descr': '<f8', 'fortran_order': False, 'shape': (True,)}", "a length of True"),
            (&" ".repeat(10_001), "10001 characters"),
            (&" ".repeat(20_000), "claims to be 20000 bytes"),
        ] {
            let error = parse(&front(2, header.as_bytes())).unwrap_err();
            assert_eq!(error.code(), Code::Corrupt, "{header}");
            assert!(error.detail().contains(complaint), "{header}: {error}");
        }
    }

    /// Any byte of a front may be flipped: that is an answer, never a panic.
    #[test]
    fn flipped_bits_never_panic() {
        let whole = render("[('x', '<f4'), ('\u{e9}', '<i4', (3,))]", false, &[2, 3], 256).unwrap();
        for i in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[i / 8] ^= 1 << (i % 8);
            let _ = parse(&flipped);
        }
    }
}
