//! Events. What has to hold: a bit is what its users made of it, whatever others do to the bits beside it; a set wakes who
//! waits, even if the setter dies half way; to consume is to clear once.

use std::os::fd::{AsRawFd, OwnedFd};

use super::{LIMIT_NS, in_words, patience};
use crate::engine::{Crowd, Operation, Survivor, Tally, Verdict, World};
use crate::scenarios::{ENDURED, expect, expired};
use crate::subjects::Subject;
use crate::subjects::library::Library;
use crate::subjects::objects::Event;

const OWN: Tally = Tally { at: 0, words: "own bits were as they were left" };
const CAME: Tally = Tally { at: 1, words: "bits came" };
const NONE: Tally = Tally { at: 2, words: "victims died before they had changed a bit" };
const LATE: Tally = Tally { at: 3, words: "waits for a pulse timed out" };

const NAME: &str = "event";
const SHARED: u64 = 1 << 62;
const PULSED: u64 = 1 << 63;

/// Many processes set, consume, clear and pulse: each its own bit, and some that they share.
pub struct Bits;

impl Crowd for Bits {
    fn name(&self) -> &'static str {
        "event"
    }

    fn tallies(&self) -> &'static [Tally] {
        &[OWN, CAME, LATE]
    }

    fn round(&self, world: &World) -> Verdict {
        world.at("open");
        let event = Event::create(&world.name(NAME)).map_err(in_words)?;
        let own = 1u64 << (world.slot % 60);
        // The slot's last owner may have left it set.
        expect("clear", event.clear(own), &[0], Library::detail)?;
        for _ in 0..=world.chance.below(6) {
            world.at("set");
            expect("set", event.set(own | SHARED), &[0], Library::detail)?;
            if event.bits().map_err(in_words)? & own == 0 {
                return Err("the own bit is not set after a set".to_owned());
            }
            world.at("shared");
            // Whoever consumes it, it is set again by somebody, and at once.
            let code = event.consume(SHARED | own, LIMIT_NS);
            expect("consume", code, &[0], Library::detail)?;
            world.tally(CAME);
            if event.bits().map_err(in_words)? & own != 0 {
                return Err("the own bit is set after it was consumed".to_owned());
            }
            expect("a look", event.wait(own, 0), &[libc::EBUSY], Library::detail)?;
            world.tally(OWN);
            if world.chance.one_in(2) {
                world.at("pulse");
                expect("pulse", event.pulse(PULSED), &[0], Library::detail)?;
            } else {
                world.at("sleep");
                let code = event.wait(PULSED, world.chance.spread(5_000_000) as i64 + 1);
                expect("wait for a pulse", code, &[0, libc::ETIMEDOUT], Library::detail)?;
                world.tally(if code == 0 { CAME } else { LATE });
            }
        }
        world.at("close");
        Ok(())
    }

    fn check(&self, world: &World) -> Verdict {
        let event = Event::create(&world.name(NAME)).map_err(in_words)?;
        expect("clear", event.clear(u64::MAX), &[0], Library::detail)?;
        expect("set", event.set(u64::MAX), &[0], Library::detail)?;
        expect("consume", event.consume(u64::MAX, 0), &[0], Library::detail)?;
        if event.bits().map_err(in_words)? != 0 {
            return Err("bits are set after all were consumed".to_owned());
        }
        drop(event);
        expect("unlink", Library::unlink(&world.name(NAME)), &[0], Library::detail)
    }
}

/// All operations on an event.
pub fn operations() -> Vec<Box<dyn Operation>> {
    let all = [What::Set, What::Consume, What::Pulse, What::Notify];
    all.map(|what| Box::new(Change(what)) as Box<dyn Operation>).into()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    /// Set a bit that the survivor waits for.
    Set,
    /// Consume a bit that the survivor has set.
    Consume,
    /// Pulse a bit.
    Pulse,
    /// Set a bit that the survivor is notified of by descriptor.
    Notify,
}

struct Change(What);

impl Operation for Change {
    fn name(&self) -> &'static str {
        match self.0 {
            What::Set => "event/set",
            What::Consume => "event/consume",
            What::Pulse => "event/pulse",
            What::Notify => "event/notify",
        }
    }

    fn tallies(&self) -> &'static [Tally] {
        &[CAME, NONE]
    }

    fn fixtures(&self) -> &'static [&'static str] {
        &[NAME]
    }

    fn is_shared(&self) -> bool {
        self.0 != What::Consume
    }

    fn can_be_endured(&self) -> bool {
        true
    }

    fn victim(&self, world: &World) -> Verdict {
        let event = Event::create(&world.name(NAME)).map_err(in_words)?;
        world.at("ready");
        world.begin();
        world.stage("change");
        if self.is_shared() {
            world.pause();
        }
        let code = match self.0 {
            What::Set | What::Notify => event.set(1),
            What::Consume => event.consume(1, LIMIT_NS),
            What::Pulse => event.pulse(1),
        };
        world.stage("after");
        world.end(code);
        Ok(())
    }

    fn survivor(&self) -> Box<dyn Survivor> {
        Box::new(Waiter { what: self.0, event: None, fd: None })
    }
}

struct Waiter {
    what: What,
    fd: Option<OwnedFd>,
    event: Option<Event>,
}

impl Survivor for Waiter {
    fn prepare(&mut self, world: &World) -> Verdict {
        if self.event.is_none() {
            let event = Event::create(&world.name(NAME)).map_err(in_words)?;
            if self.what == What::Notify {
                self.fd = Some(event.notify_fd(1).map_err(in_words)?);
            }
            self.event = Some(event);
        }
        let event = self.event.as_ref().expect("opened just now");
        let code = if self.what == What::Consume { event.set(1) } else { event.clear(1) };
        expect("prepare", code, &[0], Library::detail)
    }

    fn endure(&mut self, world: &World) -> Verdict {
        let event = self.event.as_ref().expect("opened in `prepare`");
        for timeout_ns in ENDURED {
            let code = world.in_time("wait", timeout_ns, || event.wait(1, timeout_ns))?;
            expect("wait beside a stopped victim", code, &[0, expired(timeout_ns)], Library::detail)?;
        }
        Ok(())
    }

    fn check(&mut self, world: &World) -> Verdict {
        let event = self.event.as_ref().expect("opened in `prepare`");
        let was_done = world.last_word() == "after";
        let came = match self.what {
            What::Set => {
                let code = event.wait(1, patience(world));
                expect("wait by the survivor", code, &[0, libc::EBUSY, libc::ETIMEDOUT], Library::detail)?;
                code == 0
            }
            What::Notify => is_told(self.fd.as_ref().expect("made in `prepare`"), event)?,
            What::Pulse => {
                let code = event.wait(1, patience(world));
                expect("wait by the survivor", code, &[0, libc::EBUSY, libc::ETIMEDOUT], Library::detail)?;
                world.tally(if code == 0 { CAME } else { NONE });
                return match event.bits().map_err(in_words)? & 1 {
                    0 => Ok(()),
                    _ => Err("a pulse stayed".to_owned()),
                };
            }
            What::Consume => event.bits().map_err(in_words)? & 1 == 0,
        };
        world.tally(if came { CAME } else { NONE });
        if was_done && !came {
            return Err("nothing came, although the call had returned".to_owned());
        }
        if self.what != What::Consume && !came && event.bits().map_err(in_words)? & 1 != 0 {
            return Err("waited in vain for a bit that was set".to_owned());
        }
        // And all of it again, by the survivor alone.
        expect("set", event.set(1), &[0], Library::detail)?;
        expect("consume", event.consume(1, 0), &[0], Library::detail)?;
        expect("consume again", event.consume(1, 0), &[libc::EBUSY], Library::detail)
    }
}

/// Whether the descriptor tells that the bit is set, within the time that a death may cost. Drains it.
fn is_told(fd: &OwnedFd, event: &Event) -> Result<bool, String> {
    let mut asked = libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    loop {
        // SAFETY: one record, which outlives the call.
        let ready = unsafe { libc::poll(&raw mut asked, 1, 200) };
        let is_set = event.bits().map_err(in_words)? & 1 != 0;
        if ready != 1 {
            return Ok(false);
        }
        let mut count = 0u64;
        // SAFETY: eight bytes, which outlive the call.
        unsafe { libc::read(fd.as_raw_fd(), (&raw mut count).cast(), 8) };
        if is_set {
            return Ok(true);
        }
        // It may tell of what the survivor itself did after the last trial.
    }
}
