//! Opening trusts nothing: a file is read once into private memory, and checked there.
//!
//! One `pread` brings the file's last page and, in most cases, the texts before it. Whatever is used later comes
//! from these copies, never again from the shared bytes.

use std::mem::{offset_of, size_of};
use std::os::fd::AsFd;

use crate::error::{Code, Context, Error, Result};
use crate::os::file::{self, Facts};
use crate::os::memory::Bytes;
use crate::os::name::Place;

use super::format::{
    ADOPTING, CONTROL_ALIGNMENT, FINGERPRINT, Header, Layout, MAGIC, MAX_SLOTS, PAGE, RANGE_SIZE, Record,
    STATE_ALIGNMENT, Slot, Trailer, VERSION_MAJOR, Words, lifetime, page,
};
use super::npy::{self, Front};

/// What a file turned out to be.
#[derive(Debug)]
pub enum Contents {
    /// One of our segments.
    Shared(Box<Description>),
    /// A .npy file without a control block.
    Ordinary(OrdinaryFile),
}

/// A .npy file that anybody may have written.
#[derive(Debug)]
pub struct OrdinaryFile {
    /// Its header.
    pub front: Front,
    /// Bytes of the whole file.
    pub len: u64,
    /// Somebody died while making a segment of it.
    pub half_adopted: bool,
}

/// What never changes in a segment, and the words as they stood at the moment of opening.
#[derive(Debug)]
pub struct Description {
    /// The file's end.
    pub trailer: Trailer,
    /// The facts.
    pub header: Header,
    /// numpy's text for the type of the elements.
    pub dtype: String,
    /// Name of the extension dtype, or empty.
    pub tag: String,
    /// The user's metadata, or empty.
    pub metadata: String,
    /// The layout at the moment of opening.
    pub layout: Layout,
    /// Whether a resize was interrupted before the .npy header followed.
    pub front_stale: bool,
    /// The lock word at the moment of opening.
    pub lock: u32,
    /// Completed writes at the moment of opening.
    pub generation: u64,
}

impl Description {
    /// Whether the segment goes with its last user.
    pub fn is_last_close(&self) -> bool {
        self.header.lifetime == lifetime::LAST_CLOSE
    }
}

/// As much of the file's end as one read brings.
const TAIL: usize = PAGE as usize + 1024;

/// Find out what an open file is. `place` is for the words of errors only.
pub fn examine(fd: impl AsFd, facts: &Facts, place: &Place) -> Result<Contents> {
    let mut buffer = [0u8; TAIL];
    let wanted = facts.size.min(TAIL as u64) as usize;
    let tail_offset = facts.size - wanted as u64;
    let got = file::read_at(&fd, &mut buffer[..wanted], tail_offset).context(|| format!("cannot read {place}"))?;
    let tail = &buffer[..got];
    if got < wanted || got < PAGE as usize {
        return examine_ordinary(fd, facts, place).map(Contents::Ordinary);
    }
    let last = &tail[tail.len() - PAGE as usize..];
    let trailer: Trailer = record(last, page::TRAILER);
    let header: Header = record(last, page::HEADER);
    // Either of the two tells that the file is ours, so that a flipped bit in one is not taken for a plain .npy.
    if trailer.magic == ADOPTING || (trailer.magic != MAGIC && !header.is_intact()) {
        return examine_ordinary(fd, facts, place).map(Contents::Ordinary);
    }
    check_trailer(&trailer, facts).map_err(|error| about(place, error))?;
    check_header(&header, &trailer).map_err(|error| about(place, error))?;
    let texts = read_texts(&fd, &header, &trailer, tail, tail_offset).map_err(|error| about(place, error))?;
    let layout = valid_layout(&fd, last, &header, &trailer).map_err(|error| about(place, error))?;
    let [dtype, tag, metadata] = texts;
    Ok(Contents::Shared(Box::new(Description {
        trailer,
        header,
        dtype,
        tag,
        metadata,
        layout,
        front_stale: word(last, offset_of!(Words, front_stale)) != 0,
        lock: word(last, offset_of!(Words, lock)),
        generation: record_u64(last, offset_of!(Words, ended)),
    })))
}

fn about(place: &Place, error: Error) -> Error {
    Error::new(error.code(), format!("{place}: {}", error.detail()))
}

fn corrupt(detail: impl Into<String>) -> Error {
    Error::new(Code::Corrupt, detail)
}

fn record<R: Record>(last: &[u8], offset: u64) -> R {
    R::from_bytes(&last[offset as usize..][..size_of::<R>()])
}

fn word(last: &[u8], offset: usize) -> u32 {
    u32::from_ne_bytes(last[offset..][..4].try_into().expect("four bytes"))
}

fn record_u64(last: &[u8], offset: usize) -> u64 {
    u64::from_ne_bytes(last[offset..][..8].try_into().expect("eight bytes"))
}

fn check_trailer(trailer: &Trailer, facts: &Facts) -> Result<()> {
    if trailer.magic != MAGIC || trailer.crc != trailer.expected_crc() {
        return Err(corrupt("the trailer is damaged: its checksum is wrong"));
    }
    if trailer.version_major != VERSION_MAJOR {
        return Err(Error::new(
            Code::Version,
            format!(
                "the format is version {}.{}, this library reads {VERSION_MAJOR}.x: use the library that made it",
                trailer.version_major, trailer.version_minor
            ),
        ));
    }
    if trailer.fingerprint != FINGERPRINT {
        return Err(Error::new(
            Code::Version,
            "it was made by a machine or a build that lays out memory in another way; its elements can still be read \
             with numpy.load",
        ));
    }
    if trailer.file_len != facts.size {
        return Err(corrupt(format!(
            "the file has {}, its trailer says {}: somebody cut it or added to it",
            Bytes(facts.size),
            Bytes(trailer.file_len)
        )));
    }
    let aligned = |number: u64| number.is_multiple_of(CONTROL_ALIGNMENT);
    let ends_together = trailer.control_offset.checked_add(trailer.control_len) == Some(trailer.file_len);
    if !aligned(trailer.control_offset) || !aligned(trailer.control_len) || trailer.control_len == 0 || !ends_together {
        return Err(corrupt("the trailer places the control block where it cannot be"));
    }
    Ok(())
}

fn check_header(header: &Header, trailer: &Trailer) -> Result<()> {
    if !header.is_intact() {
        return Err(corrupt("the control header is damaged: its checksum is wrong"));
    }
    if header.features_incompatible != 0 {
        return Err(Error::new(
            Code::Version,
            format!("it needs features {:#x} of a newer library", header.features_incompatible),
        ));
    }
    let data_end = header.data_offset.checked_add(header.capacity_bytes);
    // The tables lie before the last page; each begins at a multiple of its alignment.
    let room = trailer.control_len - PAGE;
    let within = |offset: u32, count: u32, size: u64| u64::from(offset) + u64::from(count) * size <= room;
    let sound = data_end.is_some_and(|end| end <= trailer.control_offset)
        && (1..=MAX_SLOTS).contains(&header.slots)
        && header.slots_offset.is_multiple_of(size_of::<Slot>() as u32)
        && within(header.slots_offset, header.slots, size_of::<Slot>() as u64)
        && u64::from(header.ranges_offset).is_multiple_of(RANGE_SIZE)
        && within(header.ranges_offset, header.ranges, RANGE_SIZE)
        && header.state_offset.is_multiple_of(STATE_ALIGNMENT)
        && within(header.state_offset, header.state_len, 1)
        && within(header.dtype_offset, header.dtype_len, 1)
        && within(header.tag_offset, header.tag_len, 1)
        && within(header.metadata_offset, header.metadata_len, 1)
        && header.lifetime <= lifetime::LAST_CLOSE;
    if sound { Ok(()) } else { Err(corrupt("the control header contradicts itself")) }
}

/// dtype, tag and metadata.
fn read_texts(fd: impl AsFd, header: &Header, trailer: &Trailer, tail: &[u8], tail_offset: u64) -> Result<[String; 3]> {
    let places = [
        (header.dtype_offset, header.dtype_len),
        (header.tag_offset, header.tag_len),
        (header.metadata_offset, header.metadata_len),
    ];
    let mut checksum = crc32fast::Hasher::new();
    let mut texts = [const { String::new() }; 3];
    for ((offset, len), text) in places.into_iter().zip(&mut texts) {
        let (offset, len) = (trailer.control_offset + u64::from(offset), len as usize);
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(len).map_err(|_| corrupt(format!("a text of {len} bytes does not fit in memory")))?;
        match offset.checked_sub(tail_offset).and_then(|start| tail.get(start as usize..)?.get(..len)) {
            Some(known) => bytes.extend_from_slice(known),
            None => {
                bytes.resize(len, 0);
                let got = file::read_at(&fd, &mut bytes, offset).context(|| "cannot read the texts".into())?;
                bytes.truncate(got);
            }
        }
        checksum.update(&bytes);
        *text = String::from_utf8(bytes).map_err(|_| corrupt("a text is not UTF-8"))?;
    }
    if checksum.finalize() == header.texts_crc { Ok(texts) } else { Err(corrupt("the texts' checksum is wrong")) }
}

/// A resize in the very moment of reading can tear the record; reading again then helps, unless it is damaged.
fn valid_layout(fd: impl AsFd, last: &[u8], header: &Header, trailer: &Trailer) -> Result<Layout> {
    const ATTEMPTS: usize = 3;
    let mut result = layout_in(last, header);
    for _ in 1..ATTEMPTS {
        if result.is_ok() {
            break;
        }
        let mut page = [0u8; PAGE as usize];
        file::read_at(&fd, &mut page, trailer.file_len - PAGE).context(|| "cannot read the layout".into())?;
        result = layout_in(&page, header);
    }
    result
}

fn layout_in(last: &[u8], header: &Header) -> Result<Layout> {
    let edition = word(last, offset_of!(Words, layout));
    let layout: Layout = record(last, page::LAYOUTS + u64::from(edition & 1) * size_of::<Layout>() as u64);
    layout.validate(header.capacity_bytes).map(|()| layout)
}

fn examine_ordinary(fd: impl AsFd, facts: &Facts, place: &Place) -> Result<OrdinaryFile> {
    let mut bytes = vec![0u8; facts.size.min(16 * 1024) as usize];
    let got = file::read_at(&fd, &mut bytes, 0).context(|| format!("cannot read {place}"))?;
    let front = npy::parse(&bytes[..got]).map_err(|error| about(place, error))?;
    let mut end = [0u8; ADOPTING.len()];
    let end_offset = facts.size.saturating_sub(end.len() as u64);
    file::read_at(fd, &mut end, end_offset).context(|| format!("cannot read {place}"))?;
    Ok(OrdinaryFile { front, len: facts.size, half_adopted: end == ADOPTING })
}
