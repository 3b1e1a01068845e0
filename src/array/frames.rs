//! Frames: whole arrays of one dtype and shape, published one after the other, of which the latest is read.
//!
//! All buffers together are one array in a .npy file, whose first axis counts them. How they change hands is told in
//! `sync::buffers`; here they have a type, and each handle knows which of them it fills or has pinned.

use std::ffi::{CStr, CString};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use crate::error::{Code, Errno, Error, Result};
use crate::os::memory::Bytes;
use crate::os::racing::Room;
use crate::os::time::Timeout;
use crate::segment::Access;
use crate::segment::directory::Watch;
use crate::segment::format::{Layout, MAX_NDIM};
use crate::segment::object::{self, ObjectOptions};
use crate::sync::buffers::{Buffers, Place, Usage};
use crate::sync::hold::Hold;
use crate::sync::lock::Mode;
use crate::sync::patience::Patience;

use super::dtype::Dtype;

/// One handle on frames.
#[derive(Debug)]
pub struct Frames {
    buffers: Buffers,
    dtype: CString,
    /// What this handle has of each buffer: exclusive, while it fills it; shared, as often as it has pinned it.
    holds: Box<[Hold]>,
    /// Number of the last frame that was had through this handle.
    last: AtomicU64,
}

/// One frame.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// Where it lies, if it is pinned or being filled.
    pub data: *mut u8,
    /// The first one is 1; 0: not published yet.
    pub number: u64,
    /// How many have been published since the last one that was had through this handle, without being had.
    pub missed: u64,
    /// Which buffer it lies in.
    pub buffer: usize,
}

/// What there is to know of frames.
#[derive(Clone, Copy, Debug)]
pub struct FramesStat {
    /// Number of the latest one; 0: none yet.
    pub latest: u64,
    /// How the buffers are used.
    pub usage: Usage,
    /// How many buffers there are.
    pub buffers: usize,
    /// How many processes can take part.
    pub slots: u32,
}

impl Frames {
    /// Make frames of this dtype and shape, with `count` buffers.
    pub fn create(
        name: Option<&str>,
        dtype: &str,
        shape: &[u64],
        count: u64,
        options: &ObjectOptions,
    ) -> Result<Frames> {
        let dtype = Dtype::parse(dtype)?;
        if shape.len() >= MAX_NDIM {
            let (ndim, most) = (shape.len(), MAX_NDIM - 1);
            return Err(Error::invalid(format!("frames of {ndim} dimensions; at most {most} are possible")));
        }
        let layout = Layout::new(dtype.itemsize(), &[&[count], shape].concat(), false, count);
        let room = object::Room { extra: 0, dtype: dtype.descr(), layout };
        let (buffers, is_new) = Buffers::create(name, &room, options)?;
        let frames = Frames::over(buffers)?;
        let description = frames.buffers.object().description();
        if is_new || description.layout.shape() == layout.shape() && description.dtype == dtype.descr() {
            return Ok(frames);
        }
        Err(Error::os(
            Errno::EEXIST,
            format!(
                "{} exists with {} buffers of dtype {} and shape {:?}, not with {count} of {} and {shape:?}: open it as it \
                 is, or unlink it",
                frames.buffers.object().segment().place(),
                frames.buffers.count(),
                description.dtype,
                frames.shape(),
                dtype.descr()
            ),
        ))
    }

    /// Open by name: [`Access::Write`] to publish and to pin, [`Access::Read`] to copy.
    pub fn open(name: &str, access: Access) -> Result<Frames> {
        Frames::over(Buffers::open(name, access)?)
    }

    /// Open what a descriptor stands for; the caller keeps it.
    pub fn open_fd(fd: BorrowedFd<'_>, access: Access) -> Result<Frames> {
        Frames::over(Buffers::open_fd(fd, access)?)
    }

    fn over(buffers: Buffers) -> Result<Frames> {
        let description = buffers.object().description();
        let dtype = Dtype::parse(&description.dtype)?;
        if dtype.itemsize() != description.layout.itemsize {
            return Err(Error::new(Code::Corrupt, "the size of an element contradicts its dtype"));
        }
        let holds = (0..buffers.count()).map(|_| Hold::default()).collect();
        let dtype = CString::new(dtype.descr()).unwrap_or_default();
        Ok(Frames { buffers, dtype, holds, last: AtomicU64::default() })
    }

    /// Take a buffer to fill, in place. Never waits: EAGAIN where all are taken.
    pub fn begin_write(&self) -> Result<Frame> {
        let buffer = self.buffers.begin()?;
        self.holds[buffer].add(Mode::Exclusive);
        Ok(self.frame(Place { number: 0, buffer }, 0))
    }

    /// Make the frame that was begun the latest one; its number.
    pub fn publish(&self, buffer: usize) -> Result<u64> {
        self.take(buffer, Mode::Exclusive, "published or cancelled: shm_frames_begin_write() it first")?;
        Ok(self.buffers.publish(buffer))
    }

    /// Give the buffer that was begun back; nobody ever sees what is in it.
    pub fn cancel(&self, buffer: usize) -> Result<()> {
        self.take(buffer, Mode::Exclusive, "cancelled: it is published already, or was never begun")?;
        self.buffers.cancel(buffer);
        Ok(())
    }

    /// Pin the latest frame, once its number is higher: it stays as it is until it is released.
    pub fn acquire(&self, newer_than: u64, timeout: Timeout) -> Result<Frame> {
        let place = self.buffers.pin(newer_than, &mut Patience::new(timeout)).map_err(|error| {
            let advice = "; or copy it: shm_frames_copy_latest()";
            if error.is(Errno::EACCES) { Error::new(error.code(), format!("{error}{advice}")) } else { error }
        })?;
        self.holds[place.buffer].add(Mode::Shared);
        Ok(self.frame(place, self.missed(place.number)))
    }

    /// Let go of a frame that was acquired.
    pub fn release(&self, buffer: usize) -> Result<()> {
        self.take(
            buffer,
            Mode::Shared,
            "released: it is already, or was acquired through another handle or before a fork",
        )?;
        self.buffers.unpin(buffer)
    }

    /// Copy the latest frame, once its number is higher. Needs no permission to write: where it is missing, a frame
    /// that was overwritten meanwhile is copied anew.
    pub fn copy_latest(&self, newer_than: u64, room: &mut Room, timeout: Timeout) -> Result<Frame> {
        let len = self.frame_bytes();
        if len > room.len() as u64 {
            let (needed, given) = (Bytes(len), Bytes(room.len() as u64));
            return Err(Error::invalid(format!(
                "a frame takes {needed} ({len} bytes), and the destination has room for {given} ({} bytes)",
                room.len()
            )));
        }
        let object = self.buffers.object();
        let mut patience = Patience::new(timeout);
        let mut copy = |place: Place| {
            let offset = object.description().header.data_offset + place.buffer as u64 * len;
            object.segment().copy_out(offset, len as usize, room, 0)
        };
        let mut overtaken = 0;
        let place = loop {
            if object.segment().access() == Access::Write {
                let place = self.buffers.pin(newer_than, &mut patience)?;
                let copied = copy(place);
                self.buffers.unpin(place.buffer)?;
                break copied.map(|()| place)?;
            }
            let place = self.buffers.wait(newer_than, &mut patience)?;
            copy(place)?;
            if self.buffers.is_still(place) {
                break place;
            }
            overtaken += 1;
            if patience.only_tries() || patience.check().is_err() {
                return Err(Error::os(
                    Errno::EAGAIN,
                    format!(
                        "{overtaken} copies of {} were overtaken by {} or more new frames each: wait longer, open it for \
                         writing (which lets you pin), or create it with more buffers",
                        Bytes(len),
                        self.buffers.count() - 1
                    ),
                ));
            }
        };
        Ok(Frame { data: std::ptr::null_mut(), ..self.frame(place, self.missed(place.number)) })
    }

    fn frame(&self, place: Place, missed: u64) -> Frame {
        let start = self.buffers.object().data().0.as_ptr();
        let data = start.wrapping_add(place.buffer * self.frame_bytes() as usize);
        Frame { data, number: place.number, missed, buffer: place.buffer }
    }

    fn missed(&self, number: u64) -> u64 {
        match self.last.fetch_max(number, Relaxed) {
            0 => 0,
            before => number.saturating_sub(before + 1),
        }
    }

    /// What this handle has of a buffer, which the caller names.
    fn take(&self, buffer: usize, mode: Mode, what: &str) -> Result<()> {
        if self.holds.get(buffer).is_some_and(|hold| hold.take_only(mode)) {
            return Ok(());
        }
        Err(Error::os(Errno::EPERM, format!("the frame in buffer {buffer} cannot be {what}")))
    }

    /// Bytes of one frame.
    pub fn frame_bytes(&self) -> u64 {
        let layout = &self.buffers.object().description().layout;
        // Examined at opening: all frames together fit.
        layout.bytes_for(1).unwrap_or_default()
    }

    /// Elements along each axis of a frame.
    pub fn shape(&self) -> &[u64] {
        &self.buffers.object().description().layout.shape()[1..]
    }

    /// numpy's text for the type of the elements.
    pub fn dtype(&self) -> &CStr {
        &self.dtype
    }

    /// Bytes of one element.
    pub fn itemsize(&self) -> u64 {
        self.buffers.object().description().layout.itemsize
    }

    /// How things stand.
    pub fn stat(&self) -> Result<FramesStat> {
        let object = self.buffers.object();
        let watch = Watch::new(object.segment());
        let control = object.segment().control();
        let is_dead = |identity| control.is_none_or(|control| watch.is_dead(control, identity));
        Ok(FramesStat {
            latest: self.buffers.latest()?.map_or(0, |latest| latest.number),
            usage: self.buffers.usage(is_dead),
            buffers: self.buffers.count(),
            slots: object.description().header.slots,
        })
    }

    /// A descriptor that becomes readable when the latest frame is another than number `newer_than`, and at each one after
    /// that.
    pub fn notify_fd(&self, newer_than: u64) -> Result<OwnedFd> {
        self.buffers.notify_fd(newer_than)
    }

    /// As `open` takes it; empty for anonymous memory.
    pub fn name(&self) -> &CStr {
        self.buffers.object().name()
    }

    /// A descriptor for another process.
    pub fn fd(&self) -> Result<OwnedFd> {
        self.buffers.object().fd()
    }
}

impl Drop for Frames {
    fn drop(&mut self) {
        for buffer in 0..self.holds.len() {
            while self.release(buffer).is_ok() {}
            let _ = self.cancel(buffer);
        }
    }
}
