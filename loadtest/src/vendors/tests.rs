//! The scaffold as a client meets it: admission, faults, the log.

use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::faults::{Fault, Injection, Moment, Vendor};
use super::log::{Direction, Event, Side};
use super::sound::Encoding;
use super::{Config, KEY, Running, Script, hearing, start};

const TARGET: &str = "/v1/listen?encoding=mulaw&sample_rate=8000&interim_results=true&endpointing=300&vad_events=true";
const SOON: Duration = Duration::from_secs(5);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

fn vocabulary() -> Vec<String> {
    "yes no one two three".split(' ').map(str::to_owned).collect()
}

async fn vendors(faults: Vec<Injection>) -> Running {
    let hearing = hearing::Script { vocabulary: vocabulary(), ..hearing::Script::default() };
    start(Config { faults, script: Script { hearing, ..Script::default() }, ..Config::default() })
        .await
        .expect("a port is free")
}

async fn connect(vendors: &Running, target: &str, key: &str) -> Result<Socket, Error> {
    let mut request = format!("ws://{}{target}", vendors.address).into_client_request().expect("an address");
    request.headers_mut().insert("authorization", format!("Token {key}").parse().expect("a header value"));
    connect_async(request).await.map(|(socket, _)| socket)
}

/// The words in tones, and enough silence to end the utterance.
async fn say(socket: &mut Socket, words: &str) {
    let mut samples = hearing::tones(&vocabulary(), words);
    samples.resize(samples.len() + 4_000, 0);
    for chunk in samples.chunks(800) {
        let mut bytes = Vec::new();
        Encoding::Mulaw.encode(chunk, &mut bytes);
        socket.send(Message::binary(bytes)).await.expect("the connection is up");
    }
}

async fn next(socket: &mut Socket) -> Message {
    timeout(SOON, socket.next()).await.expect("something comes").expect("it is up").expect("it is a message")
}

async fn json(socket: &mut Socket) -> Value {
    let Message::Text(text) = next(socket).await else { panic!("not a text") };
    serde_json::from_str(&text).unwrap_or_else(|_| Value::String(text.as_str().to_owned()))
}

/// The transcripts of the final results, up to the one that ends the utterance.
async fn finals(socket: &mut Socket) -> Vec<String> {
    let mut finals = Vec::new();
    loop {
        let message = json(socket).await;
        if message["is_final"] == true {
            let words = &message["channel"]["alternatives"][0]["transcript"];
            finals.push(words.as_str().expect("a transcript").to_owned());
        }
        if message["speech_final"] == true {
            return finals;
        }
    }
}

#[tokio::test]
async fn what_is_spoken_in_tones_is_understood_and_written_down() {
    let vendors = vendors(Vec::new()).await;
    let mut socket = connect(&vendors, TARGET, KEY).await.expect("the key is right");
    say(&mut socket, "one two three").await;
    assert_eq!(json(&mut socket).await, json!({ "type": "SpeechStarted", "channel": [0, 1], "timestamp": 0.0 }));
    assert_eq!(finals(&mut socket).await, ["one two three"]);
    socket.close(None).await.expect("it is up");
    let sound = vendors.log.find(SOON, |entry| matches!(entry.event, Event::Sound { .. })).await.expect("a sound");
    let Event::Sound { direction: Direction::In, run } = sound.event else { panic!("{sound:?}") };
    assert!(run.first_sample < 10 && run.last_sample.abs_diff(2 * 1_920 + 1_280) < 10, "{run:?}");
    let closed = vendors.log.find(SOON, |entry| matches!(entry.event, Event::Closed { .. })).await.expect("an end");
    assert!(matches!(closed.event, Event::Closed { by: Side::Client, audio_in: 9_760, .. }), "{closed:?}");
}

#[tokio::test]
async fn requests_are_refused_as_the_vendor_would() {
    let refusals = [
        (TARGET, "wrong", vec![], 401, None),
        ("/v1/listen?encoding=mp3&sample_rate=8000", KEY, vec![], 400, None),
        ("/v1/listen?encoding=mulaw", KEY, vec![], 400, None),
        ("/v1/listen?encoding=mulaw&sample_rate=8000&utterance_end_ms=1000", KEY, vec![], 400, None),
        ("/v1/listen?encoding=mulaw&sample_rate=8000&endpoint=3", KEY, vec![], 400, None),
        (TARGET, KEY, vec![Fault::Unauthorised], 401, None),
        (TARGET, KEY, vec![Fault::Refuse { status: 503 }], 503, None),
        (TARGET, KEY, vec![Fault::TooMany { retry_after: Some(7) }], 429, Some("7")),
    ];
    for (target, key, faults, status, retry_after) in refusals {
        let once = |fault| Injection::once(Vendor::DeepgramListen, fault);
        let vendors = vendors(faults.into_iter().map(once).collect()).await;
        let refused = connect(&vendors, target, key).await.expect_err("it is refused");
        let Error::Http(response) = refused else { panic!("{target}: {refused}") };
        assert_eq!(response.status().as_u16(), status, "{target}");
        assert_eq!(response.headers().get("retry-after").and_then(|value| value.to_str().ok()), retry_after);
        if status != 400 && key == KEY {
            connect(&vendors, target, key).await.expect("the fault strikes once");
        }
    }
}

#[tokio::test]
async fn a_connection_is_closed_with_the_code_that_is_asked_for() {
    let close = Fault::Close { code: 1011, reason: "NET-0000".to_owned(), when: Moment { after_ms: 0, after_sent: 1 } };
    let vendors = vendors(vec![Injection::once(Vendor::DeepgramListen, close)]).await;
    let mut socket = connect(&vendors, TARGET, KEY).await.expect("the key is right");
    say(&mut socket, "one two").await;
    assert_eq!(json(&mut socket).await["type"], "SpeechStarted");
    let Message::Close(Some(frame)) = next(&mut socket).await else { panic!("not a close frame") };
    assert_eq!((u16::from(frame.code), frame.reason.as_str()), (1011, "NET-0000"));
}

#[tokio::test]
async fn a_half_open_connection_stays_and_says_nothing() {
    let vendors = vendors(vec![]).await;
    let mut socket = connect(&vendors, TARGET, KEY).await.expect("the key is right");
    say(&mut socket, "one").await;
    assert_eq!(finals(&mut socket).await, ["one"]);
    vendors.set_faults(vec![Injection::now(Vendor::DeepgramListen, Fault::HalfOpen { when: Moment::default() })]);
    vendors.log.find(SOON, |entry| matches!(entry.event, Event::Struck { .. })).await.expect("it is struck");
    say(&mut socket, "two").await;
    socket.send(Message::Ping(Vec::new().into())).await.expect("the socket takes it");
    assert!(timeout(Duration::from_millis(150), socket.next()).await.is_err(), "neither a word nor a pong");
}

#[tokio::test]
async fn a_cut_connection_ends_without_a_close_frame() {
    let cut = Fault::Cut { when: Moment::after(50) };
    let vendors = vendors(vec![Injection::once(Vendor::DeepgramListen, cut)]).await;
    let mut socket = connect(&vendors, TARGET, KEY).await.expect("the key is right");
    let end = timeout(SOON, socket.next()).await.expect("it ends");
    assert!(matches!(end, Some(Err(_))), "{end:?}");
}

#[tokio::test]
async fn finals_come_twice_or_late_and_garbage_between() {
    let strike = |fault| Injection::once(Vendor::DeepgramListen, fault);
    let garbage = Fault::Garbage { when: Moment { after_ms: 0, after_sent: 1 } };
    let faults = vec![strike(Fault::DuplicateFinals), strike(Fault::LateFinal { ms: 120 }), strike(garbage)];
    let vendors = vendors(faults).await;
    let mut socket = connect(&vendors, TARGET, KEY).await.expect("the key is right");
    let began = Instant::now();
    say(&mut socket, "one").await;
    assert_eq!(json(&mut socket).await["type"], "SpeechStarted");
    assert!(json(&mut socket).await.is_string(), "garbage is no JSON");
    let (first, second) = (finals(&mut socket).await, finals(&mut socket).await);
    assert_eq!((first, second), (vec!["one".to_owned()], vec!["one".to_owned()]));
    assert!(began.elapsed() >= Duration::from_millis(120));
}

#[tokio::test]
async fn faults_can_be_replaced_over_http() {
    let vendors = vendors(vec![]).await;
    let faults = json!([{ "vendor": "deepgram_listen", "fault": { "kind": "refuse", "status": 402 } }]).to_string();
    let mut stream = TcpStream::connect(vendors.address).await.expect("it listens");
    let request = format!(
        "POST /_faults HTTP/1.1\r\nhost: vendors\r\ncontent-type: application/json\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n{faults}",
        faults.len()
    );
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("it answers");
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    let refused = connect(&vendors, TARGET, KEY).await.expect_err("it is refused");
    assert!(matches!(&refused, Error::Http(response) if response.status() == 402), "{refused}");
}
