//! Memory for a new file: there when it is touched, and in huge pages where the kernel can.
//!
//! A page that a file does not have yet is found only when it is touched, and where there is none left the toucher gets
//! SIGBUS. So a new file is reserved as a whole (fallocate), which gives it 4 KiB pages: each of them is cleared at its
//! first touch, and costs every process a page fault. Memory with huge pages comes from MADV_COLLAPSE, which any user
//! may call, and which works on shared memory whatever the settings of transparent huge pages are. It makes a huge page
//! of an extent (2 MiB) that has at least one page, so the way of the default is:
//!
//! 1. ftruncate to the final length, and map at a multiple of the huge page size;
//! 2. slice by slice, several threads: fallocate one page in each extent, then MADV_COLLAPSE the slice. That takes
//!    about as long as clearing the memory does, and it *is* the clearing. Memory that is fragmented can take many
//!    times that: when the time is up, the rest is left to
//! 3. fallocate of all, which is the proof: it finds nothing to do where the memory is there already, or gets the
//!    remaining pages, or fails with nothing lost.

use std::ops::{ControlFlow, Range};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use crate::error::{Context, Errno, Error, Result};
use crate::os::file;
use crate::os::map::{Advice, Map, Protection, Spread, huge_page_size};
use crate::os::parallel::for_slices;
use crate::os::process::page_size;

use super::format::Trailer;

/// How much of a new file's memory is there from the beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Way {
    /// All of it, cleared and in huge pages where that works.
    #[default]
    Ready,
    /// All of it, but cleared when it is touched.
    Reserve,
    /// None of it, for sparse data: a touch is a SIGBUS when memory has run out by then.
    Lazy,
}

/// How a new file gets its memory.
#[derive(Clone, Copy, Debug, Default)]
pub struct Birth {
    /// What is there from the beginning.
    pub way: Way,
    /// From which nodes of a NUMA machine; a bit a node.
    pub nodes: Option<(Spread, u64)>,
}

/// Below this the page faults, a millisecond in all, are no worse than MADV_COLLAPSE, which waits for a kernel thread on
/// every processor: 0.5 ms where they are idle, but 100 ms were seen where ten processes want each of them.
const WORTH_HUGE_PAGES: u64 = 8 << 20;

/// Each call of MADV_COLLAPSE first makes all processors hand in their lists of pages: not too small, for that, and not
/// too large for looking at the clock in between.
const SLICE: usize = 32 << 20;

impl Birth {
    /// How many bytes will be taken of the file system at once.
    pub fn need(&self, data_offset: u64, trailer: &Trailer) -> u64 {
        match self.way {
            Way::Lazy => data_offset + trailer.control_len,
            Way::Ready | Way::Reserve => trailer.file_len,
        }
    }

    /// Give the empty file its length and its memory: the .npy header, the elements up to `data_end`, and the control
    /// block. On failure the caller drops the file.
    pub fn give_memory(&self, fd: impl AsFd, data_offset: u64, data_end: u64, trailer: &Trailer) -> nix::Result<()> {
        let in_memory = file::is_in_memory(&fd);
        let huge = in_memory && self.way == Way::Ready && trailer.file_len >= WORTH_HUGE_PAGES;
        let nodes = self.nodes.filter(|_| in_memory);
        if huge || nodes.is_some() || self.way == Way::Lazy {
            file::truncate(&fd, trailer.file_len)?;
        }
        // Without a mapping there are no huge pages, and nothing else is lost.
        if (huge || nodes.is_some())
            && let Ok(map) = Map::new(&fd, 0, trailer.file_len as usize, Protection::Write)
        {
            match nodes.map_or(Ok(()), |(spread, nodes)| map.spread(spread, nodes)) {
                // A kernel that knows of no nodes has one, which all memory comes from.
                Ok(()) | Err(Errno::ENOSYS) => {}
                Err(errno) => return Err(errno),
            }
            if huge {
                collapse(&fd, &map);
            }
        }
        file::allocate(&fd, 0, if self.way == Way::Lazy { data_offset } else { data_end })?;
        file::allocate(&fd, trailer.control_offset, trailer.control_len)
    }
}

/// Back the whole extents of a file with huge pages, as far as that goes quickly.
fn collapse(fd: impl AsFd, map: &Map) {
    let (extent, fd) = (huge_page_size(), fd.as_fd());
    let whole = map.len() / extent * extent;
    let deadline = Instant::now() + patience(whole);
    for_slices(whole, SLICE.next_multiple_of(extent), |slice| {
        let done = seed(fd, slice.clone()).and_then(|()| map.advise(slice, Advice::Collapse));
        match done {
            // Some extents may be in the way of other work (EAGAIN, EBUSY); the next slice has others.
            Ok(()) | Err(Errno::EAGAIN | Errno::EBUSY) if Instant::now() < deadline => ControlFlow::Continue(()),
            _ => ControlFlow::Break(()),
        }
    });
}

/// Clearing memory takes some 70 to 180 ms for each GiB. Who needs several times that is looking for huge pages among
/// fragments, and 4 KiB pages come sooner.
fn patience(bytes: usize) -> Duration {
    Duration::from_millis(20) + Duration::from_millis(300).mul_f64(bytes as f64 / (1u64 << 30) as f64)
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

/// What a process does to its own mapping before it uses the elements.
#[derive(Clone, Copy, Debug, Default)]
pub struct Readiness {
    /// Map every page now, so that no touch is a page fault.
    pub populate: bool,
    /// Keep every page in memory: no touch ever waits for swap or disk.
    pub lock: bool,
}

impl Readiness {
    /// Whether there is anything to do.
    pub fn is_wanted(self) -> bool {
        self.populate || self.lock
    }

    /// Do it to the first `len` bytes of a mapping.
    pub fn bring_about(self, map: &Map, len: usize, protection: Protection) -> Result<()> {
        if self.populate {
            let advice = if protection == Protection::Write { Advice::PopulateWrite } else { Advice::PopulateRead };
            match map.advise(0..len, advice) {
                // Before Linux 5.14 pages are mapped when they are touched.
                Ok(()) | Err(Errno::EINVAL) => {}
                // What a touch would have been a SIGBUS for.
                Err(Errno::EFAULT) => {
                    return Err(Error::os(
                        Errno::ENOSPC,
                        "the file has pages that are not there yet, and no room is left for them: free some, or open \
                         without SHM_ARRAY_POPULATE",
                    ));
                }
                Err(errno) => return Err(errno).context(|| "cannot map the elements in advance".into()),
            }
        }
        if self.lock {
            map.lock().map_err(super::refusal::cannot_lock_memory)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_file_in_memory_has_all_its_pages() {
        let trailer = Trailer::new(96 << 20, 64 << 10);
        for way in [Way::Ready, Way::Reserve] {
            let fd = file::anonymous().unwrap();
            Birth { way, nodes: None }.give_memory(&fd, 4096, 95 << 20, &trailer).unwrap();
            let facts = file::facts(&fd).unwrap();
            assert_eq!(facts.size, trailer.file_len);
            assert!(facts.allocated >= (95 << 20) + (64 << 10), "{way:?}: {}", facts.allocated);
        }
        let fd = file::anonymous().unwrap();
        Birth { way: Way::Lazy, nodes: None }.give_memory(&fd, 4096, 95 << 20, &trailer).unwrap();
        assert_eq!(file::facts(&fd).unwrap().allocated, 4096 + (64 << 10));
    }

    #[test]
    fn each_extent_has_a_seed_of_its_own_within() {
        let fd = file::anonymous().unwrap();
        let extent = huge_page_size();
        file::truncate(&fd, 8 * extent as u64).unwrap();
        seed(&fd, 2 * extent..6 * extent).unwrap();
        assert_eq!(file::facts(&fd).unwrap().allocated, 4 * page_size() as u64);
    }
}
