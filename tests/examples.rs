//! The examples do what they say: whoever writes, C or Python, whoever reads, and the quickstart from end to end.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, id};

use workshop::Python;

#[test]
fn whoever_writes_and_whoever_reads() {
    let python = Python::environment("tests", &workshop::root().join("python/requirements-test.txt"), |_| ())
        .unwrap_or_else(|words| panic!("{words}"));
    let place = workshop::directory(&format!("examples-{}", id())).expect("a directory can be made");
    let _removed = Removed(place.clone());
    for (writer, reader) in [("c", "c"), ("c", "py"), ("py", "c"), ("py", "py")] {
        let name = format!("examples-{}-{writer}-{reader}", id());
        let _removed = Removed(Path::new("/dev/shm").join(&name));
        finished(&mut example("writer", writer, &name, &place, &python));
        let output = finished(&mut example("reader", reader, &name, &place, &python));
        assert_eq!(output, "1000 x 1000 numbers, mean 499.5\n", "{writer} writes, {reader} reads");
    }
}

#[test]
fn workers_share_out_their_tasks() {
    let place = workshop::directory(&format!("examples-workers-{}", id())).expect("a directory can be made");
    let _removed = Removed(place.clone());
    let program = place.join("workers");
    workshop::compile_c(&workshop::root().join("examples/c/workers.c"), &program)
        .unwrap_or_else(|words| panic!("{words}"));
    assert_eq!(finished(&mut Command::new(program)), "the squares below 1000 add up to 332833500\n");
}

#[test]
fn the_quickstart_filters_the_photograph() {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(workshop::root()).args(["run", "--quiet", "--example", "quickstart"]);
    let output = finished(&mut command);
    for words in ["killed with SIGKILL", "EOWNERDEAD", "again, from the journal", "every pixel", "numbers are right"] {
        assert!(output.contains(words), "the quickstart does not say {words:?}:\n{output}");
    }
    let picture = output.trim_end().rsplit("The picture lies in ").next().expect("the last line tells it");
    let bytes = fs::read(workshop::root().join(picture)).expect("the picture can be read");
    assert!(bytes.starts_with(b"\x89PNG"), "{picture} is no PNG");
}

/// A command that runs one of the small examples, from a copy with a name of our own for its array.
fn example(role: &str, language: &str, name: &str, place: &Path, python: &Python) -> Command {
    let folder = if language == "py" { "python" } else { language };
    let text = fs::read_to_string(workshop::root().join(format!("examples/{folder}/{role}.{language}")));
    let text = text.expect("the example can be read");
    assert!(text.contains("(\"temperature\""), "{role}.{language} calls its array something else:\n{text}");

    let (source, program) = (place.join(format!("{name}-{role}.{language}")), place.join(format!("{name}-{role}")));
    fs::write(&source, text.replace("(\"temperature\"", &format!("(\"{name}\""))).expect("it can be written");
    if language == "py" {
        let mut command = python.command().expect("cargo has built the library");
        command.arg(source);
        return command;
    }
    workshop::compile_c(&source, &program).unwrap_or_else(|words| panic!("{words}"));
    Command::new(program)
}

/// Runs a command to its end, which must be a good one: what it printed.
fn finished(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    let (words, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{words}{errors}", output.status);
    words.into_owned()
}

/// A file or directory that is gone when the test has ended, however it ends.
struct Removed(PathBuf);

impl Drop for Removed {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0).or_else(|_| fs::remove_dir_all(&self.0));
    }
}
