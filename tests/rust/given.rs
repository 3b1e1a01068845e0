//! What many tests begin with: names, children and how they ended, elements as numbers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use shm_array::{Array, Errno, Error, Options, Result, Timeout};

pub const SOON: Timeout = Timeout::For(Duration::from_secs(20));

/// A name that nobody else uses, and that is free again when the test has ended, however it ends.
pub struct Name(String);

impl Name {
    pub fn new() -> Name {
        static LAST: AtomicU32 = AtomicU32::new(0);
        Name(format!("rust-{}-{}", std::process::id(), LAST.fetch_add(1, Ordering::Relaxed)))
    }

    pub fn path(&self) -> PathBuf {
        PathBuf::from("/dev/shm").join(&self.0)
    }

    pub fn exists(&self) -> bool {
        self.path().exists()
    }
}

impl std::ops::Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(self.path());
    }
}

/// A file outside of /dev/shm, with its bytes; removed at the end.
pub struct TestFile(PathBuf);

impl TestFile {
    pub fn new(bytes: &[u8]) -> TestFile {
        let path = std::env::temp_dir().join(format!("{}.npy", &*Name::new()));
        std::fs::write(&path, bytes).expect("the temporary directory can be written");
        TestFile(path)
    }

    pub fn name(&self) -> String {
        format!("file://{}", self.0.display())
    }

    pub fn bytes(&self) -> Vec<u8> {
        std::fs::read(&self.0).expect("it is there")
    }
}

impl Drop for TestFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A one-dimensional array of float64 of the default kind.
pub fn doubles(name: &str, count: u64) -> Array {
    Array::create(Some(name), "<f8", &[count], &Options::default()).expect("it can be made")
}

/// Store one element, as anybody with the pointer may.
pub fn store(array: &Array, index: usize, value: f64) {
    let view = array.view().expect("it has a view");
    assert!(view.writable && (index as u64) < view.count && view.itemsize == 8 && view.strides() == [8]);
    // SAFETY: within the elements, which may be written; other processes write other elements, or hold no lock now.
    unsafe { view.data.cast::<f64>().add(index).write_volatile(value) };
}

/// Load one element of a one-dimensional view.
pub fn load(array: &Array, index: usize) -> f64 {
    let view = array.view().expect("it has a view");
    assert!((index as u64) < view.count && view.itemsize == 8 && view.shape().len() == 1);
    let offset = view.strides()[0] as isize * index as isize;
    // SAFETY: within the elements.
    unsafe { view.data.offset(offset).cast::<f64>().read_volatile() }
}

/// A forked child that runs a part of the test.
pub struct Child(libc::pid_t);

impl Child {
    /// The child ends with the body: with 0, or with 1 if a check in it failed.
    pub fn start(body: impl FnOnce()) -> Child {
        // SAFETY: the child runs the body, which uses this library and no lock of other threads, and leaves at once.
        match unsafe { libc::fork() } {
            -1 => panic!("fork: {}", std::io::Error::last_os_error()),
            0 => {
                let passed = catch_unwind(AssertUnwindSafe(body)).is_ok();
                // SAFETY: leaves without the destructors of the process that it is a copy of.
                unsafe { libc::_exit(i32::from(!passed)) }
            }
            pid => Child(pid),
        }
    }

    /// One that does something, says so, and then stays until it is killed.
    pub fn that_stays(body: impl FnOnce()) -> Child {
        let (hear, tell) = std::io::pipe().expect("a pipe can be made");
        let child = Child::start(|| {
            body();
            std::io::Write::write_all(&mut &tell, b"!").expect("somebody hears");
            loop {
                std::thread::sleep(Duration::from_secs(1));
            }
        });
        drop(tell);
        std::io::Read::read_exact(&mut &hear, &mut [0]).expect("the child gets so far");
        child
    }

    pub fn pid(&self) -> u32 {
        self.0 as u32
    }

    /// kill -9; it stays a zombie until it is dropped.
    pub fn kill(&self) {
        // SAFETY: a child of ours, not reaped yet.
        unsafe { libc::kill(self.0, libc::SIGKILL) };
        let mut how = std::mem::MaybeUninit::<libc::siginfo_t>::uninit();
        // SAFETY: the kernel fills `how`.
        unsafe { libc::waitid(libc::P_PID, self.0 as u32, how.as_mut_ptr(), libc::WEXITED | libc::WNOWAIT) };
    }

    /// Its exit code, or minus the signal that killed it.
    pub fn end(self) -> i32 {
        let mut status = 0;
        // SAFETY: a child of ours, not reaped yet; `status` outlives the call.
        assert_eq!(unsafe { libc::waitpid(self.0, &mut status, 0) }, self.0);
        std::mem::forget(self);
        if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { -libc::WTERMSIG(status) }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // SAFETY: a child of ours, not reaped yet.
        unsafe {
            libc::kill(self.0, libc::SIGKILL);
            libc::waitpid(self.0, std::ptr::null_mut(), 0);
        }
    }
}

/// The error, which must be this errno and have these words in it.
#[track_caller]
pub fn refused<T>(result: Result<T>, errno: Errno, words: &[&str]) -> Error {
    let Err(error) = result else { panic!("it should have been {errno:?}") };
    assert!(error.is(errno), "expected {errno:?}, got {:?}: {error}", error.code());
    says(&error, words);
    error
}

#[track_caller]
pub fn says(error: &Error, words: &[&str]) {
    for word in words {
        assert!(error.detail().contains(word), "{word:?} is not in: {error}");
    }
}
