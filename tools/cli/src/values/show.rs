//! Elements as text: numpy's way where it is short, and never a control character.

use std::fmt::Write;

use half::{bf16, f16};
use serde_json::{Value, json};
use shm_array::literal::Literal;

use super::kind::{Kind, Number, Order, float};

impl Kind {
    /// One element, for people.
    pub fn show(&self, bytes: &[u8]) -> String {
        match self {
            Kind::Bool => if bytes[0] != 0 { "True" } else { "False" }.into(),
            Kind::Int(..) | Kind::Unsigned(..) => self.integer(bytes).to_string(),
            Kind::Float(size, order) => real(bytes, *size, *order),
            Kind::Brain => shortest(bf16::from_le_bytes([bytes[0], bytes[1]]).to_f32()),
            Kind::Complex(size, order) => {
                let (re, im) = bytes.split_at(*size);
                let im = real(im, *size, *order);
                let sign = if im.starts_with('-') { "" } else { "+" };
                format!("{}{sign}{im}j", real(re, *size, *order))
            }
            Kind::Moment(..) | Kind::Span(..) => self.time(self.integer(bytes) as i64),
            Kind::Bytes(_) => {
                let text = trimmed(bytes);
                format!("b'{}'", text.escape_ascii().to_string().replace("\\\"", "\""))
            }
            Kind::Text(_, order) => Literal::Str(text(bytes, *order)).to_string(),
            Kind::Raw(_) => hexadecimal(bytes),
            Kind::Struct(fields, _) => {
                let parts = fields.iter().map(|field| field.kind.show(&bytes[field.offset..][..field.kind.size()]));
                let parts = parts.collect::<Vec<_>>().join(", ");
                if fields.len() == 1 { format!("({parts},)") } else { format!("({parts})") }
            }
            Kind::Repeated(kind, shape) => {
                let mut shown = String::new();
                self::repeated(shape, bytes, kind.size(), &mut shown, &|bytes| kind.show(bytes));
                shown
            }
        }
    }

    /// One element, for programs: numbers as numbers, where JSON can hold them, and texts for the rest.
    pub fn json(&self, bytes: &[u8]) -> Value {
        match self {
            Kind::Bool => json!(bytes[0] != 0),
            Kind::Int(..) => json!(self.integer(bytes) as i64),
            Kind::Unsigned(..) => json!(self.integer(bytes) as u64),
            Kind::Float(..) | Kind::Brain => match self.number(bytes).map(Number::real) {
                Some(real) if real.is_finite() => json!(real),
                _ => json!(self.show(bytes)),
            },
            Kind::Bytes(_) => json!(trimmed(bytes).escape_ascii().to_string()),
            Kind::Text(_, order) => json!(text(bytes, *order)),
            Kind::Struct(fields, _) => fields
                .iter()
                .map(|field| (field.name.clone(), field.kind.json(&bytes[field.offset..][..field.kind.size()])))
                .collect::<serde_json::Map<_, _>>()
                .into(),
            Kind::Repeated(kind, shape) => nested(shape, bytes, kind.size(), &|bytes| kind.json(bytes)),
            _ => json!(self.show(bytes)),
        }
    }

    /// A number that [`Kind::number`] gave, back as text.
    pub fn show_number(&self, number: Number) -> String {
        match (self, number) {
            (Kind::Bool, Number::Int(int)) => if int != 0 { "True" } else { "False" }.into(),
            (Kind::Moment(..) | Kind::Span(..), Number::Int(count)) => self.time(count as i64),
            (_, Number::Int(int)) => int.to_string(),
            (Kind::Float(4, _) | Kind::Complex(4, _), Number::Real(real)) => shortest(real as f32),
            (_, Number::Real(real)) => shortest(real),
        }
    }

    fn time(&self, count: i64) -> String {
        match self {
            _ if count == i64::MIN => "NaT".into(),
            Kind::Moment(unit, _) => unit.moment(count),
            Kind::Span(unit, _) => unit.span(count),
            _ => count.to_string(),
        }
    }
}

/// The fewest digits that come back as the same float.
fn real(bytes: &[u8], size: usize, order: Order) -> String {
    match size {
        2 => half_digits(f16::from_f64(float(bytes, size, order))),
        4 => shortest(float(bytes, size, order) as f32),
        _ => shortest(float(bytes, size, order)),
    }
}

/// Rust has no shortest text for 16 bits: the first length that comes back does.
fn half_digits(half: f16) -> String {
    let exact = half.to_f64();
    let tried = (0..6).map(|digits| format!("{exact:.digits$e}"));
    let found = tried.filter_map(|text| text.parse::<f64>().ok()).find(|near| f16::from_f64(*near) == half);
    shortest(found.unwrap_or(exact))
}

/// As Python writes it: `1.0`, `1e-07`, `nan`.
fn shortest(real: impl std::fmt::Debug) -> String {
    format!("{real:?}").replace("NaN", "nan")
}

/// numpy does not count NULs at the end of a text.
fn trimmed(bytes: &[u8]) -> &[u8] {
    let len = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    &bytes[..len]
}

fn text(bytes: &[u8], order: Order) -> String {
    let character = |four: &[u8]| {
        let four = four.try_into().unwrap_or([0; 4]);
        let number = if order == Order::Big { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) };
        char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER)
    };
    let text: String = bytes.chunks_exact(4).map(character).collect();
    text.trim_end_matches('\0').to_string()
}

fn hexadecimal(bytes: &[u8]) -> String {
    const LONGEST: usize = 32;
    let mut text = String::from("0x");
    for byte in bytes.iter().take(LONGEST) {
        let _ = write!(text, "{byte:02x}");
    }
    if bytes.len() > LONGEST { text + "…" } else { text }
}

fn repeated(shape: &[usize], bytes: &[u8], size: usize, shown: &mut String, show: &dyn Fn(&[u8]) -> String) {
    let Some((length, rest)) = shape.split_first() else {
        shown.push_str(&show(bytes));
        return;
    };
    let step = rest.iter().product::<usize>() * size;
    shown.push('[');
    for index in 0..*length {
        if index > 0 {
            shown.push_str(", ");
        }
        repeated(rest, &bytes[index * step..][..step], size, shown, show);
    }
    shown.push(']');
}

fn nested(shape: &[usize], bytes: &[u8], size: usize, value: &dyn Fn(&[u8]) -> Value) -> Value {
    let Some((length, rest)) = shape.split_first() else { return value(bytes) };
    let step = rest.iter().product::<usize>() * size;
    (0..*length).map(|index| nested(rest, &bytes[index * step..][..step], size, value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(descr: &str, bytes: &[u8]) -> String {
        Kind::new(descr, "").unwrap().show(bytes)
    }

    #[test]
    fn elements_are_written_as_numpy_writes_them() {
        assert_eq!(shown("|b1", &[1]), "True");
        assert_eq!(shown("<f8", &0.1f64.to_le_bytes()), "0.1");
        assert_eq!(shown(">f4", &0.1f32.to_be_bytes()), "0.1");
        assert_eq!(shown("<f2", &f16::from_f64(0.1).to_le_bytes()), "0.1");
        assert_eq!(shown("<f8", &f64::NAN.to_le_bytes()), "nan");
        assert_eq!(shown("<f8", &f64::NEG_INFINITY.to_le_bytes()), "-inf");
        assert_eq!(shown("<c8", &[1f32.to_le_bytes(), (-2f32).to_le_bytes()].concat()), "1.0-2.0j");
        assert_eq!(shown("|S5", b"it's\0"), "b'it\\'s'");
        assert_eq!(shown("<U3", &[b'h', 0, 0, 0, 0xe9, 0, 0, 0, 0, 0, 0, 0]), "'h\u{e9}'");
        assert_eq!(shown(">U1", &[0, 0, 0, b'x']), "'x'");
        assert_eq!(shown("|V3", &[1, 2, 255]), "0x0102ff");
        assert_eq!(shown("<M8[D]", &i64::MIN.to_le_bytes()), "NaT");
        assert_eq!(shown("<m8[ms]", &(-5i64).to_le_bytes()), "-5 ms");
        assert_eq!(shown("[('a', '|i1'), ('b', '|u1', (2, 2))]", &[255, 1, 2, 3, 4]), "(-1, [[1, 2], [3, 4]])");
        assert_eq!(shown("[('a', '|i1')]", &[3]), "(3,)");
    }

    #[test]
    fn control_characters_stay_inside() {
        assert_eq!(shown("|S3", b"\x1b[m"), "b'\\x1b[m'");
        assert!(!shown("<U1", &[0x1b, 0, 0, 0]).contains('\x1b'));
        assert!(!shown("<U1", &[0x9b, 0, 0, 0]).contains('\u{9b}'));
        // Not a character at all.
        assert_eq!(shown("<U1", &[0, 0xd8, 0, 0]), "'\u{fffd}'");
    }

    #[test]
    fn programs_get_numbers_and_names() {
        let kind = Kind::new("[('a', '<u8'), ('b', '>f8', (2,)), ('c', '|S2')]", "").unwrap();
        let bytes = [&u64::MAX.to_le_bytes()[..], &0.5f64.to_be_bytes(), &f64::NAN.to_be_bytes(), b"x\0"].concat();
        assert_eq!(kind.json(&bytes), json!({"a": u64::MAX, "b": [0.5, "nan"], "c": "x"}));
    }

    #[test]
    fn a_long_raw_element_is_cut() {
        assert_eq!(hexadecimal(&[0; 33]).chars().last(), Some('…'));
    }
}
