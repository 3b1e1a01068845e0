//! `pip install ./python` makes one wheel that carries the library and works in every version of Python.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use workshop::Python;

/// The wheel, made anew from this checkout. cargo has built the library for this profile already. `compiled`: with the
/// module in C, for which there is a compiler; else as where there is none.
fn wheel(python: &Python, place: &Path, compiled: bool) -> PathBuf {
    let mut command = python.command().expect("cargo has built the library");
    command.args(["-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir"]).arg(place);
    command.arg(workshop::root().join("python")).env("SHM_ARRAY_CARGO_PROFILE", "dev");
    if !compiled {
        command.env("CC", "there-is-no-compiler");
    }
    finished(&mut command);
    let files = fs::read_dir(place).expect("pip has made it").map(|entry| entry.expect("it can be read").path());
    let wheels: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end == "whl")).collect();
    let [wheel] = wheels.as_slice() else { panic!("one wheel was expected: {wheels:?}") };
    let name = wheel.file_name().expect("a file").to_string_lossy().into_owned();
    let tag = if compiled { "-cp39-abi3-linux_" } else { "-py3-none-linux_" };
    assert!(name.contains(tag), "{name} is not for every version of Python: {tag} was expected");
    wheel.clone()
}

/// Whether the C module can be compiled: with a compiler, and the headers of the environment's Python.
fn has_compiler(python: &Python) -> bool {
    let question = "import os, sysconfig; print(os.path.exists(sysconfig.get_path('include') + '/Python.h'))";
    let mut command = python.command().expect("cargo has built the library");
    finished(command.args(["-c", question])).trim() == "True" && Command::new("cc").arg("--version").output().is_ok()
}

fn environment() -> Python {
    let requirements = workshop::root().join("python/requirements-test.txt");
    Python::environment("tests", &requirements, |_| ()).unwrap_or_else(|words| panic!("{words}"))
}

fn place(purpose: &str) -> PathBuf {
    let place = workshop::directory(purpose).expect("a directory can be made");
    fs::remove_dir_all(&place).and_then(|()| fs::create_dir(&place)).expect("it can be emptied");
    place
}

fn smoke() -> PathBuf {
    workshop::root().join("python/tests/smoke.py")
}

#[test]
fn the_installed_package_works_without_the_checkout_and_without_a_compiler() {
    let python = environment();
    installs_and_works(&python, &place("wheel-pure"), false);
    if has_compiler(&python) {
        installs_and_works(&python, &place("wheel"), true);
    }
}

fn installs_and_works(python: &Python, place: &Path, compiled: bool) {
    let wheel = wheel(python, place, compiled);
    let installed = place.join("installed");
    let mut install = python.command().expect("cargo has built the library");
    install.args(["-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target"]).arg(&installed).arg(wheel);
    finished(&mut install);
    // By its path: another one may be on this machine's PATH.
    finished(Command::new(installed.join("bin/shm-array")).arg("--version"));
    let mut run = python.command().expect("cargo has built the library");
    run.env("PYTHONPATH", &installed).env_remove("SHM_ARRAY_LIBRARY").current_dir(place);
    let said = finished(run.args(["-W", "error"]).arg(smoke()));
    let how = if compiled { "with" } else { "without" };
    assert!(said.ends_with(&format!("{how} the compiled module: good\n")), "{said}");
    let mut listing = python.command().expect("cargo has built the library");
    listing.env("PYTHONPATH", &installed).env_remove("SHM_ARRAY_LIBRARY");
    finished(listing.args(["-m", "shm_array", "list"]));
}

/// Every Python from 3.9 on that this machine has, each with the wheel and numpy in an environment of its own.
#[test]
#[ignore = "installs numpy once for each Python: cargo test --test python_wheel -- --ignored"]
fn every_python_here_works() {
    let place = place("wheel-everywhere");
    let python = environment();
    let quick = wheel(&python, &place, has_compiler(&python));
    // Without a global interpreter lock there is no abi3, and pip builds a wheel without the compiled module.
    let slow = wheel(&python, &self::place("wheel-everywhere-pure"), false);
    let pythons = pythons();
    assert!(!pythons.is_empty(), "no python3 from 3.9 on was found");
    for (version, interpreter) in pythons {
        let wheel = if version.ends_with('t') { &slow } else { &quick };
        let home = place.join(&version);
        finished(Command::new(interpreter).args(["-m", "venv"]).arg(&home));
        let python = home.join("bin/python");
        finished(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).arg(wheel));
        let mut run = Command::new(&python);
        println!("{}", finished(run.env_remove("SHM_ARRAY_LIBRARY").env_remove("PYTHONPATH").arg(smoke())).trim_end());
    }
}

/// By version, "t" behind it where there is no global interpreter lock: from PATH, from pyenv, and those that
/// SHM_ARRAY_PYTHONS names, with colons between them.
fn pythons() -> std::collections::BTreeMap<String, PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let named = std::env::var_os("SHM_ARRAY_PYTHONS").unwrap_or_default();
    let mut candidates: Vec<PathBuf> = std::env::split_paths(&path).flat_map(|at| interpreters_in(&at)).collect();
    let pyenv = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".pyenv/versions"));
    let versions = pyenv.and_then(|at| fs::read_dir(at).ok()).into_iter().flatten().flatten();
    candidates.extend(versions.map(|entry| entry.path().join("bin/python")));
    candidates.extend(std::env::split_paths(&named).filter(|python| !python.as_os_str().is_empty()));
    let question = "import sys; sys.version_info < (3, 9) and sys.exit(1); \
                    print('%d.%d' % sys.version_info[:2] + sys.abiflags)";
    let answers = candidates.into_iter().filter_map(|python| {
        let output = Command::new(&python).args(["-c", question]).output().ok()?;
        let version = String::from_utf8(output.stdout).ok()?.trim().to_string();
        output.status.success().then_some((version, python))
    });
    answers.collect()
}

/// What is called python3, python3.14 or python3.14t in a directory.
fn interpreters_in(directory: &Path) -> Vec<PathBuf> {
    let is_version = |rest: &str| {
        let minor = rest.strip_prefix('.').map(|minor| minor.strip_suffix('t').unwrap_or(minor));
        rest.is_empty() || minor.is_some_and(|minor| !minor.is_empty() && minor.bytes().all(|c| c.is_ascii_digit()))
    };
    let files = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    files
        .filter(|path| path.file_name().and_then(|name| name.to_str()?.strip_prefix("python3")).is_some_and(is_version))
        .collect()
}

/// Runs a command to its end, which must be a good one: what it printed.
fn finished(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    let (words, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{words}{errors}", output.status);
    words.into_owned()
}
