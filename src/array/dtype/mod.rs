//! The type of an element, in numpy's own words.
//!
//! Whoever names a dtype may write it as they like (`float64`, `f8`, `=f8`, `[('x', 'f4')]`); what we keep is exactly
//! what numpy would put into the header of a .npy file (`<f8`, `[('x', '<f4')]`), so that a dtype comes back from a
//! shared array as it went in. A structured one is a list of fields, each a tuple of name, type and perhaps a shape:
//!
//! ```text
//! [('x', '<f4'), ('y', '<i4', (2, 3)), ('', '|V4'), (('title', 'name'), [('inner', '>u2')])]
//!                 a sub-array          padding        a title            a structured type as a field
//! ```
//!
//! Extension types such as bfloat16 are unknown to numpy alone, and its headers hold them as raw bytes (`|V2`). They
//! keep their name beside that, as a tag. Objects and Python's variable-length strings are pointers into one process,
//! and are refused.
//!
//! Sizes and alignments are those of 64-bit Linux.

mod element;
mod names;

use crate::error::Result;
use crate::segment::literal::Literal;

use element::{Element, quoted, refuse, shown};
use names::NATIVE;

/// The type of an element: what it is called, how long it is, and how it must lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dtype {
    descr: String,
    tag: String,
    itemsize: u64,
    alignment: u64,
}

/// A kind of number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// An integer that may be negative.
    Signed,
    /// An integer that may not.
    Unsigned,
    /// IEEE 754.
    Float,
}

/// Longer texts do not fit in front of a .npy file.
const MAX_TEXT: usize = 8192;
/// Room for a tag in the segment.
const MAX_TAG: usize = 63;

impl Dtype {
    /// Understands any way of writing a dtype that the opening of this file names.
    pub fn parse(text: &str) -> Result<Dtype> {
        if text.len() > MAX_TEXT {
            return refuse(format!(
                "the dtype is {} bytes long, at most {MAX_TEXT} fit into a .npy header: shorten the names",
                text.len()
            ));
        }
        if let Some(extension) = Dtype::extension(text) {
            return Ok(extension);
        }
        let element = if text.trim_start().starts_with(['[', '(']) {
            let literal = Literal::parse(text)
                .or_else(|why| refuse(format!("dtype {}: {why}; expected e.g. \"[('x', '<f4')]\"", quoted(text))))?;
            Element::parse(&literal, 0)?
        } else {
            Element::scalar(text)?
        };
        let descr = match element.descr {
            Literal::Str(scalar) => scalar,
            Literal::Tuple(parts) => {
                let (base, shape) = (shown(&parts[0]), shown(&parts[1]));
                return refuse(format!(
                    "a sub-array is not a dtype: use {base}, and append {shape} to the array's shape"
                ));
            }
            fields => fields.to_string(),
        };
        Ok(Dtype { descr, tag: String::new(), itemsize: element.size, alignment: element.alignment })
    }

    /// The same bytes under the name of an extension type; an empty tag changes nothing.
    pub fn with_tag(self, tag: &str) -> Result<Dtype> {
        if tag.is_empty() || tag == self.tag {
            return Ok(self);
        }
        if !self.tag.is_empty() {
            return refuse(format!("the dtype is {} already, and cannot be tagged {} as well", self.tag, quoted(tag)));
        }
        match Dtype::extension(tag) {
            Some(extension) if extension.descr == self.descr => Ok(extension),
            Some(extension) => {
                let (expected, got) = (extension.descr, quoted(&self.descr));
                refuse(format!("elements tagged {tag} are of dtype \"{expected}\", not {got}"))
            }
            None if tag.len() <= MAX_TAG && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b)) => {
                Ok(Dtype { tag: tag.into(), ..self })
            }
            None => refuse(format!("dtype tag {}: expected at most {MAX_TAG} of A-Z a-z 0-9 _ - .", quoted(tag))),
        }
    }

    /// What numpy writes into a header: a type string, or the list of a structured type's fields.
    pub fn descr(&self) -> &str {
        &self.descr
    }

    /// The name of an extension type, or "".
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// Bytes of one element.
    pub fn itemsize(&self) -> u64 {
        self.itemsize
    }

    /// The multiple of bytes at which a C compiler expects an element: of a scalar as in C; of a structured type that
    /// is laid out like a C struct the largest of its fields', of any other (a packed one) 1.
    pub fn alignment(&self) -> u64 {
        self.alignment
    }

    /// What kind of number an element is, where it is one that processors count with: an integer of 1, 2, 4 or 8 bytes, or
    /// a float of 4 or 8, in this machine's byte order.
    pub fn number(&self) -> Option<Number> {
        let (order, code) = self.descr.split_at_checked(1)?;
        let number = match code.as_bytes().first()? {
            b'i' => Number::Signed,
            b'u' => Number::Unsigned,
            b'f' if self.itemsize == 4 || self.itemsize == 8 => Number::Float,
            _ => return None,
        };
        (self.tag.is_empty() && (order == NATIVE || order == "|")).then_some(number)
    }

    fn extension(name: &str) -> Option<Dtype> {
        let (itemsize, alignment) = names::extension(name)?;
        Some(Dtype { descr: format!("|V{itemsize}"), tag: name.into(), itemsize, alignment })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;
    use crate::segment::npy;

    fn detail(text: &str) -> String {
        let error = Dtype::parse(text).unwrap_err();
        assert_eq!(error.code(), Code::Dtype, "{text}");
        error.detail().into()
    }

    /// As written by people, what numpy makes of it, and its size and alignment in C.
    const UNDERSTOOD: [(&str, &str, u64, u64); 42] = [
        ("f8", "<f8", 8, 8),
        ("=f8", "<f8", 8, 8),
        ("|f8", "<f8", 8, 8),
        (">i2", ">i2", 2, 2),
        (">u1", "|u1", 1, 1),
        ("<b1", "|b1", 1, 1),
        ("?", "|b1", 1, 1),
        ("b", "|i1", 1, 1),
        (">L", ">u8", 8, 8),
        ("float64", "<f8", 8, 8),
        ("bool", "|b1", 1, 1),
        ("complex128", "<c16", 16, 8),
        ("longdouble", "<f16", 16, 16),
        (">c32", ">c32", 32, 16),
        ("S0", "|S0", 0, 1),
        (">S5", "|S5", 5, 1),
        ("c", "|S1", 1, 1),
        ("|U5", "<U5", 20, 4),
        (">U5", ">U5", 20, 4),
        ("U", "<U0", 0, 4),
        ("void", "|V0", 0, 1),
        ("<V7", "|V7", 7, 1),
        ("M8", "<M8", 8, 8),
        (">m8[ns]", ">m8[ns]", 8, 8),
        ("<M8[25s]", "<M8[25s]", 8, 8),
        ("M8[1D]", "<M8[D]", 8, 8),
        ("m8[7generic]", "<m8", 8, 8),
        ("datetime64[ms]", "<M8[ms]", 8, 8),
        ("timedelta64", "<m8", 8, 8),
        ("[]", "[]", 0, 1),
        ("[('x','f4'),('y','i4',3)]", "[('x', '<f4'), ('y', '<i4', (3,))]", 16, 4),
        ("[('x','i1'),('y','f8')]", "[('x', '|i1'), ('y', '<f8')]", 9, 1),
        ("[('x','i1'),('','V7'),('y','f8')]", "[('x', '|i1'), ('', '|V7'), ('y', '<f8')]", 16, 8),
        ("[('x','f8'),('y','i4')]", "[('x', '<f8'), ('y', '<i4')]", 12, 1),
        ("[('','V1'),('','f4',(2,)),('x','f4'),('','V0')]", "[('', '|V9'), ('x', '<f4')]", 13, 1),
        ("[('','f4')]", "[('', '<f4')]", 4, 4),
        ("[(('title','x'),'<f4',())]", "[(('title', 'x'), '<f4')]", 4, 4),
        ("[('a',('<f4',(3,)),(2,))]", "[('a', ('<f4', (3,)), (2,))]", 24, 4),
        ("[('a',[('b','>f8',(2,0))],(5,))]", "[('a', [('b', '>f8', (2, 0))], (5,))]", 0, 8),
        ("[('it\\'s \u{e9}','?')]", "[(\"it's \u{e9}\", '|b1')]", 1, 1),
        ("[('a',[('b',[('c','u1')])])]", "[('a', [('b', [('c', '|u1')])])]", 1, 1),
        ("('<f4',())", "<f4", 4, 4),
    ];

    #[test]
    #[cfg(target_endian = "little")]
    fn dtypes_are_kept_in_numpys_words() {
        for (text, descr, itemsize, alignment) in UNDERSTOOD {
            let dtype = Dtype::parse(text).unwrap();
            assert_eq!((dtype.descr(), dtype.itemsize(), dtype.alignment()), (descr, itemsize, alignment), "{text}");
            assert_eq!(Dtype::parse(descr).unwrap(), dtype, "{text}");
        }
    }

    #[test]
    fn extension_types_keep_their_name() {
        for (name, descr, alignment) in [("bfloat16", "|V2", 2), ("int4", "|V1", 1), ("complex32", "|V4", 2)] {
            let named = Dtype::parse(name).unwrap();
            assert_eq!((named.descr(), named.tag(), named.alignment()), (descr, name, alignment));
            assert_eq!(Dtype::parse(descr).unwrap().with_tag(name).unwrap(), named);
            assert_eq!(named.clone().with_tag(name).unwrap().with_tag("").unwrap(), named);
        }
        let unknown = Dtype::parse("<i8").unwrap().with_tag("fixed_point-32.32").unwrap();
        assert_eq!((unknown.descr(), unknown.tag()), ("<i8", "fixed_point-32.32"));
    }

    #[test]
    fn tags_that_contradict_are_refused() {
        for (text, tag, complaint) in [
            ("<f8", "bfloat16", "elements tagged bfloat16 are of dtype \"|V2\", not \"<f8\""),
            ("int4", "uint4", "the dtype is int4 already"),
            ("<f8", "white space", "expected at most 63 of A-Z"),
            ("<f8", &"x".repeat(64), "expected at most 63 of A-Z"),
        ] {
            let error = Dtype::parse(text).unwrap().with_tag(tag).unwrap_err();
            assert_eq!(error.code(), Code::Dtype);
            assert!(error.detail().contains(complaint), "{error}");
        }
    }

    #[test]
    fn what_cannot_be_shared_is_refused_by_name() {
        for text in ["O", "|O", "|O8", "object", "[('a', 'O')]", "[('a', [('b', '|O', (2,))])]"] {
            assert!(detail(text).contains("Python objects cannot be shared"), "{text}");
        }
        for text in ["T", "|T16", "StringDType()", "StringDType(na_object=None)", "[('a', 'T')]"] {
            assert!(detail(text).contains("StringDType keeps its text outside"), "{text}");
        }
    }

    #[test]
    fn nonsense_is_answered_with_advice() {
        for (text, complaint) in [
            ("", r#"dtype "" is not known; expected e.g. "<f8""#),
            ("hello", r#"dtype "hello" is not known"#),
            ("<q9", r#"dtype "<q9" is not known"#),
            ("<float64", "is not known"),
            ("f8 ", "is not known"),
            ("\u{e9}4", "is not known"),
            ("<f7", "no 'f' of that length; expected f2, f4, f8, f16"),
            ("<f1", "name the extension type"),
            ("U536870912", "larger than 2147483647 bytes"),
            ("S99999999999999999999", "larger than 2147483647 bytes"),
            ("M8[q]", "expected a time unit"),
            ("M8[2147483648s]", "expected a time unit"),
            ("('<f4', (3,))", "use '<f4', and append (3,) to the array's shape"),
            ("[('a', '<f4')", "expected ',' or ']' at character 14"),
            ("['a']", "'a' is not a field"),
            ("[('a',)]", "('a',) is not a field"),
            ("[(5, '<f4')]", "(5, '<f4') is not a field"),
            ("[('a', 5)]", "field 'a': 5 is not a dtype"),
            ("[('a', '<f4'), ('a', '<i4')]", "field 'a': this name or title is taken already"),
            ("[(('t', 'a'), '<f4'), ('t', '<i4')]", "field 't': this name or title is taken already"),
            ("[('t', '<f4'), (('t', 'a'), '<i4')]", "field ('t', 'a'): this name or title is taken already"),
            ("[('a', [('b', '<f4', (-1,))])]", "field 'a': field 'b': (-1,) is not the shape"),
            ("[('a', '<f4', (2147483648,))]", "(2147483648,) is not the shape"),
            ("[('a', '<f4', (2147483647, 2))]", "larger than 2147483647 bytes"),
            ("[('a', 'S2147483647'), ('b', 'i1')]", "larger than 2147483647 bytes"),
            ("[('a', 'S', (2,))]", "'|S0' has no size"),
            ("[('a', 'bfloat16')]", "cannot be of the extension type bfloat16"),
            (&format!("[('a', '<f4', ({}))]", "1, ".repeat(65)), "65 dimensions, at most 64"),
            (&" ".repeat(8193), "8193 bytes long"),
        ] {
            assert!(detail(text).contains(complaint), "{text}: {}", detail(text));
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let fields = |depth| "[('a', ".repeat(depth) + "'<f4'" + &")]".repeat(depth);
        let sub_arrays = |depth| "(".repeat(depth) + "'<f4'" + &", (1,))".repeat(depth);
        for nested in [&fields as &dyn Fn(usize) -> String, &|depth| format!("[('a', {})]", sub_arrays(depth - 1))] {
            let deepest = Dtype::parse(&nested(30)).unwrap();
            let front = npy::render(deepest.descr(), false, &[2, 3], 4096).unwrap();
            assert_eq!(npy::parse(&front).unwrap().descr, deepest.descr());
            assert!(detail(&nested(31)).contains("nested more than 30 deep"));
            assert!(detail(&nested(100)).contains("nested more than 64 deep"));
        }
    }

    /// Every text cut anywhere, and with any character replaced, is an answer and not a panic.
    #[test]
    fn damaged_text_never_panics() {
        for (text, ..) in UNDERSTOOD {
            for (i, c) in text.char_indices() {
                let _ = Dtype::parse(&text[..i]);
                for other in ["", "\0", "9", "[", "'", ",", "-", "<", "S", "M", "\u{e9}", "\u{1f600}"] {
                    let _ = Dtype::parse(&format!("{}{other}{}", &text[..i], &text[i + c.len_utf8()..]));
                }
            }
        }
    }
}
