//! Who answers at our side in these tests, and where second legs may go.

use std::fs::File;
use std::future::ready;
use std::io::BufReader;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use callwright::agent::assistant::{Assistant, AssistantVersion};
use callwright::call::call::CallConfig;
use callwright::call::place::CallReport;
use callwright::call::providers::Offline;
use callwright::call::tools::NoTools;
use callwright::call::transfer::desk::{
    Admission, LegNote, NotAdmitted, Noting, Permission, TransferDesk, TransferDial,
};
use callwright::config::{SipTransport, TlsFiles};
use callwright::id::LegId;
use callwright::net::sip_driver::Protection;
use callwright::net::sip_tls::SipTls;
use callwright::stir::verdict::IdentityPolicy;
use callwright_media::recording::RecordingReader;
use serde_json::{Value, json};

use crate::office::{Deaf, Office, Seat, Whistle, version};

/// An office that takes every call with this assistant.
pub(crate) async fn office(transport: SipTransport, assistant: &Arc<AssistantVersion>) -> Office {
    let tls = SipTls::new(&TlsFiles::default()).expect("nothing is needed");
    seated(seat(transport, Ipv4Addr::LOCALHOST.into(), tls), assistant).await
}

/// A place at any port of this address.
pub(crate) fn seat(transport: SipTransport, at: IpAddr, tls: SipTls) -> Seat {
    Seat { transport, bind: SocketAddr::new(at, 0), tls, protection: Protection::off(), media: None }
}

/// [`office`] elsewhere than over 127.0.0.1, or reached by TLS.
pub(crate) async fn seated(seat: Seat, assistant: &Arc<AssistantVersion>) -> Office {
    // Each has a folder of its own by this; of ports that another one has, RTP takes the next.
    static RTP: AtomicU16 = AtomicU16::new(29_000);
    let first = RTP.fetch_add(20, Ordering::Relaxed);
    let providers = Arc::new(Offline { stt: Arc::new(Deaf), tts: Arc::new(Whistle) });
    let office = Office::seated(seat, first, (CallConfig::default(), 20), (providers, Arc::new(NoTools))).await;
    office.open_with(Arc::clone(assistant), 20, IdentityPolicy::Record);
    office
}

/// Says hello and waits a minute for a key.
pub(crate) fn patient() -> Arc<AssistantVersion> {
    flow(json!([
        { "id": "hello", "say": { "text": "Hello.", "next": "open" } },
        { "id": "open", "ask": { "text": "Are you open?", "answer": { "kind": "yes_no" }, "next": "bye" } },
    ]))
}

/// Speaks for this many seconds, whatever it hears: what sipp sends is its own voice.
pub(crate) fn talkative(seconds: usize) -> Arc<AssistantVersion> {
    let say = |n: usize| {
        let id = if n == 0 { "hello".to_owned() } else { format!("on{n}") };
        let next = if n + 1 == seconds { "bye".to_owned() } else { format!("on{}", n + 1) };
        json!({ "id": id, "say": { "text": "And so on.", "next": next } })
    };
    let mut definition = definition((0..seconds).map(say).collect());
    definition["turn"]["interruptible"] = json!(false);
    build(definition)
}

/// Presses these keys before it asks.
pub(crate) fn presser(keys: &str) -> Arc<AssistantVersion> {
    flow(json!([
        { "id": "hello", "say": { "text": "Hello.", "next": "press" } },
        { "id": "press", "tool": { "name": "send_dtmf", "arguments": { "digits": keys }, "next": "open" } },
        { "id": "open", "ask": { "text": "Are you open?", "answer": { "kind": "yes_no" }, "next": "bye" } },
    ]))
}

/// Hands every caller to `desk`, which the caller's side is asked to dial by itself.
pub(crate) fn referrer(desk: SocketAddr) -> Arc<AssistantVersion> {
    let mut definition = definition(json!([
        { "id": "hello", "say": { "text": "Hello.", "next": "hand" } },
        { "id": "hand", "transfer": { "target": "desk", "text": "One moment.", "on_declined": "bye" } },
    ]));
    definition["transfers"] = json!([{ "name": "desk", "to": format!("sip:desk@{desk}"), "kind": "cold" }]);
    build(definition)
}

fn flow(nodes: Value) -> Arc<AssistantVersion> {
    build(definition(nodes))
}

fn definition(mut nodes: Value) -> Value {
    let bye = json!({ "id": "bye", "end": { "text": "Goodbye.", "reason": "done" } });
    nodes.as_array_mut().expect("a list").push(bye);
    json!({ "name": "Peer", "turn": { "idle_ms": 60_000 }, "flow": { "start": "hello", "nodes": nodes },
        "tools": [{ "kind": "builtin", "name": "send_dtmf" }] })
}

fn build(definition: Value) -> Arc<AssistantVersion> {
    let definition: Assistant = serde_json::from_value(definition).expect("an assistant");
    version(definition)
}

/// Allows every transfer by REFER, and no leg of ours.
pub(crate) struct Referrals;

impl TransferDesk for Referrals {
    fn permits(&self, _: &TransferDial) -> Permission {
        Box::pin(ready(Ok(())))
    }

    fn admit(&self, _: TransferDial) -> Admission {
        Box::pin(ready(Err(NotAdmitted::Blocked)))
    }

    fn note(&self, _: LegId, _: LegNote) -> Noting {
        Box::pin(ready(()))
    }
}

/// For how long the other side was heard, by the recording of the call.
pub(crate) fn heard(office: &Office, report: &CallReport) -> Duration {
    let file = &report.recording.as_ref().expect("an answered call is recorded").path;
    let file = File::open(office.recordings.join(file)).expect("it is there");
    let reader = RecordingReader::new(BufReader::new(file)).expect("it is a recording");
    let levels = reader.levels(Duration::from_millis(100));
    levels.filter(|levels| levels.heard > -40.0).count() as u32 * Duration::from_millis(100)
}
