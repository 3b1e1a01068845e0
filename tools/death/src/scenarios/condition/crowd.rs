//! Many processes that make goods and take them, and sleep when there are none, or too many.

use std::sync::atomic::Ordering::SeqCst;

use super::expect;
use crate::engine::marks::Hold;
use crate::engine::page::now_ns;
use crate::engine::{Crowd, Tally, Verdict, World};
use crate::subjects::library::Library;
use crate::subjects::{Life, Subject};

/// Makers and takers at one store.
pub struct Trading;

const MADE: Tally = Tally { at: 0, words: "goods were made" };
const TAKEN: Tally = Tally { at: 1, words: "goods were taken" };
const SLEPT: Tally = Tally { at: 2, words: "waits came back with the lock, and what they waited for may be there" };
const IN_VAIN: Tally = Tally { at: 3, words: "waits ended by their time, and nothing was overslept" };
const TOLD: Tally = Tally { at: 4, words: "holders were told EOWNERDEAD" };

const NAME: &str = "store";
/// Elements: what is there, since when it is not empty, since when it is not full, and a guard against two at once.
const STOCK: usize = 0;
const FILLED: usize = 1;
const EMPTIED: usize = 2;
const INSIDE: usize = 3;
/// Conditions.
const GOODS: u32 = 0;
const ROOM: u32 = 1;

const MOST: u64 = 2;
const WAIT_NS: u64 = 150_000_000;
/// Whoever was not woken for something that has been there for so long has overslept it.
const OVERSLEPT_NS: u64 = 100_000_000;

impl Crowd for Trading {
    fn name(&self) -> &'static str {
        "condition"
    }

    fn tallies(&self) -> &'static [Tally] {
        &[MADE, TAKEN, SLEPT, IN_VAIN, TOLD]
    }

    fn prepare(&self, world: &World) -> Verdict {
        Library::create(&world.name(NAME), Life::Kept, 80).map(drop).map_err(|why| format!("create: {why}"))
    }

    fn round(&self, world: &World) -> Verdict {
        world.at("open");
        let store = Library::open(&world.name(NAME)).map_err(|why| format!("open: {why}"))?;
        for _ in 0..=world.chance.below(8) {
            let makes = world.chance.one_in(2);
            if !trade(world, &store, makes).inspect_err(|words| world.complain(words))? {
                break;
            }
        }
        world.at("close");
        Ok(())
    }

    fn check(&self, world: &World) -> Verdict {
        let store = Library::open(&world.name(NAME)).map_err(|why| format!("open: {why}"))?;
        expect("lock when all are dead", store.lock(Hold::Exclusive, 0), &[0, libc::EOWNERDEAD], Library::detail)?;
        expect("recover", store.recover(), &[0], Library::detail)?;
        expect("a wait for nobody", store.wait_for(GOODS, 1_000_000), &[libc::ETIMEDOUT], Library::detail)?;
        expect("unlock", store.unlock(), &[0], Library::detail)?;
        drop(store);
        expect("unlink", Library::unlink(&world.name(NAME)), &[0], Library::detail)
    }
}

/// Under the lock now: told of a death, make the store consistent again.
fn entered(world: &World, store: &Library, told: bool) -> Verdict {
    let elements = store.elements();
    if told {
        world.tally(TOLD);
        elements[STOCK].store(elements[STOCK].load(SeqCst).min(MOST), SeqCst);
        elements[INSIDE].store(0, SeqCst);
        expect("recover", store.recover(), &[0], Library::detail)?;
    }
    match elements[INSIDE].swap(world.slot as u64 + 1, SeqCst) {
        0 => Ok(()),
        other => Err(format!("participant {} is, or died, inside, and nobody said so", other - 1)),
    }
}

fn leaving(world: &World, store: &Library) -> Verdict {
    match store.elements()[INSIDE].swap(0, SeqCst) {
        own if own == world.slot as u64 + 1 => Ok(()),
        other => Err(format!("somebody else ({other}) came in")),
    }
}

/// False where it waited in vain: everybody else may wait for the same.
fn trade(world: &World, store: &Library, makes: bool) -> Result<bool, String> {
    let deadline = now_ns() + WAIT_NS;
    let elements = store.elements();
    let (condition, since) = if makes { (ROOM, EMPTIED) } else { (GOODS, FILLED) };
    let is_ready = || if makes { elements[STOCK].load(SeqCst) < MOST } else { elements[STOCK].load(SeqCst) > 0 };
    world.at("lock");
    let code = store.lock(Hold::Exclusive, -1);
    expect("lock", code, &[0, libc::EOWNERDEAD], Library::detail)?;
    entered(world, store, code == libc::EOWNERDEAD)?;
    while !is_ready() {
        leaving(world, store)?;
        world.at("wait");
        let code = store.wait_for(condition, deadline.saturating_sub(now_ns()) as i64);
        world.at("awake");
        if code == libc::ENOLCK {
            return Ok(false);
        }
        let codes = [0, libc::EOWNERDEAD, libc::ETIMEDOUT];
        expect("wait", code, &codes, Library::detail)?;
        entered(world, store, code == libc::EOWNERDEAD)?;
        world.tally(SLEPT);
        if code == libc::ETIMEDOUT {
            let age = now_ns().saturating_sub(elements[since].load(SeqCst));
            if is_ready() && age > OVERSLEPT_NS {
                return Err(format!("slept on, although what it waited for had been there for {} ms", age / 1_000_000));
            }
            world.tally(IN_VAIN);
            leaving(world, store)?;
            return expect("unlock after a wait in vain", store.unlock(), &[0], Library::detail).map(|()| false);
        }
    }
    world.at("inside");
    let stock = elements[STOCK].load(SeqCst);
    let (woken, their_since) = if makes { (GOODS, FILLED) } else { (ROOM, EMPTIED) };
    let becomes_ready = if makes { stock == 0 } else { stock == MOST };
    if becomes_ready {
        elements[their_since].store(now_ns(), SeqCst);
    }
    elements[STOCK].store(if makes { stock + 1 } else { stock - 1 }, SeqCst);
    world.linger(world.chance.spread(30_000));
    world.at("notify");
    expect("notify", store.notify(woken, 1), &[0], Library::detail)?;
    world.tally(if makes { MADE } else { TAKEN });
    leaving(world, store)?;
    world.at("unlock");
    expect("unlock", store.unlock(), &[0], Library::detail).map(|()| true)
}
