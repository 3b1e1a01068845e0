//! Making a shared array of an ordinary .npy file, in place: a control block is appended behind the elements.
//!
//! The file stays a valid .npy at every moment. First the file grows to its final length, with a mark at its
//! end that says what is going on; then comes the control block, and the trailer last, which alone makes it a
//! segment. Whoever dies on the way leaves an ordinary file with that mark, and the next one begins again.

use std::mem::size_of;
use std::os::fd::AsFd;

use crate::error::{Context, Errno, Error, Result};
use crate::os::file::{self, FileId};
use crate::os::memory::Bytes;
use crate::os::name::Place;
use crate::os::time::Timeout;

use super::create::{Blueprint, Rear};
use super::examine::{Contents, examine};
use super::format::ADOPTING;
use super::open::{PATIENCE, cannot_open};
use super::refusal::{self, Need};
use super::remove::take_name_byte;

/// Adopt the file that `place` names, which was opened as `id`. Done already, by somebody else, is done.
pub fn adopt(place: &Place, id: FileId, blueprint: &Blueprint) -> Result<()> {
    let path = place.path().ok_or_else(|| Error::invalid("only a file with a name can be adopted"))?;
    let fd = file::open_existing(path, true).map_err(|errno| cannot_open(place, errno))?;
    take_name_byte(&fd, place, Timeout::For(PATIENCE).deadline())?;
    let facts = file::facts(&fd).context(|| format!("cannot examine {place}"))?;
    if facts.id != id {
        return Err(Error::os(Errno::ESTALE, format!("{place} is another file by now: it was not adopted")));
    }
    let half_adopted = match examine(&fd, &facts, place)? {
        Contents::Shared(_) => return Ok(()),
        Contents::Ordinary(file) => file.half_adopted,
    };
    let data_end = blueprint.data_offset + blueprint.capacity_bytes;
    if facts.size != data_end && !half_adopted {
        return Err(Error::invalid(format!(
            "{place} has {} behind its elements, which adopting would overwrite: copy the array into a file of its own",
            Bytes(facts.size.saturating_sub(data_end))
        )));
    }
    let rear = Rear::of(blueprint, place)?;
    let trailer = rear.description.trailer;
    let need = Need { file_len: trailer.file_len, fresh: trailer.control_len, locked: false };
    refusal::refuse_early(place, fd.as_fd(), need)?;
    let done = append(&fd, &rear, data_end);
    done.map_err(|errno| {
        let error = refusal::no_room(place, fd.as_fd(), trailer.control_len, errno);
        // Back to what it was. Should even that fail, the mark at the end tells the next one.
        let _ = file::truncate(&fd, data_end);
        error
    })
}

fn append(fd: impl AsFd, rear: &Rear, data_end: u64) -> nix::Result<()> {
    let trailer = &rear.description.trailer;
    // What an interrupted adoption may have left.
    file::truncate(&fd, data_end)?;
    file::write_at(&fd, &ADOPTING, trailer.file_len - size_of::<[u8; 8]>() as u64)?;
    file::allocate(&fd, trailer.control_offset, trailer.control_len)?;
    rear.write_without_trailer(&fd)?;
    rear.write_trailer(&fd)
}

#[cfg(test)]
mod tests {
    use super::super::format::{Layout, MAGIC, Trailer, kind};
    use super::super::npy;
    use super::*;

    #[test]
    fn an_interrupted_adoption_leaves_a_valid_npy_and_is_finished_by_the_next() {
        let path = std::env::temp_dir().join(format!("shm_array-adopt-{}.npy", std::process::id()));
        let front = npy::render("<f8", false, &[4], 128).unwrap();
        std::fs::write(&path, [front.as_slice(), &[7; 32]].concat()).unwrap();
        let place = Place::parse(Some(&format!("file://{}", path.display()))).unwrap();
        let fd = file::open_existing(&path, true).unwrap();
        let blueprint = Blueprint {
            kind: kind::ARRAY,
            front: &[],
            data_offset: 128,
            layout: Layout::new(8, &[4], false, 4),
            capacity_bytes: 32,
            dtype: "<f8",
            tag: "",
            metadata: "",
            slots: 256,
            ranges: 256,
            state_len: 0,
            wakes_readers: false,
            lifetime: 0,
            origin: 1,
        };
        let rear = Rear::of(&blueprint, &place).unwrap();
        let end = rear.description.trailer.file_len;

        // As a death before the trailer leaves it.
        file::write_at(&fd, &ADOPTING, end - 8).unwrap();
        rear.write_without_trailer(&fd).unwrap();
        let facts = file::facts(&fd).unwrap();
        let Contents::Ordinary(half) = examine(&fd, &facts, &place).unwrap() else { panic!("not yet a segment") };
        assert!(half.half_adopted);

        adopt(&place, facts.id, &blueprint).unwrap();
        let facts = file::facts(&fd).unwrap();
        assert!(matches!(examine(&fd, &facts, &place).unwrap(), Contents::Shared(_)));
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(&bytes[bytes.len() - 8..], MAGIC);
        assert_eq!(bytes.len() as u64, end);
        assert_eq!(&bytes[..160], [front.as_slice(), &[7; 32]].concat());
        assert_eq!(size_of::<Trailer>(), 64);
        std::fs::remove_file(path).unwrap();
    }
}
