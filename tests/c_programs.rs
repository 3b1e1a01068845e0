//! Each program in ctests/ is two tests: compiled as C99 and as C++17, linked against the library of this very build,
//! and run. One is also linked statically; those of shm_array.hpp, which end in .cpp, are C++ alone.
//!
//! The first line of a program says which behaviour it shows, and in brackets why it cannot run under valgrind, where it
//! cannot: `[no valgrind: takes 4 GiB]`. It exits with 77 where it cannot run on this machine, and its last words say
//! why; such tests are counted as ignored. With SHM_ARRAY_VALGRIND=1 every program runs under valgrind.
//!
//! A program ends its own hangs (ctests/check.h); should it fail even in that, the watchdog here kills it. What it leaves
//! in /dev/shm or /tmp is a failure, and is removed; so are descriptors and mappings of arrays that it has left when
//! main() returns (ctests/left.h), and memory that valgrind finds lost.

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Completion, Failed, Trial};

/// Of the programs that end by calling it in the last line of their output.
const CANNOT_RUN_HERE: i32 = 77;
const STATICALLY: &str = "written_here_read_there";
/// What Rust's standard library needs beside itself, when it is linked into a C program.
const SYSTEM_LIBRARIES: [&str; 6] = ["-lgcc_s", "-lutil", "-lrt", "-lpthread", "-lm", "-ldl"];

/// How a program is made.
#[derive(Clone, Copy, PartialEq)]
enum Build {
    C,
    Cxx,
    StaticC,
}

/// How a program is run: its own alarm, and the watchdog for when that fails. Some set their alarm anew for each of
/// their parts, so that the watchdog has far more patience.
struct Pace {
    valgrind: bool,
    alarm: u64,
    watchdog: Duration,
}

fn main() {
    let mut arguments = Arguments::from_args();
    // Some programs take gigabytes, and all start processes of their own: two at a time are enough.
    arguments.test_threads.get_or_insert(2);
    libtest_mimic::run(&arguments, trials()).exit();
}

fn trials() -> Vec<Trial> {
    let folder = workshop::root().join("ctests");
    let entries = fs::read_dir(&folder).expect("ctests/ can be listed");
    let mut sources: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    sources.retain(|path| is_cpp(path) || path.extension().is_some_and(|extension| extension == "c"));
    sources.sort();
    assert!(!sources.is_empty(), "no C programs in {}", folder.display());
    sources.iter().flat_map(|source| builds_of(source).map(|build| trial(source.clone(), build))).collect()
}

fn builds_of(source: &Path) -> impl Iterator<Item = Build> {
    let c = (!is_cpp(source)).then_some(Build::C);
    let statically = (stem(source) == STATICALLY).then_some(Build::StaticC);
    c.into_iter().chain([Build::Cxx]).chain(statically)
}

fn is_cpp(source: &Path) -> bool {
    source.extension().is_some_and(|extension| extension == "cpp")
}

fn trial(source: PathBuf, build: Build) -> Trial {
    let name = format!("{}.{}", stem(&source), build.suffix());
    Trial::ignorable_test(name, move || test(&source, build))
}

fn stem(source: &Path) -> &str {
    source.file_stem().and_then(|stem| stem.to_str()).expect("programs have plain names")
}

fn test(source: &Path, build: Build) -> Result<Completion, Failed> {
    let text = fs::read_to_string(source)?;
    let behaviour = text.lines().next().unwrap_or_default();
    let opening = format!("/* {} - ", source.file_name().unwrap_or_default().display());
    if !behaviour.starts_with(&opening) {
        return Err(format!("the first line is {behaviour:?}; it should begin with {opening:?}").into());
    }
    let pace = Pace::of_this_run();
    if pace.valgrind && build == Build::Cxx && !is_cpp(source) {
        return Ok(Completion::ignored_with("the same calls as those of the C program, which valgrind has seen"));
    }
    if let (true, Some((_, reason))) = (pace.valgrind, behaviour.split_once("[no valgrind: ")) {
        return Ok(Completion::ignored_with(reason.trim_end_matches(['*', '/', ' ', ']'])));
    }

    let program = workshop::directory("ctests")?.join(format!("{}.{}", stem(source), build.suffix()));
    compile(source, &program, build)?;
    let Ended { pid, status, output, left } = run(&program, &pace)?;
    let words_of_valgrind = format!("=={pid}== ");
    if let Some(leak) =
        output.lines().find(|line| line.starts_with(&words_of_valgrind) && line.contains("are definitely lost"))
    {
        return Err(format!("{behaviour}\n{leak}\n{output}").into());
    }
    let last_words = output.trim_end().lines().last().unwrap_or("it does not say why").to_string();
    match status.code() {
        Some(0 | CANNOT_RUN_HERE) if !left.is_empty() => Err(format!("{behaviour}\nit left behind {left:?}").into()),
        Some(0) => Ok(Completion::Completed),
        Some(CANNOT_RUN_HERE) => Ok(Completion::ignored_with(last_words)),
        _ => Err(format!("{behaviour}\n{}\n{output}", how_it_ended(status)).into()),
    }
}

impl Build {
    fn suffix(self) -> &'static str {
        match self {
            Build::C => "c",
            Build::Cxx => "c++",
            Build::StaticC => "static",
        }
    }

    /// The compiler is the one that the cc crate finds, so that CC, CXX, CFLAGS and the like are obeyed.
    fn compiler(self) -> Result<Command, cc::Error> {
        let machine = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        let mut build = cc::Build::new();
        build.cargo_metadata(false).target(&machine).host(&machine).opt_level(2).debug(true).cpp(self == Build::Cxx);
        let mut command = build.try_get_compiler()?.to_command();
        match self {
            Build::C | Build::StaticC => command.args(["-std=c99", "-D_GNU_SOURCE"]),
            Build::Cxx => command.args(["-x", "c++", "-std=c++17"]),
        };
        command.args(["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-pthread"]);
        Ok(command)
    }
}

fn compile(source: &Path, program: &Path, build: Build) -> Result<(), Failed> {
    let library = workshop::library()?;
    let mut command = build.compiler()?;
    if source.extension().is_some_and(|extension| extension == "cpp") {
        // Most of the C++ header is templates, which warn where a program uses them: as those do who are strict.
        command.args(["-Wconversion", "-Wsign-conversion"]);
    }
    command.arg("-I").arg(workshop::root().join("include")).arg(source).args(["-x", "none", "-o"]).arg(program);
    match build {
        Build::StaticC => command.arg(library.with_extension("a")).args(SYSTEM_LIBRARIES),
        // Its directory is noted as RPATH, not as RUNPATH: cargo sets LD_LIBRARY_PATH, which would come before the
        // latter and lead to what `cargo build` made some other time.
        _ => {
            let directory = library.parent().ok_or("a library lies in a directory")?.display().to_string();
            command.arg(&library).arg(format!("-Wl,-rpath,{directory},--disable-new-dtags"))
        }
    };
    let output = command.output().map_err(|error| format!("{command:?} does not start: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}\n{}", String::from_utf8_lossy(&output.stderr)).into())
}

impl Pace {
    fn of_this_run() -> Pace {
        match std::env::var_os("SHM_ARRAY_VALGRIND") {
            Some(one) if one == "1" => Pace { valgrind: true, alarm: 600, watchdog: Duration::from_secs(1800) },
            _ => Pace { valgrind: false, alarm: 120, watchdog: Duration::from_secs(900) },
        }
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(if self.valgrind { Path::new("valgrind") } else { program });
        if self.valgrind {
            // Leaks are looked for in its output: children that are killed, or exit with what they inherited, leak.
            command.args(["--quiet", "--error-exitcode=99", "--leak-check=full", "--errors-for-leak-kinds=none"]);
            command.arg(program).env("CHECK_SECONDS", self.alarm.to_string());
        }
        command
    }
}

/// How a program ended: all that it and its children printed, and what it left lying about.
struct Ended {
    pid: u32,
    status: ExitStatus,
    output: String,
    left: Vec<PathBuf>,
}

/// Runs a program to its end.
fn run(program: &Path, pace: &Pace) -> Result<Ended, Failed> {
    // Into a file: a pipe would be kept open by a process that the program left behind.
    let transcript = program.with_extension(format!("{}.txt", program.extension().unwrap_or_default().display()));
    let file = File::create(&transcript)?;
    let mut command = pace.command(program);
    command.env_remove("LD_LIBRARY_PATH").current_dir(program.parent().ok_or("a program lies in a directory")?);
    command.stdout(file.try_clone()?).stderr(file);
    let mut child = command.spawn().map_err(|error| format!("{command:?} does not start: {error}"))?;
    let begin = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if begin.elapsed() > pace.watchdog {
            child.kill()?;
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let left = take_away(&format!("ctest-{}-", child.id()));
    let output = String::from_utf8_lossy(&fs::read(transcript)?).into_owned();
    Ok(Ended { pid: child.id(), status, output, left })
}

/// Removes what has such a name: a program's names begin with its pid.
fn take_away(prefix: &str) -> Vec<PathBuf> {
    let entries = ["/dev/shm", "/tmp"].into_iter().flat_map(fs::read_dir).flatten().flatten();
    let left: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| begins(path, prefix)).collect();
    for path in &left {
        let _ = fs::remove_file(path).or_else(|_| fs::remove_dir_all(path));
    }
    left
}

fn begins(path: &Path, prefix: &str) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix))
}

fn how_it_ended(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(libc::SIGABRT), _) => "a check failed".into(),
        (Some(libc::SIGKILL), _) => {
            "it was killed, perhaps by the watchdog: it hung, and its alarm did not ring".into()
        }
        (Some(signal), _) => format!("it was ended by signal {signal}"),
        (_, Some(99)) => "valgrind found an error, or it exited with 99".into(),
        (_, code) => format!("it exited with {}", code.unwrap_or_default()),
    }
}
