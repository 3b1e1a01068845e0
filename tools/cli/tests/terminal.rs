//! The program on a terminal: `top` live, the progress bar, the heat map in colours.

mod common;

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use common::{Name, Place};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use shm_array::{Array, Mode, Options, Timeout};

/// No test waits longer than this; none asserts that anything is faster.
const WATCHDOG: Duration = Duration::from_secs(60);

const ROWS: NonZeroU16 = NonZeroU16::new(30).unwrap();
const COLUMNS: NonZeroU16 = NonZeroU16::new(100).unwrap();

/// The program on a terminal of 100 x 30, which a thread keeps reading.
struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    keyboard: Box<dyn Write + Send>,
    screen: Arc<Mutex<vt100::Parser>>,
    /// Everything that was ever written, as text.
    written: Arc<Mutex<Vec<u8>>>,
    /// Ends when the program has, with all that it wrote.
    reading: JoinHandle<()>,
    _master: Box<dyn MasterPty + Send>,
}

impl Terminal {
    fn run(arguments: &[&str]) -> Terminal {
        let size = PtySize { rows: ROWS.get(), cols: COLUMNS.get(), pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_shm-array"));
        command.args(arguments);
        command.env("TERM", "xterm-256color");
        command.env("COLORTERM", "truecolor");
        command.env_remove("NO_COLOR");
        let child = pair.slave.spawn_command(command).unwrap();
        let mut reader = pair.master.try_clone_reader().unwrap();
        let keyboard = pair.master.take_writer().unwrap();
        let screen = Arc::new(Mutex::new(vt100::Parser::new(ROWS, COLUMNS, 0)));
        let written = Arc::new(Mutex::new(Vec::new()));
        let (seen, kept) = (screen.clone(), written.clone());
        let reading = std::thread::spawn(move || {
            let mut bytes = [0u8; 4096];
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                seen.lock().unwrap().process(&bytes[..count]);
                kept.lock().unwrap().extend(&bytes[..count]);
            }
        });
        Terminal { child, keyboard, screen, written, reading, _master: pair.master }
    }

    fn text(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    fn written(&self) -> String {
        String::from_utf8_lossy(&self.written.lock().unwrap()).into_owned()
    }

    /// Waits until the screen is as it should be.
    #[track_caller]
    fn until(&self, what: &str, is_so: impl Fn(&str) -> bool) -> String {
        let begun = Instant::now();
        loop {
            let text = self.text();
            if is_so(&text) {
                return text;
            }
            assert!(begun.elapsed() < WATCHDOG, "never saw {what}:\n{text}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
        self.keyboard.flush().unwrap();
    }

    #[track_caller]
    fn ends_with(&mut self, code: u32) {
        let begun = Instant::now();
        while begun.elapsed() < WATCHDOG {
            // Its last words may still be on their way.
            if let Some(status) = self.child.try_wait().unwrap().filter(|_| self.reading.is_finished()) {
                assert_eq!(status.exit_code(), code, "{}", self.text());
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        panic!("it does not end:\n{}", self.text());
    }
}

fn line<'a>(text: &'a str, name: &Name) -> Option<&'a str> {
    text.lines().find(|line| line.starts_with(&name.0))
}

#[test]
fn top_shows_writes_and_locks_as_they_happen() {
    let (busy, calm) = (Name::new("busy"), Name::new("calm"));
    let array = Arc::new(Array::create(Some(&busy.0), "<f8", &[10], &Options::default()).unwrap());
    let mut top = Terminal::run(&["top", "--interval", "0.2"]);
    top.until("the array", |text| line(text, &busy).is_some());
    // Born while it runs.
    let _calm = Array::create(Some(&calm.0), "<i4", &[2, 3], &Options::default()).unwrap();
    let text = top.until("the new array", |text| line(text, &calm).is_some());
    assert!(line(&text, &calm).unwrap().contains("(2, 3)"), "{text}");
    assert!(text.contains("WRITES/S") && text.contains("memory"), "{text}");

    let stop = Arc::new(AtomicBool::new(false));
    let (writer, enough) = (array.clone(), stop.clone());
    let writing = std::thread::spawn(move || {
        while !enough.load(Ordering::Relaxed) {
            let _ = writer.lock(Mode::Exclusive, Timeout::Forever).unwrap();
            std::thread::sleep(Duration::from_millis(5));
            writer.unlock().unwrap();
        }
    });
    // Columns: name, dtype, shape, size (two words), users, writes, writes/s, locked, waited.
    let rate = |text: &str| line(text, &busy)?.split_whitespace().nth(7)?.parse::<f64>().ok();
    let is_locked = |text: &str| line(text, &busy).is_some_and(|line| line.contains('%'));
    top.until("a rate of writes, and the lock held", |text| {
        rate(text).is_some_and(|rate| rate > 1.0) && is_locked(text)
    });
    stop.store(true, Ordering::Relaxed);
    writing.join().unwrap();
    top.until("rest", |text| rate(text) == Some(0.0));

    drop(array);
    shm_array::unlink(&busy.0).unwrap();
    top.until("the array gone", |text| line(text, &busy).is_none());
    top.press("n");
    top.press("q");
    top.ends_with(0);
    assert!(top.written().contains("\x1b[?1049l"), "the terminal was not given back");
}

#[test]
fn top_gives_the_terminal_back_when_it_is_told_to_stop() {
    for how in ["\x03", "TERM"] {
        let mut top = Terminal::run(&["top"]);
        top.until("the heading", |text| text.contains("WRITES/S"));
        match how {
            "TERM" => {
                let pid = nix::unistd::Pid::from_raw(top.child.process_id().unwrap() as i32);
                nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
            }
            keys => top.press(keys),
        }
        top.ends_with(0);
        assert!(top.written().contains("\x1b[?1049l"), "{how}: the terminal was not given back");
    }
}

#[test]
fn import_shows_its_progress_and_then_the_result() {
    let (name, place) = (Name::new("bar"), Place::new("bar"));
    let raw = place.file("x.raw");
    std::fs::File::create(&raw).unwrap().set_len(300 << 20).unwrap();
    let mut import = Terminal::run(&["import", "--dtype", "<f8", &raw, &name.0]);
    import.ends_with(0);
    let text = import.until("the result", |text| text.contains("(39321600,) of <f8, 300 MiB"));
    assert!(import.written().contains("importing [") && import.written().contains("300.00 MiB"), "no progress bar");
    assert!(!text.contains("importing"), "the bar stays:\n{text}");

    let mut quiet = Terminal::run(&["-q", "import", "--dtype", "<f8", &raw, "cli-bad name"]);
    quiet.ends_with(1);
    assert!(!quiet.written().contains("importing ["));
}

#[test]
fn head_draws_in_colours_on_a_terminal() {
    let name = Name::new("heat");
    let _array = Array::create_filled(Some(&name.0), "|u1", &[60, 60], &Options::default(), |view| {
        for i in 0..view.count as usize {
            // SAFETY: within the elements of an array that nobody else knows yet.
            unsafe { view.data.add(i).write(((i / 60) * 4) as u8) };
        }
        Ok(())
    })
    .unwrap();
    let mut head = Terminal::run(&["head", &name.0]);
    head.ends_with(0);
    let text = head.until("the legend", |text| text.contains("heat map from"));
    let top = text.lines().position(|line| line.starts_with('▀')).expect("a picture");
    let screen = head.screen.lock().unwrap();
    let color = |row: usize| screen.screen().cell(row as u16, 0).unwrap().fgcolor();
    let last = text.lines().collect::<Vec<_>>().iter().rposition(|line| line.starts_with('▀')).unwrap();
    assert_eq!(color(top), vt100::Color::Rgb(68, 1, 84), "dark above:\n{text}");
    assert!(matches!(color(last), vt100::Color::Rgb(200.., 200.., _)), "light below: {:?}\n{text}", color(last));
}
