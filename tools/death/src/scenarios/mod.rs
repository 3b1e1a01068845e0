//! The scenarios, and the list of them. A new primitive is a new file here and a line in the lists below.

use crate::engine::{Crowd, Operation, Verdict};
use crate::subjects::Subject;
use crate::subjects::library::Library;
use crate::subjects::toy::{self, Toy};

pub mod adopt;
pub mod channels;
pub mod condition;
pub mod frames;
pub mod life;
pub mod lock;
pub mod objects;
pub mod pattern;
pub mod range;
pub mod resize;
pub mod snapshot;

/// All that can be played with one subject.
pub struct Repertoire {
    /// For mode `random`.
    pub crowds: Vec<Box<dyn Crowd>>,
    /// For modes `syscalls` and `steps`.
    pub operations: Vec<Box<dyn Operation>>,
}

/// Makes the scenarios of one subject.
type Scenarios = fn() -> Repertoire;

/// Whose scenarios can be played.
pub const SUBJECTS: [(&str, Scenarios); 13] = [
    ("shm_array", library),
    ("toy-sound", of::<Toy<{ toy::SOUND }>>),
    ("toy-hang", of::<Toy<{ toy::HANG }>>),
    ("toy-pid", of::<Toy<{ toy::PID }>>),
    ("toy-silent", of::<Toy<{ toy::SILENT }>>),
    ("toy-readers", of::<Toy<{ toy::READERS }>>),
    ("toy-half", of::<Toy<{ toy::HALF }>>),
    ("toy-litter", of::<Toy<{ toy::LITTER }>>),
    ("toy-leak", of::<Toy<{ toy::LEAK }>>),
    ("toy-crash", of::<Toy<{ toy::CRASH }>>),
    ("toy-lease", of::<Toy<{ toy::LEASE }>>),
    ("toy-cling", of::<Toy<{ toy::CLING }>>),
    ("toy-tardy", of::<Toy<{ toy::TARDY }>>),
];

/// What is known of a subject.
pub fn repertoire(subject: &str) -> Result<Repertoire, String> {
    let known = SUBJECTS.iter().find(|(name, _)| *name == subject);
    known.map(|(_, scenarios)| scenarios()).ok_or_else(|| format!("there is no subject '{subject}'; see: death list"))
}

/// What the library can play beyond what every subject can.
fn library() -> Repertoire {
    let mut repertoire = of::<Library>();
    repertoire.crowds.push(Box::new(snapshot::Snapshots));
    repertoire.crowds.push(Box::new(frames::Publishing));
    repertoire.crowds.push(Box::new(range::Ranging));
    repertoire.crowds.push(Box::new(condition::Trading));
    repertoire.operations.extend(frames::operations());
    repertoire.operations.extend(range::operations());
    repertoire.operations.extend(condition::operations());
    repertoire.operations.push(Box::new(resize::Resize::Grow));
    repertoire.operations.push(Box::new(resize::Resize::Append));
    repertoire.operations.push(Box::new(resize::Resize::Trim));
    repertoire.operations.push(Box::new(adopt::Adopt));
    repertoire.crowds.extend(objects::crowds());
    repertoire.operations.extend(objects::operations());
    repertoire.crowds.extend(channels::crowds());
    repertoire.operations.extend(channels::operations());
    repertoire
}

/// The scenarios that every subject can play.
fn of<S: Subject>() -> Repertoire {
    Repertoire {
        crowds: vec![Box::new(lock::Locking::<S>::default())],
        operations: [lock::operations::<S>(), life::operations::<S>()].into_iter().flatten().collect(),
    }
}

/// Slots of an array that a victim and a survivor use. Victims that are killed leave marks in theirs until those are needed
/// again, and whoever locks looks at each mark: with the usual number of slots that becomes most of what is stepped.
pub(crate) const FEW_SLOTS: u32 = 12;

/// What survivors wait for beside a victim that is stopped for good: not at all, and for a while.
pub(crate) const ENDURED: [i64; 2] = [0, 20_000_000];

/// How the library says that the time is up.
pub(crate) fn expired(timeout_ns: i64) -> i32 {
    if timeout_ns == 0 { libc::EBUSY } else { libc::ETIMEDOUT }
}

/// How channels say it.
pub(crate) fn nothing_came(timeout_ns: i64) -> i32 {
    if timeout_ns == 0 { libc::EAGAIN } else { libc::ETIMEDOUT }
}

/// One of these codes, or a sentence.
pub(crate) fn expect(what: &str, code: i32, expected: &[i32], detail: fn() -> String) -> Verdict {
    if expected.contains(&code) {
        return Ok(());
    }
    Err(format!("{what} returned {code} ({}), expected one of {expected:?}", detail()))
}
