//! What came of a run: lines for people, JSON for programs.

use std::time::Duration;

use serde_json::{Value, json};

use super::expect::Facts;
use super::scenario::Scenario;
use crate::agent::record::Speaker;

/// What came of one scenario.
pub(super) struct Verdict {
    pub(super) scenario: Scenario,
    pub(super) took: Duration,
    /// What was not as expected.
    pub(super) failures: Vec<String>,
    /// What is known of the call, if there was one.
    pub(super) facts: Option<Facts>,
    /// Why there was none, or none to the end.
    pub(super) error: Option<String>,
}

impl Verdict {
    pub(super) fn holds(&self) -> bool {
        self.failures.is_empty() && self.error.is_none()
    }
}

/// What came of all of them.
pub(super) struct Report {
    pub(super) scenarios: Vec<Verdict>,
}

impl Report {
    pub(super) const fn new(scenarios: Vec<Verdict>) -> Self {
        Self { scenarios }
    }

    pub(super) fn holds(&self) -> bool {
        self.scenarios.iter().all(Verdict::holds)
    }

    pub(super) fn summary(&self) -> String {
        let passed = self.scenarios.iter().filter(|verdict| verdict.holds()).count();
        format!("{passed} of {} scenarios went as expected", self.scenarios.len())
    }

    /// The document that `docs/eval.md` describes.
    pub(super) fn to_json(&self) -> serde_json::Result<String> {
        let passed = self.scenarios.iter().filter(|verdict| verdict.holds()).count();
        serde_json::to_string_pretty(&json!({
            "version": 1,
            "passed": passed,
            "failed": self.scenarios.len() - passed,
            "scenarios": self.scenarios.iter().map(scenario).collect::<Vec<_>>(),
        }))
    }
}

/// A scenario for people: one line, and one more for each failure.
pub(super) fn lines(verdict: &Verdict) -> String {
    let Verdict { scenario, took, failures, error, .. } = verdict;
    let mark = if verdict.holds() { "ok  " } else { "FAIL" };
    let mut text = format!("{mark} {:>5.1} s  {}\n", took.as_secs_f64(), scenario.written.name);
    for failure in failures.iter().chain(error) {
        text.push_str(&format!("       {}: {failure}\n", scenario.file.display()));
    }
    if let Some(facts) = verdict.facts.as_ref().filter(|_| !verdict.holds()) {
        for line in &facts.report.conversation.transcript {
            let who = match line.speaker {
                Speaker::Agent => "agent ",
                Speaker::Caller => "caller",
            };
            let cut = if line.cut { " (cut)" } else { "" };
            text.push_str(&format!("       {:>6} ms {who} {}{cut}\n", line.from_ms, line.text.expose()));
        }
    }
    text
}

fn scenario(verdict: &Verdict) -> Value {
    let Verdict { scenario, took, failures, facts, error } = verdict;
    json!({
        "name": scenario.written.name,
        "description": scenario.written.description,
        "file": scenario.file.display().to_string(),
        "persona": scenario.written.caller.persona,
        "model": scenario.written.caller.model,
        "goal": scenario.written.caller.model.as_ref().map(|_| &scenario.written.caller.goal),
        "passed": verdict.holds(),
        "failures": failures,
        "error": error,
        "took_ms": milliseconds(*took),
        "call": facts.as_ref().map(|facts| call(facts, scenario)),
    })
}

fn call(facts: &Facts, scenario: &Scenario) -> Value {
    let report = &facts.report;
    let conversation = &report.conversation;
    let tools: Vec<Value> = facts
        .tools
        .iter()
        .map(|used| json!({ "name": used.name, "arguments": used.arguments, "result": used.result }))
        .collect();
    json!({
        "reason": report.outcome.reason.as_str(),
        "ending": facts.ending(),
        "flow_completed": conversation.flow_completed,
        "duration_ms": milliseconds(report.outcome.talk_time()),
        "answers": conversation.answers,
        "transcript": conversation.transcript,
        "turns": conversation.turns,
        "tools": tools,
        "transfer": facts.transferred_to(&scenario.assistant),
        "suppressed": facts.suppressed,
        "interruptions": facts.interruptions(),
        "caller_turns": facts.course.done,
        "judged": facts.judged,
        "recording": report.recording.as_ref().map(|recording| recording.path.display().to_string()),
    })
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
