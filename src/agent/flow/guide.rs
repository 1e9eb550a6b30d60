//! A flow that guides a model which talks freely: the flow becomes instructions, and at any moment there is a goal.
//!
//! The model speaks in its own words and in its own order within a step; the guide keeps the place. It moves on when an
//! answer is written down (`record_answer`), a tool has answered or a transfer came to nothing; statements and branches
//! on the way are gone through by it, so that the model never has to decide what the flow has decided.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::civil::Date;
use serde_json::Value;

use super::graph::{AnswerKind, Ask, Flow, Node, Step};
use super::template;
use crate::agent::assistant::Assistant;

/// More nodes than this are not gone through at once: the rest is a circle.
const MAX_STEPS: usize = 500;

/// The place in a flow.
#[derive(Clone, Debug)]
pub struct Guide {
    flow: Flow,
    values: BTreeMap<String, String>,
    results: BTreeMap<String, Value>,
    today: Option<Date>,
    /// The node that waits for something; `None` when the flow is over.
    at: Option<usize>,
    /// Statements on the way there, which the model has yet to make.
    to_say: Vec<String>,
    succeeded: bool,
}

impl Guide {
    /// At the start of an assistant's flow, with the contact's values; `None` when it has none.
    #[must_use]
    pub fn new(assistant: &Assistant, values: &BTreeMap<String, String>) -> Option<Self> {
        let flow = assistant.flow.clone()?;
        let mut guide = Self {
            today: values.get("today").and_then(|today| today.parse().ok()),
            values: values.clone(),
            results: BTreeMap::new(),
            at: None,
            to_say: Vec::new(),
            succeeded: false,
            flow,
        };
        let start = guide.flow.start.clone();
        guide.go_to(&start);
        Some(guide)
    }

    /// How to follow the flow, and all of it: for the model's prompt, once.
    #[must_use]
    pub fn instructions(&self) -> String {
        let mut text = String::from(
            "Follow this plan for the call. Use your own words, ask one thing at a time, and let the caller ask back; then \
             return to the plan. Write down each answer with the tool `record_answer`, using the name and the form given \
             with the question. What to do next is told to you as the plan goes on; do not skip steps.\nThe plan:\n",
        );
        for node in &self.flow.nodes {
            let _ = writeln!(text, "- [{}] {}", node.id, self.step(node));
        }
        let _ = writeln!(text, "It begins at [{}].", self.flow.start);
        text
    }

    /// What to do now.
    #[must_use]
    pub fn goal(&self) -> String {
        let mut text = String::from("Next: ");
        for statement in &self.to_say {
            let _ = write!(text, "tell the caller: \"{statement}\" Then ");
        }
        let Some(node) = self.at.map(|at| &self.flow.nodes[at]) else {
            text.push_str("say goodbye and end the call.");
            return text;
        };
        let step = match &node.step {
            Step::Ask(ask) => format!(
                "ask: \"{}\" When you have the answer, call `record_answer` with question `{}` and the answer as {}. If the \
                 caller will not answer, record `declined`.",
                self.fill(ask.text.expose()),
                name(node, ask),
                form(ask)
            ),
            Step::Tool(tool) => {
                let arguments = template::render_json(&tool.arguments, &self.values, &self.results);
                let arguments = arguments.unwrap_or(Value::Null);
                format!("call the tool `{}` with {arguments}.", tool.name)
            }
            Step::Transfer(transfer) => {
                let words = transfer.text.as_ref().map(|text| self.fill(text.expose())).unwrap_or_default();
                format!("hand the caller over with the tool `transfer`, to `{}`. {words}", transfer.target)
            }
            Step::End(end) => {
                let words = end.text.as_ref().map(|text| self.fill(text.expose())).unwrap_or_default();
                format!("say goodbye (\"{words}\") and call `end_call` with reason `{}`.", end.reason)
            }
            Step::Say(_) | Step::Branch(_) | Step::MarkSuccess(_) => String::new(),
        };
        text.push_str(step.trim_end());
        text
    }

    /// Whether the call was marked as a success on the way.
    #[must_use]
    pub const fn succeeded(&self) -> bool {
        self.succeeded
    }

    /// Whether the flow has come to an end node.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.at.is_none_or(|at| matches!(self.flow.nodes[at].step, Step::End(_)))
    }

    /// An answer was written down. True when the plan moves on; an answer to another question than the present one is
    /// only remembered, and its question not asked again.
    pub fn recorded(&mut self, question: &str, answer: &str) -> bool {
        if answer == "declined" {
            self.values.remove(question);
        } else {
            self.values.insert(question.to_owned(), answer.to_owned());
        }
        let present = self.at.map(|at| &self.flow.nodes[at]);
        let next = match present.map(|node| (node, &node.step)) {
            Some((node, Step::Ask(ask))) if name(node, ask) == question => ask.next.clone(),
            Some(_) | None => return false,
        };
        self.go_to(&next);
        true
    }

    /// A tool has given this back. True when the plan waited for it and moves on.
    pub fn tool_done(&mut self, tool: &str, result: &str) -> bool {
        let Some(Step::Tool(step)) = self.at.map(|at| self.flow.nodes[at].step.clone()) else { return false };
        if step.name != tool {
            return false;
        }
        let value = serde_json::from_str(result).unwrap_or_else(|_| Value::String(result.to_owned()));
        let failed = value.get("error").is_some_and(|error| !error.is_null());
        if let Some(into) = step.into.filter(|_| !failed) {
            self.results.insert(into, value);
        }
        let next = step.on_error.filter(|_| failed).unwrap_or(step.next);
        self.go_to(&next);
        true
    }

    /// A transfer came to nothing; `technical` when nobody was asked. True when the plan waited for it and moves on.
    pub fn transfer_failed(&mut self, technical: bool) -> bool {
        let Some(Step::Transfer(step)) = self.at.map(|at| self.flow.nodes[at].step.clone()) else { return false };
        let next = step.on_failed.filter(|_| technical).unwrap_or(step.on_declined);
        self.go_to(&next);
        true
    }

    /// Goes through statements, branches and questions that are answered already to the next node that waits.
    fn go_to(&mut self, id: &str) {
        self.to_say.clear();
        self.at = None;
        let mut id = id.to_owned();
        for _ in 0..MAX_STEPS {
            let Some(at) = self.flow.nodes.iter().position(|node| node.id == id) else { return };
            let node = &self.flow.nodes[at];
            id = match &node.step {
                Step::Say(say) => {
                    let text = self.fill(say.text.expose());
                    self.to_say.push(text);
                    say.next.clone()
                }
                Step::Branch(branch) => {
                    let value = super::script::value(&self.values, &self.results, &branch.on);
                    let case = branch.cases.iter().find(|case| case.test.passes(value.as_deref(), self.today));
                    case.map_or(&branch.otherwise, |case| &case.next).clone()
                }
                Step::MarkSuccess(mark) => {
                    self.succeeded = true;
                    mark.next.clone()
                }
                Step::Ask(ask) if self.values.contains_key(name(node, ask)) => ask.next.clone(),
                Step::Ask(_) | Step::Tool(_) | Step::Transfer(_) | Step::End(_) => {
                    self.at = Some(at);
                    return;
                }
            };
        }
    }

    fn fill(&self, source: &str) -> String {
        template::render_late(source, &self.values, &self.results).unwrap_or_default()
    }

    /// A node in words. What is not known yet stands as its name.
    fn step(&self, node: &Node) -> String {
        let text = |source: &str| named(source, &self.values);
        match &node.step {
            Step::Say(say) => format!("Tell the caller: \"{}\" Then [{}].", text(say.text.expose()), say.next),
            Step::Ask(ask) => format!(
                "Ask: \"{}\" The answer, `{}`, is {}. Then [{}].",
                text(ask.text.expose()),
                name(node, ask),
                form(ask),
                ask.next
            ),
            Step::Branch(branch) => {
                let ways: Vec<String> = branch.cases.iter().map(|case| format!("[{}]", case.next)).collect();
                format!("Depending on `{}`: {}, else [{}].", branch.on, ways.join(" or "), branch.otherwise)
            }
            Step::Tool(tool) => format!("Use the tool `{}`. Then [{}].", tool.name, tool.next),
            Step::Transfer(transfer) => {
                format!("Hand over to `{}`. If nobody takes the call: [{}].", transfer.target, transfer.on_declined)
            }
            Step::MarkSuccess(mark) => format!("(A success.) Then [{}].", mark.next),
            Step::End(end) => match &end.text {
                Some(words) => format!("Say goodbye: \"{}\" End the call.", text(words.expose())),
                None => "End the call.".to_owned(),
            },
        }
    }
}

fn name<'n>(node: &'n Node, ask: &'n Ask) -> &'n str {
    ask.name.as_deref().unwrap_or(&node.id)
}

/// What an answer is, in words.
fn form(ask: &Ask) -> String {
    match &ask.answer {
        AnswerKind::YesNo {} => "`yes` or `no`".to_owned(),
        AnswerKind::Choice { options } => {
            let options: Vec<String> =
                options.iter().map(|option| format!("`{}` ({})", option.id, option.words.join(", "))).collect();
            format!("one of {}", options.join("; "))
        }
        AnswerKind::Number { min_digits, max_digits, .. } => format!("{min_digits} to {max_digits} digits"),
        AnswerKind::Date { .. } => "a date, YYYY-MM-DD".to_owned(),
        AnswerKind::Phone { .. } => "a phone number with + and country".to_owned(),
        AnswerKind::Email {} => "an e-mail address".to_owned(),
        AnswerKind::Open { .. } => "the caller's own words".to_owned(),
    }
}

/// A template with what is known filled in and what is not as its name in brackets.
fn named(source: &str, values: &BTreeMap<String, String>) -> String {
    let mut known = values.clone();
    for name in template::variables(source).unwrap_or_default() {
        known.entry(name.clone()).or_insert_with(|| format!("({name})"));
    }
    template::render_late(source, &known, &BTreeMap::new()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SURVEY: &str = include_str!("fixtures/survey.json");

    fn guide(json: &str) -> Guide {
        let assistant: Assistant = serde_json::from_str(json).expect("it is sound");
        let values = BTreeMap::from([("first_name".to_owned(), "Ada".to_owned())]);
        Guide::new(&assistant, &values).expect("it has a flow")
    }

    #[test]
    fn a_flow_becomes_instructions() {
        let text = guide(SURVEY).instructions();
        for part in [
            "- [interest] Ask: \"Hello Ada, this is the clinic about your appointment. Do you still want it?\" The answer, \
             `interest`, is `yes` or `no`. Then [interested].",
            "- [interested] Depending on `interest`: [time], else [bye].",
            "`evening` (evening, tonight)",
            "It begins at [interest].",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
    }

    #[test]
    fn the_plan_moves_on_with_the_answers() {
        let mut guide = guide(SURVEY);
        assert!(guide.goal().contains("Do you still want it?"));
        assert!(!guide.recorded("time", "morning"), "another question's answer is kept for later");
        assert!(guide.recorded("interest", "yes"));
        assert!(guide.goal().contains("How many people"), "the time is known already: {}", guide.goal());
        assert!(guide.recorded("party", "declined"));
        assert!(guide.goal().contains("Is there anything we should know?"));
        assert!(!guide.is_over());
        guide.recorded("remark", "no");
        assert!(guide.is_over());
        assert!(guide.goal().contains("call `end_call` with reason `completed`"));
    }

    #[test]
    fn tools_and_transfers_move_it_on_as_well() {
        let json = r#"{ "name": "Booking",
            "tools": [{ "kind": "http", "name": "slots", "description": "Free.", "url": "https://clinic.example" }],
            "transfers": [{ "name": "desk", "to": "+4930123456" }],
            "flow": { "start": "hello", "nodes": [
                { "id": "hello", "say": { "text": "This is the clinic.", "next": "look" } },
                { "id": "look", "tool": { "name": "slots", "arguments": { "who": "{{ today }}" }, "into": "slots",
                    "next": "any" } },
                { "id": "any", "branch": { "on": "slots.count", "cases": [{ "at_least": 1, "next": "good" }],
                    "otherwise": "desk" } },
                { "id": "good", "mark_success": { "next": "bye" } },
                { "id": "desk", "transfer": { "target": "desk", "on_declined": "bye" } },
                { "id": "bye", "end": { "text": "First free: {{ slots.first }}." } } ] } }"#;
        let mut one = guide(json);
        assert!(one.goal().starts_with("Next: tell the caller: \"This is the clinic.\" Then call the tool `slots`"));
        assert!(one.instructions().contains("(slots)") || one.instructions().contains("First free"));
        assert!(!one.tool_done("other", "{}"));
        assert!(one.tool_done("slots", r#"{"count":2,"first":"ten"}"#));
        assert!(one.succeeded() && one.goal().contains("First free: ten."));
        let mut other = guide(json);
        assert!(other.tool_done("slots", r#"{"error":"closed"}"#));
        assert!(other.goal().contains("to `desk`"));
        assert!(!other.succeeded());
        assert!(other.transfer_failed(false));
        assert!(other.is_over());
    }
}
