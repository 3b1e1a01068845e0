//! Arrays by queue: the handle travels, the elements stay where they are.
//!
//! The message says which array (its name and the segment's id) and which part of it (offset, shape, strides). While it is
//! under way the array is leased (`array::handover`): it stays although its sender may have closed it and gone. The
//! receiver opens it, acknowledges the message, and gives the lease back, in this order: killed before the
//! acknowledgement the message is delivered again, and killed after it, the lease ends at its deadline. A receiver that
//! has the array open already, as where a pool of arrays goes round, gets another handle on what it has mapped.
//!
//! ```text
//!     0      version of this layout
//!     4      dimensions of the part; WHOLE: all of the array
//!     8      bytes of the name
//!     12     1: the array was leased
//!     16     the segment's id; zeros for an ordinary .npy file
//!     32     offset of the part
//!     40     its shape, and then its strides: 8 bytes each
//!     ...    the name
//! ```

use std::time::Duration;

use super::queue::{Message, Queue, Sort};
use crate::array::options::OpenFlags;
use crate::array::{Array, Geometry};
use crate::error::{Code, Errno, Error, Result};
use crate::os::name::LONGEST_PATH;
use crate::os::time::Timeout;
use crate::segment::Access;
use crate::segment::format::MAX_NDIM;

const VERSION: u32 = 1;
const WHOLE: u32 = u32::MAX;
const FIXED: usize = 40;
const LONGEST: usize = FIXED + 16 * MAX_NDIM + LONGEST_PATH;

impl Queue {
    /// Send an array, of whatever size. It is kept for `keep`, at most a day, although nobody may have it open.
    pub fn send_array(&self, array: &Array, keep: Duration, priority: u32, timeout: Timeout) -> Result<()> {
        if array.segment().access() == Access::CopyOnWrite {
            let why = "was opened copy-on-write: what this process changed is nowhere else";
            return Err(Error::invalid(format!("{} {why}; send one opened for writing", array.segment().place())));
        }
        if array.name().is_empty() {
            return Err(Error::os(
                Errno::EOPNOTSUPP,
                "an array without a name cannot be found by its receiver: create it with a name (and SHM_ARRAY_LAST_CLOSE), \
                 or pass its descriptor over a Unix socket",
            ));
        }
        let is_shared = array.identity().id != [0; 16];
        let parcel = wrap(array, is_shared);
        if parcel.len() as u64 > self.message_bytes() {
            let (needs, has) = (parcel.len(), self.message_bytes());
            return Err(Error::os(
                Errno::EMSGSIZE,
                format!("the handle of this array takes {needs} bytes; this queue was created for messages of {has}"),
            ));
        }
        // Before anybody can receive it. An ordinary .npy file stays anyway.
        if is_shared {
            array.lease(keep)?;
        }
        self.send_sort(&parcel, priority, Sort::Array, timeout).inspect_err(|_| {
            if is_shared {
                let _ = array.arrived();
            }
        })
    }

    /// Receive an array, opened as `flags` say.
    pub fn receive_array(&self, flags: impl Into<OpenFlags>, timeout: Timeout) -> Result<Array> {
        let message = self.take(timeout)?;
        if message.sort != Sort::Array {
            self.put_back_as_it_was(&message)?;
            return Err(super::queue::refusals::other_sort(message.sort));
        }
        let opened = self.parcel(&message).and_then(|parcel| unwrap(&parcel)?.open(flags.into()));
        match opened {
            Ok((array, is_leased)) => {
                self.release(message.token)?;
                if is_leased {
                    // Who may not write the file cannot say so: the lease then lasts until its deadline.
                    let _ = array.arrived();
                }
                Ok(array)
            }
            // It may be better later, or for another receiver.
            Err(error) if is_passing(&error) => {
                self.put_back_as_it_was(&message)?;
                Err(error)
            }
            Err(error) => {
                self.release(message.token)?;
                Err(Error::new(error.code(), format!("{} (its message was dropped)", error.detail())))
            }
        }
    }

    /// The handle that a message should be. How long it is said to be, anybody may have written.
    fn parcel(&self, message: &Message) -> Result<Vec<u8>> {
        if message.len > LONGEST {
            let len = message.len;
            let words = format!("a message that should carry an array has {len} bytes: no array's handle is so long");
            return Err(Error::new(Code::Corrupt, words));
        }
        let mut parcel = vec![0; message.len];
        self.copy(message, &mut parcel);
        Ok(parcel)
    }
}

/// Whether the receiver could not, and not the array is to blame.
fn is_passing(error: &Error) -> bool {
    [Errno::EMFILE, Errno::ENFILE, Errno::ENOMEM, Errno::EACCES, Errno::EPERM, Errno::EBUSY]
        .into_iter()
        .any(|e| error.is(e))
}

fn wrap(array: &Array, is_leased: bool) -> Vec<u8> {
    let name = array.name().to_bytes();
    let window = array.window();
    let mut parcel = Vec::with_capacity(FIXED + 16 * MAX_NDIM + name.len());
    let ndim = window.map_or(WHOLE, |window| window.ndim as u32);
    [VERSION, ndim, name.len() as u32, u32::from(is_leased)].iter().for_each(|word| parcel.extend(word.to_ne_bytes()));
    parcel.extend(array.identity().id);
    parcel.extend(window.map_or(0, |window| window.offset).to_ne_bytes());
    if let Some(window) = window {
        window.shape[..window.ndim].iter().for_each(|len| parcel.extend(len.to_ne_bytes()));
        window.strides[..window.ndim].iter().for_each(|stride| parcel.extend(stride.to_ne_bytes()));
    }
    parcel.extend(name);
    parcel
}

/// What a message says; anybody may have written it.
struct Sent<'a> {
    name: &'a str,
    id: [u8; 16],
    window: Option<Geometry>,
    is_leased: bool,
}

fn unwrap(parcel: &[u8]) -> Result<Sent<'_>> {
    let damaged = || Error::new(Code::Corrupt, "a message that should carry an array carries something else");
    let (fixed, rest) = parcel.split_at_checked(FIXED).ok_or_else(damaged)?;
    let word = |at: usize| u32::from_ne_bytes(fixed[at..at + 4].try_into().expect("4 bytes"));
    let (version, ndim, name_len) = (word(0), word(4), word(8) as usize);
    if version != VERSION {
        let words = format!("the array was sent by a newer version of this library (layout {version})");
        return Err(Error::new(Code::Version, words));
    }
    let axes = if ndim == WHOLE { 0 } else { ndim as usize };
    if axes > MAX_NDIM || rest.len() != 16 * axes + name_len {
        return Err(damaged());
    }
    let (numbers, name) = rest.split_at(16 * axes);
    let mut window = Geometry {
        offset: i64::from_ne_bytes(fixed[32..40].try_into().expect("8 bytes")),
        ndim: axes,
        shape: [0; MAX_NDIM],
        strides: [0; MAX_NDIM],
    };
    for (axis, number) in numbers.as_chunks::<8>().0.iter().enumerate() {
        match axis.checked_sub(axes) {
            None => window.shape[axis] = u64::from_ne_bytes(*number),
            Some(axis) => window.strides[axis] = i64::from_ne_bytes(*number),
        }
    }
    Ok(Sent {
        name: std::str::from_utf8(name).map_err(|_| damaged())?,
        id: fixed[16..32].try_into().expect("16 bytes"),
        window: (ndim != WHOLE).then_some(window),
        is_leased: word(12) != 0,
    })
}

impl Sent<'_> {
    fn open(self, flags: OpenFlags) -> Result<(Array, bool)> {
        let array = if self.id == [0; 16] {
            Array::open(self.name, flags)?
        } else {
            match Array::open_already(self.name, flags, &self.id) {
                Some(array) => array,
                None => Array::open_id(self.name, flags, &self.id)?,
            }
        };
        let array = match self.window {
            Some(window) => array.through(window)?,
            None => array,
        };
        Ok((array, self.is_leased))
    }
}
