//! One side of a call as packets for somebody who only listens.

use super::{HEADER_LENGTH, RtpHeader};
use crate::codec::g711::Law;
use crate::convert::{Converter, narrowed};
use crate::frame::{FRAME_8K, PcmFrame, Rate};

/// Bytes of the longest packet: a header and 20 ms of G.711.
pub const COPY_PACKET: usize = HEADER_LENGTH + FRAME_8K;

/// Packs 20 ms at a time. It never waits and, but for the first wideband frame, never allocates.
#[derive(Clone, Debug)]
pub struct RtpCopy {
    ssrc: u32,
    sequence: u16,
    /// Of the next frame.
    timestamp: u32,
    /// The next packet begins a talk spurt (RFC 3551 section 4.1).
    marker: bool,
    /// For wideband frames, once there was one.
    narrow: Option<Converter>,
}

impl RtpCopy {
    /// A stream that begins with these numbers, which should be random (RFC 3550 section 5.1).
    #[must_use]
    pub const fn new(ssrc: u32, sequence: u16, timestamp: u32) -> Self {
        Self { ssrc, sequence, timestamp, marker: true, narrow: None }
    }

    /// Writes the packet of a frame before which `skipped` frames were missed; how long it is. A wideband frame is sent
    /// at 8 kHz.
    pub fn packet(
        &mut self,
        (law, payload_type): (Law, u8),
        skipped: u32,
        frame: &PcmFrame,
        out: &mut [u8; COPY_PACKET],
    ) -> usize {
        self.pass(skipped);
        let (header, payload) = out.split_first_chunk_mut().expect("a packet is longer than a header");
        let marker = std::mem::take(&mut self.marker);
        let (sequence, timestamp, ssrc) = (self.sequence, self.timestamp, self.ssrc);
        RtpHeader { marker, payload_type, sequence, timestamp, ssrc }.write(header);
        self.sequence = sequence.wrapping_add(1);
        self.timestamp = timestamp.wrapping_add(FRAME_8K as u32);
        let wide = frame.rate() == Rate::Hz16000;
        let narrow = wide.then(|| self.narrow.get_or_insert_with(|| Converter::new(Rate::Hz16000, Rate::Hz8000)));
        HEADER_LENGTH + law.encode(narrowed(narrow, frame.samples()), payload)
    }

    /// So many frames are not sent: the next packet begins a talk spurt.
    pub const fn pass(&mut self, frames: u32) {
        self.timestamp = self.timestamp.wrapping_add(frames.wrapping_mul(FRAME_8K as u32));
        self.marker |= frames > 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::RtpPacket;

    fn sent(copy: &mut RtpCopy, skipped: u32, rate: Rate) -> (bool, u16, u32, Vec<u8>) {
        let frame = PcmFrame::from_samples(rate, &vec![-30_000; rate.samples()]).expect("a frame");
        let mut packet = [0; COPY_PACKET];
        let length = copy.packet((Law::A, 8), skipped, &frame, &mut packet);
        let packet = RtpPacket::parse(&packet[..length]).expect("RTP");
        assert_eq!((packet.header.payload_type, packet.header.ssrc), (8, 9));
        (packet.header.marker, packet.header.sequence, packet.header.timestamp, packet.payload.to_vec())
    }

    #[test]
    fn frames_are_numbered_and_what_is_missed_is_passed_over() {
        let mut copy = RtpCopy::new(9, 65_535, u32::MAX - 159);
        let first = sent(&mut copy, 0, Rate::Hz8000);
        assert_eq!((first.0, first.1, first.2, first.3.len()), (true, 65_535, u32::MAX - 159, 160));
        let second = sent(&mut copy, 0, Rate::Hz16000);
        assert_eq!((second.0, second.1, second.2), (false, 0, 0));
        let third = sent(&mut copy, 0, Rate::Hz16000);
        assert_eq!(third.3, first.3, "wideband frames of the same sound");
        let later = sent(&mut copy, 3, Rate::Hz8000);
        assert_eq!((later.0, later.1, later.2), (true, 2, 160 * 5));
        copy.pass(2);
        let after = sent(&mut copy, 0, Rate::Hz8000);
        assert_eq!((after.0, after.1, after.2), (true, 3, 160 * 8));
    }
}
