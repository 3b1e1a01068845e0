//! `export`: an array, or a slice of it, as a file that others understand.

use std::io::Write;

use shm_array::{Access, Acquired, Errno, Mode, Timeout, npy};

use super::import::bar;
use super::shape_text;
use crate::arguments::{Export, Format};
use crate::destination::Destination;
use crate::failure::{Doing, Failure, Result};
use crate::looking::Looked;
use crate::output::Output;
use crate::picture::part;
use crate::units;
use crate::values::statistics::Statistics;
use crate::values::{Kind, Number};
use crate::window::Window;

/// Write it.
pub fn run(export: &Export, out: &mut Output) -> Result<()> {
    let format = format(export)?;
    if format != Format::Png && (export.min.is_some() || export.max.is_some()) {
        return Err(Failure::usage("--min and --max are for PNG: a .npy or raw file has the elements as they are"));
    }
    let (array, locked) = open(export, out)?;
    let before = array.generation().ok();
    let window = Window::new(&array, export.slice.as_deref())?;
    let mut destination = Destination::open(&export.file)?;
    let progress = bar(window.count().saturating_mul(window.kind().size() as u64), "exporting", out);
    let doing = || format!("cannot write {}", export.file.display());
    match format {
        Format::Png => picture(&window, export, &mut destination)?,
        Format::Npy | Format::Raw => {
            let fortran = format == Format::Npy && window.is_fortran();
            if format == Format::Npy {
                let front = front(&array.dtype().to_string_lossy(), fortran, &window.shape())?;
                destination.write_all(&front).doing(doing)?;
            }
            window.for_each_piece(fortran, |piece| {
                progress.inc(piece.len() as u64);
                destination.write_all(piece).doing(doing)
            })?;
        }
    }
    progress.finish_and_clear();
    destination.finish()?;
    if locked {
        array.unlock()?;
    } else if array.generation().ok() != before {
        out.note("note: the array was written meanwhile, and it was read without its lock: the file may have halves");
    }
    let tag = array.dtype_tag().to_string_lossy();
    if format == Format::Npy && !tag.is_empty() {
        out.note(format_args!("note: a .npy file has no word for {tag}: its elements are raw bytes there"));
    }
    let (shape, dtype) = (shape_text(&window.shape()), array.dtype().to_string_lossy());
    let size = units::bytes(window.count() * window.kind().size() as u64);
    if !matches!(export.file.to_str(), Some("-")) {
        out.note(format_args!("{}: {shape} of {dtype}, {size}", export.file.display()));
    }
    Ok(())
}

fn format(export: &Export) -> Result<Format> {
    if let Some(format) = export.format {
        return Ok(format);
    }
    let ending = export.file.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    match ending.as_str() {
        "npy" => Ok(Format::Npy),
        "png" => Ok(Format::Png),
        "raw" | "bin" => Ok(Format::Raw),
        _ => Err(Failure::usage(format!(
            "{}: the ending tells no format; say --format npy, png or raw",
            export.file.display()
        ))),
    }
}

/// Under its shared lock where there is one that this user may take; says whether it is held.
fn open(export: &Export, out: &Output) -> Result<(Looked, bool)> {
    if export.no_lock {
        return Ok((Looked::open(&export.name, Access::Read)?, false));
    }
    // A lock is written into the array, so only who may write can take it.
    let array = match shm_array::Array::open(&crate::looking::full_name(&export.name), Access::Write) {
        Err(error) if error.is(Errno::EOPNOTSUPP) || error.is(Errno::EACCES) || error.is(Errno::EROFS) => {
            if !error.is(Errno::EOPNOTSUPP) {
                out.note("note: you may not write to this array, and so not lock it: it is read without its lock");
            }
            return Ok((Looked::open(&export.name, Access::Read)?, false));
        }
        Err(error) => return Err(error.into()),
        Ok(array) => Looked::new(array)?,
    };
    let acquired = array.lock(Mode::Shared, Timeout::For(export.timeout)).map_err(|error| {
        Failure::new(format!("{error}; after {} of waiting. Without the lock: --no-lock", units::span(export.timeout)))
    })?;
    if acquired == Acquired::OwnerDied {
        out.note("note: a holder of the lock died while writing: elements may be half written");
    }
    Ok((array, true))
}

/// A .npy header that is no longer than it must be: a multiple of 64 bytes, as numpy's own.
fn front(descr: &str, fortran: bool, shape: &[u64]) -> Result<Vec<u8>> {
    let longest = npy::READ_AHEAD / 64;
    let fitting = (2..longest).find_map(|lines| npy::render(descr, fortran, shape, lines * 64).ok());
    fitting.ok_or_else(|| {
        Failure::new(format!("the dtype's text of {} bytes does not fit into a .npy header", descr.len()))
    })
}

/// 8 bits a channel: bytes and truth values as they are, everything else scaled.
fn picture(window: &Window, export: &Export, destination: &mut Destination) -> Result<()> {
    let (height, width, channels) = match window.shape()[..] {
        [height, width] => (height, width, 1),
        [height, width, channels @ 1..=4] => (height, width, channels),
        ref shape => {
            return Err(Failure::usage(format!(
                "a picture has 2 dimensions, or height x width x 1, 2, 3 or 4; this has shape {}: choose a part with \
                 --slice",
                shape_text(shape)
            )));
        }
    };
    if !window.kind().is_number() {
        return Err(Failure::usage("a picture is made of numbers, and these elements are none: export them as .npy"));
    }
    let side = |len: u64| u32::try_from(len).ok().filter(|len| (1..=i32::MAX as u32).contains(len));
    let (Some(width), Some(height)) = (side(width), side(height)) else {
        return Err(Failure::usage(format!(
            "a PNG is from 1 to 2147483647 pixels wide and high, not {width} x {height}"
        )));
    };
    let scale = Scale::of(window, export)?;
    let doing = || format!("cannot write {}", export.file.display());
    let mut encoder = png::Encoder::new(destination, width, height);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_color(match channels {
        1 => png::ColorType::Grayscale,
        2 => png::ColorType::GrayscaleAlpha,
        3 => png::ColorType::Rgb,
        _ => png::ColorType::Rgba,
    });
    let mut writer = encoder.write_header().doing(doing)?;
    let mut pixels = writer.stream_writer().doing(doing)?;
    let size = window.kind().size();
    window.for_each_piece(false, |piece| {
        let bytes: Vec<u8> = match scale {
            Scale::None => piece.to_vec(),
            _ => piece.chunks_exact(size).map(|element| scale.apply(window.kind(), element)).collect(),
        };
        pixels.write_all(&bytes).doing(doing)
    })?;
    pixels.finish().doing(doing)?;
    writer.finish().doing(doing)
}

/// From elements to the 256 steps of a picture.
#[derive(Clone, Copy, Debug)]
enum Scale {
    /// They are bytes already.
    None,
    /// From black to white.
    Range(f64, f64),
}

impl Scale {
    fn of(window: &Window, export: &Export) -> Result<Scale> {
        if export.min.is_none() && export.max.is_none() {
            match window.kind() {
                Kind::Unsigned(1, _) => return Ok(Scale::None),
                Kind::Bool => return Ok(Scale::Range(0.0, 1.0)),
                _ => {}
            }
        }
        let (mut low, mut high) = (export.min, export.max);
        if low.is_none() || high.is_none() {
            let mut statistics = Statistics::new(window.kind().clone());
            window.for_each_piece(false, |piece| {
                piece.chunks_exact(window.kind().size()).for_each(|element| {
                    if window.kind().number(element).is_some_and(|number| number.real().is_finite()) {
                        statistics.add(element);
                    }
                });
                Ok(())
            })?;
            let seen = statistics.finish();
            low = low.or(seen.smallest.map(Number::real));
            high = high.or(seen.largest.map(Number::real));
        }
        match (low.unwrap_or(0.0), high.unwrap_or(1.0)) {
            (low, high) if low > high => {
                Err(Failure::usage(format!("--min is {low} and --max is {high}: the first must not be the larger one")))
            }
            (low, high) => Ok(Scale::Range(low, high)),
        }
    }

    fn apply(self, kind: &Kind, element: &[u8]) -> u8 {
        match (self, kind.number(element)) {
            (Scale::Range(low, high), Some(number)) => (part(number.real(), (low, high)) * 255.0).round() as u8,
            _ => element[0],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_as_short_as_numpys() {
        let short = front("<f8", false, &[2, 3]).unwrap();
        assert_eq!(short.len(), 128);
        assert_eq!(npy::parse(&short).unwrap().shape, [2, 3]);
        let fields: Vec<String> = (0..100).map(|i| format!("('field{i}', '<f8')")).collect();
        let long = front(&format!("[{}]", fields.join(", ")), true, &[5]).unwrap();
        assert!(long.len().is_multiple_of(64) && npy::parse(&long).unwrap().fortran);
    }

    #[test]
    fn what_is_no_number_is_black() {
        let kind = Kind::new("<M8[s]", "").unwrap();
        let scale = Scale::Range(0.0, 10.0);
        assert_eq!(scale.apply(&kind, &i64::MIN.to_le_bytes()), 0);
        assert_eq!(scale.apply(&kind, &10i64.to_le_bytes()), 255);
        assert_eq!(scale.apply(&kind, &5i64.to_le_bytes()), 128);
    }
}
