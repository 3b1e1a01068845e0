//! Memory for a new file: there when it is touched, and in huge pages where the kernel can.
//!
//! A page that a file does not have yet is found only when it is touched, and where there is none left the toucher gets
//! SIGBUS. So a new file is reserved as a whole (fallocate), which gives it 4 KiB pages: each of them is cleared at its
//! first touch, and costs every process a page fault. What the default does before, to get huge pages, is told in
//! [`super::huge`]; fallocate of all remains the proof: it finds nothing to do where the memory is there already, or gets
//! the remaining pages, or fails with nothing lost.

use std::ops::Range;
use std::os::fd::AsFd;

use crate::error::{Context, Errno, Error, Result};
use crate::os::file;
use crate::os::map::{Advice, Map, Protection, Spread};

use super::format::Trailer;
use super::huge;

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
        let wants_huge = in_memory && self.way == Way::Ready && trailer.file_len >= WORTH_HUGE_PAGES;
        let nodes = self.nodes.filter(|_| in_memory);
        if wants_huge || nodes.is_some() || self.way == Way::Lazy {
            file::truncate(&fd, trailer.file_len)?;
        }
        // Without a mapping there are no huge pages, and nothing else is lost.
        if (wants_huge || nodes.is_some())
            && let Ok(map) = Map::new(&fd, 0, trailer.file_len as usize, Protection::Write)
        {
            match nodes.map_or(Ok(()), |(spread, nodes)| map.spread(spread, nodes)) {
                // A kernel that knows of no nodes has one, which all memory comes from.
                Ok(()) | Err(Errno::ENOSYS) => {}
                Err(errno) => return Err(errno),
            }
            if wants_huge {
                huge::collapse(&fd, &map);
            }
        }
        file::allocate(&fd, 0, if self.way == Way::Lazy { data_offset } else { data_end })?;
        file::allocate(&fd, trailer.control_offset, trailer.control_len)
    }
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
            populate(map, 0..len, advice, "open without SHM_ARRAY_POPULATE")?;
        }
        if self.lock {
            map.lock().map_err(super::refusal::cannot_lock_memory)?;
        }
        Ok(())
    }
}

/// Map pages now. Where some are not there yet, and no room is left for them, that is an error, and not the SIGBUS that a
/// touch would be.
pub fn populate(map: &Map, bytes: Range<usize>, advice: Advice, remedy: &str) -> Result<()> {
    match map.advise(bytes, advice) {
        // Before Linux 5.14 pages are mapped when they are touched.
        Ok(()) | Err(Errno::EINVAL) => Ok(()),
        Err(Errno::EFAULT) => Err(Error::os(
            Errno::ENOSPC,
            format!("the file has pages that are not there yet, and no room is left for them: free some, or {remedy}"),
        )),
        Err(errno) => Err(errno).context(|| "cannot map the elements in advance".into()),
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
}
