//! Taking turns at one side of a channel, whose dead leave nothing that must be mended: what they did counts only from
//! the one exchange on that publishes it.

use std::sync::atomic::AtomicU32;
use std::time::Duration;

use crate::error::{Errno, Result};
use crate::os::time::Timeout;
use crate::segment::attachment::Attachment;
use crate::sync::mutex::{self, Guard};
use crate::sync::patience::Patience;

/// How long an attempt waits for another process that is at work.
const MOMENT: Duration = Duration::from_millis(1);

/// Have the side to oneself; `None` where somebody else has it for longer than a moment.
#[inline]
pub fn take<'a>(word: &'a AtomicU32, attachment: &Attachment) -> Result<Option<Guard<'a>>> {
    match mutex::lock(word, attachment, &mut Patience::new(Timeout::For(MOMENT))) {
        Ok(mut guard) => {
            if guard.is_inconsistent() {
                guard.mend(|| ());
            }
            Ok(Some(guard))
        }
        Err(error) if error.is(Errno::ETIMEDOUT) => Ok(None),
        Err(error) => Err(error),
    }
}
