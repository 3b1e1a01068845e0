//! Slots, identities, and who has vanished.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use super::format::{Range, Slot, Words};
use crate::error::Result;
use crate::os::atomic::Ordering::SeqCst;

const SLOT_BITS: u32 = 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity(u32);

impl Identity {
    pub fn from_word(word: u32) -> Option<Identity> {
        let bits = word & ((1 << 30) - 1);
        (bits != 0).then_some(Identity(bits))
    }

    pub fn bits(self) -> u32 {
        self.0
    }

    pub fn of_slot(slot: usize, incarnation: u32) -> Identity {
        Identity((slot as u32 + 1) | incarnation << SLOT_BITS)
    }

    pub fn slot(self) -> Option<usize> {
        (self.0 & ((1 << SLOT_BITS) - 1)).checked_sub(1).map(|slot| slot as usize)
    }
}

#[derive(Debug, Default)]
pub struct Control {
    pub words: Words,
    slots: Vec<Slot>,
    ranges: Vec<Range>,
    dead: Vec<AtomicBool>,
}

impl Control {
    pub fn new(participants: usize, ranges: usize) -> Control {
        let control = Control {
            slots: (0..participants).map(|_| Slot::default()).collect(),
            ranges: (0..ranges).map(|_| Range::default()).collect(),
            dead: (0..participants).map(|_| AtomicBool::new(false)).collect(),
            ..Control::default()
        };
        for slot in &control.slots {
            for counter in slot.shared.iter().chain([&slot.ranged]) {
                counter.store(1 << 32, SeqCst);
            }
        }
        control
    }

    pub fn slots(&self) -> usize {
        self.slots.len()
    }

    pub fn slot(&self, index: usize) -> Option<&Slot> {
        self.slots.get(index)
    }

    pub fn ranges(&self) -> &[Range] {
        &self.ranges
    }

    /// Whether anybody has vanished.
    pub fn someone_died(&self) -> bool {
        self.dead.iter().any(|dead| dead.load(SeqCst))
    }

    /// That participant has vanished.
    pub fn bury(&self, slot: usize) {
        self.dead[slot].store(true, SeqCst);
    }
}

/// One participant's standing.
#[derive(Clone, Debug)]
pub struct Attachment {
    control: Arc<Control>,
    slot: usize,
    /// Of one process, which others do not see: no step.
    refused: Arc<AtomicU64>,
}

impl Attachment {
    pub fn new(control: &Arc<Control>, slot: usize) -> Attachment {
        Attachment { control: control.clone(), slot, refused: Arc::default() }
    }

    pub fn refused(&self) -> &AtomicU64 {
        &self.refused
    }

    pub fn words(&self) -> &Words {
        &self.control.words
    }

    pub fn control(&self) -> &Control {
        &self.control
    }

    pub fn identity(&self) -> Result<Identity> {
        Ok(Identity::of_slot(self.slot, 1))
    }

    pub fn own_slot(&self) -> Result<&Slot> {
        Ok(&self.control.slots[self.slot])
    }

    pub fn is_alive_or_self(&self, who: Identity) -> Result<bool> {
        let dead = who.slot().and_then(|slot| self.control.dead.get(slot)).is_none_or(|dead| dead.load(SeqCst));
        Ok(!dead)
    }

    pub fn remember_reader(&self, index: usize) {
        let readers = &self.control.words.readers[0];
        if readers.load(SeqCst) & 1 << index == 0 {
            readers.fetch_or(1 << index, SeqCst);
        }
    }
}
