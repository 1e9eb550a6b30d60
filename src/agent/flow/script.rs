//! A flow compiled for one call: targets are indices, texts are rendered and numbered.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::graph::{AnswerKind, Ask, Flow, Step};
use super::meaning::Expectation;
use super::{template, wording};
use crate::agent::assistant::Assistant;
use crate::agent::input::PromptId;
use crate::agent::texts::Texts;
use crate::pii::Pii;

/// A compiled flow.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) start: usize,
    nodes: Vec<Node>,
    /// What it says.
    pub(crate) texts: Texts,
    /// Values of variables, for branches.
    pub(crate) values: BTreeMap<String, String>,
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
    Say { prompt: PromptId, next: usize },
    Ask(Arc<Question>),
    Branch { on: String, cases: Vec<(String, usize)>, otherwise: usize },
    End { prompt: Option<PromptId>, reason: String },
}

/// A compiled question.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// What may be said; for keypad and open questions only what ends a call or asks for a repetition.
    pub(crate) expected: Arc<Expectation>,
    pub(crate) text: PromptId,
    pub(crate) not_understood: PromptId,
    pub(crate) idle: PromptId,
    pub(crate) attempts: u8,
    pub(crate) confirm: Option<Confirm>,
    pub(crate) next: usize,
}

/// What counts as an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One of these values, by voice or by key.
    Choice { keys: BTreeMap<char, String> },
    /// Digits by key.
    Number { min: usize, max: usize },
    /// Free speech.
    Open { max: Duration },
}

/// How an answer is confirmed.
#[derive(Debug)]
pub(crate) struct Confirm {
    pub(crate) expected: Arc<Expectation>,
    pub(crate) keys: BTreeMap<char, String>,
    /// The text for each value that is known beforehand.
    pub(crate) texts: BTreeMap<String, PromptId>,
    pub(crate) not_understood: PromptId,
    pub(crate) idle: PromptId,
}

/// Why an assistant cannot speak to this contact.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScriptError {
    /// The assistant itself is faulty; nobody checked it before it was saved.
    #[error("the assistant has {0} faults")]
    Faulty(usize),
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

impl Script {
    /// Compiles an assistant's flow for a contact with these values.
    pub(crate) fn compile(assistant: &Assistant, given: &BTreeMap<String, Pii<String>>) -> Result<Self, ScriptError> {
        let values = values(assistant, given)?;
        let flow = assistant.flow.as_ref().ok_or(ScriptError::NoFlow)?;
        let mut script = Self {
            start: 0,
            nodes: Vec::new(),
            texts: Texts::default(),
            values,
            goodbye: PromptId(0),
            time_up: PromptId(0),
            no_question: Arc::new(Expectation::nothing(&assistant.language)),
        };
        script.add_nodes(flow, &assistant.language)?;
        script.goodbye = script.texts.add(wording::GOODBYE.to_owned());
        script.time_up = script.texts.add(wording::TIME_UP.to_owned());
        Ok(script)
    }

    /// A node.
    pub(crate) fn node(&self, index: usize) -> &Node {
        &self.nodes[index]
    }

    /// The main texts, those first that may be needed first, then what a call may need at any time.
    pub(crate) fn texts_in_order(&self) -> Vec<PromptId> {
        let mut order = Vec::new();
        let mut seen = vec![false; self.nodes.len()];
        let mut open = VecDeque::from([self.start]);
        while let Some(index) = open.pop_front() {
            if std::mem::replace(&mut seen[index], true) {
                continue;
            }
            match &self.nodes[index] {
                Node::Say { prompt, next } => {
                    order.push(*prompt);
                    open.push_back(*next);
                }
                Node::Ask(question) => {
                    order.push(question.text);
                    open.push_back(question.next);
                }
                Node::Branch { cases, otherwise, .. } => {
                    open.extend(cases.iter().map(|(_, next)| *next));
                    open.push_back(*otherwise);
                }
                Node::End { prompt, .. } => order.extend(*prompt),
            }
        }
        order.extend([self.goodbye, self.time_up]);
        order
    }

    fn add_nodes(&mut self, flow: &Flow, language: &str) -> Result<(), ScriptError> {
        let nodes = &flow.nodes;
        let index: BTreeMap<&str, usize> = nodes.iter().enumerate().map(|(i, node)| (node.id.as_str(), i)).collect();
        let target = |name: &str| *index.get(name).expect("an assistant without faults has every target");
        self.start = target(&flow.start);
        for node in nodes {
            let compiled = match &node.step {
                Step::Say(say) => {
                    Node::Say { prompt: self.render(&node.id, say.text.expose())?, next: target(&say.next) }
                }
                Step::Ask(ask) => {
                    let question = self.question(&node.id, ask, language, target(&ask.next))?;
                    Node::Ask(Arc::new(question))
                }
                Step::Branch(branch) => Node::Branch {
                    on: branch.on.clone(),
                    cases: branch.cases.iter().map(|case| (case.is.clone(), target(&case.next))).collect(),
                    otherwise: target(&branch.otherwise),
                },
                Step::End(end) => Node::End {
                    prompt: match &end.text {
                        Some(text) => Some(self.render(&node.id, text.expose())?),
                        None => None,
                    },
                    reason: end.reason.clone(),
                },
            };
            self.nodes.push(compiled);
        }
        Ok(())
    }

    fn render(&mut self, node: &str, source: &str) -> Result<PromptId, ScriptError> {
        let text = template::render(source, &self.values)
            .map_err(|error| ScriptError::Text { node: node.to_owned(), problem: error.to_string() })?;
        Ok(self.texts.add(text))
    }

    fn question(&mut self, node: &str, ask: &Ask, language: &str, next: usize) -> Result<Question, ScriptError> {
        let text = self.render(node, ask.text.expose())?;
        let hint = wording::hint(ask);
        let not_understood = match &ask.hint {
            Some(hint) => self.render(node, hint.expose())?,
            None => self.texts.add(wording::not_understood(&hint)),
        };
        let idle = self.texts.add(wording::still_there(&hint));
        let (kind, expected, sayings) = match &ask.answer {
            AnswerKind::YesNo {} => {
                let sayings = [wording::YES, wording::NO].map(|word| (word.to_owned(), word.to_owned()));
                (Kind::Choice { keys: yes_no_keys() }, Expectation::yes_no(language), sayings.to_vec())
            }
            AnswerKind::Choice { options } => {
                let keys = options.iter().enumerate().filter_map(|(i, o)| Some((o.key(i)?, o.id.clone()))).collect();
                let sayings = options.iter().map(|option| (option.id.clone(), wording::label(option))).collect();
                (Kind::Choice { keys }, Expectation::choice(language, options), sayings)
            }
            AnswerKind::Number { min_digits, max_digits } => {
                let kind = Kind::Number { min: (*min_digits).into(), max: (*max_digits).into() };
                (kind, Expectation::nothing(language), Vec::new())
            }
            AnswerKind::Open { max_seconds } => {
                let kind = Kind::Open { max: Duration::from_secs((*max_seconds).into()) };
                (kind, Expectation::nothing(language), Vec::new())
            }
        };
        let confirm = (ask.confirm && !matches!(kind, Kind::Open { .. })).then(|| Confirm {
            expected: Arc::new(Expectation::yes_no(language)),
            keys: yes_no_keys(),
            texts: sayings
                .into_iter()
                .map(|(value, saying)| (value, self.texts.add(wording::confirmation(&saying))))
                .collect(),
            not_understood: self.texts.add(wording::not_understood(wording::YES_NO_HINT)),
            idle: self.texts.add(wording::still_there(wording::YES_NO_HINT)),
        });
        Ok(Question {
            name: ask.name.clone().unwrap_or_else(|| node.to_owned()),
            kind,
            expected: Arc::new(expected),
            text,
            not_understood,
            idle,
            attempts: ask.attempts,
            confirm,
            next,
        })
    }
}

/// The values that an assistant's texts use for a contact; the assistant is checked on the way.
pub(crate) fn values(
    assistant: &Assistant,
    given: &BTreeMap<String, Pii<String>>,
) -> Result<BTreeMap<String, String>, ScriptError> {
    let faults = assistant.faults(None);
    if !faults.is_empty() {
        return Err(ScriptError::Faulty(faults.len()));
    }
    let mut values = BTreeMap::new();
    for (name, variable) in &assistant.variables {
        let value = given.get(name).filter(|value| !value.expose().trim().is_empty()).or(variable.default.as_ref());
        let value = value.ok_or_else(|| ScriptError::MissingVariable(name.clone()))?;
        values.insert(name.clone(), value.expose().clone());
    }
    Ok(values)
}

fn yes_no_keys() -> BTreeMap<char, String> {
    BTreeMap::from([('1', wording::YES.to_owned()), ('2', wording::NO.to_owned())])
}
