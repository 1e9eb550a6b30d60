//! RTP (RFC 3550): packets, the unwrapping of their counters, and who the peer is.

pub(crate) mod arrivals;
mod copy;
mod header;
pub(crate) mod source;
pub(crate) mod unwrap;

pub use copy::{COPY_PACKET, RtpCopy};
pub use header::{HEADER_LENGTH, RtpError, RtpHeader, RtpPacket, header_length, is_rtcp};

/// Payload type of comfort noise at 8 kHz (RFC 3389 section 4).
pub const COMFORT_NOISE: u8 = 13;
