//! The Python package's own tests, python/tests, run by pytest in an environment of their own.

use workshop::Python;

/// Runs pytest on the tests that `selection` names, in the environment that a requirements file describes.
fn pytest(environment: &str, requirements: &str, selection: &[&str]) {
    python(environment, requirements, &[&["-m", "pytest", "--tb=short"], selection].concat());
}

/// Runs Python in that environment, in the package's folder.
fn python(environment: &str, requirements: &str, arguments: &[&str]) {
    let folder = workshop::root().join("python");
    let environment = Python::environment(environment, &folder.join(requirements), |words| println!("{words}"));
    let python = environment.unwrap_or_else(|words| panic!("the Python tests cannot run: {words}"));
    let mut command = python.command().expect("cargo has built the library");
    command.args(arguments).current_dir(folder);
    let output = command.output().expect("Python starts");
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{report}{}", String::from_utf8_lossy(&output.stderr));
    println!("{}", report.trim_end().lines().last().unwrap_or_default());
}

#[test]
fn pytest_passes() {
    pytest("tests", "requirements-test.txt", &["--numprocesses=2"]);
}

/// joblib, loky, dask, pyarrow, pandas and polars, which take longer to install than to test.
#[test]
#[ignore = "installs some 300 MB: cargo test --test python_tests -- --ignored"]
fn frameworks_pass() {
    let selection = ["tests/test_frameworks.py", "tests/test_interchange.py"];
    pytest("frameworks", "requirements-frameworks.txt", &selection);
}

/// python/tests/stress.py at length; pytest runs it for a moment.
#[test]
#[ignore = "takes some minutes: cargo test --test python_tests -- --ignored a_thousand_children"]
fn a_thousand_children() {
    python("tests", "requirements-test.txt", &["-X", "faulthandler", "-W", "error", "tests/stress.py", "1000"]);
}
