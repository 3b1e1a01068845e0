//! The format of a segment, byte by byte (docs/format.md tells it for other implementations).
//!
//! ```text
//!     0                .npy header, padded to the data offset
//!     data offset      the elements; room for more than the shape says
//!     control offset   control block (a multiple of 64 KiB): slots, ranges, texts, and in its last page:
//!       page + 0           Words: everything that changes and that several processes change
//!       page + 512         layout record 0
//!       page + 1664        layout record 1
//!       page + 3328        Header: what never changes
//!       page + 4032        Trailer: how a reader finds all this from the file's end
//! ```
//!
//! What opening reads lies together in the last page, so that one `pread` brings it. Header, layouts and
//! trailer are plain numbers with a CRC; words and slots are atomics, and are never trusted: whatever is read
//! from them is bounds-checked by who uses it.

mod words;

use std::mem::{offset_of, size_of};

use crate::error::{Code, Error, Result};

pub use words::{CONDITIONS, COUNTERS, Condition, RANGE_SIZE, Range, Slot, Words};

/// The last 8 bytes of every segment.
pub const MAGIC: [u8; 8] = *b"SHMARRAY";
/// The same place, while an ordinary file is being adopted.
pub const ADOPTING: [u8; 8] = *b"SHMADOPT";
/// A reader refuses a segment whose major version is not its own.
pub const VERSION_MAJOR: u16 = 1;
/// Raised by additions that older readers may ignore.
pub const VERSION_MINOR: u16 = 0;

/// numpy stops at 32 or 64 dimensions, depending on its version.
pub const MAX_NDIM: usize = 64;
/// Alignment of the control block, so that machines with 16 KiB and 64 KiB pages can map it alone.
pub const CONTROL_ALIGNMENT: u64 = 64 * 1024;
/// Slots in the table unless the creator asks for another number.
pub const DEFAULT_SLOTS: u32 = 256;
/// An identity has 10 bits for the slot, and slot 0 is written as 1.
pub const MAX_SLOTS: u32 = 1023;
/// Alignment of an object's state: two cache lines, as prefetchers fetch them.
pub const STATE_ALIGNMENT: u32 = 128;
/// The last page of the control block, in bytes, whatever the machine's page size is.
pub const PAGE: u64 = 4096;

/// Bytes that are locked, far beyond the end of every file.
pub mod lock_byte {
    /// Read-locked by everybody who maps the segment.
    pub const ATTACH: i64 = 1 << 62;
    /// Write-locked by who takes the name away or adopts the file.
    pub const NAME: i64 = ATTACH + 1;
    /// Write-locked by the owner of slot 0; the others follow.
    pub const SLOT: i64 = ATTACH + 16;
}

/// Bits of the lock word, beside its owner's identity.
pub mod lock_bit {
    /// A holder died while writing, and nobody has recovered since.
    pub const INCONSISTENT: u32 = 1 << 30;
    /// Somebody sleeps until the lock is free.
    pub const WAITERS: u32 = 1 << 31;
}

/// Plain numbers that may be read from any bytes.
///
/// # Safety
///
/// `#[repr(C)]`, without padding, of integers and arrays of integers only.
pub unsafe trait Record: Copy {
    /// From exactly as many bytes as it has.
    fn from_bytes(bytes: &[u8]) -> Self {
        assert_eq!(bytes.len(), size_of::<Self>());
        // SAFETY: the length was checked, and every pattern of bytes is a value of such a type.
        unsafe { bytes.as_ptr().cast::<Self>().read_unaligned() }
    }

    /// As the file has it.
    fn as_bytes(&self) -> &[u8] {
        // SAFETY: such a type has no padding, so each of its bytes is initialised.
        unsafe { std::slice::from_raw_parts((&raw const *self).cast(), size_of::<Self>()) }
    }
}

/// What never changes in a segment.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Header {
    /// CRC-32 of all that follows in this record.
    pub crc: u32,
    /// [`Kind`] of segment.
    pub kind: u32,
    /// Random; the same in every copy of the file.
    pub id: [u8; 16],
    /// The machine's boot id when the segment was made.
    pub boot_id: [u8; 16],
    /// CLOCK_REALTIME, nanoseconds.
    pub created_ns: i64,
    /// Of the creator, in its own PID namespace.
    pub creator_pid: u32,
    /// Of the creator.
    pub creator_uid: u32,
    /// Inode of the creator's PID namespace.
    pub creator_pid_namespace: u64,
    /// Features that a reader may ignore.
    pub features_compatible: u64,
    /// Features that a reader who does not know them may only read.
    pub features_read_compatible: u64,
    /// Features without which the segment cannot be understood.
    pub features_incompatible: u64,
    /// [`lifetime`].
    pub lifetime: u32,
    /// Bits of [`origin`].
    pub origin: u32,
    /// From the file's start to the elements, in bytes.
    pub data_offset: u64,
    /// Bytes that the elements may take.
    pub capacity_bytes: u64,
    /// Alignment of the control block.
    pub control_alignment: u64,
    /// Where the slot table begins in the control block.
    pub slots_offset: u32,
    /// Entries of the slot table.
    pub slots: u32,
    /// Where the table of range locks begins in the control block.
    pub ranges_offset: u32,
    /// Entries of the table of range locks.
    pub ranges: u32,
    /// Where the dtype's text begins in the control block.
    pub dtype_offset: u32,
    /// Its length in bytes.
    pub dtype_len: u32,
    /// Where the extension dtype's name begins in the control block.
    pub tag_offset: u32,
    /// Its length in bytes; 0: none.
    pub tag_len: u32,
    /// Where the user's metadata begin in the control block.
    pub metadata_offset: u32,
    /// Their length in bytes; 0: none.
    pub metadata_len: u32,
    /// CRC-32 of dtype, tag and metadata, one after the other.
    pub texts_crc: u32,
    /// 1: wakers always wake, for the sake of waiters who may only read and cannot say that they wait.
    pub wakes_readers: u32,
    /// Offset in the file of later additions; 0: none.
    pub extension_offset: u64,
    /// Where the state of the object begins in the control block: a semaphore's count, a queue's ends, ...
    pub state_offset: u32,
    /// Its length in bytes; 0: an array, which needs none.
    pub state_len: u32,
    /// [`placement`]: where it was made. A copy of the file may lie elsewhere.
    pub placement: u32,
    /// 0.
    pub reserved_32: u32,
    /// 0.
    pub reserved: [u64; 64],
}

/// What a segment is. All kinds have the same front, control block, slots and lifetimes.
pub mod kind {
    /// An n-dimensional array.
    pub const ARRAY: u32 = 1;
    /// A counting semaphore.
    pub const SEMAPHORE: u32 = 2;
    /// 64 named bits that can be waited for.
    pub const EVENT: u32 = 3;
    /// A meeting point of a fixed number of participants.
    pub const BARRIER: u32 = 4;
    /// A bounded queue of messages.
    pub const QUEUE: u32 = 5;
    /// A stream of bytes.
    pub const PIPE: u32 = 6;
    /// One to many: each subscriber sees every message.
    pub const TOPIC: u32 = 7;
    /// Whole buffers, of which the latest is read.
    pub const FRAMES: u32 = 8;

    /// As people call it, with its article; `None` for one of a newer version.
    pub fn noun(kind: u32) -> Option<&'static str> {
        const NOUNS: [&str; 8] =
            ["an array", "a semaphore", "an event", "a barrier", "a queue", "a pipe", "a topic", "frames"];
        NOUNS.get(kind.checked_sub(1)? as usize).copied()
    }
}

/// Where a segment was made.
pub mod placement {
    /// In /dev/shm.
    pub const SHM: u32 = 1;
    /// In a file of some other directory.
    pub const FILE: u32 = 2;
    /// In memory without a name (memfd).
    pub const MEMFD: u32 = 3;
}

/// When a segment goes.
pub mod lifetime {
    /// When somebody unlinks it.
    pub const UNTIL_UNLINKED: u32 = 0;
    /// When its last user closes it.
    pub const LAST_CLOSE: u32 = 1;
}

/// How a segment came to be.
pub mod origin {
    /// It was an ordinary .npy file once: its data offset is its own, and it cannot be resized.
    pub const ADOPTED: u32 = 1;
    /// Its memory was not reserved: it may have holes.
    pub const LAZY: u32 = 2;
}

/// One of two records of what a resize changes; [`Words::layout`] says which is valid.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// CRC-32 of all that follows in this record.
    pub crc: u32,
    /// Dimensions in use.
    pub ndim: u32,
    /// 0: C order, 1: Fortran order.
    pub fortran: u32,
    /// 0.
    pub reserved_32: u32,
    /// Bytes of one element.
    pub itemsize: u64,
    /// Length of the growing axis that there is room for.
    pub capacity: u64,
    /// Elements along each axis.
    pub shape: [u64; MAX_NDIM],
    /// Bytes from one element to the next along each axis.
    pub strides: [i64; MAX_NDIM],
    /// 0.
    pub reserved: [u64; 12],
}

/// The end of the file.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Trailer {
    /// From the file's start.
    pub control_offset: u64,
    /// Bytes; the control block ends where the file ends.
    pub control_len: u64,
    /// Bytes of the whole file.
    pub file_len: u64,
    /// Of the format.
    pub version_major: u16,
    /// Of the format.
    pub version_minor: u16,
    /// [`FINGERPRINT`] of the machine that made it.
    pub fingerprint: u32,
    /// 0.
    pub reserved: [u64; 2],
    /// 0.
    pub reserved_32: u32,
    /// CRC-32 of all that comes before it in this record.
    pub crc: u32,
    /// [`MAGIC`].
    pub magic: [u8; 8],
}

// SAFETY: repr(C), integers only; the const assertions below count every byte.
unsafe impl Record for Header {}
// SAFETY: as above.
unsafe impl Record for Layout {}
// SAFETY: as above.
unsafe impl Record for Trailer {}

/// Where things lie in the last page of the control block.
pub mod page {
    /// [`super::Words`].
    pub const WORDS: u64 = 0;
    /// The first [`super::Layout`].
    pub const LAYOUTS: u64 = 512;
    /// [`super::Header`].
    pub const HEADER: u64 = 3328;
    /// [`super::Trailer`].
    pub const TRAILER: u64 = 4032;
}

const _: () = {
    assert!(size_of::<Layout>() == 1152);
    assert!(size_of::<Header>() == 704 && offset_of!(Header, placement) == 184);
    assert!(size_of::<Trailer>() == 64 && offset_of!(Trailer, magic) == 56);
    assert!(page::LAYOUTS as usize + 2 * size_of::<Layout>() <= page::HEADER as usize);
    assert!(page::HEADER as usize + size_of::<Header>() == page::TRAILER as usize);
    assert!(page::TRAILER as usize + size_of::<Trailer>() == PAGE as usize);
};

/// Sizes, places and byte order, folded into one number: a reader with another one must not touch the segment.
pub const FINGERPRINT: u32 = fingerprint();

const fn fingerprint() -> u32 {
    let facts = [
        size_of::<Words>(),
        size_of::<Slot>(),
        size_of::<Layout>(),
        size_of::<Header>(),
        offset_of!(Words, readers),
        offset_of!(Slot, shared),
        offset_of!(Layout, shape),
        offset_of!(Header, slots),
        page::LAYOUTS as usize,
        page::HEADER as usize,
        u32::from_ne_bytes([1, 2, 3, 4]) as usize,
    ];
    // FNV-1a, over 32-bit numbers.
    let mut hash: u32 = 0x811c_9dc5;
    let mut i = 0;
    while i < facts.len() {
        hash = (hash ^ facts[i] as u32).wrapping_mul(0x0100_0193);
        i += 1;
    }
    hash
}

/// CRC-32 (IEEE, as zlib has it).
pub fn crc(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}

impl Header {
    /// With its checksum filled in.
    pub fn sealed(mut self) -> Header {
        self.crc = crc(&self.as_bytes()[4..]);
        self
    }

    /// Whether the checksum is right.
    pub fn is_intact(&self) -> bool {
        self.crc == crc(&self.as_bytes()[4..])
    }
}

impl Layout {
    /// A layout of elements that lie closely in C or Fortran order, with room for `capacity` along the growing axis.
    pub fn new(itemsize: u64, shape: &[u64], fortran: bool, capacity: u64) -> Layout {
        let mut layout = Layout {
            crc: 0,
            ndim: shape.len() as u32,
            fortran: u32::from(fortran),
            reserved_32: 0,
            itemsize,
            capacity,
            shape: [0; MAX_NDIM],
            strides: [0; MAX_NDIM],
            reserved: [0; 12],
        };
        layout.shape[..shape.len()].copy_from_slice(shape);
        layout.strides = layout.close_strides();
        layout.sealed()
    }

    /// With its checksum filled in.
    fn sealed(mut self) -> Layout {
        self.crc = crc(&self.as_bytes()[4..]);
        self
    }

    /// The lengths of the axes in use.
    pub fn shape(&self) -> &[u64] {
        &self.shape[..self.ndim as usize]
    }

    /// The axis along which the array can grow: the slowest one. A scalar has none.
    pub fn growing_axis(&self) -> Option<usize> {
        let ndim = self.ndim as usize;
        match (ndim, self.fortran) {
            (0, _) => None,
            (_, 0) => Some(0),
            _ => Some(ndim - 1),
        }
    }

    /// Bytes that the elements would take if the growing axis had this length; `None` where that overflows.
    pub fn bytes_for(&self, length: u64) -> Option<u64> {
        let growing = self.growing_axis();
        let others = self.shape().iter().enumerate().filter(|(axis, _)| Some(*axis) != growing);
        let row = others.map(|(_, len)| *len).try_fold(self.itemsize, u64::checked_mul)?;
        row.checked_mul(if growing.is_some() { length } else { 1 })
    }

    /// Whether every offset within the elements is a number: as numpy does, axes of length 0 count as 1.
    pub fn is_addressable(&self) -> bool {
        let lengths = self.shape().iter().map(|len| (*len).max(1));
        lengths.into_iter().try_fold(self.itemsize, u64::checked_mul).is_some_and(|bytes| bytes <= i64::MAX as u64)
    }

    /// The same array with another length of its growing axis.
    pub fn resized(&self, length: u64) -> Layout {
        let mut layout = *self;
        if let Some(axis) = self.growing_axis() {
            layout.shape[axis] = length;
        }
        layout.strides = layout.close_strides();
        layout.sealed()
    }

    /// As numpy computes them: axes of length 0 count as 1, so that no stride is 0.
    fn close_strides(&self) -> [i64; MAX_NDIM] {
        let mut strides = [0; MAX_NDIM];
        let mut step = self.itemsize;
        let ndim = self.ndim as usize;
        for i in 0..ndim {
            let axis = if self.fortran == 1 { i } else { ndim - 1 - i };
            strides[axis] = step as i64;
            step = step.saturating_mul(self.shape[axis].max(1));
        }
        strides
    }

    /// Refuse what cannot be a layout of elements within `capacity_bytes`.
    pub fn validate(&self, capacity_bytes: u64) -> Result<()> {
        let corrupt = |what: &str| Err(Error::new(Code::Corrupt, format!("the layout record is damaged: {what}")));
        if self.crc != crc(&self.as_bytes()[4..]) {
            return corrupt("its checksum is wrong");
        }
        if self.ndim as usize > MAX_NDIM || self.fortran > 1 {
            return corrupt("it has too many dimensions or an unknown order");
        }
        let length = self.growing_axis().map_or(1, |axis| self.shape[axis]);
        let fits = |bytes: Option<u64>| bytes.is_some_and(|bytes| bytes <= capacity_bytes);
        if !self.is_addressable()
            || !fits(self.bytes_for(length))
            || length > self.capacity.max(1)
            || !fits(self.bytes_for(self.capacity))
        {
            return corrupt("the shape needs more bytes than there are");
        }
        if self.strides != self.close_strides() {
            return corrupt("the strides do not follow from the shape");
        }
        Ok(())
    }
}

impl Trailer {
    /// The end of a segment with this control block.
    pub fn new(control_offset: u64, control_len: u64) -> Trailer {
        let mut trailer = Trailer {
            control_offset,
            control_len,
            file_len: control_offset + control_len,
            version_major: VERSION_MAJOR,
            version_minor: VERSION_MINOR,
            fingerprint: FINGERPRINT,
            reserved: [0; 2],
            reserved_32: 0,
            crc: 0,
            magic: MAGIC,
        };
        trailer.crc = trailer.expected_crc();
        trailer
    }

    /// The checksum that it should have.
    pub fn expected_crc(&self) -> u32 {
        crc(&self.as_bytes()[..offset_of!(Trailer, crc)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strides_are_numpys() {
        let c = Layout::new(8, &[2, 3, 4], false, 2);
        assert_eq!(c.strides[..3], [96, 32, 8]);
        let f = Layout::new(8, &[2, 3, 4], true, 4);
        assert_eq!(f.strides[..3], [8, 16, 48]);
        assert_eq!((c.growing_axis(), f.growing_axis()), (Some(0), Some(2)));
        assert_eq!(Layout::new(8, &[], false, 1).growing_axis(), None);
    }

    #[test]
    fn layouts_are_checked() {
        let layout = Layout::new(8, &[2, 3], false, 4);
        layout.validate(4 * 3 * 8).unwrap();
        assert_eq!(layout.validate(4 * 3 * 8 - 1).unwrap_err().code(), Code::Corrupt);
        for damage in [
            |layout: &mut Layout| layout.shape[0] = 5,
            |layout: &mut Layout| layout.shape[1] = u64::MAX,
            |layout: &mut Layout| layout.ndim = 65,
            |layout: &mut Layout| layout.strides[0] = 8,
            |layout: &mut Layout| layout.itemsize = 0,
        ] {
            let mut damaged = layout;
            damage(&mut damaged);
            assert_eq!(damaged.validate(96).unwrap_err().code(), Code::Corrupt, "the checksum guards it");
            assert_eq!(damaged.sealed().validate(96).unwrap_err().code(), Code::Corrupt, "so do the checks");
        }
        let without_elements = Layout::new(8, &[0, 1 << 40, 1 << 40], false, 0);
        assert_eq!(without_elements.validate(96).unwrap_err().code(), Code::Corrupt, "offsets beyond every number");
    }

    #[test]
    fn a_resized_layout_keeps_its_other_axes() {
        let layout = Layout::new(2, &[2, 3], true, 9).resized(5);
        assert_eq!((layout.shape(), &layout.strides[..2]), (&[2, 5][..], &[2, 4][..]));
        layout.validate(2 * 9 * 2).unwrap();
        assert_eq!(layout.bytes_for(9), Some(36));
    }
}
