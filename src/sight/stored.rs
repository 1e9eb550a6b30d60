//! Messages as they lie in the database: JSON, compressed with gzip.

use std::io::{Read, Write};
use std::net::SocketAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use callwright_sip::endpoint::{PeerName, Transport};
use callwright_sip::trace::{Message, Seen, Trace, Way};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};

/// The longest JSON that is unpacked. A call's messages are bounded far below.
const LONGEST: u64 = 64 << 20;

/// The stored messages cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the stored SIP messages of a call cannot be read: {0}")]
pub struct Unreadable(String);

#[derive(Serialize, Deserialize)]
struct Stored {
    first: Vec<StoredMessage>,
    left_out: u64,
    last: Vec<StoredMessage>,
}

#[derive(Serialize, Deserialize)]
struct StoredMessage {
    at_us: u64,
    sent: bool,
    transport: String,
    local: SocketAddr,
    peer: SocketAddr,
    /// The bytes where they are text.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// The bytes in base64 where they are not.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<String>,
}

/// The messages of one Call-ID for the database.
#[must_use]
pub fn pack(trace: &Trace) -> Vec<u8> {
    let (first, last) = trace.parts();
    let stored = Stored {
        first: first.iter().map(stored).collect(),
        left_out: trace.left_out(),
        last: last.map(stored).collect(),
    };
    let json = serde_json::to_vec(&stored).expect("text and numbers are JSON");
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(&json).expect("memory takes what is written");
    packed.finish().expect("memory takes what is written")
}

/// And back.
///
/// # Errors
/// When they are damaged.
pub fn unpack(packed: &[u8]) -> Result<Trace, Unreadable> {
    let mut json = Vec::new();
    let read = GzDecoder::new(packed).take(LONGEST).read_to_end(&mut json);
    read.map_err(|error| Unreadable(error.to_string()))?;
    let stored: Stored = serde_json::from_slice(&json).map_err(|error| Unreadable(error.to_string()))?;
    let messages = |stored: Vec<StoredMessage>| stored.into_iter().map(message).collect::<Result<Vec<_>, _>>();
    Ok(Trace::restored(messages(stored.first)?, stored.left_out, messages(stored.last)?))
}

fn stored(message: &Message) -> StoredMessage {
    let text = std::str::from_utf8(message.bytes()).ok();
    StoredMessage {
        at_us: message.at_us(),
        sent: message.way() == Way::Sent,
        transport: message.transport().name().to_owned(),
        local: message.local(),
        peer: message.peer(),
        text: text.map(str::to_owned),
        bytes: text.is_none().then(|| STANDARD.encode(message.bytes())),
    }
}

fn message(stored: StoredMessage) -> Result<Message, Unreadable> {
    let transport = match stored.transport.as_str() {
        "UDP" => Transport::Udp,
        "TCP" => Transport::Tcp,
        "TLS" => Transport::Tls(PeerName::NONE),
        "WS" => Transport::Ws,
        "WSS" => Transport::Wss,
        other => return Err(Unreadable(format!("no transport is called {other}"))),
    };
    let bytes = match (stored.text, stored.bytes) {
        (Some(text), _) => text.into_bytes(),
        (None, Some(bytes)) => STANDARD.decode(bytes).map_err(|error| Unreadable(error.to_string()))?,
        (None, None) => return Err(Unreadable("a message has no bytes".to_owned())),
    };
    let way = if stored.sent { Way::Sent } else { Way::Received };
    let seen = Seen { at_us: stored.at_us, way, transport, local: stored.local, peer: stored.peer, bytes };
    Ok(seen.redacted())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(at_us: u64, transport: Transport, bytes: &[u8]) -> Message {
        let end = |port| SocketAddr::from(([192, 0, 2, 1], port));
        Seen { at_us, way: Way::Received, transport, local: end(5060), peer: end(5070), bytes: bytes.to_vec() }
            .redacted()
    }

    #[test]
    fn messages_are_read_back_as_they_were() {
        let first = vec![
            seen(5, Transport::Udp, b"INVITE sip:a SIP/2.0\r\nAuthorization: Digest response=\"1\"\r\n\r\n"),
            seen(6, Transport::Tls(PeerName::NONE), b"\xff\x00"),
            seen(7, Transport::Wss, b"BYE"),
            seen(8, Transport::Ws, b"BYE"),
        ];
        let trace = Trace::restored(first, 7, vec![seen(9, Transport::Tcp, b"BYE")]);
        assert_eq!(unpack(&pack(&trace)).expect("it can be read"), trace);
    }

    #[test]
    fn what_is_damaged_is_an_error() {
        assert!(unpack(b"no gzip").is_err());
        let mut packed = pack(&Trace::default());
        packed.truncate(packed.len() / 2);
        assert!(unpack(&packed).is_err());
    }
}
