//! A descriptor that becomes readable when we say so, for epoll and its relatives.

use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

use nix::errno::Errno;

use super::file;
use crate::error::{Error, Result};

/// An eventfd: close-on-exec, and never blocking.
#[derive(Debug)]
pub struct EventFd(OwnedFd);

impl EventFd {
    /// Not readable yet.
    pub fn new() -> Result<EventFd> {
        // SAFETY: takes two numbers.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        let fd = Errno::result(fd).map_err(|errno| {
            Error::os(errno, format!("cannot make an eventfd: {}{}", errno.desc(), file::advice(errno)))
        })?;
        // SAFETY: the descriptor is new, and nobody else's.
        Ok(EventFd(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Another descriptor of the same.
    pub fn duplicate(&self) -> Result<OwnedFd> {
        file::duplicate(self.0.as_fd())
    }

    /// Make it readable, if it is not.
    pub fn ring(&self) {
        let one = 1u64.to_ne_bytes();
        // SAFETY: eight bytes, which outlive the call. Full, it is readable already.
        unsafe { libc::write(self.0.as_raw_fd(), one.as_ptr().cast(), one.len()) };
    }
}
