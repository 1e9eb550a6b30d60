//! `callwright eval` as people run it: the built program on scenario files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::Value;

/// A fresh folder for what a test writes.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("eval").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("the target folder is writable");
    folder
}

fn eval(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_callwright"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("CALLWRIGHT_AGENT__PROMPTS_DIR", folder.join("../prompts"))
        .arg("eval")
        .args(arguments)
        .output()
        .expect("the program runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs `scenario` beside a copy of the survey and gives the exit code and everything that was printed.
fn outcome(name: &str, scenario: &str) -> (Option<i32>, String) {
    let folder = folder(name);
    let file = folder.join("scenario.yaml");
    fs::copy("scenarios/assistants/survey.json", folder.join("survey.json")).expect("the survey is there");
    fs::write(&file, scenario).expect("the folder is writable");
    let output = eval(&folder, &[file.to_str().expect("a plain path")]);
    let printed = text(&output.stdout) + &text(&output.stderr);
    (output.status.code(), printed.replace(file.to_str().expect("a plain path"), "FILE"))
}

/// Names and attributes of the elements of a document that must be well-formed.
fn elements(xml: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut reader = Reader::from_str(xml);
    let mut elements = Vec::new();
    loop {
        match reader.read_event().expect("well-formed XML") {
            Event::Start(tag) | Event::Empty(tag) => {
                let attributes = tag.attributes().map(|attribute| {
                    let attribute = attribute.expect("well-formed attributes");
                    let value = text(&attribute.value);
                    (text(attribute.key.as_ref()), value)
                });
                elements.push((text(tag.name().as_ref()), attributes.collect()));
            }
            Event::Eof => return elements,
            Event::End(_)
            | Event::Text(_)
            | Event::CData(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_)
            | Event::GeneralRef(_) => {}
        }
    }
}

#[test]
fn the_scenarios_of_the_repository_go_as_expected() {
    let folder = folder("all");
    let (junit, json) = (folder.join("junit.xml"), folder.join("eval.json"));
    let (junit, json) = (junit.to_str().expect("a plain path"), json.to_str().expect("a plain path"));
    let output = eval(&folder, &["scenarios", "--jobs", "12", "--junit", junit, "--json", json]);
    let printed = text(&output.stdout) + &text(&output.stderr);
    assert!(output.status.success(), "{printed}");

    let report: Value = serde_json::from_str(&fs::read_to_string(json).expect("written")).expect("JSON");
    let scenarios = report["scenarios"].as_array().expect("a list");
    assert!(scenarios.len() >= 10, "{}", scenarios.len());
    assert_eq!(report["passed"], scenarios.len());
    assert!(scenarios.iter().all(|scenario| scenario["call"]["transcript"].is_array()), "{report:#}");

    let elements = elements(&fs::read_to_string(junit).expect("written"));
    let cases: Vec<_> = elements.iter().filter(|(name, _)| name == "testcase").collect();
    assert_eq!(cases.len(), scenarios.len());
    for ((_, attributes), scenario) in cases.iter().zip(scenarios) {
        let name = attributes.iter().find(|(key, _)| key == "name").map(|(_, value)| value.as_str());
        assert_eq!(name, scenario["name"].as_str());
    }
    assert!(!elements.iter().any(|(name, _)| name == "failure" || name == "error"));
}

#[test]
fn what_is_not_as_expected_is_told_and_fails() {
    let scenario = "name: Wrong\nassistant: survey.json\ncaller:\n  lines:\n    - hang_up: true\n      after_ms: 200\n\
                    expect:\n  reason: inactivity\n  answers: { nothing: yes }\n";
    let (code, printed) = outcome("wrong", scenario);
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains("FAIL"), "{printed}");
    assert!(printed.contains("FILE: reason is \"user_hangup\" and should be \"inactivity\""), "{printed}");
    assert!(printed.contains("FILE: the question \"nothing\" was not put"), "{printed}");
    assert!(printed.contains("0 of 1 scenarios went as expected"), "{printed}");
}

#[test]
fn faults_name_the_file_the_line_and_the_field() {
    for (name, scenario, fault) in [
        ("unknown", "name: a\nassistant: survey.json\ncaller:\n  lines:\n    - shout: hello\nexpect: {}\n", "FILE:5:"),
        ("unknown", "name: a\nassistant: survey.json\ncaller: {}\nexpect: { reasons: x }\n", "unknown field `reasons`"),
        (
            "type",
            "name: a\nassistant: survey.json\ncaller: { answer_after_ms: soon }\nexpect: {}\n",
            "FILE:3: caller.answer_after_ms",
        ),
        (
            "two",
            "name: a\nassistant: survey.json\ncaller:\n  lines:\n    - { say: yes, press: '1' }\nexpect: {}\n",
            "FILE:5: caller.lines[0]",
        ),
        (
            "reason",
            "name: a\nassistant: survey.json\ncaller: {}\nexpect:\n  reason: bored\n",
            "expect.reason: there is no disconnection reason `bored`",
        ),
        (
            "pattern",
            "name: a\nassistant: survey.json\ncaller: {}\nexpect:\n  agent_says: [{ matches: '(' }]\n",
            "expect.agent_says[0]: is no regular expression",
        ),
        (
            "tool",
            "name: a\nassistant: survey.json\ncaller: {}\ntools: { book: {} }\nexpect: {}\n",
            "tools.book: the assistant has no HTTP tool",
        ),
        ("missing", "name: a\nassistant: none.json\ncaller: {}\nexpect: {}\n", "none.json: cannot be read"),
        ("yaml", "name: a\n  - b: [\n", "FILE:2"),
    ] {
        let (code, printed) = outcome(name, scenario);
        assert_eq!(code, Some(1), "{printed}");
        assert!(printed.contains(fault), "{fault} is not in {printed}");
    }
}

#[test]
fn faults_of_the_assistant_are_faults_of_the_scenario() {
    let scenario = "name: a\nassistant:\n  name: Broken\n  flow:\n    start: a\n    nodes:\n      - id: a\n        say: { text: Hello, next: b }\n\
                    caller: {}\nexpect: {}\n";
    let (code, printed) = outcome("assistant", scenario);
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains("FILE:3: assistant: /flow/nodes/0/say/next"), "{printed}");
}
