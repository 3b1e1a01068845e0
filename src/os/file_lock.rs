//! Locks on single bytes far beyond a file's end, which the kernel drops when their holder dies.
//!
//! They are open-file-description locks (fcntl F_OFD_SETLK): they belong to the description, not to the
//! process or the thread, and go when the last descriptor *and the last mapping* of that description are
//! gone. So they tell the living from the dead in every PID namespace, for zombies, after unlink, and on
//! /dev/shm, memfd and disk files alike.

use std::os::fd::{AsFd, AsRawFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};

/// Whether the lock may be shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Many may hold it; the descriptor must be open for reading.
    Read,
    /// One may hold it; the descriptor must be open for writing.
    Write,
}

fn record(kind: Kind, byte: i64) -> libc::flock {
    let l_type = match kind {
        Kind::Read => libc::F_RDLCK,
        Kind::Write => libc::F_WRLCK,
    };
    libc::flock { l_type: l_type as _, l_whence: libc::SEEK_SET as _, l_start: byte, l_len: 1, l_pid: 0 }
}

/// Take the lock without waiting: false where somebody else is in the way.
pub fn try_lock(fd: impl AsFd, byte: i64, kind: Kind) -> nix::Result<bool> {
    match fcntl(fd, FcntlArg::F_OFD_SETLK(&record(kind, byte))) {
        Ok(_) => Ok(true),
        Err(Errno::EAGAIN | Errno::EACCES) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// Whether another description holds a write lock of exactly this byte.
///
/// A lock that merely covers the byte (somebody's lock of the whole file) does not count.
pub fn is_write_locked(fd: impl AsFd, byte: i64) -> nix::Result<bool> {
    let mut found = record(Kind::Read, byte);
    // SAFETY: F_OFD_GETLK reads and writes one flock record, which outlives the call.
    Errno::result(unsafe { libc::fcntl(fd.as_fd().as_raw_fd(), libc::F_OFD_GETLK, &raw mut found) })?;
    let exact = found.l_start == byte && found.l_len == 1 && found.l_pid == -1;
    Ok(found.l_type == libc::F_WRLCK as libc::c_short && exact)
}

/// Whether anybody else's lock covers the byte, of either kind.
pub fn is_locked(fd: impl AsFd, byte: i64) -> nix::Result<bool> {
    let mut found = record(Kind::Write, byte);
    // SAFETY: F_OFD_GETLK reads and writes one flock record, which outlives the call.
    Errno::result(unsafe { libc::fcntl(fd.as_fd().as_raw_fd(), libc::F_OFD_GETLK, &raw mut found) })?;
    Ok(found.l_type != libc::F_UNLCK as libc::c_short)
}
