//! Building a segment: under no name, complete, and then published at once.
//!
//! A crash at any instruction before the name is given leaves nothing behind, and nobody ever opens half a
//! segment. Memory is reserved (fallocate) before anything is written, so that no later touch is a SIGBUS.

use std::mem::size_of;
use std::os::fd::AsFd;
use std::path::Path;

use crate::error::{Context, Errno, Error, Result};
use crate::os::file::{self, Unpublished};
use crate::os::file_lock::{self, Kind};
use crate::os::name::{self, Place};
use crate::os::process;
use crate::os::time::{self, Timeout};

use super::birth::{Birth, Readiness};
use super::examine::{Contents, Description};
use super::format::{
    CONTROL_ALIGNMENT, Header, Layout, PAGE, RANGE_SIZE, Record, STATE_ALIGNMENT, Slot, Trailer, crc, lock_byte, page,
    placement,
};
use super::open::PATIENCE;
use super::refusal::{self, Need};
use super::{Access, Segment};

/// What is to be built.
#[derive(Debug)]
pub struct Blueprint<'a> {
    /// [`super::format::kind`].
    pub kind: u32,
    /// The .npy header; as long as the data offset.
    pub front: &'a [u8],
    /// Where the elements begin, in bytes.
    pub data_offset: u64,
    /// The first layout.
    pub layout: Layout,
    /// Bytes that the elements may take.
    pub capacity_bytes: u64,
    /// numpy's text for the type of the elements.
    pub dtype: &'a str,
    /// Name of an extension dtype, or empty.
    pub tag: &'a str,
    /// The user's metadata, or empty.
    pub metadata: &'a str,
    /// Length of the slot table.
    pub slots: u32,
    /// Length of the table of range locks.
    pub ranges: u32,
    /// Bytes for the state of an object that is no array.
    pub state_len: u32,
    /// Whether wakers always wake.
    pub wakes_readers: bool,
    /// [`super::format::lifetime`].
    pub lifetime: u32,
    /// [`super::format::origin`].
    pub origin: u32,
}

/// Build a segment that nobody else can see, and what will give it its name; EEXIST where that is taken already.
/// `permissions` are the file's mode bits, whatever the umask.
pub fn build(
    place: &Place,
    blueprint: &Blueprint,
    permissions: u32,
    birth: &Birth,
    readiness: Readiness,
) -> Result<(Segment, Unnamed)> {
    let rear = Rear::of(blueprint, place)?;
    let trailer = rear.description.trailer;
    let fresh = birth.need(blueprint.data_offset, &trailer);
    let need = Need { file_len: trailer.file_len, fresh, locked: readiness.lock };
    refusal::limits_of_process(place, need)?;
    let (fd, unpublished) = match place.path() {
        None => (file::anonymous()?, None),
        Some(_) if is_taken(place)? => return Err(cannot_create(place, Errno::EEXIST)),
        Some(path) => {
            let (fd, unpublished) = file::create_beside(path).map_err(|errno| cannot_create(place, errno))?;
            file::require_local(&fd, place)?;
            (fd, Some(unpublished))
        }
    };
    refusal::refuse_early(place, fd.as_fd(), need)?;
    let data_end = blueprint.data_offset + blueprint.capacity_bytes;
    birth
        .give_memory(&fd, blueprint.data_offset, data_end, &trailer)
        .map_err(|errno| refusal::no_room(place, fd.as_fd(), fresh, errno))?;
    let writing = || format!("cannot write {place}");
    file::write_at(&fd, blueprint.front, 0).context(writing)?;
    rear.write(&fd).context(writing)?;
    file::set_permissions(&fd, permissions).context(|| format!("cannot set the permissions of {place}"))?;
    if unpublished.is_none() {
        file::seal_length(&fd).context(|| "cannot seal the length of anonymous memory".into())?;
    }
    if !file_lock::try_lock(&fd, lock_byte::ATTACH, Kind::Read).context(|| format!("cannot attach to {place}"))? {
        return Err(Error::os(Errno::EACCES, format!("cannot attach to {place}: the kernel refuses file locks")));
    }
    let facts = file::facts(&fd).context(|| format!("cannot examine {place}"))?;
    // Mapped before it is published: what can fail has succeeded when others see the name.
    let contents = Contents::Shared(Box::new(rear.description));
    let segment = Segment::map(fd, facts.id, place.clone(), Access::Write, contents)?;
    segment.make_ready(readiness)?;
    Ok((segment, Unnamed(unpublished)))
}

/// The right to publish a finished segment. Dropped instead, it leaves nothing behind.
#[derive(Debug)]
pub struct Unnamed(Option<Unpublished>);

impl Unnamed {
    /// Let everybody see the segment, unless the name is taken: EEXIST.
    pub fn publish(self, segment: &Segment) -> Result<()> {
        let place = segment.place();
        let (Some(unpublished), Some(path), Some(fd)) = (self.0, place.path(), segment.file()) else { return Ok(()) };
        // Of two who give the same name in two directories, the second finds what the first gave.
        let _turn = turn(place)?;
        if is_taken(place)? {
            return Err(cannot_create(place, Errno::EEXIST));
        }
        unpublished.publish(fd, path).map_err(|errno| cannot_create(place, errno))
    }
}

/// Whether the name exists, in either of the directories that may hold it.
fn is_taken(place: &Place) -> Result<bool> {
    let exists = |path: &Path| file::named(path).is_ok();
    Ok(place.path().is_some_and(exists) || place.twin()?.is_some_and(|twin| exists(&twin)))
}

/// Keeps others from giving names, where two directories hold them.
fn turn(place: &Place) -> Result<Option<impl Sized>> {
    let directory = match place {
        Place::Shm(_) | Place::Directory(_) => name::configured_directory()?,
        Place::File(_) | Place::Anonymous => None,
    };
    let Some(directory) = directory else { return Ok(None) };
    file::turn_in(&directory, Timeout::For(PATIENCE).deadline())
        .context(|| format!("cannot lock the directory {} to give {place} its name", directory.display()))
}

/// Everything behind the elements, worked out before anything is made.
pub(super) struct Rear {
    /// What an opener will find.
    pub description: Description,
    /// The texts and the last page: the control block's end. All before is zero.
    bytes: Vec<u8>,
}

impl Rear {
    pub fn of(blueprint: &Blueprint, place: &Place) -> Result<Rear> {
        let texts = [blueprint.dtype, blueprint.tag, blueprint.metadata];
        let mut lens = [0u32; 3];
        for (len, text) in lens.iter_mut().zip(texts) {
            *len = u32::try_from(text.len()).ok().filter(|len| *len <= LONGEST_TEXT).ok_or_else(|| {
                Error::invalid(format!("the metadata have {} bytes; at most {LONGEST_TEXT} are allowed", text.len()))
            })?;
        }
        let texts_len: u32 = lens.iter().sum();
        let slots_len = blueprint.slots * size_of::<Slot>() as u32;
        let ranges_len = blueprint.ranges * RANGE_SIZE as u32;
        let state_offset = (slots_len + ranges_len).next_multiple_of(STATE_ALIGNMENT);
        let needed = u64::from(state_offset) + u64::from(blueprint.state_len) + u64::from(texts_len) + PAGE;
        let control_len = needed.next_multiple_of(CONTROL_ALIGNMENT);
        let control_offset = blueprint
            .data_offset
            .checked_add(blueprint.capacity_bytes)
            .and_then(|end| end.checked_next_multiple_of(CONTROL_ALIGNMENT))
            .filter(|offset| *offset <= i64::MAX as u64 - control_len)
            .ok_or_else(|| Error::os(Errno::EOVERFLOW, "the array does not fit in a file of 2^63 bytes"))?;
        // The texts end where the last page begins, so that one read brings both.
        let dtype_offset = (control_len - PAGE) as u32 - texts_len;
        let header = Header {
            crc: 0,
            kind: blueprint.kind,
            id: process::random_id(),
            boot_id: process::boot_id(),
            created_ns: time::realtime_ns(),
            creator_pid: std::process::id(),
            creator_uid: process::user_id(),
            creator_pid_namespace: process::pid_namespace(),
            features_compatible: 0,
            features_read_compatible: 0,
            features_incompatible: 0,
            lifetime: blueprint.lifetime,
            origin: blueprint.origin,
            data_offset: blueprint.data_offset,
            capacity_bytes: blueprint.capacity_bytes,
            control_alignment: CONTROL_ALIGNMENT,
            slots_offset: 0,
            slots: blueprint.slots,
            ranges_offset: slots_len,
            ranges: blueprint.ranges,
            dtype_offset,
            dtype_len: lens[0],
            tag_offset: dtype_offset + lens[0],
            tag_len: lens[1],
            metadata_offset: dtype_offset + lens[0] + lens[1],
            metadata_len: lens[2],
            texts_crc: crc(texts.concat().as_bytes()),
            wakes_readers: u32::from(blueprint.wakes_readers),
            extension_offset: 0,
            state_offset,
            state_len: blueprint.state_len,
            placement: match place {
                Place::Shm(_) => placement::SHM,
                Place::Directory(_) | Place::File(_) => placement::FILE,
                Place::Anonymous => placement::MEMFD,
            },
            reserved_32: 0,
            reserved: [0; 64],
        }
        .sealed();
        let trailer = Trailer::new(control_offset, control_len);
        let mut bytes = texts.concat().into_bytes();
        let last = bytes.len();
        bytes.resize(last + PAGE as usize, 0);
        let mut put = |offset: u64, record: &[u8]| {
            bytes[last + offset as usize..][..record.len()].copy_from_slice(record);
        };
        put(page::LAYOUTS, blueprint.layout.as_bytes());
        put(page::HEADER, header.as_bytes());
        put(page::TRAILER, trailer.as_bytes());
        let description = Description {
            trailer,
            header,
            dtype: blueprint.dtype.into(),
            tag: blueprint.tag.into(),
            metadata: blueprint.metadata.into(),
            layout: blueprint.layout,
            front_stale: false,
            lock: 0,
            generation: 0,
        };
        Ok(Rear { description, bytes })
    }

    /// Write the control block's end, in one call. Its last bytes are the magic number.
    fn write(&self, fd: impl AsFd) -> nix::Result<()> {
        file::write_at(fd, &self.bytes, self.description.trailer.file_len - self.bytes.len() as u64)
    }

    /// As [`Rear::write`], but without the trailer, which makes a segment of the file.
    pub fn write_without_trailer(&self, fd: impl AsFd) -> nix::Result<()> {
        let (bytes, _) = self.bytes.split_at(self.bytes.len() - size_of::<Trailer>());
        file::write_at(fd, bytes, self.description.trailer.file_len - self.bytes.len() as u64)
    }

    /// The trailer, alone.
    pub fn write_trailer(&self, fd: impl AsFd) -> nix::Result<()> {
        let trailer = &self.description.trailer;
        file::write_at(fd, trailer.as_bytes(), trailer.file_len - size_of::<Trailer>() as u64)
    }
}

/// Metadata are a note on the array, not another array.
const LONGEST_TEXT: u32 = 1 << 24;

fn cannot_create(place: &Place, errno: Errno) -> Error {
    let advice = match (errno, place) {
        (Errno::EEXIST, _) => "; open it, unlink it first, or create with SHM_ARRAY_OR_OPEN".into(),
        (Errno::ENOENT, Place::Shm(_)) => {
            "; this machine has no /dev/shm: set SHM_ARRAY_DIR to a directory that holds \
                                           names, use file:///directory/name.npy, or no name at all for memory that \
                                           travels by descriptor"
                .into()
        }
        (Errno::ENOENT | Errno::ENOTDIR, Place::Directory(_)) => "; SHM_ARRAY_DIR names no directory".into(),
        (Errno::ENOENT | Errno::ENOTDIR, _) => "; its directory does not exist".into(),
        (other, _) => file::advice(other),
    };
    Error::os(errno, format!("cannot create {place}: {}{advice}", errno.desc()))
}
