//! The same work with nothing but system calls and the C library: what the core is measured by.

use std::cell::UnsafeCell;
use std::ffi::CStr;
use std::hint::black_box;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};

const PAGE: usize = 4096;

/// A code says that nothing went wrong. Not by `assert_eq!`: what that may have to print would be stored each time.
pub fn done(code: libc::c_int) {
    assert!(code == 0);
}

/// Open a file, map all of it, and undo it; before that read so many bytes of it, or touch one element.
pub fn open_and_close(path: &CStr, read: usize, touch: bool) {
    // SAFETY: a path that ends in NUL; a buffer that is long enough; what is mapped is unmapped once.
    unsafe {
        let fd = libc::open(path.as_ptr(), libc::O_RDWR | libc::O_CLOEXEC);
        let mut facts = MaybeUninit::<libc::stat>::uninit();
        assert!(fd >= 0 && libc::fstat(fd, facts.as_mut_ptr()) == 0);
        let len = facts.assume_init().st_size as usize;
        if read > 0 {
            let mut buffer = [0u8; PAGE];
            assert_eq!(libc::pread(fd, buffer.as_mut_ptr().cast(), read, 0), read as isize);
        }
        let map = libc::mmap(ptr::null_mut(), len, libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED, fd, 0);
        assert_ne!(map, libc::MAP_FAILED);
        if touch {
            black_box(map.cast::<u8>().add(PAGE).read_volatile());
        }
        libc::munmap(map, len);
        libc::close(fd);
    }
}

/// Make a nameless file in /dev/shm, of so many bytes, map it, and give it all back.
pub fn allocate(len: usize, reserve: bool, also_touch: bool) {
    // SAFETY: what is mapped is unmapped once.
    unsafe {
        let fd = libc::open(c"/dev/shm".as_ptr(), libc::O_TMPFILE | libc::O_RDWR | libc::O_CLOEXEC, 0o600);
        let made = if reserve { libc::fallocate(fd, 0, 0, len as i64) } else { libc::ftruncate(fd, len as i64) };
        assert!(fd >= 0 && made == 0, "{}", std::io::Error::last_os_error());
        let map = libc::mmap(ptr::null_mut(), len, libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED, fd, 0);
        assert_ne!(map, libc::MAP_FAILED);
        if also_touch {
            touch(map.cast(), len);
        }
        libc::munmap(map, len);
        libc::close(fd);
    }
}

/// Write into every page.
///
/// # Safety
///
/// So many bytes may be written from there.
pub unsafe fn touch(start: *mut u8, len: usize) {
    for offset in (0..len).step_by(PAGE) {
        // SAFETY: the caller's promise.
        unsafe { start.add(offset).write_volatile(1) };
    }
}

/// What no lock can do without.
pub struct Word(AtomicU32);

impl Word {
    pub fn new() -> Word {
        Word(AtomicU32::new(0))
    }

    pub fn lock_and_unlock(&self) {
        assert!(black_box(&self.0).compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed).is_ok());
        self.0.store(0, Ordering::Release);
    }
}

/// Zeros that forked children share; never given back.
pub fn shared<T>() -> &'static T {
    assert!(size_of::<T>() <= PAGE);
    let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
    // SAFETY: a new page, never unmapped; what is put there here may be all zeros.
    unsafe {
        let page = libc::mmap(ptr::null_mut(), PAGE, protection, flags, -1, 0);
        assert_ne!(page, libc::MAP_FAILED);
        &*page.cast()
    }
}

/// A mutex of the C library for several processes.
pub struct Mutex(&'static UnsafeCell<libc::pthread_mutex_t>);

impl Mutex {
    pub fn new(robust: bool) -> Mutex {
        let mutex = Mutex(shared());
        let mut attributes = MaybeUninit::uninit();
        // SAFETY: attributes are made before they are used; the mutex stays where it is.
        unsafe {
            libc::pthread_mutexattr_init(attributes.as_mut_ptr());
            libc::pthread_mutexattr_setpshared(attributes.as_mut_ptr(), libc::PTHREAD_PROCESS_SHARED);
            if robust {
                libc::pthread_mutexattr_setrobust(attributes.as_mut_ptr(), libc::PTHREAD_MUTEX_ROBUST);
            }
            assert_eq!(libc::pthread_mutex_init(mutex.0.get(), attributes.as_ptr()), 0);
        }
        mutex
    }

    pub fn hold(&self, inside: impl FnOnce()) {
        // SAFETY: made in `new`.
        unsafe {
            done(libc::pthread_mutex_lock(self.0.get()));
            inside();
            done(libc::pthread_mutex_unlock(self.0.get()));
        }
    }
}

/// A read-write lock of the C library for several processes.
pub struct RwLock(&'static UnsafeCell<libc::pthread_rwlock_t>);

impl RwLock {
    pub fn new() -> RwLock {
        let lock = RwLock(shared());
        let mut attributes = MaybeUninit::uninit();
        // SAFETY: attributes are made before they are used; the lock stays where it is.
        unsafe {
            libc::pthread_rwlockattr_init(attributes.as_mut_ptr());
            libc::pthread_rwlockattr_setpshared(attributes.as_mut_ptr(), libc::PTHREAD_PROCESS_SHARED);
            assert_eq!(libc::pthread_rwlock_init(lock.0.get(), attributes.as_ptr()), 0);
        }
        lock
    }

    pub fn write(&self, inside: impl FnOnce()) {
        // SAFETY: made in `new`.
        unsafe {
            done(libc::pthread_rwlock_wrlock(self.0.get()));
            inside();
            done(libc::pthread_rwlock_unlock(self.0.get()));
        }
    }

    pub fn read(&self, inside: impl FnOnce()) {
        // SAFETY: made in `new`.
        unsafe {
            done(libc::pthread_rwlock_rdlock(self.0.get()));
            inside();
            done(libc::pthread_rwlock_unlock(self.0.get()));
        }
    }
}
