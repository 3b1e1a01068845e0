//! The Python package's own tests, python/tests, run by pytest in an environment of their own.

use std::path::PathBuf;

use workshop::Python;

/// Runs pytest on the tests that `selection` names, in the environment that a requirements file describes; with `hot`,
/// the compiled module goes in front of what is measured in it.
fn pytest(environment: &str, requirements: &str, hot: bool, selection: &[&str]) {
    python(environment, requirements, hot, &[&["-m", "pytest", "--tb=short"], selection].concat());
}

/// Runs Python in that environment, in the package's folder.
fn python(environment: &str, requirements: &str, hot: bool, arguments: &[&str]) {
    let folder = workshop::root().join("python");
    let environment = Python::environment(environment, &folder.join(requirements), |words| println!("{words}"));
    let python = environment.unwrap_or_else(|words| panic!("the Python tests cannot run: {words}"));
    let mut command = python.command().expect("cargo has built the library");
    command.args(arguments).current_dir(&folder).env("SHM_ARRAY_PURE", "1");
    if let Some(module) = hot.then(|| compiled(&python)).flatten() {
        command.env("SHM_ARRAY_HOT", module).env_remove("SHM_ARRAY_PURE");
    }
    let output = command.output().expect("Python starts");
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{report}{}", String::from_utf8_lossy(&output.stderr));
    println!("{}", report.trim_end().lines().last().unwrap_or_default());
}

/// The package's small C module, compiled as for a wheel; `None`, with words, where Python's headers are missing.
fn compiled(python: &Python) -> Option<PathBuf> {
    let place = workshop::directory("python-hot").expect("a directory can be made");
    let mut command = python.command().expect("cargo has built the library");
    command
        .args(["setup.py", "-q", "build_ext", "--build-lib"])
        .arg(&place)
        .current_dir(workshop::root().join("python"));
    let output = command.env_remove("SHM_ARRAY_PURE").output().expect("Python starts");
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words}");
    assert!(!words.contains("warning:"), "{words}");
    let module = place.join("shm_array/_hot.abi3.so");
    if !module.exists() {
        println!("{words}");
    }
    module.exists().then_some(module)
}

#[test]
fn pytest_passes() {
    pytest("tests", "requirements-test.txt", true, &["--numprocesses=2"]);
}

/// What the compiled module does, once more by ctypes alone.
#[test]
fn pytest_passes_without_the_compiled_module() {
    let rooms = ["locks", "sync", "queue", "waiting", "lifetimes", "quick", "stubs"];
    let files: Vec<_> = rooms.iter().map(|room| format!("tests/test_{room}.py")).collect();
    let selection: Vec<_> = ["--numprocesses=2"].into_iter().chain(files.iter().map(String::as_str)).collect();
    pytest("tests", "requirements-test.txt", false, &selection);
}

/// joblib, loky, dask, pyarrow, pandas and polars, which take longer to install than to test.
#[test]
#[ignore = "installs some 300 MB: cargo test --test python_tests -- --ignored"]
fn frameworks_pass() {
    let selection = ["tests/test_frameworks.py", "tests/test_interchange.py"];
    pytest("frameworks", "requirements-frameworks.txt", true, &selection);
}

/// python/tests/stress.py at length; pytest runs it for a moment.
#[test]
#[ignore = "takes some minutes: cargo test --test python_tests -- --ignored a_thousand_children"]
fn a_thousand_children() {
    python("tests", "requirements-test.txt", true, &["-X", "faulthandler", "-W", "error", "tests/stress.py", "1000"]);
}
