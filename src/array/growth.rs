//! Growing and shrinking along one axis, in place: the first axis in C order, the last one in Fortran order.
//!
//! Everything here happens under the exclusive lock, and in an order in which a death at any moment leaves the old shape
//! or the new one: memory first, then the elements behind the old end, then the other layout record and the flip to it,
//! then the .npy header, which whoever comes next writes again if it does not agree. Other processes' pointers stay
//! valid, as nothing moves; they see the new shape in their next view.

use std::sync::atomic::Ordering::Relaxed;

use crate::error::{Context, Errno, Error, Result};
use crate::os::copy::Source;
use crate::os::file;
use crate::os::memory::{self, Bytes};
use crate::segment::format::{Layout, origin};
use crate::segment::{Access, npy};

use super::Array;

impl Array {
    /// Another length of the growing axis, within the capacity. Existing elements stay where they are.
    pub fn resize(&self, length: u64) -> Result<()> {
        let layout = self.growing_layout("resize")?;
        self.require_capacity(&layout, Some(length))?;
        let new = layout.resized(length);
        self.reserve(&layout, &new)?;
        self.replace_layout(&layout, &new)
    }

    /// Add rows (entries of the growing axis) behind the last one.
    pub fn append(&self, rows: u64, source: Source) -> Result<()> {
        let layout = self.growing_layout("append to")?;
        let (old, row) = (length_of(&layout), layout.bytes_for(1).unwrap_or(0));
        if rows.checked_mul(row) != Some(source.bytes() as u64) {
            return Err(Error::invalid(format!(
                "{rows} rows of {row} bytes are not the {} bytes that are to be appended",
                source.bytes()
            )));
        }
        if self.segment().access() == Access::CopyOnWrite {
            return Err(Error::os(
                Errno::EACCES,
                "an array that was opened copy-on-write cannot be appended to: its elements stay in this process",
            ));
        }
        self.require_capacity(&layout, old.checked_add(rows))?;
        let new = layout.resized(old + rows);
        self.reserve(&layout, &new)?;
        self.segment().copy_in(self.end_of(&layout)?, source)?;
        self.replace_layout(&layout, &new)
    }

    /// Give back the memory or disk that is kept for growth, behind the last element; growing reserves it again.
    pub fn trim(&self) -> Result<()> {
        self.require_exclusive("trim")?;
        let description = self.segment().description()?;
        let end = self.end_of(&self.layout()?)?;
        let len = description.trailer.control_offset.saturating_sub(end);
        if len == 0 {
            return Ok(());
        }
        file::punch(self.segment().attachment()?.file(), end, len)
            .context(|| format!("cannot give back what {} keeps for growth", self.segment().place()))
    }

    /// The layout of an array that can grow, and whose lock this handle holds.
    fn growing_layout(&self, what: &str) -> Result<Layout> {
        self.require_exclusive(what)?;
        let layout = self.layout()?;
        let header = &self.segment().description()?.header;
        if header.origin & origin::ADOPTED != 0 {
            return Err(Error::invalid("an adopted .npy file cannot be resized: copy it into a new array"));
        }
        if layout.growing_axis().is_none() {
            return Err(Error::invalid("an array without dimensions cannot be resized"));
        }
        // Found out before anything is changed: the header could not follow.
        if let Some(limit) = memory::file_size_limit().filter(|limit| *limit < header.data_offset) {
            return Err(Error::os(
                Errno::EFBIG,
                format!(
                    "the .npy header of {} cannot be written: this process may write files of {} (RLIMIT_FSIZE): raise it \
                     with ulimit -f",
                    Bytes(header.data_offset),
                    Bytes(limit)
                ),
            ));
        }
        Ok(layout)
    }

    fn require_capacity(&self, layout: &Layout, length: Option<u64>) -> Result<()> {
        if length.is_some_and(|length| length <= layout.capacity) {
            return Ok(());
        }
        let wanted = length.map_or("beyond 2^64".into(), |length| length.to_string());
        Err(Error::invalid(format!(
            "length {wanted} is beyond the capacity of {} that the array was created with: create it with more",
            layout.capacity
        )))
    }

    /// Memory for what is new: a lazy array has none, and a trimmed one has given it back.
    fn reserve(&self, old: &Layout, new: &Layout) -> Result<()> {
        let (old, new) = (self.end_of(old)?, self.end_of(new)?);
        if new > old { self.segment().reserve(self.segment().attachment()?.file(), old..new) } else { Ok(()) }
    }

    /// Where the elements end in the file.
    fn end_of(&self, layout: &Layout) -> Result<u64> {
        let bytes = layout.bytes_for(length_of(layout)).unwrap_or(0);
        Ok(self.segment().description()?.header.data_offset + bytes)
    }

    fn replace_layout(&self, old: &Layout, new: &Layout) -> Result<()> {
        let attachment = self.segment().attachment()?;
        let become_this = |layout: &Layout| {
            attachment.words().front_stale.store(1, Relaxed);
            attachment.control().replace_layout(layout);
            self.write_front(layout)
        };
        become_this(new).inspect_err(|_| {
            // Nothing has changed. Should even the old header not be written, it stays marked as stale.
            let _ = become_this(old);
        })
    }

    /// Make the .npy header agree with the layout record. The caller holds the exclusive lock.
    pub(super) fn write_front(&self, layout: &Layout) -> Result<()> {
        let description = self.segment().description()?;
        let len = description.header.data_offset as usize;
        let front = npy::render(self.opened.dtype.descr(), layout.fortran == 1, layout.shape(), len)?;
        let attachment = self.segment().attachment()?;
        file::write_at(attachment.file(), &front, 0).context(|| "cannot write the .npy header".into())?;
        attachment.words().front_stale.store(0, Relaxed);
        Ok(())
    }
}

fn length_of(layout: &Layout) -> u64 {
    layout.growing_axis().map_or(1, |axis| layout.shape[axis])
}
