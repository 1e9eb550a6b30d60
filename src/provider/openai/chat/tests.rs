//! The adapter against the simulated vendor.

use callwright_loadtest::vendors::chat::{Answer, Fragments, Script};
use callwright_loadtest::vendors::faults::{Fault as Strike, Injection, Moment, Vendor as Simulated};
use callwright_loadtest::vendors::log::{Event, Side};
use callwright_loadtest::vendors::{Config, KEY, Running, start};
use serde_json::{Map, json};

use super::*;
use crate::provider::llm::{FinishReason, ToolCall, ToolSpec};

const SOON: Duration = Duration::from_secs(5);

async fn simulated(answers: Vec<Answer>, faults: Vec<Strike>) -> Running {
    let chat = Script { answers, models: vec![MODEL.to_owned()], ..Script::default() };
    let script = callwright_loadtest::vendors::Script { chat, ..Default::default() };
    let faults = faults.into_iter().map(|fault| Injection::always(Simulated::OpenaiChat, fault)).collect();
    start(Config { script, faults, ..Config::default() }).await.expect("a port is free")
}

fn vendor(running: &Running) -> Vendor {
    Vendor {
        base_url: format!("http://{}/v1", running.address),
        key: Some(KEY.into()),
        options: [("stall_ms".to_owned(), json!(400)), ("first_token_ms".to_owned(), json!(700))].into_iter().collect(),
        ..Vendor::named("model")
    }
}

fn chat(running: &Running) -> Chat {
    Chat::new(vendor(running)).expect("a client")
}

fn asked(text: &str) -> LlmRequest {
    let tool = ToolSpec {
        name: "look_up".to_owned(),
        description: "Finds an order.".to_owned(),
        parameters: json!({"type": "object", "properties": {"id": {"type": "integer"}}}),
    };
    LlmRequest {
        messages: [Message::User { text: Pii::new(text.to_owned()) }].into(),
        tools: [tool].into(),
        max_tokens: 200,
        temperature: Some(0.4),
        schema: None,
    }
}

/// What comes of a request: its text and what follows it.
async fn heard(mut generation: Generation) -> (String, Vec<LlmEvent>) {
    let (mut text, mut rest) = (String::new(), Vec::new());
    while let Some(event) = timeout(SOON, generation.events.recv()).await.expect("something comes") {
        match event {
            LlmEvent::Text(piece) => text.push_str(piece.expose()),
            event @ (LlmEvent::Call(_) | LlmEvent::Finished { .. } | LlmEvent::Failed(_)) => rest.push(event),
        }
    }
    (text, rest)
}

async fn failed(fault: Strike) -> (String, Error) {
    let slow = Answer { tokens_per_second: Some(50.0), ..Answer::say("One two three four.") };
    let running = simulated(vec![slow], vec![fault]).await;
    let (text, mut rest) = heard(chat(&running).generate(asked("Hello"))).await;
    match rest.pop() {
        Some(LlmEvent::Failed(error)) if rest.is_empty() => (text, error),
        other => panic!("a failure alone, not {other:?} after {rest:?}"),
    }
}

#[tokio::test]
async fn words_come_as_they_are_found() {
    let slow = Answer { tokens_per_second: Some(20.0), ..Answer::say("One two three four five six.") };
    let running = simulated(vec![slow], vec![]).await;
    let mut generation = chat(&running).generate(asked("Hello"));
    let began = tokio::time::Instant::now();
    let first = generation.events.recv().await;
    assert_eq!(first, Some(LlmEvent::Text(Pii::new("One".to_owned()))));
    let first_after = began.elapsed();
    let (text, rest) = heard(generation).await;
    assert_eq!(text, " two three four five six.");
    let whole = began.elapsed();
    assert!(whole > first_after + Duration::from_millis(150), "{first_after:?} for the first, {whole:?} for all");
    let [LlmEvent::Finished { reason: FinishReason::Stop, usage: Some(usage) }] = &rest[..] else { panic!("{rest:?}") };
    assert_eq!((usage.prompt, usage.cached, usage.completion), (100, 64, 6));
}

#[tokio::test]
async fn calls_come_whole_in_every_style() {
    use Fragments::{Bare, IndexZero, NoType, Openai, Repeated, Whole};
    for (style, crlf, comments, done) in [
        (Openai, false, false, true),
        (Whole, true, true, true),
        (NoType, false, true, false),
        (Repeated, true, false, true),
        (IndexZero, false, false, false),
        (Bare, true, true, false),
    ] {
        let call = Answer::call("look_up", json!({"id": 7}), "Found.");
        let running = simulated(vec![Answer { fragments: style, crlf, comments, done, ..call }], vec![]).await;
        let (text, rest) = heard(chat(&running).generate(asked("My order?"))).await;
        assert_eq!(text, "", "{style:?}");
        let [LlmEvent::Call(call), LlmEvent::Finished { reason: FinishReason::ToolCalls, .. }] = &rest[..] else {
            panic!("{style:?}: {rest:?}")
        };
        assert_eq!((call.name.as_str(), call.arguments.expose().as_str()), ("look_up", "{\"id\":7}"), "{style:?}");
        let result = Message::Tool { call: call.id.clone(), result: Pii::new("{\"ok\":true}".to_owned()) };
        let made = Message::Assistant { text: Pii::default(), calls: vec![ToolCall::clone(call)] };
        let messages = [asked("My order?").messages[0].clone(), made, result].into();
        let (text, _) = heard(chat(&running).generate(LlmRequest { messages, ..asked("") })).await;
        assert_eq!(text, "Found.", "{style:?}: the context is one that the vendor takes");
    }
}

#[tokio::test]
async fn refusals_have_their_kind() {
    let (_, busy) = failed(Strike::TooMany { retry_after: Some(7) }).await;
    assert_eq!((busy.kind, busy.after), (ErrorKind::Busy, Some(Duration::from_secs(7))));
    assert_eq!(failed(Strike::Unauthorised).await.1.kind, ErrorKind::Unauthorised);
    assert_eq!(failed(Strike::Refuse { status: 500 }).await.1.kind, ErrorKind::Broken);
    assert_eq!(failed(Strike::Hang).await.1.kind, ErrorKind::TimedOut);
    let running = simulated(vec![], vec![]).await;
    let unknown = Chat::new(Vendor { model: "other".to_owned(), ..vendor(&running) }).expect("a client");
    let (_, rest) = heard(unknown.generate(asked("Hello"))).await;
    let [LlmEvent::Failed(error)] = &rest[..] else { panic!("{rest:?}") };
    assert_eq!(error.kind, ErrorKind::Refused);
    assert_eq!(error.request.as_deref(), Some("req_refused"));
    let gone = vendor(&running);
    drop(running);
    let (_, rest) = heard(Chat::new(gone).expect("a client").generate(asked("Hello"))).await;
    assert!(matches!(&rest[..], [LlmEvent::Failed(error)] if error.kind == ErrorKind::Unreachable), "{rest:?}");
}

#[tokio::test]
async fn an_answer_that_breaks_off_keeps_what_was_said() {
    let when = Moment { after_ms: 0, after_sent: 3 };
    for (fault, kind) in [
        (Strike::Cut { when }, ErrorKind::Broken),
        (Strike::HalfOpen { when }, ErrorKind::TimedOut),
        (Strike::Garbage { when }, ErrorKind::Broken),
    ] {
        let (text, error) = failed(fault.clone()).await;
        assert_eq!((text.as_str(), error.kind), ("One two", kind), "{fault:?}");
    }
    let running =
        simulated(vec![Answer { finish: Some(String::new()), done: false, ..Answer::say("One two") }], vec![]);
    let (text, rest) = heard(chat(&running.await).generate(asked("Hello"))).await;
    assert_eq!(text, "One two");
    assert!(matches!(&rest[..], [LlmEvent::Failed(error)] if error.kind == ErrorKind::Broken), "{rest:?}");
}

#[tokio::test]
async fn dropping_a_generation_cancels_it_at_the_vendor() {
    let slow = Answer { tokens_per_second: Some(20.0), ..Answer::say(&"word ".repeat(200)) };
    let running = simulated(vec![slow], vec![]).await;
    let mut generation = chat(&running).generate(asked("Hello"));
    assert!(matches!(generation.events.recv().await, Some(LlmEvent::Text(_))));
    drop(generation);
    let ended = |by: Side| move |entry: &callwright_loadtest::vendors::log::Entry| matches!(&entry.event, Event::Closed { by: who, .. } if *who == by);
    assert!(running.log.find(SOON, ended(Side::Client)).await.is_some(), "the vendor sees that nobody listens");
}

#[tokio::test]
async fn a_warm_connection_is_used_by_the_requests_that_follow() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let running = simulated(vec![Answer::say("Hello.")], vec![]).await;
    let behind = running.address;
    let (count, mut connections) = mpsc::channel(16);
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            count.send(()).await.expect("the test counts");
            tokio::spawn(async move {
                let mut far = tokio::net::TcpStream::connect(behind).await.expect("the vendor listens");
                drop(tokio::io::copy_bidirectional(&mut near, &mut far).await);
            });
        }
    });
    let chat = Chat::new(Vendor { base_url: format!("http://{address}/v1/"), ..vendor(&running) }).expect("a client");
    chat.warm();
    timeout(SOON, connections.recv()).await.expect("it connects").expect("it is counted");
    while !chat.shared.is_warm() {
        tokio::task::yield_now().await;
    }
    chat.warm();
    for _ in 0..3 {
        let (text, _) = heard(chat.generate(asked("Hello"))).await;
        assert_eq!(text, "Hello.");
    }
    assert!(connections.try_recv().is_err(), "one connection serves them all");
}

#[tokio::test]
async fn a_trial_names_the_step_that_fails() {
    let step = |vendor: Vendor| async move {
        Chat::new(vendor).expect("a client").probe().await.err().map(|failure| (failure.step, failure.said))
    };
    let running = simulated(vec![Answer::say("yes")], vec![]).await;
    assert_eq!(step(vendor(&running)).await, None);
    let wrong = step(Vendor { key: Some("wrong".into()), ..vendor(&running) }).await;
    assert_eq!(wrong, Some((Step::Auth, Some("the key is wrong".to_owned()))));
    let (step_of_model, said) = step(Vendor { model: "other".to_owned(), ..vendor(&running) }).await.expect("it fails");
    assert_eq!(step_of_model, Step::Model);
    assert!(said.is_some_and(|said| said.contains("`other` does not exist")));
    let base_url = format!("http://{}/v2", running.address);
    assert_eq!(step(Vendor { base_url, ..vendor(&running) }).await, Some((Step::Format, None)));
    let elsewhere = Vendor { base_url: "https://nowhere.invalid/v1".to_owned(), ..vendor(&running) };
    assert_eq!(step(elsewhere).await, Some((Step::Dns, None)));
    let limited = simulated(vec![], vec![Strike::TooMany { retry_after: None }]).await;
    assert_eq!(step(vendor(&limited)).await.map(|(step, _)| step), Some(Step::Quota));
    let garbage = simulated(vec![], vec![Strike::Garbage { when: Moment::default() }]).await;
    assert_eq!(step(vendor(&garbage)).await.map(|(step, _)| step), Some(Step::Format));
}

#[test]
fn a_key_that_cannot_be_sent_is_no_key() {
    let vendor = Vendor { key: Some("line\nbreak".into()), options: Map::new(), ..Vendor::named("model") };
    assert_eq!(Chat::new(vendor).map(drop).map_err(|error| error.kind), Err(ErrorKind::Unauthorised));
    assert_eq!(Chat::new(Vendor::named("openai")).map(drop).map_err(|error| error.kind), Err(ErrorKind::Unauthorised));
}
