//! The side page: a little shared memory of the harness's own, through which it sees what its participants do.
//!
//! It is a plain memfd full of atomics and owes nothing to the library under test: what the library claims (you
//! hold the lock alone) is compared with what the processes themselves wrote down here. A participant finds it by
//! the descriptor's number among its arguments, maps it and closes the descriptor. It must stay readable when its
//! writer dies in the middle of anything, so each fact is one atomic word.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU32, AtomicU64, Ordering::SeqCst};

/// How many processes can be on the page at once, the dead that are not yet reaped included.
pub const SLOTS: usize = 64;

/// `Slot::meddled`: some call was made to fail.
pub const INJECTED: u32 = 1;
/// `Slot::meddled`: it was a munmap, so what was to be unmapped may still be mapped.
pub const UNMAPPED: u32 = 2;

const TALLIES: usize = 32;
const WORDS: usize = 800;

/// The whole page.
#[repr(C)]
pub struct Page {
    /// From which all choices of this run follow.
    pub seed: AtomicU64,
    /// The slot of the first process that complained; what others say after that may only follow from it. 0:
    /// nobody.
    pub first_complaint: AtomicU32,
    /// Victims go to sleep at once where they have to wait, and do not spin first.
    pub sleeps_at_once: AtomicU32,
    /// How often each of the scenario's invariants was checked.
    pub tallies: [AtomicU64; TALLIES],
    /// One for each process.
    pub slots: [Slot; SLOTS],
}

/// What one process says about itself.
#[repr(C, align(1024))]
pub struct Slot {
    /// CLOCK_MONOTONIC nanoseconds of its last sign of life.
    pub beat: AtomicU64,
    /// Rounds it has completed.
    pub rounds: AtomicU64,
    /// What it is doing, in up to eight letters; 0 before its first word.
    pub doing: AtomicU64,
    /// What it holds; see `marks`.
    pub mark: AtomicU64,
    /// How often it has set its mark.
    pub entries: AtomicU64,
    /// Order from the harness to a survivor (see `trial`), and the answer. Futex words.
    pub command: AtomicU32,
    /// The answer to `command`.
    pub answer: AtomicU32,
    /// The last marker that a victim has passed (see `World::begin`).
    pub marker: AtomicU32,
    /// How the victim ended: what its operation returned, or `KILLED`.
    pub fate: AtomicI64,
    /// Errors were injected into the victim: bits of `INJECTED`, `UNMAPPED`.
    pub meddled: AtomicU32,
    length: AtomicU32,
    words: [AtomicU8; WORDS],
}

impl Slot {
    /// Make the slot fit for a new process.
    pub fn reset(&self, now: u64) {
        for word in [&self.rounds, &self.doing, &self.mark] {
            word.store(0, SeqCst);
        }
        for word in [&self.command, &self.answer, &self.marker, &self.meddled, &self.length] {
            word.store(0, SeqCst);
        }
        self.fate.store(0, SeqCst);
        self.beat.store(now, SeqCst);
    }

    /// Say what is being done: one store, so that the dead leave a whole word.
    pub fn set_doing(&self, stage: &str) {
        let mut letters = [0; 8];
        letters[..stage.len()].copy_from_slice(stage.as_bytes());
        self.doing.store(u64::from_le_bytes(letters), SeqCst);
    }

    /// What was being done last.
    pub fn doing(&self) -> String {
        let letters = self.doing.load(SeqCst).to_le_bytes();
        letters.iter().take_while(|&&letter| letter != 0).map(|&letter| letter as char).collect()
    }

    /// Leave a sentence for the harness. The first one stays.
    pub fn say(&self, sentence: &str) {
        if self.length.load(SeqCst) != 0 {
            return;
        }
        let bytes = &sentence.as_bytes()[..sentence.len().min(WORDS)];
        for (to, from) in self.words.iter().zip(bytes) {
            to.store(*from, SeqCst);
        }
        self.length.store(bytes.len() as u32, SeqCst);
    }

    /// The sentence that was left, if any; hearing it clears it.
    pub fn hear(&self) -> Option<String> {
        let length = self.length.swap(0, SeqCst) as usize;
        let bytes: Vec<u8> = self.words.iter().take(length).map(|letter| letter.load(SeqCst)).collect();
        (length > 0).then(|| String::from_utf8_lossy(&bytes).into_owned())
    }
}

impl Page {
    /// Make a page, all zero, and the descriptor by which children find it.
    pub fn make() -> Result<(&'static Page, OwnedFd), String> {
        // Without MFD_CLOEXEC: it is meant to be inherited through exec.
        // SAFETY: a plain system call with a static, terminated name.
        let raw = unsafe { libc::memfd_create(c"death-page".as_ptr(), 0) };
        if raw < 0 {
            return Err(format!("memfd_create for the side page: {}", std::io::Error::last_os_error()));
        }
        // SAFETY: `raw` was just made and belongs to nobody else.
        let fd = unsafe { OwnedFd::from_raw_fd(raw) };
        // SAFETY: `fd` is an open memfd.
        if unsafe { libc::ftruncate(fd.as_raw_fd(), size_of::<Page>() as i64) } != 0 {
            return Err(format!("ftruncate of the side page: {}", std::io::Error::last_os_error()));
        }
        Ok((Page::map(fd.as_raw_fd())?, fd))
    }

    /// Map the page behind an inherited descriptor, and close the descriptor: the page costs a participant none.
    pub fn inherit(raw: i32) -> Result<&'static Page, String> {
        let page = Page::map(raw)?;
        // SAFETY: `raw` was inherited for this purpose alone, and nothing else refers to it.
        drop(unsafe { OwnedFd::from_raw_fd(raw) });
        Ok(page)
    }

    fn map(raw: i32) -> Result<&'static Page, String> {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping at an address of the kernel's choice; nothing is replaced.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), size_of::<Page>(), access, libc::MAP_SHARED, raw, 0) };
        if start == libc::MAP_FAILED {
            return Err(format!("mmap of the side page: {}", std::io::Error::last_os_error()));
        }
        // SAFETY: page-aligned, large enough, never unmapped, and all fields are atomics for which zero is valid.
        Ok(unsafe { &*start.cast::<Page>() })
    }
}

/// CLOCK_MONOTONIC in nanoseconds: the one clock that all processes share.
pub fn now_ns() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` outlives the call.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut now) };
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// Sleep while the word has this value, one millisecond at most. Callers look again in a loop.
pub fn wait_while(word: &AtomicU32, value: u32) {
    let limit = libc::timespec { tv_sec: 0, tv_nsec: 1_000_000 };
    // SAFETY: the word lives in a mapping that is never unmapped; `limit` outlives the call.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAIT, value, &limit, 0, 0) };
}

/// Store a value and wake who waits for it.
pub fn post(word: &AtomicU32, value: u32) {
    word.store(value, SeqCst);
    // SAFETY: as above; the kernel only uses the address to find sleepers.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, i32::MAX, 0, 0, 0) };
}
