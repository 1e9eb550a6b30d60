//! What a scenario file holds.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;
use serde_saphyr::Spanned;

use crate::agent::assistant::Assistant;
use crate::agent::record::{AnswerStatus, Channel};

/// One scenario as it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    /// What it is called in reports.
    pub(super) name: String,
    /// What it is for.
    #[serde(default)]
    pub(super) description: String,
    /// The assistant: the path of its JSON document as seen from the scenario, or the document itself.
    pub(super) assistant: Spanned<Value>,
    /// Values of the contact.
    #[serde(default)]
    pub(super) variables: BTreeMap<String, String>,
    /// Who answers.
    pub(super) caller: Caller,
    /// What the assistant's HTTP tools are answered.
    #[serde(default)]
    pub(super) tools: BTreeMap<String, Stub>,
    /// What becomes of transfers.
    #[serde(default)]
    pub(super) transfers: BTreeMap<String, Colleague>,
    /// What must come of it.
    pub(super) expect: Spanned<Expect>,
    /// The call ends after this many seconds, whatever happens.
    #[serde(default = "default_limit")]
    pub(super) limit_s: u32,
}

/// A scenario that can be run.
#[derive(Clone, Debug)]
pub(super) struct Scenario {
    /// Its file.
    pub(super) file: PathBuf,
    pub(super) written: Written,
    pub(super) assistant: Assistant,
}

/// Who answers the call.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Caller {
    /// Who they are: for readers, and for the model that plays them.
    pub(super) persona: String,
    /// The provider of the model that finds their words; without it they do what the lines say.
    pub(super) model: Option<String>,
    /// What they want, for the model.
    pub(super) goal: String,
    /// When they hang up, for the model, in words.
    pub(super) ends_when: Option<String>,
    /// They give up after so many answers.
    pub(super) max_turns: Option<u32>,
    /// A voice of espeak-ng.
    pub(super) voice: Option<String>,
    /// How long it rings.
    pub(super) answer_after_ms: u32,
    /// Silence after which they take the agent to have finished.
    pub(super) pause_ms: Option<u32>,
    /// What they do, in order.
    pub(super) lines: Vec<Spanned<Line>>,
}

/// One thing a caller does: exactly one of `say`, `press`, `silence_ms` and `hang_up`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Line {
    /// Says this.
    pub(super) say: Option<String>,
    /// Presses these keys.
    pub(super) press: Option<String>,
    /// Does nothing for so long, counted from the end of what the agent says.
    pub(super) silence_ms: Option<u32>,
    /// Hangs up.
    pub(super) hang_up: Option<bool>,
    /// Does it so long after the agent began to speak, instead of after it has finished.
    pub(super) after_ms: Option<u32>,
}

impl Caller {
    /// How many answers they give at most.
    pub(super) fn most_turns(&self) -> u32 {
        self.max_turns.unwrap_or(12)
    }
}

impl Written {
    /// The provider of the model that judges.
    pub(super) fn judge_model(&self) -> Option<&String> {
        let judge = self.expect.value.judge.as_ref()?;
        judge.model.as_ref().or(self.caller.model.as_ref())
    }
}

/// What a line does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Say(String),
    Press(String),
    Silence(u32),
    HangUp,
}

impl Line {
    /// The one thing it does.
    pub(super) fn act(&self) -> Result<Act, &'static str> {
        let acts = [
            self.say.clone().map(Act::Say),
            self.press.clone().map(Act::Press),
            self.silence_ms.map(Act::Silence),
            self.hang_up.filter(|yes| *yes).map(|_| Act::HangUp),
        ];
        let mut acts = acts.into_iter().flatten();
        match (acts.next(), acts.next()) {
            (Some(act), None) => Ok(act),
            _ => Err("exactly one of `say`, `press`, `silence_ms` and `hang_up: true` must be there"),
        }
    }
}

/// What the server behind a tool answers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stub {
    /// HTTP status.
    #[serde(default = "default_status")]
    pub(super) status: u16,
    /// JSON.
    #[serde(default)]
    pub(super) body: Value,
    /// How long it takes.
    #[serde(default)]
    pub(super) delay_ms: u32,
}

/// Whoever a caller is handed over to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Colleague {
    /// Picks up, and hangs up two seconds after.
    Answers,
    /// Declines.
    Declines,
    /// Is on the phone.
    Busy,
}

/// What must come of a scenario. What is left out is not looked at.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Expect {
    /// The disconnection reason: `agent_hangup`, `user_hangup`, `inactivity`…
    pub(super) reason: Option<String>,
    /// What the conversation came to: `completed`, `caller_goodbye`, `opted_out`, `transferred`, `inactivity`…
    pub(super) ending: Option<String>,
    /// The `reason` of the end node, or the model's.
    pub(super) end_reason: Option<String>,
    /// Whether the flow reached an end node.
    pub(super) flow_completed: Option<bool>,
    /// Answers by the name of their question.
    pub(super) answers: BTreeMap<String, ExpectAnswer>,
    /// What the agent says, in this order.
    pub(super) agent_says: Vec<Text>,
    /// What the agent never says.
    pub(super) agent_never_says: Vec<Text>,
    /// What is understood of the caller, in this order.
    pub(super) understood: Vec<Text>,
    /// Tools that are used, in this order.
    pub(super) tools: Option<Vec<ExpectTool>>,
    /// Whether the caller is handed over, and to whom.
    pub(super) transfer: Option<ExpectTransfer>,
    /// Whether the number is on the suppression list afterwards.
    pub(super) suppressed: Option<bool>,
    /// How often the agent is cut short.
    pub(super) interruptions: Option<u32>,
    /// Longest time from the end of the caller's voice to the agent's reply, in every turn.
    pub(super) reply_ms: Option<u32>,
    /// Longest time from the answer to the end.
    pub(super) duration_s: Option<u32>,
    /// What a model must say yes to.
    pub(super) judge: Option<Judge>,
}

/// Questions about the call that a model answers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Judge {
    /// The model's provider; the caller's when left out.
    #[serde(default)]
    pub(super) model: Option<String>,
    /// Each must be answered with yes.
    pub(super) questions: Vec<String>,
}

/// An answer: its value, or more.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum ExpectAnswer {
    Value(String),
    More(AnswerParts),
}

/// What may be said of an answer.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct AnswerParts {
    pub(super) is: Option<String>,
    pub(super) matches: Option<String>,
    pub(super) status: Option<AnswerStatus>,
    pub(super) channel: Option<Channel>,
    pub(super) attempts: Option<u8>,
}

/// A text: it holds these words, or matches this regular expression. Case does not matter.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Text {
    Contains(String),
    More(TextParts),
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TextParts {
    pub(super) contains: Option<String>,
    pub(super) matches: Option<String>,
}

/// A tool that is used.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectTool {
    /// Its name.
    pub(super) name: String,
    /// Arguments it must have; further ones are not looked at.
    #[serde(default)]
    pub(super) arguments: BTreeMap<String, Value>,
}

/// A transfer: to whom, or that there is none.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum ExpectTransfer {
    /// `false`: nobody is handed over.
    Any(bool),
    /// The name of the destination.
    To(String),
}

const fn default_limit() -> u32 {
    90
}

const fn default_status() -> u16 {
    200
}
