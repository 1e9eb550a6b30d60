//! The tools that come with the server and change the conversation itself.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::super::mouth::Purpose;
use super::super::native::SAY_GOODBYE;
use super::{Collecting, Doing, Tools};
use crate::agent::action::Action;
use crate::agent::assistant::{Builtin, BuiltinTool, Transfer};
use crate::agent::conversation::{Conversation, Ending, Lead};
use crate::agent::input::ToolRunId;
use crate::agent::record::{Answer, AnswerStatus, AnswerValue, Channel};
use crate::agent::transfer::{TransferManner, TransferNews, TransferOrder};
use crate::pii::Pii;
use crate::provider::llm::{ToolCall, ToolSpec};

/// A transfer rings, briefs and is declined inside its own limits; behind this one it is given up.
const TRANSFER: Duration = Duration::from_secs(180);
/// Keys take a quarter of a second each, pauses a second at most.
const DTMF: Duration = Duration::from_secs(45);
/// Most keys sent at once.
const MOST_KEYS: usize = 32;

/// So many words behind the agent's goodbye are one in return.
const GOODBYE_WORDS: usize = 3;

/// What is done when the agent has finished speaking.
#[derive(Debug)]
pub(in crate::agent::conversation) enum Deed {
    EndCall {
        reason: String,
        /// A goodbye has been said, or is not wanted.
        said: bool,
    },
    Transfer(TransferOrder),
    SendDtmf(Pii<String>),
    Collect(Collecting),
}

/// How a model is told of a tool.
pub(super) fn spec(tool: &BuiltinTool, transfers: &[Transfer]) -> ToolSpec {
    let (description, parameters) = match tool.name {
        Builtin::EndCall => (
            "Hangs up. Say goodbye first, in the same reply; nothing can be said afterwards.",
            object(&json!({ "reason": { "type": "string", "description": "Why, in a word or two." } }), &[]),
        ),
        Builtin::Transfer => (
            "Hands the caller over to somebody else. Tell the caller first, in the same reply.",
            transfer_parameters(transfers),
        ),
        Builtin::SendDtmf => (
            "Presses keys on the phone, for menus. Then listen to what comes back.",
            object(
                &json!({ "digits": { "type": "string", "pattern": "^[0-9A-D*#wW]{1,32}$",
                    "description": "The keys; w waits half a second, W a second." } }),
                &["digits"],
            ),
        ),
        Builtin::CollectDigits => (
            "Waits for digits that the caller types on the keypad. Ask for them first, in the same reply.",
            object(
                &json!({
                    "max_digits": { "type": "integer", "minimum": 1, "maximum": 32 },
                    "min_digits": { "type": "integer", "minimum": 1, "maximum": 32 },
                    "secret": { "type": "boolean", "description": "A card number or a code: not recorded." }
                }),
                &["max_digits"],
            ),
        ),
        Builtin::ScheduleCallback => (
            "Arranges another call at a time the caller wants. Tell the caller the time that comes back.",
            object(
                &json!({
                    "when": { "type": "string",
                        "description": "The caller's local date and time, such as 2026-11-02T15:30, or how long from now, such as PT2H." },
                    "note": { "type": "string", "description": "What to remember until then." }
                }),
                &["when"],
            ),
        ),
        Builtin::OptOut => (
            "Makes sure that this person is never called again. Use it as soon as they ask for that.",
            object(&json!({}), &[]),
        ),
        Builtin::RecordAnswer => (
            "Writes down an answer of the caller's.",
            object(
                &json!({
                    "question": { "type": "string", "description": "The name of the question." },
                    "answer": { "type": "string" }
                }),
                &["question", "answer"],
            ),
        ),
        Builtin::MarkSuccess => ("Marks this call as a success.", object(&json!({}), &[])),
    };
    let description = tool.description.clone().unwrap_or_else(|| description.to_owned());
    ToolSpec { name: tool.name.name().to_owned(), description, parameters }
}

fn object(properties: &Value, required: &[&str]) -> Value {
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn transfer_parameters(transfers: &[Transfer]) -> Value {
    let names: Vec<&str> = transfers.iter().map(|transfer| transfer.name.as_str()).collect();
    let when: Vec<String> = transfers
        .iter()
        .filter(|transfer| !transfer.description.is_empty())
        .map(|transfer| format!("{}: {}", transfer.name, transfer.description))
        .collect();
    object(
        &json!({
            "to": { "type": "string", "enum": names, "description": when.join("\n") },
            "summary": { "type": "string", "description": "What whoever takes over should know." }
        }),
        &["to"],
    )
}

impl Tools {
    /// Whether these words are a goodbye in return, behind which the call ends.
    pub(in crate::agent::conversation) fn ends_call_behind(&self, words: &str) -> bool {
        matches!(self.deeds.front(), Some((_, Deed::EndCall { said: true, .. })))
            && words.split_whitespace().count() <= GOODBYE_WORDS
    }
}

impl Conversation {
    pub(super) fn run_builtin(&mut self, now: Instant, run: ToolRunId, builtin: Builtin, call: &ToolCall, spoke: bool) {
        let arguments: Value = match call.arguments.expose().trim() {
            "" => json!({}),
            text => match serde_json::from_str(text) {
                Ok(arguments) => arguments,
                Err(_) => return self.tool_failed(now, run, "the arguments are no JSON"),
            },
        };
        let text = |name: &str| arguments.get(name).and_then(Value::as_str).map(str::to_owned);
        match builtin {
            Builtin::EndCall => {
                let reason = text("reason").unwrap_or_else(|| "completed".to_owned());
                self.tools.deeds.push_back((run, Deed::EndCall { reason, said: spoke }));
            }
            Builtin::Transfer => self.order_transfer(now, run, text("to"), text("summary")),
            Builtin::SendDtmf => match text("digits").filter(|digits| are_keys(digits)) {
                Some(digits) => self.tools.deeds.push_back((run, Deed::SendDtmf(Pii::new(digits)))),
                None => self.tool_failed(now, run, "`digits` must be 1 to 32 of 0-9 A-D * # w W"),
            },
            Builtin::CollectDigits => {
                let collecting = Collecting::new(&arguments);
                self.tools.deeds.push_back((run, Deed::Collect(collecting)));
            }
            // The dialer knows which times are allowed.
            Builtin::ScheduleCallback => self.run_outside(run, call.clone()),
            Builtin::OptOut => {
                self.opt_out();
                self.tool_done(now, run, spoke);
            }
            Builtin::RecordAnswer => match (text("question"), text("answer")) {
                (Some(question), Some(answer)) => {
                    self.record_answer(now, question.clone(), answer.clone());
                    self.guide_recorded(now, &question, &answer);
                    self.tool_done(now, run, spoke);
                }
                (None, _) | (_, None) => self.tool_failed(now, run, "`question` and `answer` are needed"),
            },
            Builtin::MarkSuccess => {
                self.mark_success(now);
                self.tool_done(now, run, spoke);
            }
        }
    }

    /// Done at once. A reply that has said something already is not followed by another one.
    fn tool_done(&mut self, now: Instant, run: ToolRunId, spoke: bool) {
        self.tool_answered(now, run, Pii::new(json!({ "ok": true }).to_string()), !spoke);
    }

    fn order_transfer(&mut self, now: Instant, run: ToolRunId, to: Option<String>, summary: Option<String>) {
        let Some(to) = to else { return self.tool_failed(now, run, "`to` is needed") };
        let Some(destination) = self.tools.transfers.get(&to) else {
            return self.tool_failed(now, run, "there is no such destination");
        };
        let manner = destination.manner;
        let briefing = match manner {
            TransferManner::Cold => None,
            TransferManner::Warm => summary.map(Pii::new).or_else(|| destination.briefing.clone()),
        };
        let order = TransferOrder { to: Pii::new(to), manner, briefing };
        self.tools.deeds.push_back((run, Deed::Transfer(order)));
    }

    /// The caller is not to be called again.
    pub(in crate::agent::conversation) fn opt_out(&mut self) {
        let words = match &self.lead {
            Lead::Model(model) => model.context.last_words(),
            Lead::Flow(_) | Lead::Native(_) | Lead::External(_) => self.last_caller_words(),
        };
        self.opt_out_with(words);
    }

    /// The same, with the words that ask for it.
    pub(in crate::agent::conversation) fn opt_out_with(&mut self, words: String) {
        if !std::mem::replace(&mut self.opted_out, true) {
            self.actions.push_back(Action::OptOut { words: Pii::new(words) });
        }
    }

    /// The call is a success.
    pub(in crate::agent::conversation) fn mark_success(&mut self, now: Instant) {
        self.outcome.success = true;
        self.record_answer(now, "success".to_owned(), "yes".to_owned());
    }

    fn record_answer(&mut self, now: Instant, name: String, answer: String) {
        let answer = Answer {
            name,
            status: AnswerStatus::Answered,
            value: Some(AnswerValue::Choice(answer)),
            channel: Some(Channel::Voice),
            confidence: None,
            attempts: 1,
            at_ms: self.millis(now),
        };
        self.outcome.answers.push(answer.clone());
        self.actions.push_back(Action::Answered(answer));
    }

    /// Does what waits for the agent to have finished speaking.
    pub(in crate::agent::conversation) fn do_next(&mut self, now: Instant) {
        self.follow_up_if_due(now);
        let answering = matches!(&self.lead, Lead::Native(native) if native.owes_something());
        if answering || !self.is_mouth_free() || self.tools.doing.is_some() || !self.caller_is_quiet() || self.closing {
            return;
        }
        let Some((run, deed)) = self.tools.deeds.pop_front() else { return };
        match deed {
            Deed::EndCall { reason, said: true } => self.end(now, Ending::Completed { reason }),
            Deed::EndCall { reason, said: false } => {
                self.tools.deeds.push_front((run, Deed::EndCall { reason, said: true }));
                if let Lead::Native(_) = self.lead {
                    self.ask_native(now, Some(SAY_GOODBYE.to_owned()));
                } else {
                    let farewell = self.farewell;
                    self.say_aside(farewell, Purpose::Talk);
                }
            }
            Deed::Transfer(order) => {
                self.begin_doing(now, run, Doing::Transfer, TRANSFER);
                self.actions.push_back(Action::Transfer(order));
            }
            Deed::SendDtmf(digits) => {
                self.menu_answered(digits.expose());
                self.begin_doing(now, run, Doing::SendDtmf, DTMF);
                self.actions.push_back(Action::SendDtmf { digits });
            }
            Deed::Collect(collecting) => self.begin_collecting(now, run, collecting),
        }
    }

    pub(super) fn begin_doing(&mut self, now: Instant, run: ToolRunId, doing: Doing, limit: Duration) {
        if let Some(run) = self.tools.running.get_mut(&run) {
            (run.started, run.limit) = (now, limit);
        }
        self.tools.doing = Some((run, doing));
    }

    /// The keys have left. Whoever hears them has the word.
    pub(in crate::agent::conversation) fn dtmf_sent(&mut self, now: Instant) {
        if let Some((run, _)) = self.tools.doing.take_if(|(_, doing)| matches!(doing, Doing::SendDtmf)) {
            self.mouth.silent_since = Some(now);
            self.tool_answered(now, run, Pii::new(json!({ "sent": true }).to_string()), false);
        }
    }

    pub(in crate::agent::conversation) fn transfer_news(&mut self, now: Instant, news: &TransferNews) {
        if !self.tools.is_transferring() {
            return;
        }
        match news {
            TransferNews::Ringing | TransferNews::Briefing => {}
            TransferNews::Done => {
                self.tools.doing = None;
                self.end(now, Ending::Transferred);
            }
            TransferNews::Failed(why) => {
                if let Some((run, _)) = self.tools.doing.take() {
                    self.guide_transfer_failed(now, *why);
                    self.mouth.silent_since = Some(now);
                    self.owe_from(now);
                    self.tool_answered(now, run, Pii::new(json!({ "error": why.name() }).to_string()), true);
                }
            }
        }
    }
}

fn are_keys(text: &str) -> bool {
    (1..=MOST_KEYS).contains(&text.len())
        && text.chars().all(|c| matches!(c, '0'..='9' | 'A'..='D' | '*' | '#' | 'w' | 'W'))
}
