//! Descriptors that become readable when there is a message, or room for one.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;

use super::single::Single;
use super::{Engine, QueueState};
use crate::segment::object::Object;
use crate::sync::bell::Bell;
use crate::sync::notifier::{Sight, Source};

/// What who waits for messages looks at. The queue is open for as long as somebody watches.
#[derive(Debug)]
pub(super) struct Arrivals {
    pub object: Arc<Object<QueueState>>,
    pub engine: Engine,
    /// Messages that this handle gave back, where nobody else could receive them ([`Engine::Single`]).
    pub given_back: Arc<AtomicU64>,
}

/// Beside the counts of a source: the end has come. Not one more of them: with the next message that somebody gives back
/// it is not the end any more, and what is counted must change all the same.
const AT_END: u64 = 1 << 63;

impl Source for Arrivals {
    fn bell(&self) -> &Bell {
        self.object.state().ends.receivers.bell()
    }

    fn announces(&self) -> bool {
        self.object.is_writable()
    }

    fn is_silent(&self) -> bool {
        // No bell rings for the dead, whose messages come again.
        matches!(self.engine, Engine::Many(_)) || !self.object.is_writable()
    }

    fn look(&self) -> Sight {
        let state = self.object.state();
        let is_closed = self.engine.is_closed(state);
        let mut is_at_end = false;
        let (count, arrived) = match &self.engine {
            Engine::Many(many) => {
                if many.count() == 0
                    && self.object.is_writable()
                    && let Ok(attachment) = self.object.attachment()
                {
                    // Whoever cannot is not told of them now, but the next time.
                    let _ = many.mend(attachment);
                    // No bell rings for what was reserved and is not sent after all.
                    is_at_end = is_closed && many.is_settled(attachment).unwrap_or(false);
                }
                many.arrivals()
            }
            Engine::Single(_) => {
                let (sent, acknowledged) = Single::counts(&state.seats);
                (sent - acknowledged, sent.wrapping_add(self.given_back.load(SeqCst)))
            }
        };
        let end = if is_at_end { AT_END } else { 0 };
        let seen = arrived.wrapping_add(is_closed.into()) ^ end;
        Sight { is_ready: count > 0 || is_closed, begun: seen, ended: seen }
    }
}

/// What who waits for room looks at.
#[derive(Debug)]
pub(super) struct Departures {
    pub object: Arc<Object<QueueState>>,
    pub engine: Engine,
}

impl Source for Departures {
    fn bell(&self) -> &Bell {
        self.object.state().ends.senders.bell()
    }

    fn announces(&self) -> bool {
        self.object.is_writable()
    }

    fn is_silent(&self) -> bool {
        // No bell rings for the dead, whose blocks are free again.
        matches!(self.engine, Engine::Many(_)) || !self.object.is_writable()
    }

    fn look(&self) -> Sight {
        let state = self.object.state();
        let (has_room, freed) = match &self.engine {
            Engine::Many(many) => {
                if many.free_blocks() == 0
                    && self.object.is_writable()
                    && let Ok(attachment) = self.object.attachment()
                {
                    // As for arrivals.
                    let _ = many.mend(attachment);
                }
                let (free, freed) = many.departures();
                (free > 0, freed)
            }
            Engine::Single(single) => {
                let (sent, acknowledged) = Single::counts(&state.seats);
                (sent - acknowledged < single.blocks.count() as u64, acknowledged)
            }
        };
        let is_closed = self.engine.is_closed(state);
        let seen = freed.wrapping_add(is_closed.into());
        Sight { is_ready: has_room || is_closed, begun: seen, ended: seen }
    }
}
