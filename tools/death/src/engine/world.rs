//! The world as a scenario sees it: names of its own, chance, and the words that the harness listens to.

use std::sync::atomic::Ordering::SeqCst;

use super::chance::Chance;
use super::marks::{self, Census, Hold};
use super::page::{Page, UNMAPPED, now_ns};
use super::{Fate, Tally};

/// Handed to all code of a scenario, in whatever process it runs.
pub struct World {
    /// The side page.
    pub page: &'static Page,
    /// The own slot on it.
    pub slot: usize,
    /// Chance of this process's own.
    pub chance: Chance,
    prefix: String,
}

/// A call that is given some time has to be back so soon after it.
pub const MOST_LATE_NS: u64 = 50_000_000;
/// And one that only tries, after so long: it may wait for one that is at work on a table, for a few milliseconds.
const MOST_OF_A_TRY_NS: u64 = 20_000_000;

/// What a call returned, and how long it took, without the time in which this thread had no processor.
pub fn timed(call: impl FnOnce() -> i32) -> (i32, u64) {
    let (begun, queued) = (now_ns(), queued_ns());
    let code = call();
    (code, (now_ns() - begun).saturating_sub(queued_ns() - queued))
}

/// For how long this thread could have run, and had to wait for a processor.
fn queued_ns() -> u64 {
    let schedule = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    schedule.split_whitespace().nth(1).and_then(|word| word.parse().ok()).unwrap_or(0)
}

/// The victim's slot on the page.
pub const VICTIM: usize = 2;

/// `Slot::marker`: nothing passed, or the operation is running.
pub const RUNNING: u32 = 0;
/// `Slot::marker`: the operation is about to begin.
pub const BEGUN: u32 = 1;
/// `Slot::marker`: the operation is at the point that others may find interesting.
pub const PAUSED: u32 = 2;
/// `Slot::marker`: the operation is over.
pub const ENDED: u32 = 3;
/// `Slot::fate` of the killed; no operation returns it.
pub const KILLED: i64 = i64::MIN;

impl World {
    /// The world of the process in `slot`, the `birth`th of this run; `prefix` makes this run's names its own.
    pub fn new(page: &'static Page, slot: usize, birth: u64, prefix: &str) -> World {
        let chance = Chance::new(page.seed.load(SeqCst) ^ birth << 32);
        World { page, slot, chance, prefix: prefix.to_owned() }
    }

    /// A name that belongs to this run.
    pub fn name(&self, what: &str) -> String {
        format!("{}{what}", self.prefix)
    }

    /// Say what comes next, in up to eight letters. It is a sign of life, and tells where a kill struck.
    pub fn at(&self, stage: &str) {
        let own = &self.page.slots[self.slot];
        own.set_doing(stage);
        own.beat.store(now_ns(), SeqCst);
    }

    /// As `at`, without the sign of life: one store, for where every instruction counts.
    pub fn stage(&self, stage: &str) {
        self.page.slots[self.slot].set_doing(stage);
    }

    /// Count that an invariant was checked.
    pub fn tally(&self, tally: Tally) {
        self.page.tallies[tally.at].fetch_add(1, SeqCst);
    }

    /// Mark `thing` as held, and learn who else has a mark on it.
    pub fn enter(&self, thing: u64, hold: Hold) -> Census {
        marks::enter(self.page, self.slot, thing, hold)
    }

    /// Who else has a mark on `thing` now.
    pub fn census(&self, thing: u64) -> Census {
        marks::census(self.page, self.slot, thing)
    }

    /// Who else shares `thing`, all at the same moment.
    pub fn sharing_at_once(&self, thing: u64) -> Vec<usize> {
        marks::sharing_at_once(self.page, self.slot, thing)
    }

    /// Take the own mark away, before giving the thing back.
    pub fn leave(&self) {
        marks::leave(self.page, self.slot);
    }

    /// Keep the processor busy for some nanoseconds.
    pub fn linger(&self, nanoseconds: u64) {
        let end = now_ns() + nanoseconds;
        while now_ns() < end {
            std::hint::spin_loop();
        }
    }

    /// Victims: from here on the harness steps.
    pub fn begin(&self) {
        self.pass(BEGUN);
    }

    /// Victims: a point in the operation where a survivor may be made to wait for us.
    pub fn pause(&self) {
        self.pass(PAUSED);
        self.page.slots[self.slot].marker.store(RUNNING, SeqCst);
    }

    /// Victims: the operation is over, and this is what it returned (0 for success).
    pub fn end(&self, code: i32) {
        self.page.slots[self.slot].fate.store(code.into(), SeqCst);
        self.pass(ENDED);
    }

    /// A marker is a word on the page and a SIGSTOP raised at oneself, which only the tracer ever sees.
    fn pass(&self, marker: u32) {
        self.page.slots[self.slot].marker.store(marker, SeqCst);
        // SAFETY: signals this process alone.
        unsafe { libc::kill(libc::getpid(), libc::SIGSTOP) };
    }

    /// Leave a complaint for the harness.
    pub fn complain(&self, words: &str) {
        let _ = self.page.first_complaint.compare_exchange(0, self.slot as u32, SeqCst, SeqCst);
        self.page.slots[self.slot].say(words);
    }

    /// Victims: the harness made a munmap fail.
    pub fn may_keep_mappings(&self) -> bool {
        self.page.slots[self.slot].meddled.load(SeqCst) & UNMAPPED != 0
    }

    /// Survivors: no call of the victim was made to fail.
    pub fn was_left_alone(&self) -> bool {
        self.page.slots[VICTIM].meddled.load(SeqCst) == 0
    }

    /// Survivors: what became of the victim.
    pub fn fate(&self) -> Fate {
        match self.page.slots[VICTIM].fate.load(SeqCst) {
            KILLED => Fate::Killed,
            code => Fate::Returned(code as i32),
        }
    }

    /// Survivors: whether the victim does nothing any more (it may also be about to be killed, where it pauses).
    pub fn victim_is_gone(&self) -> bool {
        let victim = &self.page.slots[VICTIM];
        victim.fate.load(SeqCst) == KILLED || victim.marker.load(SeqCst) == ENDED
    }

    /// Survivors: a call with this timeout, and how it ended, which must not come later than it may.
    ///
    /// Time in which this process could run, and had no processor, is the machine's and does not count.
    pub fn in_time(&self, what: &str, timeout_ns: i64, call: impl FnOnce() -> i32) -> Result<i32, String> {
        self.stage(what);
        let (code, took) = timed(call);
        let most = if timeout_ns == 0 { MOST_OF_A_TRY_NS } else { timeout_ns as u64 + MOST_LATE_NS };
        if took <= most {
            return Ok(code);
        }
        let (took, of) = (took / 1_000, timeout_ns / 1_000);
        Err(format!("{what} with a timeout of {of} us took {took} us beside a stopped victim, and returned {code}"))
    }

    /// Survivors: the last word of the victim, as given to `at`.
    pub fn last_word(&self) -> String {
        self.page.slots[VICTIM].doing()
    }
}
