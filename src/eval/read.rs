//! Reading scenario files; every fault is told with its file, its line and its field.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use regex::RegexBuilder;
use serde_json::Value;

use super::scenario::{Act, Expect, ExpectAnswer, ExpectTransfer, Scenario, Text, Written};
use super::studio::Studio;
use crate::agent::assistant::{Assistant, Tool};
use crate::campaign::disconnection::DisconnectionReason;
use callwright_media::digit::Digit;

/// Largest file that is read, in bytes.
const LARGEST: u64 = 1 << 20;

/// What the conversation may come to, as it is written.
pub(super) const ENDINGS: [&str; 14] = [
    "completed",
    "caller_goodbye",
    "opted_out",
    "transferred",
    "inactivity",
    "voicemail_reached",
    "message_left",
    "screened",
    "lost_in_menus",
    "time_up",
    "speech_failed",
    "model_failed",
    "recogniser_failed",
    "hung_up",
];

/// What is wrong with a scenario, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    file: PathBuf,
    line: Option<u64>,
    /// The field, as a path from the top.
    field: String,
    what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, "{line}:")?;
        }
        if !self.field.is_empty() {
            write!(f, " {}:", self.field)?;
        }
        write!(f, " {}", self.what)
    }
}

/// Reads all scenarios in these files and folders, folders in the order of file names.
///
/// # Errors
/// All faults of all of them at once.
pub(super) fn all(paths: &[PathBuf], studio: &Studio) -> anyhow::Result<Vec<Scenario>> {
    let mut files = Vec::new();
    for path in paths {
        collect(path, &mut files)?;
    }
    if files.is_empty() {
        bail!("no scenarios: name files, or folders that hold *.yaml or *.yml");
    }
    let (mut scenarios, mut faults) = (Vec::new(), Vec::new());
    for file in files {
        match one(&file, studio) {
            Ok(scenario) => scenarios.push(scenario),
            Err(found) => faults.extend(found),
        }
    }
    if faults.is_empty() {
        return Ok(scenarios);
    }
    let lines: Vec<String> = faults.iter().map(Fault::to_string).collect();
    bail!("the scenarios have faults:\n{}", lines.join("\n"))
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let entries = std::fs::read_dir(path).with_context(|| format!("cannot read the folder {}", path.display()))?;
    let mut inside = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| format!("cannot read the folder {}", path.display()))?.path();
        let is_scenario = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        if is_scenario && path.is_file() {
            inside.push(path);
        }
    }
    inside.sort();
    files.extend(inside);
    Ok(())
}

/// Reads one scenario.
fn one(file: &Path, studio: &Studio) -> Result<Scenario, Vec<Fault>> {
    let fault = |line, field: &str, what: String| Fault { file: file.to_owned(), line, field: field.to_owned(), what };
    let text = read(file).map_err(|what| vec![fault(None, "", what)])?;
    let written: Written = parse(&text).map_err(|(line, field, what)| vec![fault(line, &field, what)])?;
    let line = written.assistant.referenced.line();
    let assistant = assistant(file, &written.assistant.value)
        .map_err(|(field, what)| vec![fault(Some(line), &format!("assistant{field}"), what)])?;
    let mut faults: Vec<Fault> =
        assistant.faults(Some(studio)).iter().map(|found| fault(Some(line), "assistant", found.to_string())).collect();
    let named = &assistant.providers;
    for provider in named.stt.iter().chain(&named.llm).chain(&named.tts).chain(&named.s2s).chain(&named.bot) {
        if let Some(why) = studio.objection(provider) {
            faults.push(fault(Some(line), "assistant", format!("/providers: `{provider}` {why}")));
        }
    }
    for (field, provider) in
        [("caller.model", written.caller.model.as_ref()), ("expect.judge.model", written.judge_model())]
    {
        if let Some(provider) = provider
            && let Some(why) = studio.objection(provider)
        {
            faults.push(fault(None, field, format!("`{provider}` {why}")));
        }
    }
    check_model(&written, |field, what| faults.push(fault(None, field, what.to_owned())));
    check_caller(&written, |line, field, what| faults.push(fault(Some(line), &field, what)));
    check_expectations(&written, |field, what| {
        faults.push(fault(Some(written.expect.referenced.line()), &field, what));
    });
    check_names(&written, &assistant, |field, what| faults.push(fault(None, &field, what)));
    if faults.is_empty() { Ok(Scenario { file: file.to_owned(), written, assistant }) } else { Err(faults) }
}

fn read(path: &Path) -> Result<String, String> {
    let size = std::fs::metadata(path).map_err(|error| format!("cannot be read: {error}"))?.len();
    if size > LARGEST {
        return Err(format!("is larger than {LARGEST} bytes"));
    }
    std::fs::read_to_string(path).map_err(|error| format!("cannot be read: {error}"))
}

/// Place, field and words of a fault.
type Misread = (Option<u64>, String, String);

fn parse(text: &str) -> Result<Written, Misread> {
    let mut field = String::new();
    // `yes` and `no` are answers here, as YAML 1.2 has it.
    let options = serde_saphyr::options! { strict_booleans: true };
    let read = serde_saphyr::with_deserializer_from_str_with_options(text, options, |deserializer| {
        serde_path_to_error::deserialize(deserializer).map_err(|error| {
            field = error.path().to_string();
            error.into_inner()
        })
    });
    read.map_err(|error: serde_saphyr::Error| {
        let line = error.location().map(|location| location.line());
        let field = if field == "." { String::new() } else { field };
        (line, field, first_line(&error.without_snippet().to_string()))
    })
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

/// The assistant, from its own file or from the scenario.
fn assistant(scenario: &Path, written: &Value) -> Result<Assistant, (String, String)> {
    let document = match written {
        Value::String(path) => {
            let path = scenario.parent().unwrap_or(Path::new("")).join(path);
            let named = |what: String| (String::new(), format!("{}: {what}", path.display()));
            let text = read(&path).map_err(named)?;
            let mut json = serde_json::Deserializer::from_str(&text);
            return serde_path_to_error::deserialize(&mut json)
                .map_err(|error| named(format!("{}: {}", error.path(), error.inner())));
        }
        Value::Object(_) => written.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
            return Err((String::new(), "must be the path of a JSON document, or the document itself".to_owned()));
        }
    };
    serde_path_to_error::deserialize(document)
        .map_err(|error| (format!(".{}", error.path()), error.inner().to_string()))
}

fn check_caller(written: &Written, mut fault: impl FnMut(u64, String, String)) {
    for (place, line) in written.caller.lines.iter().enumerate() {
        let (at, field) = (line.referenced.line(), format!("caller.lines[{place}]"));
        match line.value.act() {
            Err(what) => fault(at, field.clone(), what.to_owned()),
            Ok(Act::Press(keys)) => {
                if keys.is_empty() || keys.chars().any(|key| Digit::from_char(key).is_none()) {
                    fault(at, format!("{field}.press"), "holds 0-9, *, # and A-D".to_owned());
                }
            }
            Ok(Act::Say(text)) => {
                if text.trim().is_empty() || text.len() > 1_000 {
                    fault(at, format!("{field}.say"), "must be 1 to 1000 characters".to_owned());
                }
            }
            Ok(Act::Silence(_) | Act::HangUp) => {}
        }
        if line.value.after_ms.is_some() && line.value.silence_ms.is_some() {
            fault(at, format!("{field}.after_ms"), "makes no sense with `silence_ms`".to_owned());
        }
    }
}

/// What a caller who is played by a model must have, and nobody else may.
fn check_model(written: &Written, mut fault: impl FnMut(&str, &str)) {
    let caller = &written.caller;
    if caller.model.is_some() {
        if !caller.lines.is_empty() {
            fault("caller.lines", "make no sense beside `model`, which finds the words itself");
        }
        for (field, text) in [("caller.persona", &caller.persona), ("caller.goal", &caller.goal)] {
            if text.trim().is_empty() || text.len() > 4_000 {
                fault(field, "must be 1 to 4000 characters: the model plays it");
            }
        }
    } else if !caller.goal.is_empty() || caller.ends_when.is_some() || caller.max_turns.is_some() {
        fault("caller.model", "must be there for `goal`, `ends_when` and `max_turns`");
    }
    if !(1..=50).contains(&caller.most_turns()) {
        fault("caller.max_turns", "must be 1 to 50");
    }
    if let Some(judge) = &written.expect.value.judge {
        if written.judge_model().is_none() {
            fault("expect.judge.model", "must be there when the caller has no model");
        }
        if judge.questions.is_empty() || judge.questions.len() > 20 {
            fault("expect.judge.questions", "must be 1 to 20");
        }
    }
}

fn check_expectations(written: &Written, mut fault: impl FnMut(String, String)) {
    let expect: &Expect = &written.expect.value;
    if let Some(reason) = &expect.reason
        && DisconnectionReason::ALL.iter().all(|known| known.as_str() != reason)
    {
        fault("expect.reason".to_owned(), format!("there is no disconnection reason `{reason}`"));
    }
    if let Some(ending) = &expect.ending
        && !ENDINGS.contains(&ending.as_str())
    {
        fault("expect.ending".to_owned(), format!("`{ending}` is none of {}", ENDINGS.join(", ")));
    }
    for (name, texts) in [
        ("agent_says", &expect.agent_says),
        ("agent_never_says", &expect.agent_never_says),
        ("understood", &expect.understood),
    ] {
        for (place, text) in texts.iter().enumerate() {
            if let Err(what) = text.check() {
                fault(format!("expect.{name}[{place}]"), what);
            }
        }
    }
    for (name, answer) in &expect.answers {
        if let ExpectAnswer::More(parts) = answer
            && let Some(pattern) = &parts.matches
            && let Err(what) = pattern_of(pattern)
        {
            fault(format!("expect.answers.{name}.matches"), what);
        }
    }
}

/// What a scenario names must be there.
fn check_names(written: &Written, assistant: &Assistant, mut fault: impl FnMut(String, String)) {
    let is_http =
        |name: &String| assistant.tools.iter().any(|tool| matches!(tool, Tool::Http(http) if http.name == *name));
    for name in written.tools.keys().filter(|name| !is_http(name)) {
        fault(format!("tools.{name}"), "the assistant has no HTTP tool of this name".to_owned());
    }
    let destinations: Vec<&String> = assistant.transfers.iter().map(|transfer| &transfer.name).collect();
    for name in written.transfers.keys().filter(|name| !destinations.contains(name)) {
        fault(format!("transfers.{name}"), "the assistant has no such destination".to_owned());
    }
    if let Some(ExpectTransfer::To(name)) = &written.expect.value.transfer
        && !destinations.contains(&name)
    {
        fault("expect.transfer".to_owned(), format!("the assistant has no destination `{name}`"));
    }
    for name in written.variables.keys().filter(|name| !assistant.variables.contains_key(*name)) {
        fault(format!("variables.{name}"), "the assistant has no such variable".to_owned());
    }
    if !(1..=600).contains(&written.limit_s) {
        fault("limit_s".to_owned(), "must be 1 to 600".to_owned());
    }
}

/// A regular expression that does not look at case.
pub(super) fn pattern_of(pattern: &str) -> Result<regex::Regex, String> {
    RegexBuilder::new(pattern).case_insensitive(true).size_limit(1 << 20).build().map_err(|error| {
        let words = error.to_string();
        format!("is no regular expression: {}", words.lines().last().unwrap_or_default())
    })
}

impl Text {
    fn check(&self) -> Result<(), String> {
        match self {
            Self::Contains(_) => Ok(()),
            Self::More(parts) => match (&parts.contains, &parts.matches) {
                (Some(_), None) => Ok(()),
                (None, Some(pattern)) => pattern_of(pattern).map(|_| ()),
                _ => Err("exactly one of `contains` and `matches` must be there".to_owned()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_documentation_is_a_scenario() {
        let docs = include_str!("../../docs/eval.md");
        let example = docs.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
        let written = parse(example).unwrap_or_else(|fault| panic!("{fault:?}"));
        assert_eq!(written.caller.lines.len(), 4);
        assert_eq!(written.caller.lines[3].value.after_ms, Some(1_500));
        assert_eq!(written.expect.value.answers.len(), 2);
    }

    #[test]
    fn yes_and_no_are_texts() {
        let text = "name: a\nassistant: a.json\ncaller: {}\nexpect: { answers: { open: yes } }\n";
        let written = parse(text).unwrap_or_else(|fault| panic!("{fault:?}"));
        assert!(matches!(&written.expect.value.answers["open"], ExpectAnswer::Value(value) if value == "yes"));
    }
}
