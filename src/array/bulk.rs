//! Much at once: copying in, and what the kernel is told of arrays that are larger than memory.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::os::copy::Source;
use crate::os::map::Advice;
use crate::segment::{Access, Touch};

use super::Array;

impl Array {
    /// Copy bytes to the elements of this handle, from the byte `offset` on, by several threads where they are many.
    /// The elements must lie without gaps.
    pub fn copy_in(&self, offset: u64, source: Source) -> Result<()> {
        let elements = self.bytes_in_file("copied to as a whole")?;
        let len = source.bytes() as u64;
        let room = elements.end - elements.start;
        if offset > room || len > room - offset {
            return Err(Error::invalid(format!(
                "{len} bytes from byte {offset} on are more than the {room} that the elements have"
            )));
        }
        let start = elements.start + offset;
        let segment = self.segment();
        match (segment.is_lazy(), segment.access(), segment.file()) {
            (_, Access::Read, _) => {}
            // The plainest words, if there is no room.
            (true, Access::Write, Some(fd)) => segment.reserve(fd, start..start + len)?,
            _ => self.back(start..start + len, Touch::Store)?,
        }
        segment.copy_in(start, source)
    }

    /// Tell the kernel how this process will use the elements of this handle, from the byte `offset` on; what lies
    /// beyond their end is ignored.
    pub fn advise(&self, advice: Advice, offset: u64, bytes: u64) -> Result<()> {
        let range = self.part("advised about", offset, bytes)?;
        if range.is_empty() { Ok(()) } else { self.segment().advise(range, advice) }
    }

    /// Write elements to the file's disk, and wait until they are there. Memory is not written anywhere.
    pub fn sync(&self, offset: u64, bytes: u64) -> Result<()> {
        let range = self.part("written to disk", offset, bytes)?;
        if range.is_empty() { Ok(()) } else { self.segment().sync(range) }
    }

    /// Begin to write elements to the file's disk.
    pub fn start_sync(&self, offset: u64, bytes: u64) -> Result<()> {
        let range = self.part("written to disk", offset, bytes)?;
        if range.is_empty() { Ok(()) } else { self.segment().start_sync(range) }
    }

    fn part(&self, what: &str, offset: u64, bytes: u64) -> Result<Range<u64>> {
        let all = self.bytes_in_file(what)?;
        let start = all.start.saturating_add(offset).min(all.end);
        Ok(start..start.saturating_add(bytes).min(all.end))
    }

    /// Where the elements of this handle lie in the file.
    fn bytes_in_file(&self, what: &str) -> Result<Range<u64>> {
        let view = self.view()?;
        if !view.c_contiguous && !view.f_contiguous {
            return Err(Error::invalid(format!(
                "shape {:?} with strides {:?} has gaps, and cannot be {what}: take a slice without",
                view.shape(),
                view.strides()
            )));
        }
        let start = view.data as u64 - self.segment().start() as u64;
        Ok(start..start + view.nbytes)
    }
}
