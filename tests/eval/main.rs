//! `callwright eval` as people run it: the built program on scenario files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use callwright_loadtest::vendors::chat::{self, Answer, Call};
use callwright_loadtest::vendors::{self, KEY, Running};
use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::{Value, json};

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

/// A model that plays callers and judges, and the settings file that names it.
async fn players(folder: &Path) -> (Running, PathBuf) {
    let when = |heard: &str, answer: Answer| Answer { when: Some(heard.to_owned()), ..answer };
    let verdict = |verdict: &str| Answer::say(&json!({ "verdict": verdict, "reason": "It stands there." }).to_string());
    let hang_up = Call { id: None, name: "hang_up".to_owned(), arguments: json!({}) };
    let no_time =
        Answer { say: "I have no time for this, goodbye.".to_owned(), calls: vec![hang_up], ..Answer::default() };
    let answers = vec![
        when("The question: Was the caller asked when", verdict("yes")),
        when("The question: Did the agent sing", verdict("no")),
        when("Hello Bert", no_time),
        when("Hello Carl", Answer::say("Who are you, please?")),
        when("open on Sundays", Answer::say("Yes please.")),
        when("morning, afternoon or evening", Answer::say("In the morning.")),
    ];
    let mut config = vendors::Config::default();
    config.script.chat = chat::Script { answers, ..chat::Script::default() };
    let running = vendors::start(config).await.expect("loopback binds");
    let settings = folder.join("callwright.toml");
    let text = format!(
        "[[providers]]\nname = \"caller\"\nkind = \"openai_chat\"\nbase_url = \"http://{}/v1\"\nkey = \"{KEY}\"\n",
        running.address
    );
    fs::write(&settings, text).expect("the folder is writable");
    (running, settings)
}

async fn eval_with(settings: &Path, folder: &Path, arguments: &[&str]) -> Output {
    let all: Vec<String> = ["--config", settings.to_str().expect("a plain path")]
        .iter()
        .chain(arguments)
        .map(ToString::to_string)
        .collect();
    let folder = folder.to_owned();
    let run = move || {
        Command::new(env!("CARGO_BIN_EXE_callwright"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("CALLWRIGHT_AGENT__PROMPTS_DIR", folder.join("../prompts"))
            .args(&all[..2])
            .arg("eval")
            .args(&all[2..])
            .output()
            .expect("the program runs")
    };
    tokio::task::spawn_blocking(run).await.expect("no panic")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_who_are_played_by_a_model_go_as_expected() {
    let folder = folder("driven");
    let (_running, settings) = players(&folder).await;
    let (junit, json) = (folder.join("junit.xml"), folder.join("eval.json"));
    let reports = ["--junit", junit.to_str().expect("a plain path"), "--json", json.to_str().expect("a plain path")];
    let output = eval_with(&settings, &folder, &[&["scenarios/driven"], &reports[..]].concat()).await;
    let printed = text(&output.stdout) + &text(&output.stderr);
    assert!(output.status.success(), "{printed}");

    let report: Value = serde_json::from_str(&fs::read_to_string(json).expect("written")).expect("JSON");
    let survey = &report["scenarios"][0];
    assert!(survey["persona"].as_str().is_some_and(|persona| persona.starts_with("Anna")), "{survey:#}");
    assert_eq!(survey["call"]["caller_turns"], 2, "{survey:#}");
    assert_eq!(survey["call"]["judged"][0]["holds"], true, "{survey:#}");
    assert_eq!(report["scenarios"][1]["call"]["caller_turns"], 1, "{report:#}");

    let document = fs::read_to_string(junit).expect("written");
    let elements = elements(&document);
    let personas = elements.iter().filter(|(name, _)| name == "property").count();
    assert_eq!(personas, 4, "persona and goal of two");
    assert!(document.contains("Agent: Hello Anna."), "{document}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_comes_to_no_end_gives_up_and_a_judge_may_say_no() {
    let folder = folder("endless");
    let (_running, settings) = players(&folder).await;
    fs::copy("scenarios/assistants/survey.json", folder.join("survey.json")).expect("the survey is there");
    let scenario = "name: Endless\nassistant: survey.json\nvariables: { name: Carl }\ncaller:\n  persona: Carl, who asks back.\n\
                    \x20 model: caller\n  goal: Find out who calls.\n  max_turns: 1\nexpect:\n  reason: user_hangup\n\
                    \x20 judge: { questions: [Did the agent sing?] }\n";
    let file = folder.join("scenario.yaml");
    fs::write(&file, scenario).expect("the folder is writable");
    let output = eval_with(&settings, &folder, &[file.to_str().expect("a plain path")]).await;
    let printed = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{printed}");
    assert!(printed.contains("the caller gave up after 1 answers"), "{printed}");
    assert!(printed.contains("judged to be no: \"Did the agent sing?\", because It stands there."), "{printed}");
    assert!(!printed.contains("reason is"), "{printed}");
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
        (
            "model",
            "name: a\nassistant: survey.json\ncaller: { model: nobody, persona: x, goal: y }\nexpect: {}\n",
            "caller.model: `nobody` is not in the settings file",
        ),
        (
            "goal",
            "name: a\nassistant: survey.json\ncaller:\n  model: nobody\n  persona: x\n  lines:\n    - say: hello\nexpect: {}\n",
            "caller.goal: must be 1 to 4000 characters",
        ),
        (
            "goal",
            "name: a\nassistant: survey.json\ncaller: { max_turns: 3 }\nexpect: {}\n",
            "caller.model: must be there",
        ),
        (
            "judge",
            "name: a\nassistant: survey.json\ncaller: {}\nexpect: { judge: { questions: [Was it good?] } }\n",
            "expect.judge.model: must be there",
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
