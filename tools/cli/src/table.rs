//! Columns of text, as wide as they must be.

use crate::failure::Result;
use crate::output::{HEADING, Output};

/// A heading, and whether what stands under it is a number.
pub type Column = (&'static str, bool);

/// Numbers stand to the right, texts to the left; nothing follows the last column.
pub fn print(out: &mut Output, columns: &[Column], rows: &[Vec<String>]) -> Result<()> {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([columns[column].0.len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let line = |cells: Vec<&str>| {
        let padded = cells.iter().zip(columns).zip(&widths).map(|((cell, (_, right)), width)| {
            if *right { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_string()
    };
    out.line(format_args!("{HEADING}{}{HEADING:#}", line(columns.iter().map(|column| column.0).collect())))?;
    rows.iter().try_for_each(|row| out.line(line(row.iter().map(String::as_str).collect())))
}
