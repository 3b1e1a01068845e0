//! Numbers as colours: the heat map in the terminal, and what export writes into a PNG.

use std::fmt::Write;

use anstyle::{Ansi256Color, Color, RgbColor};

use crate::values::Number;
use crate::window::{Axis, Window};

/// What a terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// 24 bits.
    True,
    /// The 256 colours of xterm.
    Indexed,
    /// Shades only.
    None,
}

impl Ink {
    /// Of the terminal that the environment describes.
    pub fn of_terminal(has_colors: bool) -> Ink {
        let deep = std::env::var("COLORTERM").is_ok_and(|value| value == "truecolor" || value == "24bit");
        match (has_colors, deep) {
            (false, _) => Ink::None,
            (true, true) => Ink::True,
            (true, false) => Ink::Indexed,
        }
    }
}

/// Means over the cells of a raster that covers a 2-D window.
#[derive(Debug)]
pub struct Raster {
    /// Row by row; NaN where a cell has no number.
    cells: Vec<f64>,
    columns: usize,
    /// The smallest and the largest cell.
    range: (f64, f64),
}

/// How many elements a cell looks at in each direction.
const SAMPLES: u64 = 8;

impl Raster {
    /// At most so many cells. `None` where the window has no elements, or other than numbers.
    pub fn new(window: &Window, columns: usize, rows: usize) -> Option<Raster> {
        let [down, across] = window.axes() else { return None };
        if window.count() == 0 || !window.kind().is_number() || columns == 0 || rows == 0 {
            return None;
        }
        let (columns, rows) = (across.len.min(columns as u64), down.len.min(rows as u64));
        let mut cells = Vec::with_capacity((columns * rows) as usize);
        for row in 0..rows {
            for column in 0..columns {
                cells.push(mean(window, samples(down, row, rows), samples(across, column, columns)));
            }
        }
        let finite = cells.iter().copied().filter(|cell| cell.is_finite());
        let range =
            finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), cell| (low.min(cell), high.max(cell)));
        Some(Raster { cells, columns: columns as usize, range })
    }

    /// The means of the coldest and the hottest cell.
    pub fn range(&self) -> (f64, f64) {
        self.range
    }

    /// Lines of text: with colours two rows of cells a line, in half blocks; without, one shade a cell.
    pub fn draw(&self, ink: Ink) -> Vec<String> {
        let rows: Vec<&[f64]> = self.cells.chunks(self.columns).collect();
        if ink == Ink::None {
            return rows.iter().map(|row| row.iter().map(|cell| self.shade(*cell)).collect()).collect();
        }
        rows.chunks(2).map(|pair| self.half_blocks(pair[0], pair.get(1).copied(), ink)).collect()
    }

    fn half_blocks(&self, upper: &[f64], lower: Option<&[f64]>, ink: Ink) -> String {
        let mut line = String::new();
        for (column, cell) in upper.iter().enumerate() {
            let mut style = anstyle::Style::new().fg_color(self.color(*cell, ink));
            if let Some(lower) = lower {
                style = style.bg_color(self.color(lower[column], ink));
            }
            let _ = write!(line, "{style}▀{style:#}");
        }
        line
    }

    fn color(&self, cell: f64, ink: Ink) -> Option<Color> {
        let [r, g, b] = if cell.is_nan() { [128; 3] } else { viridis(part(cell, self.range)) };
        match ink {
            Ink::True => Some(RgbColor(r, g, b).into()),
            Ink::Indexed => Some(Ansi256Color(nearest(r, g, b)).into()),
            Ink::None => None,
        }
    }

    fn shade(&self, cell: f64) -> char {
        const SHADES: [char; 10] = [' ', '.', ':', '-', '=', '+', '*', '#', '%', '@'];
        if cell.is_nan() { '?' } else { SHADES[(part(cell, self.range) * 9.0).round() as usize] }
    }
}

/// The offsets along an axis of what one of `cells` cells looks at.
fn samples(axis: &Axis, cell: u64, cells: u64) -> impl Iterator<Item = i64> + Clone {
    let at = |cell: u64| (u128::from(cell) * u128::from(axis.len) / u128::from(cells)) as u64;
    let (start, end, stride) = (at(cell), at(cell + 1), axis.stride);
    let count = (end - start).min(SAMPLES);
    (0..count).map(move |i| (start + (end - start) * i / count) as i64 * stride)
}

fn mean(window: &Window, down: impl Iterator<Item = i64>, across: impl Iterator<Item = i64> + Clone) -> f64 {
    let mut element = vec![0u8; window.kind().size()];
    let (mut sum, mut count) = (0.0, 0);
    for row in down {
        for column in across.clone() {
            window.read(row + column, &mut element);
            if let Some(real) = window.kind().number(&element).map(Number::real).filter(|real| !real.is_nan()) {
                sum += real;
                count += 1;
            }
        }
    }
    if count == 0 { f64::NAN } else { sum / f64::from(count) }
}

/// Where a value stands between two others: from 0 to 1. NaN is 0.
pub fn part(value: f64, (low, high): (f64, f64)) -> f64 {
    let part = (value - low) / (high - low);
    if part.is_finite() {
        part.clamp(0.0, 1.0)
    } else if value > low {
        1.0
    } else {
        0.0
    }
}

/// Matplotlib's colour map, at nine points, and linear between them.
fn viridis(part: f64) -> [u8; 3] {
    const POINTS: [[u8; 3]; 9] = [
        [68, 1, 84],
        [71, 44, 122],
        [59, 81, 139],
        [44, 113, 142],
        [33, 144, 141],
        [39, 173, 129],
        [92, 200, 99],
        [170, 220, 50],
        [253, 231, 37],
    ];
    let at = part * (POINTS.len() - 1) as f64;
    let left = (at as usize).min(POINTS.len() - 2);
    let share = at - left as f64;
    std::array::from_fn(|i| {
        let (from, to) = (f64::from(POINTS[left][i]), f64::from(POINTS[left + 1][i]));
        (from + (to - from) * share).round() as u8
    })
}

/// In xterm's cube of 6 x 6 x 6, whose steps are 0, 95, 135, 175, 215 and 255.
fn nearest(r: u8, g: u8, b: u8) -> u8 {
    let step = |value: u8| match value {
        ..48 => 0,
        48..115 => 1,
        _ => (value - 35) / 40,
    };
    16 + 36 * step(r) + 6 * step(g) + step(b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shm_array::{Array, Options};

    #[test]
    fn a_ramp_goes_from_dark_to_light_and_right_side_up() {
        let array = Array::create_filled(None, "<f4", &[40, 60], &Options::default(), |view| {
            for i in 0..view.count as usize {
                // SAFETY: within the elements of an array that nobody else has.
                unsafe { view.data.cast::<f32>().add(i).write((i / 60) as f32) };
            }
            Ok(())
        })
        .unwrap();
        let window = Window::new(&array, None).unwrap();
        let raster = Raster::new(&window, 20, 10).unwrap();
        assert_eq!(raster.range(), (1.5, 37.5));
        let lines = raster.draw(Ink::None);
        assert_eq!((lines.len(), lines[0].len()), (10, 20));
        assert!(lines[0].chars().all(|c| c == ' ') && lines[9].chars().all(|c| c == '@'));
        let colored = raster.draw(Ink::True);
        assert_eq!(colored.len(), 5);
        assert!(colored[0].starts_with("\u{1b}[38;2;68;1;84m"), "{:?}", colored[0]);
    }

    #[test]
    fn constants_infinities_and_nothing_are_drawn() {
        assert_eq!(part(3.0, (3.0, 3.0)), 0.0);
        assert_eq!(part(f64::INFINITY, (0.0, 1.0)), 1.0);
        assert_eq!(part(f64::NAN, (0.0, 1.0)), 0.0);
        assert_eq!(part(-5.0, (0.0, 1.0)), 0.0);
        let empty = Array::create(None, "<f4", &[0, 3], &Options::default()).unwrap();
        assert!(Raster::new(&Window::new(&empty, None).unwrap(), 10, 10).is_none());
    }

    #[test]
    fn the_cube_is_xterms() {
        assert_eq!((nearest(0, 0, 0), nearest(255, 255, 255), nearest(253, 231, 37)), (16, 231, 220));
    }
}
