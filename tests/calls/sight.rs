//! Calls over real sockets, seen on the wire: the ladder has what the peer had, in every form, and none of the secrets.

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use callwright::api::router;
use callwright::call::call::CallConfig;
use callwright::call::insight::Insight;
use callwright::config::SipTransport::{self, Tcp, Udp};
use callwright::id::CallId;
use callwright::sight::keeper::{Capture, Parts, keep};
use callwright::sight::show::{self, ShowError};
use callwright::sight::{Of, Sight};
use callwright::store::sip_trace;
use callwright_sip::endpoint::Credential;
use callwright_sip::trace::hep::Agent;
use callwright_sip::trace::{Limits, Outline, Start};
use serde_json::Value;
use tokio::net::UdpSocket;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::api::{Desk, desk};
use crate::db::TestDb;
use crate::office::{Office, PATIENCE};
use crate::phone::Phone;

const NUMBER: &str = "+4930901820";
const PASSWORD: &str = "PassW0rdOfTheTrunk";
const NONCE: &str = "N0nceOfTheCarrier";
const MEDIA_KEY: &str = "bWVkaWFLZXlPZlRoZVBlZXI";

/// An office whose calls are seen, and everybody who sees them.
struct Scene {
    office: Office,
    desk: Desk,
    db: TestDb,
    /// The capture server.
    capture: UdpSocket,
    stop: CancellationToken,
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Scene {
    async fn new(transport: SipTransport, first_port: u16) -> Self {
        let mut office = Office::new(transport, first_port, CallConfig::default(), 100).await;
        let db = TestDb::sqlite().await;
        let desk = desk(&db, office.calls.clone()).await;
        office.org = desk.org;
        let capture = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
        let agent = Agent { id: 2001, key: Some(b"myHep".to_vec()) };
        let address = capture.local_addr().expect("an address");
        let sight = Sight::new(Limits { rest: Duration::from_millis(700), ..Limits::default() });
        let parts = Parts {
            sight: sight.clone(),
            tapping: office.tapping.take().expect("nobody has taken it"),
            listeners: vec![office.bound.clone()],
            capture: Some(Capture::new(address, agent).await.expect("a socket")),
            db: db.db.clone(),
        };
        let stop = CancellationToken::new();
        tokio::spawn(keep(parts, stop.clone()));
        office.calls.set_insight(Insight { sight: Some(sight), ..Insight::default() });
        Self { office, desk, db, capture, stop }
    }

    async fn get(&self, path: &str) -> (u16, Vec<u8>) {
        let request = Request::builder()
            .uri(format!("/api/v1/{path}"))
            .header(header::AUTHORIZATION, format!("Bearer {}", self.desk.key))
            .body(Body::empty())
            .expect("a request");
        let response = router(self.desk.api.clone()).oneshot(request).await.expect("the router answers");
        let status = response.status().as_u16();
        (status, to_bytes(response.into_body(), 1 << 20).await.expect("a body").to_vec())
    }

    async fn ladder(&self, path: &str) -> Value {
        let (status, body) = self.get(path).await;
        let ladder = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(status, 200, "{ladder}");
        ladder
    }

    /// The ladder once the call has come to rest and is in the database.
    async fn complete(&self, path: &str) -> Value {
        let complete = async {
            loop {
                let ladder = self.ladder(path).await;
                if ladder["complete"] == true {
                    return ladder;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        timeout(PATIENCE, complete).await.expect("it comes to rest")
    }

    /// What the capture server has been told so far.
    fn captured(&self) -> Vec<Vec<u8>> {
        let mut packets = Vec::new();
        let mut buffer = vec![0; 65_536];
        while let Ok(length) = self.capture.try_recv(&mut buffer) {
            packets.push(buffer[..length].to_vec());
        }
        packets
    }

    /// Everything that says something of a call: the ladder, its text, the packets, the capture server, the database.
    async fn outputs(&self, call: CallId) -> Vec<(&'static str, Vec<u8>)> {
        // What the capture server was told is there, but the runtime has not looked yet.
        self.capture.readable().await.expect("it was told something");
        let (_, ladder) = self.get(&format!("calls/{call}/sip")).await;
        let (_, text) = self.get(&format!("calls/{call}/sip?format=text")).await;
        let (_, packets) = self.get(&format!("calls/{call}/sip.pcap")).await;
        let mut tx = self.db.db.read().await.expect("a transaction");
        let rows = sip_trace::of(&mut tx, self.desk.org, Of::Call(call)).await.expect("rows");
        let mut json = Vec::new();
        for row in rows {
            let mut unpacked = flate2::read::GzDecoder::new(&row.messages[..]);
            std::io::Read::read_to_end(&mut unpacked, &mut json).expect("gzip");
        }
        assert!(!json.is_empty() && !text.is_empty() && !packets.is_empty());
        let told = self.captured().concat();
        assert!(!told.is_empty());
        vec![("ladder", ladder), ("text", text), ("pcap", packets), ("HEP", told), ("database", json)]
    }
}

/// The far side: a bare socket that says what the test tells it to, and remembers what passed.
pub(crate) struct Peer {
    socket: UdpSocket,
    office: SocketAddr,
    /// Whether it was the peer that said it, and what.
    passed: Vec<(bool, String)>,
}

impl Peer {
    pub(crate) async fn new(office: SocketAddr) -> Self {
        Self { socket: UdpSocket::bind("127.0.0.1:0").await.expect("a port"), office, passed: Vec::new() }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.socket.local_addr().expect("an address")
    }

    /// The next message that begins like this; others are remembered and passed over.
    pub(crate) async fn hears(&mut self, start: &str) -> String {
        let mut buffer = vec![0; 65_536];
        loop {
            let received = timeout(PATIENCE, self.socket.recv(&mut buffer)).await;
            let length = received.expect("a message in time").expect("a datagram");
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            self.passed.push((false, text.clone()));
            if text.starts_with(start) {
                return text;
            }
        }
    }

    pub(crate) async fn says(&mut self, text: String) {
        self.socket.send_to(text.as_bytes(), self.office).await.expect("sent");
        self.passed.push((true, text));
    }

    /// Answers a request.
    pub(crate) async fn answers(&mut self, request: &str, status: &str, more: &str, body: &str) {
        let mut text = format!("SIP/2.0 {status}\r\n");
        for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
            for line in lines(request, name) {
                let tag = if name == "To" && !line.contains(";tag=") { ";tag=peer" } else { "" };
                text += &format!("{line}{tag}\r\n");
            }
        }
        text += &format!("Contact: <sip:peer@{}>\r\n{more}{}", self.address(), tail(body));
        self.says(text).await;
    }

    /// Asks something within the dialog that this INVITE has begun.
    pub(crate) async fn asks(&mut self, invite: &str, method: &str, cseq: u32, more: &str, body: &str) {
        let value = |name: &str| lines(invite, name)[0].split_once(':').expect("a header").1.trim().to_owned();
        let contact = value("Contact");
        let target = contact.split(['<', '>']).nth(1).expect("an address").to_owned();
        let here = self.address();
        let text = format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bK{cseq}{method}\r\nMax-Forwards: 70\r\n\
             From: {};tag=peer\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\nContact: <sip:peer@{here}>\r\n{more}{}",
            value("To"),
            value("From"),
            value("Call-ID"),
            tail(body)
        );
        self.says(text).await;
    }

    /// Who said what, in a word: `< INVITE`, `> 407`. Retransmissions are there as often as they passed.
    fn words(&self) -> Vec<String> {
        let word = |(ours, text): &(bool, String)| {
            let what = match Outline::of(text.as_bytes()).start {
                Start::Request(method) => String::from_utf8_lossy(method).into_owned(),
                Start::Response { code, .. } => code.to_string(),
                Start::Unreadable => panic!("{text}"),
            };
            format!("{} {what}", if *ours { '>' } else { '<' })
        };
        self.passed.iter().map(word).collect()
    }
}

pub(crate) fn tail(body: &str) -> String {
    let kind = if body.starts_with("v=0") { "Content-Type: application/sdp\r\n" } else { "" };
    format!("{kind}Content-Length: {}\r\n\r\n{body}", body.len())
}

pub(crate) fn lines(message: &str, name: &str) -> Vec<String> {
    let head = message.lines().take_while(|line| !line.is_empty());
    head.filter(|line| line.split_once(':').is_some_and(|(found, _)| found.eq_ignore_ascii_case(name)))
        .map(str::to_owned)
        .collect()
}

/// A description with a key of its own.
pub(crate) fn description(version: u32) -> String {
    format!(
        "v=0\r\no=- 1 {version} IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 8 0\r\n\
         a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{MEDIA_KEY}\r\na=ice-pwd:{MEDIA_KEY}\r\n"
    )
}

/// Who said what, as the ladder has it, in the words of [`Peer::words`].
fn words(ladder: &Value) -> Vec<String> {
    let word = |message: &Value| {
        let what = message["method"].as_str().map(str::to_owned);
        let what = what.unwrap_or_else(|| message["status"].to_string());
        format!("{} {what}", if message["from"] == 1 { '>' } else { '<' })
    };
    ladder["messages"].as_array().expect("messages").iter().map(word).collect()
}

/// The messages are those that passed, byte by byte but for what is redacted.
fn same(ladder: &Value, peer: &Peer) {
    assert_eq!(words(ladder), peer.words());
    for (message, (_, passed)) in ladder["messages"].as_array().expect("messages").iter().zip(&peer.passed) {
        let shown = message["text"].as_str().expect("text");
        assert_eq!(shown.len(), passed.len(), "{shown}");
        let differ = shown.bytes().zip(passed.bytes()).filter(|(shown, passed)| shown != passed);
        assert!(differ.into_iter().all(|(shown, _)| shown == b'x'), "{shown}");
    }
}

/// No output has any of the secrets, in plain text or in base64.
fn hidden(outputs: &[(&str, Vec<u8>)], secrets: &[&str]) {
    for (name, output) in outputs {
        for secret in secrets {
            assert!(secret.len() > 5, "too short to be looked for");
            let found = output.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{name} has {secret}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_credentials_are_seen_without_what_they_are_made_of() {
    let scene = Scene::new(Udp, 61_000).await;
    let mut peer = Peer::new(scene.office.address).await;
    let mut order = scene.office.order(peer.address(), NUMBER);
    let credential = Credential { username: "trunk".to_owned(), password: PASSWORD.to_owned(), realm: None };
    order.credentials = Some(credential);
    let (call, attempt_id) = (order.call, order.attempt);
    let attempt = scene.office.place(order);
    let challenge = format!("Proxy-Authenticate: Digest realm=\"carrier\", nonce=\"{NONCE}\", qop=\"auth\"\r\n");
    for _ in 0..2 {
        let invite = peer.hears("INVITE").await;
        peer.answers(&invite, "407 Proxy Authentication Required", &challenge, "").await;
        peer.hears("ACK").await;
    }
    let (_, report) = attempt.ends().await;
    assert_eq!(report.outcome.sip_code, Some(407));

    let live = scene.ladder(&format!("attempts/{attempt_id}/sip")).await;
    assert_eq!(words(&live), peer.words(), "it is there at once");
    let ladder = scene.complete(&format!("calls/{call}/sip")).await;
    assert_eq!(peer.words(), ["< INVITE", "> 407", "< ACK", "< INVITE", "> 407", "< ACK"]);
    same(&ladder, &peer);
    assert_eq!(ladder["messages"][3]["label"], "INVITE (credentials, SDP)");
    let outputs = scene.outputs(call).await;
    let given = lines(&peer.passed[3].1, "Proxy-Authorization").remove(0);
    let parameter = |name: &str| given.split(&format!("{name}=\"")).nth(1).and_then(|rest| rest.split('"').next());
    let (response, cnonce) = (parameter("response").expect("a response"), parameter("cnonce").expect("a cnonce"));
    hidden(&outputs, &[PASSWORD, NONCE, response, cnonce]);
    assert!(given.contains(NONCE), "the peer had it");
    let text = String::from_utf8_lossy(&outputs[1].1).into_owned();
    assert!(text.contains("<-- 407 Proxy Authentication Required (INVITE)"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_changed_and_gets_keys_is_seen_without_them() {
    let scene = Scene::new(Udp, 62_000).await;
    let mut peer = Peer::new(scene.office.address).await;
    let order = scene.office.order(peer.address(), NUMBER);
    let call = order.call;
    let attempt = scene.office.place(order);
    let invite = peer.hears("INVITE").await;
    peer.answers(&invite, "200 OK", "", &description(1)).await;
    peer.hears("ACK").await;
    let live = scene.ladder(&format!("calls/{call}/sip")).await;
    assert_eq!((&live["complete"], &live["messages"][0]["method"]), (&Value::Bool(false), &Value::from("INVITE")));
    peer.asks(&invite, "INVITE", 7, "", &description(2)).await;
    peer.hears("SIP/2.0 200").await;
    peer.asks(&invite, "ACK", 7, "", "").await;
    let relay = "Content-Type: application/dtmf-relay\r\n";
    peer.asks(&invite, "INFO", 8, relay, "Signal=73917391\r\nDuration=160\r\n").await;
    peer.hears("SIP/2.0 200").await;
    peer.asks(&invite, "BYE", 9, "", "").await;
    peer.hears("SIP/2.0 200").await;
    attempt.ends().await;

    let ladder = scene.complete(&format!("calls/{call}/sip")).await;
    same(&ladder, &peer);
    let labels: Vec<_> = ladder["messages"].as_array().expect("messages").iter().map(|one| &one["label"]).collect();
    for label in ["INVITE (in dialog, SDP)", "INFO (application/dtmf-relay)", "200 OK (BYE)"] {
        assert!(labels.iter().any(|shown| *shown == label), "{labels:?}");
    }
    hidden(&scene.outputs(call).await, &[MEDIA_KEY, "73917391"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_capture_server_is_told_what_the_ladder_has() {
    let scene = Scene::new(Udp, 63_000).await;
    let mut peer = Peer::new(scene.office.address).await;
    let order = scene.office.order(peer.address(), NUMBER);
    let call = order.call;
    let attempt = scene.office.place(order);
    let invite = peer.hears("INVITE").await;
    peer.answers(&invite, "180 Ringing", "", "").await;
    peer.answers(&invite, "486 Busy Here", "", "").await;
    peer.hears("ACK").await;
    attempt.ends().await;
    let ladder = scene.complete(&format!("calls/{call}/sip")).await;
    scene.capture.readable().await.expect("it was told");
    let packets = scene.captured();
    let messages = ladder["messages"].as_array().expect("messages");
    assert_eq!(packets.len(), messages.len());
    for (packet, message) in packets.iter().zip(messages) {
        assert_eq!(
            (&packet[..4], usize::from(u16::from_be_bytes([packet[4], packet[5]]))),
            (&b"HEP3"[..], packet.len())
        );
        let text = message["text"].as_str().expect("text").as_bytes();
        assert!(packet.ends_with(text), "the payload is the message");
        let call_id = ladder["legs"][0].as_str().expect("a Call-ID").as_bytes();
        for part in [b"myHep", call_id, &2001_u32.to_be_bytes()] {
            assert!(packet.windows(part.len()).any(|window| window == part));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_over_tcp_and_calls_that_come_in_are_seen() {
    let mut scene = Scene::new(Tcp, 60_000).await;
    let mut phone = Phone::new(Tcp, 59_000).await;
    let order = scene.office.order(phone.address(), NUMBER);
    let call = order.call;
    let attempt = scene.office.place(order);
    phone.rings().await.refuse(603, None).await;
    attempt.ends().await;
    let ladder = scene.complete(&format!("calls/{call}/sip")).await;
    let shown = words(&ladder);
    assert_eq!(
        (shown.first().map(String::as_str), shown.last().map(String::as_str)),
        (Some("< INVITE"), Some("< ACK"))
    );
    assert!(shown.contains(&"> 180".to_owned()) && shown.contains(&"> 603".to_owned()), "{shown:?}");
    assert!(ladder["messages"].as_array().expect("messages").iter().all(|message| message["transport"] == "TCP"));

    scene.office.open(10);
    let line = phone.calls(scene.office.address, "+4930123456", 3).await.expect("it is taken");
    line.hangs_up().await;
    let report = scene.office.inbound_report().await;
    let shown = words(&scene.complete(&format!("calls/{}/sip", report.call)).await);
    for word in ["> INVITE", "< 200", "> ACK", "> BYE"] {
        assert!(shown.contains(&word.to_owned()), "{word}: {shown:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_program_shows_a_ladder_and_writes_packets() {
    let scene = Scene::new(Udp, 58_000).await;
    let mut peer = Peer::new(scene.office.address).await;
    let order = scene.office.order(peer.address(), NUMBER);
    let (call, attempt_id) = (order.call, order.attempt);
    let attempt = scene.office.place(order);
    let invite = peer.hears("INVITE").await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let server = format!("http://{}/", listener.local_addr().expect("an address"));
    tokio::spawn(axum::serve(listener, router(scene.desk.api.clone())).into_future());
    let options = |id: String| show::Options {
        id,
        attempt: false,
        server: server.clone(),
        key: scene.desk.key.clone().into(),
        pcap: None,
        follow: false,
    };
    let follow = show::Options { follow: true, ..options(call.to_string()) };
    let following = tokio::spawn(async move {
        let mut out = Vec::new();
        show::run(&follow, &mut out).await.expect("it is shown");
        String::from_utf8(out).expect("text")
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    peer.answers(&invite, "486 Busy Here", "", "").await;
    peer.hears("ACK").await;
    attempt.ends().await;
    let shown = timeout(PATIENCE, following).await.expect("it ends with the call").expect("no panic");
    for label in ["INVITE (SDP)", "486 Busy Here (INVITE)", "ACK"] {
        assert!(shown.contains(label), "{shown}");
    }
    let by_attempt = show::Options { attempt: true, ..options(attempt_id.to_string()) };
    let mut out = Vec::new();
    show::run(&by_attempt, &mut out).await.expect("it is shown");
    assert_eq!(out, scene.get(&format!("calls/{call}/sip?format=text")).await.1);

    let file = std::env::temp_dir().join(format!("callwright-sight-{}.pcap", std::process::id()));
    show::run(&show::Options { pcap: Some(file.clone()), ..options(call.to_string()) }, &mut out)
        .await
        .expect("written");
    let packets = std::fs::read(&file).expect("a file");
    std::fs::remove_file(&file).expect("it was there");
    assert_eq!(packets, scene.get(&format!("calls/{call}/sip.pcap")).await.1);

    let unknown = show::run(&options(CallId::generate().to_string()), &mut out).await;
    assert!(matches!(unknown, Err(ShowError::Refused { status: 404, .. })), "{unknown:?}");
}
