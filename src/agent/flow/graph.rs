//! The graph of a flow as people write it: nodes that say, ask, branch, use a tool, hand over and end.

mod case;
mod node;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

pub use self::case::{Bound, Case, CaseFields, NotOneTest, Test};
pub use self::node::{NodeFields, NotOneStep};

use crate::pii::Pii;

/// A graph of nodes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Flow {
    /// The node that the call begins with.
    pub start: String,
    /// All nodes; at most 200.
    #[schema(value_type = Vec<NodeFields>)]
    pub nodes: Vec<Node>,
}

/// A node of a flow: `{"id": …}` with exactly one of `say`, `ask`, `branch`, `tool`, `transfer`, `mark_success`, `end`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "NodeFields", into = "NodeFields")]
pub struct Node {
    /// Its name inside the flow: lower-case letters, digits and underscores.
    pub id: String,
    /// What happens there.
    pub step: Step,
}

/// What happens at a node.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Says something and goes on.
    Say(Say),
    /// Asks for an answer.
    Ask(Ask),
    /// Goes on by an earlier answer or a variable.
    Branch(Branch),
    /// Does something beside talking.
    Tool(ToolStep),
    /// Hands the call over.
    Transfer(TransferStep),
    /// Marks the call as a success and goes on.
    MarkSuccess(MarkSuccess),
    /// Says goodbye and hangs up.
    End(End),
}

/// Says something and goes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Say {
    /// The text, a template; 1 to 1000 characters.
    #[schema(value_type = String)]
    pub text: Pii<String>,
    /// The node after it.
    pub next: String,
}

/// Asks for an answer and goes on, with or without it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// The question, a template; 1 to 1000 characters.
    #[schema(value_type = String)]
    pub text: Pii<String>,
    /// What the answer is called: in results, in branches. The node's id when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What counts as an answer.
    pub answer: AnswerKind,
    /// Says back what was understood and asks whether it is right.
    #[serde(default, skip_serializing_if = "is_false")]
    pub confirm: bool,
    /// How often the question is put when what comes back is not understood; 1 to 5.
    #[serde(default = "default_attempts")]
    pub attempts: u8,
    /// What is said after an answer that was not understood; a template. Made from `answer` when it is left out:
    /// "Please say yes or no, or press 1 for yes and 2 for no."
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub hint: Option<Pii<String>>,
    /// Whether keys count that were pressed before it was put, while something else was being said. No for a question
    /// that must be heard.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub type_ahead: bool,
    /// The node after it, also when no answer was understood.
    pub next: String,
}

/// What counts as an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum AnswerKind {
    /// Yes or no, spoken, or key 1 for yes and 2 for no.
    YesNo {},
    /// One of several, spoken or by key.
    Choice {
        /// The options; 2 to 9.
        options: Vec<Choice>,
    },
    /// A number by keypad, ended by `#`, by the last possible digit or by a pause of four seconds; or spoken, digit by
    /// digit or as a whole.
    Number {
        /// Fewest digits; at least 1.
        min_digits: u8,
        /// Most digits; at most 32.
        max_digits: u8,
        /// The smallest number that is an answer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        min: Option<u64>,
        /// The largest number that is an answer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max: Option<u64>,
    },
    /// A day: spoken ("next Tuesday", "the fifth of March") or typed with eight digits in the order of the language's
    /// country. Its value is `2026-03-05`.
    Date {
        /// Which day is meant when the year is not said.
        #[serde(default)]
        lean: Lean,
    },
    /// A phone number, spoken digit by digit or typed. Its value is `+4930123456`.
    Phone {
        /// The country (ISO 3166-1, such as `DE`) in which national numbers are read. That of the assistant's language
        /// tag when it is left out; `en` is read as `US`, `de` as `DE`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        country: Option<String>,
    },
    /// An e-mail address, spoken. Needs a recogniser of free speech; `#` goes on without one.
    Email {},
    /// Free speech: its words where the recogniser writes them, and the span of the recording.
    Open {
        /// The longest answer, in seconds; 1 to 120.
        max_seconds: u16,
    },
}

/// One option of a choice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// The answer's value when it is chosen.
    pub id: String,
    /// What callers say for it: 1 to 10 words or short phrases, each word known to the recogniser's dictionary.
    pub words: Vec<String>,
    /// The key that chooses it, `0` to `9`. Its place among the options (1, 2, …) when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dtmf: Option<String>,
}

impl Choice {
    /// The key that chooses this option, being the `index`th (from 0); `None` when `dtmf` is not one key.
    #[must_use]
    pub fn key(&self, index: usize) -> Option<char> {
        match &self.dtmf {
            None => u32::try_from(index).ok().and_then(|index| char::from_digit(index + 1, 10)),
            Some(key) => key.parse().ok().filter(char::is_ascii_digit),
        }
    }
}

/// Goes on by an earlier answer or a variable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Branch {
    /// The answer or variable that decides.
    pub on: String,
    /// Tried in order.
    #[schema(value_type = Vec<CaseFields>)]
    pub cases: Vec<Case>,
    /// The node for every other value, and for no answer.
    pub otherwise: String,
}

/// Does something beside talking, and goes on when it is done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ToolStep {
    /// One of the assistant's tools, or one that comes with the server.
    pub name: String,
    /// What it is given: an object, every text in it a template that may use variables, earlier answers and results.
    #[serde(default = "nothing")]
    #[schema(value_type = Object)]
    pub arguments: Value,
    /// What its result is called in later texts and branches: `{{ slots.first }}`, `slots.count`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub into: Option<String>,
    /// What is said while it works; a template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub text: Option<Pii<String>>,
    /// The node after it.
    pub next: String,
    /// The node when it fails; `next` when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_error: Option<String>,
}

/// Hands the call over; it leaves the flow when somebody takes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TransferStep {
    /// One of the assistant's `transfers`.
    pub target: String,
    /// What the caller is told before; a template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub text: Option<Pii<String>>,
    /// The node when nobody takes the call: declined, engaged, no answer, a machine.
    pub on_declined: String,
    /// The node when it cannot be handed over for a technical reason; `on_declined` when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_failed: Option<String>,
}

/// Marks the call as a success and goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MarkSuccess {
    /// The node after it.
    pub next: String,
}

/// Says goodbye and hangs up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// The last words, a template; none: hangs up at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub text: Option<Pii<String>>,
    /// What the end stands for in results, such as `completed` or `wrong_person`.
    #[serde(default = "default_reason")]
    pub reason: String,
}

/// Which day is meant when the year, or the month, is not said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Lean {
    /// The next such day, today included.
    #[default]
    Future,
    /// The last such day, today included: dates of birth.
    Past,
}

impl Step {
    /// The nodes that may follow.
    #[must_use]
    pub fn targets(&self) -> Vec<&str> {
        match self {
            Self::Say(say) => vec![&say.next],
            Self::Ask(ask) => vec![&ask.next],
            Self::Branch(branch) => {
                branch.cases.iter().map(|case| case.next.as_str()).chain([branch.otherwise.as_str()]).collect()
            }
            Self::Tool(tool) => {
                [Some(&tool.next), tool.on_error.as_ref()].into_iter().flatten().map(String::as_str).collect()
            }
            Self::Transfer(transfer) => {
                let targets = [Some(&transfer.on_declined), transfer.on_failed.as_ref()];
                targets.into_iter().flatten().map(String::as_str).collect()
            }
            Self::MarkSuccess(mark) => vec![&mark.next],
            Self::End(_) => Vec::new(),
        }
    }
}

fn nothing() -> Value {
    Value::Object(serde_json::Map::new())
}

const fn default_attempts() -> u8 {
    3
}

fn default_reason() -> String {
    "completed".to_owned()
}

const fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_true(value: &bool) -> bool {
    *value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}
