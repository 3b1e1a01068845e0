//! Opening an array, by name, by id or by descriptor, and understanding what is found there.

use std::ffi::CString;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use crate::error::{Code, Errno, Error, Result};
use crate::os::memory::Bytes;
use crate::os::name::Place;
use crate::segment::adopt::adopt;
use crate::segment::create::Blueprint;
use crate::segment::examine::{Contents, OrdinaryFile};
use crate::segment::format::{DEFAULT_SLOTS, Layout, MAX_NDIM, PAGE, kind, lifetime, origin};
use crate::segment::{Access, Segment, open};
use crate::sync::grip::Grip;
use crate::sync::notifier::Watches;

use super::dtype::Dtype;
use super::options::OpenFlags;
use super::{Array, Opened, Texts};

impl Array {
    /// Open by name.
    pub fn open(name: &str, flags: impl Into<OpenFlags>) -> Result<Array> {
        Array::open_place(&Place::find(name)?, flags.into())
    }

    /// Open by name, but only the segment with this id: ESTALE where the name is another's by now.
    pub fn open_id(name: &str, flags: impl Into<OpenFlags>, id: &[u8; 16]) -> Result<Array> {
        let array = Array::open(name, flags)?;
        match array.segment().contents() {
            Contents::Shared(description) if description.header.id == *id => Ok(array),
            _ => Err(Error::os(
                Errno::ESTALE,
                format!(
                    "{} is another array by now: the one that was meant has been unlinked",
                    array.segment().place()
                ),
            )),
        }
    }

    /// Open what a descriptor stands for; the caller keeps the descriptor.
    pub fn open_fd(fd: BorrowedFd<'_>, flags: impl Into<OpenFlags>) -> Result<Array> {
        let flags = flags.into();
        if flags.adopt {
            return Err(Error::invalid("only a file with a name can be adopted: open it by name"));
        }
        Array::ready(open::open_fd(fd, flags.access, kind::ARRAY)?, flags)
    }

    pub(super) fn open_place(place: &Place, flags: OpenFlags) -> Result<Array> {
        if !flags.adopt {
            return Array::ready(open::open(place, flags.access, kind::ARRAY)?, flags);
        }
        if flags.access != Access::Write {
            return Err(Error::invalid("SHM_ARRAY_ADOPT goes with SHM_ARRAY_WRITE"));
        }
        let found = Array::over(open::open(place, Access::Read, kind::ARRAY)?, false)?;
        if let (Contents::Ordinary(file), Some(layout)) = (found.segment().contents(), &found.opened.ordinary) {
            let capacity_bytes = found.view()?.nbytes;
            let blueprint = Blueprint {
                kind: kind::ARRAY,
                front: &[],
                data_offset: file.front.data_offset,
                layout: *layout,
                capacity_bytes,
                dtype: found.opened.dtype.descr(),
                tag: "",
                metadata: "",
                slots: DEFAULT_SLOTS,
                ranges: DEFAULT_SLOTS,
                state_len: 0,
                wakes_readers: false,
                lifetime: lifetime::UNTIL_UNLINKED,
                origin: origin::ADOPTED,
            };
            adopt(place, found.segment().id(), &blueprint)?;
        }
        Array::ready(open::open(place, Access::Write, kind::ARRAY)?, flags)
    }

    fn ready(segment: Segment, flags: OpenFlags) -> Result<Array> {
        segment.make_ready(flags.readiness)?;
        Array::over(segment, flags.untracked)
    }

    /// What opening found, understood as an array.
    pub(super) fn over(mut segment: Segment, untracked: bool) -> Result<Array> {
        let place = segment.place().clone();
        let about = |error: Error| Error::new(error.code(), format!("{place}: {}", error.detail()));
        let (dtype, ordinary, metadata, front_stale) = match segment.contents() {
            Contents::Shared(description) => {
                let mut dtype = Dtype::parse(&description.dtype).map_err(about)?;
                if !description.tag.is_empty() {
                    dtype = dtype.with_tag(&description.tag).map_err(about)?;
                }
                if dtype.itemsize() != description.layout.itemsize {
                    return Err(about(Error::new(Code::Corrupt, "the size of an element contradicts its dtype")));
                }
                (dtype, None, description.metadata.clone(), description.front_stale)
            }
            Contents::Ordinary(file) => {
                let dtype = Dtype::parse(&file.front.descr).map_err(about)?;
                let layout = ordinary_layout(file, &dtype).map_err(about)?;
                if segment.access() == Access::Write {
                    return Err(Error::os(
                        Errno::EOPNOTSUPP,
                        format!(
                            "{place} is an ordinary .npy file: it opens with SHM_ARRAY_READ or \
                             SHM_ARRAY_COPY_ON_WRITE, or with SHM_ARRAY_WRITE | SHM_ARRAY_ADOPT, which makes it a \
                             shared array"
                        ),
                    ));
                }
                (dtype, Some(layout), String::new(), false)
            }
        };
        if untracked {
            segment.untrack();
        }
        let text = |text: &str| CString::new(text).unwrap_or_default();
        let texts = Texts {
            name: text(&segment.place().name()),
            dtype: text(dtype.descr()),
            tag: text(dtype.tag()),
            metadata: (!metadata.is_empty()).then(|| text(&metadata)),
        };
        let opened = Arc::new(Opened { number: dtype.number(), segment, dtype, ordinary, texts });
        let array = Array { watches: Watches::default(), opened, window: None, grip: Grip::default() };
        if front_stale && array.segment().access() == Access::Write && !untracked {
            array.finish_interrupted_resize();
        }
        array.note_open();
        Ok(array)
    }
}

fn ordinary_layout(file: &OrdinaryFile, dtype: &Dtype) -> Result<Layout> {
    let front = &file.front;
    if front.shape.len() > MAX_NDIM {
        return Err(Error::new(
            Code::Corrupt,
            format!("{} dimensions; at most {MAX_NDIM} are allowed", front.shape.len()),
        ));
    }
    let mut layout = Layout::new(dtype.itemsize(), &front.shape, front.fortran, 1);
    layout.capacity = layout.growing_axis().map_or(1, |axis| layout.shape[axis]);
    let layout = Layout::new(dtype.itemsize(), &front.shape, front.fortran, layout.capacity);
    let end = layout.bytes_for(layout.capacity).and_then(|bytes| bytes.checked_add(front.data_offset));
    let Some(end) = end.filter(|end| *end <= file.len && layout.is_addressable()) else {
        let promised = end.map_or("more than 2^64 bytes".into(), |end| Bytes(end - front.data_offset).to_string());
        return Err(Error::new(
            Code::Corrupt,
            format!(
                "the header of {} bytes promises {promised} of elements (shape {:?}), and the whole file has {}: it was cut \
                 short",
                front.data_offset,
                front.shape,
                Bytes(file.len)
            ),
        ));
    };
    // Segments begin their elements at a whole page, which other writers of .npy files do not.
    if front.data_offset.is_multiple_of(PAGE) && end != file.len && !file.half_adopted {
        return Err(Error::new(Code::Corrupt, "it was a shared array: its control block is cut off or overwritten"));
    }
    Ok(layout)
}
