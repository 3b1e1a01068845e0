//! Which process this is, and whether it still is the one that it was a moment ago.
//!
//! A forked child starts as a copy of its parent, with everything that the parent noted about itself. What
//! is noted about one process therefore carries that process's *epoch*, a number that changes in every
//! child. It lives in a page that the kernel wipes in children (MADV_WIPEONFORK), so that even a child made
//! by a bare clone(2), which runs no fork handlers, sees zero there and knows.

use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};

use memmap2::{MmapMut, MmapRaw};

static PAGE: AtomicPtr<AtomicU64> = AtomicPtr::new(std::ptr::null_mut());
static LAST: AtomicU64 = AtomicU64::new(0);

/// A number that is never the same in a process and in its forked child; never 0, and far below 2^32: it grows by about one
/// with each fork.
#[inline]
pub fn epoch() -> u64 {
    let page = PAGE.load(Ordering::Acquire);
    if !page.is_null() {
        // SAFETY: the page is mapped once and for ever.
        let epoch = unsafe { &*page }.load(Ordering::Relaxed);
        if epoch != 0 {
            return epoch;
        }
    }
    begin_epoch()
}

/// Where the epoch stands, for who looks at it all the time; 0 in a child that has not asked for it yet.
pub fn epoch_word() -> &'static AtomicU64 {
    page()
}

#[cold]
#[inline(never)]
fn begin_epoch() -> u64 {
    let word = page();
    let fresh = LAST.fetch_add(1, Ordering::Relaxed) + 1;
    match word.compare_exchange(0, fresh, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => fresh,
        Err(another_thread_was_first) => another_thread_was_first,
    }
}

/// In a child made by fork(): begin a new epoch even where the kernel did not wipe the page.
pub fn renew_epoch() {
    page().store(LAST.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Release);
}

fn page() -> &'static AtomicU64 {
    let known = PAGE.load(Ordering::Acquire);
    let page = if known.is_null() { make_page() } else { known };
    // SAFETY: the page is mapped once and for ever.
    unsafe { &*page }
}

/// Where there is no memory for a page: fork handlers renew this, too, and only a bare clone(2) goes unnoticed.
static UNWIPED: AtomicU64 = AtomicU64::new(0);

fn make_page() -> *mut AtomicU64 {
    // A page of its own: advice is given by the page.
    let map = MmapMut::map_anon(page_size()).map(MmapRaw::from).ok();
    if let Some(map) = &map {
        // A kernel older than 4.14 does not know the advice: fork handlers then do it alone.
        // SAFETY: advice for a page that this function made, and that is not used yet.
        let _ = unsafe { libc::madvise(map.as_mut_ptr().cast(), map.len(), libc::MADV_WIPEONFORK) };
    }
    let fresh = map.as_ref().map_or((&raw const UNWIPED).cast_mut(), |map| map.as_mut_ptr().cast());
    match PAGE.compare_exchange(std::ptr::null_mut(), fresh, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => {
            std::mem::forget(map);
            fresh
        }
        Err(another_thread_was_first) => another_thread_was_first,
    }
}

/// Have these called around every fork() of this process. `done` says whether they are already.
///
/// Not a `Once`: a child forked while another thread is inside one would wait in it for ever.
pub fn at_fork(
    done: &AtomicBool,
    prepare: unsafe extern "C" fn(),
    parent: unsafe extern "C" fn(),
    child: unsafe extern "C" fn(),
) {
    if !done.swap(true, Ordering::AcqRel) {
        // SAFETY: the handlers are functions of this library, which is never unloaded (-z nodelete).
        unsafe { libc::pthread_atfork(Some(prepare), Some(parent), Some(child)) };
    }
}

/// Bytes in a page of memory.
pub fn page_size() -> usize {
    nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok().flatten().map_or(4096, |size| size as usize)
}

/// Who a process is, for people: nothing is ever decided by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Diagnosis {
    /// The process id, in its own PID namespace.
    pub pid: u32,
    /// Inode of the PID namespace.
    pub pid_namespace: u64,
    /// Start of the process in clock ticks since boot.
    pub start_time: u64,
}

/// This process.
pub fn myself() -> Diagnosis {
    let pid = std::process::id();
    let start_time = std::fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(start_time_of).unwrap_or(0);
    Diagnosis { pid, pid_namespace: pid_namespace(), start_time }
}

/// Inode of this process's PID namespace; 0 where /proc does not tell.
pub fn pid_namespace() -> u64 {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self/ns/pid").map_or(0, |metadata| metadata.ino())
}

/// Field 22 of /proc/PID/stat; the name in field 2 may hold spaces and parentheses.
fn start_time_of(stat: &str) -> Option<u64> {
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(19)?.parse().ok()
}

/// The id of this boot of the machine, as 16 bytes; zeros where /proc does not tell.
pub fn boot_id() -> [u8; 16] {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    u128::from_str_radix(&digits, 16).map_or([0; 16], u128::to_be_bytes)
}

/// 16 random bytes.
pub fn random_id() -> [u8; 16] {
    let mut id = [0u8; 16];
    // SAFETY: the kernel writes at most 16 bytes into 16 bytes. Up to 256 bytes are never given in part.
    unsafe { libc::getrandom(id.as_mut_ptr().cast(), id.len(), 0) };
    id
}

/// This process's user id, as it counts for files.
pub fn user_id() -> u32 {
    nix::unistd::geteuid().as_raw()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_epoch_is_stable_in_one_process() {
        assert_ne!(epoch(), 0);
        assert_eq!(epoch(), epoch());
    }

    #[test]
    fn start_time_is_found_behind_a_difficult_name() {
        let stat = "7 (a) b (c)) S 1 7 7 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 4242 1 1";
        assert_eq!(start_time_of(stat), Some(4242));
    }

    #[test]
    fn ids_are_random() {
        assert_ne!(random_id(), random_id());
        assert_ne!(random_id(), [0; 16]);
    }
}
