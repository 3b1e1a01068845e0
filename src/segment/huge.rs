//! Huge pages for a new file, as long as they are no dearer than small ones.
//!
//! MADV_COLLAPSE, which any user may call, works on shared memory whatever the settings of transparent huge pages are. It
//! makes a huge page of an extent (2 MiB) that has at least one page; so slice by slice, several threads: fallocate one
//! page in each extent, then MADV_COLLAPSE of the slice. That takes about as long as clearing the memory does, and it
//! *is* the clearing.
//!
//! Where free memory is fragmented, or where a virtual machine's host has taken it back, an extent can take twenty times
//! as long (4 ms instead of 0.25), while small pages are at hand. So accounts are kept: the attempt may have cost what
//! small pages, with their faults, would have cost for as much memory, and a few milliseconds more. When it has cost
//! more, the rest is left to small pages. The first slice goes extent by extent, so that this is found out soon.

use std::ops::{ControlFlow, Range};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use crate::error::Errno;
use crate::os::file;
use crate::os::map::{Advice, Map, huge_page_size};
use crate::os::parallel::for_slices;
use crate::os::process::page_size;
use crate::os::time::{self, Duration, Instant};

/// Each call of MADV_COLLAPSE first makes all processors hand in their lists of pages (20 us): not too small, for that,
/// and not too large for looking at the accounts in between.
const SLICE: usize = 8 << 20;

/// What reserving and touching 4 KiB pages takes one thread, for each GiB. Clearing huge pages takes a third of it.
const SMALL_PAGES: Duration = Duration::from_millis(400);

/// What may be lost by having tried: nobody notices it, and two extents that happen to be slow do not end the attempt.
const GRACE: Duration = Duration::from_millis(10);

/// How much later than on an idle machine the last of the pages may come.
const LATER: u32 = 3;

/// Back the whole extents of a file with huge pages, as far as that pays.
pub fn collapse(fd: impl AsFd, map: &Map) {
    let extent = huge_page_size();
    let slice = SLICE.next_multiple_of(extent);
    let whole = map.len() / extent * extent;
    let (first, rest) = (whole.min(slice), whole.saturating_sub(slice));
    let attempt = Attempt { fd: fd.as_fd(), map, accounts: Accounts::open(whole) };
    if (0..first).step_by(extent).all(|start| attempt.pays(start..start + extent)) {
        for_slices(rest, slice, |part| match attempt.pays(first + part.start..first + part.end) {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        });
    }
}

struct Attempt<'a> {
    fd: BorrowedFd<'a>,
    map: &'a Map,
    accounts: Accounts,
}

impl Attempt<'_> {
    /// Make huge pages of these extents; whether to go on.
    fn pays(&self, part: Range<usize>) -> bool {
        let (begun, len) = (time::thread_cpu(), part.len());
        let done = seed(self.fd, part.clone()).and_then(|()| self.map.advise(part, Advice::Collapse));
        let spent = time::thread_cpu().saturating_sub(begun);
        match done {
            // Some extents may be in the way of other work (EAGAIN, EBUSY); the next slice has others.
            Ok(()) | Err(Errno::EAGAIN | Errno::EBUSY) => self.accounts.pays(len, spent),
            Err(_) => false,
        }
    }
}

/// What huge pages have cost, and what as many small ones would have cost.
///
/// Costs are processor time, of all threads: where other programs keep the processors busy, small pages come later, too. What is waited
/// for besides, such as the kernel's threads on all processors, is limited by the wall clock, to [`LATER`] times as much.
struct Accounts {
    spent_ns: AtomicU64,
    bytes: AtomicUsize,
    deadline: Instant,
}

impl Accounts {
    fn open(bytes: usize) -> Accounts {
        let deadline = Instant::now() + LATER * allowance(bytes);
        Accounts { spent_ns: AtomicU64::new(0), bytes: AtomicUsize::new(0), deadline }
    }

    fn pays(&self, bytes: usize, spent: Duration) -> bool {
        let spent = spent.as_nanos() as u64;
        let spent = Duration::from_nanos(self.spent_ns.fetch_add(spent, Relaxed) + spent);
        let bytes = self.bytes.fetch_add(bytes, Relaxed) + bytes;
        spent <= allowance(bytes) && Instant::now() < self.deadline
    }
}

/// What so many bytes may cost.
fn allowance(bytes: usize) -> Duration {
    GRACE + SMALL_PAGES.mul_f64(bytes as f64 / (1u64 << 30) as f64)
}

/// One page in each extent. Not always the first: interleaved over nodes by the number of their page, the first pages of
/// all extents would lie on the same node, and the huge page comes from the node of its seed.
fn seed(fd: impl AsFd, slice: Range<usize>) -> nix::Result<()> {
    let (extent, page) = (huge_page_size(), page_size());
    slice.step_by(extent).try_for_each(|start| {
        let at = start + start / extent % (extent / page) * page;
        file::allocate(&fd, at as u64, page as u64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_extent_has_a_seed_of_its_own_within() {
        let fd = file::anonymous().unwrap();
        let extent = huge_page_size();
        file::truncate(&fd, 8 * extent as u64).unwrap();
        seed(&fd, 2 * extent..6 * extent).unwrap();
        assert_eq!(file::facts(&fd).unwrap().allocated, 4 * page_size() as u64);
    }

    #[test]
    fn slow_memory_is_given_up_soon_and_good_memory_never() {
        const EXTENT: usize = 2 << 20;
        let extents = |each: Duration| {
            let accounts = Accounts::open(1 << 30);
            (0..512).take_while(|_| accounts.pays(EXTENT, each)).count()
        };
        assert_eq!(extents(Duration::from_micros(250)), 512);
        assert_eq!(extents(Duration::from_millis(4)), 3);
        // Good memory has earned what the bad behind it costs, and no more.
        let accounts = Accounts::open(1 << 30);
        assert!((0..100).all(|_| accounts.pays(EXTENT, Duration::from_micros(250))));
        let bad = (0..400).take_while(|_| accounts.pays(EXTENT, Duration::from_millis(4))).count();
        assert!((15..25).contains(&bad), "{bad}");
    }

    #[test]
    fn nobody_waits_for_the_kernel_beyond_what_small_pages_take() {
        let accounts = Accounts { deadline: Instant::now(), ..Accounts::open(1 << 30) };
        assert!(!accounts.pays(2 << 20, Duration::ZERO));
    }
}
