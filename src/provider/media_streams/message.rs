//! The messages of both directions.
//!
//! Field names and forms are those of Twilio's Media Streams: numbers are strings, sequence numbers count every message
//! after `connected`, timestamps are milliseconds since the start of the stream.

use serde::Deserialize;
use serde_json::{Value, json};

use super::settings::Encoding;
use crate::provider::bot::BotRequest;

/// Longest name of a mark, in bytes.
pub(super) const MARK: usize = 1_024;

/// The names of one stream, and what has been sent in it.
#[derive(Debug)]
pub(super) struct Stream {
    stream: String,
    call: String,
    account: String,
    encoding: Encoding,
    sequence: u64,
    chunk: u64,
}

impl Stream {
    /// Names look as bots expect them: two letters and 32 hexadecimal digits; those of the call and of the account are
    /// its ids without dashes.
    pub(super) fn new(request: &BotRequest, stream: u128, encoding: Encoding) -> Self {
        let plain = |id: String| id.replace('-', "");
        Self {
            stream: format!("MZ{stream:032x}"),
            call: format!("CA{}", plain(request.call.to_string())),
            account: format!("AC{}", plain(request.org.to_string())),
            encoding,
            sequence: 0,
            chunk: 0,
        }
    }

    pub(super) fn connected(&self) -> Value {
        json!({ "event": "connected", "protocol": "Call", "version": "1.0.0" })
    }

    pub(super) fn start(&mut self, request: &BotRequest) -> Value {
        let parameters: serde_json::Map<_, _> =
            request.parameters.iter().map(|(name, value)| (name.clone(), json!(value.expose()))).collect();
        let format = json!({ "encoding": self.encoding.name(), "sampleRate": self.encoding.rate(), "channels": 1 });
        let start = json!({
            "accountSid": self.account,
            "streamSid": self.stream,
            "callSid": self.call,
            "tracks": ["inbound"],
            "mediaFormat": format,
            "customParameters": parameters,
        });
        self.message("start", start)
    }

    /// 20 ms of the caller, `ms` after the start.
    pub(super) fn media(&mut self, ms: u64, payload: String) -> Value {
        self.chunk += 1;
        let media = json!({
            "track": "inbound",
            "chunk": self.chunk.to_string(),
            "timestamp": ms.to_string(),
            "payload": payload,
        });
        self.message("media", media)
    }

    pub(super) fn key(&mut self, key: char) -> Value {
        self.message("dtmf", json!({ "track": "inbound_track", "digit": key.to_string() }))
    }

    pub(super) fn mark(&mut self, name: &str) -> Value {
        self.message("mark", json!({ "name": name }))
    }

    pub(super) fn stop(&mut self) -> Value {
        let stop = json!({ "accountSid": self.account, "callSid": self.call });
        self.message("stop", stop)
    }

    fn message(&mut self, event: &str, content: Value) -> Value {
        self.sequence += 1;
        let mut message = json!({
            "event": event,
            "sequenceNumber": self.sequence.to_string(),
            "streamSid": self.stream,
        });
        message[event] = content;
        message
    }
}

/// What a bot sends. Other fields are not looked at.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum FromBot {
    Media(String),
    Mark(String),
    Clear,
    /// Something that is none of these: bots of other services send more.
    Other,
}

/// Reads a message; nothing when it makes no sense.
pub(super) fn read(text: &str) -> Option<FromBot> {
    #[derive(Deserialize)]
    struct Message {
        event: String,
        media: Option<Media>,
        mark: Option<Mark>,
    }
    #[derive(Deserialize)]
    struct Media {
        payload: String,
    }
    #[derive(Deserialize)]
    struct Mark {
        name: String,
    }
    let message: Message = serde_json::from_str(text).ok()?;
    match message.event.as_str() {
        "media" => message.media.map(|media| FromBot::Media(media.payload)),
        "mark" => message.mark.map(|mark| mark.name).filter(|name| name.len() <= MARK).map(FromBot::Mark),
        "clear" => Some(FromBot::Clear),
        _ => Some(FromBot::Other),
    }
}
