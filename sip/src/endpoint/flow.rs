//! Where bytes come from and go to: listeners, flows and transmits.

use crate::message::HostPort;
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
}

impl Transport {
    /// Whether the transport itself repeats what is lost.
    #[must_use]
    pub fn is_reliable(self) -> bool {
        match self {
            Self::Udp => false,
            Self::Tcp => true,
        }
    }

    /// The name in a Via header.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
        }
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

/// A path to one peer: a UDP address pair or a TCP connection.
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
    /// `udp/1/192.0.2.7:5060`; [`FromStr`] reads it back.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let transport = match self.transport {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
        };
        write!(f, "{transport}/{}/{}", self.listener.0, self.peer)
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
            Some(_) | None => return Err(FlowSyntax),
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

/// Bytes to send. Over TCP the shell opens a connection to the peer when none is up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmit {
    /// Where to.
    pub flow: Flow,
    /// One whole SIP message, or a keep-alive.
    pub bytes: Vec<u8>,
    /// What to say when it could not be sent.
    pub id: TransmitId,
}
