//! Python literals, read and written as Python itself does.
//!
//! The header of a .npy file is a Python dict, and the dtype in it a string or a list of tuples. Of Python's
//! grammar that takes strings, integers, tuples, lists, dicts, `True`, `False` and `None`: what `repr` writes,
//! with the liberties of people (either quote, any white space, trailing commas) and of Python 2 (`3L`, `u'x'`).
//!
//! The text may come from a hostile file: nesting is bounded, and nothing here panics.

use std::fmt::{self, Write};

/// How deeply tuples, lists and dicts may be nested.
const MAX_DEPTH: usize = 64;

/// One value. `Display` writes it as Python's `repr` does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Literal {
    /// `None`
    None,
    /// `True` or `False`
    Bool(bool),
    /// `-3`
    Int(i128),
    /// `'name'`
    Str(String),
    /// `(2, 3)`
    Tuple(Vec<Literal>),
    /// `[2, 3]`
    List(Vec<Literal>),
    /// `{'key': 3}`, in the order of the text
    Dict(Vec<(Literal, Literal)>),
}

/// Success, or a sentence that says where and why; the caller knows what the text was for.
pub type Parsed<T> = std::result::Result<T, String>;

impl Literal {
    /// Reads a text that is one literal from end to end.
    pub fn parse(text: &str) -> Parsed<Literal> {
        let mut parser = Parser { text, at: 0 };
        let literal = parser.value(0)?;
        parser.skip_space();
        if parser.at < text.len() { parser.fail("the end of the text") } else { Ok(literal) }
    }
}

/// The text, and the byte at which reading goes on: always the start of a character.
struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn value(&mut self, depth: usize) -> Parsed<Literal> {
        if depth > MAX_DEPTH {
            return Err(format!("brackets are nested more than {MAX_DEPTH} deep"));
        }
        self.skip_space();
        match self.peek() {
            Some('(') => self.tuple(depth),
            Some('[') => Ok(Literal::List(self.items(']', |parser| parser.value(depth + 1))?.0)),
            Some('{') => Ok(Literal::Dict(self.items('}', |parser| parser.pair(depth + 1))?.0)),
            Some('\'' | '"') => Ok(Literal::Str(self.string()?)),
            Some('-' | '0'..='9') => Ok(Literal::Int(self.integer()?)),
            Some(_) => self.word(),
            None => self.fail("a value"),
        }
    }

    /// `(3)` is 3 in brackets; `(3,)` and `()` are tuples.
    fn tuple(&mut self, depth: usize) -> Parsed<Literal> {
        let (mut items, comma) = self.items(')', |parser| parser.value(depth + 1))?;
        match items.pop() {
            Some(only) if items.is_empty() && !comma => Ok(only),
            last => {
                items.extend(last);
                Ok(Literal::Tuple(items))
            }
        }
    }

    fn pair(&mut self, depth: usize) -> Parsed<(Literal, Literal)> {
        let key = self.value(depth)?;
        self.skip_space();
        if self.eat(':') { Ok((key, self.value(depth)?)) } else { self.fail("':'") }
    }

    /// Everything from an opening bracket to its closing one, and whether a comma stood before that.
    fn items<T>(&mut self, close: char, mut item: impl FnMut(&mut Self) -> Parsed<T>) -> Parsed<(Vec<T>, bool)> {
        self.next();
        let (mut items, mut comma) = (Vec::new(), true);
        loop {
            self.skip_space();
            if self.eat(close) {
                return Ok((items, comma));
            }
            if !comma {
                return self.fail(&format!("',' or '{close}'"));
            }
            items.push(item(self)?);
            self.skip_space();
            comma = self.eat(',');
        }
    }

    fn string(&mut self) -> Parsed<String> {
        let quote = self.next();
        let mut string = String::new();
        loop {
            match self.next() {
                c if c == quote => return Ok(string),
                Some('\\') => string.push(self.escape()?),
                None | Some('\n') => return self.fail("a closing quote"),
                Some(c) => string.push(c),
            }
        }
    }

    /// What stands behind a backslash.
    fn escape(&mut self) -> Parsed<char> {
        match self.next() {
            Some(c @ ('\\' | '\'' | '"')) => Ok(c),
            Some('n') => Ok('\n'),
            Some('r') => Ok('\r'),
            Some('t') => Ok('\t'),
            Some('x') => self.code_point(2),
            Some('u') => self.code_point(4),
            Some('U') => self.code_point(8),
            _ => self.fail(r#"one of \ ' " n r t x u U after a backslash"#),
        }
    }

    fn code_point(&mut self, digits: usize) -> Parsed<char> {
        let hex = self.text.get(self.at..self.at + digits).filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
        match hex.and_then(|hex| u32::from_str_radix(hex, 16).ok()).and_then(char::from_u32) {
            Some(c) => {
                self.at += digits;
                Ok(c)
            }
            None => self.fail(&format!("{digits} hexadecimal digits of a Unicode character")),
        }
    }

    fn integer(&mut self) -> Parsed<i128> {
        let start = self.at;
        self.eat('-');
        while self.peek().is_some_and(|c| c.is_ascii_digit()) {
            self.next();
        }
        let Ok(value) = self.text[start..self.at].parse() else {
            return self.fail("an integer of at most 38 digits before this");
        };
        self.eat('L');
        Ok(value)
    }

    fn word(&mut self) -> Parsed<Literal> {
        let rest = &self.text[self.at..];
        let length = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let literal = match &rest[..length] {
            "True" => Literal::Bool(true),
            "False" => Literal::Bool(false),
            "None" => Literal::None,
            "u" if rest[length..].starts_with(['\'', '"']) => {
                self.next();
                return self.string().map(Literal::Str);
            }
            _ => return self.fail("a string, a number, a tuple, a list, a dict, True, False or None"),
        };
        self.at += length;
        Ok(literal)
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn eat(&mut self, wanted: char) -> bool {
        let there = self.peek() == Some(wanted);
        if there {
            self.at += wanted.len_utf8();
        }
        there
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(|c| c.is_ascii_whitespace()) {
            self.next();
        }
    }

    fn fail<T>(&self, expected: &str) -> Parsed<T> {
        let character = self.text[..self.at].chars().count() + 1;
        Err(format!("expected {expected} at character {character}"))
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Literal::None => f.write_str("None"),
            Literal::Bool(true) => f.write_str("True"),
            Literal::Bool(false) => f.write_str("False"),
            Literal::Int(value) => write!(f, "{value}"),
            Literal::Str(string) => write_string(f, string),
            Literal::Tuple(items) => {
                let end = if items.len() == 1 { ",)" } else { ")" };
                write_items(f, "(", items, |f, item| item.fmt(f), end)
            }
            Literal::List(items) => write_items(f, "[", items, |f, item| item.fmt(f), "]"),
            Literal::Dict(pairs) => write_items(f, "{", pairs, |f, (key, value)| write!(f, "{key}: {value}"), "}"),
        }
    }
}

fn write_items<T>(
    f: &mut fmt::Formatter<'_>,
    open: &str,
    items: &[T],
    write_item: impl Fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
    close: &str,
) -> fmt::Result {
    f.write_str(open)?;
    for (i, item) in items.iter().enumerate() {
        f.write_str(if i == 0 { "" } else { ", " })?;
        write_item(f, item)?;
    }
    f.write_str(close)
}

/// Single quotes, unless double ones save escaping; whatever cannot be seen is escaped.
fn write_string(f: &mut fmt::Formatter<'_>, string: &str) -> fmt::Result {
    let quote = if string.contains('\'') && !string.contains('"') { '"' } else { '\'' };
    f.write_char(quote)?;
    for c in string.chars() {
        match c {
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            c if c == quote => write!(f, "\\{c}")?,
            c if is_printable(c) => f.write_char(c)?,
            c if c <= '\u{ff}' => write!(f, "\\x{:02x}", u32::from(c))?,
            c if c <= '\u{ffff}' => write!(f, "\\u{:04x}", u32::from(c))?,
            c => write!(f, "\\U{:08x}", u32::from(c))?,
        }
    }
    f.write_char(quote)
}

/// Python's `str.isprintable` and Rust's escaping go by the same Unicode categories. Rust also escapes a combining
/// mark, but only at the start of a string: hence the letter before it.
fn is_printable(c: char) -> bool {
    matches!(c, '\'' | '"') || String::from_iter(['a', c]).escape_debug().nth(1) == Some(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Text, and what Python's repr makes of its value.
    const READ_AND_WRITTEN: [(&str, &str); 18] = [
        ("None", "None"),
        (" [True,False , ]\n", "[True, False]"),
        ("-12", "-12"),
        ("(3L, 2)", "(3, 2)"),
        ("()", "()"),
        ("(3)", "3"),
        ("(3,)", "(3,)"),
        ("((3))", "3"),
        ("{'b':1,\"a\":[]}", "{'b': 1, 'a': []}"),
        ("u'x'", "'x'"),
        (r#""it's""#, r#""it's""#),
        (r#"'say "it\'s"'"#, r#"'say "it\'s"'"#),
        (r"'\x41\u0042\U00000043\\\n\r\t'", r"'ABC\\\n\r\t'"),
        (r"'\x00\x7f\xa0'", r"'\x00\x7f\xa0'"),
        (r"'\u200b\U000e0001\ue000'", r"'\u200b\U000e0001\ue000'"),
        (r"'\xe9\u6e29\U0001f600'", "'\u{e9}\u{6e29}\u{1f600}'"),
        (r"'e\u0301' ", "'e\u{301}'"),
        (r"'\u0301'", "'\u{301}'"),
    ];

    #[test]
    fn reads_and_writes_as_python_does() {
        for (text, repr) in READ_AND_WRITTEN {
            let literal = Literal::parse(text).unwrap();
            assert_eq!(literal.to_string(), repr, "{text}");
            assert_eq!(Literal::parse(repr).unwrap(), literal, "{text}");
        }
    }

    #[test]
    fn errors_say_where() {
        for (text, complaint) in [
            ("", "expected a value at character 1"),
            ("[1 2]", "expected ',' or ']' at character 4"),
            ("[,]", "expected a string, a number, a tuple, a list, a dict, True, False or None at character 2"),
            ("{1}", "expected ':' at character 3"),
            ("'\u{e9}", "expected a closing quote at character 3"),
            ("'a\nb'", "expected a closing quote at character 4"),
            (r"'\q'", r#"expected one of \ ' " n r t x u U after a backslash at character 4"#),
            (r"'\xg0'", "expected 2 hexadecimal digits of a Unicode character at character 4"),
            (r"'\ud800'", "expected 4 hexadecimal digits of a Unicode character at character 4"),
            (r"'\U00110000'", "expected 8 hexadecimal digits of a Unicode character at character 4"),
            ("-", "expected an integer of at most 38 digits before this at character 2"),
            ("1 1", "expected the end of the text at character 3"),
        ] {
            assert_eq!(Literal::parse(text).unwrap_err(), complaint, "{text}");
        }
        assert!(Literal::parse(&"9".repeat(40)).is_err());
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth| "[".repeat(depth) + &"]".repeat(depth);
        assert!(Literal::parse(&nested(MAX_DEPTH)).is_ok());
        assert!(Literal::parse(&nested(MAX_DEPTH + 2)).unwrap_err().contains("64 deep"));
        assert!(Literal::parse(&"{(".repeat(1_000_000)).is_err());
    }

    /// Every text cut anywhere, and with any character replaced, is an answer and not a panic.
    #[test]
    fn damaged_text_never_panics() {
        for (text, _) in READ_AND_WRITTEN {
            for (i, c) in text.char_indices() {
                let _ = Literal::parse(&text[..i]);
                for other in ['\0', '\'', '"', '\\', '(', ']', '{', 'L', 'u', '\u{e9}', '\u{1f600}'] {
                    let _ = Literal::parse(&format!("{}{other}{}", &text[..i], &text[i + c.len_utf8()..]));
                }
            }
        }
    }
}
