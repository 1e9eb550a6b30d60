//! From node to node: what is said, what is used, to whom the call is handed.

use std::sync::Arc;
use std::time::Instant;

use super::super::mouth::Purpose;
use super::super::{Conversation, Ending, Lead, PromptId, Source};
use crate::agent::flow::script::{Handover, Node, ToolUse};
use crate::agent::input::ToolRunId;
use crate::agent::transfer::TransferFailure;
use crate::pii::Pii;

/// What a flow waits for beside an answer.
#[derive(Clone, Debug)]
pub(in crate::agent::conversation) enum Step {
    Tool(Arc<ToolUse>),
    Transfer(Arc<Handover>),
}

impl Conversation {
    /// Goes to a node and on until something is said, asked or waited for.
    pub(in crate::agent::conversation) fn enter(&mut self, now: Instant, mut index: usize) {
        loop {
            let Lead::Flow(flow) = &self.lead else { return };
            index = match flow.script.node(index).clone() {
                Node::Say { text, next } => match flow.script.prompt(&text, &mut self.texts) {
                    Some(prompt) => return self.tell(prompt, Purpose::Statement { next }),
                    None => next,
                },
                Node::Ask(question) => return self.ask(now, question),
                Node::Branch(fork) => flow.script.way(&fork),
                Node::Tool(tool) => return self.use_tool(now, tool),
                Node::Transfer(handover) => return self.hand_over(now, handover),
                Node::MarkSuccess { next } => {
                    self.mark_success(now);
                    next
                }
                Node::End { text, reason } => {
                    let prompt = text.and_then(|text| flow.script.prompt(&text, &mut self.texts));
                    self.outcome.flow_completed = true;
                    let ending = Ending::Completed { reason };
                    return match prompt {
                        Some(prompt) => self.tell(prompt, Purpose::Goodbye(ending)),
                        None => self.end(now, ending),
                    };
                }
            };
        }
    }

    /// Says what comes next: behind the words that a tool was waited for with, in place of everything else.
    pub(in crate::agent::conversation) fn tell(&mut self, prompt: PromptId, purpose: Purpose) {
        let beside = |purpose: &Purpose| matches!(purpose, Purpose::Talk | Purpose::Filler);
        let open =
            self.mouth.open.as_ref().is_some_and(|reply| reply.stopping.is_none() && beside(&reply.saying.purpose));
        if open || self.mouth.queue.front().is_some_and(|saying| beside(&saying.purpose)) {
            let reply_to = self.caller.reply_to.take();
            self.say_after(Source::Prompt(prompt), purpose, reply_to);
        } else {
            self.say(prompt, purpose);
        }
    }

    fn use_tool(&mut self, now: Instant, tool: Arc<ToolUse>) {
        let Lead::Flow(flow) = &self.lead else { return };
        let Some(arguments) = flow.script.arguments(&tool) else { return self.enter(now, tool.on_error) };
        let prompt = tool.text.as_ref().and_then(|text| flow.script.prompt(text, &mut self.texts));
        if let Some(prompt) = prompt {
            self.tell(prompt, Purpose::Talk);
        }
        let name = tool.name.clone();
        self.begin_step(now, Step::Tool(tool), &name, arguments);
    }

    fn hand_over(&mut self, now: Instant, handover: Arc<Handover>) {
        self.drop_kept_keys();
        let Lead::Flow(flow) = &self.lead else { return };
        let prompt = handover.text.as_ref().and_then(|text| flow.script.prompt(text, &mut self.texts));
        if let Some(prompt) = prompt {
            self.tell(prompt, Purpose::Talk);
        }
        let arguments = Pii::new(serde_json::json!({ "to": handover.target }).to_string());
        self.begin_step(now, Step::Transfer(handover), "transfer", arguments);
    }

    fn begin_step(&mut self, now: Instant, step: Step, name: &str, arguments: Pii<String>) {
        let run = self.tools.next_run();
        if let Lead::Flow(flow) = &mut self.lead {
            flow.doing = Some((run, step));
            flow.fillers = 0;
        }
        self.run_for_flow(now, run, name, arguments);
    }

    /// What the flow waits for is done, or has failed.
    pub(in crate::agent::conversation) fn step_done(&mut self, now: Instant, run: ToolRunId, result: &Pii<String>) {
        let Lead::Flow(flow) = &mut self.lead else { return };
        let Some((_, step)) = flow.doing.take_if(|(doing, _)| *doing == run) else { return };
        let next = match step {
            Step::Tool(tool) if flow.script.learn(&tool, result.expose()) => tool.next,
            Step::Tool(tool) => tool.on_error,
            Step::Transfer(handover) if nobody_took_it(result.expose()) => handover.on_declined,
            Step::Transfer(handover) => handover.on_failed,
        };
        if !self.closing && !self.is_saying_goodbye() {
            self.enter(now, next);
        }
    }
}

/// Whether a transfer came to nothing because of people, not because of us.
fn nobody_took_it(result: &str) -> bool {
    let people =
        [TransferFailure::Declined, TransferFailure::Busy, TransferFailure::NoAnswer, TransferFailure::Voicemail];
    let result: serde_json::Value = serde_json::from_str(result).unwrap_or_default();
    result
        .get("error")
        .and_then(serde_json::Value::as_str)
        .is_some_and(|why| people.iter().any(|one| one.name() == why))
}
