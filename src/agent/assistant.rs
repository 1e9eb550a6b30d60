//! An assistant as people write it: JSON in, typed and refused where it is wrong.

mod policy;
mod tools;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use self::policy::{
    Disclosure, LanguagePatience, Lookup, MAX_REASON, MAX_SCREENING_NAME, Recording, Screening, TurnSettings,
    Voicemail, VoicemailPolicy,
};
pub use self::tools::{Builtin, BuiltinTool, HttpMethod, HttpTool, McpServer, Tool, Transfer};
use super::flow::graph::Flow;
use crate::id::{AssistantId, AssistantVersionId, KnowledgeId};
use crate::pii::Pii;

/// One frozen version of an assistant; a call keeps the one it began with.
#[derive(Clone, Debug, PartialEq)]
pub struct AssistantVersion {
    /// The version's own id.
    pub id: AssistantVersionId,
    /// The assistant it is a version of.
    pub assistant: AssistantId,
    /// 1, 2, 3… within the assistant.
    pub version: u32,
    /// What it says and asks.
    pub definition: Assistant,
}

/// A voice, a language and what to do in a call. [`Assistant::faults`] says whether it can be used.
///
/// Texts are templates: `{{ name }}` stands for the variable `name`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "Survey",
    "flow": { "start": "hello", "nodes": [
        { "id": "hello", "say": { "text": "Hello.", "next": "bye" } },
        { "id": "bye", "end": { "text": "Goodbye." } }
    ] }
}))]
pub struct Assistant {
    /// What people call it; 1 to 100 characters.
    pub name: String,
    /// The language it speaks and understands (BCP 47): English or German, such as `en`, `en-GB`, `de`. Offline it
    /// understands words in English only, keys in both.
    #[serde(default = "default_language")]
    pub language: String,
    /// The voice, by the speech provider's name for it.
    #[serde(default = "default_voice")]
    pub voice: String,
    /// Other voices for single speech providers, by the provider's name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub voices: BTreeMap<String, String>,
    /// What leads the conversation.
    #[serde(default)]
    pub mode: Mode,
    /// The first words of the call; a template. In mode `flow` they come before the start node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub greeting: Option<Pii<String>>,
    /// What the model is told to be and to do; a template of up to 20,000 characters. Needed in the modes `llm` and
    /// `speech_to_speech`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub prompt: Option<Pii<String>>,
    /// The last words to a caller who says goodbye; a template. A short goodbye in its language when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub closing: Option<Pii<String>>,
    /// The graph it follows: needed in mode `flow`, a guide for the model in the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flow: Option<Flow>,
    /// The variables its texts may use.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, Variable>,
    /// How the model answers.
    #[serde(default, skip_serializing_if = "is_default")]
    pub model: ModelSettings,
    /// What it can do beside talking; at most 40.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<Tool>,
    /// Whom it can hand the call to; at most 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transfers: Vec<Transfer>,
    /// Ids of the knowledge it searches during the call; at most 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub knowledge: Vec<KnowledgeId>,
    /// How it uses that knowledge; in mode `llm`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub lookup: Lookup,
    /// Who recognises, thinks and speaks.
    #[serde(default, skip_serializing_if = "is_default")]
    pub providers: Providers,
    /// What a bot that leads the call is let know; in mode `external`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub external: External,
    /// Its patience, where it differs from the usual one.
    #[serde(default, skip_serializing_if = "is_default")]
    pub turn: TurnSettings,
    /// What it does when a machine answers.
    #[serde(default, skip_serializing_if = "is_default")]
    pub voicemail: Voicemail,
    /// What it tells a call screening service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub screening: Option<Screening>,
    /// What it tells everybody before anything else.
    #[serde(default, skip_serializing_if = "is_default")]
    pub disclosure: Disclosure,
    /// What is recorded.
    #[serde(default, skip_serializing_if = "is_default")]
    pub recording: Recording,
}

/// What leads the conversation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// A graph of nodes; runs without any model. With a model it understands answers in free words.
    #[default]
    Flow,
    /// A model that follows the prompt, and the flow where there is one.
    Llm,
    /// A model that hears and speaks by itself and follows the prompt.
    SpeechToSpeech,
    /// A bot elsewhere, which gets the caller's voice over a websocket and sends its own.
    External,
}

/// A value of the contact that texts may use as `{{ name }}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Variable {
    /// What stands in when the contact has no such value. Without it the value must be there before a call is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub default: Option<Pii<String>>,
}

/// How the model answers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ModelSettings {
    /// 0 to 2; the model's own when it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f32>,
    /// Most tokens of one answer; 16 to 4096.
    pub max_tokens: u32,
}

impl Default for ModelSettings {
    fn default() -> Self {
        Self { temperature: None, max_tokens: 400 }
    }
}

/// What a bot that leads the call is let know.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct External {
    /// Values by name, templates of up to 500 characters; at most 30. The bot finds them as `customParameters`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, String>)]
    pub parameters: BTreeMap<String, Pii<String>>,
}

/// Names from the catalog of providers. Of a list the first is asked; the others stand in when it is slow or down.
/// Without a name the offline recogniser and voice serve.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Providers {
    /// Speech to text; at most 3.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stt: Vec<String>,
    /// Language models; at most 3. Needed in mode `llm`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub llm: Vec<String>,
    /// Text to speech; at most 3.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tts: Vec<String>,
    /// Speech to speech. Needed in mode `speech_to_speech`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub s2s: Option<String>,
    /// A bot that leads the call. Needed in mode `external`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bot: Option<String>,
}

impl Assistant {
    /// The voice that this speech provider shall use.
    #[must_use]
    pub fn voice_for(&self, provider: &str) -> &str {
        self.voices.get(provider).unwrap_or(&self.voice)
    }
}

fn default_language() -> String {
    "en".to_owned()
}

fn default_voice() -> String {
    "en-us".to_owned()
}

/// Whether a field is as it would be without being written, so that it need not be.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests;
