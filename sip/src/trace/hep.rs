//! HEP3, the protocol of capture servers such as Homer: one datagram a message, made of chunks (HEP3 Network Protocol
//! Specification, revision 11 and later; all chunks used here are of vendor 0, the generic ones).

use std::net::{IpAddr, SocketAddr};

use super::Message;
use crate::endpoint::Transport;

/// The longest HEP3 packet: its length is a 16-bit number, and UDP over IPv4 carries 65,507 bytes.
pub const LONGEST: usize = 65_507;

/// Who we are to the capture server.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Agent {
    /// Capture id.
    pub id: u32,
    /// Password, in plain text as the protocol has it.
    pub key: Option<Vec<u8>>,
}

impl std::fmt::Debug for Agent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Agent {}", self.id)
    }
}

/// Types of chunks.
mod chunk {
    pub(super) const FAMILY: u16 = 1;
    pub(super) const PROTOCOL: u16 = 2;
    pub(super) const SOURCE_V4: u16 = 3;
    pub(super) const DESTINATION_V4: u16 = 4;
    pub(super) const SOURCE_V6: u16 = 5;
    pub(super) const DESTINATION_V6: u16 = 6;
    pub(super) const SOURCE_PORT: u16 = 7;
    pub(super) const DESTINATION_PORT: u16 = 8;
    pub(super) const SECONDS: u16 = 9;
    pub(super) const MICROSECONDS: u16 = 10;
    pub(super) const KIND: u16 = 11;
    pub(super) const AGENT: u16 = 12;
    pub(super) const KEY: u16 = 14;
    pub(super) const PAYLOAD: u16 = 15;
    pub(super) const CORRELATION: u16 = 17;
}

/// The payload is SIP.
const SIP: u8 = 1;
/// AF_INET and AF_INET6 as Linux numbers them, which the specification takes over.
const FAMILIES: (u8, u8) = (2, 10);
/// Protocol numbers of IP. TLS is told as what it runs on.
const PROTOCOLS: (u8, u8) = (17, 6);

/// A message as a packet for the capture server. `None` when it would be longer than [`LONGEST`].
#[must_use]
pub fn encode(message: &Message, agent: &Agent, correlation: &[u8]) -> Option<Vec<u8>> {
    let (source, destination) = message.ends();
    let mut packet = Packet::new(message.bytes().len() + correlation.len() + 160);
    packet.chunk(chunk::FAMILY, &[if source.is_ipv4() { FAMILIES.0 } else { FAMILIES.1 }])?;
    packet.chunk(
        chunk::PROTOCOL,
        &[match message.transport() {
            Transport::Udp => PROTOCOLS.0,
            Transport::Tcp | Transport::Tls(_) | Transport::Ws | Transport::Wss => PROTOCOLS.1,
        }],
    )?;
    packet.address(source, chunk::SOURCE_V4, chunk::SOURCE_V6)?;
    packet.address(destination, chunk::DESTINATION_V4, chunk::DESTINATION_V6)?;
    packet.chunk(chunk::SOURCE_PORT, &source.port().to_be_bytes())?;
    packet.chunk(chunk::DESTINATION_PORT, &destination.port().to_be_bytes())?;
    let (seconds, micros) = super::pcap::stamp(message.at_us());
    packet.chunk(chunk::SECONDS, &seconds.to_be_bytes())?;
    packet.chunk(chunk::MICROSECONDS, &micros.to_be_bytes())?;
    packet.chunk(chunk::KIND, &[SIP])?;
    packet.chunk(chunk::AGENT, &agent.id.to_be_bytes())?;
    if let Some(key) = &agent.key {
        packet.chunk(chunk::KEY, key)?;
    }
    packet.chunk(chunk::CORRELATION, correlation)?;
    packet.chunk(chunk::PAYLOAD, message.bytes())?;
    packet.finish()
}

struct Packet(Vec<u8>);

impl Packet {
    fn new(capacity: usize) -> Self {
        let mut bytes = Vec::with_capacity(capacity);
        bytes.extend_from_slice(b"HEP3\0\0");
        Self(bytes)
    }

    /// Vendor, type, length with these six bytes, value.
    fn chunk(&mut self, kind: u16, value: &[u8]) -> Option<()> {
        let length = u16::try_from(value.len() + 6).ok()?;
        self.0.extend_from_slice(&[0, 0]);
        self.0.extend_from_slice(&kind.to_be_bytes());
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(value);
        Some(())
    }

    fn address(&mut self, end: SocketAddr, v4: u16, v6: u16) -> Option<()> {
        match end.ip() {
            IpAddr::V4(ip) => self.chunk(v4, &ip.octets()),
            IpAddr::V6(ip) => self.chunk(v6, &ip.octets()),
        }
    }

    fn finish(mut self) -> Option<Vec<u8>> {
        let length = u16::try_from(self.0.len()).ok().filter(|length| usize::from(*length) <= LONGEST)?;
        self.0[4..6].copy_from_slice(&length.to_be_bytes());
        Some(self.0)
    }
}

#[cfg(test)]
mod tests;
