//! The life of a segment: create, open, close, unlink, collect, each killed or failed at every system call.
//!
//! What has to hold: a name is there with a complete segment behind it, or not at all; an operation that returned
//! an error has changed nothing; what nobody uses can be removed; what somebody uses, or what is kept, stays.

use std::marker::PhantomData;

use super::{expect, pattern};
use crate::engine::marks::Hold;
use crate::engine::watchdog::LIMIT;
use crate::engine::{Fate, Operation, Survivor, Tally, Verdict, World};
use crate::subjects::{Failure, Life, Subject};

const COMPLETE: Tally = Tally { at: 0, words: "segments found complete and usable" };
const ABSENT: Tally = Tally { at: 1, words: "segments rightly absent" };

const NAME: &str = "segment";
const KEPT: &str = "kept";
const USED: &str = "used";
const ABANDONED: [&str; 2] = ["abandoned", "forsaken"];

/// What the victim does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Create(Life),
    Open(Life),
    Close(Life),
    Unlink,
    Collect,
}

struct Step<S> {
    name: &'static str,
    what: What,
    subject: PhantomData<S>,
}

/// All of them.
pub fn operations<S: Subject>() -> Vec<Box<dyn Operation>> {
    let step = |name, what| -> Box<dyn Operation> { Box::new(Step::<S> { name, what, subject: PhantomData }) };
    vec![
        step("create", What::Create(Life::Kept)),
        step("create/last-close", What::Create(Life::LastClose)),
        step("open", What::Open(Life::Kept)),
        step("close", What::Close(Life::Kept)),
        step("close/last", What::Close(Life::LastClose)),
        step("unlink", What::Unlink),
        step("collect", What::Collect),
    ]
}

fn code<T>(result: &Result<T, Failure>) -> i32 {
    result.as_ref().err().map_or(0, |why| why.code)
}

impl<S: Subject> Operation for Step<S> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn tallies(&self) -> &'static [Tally] {
        &[COMPLETE, ABSENT]
    }

    fn victim(&self, world: &World) -> Verdict {
        let name = world.name(NAME);
        world.at(self.name.split('/').next().unwrap_or_default());
        match self.what {
            What::Create(life) => {
                world.begin();
                let made = S::create(&name, life, 0);
                world.end(code(&made));
            }
            What::Open(_) => {
                world.begin();
                let opened = S::open(&name);
                world.end(code(&opened));
            }
            What::Close(_) => {
                let segment = S::open(&name).map_err(|why| format!("open before close: {why}"))?;
                // Closing also has to release what is held.
                expect("lock before close", segment.lock(Hold::Exclusive, 0), &[0], S::detail)?;
                world.begin();
                drop(segment);
                world.end(0);
            }
            What::Unlink => {
                world.begin();
                let code = S::unlink(&name);
                world.end(code);
            }
            What::Collect => {
                world.begin();
                let code = S::collect();
                world.end(code);
            }
        }
        Ok(())
    }

    fn survivor(&self) -> Box<dyn Survivor> {
        Box::new(Heir::<S> { what: self.what, used: None })
    }
}

/// Finds out what is left, and clears it up.
struct Heir<S> {
    what: What,
    used: Option<S>,
}

impl<S: Subject> Survivor for Heir<S> {
    fn prepare(&mut self, world: &World) -> Verdict {
        match self.what {
            What::Create(_) => {}
            What::Open(life) => abandon::<S>(&world.name(NAME), life)?,
            What::Close(life) => abandon::<S>(&world.name(NAME), life)?,
            What::Unlink => abandon::<S>(&world.name(NAME), Life::Kept)?,
            What::Collect => {
                abandon::<S>(&world.name(KEPT), Life::Kept)?;
                for name in ABANDONED {
                    abandon::<S>(&world.name(name), Life::LastClose)?;
                }
                let used = S::create(&world.name(USED), Life::LastClose, 0);
                self.used = Some(used.map_err(|why| format!("create: {why}"))?);
            }
        }
        Ok(())
    }

    fn check(&mut self, world: &World) -> Verdict {
        let fate = world.fate();
        let succeeded = fate == Fate::Returned(0);
        let failed = matches!(fate, Fate::Returned(code) if code != 0);
        match self.what {
            What::Create(Life::Kept) if succeeded => self.must_be_there(world, NAME)?,
            What::Create(_) if failed => self.must_be_gone(world, NAME)?,
            What::Create(Life::Kept) => self.may_be_there(world, NAME)?,
            What::Close(Life::LastClose) if succeeded && world.was_left_alone() => self.must_be_gone(world, NAME)?,
            // Whether it is still there when its only user has gone depends on how it went.
            What::Create(Life::LastClose) | What::Open(Life::LastClose) | What::Close(Life::LastClose) => {
                self.collect(world)?;
                self.must_be_gone(world, NAME)?;
            }
            What::Open(Life::Kept) | What::Close(Life::Kept) => self.must_be_there(world, NAME)?,
            What::Unlink if succeeded => self.must_be_gone(world, NAME)?,
            What::Unlink if failed => self.must_be_there(world, NAME)?,
            What::Unlink => self.may_be_there(world, NAME)?,
            What::Collect => {
                self.collect(world)?;
                for name in ABANDONED {
                    self.must_be_gone(world, name)?;
                }
                self.must_be_there(world, KEPT)?;
                self.must_be_there(world, USED)?;
                self.used = None;
                self.must_be_gone(world, USED)?;
            }
        }
        for name in [NAME, KEPT] {
            expect("unlink afterwards", S::unlink(&world.name(name)), &[0, libc::ENOENT], S::detail)?;
        }
        Ok(())
    }
}

impl<S: Subject> Heir<S> {
    fn collect(&self, world: &World) -> Verdict {
        world.at("collect");
        expect("collect afterwards", S::collect(), &[0], S::detail)
    }

    /// The name is there, and behind it a complete segment that can be locked.
    fn must_be_there(&self, world: &World, name: &str) -> Verdict {
        world.at("open");
        let segment = S::open(&world.name(name)).map_err(|why| format!("'{name}' should be there: {why}"))?;
        if pattern::whole(segment.elements()) != Some(0) {
            return Err(format!("the elements of '{name}' are not all zero"));
        }
        world.at("lock");
        let code = segment.lock(Hold::Exclusive, LIMIT.as_nanos() as i64);
        if matches!(self.what, What::Close(_)) && world.fate() == Fate::Killed {
            // The victim of 'close' holds the lock when it is killed, or has just released it.
            expect("lock afterwards", code, &[0, libc::EOWNERDEAD], S::detail)?;
            expect("recover afterwards", segment.recover(), &[0], S::detail)?;
        } else {
            expect("lock afterwards", code, &[0], S::detail)?;
        }
        world.tally(COMPLETE);
        expect("unlock afterwards", segment.unlock(), &[0], S::detail)
    }

    fn must_be_gone(&self, world: &World, name: &str) -> Verdict {
        world.at("open");
        match S::open(&world.name(name)) {
            Err(why) if why.code == libc::ENOENT => {
                world.tally(ABSENT);
                Ok(())
            }
            Err(why) => Err(format!("'{name}' should be gone, but open says: {why}")),
            Ok(_) => Err(format!("'{name}' should be gone, but can be opened")),
        }
    }

    fn may_be_there(&self, world: &World, name: &str) -> Verdict {
        match S::open(&world.name(name)) {
            Err(why) if why.code == libc::ENOENT => {
                world.tally(ABSENT);
                Ok(())
            }
            _ => self.must_be_there(world, name),
        }
    }
}

/// Make a segment in a process that ends without closing it.
fn abandon<S: Subject>(name: &str, life: Life) -> Verdict {
    // SAFETY: survivors have one thread, so the child may do anything.
    match unsafe { libc::fork() } {
        -1 => Err(format!("fork: {}", std::io::Error::last_os_error())),
        0 => {
            let made = S::create(name, life, 0);
            if let Err(why) = &made {
                eprintln!("create of {name} to be abandoned: {why}");
            }
            // SAFETY: leaves at once, with the segment still open.
            unsafe { libc::_exit(code(&made)) }
        }
        child => {
            let mut status = 0;
            // SAFETY: `status` outlives the call.
            let reaped = unsafe { libc::waitpid(child, &mut status, 0) };
            if reaped == child && status == 0 { Ok(()) } else { Err(format!("could not make {name}: see above")) }
        }
    }
}
