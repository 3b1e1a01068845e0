//! Locks on ranges of rows: exclusive ranges that overlap nothing run beside each other.
//!
//! Who holds or wants a range has raised its slot's `ranged` counter, which keeps those out who want the whole array
//! alone (`whole`), and has a record in the table (`range_table`). The table is changed under a small mutex, for some
//! dozens of instructions; nobody sleeps in there.
//!
//! - **lock**: raise `ranged`; in the table, insert a record with the next ticket. It may be held when no record with
//!   an earlier ticket is in its way, and, an exclusive one, when nobody holds the whole array shared. Such readers see
//!   in `ranges_exclusive` that they have to draw a ticket too ([`share_all`]), so that they come in turn.
//! - **unlock**: one exchange marks the record as left; that is all that others need. Then, in the table, free it,
//!   count the write as ended, and wake whose turn has come. If the table is occupied for long (its user may have been
//!   stopped) that one does all this when it goes on, or, if it is killed, the next one there. Last, lower `ranged`.
//! - **giving up**, at the timeout: as unlock, but without any waiting.
//! - **death**: a waiter asks, before each of its sleeps, whether the one in its way lives. A dead one's record goes;
//!   if it wrote, it becomes a dirty one that hinders nobody, but tells whoever gets a range that overlaps it
//!   (EOWNERDEAD), and whoever gets the whole array, until one with an exclusive range over those rows recovers them.
//!
//! Should dirty records ever fill the table, the whole array is marked in their place, as after the death of a writer
//! of all of it: nobody can recover rows without a record of his own.
//!
//! Who is alone with the whole array finds no living record: every one of them has `ranged` raised.

use crate::error::{Errno, Error, Result};
use crate::os::atomic::AtomicU64;
use crate::os::atomic::Ordering::{Relaxed, SeqCst};
use crate::os::futex::{self, Queue};
use crate::os::time::{self, Duration, Timeout};
use crate::segment::attachment::{Attachment, Identity};
use crate::sync::bell::Bell;
use crate::sync::generation;
use crate::sync::mutex::{self, Guard, INCONSISTENT};
use crate::sync::patience::{Expired, Patience};

use super::holders::{Holds, Reader, first_reader, lower, pid_of};
use super::mode::{Acquired, Mode};
use super::owner::{raise, wait_to_share};
use super::range_table::state::HELD;
use super::range_table::{Entry, Rows, Table};

/// How long an unlocker waits for the table, before it leaves the rest to the next one who comes there.
const TIDYING: Duration = Duration::from_millis(20);

/// How long a recoverer waits for the table, which only one that was stopped in there can occupy for so long.
const RECOVERING: Duration = Duration::from_secs(1);

/// Rounds of a waiter that need not look at the clock: who is woken at the end of its time takes what it was woken for. More
/// rounds than these have no honest reason.
const MANY_ROUNDS: u64 = 100;

/// No handle has this number: it is for those who want the whole array shared, and come in turn.
const WHOLE: u64 = 0;

fn table(attachment: &Attachment) -> Table<'_> {
    Table::new(attachment.control().ranges(), attachment.words())
}

/// Being in the table, until dropped.
///
/// Whoever is in there may have put it in order already when somebody else, who could not wait to be let in, leaves a
/// record. That one marks the mutex, and the one inside looks at the mark on its way out.
struct Stay<'a> {
    attachment: &'a Attachment,
    guard: Option<Guard<'a>>,
}

/// Into the table, which is in order then whatever its last user died of.
fn enter<'a>(attachment: &'a Attachment, patience: &mut Patience) -> Result<Stay<'a>> {
    let mut guard = mutex::lock(&attachment.words().ranges_mutex, attachment, patience)?;
    if guard.is_inconsistent() {
        guard.mend(|| table(attachment).settle());
    }
    Ok(Stay { attachment, guard: Some(guard) })
}

impl Drop for Stay<'_> {
    fn drop(&mut self) {
        self.guard = None;
        // SYNC: SeqCst against `leave`: its mark is seen here, or it gets in after this.
        if self.attachment.words().ranges_mutex.load(SeqCst) & INCONSISTENT != 0 {
            tidy(self.attachment);
        }
    }
}

/// Do what somebody left undone who could not wait to be let into the table. Who is in there now, if anybody is, does it
/// in our place.
#[cold]
fn tidy(attachment: &Attachment) {
    let (word, table) = (&attachment.words().ranges_mutex, table(attachment));
    // Once, and again where somebody could not wait for us; but not for one who sets the mark all the time.
    for _ in 0..MANY_ROUNDS {
        let at_once = &mut Patience::new(Timeout::For(Duration::ZERO));
        let Ok(mut guard) = mutex::lock(word, attachment, at_once) else { return };
        guard.mend(|| table.settle());
        let next = table.next_ones(Rows::ALL);
        drop(guard);
        wake(table, &next);
        generation::announce(attachment);
        // SYNC: as in `Stay::drop`.
        if word.load(SeqCst) & INCONSISTENT == 0 {
            return;
        }
    }
}

/// Lock these rows through that handle. EBUSY for [`Timeout::Try`], ETIMEDOUT for any other end of patience.
pub fn lock(attachment: &Attachment, handle: u64, rows: Rows, mode: Mode, timeout: Timeout) -> Result<Acquired> {
    let (_, acquired) = take(attachment, handle, rows, mode, &mut Patience::new(timeout))?;
    Ok(acquired)
}

/// Give back these rows, or any; false where that handle holds none such.
pub fn unlock(attachment: &Attachment, handle: u64, rows: Option<Rows>) -> Result<bool> {
    // Signed while the rows are held: once they are left, anybody may count the write, and be asked who it was by.
    let me = attachment.identity()?;
    let sign = |entry: &Entry| {
        if entry.mode() == Mode::Exclusive {
            generation::date(attachment.words(), time::realtime_coarse_ns());
            generation::sign(attachment, me);
        }
    };
    let given_back = table(attachment).give_back(me, handle, rows, sign);
    let Some(entry) = given_back else { return Ok(false) };
    let has_written = entry.mode() == Mode::Exclusive;
    leave(attachment, entry.rows, Timeout::For(TIDYING))?;
    if has_written {
        generation::announce(attachment);
    }
    Ok(true)
}

/// Declare rows repaired, of which that handle holds an exclusive range.
pub fn recover(attachment: &Attachment, handle: u64, rows: Rows) -> Result<()> {
    let slot = attachment.own_slot()?;
    // First raised, then looked: should another thread give the range back meanwhile, nobody gets the whole array alone.
    slot.ranged.fetch_add(1, SeqCst);
    let done = recover_beside_owner(attachment, handle, rows);
    lower(attachment.words(), &slot.ranged);
    done
}

fn recover_beside_owner(attachment: &Attachment, handle: u64, rows: Rows) -> Result<()> {
    let (table, me) = (table(attachment), attachment.identity()?);
    if !table.holds(me, handle, Mode::Exclusive, Some(rows)) {
        return Err(Error::os(
            Errno::EPERM,
            "to recover rows, lock a range that contains them (SHM_ARRAY_EXCLUSIVE) through this handle first",
        ));
    }
    let _stay = enter(attachment, &mut Patience::new(Timeout::For(RECOVERING)))?;
    let is_clean = table.clean(rows);
    table.settle();
    if is_clean {
        return Ok(());
    }
    Err(Error::os(
        Errno::ENOSPC,
        format!(
            "the table of ranges is full ({} records), and a part within the dead holder's rows needs one more: recover \
             from its first row on",
            table.capacity()
        ),
    ))
}

/// Whether that handle of this process holds any range.
pub fn holds_any(attachment: &Attachment, me: Identity, handle: u64) -> bool {
    handle != WHOLE && table(attachment).holds(me, handle, Mode::Shared, None)
}

/// Share the whole array, in turn with those who want exclusive ranges.
pub fn share_all(attachment: &Attachment, counter: &AtomicU64, patience: &mut Patience) -> Result<Acquired> {
    let (entry, acquired) = take(attachment, WHOLE, Rows::ALL, Mode::Shared, patience)?;
    // Nobody can be alone with anything now; who wants to be will wait for this counter.
    counter.fetch_add(1, SeqCst);
    table(attachment).leave(entry.index, entry.state);
    leave(attachment, Rows::ALL, Timeout::For(TIDYING))?;
    Ok(acquired)
}

/// Alone with the array: whatever is in the table is of the dead. Whether they left anything half written.
pub fn bury_all(attachment: &Attachment, patience: &mut Patience) -> Result<bool> {
    let _guard = enter(attachment, patience)?;
    let table = table(attachment);
    table.entries().for_each(|entry| table.bury(&entry));
    table.settle();
    Ok(table.dirty(Rows::ALL).is_some())
}

/// Alone with the array, and all is repaired.
pub fn recover_all(attachment: &Attachment) -> Result<()> {
    // Only the dead can have it. The caller's own write is under way: nothing may be settled.
    let patience = &mut Patience::new(Timeout::For(RECOVERING));
    let mut guard = mutex::lock(&attachment.words().ranges_mutex, attachment, patience)?;
    guard.mend(|| table(attachment).clear());
    Ok(())
}

/// Keep those out who want the whole array alone, for the sake of a range.
#[inline]
fn raise_ranged(attachment: &Attachment, handle: u64, patience: &mut Patience) -> Result<()> {
    let me = attachment.identity()?;
    let slot = attachment.own_slot()?;
    attachment.remember_reader(me.slot().unwrap_or_default());
    match raise(attachment.words(), &slot.ranged) {
        Some(_) => Ok(()),
        None => enter_beside_owner(attachment, me, handle, patience),
    }
}

/// An owner waits, or writes. Who holds a range through the same handle is one whom it waits for: that one must go on.
#[cold]
fn enter_beside_owner(attachment: &Attachment, me: Identity, handle: u64, patience: &mut Patience) -> Result<()> {
    let (words, slot) = (attachment.words(), attachment.own_slot()?);
    // First raised, then looked: while the range is still held the owner cannot have passed.
    slot.ranged.fetch_add(1, SeqCst);
    if holds_any(attachment, me, handle) {
        return Ok(());
    }
    lower(words, &slot.ranged);
    wait_to_share(attachment, me, &slot.ranged, patience).map(drop)
}

/// From wanting to having.
fn take(
    attachment: &Attachment,
    handle: u64,
    rows: Rows,
    mode: Mode,
    patience: &mut Patience,
) -> Result<(Entry, Acquired)> {
    raise_ranged(attachment, handle, patience)?;
    let me = attachment.identity()?;
    let mut want = Want { attachment, table: table(attachment), me, handle, rows, mode, entry: None };
    let acquired = want.wait(patience)?;
    let entry = want.entry.take().expect("what is held has a record");
    std::mem::forget(want);
    Ok((entry, acquired))
}

/// In the table no more: free what was left there, lower the counter, and wake whose turn has come.
fn leave(attachment: &Attachment, rows: Rows, timeout: Timeout) -> Result<()> {
    let table = table(attachment);
    let next = match enter(attachment, &mut Patience::new(timeout)) {
        Ok(_stay) => {
            table.settle();
            table.next_ones(rows)
        }
        Err(_) => {
            mutex::doubt(&attachment.words().ranges_mutex);
            tidy(attachment);
            Vec::new()
        }
    };
    lower(attachment.words(), &attachment.own_slot()?.ranged);
    wake(table, &next);
    Ok(())
}

fn wake(table: Table, next: &[Entry]) {
    for entry in next {
        futex::wake(&table.record(entry.index).asleep, Queue::Readers, i32::MAX);
    }
}

/// Somebody who wants rows. Dropped, it wants them no more.
struct Want<'a> {
    attachment: &'a Attachment,
    table: Table<'a>,
    me: Identity,
    handle: u64,
    rows: Rows,
    mode: Mode,
    /// Once there was room for it.
    entry: Option<Entry>,
}

/// What is in the way.
enum Obstacle<'a> {
    /// The table has no free record.
    NoRoom,
    /// Somebody who came before.
    Earlier(Entry),
    /// Somebody who shares the whole array.
    Whole(Reader<'a>),
}

impl<'a> Want<'a> {
    /// Until the rows are held.
    fn wait(&mut self, patience: &mut Patience) -> Result<Acquired> {
        // Whether the one in the way lives is asked only when it is not gone at once: it costs a system call.
        let mut asks = false;
        let mut rounds = 0u64;
        loop {
            // Each round has its reason, unless somebody writes into the table who must not; then the clock ends it.
            rounds += 1;
            if rounds > MANY_ROUNDS {
                patience.check().map_err(|Expired| self.expired(patience))?;
            }
            let guard = enter(self.attachment, patience).map_err(|error| self.refusal(error, patience))?;
            let obstacle = match self.obstacle() {
                None => {
                    let entry = self.entry.as_mut().expect("without a record there is no room");
                    self.table.hold(entry);
                    entry.state |= HELD;
                    let whole = Acquired::from_word(self.attachment.words().lock.load(SeqCst));
                    return Ok(if self.table.dirty(self.rows).is_some() { Acquired::OwnerDied } else { whole });
                }
                Some(obstacle) => obstacle,
            };
            if asks && self.remove_dead(&obstacle)? {
                self.table.settle();
                let next = self.table.next_ones(Rows::ALL);
                drop(guard);
                wake(self.table, &next);
                continue;
            }
            // What is slept on, and while it is what.
            let words = self.attachment.words();
            let (word, expected) = match (&obstacle, &self.entry) {
                (Obstacle::Earlier(_), Some(entry)) => {
                    let asleep = &self.table.record(entry.index).asleep;
                    asleep.store(1, SeqCst);
                    (asleep, 1)
                }
                (Obstacle::Whole(_), _) => (&words.drain, Bell::on(&words.drain).listen(true)),
                _ => (&words.ranges_full, Bell::on(&words.ranges_full).listen(true)),
            };
            // Between the look and the announcement a reader may have gone, without a word.
            if matches!(obstacle, Obstacle::Whole(_)) && self.obstacle().is_none() {
                continue;
            }
            drop(guard);
            while word.load(SeqCst) == expected && patience.spin() {}
            if word.load(SeqCst) == expected && asks {
                patience.sleep(word, expected, Queue::Readers).map_err(|Expired| self.expired(patience))?;
            }
            asks = true;
        }
    }

    /// In the table: what is in the way now. Makes the record, where there is room.
    fn obstacle(&mut self) -> Option<Obstacle<'a>> {
        if self.entry.is_none() {
            let insert = || self.table.insert(self.me, self.handle, self.rows, self.mode);
            self.entry = insert().or_else(|| {
                // There may be records that were left, and that nobody has freed yet.
                self.table.settle();
                insert()
            });
            // What is left from here on is freed, and announced, by who comes into the table after us.
            if self.entry.is_none() {
                return Some(Obstacle::NoRoom);
            }
            // Before the counters are looked at: see `whole`.
            self.table.settle();
        }
        let Some(entry) = &self.entry else { return Some(Obstacle::NoRoom) };
        if let Some(earlier) = self.table.blocker(entry) {
            return Some(Obstacle::Earlier(earlier));
        }
        match self.mode {
            Mode::Exclusive => first_reader(self.attachment, Holds::Whole).map(Obstacle::Whole),
            Mode::Shared => None,
        }
    }

    /// In the table: whether something of the dead was in the way, and is gone.
    fn remove_dead(&self, obstacle: &Obstacle) -> Result<bool> {
        let is_dead = |who: Identity| self.attachment.is_alive_or_self(who).map(|alive| !alive);
        match obstacle {
            Obstacle::Whole(reader) => {
                let dead = is_dead(reader.identity())?;
                if dead {
                    reader.forget();
                }
                Ok(dead)
            }
            Obstacle::Earlier(entry) => {
                let dead = is_dead(entry.owner)?;
                if dead {
                    self.table.bury(entry);
                }
                Ok(dead)
            }
            Obstacle::NoRoom => {
                for entry in self.table.entries() {
                    if is_dead(entry.owner)? {
                        self.table.bury(&entry);
                    }
                }
                self.table.doubt_all_if_full();
                self.table.settle();
                Ok(self.table.has_room())
            }
        }
    }

    /// Who is in the way, for people.
    #[cold]
    fn expired(&self, patience: &Patience) -> Error {
        let Rows { start, end } = self.rows;
        let wanted = if self.rows == Rows::ALL { "the array".into() } else { format!("rows {start} to {}", end - 1) };
        let pid = |who: Identity| pid_of(self.attachment, who);
        let reason = match &self.entry {
            None => format!("all {} records of ranges are in use", self.table.capacity()),
            Some(entry) => match (self.table.blocker(entry), first_reader(self.attachment, Holds::Whole)) {
                (Some(other), _) => {
                    let verb = if other.is_held() { "holds" } else { "was first to want" };
                    let how = if other.mode() == Mode::Exclusive { "exclusively" } else { "shared" };
                    let (first, last) = (other.rows.start, other.rows.end.wrapping_sub(1));
                    format!("process {} {verb} rows {first} to {last} {how}", pid(other.owner))
                }
                (None, Some(reader)) => format!("process {} holds the whole array shared", pid(reader.identity())),
                (None, None) => "this process, or one that has just gone, held them".into(),
            },
        };
        let errno = if patience.only_tries() { Errno::EBUSY } else { Errno::ETIMEDOUT };
        Error::os(errno, format!("{wanted} cannot be had: {reason}"))
    }

    /// The table was not free in time. Who has a record there knows better what it has been waiting for.
    #[cold]
    fn refusal(&self, error: Error, patience: &Patience) -> Error {
        if error.is(Errno::ETIMEDOUT) && self.entry.is_some() { self.expired(patience) } else { error }
    }
}

impl Drop for Want<'_> {
    fn drop(&mut self) {
        if let Some(entry) = self.entry.take() {
            let state = self.table.record(entry.index).state.load(Relaxed);
            self.table.leave(entry.index, state);
        }
        // At once, or not at all: whoever gives up has no time left.
        let _ = leave(self.attachment, self.rows, Timeout::For(Duration::ZERO));
    }
}
