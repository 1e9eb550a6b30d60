//! A flow compiled for one call: targets are indices, texts are rendered and numbered as far as they are known before.

mod question;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use jiff::civil::Date;
use serde_json::Value;

pub(crate) use self::question::{Confirm, Form, Kind, Question};
use super::check::{FACTS, Fault};
use super::graph::{Flow, Step, Test};
use super::meaning::Expectation;
use super::template;
use super::wording::Wording;
use crate::agent::assistant::Assistant;
use crate::agent::input::PromptId;
use crate::agent::language::Language;
use crate::agent::texts::Texts;
use crate::pii::Pii;

/// A compiled flow.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) start: usize,
    nodes: Vec<Node>,
    /// What it says.
    pub(crate) texts: Texts,
    /// Values of variables and answers.
    pub(crate) values: BTreeMap<String, String>,
    /// What tools gave back.
    results: BTreeMap<String, Value>,
    /// The day of the call where the callee is.
    today: Option<Date>,
    pub(crate) language: Language,
    /// What is said to a caller who said goodbye.
    pub(crate) goodbye: PromptId,
    /// What is said when the time is up.
    pub(crate) time_up: PromptId,
    /// Heard while nothing is asked.
    pub(crate) no_question: Arc<Expectation>,
}

/// A compiled node.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    Say { text: Text, next: usize },
    Ask(Arc<Question>),
    Branch(Arc<Fork>),
    Tool(Arc<ToolUse>),
    Transfer(Arc<Handover>),
    MarkSuccess { next: usize },
    End { text: Option<Text>, reason: String },
}

/// A text that is spoken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Text {
    /// Known before the call.
    Ready(PromptId),
    /// A template of what becomes known in the call.
    Late(Pii<Arc<str>>),
}

/// A compiled branch.
#[derive(Debug)]
pub(crate) struct Fork {
    on: String,
    cases: Vec<(Test, usize)>,
    otherwise: usize,
}

/// A tool that a node uses.
#[derive(Debug)]
pub(crate) struct ToolUse {
    pub(crate) name: String,
    arguments: Value,
    into: Option<String>,
    pub(crate) text: Option<Text>,
    pub(crate) next: usize,
    pub(crate) on_error: usize,
}

/// Somebody a node hands over to.
#[derive(Debug)]
pub(crate) struct Handover {
    /// The name of the entry in the assistant's `transfers`.
    pub(crate) target: String,
    pub(crate) text: Option<Text>,
    pub(crate) on_declined: usize,
    pub(crate) on_failed: usize,
}

/// Why an assistant cannot speak to this contact.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScriptError {
    /// The assistant itself is faulty; nobody checked it before it was saved.
    #[error("{}", told(.0))]
    Faulty(Vec<Fault>),
    /// It has no flow: a model leads it.
    #[error("the assistant has no flow")]
    NoFlow,
    /// The contact lacks a value.
    #[error("variable `{0}` has no value and no default")]
    MissingVariable(String),
    /// A text cannot be made of the contact's values.
    #[error("node `{node}`: {problem}")]
    Text {
        /// The node.
        node: String,
        /// What is wrong with its text.
        problem: String,
    },
}

/// Faults in one line, for a log.
fn told(faults: &[Fault]) -> String {
    const MOST: usize = 5;
    let mut told = format!("the assistant has {} fault(s)", faults.len());
    for (number, fault) in faults.iter().take(MOST).enumerate() {
        told.push_str(if number == 0 { ": " } else { "; " });
        told.push_str(&fault.to_string());
    }
    if faults.len() > MOST {
        told.push_str("; …");
    }
    told
}

impl Script {
    /// Compiles an assistant's flow for a contact with these values.
    pub(crate) fn compile(assistant: &Assistant, given: &BTreeMap<String, Pii<String>>) -> Result<Self, ScriptError> {
        let values = values(assistant, given)?;
        let flow = assistant.flow.as_ref().ok_or(ScriptError::NoFlow)?;
        let today = values.get("today").and_then(|today| today.parse().ok());
        let language = Language::or_english(&assistant.language);
        let mut script = Self {
            start: 0,
            nodes: Vec::new(),
            texts: Texts::default(),
            values,
            results: BTreeMap::new(),
            today,
            language,
            goodbye: PromptId(0),
            time_up: PromptId(0),
            no_question: Arc::new(Expectation::nothing(&assistant.language)),
        };
        script.add_nodes(flow, assistant)?;
        if let Some(greeting) = &assistant.greeting {
            let text = script.text("greeting", greeting)?;
            script.nodes.push(Node::Say { text, next: script.start });
            script.start = script.nodes.len() - 1;
        }
        let wording = Wording::of(language);
        script.goodbye = match &assistant.closing {
            Some(closing) => script.render("closing", closing.expose())?,
            None => script.texts.add(wording.goodbye.to_owned()),
        };
        script.time_up = script.texts.add(wording.time_up.to_owned());
        Ok(script)
    }

    /// The day of the call where the callee is.
    pub(crate) const fn today(&self) -> Option<Date> {
        self.today
    }

    /// Whether it may have to wait for a tool.
    pub(crate) fn uses_tools(&self) -> bool {
        self.nodes.iter().any(|node| matches!(node, Node::Tool(_)))
    }

    /// A node.
    pub(crate) fn node(&self, index: usize) -> &Node {
        &self.nodes[index]
    }

    /// Which way a branch goes now.
    pub(crate) fn way(&self, fork: &Fork) -> usize {
        let value = value(&self.values, &self.results, &fork.on);
        let case = fork.cases.iter().find(|(test, _)| test.passes(value.as_deref(), self.today));
        case.map_or(fork.otherwise, |(_, next)| *next)
    }

    /// The prompt of a text, as it is now; `None` when nothing is left to say of it.
    pub(crate) fn prompt(&self, text: &Text, texts: &mut Texts) -> Option<PromptId> {
        match text {
            Text::Ready(prompt) => Some(*prompt),
            Text::Late(source) => {
                template::render_late(source.expose(), &self.values, &self.results).ok().map(|text| texts.add(text))
            }
        }
    }

    /// What a tool is given, as JSON; `None` when it cannot be made.
    pub(crate) fn arguments(&self, tool: &ToolUse) -> Option<Pii<String>> {
        let filled = template::render_json(&tool.arguments, &self.values, &self.results).ok()?;
        Some(Pii::new(filled.to_string()))
    }

    /// A tool has given this back: JSON, or text. False when it is the error of one that failed.
    pub(crate) fn learn(&mut self, tool: &ToolUse, result: &str) -> bool {
        let value = serde_json::from_str(result).unwrap_or_else(|_| Value::String(result.to_owned()));
        let failed = value.get("error").is_some_and(|error| !error.is_null());
        if let Some(into) = &tool.into {
            if failed {
                self.results.remove(into);
            } else {
                self.results.insert(into.clone(), value);
            }
        }
        !failed
    }

    /// The main texts, those first that may be needed first, then what a call may need at any time.
    pub(crate) fn texts_in_order(&self) -> Vec<PromptId> {
        let mut order = Vec::new();
        let mut seen = vec![false; self.nodes.len()];
        let mut open = VecDeque::from([self.start]);
        let ready = |text: &Text| match text {
            Text::Ready(prompt) => Some(*prompt),
            Text::Late(_) => None,
        };
        while let Some(index) = open.pop_front() {
            if std::mem::replace(&mut seen[index], true) {
                continue;
            }
            match &self.nodes[index] {
                Node::Say { text, next } => {
                    order.extend(ready(text));
                    open.push_back(*next);
                }
                Node::Ask(question) => {
                    order.extend(ready(&question.text));
                    open.push_back(question.next);
                }
                Node::Branch(fork) => {
                    open.extend(fork.cases.iter().map(|(_, next)| *next));
                    open.push_back(fork.otherwise);
                }
                Node::Tool(tool) => {
                    order.extend(tool.text.as_ref().and_then(ready));
                    open.extend([tool.next, tool.on_error]);
                }
                Node::Transfer(handover) => {
                    order.extend(handover.text.as_ref().and_then(ready));
                    open.extend([handover.on_declined, handover.on_failed]);
                }
                Node::MarkSuccess { next } => open.push_back(*next),
                Node::End { text, .. } => order.extend(text.as_ref().and_then(ready)),
            }
        }
        order.extend([self.goodbye, self.time_up]);
        order
    }

    fn add_nodes(&mut self, flow: &Flow, assistant: &Assistant) -> Result<(), ScriptError> {
        let nodes = &flow.nodes;
        let index: BTreeMap<&str, usize> = nodes.iter().enumerate().map(|(i, node)| (node.id.as_str(), i)).collect();
        let target = |name: &str| *index.get(name).expect("an assistant without faults has every target");
        self.start = target(&flow.start);
        for node in nodes {
            let id = &node.id;
            let compiled = match &node.step {
                Step::Say(say) => Node::Say { text: self.text(id, &say.text)?, next: target(&say.next) },
                Step::Ask(ask) => {
                    let question = self.question(id, ask, assistant, target(&ask.next))?;
                    Node::Ask(Arc::new(question))
                }
                Step::Branch(branch) => Node::Branch(Arc::new(Fork {
                    on: branch.on.clone(),
                    cases: branch.cases.iter().map(|case| (case.test.clone(), target(&case.next))).collect(),
                    otherwise: target(&branch.otherwise),
                })),
                Step::Tool(tool) => Node::Tool(Arc::new(ToolUse {
                    name: tool.name.clone(),
                    arguments: tool.arguments.clone(),
                    into: tool.into.clone(),
                    text: self.optional(id, tool.text.as_ref())?,
                    next: target(&tool.next),
                    on_error: target(tool.on_error.as_ref().unwrap_or(&tool.next)),
                })),
                Step::Transfer(step) => Node::Transfer(Arc::new(Handover {
                    target: step.target.clone(),
                    text: self.optional(id, step.text.as_ref())?,
                    on_declined: target(&step.on_declined),
                    on_failed: target(step.on_failed.as_ref().unwrap_or(&step.on_declined)),
                })),
                Step::MarkSuccess(mark) => Node::MarkSuccess { next: target(&mark.next) },
                Step::End(end) => Node::End { text: self.optional(id, end.text.as_ref())?, reason: end.reason.clone() },
            };
            self.nodes.push(compiled);
        }
        Ok(())
    }

    fn optional(&mut self, node: &str, source: Option<&Pii<String>>) -> Result<Option<Text>, ScriptError> {
        source.map(|source| self.text(node, source)).transpose()
    }

    /// A text: rendered now when all it uses is known.
    fn text(&mut self, node: &str, source: &Pii<String>) -> Result<Text, ScriptError> {
        let used = template::variables(source.expose()).map_err(|error| text_error(node, &error))?;
        if used.iter().all(|name| self.values.contains_key(name)) {
            self.render(node, source.expose()).map(Text::Ready)
        } else {
            Ok(Text::Late(Pii::new(source.expose().as_str().into())))
        }
    }

    fn render(&mut self, node: &str, source: &str) -> Result<PromptId, ScriptError> {
        let text = template::render(source, &self.values).map_err(|error| text_error(node, &error))?;
        Ok(self.texts.add(text))
    }
}

fn text_error(node: &str, error: &template::TemplateError) -> ScriptError {
    ScriptError::Text { node: node.to_owned(), problem: error.to_string() }
}

/// A variable, an answer, or a part of a result as `result.part.0`; `None` when there is none.
pub(super) fn value(
    values: &BTreeMap<String, String>,
    results: &BTreeMap<String, Value>,
    path: &str,
) -> Option<String> {
    if let Some(value) = values.get(path) {
        return Some(value.clone());
    }
    let (root, rest) = path.split_once('.').unwrap_or((path, ""));
    let mut value = results.get(root)?;
    for part in rest.split('.').filter(|part| !part.is_empty()) {
        value = match value {
            Value::Array(items) => items.get(part.parse::<usize>().ok()?)?,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => value.get(part)?,
        };
    }
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => Some(value.to_string()),
    }
}

/// The values that an assistant's texts use for a contact; the assistant is checked on the way.
pub(crate) fn values(
    assistant: &Assistant,
    given: &BTreeMap<String, Pii<String>>,
) -> Result<BTreeMap<String, String>, ScriptError> {
    let faults = assistant.faults(None);
    if !faults.is_empty() {
        return Err(ScriptError::Faulty(faults));
    }
    let mut values = BTreeMap::new();
    for fact in FACTS {
        values.insert(fact.to_owned(), given.get(fact).map(|value| value.expose().clone()).unwrap_or_default());
    }
    for (name, variable) in &assistant.variables {
        let value = given.get(name).filter(|value| !value.expose().trim().is_empty()).or(variable.default.as_ref());
        let value = value.ok_or_else(|| ScriptError::MissingVariable(name.clone()))?;
        values.insert(name.clone(), value.expose().clone());
    }
    Ok(values)
}

#[cfg(test)]
mod tests;
