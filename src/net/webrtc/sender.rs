//! RTP to one listener: payloads that somebody else has made, numbered and protected for this one. Pure.

use std::net::SocketAddr;

use callwright_media::negotiated::Negotiated;
use callwright_media::rtp::{HEADER_LENGTH, RtpHeader};
use callwright_media::srtp::{MAX_OVERHEAD, SrtpSender};

/// Samples a second that positions count.
const RATE: u64 = 8_000;
/// The longest packet.
const PACKET: usize = 1_400;

/// One listener's stream.
pub struct Sender {
    srtp: SrtpSender,
    to: SocketAddr,
    payload_type: u8,
    clock: u64,
    ssrc: u32,
    /// Of the next packet, rollovers included.
    index: u64,
    /// What is added to a position.
    offset: u64,
    last: Option<u64>,
    packet: Box<[u8; PACKET]>,
}

impl Sender {
    /// A stream under what was agreed on; `None` without keys and an address. The `chance` gives its source number and where its
    /// clock and its numbers begin.
    #[must_use]
    pub fn new(negotiated: &Negotiated, chance: [u32; 3]) -> Option<Self> {
        let keys = negotiated.srtp.as_ref()?;
        Some(Self {
            srtp: SrtpSender::new(&keys.local),
            to: negotiated.remote?,
            payload_type: negotiated.payload_type,
            clock: negotiated.codec.clock_rate().into(),
            ssrc: chance[0],
            // Below half of the numbers, so that the first rollover is not missed (RFC 3711 section 3.3.1).
            index: u64::from(chance[1] & 0x7fff),
            offset: chance[2].into(),
            last: None,
            packet: Box::new([0; PACKET]),
        })
    }

    /// The listener receives elsewhere from now on.
    pub const fn send_to(&mut self, remote: SocketAddr) {
        self.to = remote;
    }

    /// The packet of 20 ms at a position in samples at 8 kHz. `None` for what cannot be sent: a position that was sent before, a
    /// payload beyond all measure.
    pub fn packet(&mut self, position: u64, payload: &[u8]) -> Option<(SocketAddr, &[u8])> {
        let length = HEADER_LENGTH + payload.len();
        if self.last.is_some_and(|last| position <= last) || length + MAX_OVERHEAD > PACKET {
            return None;
        }
        let timestamp = (position * self.clock / RATE).wrapping_add(self.offset) & u64::from(u32::MAX);
        let header = RtpHeader {
            // The first after a silence (RFC 3551 section 4.1).
            marker: self.last.is_none_or(|last| position - last != RATE / 50),
            payload_type: self.payload_type,
            sequence: (self.index & 0xffff) as u16,
            timestamp: timestamp as u32,
            ssrc: self.ssrc,
        };
        let mut start = [0; HEADER_LENGTH];
        header.write(&mut start);
        self.packet[..HEADER_LENGTH].copy_from_slice(&start);
        self.packet[HEADER_LENGTH..length].copy_from_slice(payload);
        let rollover = (self.index >> 16) as u32;
        let length = self.srtp.protect(&mut self.packet[..], length, rollover).ok()?;
        self.index += 1;
        self.last = Some(position);
        Some((self.to, &self.packet[..length]))
    }
}

#[cfg(test)]
mod tests {
    use callwright_media::codec::{Codec, OpusTerms};
    use callwright_media::negotiated::{Direction, RtcpPath};
    use callwright_media::rtp::RtpPacket;
    use callwright_media::srtp::{MasterKey, RemoteKey, SrtpKeys, SrtpReceiver, Suite};

    use super::*;

    fn sender(chance: [u32; 3]) -> (Sender, SrtpReceiver) {
        let key = MasterKey::new(Suite::AeadAes128Gcm, &[7; 28]).expect("a key");
        let keys = SrtpKeys { local: key.clone(), remote: RemoteKey { key: key.clone(), mki: None } };
        let negotiated = Negotiated {
            codec: Codec::Opus(OpusTerms::OURS),
            payload_type: 111,
            dtmf: None,
            remote: Some("192.0.2.1:9".parse().expect("an address")),
            rtcp: RtcpPath::Muxed,
            direction: Direction::SendOnly,
            ptime_ms: 20,
            srtp: Some(Box::new(keys)),
        };
        let receiver = SrtpReceiver::new(&RemoteKey { key, mki: None });
        (Sender::new(&negotiated, chance).expect("keys and an address"), receiver)
    }

    #[test]
    fn positions_become_timestamps_at_the_codecs_clock_and_gaps_are_marked() {
        let (mut sender, mut receiver) = sender([9, 5, 1_000]);
        let mut seen = Vec::new();
        for position in [160, 320, 320, 800] {
            let Some((to, packet)) = sender.packet(position, &[1, 2, 3]) else { continue };
            assert_eq!(to.port(), 9);
            let packet = RtpPacket::parse(receiver.unprotect(packet).expect("authentic")).expect("RTP");
            assert_eq!((packet.payload, packet.header.payload_type, packet.header.ssrc), (&[1, 2, 3][..], 111, 9));
            seen.push((packet.header.sequence, packet.header.timestamp, packet.header.marker));
        }
        assert_eq!(seen, [(5, 1_960, true), (6, 2_920, false), (7, 5_800, true)]);
    }

    #[test]
    fn numbers_come_round_and_stay_authentic() {
        let (mut sender, mut receiver) = sender([9, 0x7fff, u32::MAX]);
        for n in 1..=40_000_u64 {
            let (_, packet) = sender.packet(n * 160, &[1]).expect("a packet");
            assert!(receiver.unprotect(packet).is_ok(), "packet {n}");
        }
    }

    #[test]
    fn what_does_not_fit_is_not_sent() {
        let (mut sender, _) = sender([1, 2, 3]);
        assert!(sender.packet(0, &[0; 2_000]).is_none());
        assert!(sender.packet(0, &[0; 1_000]).is_some());
    }
}
