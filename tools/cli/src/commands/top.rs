//! `top`: locks and generations, live.

mod board;

use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::layout::{Alignment, Constraint, Layout};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Cell, Paragraph, Row, Table, TableState};
use ratatui::{DefaultTerminal, Frame};

use super::{dtype_text, shape_text};
use crate::arguments::Top;
use crate::commands::list::{state, users};
use crate::failure::{Doing, Failure, Result};
use crate::machine::{Machine, Root};
use crate::output::Output;
use crate::processes::Processes;
use crate::units;

use board::{Board, Sort};

/// How often the locks are looked at, between two pictures.
const TICK: Duration = Duration::from_millis(50);

/// Until q, Ctrl-C or a signal. The terminal is as before afterwards, also after a panic.
pub fn run(top: &Top, out: &mut Output) -> Result<()> {
    if !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
        return Err(Failure::usage("top needs a terminal; for programs there is: shm-array list --json"));
    }
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP, signal_hook::consts::SIGINT] {
        signal_hook::flag::register(signal, stop.clone()).doing(|| "cannot catch signals".into())?;
    }
    let mut screen = Screen::new(Duration::from_secs_f64(top.interval), out.has_colors());
    let mut terminal = ratatui::try_init().doing(|| "cannot prepare the terminal".into())?;
    let result = screen.watch(&mut terminal, &stop);
    ratatui::restore();
    result
}

struct Screen {
    interval: Duration,
    has_colors: bool,
    board: Board,
    processes: Processes,
    machine: Machine,
    sort: Sort,
    table: TableState,
}

impl Screen {
    fn new(interval: Duration, has_colors: bool) -> Screen {
        Screen {
            interval,
            has_colors,
            board: Board::default(),
            processes: Processes::look(),
            machine: Machine::read(&Root::new(Path::new("/"))),
            sort: Sort::Rate,
            table: TableState::default(),
        }
    }

    fn watch(&mut self, terminal: &mut DefaultTerminal, stop: &AtomicBool) -> Result<()> {
        let drawing = || "cannot draw".to_string();
        self.board.sample(&shm_array::list()?);
        let mut next_picture = Instant::now();
        while !stop.load(Ordering::Relaxed) {
            if Instant::now() >= next_picture {
                self.board.finish_round(Instant::now());
                self.processes = Processes::look();
                self.machine = Machine::read(&Root::new(Path::new("/")));
                next_picture = Instant::now() + self.interval;
                terminal.draw(|frame| self.draw(frame)).doing(drawing)?;
            }
            if event::poll(TICK).doing(|| "cannot read the keyboard".into())? {
                let event = event::read().doing(|| "cannot read the keyboard".into())?;
                if !self.obey(&event) {
                    return Ok(());
                }
                terminal.draw(|frame| self.draw(frame)).doing(drawing)?;
            }
            self.board.sample(&shm_array::list()?);
        }
        Ok(())
    }

    /// False: enough.
    fn obey(&mut self, event: &Event) -> bool {
        let Event::Key(key) = event else { return true };
        if key.kind == KeyEventKind::Release {
            return true;
        }
        match key.code {
            KeyCode::Char('q') | KeyCode::Esc => return false,
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return false,
            KeyCode::Char('n') => self.sort = Sort::Name,
            KeyCode::Char('s') => self.sort = Sort::Size,
            KeyCode::Char('r') => self.sort = Sort::Rate,
            KeyCode::Char('w') => self.sort = Sort::Waits,
            KeyCode::Down | KeyCode::Char('j') => self.table.select_next(),
            KeyCode::Up | KeyCode::Char('k') => self.table.select_previous(),
            KeyCode::PageDown => self.table.scroll_down_by(10),
            KeyCode::PageUp => self.table.scroll_up_by(10),
            _ => {}
        }
        true
    }

    fn draw(&mut self, frame: &mut Frame) {
        let [head, body, foot] =
            Layout::vertical([Constraint::Length(2), Constraint::Fill(1), Constraint::Length(1)]).areas(frame.area());
        frame.render_widget(Paragraph::new(self.summary()), head);

        let watched = self.board.rows(self.sort);
        let longest = watched.iter().map(|row| row.entry.name.chars().count() as u16).max().unwrap_or(0);
        let columns = [
            ("NAME", Constraint::Length(longest.clamp(8, (body.width / 5).max(16)))),
            ("DTYPE", Constraint::Max(8)),
            ("SHAPE", Constraint::Fill(1)),
            ("SIZE", Constraint::Length(8)),
            ("USERS", Constraint::Length(5)),
            ("WRITES", Constraint::Length(8)),
            ("WRITES/S", Constraint::Length(8)),
            ("LOCKED", Constraint::Length(6)),
            ("SHARED", Constraint::Length(6)),
            ("WAITED", Constraint::Length(6)),
            ("STATE", Constraint::Fill(1)),
        ];
        let is_number = |column: usize| (3..=9).contains(&column);
        let cell = |column: usize, text: String| {
            let side = if is_number(column) { Alignment::Right } else { Alignment::Left };
            Cell::from(Line::from(text).alignment(side))
        };
        let heading = Row::new(columns.iter().enumerate().map(|(column, (name, _))| cell(column, name.to_string())));
        let rows = watched.into_iter().map(|watched| {
            let entry = &watched.entry;
            let texts = [
                entry.name.clone(),
                dtype_text(&entry.dtype, &entry.tag, 9),
                shape_text(&entry.shape),
                units::bytes(entry.file_bytes),
                users(entry, self.processes.of_shm(&entry.name)),
                entry.generation.to_string(),
                rate(watched.rate),
                percent(watched.locked),
                percent(watched.shared),
                percent(watched.waited),
                state(entry),
            ];
            let style = match (entry.inconsistent, watched.waited > 0.0, watched.rate > 0.0) {
                (true, ..) => self.color(Color::Red),
                (_, true, _) => self.color(Color::Yellow),
                (_, _, true) => self.color(Color::Green),
                _ => Style::new(),
            };
            Row::new(texts.into_iter().enumerate().map(|(column, text)| cell(column, text))).style(style)
        });
        let table = Table::new(rows, columns.map(|(_, width)| width))
            .header(heading.style(Style::new().add_modifier(Modifier::BOLD)))
            .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
        frame.render_stateful_widget(table, body, &mut self.table);

        let keys = "q quit   sort: n name  s size  r writes/s  w waited   up, down";
        frame.render_widget(Paragraph::new(keys).style(Style::new().add_modifier(Modifier::DIM)), foot);
    }

    fn summary(&self) -> Vec<Line<'static>> {
        let (arrays, size, rate_of_all) = self.board.totals();
        let shm = self.machine.shm.as_ref().and_then(|mount| mount.room);
        let shm = shm.map_or(String::new(), |room| {
            format!(", /dev/shm {} of {} free", units::bytes(room.free), units::bytes(room.size))
        });
        let memory = self.machine.memory;
        let available = memory.available.map_or(String::new(), |bytes| format!(", {} available", units::bytes(bytes)));
        vec![
            Line::from(format!(
                "shm-array top: {arrays} arrays, {}, {} writes/s",
                units::bytes(size),
                rate(rate_of_all)
            )),
            Line::from(format!(
                "memory {}{available}, swap {} free{shm}",
                units::bytes(memory.total.unwrap_or(0)),
                units::bytes(memory.swap_free)
            )),
        ]
    }

    fn color(&self, color: Color) -> Style {
        if self.has_colors { Style::new().fg(color) } else { Style::new() }
    }
}

fn rate(per_second: f64) -> String {
    match per_second {
        ..0.05 => "0".into(),
        ..99.95 => format!("{per_second:.1}"),
        ..9999.5 => format!("{per_second:.0}"),
        ..9.9995e6 => format!("{:.1}k", per_second / 1e3),
        _ => format!("{:.1}M", per_second / 1e6),
    }
}

fn percent(part: f64) -> String {
    if part == 0.0 { "-".into() } else { format!("{:.0}%", part * 100.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_short() {
        for (per_second, text) in [(0.0, "0"), (0.5, "0.5"), (123.4, "123"), (45_678.0, "45.7k"), (2.5e7, "25.0M")] {
            assert_eq!(rate(per_second), text);
        }
    }
}
