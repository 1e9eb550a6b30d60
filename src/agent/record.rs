//! What remains of a conversation: answers, transcript, timings. Times are offsets from the answer of the call.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::action::Ending;
use super::manners::disclosure::Disclosed;
use crate::pii::Pii;

/// Everything a conversation leaves behind; complete once it has ended, and at any moment what there is so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Why it ended; `None` while it goes on or when the call never was answered.
    pub ending: Option<Ending>,
    /// Whether the flow reached an end node, even if the callee hung up during the last words.
    pub flow_completed: bool,
    /// Whether the call was marked as a success.
    pub success: bool,
    /// Whether the callee spoke or pressed a key at all.
    pub caller_reacted: bool,
    /// Whether any audio of ours left, and when first.
    pub first_speech: Option<Duration>,
    /// One entry for each time a question was put to its end, in order.
    pub answers: Vec<Answer>,
    /// Who said what when.
    pub transcript: Vec<Line>,
    /// How fast the agent replied.
    pub turns: Vec<TurnTiming>,
    /// What everybody is told first, as far as it was heard.
    pub disclosed: Disclosed,
}

/// What came of one question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Answer {
    /// The question's name.
    pub name: String,
    /// Whether there is an answer.
    pub status: AnswerStatus,
    /// The answer, only with status `answered`.
    pub value: Option<AnswerValue>,
    /// How it was given, only with status `answered`.
    pub channel: Option<Channel>,
    /// The recogniser's own confidence, 0 to 1.
    pub confidence: Option<f32>,
    /// How often the question was put, hints included.
    pub attempts: u8,
    /// When the status was settled, milliseconds from the answer of the call.
    pub at_ms: u64,
}

/// Whether a question got an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AnswerStatus {
    /// It did.
    Answered,
    /// Something was said each time, nothing of it an answer.
    NoMatch,
    /// Nothing was said, or the call ended for another reason before an answer.
    NoInput,
    /// The callee would not answer: said so, said goodbye, or hung up at the question.
    Declined,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AnswerValue {
    /// `yes`, `no` or an option's id.
    Choice(String),
    /// Digits.
    #[schema(value_type = String)]
    Digits(Pii<String>),
    /// A day: `2026-03-05`.
    #[schema(value_type = String)]
    Date(Pii<String>),
    /// A phone number in E.164 form.
    #[schema(value_type = String)]
    Phone(Pii<String>),
    /// An e-mail address.
    #[schema(value_type = String)]
    Email(Pii<String>),
    /// Free speech.
    Recorded {
        /// Where it begins in the recording, milliseconds from the answer of the call.
        from_ms: u64,
        /// Where it ends.
        to_ms: u64,
        /// Its words, where the recogniser writes them.
        #[schema(value_type = Option<String>)]
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<Pii<String>>,
    },
}

impl AnswerValue {
    /// Its text, in the form that branches compare; `None` for a recording without words.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Choice(value) => Some(value),
            Self::Digits(value) | Self::Date(value) | Self::Phone(value) | Self::Email(value) => Some(value.expose()),
            Self::Recorded { text, .. } => text.as_ref().map(|text| text.expose().as_str()),
        }
    }
}

impl AnswerValue {
    /// The same with these words in place of what was given; a choice stays, there are few of them.
    #[must_use]
    pub fn replaced(self, words: &str) -> Self {
        let words = || Pii::new(words.to_owned());
        match self {
            Self::Choice(value) => Self::Choice(value),
            Self::Digits(_) => Self::Digits(words()),
            Self::Date(_) => Self::Date(words()),
            Self::Phone(_) => Self::Phone(words()),
            Self::Email(_) => Self::Email(words()),
            Self::Recorded { from_ms, to_ms, text } => Self::Recorded { from_ms, to_ms, text: text.map(|_| words()) },
        }
    }
}

/// How an answer was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// Spoken.
    Voice,
    /// By keys.
    Dtmf,
}

/// Who speaks in a transcript.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Speaker {
    /// We.
    Agent,
    /// The other side.
    Caller,
}

/// One line of the transcript.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Line {
    /// Who.
    pub speaker: Speaker,
    /// What: for the agent exactly the words that were heard; for the caller the words understood, empty when speech
    /// was not understood, the keys when `keys` is set.
    #[schema(value_type = String)]
    pub text: Pii<String>,
    /// First packet, milliseconds from the answer of the call.
    pub from_ms: u64,
    /// Last packet.
    pub to_ms: u64,
    /// The agent was cut off before its last word.
    #[serde(default)]
    pub cut: bool,
    /// The caller pressed keys.
    #[serde(default)]
    pub keys: bool,
    /// Passages of the assistant's knowledge that the agent had before it when it said this: `Handbook › Parking`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passages: Vec<String>,
}

/// One turn of the caller and the agent's reply to it, measured on the wire, as offsets from the last packet of the
/// caller's voice (or from the last key).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TurnTiming {
    /// When the caller stopped, milliseconds from the answer of the call.
    pub at_ms: u64,
    /// The turn was declared over.
    #[schema(value_type = u64)]
    #[serde(with = "micros")]
    pub decided: Duration,
    /// What was said was known.
    #[schema(value_type = u64)]
    #[serde(with = "micros")]
    pub understood: Duration,
    /// The first packet of the reply left.
    #[schema(value_type = u64)]
    #[serde(with = "micros")]
    pub replied: Duration,
    /// The first piece of the reply came from the model.
    #[schema(value_type = Option<u64>)]
    #[serde(default, skip_serializing_if = "Option::is_none", with = "maybe_micros")]
    pub first_token: Option<Duration>,
    /// The first sentence of the reply was given to the synthesiser.
    #[schema(value_type = Option<u64>)]
    #[serde(default, skip_serializing_if = "Option::is_none", with = "maybe_micros")]
    pub first_sentence: Option<Duration>,
    /// The first audio of the reply came from the synthesiser.
    #[schema(value_type = Option<u64>)]
    #[serde(default, skip_serializing_if = "Option::is_none", with = "maybe_micros")]
    pub first_audio: Option<Duration>,
    /// For how long both spoke when this turn began over the agent's words.
    #[schema(value_type = Option<u64>)]
    #[serde(default, skip_serializing_if = "Option::is_none", with = "maybe_micros")]
    pub talk_over: Option<Duration>,
    /// How the assistant's knowledge was looked into for this turn; absent when it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look_up: Option<LookUp>,
    /// When that was over, or was waited for no longer.
    #[schema(value_type = Option<u64>)]
    #[serde(default, skip_serializing_if = "Option::is_none", with = "maybe_micros")]
    pub looked_up: Option<Duration>,
}

/// How a look-up in the assistant's knowledge went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LookUp {
    /// Passages were put before the model.
    Found,
    /// Nothing fits.
    Nothing,
    /// It took too long: the model answered without it.
    Late,
    /// It could not be done.
    Failed,
}

/// Durations as whole microseconds.
mod micros {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(value.as_micros()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        Ok(Duration::from_micros(u64::deserialize(deserializer)?))
    }
}

/// Durations that may be absent, as whole microseconds.
mod maybe_micros {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => super::micros::serialize(value, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<u64>::deserialize(deserializer)?.map(Duration::from_micros))
    }
}
