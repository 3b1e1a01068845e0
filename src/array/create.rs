//! Making an array: the arguments are checked before anything is made, and nobody sees it before it is whole.

use crate::error::{Errno, Error, Result};
use crate::os::file;
use crate::os::name::Place;
use crate::os::time::Timeout;
use crate::segment::birth::{Birth, Way};
use crate::segment::create::{Blueprint, Unnamed, build};
use crate::segment::format::{DEFAULT_SLOTS, Layout, MAX_NDIM, MAX_SLOTS, kind, lifetime, origin};
use crate::segment::{Access, Segment, npy, open};

use super::Array;
use super::dtype::Dtype;
use super::options::{OpenFlags, Options};
use super::placement;
use super::view::{Geometry, View};

impl Array {
    /// Make an array of zeros and give it a name; `None` for anonymous memory.
    pub fn create(name: Option<&str>, dtype: &str, shape: &[u64], options: &Options) -> Result<Array> {
        let places = placement::candidates(options.placement, name, options.directory, options.unnamed)?;
        let plan = Plan::new(dtype, shape, options)?;
        let Some(name) = name.filter(|_| options.or_open) else {
            return plan.build(&places, options, |_| Ok(()));
        };
        let flags = OpenFlags { untracked: options.untracked, readiness: options.readiness, ..Access::Write.into() };
        let deadline = Timeout::For(open::PATIENCE).deadline();
        loop {
            match Array::open_place(&where_it_is(name, &places)?, flags) {
                Err(error) if error.is(Errno::ENOENT) => match plan.build(&places, options, |_| Ok(())) {
                    Err(error) if error.is(Errno::EEXIST) && !deadline.has_passed() => continue,
                    done => return done,
                },
                Ok(array) => return plan.require_same(array),
                Err(error) => return Err(error),
            }
        }
    }

    /// As [`Array::create`], but `fill` writes the elements before the name appears: others find the whole array or
    /// none, and who dies or fails on the way leaves nothing. EEXIST where the name is taken, even with `or_open`.
    pub fn create_filled(
        name: Option<&str>,
        dtype: &str,
        shape: &[u64],
        options: &Options,
        fill: impl FnOnce(&View) -> Result<()>,
    ) -> Result<Array> {
        let places = placement::candidates(options.placement, name, options.directory, options.unnamed)?;
        Plan::new(dtype, shape, options)?.build(&places, options, fill)
    }
}

/// Where to look for what may exist already: the caller may have named a directory that nobody else knows of.
fn where_it_is(name: &str, places: &[Place]) -> Result<Place> {
    let existing = places.iter().find(|place| place.path().is_some_and(|path| file::named(path).is_ok()));
    existing.map_or_else(|| Place::find(name), |place| Ok(place.clone()))
}

/// Arguments of `create`, checked before anything is made.
struct Plan {
    dtype: Dtype,
    layout: Layout,
    front: Vec<u8>,
    capacity_bytes: u64,
    slots: u32,
    permissions: u32,
}

impl Plan {
    fn new(dtype: &str, shape: &[u64], options: &Options) -> Result<Plan> {
        let mut dtype = Dtype::parse(dtype)?;
        if let Some(tag) = options.dtype_tag.filter(|tag| !tag.is_empty()) {
            dtype = dtype.with_tag(tag)?;
        }
        if shape.len() > MAX_NDIM {
            return Err(Error::invalid(format!("{} dimensions; at most {MAX_NDIM} are allowed", shape.len())));
        }
        let growing = if options.fortran { shape.last() } else { shape.first() };
        let length = growing.copied().unwrap_or(1);
        let capacity = if options.capacity == 0 { length } else { options.capacity };
        if capacity < length || (shape.is_empty() && capacity > 1) {
            return Err(Error::invalid(format!(
                "capacity {capacity} is not at least the growing axis's length of {length}{}",
                if shape.is_empty() { ", and an array without dimensions cannot grow" } else { "" }
            )));
        }
        let layout = Layout::new(dtype.itemsize(), shape, options.fortran, capacity);
        let capacity_bytes = layout.bytes_for(capacity).filter(|bytes| *bytes <= i64::MAX as u64);
        let Some(capacity_bytes) = capacity_bytes.filter(|_| layout.is_addressable()) else {
            return Err(Error::invalid(format!(
                "shape {shape:?} with {} bytes for each element and capacity {capacity} is more than 2^63 bytes",
                dtype.itemsize()
            )));
        };
        if options.slots > MAX_SLOTS {
            return Err(Error::invalid(format!("{} slots; at most {MAX_SLOTS} are allowed", options.slots)));
        }
        if options.permissions & !0o777 != 0 {
            return Err(Error::invalid(format!("permissions {:#o} have bits beyond 0777", options.permissions)));
        }
        if let Some(metadata) = options.metadata {
            serde_json::from_str::<serde_json::Value>(metadata)
                .map_err(|error| Error::invalid(format!("the metadata are not JSON: {error}")))?;
        }
        let front = npy::render(dtype.descr(), options.fortran, shape, npy::room(dtype.descr())?)?;
        let slots = if options.slots == 0 { DEFAULT_SLOTS } else { options.slots };
        let permissions = if options.permissions == 0 { 0o600 } else { options.permissions };
        Ok(Plan { dtype, layout, front, capacity_bytes, slots, permissions })
    }

    /// Build in the first place that has room, fill, and publish.
    fn build(&self, places: &[Place], options: &Options, fill: impl FnOnce(&View) -> Result<()>) -> Result<Array> {
        let (segment, unnamed) = self.build_in_one_of(places, options)?;
        let start = segment.start().wrapping_add(self.front.len());
        let (itemsize, alignment) = (self.dtype.itemsize(), self.dtype.alignment());
        let mut view = View::new(start, Geometry::of(&self.layout), itemsize, alignment);
        view.writable = true;
        fill(&view)?;
        unnamed.publish(&segment)?;
        Array::over(segment, options.untracked)
    }

    fn build_in_one_of(&self, places: &[Place], options: &Options) -> Result<(Segment, Unnamed)> {
        let mut failed: Option<Error> = None;
        for place in places {
            let error = match self.build_in(place, options) {
                Err(error) if placement::may_fit_elsewhere(&error) => error,
                done => return done,
            };
            failed = Some(match failed {
                None => error,
                Some(before) => Error::new(error.code(), format!("{}; {}", before.detail(), error.detail())),
            });
        }
        Err(failed.unwrap_or_else(|| Error::invalid("there is no place to put the array")))
    }

    fn build_in(&self, place: &Place, options: &Options) -> Result<(Segment, Unnamed)> {
        let blueprint = Blueprint {
            kind: kind::ARRAY,
            front: &self.front,
            data_offset: self.front.len() as u64,
            layout: self.layout,
            capacity_bytes: self.capacity_bytes,
            dtype: self.dtype.descr(),
            tag: self.dtype.tag(),
            metadata: options.metadata.unwrap_or_default(),
            slots: self.slots,
            ranges: self.slots,
            state_len: 0,
            wakes_readers: options.wakes_readers,
            lifetime: if options.last_close { lifetime::LAST_CLOSE } else { lifetime::UNTIL_UNLINKED },
            origin: if options.way == Way::Lazy { origin::LAZY } else { 0 },
        };
        let birth = Birth { way: options.way, nodes: options.nodes };
        build(place, &blueprint, self.permissions, &birth, options.readiness)
    }

    /// What exists must be what would have been made.
    fn require_same(&self, array: Array) -> Result<Array> {
        let layout = array.layout()?;
        let same = array.opened.dtype == self.dtype
            && layout.shape() == self.layout.shape()
            && layout.fortran == self.layout.fortran;
        if same {
            return Ok(array);
        }
        Err(Error::os(
            Errno::EEXIST,
            format!(
                "{} exists with dtype {} and shape {:?} in {} order, not with dtype {} and shape {:?} in {} order: open it as \
                 it is, or unlink it",
                array.segment().place(),
                array.opened.dtype.descr(),
                layout.shape(),
                order(&layout),
                self.dtype.descr(),
                self.layout.shape(),
                order(&self.layout)
            ),
        ))
    }
}

fn order(layout: &Layout) -> &'static str {
    if layout.fortran == 1 { "Fortran" } else { "C" }
}
