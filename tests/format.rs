//! docs/format.md says what the sources say: every field, where it lies and how long it is, and every constant.
//!
//! The records are read from the texts in src/segment/format. All are `#[repr(C)]` without padding, which assertions
//! beside them hold fast, so a field lies where the one before it ends.

use std::collections::BTreeMap;
use std::fs;

const RECORDS: [&str; 7] = ["Trailer", "Header", "Layout", "Words", "Condition", "Slot", "Range"];

/// Not bytes of the format: a number computed from others.
const COMPUTED: [&str; 1] = ["FINGERPRINT"];

fn text(path: &str) -> String {
    fs::read_to_string(workshop::root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn document() -> String {
    text("docs/format.md")
}

fn sources() -> String {
    let text = ["words", "mod"].map(|file| text(&format!("src/segment/format/{file}.rs"))).concat();
    text.split("#[cfg(test)]").next().unwrap_or_default().to_string()
}

/// The rows of the first table below a heading, without its head.
fn table(document: &str, heading: &str) -> Vec<Vec<String>> {
    let section = document.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no heading {heading:?}")).1;
    let rows = section.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_string()).collect();
    rows.skip(2).map(cells).collect()
}

fn code(name: &str) -> String {
    format!("`{name}`")
}

/// `64 * 1024`, `1 << 62`, `ATTACH + 16`, `*b"SHMARRAY"`: as the document writes it.
fn evaluate(expression: &str, known: &BTreeMap<String, String>) -> String {
    if let Some(bytes) = expression.strip_prefix("*b\"") {
        return code(bytes.trim_end_matches('"'));
    }
    let number = |word: &str| -> u64 {
        let digits = known.get(word).cloned().unwrap_or_else(|| word.replace('_', ""));
        digits.parse().unwrap_or_else(|_| panic!("{expression:?} is no number that this test understands"))
    };
    let words: Vec<&str> = expression.split_whitespace().collect();
    match words.as_slice() {
        [one] => number(one),
        [left, "*", right] => number(left) * number(right),
        [left, "+", right] => number(left) + number(right),
        [left, "<<", right] => number(left) << number(right),
        _ => panic!("{expression:?} is no expression that this test understands"),
    }
    .to_string()
}

/// The constants of a text, by name.
fn constants(sources: &str) -> BTreeMap<String, String> {
    let mut known = BTreeMap::new();
    for line in sources.lines() {
        let Some((name, rest)) = line.trim().strip_prefix("pub const ").and_then(|line| line.split_once(':')) else {
            continue;
        };
        let value = rest.split_once('=').map(|(_, value)| value.trim().trim_end_matches(';'));
        if let Some(value) = value.filter(|_| !COMPUTED.contains(&name)) {
            known.insert(name.to_string(), evaluate(value, &known));
        }
    }
    known
}

/// The part of the sources between the braces behind `head`.
fn block<'a>(sources: &'a str, head: &str) -> &'a str {
    let start = sources.split_once(head).unwrap_or_else(|| panic!("the sources have no {head:?}")).1;
    start.split_once("\n}").expect("blocks end").0
}

fn size_of(kind: &str, sources: &str, constants: &BTreeMap<String, String>) -> u64 {
    if RECORDS.contains(&kind) {
        let sizes = fields(sources, kind, constants);
        return sizes.iter().map(|field| field[1].parse::<u64>().expect("a number")).sum();
    }
    if let Some((element, count)) = kind.strip_prefix('[').and_then(|kind| kind.trim_end_matches(']').split_once("; "))
    {
        return size_of(element, sources, constants) * evaluate(count, constants).parse::<u64>().expect("a number");
    }
    let bits = kind.trim_start_matches("Atomic").trim_start_matches(['u', 'i', 'U', 'I']);
    bits.parse::<u64>().unwrap_or_else(|_| panic!("{kind} is no type of a record's field")) / 8
}

/// `[offset, bytes, field]` of every field.
fn fields(sources: &str, record: &str, constants: &BTreeMap<String, String>) -> Vec<[String; 3]> {
    let mut offset = 0;
    let body = block(sources, &format!("pub struct {record} {{"));
    let declared = body.lines().map(str::trim).filter(|line| !line.starts_with('/') && !line.is_empty());
    let fields = declared.map(|line| line.trim_start_matches("pub ").trim_end_matches(',').split_once(": "));
    fields
        .map(|field| {
            let (name, kind) = field.expect("a field has a name and a type");
            let size = size_of(kind, sources, constants);
            offset += size;
            [(offset - size).to_string(), size.to_string(), code(name)]
        })
        .collect()
}

#[test]
fn records_are_as_told() {
    let (document, sources) = (document(), sources());
    let constants = constants(&sources);
    for record in RECORDS {
        let told = table(&document, &format!("### {record}"));
        assert!(told.iter().all(|row| row.len() == 4 && !row[3].is_empty()), "{record}: a row without a meaning");
        let told: Vec<String> = told.iter().map(|row| row[..3].join(" | ")).collect();
        let real: Vec<String> = fields(&sources, record, &constants).iter().map(|row| row.join(" | ")).collect();
        assert_eq!(told, real, "the table of {record} in docs/format.md (left) is not what the sources say (right)");
    }
}

#[test]
fn constants_are_as_told() {
    let (document, sources) = (document(), sources());
    // Those with a meaning of their own are in modules with tables of their own.
    let mut real = constants(&sources.replace(block(&sources, "pub mod page {"), ""));
    for module in ["pub mod kind {", "pub mod lifetime {", "pub mod origin {", "pub mod placement {"] {
        for name in constants(block(&sources, module)).keys() {
            real.remove(name);
        }
    }
    let told = table(&document, "## Constants");
    let told: BTreeMap<String, String> =
        told.into_iter().map(|row| (row[0].trim_matches('`').to_string(), row[1].clone())).collect();
    assert_eq!(told, real, "the constants in docs/format.md (left) are not those of the sources (right)");
}

#[test]
fn places_in_the_last_page_are_as_told() {
    let (document, sources) = (document(), sources());
    let real = constants(block(&sources, "pub mod page {"));
    let told = table(&document, "## The last page");
    let mut end = 0;
    for row in &told {
        assert_eq!(row[0], end.to_string(), "the table of the last page has a gap before {}", row[1]);
        end += row[2].parse::<u64>().expect("a number of bytes");
    }
    assert_eq!(end, 4096);
    let told: BTreeMap<String, String> = told
        .into_iter()
        .filter(|row| row[1].starts_with('`'))
        .map(|row| (row[1].trim_matches('`').to_string(), row[0].clone()))
        .collect();
    assert_eq!(told, real, "the places in docs/format.md (left) are not those of the sources (right)");
}

#[test]
fn kinds_are_as_told() {
    let real: Vec<String> = constants(block(&sources(), "pub mod kind {")).into_values().collect();
    let mut told: Vec<String> = table(&document(), "## Kinds").into_iter().map(|row| row[0].clone()).collect();
    told.sort();
    let mut real = real;
    real.sort();
    assert_eq!(told, real, "the kinds in docs/format.md (left) are not those of the sources (right)");
}
