//! Somebody listens to a real call over a websocket: what arrives, when, in which channel, and what the call notices of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use callwright::api::router;
use callwright::call::call::CallConfig;
use callwright::call::listen::{MOST, POSITION};
use callwright::config::HttpConfig;
use callwright::config::SipTransport::Udp;
use callwright::id::CallId;
use callwright::store::{Page, api_key, audit};
use callwright_media::level::rms_dbfs;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error as Fault, Message};
use tokio_tungstenite::{WebSocketStream, client_async};
use tower::ServiceExt;

use crate::api::{Desk, desk};
use crate::db::TestDb;
use crate::office::{Attempt, Office, PATIENCE};
use crate::phone::Phone;
use crate::talker::{Talker, tone};

const NUMBER: &str = "+4930901820";
/// The caller's marker, away from what the agent whistles.
const MARKER: f64 = 1_900.0;
/// What the agent whistles, in Hz.
const WHISTLE: f64 = 0.5 * 8_000.0 / std::f64::consts::TAU;

/// The API on a port, and its database.
struct Booth {
    desk: Desk,
    db: TestDb,
    address: std::net::SocketAddr,
}

impl Booth {
    /// The office then belongs to the booth's organisation.
    async fn open(office: &mut Office, slow_s: u64) -> Self {
        let db = TestDb::sqlite().await;
        let mut desk = desk(&db, office.calls.clone()).await;
        office.org = desk.org;
        desk.api.listeners = Arc::new(Semaphore::new(2 * MOST));
        desk.api.config =
            Arc::new(HttpConfig { event_reader_slow_s: slow_s, event_reader_check_s: 1, ..HttpConfig::default() });
        // Little is kept on the way, so that a slow listener is known to be one soon.
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_send_buffer_size(4_096).expect("an option");
        socket.bind(([127, 0, 0, 1], 0).into()).expect("a port");
        let listener = socket.listen(256).expect("it listens");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(axum::serve(listener, router(desk.api.clone())).into_future());
        Self { desk, db, address }
    }

    /// A further key.
    async fn key(&self, secret: &str, scopes: &[&str]) -> String {
        let scopes: Vec<String> = scopes.iter().map(|&scope| scope.to_owned()).collect();
        let mut tx = self.db.db.begin().await.expect("a transaction");
        api_key::insert(&mut tx, self.desk.org, "test", &scopes, secret).await.expect("a key");
        tx.commit().await.expect("committed");
        secret.to_owned()
    }

    async fn send(&self, method: &str, path: &str) -> (u16, Value) {
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/v1/calls/{path}"))
            .header(header::AUTHORIZATION, format!("Bearer {}", self.desk.key));
        let request = request.body(Body::empty()).expect("a request");
        let response = router(self.desk.api.clone()).oneshot(request).await.expect("the router answers");
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), 1 << 20).await.expect("a body");
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    async fn try_listen(&self, call: CallId, key: Option<&str>, query: &str) -> Result<Ear, (u16, Value)> {
        self.connect(TcpSocket::new_v4().expect("a socket"), call, key, query).await
    }

    async fn connect(
        &self,
        socket: TcpSocket,
        call: CallId,
        key: Option<&str>,
        query: &str,
    ) -> Result<Ear, (u16, Value)> {
        let stream = socket.connect(self.address).await.expect("the server listens");
        let url = format!("ws://{}/api/v1/calls/{call}/listen{query}", self.address);
        let mut request = url.into_client_request().expect("a request");
        if let Some(key) = key {
            request.headers_mut().insert(header::AUTHORIZATION, format!("Bearer {key}").parse().expect("a header"));
        }
        match client_async(request, stream).await {
            Ok((socket, _)) => Ok(Ear { socket, sound: Sound::default(), texts: Vec::new(), closed: None }),
            Err(Fault::Http(response)) => {
                let body = response.body().as_deref().unwrap_or_default();
                Err((response.status().as_u16(), serde_json::from_slice(body).unwrap_or_default()))
            }
            Err(fault) => panic!("{fault}"),
        }
    }

    async fn listen(&self, call: CallId) -> Ear {
        self.try_listen(call, Some(&self.desk.key), "").await.expect("it may listen")
    }

    /// Somebody with room for a few frames only.
    async fn listen_narrowly(&self, call: CallId) -> Ear {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(2_048).expect("an option");
        self.connect(socket, call, Some(&self.desk.key), "").await.expect("it may listen")
    }

    /// What the audit log has of a call.
    async fn audited(&self, call: CallId) -> Vec<audit::Entry> {
        let mut tx = self.db.db.read().await.expect("a transaction");
        let entries = audit::list(&mut tx, self.desk.org, ("call", call.to_string()), Page::first(200)).await;
        entries.expect("a page").items
    }
}

/// 20 ms of the caller and of the agent, and when they came.
type Frame = (Vec<i16>, Vec<i16>, Option<Instant>);

/// What was heard: both sides, by their positions.
#[derive(Default)]
struct Sound {
    frames: BTreeMap<u64, Frame>,
}

/// Somebody who listens.
struct Ear {
    socket: WebSocketStream<TcpStream>,
    sound: Sound,
    texts: Vec<Value>,
    closed: Option<u16>,
}

impl Ear {
    /// Takes one message; false after the last.
    async fn next(&mut self) -> bool {
        let message = timeout(PATIENCE, self.socket.next()).await.expect("a message in time");
        match message {
            Some(Ok(Message::Binary(bytes))) => {
                let position = u64::from_le_bytes(bytes[..POSITION].try_into().expect("eight bytes"));
                let samples: Vec<i16> =
                    bytes[POSITION..].chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
                let side = |side: usize| samples.iter().skip(side).step_by(2).copied().collect::<Vec<_>>();
                assert_eq!(samples.len(), 320, "20 ms of both sides");
                let before = self.sound.frames.insert(position, (side(0), side(1), Some(Instant::now())));
                assert!(before.is_none(), "{position} came twice");
            }
            Some(Ok(Message::Text(text))) => self.texts.push(serde_json::from_str(&text).expect("JSON")),
            Some(Ok(Message::Close(frame))) => self.closed = frame.map(|frame| frame.code.into()),
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
            Some(Err(_)) | None => return false,
        }
        true
    }

    async fn listens(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while timeout(until.saturating_duration_since(Instant::now()), self.next()).await == Ok(true) {}
    }

    /// Listens until something else is done.
    async fn meanwhile<T>(&mut self, done: impl Future<Output = T>) -> T {
        let mut done = std::pin::pin!(done);
        loop {
            tokio::select! {
                done = &mut done => return done,
                more = self.next() => assert!(more, "the call goes on: {:?}", self.texts),
            }
        }
    }

    /// Reads on until a text of this type is there; the text.
    async fn told(&mut self, kind: &str) -> Value {
        loop {
            if let Some(at) = self.texts.iter().position(|text| text["type"] == kind) {
                return self.texts.remove(at);
            }
            assert!(self.next().await, "waited for {kind}: {:?}", self.texts);
        }
    }

    /// Asks for something; what becomes of it.
    async fn asks(&mut self, message: Value) -> Value {
        self.socket.send(Message::text(message.to_string())).await.expect("it goes out");
        loop {
            if let Some(at) = self.texts.iter().position(|text| text["type"] == "done" || text["type"] == "fault") {
                return self.texts.remove(at);
            }
            assert!(self.next().await, "{message} is answered");
        }
    }

    /// When a tone was first heard in a channel, and where.
    fn heard(&self, hz: f64, channel: usize) -> Option<(u64, Instant)> {
        self.sound.frames.iter().find_map(|(position, (left, right, at))| {
            let side = if channel == 0 { left } else { right };
            at.filter(|_| power(side, hz) > 0.5 && rms_dbfs(side) > -30.0).map(|at| (*position, at))
        })
    }

    fn gaps(&self) -> usize {
        let positions: Vec<u64> = self.sound.frames.keys().copied().collect();
        positions.windows(2).filter(|pair| pair[1] - pair[0] != 160).count()
    }
}

/// The share of a frame's power that lies at a frequency.
fn power(samples: &[i16], hz: f64) -> f64 {
    let (mut re, mut im, mut all) = (0.0, 0.0, 0.0);
    for (n, &sample) in samples.iter().enumerate() {
        let (sin, cos) = (n as f64 * hz * std::f64::consts::TAU / 8_000.0).sin_cos();
        let sample = f64::from(sample);
        (re, im, all) = (re + sample * cos, im + sample * sin, all + sample * sample);
    }
    if all == 0.0 { 0.0 } else { 2.0 * (re * re + im * im) / (all * samples.len() as f64) }
}

/// A call that is answered and greeted.
async fn call(office: &Office, phone: &mut Phone) -> (CallId, Attempt, Talker) {
    let order = office.order(phone.address(), NUMBER);
    let call = order.call;
    let attempt = office.place(order);
    let caller = Talker::new(phone.rings().await.answer().await);
    (call, attempt, caller)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_sides_are_heard_at_once_and_the_call_hears_nothing() {
    let mut office = Office::new(Udp, 48_000, CallConfig::default(), 10).await;
    let booth = Booth::open(&mut office, 10).await;
    let mut phone = Phone::new(Udp, 49_200).await;
    let (call, attempt, mut caller) = call(&office, &mut phone).await;
    let mut ear = booth.listen(call).await;
    let start = ear.told("start").await;
    assert_eq!((&start["rate"], &start["channels"]), (&json!(8_000), &json!(2)), "{start}");
    assert_eq!((&start["encoding"], &start["header_bytes"]), (&json!("pcm_s16le"), &json!(POSITION)));
    assert_eq!((&start["call"]["id"], &start["call"]["listeners"]), (&json!(call), &json!(1)), "{start}");
    // The agent whistles, on the right.
    let said = ear.meanwhile(caller.hears_silence(0, Duration::from_millis(500))).await;
    ear.listens(Duration::from_millis(50)).await;
    let (_, _) = ear.heard(WHISTLE, 1).expect("the agent is heard");
    assert!(ear.heard(WHISTLE, 0).is_none(), "and on the right only");
    assert_eq!(ear.told("said").await["speaker"], "agent");

    // The caller's marker, on the left, at once. Meanwhile the listener shouts.
    let began = Instant::now();
    let shout = async {
        for _ in 0..20 {
            let noise: Vec<u8> = (0..640_u32).flat_map(|n| ((n * 7_919) as i16).to_le_bytes()).collect();
            ear.socket.send(Message::Binary(noise.into())).await.expect("it goes out");
        }
        ear.listens(Duration::from_millis(700)).await;
    };
    let ((), ()) = tokio::join!(caller.says(tone(MARKER, Duration::from_millis(400))), shout);
    let (position, at) = ear.heard(MARKER, 0).expect("the caller is heard");
    let delay = at - began;
    assert!(delay < Duration::from_millis(300), "{delay:?}");
    assert!(ear.heard(MARKER, 1).is_none(), "and on the left only");
    assert!(position > 8_000, "positions count from the answer: {position}");
    assert_eq!(ear.gaps(), 0, "nothing is left out: {:?}", ear.texts);
    assert!(ear.texts.iter().any(|text| text["type"] == "fault"), "noise is no order");
    let heard = caller.heard();
    let quiet = &heard[(said + 800).min(heard.len())..];
    assert!(!quiet.is_empty() && rms_dbfs(quiet) < -60.0, "the call hears nothing of it: {}", rms_dbfs(quiet));

    let (status, live) = booth.send("GET", &format!("{call}/live")).await;
    assert_eq!((status, &live["speaks"], &live["listeners"]), (200, &json!("agent"), &json!(1)), "{live}");
    ear.texts.clear();
    let muted = ear.asks(json!({ "type": "mute", "on": true, "id": "m1" })).await;
    assert_eq!(
        (&muted["type"], &muted["id"], &muted["call"]["speaks"]),
        (&json!("done"), &json!("m1"), &json!("muted"))
    );
    assert_eq!(ear.told("state").await["call"]["speaks"], "muted");
    let refused = ear.asks(json!({ "type": "note", "text": "Be kind.", "id": "n1" })).await;
    assert_eq!((&refused["type"], &refused["problem"]["code"]), (&json!("fault"), &json!("no_model")), "{refused}");
    let unknown = ear.asks(json!({ "type": "sing" })).await;
    assert_eq!((&unknown["type"], &unknown["problem"]["status"]), (&json!("fault"), &json!(422)), "{unknown}");

    let gone = ear.asks(json!({ "type": "hang_up", "id": "h1" })).await;
    assert_eq!((&gone["type"], &gone["id"]), (&json!("done"), &json!("h1")), "{gone}");
    let ended = ear.told("ended").await;
    assert_eq!((&ended["reason"], &ended["ended_by"]), (&json!("agent_hangup"), &json!("system")), "{ended}");
    while ear.next().await {}
    assert_eq!(ear.closed, Some(1_000));
    attempt.ends().await;
    assert_eq!(booth.send("GET", &format!("{call}/live")).await.1["code"], "call_over");
    let refused = booth.try_listen(call, Some(&booth.desk.key), "").await.err().expect("it is over");
    assert_eq!((refused.0, &refused.1["code"]), (409, &json!("call_over")));

    let log = booth.audited(call).await;
    let actions: Vec<&str> = log.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["call.listen", "call.mute", "call.hang_up", "call.listened"]);
    assert!(log.iter().all(|entry| entry.actor.to_string().starts_with("key:")), "who it was");
    let ms = log[3].detail["ms"].as_u64().expect("how long");
    assert!((1_500..20_000).contains(&ms) && log[3].detail["dropped_frames"] == 0, "{}", log[3].detail);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_that_reads_nothing_loses_only_its_own_frames_and_so_many_may_listen() {
    let mut office = Office::new(Udp, 50_400, CallConfig::default(), 10).await;
    let booth = Booth::open(&mut office, 10).await;
    let mut phone = Phone::new(Udp, 51_600).await;
    let (call, attempt, caller) = call(&office, &mut phone).await;
    let mut slow = booth.listen_narrowly(call).await;
    let joined = Instant::now();
    let mut listening = tokio::task::JoinSet::new();
    for _ in 1..MOST {
        let mut ear = booth.listen(call).await;
        listening.spawn(async move {
            ear.listens(Duration::from_millis(3_500)).await;
            ear
        });
    }
    let refused = booth.try_listen(call, Some(&booth.desk.key), "").await.err().expect("no place is left");
    assert_eq!((refused.0, &refused.1["code"]), (409, &json!("too_many_listeners")), "{}", refused.1);
    let mut counts = Vec::new();
    while let Some(ear) = listening.join_next().await {
        let ear = ear.expect("it listens");
        assert_eq!(ear.gaps(), 0, "{:?}", ear.texts);
        counts.push(ear.sound.frames.len());
    }
    assert!(counts.iter().all(|count| (150..=230).contains(count)), "{counts:?}");
    let heard = caller.heard().len();
    slow.listens(Duration::from_millis(400)).await;
    let dropped = slow.told("dropped").await["frames"].as_u64().expect("how many");
    let frames = u64::try_from(joined.elapsed().as_millis() / 20).expect("a few");
    assert!((20..frames).contains(&dropped), "{dropped} of {frames}");
    assert!(slow.gaps() >= 1, "it shows in the positions");
    sleep(Duration::from_millis(100)).await;
    let more = caller.heard().len() - heard;
    assert!((2_400..8_000).contains(&more), "the call went on: {more} samples");
    drop(slow);
    let (_, live) = booth.send("GET", &format!("{call}/live")).await;
    assert_eq!(live["stage"], "answered", "{live}");
    assert_eq!(booth.send("POST", &format!("{call}/hang_up")).await.0, 200);
    attempt.ends().await;
    let written = async {
        loop {
            let log = booth.audited(call).await;
            let ended = log.iter().filter(|entry| entry.action == "call.listened");
            let lost: u64 = ended.clone().filter_map(|entry| entry.detail["dropped_frames"].as_u64()).sum();
            if ended.count() == MOST {
                return lost;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    let lost = timeout(PATIENCE, written).await.expect("each end is written down");
    assert!(lost >= dropped, "{lost} of {dropped}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_listen_and_who_may_also_step_in() {
    let mut office = Office::new(Udp, 52_800, CallConfig::default(), 10).await;
    let booth = Booth::open(&mut office, 1).await;
    let mut phone = Phone::new(Udp, 54_000).await;
    let (call, attempt, caller) = call(&office, &mut phone).await;
    let (listens, reads) = (booth.key("cw_listens_0123", &["calls:listen"]).await, "cw_reads_0123");
    booth.key(reads, &["calls:read", "calls:control"]).await;
    let refusal = |result: Result<Ear, (u16, Value)>| result.err().map(|(status, body)| (status, body["code"].clone()));
    let code = |status: u16, code: &str| Some((status, json!(code)));
    assert_eq!(refusal(booth.try_listen(call, None, "").await), code(401, "unauthorized"));
    assert_eq!(refusal(booth.try_listen(call, Some(reads), "").await), code(403, "missing_scope"));
    assert_eq!(refusal(booth.try_listen(CallId::generate(), Some(&listens), "").await), code(404, "not_found"));
    assert_eq!(refusal(booth.try_listen(call, None, "?token=made-up").await), code(401, "unauthorized"));
    assert_eq!(refusal(booth.try_listen(call, Some(&listens), "?volume=11").await), code(400, "malformed"));
    assert_eq!(booth.send("GET", &format!("{call}/listen")).await.0, 400, "it is a websocket");

    let (status, made) = booth.send("POST", &format!("{call}/listen")).await;
    assert_eq!(status, 201, "{made}");
    let token = format!("?token={}", made["token"].as_str().expect("a token"));
    assert!(made["expires_at"].is_string());
    assert_eq!(refusal(booth.try_listen(CallId::generate(), None, &token).await), code(401, "unauthorized"));
    assert_eq!(
        refusal(booth.try_listen(call, None, &token).await),
        code(401, "unauthorized"),
        "it was tried elsewhere"
    );
    let (_, made) = booth.send("POST", &format!("{call}/listen")).await;
    let token = format!("?token={}", made["token"].as_str().expect("a token"));
    let mut browser = booth.try_listen(call, None, &token).await.expect("a browser may listen");
    assert_eq!(refusal(booth.try_listen(call, None, &token).await), code(401, "unauthorized"), "once");
    browser.listens(Duration::from_millis(200)).await;
    assert!(!browser.sound.frames.is_empty());

    let mut guest = booth.try_listen(call, Some(&listens), "").await.expect("it may listen");
    let refused = guest.asks(json!({ "type": "hang_up" })).await;
    assert_eq!(refused["problem"]["code"], "missing_scope", "{refused}");
    let key = {
        let mut tx = booth.db.db.begin().await.expect("a transaction");
        let key = api_key::authenticate(&mut tx, &listens).await.expect("the key");
        api_key::revoke(&mut tx, booth.desk.org, key.id, &audit::Actor::system("test")).await.expect("revoked");
        tx.commit().await.expect("committed");
        key.id
    };
    while guest.next().await {}
    assert_eq!(guest.closed, Some(1_008), "{key} is not in force any more");
    browser.listens(Duration::from_millis(100)).await;
    let frames = browser.sound.frames.len();
    assert!(frames > 20, "the others listen on: {frames}");
    let (status, ended) = booth.send("POST", &format!("{call}/hang_up")).await;
    assert_eq!(status, 200, "{ended}");
    attempt.ends().await;
    drop(caller);
}
