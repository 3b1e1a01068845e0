//! `head`: the first rows, the statistics and, of numbers in two dimensions, a picture.

use std::io::IsTerminal;

use serde_json::{Value, json};
use shm_array::{Access, Array};

use super::shape_text;
use crate::arguments::{Head, When};
use crate::failure::Result;
use crate::looking::Looked;
use crate::output::{FAINT, HEADING, Output, page};
use crate::picture::{Ink, Raster};
use crate::units;
use crate::values::statistics::{Statistics, Summary};
use crate::values::{Field, Kind, Number};
use crate::window::Window;

/// Print it.
pub fn run(head: &Head, out: &mut Output) -> Result<()> {
    let array = Looked::open(&head.name, Access::Read)?;
    let window = Window::new(&array, head.slice.as_deref())?;
    let plane = leading_plane(&array, &window, head.slice.as_deref())?;
    let table = Window::new(&array, plane.as_deref().or(head.slice.as_deref()))?;
    let columns = columns(window.kind());
    let (summaries, looked_at) = summarize(&window, &columns, head.all)?;
    if head.json {
        return out.json(&object(head, &window, &table, &columns, &summaries, looked_at));
    }

    let (dtype, tag) = (array.dtype().to_string_lossy(), array.dtype_tag().to_string_lossy());
    let dtype = if tag.is_empty() { dtype } else { tag };
    let size = units::bytes(window.count().saturating_mul(window.kind().size() as u64));
    let name = array.name().to_string_lossy();
    let shape = shape_text(&window.shape());
    out.line(format_args!("{HEADING}{name}{HEADING:#}  {dtype}  {shape}  {size}"))?;
    if table.axes().len() < window.axes().len() {
        let zeros = "0, ".repeat(window.axes().len() - 2);
        out.line(format_args!("{FAINT}[{zeros}:, :] of it; another part: --slice{FAINT:#}"))?;
    }
    print_rows(&table, head.rows, out)?;
    for (column, summary) in columns.iter().zip(&summaries) {
        out.line(sentence(column, summary))?;
    }
    if looked_at < window.count() && !summaries.is_empty() {
        out.line(format_args!("{FAINT}of a sample of {looked_at} elements; of all: --all{FAINT:#}"))?;
    }
    let wanted = match head.heat {
        When::Always => true,
        When::Never => false,
        When::Auto => std::io::stdout().is_terminal(),
    };
    if wanted { draw(&table, head.heat == When::Always, out) } else { Ok(()) }
}

/// The slice that is printed and drawn where there are more than two axes: the last two, at the beginning of all others.
fn leading_plane(array: &Array, window: &Window, slice: Option<&str>) -> Result<Option<String>> {
    let mut surplus = window.axes().len().saturating_sub(2);
    if surplus == 0 {
        return Ok(None);
    }
    let view = array.view()?;
    let given = slice.unwrap_or("").trim_matches(['[', ']']).split(',').filter(|part| !part.is_empty());
    let mut parts: Vec<String> = given.map(str::to_string).collect();
    parts.resize(view.shape().len(), ":".into());
    for (part, len) in parts.iter_mut().zip(view.shape()) {
        // A number alone has taken its axis away already; an axis without elements has no beginning.
        if surplus > 0 && part.contains(':') && *len > 0 {
            *part = first_of(part, *len);
            surplus -= 1;
        }
    }
    Ok(Some(parts.join(",")))
}

/// The index at which a slice such as `5:10` or `::-1` begins.
fn first_of(slice: &str, len: u64) -> String {
    let pieces: Vec<&str> = slice.split(':').map(str::trim).collect();
    let backwards = pieces.get(2).is_some_and(|step| step.starts_with('-'));
    match pieces.first().copied().unwrap_or("") {
        "" if backwards => "-1".into(),
        "" => "0".into(),
        start => {
            let start: i128 = start.parse().unwrap_or(0);
            let from_front = if start < 0 { start + i128::from(len) } else { start };
            from_front.clamp(0, i128::from(len) - 1).to_string()
        }
    }
}

/// The numbers of an element: itself, or the fields that are numbers.
fn columns(kind: &Kind) -> Vec<Field> {
    match kind {
        Kind::Struct(fields, _) => fields.iter().filter(|field| field.kind.is_number()).cloned().collect(),
        kind if kind.is_number() => vec![Field { name: String::new(), offset: 0, kind: kind.clone() }],
        _ => Vec::new(),
    }
}

/// Beyond this, a sample is enough for a look.
const ENOUGH: u64 = 1 << 30;
const SAMPLE: u64 = 1 << 16;

/// Statistics of each column, and of how many elements.
fn summarize(window: &Window, columns: &[Field], all: bool) -> Result<(Vec<Summary>, u64)> {
    let size = window.kind().size();
    let mut statistics: Vec<Statistics> = columns.iter().map(|field| Statistics::new(field.kind.clone())).collect();
    let mut add = |element: &[u8]| {
        for (field, statistics) in columns.iter().zip(&mut statistics) {
            statistics.add(&element[field.offset..][..field.kind.size()]);
        }
    };
    let count = window.count();
    let looked_at =
        if all || columns.is_empty() || count.saturating_mul(size as u64) <= ENOUGH { count } else { SAMPLE };
    if columns.is_empty() {
        return Ok((Vec::new(), count));
    }
    if looked_at == count {
        window.for_each_piece(false, |piece| {
            piece.chunks_exact(size).for_each(&mut add);
            Ok(())
        })?;
    } else {
        let mut element = vec![0u8; size];
        for i in 0..SAMPLE {
            window.read(window.offset(&scattered(i, count, window)), &mut element);
            add(&element);
        }
    }
    Ok((statistics.into_iter().map(Statistics::finish).collect(), looked_at))
}

/// The index of a sample: one in each of equal parts, but not always at the same place of a row.
fn scattered(i: u64, count: u64, window: &Window) -> Vec<u64> {
    let part = count / SAMPLE;
    let mut linear = i * part + i.wrapping_mul(0x9e37_79b9_7f4a_7c15) % part;
    let mut index = vec![0; window.axes().len()];
    for (place, axis) in index.iter_mut().zip(window.axes()).rev() {
        *place = linear % axis.len;
        linear /= axis.len;
    }
    index
}

fn sentence(column: &Field, summary: &Summary) -> String {
    let name = match column.name.is_empty() {
        true => String::new(),
        false => format!("{}: ", column.name.escape_debug()),
    };
    let magnitude = if matches!(summary.kind, Kind::Complex(..)) { "magnitude " } else { "" };
    let mut words = Vec::new();
    if let (Some(smallest), Some(largest)) = (summary.smallest, summary.largest) {
        let show = |number| summary.kind.show_number(number);
        words.push(format!("{magnitude}min {}  max {}", show(smallest), show(largest)));
    }
    if let (Some(mean), Some(deviation)) = (summary.mean, summary.deviation) {
        words.push(format!("mean {}  std {}", rounded(mean), rounded(deviation)));
    }
    if summary.missing > 0 {
        let nothing = if matches!(summary.kind, Kind::Moment(..) | Kind::Span(..)) { "NaT" } else { "NaN" };
        words.push(format!("{} {nothing}", summary.missing));
    }
    if summary.infinite > 0 {
        words.push(format!("{} infinite", summary.infinite));
    }
    if words.is_empty() {
        words.push("no elements".into());
    }
    name + &words.join("  ")
}

/// In a table, long numbers have six figures; statistics have them all.
fn brief(kind: &Kind, element: &[u8]) -> String {
    let shown = kind.show(element);
    match (kind, kind.number(element)) {
        (Kind::Float(..), Some(number)) if shown.len() > 9 => rounded(number.real()),
        _ => shown,
    }
}

/// Six figures are enough for a look.
fn rounded(number: f64) -> String {
    if number == 0.0 || !number.is_finite() {
        return format!("{number}");
    }
    match number.abs().log10().floor() as i32 {
        magnitude @ -4..=5 => {
            let digits = (5 - magnitude).max(0) as usize;
            let text = format!("{number:.digits$}");
            if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text }
        }
        _ => format!("{number:.5e}"),
    }
}

/// The elements of a row, as far as they fit into a line; every row like the first.
fn print_rows(table: &Window, rows: u64, out: &mut Output) -> Result<()> {
    let width = page().0;
    let axes = table.axes();
    let mut element = vec![0u8; table.kind().size()];
    let mut show = |index: &[u64]| {
        table.read(table.offset(index), &mut element);
        brief(table.kind(), &element)
    };
    match axes {
        _ if table.count() == 0 => out.line(format_args!("{FAINT}no elements{FAINT:#}")),
        [] => out.line(show(&[])),
        [only] => {
            let shown = only.len.min(rows.saturating_mul(width as u64 / 8).max(1));
            let mut line = String::from("[");
            let mut lines = 0;
            for i in 0..shown {
                let cell = show(&[i]) + if i + 1 < only.len { ", " } else { "]" };
                if line.chars().count() + cell.trim_end().chars().count() > width && line.len() > 1 {
                    out.line(line.trim_end())?;
                    lines += 1;
                    line = String::from(" ");
                    if lines >= rows {
                        break;
                    }
                }
                line += &cell;
            }
            if line.trim().is_empty() || line.ends_with(']') {
                out.line(if line.ends_with(']') { line.as_str() } else { " …]" })
            } else {
                out.line(format_args!("{line}…]"))
            }
        }
        [down, across] => {
            let shown = down.len.min(rows);
            // As many columns as can fit at all; each is as wide as its widest cell.
            let most = across.len.min(width as u64 / 2);
            let cells: Vec<Vec<String>> =
                (0..shown).map(|row| (0..most).map(|column| show(&[row, column])).collect()).collect();
            let widths = (0..most as usize).map(|column| cells.iter().map(|row| row[column].chars().count()).max());
            let widths: Vec<usize> = widths.map(Option::unwrap_or_default).collect();
            let mut used = 1;
            let fitting = widths.iter().take_while(|cell| {
                used += *cell + 2;
                used + 2 <= width
            });
            let fitting = fitting.count().max(1);
            let more = if (fitting as u64) < across.len { ", …" } else { "" };
            for (number, row) in cells.iter().enumerate() {
                let row = row.iter().zip(&widths).take(fitting).map(|(cell, width)| format!("{cell:>width$}"));
                let open = if number == 0 { "[" } else { " " };
                let close = if number as u64 + 1 == down.len { "]" } else { "" };
                out.line(format_args!("{open}[{}{more}]{close}", row.collect::<Vec<_>>().join(", ")))?;
            }
            if shown < down.len { out.line(format_args!(" … {} more rows", down.len - shown)) } else { Ok(()) }
        }
        _ => Ok(()),
    }
}

/// The heat map, and what its colours mean.
fn draw(table: &Window, asked: bool, out: &mut Output) -> Result<()> {
    let ink = Ink::of_terminal(out.has_colors());
    let (columns, lines) = page();
    let rows = (lines.saturating_sub(12).max(8)) * if ink == Ink::None { 1 } else { 2 };
    // A cell of half a line is about as high as it is wide; keep the array's own proportions.
    let Some((columns, rows)) = fitted(table, columns.min(120), rows, ink) else {
        return if asked { out.line("no heat map: it takes numbers in two dimensions (see --slice)") } else { Ok(()) };
    };
    let Some(raster) = Raster::new(table, columns, rows) else {
        return if asked { out.line("no heat map: it takes numbers in two dimensions (see --slice)") } else { Ok(()) };
    };
    for line in raster.draw(ink) {
        out.line(line)?;
    }
    let (low, high) = raster.range();
    if low > high {
        return Ok(());
    }
    out.line(format_args!("{FAINT}heat map from {} to {}{FAINT:#}", rounded(low), rounded(high)))
}

fn fitted(table: &Window, columns: usize, rows: usize, ink: Ink) -> Option<(usize, usize)> {
    let [down, across] = table.axes() else { return None };
    if down.len == 0 || across.len == 0 {
        return None;
    }
    // Without colours a cell is a whole line, twice as high as wide.
    let tall = if ink == Ink::None { 2.0 } else { 1.0 };
    let (height, width) = (down.len as f64 / tall, across.len as f64);
    let scale = (columns as f64 / width).min(rows as f64 / height).min(1.0);
    // A long thin array is stretched rather than not seen.
    let at_least = |cells: f64, len: u64, room: usize| (cells.round() as usize).max(len.min(8) as usize).min(room);
    Some((at_least(width * scale, across.len, columns), at_least(height * scale, down.len, rows)))
}

fn object(
    head: &Head,
    window: &Window,
    table: &Window,
    columns: &[Field],
    summaries: &[Summary],
    looked_at: u64,
) -> Value {
    let mut element = vec![0u8; table.kind().size()];
    let mut value = |index: &[u64]| {
        table.read(table.offset(index), &mut element);
        table.kind().json(&element)
    };
    let rows: Value = match table.axes() {
        [] if table.count() > 0 => value(&[]),
        [only] => (0..only.len.min(head.rows)).map(|i| value(&[i])).collect(),
        [down, across] => (0..down.len.min(head.rows))
            .map(|row| (0..across.len).map(|column| value(&[row, column])).collect::<Value>())
            .collect(),
        _ => Value::Null,
    };
    let statistics: Vec<Value> = columns
        .iter()
        .zip(summaries)
        .map(|(column, summary)| {
            let number = |number: Option<Number>| match (&summary.kind, number) {
                (_, None) => Value::Null,
                (Kind::Moment(..) | Kind::Span(..), Some(number)) => json!(summary.kind.show_number(number)),
                (_, Some(Number::Int(int))) => u64::try_from(int).map_or(json!(int as i64), |int| json!(int)),
                (_, Some(Number::Real(real))) => json!(real),
            };
            json!({
                "field": (!column.name.is_empty()).then_some(&column.name),
                "min": number(summary.smallest),
                "max": number(summary.largest),
                "mean": summary.mean,
                "std": summary.deviation,
                "missing": summary.missing,
                "infinite": summary.infinite,
            })
        })
        .collect();
    json!({
        "name": head.name,
        "shape": window.shape(),
        "rows": rows,
        "statistics": statistics,
        "elements_looked_at": looked_at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_figures() {
        for (number, text) in [
            (0.0, "0"),
            (0.5, "0.5"),
            (1.0 / 3.0, "0.333333"),
            (123_456.7, "123457"),
            (100.0, "100"),
            (1e9, "1.00000e9"),
            (-2.5e-7, "-2.50000e-7"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(rounded(number), text);
        }
    }

    #[test]
    fn slices_begin_somewhere() {
        for (slice, index) in [(":", "0"), ("5:10", "5"), ("::-1", "-1"), ("-3:", "7"), ("99:", "9"), ("-99:", "0")] {
            assert_eq!(first_of(slice, 10), index, "{slice}");
        }
    }
}
