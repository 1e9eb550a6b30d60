//! The voices as a client meets them: what they refuse, and how they keep their accounts.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::vendors::sound::Encoding;
use crate::vendors::{Config, KEY, Running, Script, start};

const SOON: Duration = Duration::from_secs(5);

const SPEAK: &str = "/v1/speak?model=aura-2-thalia-en&encoding=mulaw&sample_rate=8000";
const FLUX: &str = "/v2/speak?model=flux-haley-en&encoding=mulaw&sample_rate=8000";
const ELEVEN: &str = "/v1/text-to-speech/abc/multi-stream-input?model_id=eleven_flash_v2_5&output_format=ulaw_8000&auto_mode=true&sync_alignment=true";
const CARTESIA: &str = "/tts/websocket";

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

struct Client {
    vendors: Running,
    socket: Socket,
}

async fn connect(vendors: &Running, target: &str) -> Result<Socket, Error> {
    let mut request = format!("ws://{}{target}", vendors.address).into_client_request().expect("an address");
    let token = format!("Token {KEY}");
    let headers = [
        ("authorization", token.as_str()),
        ("xi-api-key", KEY),
        ("x-api-key", KEY),
        ("cartesia-version", "2026-03-01"),
    ];
    for (name, value) in headers {
        let value = HeaderValue::from_str(value).expect("a header value");
        request.headers_mut().insert(HeaderName::from_static(name), value);
    }
    connect_async(request).await.map(|(socket, _)| socket)
}

impl Client {
    async fn open(target: &str) -> Self {
        let vendors = start(Config::default()).await.expect("a port is free");
        let socket = connect(&vendors, target).await.unwrap_or_else(|error| panic!("{target}: {error}"));
        Self { vendors, socket }
    }

    async fn send(&mut self, message: Value) {
        self.socket.send(Message::text(message.to_string())).await.expect("the connection is up");
    }

    async fn next(&mut self) -> Message {
        timeout(SOON, self.socket.next()).await.expect("something comes").expect("it is up").expect("it is a message")
    }

    /// The next text; bytes of audio before it are counted.
    async fn text(&mut self) -> (Value, usize) {
        let mut audio = 0;
        loop {
            match self.next().await {
                Message::Text(text) => return (serde_json::from_str(&text).expect("JSON"), audio),
                Message::Binary(bytes) => audio += bytes.len(),
                other @ (Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_)) => {
                    panic!("{other:?}")
                }
            }
        }
    }

    /// The next message of a type, or that has a field of this name, and the bytes of audio before it.
    async fn until(&mut self, kind: &str) -> (Value, usize) {
        let mut audio = 0;
        loop {
            let (message, more) = self.text().await;
            audio += more;
            if message["type"] == kind || !message[kind].is_null() {
                return (message, audio);
            }
        }
    }

    /// The code of the close frame that comes.
    async fn closed(&mut self) -> u16 {
        loop {
            if let Message::Close(frame) = self.next().await {
                return frame.expect("a frame").code.into();
            }
        }
    }
}

#[tokio::test]
async fn queries_are_checked() {
    let vendors = start(Config::default()).await.expect("a port is free");
    let targets = [
        "/v1/speak?model=nova-3&encoding=mulaw&sample_rate=8000".to_owned(),
        "/v1/speak?model=aura-2-x&encoding=mulaw&sample_rate=24000".to_owned(),
        "/v2/speak?encoding=mulaw&sample_rate=8000".to_owned(),
        FLUX.replace("8000", "8000&speed=2"),
        ELEVEN.replace("ulaw_8000", "ulaw_9000"),
        ELEVEN.replace("flash_v2_5", "v3"),
        format!("{ELEVEN}&inactivity_timeout=181"),
        format!("{CARTESIA}?voice=x"),
    ];
    for target in targets {
        let Err(Error::Http(response)) = connect(&vendors, &target).await else { panic!("{target} is taken") };
        assert_eq!(response.status().as_u16(), 400, "{target}");
    }
}

#[tokio::test]
async fn speech_is_flushed_cleared_and_limited() {
    let mut client = Client::open(SPEAK).await;
    client.until("Metadata").await;
    client.send(json!({"type": "Speak", "text": "Hello there. "})).await;
    client.send(json!({"type": "Flush"})).await;
    assert_eq!(client.until("Flushed").await, (json!({"type": "Flushed", "sequence_id": 0}), 13 * 480));
    client.send(json!({"type": "Speak", "text": "A long sentence that nobody hears to its end."})).await;
    client.send(json!({"type": "Flush"})).await;
    client.send(json!({"type": "Clear"})).await;
    let (cleared, audio) = client.until("Cleared").await;
    assert_eq!(cleared["sequence_id"], 2);
    assert!(audio < 45 * 480, "{audio}");
    for _ in 0..18 {
        client.send(json!({"type": "Flush"})).await;
        client.until("Flushed").await;
    }
    client.send(json!({"type": "Flush"})).await;
    assert_eq!(client.until("Warning").await.0["code"], "EXCESSIVE_FLUSH");
    client.send(json!({"type": "Speak", "text": "x".repeat(2_001)})).await;
    assert_eq!(client.closed().await, 1009);
}

#[tokio::test]
async fn interruptions_are_accounted_for() {
    let mut client = Client::open(FLUX).await;
    let interrupt = |ms: u64| json!({"type": "Interrupt", "playback_offset": {"type": "time_ms", "value": ms}});
    let warning = async |client: &mut Client| client.until("Warning").await.0["code"].as_str().map(str::to_owned);
    client.until("Connected").await;
    client.send(interrupt(1)).await;
    assert_eq!(warning(&mut client).await.as_deref(), Some("NO_ACTIVE_SPEECH"));
    client.send(json!({"type": "Speak", "text": "nothing to say yet"})).await;
    client.send(interrupt(1)).await;
    assert_eq!(warning(&mut client).await.as_deref(), Some("NO_AUDIO_GENERATED"));
    client.send(json!({"type": "Flush"})).await;
    let (metadata, audio) = client.until("SpeechMetadata").await;
    assert_eq!((&metadata["audio_duration_ms"], audio), (&json!(18 * 60), 18 * 480));
    client.send(json!({"type": "Speak", "text": "One two three, four five six seven eight nine ten,"})).await;
    client.until("SpeechStarted").await;
    while !matches!(client.next().await, Message::Binary(_)) {}
    client.send(interrupt(18 * 60 + 8 * 60)).await;
    let (reply, _) = client.until("SpeechInterrupted").await;
    assert_eq!(reply["text_spoken"], "One two", "the last word was heard in part");
    assert_eq!(reply["text_remaining"], " three, four five six seven eight nine ten,");
    client.send(json!({"type": "Speak", "text": "Yes, well,"})).await;
    client.until("SpeechStarted").await;
    while !matches!(client.next().await, Message::Binary(_)) {}
    client.send(interrupt(18 * 60 + 8 * 60)).await;
    assert_eq!(warning(&mut client).await.as_deref(), Some("INVALID_INTERRUPT_OFFSET"));
    client.send(json!({"type": "Close"})).await;
    assert_eq!(client.closed().await, 1000);
}

#[tokio::test]
async fn contexts_are_opened_flushed_and_closed() {
    let mut client = Client::open(ELEVEN).await;
    let complaint = |reason: &'static str| move |entry: &crate::vendors::log::Entry| matches!(&entry.event, crate::vendors::log::Event::Complained { reason: said } if said.contains(reason));
    client.send(json!({"context_id": "a", "flush": true})).await;
    assert!(client.vendors.log.find(SOON, complaint("not open")).await.is_some());
    client.send(json!({"text": " ", "context_id": "a", "voice_settings": {"speed": 1.0}})).await;
    client.send(json!({"text": "Hello. ", "context_id": "a"})).await;
    let (first, _) = client.until("audio").await;
    assert_eq!(first["alignment"]["chars"], json!(["H", "e", "l"]));
    assert_eq!(first["alignment"]["charStartTimesMs"], json!([0, 60, 120]));
    client.send(json!({"text": "And you?", "context_id": "a"})).await;
    assert!(client.vendors.log.find(SOON, complaint("a space at its end")).await.is_some());
    client.send(json!({"context_id": "a", "flush": true})).await;
    client.send(json!({"context_id": "a", "close_context": true})).await;
    let (last, _) = client.until("isFinal").await;
    assert_eq!(last, json!({"isFinal": true, "contextId": "a"}));
    for name in ["b", "c", "d", "e", "f", "g"] {
        client.send(json!({"text": " ", "context_id": name})).await;
    }
    assert_eq!(client.closed().await, 1008);
    let mut client = Client::open(ELEVEN).await;
    client.send(json!({"text": "", "context_id": "a"})).await;
    client.send(json!({"text": " ", "context_id": "a", "voice_settings": {}})).await;
    assert_eq!(client.closed().await, 1008, "the first message has taken the place of the settings");
    let mut client = Client::open(&format!("{ELEVEN}&inactivity_timeout=1")).await;
    assert_eq!(client.closed().await, 1008);
}

fn cartesia(context: &str, transcript: &str, goes_on: bool) -> Value {
    json!({
        "model_id": "sonic-3.5", "transcript": transcript, "context_id": context, "continue": goes_on,
        "voice": {"mode": "id", "id": "a0e99841-438c-4a64-b679-ae501e7d6091"},
        "output_format": {"container": "raw", "encoding": "pcm_mulaw", "sample_rate": 8000},
        "add_timestamps": true, "max_buffer_delay_ms": 0,
    })
}

#[tokio::test]
async fn fields_of_a_context_may_not_change_and_it_expires() {
    let mut client = Client::open(CARTESIA).await;
    client.send(cartesia("a", "Hello, you. ", true)).await;
    let (words, _) = client.until("timestamps").await;
    assert_eq!(words["word_timestamps"]["words"], json!(["Hello,"]));
    assert_eq!(words["word_timestamps"]["end"], json!([0.36]));
    let mut other = cartesia("a", "More.", true);
    other["language"] = "de".into();
    client.send(other).await;
    assert_eq!(client.until("error").await.0["error_code"], "context_fields_changed");
    client.send(cartesia("a", "", false)).await;
    assert_eq!(client.until("done").await.0["context_id"], "a");
    client.send(cartesia("b", "Hi.", true)).await;
    client.until("chunk").await;
    tokio::time::sleep(Duration::from_millis(1_300)).await;
    client.send(cartesia("b", "More.", false)).await;
    assert_eq!(client.until("error").await.0["error_code"], "context_expired");
    for (field, value) in [("model_id", json!("x")), ("transcript", json!(7)), ("surprise", json!(1))] {
        let mut broken = cartesia("c", "Hi.", true);
        broken[field] = value;
        client.send(broken).await;
        let (error, _) = client.until("error").await;
        assert!(error["status_code"].as_u64().is_some_and(|status| status >= 400), "{field}");
    }
}

#[tokio::test]
async fn a_request_is_answered_with_samples_of_24_khz() {
    let vendors = start(Config { script: Script::default(), ..Config::default() }).await.expect("a port is free");
    let ask = async |body: Value| {
        let body = body.to_string();
        let mut stream = TcpStream::connect(vendors.address).await.expect("it listens");
        let head = format!(
            "POST /v1/audio/speech HTTP/1.0\r\nauthorization: Bearer {KEY}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len(),
        );
        stream.write_all(head.as_bytes()).await.expect("it is taken");
        let mut answer = Vec::new();
        timeout(SOON, stream.read_to_end(&mut answer)).await.expect("it ends").expect("it is read");
        let split = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4;
        (String::from_utf8_lossy(&answer[..split]).into_owned(), answer.split_off(split))
    };
    let request = json!({"model": "gpt-4o-mini-tts", "voice": "marin", "input": "Hello.", "response_format": "pcm"});
    let (head, body) = ask(request.clone()).await;
    assert!(head.contains("200 OK") && head.contains("audio/pcm"), "{head}");
    assert_eq!(body.len(), 6 * 1_440 * 2);
    let mut loud = Vec::new();
    Encoding::Linear16.decode(&body, &mut loud);
    assert!(loud.iter().any(|sample| *sample > 4_000));
    for (field, value) in [("input", json!("")), ("model", json!("nobody")), ("speed", json!(9)), ("x", json!(1))] {
        let mut broken = request.clone();
        broken[field] = value;
        let (head, _) = ask(broken).await;
        assert!(head.contains(" 40"), "{field}: {head}");
    }
}
