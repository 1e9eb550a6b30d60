//! Codecs of the telephone network.

pub mod g711;

use crate::frame::Rate;

/// A speech codec as SDP names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Codec {
    /// G.711 μ-law: North America, Japan.
    Pcmu,
    /// G.711 A-law: everywhere else.
    Pcma,
}

impl Codec {
    /// The payload type RFC 3551 table 4 assigns to it.
    #[must_use]
    pub const fn static_payload_type(self) -> u8 {
        match self {
            Self::Pcmu => 0,
            Self::Pcma => 8,
        }
    }

    /// The encoding name of `a=rtpmap` (compared without regard to case).
    #[must_use]
    pub const fn encoding_name(self) -> &'static str {
        match self {
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
        }
    }

    /// RTP clock rate in hertz.
    #[must_use]
    pub const fn clock_rate(self) -> u32 {
        self.rate().hertz()
    }

    /// Sampling rate of the decoded audio.
    #[must_use]
    pub const fn rate(self) -> Rate {
        match self {
            Self::Pcmu | Self::Pcma => Rate::Hz8000,
        }
    }

    /// How many samples a payload of this many bytes holds.
    #[must_use]
    pub const fn samples_in(self, payload: usize) -> usize {
        match self {
            Self::Pcmu | Self::Pcma => payload,
        }
    }

    /// Encodes as many samples as fit `payload` and returns how many bytes were written.
    pub fn encode(self, samples: &[i16], payload: &mut [u8]) -> usize {
        let table = match self {
            Self::Pcmu => g711::encode_ulaw,
            Self::Pcma => g711::encode_alaw,
        };
        payload.iter_mut().zip(samples).map(|(byte, &sample)| *byte = table(sample)).count()
    }

    /// Decodes as many bytes as fit `samples` and returns how many samples were written.
    pub fn decode(self, payload: &[u8], samples: &mut [i16]) -> usize {
        let table = match self {
            Self::Pcmu => &g711::ULAW_TO_LINEAR,
            Self::Pcma => &g711::ALAW_TO_LINEAR,
        };
        samples.iter_mut().zip(payload).map(|(sample, &byte)| *sample = table[usize::from(byte)]).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_that_is_too_short_takes_what_fits() {
        for codec in [Codec::Pcmu, Codec::Pcma] {
            let mut payload = [0xaa; 4];
            assert_eq!(codec.encode(&[1_000, -1_000], &mut payload), 2);
            assert_eq!(payload[2..], [0xaa; 2]);
            let mut samples = [7; 1];
            assert_eq!(codec.decode(&payload, &mut samples), 1);
            assert!((i32::from(samples[0]) - 1_000).abs() < 40, "{codec:?}: {}", samples[0]);
        }
    }
}
