//! The SIP messages of calls that are over: who reads them, in which form, and for how long. What is kept of live calls is
//! seen in `tests/calls`.

use axum::body::Body;
use callwright::app::clerk;
use callwright::id::{AttemptId, CallId, OrgId};
use callwright::sight::stored::pack;
use callwright::sight::{Of, Owner};
use callwright::store::sip_trace::{self, Leg};
use callwright_sip::endpoint::Transport;
use callwright_sip::trace::{Seen, Trace, Way};
use serde_json::json;

use crate::client::Client;
use crate::db::TestDb;
use crate::on_both;
use crate::resources::over;

on_both!(
    a_ladder_is_read_in_each_form,
    only_who_may_hear_calls_reads_their_messages,
    messages_are_kept_for_so_many_days
);

const INVITE: &str = "INVITE sip:+442079460001@example.org SIP/2.0\r\nCall-ID: x@y\r\nCSeq: 1 INVITE\r\n\r\n";
const BUSY: &str = "SIP/2.0 486 Busy Here\r\nCall-ID: x@y\r\nCSeq: 1 INVITE\r\n\r\n";

/// Keeps an INVITE and its refusal for a call.
pub(crate) async fn kept(client: &Client, call: CallId, attempt: Option<AttemptId>) {
    keep(client, Owner { org: client.org, call, attempt, second_of: None }).await;
}

async fn keep(client: &Client, owner: Owner) {
    let seen = |at_us, way, text: &str| {
        let end = |port| ([192, 0, 2, 1], port).into();
        let bytes = text.as_bytes().to_vec();
        Seen { at_us, way, transport: Transport::Udp, local: end(5060), peer: end(5070), bytes }.redacted()
    };
    let messages = vec![seen(1_000_000, Way::Sent, INVITE), seen(1_250_000, Way::Received, BUSY)];
    let messages = pack(&Trace::restored(messages, 0, Vec::new()));
    let mut tx = client.db.db.begin().await.expect("a transaction");
    sip_trace::insert(&mut tx, &Leg { owner, call_id: "x@y".to_owned(), messages }).await.expect("kept");
    tx.commit().await.expect("committed");
}

async fn a_ladder_is_read_in_each_form(db: TestDb) {
    let client = Client::new(db).await;
    let call = over(&client).await.id;
    let path = format!("/api/v1/calls/{call}/sip");
    let none = client.get(&path).await;
    let told = none.json["detail"].as_str().unwrap_or_default();
    assert!(none.status == 404 && told.contains("sip.trace.days"), "{}", none.json);
    let unknown = client.get("/api/v1/calls/00000000-0000-7000-8000-000000000000/sip").await;
    assert_eq!((unknown.status, unknown.json["detail"].as_str()), (404, Some("no such record")));

    kept(&client, call, None).await;
    let ladder = client.get(&path).await;
    assert_eq!(ladder.status, 200, "{}", ladder.json);
    assert_eq!(ladder.json["participants"], json!(["callwright", "192.0.2.1:5070"]));
    assert_eq!((&ladder.json["complete"], &ladder.json["began_at"]), (&json!(true), &json!("1970-01-01T00:00:01Z")));
    let busy = &ladder.json["messages"][1];
    assert_eq!((busy["from"].as_u64(), busy["to"].as_u64(), busy["status"].as_u64()), (Some(1), Some(0), Some(486)));
    assert_eq!((busy["offset_us"].as_u64(), busy["cseq"].as_str()), (Some(250_000), Some("1 INVITE")));
    assert_eq!((&busy["text"], &ladder.json["messages"][0]["method"]), (&json!(BUSY), &json!("INVITE")));

    let text = client.get(&format!("{path}?format=text")).await;
    let shown = String::from_utf8(text.bytes).expect("text");
    assert!(text.content_type.starts_with("text/plain") && shown.contains("+0.250 UDP"), "{shown}");
    assert_eq!(client.get(&format!("{path}?format=xml")).await.status, 400);
    let packets = client.get(&format!("{path}.pcap")).await;
    assert_eq!((packets.status, packets.content_type.as_str()), (200, "application/vnd.tcpdump.pcap"));
    assert_eq!(&packets.bytes[..4], [0xd4, 0xc3, 0xb2, 0xa1], "a little-endian file");
    assert_eq!(packets.bytes.len(), 24 + 2 * (16 + 28) + INVITE.len() + BUSY.len());
}

async fn only_who_may_hear_calls_reads_their_messages(db: TestDb) {
    let client = Client::new(db).await;
    let (call, attempt, second) = (CallId::generate(), AttemptId::generate(), CallId::generate());
    kept(&client, call, Some(attempt)).await;
    keep(&client, Owner { org: client.org, call: second, attempt: Some(attempt), second_of: Some(call) }).await;
    for path in [format!("/api/v1/calls/{call}/sip"), format!("/api/v1/attempts/{attempt}/sip")] {
        let ladder = client.get(&path).await;
        assert_eq!((ladder.status, ladder.json["messages"].as_array().map(Vec::len)), (200, Some(4)), "{path}");
        for (scope, status) in [("calls:read", 200), ("campaigns:read", 403), ("calls:control", 403)] {
            let made = client.post("/api/v1/api-keys", json!({"name": "k", "scopes": [scope]})).await;
            let key = made.json["secret"].as_str().expect("a key").to_owned();
            for path in [path.clone(), format!("{path}.pcap")] {
                let answer = client.with_key(&key).send("GET", &path, None, Body::empty()).await;
                assert_eq!(answer.status, status, "{scope} {path}");
            }
        }
    }
    assert_eq!(client.get(&format!("/api/v1/calls/{second}/sip")).await.json["legs"], json!(["x@y"]));
    let mut tx = client.db.db.read().await.expect("a transaction");
    let elsewhere = sip_trace::of(&mut tx, OrgId::generate(), Of::Call(call)).await.expect("an answer");
    assert!(elsewhere.is_empty(), "another organisation has no such call");
}

async fn messages_are_kept_for_so_many_days(db: TestDb) {
    let client = Client::new(db).await;
    let call = over(&client).await.id;
    kept(&client, call, None).await;
    let path = format!("/api/v1/calls/{call}/sip");
    let day = 24 * 3_600 * 1_000_000;
    client.db.db.shift_clock(7 * day - 60_000_000);
    clerk::forget_traces(&client.db.db, 7).await.expect("cleaned");
    assert_eq!(client.get(&path).await.status, 200);
    client.db.db.shift_clock(120_000_000);
    clerk::forget_traces(&client.db.db, 7).await.expect("cleaned");
    assert_eq!(client.get(&path).await.status, 404);
}
