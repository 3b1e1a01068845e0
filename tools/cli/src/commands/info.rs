//! `info`: everything that is known of one array.

use serde_json::{Value, json};
use shm_array::{Access, Mode, Stat};

use super::list::holders_json;
use super::{id_text, shape_text};
use crate::arguments::Info;
use crate::failure::Result;
use crate::looking::Looked;
use crate::output::{BAD, HEADING, Output};
use crate::units;
use crate::values::Kind;

/// Print it.
pub fn run(info: &Info, out: &mut Output) -> Result<()> {
    let array = Looked::open(&info.name, Access::Read)?;
    let (view, stat) = (array.view()?, array.stat()?);
    let pids: Vec<u32> = stat.pids.iter().copied().filter(|pid| *pid != std::process::id()).collect();
    let (dtype, tag) = (array.dtype().to_string_lossy(), array.dtype_tag().to_string_lossy());
    let metadata = array.metadata().map(|text| text.to_string_lossy());
    if info.json {
        return out.json(&json!({
            "name": array.name().to_string_lossy(),
            "kind": "array",
            "shared": is_shared(&stat),
            "dtype": dtype,
            "dtype_tag": tag,
            "shape": view.shape(),
            "strides": view.strides(),
            "order": if stat.fortran { "F" } else { "C" },
            "itemsize": view.itemsize,
            "nbytes": view.nbytes,
            "capacity_bytes": stat.capacity_bytes,
            "file_bytes": stat.file_bytes,
            "data_offset": stat.data_offset,
            "generation": stat.generation,
            "created_ns": stat.created_ns,
            "creator_pid": stat.creator_pid,
            "lifetime": if stat.last_close { "last-close" } else { "until-unlinked" },
            "adopted": stat.adopted,
            "slots": stat.slots,
            "lock": stat.lock.map(mode),
            "lock_pid": (stat.lock_pid != 0).then_some(stat.lock_pid),
            "holders": holders_json(&stat.holders),
            "inconsistent": stat.inconsistent,
            "pids": pids,
            "metadata": metadata.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok()),
            "id": id_text(&stat.id),
        }));
    }

    out.line(format_args!("{HEADING}{}{HEADING:#}", array.name().to_string_lossy()))?;
    let mut fact = |name: &str, words: String| out.line(format_args!("  {name:<11}{words}"));
    fact("dtype", format!("{}, {} bytes each", if tag.is_empty() { &dtype } else { &tag }, view.itemsize))?;
    if let Ok(Kind::Struct(fields, _)) = Kind::new(&dtype, &tag) {
        for field in fields {
            fact("", format!("{:>4}  {}: {} bytes", field.offset, field.name.escape_debug(), field.kind.size()))?;
        }
    }
    let order = if stat.fortran { "Fortran" } else { "C" };
    fact("shape", format!("{}, {order} order, {} elements", shape_text(view.shape()), view.count))?;
    fact("size", format!("{} of elements, {} in all", units::bytes(view.nbytes), units::bytes(stat.file_bytes)))?;
    if !is_shared(&stat) {
        return fact("what", "an ordinary .npy file: no lock, no generations".into());
    }
    if stat.capacity_bytes > view.nbytes {
        fact("capacity", format!("{}: it can grow", units::bytes(stat.capacity_bytes)))?;
    }
    let age = units::span(units::age(stat.created_ns));
    fact("created", format!("{} ({age} ago) by process {}", units::moment(stat.created_ns), stat.creator_pid))?;
    fact(
        "lives",
        match stat.last_close {
            true if pids.is_empty() => "until its last user closes it; nobody is known to use it: see collect".into(),
            true => "until its last user closes it".into(),
            false => "until it is unlinked (shm-array rm)".into(),
        },
    )?;
    fact("writes", format!("{} (completed exclusive locks)", stat.generation))?;
    let lock = match stat.lock {
        Some(Mode::Exclusive) => format!("held by process {}, exclusively", stat.lock_pid),
        Some(Mode::Shared) => "held by readers".into(),
        None => "free".into(),
    };
    fact("lock", format!("{lock}; room for {} processes", stat.slots))?;
    for holder in &stat.holders {
        let (shared, ranges) = (holder.shared, holder.ranges);
        fact("", format!("process {}: {shared} shared, {ranges} of ranges, held or waited for", holder.pid))?;
    }
    if stat.inconsistent {
        let words = "a holder died while writing, and nobody has recovered since: elements may be half written";
        fact("", format!("{BAD}{words}{BAD:#}"))?;
    }
    let users = pids.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
    fact("processes", if users.is_empty() { "none that can be seen from here".into() } else { users })?;
    if let Some(metadata) = metadata {
        fact("metadata", metadata.chars().map(|c| if c.is_control() { ' ' } else { c }).collect())?;
    }
    fact("id", id_text(&stat.id))
}

/// An ordinary .npy file has no identity.
fn is_shared(stat: &Stat) -> bool {
    stat.id != [0; 16]
}

fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Exclusive => "exclusive",
        Mode::Shared => "shared",
    }
}
