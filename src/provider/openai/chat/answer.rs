//! An answer put together from its chunks, in all the ways that compatible servers cut it.

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::pii::Pii;
use crate::provider::error::{Error, ErrorKind};
use crate::provider::http::Refusal;
use crate::provider::llm::{FinishReason, ToolCall, Usage};
use crate::provider::vendor::Vendor;

/// Bytes of text in one answer; some ten times what anybody would listen to.
const TEXT: usize = 256 << 10;
/// Calls in one answer.
const CALLS: usize = 32;
/// Bytes of a call's arguments.
const ARGUMENTS: usize = 256 << 10;
/// Bytes of a name or an id.
const NAME: usize = 256;

/// An answer in the making.
#[derive(Debug)]
pub(super) struct Answer {
    /// Makes the ids of calls that come without one unique over all answers.
    nonce: u64,
    calls: Vec<Building>,
    text: usize,
    reason: Option<Reason>,
    usage: Option<Usage>,
}

/// A call in the making.
#[derive(Debug, Default)]
struct Building {
    index: Option<u32>,
    id: String,
    name: String,
    arguments: String,
}

/// Why the vendor says it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    Stop,
    Length,
    Filtered,
}

/// A complete answer, without its text.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ended {
    pub(super) calls: Vec<ToolCall>,
    pub(super) reason: FinishReason,
    pub(super) usage: Option<Usage>,
}

/// Why an answer cannot be completed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// A chunk is no chunk.
    Garbage,
    /// Larger than makes sense.
    TooLarge,
    /// It ended in the middle.
    BrokenOff,
    /// The vendor reports an error inside the stream.
    Refused(Box<Refusal>),
}

impl Fault {
    pub(super) fn error(&self, vendor: &Vendor) -> Error {
        let broken = |detail: &str| vendor.error(ErrorKind::Broken, detail);
        match self {
            Self::Garbage => broken("a chunk of the answer is not what it should be"),
            Self::TooLarge => broken("the answer is larger than makes sense"),
            Self::BrokenOff => broken("the answer ended in the middle"),
            Self::Refused(refusal) => refusal.error(vendor),
        }
    }
}

impl Answer {
    pub(super) const fn new(nonce: u64) -> Self {
        Self { nonce, calls: Vec::new(), text: 0, reason: None, usage: None }
    }

    /// Takes one chunk; gives its text, if it has any.
    pub(super) fn chunk(&mut self, data: &[u8]) -> Result<Option<Pii<String>>, Fault> {
        let chunk: Chunk = serde_json::from_slice(data).map_err(|_| Fault::Garbage)?;
        if let Some(error) = chunk.error {
            return Err(Fault::Refused(Box::new(refusal(&error))));
        }
        if let Some(usage) = chunk.usage {
            self.usage = Some(usage.into());
        }
        let mut text = String::new();
        for choice in chunk.choices.unwrap_or_default() {
            if choice.index.unwrap_or(0) != 0 {
                continue;
            }
            let delta = choice.delta.or(choice.message).unwrap_or_default();
            text.push_str(&delta.content.map(Content::into_text).unwrap_or_default());
            for fragment in delta.tool_calls.unwrap_or_default() {
                self.fragment(fragment)?;
            }
            if let Some(function) = delta.function_call {
                self.fragment(Fragment { index: Some(0), id: None, function: Some(function) })?;
            }
            if let Some(reason) = choice.finish_reason.filter(|reason| !reason.is_empty()) {
                self.reason = Some(Reason::named(&reason));
            }
        }
        self.text += text.len();
        if self.text > TEXT {
            return Err(Fault::TooLarge);
        }
        Ok(Some(text).filter(|text| !text.is_empty()).map(Pii::new))
    }

    /// The vendor has said why it ended: nothing but the usage may follow.
    pub(super) const fn is_ended(&self) -> bool {
        self.reason.is_some()
    }

    /// Whether the usage is known as well.
    pub(super) const fn is_complete(&self) -> bool {
        self.reason.is_some() && self.usage.is_some()
    }

    /// The stream has ended, with `[DONE]` or without. Some servers leave out the one, some the reason; without both it
    /// broke off.
    pub(super) fn end(self, done: bool) -> Result<Ended, Fault> {
        let anything = self.text > 0 || !self.calls.is_empty();
        let reason = match self.reason {
            Some(reason) => reason,
            None if done && anything => Reason::Stop,
            None => return Err(Fault::BrokenOff),
        };
        let mut calls: Vec<ToolCall> = Vec::with_capacity(self.calls.len());
        for (number, building) in self.calls.into_iter().enumerate() {
            // An answer that became too long may end inside a call.
            let cut = reason != Reason::Stop && serde_json::from_str::<Value>(&building.arguments).is_err();
            if building.name.is_empty() || cut {
                continue;
            }
            let taken = building.id.is_empty() || calls.iter().any(|call| call.id == building.id);
            let id = if taken { format!("call_{:016x}_{number}", self.nonce) } else { building.id };
            // A call without arguments often has no text at all.
            let arguments = if building.arguments.trim().is_empty() { "{}".to_owned() } else { building.arguments };
            calls.push(ToolCall { id, name: building.name, arguments: Pii::new(arguments) });
        }
        let reason = match reason {
            Reason::Filtered => FinishReason::Filtered,
            Reason::Length if calls.is_empty() => FinishReason::Length,
            // Several servers say `stop` where they called.
            Reason::Length | Reason::Stop if !calls.is_empty() => FinishReason::ToolCalls,
            Reason::Length | Reason::Stop => FinishReason::Stop,
        };
        Ok(Ended { calls, reason, usage: self.usage })
    }

    fn fragment(&mut self, fragment: Fragment) -> Result<(), Fault> {
        let function = fragment.function.unwrap_or_default();
        let id = fragment.id.unwrap_or_default();
        let name = function.name.unwrap_or_default();
        let arguments = function.arguments.map(Arguments::into_text).unwrap_or_default();
        let at = match self.continued(fragment.index, &id, &name) {
            Some(at) => at,
            None if self.calls.len() == CALLS => return Err(Fault::TooLarge),
            None => {
                self.calls.push(Building { index: fragment.index, ..Building::default() });
                self.calls.len() - 1
            }
        };
        let call = &mut self.calls[at];
        if call.id.is_empty() {
            call.id = id;
        }
        // Some repeat the name with every fragment.
        if call.name.is_empty() {
            call.name = name;
        }
        call.arguments.push_str(&arguments);
        let too_large = call.arguments.len() > ARGUMENTS || call.id.len() > NAME || call.name.len() > NAME;
        if too_large { Err(Fault::TooLarge) } else { Ok(()) }
    }

    /// The call that a fragment goes on with. The index tells, unless the fragment names another call: some give every
    /// call the index 0, some none.
    fn continued(&self, index: Option<u32>, id: &str, name: &str) -> Option<usize> {
        let at = match index {
            Some(_) => self.calls.iter().rposition(|call| call.index == index)?,
            None if !id.is_empty() => {
                let known = self.calls.iter().rposition(|call| call.id == id);
                known.or_else(|| self.calls.len().checked_sub(1))?
            }
            None => self.calls.len().checked_sub(1)?,
        };
        let call = &self.calls[at];
        let other_id = !id.is_empty() && !call.id.is_empty() && id != call.id;
        // Without index and id a name begins a call, unless it is the same one repeated in the middle of arguments.
        let whole = serde_json::from_str::<Value>(&call.arguments).is_ok();
        let begins = index.is_none() && id.is_empty() && !name.is_empty() && (name != call.name || whole);
        (!other_id && !begins).then_some(at)
    }
}

impl Reason {
    fn named(name: &str) -> Self {
        match name {
            "length" | "max_tokens" | "model_length" => Self::Length,
            "content_filter" | "safety" => Self::Filtered,
            // `stop`, `tool_calls`, `function_call`, and whatever a server may invent.
            _ => Self::Stop,
        }
    }
}

/// An error inside the stream, as the refusal it would have been at its beginning.
fn refusal(error: &Value) -> Refusal {
    let number = ["status", "status_code", "code"].iter().find_map(|&field| {
        let value = error.get(field)?;
        value.as_u64().or_else(|| value.as_str()?.parse().ok())
    });
    let status = number.and_then(|number| StatusCode::from_u16(u16::try_from(number).ok()?).ok());
    let mut refusal = Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, &HeaderMap::new());
    refusal.take_reason(error.to_string().as_bytes());
    let named = match refusal.code.as_deref() {
        Some("rate_limit_exceeded" | "insufficient_quota") => StatusCode::TOO_MANY_REQUESTS,
        Some("overloaded_error" | "server_overloaded") => StatusCode::SERVICE_UNAVAILABLE,
        Some("context_length_exceeded" | "invalid_request_error") => StatusCode::BAD_REQUEST,
        Some(_) | None => StatusCode::INTERNAL_SERVER_ERROR,
    };
    refusal.status = status.filter(|status| status.is_client_error() || status.is_server_error()).unwrap_or(named);
    refusal
}

#[derive(Deserialize)]
struct Chunk {
    choices: Option<Vec<Choice>>,
    usage: Option<UsageFigures>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    index: Option<u32>,
    delta: Option<Delta>,
    /// Where a server does not stream.
    message: Option<Delta>,
    finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct Delta {
    content: Option<Content>,
    tool_calls: Option<Vec<Fragment>>,
    /// The older form.
    function_call: Option<Function>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Deserialize)]
struct Part {
    text: Option<String>,
}

impl Content {
    fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Parts(parts) => parts.into_iter().filter_map(|part| part.text).collect(),
        }
    }
}

#[derive(Deserialize)]
struct Fragment {
    index: Option<u32>,
    id: Option<String>,
    function: Option<Function>,
}

#[derive(Default, Deserialize)]
struct Function {
    name: Option<String>,
    arguments: Option<Arguments>,
}

/// Arguments are a text that holds JSON; some servers send the JSON itself.
struct Arguments(Value);

impl<'de> Deserialize<'de> for Arguments {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Value::deserialize(from).map(Self)
    }
}

impl Arguments {
    fn into_text(self) -> String {
        match self.0 {
            Value::String(text) => text,
            Value::Null => String::new(),
            other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => other.to_string(),
        }
    }
}

#[derive(Deserialize)]
struct UsageFigures {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    prompt_tokens_details: Option<Details>,
}

#[derive(Deserialize)]
struct Details {
    cached_tokens: Option<u64>,
}

impl From<UsageFigures> for Usage {
    fn from(figures: UsageFigures) -> Self {
        Self {
            prompt: figures.prompt_tokens.unwrap_or(0),
            cached: figures.prompt_tokens_details.and_then(|details| details.cached_tokens).unwrap_or(0),
            completion: figures.completion_tokens.unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests;
