//! One file for each word that can be typed.

mod collect;
mod doctor;
mod export;
mod head;
mod import;
mod info;
mod list;
mod manual;
mod rm;
mod top;

use crate::arguments::Command;
use crate::failure::Result;
use crate::output::Output;

/// Do what was asked.
pub fn run(command: Command, out: &mut Output) -> Result<()> {
    match command {
        Command::List(list) => list::run(&list, out),
        Command::Info(info) => info::run(&info, out),
        Command::Head(head) => head::run(&head, out),
        Command::Export(export) => export::run(&export, out),
        Command::Import(import) => import::run(&import, out),
        Command::Rm(rm) => rm::run(&rm, out),
        Command::Collect(collect) => collect::run(&collect, out),
        Command::Top(top) => top::run(&top, out),
        Command::Doctor(doctor) => doctor::run(&doctor, out),
        Command::Completions(completions) => manual::completions(completions.shell, out),
        Command::Man(man) => manual::pages(man.directory.as_deref(), out),
    }
}

/// A shape as Python writes it: `(480, 640)`, `(5,)`, `()`.
fn shape_text(shape: &[u64]) -> String {
    let lens = shape.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
    if shape.len() == 1 { format!("({lens},)") } else { format!("({lens})") }
}

/// The dtype, or the extension type's own name; cut where a table has no room.
fn dtype_text(dtype: &str, tag: &str, longest: usize) -> String {
    let text = if tag.is_empty() { dtype } else { tag };
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_string(),
    }
}

fn id_text(id: &[u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(*id))
}
