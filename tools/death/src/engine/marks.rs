//! Marks: who holds what, according to the holders themselves.
//!
//! A participant sets its mark as soon as it was given something exclusive or shared, looks at everybody else's,
//! and takes the mark away just before it gives the thing back. Of two that overlap, the one that set its mark
//! later sees the other's (the stores and loads are sequentially consistent), so no overlap is missed.
//!
//! The dead are accounted for inside the same word: the harness sets CONDEMNED before it sends the kill, so one
//! load tells a living holder from a dying one. A mark that is condemned *and* exclusive proves more: its process
//! died inside, so whoever holds the thing next has to be told.
//!
//! A thing is known by a number (a segment's identity), so that one name may be removed and made anew meanwhile.

use std::sync::atomic::Ordering::SeqCst;

use super::page::{Page, SLOTS};

/// The bit of a mark that says that its process has been killed.
pub const CONDEMNED: u64 = 1;
const EXCLUSIVE: u64 = 2;
const SHARED: u64 = 4;
const FLAGS: u64 = 7;

/// How something is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// By one alone.
    Exclusive,
    /// By several.
    Shared,
}

/// Who else has a mark on the same thing.
#[derive(Debug, Default)]
pub struct Census {
    /// Living processes that hold it exclusively, by slot.
    pub exclusive: Vec<usize>,
    /// Living processes that hold it shared, by slot.
    pub shared: Vec<usize>,
    /// Killed processes that held it exclusively when they died.
    pub dead_exclusive: Vec<usize>,
}

/// Set the mark of `slot` on `thing`, and look round.
pub fn enter(page: &Page, slot: usize, thing: u64, hold: Hold) -> Census {
    let flag = if hold == Hold::Exclusive { EXCLUSIVE } else { SHARED };
    page.slots[slot].entries.fetch_add(1, SeqCst);
    // fetch_or and fetch_and, never store: CONDEMNED may come at any moment and must stay.
    page.slots[slot].mark.fetch_or(thing & !FLAGS | flag, SeqCst);
    census(page, slot, thing)
}

/// Who holds `thing`, `slot` itself left out.
pub fn census(page: &Page, slot: usize, thing: u64) -> Census {
    let mut census = Census::default();
    for other in (0..SLOTS).filter(|&other| other != slot) {
        let mark = page.slots[other].mark.load(SeqCst);
        if mark & FLAGS & !CONDEMNED == 0 || mark & !FLAGS != thing & !FLAGS {
            continue;
        }
        match (mark & EXCLUSIVE != 0, mark & CONDEMNED != 0) {
            (true, true) => census.dead_exclusive.push(other),
            (true, false) => census.exclusive.push(other),
            (false, true) => {}
            (false, false) => census.shared.push(other),
        }
    }
    census
}

/// Living processes that share `thing` all at the same moment, `slot` itself left out.
///
/// One census does not tell that: while it goes from mark to mark one process may leave, and another, which is looked at
/// later, come in its place. So it is taken twice, and who holds by the same entry both times held in between.
pub fn sharing_at_once(page: &Page, slot: usize, thing: u64) -> Vec<usize> {
    let sharing = |other: usize| {
        let mark = page.slots[other].mark.load(SeqCst);
        mark & FLAGS == SHARED && mark & !FLAGS == thing & !FLAGS
    };
    let entry = |other: usize| page.slots[other].entries.load(SeqCst);
    // In this order, and the other way round below: the entry is the same before the first look and after the second.
    let first: Vec<(usize, u64)> = (0..SLOTS)
        .filter(|&other| other != slot)
        .map(|other| (other, entry(other)))
        .filter(|&(other, _)| sharing(other))
        .collect();
    first.into_iter().filter(|&(other, then)| sharing(other) && entry(other) == then).map(|(other, _)| other).collect()
}

/// Take the own mark away.
pub fn leave(page: &Page, slot: usize) {
    page.slots[slot].mark.fetch_and(CONDEMNED, SeqCst);
}

/// The damage of these dead was repaired: nobody needs to be told of it any more.
pub fn absolve(page: &Page, dead: &[usize]) {
    for &slot in dead {
        page.slots[slot].mark.fetch_and(CONDEMNED, SeqCst);
    }
}

/// The harness is about to kill `slot`.
pub fn condemn(page: &Page, slot: usize) {
    page.slots[slot].mark.fetch_or(CONDEMNED, SeqCst);
}
