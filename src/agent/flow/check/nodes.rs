//! Whether each node of a flow is sound in itself.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Check, FACTS, MAX_TEXT, Problem, escape};
use crate::agent::assistant::{Builtin, Tool};
use crate::agent::flow::graph::{AnswerKind, Branch, Flow, Step, ToolStep, TransferStep};
use crate::agent::flow::wording;

/// Most nodes of a flow.
const MAX_NODES: usize = 200;
const MAX_CASES: usize = 50;
/// Longest text among the arguments of a tool.
const MAX_ARGUMENT: usize = 4_000;

/// What each question can answer; `None` when it may be anything.
type Answers<'f> = BTreeMap<&'f str, Option<BTreeSet<&'f str>>>;

/// What becomes known while the flow runs: answers and results of tools.
pub(super) fn late_names(flow: &Flow) -> BTreeSet<&str> {
    flow.nodes
        .iter()
        .filter_map(|node| match &node.step {
            Step::Ask(ask) => Some(ask.name.as_deref().unwrap_or(&node.id)),
            Step::Tool(tool) => tool.into.as_deref(),
            Step::Say(_) | Step::Branch(_) | Step::Transfer(_) | Step::MarkSuccess(_) | Step::End(_) => None,
        })
        .collect()
}

impl Check<'_> {
    pub(super) fn flow(&mut self, flow: &Flow) {
        let answers = answers(flow);
        self.length("/flow/nodes", flow.nodes.len(), 1, MAX_NODES, "nodes");
        self.target(flow, "/flow/start", &flow.start);
        let mut seen = BTreeSet::new();
        for (index, node) in flow.nodes.iter().enumerate() {
            let at = format!("/flow/nodes/{index}");
            self.name(&format!("{at}/id"), &node.id);
            if !seen.insert(node.id.as_str()) {
                self.fault(format!("{at}/id"), Problem::Duplicate(node.id.clone()));
            }
            match &node.step {
                Step::Say(say) => {
                    self.late_text(&format!("{at}/say/text"), say.text.expose(), MAX_TEXT);
                    self.target(flow, &format!("{at}/say/next"), &say.next);
                }
                Step::Ask(ask) => self.ask(flow, &format!("{at}/ask"), ask, &node.id),
                Step::Branch(branch) => self.branch(flow, &answers, &format!("{at}/branch"), branch),
                Step::Tool(tool) => self.tool_step(flow, &format!("{at}/tool"), tool),
                Step::Transfer(transfer) => self.transfer_step(flow, &format!("{at}/transfer"), transfer),
                Step::MarkSuccess(mark) => self.target(flow, &format!("{at}/mark_success/next"), &mark.next),
                Step::End(end) => {
                    if let Some(text) = &end.text {
                        self.late_text(&format!("{at}/end/text"), text.expose(), MAX_TEXT);
                    }
                    self.name(&format!("{at}/end/reason"), &end.reason);
                }
            }
        }
    }

    pub(super) fn target(&mut self, flow: &Flow, pointer: &str, target: &str) {
        if !flow.nodes.iter().any(|node| node.id == target) {
            self.fault(pointer, Problem::UnknownNode(target.to_owned()));
        }
    }

    fn branch(&mut self, flow: &Flow, answers: &Answers<'_>, at: &str, branch: &Branch) {
        let possible = answers.get(branch.on.as_str());
        let (root, path) = branch.on.split_once('.').unwrap_or((&branch.on, ""));
        let known = match path {
            "" => self.late.contains(root) || self.assistant.variables.contains_key(root) || FACTS.contains(&root),
            // Only results have parts.
            _ => self.late.contains(root) && !answers.contains_key(root),
        };
        if !known {
            self.fault(format!("{at}/on"), Problem::UnknownSubject(branch.on.clone()));
        }
        self.length(&format!("{at}/cases"), branch.cases.len(), 1, MAX_CASES, "cases");
        let mut seen = Vec::new();
        for (index, case) in branch.cases.iter().enumerate() {
            let at = format!("{at}/cases/{index}");
            let (field, named) = case.test.named();
            if seen.contains(&&case.test) {
                let name = named.first().copied().unwrap_or_default().to_owned();
                self.fault(format!("{at}/{field}").trim_end_matches('/'), Problem::Duplicate(name));
            }
            seen.push(&case.test);
            if let Some(Some(values)) = possible {
                for name in named.iter().filter(|name| !values.contains(*name)) {
                    self.fault(format!("{at}/{field}"), Problem::ImpossibleCase((*name).to_owned()));
                }
            }
            if let Some((field, bound)) = case.test.bound()
                && !bound.is_comparable()
            {
                self.fault(format!("{at}/{field}"), Problem::NotComparable);
            }
            self.target(flow, &format!("{at}/next"), &case.next);
        }
        self.target(flow, &format!("{at}/otherwise"), &branch.otherwise);
    }

    fn tool_step(&mut self, flow: &Flow, at: &str, tool: &ToolStep) {
        if !self.has_tool(&tool.name) {
            self.fault(format!("{at}/name"), Problem::UnknownTool(tool.name.clone()));
        }
        if !tool.arguments.is_object() {
            self.fault(format!("{at}/arguments"), Problem::NotAnObject);
        }
        self.late_texts(&format!("{at}/arguments"), &tool.arguments);
        if let Some(into) = &tool.into {
            self.name(&format!("{at}/into"), into);
            if self.assistant.variables.contains_key(into) {
                self.fault(format!("{at}/into"), Problem::IsVariable(into.clone()));
            }
        }
        if let Some(text) = &tool.text {
            self.late_text(&format!("{at}/text"), text.expose(), MAX_TEXT);
        }
        self.target(flow, &format!("{at}/next"), &tool.next);
        if let Some(node) = &tool.on_error {
            self.target(flow, &format!("{at}/on_error"), node);
        }
    }

    fn has_tool(&self, name: &str) -> bool {
        // Ending, handing over and asking for digits are nodes of their own; the others need no entry to be used by one.
        let ours = Builtin::ALL
            .iter()
            .filter(|builtin| !matches!(builtin, Builtin::EndCall | Builtin::Transfer | Builtin::CollectDigits))
            .any(|builtin| builtin.name() == name);
        ours || self.assistant.tools.iter().any(|tool| match tool {
            Tool::Builtin(_) => false,
            Tool::Http(tool) => tool.name == name,
            Tool::Mcp(server) => {
                name.strip_prefix(&server.name).and_then(|rest| rest.strip_prefix('_')).is_some_and(|tool| {
                    !tool.is_empty() && server.only.as_ref().is_none_or(|only| only.iter().any(|one| one == tool))
                })
            }
        })
    }

    fn transfer_step(&mut self, flow: &Flow, at: &str, step: &TransferStep) {
        if !self.assistant.transfers.iter().any(|transfer| transfer.name == step.target) {
            self.fault(format!("{at}/target"), Problem::UnknownTransfer(step.target.clone()));
        }
        if let Some(text) = &step.text {
            self.late_text(&format!("{at}/text"), text.expose(), MAX_TEXT);
        }
        self.target(flow, &format!("{at}/on_declined"), &step.on_declined);
        if let Some(node) = &step.on_failed {
            self.target(flow, &format!("{at}/on_failed"), node);
        }
    }

    /// Every text of a JSON value is a template.
    fn late_texts(&mut self, at: &str, value: &Value) {
        match value {
            Value::String(text) if !text.is_empty() => self.late_text(at, text, MAX_ARGUMENT),
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.late_texts(&format!("{at}/{index}"), item);
                }
            }
            Value::Object(fields) => {
                for (name, field) in fields {
                    self.late_texts(&format!("{at}/{}", escape(name)), field);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}

fn answers(flow: &Flow) -> Answers<'_> {
    let mut answers = Answers::new();
    for node in &flow.nodes {
        let Step::Ask(ask) = &node.step else { continue };
        let possible = match &ask.answer {
            AnswerKind::YesNo {} => Some(BTreeSet::from([wording::YES, wording::NO])),
            AnswerKind::Choice { options } => Some(options.iter().map(|option| option.id.as_str()).collect()),
            AnswerKind::Number { .. }
            | AnswerKind::Date { .. }
            | AnswerKind::Phone { .. }
            | AnswerKind::Email {}
            | AnswerKind::Open { .. } => None,
        };
        let name = ask.name.as_deref().unwrap_or(&node.id);
        match (answers.get_mut(name), possible) {
            (Some(Some(known)), Some(more)) => known.extend(more),
            (Some(known), None) => *known = None,
            (Some(None), Some(_)) => {}
            (None, possible) => {
                answers.insert(name, possible);
            }
        }
    }
    answers
}
