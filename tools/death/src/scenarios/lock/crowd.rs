//! Many processes that create, open, lock, close, unlink and collect the same few segments.

use std::marker::PhantomData;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use super::{ALONE, HALF, LATE, LIMIT_NS, NAMED, READERS, RECOVERED, TOLD, WHOLE, take_over};
use crate::engine::marks::{Hold, absolve};
use crate::engine::{Crowd, Tally, Verdict, World};
use crate::scenarios::{expect, pattern};
use crate::subjects::{Life, Subject};

/// Many processes lock a few segments, which some of them unlink and collect.
pub struct Locking<S>(PhantomData<S>);

impl<S> Default for Locking<S> {
    fn default() -> Self {
        Locking(PhantomData)
    }
}

const KEPT: &str = "kept";
const REPLACED: &str = "replaced";
const FLEETING: &str = "fleeting";

impl<S: Subject> Crowd for Locking<S> {
    fn name(&self) -> &'static str {
        "lock"
    }

    fn tallies(&self) -> &'static [Tally] {
        &[ALONE, READERS, WHOLE, TOLD, HALF, RECOVERED, LATE, NAMED]
    }

    fn round(&self, world: &World) -> Verdict {
        let chance = &world.chance;
        // Most rounds meet at one name, so that there is contention.
        let (what, life) = match chance.below(8) {
            0 => (REPLACED, Life::Kept),
            1 | 2 => (FLEETING, Life::LastClose),
            _ => (KEPT, Life::Kept),
        };
        world.at("create");
        let segment =
            S::create_or_open(&world.name(what), life).map_err(|why| format!("create-or-open of {what}: {why}"))?;
        for _ in 0..=chance.below(4) {
            // Complain before the segment is closed: what others find after that only follows from it.
            section(world, &segment, &world.name(what)).inspect_err(|words| world.complain(words))?;
        }
        world.at("close");
        drop(segment);
        if what == REPLACED && chance.one_in(2) {
            world.at("unlink");
            expect("unlink", S::unlink(&world.name(REPLACED)), &[0, libc::ENOENT], S::detail)?;
        }
        if chance.one_in(8) {
            world.at("collect");
            expect("collect", S::collect(), &[0], S::detail)?;
        }
        Ok(())
    }

    fn check(&self, world: &World) -> Verdict {
        expect("collect", S::collect(), &[0], S::detail)?;
        if S::open(&world.name(FLEETING)).is_ok() {
            return Err(format!("{FLEETING} outlived its last user and a collection"));
        }
        for name in [KEPT, REPLACED].map(|what| world.name(what)) {
            match S::open(&name) {
                Ok(segment) => take_over(world, &segment, LIMIT_NS).map(drop)?,
                Err(why) if why.code == libc::ENOENT => continue,
                Err(why) => return Err(format!("open of {name}: {why}")),
            }
            expect("unlink", S::unlink(&name), &[0], S::detail)?;
        }
        Ok(())
    }
}

/// Lock, look round, read or write, unlock.
fn section<S: Subject>(world: &World, segment: &S, name: &str) -> Verdict {
    let chance = &world.chance;
    let hold = if chance.below(3) == 0 { Hold::Shared } else { Hold::Exclusive };
    let timeout_ns = match chance.below(10) {
        0 | 1 => 0,
        2 | 3 => chance.spread(20_000_000) as i64,
        _ => -1,
    };
    world.at(if hold == Hold::Exclusive { "lock x" } else { "lock s" });
    let start = Instant::now();
    let code = segment.lock(hold, timeout_ns);
    match code {
        0 | libc::EOWNERDEAD => {}
        libc::EBUSY if timeout_ns == 0 => return Ok(()),
        libc::ETIMEDOUT if timeout_ns > 0 => {
            let (waited, timeout) = (start.elapsed(), Duration::from_nanos(timeout_ns as u64));
            if waited < timeout {
                return Err(format!("ETIMEDOUT after {waited:?} although the timeout was {timeout:?}"));
            }
            world.tally(LATE);
            return Ok(());
        }
        _ => return Err(format!("lock ({hold:?}, timeout {timeout_ns} ns) returned {code} ({})", S::detail())),
    }
    world.at(if hold == Hold::Exclusive { "hold x" } else { "hold s" });
    let thing = segment.identity().map_err(|why| format!("identity: {why}"))?;
    let told = code == libc::EOWNERDEAD;
    let others = world.enter(thing, hold);
    if !others.exclusive.is_empty() || hold == Hold::Exclusive && !others.shared.is_empty() {
        let (exclusive, shared) = (others.exclusive, others.shared);
        return Err(format!("holds {hold:?}, but so do {exclusive:?} (Exclusive) and {shared:?} (Shared), all alive"));
    }
    world.tally(if hold == Hold::Exclusive { ALONE } else { READERS });
    if !told && !others.dead_exclusive.is_empty() {
        let dead = others.dead_exclusive;
        return Err(format!("was not told EOWNERDEAD ({hold:?}), although participant {dead:?} was killed inside"));
    }
    let elements = segment.elements();
    let found = pattern::whole(elements);
    if found.is_none() && !told {
        return Err(format!("a half-written pattern without EOWNERDEAD ({hold:?})"));
    }
    world.tally(WHOLE);
    if told {
        world.tally(TOLD);
        if found.is_none() {
            world.tally(HALF);
        }
    }
    if S::FORKS_SAFELY && chance.one_in(512) {
        leave_a_child();
        world.linger(chance.spread(5_000_000));
    }
    match hold {
        Hold::Shared if chance.one_in(8) => read_twice::<S>(world, segment, name, found)?,
        Hold::Shared => read(world, segment, found)?,
        // Now and then nobody repairs the damage: the next one has to be told again.
        Hold::Exclusive if told && chance.one_in(8) => {}
        Hold::Exclusive => {
            write(world, segment)?;
            if told {
                world.at("recover");
                expect("recover", segment.recover(), &[0], S::detail)?;
                absolve(world.page, &others.dead_exclusive);
                world.tally(RECOVERED);
            }
        }
    }
    let others = world.census(thing);
    if !others.exclusive.is_empty() || hold == Hold::Exclusive && !others.shared.is_empty() {
        let (exclusive, shared) = (others.exclusive, others.shared);
        return Err(format!("held {hold:?} to the end, but {exclusive:?} (Exclusive) and {shared:?} (Shared) came in"));
    }
    world.leave();
    world.at(if hold == Hold::Exclusive { "unlock x" } else { "unlock s" });
    expect("unlock", segment.unlock(), &[0], S::detail)
}

/// A reader looks twice: nothing may change meanwhile.
fn read<S: Subject>(world: &World, segment: &S, found: Option<u64>) -> Verdict {
    world.linger(world.chance.spread(30_000));
    if pattern::whole(segment.elements()) != found {
        return Err("the pattern changed under a reader".to_owned());
    }
    Ok(())
}

/// A second handle of the same process, which has to find the same segment: what is in use keeps its name, unless
/// somebody unlinks it. It holds the lock shared as well, if nobody waits to write: it only tries.
fn read_twice<S: Subject>(world: &World, segment: &S, name: &str, found: Option<u64>) -> Verdict {
    let may_be_unlinked = name == world.name(REPLACED);
    let second = match S::open(name) {
        Ok(second) => second,
        Err(why) if why.code == libc::ENOENT && may_be_unlinked => return read(world, segment, found),
        Err(why) => return Err(format!("a second open of {name}, which is in use: {why}")),
    };
    if !may_be_unlinked && second.identity().ok() != segment.identity().ok() {
        return Err(format!("{name} was removed and made anew while it was in use"));
    }
    world.tally(NAMED);
    let code = second.lock(Hold::Shared, 0);
    expect("a second shared lock", code, &[0, libc::EOWNERDEAD, libc::EBUSY], S::detail)?;
    read(world, segment, found)?;
    if code != libc::EBUSY {
        expect("unlock of the second", second.unlock(), &[0], S::detail)?;
    }
    Ok(())
}

/// Fork a child that does nothing for a while. It inherits mappings and descriptors, and must not inherit the lock:
/// if its parent is killed now, the others must not wait for the child.
fn leave_a_child() {
    // SAFETY: participants have one thread. The child sleeps and leaves without running anything of ours.
    unsafe {
        libc::signal(libc::SIGCHLD, libc::SIG_IGN);
        if libc::fork() == 0 {
            libc::usleep(700_000);
            libc::_exit(0);
        }
    }
}

fn write<S: Subject>(world: &World, segment: &S) -> Verdict {
    let value = world.chance.next();
    let elements = segment.elements();
    pattern::begin(elements, value);
    world.linger(world.chance.spread(30_000));
    if elements[0].load(SeqCst) != value {
        return Err("somebody else wrote under an exclusive holder".to_owned());
    }
    pattern::complete(elements, value);
    Ok(())
}
