//! What a replay file is: JSON lines, compressed with gzip in members of their own, so that the file of a process that
//! was killed is good up to its last member.
//!
//! The first line is the [`Header`], all others are [`Line`]s: steps of the conversation and notes, in order, and one
//! that says how it ended. Offsets are whole nanoseconds since the call began.

use std::collections::BTreeMap;
use std::fmt::Write;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::agent::action::Action;
use crate::agent::assistant::{Assistant, Tool};
use crate::agent::conversation::{Conversation, ScriptError};
use crate::agent::input::Input;
use crate::id::{AssistantVersionId, CallId};
use crate::pii::Pii;

/// The version of the format that is written and read.
pub const FORMAT: u32 = 1;

/// So much is written of one call, in bytes before they are compressed.
pub const LARGEST: usize = 8 << 20;

/// An action longer than this as JSON, in bytes, stands in the file by its digest: the same action comes out whole when
/// the file is played.
const LONG: usize = 2_048;

/// What stands in place of a value that is nobody's business here.
const REDACTED: &str = "[redacted]";

/// What a conversation is made of, and where it comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// [`FORMAT`]; the name of the field tells what the file is.
    pub callwright_replay: u32,
    /// The version of the program that wrote it.
    pub program: String,
    /// The call.
    pub call: CallId,
    /// When it began: offset 0.
    pub started: Timestamp,
    /// Which version of the assistant spoke.
    pub assistant_version: AssistantVersionId,
    /// That version, without what is only told to tool servers.
    pub assistant: Assistant,
    /// The contact's values for the assistant's variables.
    pub values: BTreeMap<String, Pii<String>>,
}

impl Header {
    /// The header of a call.
    #[must_use]
    pub fn new(
        call: CallId,
        started: Timestamp,
        version: AssistantVersionId,
        assistant: &Assistant,
        values: &BTreeMap<String, Pii<String>>,
    ) -> Self {
        Self {
            callwright_replay: FORMAT,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            call,
            started,
            assistant_version: version,
            assistant: without_headers(assistant.clone()),
            values: values.clone(),
        }
    }

    /// The conversation before anything has happened to it.
    ///
    /// # Errors
    /// The assistant or the values cannot be used: they could be when the call was made, so the program has changed.
    pub fn conversation(&self) -> Result<Conversation, ScriptError> {
        Conversation::new(&self.assistant, &self.values, self.assistant.turn.timing())
    }
}

/// Headers of requests to tool servers hold keys. The conversation never sees them.
fn without_headers(mut assistant: Assistant) -> Assistant {
    for tool in &mut assistant.tools {
        let headers = match tool {
            Tool::Http(tool) => &mut tool.headers,
            Tool::Mcp(server) => &mut server.headers,
            Tool::Builtin(_) => continue,
        };
        headers.values_mut().for_each(|value| *value = Pii::new(REDACTED.to_owned()));
    }
    assistant
}

/// One line behind the header: exactly one of `input`, `timer`, `begin`, `note` and `end`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Nanoseconds since the call began.
    pub at: u64,
    /// What the conversation was told.
    #[serde(default)]
    pub input: Option<Input>,
    /// The first of its timers that fired.
    #[serde(default)]
    pub timer: Option<String>,
    /// It was made.
    #[serde(default)]
    pub begin: bool,
    /// What happened beside it.
    #[serde(default)]
    pub note: Option<String>,
    /// Why nothing follows.
    #[serde(default)]
    pub end: Option<End>,
    /// What it asked for, in order.
    #[serde(default)]
    pub actions: Vec<Box<RawValue>>,
}

/// How a file ends. A file without such a line is that of a process that was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// With the call.
    Complete,
    /// The talk went off the record; what followed is not kept.
    OffRecord,
    /// The call was longer than fits.
    TooLong,
    /// The disk did not keep up.
    Behind,
    /// The call's task broke.
    BrokenOff,
}

impl End {
    /// Whether the whole call is in the file; if not, why, for a person.
    #[must_use]
    pub const fn missing(self) -> Option<&'static str> {
        match self {
            Self::Complete => None,
            Self::OffRecord => Some("the talk went off the record: what followed is not kept"),
            Self::TooLong => Some("the call was longer than fits into a file"),
            Self::Behind => Some("the disk did not keep up"),
            Self::BrokenOff => Some("the call's task broke"),
        }
    }
}

/// What happened, before it is a line.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// The conversation was made.
    Begin,
    /// It was told something.
    Input(Box<Input>),
    /// Timers of it fired; the first of them by its name.
    Timer(String),
    /// Something happened beside it.
    Note(String),
    /// Nothing follows.
    End(End),
}

/// One line, before it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Nanoseconds since the call began.
    pub at: u64,
    /// What happened.
    pub what: What,
    /// What the conversation asked for.
    pub actions: Vec<Action>,
}

/// Writes a header as a line.
pub(super) fn write_header(header: &Header, out: &mut Vec<u8>) {
    serde_json::to_writer(&mut *out, header).expect("a header is JSON, and memory takes it");
    out.push(b'\n');
}

/// Writes an entry as a line.
pub(super) fn write_entry(entry: &Entry, out: &mut Vec<u8>) {
    const HOLDS: &str = "it is JSON, and memory takes it";
    out.extend_from_slice(format!("{{\"at\":{}", entry.at).as_bytes());
    match &entry.what {
        What::Begin => out.extend_from_slice(b",\"begin\":true"),
        What::Input(input) => {
            out.extend_from_slice(b",\"input\":");
            serde_json::to_writer(&mut *out, input).expect(HOLDS);
        }
        What::Timer(timer) => {
            out.extend_from_slice(b",\"timer\":");
            serde_json::to_writer(&mut *out, timer).expect(HOLDS);
        }
        What::Note(note) => {
            out.extend_from_slice(b",\"note\":");
            serde_json::to_writer(&mut *out, note).expect(HOLDS);
        }
        What::End(end) => {
            out.extend_from_slice(b",\"end\":");
            serde_json::to_writer(&mut *out, end).expect(HOLDS);
        }
    }
    if !entry.actions.is_empty() {
        out.extend_from_slice(b",\"actions\":[");
        for (number, action) in entry.actions.iter().enumerate() {
            if number > 0 {
                out.push(b',');
            }
            let begin = out.len();
            serde_json::to_writer(&mut *out, action).expect(HOLDS);
            if out.len() - begin > LONG {
                let digest = digest(&out[begin..]);
                out.truncate(begin);
                out.extend_from_slice(digest.as_bytes());
            }
        }
        out.push(b']');
    }
    out.extend_from_slice(b"}\n");
}

/// An action as it stands in a file.
#[must_use]
pub fn in_file(action: &Action) -> Value {
    let json = serde_json::to_vec(action).expect("an action is JSON");
    let json = if json.len() > LONG { digest(&json).into_bytes() } else { json };
    serde_json::from_slice(&json).expect("it was JSON")
}

/// What stands for a long action: `{"generate":{"bytes":5120,"sha256":"…"}}`.
fn digest(json: &[u8]) -> String {
    let name = json.split(|byte| *byte == b'"').nth(1).unwrap_or_default();
    let mut text = format!("{{\"{}\":{{\"bytes\":{},\"sha256\":\"", String::from_utf8_lossy(name), json.len());
    for byte in &Sha256::digest(json)[..16] {
        let _ = write!(text, "{byte:02x}");
    }
    text.push_str("\"}}");
    text
}
