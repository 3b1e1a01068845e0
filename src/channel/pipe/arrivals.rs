//! Descriptors that become readable when there are bytes, or no writers any more.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use super::PipeState;
use crate::channel::presence::{End, Presence};
use crate::segment::object::Object;
use crate::sync::bell::Bell;
use crate::sync::notifier::{Sight, Source};

/// What a watcher of a pipe looks at. It is open for as long as somebody watches.
#[derive(Debug)]
pub(super) struct Arrivals {
    pub object: Arc<Object<PipeState>>,
    pub presence: Presence,
}

impl Source for Arrivals {
    fn bell(&self) -> &Bell {
        self.object.state().readers.bell()
    }

    fn announces(&self) -> bool {
        true
    }

    fn is_silent(&self) -> bool {
        // No bell rings when the last writer is killed.
        true
    }

    fn look(&self) -> Sight {
        let state = self.object.state();
        let is_over = self
            .object
            .attachment()
            .and_then(|attachment| self.presence.is_abandoned(&state.sums, End::Writer, attachment));
        let is_over = is_over.unwrap_or(false);
        let (read, written) = (state.reading.position.load(SeqCst), state.writing.position.load(SeqCst));
        // The end is told apart from one byte more: a new writer may come, and write just that, before the next look.
        let arrived = written.wrapping_mul(2) + u64::from(is_over);
        Sight { is_ready: written > read || is_over, begun: arrived, ended: arrived }
    }
}
