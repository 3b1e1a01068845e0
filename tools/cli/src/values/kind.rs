//! What the bytes of an element mean: numpy's descr, understood.

use half::{bf16, f16};
use shm_array::array::dtype::Dtype;
use shm_array::literal::Literal;

use super::time::Unit;

/// Which byte of a number comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The least significant.
    Little,
    /// The most significant.
    Big,
}

impl Order {
    /// The bytes of a number, the least significant first, in as many as the widest has.
    fn word<const N: usize>(self, bytes: &[u8]) -> [u8; N] {
        let mut word = [0u8; N];
        word[..bytes.len()].copy_from_slice(bytes);
        if self == Order::Big {
            word[..bytes.len()].reverse();
        }
        word
    }
}

/// One type of element. Sizes are in bytes.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// One byte: 0 is false.
    Bool,
    /// With a sign.
    Int(usize, Order),
    /// Without.
    Unsigned(usize, Order),
    /// IEEE 754 of 2, 4 or 8 bytes.
    Float(usize, Order),
    /// The upper half of a float of 4 bytes.
    Brain,
    /// Two floats of that size.
    Complex(usize, Order),
    /// A moment: a count of units since 1970.
    Moment(Unit, Order),
    /// A duration: a count of units.
    Span(Unit, Order),
    /// Bytes that are mostly text.
    Bytes(usize),
    /// Unicode, four bytes a character; the size is of all.
    Text(usize, Order),
    /// Bytes that have no further meaning here: voids, long doubles, small floats.
    Raw(usize),
    /// A structured type.
    Struct(Vec<Field>, usize),
    /// A sub-array: so many of each, C order.
    Repeated(Box<Kind>, Vec<usize>),
}

/// A part of a structured type.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// As numpy knows it.
    pub name: String,
    /// From the element's first byte.
    pub offset: usize,
    /// What it is.
    pub kind: Kind,
}

/// A value to reckon with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// Exactly.
    Int(i128),
    /// As a float has it; of complex numbers the magnitude.
    Real(f64),
}

impl Number {
    /// For pictures and means.
    pub fn real(self) -> f64 {
        match self {
            Number::Int(int) => int as f64,
            Number::Real(real) => real,
        }
    }
}

impl Kind {
    /// Of a dtype as the library keeps it.
    pub fn new(descr: &str, tag: &str) -> Result<Kind, String> {
        // Checked by the library first, so that what follows meets nothing but numpy's own spelling.
        let dtype = Dtype::parse(descr).map_err(|error| error.to_string())?;
        if tag == "bfloat16" {
            return Ok(Kind::Brain);
        }
        let kind = match dtype.descr().starts_with('[') {
            true => Kind::of(&Literal::parse(dtype.descr())?)?,
            false => Kind::scalar(dtype.descr())?,
        };
        if kind.size() as u64 != dtype.itemsize() {
            return Err(format!("an element of dtype {descr} is of {} bytes, not {}", dtype.itemsize(), kind.size()));
        }
        Ok(kind)
    }

    fn of(literal: &Literal) -> Result<Kind, String> {
        match literal {
            Literal::Str(text) => Kind::scalar(text),
            Literal::List(fields) => Kind::structured(fields),
            Literal::Tuple(parts) if parts.len() == 2 => Ok(Kind::of(&parts[0])?.repeated(&parts[1])),
            other => Err(format!("{other} is not a dtype")),
        }
    }

    fn structured(literals: &[Literal]) -> Result<Kind, String> {
        let (mut fields, mut size) = (Vec::new(), 0);
        for literal in literals {
            let Literal::Tuple(parts) = literal else { return Err(format!("{literal} is not a field")) };
            let mut kind = Kind::of(parts.get(1).ok_or("a field has no type")?)?;
            if let Some(shape) = parts.get(2) {
                kind = kind.repeated(shape);
            }
            let name = match &parts[0] {
                Literal::Tuple(title_and_name) => title_and_name.last(),
                name => Some(name),
            };
            let offset = size;
            size += kind.size();
            // A field without a name is padding.
            if let Some(Literal::Str(name)) = name.filter(|name| **name != Literal::Str(String::new())) {
                fields.push(Field { name: name.clone(), offset, kind });
            }
        }
        Ok(Kind::Struct(fields, size))
    }

    fn repeated(self, shape: &Literal) -> Kind {
        let lengths = match shape {
            Literal::Tuple(lengths) => lengths.as_slice(),
            one => std::slice::from_ref(one),
        };
        let length = |literal: &Literal| match literal {
            Literal::Int(length) => usize::try_from(*length).unwrap_or(0),
            _ => 0,
        };
        Kind::Repeated(Box::new(self), lengths.iter().map(length).collect())
    }

    fn scalar(descr: &str) -> Result<Kind, String> {
        let unknown = || format!("dtype {descr:?} is not known");
        let order = if descr.starts_with('>') { Order::Big } else { Order::Little };
        let code = descr.get(1..).ok_or_else(unknown)?;
        let (letter, rest) = code.split_at_checked(1).ok_or_else(unknown)?;
        if let Some(unit) = Unit::parse(rest.strip_prefix('8').unwrap_or(rest)) {
            match letter {
                "M" => return Ok(Kind::Moment(unit, order)),
                "m" => return Ok(Kind::Span(unit, order)),
                _ => {}
            }
        }
        let count: usize = rest.parse().map_err(|_| unknown())?;
        Ok(match (letter, count) {
            ("b", 1) => Kind::Bool,
            ("i", 1 | 2 | 4 | 8) => Kind::Int(count, order),
            ("u", 1 | 2 | 4 | 8) => Kind::Unsigned(count, order),
            ("f", 2 | 4 | 8) => Kind::Float(count, order),
            ("c", 8 | 16) => Kind::Complex(count / 2, order),
            ("S", _) => Kind::Bytes(count),
            ("U", _) => Kind::Text(count * 4, order),
            ("f" | "c" | "V", _) => Kind::Raw(count),
            _ => return Err(unknown()),
        })
    }

    /// Bytes of one.
    pub fn size(&self) -> usize {
        match self {
            Kind::Bool => 1,
            Kind::Brain => 2,
            Kind::Moment(..) | Kind::Span(..) => 8,
            Kind::Complex(size, _) => 2 * size,
            Kind::Int(size, _) | Kind::Unsigned(size, _) | Kind::Float(size, _) => *size,
            Kind::Bytes(size) | Kind::Text(size, _) | Kind::Raw(size) | Kind::Struct(_, size) => *size,
            Kind::Repeated(kind, shape) => kind.size() * shape.iter().product::<usize>(),
        }
    }

    /// Whether [`Kind::number`] has an answer for it (NaT aside).
    pub fn is_number(&self) -> bool {
        use Kind::{Bool, Brain, Complex, Float, Int, Moment, Span, Unsigned};
        matches!(self, Bool | Brain | Int(..) | Unsigned(..) | Float(..) | Complex(..) | Moment(..) | Span(..))
    }

    /// Whether a sum of them means something.
    pub fn has_mean(&self) -> bool {
        self.is_number() && !matches!(self, Kind::Moment(..))
    }

    /// What to reckon with: of complex numbers the magnitude, of times the count of units. `None` for texts and such,
    /// and for NaT.
    pub fn number(&self, bytes: &[u8]) -> Option<Number> {
        match self {
            Kind::Bool => Some(Number::Int((bytes[0] != 0).into())),
            Kind::Int(..) => Some(Number::Int(self.integer(bytes))),
            Kind::Unsigned(..) => Some(Number::Int(self.integer(bytes))),
            Kind::Float(size, order) => Some(Number::Real(float(bytes, *size, *order))),
            Kind::Brain => Some(Number::Real(bf16::from_le_bytes(Order::Little.word(bytes)).to_f64())),
            Kind::Complex(size, order) => {
                let (re, im) = bytes.split_at(*size);
                Some(Number::Real(float(re, *size, *order).hypot(float(im, *size, *order))))
            }
            Kind::Moment(..) | Kind::Span(..) => {
                let count = self.integer(bytes);
                (count != i64::MIN.into()).then_some(Number::Int(count))
            }
            _ => None,
        }
    }

    /// Of an integer or a count of units.
    pub(super) fn integer(&self, bytes: &[u8]) -> i128 {
        let unsigned = |order: Order| u64::from_le_bytes(order.word(bytes));
        match self {
            Kind::Int(size, order) => {
                let unused = 64 - 8 * *size as u32;
                i128::from((unsigned(*order) << unused) as i64 >> unused)
            }
            Kind::Unsigned(_, order) => unsigned(*order).into(),
            Kind::Moment(_, order) | Kind::Span(_, order) => i128::from(unsigned(*order) as i64),
            _ => bytes.first().copied().unwrap_or(0).into(),
        }
    }
}

/// A float of 2, 4 or 8 bytes.
pub(super) fn float(bytes: &[u8], size: usize, order: Order) -> f64 {
    match size {
        2 => f16::from_le_bytes(order.word(bytes)).to_f64(),
        4 => f32::from_le_bytes(order.word(bytes)).into(),
        _ => f64::from_le_bytes(order.word(bytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descrs_are_understood() {
        use Order::{Big, Little};
        let kind = |descr| Kind::new(descr, "").unwrap();
        assert_eq!(kind("|b1"), Kind::Bool);
        assert_eq!(kind(">i2"), Kind::Int(2, Big));
        assert_eq!(kind("|u1"), Kind::Unsigned(1, Little));
        assert_eq!(kind("<f2"), Kind::Float(2, Little));
        assert_eq!(kind("<f16"), Kind::Raw(16));
        assert_eq!(kind("<c32"), Kind::Raw(32));
        assert_eq!(kind(">c8"), Kind::Complex(4, Big));
        assert_eq!(kind("|S0"), Kind::Bytes(0));
        assert_eq!(kind("<U5").size(), 20);
        assert_eq!(Kind::new("|V2", "bfloat16").unwrap(), Kind::Brain);
        assert_eq!(Kind::new("|V1", "float8_e5m2").unwrap(), Kind::Raw(1));
        assert_eq!(kind("<M8[ns]").size(), 8);
        assert_eq!(kind("<m8"), Kind::Span(Unit::parse("").unwrap(), Little));
    }

    #[test]
    fn structured_types_have_fields_and_padding_has_none() {
        let Kind::Struct(fields, size) =
            Kind::new("[('x', '<f4'), ('', '|V4'), (('a title', 'y'), '>i4', (2, 3)), ('z', [('q', '|u1')])]", "")
                .unwrap()
        else {
            panic!("a structured type")
        };
        assert_eq!(size, 33);
        let seen: Vec<(&str, usize, usize)> =
            fields.iter().map(|field| (field.name.as_str(), field.offset, field.kind.size())).collect();
        assert_eq!(seen, [("x", 0, 4), ("y", 8, 24), ("z", 32, 1)]);
    }

    #[test]
    fn numbers_of_either_order_and_sign() {
        let int = |descr: &str, bytes: &[u8]| Kind::new(descr, "").unwrap().number(bytes);
        assert_eq!(int("<i2", &[0xfe, 0xff]), Some(Number::Int(-2)));
        assert_eq!(int(">i2", &[0x01, 0x02]), Some(Number::Int(258)));
        assert_eq!(int("<u8", &[0xff; 8]), Some(Number::Int(u64::MAX.into())));
        assert_eq!(int("<i8", &[0xff; 8]), Some(Number::Int(-1)));
        assert_eq!(int(">f4", &1.5f32.to_be_bytes()), Some(Number::Real(1.5)));
        assert_eq!(int("<f2", &[0x00, 0x3e]), Some(Number::Real(1.5)));
        assert_eq!(Kind::Brain.number(&[0xc0, 0x3f]), Some(Number::Real(1.5)));
        assert_eq!(int("<c8", &[3f32.to_le_bytes(), 4f32.to_le_bytes()].concat()), Some(Number::Real(5.0)));
        assert_eq!(int("<M8[s]", &i64::MIN.to_le_bytes()), None);
        assert_eq!(int("|S1", b"x"), None);
    }
}
