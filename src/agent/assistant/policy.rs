//! How an assistant behaves whatever it talks about: patience, machines, screening, disclosure, recording.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::agent::turn::{Timing, settings};
use crate::pii::Pii;

/// Longest name told to a screening service, in characters.
pub const MAX_SCREENING_NAME: usize = 80;
/// Longest reason told to a screening service, in characters: more than one breath is not listened to.
pub const MAX_REASON: usize = 200;

/// An assistant's patience; what is left out stays as usual.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TurnSettings {
    /// How long after the answer the assistant speaks at the latest; 0 to 5000 ms. Usually 1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub greeting_wait_ms: Option<u32>,
    /// Silence after which a turn is over, from where the voice is known to have stopped (200 ms after its last sound);
    /// 100 to 2000 ms. Usually 300; never less than the recogniser needs for its last words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_of_turn_ms: Option<u32>,
    /// Silence after which a turn is over in any case, from its last sound; 500 to 10000 ms. Usually 2500.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longest_pause_ms: Option<u32>,
    /// Silence that a caller may leave inside a number, an address, a name being spelt; 500 to 10000 ms. Usually 1500 in
    /// English and up to 1800 where numbers are said in pairs, as in German or French.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dictation_pause_ms: Option<u32>,
    /// Whether replies are prepared when a turn may be over and thrown away when it goes on: faster, and dearer.
    /// Usually yes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eager: Option<bool>,
    /// So much voice at least interrupts, once it is known to be talk (460 ms at the latest); 100 to 2000 ms. Usually 300.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub barge_in_ms: Option<u32>,
    /// So many words interrupt; 1 to 5. Usually 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub barge_in_words: Option<u8>,
    /// Whether the caller can interrupt at all. Usually yes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interruptible: Option<bool>,
    /// Words that show that the caller listens and do not interrupt ("mhm"), on top of those of the language; at most
    /// 50.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub backchannels: Vec<String>,
    /// Silence after which the caller is asked whether anybody is there; 3000 to 60000 ms. Usually 8000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_ms: Option<u32>,
    /// How often that is asked before the assistant hangs up; 0 to 5. Usually 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_prompts: Option<u8>,
    /// Pause after which typed digits are complete; 1000 to 10000 ms. Usually 4000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digit_pause_ms: Option<u32>,
    /// What differs in single languages, by BCP 47 tag, for assistants that share their patience; at most 20. `de-AT`
    /// comes before `de`, both before what stands beside.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub languages: BTreeMap<String, LanguagePatience>,
}

/// An assistant's patience in one language; what is left out stays as it is in all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LanguagePatience {
    /// As in `turn`; 100 to 2000 ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_of_turn_ms: Option<u32>,
    /// As in `turn`; 500 to 10000 ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longest_pause_ms: Option<u32>,
    /// As in `turn`; 500 to 10000 ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dictation_pause_ms: Option<u32>,
    /// On top of those of the assistant and of the language; at most 50.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub backchannels: Vec<String>,
}

impl TurnSettings {
    /// The usual timing with these settings in it.
    #[must_use]
    pub fn timing(&self) -> Timing {
        let usual = Timing::default();
        let or = |millis: Option<u32>, usual| millis.map_or(usual, |millis| Duration::from_millis(millis.into()));
        Timing {
            greeting_wait: or(self.greeting_wait_ms, usual.greeting_wait),
            idle: or(self.idle_ms, usual.idle),
            idle_prompts: self.idle_prompts.unwrap_or(usual.idle_prompts),
            digit_pause: or(self.digit_pause_ms, usual.digit_pause),
            ..usual
        }
    }

    /// By what the caller's turns are told in a language (BCP 47).
    #[must_use]
    pub fn turns(&self, language: &str) -> settings::TurnSettings {
        let usual = settings::TurnSettings::of(language);
        let there = self.patience_in(language);
        let or = |of_language: Option<u32>, of_all: Option<u32>, usual| of_language.or(of_all).unwrap_or(usual);
        settings::TurnSettings {
            interruptible: self.interruptible.unwrap_or(usual.interruptible),
            interrupt_after_ms: self.barge_in_ms.unwrap_or(usual.interrupt_after_ms),
            interrupt_words: self.barge_in_words.unwrap_or(usual.interrupt_words),
            end_of_turn_ms: or(there.end_of_turn_ms, self.end_of_turn_ms, usual.end_of_turn_ms),
            longest_pause_ms: or(there.longest_pause_ms, self.longest_pause_ms, usual.longest_pause_ms),
            dictation_pause_ms: or(there.dictation_pause_ms, self.dictation_pause_ms, usual.dictation_pause_ms),
            eager: self.eager.unwrap_or(usual.eager),
            back_channels: [&self.backchannels[..], &there.backchannels[..]].concat(),
        }
    }

    /// What differs in a language: of all entries that are meant for it the one that says most, field by field.
    fn patience_in(&self, language: &str) -> LanguagePatience {
        let mut meant: Vec<_> = self.languages.iter().filter(|(tag, _)| settings::covers(tag, language)).collect();
        meant.sort_by_key(|(tag, _)| std::cmp::Reverse(tag.len()));
        meant.into_iter().fold(LanguagePatience::default(), |found, (_, more)| LanguagePatience {
            end_of_turn_ms: found.end_of_turn_ms.or(more.end_of_turn_ms),
            longest_pause_ms: found.longest_pause_ms.or(more.longest_pause_ms),
            dictation_pause_ms: found.dictation_pause_ms.or(more.dictation_pause_ms),
            backchannels: [found.backchannels, more.backchannels.clone()].concat(),
        })
    }
}

/// How an assistant that is led by a language model uses its knowledge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Lookup {
    /// Looks up what fits the caller's words before each answer, without being asked to. The model can look things up by
    /// itself in any case.
    pub automatic: bool,
    /// Passages put before the model for one turn; 1 to 10.
    pub passages: u8,
    /// How long an answer waits for them; 20 to 1000 ms. What comes later is left out.
    pub limit_ms: u16,
}

impl Default for Lookup {
    fn default() -> Self {
        Self { automatic: true, passages: 3, limit_ms: 50 }
    }
}

impl Lookup {
    /// How long an answer waits.
    #[must_use]
    pub fn limit(&self) -> Duration {
        Duration::from_millis(self.limit_ms.into())
    }
}

/// What an assistant does when a machine answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Voicemail {
    /// Hang up, or leave a message.
    pub policy: VoicemailPolicy,
    /// The message; a template. Needed with `leave_message`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub message: Option<Pii<String>>,
}

/// Hang up, or leave a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum VoicemailPolicy {
    /// Hangs up without a word.
    #[default]
    HangUp,
    /// Leaves the message after the beep, or after the end of the greeting when no beep comes.
    LeaveMessage,
}

/// What an assistant tells a service that asks who calls and why, before it puts the call through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Screening {
    /// Who calls; a template of 1 to 80 characters: "Anna from the Riverside clinic".
    #[schema(value_type = String)]
    pub name: Pii<String>,
    /// Why; a template of 1 to 200 characters that goes on after "I am calling about": "your appointment on Tuesday".
    #[schema(value_type = String)]
    pub reason: Pii<String>,
}

/// What everybody is told before anything else. It cannot be skipped or interrupted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Disclosure {
    /// Says that it is an AI.
    pub ai: bool,
    /// The words for it; a template, of a campaign plain words. A sentence in the assistant's language when they are left
    /// out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub ai_text: Option<Pii<String>>,
    /// Says that the call is recorded, when it is, and that this can be refused.
    pub recording: bool,
    /// The words for it; a template, of a campaign plain words. A sentence in the assistant's language when they are left
    /// out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub recording_text: Option<Pii<String>>,
}

/// What is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Recording {
    /// Keeps the audio of its calls.
    pub audio: bool,
    /// Recording, transcript and the log of keys pause while the caller gives what looks like the number of a payment
    /// card.
    pub pause_for_cards: bool,
}

impl Default for Recording {
    fn default() -> Self {
        Self { audio: true, pause_for_cards: true }
    }
}
