//! The examples do what they say: whoever writes, C, C++, Python or another language, whoever reads, and the quickstart
//! from end to end.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio, id};
use std::time::Duration;

use shm_array::{Access, Acquired, Array, Mode, Timeout};
use workshop::Python;

/// What every reader prints.
const MEAN: &str = "1000 x 1000 numbers, mean 499.5\n";

/// What Java's examples look for: by the environment variable of its name, or where a package of Debian's has it.
const JNA: &str = "jna.jar";

/// The languages whose examples call the C functions through an interface of their own.
const LANGUAGES: [Language; 6] = [
    Language {
        name: "Fortran",
        writer: "fortran/writer.f90",
        reader: "fortran/reader.f90",
        needs: &[("gfortran", "gfortran")],
        complaint: "ERROR STOP ",
    },
    Language {
        name: "Go",
        writer: "go/writer/main.go",
        reader: "go/reader/main.go",
        needs: &[("go", "golang-go")],
        complaint: "exit status 1",
    },
    Language {
        name: "Java",
        writer: "java/Writer.java",
        reader: "java/Reader.java",
        needs: &[("javac", "default-jdk-headless"), (JNA, "libjna-java")],
        complaint: "Exception in thread \"main\" ShmArray$Failure: ",
    },
    Language {
        name: "LuaJIT",
        writer: "luajit/writer.lua",
        reader: "luajit/reader.lua",
        needs: &[("luajit", "luajit")],
        complaint: "luajit: reader.lua:",
    },
    Language {
        name: "Node",
        writer: "node/writer.js",
        reader: "node/reader.js",
        needs: &[("node", "nodejs"), ("npm", "npm")],
        complaint: "\nError: ",
    },
    Language {
        name: "Ruby",
        writer: "ruby/writer.rb",
        reader: "ruby/reader.rb",
        needs: &[("ruby", "ruby")],
        complaint: "(Errno::E",
    },
];

struct Language {
    name: &'static str,
    /// Its examples.
    writer: &'static str,
    reader: &'static str,
    /// A program, or [`JNA`], that must be there, and the package of Debian's that has it.
    needs: &'static [(&'static str, &'static str)],
    /// How it tells of an error that nobody has caught, beside the library's words.
    complaint: &'static str,
}

#[test]
fn whoever_writes_and_whoever_reads() {
    let python = python();
    let place = workshop::directory(&format!("examples-{}", id())).expect("a directory can be made");
    let _removed = Removed(place.clone());
    for (writer, reader) in [("c", "c"), ("c", "py"), ("py", "c"), ("py", "py"), ("cpp", "py"), ("py", "cpp")] {
        let name = format!("examples-{}-{writer}-{reader}", id());
        let _removed = Removed(Path::new("/dev/shm").join(&name));
        finished(&mut example("writer", writer, &name, &place, &python));
        let output = finished(&mut example("reader", reader, &name, &place, &python));
        assert_eq!(output, MEAN, "{writer} writes, {reader} reads");
    }
}

/// Each language writes, under the lock, for Python and for the next language, and reads what C has written.
#[test]
#[ignore = "wants gfortran, Go, Java with JNA, LuaJIT, Node and Ruby"]
fn whatever_the_language() {
    let needs = LANGUAGES.iter().flat_map(|language| language.needs);
    let missing: Vec<&str> = needs.filter(|(what, _)| !is_there(what)).map(|(_, package)| *package).collect();
    let packages = missing.join(" ");
    assert!(
        missing.is_empty(),
        "run `apt-get install --no-install-recommends {packages}`, or what your system has for it"
    );

    let python = python();
    let name = format!("examples-{}-languages", id());
    let checkout = Checkout::new(&name);
    let place = &checkout.place;
    let array = Path::new("/dev/shm").join(&name);
    for file in files() {
        finished(&mut checkout.command("once: ", file));
    }
    for (number, language) in LANGUAGES.iter().enumerate() {
        let next = &LANGUAGES[(number + 1) % LANGUAGES.len()];
        let nobody = checkout.run(language.reader).output();
        language.must_complain(nobody.expect("it starts"), "nobody has created it");

        let _removed = Removed(array.clone());
        finished(&mut checkout.run(language.writer));
        let written = Array::open(&name, Access::Read).expect("it was created");
        assert!(written.generation().expect("it is shared") > 0, "{} has written without the lock", language.name);
        assert_eq!(first_wrong(&array), None, "{} has written something else", language.name);
        let output = finished(&mut example("reader", "py", &name, place, &python));
        assert_eq!(output, MEAN, "{} writes, Python reads", language.name);
        let output = finished(&mut checkout.run(next.reader));
        assert_eq!(output, MEAN, "{} writes, {} reads", language.name, next.name);
    }

    let _removed = Removed(array);
    finished(&mut example("writer", "c", &name, place, &python));
    for language in &LANGUAGES {
        assert_eq!(finished(&mut checkout.run(language.reader)), MEAN, "C writes, {} reads", language.name);
    }
    let written = Array::open(&name, Access::Write).expect("it was created");
    assert_eq!(written.lock(Mode::Exclusive, Timeout::Forever).expect("it is free"), Acquired::Clean);
    let waiting = LANGUAGES.each_ref().map(|language| {
        let mut reader = checkout.run(language.reader);
        (language, reader.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts"))
    });
    for (language, reader) in waiting {
        language.must_complain(reader.wait_with_output().expect("it ends"), "the lock is not free");
    }
}

impl Language {
    /// That its example has ended with an error of the language's, and the library's words.
    fn must_complain(&self, output: Output, words: &str) {
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        let (name, status) = (self.name, output.status);
        assert_eq!(status.code(), Some(1), "{name} has not ended with an error, but: {status}\n{said}");
        assert!(said.contains(self.complaint), "{name} does not say {:?}:\n{said}", self.complaint);
        assert!(said.contains(words), "{name} does not say {words:?}:\n{said}");
    }
}

/// The examples in a checkout of their own, where their array has another name: they run by the commands at their heads.
struct Checkout {
    place: PathBuf,
    _removed: Removed,
}

impl Checkout {
    fn new(name: &str) -> Checkout {
        let place = workshop::directory(name).expect("a directory can be made");
        let _removed = Removed(place.clone());
        finished(Command::new("cp").arg("-r").arg(workshop::root().join("examples")).arg(&place));
        symlink(workshop::root().join("include"), place.join("include")).expect("a link can be made");
        let library = workshop::library().unwrap_or_else(|words| panic!("{words}"));
        fs::create_dir(place.join("target")).expect("a directory can be made");
        symlink(library.parent().expect("it lies in a directory"), place.join("target/release"))
            .expect("so can a link");
        for file in files() {
            let path = place.join("examples").join(file);
            fs::write(&path, renamed(&path, name)).expect("it can be written");
        }
        Checkout { place, _removed }
    }

    /// What stands at the head of an example behind that word.
    fn command(&self, word: &str, file: &str) -> Command {
        let text = fs::read_to_string(self.place.join("examples").join(file)).expect("the example can be read");
        let lines: Vec<&str> = text.lines().filter_map(|line| Some(line.split_once(word)?.1)).collect();
        let mut command = Command::new("sh");
        command.current_dir(&self.place).arg("-c").arg(lines.join(" && "));
        // Cargo's leads to another build.
        command.env_remove("LD_LIBRARY_PATH");
        command.env("npm_config_audit", "false");
        command.envs(jna().map(|path| ("JNA", path)));
        // What Go and npm keep from one run to the next.
        command.env("GOCACHE", workshop::directory("go").expect("a directory can be made"));
        command.env("npm_config_cache", workshop::directory("npm").expect("a directory can be made"));
        command.env("npm_config_prefer_offline", "true");
        command
    }

    fn run(&self, file: &str) -> Command {
        self.command("run: ", file)
    }
}

/// The first element that is not the number of its row, where a .npy file of 1000 rows by 1000 has one.
fn first_wrong(array: &Path) -> Option<usize> {
    let bytes = fs::read(array).expect("it can be read");
    let elements = bytes[4096..].chunks_exact(8).take(1_000_000);
    elements.enumerate().position(|(i, element)| element != ((i / 1000) as f64).to_le_bytes())
}

/// The examples of all languages.
fn files() -> impl Iterator<Item = &'static str> {
    LANGUAGES.iter().flat_map(|language| [language.writer, language.reader])
}

/// Whether there is a program of that name, or [`JNA`].
fn is_there(what: &str) -> bool {
    if what == JNA {
        return jna().is_some();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(what).exists())
}

fn jna() -> Option<PathBuf> {
    let packaged = || {
        let files = Command::new("dpkg").args(["-L", "libjna-java"]).output().ok()?.stdout;
        let files = String::from_utf8_lossy(&files).into_owned();
        files.lines().map(PathBuf::from).find(|file| file.ends_with(JNA))
    };
    std::env::var_os("JNA").map(PathBuf::from).or_else(packaged).filter(|path| path.exists())
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

fn python() -> Python {
    Python::environment("tests", &workshop::root().join("python/requirements-test.txt"), |_| ())
        .unwrap_or_else(|words| panic!("{words}"))
}

/// The text of an example, with a name of our own for its array.
fn renamed(path: &Path, name: &str) -> String {
    let text = fs::read_to_string(path).expect("the example can be read");
    assert!(text.contains("(\"temperature\""), "{} calls its array something else:\n{text}", path.display());
    text.replace("(\"temperature\"", &format!("(\"{name}\""))
}

/// A command that runs one of the small examples in C, C++ or Python, from a copy with a name of our own for its array.
fn example(role: &str, language: &str, name: &str, place: &Path, python: &Python) -> Command {
    let folder = if language == "py" { "python" } else { language };
    let text = renamed(&workshop::root().join(format!("examples/{folder}/{role}.{language}")), name);
    let (source, program) = (place.join(format!("{name}-{role}.{language}")), place.join(format!("{name}-{role}")));
    fs::write(&source, text).expect("it can be written");
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
