//! Files: made under no name, published at once, opened without trust.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::fcntl::{
    AT_FDCWD, AtFlags, FallocateFlags, Flock, FlockArg, OFlag, RenameFlags, fallocate, open, posix_fallocate, renameat2,
};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::stat::{FileStat, Mode, SFlag, fchmod, fstat, lstat};
use nix::sys::uio::{pread, pwrite};
use nix::unistd::{linkat, unlink};

use super::memory;
use super::time::Deadline;
use crate::error::{Context, Errno, Error, Result};

/// Names that begin so are files being built where O_TMPFILE is missing.
pub const HIDDEN_PREFIX: &str = ".shm_array-";

/// What tells one file from every other while it exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    /// Device number, as stat(2) has it.
    pub fn device(self) -> u64 {
        self.device
    }

    /// Inode number.
    pub fn inode(self) -> u64 {
        self.inode
    }
}

/// What fstat(2) says of an open file.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// Which file it is.
    pub id: FileId,
    /// Its length in bytes.
    pub size: u64,
    /// Bytes that it takes of memory or disk.
    pub allocated: u64,
    /// Whether it has a name at all, as the file system counts: not after it was unlinked or replaced.
    pub has_name: bool,
    /// Whether it is an ordinary file, and not a directory, FIFO, device, ...
    pub is_regular: bool,
}

impl From<FileStat> for Facts {
    fn from(stat: FileStat) -> Facts {
        let kind = SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT;
        Facts {
            id: FileId { device: stat.st_dev, inode: stat.st_ino },
            size: stat.st_size as u64,
            allocated: stat.st_blocks as u64 * 512,
            has_name: stat.st_nlink > 0,
            is_regular: kind == SFlag::S_IFREG,
        }
    }
}

/// Open a file that exists, without following a symbolic link and without blocking on a FIFO.
pub fn open_existing(path: &Path, writable: bool) -> nix::Result<OwnedFd> {
    let access = if writable { OFlag::O_RDWR } else { OFlag::O_RDONLY };
    open(path, access | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK | OFlag::O_NOCTTY, Mode::empty())
}

/// A description of one's own of a file that is open already, whatever its name is now.
pub fn reopen(fd: impl AsFd, writable: bool) -> nix::Result<OwnedFd> {
    let access = if writable { OFlag::O_RDWR } else { OFlag::O_RDONLY };
    let path = format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd());
    open(path.as_str(), access | OFlag::O_CLOEXEC, Mode::empty())
}

/// A second descriptor of the same description.
pub fn duplicate(fd: BorrowedFd<'_>) -> Result<OwnedFd> {
    fd.try_clone_to_owned().map_err(|error| {
        let errno = Errno::from_raw(error.raw_os_error().unwrap_or(libc::EBADF));
        Error::os(errno, format!("cannot duplicate descriptor {}: {}{}", fd.as_raw_fd(), errno.desc(), advice(errno)))
    })
}

/// Close a descriptor that is known by its number only, and that nobody else will close.
pub fn close_raw(fd: std::os::fd::RawFd) {
    // SAFETY: a number that is no open descriptor makes it fail, and does no harm.
    unsafe { libc::close(fd) };
}

/// Whether the descriptor was opened for writing.
pub fn is_writable(fd: impl AsFd) -> nix::Result<bool> {
    let flags = nix::fcntl::fcntl(fd, nix::fcntl::FcntlArg::F_GETFL)?;
    Ok(flags & libc::O_ACCMODE == libc::O_RDWR)
}

/// What an open file is.
pub fn facts(fd: impl AsFd) -> nix::Result<Facts> {
    fstat(fd).map(Facts::from)
}

/// What a name stands for now.
pub fn facts_of(path: &Path) -> nix::Result<Facts> {
    lstat(path).map(Facts::from)
}

/// Which file a name stands for now.
pub fn named(path: &Path) -> nix::Result<FileId> {
    facts_of(path).map(|facts| facts.id)
}

/// Memory that looks like a file, without a name.
pub fn anonymous() -> Result<OwnedFd> {
    // Since Linux 6.3; older kernels say EINVAL.
    const NOEXEC: MFdFlags = MFdFlags::from_bits_retain(libc::MFD_NOEXEC_SEAL);
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    memfd_create("shm_array", flags | NOEXEC)
        .or_else(|errno| if errno == Errno::EINVAL { memfd_create("shm_array", flags) } else { Err(errno) })
        .map_err(|errno| {
            Error::os(errno, format!("cannot make anonymous shared memory: {}{}", errno.desc(), advice(errno)))
        })
}

/// Fix the length of a memfd for ever, so that nobody can take memory away under a mapping.
pub fn seal_length(fd: impl AsFd) -> nix::Result<()> {
    use nix::fcntl::{FcntlArg, SealFlag, fcntl};
    let seals = SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SEAL;
    fcntl(fd, FcntlArg::F_ADD_SEALS(seals)).map(drop)
}

/// A file that has no name yet, in the directory of `path`, and what gives it one.
pub fn create_beside(path: &Path) -> nix::Result<(OwnedFd, Unpublished)> {
    let directory = path.parent().unwrap_or(Path::new("/"));
    let flags = OFlag::O_TMPFILE | OFlag::O_RDWR | OFlag::O_CLOEXEC;
    match open(directory, flags, Mode::S_IRUSR | Mode::S_IWUSR) {
        Ok(fd) => Ok((fd, Unpublished { hidden: None })),
        // Kernels and file systems without O_TMPFILE say one of these; a missing directory says ENOENT.
        Err(Errno::EOPNOTSUPP | Errno::EISDIR | Errno::EINVAL) => create_hidden(directory),
        Err(errno) => Err(errno),
    }
}

fn create_hidden(directory: &Path) -> nix::Result<(OwnedFd, Unpublished)> {
    let random = u128::from_ne_bytes(super::process::random_id());
    let path = directory.join(format!("{HIDDEN_PREFIX}{random:032x}"));
    let flags = OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_RDWR | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
    let fd = open(&path, flags, Mode::S_IRUSR | Mode::S_IWUSR)?;
    Ok((fd, Unpublished { hidden: Some(path) }))
}

/// The right to give a new file its name. Without O_TMPFILE it has a hidden one, which goes with this value.
#[derive(Debug)]
pub struct Unpublished {
    hidden: Option<PathBuf>,
}

impl Unpublished {
    /// Name the finished file `fd`, unless the name is taken (EEXIST).
    pub fn publish(mut self, fd: impl AsFd, path: &Path) -> nix::Result<()> {
        match &self.hidden {
            None => link(fd, path)?,
            Some(hidden) => renameat2(AT_FDCWD, hidden, AT_FDCWD, path, RenameFlags::RENAME_NOREPLACE)?,
        }
        self.hidden = None;
        Ok(())
    }
}

impl Drop for Unpublished {
    fn drop(&mut self) {
        if let Some(hidden) = &self.hidden {
            // Nothing more can be done about a failure; collecting finds such files.
            let _ = unlink(hidden);
        }
    }
}

/// AT_EMPTY_PATH needs Linux 6.10 or a capability; the way through /proc needs /proc.
fn link(fd: impl AsFd, path: &Path) -> nix::Result<()> {
    match linkat(&fd, "", AT_FDCWD, path, AtFlags::AT_EMPTY_PATH) {
        Err(Errno::ENOENT | Errno::EPERM | Errno::EINVAL) => {
            let itself = format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd());
            linkat(AT_FDCWD, itself.as_str(), AT_FDCWD, path, AtFlags::AT_SYMLINK_FOLLOW)
        }
        done => done,
    }
}

/// Take a name away.
pub fn remove(path: &Path) -> nix::Result<()> {
    unlink(path)
}

/// Set the permission bits, whatever the umask is.
pub fn set_permissions(fd: impl AsFd, bits: u32) -> nix::Result<()> {
    fchmod(fd, Mode::from_bits_truncate(bits))
}

/// Reserve real memory or disk for a part of the file, which grows where it must: what is reserved can be
/// touched without SIGBUS. On failure a part of it may stay reserved.
pub fn allocate(fd: impl AsFd, offset: u64, len: u64) -> nix::Result<()> {
    // A signal undoes a call that it interrupts. In pieces it comes to an end under any timer.
    const PIECE: u64 = 64 << 20;
    let end = offset.checked_add(len).filter(|end| i64::try_from(*end).is_ok()).ok_or(Errno::EFBIG)?;
    let mut start = offset;
    while start < end {
        let piece = PIECE.min(end - start);
        match fallocate(fd.as_fd(), FallocateFlags::empty(), start as i64, piece as i64) {
            Ok(()) => start += piece,
            Err(Errno::EINTR) => {}
            // Not on every file system: the C library then writes a byte into every block.
            Err(Errno::EOPNOTSUPP) => return posix_fallocate(fd.as_fd(), start as i64, (end - start) as i64),
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// Give back what a part of the file takes; it reads as zeros from then on, and the length stays.
pub fn punch(fd: impl AsFd, offset: u64, len: u64) -> nix::Result<()> {
    let flags = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
    loop {
        match fallocate(fd.as_fd(), flags, offset as i64, len as i64) {
            Err(Errno::EINTR) => {}
            done => return done,
        }
    }
}

/// Begin to write a part of the file to disk, without waiting for it.
pub fn start_writing_back(fd: impl AsFd, offset: u64, len: u64) -> nix::Result<()> {
    let fd = fd.as_fd().as_raw_fd();
    // SAFETY: numbers only.
    let done = unsafe { libc::sync_file_range(fd, offset as i64, len as i64, libc::SYNC_FILE_RANGE_WRITE) };
    Errno::result(done).map(drop)
}

/// Let the kernel forget what it caches of a part of the file, as far as that is on disk and nobody maps it.
pub fn forget_cached(fd: impl AsFd, offset: u64, len: u64) -> nix::Result<()> {
    nix::fcntl::posix_fadvise(fd, offset as i64, len as i64, nix::fcntl::PosixFadviseAdvice::POSIX_FADV_DONTNEED)
}

/// Whether the file's bytes are nowhere but in memory and swap (tmpfs, memfd).
pub fn is_in_memory(fd: impl AsFd) -> bool {
    nix::sys::statfs::fstatfs(fd).is_ok_and(|kind| kind.filesystem_type() == nix::sys::statfs::TMPFS_MAGIC)
}

/// Cut the file to this length.
pub fn truncate(fd: impl AsFd, len: u64) -> nix::Result<()> {
    nix::unistd::ftruncate(fd, len as i64)
}

/// Read until the buffer is full or the file ends; says how many bytes there were.
pub fn read_at(fd: impl AsFd, buffer: &mut [u8], offset: u64) -> nix::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match pread(fd.as_fd(), &mut buffer[done..], (offset + done as u64) as i64) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(done)
}

/// Write all of the bytes. EFBIG beyond RLIMIT_FSIZE, where the kernel would kill with SIGXFSZ.
pub fn write_at(fd: impl AsFd, bytes: &[u8], offset: u64) -> nix::Result<()> {
    if memory::file_size_limit().is_some_and(|limit| offset + bytes.len() as u64 > limit) {
        return Err(Errno::EFBIG);
    }
    let mut done = 0;
    while done < bytes.len() {
        match pwrite(fd.as_fd(), &bytes[done..], (offset + done as u64) as i64) {
            Ok(0) => return Err(Errno::EIO),
            Ok(count) => done += count,
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// Refuse file systems whose locks and pages live on a server: nothing here would hold there.
pub fn require_local(fd: impl AsFd, what: &dyn std::fmt::Display) -> Result<()> {
    const NETWORKED: [(i64, &str); 9] = [
        (0x6969, "NFS"),
        (0x517B, "SMB"),
        (0xFE53_4D42, "SMB"),
        (0xFF53_4D42, "CIFS"),
        (0x0102_1997, "9p"),
        (0x00C3_6400, "Ceph"),
        (0x5346_414F, "AFS"),
        (0x7375_7245, "Coda"),
        (0x0BD0_0BD0, "Lustre"),
    ];
    let kind = nix::sys::statfs::fstatfs(fd).context(|| format!("cannot examine the file system of {what}"))?;
    let magic = kind.filesystem_type().0 as i64;
    match NETWORKED.iter().find(|known| known.0 == magic) {
        None => Ok(()),
        Some((_, name)) => Err(Error::os(
            Errno::EOPNOTSUPP,
            format!("{what} is on a network file system ({name}), whose locks go to a server: use a local directory"),
        )),
    }
}

/// Be the only one who gives names in a directory, until the result is dropped; `None` where there is no such
/// directory.
pub fn turn_in(directory: &Path, deadline: Deadline) -> nix::Result<Option<Flock<OwnedFd>>> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let mut fd = match open(directory, flags, Mode::empty()) {
        Ok(fd) => fd,
        Err(Errno::ENOENT) => return Ok(None),
        Err(errno) => return Err(errno),
    };
    loop {
        match Flock::lock(fd, FlockArg::LockExclusiveNonblock) {
            Ok(turn) => return Ok(Some(turn)),
            Err((back, Errno::EAGAIN | Errno::EINTR)) if !deadline.has_passed() => fd = back,
            Err((_, errno)) => return Err(errno),
        }
        std::thread::sleep(std::time::Duration::from_micros(200));
    }
}

/// Names in a directory.
pub fn names_in(directory: &Path) -> Result<Vec<String>> {
    let entries = std::fs::read_dir(directory).context(|| format!("cannot list {}", directory.display()))?;
    Ok(entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect())
}

/// What to do about an errno that opening or making a file gave.
pub fn advice(errno: Errno) -> String {
    match errno {
        Errno::EMFILE => match memory::descriptor_limit() {
            Some(limit) => format!(
                "; this process may have {limit} descriptors (RLIMIT_NOFILE): raise it with ulimit -n, or open arrays \
                 with SHM_ARRAY_UNTRACKED, which keeps no descriptor"
            ),
            None => String::new(),
        },
        Errno::ENFILE => "; the whole machine is out of file descriptors (sysctl fs.file-max)".into(),
        Errno::ELOOP => "; it is a symbolic link, which is not followed: give the path that it points to".into(),
        Errno::EACCES | Errno::EPERM => format!("; this process has user id {}", super::process::user_id()),
        _ => String::new(),
    }
}
