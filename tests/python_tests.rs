//! The Python package's own tests, python/tests, run by pytest in an environment of their own.

use workshop::Python;

#[test]
fn pytest_passes() {
    let folder = workshop::root().join("python");
    let environment = Python::environment("tests", &folder.join("requirements-test.txt"), |words| println!("{words}"));
    let python = environment.unwrap_or_else(|words| panic!("the Python tests cannot run: {words}"));
    let mut command = python.command().expect("cargo has built the library");
    let output = command.args(["-m", "pytest", "--tb=short"]).current_dir(folder).output().expect("Python starts");
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{report}{}", String::from_utf8_lossy(&output.stderr));
    println!("{}", report.trim_end().lines().last().unwrap_or_default());
}
