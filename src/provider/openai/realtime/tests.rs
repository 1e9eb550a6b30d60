//! The adapter against the simulated vendor.

use std::time::Duration;

use callwright_loadtest::vendors::chat::{Answer, Script};
use callwright_loadtest::vendors::faults::{Fault, Injection, Moment, Vendor as Simulated};
use callwright_loadtest::vendors::hearing::{self, tones};
use callwright_loadtest::vendors::log::{Entry, Event};
use callwright_loadtest::vendors::{Config, KEY, Running, start};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::*;
use crate::provider::llm::{ToolCall, ToolSpec};
use crate::provider::probe::Step;
use crate::provider::s2s::S2sInput;

const SOON: Duration = Duration::from_secs(5);

fn vocabulary() -> Vec<String> {
    ["one", "two", "three"].map(str::to_owned).to_vec()
}

async fn simulated(answers: Vec<Answer>, faults: Vec<Injection>) -> Running {
    let hearing = hearing::Script { vocabulary: vocabulary(), ..hearing::Script::default() };
    let realtime = Script { answers, models: vec![MODEL.to_owned()], ..Script::default() };
    let script = callwright_loadtest::vendors::Script { hearing, realtime, ..Default::default() };
    start(Config { script, faults, ..Config::default() }).await.expect("a port is free")
}

fn vendor(running: &Running, options: Value) -> Vendor {
    Vendor {
        base_url: format!("http://{}/v1", running.address),
        key: Some(KEY.into()),
        options: options.as_object().cloned().expect("an object"),
        ..Vendor::named("speaker")
    }
}

fn request() -> S2sRequest {
    let tool = ToolSpec {
        name: "look_up".to_owned(),
        description: "Finds an order.".to_owned(),
        parameters: json!({"type": "object", "properties": {}}),
    };
    S2sRequest {
        instructions: Pii::new("Be brief.".to_owned()),
        voice: String::new(),
        language: "en-GB".to_owned(),
        tools: [tool].into(),
    }
}

/// A call's side of a session.
struct Call {
    session: Session,
    /// Words so far, and samples of audio.
    words: String,
    samples: usize,
}

impl Call {
    fn open(vendor: Vendor) -> Self {
        let session = Realtime::new(vendor).expect("an address").open(request()).expect("a place");
        Self { session, words: String::new(), samples: 0 }
    }

    async fn tell(&self, input: S2sInput) {
        self.session.input.send(input).await.expect("the session is open");
    }

    /// The caller says words, and is silent for a while.
    async fn say(&self, words: &str) {
        let mut samples = tones(&vocabulary(), words);
        samples.resize(samples.len() + 8_000, 0);
        for chunk in samples.chunks(160) {
            self.tell(S2sInput::Audio(chunk.into())).await;
        }
    }

    /// What is told up to the event that is asked for; words and audio are summed up.
    async fn until(&mut self, last: impl Fn(&S2sEvent) -> bool) -> Vec<S2sEvent> {
        let mut events = Vec::new();
        loop {
            let event = timeout(SOON, self.session.events.recv()).await.expect("something comes").expect("it is open");
            match &event {
                S2sEvent::Words { text, .. } => self.words.push_str(text.expose()),
                S2sEvent::Audio { pcm, .. } => self.samples += pcm.len(),
                S2sEvent::Ready
                | S2sEvent::CallerStarted
                | S2sEvent::CallerStopped
                | S2sEvent::CallerSaid(_)
                | S2sEvent::ItemFinished { .. }
                | S2sEvent::Call(_)
                | S2sEvent::Finished { .. }
                | S2sEvent::Interrupted { .. }
                | S2sEvent::Dead { .. } => {}
            }
            let found = last(&event);
            if found || !matches!(event, S2sEvent::Words { .. } | S2sEvent::Audio { .. }) {
                events.push(event);
            }
            if found {
                return events;
            }
        }
    }
}

fn is_finished(event: &S2sEvent) -> bool {
    matches!(event, S2sEvent::Finished { .. })
}

fn is_audio(event: &S2sEvent) -> bool {
    matches!(event, S2sEvent::Audio { .. })
}

fn complaints(running: &Running) -> Vec<String> {
    let complaint = |entry: Entry| if let Event::Complained { reason } = entry.event { Some(reason) } else { None };
    running.log.entries().into_iter().filter_map(complaint).collect()
}

fn received(kind: &str) -> impl Fn(&Entry) -> bool {
    move |entry| matches!(&entry.event, Event::Received { message } if message["type"] == kind)
}

#[tokio::test]
async fn the_caller_is_heard_and_answered_in_both_dialects() {
    for options in [json!({}), json!({"beta": true})] {
        let running = simulated(vec![Answer::say("one two three")], vec![]).await;
        let mut call = Call::open(vendor(&running, options));
        // What comes before the session stands is not lost.
        call.say("two one").await;
        let events = call.until(is_finished).await;
        let kinds: Vec<&S2sEvent> = events.iter().collect();
        let [S2sEvent::Ready, S2sEvent::CallerStarted, S2sEvent::CallerStopped, rest @ ..] = &kinds[..] else {
            panic!("{events:?}")
        };
        assert!(rest.contains(&&S2sEvent::CallerSaid(Pii::new("two one".to_owned()))), "{events:?}");
        assert!(matches!(rest[rest.len() - 2], S2sEvent::ItemFinished { .. }), "{events:?}");
        let S2sEvent::Finished { usage: Some(usage) } = rest[rest.len() - 1] else { panic!("{events:?}") };
        assert_eq!((usage.prompt, usage.cached, usage.completion), (100, 64, 50));
        assert_eq!((call.words.as_str(), call.samples), ("one two three", 3 * 1_920));
        assert_eq!(complaints(&running), [""; 0]);
    }
}

#[tokio::test]
async fn an_interrupted_answer_is_cut_where_it_was_heard() {
    let running = simulated(vec![Answer::say(&"one two three ".repeat(20))], vec![]).await;
    let mut call = Call::open(vendor(&running, json!({})));
    call.tell(S2sInput::Respond { instructions: Some(Pii::new("Greet the caller.".to_owned())) }).await;
    let events = call.until(is_audio).await;
    let Some(S2sEvent::Audio { item, .. }) = events.last() else { panic!("{events:?}") };
    let item = item.clone();
    call.tell(S2sInput::Cancel).await;
    call.tell(S2sInput::Truncate { item: item.clone(), heard: Duration::from_secs(60) }).await;
    let events = call.until(is_finished).await;
    assert!(events.contains(&S2sEvent::ItemFinished { item: item.clone() }), "{events:?}");
    let truncate = running.log.find(SOON, received("conversation.item.truncate")).await.expect("the vendor is told");
    let Event::Received { message } = truncate.event else { panic!("{truncate:?}") };
    let most = call.samples as u64 / 8;
    assert!(message["audio_end_ms"].as_u64().is_some_and(|end| end <= most), "not more than there is: {message}");
    // A second one is for what was really heard; a cancel without an answer is not sent.
    call.tell(S2sInput::Truncate { item, heard: Duration::from_millis(40) }).await;
    call.tell(S2sInput::Cancel).await;
    let second = |entry: &Entry| matches!(&entry.event, Event::Sent { message } if message["type"] == "conversation.item.truncated" && message["audio_end_ms"] == 40);
    assert!(running.log.find(SOON, second).await.is_some());
    assert_eq!(complaints(&running), [""; 0]);
}

#[tokio::test]
async fn the_caller_interrupts_by_speaking() {
    let reply = Answer { when: Some("three".to_owned()), ..Answer::say("two") };
    let running = simulated(vec![Answer::say(&"one two three ".repeat(20)), reply], vec![]).await;
    let mut call = Call::open(vendor(&running, json!({})));
    call.tell(S2sInput::Respond { instructions: None }).await;
    call.until(is_audio).await;
    call.say("three").await;
    let events = call.until(is_finished).await;
    assert!(events.contains(&S2sEvent::CallerStarted), "{events:?}");
    call.until(is_finished).await;
    assert!(call.words.ends_with("two"), "{}", call.words);
    assert_eq!(complaints(&running), [""; 0]);
}

#[tokio::test]
async fn a_tool_is_called_and_its_result_is_used() {
    let running = simulated(vec![Answer::call("look_up", json!({"id": 7}), "two")], vec![]).await;
    let mut call = Call::open(vendor(&running, json!({})));
    call.say("one").await;
    let events = call.until(is_finished).await;
    let calls: Vec<&ToolCall> =
        events.iter().filter_map(|event| if let S2sEvent::Call(call) = event { Some(call) } else { None }).collect();
    let [made] = &calls[..] else { panic!("once: {events:?}") };
    assert_eq!((made.name.as_str(), made.arguments.expose().as_str()), ("look_up", "{\"id\":7}"));
    call.tell(S2sInput::ToolResult { call: made.id.clone(), result: Pii::new("{}".to_owned()) }).await;
    call.tell(S2sInput::Note(Pii::new("He is in a hurry.".to_owned()))).await;
    call.tell(S2sInput::Respond { instructions: None }).await;
    call.until(is_finished).await;
    assert_eq!(call.words, "two");
    assert_eq!(complaints(&running), [""; 0]);
}

#[tokio::test]
async fn a_new_connection_knows_what_was_said() {
    let cut = Fault::Cut { when: Moment { after_ms: 0, after_sent: 30 } };
    let long = Answer::say(&"one two three ".repeat(20));
    let running = simulated(vec![Answer::call("look_up", json!({}), "two"), long], vec![]).await;
    let mut call = Call::open(vendor(&running, json!({})));
    call.say("one").await;
    let events = call.until(is_finished).await;
    let made = events.iter().find_map(|event| if let S2sEvent::Call(call) = event { Some(call) } else { None });
    let result = Pii::new("{\"ok\":true}".to_owned());
    call.tell(S2sInput::ToolResult { call: made.expect("it called").id.clone(), result }).await;
    call.tell(S2sInput::Respond { instructions: None }).await;
    call.until(is_finished).await;
    running.set_faults(vec![Injection { times: Some(1), ..Injection::now(Simulated::OpenaiRealtime, cut) }]);
    call.say("three").await;
    let lost = call.until(|event| matches!(event, S2sEvent::Interrupted { .. })).await;
    assert!(lost.iter().any(|event| matches!(event, S2sEvent::ItemFinished { .. })), "no more comes of it: {lost:?}");
    call.until(|event| *event == S2sEvent::Ready).await;
    call.until(is_finished).await;
    let told: Vec<Value> = running
        .log
        .entries()
        .into_iter()
        .filter(received("conversation.item.create"))
        .filter(|entry| entry.connection == 2)
        .filter_map(
            |entry| if let Event::Received { message } = entry.event { Some(message["item"].clone()) } else { None },
        )
        .collect();
    let kinds: Vec<&str> = told.iter().filter_map(|item| item["role"].as_str().or(item["type"].as_str())).collect();
    assert_eq!(kinds, ["user", "function_call", "function_call_output", "assistant", "user", "assistant"]);
    assert_eq!(complaints(&running), [""; 0]);
}

#[tokio::test]
async fn what_cannot_be_mended_ends_the_session() {
    let running = simulated(vec![], vec![]).await;
    let ended = |vendor: Vendor| async move {
        let events = Call::open(vendor).until(|event| matches!(event, S2sEvent::Dead { .. })).await;
        let Some(S2sEvent::Dead { error }) = events.last() else { panic!("{events:?}") };
        error.kind
    };
    let wrong = Vendor { key: Some("wrong".into()), ..vendor(&running, json!({})) };
    assert_eq!(ended(wrong).await, ErrorKind::Unauthorised);
    let unknown = Vendor { model: "other".to_owned(), ..vendor(&running, json!({})) };
    assert_eq!(ended(unknown).await, ErrorKind::Refused);
    let invalid = vendor(&running, json!({"turn_detection": {"type": "telepathy"}}));
    assert_eq!(ended(invalid).await, ErrorKind::Refused);
    let one = Realtime::new(Vendor { capacity: 1, ..vendor(&running, json!({})) }).expect("an address");
    let first = one.open(request()).expect("a place");
    assert_eq!(one.open(request()).map(drop).map_err(|error| error.kind), Err(ErrorKind::Busy));
    drop(first);
    assert_eq!(
        Realtime::new(Vendor::named("openai")).map(drop).map_err(|error| error.kind),
        Err(ErrorKind::Unauthorised)
    );
}

#[tokio::test]
async fn a_trial_names_the_step_that_fails() {
    let step = |vendor: Vendor| async move {
        Realtime::new(vendor).expect("an address").probe().await.err().map(|failure| failure.step)
    };
    let running = simulated(vec![], vec![]).await;
    assert_eq!(step(vendor(&running, json!({}))).await, None);
    assert_eq!(step(Vendor { key: Some("wrong".into()), ..vendor(&running, json!({})) }).await, Some(Step::Auth));
    assert_eq!(step(Vendor { model: "other".to_owned(), ..vendor(&running, json!({})) }).await, Some(Step::Model));
}
