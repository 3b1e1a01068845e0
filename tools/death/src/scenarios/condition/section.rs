//! One process that waits, or notifies, and is killed there; and one that waits in a thread of the survivor's.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread::JoinHandle;

use super::expect;
use crate::engine::marks::Hold;
use crate::engine::page::now_ns;
use crate::engine::watchdog::LIMIT;
use crate::engine::{Operation, Survivor, Tally, Verdict, World};
use crate::scenarios::{ENDURED, FEW_SLOTS, expired};
use crate::subjects::library::Library;
use crate::subjects::{Life, Subject};

const CAME: Tally = Tally { at: 0, words: "the other waiter came back" };
const BY_ITSELF: Tally = Tally { at: 1, words: "of these without anybody's help but the victim's" };

const NAME: &str = "store";
/// The element that says how many goods there are; each waiter takes one.
const STOCK: usize = 0;
const GOODS: u32 = 7;
/// The condition that nobody notifies.
const NOTHING: u32 = 6;
const LIMIT_NS: i64 = LIMIT.as_nanos() as i64;

/// What is done by the victim.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Waits,
    Notifies,
}

struct Meeting(Part);

/// All operations on conditions.
pub fn operations() -> Vec<Box<dyn Operation>> {
    [Part::Waits, Part::Notifies].map(|part| Box::new(Meeting(part)) as Box<dyn Operation>).into()
}

impl Operation for Meeting {
    fn name(&self) -> &'static str {
        if self.0 == Part::Waits { "condition/wait" } else { "condition/notify" }
    }

    fn tallies(&self) -> &'static [Tally] {
        &[CAME, BY_ITSELF]
    }

    fn fixtures(&self) -> &'static [&'static str] {
        &[NAME]
    }

    fn can_be_endured(&self) -> bool {
        true
    }

    fn victim(&self, world: &World) -> Verdict {
        let store = Library::open(&world.name(NAME)).map_err(|why| why.to_string())?;
        expect("lock", store.lock(Hold::Exclusive, LIMIT_NS), &[0], Library::detail)?;
        world.at("ready");
        world.begin();
        let code = if self.0 == Part::Notifies {
            store.elements()[STOCK].fetch_add(2, SeqCst);
            let code = store.notify(GOODS, 1);
            if code == 0 { store.unlock() } else { code }
        } else {
            take_one(&store).unwrap_or_else(|code| code)
        };
        world.end(code);
        Ok(())
    }

    fn survivor(&self) -> Box<dyn Survivor> {
        Box::new(Partner {
            store: None,
            waiter: None,
            awaited: Arc::default(),
            takers: 1 + u64::from(self.0 == Part::Waits),
        })
    }
}

/// Under the lock: wait until there is something, take it, and unlock. 0 or a code.
fn take_one(store: &Library) -> Result<i32, i32> {
    let stock = &store.elements()[STOCK];
    // Much longer than stepping takes on a machine that is busy: who hangs is found by the survivor, and by the watchdog.
    let patience_ns = LIMIT_NS * 40;
    let end = now_ns() + patience_ns as u64;
    while stock.load(SeqCst) == 0 {
        match store.wait_for(GOODS, patience_ns) {
            0 => {}
            libc::EOWNERDEAD => match store.recover() {
                0 => {}
                code => return Err(code),
            },
            code => return Err(code),
        }
        if now_ns() > end {
            return Err(libc::ETIME);
        }
    }
    stock.fetch_sub(1, SeqCst);
    Ok(store.unlock())
}

struct Partner {
    store: Option<Library>,
    waiter: Option<JoinHandle<i32>>,
    /// 1 while the waiter holds the lock, on its way to sleep.
    awaited: Arc<AtomicU64>,
    takers: u64,
}

impl Partner {
    fn store(&self) -> &Library {
        self.store.as_ref().expect("made in `prepare`")
    }

    fn bring(&self) -> Verdict {
        let code = self.store().lock(Hold::Exclusive, LIMIT_NS);
        expect("lock by the survivor", code, &[0, libc::EOWNERDEAD], Library::detail)?;
        if code != 0 {
            expect("recover", self.store().recover(), &[0], Library::detail)?;
        }
        self.store().elements()[STOCK].fetch_add(1, SeqCst);
        expect("notify", self.store().notify(GOODS, 1), &[0], Library::detail)?;
        expect("unlock", self.store().unlock(), &[0], Library::detail)
    }
}

impl Survivor for Partner {
    fn prepare(&mut self, world: &World) -> Verdict {
        world.at("prepare");
        if self.store.is_none() {
            let made =
                Library::create(&world.name(NAME), Life::Kept, FEW_SLOTS).map_err(|why| format!("create: {why}"))?;
            self.store = Some(made);
        }
        self.store().elements()[STOCK].store(0, SeqCst);
        let name = world.name(NAME);
        self.awaited.store(0, SeqCst);
        let awaited = self.awaited.clone();
        self.waiter = Some(std::thread::spawn(move || {
            let Ok(store) = Library::open(&name) else { return libc::ENOENT };
            match store.lock(Hold::Exclusive, LIMIT_NS) {
                0 => {}
                code => return code,
            }
            awaited.store(1, SeqCst);
            take_one(&store).unwrap_or_else(|code| code)
        }));
        // When we get the lock after it, it has given it back, and waits.
        let end = now_ns() + LIMIT.as_nanos() as u64;
        while self.awaited.load(SeqCst) == 0 && now_ns() < end {
            std::thread::yield_now();
        }
        expect("lock beside the waiter", self.store().lock(Hold::Exclusive, LIMIT_NS), &[0], Library::detail)?;
        expect("unlock", self.store().unlock(), &[0], Library::detail)
    }

    /// A waiting victim sleeps: bring one piece, which it may get, or the other waiter.
    fn nudge(&mut self, world: &World) -> Verdict {
        world.at("bring");
        self.bring()
    }

    fn endure(&mut self, world: &World) -> Verdict {
        for timeout_ns in ENDURED {
            let store = self.store();
            let code = world.in_time("lock", timeout_ns, || store.lock(Hold::Exclusive, timeout_ns))?;
            expect("lock beside a stopped victim", code, &[0, expired(timeout_ns)], Library::detail)?;
            if code == 0 {
                let code = world.in_time("wait", timeout_ns, || store.wait_for(NOTHING, timeout_ns))?;
                expect("wait beside a stopped victim", code, &[libc::ETIMEDOUT, libc::ENOLCK], Library::detail)?;
                if code == libc::ETIMEDOUT {
                    let code = world.in_time("unlock", 1, || store.unlock())?;
                    expect("unlock beside a stopped victim", code, &[0], Library::detail)?;
                }
            }
        }
        Ok(())
    }

    fn check(&mut self, world: &World) -> Verdict {
        world.at("survive");
        let waiter = self.waiter.take().expect("started in `prepare`");
        let stock = || self.store().elements()[STOCK].load(SeqCst);
        // Whoever holds the lock now is alive; the dead one's is taken over here.
        let code = self.store().lock(Hold::Exclusive, LIMIT_NS);
        expect("lock by the survivor", code, &[0, libc::EOWNERDEAD], Library::detail)?;
        let is_there = stock() > 0;
        // Where something is there the waiter has to find out about a death by itself, and to recover.
        if code != 0 && !is_there {
            expect("recover", self.store().recover(), &[0], Library::detail)?;
        }
        expect("unlock", self.store().unlock(), &[0], Library::detail)?;
        if !is_there && !waiter.is_finished() {
            (0..self.takers).try_for_each(|_| self.bring())?;
        } else {
            world.tally(BY_ITSELF);
        }
        let end = now_ns() + LIMIT.as_nanos() as u64;
        while !waiter.is_finished() && now_ns() < end {
            std::thread::sleep(std::time::Duration::from_micros(100));
        }
        if !waiter.is_finished() {
            let there = stock();
            self.bring()?;
            return Err(format!("the waiter slept on for {LIMIT:?}, although {there} were there"));
        }
        expect("what the waiter did", waiter.join().unwrap_or(-1), &[0], Library::detail)?;
        world.tally(CAME);
        let code = self.store().lock(Hold::Exclusive, LIMIT_NS);
        expect("lock at the end", code, &[0, libc::EOWNERDEAD], Library::detail)?;
        expect("recover", self.store().recover(), &[0], Library::detail)?;
        expect("unlock at the end", self.store().unlock(), &[0], Library::detail)
    }
}
