//! The graph of a flow as people write it: nodes that say, ask, branch and end.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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

/// A node of a flow: `{"id": …}` with exactly one of `say`, `ask`, `branch`, `end`.
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
    /// Digits by keypad, ended by `#`, by the last possible digit or by a pause of four seconds.
    Number {
        /// Fewest digits; at least 1.
        min_digits: u8,
        /// Most digits; at most 32.
        max_digits: u8,
    },
    /// Free speech, kept as a span of the recording.
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Branch {
    /// The answer or variable that decides.
    pub on: String,
    /// Tried in order.
    pub cases: Vec<Case>,
    /// The node for every other value, and for no answer.
    pub otherwise: String,
}

/// One way out of a branch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// The value: `yes`, `no`, an option's id, digits, a variable's text.
    pub is: String,
    /// The node it leads to.
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

/// A node as JSON has it.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Node)]
pub struct NodeFields {
    id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    say: Option<Say>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ask: Option<Ask>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    branch: Option<Branch>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    end: Option<End>,
}

/// A node has none or several of `say`, `ask`, `branch`, `end`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("node `{id}` must have exactly one of `say`, `ask`, `branch`, `end`")]
pub struct NotOneStep {
    id: String,
}

impl TryFrom<NodeFields> for Node {
    type Error = NotOneStep;

    fn try_from(fields: NodeFields) -> Result<Self, NotOneStep> {
        let NodeFields { id, say, ask, branch, end } = fields;
        let step = match (say, ask, branch, end) {
            (Some(say), None, None, None) => Step::Say(say),
            (None, Some(ask), None, None) => Step::Ask(ask),
            (None, None, Some(branch), None) => Step::Branch(branch),
            (None, None, None, Some(end)) => Step::End(end),
            _ => return Err(NotOneStep { id }),
        };
        Ok(Self { id, step })
    }
}

impl From<Node> for NodeFields {
    fn from(node: Node) -> Self {
        let mut fields = Self { id: node.id, say: None, ask: None, branch: None, end: None };
        match node.step {
            Step::Say(say) => fields.say = Some(say),
            Step::Ask(ask) => fields.ask = Some(ask),
            Step::Branch(branch) => fields.branch = Some(branch),
            Step::End(end) => fields.end = Some(end),
        }
        fields
    }
}

const fn default_attempts() -> u8 {
    3
}

fn default_reason() -> String {
    "completed".to_owned()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_with_two_steps_or_none_is_refused() {
        for node in [r#"{"id":"a"}"#, r#"{"id":"a","end":{},"say":{"text":"x","next":"a"}}"#] {
            let error = serde_json::from_str::<Node>(node).expect_err(node);
            assert!(error.to_string().contains("exactly one of"), "{error}");
        }
    }
}
