//! Digits that the caller types when a tool asks for them.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::super::caller::OFF_RECORD;
use super::super::mouth::AfterCut;
use super::Doing;
use super::builtins::Deed;
use crate::agent::conversation::{Conversation, Timer};
use crate::agent::input::ToolRunId;
use crate::pii::Pii;

/// So long the first digit, and each further one without a pause to end them, is waited for.
const FIRST_DIGIT: Duration = Duration::from_secs(15);
/// Most digits that can be asked for.
const MOST: usize = 32;

/// Digits being typed.
#[derive(Debug)]
pub(in crate::agent::conversation) struct Collecting {
    typed: String,
    pub(super) most: usize,
    least: usize,
    /// Not recorded, not transcribed.
    pub(super) secret: bool,
    first: Option<Instant>,
    last: Option<Instant>,
}

impl Collecting {
    /// With the arguments of the call; what is missing or out of range is taken to the nearest that makes sense.
    pub(super) fn new(arguments: &Value) -> Self {
        let count =
            |name: &str| arguments.get(name).and_then(Value::as_u64).and_then(|count| usize::try_from(count).ok());
        let most = count("max_digits").unwrap_or(MOST).clamp(1, MOST);
        Self {
            typed: String::new(),
            most,
            least: count("min_digits").unwrap_or(1).clamp(1, most),
            secret: arguments.get("secret").and_then(Value::as_bool).unwrap_or(false),
            first: None,
            last: None,
        }
    }
}

impl Conversation {
    pub(super) fn begin_collecting(&mut self, now: Instant, run: ToolRunId, collecting: Collecting) {
        self.begin_doing(now, run, Doing::Collect(collecting), FIRST_DIGIT);
    }

    /// Takes a key if digits are being collected, or are about to be. Typing begins in the middle of the agent's words.
    pub(in crate::agent::conversation) fn collect_key(&mut self, now: Instant, digit: char, at: Instant) -> bool {
        if let Some((_, Deed::Collect(_))) = self.tools.deeds.front()
            && let Some((run, Deed::Collect(collecting))) = self.tools.deeds.pop_front()
        {
            self.begin_collecting(now, run, collecting);
            self.hush();
        }
        let pause = self.timing.digit_pause;
        let Some((run, Doing::Collect(collecting))) = &mut self.tools.doing else { return false };
        match digit {
            '0'..='9' => {
                collecting.typed.push(digit);
                collecting.first.get_or_insert(at);
                collecting.last = Some(at);
            }
            '*' => collecting.typed.clear(),
            _ => {}
        }
        let complete = digit == '#' || collecting.typed.len() >= collecting.most;
        if let Some(run) = self.tools.running.get_mut(run) {
            run.started = now;
        }
        self.stop_speaking(AfterCut::Drop);
        self.abandon_turn(now);
        self.timers.insert(Timer::Digit, if complete { now } else { now + pause });
        true
    }

    /// No more digits come; true when some were being collected.
    pub(in crate::agent::conversation) fn collecting_complete(&mut self, now: Instant) -> bool {
        match self.tools.doing.take() {
            Some((run, Doing::Collect(collecting))) => {
                self.collected(now, run, &collecting);
                true
            }
            other => {
                self.tools.doing = other;
                false
            }
        }
    }

    /// The digits, as far as they came, are told.
    pub(super) fn collected(&mut self, now: Instant, run: ToolRunId, collecting: &Collecting) {
        self.end_collecting(now, collecting);
        let digits = &collecting.typed;
        let result = if digits.len() >= collecting.least {
            json!({ "digits": digits })
        } else {
            let error = if digits.is_empty() { "nothing was typed" } else { "too few digits" };
            json!({ "error": error, "digits": digits })
        };
        self.owe_from(now);
        self.tool_answered(now, run, Pii::new(result.to_string()), true);
    }

    /// The caller has spoken instead.
    pub(super) fn collect_interrupted(&mut self, now: Instant, run: ToolRunId, collecting: &Collecting) {
        self.end_collecting(now, collecting);
        self.give_up_run(run, &json!({ "error": "interrupted", "digits": collecting.typed }).to_string());
    }

    fn end_collecting(&mut self, now: Instant, collecting: &Collecting) {
        self.timers.remove(&Timer::Digit);
        if !collecting.typed.is_empty() {
            let typed = if collecting.secret { OFF_RECORD.to_owned() } else { collecting.typed.clone() };
            self.write_keys(typed, collecting.first.unwrap_or(now), collecting.last.unwrap_or(now));
        }
    }
}
