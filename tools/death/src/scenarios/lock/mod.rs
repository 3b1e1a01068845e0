//! The lock: many processes at it (`crowd`, for mode `random`), and one at a time (`section`, for `steps` and
//! `syscalls`).
//!
//! What has to hold, whoever is killed, stopped or refused wherever:
//!
//! - an exclusive holder is alone, and readers are only beside readers;
//! - a half-written pattern is only ever seen by one who was told EOWNERDEAD;
//! - whoever comes after one that died inside is told, and nobody is told when no writer died;
//! - after recover nobody is told any more;
//! - nobody waits for one that is dead, and nobody takes the lock from one that is only slow.

mod crowd;
mod section;

pub use crowd::Locking;
pub use section::operations;

use super::{expect, pattern};
use crate::engine::marks::Hold;
use crate::engine::{Tally, World};
use crate::subjects::Subject;

const ALONE: Tally = Tally { at: 0, words: "exclusive holders were alone" };
const READERS: Tally = Tally { at: 1, words: "readers had no writer beside them" };
const WHOLE: Tally = Tally { at: 2, words: "patterns were whole, or the holder was told EOWNERDEAD" };
const TOLD: Tally = Tally { at: 3, words: "holders were told EOWNERDEAD" };
const HALF: Tally = Tally { at: 4, words: "of these found the pattern half-written" };
const RECOVERED: Tally = Tally { at: 5, words: "recoveries" };
const LATE: Tally = Tally { at: 6, words: "waits timed out, not before their time" };
const NAMED: Tally = Tally { at: 8, words: "segments in use were still found under their name" };
const CALM: Tally = Tally { at: 7, words: "holders after whom nobody had died were not told EOWNERDEAD" };
const BESIDE: Tally = Tally { at: 9, words: "survivors held the lock beside a victim that was kept out" };

const LIMIT_NS: i64 = crate::engine::watchdog::LIMIT.as_nanos() as i64;

/// Take the lock of one that may have died, check what it left, repair it, and see that it is as new. Returns
/// whether we were told EOWNERDEAD.
fn take_over<S: Subject>(world: &World, segment: &S, timeout_ns: i64) -> Result<bool, String> {
    world.at("survive");
    let code = segment.lock(Hold::Exclusive, timeout_ns);
    expect("lock by the survivor", code, &[0, libc::EOWNERDEAD], S::detail)?;
    let told = code == libc::EOWNERDEAD;
    let whole = pattern::whole(segment.elements()).is_some();
    if !whole && !told {
        return Err("a half-written pattern without EOWNERDEAD".to_owned());
    }
    world.tally(WHOLE);
    if told {
        world.tally(TOLD);
        if !whole {
            world.tally(HALF);
        }
        pattern::begin(segment.elements(), 1);
        pattern::complete(segment.elements(), 1);
        expect("recover", segment.recover(), &[0], S::detail)?;
        world.tally(RECOVERED);
    }
    expect("unlock", segment.unlock(), &[0], S::detail)?;
    for hold in [Hold::Exclusive, Hold::Shared, Hold::Exclusive] {
        expect("a try afterwards", segment.lock(hold, 0), &[0], S::detail)?;
        expect("unlock afterwards", segment.unlock(), &[0], S::detail)?;
    }
    Ok(told)
}
