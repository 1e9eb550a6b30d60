//! The recognisers as a client meets them: what they refuse, and the turns of Flux.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::vendors::log::{Entry, Event};
use crate::vendors::sound::Encoding;
use crate::vendors::{Config, KEY, Running, Script, hearing, start};

const FLUX: &str = "/v2/listen?model=flux-general-en&encoding=mulaw&sample_rate=8000&eager_eot_threshold=0.4";
const ASSEMBLYAI: &str = "/v3/ws?speech_model=u3-rt-pro&sample_rate=8000&encoding=pcm_mulaw";
const OPENAI: &str = "/v1/realtime?intent=transcription";
const SCRIBE: &str = "/v1/speech-to-text/realtime?model_id=scribe_v2_realtime&audio_format=ulaw_8000";
const SOON: Duration = Duration::from_secs(5);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

fn vocabulary() -> Vec<String> {
    "yes no one two three".split(' ').map(str::to_owned).collect()
}

async fn vendors() -> Running {
    let hearing = hearing::Script { vocabulary: vocabulary(), ..hearing::Script::default() };
    let script = Script { hearing, ..Script::default() };
    start(Config { script, ..Config::default() }).await.expect("a port is free")
}

async fn connect(vendors: &Running, target: &str) -> Result<Socket, Error> {
    let mut request = format!("ws://{}{target}", vendors.address).into_client_request().expect("an address");
    let scheme = match target {
        target if target.starts_with("/v2") => "Token ",
        target if target.starts_with("/v3") => "",
        _ => "Bearer ",
    };
    let headers = request.headers_mut();
    headers.insert("authorization", format!("{scheme}{KEY}").parse().expect("a header value"));
    headers.insert("xi-api-key", KEY.parse().expect("a header value"));
    connect_async(request).await.map(|(socket, _)| socket)
}

async fn tell(socket: &mut Socket, message: Value) {
    socket.send(Message::text(message.to_string())).await.expect("it is up");
}

/// The next message that `wanted` is true of.
async fn find(socket: &mut Socket, wanted: impl Fn(&Value) -> bool) -> Value {
    loop {
        let message = timeout(SOON, socket.next()).await.expect("something comes").expect("it is up");
        if let Message::Text(text) = message.expect("it is a message") {
            let message: Value = serde_json::from_str(&text).expect("it is JSON");
            if wanted(&message) {
                return message;
            }
        }
    }
}

/// Words in tones, then so much silence, in binary messages of 80 ms.
async fn say(socket: &mut Socket, words: &str, silence_ms: usize) {
    let mut samples = hearing::tones(&vocabulary(), words);
    samples.resize(samples.len() + silence_ms * 8, 0);
    for chunk in samples.chunks(640) {
        let mut bytes = Vec::new();
        Encoding::Mulaw.encode(chunk, &mut bytes);
        socket.send(Message::binary(bytes)).await.expect("it is up");
    }
}

#[tokio::test]
async fn wrong_queries_are_refused() {
    let vendors = vendors().await;
    for target in [
        "/v2/listen?model=flux-general-en&encoding=mulaw",
        "/v2/listen?model=nova-3&encoding=mulaw&sample_rate=8000",
        "/v2/listen?model=flux-general-en&encoding=mulaw&sample_rate=8000&eot_threshold=0.4",
        "/v2/listen?model=flux-general-en&encoding=mulaw&sample_rate=8000&eager_eot_threshold=0.8",
        "/v2/listen?model=flux-general-en&encoding=mulaw&sample_rate=8000&language_hint=es",
        "/v3/ws?speech_model=u3-rt-pro&encoding=pcm_mulaw",
        "/v3/ws?speech_model=unknown&sample_rate=8000",
        "/v3/ws?speech_model=u3-rt-pro&sample_rate=8000&keyterms_prompt=Acme",
        "/v1/speech-to-text/realtime?audio_format=ulaw_8000",
        "/v1/speech-to-text/realtime?model_id=scribe_v2_realtime&audio_format=mp3",
        "/v1/speech-to-text/realtime?model_id=scribe_v2_realtime&commit_strategy=never",
    ] {
        let refused = connect(&vendors, target).await.expect_err(target);
        assert!(matches!(&refused, Error::Http(response) if response.status() == 400), "{target}: {refused}");
    }
    for target in [FLUX, ASSEMBLYAI, OPENAI, SCRIBE] {
        connect(&vendors, target).await.expect(target);
    }
}

#[tokio::test]
async fn flux_goes_through_its_turns() {
    let vendors = vendors().await;
    let mut socket = connect(&vendors, FLUX).await.expect("the query is right");
    say(&mut socket, "one", 350).await;
    say(&mut socket, "two three", 700).await;
    let mut seen = Vec::new();
    while seen.last().is_none_or(|(event, _)| event != "EndOfTurn") {
        let message = find(&mut socket, |message| message["type"] == "TurnInfo").await;
        let text = |name: &str| message[name].as_str().expect("a text").to_owned();
        if message["event"] != "Update" {
            seen.push((text("event"), text("transcript")));
        }
    }
    let expected = [
        ("StartOfTurn", "one"),
        ("EagerEndOfTurn", "one"),
        ("TurnResumed", "one"),
        ("EagerEndOfTurn", "one two three"),
        ("EndOfTurn", "one two three"),
    ];
    let expected = expected.map(|(event, transcript)| (event.to_owned(), transcript.to_owned()));
    assert_eq!(seen, expected);
    tell(&mut socket, json!({ "type": "Configure", "thresholds": { "eot_threshold": 1.0 } })).await;
    find(&mut socket, |message| message["type"] == "ConfigureSuccess").await;
    tell(&mut socket, json!({ "type": "Configure", "thresholds": { "eot_threshold": 0.2 } })).await;
    find(&mut socket, |message| message["type"] == "ConfigureFailure").await;
    say(&mut socket, "yes", 2_000).await;
    tell(&mut socket, json!({ "type": "ForceEndTurn" })).await;
    let end = find(&mut socket, |message| message["event"] == "EndOfTurn").await;
    assert_eq!((&end["trigger"], &end["transcript"], &end["turn_index"]), (&json!("manual"), &json!("yes"), &json!(1)));
}

#[tokio::test]
async fn wrong_messages_are_answered_as_each_vendor_does() {
    let vendors = vendors().await;
    let mut socket = connect(&vendors, ASSEMBLYAI).await.expect("the query is right");
    socket.send(Message::binary(vec![0xff; 30 * 8])).await.expect("it is up");
    assert_eq!(find(&mut socket, |message| message["type"] == "Error").await["error_code"], 3007);

    let mut socket = connect(&vendors, OPENAI).await.expect("the query is right");
    let code = |message: Value| message["error"]["code"].as_str().expect("a code").to_owned();
    let cases = [
        (json!({ "type": "session.update", "session": { "type": "realtime" } }), "invalid_value"),
        (json!({ "type": "input_audio_buffer.append", "audio": "AAA" }), "invalid_value"),
        (json!({ "type": "input_audio_buffer.commit" }), "input_audio_buffer_commit_empty"),
        (json!({ "type": "nothing" }), "invalid_value"),
    ];
    for (message, expected) in cases {
        tell(&mut socket, message.clone()).await;
        assert_eq!(code(find(&mut socket, |message| message["type"] == "error").await), expected, "{message}");
    }
    let input = json!({ "format": { "type": "audio/pcmu" }, "transcription": { "model": "gpt-realtime-whisper" },
        "turn_detection": { "type": "server_vad" } });
    tell(
        &mut socket,
        json!({ "type": "session.update", "session": { "type": "transcription", "audio": { "input": input } } }),
    )
    .await;
    find(&mut socket, |message| message["type"] == "error").await;

    let mut socket = connect(&vendors, SCRIBE).await.expect("the query is right");
    let chunk = |audio: &str, commit: bool| json!({ "message_type": "input_audio_chunk", "audio_base_64": audio, "commit": commit, "sample_rate": 8000 });
    for (message, expected) in [
        (chunk("AAA", false), "input_error"),
        (chunk("", true), "commit_throttled"),
        (json!({ "message_type": "input_audio_chunk", "audio_base_64": "", "sample_rate": 16000 }), "input_error"),
    ] {
        tell(&mut socket, message.clone()).await;
        find(&mut socket, |message| message["message_type"] == expected).await;
    }
    let complained = |entry: &Entry| matches!(entry.event, Event::Complained { .. });
    assert_eq!(vendors.log.entries().iter().filter(|entry| complained(entry)).count(), 7);
}
