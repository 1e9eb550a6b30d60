//! What the simulated model answers.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// What the model answers and how fast. Nothing is remembered between requests: the context of a request alone decides,
/// so that calls at the same time do not disturb each other.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Script {
    /// Models that exist; any when it is empty.
    pub models: Vec<String>,
    /// The answers. The first whose `when` is in the last thing the user said is given; else those without a `when` in
    /// the order of the user's turns, the last of them again and again.
    pub answers: Vec<Answer>,
    /// Milliseconds to the first token.
    pub ttft_ms: u64,
    /// Tokens per second after it; all at once when it is 0.
    pub tokens_per_second: f64,
}

impl Default for Script {
    fn default() -> Self {
        Self { models: Vec::new(), answers: Vec::new(), ttft_ms: 0, tokens_per_second: 0.0 }
    }
}

/// One answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Answer {
    /// Given when the last thing the user said contains this, whatever the case.
    pub when: Option<String>,
    /// The words.
    pub say: String,
    /// What it calls.
    pub calls: Vec<Call>,
    /// What it answers once its calls have their results.
    pub then: Option<Box<Answer>>,
    /// How its calls are cut into fragments.
    pub fragments: Fragments,
    /// Milliseconds to its first token; the script's when left out.
    pub ttft_ms: Option<u64>,
    /// Tokens per second; the script's when left out.
    pub tokens_per_second: Option<f64>,
    /// Another reason to finish than `stop` or `tool_calls`; none at all when it is empty.
    pub finish: Option<String>,
    /// Whether the stream ends with `[DONE]`.
    pub done: bool,
    /// Whether lines end in CR LF.
    pub crlf: bool,
    /// Whether a comment stands before each chunk.
    pub comments: bool,
}

impl Default for Answer {
    fn default() -> Self {
        Self {
            when: None,
            say: String::new(),
            calls: Vec::new(),
            then: None,
            fragments: Fragments::default(),
            ttft_ms: None,
            tokens_per_second: None,
            finish: None,
            done: true,
            crlf: false,
            comments: false,
        }
    }
}

impl Answer {
    /// An answer of words alone.
    #[must_use]
    pub fn say(words: &str) -> Self {
        Self { say: words.to_owned(), ..Self::default() }
    }

    /// An answer that calls a tool, and what is said about its result.
    #[must_use]
    pub fn call(name: &str, arguments: Value, then: &str) -> Self {
        let call = Call { id: None, name: name.to_owned(), arguments };
        Self { calls: vec![call], then: Some(Box::new(Self::say(then))), ..Self::default() }
    }
}

/// A call of a tool.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// Its id; made up when it is left out.
    #[serde(default)]
    pub id: Option<String>,
    /// The tool.
    pub name: String,
    /// Its arguments: an object, or a text that goes out as it is.
    pub arguments: Value,
}

/// How calls are cut into fragments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fragments {
    /// Id and name first, then the arguments in pieces, by index.
    #[default]
    Openai,
    /// All calls whole in one chunk.
    Whole,
    /// In pieces, without `type`.
    NoType,
    /// In pieces, id and name with each of them.
    Repeated,
    /// Whole calls, one in a chunk, all with the index 0.
    IndexZero,
    /// Whole calls without index and id, arguments as JSON and not as text.
    Bare,
}

impl Script {
    /// The answer to a context. Without any, an agreeable one, or the smallest document of the schema.
    pub(in crate::vendors) fn answer(&self, messages: &[Value], schema: Option<&Value>) -> Answer {
        let is_user = |message: &&Value| message["role"] == "user";
        let turns = messages.iter().filter(is_user).count();
        let said = messages.iter().rev().find(is_user).map(text_of).unwrap_or_default().to_lowercase();
        let matching = self.answers.iter().find(|answer| {
            answer.when.as_ref().is_some_and(|when| !when.is_empty() && said.contains(&when.to_lowercase()))
        });
        let in_order: Vec<&Answer> = self.answers.iter().filter(|answer| answer.when.is_none()).collect();
        let scripted = matching.or_else(|| in_order.get(turns.saturating_sub(1)).or(in_order.last()).copied());
        let Some(mut answer) = scripted else {
            return Answer::say(&schema.map_or_else(|| "I see.".to_owned(), |schema| least(schema).to_string()));
        };
        // Each round of calls since then has led one answer further.
        let last = messages.iter().rposition(|message| message["role"] == "user").map_or(0, |at| at + 1);
        let rounds = messages[last..].iter().filter(|message| message["tool_calls"].is_array()).count();
        for _ in 0..rounds {
            let Some(then) = &answer.then else { break };
            answer = then;
        }
        answer.clone()
    }
}

/// The words of a message.
fn text_of(message: &Value) -> String {
    match &message["content"] {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => String::new(),
    }
}

/// The smallest value that a schema allows.
fn least(schema: &Value) -> Value {
    if let Some(first) = schema["enum"].as_array().and_then(|values| values.first()) {
        return first.clone();
    }
    if let Some(first) = schema["anyOf"].as_array().and_then(|values| values.first()) {
        return least(first);
    }
    let kind = &schema["type"];
    match kind.as_str().or_else(|| kind.as_array()?.first()?.as_str()) {
        Some("object") => {
            let none = Map::new();
            let properties = schema["properties"].as_object().unwrap_or(&none);
            Value::Object(properties.iter().map(|(name, schema)| (name.clone(), least(schema))).collect())
        }
        Some("array") => json!([]),
        Some("string") => json!(""),
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or(json!(0)),
        Some("boolean") => json!(false),
        Some(_) | None => Value::Null,
    }
}
