//! `doctor`: what this machine's memory means for arrays, and what to do about it.

mod diagnosis;
mod swap;

use serde_json::json;

use crate::arguments::{Doctor, Remedy};
use crate::failure::{Failure, Result};
use crate::machine::{Machine, Root};
use crate::output::{BAD, FAINT, GOOD, HEADING, Output, WARNING};

use crate::units::bytes;

use diagnosis::{Finding, Weight};

/// Tell, or do.
pub fn run(doctor: &Doctor, out: &mut Output) -> Result<()> {
    let root = Root::new(&doctor.root);
    let machine = Machine::read(&root);
    if let Some(Remedy::Swap(request)) = &doctor.remedy {
        return swap::run(request, &machine, &root, out);
    }
    let mut findings = diagnosis::of(&machine);
    if root.is_this_machine() {
        findings.push(diagnosis::of_arrays(&shm_array::list()?));
    }
    let shortage = doctor.need.map(|need| diagnosis::of_need(&machine, need));
    findings.extend(shortage.clone());
    if doctor.json {
        let object = |finding: &Finding| {
            json!({
                "topic": finding.topic,
                "level": level(finding.weight),
                "is": finding.is,
                "means": finding.means,
                "do": finding.todo,
            })
        };
        out.json(&json!({ "findings": findings.iter().map(object).collect::<Vec<_>>() }))?;
    } else {
        findings.iter().try_for_each(|finding| print(finding, out))?;
    }
    match (shortage, doctor.need) {
        (Some(finding), Some(need)) if finding.weight == Weight::Bad => {
            Err(Failure::new(format!("no room for an array of {}", bytes(need))))
        }
        _ => Ok(()),
    }
}

fn level(weight: Weight) -> &'static str {
    match weight {
        Weight::Good => "good",
        Weight::Fact => "fact",
        Weight::Warning => "warning",
        Weight::Bad => "bad",
    }
}

fn print(finding: &Finding, out: &mut Output) -> Result<()> {
    let (style, mark) = match finding.weight {
        Weight::Good => (GOOD, "ok"),
        Weight::Fact => (FAINT, "--"),
        Weight::Warning => (WARNING, "!"),
        Weight::Bad => (BAD, "!!"),
    };
    let topic = finding.topic;
    out.line(format_args!("{style}{mark:>2}{style:#} {HEADING}{topic:<12}{HEADING:#} {}", finding.is))?;
    for line in wrapped(&finding.means, crate::output::page().0.min(100).saturating_sub(16)) {
        out.line(format_args!("{:16}{line}", ""))?;
    }
    finding.todo.iter().try_for_each(|line| out.line(format_args!("{:16}  {HEADING}{line}{HEADING:#}", "")))
}

/// Lines of whole words.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.into()),
        }
    }
    lines
}
