//! What all tests of the program need: to run it, and names that go when the test has ended.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

/// The program of this build, without colours.
pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shm-array"));
    command.env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE").env_remove("COLORTERM");
    command
}

/// What it said, and how it ended.
pub fn run<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Said {
    Said::of(&program().args(arguments).output().expect("the program starts"))
}

/// An ended run.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Said {
    pub fn of(output: &Output) -> Said {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Said { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// Its stdout, if it ended well.
    #[track_caller]
    pub fn good(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.out
    }

    /// It failed with that code and that word on stderr, and nothing on stdout.
    #[track_caller]
    pub fn failed(self, code: i32, word: &str) {
        assert!(self.code == Some(code) && self.err.contains(word) && self.out.is_empty(), "{word:?} {code}: {self:?}");
    }

    /// Its stdout as JSON.
    #[track_caller]
    pub fn json(self) -> serde_json::Value {
        let out = self.good();
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"))
    }
}

fn unique(what: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("cli-{}-{}-{what}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A shared-memory name that no other test has.
pub struct Name(pub String);

impl Name {
    pub fn new(what: &str) -> Name {
        Name(unique(what))
    }

    pub fn path(&self) -> PathBuf {
        Path::new("/dev/shm").join(&self.0)
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.path());
    }
}

/// A directory that goes when the test has ended.
pub struct Place(pub PathBuf);

impl Place {
    pub fn new(what: &str) -> Place {
        Place(workshop::directory(&unique(what)).expect("it can be made"))
    }

    pub fn file(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
