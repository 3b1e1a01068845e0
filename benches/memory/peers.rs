//! The ways to memory that are other people's programs.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

use shm_array::{Array, Options};

use crate::cost::{Cost, cost};

/// Those that are written in Python.
pub const WAYS: [(&str, &str); 3] = [
    ("multiprocessing.shared_memory: create and touch", "shared_memory"),
    ("SharedArray: create and touch", "shared_array"),
    ("numpy.memmap (w+) in /dev/shm: create and touch", "memmap"),
];

/// A Python interpreter that measures on demand.
pub struct Python {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

const SCRIPT: &str = r#"
import os, sys, time
import numpy as np
import SharedArray
from multiprocessing import shared_memory

def of_shared_memory(size):
    memory = shared_memory.SharedMemory(create=True, size=size)
    array = np.ndarray(size, np.uint8, memory.buf)
    array[::4096] = 1
    def give_back():
        memory.close()
        memory.unlink()
    return give_back

def of_shared_array(size):
    name = f"shm://bench-sharedarray-{os.getpid()}"
    array = SharedArray.create(name, size, np.uint8)
    array[::4096] = 1
    return lambda: SharedArray.delete(name)

def of_memmap(size):
    path = f"/dev/shm/bench-memmap-{os.getpid()}"
    array = np.memmap(path, np.uint8, "w+", shape=size)
    array[::4096] = 1
    return lambda: os.unlink(path)

for line in sys.stdin:
    way, mib = line.split()
    begin = time.perf_counter(), time.process_time()
    give_back = globals()["of_" + way](int(mib) << 20)
    end = time.perf_counter(), time.process_time()
    give_back()
    print(*(1000 * (b - a) for a, b in zip(begin, end)), flush=True)
"#;

impl Python {
    /// Make it ready.
    pub fn start() -> Python {
        let requirements = workshop::root().join("benches/python/requirements.txt");
        let environment = workshop::Python::environment("benches", &requirements, |words| eprintln!("{words}"));
        let mut command = environment.and_then(|python| python.command()).unwrap_or_else(|why| panic!("{why}"));
        command.args(["-c", SCRIPT]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the interpreter starts");
        let (questions, answers) = (child.stdin.take().expect("a pipe"), child.stdout.take().expect("a pipe"));
        Python { child, questions, answers: BufReader::new(answers) }
    }

    /// What that way takes for so many MiB.
    pub fn ask(&mut self, way: &str, mib: usize) -> Option<Cost> {
        writeln!(self.questions, "{way} {mib}").expect("the interpreter listens");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("it answers");
        let mut figures = line.split_whitespace().map(|word| word.parse().expect("a figure"));
        Some(Cost { wall: figures.next()?, processor: figures.next()? })
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `shm-array import`, where the program has been built.
pub fn imported(len: usize) -> Option<Cost> {
    let name = format!("bench-import-{}", std::process::id());
    let library = workshop::library().expect("cargo has built it");
    let program = library.ancestors().nth(2)?.join("shm-array");
    if !program.exists() {
        return None;
    }
    let file = original(len);
    let cost = cost(|| run(Command::new(program).args(["--quiet", "import"]).arg(file).arg(&name)));
    shm_array::unlink(&name).expect("it was imported");
    cost
}

/// What people do without the program.
pub fn copied_by_cp(len: usize) -> Option<Cost> {
    let copy = format!("/dev/shm/bench-cp-{}.npy", std::process::id());
    let file = original(len);
    let cost = cost(|| run(Command::new("cp").arg(file).arg(&copy)));
    std::fs::remove_file(&copy).expect("it was copied");
    cost
}

fn run(command: &mut Command) {
    let status = command.status().expect("the program starts");
    assert!(status.success(), "{command:?}: {status}");
}

/// A .npy file on disk, in the kernel's cache, that goes with the benchmark's build.
fn original(len: usize) -> &'static PathBuf {
    static FILE: OnceLock<PathBuf> = OnceLock::new();
    FILE.get_or_init(|| {
        let path = workshop::directory("bench-memory").expect("a directory can be made").join("original.npy");
        let _ = std::fs::remove_file(&path);
        let name = format!("file://{}", path.display());
        let array = Array::create(Some(&name), "<f8", &[len as u64 / 8], &Options::default()).expect("room on disk");
        array.copy_in(0, shm_array::Source::from(&vec![5u8; len][..])).expect("the same length");
        path
    })
}
