//! What the model calls: run once the turn is over, several at once, each answered in the end.

mod builtins;
mod collecting;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;

use self::builtins::Deed;
pub(super) use self::collecting::Collecting;
use super::model::{Attempt, INTERRUPTED};
use super::{Action, Conversation, Lead, PromptId, ScriptError, Texts};
use crate::agent::assistant::{Assistant, Builtin, BuiltinTool, Mode, Tool};
use crate::agent::flow::graph::Step;
use crate::agent::flow::template;
use crate::agent::input::ToolRunId;
use crate::agent::knowledge::brief;
use crate::agent::native::NativeOrder;
use crate::agent::transfer::TransferManner;
use crate::agent::turn::stop::Asked;
use crate::pii::Pii;
use crate::provider::llm::{ToolCall, ToolSpec};

/// So many rounds of tools answer one turn of the caller's; then the model has to speak.
const ROUNDS: u8 = 6;
/// So many calls of one round are run.
const CALLS: usize = 8;
/// A tool's own time limit is shorter; behind this one it is given up.
const LIMIT: Duration = Duration::from_secs(65);

/// The tools of one call.
#[derive(Debug, Default)]
pub(super) struct Tools {
    /// Those of the assistant.
    specs: Vec<ToolSpec>,
    /// Those that became known later.
    outside: Vec<ToolSpec>,
    builtins: BTreeMap<String, Builtin>,
    traits: BTreeMap<String, Traits>,
    transfers: BTreeMap<String, Destination>,
    running: BTreeMap<ToolRunId, Run>,
    /// Given up; should they bring something all the same, it is told.
    given_up: BTreeSet<ToolRunId>,
    /// What is done when the agent has finished speaking.
    deeds: VecDeque<(ToolRunId, Deed)>,
    /// What is being done.
    doing: Option<(ToolRunId, Doing)>,
    rounds: u8,
    runs: u32,
    /// The model has the word when all of the round have answered.
    follow: bool,
}

/// What an assistant says about one of its tools.
#[derive(Debug)]
struct Traits {
    /// It goes on when the caller interrupts.
    finish: bool,
    filler: Option<PromptId>,
}

/// Somebody the call can be handed to.
#[derive(Debug)]
struct Destination {
    manner: TransferManner,
    briefing: Option<Pii<String>>,
}

/// A call that has no result yet.
#[derive(Debug)]
struct Run {
    /// The vendor's name of the call.
    call: String,
    tool: String,
    started: Instant,
    limit: Duration,
    /// It leaves the conversation and is waited for.
    outside: bool,
    /// Nobody waits for it, but its result is wanted.
    detached: bool,
    filled: bool,
}

/// What takes its time inside the conversation.
#[derive(Debug)]
enum Doing {
    Transfer,
    SendDtmf,
    Collect(Collecting),
}

impl Tools {
    /// The tools of an assistant.
    pub(super) fn new(
        assistant: &Assistant,
        values: &BTreeMap<String, String>,
        texts: &mut Texts,
    ) -> Result<Self, ScriptError> {
        let mut tools = Self::default();
        for name in needed(assistant) {
            let tool = BuiltinTool { name, description: None };
            tools.builtins.insert(name.name().to_owned(), name);
            tools.specs.push(builtins::spec(&tool, &assistant.transfers));
        }
        for tool in &assistant.tools {
            match tool {
                Tool::Builtin(builtin) => {
                    tools.builtins.insert(builtin.name.name().to_owned(), builtin.name);
                    tools.specs.push(builtins::spec(builtin, &assistant.transfers));
                }
                Tool::Http(tool) => {
                    let filler = match &tool.filler {
                        Some(filler) => {
                            Some(texts.add(super::model::render(&tool.name, filler, values, template::render)?))
                        }
                        None => None,
                    };
                    tools.traits.insert(tool.name.clone(), Traits { finish: tool.finish_when_interrupted, filler });
                    tools.specs.push(ToolSpec {
                        name: tool.name.clone(),
                        description: tool.description.clone(),
                        parameters: tool.parameters.clone(),
                    });
                }
                // What a server offers is known once it has been asked.
                Tool::Mcp(_) => {}
            }
        }
        for transfer in &assistant.transfers {
            let briefing = match &transfer.briefing {
                Some(text) => Some(Pii::new(super::model::render(&transfer.name, text, values, template::render)?)),
                None => None,
            };
            tools.transfers.insert(transfer.name.clone(), Destination { manner: transfer.kind, briefing });
        }
        Ok(tools)
    }

    /// The number of the next run.
    pub(super) const fn next_run(&mut self) -> ToolRunId {
        let run = ToolRunId(self.runs);
        self.runs += 1;
        run
    }

    /// The fillers of single tools.
    pub(super) fn fillers(&self) -> impl Iterator<Item = PromptId> {
        self.traits.values().filter_map(|traits| traits.filler)
    }

    /// What the model may call now.
    pub(super) fn offered(&self) -> Arc<[ToolSpec]> {
        if self.rounds >= ROUNDS {
            return [].into();
        }
        let known = |spec: &&ToolSpec| !self.specs.iter().any(|own| own.name == spec.name);
        self.specs.iter().chain(self.outside.iter().filter(known)).cloned().collect()
    }

    /// Whether something is being done that the caller waits for.
    pub(super) fn is_busy(&self) -> bool {
        !self.deeds.is_empty() || self.doing.is_some() || self.running.values().any(|run| !run.detached)
    }

    /// Whether their results are still to be told.
    pub(super) const fn is_followed(&self) -> bool {
        self.follow
    }

    /// Whether tools have done something since the caller's last turn.
    pub(super) const fn was_busy(&self) -> bool {
        self.rounds > 0
    }

    pub(super) const fn new_turn(&mut self) {
        self.rounds = 0;
    }

    pub(super) fn is_transferring(&self) -> bool {
        matches!(self.doing, Some((_, Doing::Transfer)))
    }

    /// Whether it is the caller, or whoever hears our keys, who is waited for.
    pub(super) fn is_listening(&self) -> bool {
        self.doing.is_some()
    }

    pub(super) fn collects_secret(&self) -> bool {
        matches!(&self.doing, Some((_, Doing::Collect(collecting))) if collecting.secret)
    }

    pub(super) fn asked(&self) -> Asked {
        match &self.doing {
            Some((_, Doing::Collect(collecting))) => Asked::Number { digits: u8::try_from(collecting.most).ok() },
            Some((_, Doing::Transfer | Doing::SendDtmf)) | None => Asked::Open,
        }
    }

    /// Since when a tool is waited for that nothing was said about.
    pub(super) fn waits_since(&self) -> Option<Instant> {
        self.running.values().filter(|run| run.outside && !run.detached && !run.filled).map(|run| run.started).min()
    }

    /// What is to be said about the tools that are waited for; `None`: the usual.
    pub(super) fn take_filler(&mut self) -> Option<PromptId> {
        let mut filler = None;
        for run in self.running.values_mut().filter(|run| run.outside && !run.detached && !run.filled) {
            run.filled = true;
            filler = filler.or(self.traits.get(&run.tool).and_then(|traits| traits.filler));
        }
        filler
    }

    /// When the first tool is given up.
    pub(super) fn until(&self) -> Option<Instant> {
        let waits = |run: &&Run| run.outside || self.doing.is_some();
        self.running.values().filter(waits).map(|run| run.started + run.limit).min()
    }
}

impl Conversation {
    /// Tools that became known.
    pub(super) fn set_outside_tools(&mut self, specs: Vec<ToolSpec>) {
        self.tools.outside = specs;
    }

    /// Runs what a finished answer calls; `spoke`: it said something as well.
    pub(super) fn run_calls(&mut self, now: Instant, calls: Vec<ToolCall>, spoke: bool) {
        self.tools.rounds = self.tools.rounds.saturating_add(1);
        self.tools.follow = false;
        let mut numbered = Vec::with_capacity(calls.len());
        for call in calls {
            numbered.push((self.tools.next_run(), call));
        }
        if let Lead::Model(model) = &mut self.lead {
            model.context.call(numbered.iter().cloned());
        }
        for (index, (run, call)) in numbered.into_iter().enumerate() {
            self.tools.running.insert(run, Run::new(now, &call));
            if index >= CALLS {
                self.tool_failed(now, run, "too many calls at once");
            } else {
                self.run_call(now, run, call, spoke);
            }
        }
    }

    fn run_call(&mut self, now: Instant, run: ToolRunId, call: ToolCall, spoke: bool) {
        if let Some(builtin) = self.tools.builtins.get(&call.name).copied() {
            return self.run_builtin(now, run, builtin, &call, spoke);
        }
        let known = |specs: &[ToolSpec]| specs.iter().any(|spec| spec.name == call.name);
        if known(&self.tools.specs) || known(&self.tools.outside) {
            self.run_outside(run, call);
        } else {
            self.tool_failed(now, run, "there is no such tool");
        }
    }

    fn run_outside(&mut self, run: ToolRunId, call: ToolCall) {
        if let Some(running) = self.tools.running.get_mut(&run) {
            running.outside = true;
        }
        self.actions.push_back(Action::RunTool { run, name: call.name, arguments: call.arguments });
    }

    /// A tool outside has answered.
    pub(super) fn tool_result(&mut self, now: Instant, run: ToolRunId, result: Pii<String>) {
        if self.tools.given_up.remove(&run) {
            // It was done after all.
            if let Lead::Model(model) = &mut self.lead {
                model.context.answer(run, result);
                self.context_changed();
            }
        } else if self.tools.running.contains_key(&run) {
            self.tool_answered(now, run, result, true);
        }
    }

    fn tool_failed(&mut self, now: Instant, run: ToolRunId, why: &str) {
        self.tool_answered(now, run, Pii::new(json!({ "error": why }).to_string()), true);
    }

    /// A call has its result; `follow`: the model is to say something about it.
    fn tool_answered(&mut self, now: Instant, run: ToolRunId, result: Pii<String>, follow: bool) {
        let Some(Run { call, tool, detached, outside, .. }) = self.tools.running.remove(&run) else { return };
        let result = if tool == brief::TOOL { self.found_by_tool(result) } else { result };
        if outside {
            self.guide_tool_done(now, &tool, &result);
        }
        match &mut self.lead {
            Lead::Flow(_) => return self.step_done(now, run, &result),
            Lead::Model(model) => {
                model.context.answer(run, result);
                self.context_changed();
            }
            Lead::Native(_) => self.actions.push_back(Action::Native(NativeOrder::ToolResult { call, result })),
            Lead::External(_) => {}
        }
        if detached {
            return self.tell_late_result(now);
        }
        self.tools.follow |= follow;
        self.follow_up_if_due(now);
    }

    /// Gives the model the word when all tools have answered, and not into the caller's words.
    pub(super) fn follow_up_if_due(&mut self, now: Instant) {
        if self.tools.follow && !self.tools.is_busy() && !self.caller_has_word() && !self.closing {
            self.tools.follow = false;
            self.follow_up(now);
        }
    }

    /// The model has the word again.
    fn follow_up(&mut self, now: Instant) {
        match &self.lead {
            Lead::Flow(_) | Lead::External(_) => {}
            Lead::Model(_) => self.generate(now, Attempt::First, None),
            Lead::Native(_) => self.ask_native(now, None),
        }
    }

    /// The result of a tool that had gone on while the caller spoke.
    fn tell_late_result(&mut self, now: Instant) {
        let quiet = self.is_mouth_free() && self.caller_is_quiet() && !self.owes_something() && !self.closing;
        if quiet {
            self.follow_up(now);
        }
    }

    /// Runs what a node of a flow uses.
    pub(super) fn run_for_flow(&mut self, now: Instant, run: ToolRunId, name: &str, arguments: Pii<String>) {
        let call = ToolCall { id: format!("node-{}", run.0), name: name.to_owned(), arguments };
        self.tools.running.insert(run, Run::new(now, &call));
        match Builtin::ALL.into_iter().find(|builtin| builtin.name() == name) {
            Some(builtin) => self.run_builtin(now, run, builtin, &call, true),
            None => self.run_outside(run, call),
        }
    }

    /// The caller has said something else: what nobody waits for any more is stopped, or goes on unseen.
    pub(super) fn interrupt_tools(&mut self, now: Instant) {
        self.tools.follow = false;
        for (run, _) in std::mem::take(&mut self.tools.deeds) {
            self.give_up_run(run, INTERRUPTED);
        }
        match self.tools.doing.take() {
            Some((run, Doing::Collect(collecting))) => self.collect_interrupted(now, run, &collecting),
            other => self.tools.doing = other,
        }
        let outside = |(id, run): (&ToolRunId, &Run)| (run.outside && !run.detached).then(|| (*id, run.tool.clone()));
        for (run, tool) in self.tools.running.iter().filter_map(outside).collect::<Vec<_>>() {
            // Who says nothing about it may be changing something.
            if self.tools.traits.get(&tool).is_none_or(|traits| traits.finish) {
                if let Some(run) = self.tools.running.get_mut(&run) {
                    run.detached = true;
                }
            } else {
                self.actions.push_back(Action::CancelTool { run });
                self.tools.given_up.insert(run);
                self.give_up_run(run, INTERRUPTED);
            }
        }
    }

    /// The conversation is over, or nearly: nothing is waited for.
    pub(super) fn drop_tools(&mut self, now: Instant) {
        if self.tools.is_transferring() {
            self.actions.push_back(Action::CancelTransfer);
        }
        self.interrupt_tools(now);
        for run in std::mem::take(&mut self.tools.running).into_keys() {
            if let Lead::Model(model) = &mut self.lead {
                model.context.answer(run, Pii::new(INTERRUPTED.to_owned()));
            }
        }
        self.tools.doing = None;
    }

    fn give_up_run(&mut self, run: ToolRunId, result: &str) {
        let Some(Run { call, .. }) = self.tools.running.remove(&run) else { return };
        let result = Pii::new(result.to_owned());
        match &mut self.lead {
            Lead::Flow(_) | Lead::External(_) => {}
            Lead::Model(model) => model.context.answer(run, result),
            Lead::Native(_) => self.actions.push_back(Action::Native(NativeOrder::ToolResult { call, result })),
        }
    }

    /// A tool has taken longer than any may.
    pub(super) fn tools_late(&mut self, now: Instant) {
        let late = |(id, run): (&ToolRunId, &Run)| (now >= run.started + run.limit).then_some(*id);
        for run in self.tools.running.iter().filter_map(late).collect::<Vec<_>>() {
            self.run_late(now, run);
        }
    }

    fn run_late(&mut self, now: Instant, run: ToolRunId) {
        match self.tools.doing.take_if(|(doing, _)| *doing == run) {
            Some((_, Doing::Collect(collecting))) => return self.collected(now, run, &collecting),
            Some((_, Doing::Transfer)) => self.actions.push_back(Action::CancelTransfer),
            Some((_, Doing::SendDtmf)) => {}
            None => {
                self.actions.push_back(Action::CancelTool { run });
                self.tools.given_up.insert(run);
            }
        }
        self.tool_failed(now, run, "it took too long");
    }
}

/// What a flow that guides a model takes for granted, as far as the assistant does not name it itself.
fn needed(assistant: &Assistant) -> BTreeSet<Builtin> {
    let Some(flow) = assistant.flow.as_ref().filter(|_| assistant.mode != Mode::Flow) else { return BTreeSet::new() };
    let steps = flow.nodes.iter().filter_map(|node| match &node.step {
        Step::Tool(tool) => Builtin::ALL.into_iter().find(|builtin| builtin.name() == tool.name),
        Step::Transfer(_) => Some(Builtin::Transfer),
        Step::Say(_) | Step::Ask(_) | Step::Branch(_) | Step::MarkSuccess(_) | Step::End(_) => None,
    });
    let named = |wanted: &Builtin| {
        !assistant.tools.iter().any(|tool| matches!(tool, Tool::Builtin(builtin) if builtin.name == *wanted))
    };
    steps.chain([Builtin::EndCall, Builtin::RecordAnswer]).filter(named).collect()
}

impl Run {
    fn new(now: Instant, call: &ToolCall) -> Self {
        Self {
            call: call.id.clone(),
            tool: call.name.clone(),
            started: now,
            limit: LIMIT,
            outside: false,
            detached: false,
            filled: false,
        }
    }
}
