//! `import`: a shared array from a file.
//!
//! The elements are read straight into the array's memory before it has a name. So others find the whole array or
//! none, and an error, a Ctrl-C or a kill -9 at any moment leaves nothing behind.

mod source;

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::sync::Mutex;
use std::thread;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use shm_array::{Array, Errno, Error, Options, View};

use super::shape_text;
use crate::arguments::Import;
use crate::failure::{Failure, Result};
use crate::looking::full_name;
use crate::output::Output;
use crate::units;

use source::{Data, Source};

/// Bytes that are read at once.
const PIECE: usize = 4 << 20;
/// More threads than this find the memory busy.
const MOST_THREADS: usize = 8;

/// Read it.
pub fn run(import: &Import, out: &mut Output) -> Result<()> {
    let mut source = Source::open(import)?;
    let name = full_name(&import.name);
    let options = Options {
        fortran: source.fortran,
        permissions: import.permissions,
        capacity: import.capacity,
        metadata: import.metadata.as_deref(),
        dtype_tag: import.tag.as_deref(),
        ..Options::default()
    };
    let progress = bar(source.bytes, "importing", out);
    let array = Array::create_filled(Some(&name), &source.dtype, &source.shape, &options, |view| {
        fill(view, &mut source.data, &progress).map_err(|error| {
            let errno = Errno::from_raw(error.raw_os_error().unwrap_or(Errno::EIO as i32));
            Error::os(errno, format!("cannot read {}: {error}", import.file.display()))
        })
    });
    progress.finish_and_clear();
    let array = array.map_err(|error| match error.is(Errno::EEXIST) {
        true => Failure::new(format!("{} exists already: shm-array rm {0} removes it", import.name)),
        false => error.into(),
    })?;
    let (shape, size) = (shape_text(&source.shape), units::bytes(source.bytes));
    out.note(format_args!(
        "{}: {shape} of {}, {size}",
        array.name().to_string_lossy(),
        array.dtype().to_string_lossy()
    ));
    Ok(())
}

/// Read all elements into a new array, which nobody else knows yet.
fn fill(view: &View, data: &mut Data, progress: &ProgressBar) -> std::io::Result<()> {
    if view.nbytes == 0 {
        return Ok(());
    }
    // SAFETY: as many bytes from there are the elements of an array that is not published, so that nobody else reads
    // or writes them while this slice lives.
    let elements = unsafe { std::slice::from_raw_parts_mut(view.data, view.nbytes as usize) };
    match data {
        Data::File { file, offset } => in_parallel(elements, file, *offset, progress),
        Data::Stream { ahead, reader, ends } => {
            for piece in elements.chunks_mut(PIECE) {
                std::io::Cursor::new(&mut *ahead).chain(&mut *reader).read_exact(piece).map_err(cut_short)?;
                ahead.drain(..ahead.len().min(piece.len()));
                progress.inc(piece.len() as u64);
            }
            let more = *ends && (!ahead.is_empty() || reader.read(&mut [0])? > 0);
            if more { Err(std::io::Error::other("there are more bytes than the elements take")) } else { Ok(()) }
        }
    }
}

/// Pieces go to whichever thread is free: the copy from the page cache is what takes the time.
fn in_parallel(elements: &mut [u8], file: &File, offset: u64, progress: &ProgressBar) -> std::io::Result<()> {
    let threads =
        thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS).min(elements.len() / PIECE + 1);
    let pieces = Mutex::new(elements.chunks_mut(PIECE).enumerate());
    let work = || {
        loop {
            let next = pieces.lock().expect("no thread panics here").next();
            let Some((number, piece)) = next else { return Ok(()) };
            let at = offset + (number * PIECE) as u64;
            if let Err(error) = file.read_exact_at(piece, at) {
                // Nothing is left for the others.
                pieces.lock().expect("no thread panics here").by_ref().for_each(drop);
                return Err(cut_short(error));
            }
            progress.inc(piece.len() as u64);
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let own = work();
        workers.into_iter().map(|worker| worker.join().expect("no thread panics here")).fold(own, std::io::Result::and)
    })
}

fn cut_short(error: std::io::Error) -> std::io::Error {
    match error.kind() {
        std::io::ErrorKind::UnexpectedEof => std::io::Error::other("it ends before the last element"),
        _ => error,
    }
}

/// A progress bar on a terminal's stderr; nothing elsewhere.
pub fn bar(bytes: u64, doing: &'static str, out: &Output) -> ProgressBar {
    let target = if out.is_quiet() { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let style = "{msg} [{wide_bar:.green}] {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta} left";
    let style = ProgressStyle::with_template(style).expect("the template is valid").progress_chars("=> ");
    ProgressBar::with_draw_target(Some(bytes), target).with_style(style).with_message(doing)
}
