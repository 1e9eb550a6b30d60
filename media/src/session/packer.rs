//! Frames of 20 ms to packets of the length the peer wants.

use crate::codec::{Codec, Encoder};
use crate::frame::{MAX_SAMPLES, Rate};

/// Samples of the longest packet, 60 ms, and of the frame that completes it.
const ROOM: usize = 4 * MAX_SAMPLES;

/// Samples in a millisecond, at 8 kHz.
const PER_MS: usize = 8;

/// The encoder of a leg, and what waits for it.
#[derive(Debug)]
pub(super) struct Packer {
    rate: Rate,
    encoder: Encoder,
    /// Samples of one packet.
    length: usize,
    /// More than one packet waits, as packets have become shorter: it leaves in one, not in a burst.
    behind: bool,
    waiting: [i16; ROOM],
    filled: usize,
}

impl Packer {
    /// From frames of this rate, for a peer that wants packets of about `ptime_ms`.
    pub(super) fn new(codec: Codec, ptime_ms: u8, rate: Rate) -> Self {
        let (length, encoder) = (length(codec, ptime_ms, rate), Encoder::new(codec, rate));
        Self { rate, encoder, length, behind: false, waiting: [0; ROOM], filled: 0 }
    }

    /// Goes over to another format. What waits leaves in it.
    pub(super) fn renegotiate(&mut self, codec: Codec, ptime_ms: u8) {
        if codec != self.encoder.codec() {
            self.encoder = Encoder::new(codec, self.rate);
        }
        self.length = length(codec, ptime_ms, self.rate);
        self.behind = self.filled >= self.length;
    }

    /// Nothing waits that is too little for a packet.
    pub(super) const fn is_empty(&self) -> bool {
        self.filled == 0
    }

    /// Takes the next 20 ms, in the place of the newest when packets were not taken.
    pub(super) fn push(&mut self, frame: &[i16]) {
        self.filled = self.filled.min(3 * self.rate.samples());
        self.waiting[self.filled..self.filled + frame.len()].copy_from_slice(frame);
        self.filled += frame.len();
    }

    /// Encodes the next packet, if there is enough for one: how many samples at 8 kHz lie between its beginning and the end
    /// of what there is, and how many bytes it takes.
    pub(super) fn next(&mut self, payload: &mut [u8]) -> Option<(usize, usize)> {
        if self.filled < self.length {
            return None;
        }
        let age = self.filled / self.rate.factor();
        let length = match std::mem::take(&mut self.behind) {
            true => length(self.encoder.codec(), (age / PER_MS) as u8, self.rate).clamp(self.length, self.filled),
            false => self.length,
        };
        let bytes = self.encoder.encode(&self.waiting[..length], payload);
        self.waiting.copy_within(length..self.filled, 0);
        self.filled -= length;
        Some((age, bytes))
    }

    /// Forgets what waits.
    pub(super) const fn clear(&mut self) {
        self.filled = 0;
    }
}

fn length(codec: Codec, ptime_ms: u8, rate: Rate) -> usize {
    usize::from(codec.packet_ms(ptime_ms)) * PER_MS * rate.factor()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::FRAME_8K;

    #[test]
    fn what_waits_when_packets_become_shorter_leaves_in_one() {
        for (codec, expected) in [(Codec::Pcma, vec![480]), (Codec::L16(Rate::Hz8000), vec![960])] {
            let mut packer = Packer::new(codec, 60, Rate::Hz8000);
            packer.push(&[7; FRAME_8K]);
            packer.push(&[7; FRAME_8K]);
            packer.renegotiate(codec, 10);
            packer.push(&[7; FRAME_8K]);
            let mut payload = [0; 1_200];
            let mut leave =
                || std::iter::from_fn(|| packer.next(&mut payload)).map(|(_, bytes)| bytes).collect::<Vec<_>>();
            assert_eq!(leave(), expected, "{codec:?}");
            packer.push(&[7; FRAME_8K]);
            let mut leave =
                || std::iter::from_fn(|| packer.next(&mut payload)).map(|(_, bytes)| bytes).collect::<Vec<_>>();
            assert_eq!(leave(), [expected[0] / 6; 2], "{codec:?}");
        }
    }

    #[test]
    fn every_length_of_packet_carries_every_sample_once() {
        for ptime_ms in [10u8, 20, 30, 40, 50, 60] {
            let mut packer = Packer::new(Codec::L16(Rate::Hz8000), ptime_ms, Rate::Hz8000);
            let mut carried = Vec::new();
            for frame in 0..30i16 {
                packer.push(&std::array::from_fn::<_, FRAME_8K, _>(|n| frame * 160 + n as i16));
                let mut payload = [0; 1_200];
                while let Some((age, bytes)) = packer.next(&mut payload) {
                    assert_eq!(bytes, usize::from(ptime_ms) * 16);
                    assert_eq!((usize::from(frame.unsigned_abs()) + 1) * 160 - age, carried.len(), "where it begins");
                    carried.extend(payload[..bytes].chunks(2).map(|pair| i16::from_be_bytes([pair[0], pair[1]])));
                }
            }
            assert!(carried.len() > 4_800 - 480, "{ptime_ms}");
            assert!(carried.iter().enumerate().all(|(n, sample)| n as i16 == *sample), "{ptime_ms}");
        }
    }
}
