//! `list`: all arrays with a shared-memory name.

use serde_json::{Value, json};
use shm_array::{Entry, Holder};

use super::{dtype_text, id_text, shape_text};
use crate::arguments::List;
use crate::failure::Result;
use crate::output::Output;
use crate::processes::Processes;
use crate::{table, units};

/// Print them.
pub fn run(list: &List, out: &mut Output) -> Result<()> {
    let entries = shm_array::list()?;
    let processes = Processes::look();
    if list.json {
        return out.json(&entries.iter().map(|entry| object(entry, processes.of_shm(&entry.name))).collect());
    }
    if entries.is_empty() {
        out.note("no arrays with a shared-memory name that you may read");
        return Ok(());
    }
    const COLUMNS: [table::Column; 9] = [
        ("NAME", false),
        ("KIND", false),
        ("DTYPE", false),
        ("SHAPE", false),
        ("SIZE", true),
        ("USERS", true),
        ("WRITES", true),
        ("AGE", true),
        ("STATE", false),
    ];
    let rows: Vec<Vec<String>> = entries
        .iter()
        .map(|entry| {
            vec![
                entry.name.clone(),
                entry.kind_name().into(),
                dtype_text(&entry.dtype, &entry.tag, 24),
                shape_text(&entry.shape) + if entry.fortran { " F" } else { "" },
                units::bytes(entry.file_bytes),
                users(entry, processes.of_shm(&entry.name)),
                entry.generation.to_string(),
                units::span(units::age(entry.created_ns)),
                state(entry),
            ]
        })
        .collect();
    table::print(out, &COLUMNS, &rows)
}

/// How many processes are attached. Those of other users and other PID namespaces are not seen one by one.
pub fn users(entry: &Entry, pids: &[u32]) -> String {
    match pids.len() {
        0 if entry.attached => "some".into(),
        seen => seen.to_string(),
    }
}

/// What is special about it, in a few words.
pub fn state(entry: &Entry) -> String {
    let mut words = Vec::new();
    if entry.lock_pid != 0 {
        words.push(format!("locked by {}", entry.lock_pid));
    }
    words.extend(holders("read", &entry.holders, |holder| holder.shared));
    words.extend(holders("rows locked", &entry.holders, |holder| holder.ranges));
    if entry.contended {
        words.push("waited for".into());
    }
    if entry.inconsistent {
        words.push("half written".into());
    }
    if entry.last_close {
        words.push(if entry.attached { "last-close" } else { "abandoned" }.into());
    }
    words.join(", ")
}

/// "read by 123, 456", or how many they are.
pub fn holders(how: &str, holders: &[Holder], count: impl Fn(&Holder) -> u32) -> Option<String> {
    const NAMED: usize = 3;
    let pids: Vec<String> = holders.iter().filter(|it| count(it) > 0).map(|it| it.pid.to_string()).collect();
    match pids.len() {
        0 => None,
        1..=NAMED => Some(format!("{how} by {}", pids.join(" "))),
        more => Some(format!("{how} by {more} processes")),
    }
}

/// For programs.
pub fn holders_json(holders: &[Holder]) -> Value {
    let object = |it: &Holder| json!({ "pid": it.pid, "shared": it.shared, "ranges": it.ranges });
    holders.iter().map(object).collect()
}

fn object(entry: &Entry, pids: &[u32]) -> Value {
    json!({
        "name": entry.name,
        "kind": entry.kind_name(),
        "dtype": entry.dtype,
        "dtype_tag": entry.tag,
        "shape": entry.shape,
        "order": if entry.fortran { "F" } else { "C" },
        "itemsize": entry.itemsize,
        "file_bytes": entry.file_bytes,
        "attached": entry.attached,
        "pids": pids,
        "lock_pid": (entry.lock_pid != 0).then_some(entry.lock_pid),
        "holders": holders_json(&entry.holders),
        "contended": entry.contended,
        "inconsistent": entry.inconsistent,
        "generation": entry.generation,
        "created_ns": entry.created_ns,
        "lifetime": if entry.last_close { "last-close" } else { "until-unlinked" },
        "adopted": entry.adopted,
        "id": id_text(&entry.id),
    })
}
