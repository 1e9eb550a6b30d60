//! Language models: the seam.
//!
//! A generation is one answer of the model to the context it is given. Dropping it cancels it at the vendor.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::error::Error;
use super::probe::{self, Probing};
use crate::pii::Pii;

/// Events that wait for the call: a model that is faster than its reader waits.
pub const EVENT_QUEUE: usize = 64;

/// A language model.
pub trait LanguageModel: Send + Sync {
    /// Asks the model. Returns at once; what comes of it, failures too, is told by the generation's events.
    fn generate(&self, request: LlmRequest) -> Generation;

    /// A conversation is about to begin, the phone rings: makes the connection that its first request needs. Returns
    /// at once.
    fn warm(&self) {}

    /// Tries the provider out with its smallest request: an operator's button, and what a circuit closes by.
    fn probe(&self) -> Probing<'_> {
        probe::nothing_to_try()
    }
}

/// What the model is asked.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LlmRequest {
    /// The context, oldest first. Every tool call in it is followed by its result.
    #[serde(serialize_with = "crate::arcs::one")]
    pub messages: Arc<[Message]>,
    /// What it may call.
    #[serde(serialize_with = "crate::arcs::one")]
    pub tools: Arc<[ToolSpec]>,
    /// Most tokens of the answer.
    pub max_tokens: u32,
    /// 0 to 2; the model's default when it is left out.
    pub temperature: Option<f32>,
    /// The answer shall be JSON of this schema, and no tool is called.
    #[serde(serialize_with = "crate::arcs::maybe")]
    pub schema: Option<Arc<JsonSchema>>,
}

/// A message of the context.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "snake_case")]
pub enum Message {
    /// Instructions.
    System {
        /// The words.
        text: Pii<String>,
    },
    /// What the caller said.
    User {
        /// The words.
        text: Pii<String>,
    },
    /// What the agent said, as far as it was heard, and what it called.
    Assistant {
        /// The words; empty when it only called.
        text: Pii<String>,
        /// The calls.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        calls: Vec<ToolCall>,
    },
    /// What a tool gave back.
    Tool {
        /// The call it answers.
        call: String,
        /// JSON, or text.
        result: Pii<String>,
    },
}

/// A call of a tool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The vendor's name of this call; unique within the context.
    pub id: String,
    /// The tool.
    pub name: String,
    /// JSON, as the model wrote it: it may be broken.
    pub arguments: Pii<String>,
}

/// A tool as the model sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolSpec {
    /// Letters, digits, `_` and `-`; at most 64.
    pub name: String,
    /// What it does and when to use it.
    pub description: String,
    /// JSON Schema of its arguments, an object.
    pub parameters: serde_json::Value,
}

/// A schema that an answer must follow.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct JsonSchema {
    /// Letters, digits, `_` and `-`.
    pub name: String,
    /// JSON Schema.
    pub schema: serde_json::Value,
}

/// An answer in the making.
#[derive(Debug)]
pub struct Generation {
    /// What comes of it. After [`LlmEvent::Finished`] or [`LlmEvent::Failed`] nothing follows.
    pub events: mpsc::Receiver<LlmEvent>,
}

/// What a model reports.
#[derive(Clone, Debug, PartialEq)]
pub enum LlmEvent {
    /// The next piece of text, spaces and all.
    Text(Pii<String>),
    /// A whole call: fragments are put together before.
    Call(ToolCall),
    /// The answer is complete.
    Finished {
        /// Why it ended.
        reason: FinishReason,
        /// What it cost, where the vendor tells.
        usage: Option<Usage>,
    },
    /// It will not be completed; the text so far stands.
    Failed(Error),
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// It was complete.
    Stop,
    /// It was too long.
    Length,
    /// It called.
    ToolCalls,
    /// The vendor's filter stopped it.
    Filtered,
}

/// Tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Of the context.
    pub prompt: u64,
    /// Of them, found in the vendor's cache.
    pub cached: u64,
    /// Of the answer.
    pub completion: u64,
}
