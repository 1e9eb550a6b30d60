//! What came of a demonstration: figures, a table for people, JSON for programs.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::client::{AttemptRow, CallRow, Results, TargetRow};
use super::contacts::DemoContact;
use super::judge::Score;
use super::wire::{Wire, WireCall, WireKind};
use crate::agent::conversation::{Answer, AnswerStatus, AnswerValue};
use crate::campaign::disconnection::Retryability;
use crate::campaign::states::TargetState;

/// What the campaign was allowed.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Calls started per minute.
    pub calls_per_minute: usize,
    /// Simultaneous calls.
    pub max_concurrent_calls: usize,
}

/// The result.
#[derive(Clone, Debug)]
pub struct Report {
    figures: Figures,
    limits: Limits,
    rows: Vec<Row>,
    out: PathBuf,
}

/// What a program gets.
#[derive(Clone, Debug, Serialize)]
struct Figures {
    contacts: usize,
    /// Contacts in a final state.
    ended: usize,
    /// Calls on the wire that nothing explains.
    double_dials: usize,
    /// Most calls up at the same time, from the wire.
    peak_concurrency: usize,
    /// Most calls begun within one minute, from the wire.
    cpm: usize,
    answers_right: usize,
    answers_asked: usize,
    /// From the last packet of the callee's voice to the first of the reply, from the wire.
    turn_ms: Percentiles,
    recordings: Vec<PathBuf>,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Percentiles {
    p50: Option<u64>,
    p99: Option<u64>,
}

#[derive(Clone, Debug)]
struct Row {
    name: String,
    persona: &'static str,
    state: String,
    reason: String,
    attempts: usize,
    seconds: f64,
    answers: String,
}

impl Report {
    /// Compares what the server believes with what the wire saw.
    #[must_use]
    pub fn new(out: &Path, people: &[DemoContact], limits: Limits, results: &Results, wire: &Wire) -> Self {
        let by_number = wire_by_number(wire);
        let mut score = Score::default();
        let mut double_dials = wire.overlapping();
        let mut rows = Vec::new();
        for target in &results.targets {
            let number = target.phone.as_ref().map_or("", |phone| phone.expose().as_str());
            let person = people.iter().find(|person| person.phone == number);
            let attempts = of_contact(&results.attempts, |attempt| attempt.contact_id == target.contact_id);
            let calls = of_contact(&results.calls, |call| call.contact_id.as_ref() == Some(&target.contact_id));
            let seen = by_number.get(number).map_or(&[][..], Vec::as_slice);
            double_dials += unexplained(&attempts, seen);
            for (call, on_wire) in answered(&calls).zip(seen.iter().filter(|call| call.answered.is_some())) {
                score.count(call, on_wire);
            }
            rows.push(Row::new(target, person, &attempts, &calls));
        }
        let figures = Figures {
            contacts: people.len(),
            ended: results.targets.iter().filter(|target| is_final(target.state)).count(),
            double_dials,
            peak_concurrency: wire.peak_concurrency(),
            cpm: wire.most_in_a_minute(),
            answers_right: score.right,
            answers_asked: score.asked,
            turn_ms: percentiles(turns(wire)),
            recordings: recordings(out, &results.calls),
        };
        Self { figures, limits, rows, out: out.to_owned() }
    }

    /// Whether every contact reached a final state, nobody was rung twice without a reason and the limits held.
    #[must_use]
    pub fn holds(&self) -> bool {
        let Figures { contacts, ended, double_dials, peak_concurrency, cpm, .. } = self.figures;
        ended == contacts
            && double_dials == 0
            && peak_concurrency <= self.limits.max_concurrent_calls
            && cpm <= self.limits.calls_per_minute + 1
    }

    /// One JSON object on standard output.
    ///
    /// # Errors
    /// When standard output is closed.
    pub fn print_json(&self) -> anyhow::Result<()> {
        let mut out = std::io::stdout().lock();
        serde_json::to_writer_pretty(&mut out, &self.figures)?;
        writeln!(out)?;
        Ok(())
    }

    /// A table on standard output.
    ///
    /// # Errors
    /// When standard output is closed.
    pub fn print_table(&self) -> anyhow::Result<()> {
        let mut out = std::io::stdout().lock();
        writeln!(out)?;
        writeln!(
            out,
            "{:14} {:12} {:10} {:32} {:>5} {:>8}  answers",
            "contact", "callee", "outcome", "reason", "calls", "duration"
        )?;
        for row in &self.rows {
            let Row { name, persona, state, reason, attempts, seconds, answers } = row;
            writeln!(out, "{name:14} {persona:12} {state:10} {reason:32} {attempts:>5} {seconds:>6.1} s  {answers}")?;
        }
        let f = &self.figures;
        let ms = |value: Option<u64>| value.map_or("–".to_owned(), |value| format!("{value} ms"));
        writeln!(out)?;
        writeln!(out, "contacts in a final state   {} of {}", f.ended, f.contacts)?;
        writeln!(out, "rung twice without reason   {}", f.double_dials)?;
        writeln!(out, "calls begun in any minute   {} (limit {})", f.cpm, self.limits.calls_per_minute)?;
        writeln!(
            out,
            "calls at the same time      {} (limit {})",
            f.peak_concurrency, self.limits.max_concurrent_calls
        )?;
        writeln!(out, "answers understood          {} of {}", f.answers_right, f.answers_asked)?;
        writeln!(
            out,
            "reply after                 {} (p50), {} (p99), RTP to RTP",
            ms(f.turn_ms.p50),
            ms(f.turn_ms.p99)
        )?;
        writeln!(
            out,
            "recordings                  {} in {}",
            f.recordings.len(),
            self.out.join("recordings").display()
        )?;
        writeln!(out, "what the wire saw           {}", super::carrier::log_path(&self.out).display())?;
        writeln!(out, "voices                      espeak-ng, a demonstration voice; no model was used")?;
        Ok(())
    }
}

impl Row {
    fn new(target: &TargetRow, person: Option<&DemoContact>, attempts: &[&AttemptRow], calls: &[&CallRow]) -> Self {
        let last = answered(calls).last();
        let answers = last.map(|call| call.answers.iter().map(shown).collect::<Vec<_>>().join(", "));
        Self {
            name: target.name.expose().clone(),
            persona: person.map_or("", |person| person.persona),
            state: target.state.to_string(),
            reason: target.last_reason.map_or(String::new(), |reason| reason.to_string()),
            attempts: attempts.len(),
            seconds: last.map_or(0.0, |call| call.duration_ms as f64 / 1000.0),
            answers: answers.unwrap_or_default(),
        }
    }
}

fn shown(answer: &Answer) -> String {
    let value = match (&answer.status, &answer.value) {
        (AnswerStatus::Answered, Some(AnswerValue::Choice(choice))) => choice.clone(),
        (
            AnswerStatus::Answered,
            Some(
                AnswerValue::Digits(value)
                | AnswerValue::Date(value)
                | AnswerValue::Phone(value)
                | AnswerValue::Email(value),
            ),
        ) => value.expose().clone(),
        (AnswerStatus::Answered, Some(AnswerValue::Recorded { .. })) => "recorded".to_owned(),
        (AnswerStatus::Answered, None)
        | (AnswerStatus::NoMatch | AnswerStatus::NoInput | AnswerStatus::Declined, _) => "–".to_owned(),
    };
    format!("{}: {value}", answer.name)
}

fn of_contact<T>(all: &[T], is_of: impl Fn(&T) -> bool) -> Vec<&T> {
    all.iter().filter(|item| is_of(item)).collect()
}

fn answered<'a>(calls: &'a [&'a CallRow]) -> impl Iterator<Item = &'a CallRow> {
    calls.iter().copied().filter(|call| call.answered_at.is_some())
}

fn is_final(state: TargetState) -> bool {
    match state {
        TargetState::Done
        | TargetState::Failed
        | TargetState::Blocked
        | TargetState::Expired
        | TargetState::Rejected
        | TargetState::Removed => true,
        TargetState::New
        | TargetState::Waiting
        | TargetState::Ready
        | TargetState::InProgress
        | TargetState::Callback
        | TargetState::Suspended => false,
    }
}

fn wire_by_number(wire: &Wire) -> BTreeMap<&str, Vec<WireCall>> {
    let mut by_number: BTreeMap<&str, Vec<WireCall>> = BTreeMap::new();
    for call in &wire.calls {
        by_number.entry(call.to.expose()).or_default().push(call.clone());
    }
    by_number
}

/// Calls on the wire beyond the server's attempts, and calls after an attempt whose end allows no other.
fn unexplained(attempts: &[&AttemptRow], seen: &[WireCall]) -> usize {
    let beyond = seen.len().saturating_sub(attempts.len());
    let earlier = seen.len().saturating_sub(1).min(attempts.len());
    let without_reason = attempts[..earlier].iter().filter(|attempt| {
        attempt.reason.is_none_or(|reason| match reason.retryability() {
            Retryability::Never | Retryability::Hold => true,
            Retryability::Budget
            | Retryability::Free
            | Retryability::Voicemail
            | Retryability::Screened
            | Retryability::OptIn
            | Retryability::Once
            | Retryability::OnceIfTechnical
            | Retryability::NeverSent => false,
        })
    });
    beyond + without_reason.count()
}

/// From the end of what a callee said (or pressed) to the next sound of the agent, where one follows within five seconds and
/// nothing else came in between.
fn turns(wire: &Wire) -> Vec<f64> {
    let mut turns = Vec::new();
    for call in &wire.calls {
        let mut spans: Vec<(f64, bool)> = Vec::new();
        for event in &call.events {
            match &event.kind {
                WireKind::Said { start, end, .. } => spans.extend([(*start, true), (*end, true)]),
                WireKind::Heard { start, .. } => spans.push((*start, false)),
                WireKind::Invite
                | WireKind::Ringing
                | WireKind::Answer
                | WireKind::Final { .. }
                | WireKind::Dtmf { .. }
                | WireKind::Cancel
                | WireKind::Bye { .. } => {}
            }
        }
        spans.sort_by(|a, b| a.0.total_cmp(&b.0));
        for pair in spans.windows(2) {
            let wait = pair[1].0 - pair[0].0;
            if pair[0].1 && !pair[1].1 && wait < 5.0 {
                turns.push(wait);
            }
        }
    }
    turns
}

fn percentiles(mut seconds: Vec<f64>) -> Percentiles {
    seconds.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let rank = ((seconds.len() as f64 * share).ceil() as usize).max(1);
        seconds.get(rank - 1).map(|value| (value * 1000.0).round() as u64)
    };
    Percentiles { p50: at(0.50), p99: at(0.99) }
}

/// The files of the calls that were recorded.
fn recordings(out: &Path, calls: &[CallRow]) -> Vec<PathBuf> {
    let folder = out.join("recordings");
    let days: Vec<_> = std::fs::read_dir(&folder).into_iter().flatten().flatten().map(|day| day.path()).collect();
    let find = |call: &CallRow| {
        let name = format!("{}.wav", call.id);
        days.iter().map(|day| day.join(&name)).find(|path| path.is_file())
    };
    calls.iter().filter(|call| call.recording_ms.is_some()).filter_map(find).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_sorted_values() {
        let p = percentiles((1..=100).rev().map(|ms| f64::from(ms) / 1000.0).collect());
        assert_eq!((p.p50, p.p99), (Some(50), Some(99)));
        let none = percentiles(Vec::new());
        assert_eq!((none.p50, none.p99), (None, None));
    }

    #[test]
    fn a_call_nothing_explains_is_a_double_dial() {
        let attempt = |reason: &str| -> AttemptRow {
            let text = format!(r#"{{"id":"a","contact_id":"c","dial_no":1,"state":"ended","reason":"{reason}"}}"#);
            serde_json::from_str(&text).expect("an attempt")
        };
        let seen = |count: usize| -> Vec<WireCall> {
            let line = r#"{"t":1.0,"event":"invite","call_id":"x","to":"1","from":"2","persona":"busy"}"#;
            let call = Wire::from_events(vec![serde_json::from_str(line).expect("a line")]).calls.remove(0);
            vec![call; count]
        };
        let (busy, hung_up) = (attempt("dial_busy"), attempt("user_hangup"));
        assert_eq!(unexplained(&[&busy, &hung_up], &seen(2)), 0);
        assert_eq!(unexplained(&[&hung_up, &busy], &seen(2)), 1);
        assert_eq!(unexplained(&[&busy], &seen(2)), 1);
        assert_eq!(unexplained(&[], &seen(0)), 0);
    }
}
