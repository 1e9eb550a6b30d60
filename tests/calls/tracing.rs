//! The trace of a real call arrives at a collector: who is whose child, and when what happened, by the phone's ear.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use callwright::agent::assistant::Assistant;
use callwright::call::call::CallConfig;
use callwright::call::insight::Insight;
use callwright::call::tools::{Keeping, NoTools, Offering, Running, ToolContext, Toolbox};
use callwright::config::Collector;
use callwright::config::SipTransport::Udp;
use callwright::pii::Pii;
use callwright::telemetry::{context, export};
use callwright_loadtest::vendors::Script;
use callwright_loadtest::vendors::chat::Answer;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::office::{Office, version};
use crate::phone::Phone;
use crate::talker::{Talker, voice};
use crate::vendors::Vendors;

const NUMBER: &str = "+4930901820";
const TIME: &str = "what time is it";
const BYE: &str = "bye then";
const PAUSE: Duration = Duration::from_millis(700);

/// A collector that refuses the first request, as one that is just starting does.
#[derive(Clone, Default)]
struct Collecting(Arc<Mutex<(u32, Vec<ExportTraceServiceRequest>)>>);

impl Collecting {
    async fn start(&self) -> String {
        let app = Router::new().route("/v1/traces", post(Self::take)).with_state(self.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback binds");
        let address = format!("http://{}/v1/traces", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, app).await });
        address
    }

    async fn take(State(this): State<Self>, headers: HeaderMap, body: Bytes) -> StatusCode {
        assert_eq!(headers["content-type"], "application/x-protobuf");
        let mut all = this.0.lock().expect("nobody panics");
        all.0 += 1;
        if all.0 == 1 {
            return StatusCode::SERVICE_UNAVAILABLE;
        }
        all.1.push(ExportTraceServiceRequest::decode(body).expect("OTLP"));
        StatusCode::OK
    }

    fn requests(&self) -> Vec<ExportTraceServiceRequest> {
        self.0.lock().expect("nobody panics").1.clone()
    }
}

/// Tells what a server would be told of the trace.
#[derive(Default)]
struct Shelf(Arc<Mutex<Option<String>>>);

impl Toolbox for Shelf {
    fn offering(&self, context: &Arc<ToolContext>) -> Offering {
        NoTools.offering(context)
    }

    fn run(&self, _: &Arc<ToolContext>, _: &str, _: Pii<String>, _: CancellationToken) -> Running {
        let told = Arc::clone(&self.0);
        Box::pin(async move {
            *told.lock().expect("nobody panics") = context::parent();
            tokio::time::sleep(Duration::from_millis(250)).await;
            Pii::new(r#"{"time":"nine"}"#.to_owned())
        })
    }

    fn opt_out(&self, context: &Arc<ToolContext>, words: Pii<String>) -> Keeping {
        NoTools.opt_out(context, words)
    }
}

fn script() -> Script {
    let mut script = Script::default();
    script.hearing.lines = [TIME, BYE].map(str::to_owned).into();
    script.speaking.char_ms = 40;
    let on = |when: &str, answer: Answer| Answer { when: Some(when.to_owned()), ..answer };
    let goodbye = Answer { say: "Goodbye.".to_owned(), ..Answer::call("end_call", json!({ "reason": "done" }), "") };
    let look = Answer::call("look_up", json!({}), "It is nine o'clock now.");
    script.chat.answers = vec![on(TIME, look), on(BYE, goodbye)];
    script
}

fn assistant() -> Assistant {
    serde_json::from_value(json!({
        "name": "Anna", "mode": "llm", "greeting": "Hello, this is Anna.", "prompt": "You answer the phone of a shop.",
        "providers": { "stt": ["ears"], "llm": ["model"], "tts": ["voice"] },
        "tools": [
            { "kind": "builtin", "name": "end_call" },
            { "kind": "http", "name": "look_up", "description": "Looks things up.", "url": "https://shop.invalid/" },
        ],
    }))
    .expect("an assistant")
}

/// Seconds of an attribute.
fn seconds(span: &Span, name: &str) -> Option<f64> {
    let found = span.attributes.iter().find(|attribute| attribute.key == name)?;
    let Any::DoubleValue(seconds) = found.value.as_ref()?.value.as_ref()? else { panic!("{name} is no number") };
    Some(*seconds)
}

fn text<'a>(span: &'a Span, name: &str) -> &'a str {
    let found = span.attributes.iter().find(|attribute| attribute.key == name);
    match found.and_then(|attribute| attribute.value.as_ref()?.value.as_ref()) {
        Some(Any::StringValue(text)) => text,
        other => panic!("{name} of {} is {other:?}", span.name),
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).expect("short")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_trace_of_a_call_arrives() {
    let collecting = Collecting::default();
    let (stop, shelf) = (CancellationToken::new(), Shelf::default());
    let told = Arc::clone(&shelf.0);
    let collector = Collector::Address(collecting.start().await);
    let (spans, sending) = export::start(&collector, "office", stop.clone()).expect("an exporter");
    let sending = tokio::spawn(sending);

    let vendors = Vendors::start(script()).await;
    let office =
        Office::staffed(Udp, 65_000 - 2_500, CallConfig::default(), 10, vendors.staff(), Arc::new(shelf)).await;
    office.calls.set_insight(Insight { spans: Some(spans), ..Insight::default() });
    let mut phone = Phone::new(Udp, 61_200 - 2_000).await;
    let mut order = office.order(phone.address(), NUMBER);
    order.assistant = version(assistant());
    let attempt = office.place(order);
    let mut caller = Talker::new(phone.rings().await.answer().await);
    let greeted = caller.hears_silence(0, PAUSE).await;
    caller.says(voice(Duration::from_millis(1_100))).await;
    let spoke = caller.heard().len();
    let answered = caller.hears_sound(greeted + 1).await;
    caller.hears_silence(answered, PAUSE).await;
    caller.says(voice(Duration::from_millis(600))).await;
    assert!(caller.gets_hung_up().await, "the model ends the call");
    let (_, report) = attempt.ends().await;
    // What waits is sent when the server ends.
    stop.cancel();
    sending.await.expect("it ends");

    let requests = collecting.requests();
    let resource = &requests[0].resource_spans[0];
    let service = resource.resource.as_ref().expect("a resource").attributes.iter();
    assert!(service.clone().any(|attribute| attribute.key == "service.name"
        && matches!(attribute.value.as_ref().and_then(|value| value.value.as_ref()), Some(Any::StringValue(name)) if name == "office")));
    let spans: Vec<Span> = resource.scope_spans.iter().flat_map(|scope| scope.spans.clone()).collect();
    let by_id: BTreeMap<&[u8], &Span> = spans.iter().map(|span| (span.span_id.as_slice(), span)).collect();
    assert_eq!(by_id.len(), spans.len(), "each has a name of its own");
    let named = |name: &str| spans.iter().filter(|span| span.name == name).collect::<Vec<_>>();

    // One trace, named after the call, and one root in it.
    assert!(spans.iter().all(|span| span.trace_id == report.call.as_bytes()));
    let root = named("call outbound")[0];
    assert!(root.parent_span_id.is_empty());
    assert_eq!(text(root, "gen_ai.conversation.id"), report.call.to_string());
    assert_eq!(text(root, "callwright.call.reason"), report.outcome.reason.as_str());
    assert!(spans.iter().all(|span| span.parent_span_id.is_empty() == (span.name == root.name)));
    assert!(spans.iter().all(|span| span.start_time_unix_nano <= span.end_time_unix_nano));
    assert!(spans.iter().all(|span| span.start_time_unix_nano >= root.start_time_unix_nano));

    // A turn for each that was reported, from the caller's last packet to ours, and its stages in it.
    let turns = named("turn");
    assert_eq!(turns.len(), report.conversation.turns.len());
    for (turn, timing) in turns.iter().zip(&report.conversation.turns) {
        assert_eq!(turn.parent_span_id, root.span_id);
        let lasted = turn.end_time_unix_nano - turn.start_time_unix_nano;
        assert_eq!(lasted, nanos(timing.replied));
        assert_eq!(seconds(turn, "callwright.turn.voice_to_voice"), Some(timing.replied.as_secs_f64()));
        let stages: Vec<&Span> = spans.iter().filter(|span| span.parent_span_id == turn.span_id).collect();
        let stage = |name: &str| stages.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no {name}"));
        let (eou, stt, wire) = (stage("end_of_turn"), stage("transcribe"), stage("wire"));
        assert_eq!(eou.end_time_unix_nano - turn.start_time_unix_nano, nanos(timing.decided));
        assert_eq!(stt.end_time_unix_nano - turn.start_time_unix_nano, nanos(timing.understood));
        assert_eq!(wire.end_time_unix_nano, turn.end_time_unix_nano, "a turn ends on the wire");
        let speak = stage("speak");
        assert!(speak.start_time_unix_nano >= stt.start_time_unix_nano);
        assert!(speak.end_time_unix_nano <= wire.start_time_unix_nano);
        let chat = stage("chat");
        let first = chat.events.iter().find(|event| event.name == "first_token").expect("it said something");
        assert!(first.time_unix_nano >= chat.start_time_unix_nano);
        assert_eq!(text(chat, "gen_ai.operation.name"), "chat");
        assert_eq!(
            [eou, stt, speak, wire, chat].map(|span| text(span, "callwright.stage")),
            ["eou", "stt", "tts", "wire", "llm"]
        );
        assert_eq!(
            [stt, speak, chat].map(|span| text(span, "gen_ai.provider.name")),
            ["deepgram", "cartesia", "openai"]
        );
        assert_eq!([stt, speak, chat].map(|span| text(span, "callwright.provider.name")), ["ears", "voice", "model"]);
        assert_eq!([stt, chat].map(|span| text(span, "gen_ai.request.model")), ["nova-3", "gpt-4.1-mini"]);
    }

    // The phone's view of the first turn: from the end of what it said to the first sound of the answer. It hears
    // through its own jitter buffer, and a busy machine is late; but no turn is shorter than its own first sound.
    let heard = (answered - spoke.min(answered)) as f64 / 8_000.0;
    let measured = report.conversation.turns[0].replied.as_secs_f64();
    assert!((heard - measured).abs() < 0.5, "{heard:.3} s by the phone, {measured:.3} s by the trace");

    // The tool ran in the first turn, and its server would have been told so.
    let tool = named("execute_tool look_up")[0];
    assert_eq!(tool.parent_span_id, turns[0].span_id);
    assert!(tool.end_time_unix_nano - tool.start_time_unix_nano >= nanos(Duration::from_millis(250)));
    let parent = told.lock().expect("nobody panics").clone().expect("the run has a trace");
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(parent, format!("00-{}-{}-01", hex(&tool.trace_id), hex(&tool.span_id)));

    // Nothing that was said, and no number.
    let all = format!("{spans:?}");
    for private in [TIME, BYE, "nine", "Hello", "4930901820", "93012345678"] {
        assert!(!all.contains(private), "{private} is in the trace");
    }
}
