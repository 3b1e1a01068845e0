//! Where an array's memory is, and what is done with it: placement, growth, copies, advice.

use crate::array::Array;
use crate::array::placement::Placement;
use crate::error::{Error, Result};
use crate::os::map::Spread;

/// Choose: /dev/shm, memory without a name, a file.
pub const SHM_ARRAY_PLACE_AUTO: u32 = 0;
/// In /dev/shm.
pub const SHM_ARRAY_PLACE_SHM: u32 = 1;
/// In a file, which the kernel pages to and from disk.
pub const SHM_ARRAY_PLACE_FILE: u32 = 2;
/// In memory without a name (memfd).
pub const SHM_ARRAY_PLACE_MEMFD: u32 = 3;
/// Memory from the nodes in `numa_nodes` only.
pub const SHM_ARRAY_NUMA_BIND: u32 = 1;
/// Memory in turn from each of the nodes in `numa_nodes`.
pub const SHM_ARRAY_NUMA_INTERLEAVE: u32 = 2;
/// Memory from the node of the processor that touches it first.
pub const SHM_ARRAY_NUMA_LOCAL: u32 = 3;

const PLACEMENTS: [(Placement, u32); 4] = [
    (Placement::Auto, SHM_ARRAY_PLACE_AUTO),
    (Placement::Shm, SHM_ARRAY_PLACE_SHM),
    (Placement::File, SHM_ARRAY_PLACE_FILE),
    (Placement::Memfd, SHM_ARRAY_PLACE_MEMFD),
];

pub(super) fn placement(number: u32) -> Result<Placement> {
    let known = PLACEMENTS.iter().find(|row| row.1 == number).map(|row| row.0);
    known.ok_or_else(|| Error::invalid(format!("options.placement is {number}: it is one of SHM_ARRAY_PLACE_*")))
}

pub(super) fn number(placement: Placement) -> u32 {
    PLACEMENTS.iter().find(|row| row.0 == placement).map_or(0, |row| row.1)
}

pub(super) fn nodes(numa: u32, nodes: u64) -> Result<Option<(Spread, u64)>> {
    let spread = match numa {
        0 => None,
        SHM_ARRAY_NUMA_BIND => Some(Spread::Bind),
        SHM_ARRAY_NUMA_INTERLEAVE => Some(Spread::Interleave),
        SHM_ARRAY_NUMA_LOCAL => Some(Spread::Local),
        _ => return Err(Error::invalid(format!("options.numa is {numa}: it is 0 or one of SHM_ARRAY_NUMA_*"))),
    };
    let wants_nodes = matches!(spread, Some(Spread::Bind | Spread::Interleave));
    if wants_nodes != (nodes != 0) {
        return Err(Error::invalid(format!(
            "options.numa_nodes is {nodes:#x}: a bit a node for SHM_ARRAY_NUMA_BIND and _INTERLEAVE, and 0 for all else"
        )));
    }
    Ok(spread.map(|spread| (spread, nodes)))
}

/// Where the elements live: SHM_ARRAY_PLACE_SHM, _FILE or _MEMFD; 0 for NULL.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn shm_array_placement(array: Option<&Array>) -> u32 {
    array.map_or(0, |array| number(array.placement()))
}
