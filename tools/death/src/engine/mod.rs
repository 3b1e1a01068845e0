//! The engine: everything about starting, watching, stepping and killing processes, and nothing about what they do.
//!
//! What they do is a scenario, and there are two kinds:
//!
//! - a [`Crowd`] is many processes that all do rounds of the same thing while the harness kills one after the other
//!   at random moments (mode `random`);
//! - an [`Operation`] is one call in one process, killed at an exact point (modes `syscalls` and `steps`), and a
//!   [`Survivor`] in another process that has to find the world in order afterwards.
//!
//! The harness itself never calls the library under test: all of a scenario's code runs in processes of its own,
//! freshly executed so that nothing inherited helps them, and under the eyes of a watchdog.

pub mod call_name;
pub mod chance;
pub mod ground;
pub mod marks;
pub mod page;
pub mod path;
pub mod process;
pub mod ptrace;
pub mod report;
pub mod trial;
pub mod watchdog;
pub mod world;

pub use world::World;

/// All is well, or a sentence that says what is not.
pub type Verdict = Result<(), String>;

/// An invariant, and its place on the side page where checks of it are counted.
#[derive(Clone, Copy)]
pub struct Tally {
    /// Index, unique within the scenario.
    pub at: usize,
    /// The invariant as a sentence.
    pub words: &'static str,
}

/// Many processes, killed at random.
pub trait Crowd {
    /// As on the command line.
    fn name(&self) -> &'static str;

    /// The invariants that `round` and `check` count.
    fn tallies(&self) -> &'static [Tally];

    /// Before anybody starts, in a process of its own.
    fn prepare(&self, _world: &World) -> Verdict {
        Ok(())
    }

    /// What a participant does again and again, until it is killed.
    fn round(&self, world: &World) -> Verdict;

    /// When all are dead, in a process of its own: is the world in order? Removes what is left by right.
    fn check(&self, world: &World) -> Verdict;
}

/// One call, killed at an exact point.
pub trait Operation {
    /// As on the command line.
    fn name(&self) -> &'static str;

    /// The invariants that the survivor counts.
    fn tallies(&self) -> &'static [Tally];

    /// In a fresh process: make ready, `world.begin()`, the operation, `world.end(code)`. All is dropped on return.
    fn victim(&self, world: &World) -> Verdict;

    /// The other process.
    fn survivor(&self) -> Box<dyn Survivor>;

    /// Names that rightly stay between two trials.
    fn fixtures(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether the survivor may come while the victim is under way: the victim then calls `world.pause()` where the
    /// survivor has to wait for it, and the survivor can `intrude`.
    fn is_shared(&self) -> bool {
        false
    }

    /// Whether the survivor has calls to make that must come back beside a victim that is stopped for good.
    fn can_be_endured(&self) -> bool {
        false
    }
}

/// The process that outlives all victims of an operation, and keeps what it has open from one to the next.
pub trait Survivor {
    /// Before each victim: put the world into its starting state.
    fn prepare(&mut self, world: &World) -> Verdict;

    /// The victim sleeps in the kernel: let it go on, now or when it sleeps again.
    fn nudge(&mut self, _world: &World) -> Verdict {
        Ok(())
    }

    /// The victim is stopped somewhere in its operation, and is not dead: do, and keep, what can be done beside it.
    fn intrude(&mut self, _world: &World) -> Verdict {
        Ok(())
    }

    /// The victim is stopped somewhere in its operation, and will not go on before it is killed: make every call that
    /// it could be in the way of through [`World::in_time`], and give back what they take.
    fn endure(&mut self, _world: &World) -> Verdict {
        Ok(())
    }

    /// The victim is dead or done (or, where it pauses, about to be): take what it had, and check the invariants.
    fn check(&mut self, world: &World) -> Verdict;
}

/// What became of a victim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// kill -9, somewhere between `begin` and `end`.
    Killed,
    /// The operation returned this code.
    Returned(i32),
}
