//! Toys: one sound implementation in its simplest form, and the same with one classic bug each.
//!
//! A segment is a file of eight words of header and the elements. The lock is an OFD lock on one byte of it
//! (exclusive or shared; the kernel drops it when its holder dies), and a word that says "somebody is writing": who
//! finds that word set by one who is gone gets EOWNERDEAD. Users keep a read lock on another byte. Slow, unfair and
//! sound.

use std::cell::Cell;
use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use super::{ELEMENTS, Failure, Life, Subject};
use crate::engine::ground::DIRECTORY;
use crate::engine::marks::Hold;
use crate::engine::page::now_ns;

/// No bug at all.
pub const SOUND: u8 = 0;
/// A lock word that dies with its holder: whoever comes next waits for ever.
pub const HANG: u8 = 1;
/// The holder is its pid, and dead if there is no such pid: wrong as soon as two processes are both tid 1.
pub const PID: u8 = 2;
/// The lock passes on, and nobody is told that a writer died.
pub const SILENT: u8 = 3;
/// Readers do not lock at all.
pub const READERS: u8 = 4;
/// A new segment is visible under its name before it is complete.
pub const HALF: u8 = 5;
/// A new segment is built under another name first, which stays when its maker dies.
pub const LITTER: u8 = 6;
/// An error after the file was opened forgets the descriptor.
pub const LEAK: u8 = 7;
/// An error is not expected at all.
pub const CRASH: u8 = 8;
/// A lock that is taken from its holder when that is slow: a stopped process is not dead.
pub const LEASE: u8 = 9;
/// Closing does not unmap.
pub const CLING: u8 = 10;
/// Waits end long after their time.
pub const TARDY: u8 = 11;

const MAGIC: u64 = 0x746F_7920_7365_676D;
const WORDS: usize = 8 + ELEMENTS;
const SIZE: usize = WORDS * 8;

// Bytes to lock.
const USED: i64 = 1 << 62;
const HELD: i64 = USED + 1;

// Words of the header.
const LIFE: usize = 1;
const WRITING: usize = 2;
const OWNER: usize = 3;
const SINCE: usize = 4;

/// The locks of these are a word in memory, which says who holds it.
const fn is_word(bug: u8) -> bool {
    matches!(bug, HANG | PID | LEASE)
}

/// An open segment with one bug, or none.
pub struct Toy<const BUG: u8> {
    path: String,
    file: Option<File>,
    words: &'static [AtomicU64],
    held: Cell<Option<Hold>>,
    told: Cell<bool>,
}

fn errno() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

fn failure(code: i32, words: &str) -> Failure {
    Failure { code, words: words.to_owned() }
}

fn failed(what: &str) -> impl FnOnce(std::io::Error) -> Failure {
    move |why| failure(why.raw_os_error().unwrap_or(libc::EIO), what)
}

/// Set or drop an OFD lock on one byte: 0 or an errno.
fn byte_lock(file: &File, byte: i64, kind: libc::c_int, wait: bool) -> i32 {
    let lock = libc::flock { l_type: kind as i16, l_whence: 0, l_start: byte, l_len: 1, l_pid: 0 };
    let command = if wait { libc::F_OFD_SETLKW } else { libc::F_OFD_SETLK };
    loop {
        // SAFETY: `lock` outlives the call.
        match unsafe { libc::fcntl(file.as_raw_fd(), command, &lock) } {
            0 => return 0,
            _ if errno() == libc::EINTR => {}
            _ => return errno(),
        }
    }
}

impl<const BUG: u8> Toy<BUG> {
    fn path(name: &str) -> String {
        format!("{DIRECTORY}/{name}")
    }

    /// Map a file whose USED byte is locked.
    fn map(path: String, file: File) -> Result<Self, Failure> {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping; nothing is replaced.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), SIZE, access, libc::MAP_SHARED, file.as_raw_fd(), 0) };
        if start == libc::MAP_FAILED {
            let code = errno();
            if BUG == LEAK {
                std::mem::forget(file);
            }
            return Err(failure(code, "mmap"));
        }
        // SAFETY: page-aligned, SIZE bytes long, and unmapped only on drop; every bit pattern is a valid atomic.
        let words = unsafe { std::slice::from_raw_parts(start.cast::<AtomicU64>(), WORDS) };
        Ok(Toy { path, file: Some(file), words, held: Cell::new(None), told: Cell::new(false) })
    }

    fn file(&self) -> &File {
        self.file.as_ref().expect("there until dropped")
    }

    fn try_lock(&self, hold: Hold) -> i32 {
        if is_word(BUG) {
            return self.try_word();
        }
        if BUG == READERS && hold == Hold::Shared {
            return 0;
        }
        let kind = if hold == Hold::Exclusive { libc::F_WRLCK } else { libc::F_RDLCK };
        match byte_lock(self.file(), HELD, kind, false) {
            0 => {}
            libc::EAGAIN | libc::EACCES => return libc::EBUSY,
            other => return other,
        }
        let was_writing = match hold {
            Hold::Exclusive => self.words[WRITING].swap(1, SeqCst) == 1,
            Hold::Shared => self.words[WRITING].load(SeqCst) == 1,
        };
        self.told.set(was_writing);
        if was_writing && BUG != SILENT { libc::EOWNERDEAD } else { 0 }
    }

    fn try_word(&self) -> i32 {
        let owner = self.words[OWNER].load(SeqCst);
        let dead = match BUG {
            // SAFETY: signal 0 only asks.
            PID => owner != 0 && unsafe { libc::kill(owner as i32, 0) } != 0,
            LEASE => now_ns().saturating_sub(self.words[SINCE].load(SeqCst)) > 1_000_000,
            _ => false,
        };
        if owner != 0 && !dead {
            return libc::EBUSY;
        }
        match self.words[OWNER].compare_exchange(owner, std::process::id().into(), SeqCst, SeqCst) {
            Err(_) => return libc::EBUSY,
            Ok(_) if BUG == LEASE => self.words[SINCE].store(now_ns(), SeqCst),
            Ok(_) => {}
        }
        if owner == 0 { 0 } else { libc::EOWNERDEAD }
    }
}

impl<const BUG: u8> Subject for Toy<BUG> {
    fn create(name: &str, life: Life, _slots: u32) -> Result<Self, Failure> {
        let path = Self::path(name);
        let mut header = [0u8; SIZE];
        header[..8].copy_from_slice(&MAGIC.to_ne_bytes());
        header[LIFE * 8] = (life == Life::LastClose).into();

        let mut options = OpenOptions::new();
        options.read(true).write(true).mode(0o600);
        if BUG == HALF || BUG == LITTER {
            let place = if BUG == LITTER { format!("{path}.new") } else { path.clone() };
            let file = options.create_new(true).open(&place).map_err(failed("open"))?;
            file.set_len(SIZE as u64).map_err(failed("ftruncate"))?;
            file.write_all_at(&header, 0).map_err(failed("write"))?;
            byte_lock(&file, USED, libc::F_RDLCK, false);
            if BUG == LITTER {
                fs::rename(&place, &path).map_err(failed("rename"))?;
            }
            return Self::map(path, file);
        }

        let file = options.custom_flags(libc::O_TMPFILE).open(DIRECTORY).map_err(failed("open of an unnamed file"))?;
        file.write_all_at(&header, 0).map_err(failed("write"))?;
        match byte_lock(&file, USED, libc::F_RDLCK, false) {
            0 => {}
            code if BUG == CRASH => panic!("fcntl: {code}"),
            code => return Err(failure(code, "fcntl")),
        }
        // Mapped before it gets its name, so that nothing can go wrong afterwards.
        let toy = Self::map(path.clone(), file)?;
        let [from, to] =
            [format!("/proc/self/fd/{}", toy.file().as_raw_fd()), path].map(|path| CString::new(path).unwrap());
        let flags = libc::AT_SYMLINK_FOLLOW;
        // SAFETY: both names are terminated and outlive the call.
        if unsafe { libc::linkat(libc::AT_FDCWD, from.as_ptr(), libc::AT_FDCWD, to.as_ptr(), flags) } != 0 {
            return Err(failure(errno(), "linkat"));
        }
        Ok(toy)
    }

    fn open(name: &str) -> Result<Self, Failure> {
        let path = Self::path(name);
        loop {
            let file = OpenOptions::new().read(true).write(true).open(&path).map_err(failed("open"))?;
            match byte_lock(&file, USED, libc::F_RDLCK, true) {
                0 => {}
                code => return Err(failure(code, "fcntl")),
            }
            let own = file.metadata().map_err(failed("fstat"))?;
            match fs::metadata(&path) {
                Ok(named) if named.ino() == own.ino() => {}
                Ok(_) => continue,
                Err(why) => return Err(failed("stat")(why)),
            }
            if own.size() != SIZE as u64 {
                return Err(failure(-20, "not of the right size"));
            }
            let toy = Self::map(path, file)?;
            if toy.words[0].load(SeqCst) != MAGIC {
                return Err(failure(-20, "no magic number"));
            }
            return Ok(toy);
        }
    }

    fn create_or_open(name: &str, life: Life) -> Result<Self, Failure> {
        loop {
            match Self::open(name) {
                Err(Failure { code: libc::ENOENT, .. }) => {}
                other => return other,
            }
            match Self::create(name, life, 0) {
                Err(Failure { code: libc::EEXIST, .. }) => {}
                other => return other,
            }
        }
    }

    fn elements(&self) -> &[AtomicU64] {
        &self.words[8..]
    }

    fn identity(&self) -> Result<u64, Failure> {
        self.file().metadata().map(|own| own.ino() << 8).map_err(failed("fstat"))
    }

    fn lock(&self, hold: Hold, timeout_ns: i64) -> i32 {
        // Who does not wait does not look at the clock either: a look at it takes now more instructions, now fewer.
        let mut start = None;
        let late = if BUG == TARDY { 60_000_000 } else { 0 };
        let patience = Duration::from_nanos(timeout_ns.max(0) as u64 + late);
        for attempt in 0.. {
            match self.try_lock(hold) {
                libc::EBUSY if timeout_ns == 0 => return libc::EBUSY,
                libc::EBUSY if timeout_ns > 0 && start.get_or_insert_with(Instant::now).elapsed() >= patience => {
                    return libc::ETIMEDOUT;
                }
                libc::EBUSY => std::thread::sleep(Duration::from_micros(if attempt < 8 { 20 } else { 3000 })),
                code => {
                    if code == 0 || code == libc::EOWNERDEAD {
                        self.held.set(Some(hold));
                    }
                    return code;
                }
            }
        }
        unreachable!("the loop only ends by returning")
    }

    fn unlock(&self) -> i32 {
        match self.held.take() {
            None => return libc::EPERM,
            Some(_) if is_word(BUG) => {
                self.words[OWNER].store(0, SeqCst);
                return 0;
            }
            Some(Hold::Exclusive) if !self.told.get() => self.words[WRITING].store(0, SeqCst),
            Some(_) => {}
        }
        byte_lock(self.file(), HELD, libc::F_UNLCK, false)
    }

    fn recover(&self) -> i32 {
        self.told.set(false);
        if self.held.get() == Some(Hold::Exclusive) { 0 } else { libc::EPERM }
    }

    fn unlink(name: &str) -> i32 {
        fs::remove_file(Self::path(name)).map_or_else(|why| why.raw_os_error().unwrap_or(libc::EIO), |()| 0)
    }

    fn collect() -> i32 {
        let Ok(entries) = fs::read_dir(DIRECTORY) else { return errno() };
        entries.flatten().for_each(|entry| remove_unused(&entry.path().to_string_lossy()));
        0
    }

    fn detail() -> String {
        String::new()
    }
}

/// Remove a segment that is to live until the last close, if that was it.
fn remove_unused(path: &str) {
    let Ok(file) = OpenOptions::new().read(true).write(true).open(path) else { return };
    let mut header = [0u8; 16];
    let ours =
        file.read_exact_at(&mut header, 0).is_ok() && header[..8] == MAGIC.to_ne_bytes() && header[LIFE * 8] == 1;
    if ours && byte_lock(&file, USED, libc::F_WRLCK, false) == 0 {
        // While we have the byte nobody can begin to use this inode, so the name, if it still is ours, stays ours.
        let same = |own: fs::Metadata, named: fs::Metadata| own.ino() == named.ino();
        if let (Ok(own), Ok(named)) = (file.metadata(), fs::metadata(path))
            && same(own, named)
        {
            let _ = fs::remove_file(path);
        }
    }
}

impl<const BUG: u8> Drop for Toy<BUG> {
    fn drop(&mut self) {
        if self.held.get().is_some() {
            self.unlock();
        }
        let last_close = self.words[LIFE].load(SeqCst) == 1;
        if BUG != CLING {
            // SAFETY: the mapping that `map` made; nothing borrows from it any more.
            unsafe { libc::munmap(self.words.as_ptr() as *mut libc::c_void, SIZE) };
        }
        self.file = None;
        if last_close {
            remove_unused(&self.path);
        }
    }
}
