//! Messages as a file of packets: classic pcap of version 2.4 with microseconds, link type RAW (the packets begin with
//! their IP header), as draft-ietf-opsawg-pcap describes it.
//!
//! Each message is one UDP datagram, also where it travelled over TCP or TLS: a stream would need its handshakes and
//! sequence numbers made up, and what was in TLS could not be read.

use std::net::{IpAddr, SocketAddr};

use super::Message;

/// Little-endian, microseconds.
const MAGIC: u32 = 0xa1b2_c3d4;
/// The longest packet there is.
const SNAPLEN: u32 = 0xffff;
/// LINKTYPE_RAW.
const RAW: u32 = 101;
/// Protocol number of UDP.
const UDP: u8 = 17;
const UDP_HEADER: usize = 8;
const V4_HEADER: usize = 20;

/// The whole file. A message that is longer than a datagram can be is cut there.
#[must_use]
pub fn encode<'a>(messages: impl IntoIterator<Item = &'a Message>) -> Vec<u8> {
    let mut file = Vec::new();
    file.extend_from_slice(&MAGIC.to_le_bytes());
    file.extend_from_slice(&2_u16.to_le_bytes());
    file.extend_from_slice(&4_u16.to_le_bytes());
    // Time zone and accuracy: always 0.
    file.extend_from_slice(&[0; 8]);
    file.extend_from_slice(&SNAPLEN.to_le_bytes());
    file.extend_from_slice(&RAW.to_le_bytes());
    for message in messages {
        let packet = packet(message);
        let (seconds, micros) = stamp(message.at_us());
        let length = u32::try_from(packet.len()).unwrap_or(SNAPLEN);
        for field in [seconds, micros, length, length] {
            file.extend_from_slice(&field.to_le_bytes());
        }
        file.extend_from_slice(&packet);
    }
    file
}

/// Seconds and microseconds of a time, as far as 32 bits reach (February 2106).
pub(super) fn stamp(at_us: u64) -> (u32, u32) {
    let seconds = u32::try_from(at_us / 1_000_000).unwrap_or(u32::MAX);
    (seconds, u32::try_from(at_us % 1_000_000).unwrap_or(0))
}

fn packet(message: &Message) -> Vec<u8> {
    let (source, destination) = message.ends();
    match (source.ip(), destination.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let datagram = datagram(source, destination, message, usize::from(u16::MAX) - V4_HEADER);
            let length = u16::try_from(V4_HEADER + datagram.len()).unwrap_or(u16::MAX);
            // Version and header length, service; length; identification; do not fragment; time to live, protocol; checksum.
            let mut packet = vec![0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, UDP, 0, 0];
            packet[2..4].copy_from_slice(&length.to_be_bytes());
            packet.extend_from_slice(&from.octets());
            packet.extend_from_slice(&to.octets());
            let sum = checksum([&packet[..]]);
            packet[10..12].copy_from_slice(&sum.to_be_bytes());
            packet.extend_from_slice(&datagram);
            packet
        }
        (from, to) => {
            let [from, to] = [from, to].map(|ip| match ip {
                IpAddr::V4(ip) => ip.to_ipv6_mapped(),
                IpAddr::V6(ip) => ip,
            });
            let datagram = datagram(source, destination, message, usize::from(u16::MAX));
            // Version, class and flow; length; next header, hop limit.
            let mut packet = vec![0x60, 0, 0, 0, 0, 0, UDP, 64];
            packet[4..6].copy_from_slice(&u16::try_from(datagram.len()).unwrap_or(u16::MAX).to_be_bytes());
            packet.extend_from_slice(&from.octets());
            packet.extend_from_slice(&to.octets());
            packet.extend_from_slice(&datagram);
            packet
        }
    }
}

/// UDP header and as much of the message as fits into `room`.
fn datagram(source: SocketAddr, destination: SocketAddr, message: &Message, room: usize) -> Vec<u8> {
    let payload = &message.bytes()[..message.bytes().len().min(room - UDP_HEADER)];
    let length = u16::try_from(UDP_HEADER + payload.len()).unwrap_or(u16::MAX);
    let mut datagram = Vec::with_capacity(usize::from(length));
    for field in [source.port(), destination.port(), length, 0] {
        datagram.extend_from_slice(&field.to_be_bytes());
    }
    datagram.extend_from_slice(payload);
    // RFC 768 and RFC 8200 section 8.1: with the addresses, the protocol and the length; a sum of 0 is sent as all ones.
    let addresses = [source.ip(), destination.ip()].map(octets).concat();
    let pseudo = [&[0, UDP][..], &length.to_be_bytes()].concat();
    let sum = match checksum([&addresses[..], &pseudo[..], &datagram[..]]) {
        0 => u16::MAX,
        sum => sum,
    };
    datagram[6..8].copy_from_slice(&sum.to_be_bytes());
    datagram
}

fn octets(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

/// The Internet checksum (RFC 1071). All parts but the last are of even length.
fn checksum<const N: usize>(parts: [&[u8]; N]) -> u16 {
    let word = |pair: &[u8]| u64::from(pair[0]) << 8 | pair.get(1).map_or(0, |low| u64::from(*low));
    let mut sum: u64 = parts.iter().flat_map(|part| part.chunks(2)).map(word).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).expect("it was folded into 16 bits")
}

#[cfg(test)]
mod tests;
