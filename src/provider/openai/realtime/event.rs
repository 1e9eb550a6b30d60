//! What the vendor says, in its words of today and of before general availability.

use serde::Deserialize;
use serde_json::Value;

use crate::provider::llm::Usage;

/// A message of the vendor, as far as it is acted upon.
#[derive(Debug, PartialEq)]
pub(super) enum ServerEvent {
    /// The session is what we asked for.
    SessionUpdated,
    /// The caller began to speak.
    SpeechStarted,
    /// The caller stopped.
    SpeechStopped,
    /// What the caller said has its place in the conversation.
    Committed { item: String },
    /// What the caller said; none when it could not be understood.
    Transcribed { item: String, text: Option<String> },
    /// An answer began.
    ResponseCreated { response: String },
    /// More audio, still in base64.
    Audio { item: String, base64: String },
    /// More words.
    Words { item: String, text: String },
    /// An item has all its audio.
    AudioDone { item: String },
    /// An item is complete.
    ItemDone { item: Item },
    /// An answer is over.
    ResponseDone { done: ResponseDone },
    /// Something was refused or failed.
    Failed { failure: Failure },
    /// Nothing that matters.
    Other,
}

/// An item of an answer.
#[derive(Debug, Default, PartialEq, Deserialize)]
pub(super) struct Item {
    #[serde(default)]
    pub(super) id: String,
    #[serde(default, rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) call_id: String,
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) arguments: String,
}

/// How an answer ended.
#[derive(Debug, Default, PartialEq)]
pub(super) struct ResponseDone {
    pub(super) items: Vec<Item>,
    pub(super) usage: Option<Usage>,
    /// Why it failed, if it did.
    pub(super) failure: Option<Failure>,
}

/// An error.
#[derive(Debug, Default, PartialEq, Deserialize)]
pub(super) struct Failure {
    #[serde(default, rename = "type")]
    pub(super) kind: Option<String>,
    #[serde(default)]
    pub(super) code: Option<String>,
    #[serde(default)]
    pub(super) message: Option<String>,
    /// Our message that it is about.
    #[serde(default)]
    pub(super) event_id: Option<String>,
}

/// Reads a message; none for what is no message.
pub(super) fn read(text: &str) -> Option<ServerEvent> {
    let mut message: Value = serde_json::from_str(text).ok()?;
    let kind = message.get("type")?.as_str()?.to_owned();
    let mut field = |name: &str| match message.get_mut(name).map(Value::take) {
        Some(Value::String(text)) => text,
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) | None => {
            String::new()
        }
    };
    Some(match kind.as_str() {
        "session.updated" => ServerEvent::SessionUpdated,
        "input_audio_buffer.speech_started" => ServerEvent::SpeechStarted,
        "input_audio_buffer.speech_stopped" => ServerEvent::SpeechStopped,
        "input_audio_buffer.committed" => ServerEvent::Committed { item: field("item_id") },
        "conversation.item.input_audio_transcription.completed" => {
            ServerEvent::Transcribed { item: field("item_id"), text: Some(field("transcript")) }
        }
        "conversation.item.input_audio_transcription.failed" => {
            ServerEvent::Transcribed { item: field("item_id"), text: None }
        }
        "response.created" => {
            let response = message["response"]["id"].as_str().unwrap_or_default().to_owned();
            ServerEvent::ResponseCreated { response }
        }
        "response.output_audio.delta" | "response.audio.delta" => {
            ServerEvent::Audio { item: field("item_id"), base64: field("delta") }
        }
        "response.output_audio_transcript.delta"
        | "response.audio_transcript.delta"
        | "response.output_text.delta"
        | "response.text.delta" => ServerEvent::Words { item: field("item_id"), text: field("delta") },
        "response.output_audio.done" | "response.audio.done" => ServerEvent::AudioDone { item: field("item_id") },
        "response.output_item.done" => {
            ServerEvent::ItemDone { item: serde_json::from_value(message["item"].take()).ok()? }
        }
        "response.done" => ServerEvent::ResponseDone { done: response_done(&mut message["response"]) },
        "error" => ServerEvent::Failed { failure: serde_json::from_value(message["error"].take()).unwrap_or_default() },
        _ => ServerEvent::Other,
    })
}

fn response_done(response: &mut Value) -> ResponseDone {
    let number = |value: &Value| value.as_u64();
    let usage = response.get("usage").filter(|usage| usage.is_object()).map(|usage| Usage {
        prompt: number(&usage["input_tokens"]).unwrap_or(0),
        cached: number(&usage["input_token_details"]["cached_tokens"]).unwrap_or(0),
        completion: number(&usage["output_tokens"]).unwrap_or(0),
    });
    let failure = (response["status"] == "failed")
        .then(|| serde_json::from_value(response["status_details"]["error"].take()).unwrap_or_default());
    let items = response["output"].as_array_mut().map(std::mem::take).unwrap_or_default();
    let items = items.into_iter().filter_map(|item| serde_json::from_value(item).ok()).collect();
    ResponseDone { items, usage, failure }
}
