//! Where bytes come from and go to: listeners, flows and transmits.

use crate::message::HostPort;
use sha2::{Digest, Sha256};
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

/// A transport protocol under SIP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// Datagrams: messages may be lost, and the transaction layer repeats them.
    Udp,
    /// A byte stream: nothing is repeated.
    Tcp,
    /// A byte stream that nobody else can read. A connection that we open goes to a far end that has proved this name;
    /// those who connect to us, and listeners, have [`PeerName::NONE`].
    Tls(PeerName),
    /// A websocket, on which each message stands alone (RFC 7118). Only others open one to us: a peer that has gone cannot be
    /// reached any more.
    Ws,
    /// A websocket over TLS.
    Wss,
}

/// Which name the far end of a TLS connection has to prove. Connections to one address under different names are different
/// flows: what has proved one name is never used for another (RFC 5922 section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerName(pub u64);

impl PeerName {
    /// No name: the far end connected to us.
    pub const NONE: Self = Self(0);

    /// The one for this host: the same one in every process, whatever its case and with or without a dot at its end.
    #[must_use]
    pub fn of(host: &str) -> Self {
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        let digest = Sha256::digest(host.as_bytes());
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        Self(u64::from_be_bytes(first).max(1))
    }
}

impl Transport {
    /// Whether the transport itself repeats what is lost.
    #[must_use]
    pub fn is_reliable(self) -> bool {
        match self {
            Self::Udp => false,
            Self::Tcp | Self::Tls(_) | Self::Ws | Self::Wss => true,
        }
    }

    /// Whether nobody else can read along up to the far end of the flow.
    #[must_use]
    pub fn is_secure(self) -> bool {
        match self {
            Self::Udp | Self::Tcp | Self::Ws => false,
            Self::Tls(_) | Self::Wss => true,
        }
    }

    /// Whether each message comes and goes by itself in a frame of a websocket.
    #[must_use]
    pub fn is_websocket(self) -> bool {
        match self {
            Self::Udp | Self::Tcp | Self::Tls(_) => false,
            Self::Ws | Self::Wss => true,
        }
    }

    /// The name in a Via header.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls(_) => "TLS",
            Self::Ws => "WS",
            Self::Wss => "WSS",
        }
    }

    /// The port where the address names none (RFC 3261 section 19.1.2, RFC 7118 section 5.2.2).
    #[must_use]
    pub fn default_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5060,
            Self::Tls(_) => 5061,
            Self::Ws => 80,
            Self::Wss => 443,
        }
    }

    /// Whether both speak the same protocol, whoever is at the far end.
    #[must_use]
    pub fn is_like(self, other: Self) -> bool {
        self.name() == other.name()
    }
}

/// Names one listening socket of the shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListenerId(pub u16);

/// A listening socket and what it is called from outside.
#[derive(Debug, Clone)]
pub struct Listener {
    /// Its name in flows.
    pub id: ListenerId,
    /// Its transport.
    pub transport: Transport,
    /// Address put into Via and Contact: where the far side reaches this listener.
    pub advertised: HostPort,
}

/// A path to one peer: a UDP address pair or a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flow {
    /// The local socket.
    pub listener: ListenerId,
    /// Its transport.
    pub transport: Transport,
    /// The far address.
    pub peer: SocketAddr,
}

impl fmt::Display for Flow {
    /// `udp/1/192.0.2.7:5060`, with TLS also which name the far end has to prove: `tls:1f/2/192.0.2.7:5061`. [`FromStr`]
    /// reads it back.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.transport {
            Transport::Udp => f.write_str("udp")?,
            Transport::Tcp => f.write_str("tcp")?,
            Transport::Tls(PeerName::NONE) => f.write_str("tls")?,
            Transport::Tls(PeerName(name)) => write!(f, "tls:{name:x}")?,
            Transport::Ws => f.write_str("ws")?,
            Transport::Wss => f.write_str("wss")?,
        }
        write!(f, "/{}/{}", self.listener.0, self.peer)
    }
}

/// The text is not a flow as [`Flow`] prints it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a flow: expected transport/listener/address:port")]
pub struct FlowSyntax;

impl FromStr for Flow {
    type Err = FlowSyntax;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.splitn(3, '/');
        let transport = match parts.next() {
            Some("udp") => Transport::Udp,
            Some("tcp") => Transport::Tcp,
            Some("tls") => Transport::Tls(PeerName::NONE),
            Some("ws") => Transport::Ws,
            Some("wss") => Transport::Wss,
            Some(other) => {
                let name = other.strip_prefix("tls:").ok_or(FlowSyntax)?;
                Transport::Tls(PeerName(u64::from_str_radix(name, 16).map_err(|_| FlowSyntax)?))
            }
            None => return Err(FlowSyntax),
        };
        let listener = parts.next().and_then(|id| id.parse().ok()).map(ListenerId).ok_or(FlowSyntax)?;
        let peer = parts.next().and_then(|peer| peer.parse().ok()).ok_or(FlowSyntax)?;
        Ok(Self { listener, transport, peer })
    }
}

/// Names what a [`Transmit`] belongs to, for [`handle_send_failed`](super::Endpoint::handle_send_failed).
/// Retransmissions of one message carry the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransmitId(pub u64);

impl TransmitId {
    /// A message whose loss nobody waits for (ACK, stateless answers).
    pub const UNTRACKED: Self = Self(0);
}

/// Bytes to send. Over TCP and TLS the shell opens a connection to the peer when none is up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmit {
    /// Where to.
    pub flow: Flow,
    /// One whole SIP message, or a keep-alive.
    pub bytes: Vec<u8>,
    /// What to say when it could not be sent.
    pub id: TransmitId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flows_are_read_back_as_they_are_printed() {
        let peer = SocketAddr::from(([192, 0, 2, 7], 5061));
        let name = PeerName::of("sip.example.org");
        let streams = [Transport::Tcp, Transport::Tls(PeerName::NONE), Transport::Tls(name)];
        for transport in streams.into_iter().chain([Transport::Udp, Transport::Ws, Transport::Wss]) {
            let flow = Flow { listener: ListenerId(2), transport, peer };
            assert_eq!(flow.to_string().parse(), Ok(flow));
        }
        for nonsense in ["", "tls:/2/192.0.2.7:5061", "tls:xyz/2/192.0.2.7:5061", "sctp/2/192.0.2.7:5061", "tls:1/2"] {
            assert_eq!(nonsense.parse::<Flow>(), Err(FlowSyntax), "{nonsense}");
        }
    }

    #[test]
    fn a_name_is_the_same_however_it_is_written() {
        assert_eq!(PeerName::of("SIP.Example.ORG."), PeerName::of("sip.example.org"));
        assert_ne!(PeerName::of("sip.example.org"), PeerName::of("sip.example.com"));
        assert_ne!(PeerName::of(""), PeerName::NONE);
    }
}
