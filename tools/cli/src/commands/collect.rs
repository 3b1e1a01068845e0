//! `collect`: remove what nobody uses any more.

use serde_json::json;

use crate::arguments::Collect;
use crate::failure::Result;
use crate::output::Output;

/// Remove it, and say how much it was.
pub fn run(collect: &Collect, out: &mut Output) -> Result<()> {
    let removed = shm_array::collect(collect.older_than)?;
    if collect.json {
        return out.json(&json!({ "removed": removed }));
    }
    out.note(match removed {
        0 => "nothing to remove".to_string(),
        1 => "removed 1 array that nobody used".to_string(),
        removed => format!("removed {removed} arrays that nobody used"),
    });
    Ok(())
}
