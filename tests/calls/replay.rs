//! A call with a fault is run again from its file by the program itself, and goes as it went.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use callwright::agent::record::Speaker;
use callwright::call::call::CallConfig;
use callwright::call::insight::Insight;
use callwright::call::place::CallReport;
use callwright::call::tools::NoTools;
use callwright::config::SipTransport::Udp;
use callwright::replay::keeper::{Keep, Replays};
use callwright_loadtest::vendors::Script;
use callwright_loadtest::vendors::chat::Answer;
use callwright_loadtest::vendors::faults::{Fault, Injection, Vendor};
use serde_json::{Value, json};

use crate::office::{Office, version};
use crate::phone::Phone;
use crate::talker::{Talker, voice};
use crate::vendors::Vendors;

const NUMBER: &str = "+4930901820";
const GREETING: &str = "Hello, this is Anna.";
const TIME: &str = "what time is it";
const BYE: &str = "bye then";
const PAUSE: Duration = Duration::from_millis(700);

fn script() -> Script {
    let mut script = Script::default();
    script.hearing.lines = [TIME, BYE].map(str::to_owned).into();
    script.speaking.char_ms = 40;
    let on = |when: &str, answer: Answer| Answer { when: Some(when.to_owned()), ..answer };
    let goodbye = Answer { say: "Goodbye.".to_owned(), ..Answer::call("end_call", json!({ "reason": "done" }), "") };
    script.chat.answers = vec![on(TIME, Answer::say("It is nine o'clock now.")), on(BYE, goodbye)];
    script
}

/// Runs the program on a file: its exit status and its lines.
fn replayed(file: &std::path::Path) -> (Option<i32>, Vec<Value>) {
    let run = Command::new(env!("CARGO_BIN_EXE_callwright")).arg("replay").arg("--json").arg(file).output();
    let run = run.expect("the program is built");
    let text = String::from_utf8(run.stdout).expect("text");
    let lines = text.lines().map(|line| serde_json::from_str(line).expect("JSON lines")).collect();
    (run.status.code(), lines)
}

/// Actions of a kind, in order.
fn actions<'a>(lines: &'a [Value], kind: &'a str) -> impl Iterator<Item = &'a Value> {
    lines.iter().filter_map(|line| line["actions"].as_array()).flatten().filter_map(move |action| action.get(kind))
}

/// The call of a model that refuses the first request of the talk, as the program tells it from its file.
async fn call(office: &Office, vendors: &Vendors, phone: &mut Phone) -> CallReport {
    let mut order = office.order(phone.address(), NUMBER);
    let assistant = json!({
        "name": "Anna", "mode": "llm", "greeting": GREETING, "prompt": "You answer the phone of a shop.",
        "providers": { "stt": ["ears"], "llm": ["model"], "tts": ["voice"] },
        "tools": [{ "kind": "builtin", "name": "end_call" }],
    });
    order.assistant = version(serde_json::from_value(assistant).expect("an assistant"));
    let attempt = office.place(order);
    let mut caller = Talker::new(phone.rings().await.answer().await);
    let greeted = caller.hears_silence(0, PAUSE).await;
    vendors.running.set_faults(vec![Injection::once(Vendor::OpenaiChat, Fault::Refuse { status: 500 })]);
    caller.says(voice(Duration::from_millis(1_100))).await;
    let answered = caller.hears_sound(greeted + 1).await;
    caller.hears_silence(answered, PAUSE).await;
    caller.says(voice(Duration::from_millis(600))).await;
    assert!(caller.gets_hung_up().await, "the model ends the call");
    attempt.ends().await.1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_with_a_fault_runs_again_as_it_went() {
    let vendors = Vendors::start(script()).await;
    let office = Office::staffed(Udp, 63_000, CallConfig::default(), 10, vendors.staff(), Arc::new(NoTools)).await;
    let replays = Replays::start(Keep::Failed).expect("a thread");
    office.calls.set_insight(Insight { replays: Some(replays), ..Insight::default() });
    let mut phone = Phone::new(Udp, 64_000).await;
    let report = call(&office, &vendors, &mut phone).await;

    let file = office.recordings.join(report.replay.as_ref().expect("the model failed: there is a file"));
    let (status, lines) = replayed(&file);
    let (header, rest) = lines.split_first().expect("a header");
    let (verdict, events) = rest.split_last().expect("a verdict");
    assert_eq!((status, &verdict["same"], &verdict["missing"]), (Some(0), &json!(true), &Value::Null), "{verdict}");
    assert_eq!(header["call"], json!(report.call));

    // What was said and how fast, as the call reported it.
    let transcript: Vec<Value> = report.conversation.transcript.iter().map(|line| json!(line)).collect();
    assert!(report.conversation.transcript.iter().any(|line| line.speaker == Speaker::Caller));
    assert_eq!(actions(events, "transcribed").cloned().collect::<Vec<_>>(), transcript);
    let turns: Vec<Value> = report.conversation.turns.iter().map(|turn| json!(turn)).collect();
    assert_eq!(actions(events, "replied").cloned().collect::<Vec<_>>(), turns);

    // The fault, what it was answered with, and the leg's own events, in order of time.
    let at = |what: &str, is: &dyn Fn(&Value) -> bool| {
        events.iter().position(is).unwrap_or_else(|| panic!("no {what}: {events:#?}"))
    };
    let failed = at("fault", &|event| event["input"].get("generation_failed").is_some());
    let asks_again = |event: &Value| {
        event["actions"].as_array().is_some_and(|all| all.iter().any(|one| one.get("generate").is_some()))
    };
    assert!(events[failed..].iter().any(asks_again), "the model is asked again");
    let answered = at("answer", &|event| event["input"] == "answered");
    let signalled = at("signalling", &|event| event["note"].as_str().is_some_and(|note| note.contains("Answered")));
    let counted = at("count", &|event| event["note"].as_str().is_some_and(|note| note.contains("received")));
    assert!(signalled < answered && answered < failed && failed < counted);
    // Notes are written when what they tell of is noticed, which may be a step's time later.
    let steps = events.iter().filter(|event| event.get("note").is_none());
    assert!(steps.is_sorted_by_key(|event| event["at_us"].as_u64()));

    // The same file, tampered with, is told apart; no file is a third thing.
    let (status, _) = replayed(&office.recordings.join("nothing.replay.gz"));
    assert_eq!(status, Some(2));
    assert!(lines.len() > 20);
}
