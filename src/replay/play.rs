//! Runs a file again: the conversation is built anew, told what it was told when it was told, and what it asks for is
//! held against what it asked for then.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use flate2::bufread::MultiGzDecoder;
use serde_json::Value;

use super::format::{self, End, FORMAT, Header, LARGEST, Line};
use crate::agent::action::Action;
use crate::agent::conversation::{Conversation, ScriptError};
use crate::time;

/// No file of ours is larger than this, in bytes before they were compressed: the last entries may stick out.
const MOST: u64 = 4 * LARGEST as u64;

/// A file cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// It cannot be read.
    #[error("the file cannot be read: {0}")]
    Read(#[source] std::io::Error),
    /// It is something else.
    #[error("this is no replay file: {0}")]
    Foreign(String),
    /// It was written in another format.
    #[error("the file has format {0}; this program reads format {FORMAT}")]
    Format(u32),
    /// It is larger than a replay file can be.
    #[error("the file holds more than {} MiB, which no replay file does", MOST >> 20)]
    TooLarge,
    /// A line makes no sense.
    #[error("line {line}: {problem}")]
    Line {
        /// Counted from 1, the header.
        line: u64,
        /// What is wrong with it.
        problem: String,
    },
    /// The assistant in it cannot be used.
    #[error("the assistant of the call cannot be used by this program: {0}")]
    Script(#[from] ScriptError),
}

/// One thing that happened, then and now.
#[derive(Debug)]
pub struct Event {
    /// Since the call began.
    pub at: Duration,
    /// What.
    pub what: Seen,
    /// What the conversation asks for now, whole.
    pub actions: Vec<Value>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    /// The conversation was made.
    Begin,
    /// It was told something.
    Input(Value),
    /// One of its timers fired.
    Timer(String),
    /// Something happened beside it.
    Note(String),
}

/// How a replay went.
#[derive(Debug)]
pub struct Played {
    /// Steps of the conversation that were run again.
    pub steps: u64,
    /// Actions that were compared.
    pub actions: u64,
    /// Where it went another way for the first time; nothing was played behind that.
    pub difference: Option<Difference>,
    /// What is missing of the call, and why.
    pub missing: Option<String>,
}

/// The first step that went another way.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The line of the file, counted from 1, the header.
    pub line: u64,
    /// When, since the call began.
    pub at: Duration,
    /// What differs.
    pub what: Differs,
}

/// What differs.
#[derive(Clone, Debug, PartialEq)]
pub enum Differs {
    /// An action; `None` where there is none.
    Action {
        /// Which of the step's actions, counted from 0.
        number: usize,
        /// What was asked for in the call.
        then: Option<Value>,
        /// What is asked for now.
        now: Option<Value>,
    },
    /// Timers.
    Timer {
        /// Which fired in the call.
        then: String,
        /// Which is due now.
        now: Option<String>,
    },
    /// The conversation panicked, as it may have in the call.
    Panicked,
}

/// A file that is being read.
#[derive(Debug)]
pub struct Recording {
    /// Its first line.
    pub header: Header,
    lines: Lines,
}

impl Recording {
    /// Opens a file.
    ///
    /// # Errors
    /// [`ReplayError`]: it is not there, or is none.
    pub fn open(path: &Path) -> Result<Self, ReplayError> {
        let file = File::open(path).map_err(ReplayError::Read)?;
        let mut lines = Lines { reader: BufReader::new(MultiGzDecoder::new(BufReader::new(file)).take(MOST)), line: 0 };
        let first = match lines.next() {
            Ok(Some(first)) => first,
            Ok(None) => return Err(ReplayError::Foreign("it is empty".to_owned())),
            Err(Broken::Damaged(why)) => return Err(ReplayError::Foreign(why)),
            Err(Broken::TooLarge) => return Err(ReplayError::TooLarge),
        };
        let format: Value = serde_json::from_slice(&first)
            .map_err(|_| ReplayError::Foreign("its first line is no header".to_owned()))?;
        match format["callwright_replay"].as_u64() {
            Some(format) if format == u64::from(FORMAT) => {}
            Some(other) => return Err(ReplayError::Format(u32::try_from(other).unwrap_or(u32::MAX))),
            None => return Err(ReplayError::Foreign("its first line is no header".to_owned())),
        }
        let header = serde_json::from_slice(&first)
            .map_err(|error| ReplayError::Line { line: 1, problem: error.to_string() })?;
        Ok(Self { header, lines })
    }

    /// Runs the call again, up to the first difference; `see` is shown every event as it comes.
    ///
    /// # Errors
    /// [`ReplayError`], when a line makes no sense or the file is too large. A file that breaks off is played as far as
    /// it goes.
    pub fn play(mut self, mut see: impl FnMut(&Event)) -> Result<Played, ReplayError> {
        let mut stage = Stage { begun: time::now().mono, conversation: self.header.conversation()? };
        let mut played = Played { steps: 0, actions: 0, difference: None, missing: None };
        let mut end = None;
        let broken = loop {
            let bytes = match self.lines.next() {
                Ok(Some(bytes)) => bytes,
                Ok(None) => break None,
                Err(broken) => break Some(broken),
            };
            let line = self.lines.line;
            let parsed: Line = serde_json::from_slice(&bytes)
                .map_err(|error| ReplayError::Line { line, problem: error.to_string() })?;
            let at = Duration::from_nanos(parsed.at);
            if parsed.end.is_some() {
                end = parsed.end;
                continue;
            }
            let (seen, step) = stage.seen(parsed).map_err(|problem| ReplayError::Line { line, problem })?;
            let Some(step) = step else {
                see(&Event { at, what: seen, actions: Vec::new() });
                continue;
            };
            played.steps += 1;
            let (actions, differs) = stage.run(at, step);
            played.actions += actions.len() as u64;
            see(&Event { at, what: seen, actions });
            if let Some(what) = differs {
                played.difference = Some(Difference { line, at, what });
                return Ok(played);
            }
        };
        played.missing = match broken {
            Some(Broken::TooLarge) => return Err(ReplayError::TooLarge),
            Some(Broken::Damaged(why)) => Some(format!("the file breaks off after line {}: {why}", self.lines.line)),
            None => match end.map(End::missing) {
                Some(missing) => missing.map(str::to_owned),
                None => Some("the file breaks off: the process that wrote it was killed".to_owned()),
            },
        };
        Ok(played)
    }
}

/// The conversation on its virtual clock.
struct Stage {
    begun: Instant,
    conversation: Conversation,
}

/// What is done to it.
struct Step {
    kind: Kind,
    then: Vec<Value>,
}

enum Kind {
    Begin,
    Input(Box<crate::agent::input::Input>),
    Timer(String),
}

impl Stage {
    /// What a line tells, and what is to be done about it; nothing for a note.
    fn seen(&self, line: Line) -> Result<(Seen, Option<Step>), String> {
        let then = line.actions.iter().map(|action| serde_json::from_str(action.get()));
        let then = then.collect::<Result<Vec<Value>, _>>().map_err(|error| error.to_string())?;
        let (seen, kind) = match (line.input, line.timer, line.note, line.begin) {
            (Some(input), None, None, false) => {
                let value = serde_json::to_value(&input).map_err(|error| error.to_string())?;
                (Seen::Input(value), Kind::Input(Box::new(input)))
            }
            (None, Some(timer), None, false) => (Seen::Timer(timer.clone()), Kind::Timer(timer)),
            (None, None, Some(note), false) => return Ok((Seen::Note(note), None)),
            (None, None, None, true) => (Seen::Begin, Kind::Begin),
            _ => return Err("it must tell exactly one of input, timer, begin, note and end".to_owned()),
        };
        Ok((seen, Some(Step { kind, then })))
    }

    /// Does a step. What the conversation asks for, and what of it differs.
    fn run(&mut self, at: Duration, step: Step) -> (Vec<Value>, Option<Differs>) {
        let now = self.begun + at;
        if let Kind::Timer(then) = &step.kind {
            let due = self.conversation.poll_timeout().filter(|(due, _)| *due <= now);
            let due = due.map(|(_, timer)| format!("{timer:?}"));
            if due.as_ref() != Some(then) {
                return (Vec::new(), Some(Differs::Timer { then: then.clone(), now: due }));
            }
        }
        let ran = catch_unwind(AssertUnwindSafe(|| {
            match step.kind {
                Kind::Begin => {}
                Kind::Input(input) => self.conversation.handle(now, *input),
                Kind::Timer(_) => self.conversation.handle_timeout(now),
            }
            std::iter::from_fn(|| self.conversation.poll_action()).collect::<Vec<Action>>()
        }));
        let Ok(actions) = ran else { return (Vec::new(), Some(Differs::Panicked)) };
        let differs = compare(&step.then, &actions);
        let whole = actions.iter().map(|action| serde_json::to_value(action).unwrap_or_default()).collect();
        (whole, differs)
    }
}

fn compare(then: &[Value], now: &[Action]) -> Option<Differs> {
    (0..then.len().max(now.len())).find_map(|number| {
        let was = then.get(number);
        let is = now.get(number).map(format::in_file);
        (was != is.as_ref()).then(|| Differs::Action { number, then: was.cloned(), now: is })
    })
}

/// The lines of a file.
struct Lines {
    reader: BufReader<std::io::Take<MultiGzDecoder<BufReader<File>>>>,
    /// Lines read so far.
    line: u64,
}

/// Why there are no more lines.
enum Broken {
    Damaged(String),
    TooLarge,
}

impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lines").field("line", &self.line).finish_non_exhaustive()
    }
}

impl Lines {
    fn next(&mut self) -> Result<Option<Vec<u8>>, Broken> {
        let mut line = Vec::new();
        let read = self.reader.read_until(b'\n', &mut line);
        if self.reader.get_ref().limit() == 0 {
            return Err(Broken::TooLarge);
        }
        match read {
            Err(error) => Err(Broken::Damaged(error.to_string())),
            Ok(0) => Ok(None),
            Ok(_) if line.pop() != Some(b'\n') => Err(Broken::Damaged("its last line is cut off".to_owned())),
            Ok(_) => {
                self.line += 1;
                Ok(Some(line))
            }
        }
    }
}
