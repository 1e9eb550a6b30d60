//! SDP offer and answer (RFC 8866, RFC 3264) for one audio stream with telephone events, plain or encrypted with keys that the
//! descriptions carry (RFC 4568, RFC 8643).
//!
//! `rtc-sdp` reads and prints the lines; what they mean is decided here: `remote` is what a peer's description says,
//! `offer_answer` what we make of it, `secure` whether and with which keys it is encrypted, `recording` what recorders of
//! others are sent.

mod crypto;
mod error;
mod offer_answer;
mod recording;
mod remote;
mod secure;

use std::net::IpAddr;

pub use error::SdpError;
pub use offer_answer::{accept_answer, answer, offer};
pub use recording::{
    LABELS, RecordingMedia, RecordingStream, RecordingStreams, SIDES, accept_recording, answer_recording,
    offer_recording,
};

use crate::codec::Codec;
use crate::negotiated::Direction;
use crate::srtp::LocalKeys;

/// Longest description that is read, in bytes.
pub const MAX_BYTES: usize = 16 * 1024;

/// Most lines of a description that are read.
pub const MAX_LINES: usize = 512;

/// Most `m=` lines of a description.
pub const MAX_MEDIA: usize = 16;

/// This side of a call, as a description tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalMedia {
    /// Address at which the peer reaches our RTP port: the external one of the listener.
    pub address: IpAddr,
    /// Our RTP port.
    pub port: u16,
    /// Codecs in order of preference. An empty list offers a stream that is switched off and accepts none.
    pub codecs: Vec<Codec>,
    /// Whether keys are offered and accepted as telephone events (RFC 4733).
    pub dtmf: bool,
    /// Session id of the `o=` line: the same in every description of one call.
    pub session_id: u64,
    /// Version of the `o=` line: one more in each description of one call that differs from the one before
    /// (RFC 3264 section 8).
    pub version: u64,
    /// Length of the packets we would like to get, in ms.
    pub ptime_ms: u8,
    /// Who may send, seen from this side.
    pub direction: Direction,
    /// Whether the stream is encrypted.
    pub encryption: Encryption,
}

/// Whether a leg's media is encrypted. The keys are those of the leg and stay the same for as long as it lasts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encryption {
    /// It is not: keys are not offered, and streams that want them are turned down.
    Off,
    /// Where the peer can: offered within `RTP/AVP`, which who does not know of it takes for a plain stream (RFC 8643).
    Offered(Box<LocalKeys>),
    /// It is, or there is no stream.
    Required(Box<LocalKeys>),
}

impl Encryption {
    /// Our keys; none when it is off.
    #[must_use]
    pub fn keys(&self) -> Option<&LocalKeys> {
        match self {
            Self::Off => None,
            Self::Offered(keys) | Self::Required(keys) => Some(keys),
        }
    }
}

#[cfg(test)]
mod tests;
