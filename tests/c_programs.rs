//! Each program in ctests/ is a test, compiled as C99 and as C++17 against the library of this very build.
//!
//! With SHM_ARRAY_VALGRIND=1 each runs under valgrind, except those whose first line says why it cannot. A program
//! that exits with 77 says in words why it cannot run here.

use std::path::{Path, PathBuf};
use std::process::Command;

use libtest_mimic::{Arguments, Failed, Trial};

const LANGUAGES: [(&str, &str, &[&str]); 2] =
    [("c", "gcc", &["-std=c99"]), ("c++", "g++", &["-x", "c++", "-std=c++17", "-Wno-missing-field-initializers"])];
const CANNOT_RUN_HERE: i32 = 77;

fn main() {
    let mut arguments = Arguments::from_args();
    // Some programs need gigabytes, and all start processes of their own: two at a time are enough.
    arguments.test_threads.get_or_insert(2);
    libtest_mimic::run(&arguments, trials()).exit();
}

fn trials() -> Vec<Trial> {
    let folder = workshop::root().join("ctests");
    let entries = std::fs::read_dir(&folder).expect("ctests/ can be listed");
    let mut programs: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    programs.retain(|path| path.extension().is_some_and(|extension| extension == "c"));
    programs.sort();
    assert!(!programs.is_empty(), "no C programs in {}", folder.display());
    let both = |path: PathBuf| {
        LANGUAGES.map(|(language, compiler, flags)| {
            let path = path.clone();
            let name = format!("{}.{language}", path.file_stem().unwrap_or_default().to_string_lossy());
            Trial::test(name, move || run(&path, language, compiler, flags))
        })
    };
    programs.into_iter().flat_map(both).collect()
}

fn run(source: &Path, language: &str, compiler: &str, flags: &[&str]) -> Result<(), Failed> {
    let stem = source.file_stem().unwrap_or_default().to_string_lossy();
    let program = workshop::directory("ctests")?.join(format!("{stem}.{language}"));
    compile(source, &program, compiler, flags)?;
    let text = std::fs::read_to_string(source)?;
    let first_line = text.lines().next().unwrap_or_default();
    let valgrind = std::env::var_os("SHM_ARRAY_VALGRIND").is_some();
    if valgrind && first_line.contains("[no valgrind") {
        println!("{stem}: not under valgrind: {first_line}");
        return Ok(());
    }
    let mut command = if valgrind { under_valgrind(&program) } else { Command::new(&program) };
    let output = command.output()?;
    let words = String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(0) => Ok(()),
        Some(CANNOT_RUN_HERE) => {
            println!("{stem}: skipped: {}", words.trim());
            Ok(())
        }
        _ => Err(format!("{}: {}\n{words}", first_line, output.status).into()),
    }
}

fn compile(source: &Path, program: &Path, compiler: &str, flags: &[&str]) -> Result<(), Failed> {
    let library = workshop::library()?;
    let directory = library.parent().ok_or("the library lies in a directory")?;
    let mut command = Command::new(compiler);
    command.args(flags).args(["-D_GNU_SOURCE", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-g", "-pthread", "-I"]);
    command.arg(workshop::root().join("include")).arg("-o").arg(program).arg(source).args(["-x", "none"]).arg(&library);
    command.arg(format!("-Wl,-rpath,{}", directory.display()));
    let output = command.output().map_err(|error| format!("{compiler} does not start: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}\n{}", String::from_utf8_lossy(&output.stderr)).into())
}

fn under_valgrind(program: &Path) -> Command {
    let mut command = Command::new("valgrind");
    let leaks = ["--leak-check=full", "--errors-for-leak-kinds=definite"];
    command.args(["--quiet", "--error-exitcode=99", "--trace-children=no"]).args(leaks).arg(program);
    command.env("CHECK_SECONDS", "300");
    command
}
