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

use std::collections::BTreeSet;

use crate::error::{Code, Error, Result};
use crate::segment::literal::Literal;

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
/// numpy keeps the size of an element in a C int.
const MAX_SIZE: u64 = i32::MAX as u64;
/// And so each length of a sub-array.
const MAX_LENGTH: i128 = i32::MAX as i128;
/// How many structured types and sub-arrays may stand inside one another: at two brackets each, and with those of the
/// header round them, they stay within the depth of literals.
const MAX_NESTING: usize = 30;
/// numpy's limit for the dimensions of a sub-array.
const MAX_DIMENSIONS: usize = 64;
/// Room for a tag in the segment.
const MAX_TAG: usize = 63;

/// The byte order of this machine, as numpy writes it.
const NATIVE: &str = if cfg!(target_endian = "little") { "<" } else { ">" };

/// numpy's names and one-letter codes, beside the type strings that they stand for.
const NAMES: [(&str, &str); 22] = [
    ("b1", "bool bool_ ?"),
    ("i1", "int8 byte b"),
    ("i2", "int16 short h"),
    ("i4", "int32 intc i"),
    ("i8", "int64 int int_ intp long longlong l q p n"),
    ("u1", "uint8 ubyte B"),
    ("u2", "uint16 ushort H"),
    ("u4", "uint32 uintc I"),
    ("u8", "uint64 uint uintp ulong ulonglong L Q P N"),
    ("f2", "float16 half e"),
    ("f4", "float32 single f"),
    ("f8", "float64 float double d"),
    ("f16", "float128 longdouble g"),
    ("c8", "complex64 csingle F"),
    ("c16", "complex128 complex cdouble D"),
    ("c32", "complex256 clongdouble G"),
    ("M8", "M"),
    ("m8", "m"),
    ("S0", "bytes bytes_ S"),
    ("S1", "c"),
    ("U0", "str str_ unicode U"),
    ("V0", "void V"),
];

/// Extension types of the ml_dtypes package: size, alignment, names.
const EXTENSIONS: [(u64, u64, &str); 4] = [
    (1, 1, "int1 int2 int4 uint1 uint2 uint4 float4_e2m1fn float6_e2m3fn float6_e3m2fn float8_e3m4 float8_e4m3"),
    (1, 1, "float8_e4m3b11fnuz float8_e4m3fn float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz float8_e8m0fnu"),
    (2, 2, "bfloat16"),
    (4, 2, "complex32 bcomplex32"),
];

/// What can stand between the brackets of `<M8[25s]`.
const TIME_UNITS: [&str; 14] = ["Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as", "generic"];

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
        // What a segment's header says is a type string or a list: no need to look it up when opening.
        if !name.starts_with(|first: char| first.is_ascii_lowercase()) {
            return None;
        }
        let &(itemsize, alignment, _) = EXTENSIONS.iter().find(|row| among(row.2, name))?;
        Some(Dtype { descr: format!("|V{itemsize}"), tag: name.into(), itemsize, alignment })
    }
}

fn among(names: &str, name: &str) -> bool {
    names.split(' ').any(|known| known == name)
}

/// A type on its way in: of an element, or of a part of one.
struct Element {
    /// A string; of a structured type the list of its fields; of a sub-array a tuple of type and shape.
    descr: Literal,
    size: u64,
    alignment: u64,
}

impl Element {
    fn parse(literal: &Literal, depth: usize) -> Result<Element> {
        match literal {
            Literal::Str(text) if Dtype::extension(text).is_some() => refuse(format!(
                "a field cannot be of the extension type {text}: use raw bytes such as '|V2', and view them as {text}"
            )),
            Literal::Str(text) => Element::scalar(text),
            Literal::List(_) | Literal::Tuple(_) if depth == MAX_NESTING => {
                refuse(format!("dtypes are nested more than {MAX_NESTING} deep"))
            }
            Literal::List(fields) => Element::structured(fields, depth + 1),
            Literal::Tuple(parts) if parts.len() == 2 => Element::parse(&parts[0], depth + 1)?.repeated(&parts[1]),
            other => refuse(format!("{} is not a dtype; expected e.g. '<f8' or [('x', '<f4')]", shown(other))),
        }
    }

    fn scalar(text: &str) -> Result<Element> {
        let (order, code) = match text.split_at_checked(1) {
            Some((order @ ("<" | ">" | "=" | "|"), code)) => (order, code),
            _ => ("", text),
        };
        refuse_pointers(text, code)?;
        let may_be_name = order.is_empty() || code.len() == 1;
        let named = NAMES.iter().find(|row| may_be_name && among(row.1, code));
        let code = named.map_or(code, |row| row.0);
        let Some((code, size, alignment)) = fixed(code).or_else(|| flexible(code)).or_else(|| time(code)) else {
            return refuse(advice(text, code));
        };
        let order = match order {
            _ if alignment == 1 => "|",
            "<" | ">" => order,
            _ => NATIVE,
        };
        Ok(Element { descr: Literal::Str(format!("{order}{code}")), size, alignment })
    }

    /// A sub-array: `shape` times this type. An empty shape is the type itself.
    fn repeated(self, shape: &Literal) -> Result<Element> {
        let lengths = match shape {
            Literal::Tuple(lengths) => lengths.as_slice(),
            length => std::slice::from_ref(length),
        };
        if lengths.is_empty() {
            return Ok(self);
        }
        if lengths.len() > MAX_DIMENSIONS {
            return refuse(format!("a sub-array has {} dimensions, at most {MAX_DIMENSIONS} can be", lengths.len()));
        }
        if self.size == 0 && !matches!(self.descr, Literal::List(_)) {
            return refuse(format!("{} has no size, and cannot be repeated in a sub-array", shown(self.descr)));
        }
        let mut size = Some(self.size);
        for length in lengths {
            match length {
                Literal::Int(n @ 0..=MAX_LENGTH) => size = size.and_then(|size| size.checked_mul(*n as u64)),
                _ => return refuse(format!("{} is not the shape of a sub-array; expected e.g. (2, 3)", shown(shape))),
            }
        }
        let descr = Literal::Tuple(vec![self.descr, Literal::Tuple(lengths.to_vec())]);
        Ok(Element { descr, size: bounded(size)?, alignment: self.alignment })
    }

    /// Fields one behind the other; those without name and meaning are padding, which numpy writes in one piece.
    fn structured(fields: &[Literal], depth: usize) -> Result<Element> {
        let (mut descr, mut taken) = (Vec::new(), BTreeSet::new());
        let (mut size, mut padding, mut alignment, mut like_c) = (0, 0, 1, true);
        for literal in fields {
            let (name, part) = field(literal, depth)?;
            let offset = size;
            size = bounded(Some(offset + part.size))?;
            if part.is_padding(&name) {
                padding += part.size;
                continue;
            }
            if !names_of(&name).iter().all(|name| taken.insert(name.to_string())) {
                return refuse(format!("field {}: this name or title is taken already", shown(&name)));
            }
            like_c &= offset % part.alignment == 0;
            alignment = alignment.max(part.alignment);
            descr.extend(pad(std::mem::take(&mut padding)));
            descr.push(Literal::Tuple(match part.descr {
                Literal::Tuple(sub_array) => [vec![name], sub_array].concat(),
                other => vec![name, other],
            }));
        }
        descr.extend(pad(padding));
        like_c &= size % alignment == 0;
        Ok(Element { descr: Literal::List(descr), size, alignment: if like_c { alignment } else { 1 } })
    }

    /// numpy's rule: no name, and either raw bytes or a sub-array of anything.
    fn is_padding(&self, name: &Literal) -> bool {
        let void = match &self.descr {
            Literal::Str(scalar) => scalar.starts_with("|V"),
            descr => matches!(descr, Literal::Tuple(_)),
        };
        void && *name == Literal::Str(String::new())
    }
}

/// A field's name, or pair of title and name, and its type.
fn field(literal: &Literal, depth: usize) -> Result<(Literal, Element)> {
    let wrong =
        || refuse(format!("{} is not a field; expected e.g. ('x', '<f4') or ('x', '<f4', (3,))", shown(literal)));
    let Literal::Tuple(parts) = literal else { return wrong() };
    let (Some(name), 2..=3) = (parts.first(), parts.len()) else { return wrong() };
    match name {
        Literal::Str(_) => {}
        Literal::Tuple(pair) if matches!(pair.as_slice(), [Literal::Str(_), Literal::Str(_)]) => {}
        _ => return wrong(),
    }
    let part = Element::parse(&parts[1], depth).and_then(|part| match parts.get(2) {
        Some(shape) => part.repeated(shape),
        None => Ok(part),
    });
    let part = part.map_err(|error| Error::new(error.code(), format!("field {}: {error}", shown(name))))?;
    Ok((name.clone(), part))
}

/// A field's own name, or its title and name.
fn names_of(name: &Literal) -> &[Literal] {
    match name {
        Literal::Tuple(title_and_name) => title_and_name,
        name => std::slice::from_ref(name),
    }
}

fn pad(bytes: u64) -> Option<Literal> {
    let parts = ["".into(), format!("|V{bytes}")].map(Literal::Str);
    (bytes > 0).then(|| Literal::Tuple(parts.into()))
}

fn bounded(size: Option<u64>) -> Result<u64> {
    match size {
        Some(size) if size <= MAX_SIZE => Ok(size),
        _ => refuse(format!("the element is larger than {MAX_SIZE} bytes, numpy's limit: use more elements instead")),
    }
}

/// Code, size and alignment of a number or truth value, such as `f8`.
fn fixed(code: &str) -> Option<(String, u64, u64)> {
    NAMES.iter().find(|row| row.0 == code && row.0.starts_with(['b', 'i', 'u', 'f', 'c']))?;
    let size = code[1..].parse().ok()?;
    Some((code.into(), size, if code.starts_with('c') { size / 2 } else { size }))
}

/// Code, size and alignment of text or raw bytes, such as `S10`.
fn flexible(code: &str) -> Option<(String, u64, u64)> {
    let unit = match code.chars().next()? {
        'S' | 'V' => 1,
        'U' => 4,
        _ => return None,
    };
    let count: u64 = code[1..].parse().ok()?;
    let size = count.checked_mul(unit).filter(|size| *size <= MAX_SIZE)?;
    Some((format!("{}{count}", &code[..1]), size, unit))
}

/// Code, size and alignment of a point in time or a duration, such as `M8[25s]`.
fn time(code: &str) -> Option<(String, u64, u64)> {
    let long = [("M8", "datetime64"), ("m8", "timedelta64")];
    let (kind, rest) = long.iter().find_map(|(short, long)| {
        code.strip_prefix(short).or_else(|| code.strip_prefix(long)).map(|rest| (short, rest))
    })?;
    if rest.is_empty() {
        return Some((kind.to_string(), 8, 8));
    }
    let inside = rest.strip_prefix('[')?.strip_suffix(']')?;
    let unit = inside.trim_start_matches(|c: char| c.is_ascii_digit());
    let unit = *TIME_UNITS.iter().find(|known| **known == unit)?;
    let count = &inside[..inside.len() - unit.len()];
    let count: i32 = if count.is_empty() { 1 } else { count.parse().ok()? };
    let code = match (count, unit) {
        (_, "generic") => kind.to_string(),
        (1, unit) => format!("{kind}[{unit}]"),
        (count, unit) => format!("{kind}[{count}{unit}]"),
    };
    Some((code, 8, 8))
}

/// What lies in another process's memory cannot be shared.
fn refuse_pointers(text: &str, code: &str) -> Result<()> {
    let numbered = |letter| code.strip_prefix(letter).is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit()));
    if numbered('O') || code == "object" || code == "object_" {
        let advice = "convert the array to numbers or to fixed-length text, e.g. \"<f8\" or \"<U10\"";
        return refuse(format!("dtype {}: Python objects cannot be shared between processes; {advice}", quoted(text)));
    }
    if numbered('T') || code.starts_with("StringDType") {
        let advice = "use text of a fixed length, e.g. \"<U10\" or \"|S10\"";
        return refuse(format!(
            "dtype {}: numpy's StringDType keeps its text outside the array; {advice}",
            quoted(text)
        ));
    }
    Ok(())
}

/// What to write instead of a type string that makes no sense.
fn advice(text: &str, code: &str) -> String {
    let text = quoted(text);
    let mut rest = code.chars();
    let kind = rest.next().filter(|_| rest.all(|c| c.is_ascii_digit()));
    match kind {
        _ if code == "f1" || code == "W4" => {
            format!(
                "dtype {text}: numpy cannot read this back; name the extension type, e.g. \"float8_e5m2\" or \"complex32\""
            )
        }
        Some(kind @ ('b' | 'i' | 'u' | 'f' | 'c')) => {
            let known: Vec<&str> = NAMES.iter().map(|row| row.0).filter(|known| known.starts_with(kind)).collect();
            format!("dtype {text}: no '{kind}' of that length; expected {}", known.join(", "))
        }
        Some('S' | 'U' | 'V') => format!("dtype {text}: the element is larger than {MAX_SIZE} bytes, numpy's limit"),
        _ if code.starts_with(['M', 'm', 'd', 't']) && code.contains('[') => {
            format!("dtype {text}: expected a time unit, such as [ns] or [25s], of {}", TIME_UNITS.join(" "))
        }
        _ => format!(
            "dtype {text} is not known; expected e.g. \"<f8\", \"|b1\", \"<U10\", \"float64\" or \"[('x', '<f4')]\""
        ),
    }
}

fn refuse<T>(why: String) -> Result<T> {
    Err(Error::new(Code::Dtype, why))
}

/// A text in quotes, for a message.
fn quoted(text: &str) -> String {
    shown(format_args!("{text:?}"))
}

/// Something for a message, cut short where it is long.
fn shown(what: impl std::fmt::Display) -> String {
    let text = what.to_string();
    let start: String = text.chars().take(80).collect();
    if start.len() < text.len() { start + "..." } else { start }
}

#[cfg(test)]
mod tests {
    use super::*;
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
