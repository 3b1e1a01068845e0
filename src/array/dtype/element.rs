//! From what is written to what numpy would write: scalars, sub-arrays, structured types.

use std::collections::BTreeSet;

use crate::error::{Code, Error, Result};
use crate::segment::literal::Literal;

use super::names::{NAMES, NATIVE, TIME_UNITS, among, extension};

/// numpy keeps the size of an element in a C int.
const MAX_SIZE: u64 = i32::MAX as u64;
/// And so each length of a sub-array.
const MAX_LENGTH: i128 = i32::MAX as i128;
/// How many structured types and sub-arrays may stand inside one another: at two brackets each, and with those of the
/// header round them, they stay within the depth of literals.
const MAX_NESTING: usize = 30;
/// numpy's limit for the dimensions of a sub-array.
const MAX_DIMENSIONS: usize = 64;

/// A type on its way in: of an element, or of a part of one.
pub struct Element {
    /// A string; of a structured type the list of its fields; of a sub-array a tuple of type and shape.
    pub descr: Literal,
    /// In bytes.
    pub size: u64,
    /// As [`Dtype::alignment`](super::Dtype::alignment) has it.
    pub alignment: u64,
}

impl Element {
    /// From a literal, so deep within others.
    pub fn parse(literal: &Literal, depth: usize) -> Result<Element> {
        match literal {
            Literal::Str(text) if extension(text).is_some() => refuse(format!(
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

    /// From a type string or a name.
    pub fn scalar(text: &str) -> Result<Element> {
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

pub fn refuse<T>(why: String) -> Result<T> {
    Err(Error::new(Code::Dtype, why))
}

/// A text in quotes, for a message.
pub fn quoted(text: &str) -> String {
    shown(format_args!("{text:?}"))
}

/// Something for a message, cut short where it is long.
pub fn shown(what: impl std::fmt::Display) -> String {
    let text = what.to_string();
    let start: String = text.chars().take(80).collect();
    if start.len() < text.len() { start + "..." } else { start }
}
