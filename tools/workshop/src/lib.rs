//! What tests and examples need before they can begin: the library of this very build, compiled C programs that use it,
//! and a Python environment of their own. Everything that is made lies under cargo's target directory.
//!
//! Errors are sentences for a person who has just typed `cargo test` or `cargo run --example`: what is missing, and
//! what to do about it.

mod python;

pub use python::Python;

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The root of the checkout.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the workshop lies in tools/workshop").to_path_buf()
}

/// The libshm_array.so that belongs to the running test or example.
///
/// Before cargo links a test or an example, it compiles the library in all its crate types, in one run of rustc, into
/// the profile's `deps` directory. So the file there is the sibling of the code that this executable was linked with.
/// The copy one directory higher is made by `cargo build` only, and may be an old one.
pub fn library() -> Result<PathBuf, String> {
    let path = profile_directory()?.join("deps/libshm_array.so");
    if path.exists() {
        return Ok(path);
    }
    Err(format!("{} is not there, although cargo built this program: run `cargo build --lib`", path.display()))
}

/// Compiles one source, C or (.cpp) C++, against the library into `program`, with warnings as errors.
pub fn compile(source: &Path, program: &Path) -> Result<(), String> {
    let library = library()?;
    let is_cpp = source.extension().is_some_and(|extension| extension == "cpp");
    let (variable, usual, standard) = if is_cpp { ("CXX", "c++", "-std=c++17") } else { ("CC", "cc", "-std=c11") };
    let mut command = Command::new(env::var(variable).unwrap_or_else(|_| usual.into()));
    command.args([standard, "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-D_GNU_SOURCE", "-I"]);
    command.arg(root().join("include")).arg("-o").arg(program).arg(source).arg(&library);
    // As RPATH: cargo sets LD_LIBRARY_PATH, which would come before a RUNPATH and lead to an older build.
    command.arg(format!(
        "-Wl,-rpath,{},--disable-new-dtags",
        library.parent().expect("a file lies in a directory").display()
    ));
    succeed(
        &mut command,
        "a C and a C++ compiler are needed: install gcc and g++, or name others in the environment variables CC and CXX",
    )?;
    Ok(())
}

/// A directory for what is made with this build for some purpose, such as target/debug/quickstart.
pub fn directory(purpose: &str) -> Result<PathBuf, String> {
    made(profile_directory()?.join(purpose))
}

fn made(path: PathBuf) -> Result<PathBuf, String> {
    std::fs::create_dir_all(&path).map_err(|error| format!("{} cannot be made: {error}", path.display()))?;
    Ok(path)
}

/// Such as target/debug: tests lie in its `deps`, examples in its `examples`.
fn profile_directory() -> Result<PathBuf, String> {
    let program = env::current_exe().map_err(|error| format!("this program does not know where it lies: {error}"))?;
    let above = program.ancestors().nth(2).filter(|above| above.join("deps").is_dir());
    above.map(Path::to_path_buf).ok_or_else(|| {
        format!(
            "{} does not lie in cargo's target directory: run it with `cargo test` or `cargo run`",
            program.display()
        )
    })
}

/// Runs a command to its end; `advice` is for the case that it does not even start. The error has what it printed.
fn succeed(command: &mut Command, advice: &str) -> Result<Output, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("`{name}` does not start ({error}): {advice}"))?;
    if output.status.success() {
        return Ok(output);
    }
    let words = [&output.stdout[..], &output.stderr[..]].concat();
    Err(format!("{command:?} failed, {}:\n{}", output.status, String::from_utf8_lossy(&words)))
}
