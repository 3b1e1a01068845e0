//! One word a block of a queue: who has it, what for, and how often it has been taken.

use std::sync::atomic::Ordering::{Relaxed, SeqCst};

use crate::channel::blocks::Blocks;
use crate::segment::attachment::Identity;

/// Who took a block, what for, and how often it has been taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Holder(u64);

/// It is being consumed; else filled.
pub(super) const CONSUMER: u64 = 1 << 30;
/// Where the count of takings begins in the word.
pub(super) const VERSION_SHIFT: u32 = 32;

impl Holder {
    #[inline]
    pub fn of(blocks: &Blocks, block: usize) -> Holder {
        // SYNC: pairs with `exchange`.
        Holder(blocks.header(block).holder.load(SeqCst))
    }

    /// As `next` makes it, for who remembers the version of its own taking.
    pub fn expected(version: u32, purpose: u64, who: Identity) -> Holder {
        Holder(u64::from(version) << VERSION_SHIFT | purpose | u64::from(who.bits()))
    }

    pub fn version(self) -> u32 {
        (self.0 >> VERSION_SHIFT) as u32
    }

    pub fn identity(self) -> Option<Identity> {
        Identity::from_word(self.0 as u32)
    }

    pub fn is_consumer(self) -> bool {
        self.0 & CONSUMER != 0
    }

    pub fn next(self, who: Identity, purpose: u64) -> Holder {
        Holder::expected(self.version().wrapping_add(1), purpose, who)
    }

    #[inline]
    pub fn exchange(self, blocks: &Blocks, block: usize, new: Holder) -> bool {
        blocks.header(block).holder.compare_exchange(self.0, new.0, SeqCst, Relaxed).is_ok()
    }
}
