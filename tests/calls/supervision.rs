//! A supervisor steps into real calls over the REST API: what the model is told, what the phone hears, what is kept.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use callwright::agent::assistant::Assistant;
use callwright::agent::record::Speaker;
use callwright::api::router;
use callwright::call::call::CallConfig;
use callwright::call::tools::NoTools;
use callwright::campaign::disconnection::DisconnectionReason as Reason;
use callwright::campaign::states::EndedBy;
use callwright::config::SipTransport::Udp;
use callwright::id::CallId;
use callwright::store::{Page, audit};
use callwright_loadtest::vendors::chat::Answer;
use callwright_loadtest::vendors::log::Event;
use callwright_loadtest::vendors::{Script, faults::Vendor};
use callwright_media::recording::RecordingReader;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::api::{Desk, desk};
use crate::db::TestDb;
use crate::office::{Office, PATIENCE, version};
use crate::phone::Phone;
use crate::talker::{Talker, voice};
use crate::vendors::Vendors;

const NUMBER: &str = "+4930901820";
const GREETING: &str = "Hello, this is Anna, how can I help you?";
const HOURS: &str = "It is nine now and the shop stays open until six tonight, and tomorrow from eight until noon.";
const ROLLS: &str = "Ten rolls it is.";
const NOTED: &str = "That is noted.";
const WELCOME: &str = "You are welcome.";
/// What the caller says, in this order, however it sounds.
const LINES: [&str; 4] = ["what time is it", "ten rolls please", "the code is blue", "thank you"];
const NOTE: &str = "She gets free delivery.";

const PAUSE: Duration = Duration::from_millis(700);
/// By then a call has done what it was told.
const TAKEN: Duration = Duration::from_millis(300);

pub(crate) fn script() -> Script {
    let mut script = Script::default();
    script.hearing.lines = LINES.map(str::to_owned).into();
    script.speaking.char_ms = 50;
    let answers = [HOURS, ROLLS, NOTED, WELCOME].map(Answer::say);
    let on = |(when, answer): (&str, Answer)| Answer { when: Some(when.to_owned()), ..answer };
    script.chat.answers = LINES.into_iter().zip(answers).map(on).collect();
    script.chat.tokens_per_second = 60.0;
    script
}

pub(crate) fn assistant() -> Assistant {
    serde_json::from_value(json!({
        "name": "Anna",
        "mode": "llm",
        "greeting": GREETING,
        "prompt": "You answer the phone of a shop.",
        "providers": { "stt": ["ears"], "llm": ["model"], "tts": ["voice"] },
    }))
    .expect("an assistant")
}

/// Whoever supervises the calls of an office.
struct Supervisor {
    desk: Desk,
    db: TestDb,
}

impl Supervisor {
    /// The office then belongs to the supervisor's organisation.
    async fn new(office: &mut Office) -> Self {
        let db = TestDb::sqlite().await;
        let desk = desk(&db, office.calls.clone()).await;
        office.org = desk.org;
        Self { desk, db }
    }

    async fn send(&self, method: &str, path: &str, body: Body) -> (u16, Value) {
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/v1/calls/{path}"))
            .header(header::AUTHORIZATION, format!("Bearer {}", self.desk.key))
            .header(header::CONTENT_TYPE, "application/json");
        let request = request.body(body).expect("a request");
        let response = router(self.desk.api.clone()).oneshot(request).await.expect("the router answers");
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), 1 << 20).await.expect("a body");
        (status, serde_json::from_slice(&body).expect("JSON"))
    }

    async fn live(&self) -> Vec<Value> {
        let (status, live) = self.send("GET", "live", Body::empty()).await;
        assert_eq!(status, 200);
        live["items"].as_array().cloned().expect("items")
    }

    /// Steps into a call; the call as it then is.
    async fn does(&self, call: CallId, step: &str, body: Value) -> Value {
        let (status, call) = self.send("POST", &format!("{call}/{step}"), Body::from(body.to_string())).await;
        assert_eq!(status, 200, "{step}: {call}");
        call
    }

    /// The code of the refusal.
    async fn may_not(&self, call: CallId, step: &str, body: Value) -> Value {
        let (status, problem) = self.send("POST", &format!("{call}/{step}"), Body::from(body.to_string())).await;
        assert_eq!(status, 409, "{step}: {problem}");
        problem["code"].clone()
    }

    /// What the audit log has of a call, oldest first.
    async fn audited(&self, call: CallId) -> Vec<(String, Value)> {
        let mut tx = self.db.db.read().await.expect("a transaction");
        let entries = audit::list(&mut tx, self.desk.org, ("call", call.to_string()), Page::first(20)).await;
        let entries = entries.expect("a page").items.into_iter();
        entries.map(|entry| (entry.action, entry.detail)).collect()
    }
}

/// Messages of the model's requests so far.
pub(crate) fn requests(vendors: &Vendors) -> Vec<Vec<Value>> {
    let entries = vendors.running.log.entries().into_iter();
    let received = entries.filter_map(|entry| match (entry.vendor, entry.event) {
        (Some(Vendor::OpenaiChat), Event::Received { message }) => Some(message),
        (Some(_) | None, _) => None,
    });
    received.map(|message| message["messages"].as_array().cloned().unwrap_or_default()).collect()
}

/// How many stretches of sound, of 100 ms and more and with a pause of 700 ms between, each side of a recording has.
fn stretches(recording: &Path) -> [usize; 2] {
    let file = BufReader::new(File::open(recording).expect("a recording"));
    let windows = RecordingReader::new(file).expect("a stereo recording").levels(Duration::from_millis(20));
    let mut stretches = [Vec::<(usize, usize)>::new(), Vec::new()];
    for (at, window) in windows.enumerate() {
        for (side, level) in stretches.iter_mut().zip([window.heard, window.said]) {
            match side.last_mut() {
                _ if level < -45.0 => {}
                Some((_, end)) if at < *end + 35 => *end = at,
                _ => side.push((at, at)),
            }
        }
    }
    stretches.map(|side| side.iter().filter(|(begin, end)| end - begin >= 5).count())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_supervisor_whispers_mutes_takes_off_the_record_and_hangs_up() {
    let script = script();
    let vendors = Vendors::start(script.clone()).await;
    let mut office = Office::staffed(Udp, 40_000, CallConfig::default(), 10, vendors.staff(), Arc::new(NoTools)).await;
    let supervisor = Supervisor::new(&mut office).await;
    let mut phone = Phone::new(Udp, 42_000).await;
    let mut order = office.order(phone.address(), NUMBER);
    order.assistant = version(assistant());
    let call = order.call;
    let attempt = office.place(order);
    let mut caller = Talker::new(phone.rings().await.answer().await);
    let greeted = caller.hears_silence(0, PAUSE).await;

    // A word to the agent: the model sees it, nobody hears it.
    supervisor.does(call, "note", json!({ "text": NOTE })).await;
    caller.says(voice(Duration::from_millis(1_100))).await;
    let answered = caller.hears_sound(greeted + 1).await;
    let whispered = |messages: &Vec<Value>| {
        messages
            .iter()
            .any(|each| each["role"] == "system" && each["content"].as_str().is_some_and(|text| text.ends_with(NOTE)))
    };
    assert!(whispered(requests(&vendors).last().expect("a request")), "{:?}", requests(&vendors));

    // Silence in the middle of the answer. What the caller says meanwhile is answered later.
    caller.until("some words", |heard| heard.len() > answered + 8_000).await;
    let muted = supervisor.does(call, "mute", json!({ "on": true })).await;
    assert_eq!((&muted["muted"], &muted["stage"]), (&json!(true), &json!("in_conversation")), "{muted}");
    let cut = caller.hears_silence(answered, PAUSE).await;
    caller.says(voice(Duration::from_millis(900))).await;
    let asked = requests(&vendors).len();
    caller.until("two seconds", |heard| heard.len() > cut + 24_000).await;
    assert_eq!(caller.words(cut + 1, caller.heard().len()), 0, "a muted agent says nothing");
    assert_eq!(requests(&vendors).len(), asked, "and the model is not asked");
    let seen = supervisor.live().await.remove(0);
    assert_eq!((&seen["muted"], &seen["needs_attention"]), (&json!(true), &Value::Null));
    let last = &seen["last_words"];
    assert!(last["at"].is_string() && last["speaker"].is_string(), "what was said last is told: {seen}");
    let muted = supervisor.does(call, "mute", json!({ "on": false })).await;
    assert_eq!(muted["muted"], false);
    let rolls = caller.hears_sound(cut + 1).await;
    let done = caller.hears_silence(rolls, PAUSE).await;
    let heard = script.speaking.recognise(&script.hearing, ROLLS, &caller.heard()[rolls..done + 1]);
    assert_eq!(heard.len(), ROLLS.split_whitespace().count(), "{heard:?}");

    // Off the record and on again.
    let off = supervisor.does(call, "off_record", json!({ "on": true })).await;
    assert_eq!(off["off_record"], true);
    tokio::time::sleep(TAKEN).await;
    caller.says(voice(Duration::from_millis(900))).await;
    let noted = caller.hears_sound(done + 1).await;
    let done = caller.hears_silence(noted, PAUSE).await;
    supervisor.does(call, "off_record", json!({ "on": false })).await;
    tokio::time::sleep(TAKEN).await;
    caller.says(voice(Duration::from_millis(900))).await;
    let welcome = caller.hears_sound(done + 1).await;
    caller.hears_silence(welcome, PAUSE).await;

    supervisor.does(call, "hang_up", json!({})).await;
    assert!(caller.gets_hung_up().await, "a BYE comes");
    let (_, report) = attempt.ends().await;
    assert_eq!((report.outcome.reason, report.outcome.ended_by), (Reason::AgentHangup, EndedBy::System));
    assert_eq!(supervisor.may_not(call, "mute", json!({ "on": true })).await, "call_over");
    assert_eq!(supervisor.live().await, Vec::<Value>::new());

    let said = |speaker: Speaker| -> Vec<&str> {
        let lines = report.conversation.transcript.iter().filter(|line| line.speaker == speaker);
        lines.map(|line| line.text.expose().as_str()).collect()
    };
    const OFF: &str = "[off the record]";
    assert_eq!(said(Speaker::Caller), [LINES[0], LINES[1], OFF, LINES[3]]);
    let agent = said(Speaker::Agent);
    let [GREETING, hours, ROLLS, OFF, WELCOME] = agent[..] else { panic!("{agent:?}") };
    assert!(HOURS.starts_with(hours) && hours.len() < HOURS.len(), "{hours}");
    let recording = report.recording.expect("it was recorded");
    // Of four turns of the caller's and five of the agent's one each is silence.
    assert_eq!(stretches(&office.recordings.join(&recording.path)), [3, 4]);

    let switch = |name: &str, on: bool| (format!("call.{name}"), json!({ "on": on }));
    let log = supervisor.audited(call).await;
    assert_eq!(
        log,
        [
            ("call.note".to_owned(), json!({ "chars": NOTE.len() })),
            switch("mute", true),
            switch("mute", false),
            switch("off_record", true),
            switch("off_record", false),
            ("call.hang_up".to_owned(), json!({})),
        ]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flow_takes_no_notes_and_a_call_that_rings_is_taken_back() {
    let mut office = Office::new(Udp, 44_000, CallConfig::default(), 10).await;
    let supervisor = Supervisor::new(&mut office).await;
    let mut phone = Phone::new(Udp, 46_000).await;
    let order = office.order(phone.address(), NUMBER);
    let call = order.call;
    let attempt = office.place(order);
    let mut ringing = phone.rings().await;
    let live = async {
        loop {
            let live = supervisor.live().await;
            if live[0]["stage"] == "ringing" {
                return live;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let live = tokio::time::timeout(PATIENCE, live).await.expect("the ringing is known in time");
    assert_eq!((live.len(), &live[0]["id"], &live[0]["contact"]), (1, &json!(call), &json!(NUMBER)), "{live:?}");
    assert_eq!((&live[0]["mode"], &live[0]["answered_at"]), (&json!("flow"), &Value::Null));

    assert_eq!(supervisor.may_not(call, "note", json!({ "text": NOTE })).await, "no_model");
    supervisor.does(call, "hang_up", json!({})).await;
    assert!(ringing.is_cancelled().await, "a CANCEL comes");
    let (_, report) = attempt.ends().await;
    assert_eq!((report.outcome.reason, report.outcome.ended_by), (Reason::Cancelled, EndedBy::System));
    assert_eq!(
        supervisor.audited(call).await,
        [("call.hang_up".to_owned(), json!({}))],
        "what was refused is not in it"
    );
}
