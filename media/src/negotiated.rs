//! What an offer and its answer agreed on.

use std::net::SocketAddr;

use crate::codec::Codec;
use crate::srtp::SrtpKeys;

/// The outcome of one offer/answer exchange (RFC 3264), seen from this side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// The codec both ways.
    pub codec: Codec,
    /// Its RTP payload type, 0 to 127.
    pub payload_type: u8,
    /// Payload type of `telephone-event` at the codec's clock rate (RFC 4733); `None` when the peer takes no DTMF events.
    pub dtmf: Option<u8>,
    /// Where the peer's description says it receives; `None` for the unspecified address or port 0.
    pub remote: Option<SocketAddr>,
    /// Where the peer takes RTCP.
    pub rtcp: RtcpPath,
    /// Who sends, seen from this side.
    pub direction: Direction,
    /// The packet time the peer asked for, in milliseconds. This side sends packets of
    /// [that length](Codec::packet_ms) as far as the codec has it; the peer may send up to 120 ms.
    pub ptime_ms: u8,
    /// What packets are protected with; `None` sends and takes them in the clear.
    pub srtp: Option<Box<SrtpKeys>>,
}

/// Where RTCP goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RtcpPath {
    /// From our port one above that of RTP to the peer's one above its RTP (RFC 3550 section 11).
    #[default]
    Beside,
    /// From there to where the peer said (RFC 3605).
    At(SocketAddr),
    /// Over the ports of RTP (RFC 5761).
    Muxed,
}

/// Direction of a stream seen from this side (RFC 8866 section 6.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Both sides send.
    SendRecv,
    /// Only this side sends: the peer has put us on hold, or only listens.
    SendOnly,
    /// Only the peer sends.
    RecvOnly,
    /// Nobody sends.
    Inactive,
}

impl Direction {
    /// Whether this side may send.
    #[must_use]
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether the peer may send.
    #[must_use]
    pub const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// The same stream seen from the other side.
    #[must_use]
    pub const fn reversed(self) -> Self {
        match self {
            Self::SendRecv => Self::SendRecv,
            Self::SendOnly => Self::RecvOnly,
            Self::RecvOnly => Self::SendOnly,
            Self::Inactive => Self::Inactive,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_side_sends_the_other_receives() {
        for direction in [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive] {
            assert_eq!(direction.sends(), direction.reversed().receives());
            assert_eq!(direction.reversed().reversed(), direction);
        }
    }
}
