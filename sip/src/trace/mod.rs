//! SIP messages of calls, for people to look at: without their secrets, kept within bounds, and told as a ladder, to a
//! capture server (HEP3) or as a file of packets (pcap).
//!
//! The bytes are looked at as they are, whether or not they are good SIP. Whatever is kept or encoded is a [`Message`], and there is no way to one but [`Seen::redacted`].

pub mod hep;
pub mod ladder;
mod outline;
pub mod pcap;
mod recorder;
mod redact;

use std::fmt;
use std::net::{IpAddr, SocketAddr};

pub use outline::{Outline, Start};
pub use recorder::{Counts, Finished, Limits, Recorder, Trace};
pub use redact::redact;

use crate::endpoint::Transport;

/// Which way a message went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// It came from the peer.
    Received,
    /// It was handed to the transport.
    Sent,
}

/// A message as it passed, secrets and all: for one moment only.
#[derive(Clone, PartialEq, Eq)]
pub struct Seen {
    /// When, in microseconds since 1970 UTC.
    pub at_us: u64,
    /// Which way.
    pub way: Way,
    /// Over what.
    pub transport: Transport,
    /// Our address.
    pub local: SocketAddr,
    /// The peer's address.
    pub peer: SocketAddr,
    /// Head and body.
    pub bytes: Vec<u8>,
}

impl Seen {
    /// The message without its secrets ([`fn@redact`]); what is redacted already stays as it is.
    #[must_use]
    pub fn redacted(mut self) -> Message {
        redact(&mut self.bytes);
        Message(self)
    }
}

impl fmt::Debug for Seen {
    /// It holds telephone numbers, and secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {} bytes over {}", self.way, self.bytes.len(), self.transport.name())
    }
}

/// A message without its secrets. It still holds personal data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message(Seen);

impl Message {
    /// When it passed, in microseconds since 1970 UTC.
    #[must_use]
    pub fn at_us(&self) -> u64 {
        self.0.at_us
    }

    /// Which way it went.
    #[must_use]
    pub fn way(&self) -> Way {
        self.0.way
    }

    /// Over what it went.
    #[must_use]
    pub fn transport(&self) -> Transport {
        self.0.transport
    }

    /// Our address.
    #[must_use]
    pub fn local(&self) -> SocketAddr {
        self.0.local
    }

    /// The peer's address.
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        self.0.peer
    }

    /// Head and body, of the length that they had.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0.bytes
    }

    /// From where to where, in one family of addresses: IPv4 where both are, IPv6 otherwise.
    fn ends(&self) -> (SocketAddr, SocketAddr) {
        let [local, peer] = [self.0.local, self.0.peer].map(|end| SocketAddr::new(end.ip().to_canonical(), end.port()));
        let wide = |end: SocketAddr| match end.ip() {
            IpAddr::V4(ip) => SocketAddr::new(ip.to_ipv6_mapped().into(), end.port()),
            IpAddr::V6(_) => end,
        };
        let (local, peer) = if local.is_ipv4() == peer.is_ipv4() { (local, peer) } else { (wide(local), wide(peer)) };
        match self.0.way {
            Way::Received => (peer, local),
            Way::Sent => (local, peer),
        }
    }
}

#[cfg(test)]
mod tests;
