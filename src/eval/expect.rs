//! Whether what came of a call is what was expected.

use serde_json::Value;

use super::caller::Course;
use super::judge::Judged;
use super::read::pattern_of;
use super::scenario::{AnswerParts, Expect, ExpectAnswer, ExpectTool, ExpectTransfer, Text};
use super::witness::Used;
use crate::agent::action::Ending;
use crate::agent::assistant::Assistant;
use crate::agent::record::{Answer, Line, Speaker};
use crate::call::place::CallReport;

/// What is known of a call that is over.
pub(super) struct Facts {
    pub(super) report: CallReport,
    pub(super) tools: Vec<Used>,
    pub(super) suppressed: bool,
    /// How far the caller got.
    pub(super) course: Course,
    /// Lines that the caller had.
    pub(super) lines: usize,
    /// What a model was asked of the call.
    pub(super) judged: Vec<Judged>,
}

impl Facts {
    /// Texts of one side, in order.
    pub(super) fn texts(&self, speaker: Speaker) -> Vec<&str> {
        let of_speaker = self.lines_of(speaker).filter(|line| !line.keys);
        of_speaker.map(|line| line.text.expose().as_str()).filter(|text| !text.is_empty()).collect()
    }

    fn lines_of(&self, speaker: Speaker) -> impl Iterator<Item = &Line> {
        self.report.conversation.transcript.iter().filter(move |line| line.speaker == speaker)
    }

    /// How often the agent was cut short.
    pub(super) fn interruptions(&self) -> usize {
        self.lines_of(Speaker::Agent).filter(|line| line.cut).count()
    }

    /// The name of what the conversation came to; empty when it never began.
    pub(super) fn ending(&self) -> &'static str {
        self.report.conversation.ending.as_ref().map_or("", ending)
    }

    /// Who the caller was handed over to, by the name of the destination.
    pub(super) fn transferred_to<'a>(&self, assistant: &'a Assistant) -> Option<&'a str> {
        let to = self.report.transfer.as_ref()?.to.expose();
        let named = assistant
            .transfers
            .iter()
            .find(|transfer| transfer.name == *to || transfer.to.expose().contains(to.as_str()));
        named.map(|transfer| transfer.name.as_str())
    }
}

/// What a conversation came to, as scenarios write it.
pub(super) const fn ending(ending: &Ending) -> &'static str {
    match ending {
        Ending::Completed { .. } => "completed",
        Ending::CallerGoodbye => "caller_goodbye",
        Ending::OptedOut => "opted_out",
        Ending::Transferred => "transferred",
        Ending::Inactivity => "inactivity",
        Ending::VoicemailReached => "voicemail_reached",
        Ending::MessageLeft => "message_left",
        Ending::Screened => "screened",
        Ending::LostInMenus => "lost_in_menus",
        Ending::NotAnswered => "not_answered",
        Ending::FaxReached => "fax_reached",
        Ending::TimeUp => "time_up",
        Ending::SpeechFailed => "speech_failed",
        Ending::ModelFailed => "model_failed",
        Ending::RecogniserFailed => "recogniser_failed",
        Ending::HungUp => "hung_up",
    }
}

/// Everything that is not as expected, in words for people.
pub(super) fn check(expect: &Expect, assistant: &Assistant, facts: &Facts) -> Vec<String> {
    let mut failures = Vec::new();
    let report = &facts.report;
    if facts.course.done < facts.lines {
        failures.push(format!("the call was over before line {} of the caller", facts.course.done));
    }
    if facts.course.gave_up {
        failures.push(format!("the caller gave up after {} answers", facts.course.done));
    }
    for judged in facts.judged.iter().filter(|judged| !judged.holds) {
        failures.push(format!("judged to be no: {:?}, because {}", judged.question, judged.reason));
    }
    equal(&mut failures, "reason", expect.reason.as_deref(), report.outcome.reason.as_str());
    equal(&mut failures, "ending", expect.ending.as_deref(), facts.ending());
    let end_reason = match &report.conversation.ending {
        Some(Ending::Completed { reason }) => reason.as_str(),
        _ => "",
    };
    equal(&mut failures, "end_reason", expect.end_reason.as_deref(), end_reason);
    equal(&mut failures, "flow_completed", expect.flow_completed, report.conversation.flow_completed);
    equal(&mut failures, "suppressed", expect.suppressed, facts.suppressed);
    equal(&mut failures, "interruptions", expect.interruptions.map(|most| most as usize), facts.interruptions());
    for (name, expected) in &expect.answers {
        answer(&mut failures, name, expected, &report.conversation.answers);
    }
    in_order(&mut failures, "the agent did not say", &expect.agent_says, &facts.texts(Speaker::Agent));
    in_order(
        &mut failures,
        "it was not understood that the caller said",
        &expect.understood,
        &facts.texts(Speaker::Caller),
    );
    for text in &expect.agent_never_says {
        if let Some(said) = facts.texts(Speaker::Agent).iter().find(|said| text.fits(said)) {
            failures.push(format!("the agent said {said:?}, which holds {}", text.words()));
        }
    }
    if let Some(tools) = &expect.tools {
        used(&mut failures, tools, &facts.tools);
    }
    transfer(&mut failures, expect.transfer.as_ref(), facts.transferred_to(assistant));
    times(&mut failures, expect, facts);
    failures
}

fn equal<T: PartialEq + std::fmt::Debug>(failures: &mut Vec<String>, what: &str, expected: Option<T>, is: T) {
    if let Some(expected) = expected
        && expected != is
    {
        failures.push(format!("{what} is {is:?} and should be {expected:?}"));
    }
}

fn answer(failures: &mut Vec<String>, name: &str, expected: &ExpectAnswer, answers: &[Answer]) {
    // A question that was put again has its last word here.
    let Some(given) = answers.iter().rev().find(|answer| answer.name == name) else {
        failures.push(format!("the question {name:?} was not put"));
        return;
    };
    let value = given.value.as_ref().and_then(|value| value.text()).unwrap_or_default();
    let parts = match expected {
        ExpectAnswer::Value(value) => &AnswerParts { is: Some(value.clone()), ..AnswerParts::default() },
        ExpectAnswer::More(parts) => parts,
    };
    equal(failures, &format!("the answer {name:?}"), parts.is.as_deref(), value);
    equal(failures, &format!("the status of {name:?}"), parts.status, given.status);
    equal(failures, &format!("the attempts of {name:?}"), parts.attempts, given.attempts);
    if let Some(channel) = parts.channel
        && given.channel != Some(channel)
    {
        failures.push(format!("{name:?} was answered by {:?} and should be by {channel:?}", given.channel));
    }
    if let Some(pattern) = &parts.matches
        && pattern_of(pattern).is_ok_and(|pattern| !pattern.is_match(value))
    {
        failures.push(format!("the answer {name:?} is {value:?} and should match {pattern:?}"));
    }
}

/// Each text is found behind the one before.
fn in_order(failures: &mut Vec<String>, complaint: &str, expected: &[Text], said: &[&str]) {
    let mut rest = said;
    for text in expected {
        match rest.iter().position(|line| text.fits(line)) {
            // Two texts may be parts of one line.
            Some(at) => rest = &rest[at..],
            None => {
                failures.push(format!("{complaint} {}; what was said from there on: {rest:?}", text.words()));
                return;
            }
        }
    }
}

fn used(failures: &mut Vec<String>, expected: &[ExpectTool], used: &[Used]) {
    let names: Vec<&str> = used.iter().map(|used| used.name.as_str()).collect();
    if names != expected.iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>() {
        let wanted: Vec<&str> = expected.iter().map(|tool| tool.name.as_str()).collect();
        failures.push(format!("the tools used are {names:?} and should be {wanted:?}"));
        return;
    }
    for (tool, used) in expected.iter().zip(used) {
        for (name, value) in &tool.arguments {
            let given = used.arguments.get(name).unwrap_or(&Value::Null);
            if given != value {
                failures.push(format!("the argument `{name}` of {:?} is {given} and should be {value}", tool.name));
            }
        }
    }
}

fn transfer(failures: &mut Vec<String>, expected: Option<&ExpectTransfer>, to: Option<&str>) {
    match (expected, to) {
        (Some(ExpectTransfer::To(wanted)), to) if to != Some(wanted) => {
            failures.push(format!("the caller was handed over to {to:?} and should be to {wanted:?}"));
        }
        (Some(ExpectTransfer::Any(true)), None) => failures.push("the caller was not handed over".to_owned()),
        (Some(ExpectTransfer::Any(false)), Some(to)) => {
            failures.push(format!("the caller was handed over to {to:?} and should not be"));
        }
        (Some(ExpectTransfer::To(_) | ExpectTransfer::Any(_)) | None, _) => {}
    }
}

fn times(failures: &mut Vec<String>, expect: &Expect, facts: &Facts) {
    if let Some(bound) = expect.reply_ms {
        for turn in &facts.report.conversation.turns {
            let replied = turn.replied.as_millis();
            if replied > u128::from(bound) {
                failures.push(format!(
                    "the reply to what the caller said up to {} ms took {replied} ms and should take {bound} ms at most",
                    turn.at_ms
                ));
            }
        }
    }
    let talked = facts.report.outcome.talk_time();
    if let Some(bound) = expect.duration_s
        && talked.as_secs_f64() > f64::from(bound)
    {
        failures.push(format!("the call took {:.1} s and should take {bound} s at most", talked.as_secs_f64()));
    }
}

impl Text {
    fn fits(&self, line: &str) -> bool {
        let contains = |words: &str| line.to_lowercase().contains(&words.to_lowercase());
        match self {
            Self::Contains(words) => contains(words),
            Self::More(parts) => {
                parts.contains.as_deref().is_none_or(contains)
                    && parts
                        .matches
                        .as_ref()
                        .is_none_or(|text| pattern_of(text).is_ok_and(|pattern| pattern.is_match(line)))
            }
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Contains(words) => format!("{words:?}"),
            Self::More(parts) => match (&parts.contains, &parts.matches) {
                (Some(words), _) => format!("{words:?}"),
                (None, pattern) => format!("something that matches {:?}", pattern.as_deref().unwrap_or_default()),
            },
        }
    }
}
