//! Prints a replay: for people, or as JSON lines.

use std::io::{self, Write};
use std::path::Path;

use serde_json::{Value, json};

use super::play::{Difference, Differs, Event, Played, Recording, ReplayError, Seen};

/// Longest line for people, in characters; `--json` has everything.
const WIDTH: usize = 200;

/// A replay could not be shown.
#[derive(Debug, thiserror::Error)]
pub enum ShowError {
    /// The file.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// Where it is printed to.
    #[error("the output cannot be written: {0}")]
    Write(#[from] io::Error),
}

/// Plays a file and prints every event; true when it went as in the call.
///
/// # Errors
/// [`ShowError`]: the file cannot be played, or the output not be written.
pub fn run(path: &Path, as_json: bool, out: &mut impl Write) -> Result<bool, ShowError> {
    let recording = Recording::open(path)?;
    let header = &recording.header;
    let changed = header.program != env!("CARGO_PKG_VERSION");
    if as_json {
        let first = json!({
            "call": header.call, "started": header.started, "program": header.program,
            "assistant": header.assistant.name, "assistant_version": header.assistant_version,
        });
        writeln!(out, "{first}")?;
    } else {
        writeln!(out, "call {} of {}, assistant {}", header.call, header.started, header.assistant.name)?;
        if changed {
            let ours = env!("CARGO_PKG_VERSION");
            writeln!(out, "written by version {}, played by {ours}: differences may come of that", header.program)?;
        }
    }
    let mut written = Ok(());
    let played = recording.play(|event| {
        if written.is_ok() {
            written = if as_json { event_as_json(event, out) } else { event_as_text(event, out) };
        }
    })?;
    written?;
    if as_json {
        end_as_json(&played, out)?
    } else {
        end_as_text(&played, out)?
    }
    out.flush()?;
    Ok(played.difference.is_none())
}

fn event_as_text(event: &Event, out: &mut impl Write) -> io::Result<()> {
    let seconds = event.at.as_secs_f64();
    let what = match &event.what {
        Seen::Begin => "begins".to_owned(),
        Seen::Input(input) => format!("> {input}"),
        Seen::Timer(timer) => format!("@ {timer}"),
        Seen::Note(note) => format!("# {note}"),
    };
    writeln!(out, "{seconds:>11.6} {}", short(&what))?;
    for action in &event.actions {
        writeln!(out, "{:>11} {}", "", short(&format!("< {action}")))?;
    }
    Ok(())
}

fn event_as_json(event: &Event, out: &mut impl Write) -> io::Result<()> {
    let (name, what) = match &event.what {
        Seen::Begin => ("begin", Value::Bool(true)),
        Seen::Input(input) => ("input", input.clone()),
        Seen::Timer(timer) => ("timer", timer.as_str().into()),
        Seen::Note(note) => ("note", note.as_str().into()),
    };
    let mut line = json!({ "at_us": micros(event.at), name: what });
    if !event.actions.is_empty() {
        line["actions"] = event.actions.clone().into();
    }
    writeln!(out, "{line}")
}

fn end_as_text(played: &Played, out: &mut impl Write) -> io::Result<()> {
    if let Some(missing) = &played.missing {
        writeln!(out, "not the whole call: {missing}")?;
    }
    let Some(Difference { line, at, what }) = &played.difference else {
        return writeln!(out, "same: {} steps, {} actions", played.steps, played.actions);
    };
    writeln!(out, "different at {:.6}, line {line} of the file:", at.as_secs_f64())?;
    let nothing = || "nothing".to_owned();
    match what {
        Differs::Action { number, then, now } => {
            writeln!(out, "  action {} of this step", number + 1)?;
            writeln!(out, "  then {}", then.as_ref().map_or_else(nothing, Value::to_string))?;
            writeln!(out, "  now  {}", now.as_ref().map_or_else(nothing, Value::to_string))
        }
        Differs::Timer { then, now } => {
            writeln!(out, "  then the timer {then} fired")?;
            writeln!(out, "  now  {}", now.as_ref().map_or_else(nothing, |timer| format!("the timer {timer} is due")))
        }
        Differs::Panicked => writeln!(out, "  the conversation panicked"),
    }
}

fn end_as_json(played: &Played, out: &mut impl Write) -> io::Result<()> {
    let difference = played.difference.as_ref().map(|Difference { line, at, what }| {
        let what = match what {
            Differs::Action { number, then, now } => json!({ "action": number, "then": then, "now": now }),
            Differs::Timer { then, now } => json!({ "timer": true, "then": then, "now": now }),
            Differs::Panicked => json!({ "panicked": true }),
        };
        json!({ "line": line, "at_us": micros(*at), "differs": what })
    });
    let last = json!({
        "same": difference.is_none(), "steps": played.steps, "compared": played.actions, "missing": played.missing,
        "difference": difference,
    });
    writeln!(out, "{last}")
}

fn micros(at: std::time::Duration) -> u64 {
    u64::try_from(at.as_micros()).unwrap_or(u64::MAX)
}

/// The beginning of a long line.
fn short(text: &str) -> String {
    match text.char_indices().nth(WIDTH) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
