//! The examples do what they say: whoever writes, C, C++ or Python, whoever reads, and the quickstart from end to end.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio, id};
use std::time::Duration;

use workshop::Python;

#[test]
fn whoever_writes_and_whoever_reads() {
    let python = Python::environment("tests", &workshop::root().join("python/requirements-test.txt"), |_| ())
        .unwrap_or_else(|words| panic!("{words}"));
    let place = workshop::directory(&format!("examples-{}", id())).expect("a directory can be made");
    let _removed = Removed(place.clone());
    for (writer, reader) in [("c", "c"), ("c", "py"), ("py", "c"), ("py", "py"), ("cpp", "py"), ("py", "cpp")] {
        let name = format!("examples-{}-{writer}-{reader}", id());
        let _removed = Removed(Path::new("/dev/shm").join(&name));
        finished(&mut example("writer", writer, &name, &place, &python));
        let output = finished(&mut example("reader", reader, &name, &place, &python));
        assert_eq!(output, "1000 x 1000 numbers, mean 499.5\n", "{writer} writes, {reader} reads");
    }
}

#[test]
fn a_controller_speaks_and_its_workers_obey() {
    let place = workshop::directory(&format!("control-{}", id())).expect("a directory can be made");
    let _removed = Removed(place.clone());
    let name = format!("examples-{}-control", id());
    let _removed_event = Removed(Path::new("/dev/shm").join(&name));
    let program = |role: &str| {
        let text = fs::read_to_string(workshop::root().join(format!("examples/c/control_{role}.c")));
        let text = text.expect("the example can be read");
        assert!(text.contains("(\"control\""), "control_{role}.c calls its event something else:\n{text}");
        let (source, program) = (place.join(format!("{role}.c")), place.join(role));
        fs::write(&source, text.replace("(\"control\"", &format!("(\"{name}\""))).expect("it can be written");
        workshop::compile(&source, &program).unwrap_or_else(|words| panic!("{words}"));
        program
    };
    let (worker, controller) = (program("worker"), program("controller"));
    let mut workers: Vec<Worker> = (0..3).map(|_| Worker::start(&worker)).collect();
    while !Path::new("/dev/shm").join(&name).exists() {
        assert!(workers[0].0.try_wait().expect("it can be asked").is_none(), "the worker has left");
        std::thread::sleep(Duration::from_millis(1));
    }
    let say = |word: &str| finished(Command::new(&controller).arg(word));
    say("START");
    workers.iter_mut().for_each(|worker| worker.must_say("started"));
    workers.push(Worker::start(&worker));
    workers[3].must_say("started");
    for _ in 0..2 {
        // A worker that has just spoken may not wait yet.
        workers.iter().for_each(Worker::await_sleep);
        say("RELOAD");
        workers.iter_mut().for_each(|worker| worker.must_say("reloaded"));
    }
    let unknown = Command::new(&controller).arg("PAUSE").output().expect("it starts");
    assert!(!unknown.status.success() && String::from_utf8_lossy(&unknown.stderr).contains("START, STOP, RELOAD"));
    say("STOP");
    for mut worker in workers {
        worker.must_say("stopped");
        assert!(worker.0.wait().expect("it can be waited for").success());
    }
    let nobody = Command::new(&controller).arg("START").output().expect("it starts");
    assert!(!nobody.status.success() && String::from_utf8_lossy(&nobody.stderr).contains("while a worker runs"));
}

/// A worker, and what it says; killed if the test fails.
struct Worker(Child, BufReader<ChildStdout>);

impl Worker {
    fn start(program: &Path) -> Worker {
        let mut child = Command::new(program).stdout(Stdio::piped()).spawn().expect("the worker starts");
        let words = BufReader::new(child.stdout.take().expect("it is piped"));
        Worker(child, words)
    }

    fn must_say(&mut self, word: &str) {
        let mut line = String::new();
        self.1.read_line(&mut line).expect("it can be read");
        assert_eq!(line.trim_end(), word);
    }

    /// Until it sleeps in the kernel, with nothing more to say.
    fn await_sleep(&self) {
        let path = format!("/proc/{}/stat", self.0.id());
        let sleeps = || fs::read_to_string(&path).is_ok_and(|stat| stat.contains(") S "));
        while !(sleeps() && sleeps()) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn workers_share_out_their_tasks() {
    let place = workshop::directory(&format!("examples-workers-{}", id())).expect("a directory can be made");
    let _removed = Removed(place.clone());
    let program = place.join("workers");
    workshop::compile(&workshop::root().join("examples/c/workers.c"), &program)
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
    workshop::compile(&source, &program).unwrap_or_else(|words| panic!("{words}"));
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
