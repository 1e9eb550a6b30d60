//! Why a description was refused.

/// What is wrong with a peer's description. In an offer, [`SdpError::is_malformed`] tells a broken body (400) from one
/// that is fine and asks for what we do not have (488, RFC 3261 section 21.4.26); in an answer the call cannot go on
/// either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// Longer than [`MAX_BYTES`](super::MAX_BYTES).
    #[error("description of {bytes} bytes is too long")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// More than [`MAX_LINES`](super::MAX_LINES) lines.
    #[error("description has too many lines")]
    TooManyLines,
    /// More than [`MAX_MEDIA`](super::MAX_MEDIA) `m=` lines.
    #[error("description has too many media")]
    TooManyMedia,
    /// Does not begin with `v=0`.
    #[error("not a session description")]
    NotSdp,
    /// An `m=` line that cannot be read.
    #[error("media line {index} is malformed")]
    MediaLine {
        /// Which `m=` line, counted from 0.
        index: usize,
    },
    /// A `c=` line that cannot be read, or none for the stream.
    #[error("no usable connection address")]
    Connection,
    /// A host name, a multicast group or a zoned address, where media cannot be sent without harm or a resolver.
    #[error("connection address is not a plain unicast address")]
    Address,
    /// No audio stream that is switched on.
    #[error("no audio stream")]
    NoAudio,
    /// Audio only over SRTP, which this leg does not speak, or with keys by DTLS, which none does.
    #[error("audio only with encryption")]
    SecureMedia,
    /// Audio without encryption, which this leg does not take.
    #[error("audio only without encryption")]
    PlainMedia,
    /// Audio over SRTP without an `a=crypto` line that can be used, or an answer with one that does not fit our offer.
    #[error("no usable key for encrypted audio")]
    Crypto,
    /// Audio only over a transport other than `RTP/AVP`, `RTP/SAVP` and the two with feedback.
    #[error("audio only over an unknown transport")]
    Transport,
    /// No codec that both sides have.
    #[error("no common codec")]
    NoCommonCodec,
    /// An answer that turned our stream down (port 0).
    #[error("the audio stream was turned down")]
    Rejected,
}

impl SdpError {
    /// Whether the peer broke the format, as opposed to asking for something we do not support.
    #[must_use]
    pub const fn is_malformed(self) -> bool {
        match self {
            Self::TooLong { .. }
            | Self::TooManyLines
            | Self::TooManyMedia
            | Self::NotSdp
            | Self::MediaLine { .. }
            | Self::Connection => true,
            Self::Address
            | Self::NoAudio
            | Self::SecureMedia
            | Self::PlainMedia
            | Self::Crypto
            | Self::Transport
            | Self::NoCommonCodec
            | Self::Rejected => false,
        }
    }
}
