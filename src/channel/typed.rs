//! Messages of a dtype: each is one or more whole elements.

use std::ffi::{CStr, CString};

use crate::array::dtype::Dtype;
use crate::error::{Code, Error, Result};
use crate::segment::format::Layout;
use crate::segment::object::Room;

/// What the messages of a channel are made of: elements of a dtype, or any bytes.
#[derive(Debug)]
pub struct Typed {
    dtype: Option<Dtype>,
    text: CString,
    itemsize: u64,
}

impl Typed {
    /// As the caller names it; `None` for any bytes.
    pub fn parse(dtype: Option<&str>) -> Result<Typed> {
        let dtype = dtype.map(Dtype::parse).transpose()?;
        let text = CString::new(dtype.as_ref().map_or("", Dtype::descr)).unwrap_or_default();
        let itemsize = dtype.as_ref().map_or(1, |dtype| dtype.itemsize().max(1));
        Ok(Typed { dtype, text, itemsize })
    }

    /// numpy's text; empty for any bytes.
    pub fn text(&self) -> &CStr {
        &self.text
    }

    /// Bytes of one element.
    #[inline]
    pub fn itemsize(&self) -> u64 {
        self.itemsize
    }

    /// Whether messages are of any bytes.
    pub fn is_any(&self) -> bool {
        self.dtype.is_none()
    }

    /// Whether a message of so many bytes is whole.
    #[inline]
    pub fn is_whole(&self, len: usize) -> bool {
        self.dtype.is_none() || (len as u64).is_multiple_of(self.itemsize)
    }

    /// Room for so many bytes of messages, and `extra` behind the state.
    pub fn room(&self, extra: usize, bytes: u64) -> Room<'_> {
        let elements = bytes.div_ceil(self.itemsize);
        let dtype = self.dtype.as_ref().map_or("|u1", Dtype::descr);
        Room { extra, dtype, layout: Layout::new(self.itemsize, &[elements], false, elements) }
    }

    /// Refuse `place` unless its messages are what the caller expects.
    pub fn require_same(&self, wanted: Option<&str>, place: &dyn std::fmt::Display) -> Result<()> {
        let wanted = Typed::parse(wanted)?;
        if *self == wanted {
            return Ok(());
        }
        Err(Error::new(Code::Dtype, format!("{place} carries messages of {self}, not of {wanted}")))
    }

    /// Why a message of so many bytes is refused.
    #[cold]
    pub fn not_whole(&self, len: usize) -> Error {
        let Typed { itemsize, .. } = self;
        let what = format!("{len} bytes are no whole number of elements of {itemsize} bytes");
        Error::new(Code::Dtype, format!("{what}; the messages are of {self}"))
    }
}

impl PartialEq for Typed {
    fn eq(&self, other: &Typed) -> bool {
        self.dtype == other.dtype
    }
}

impl std::fmt::Display for Typed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.dtype {
            Some(dtype) => write!(f, "dtype {}", dtype.descr()),
            None => f.write_str("any bytes"),
        }
    }
}
