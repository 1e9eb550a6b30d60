//! Codecs: what they are called, and what encodes and decodes them.
//!
//! A [`Codec`] names a format. An [`Encoder`] and a [`Decoder`] hold the state of one stream; they work at the rate of
//! whoever makes them, so that a wideband codec costs a leg at 8 kHz no resampling.

mod decoder;
mod encoder;
pub mod g711;
pub mod g722;
pub mod l16;
mod opus;

pub use decoder::Decoder;
pub use encoder::Encoder;
pub(crate) use opus::GRAIN as OPUS_GRAIN;
pub use opus::OpusTerms;

use crate::frame::Rate;
use crate::resample::Resampler;

/// Longest packet, in samples at 8 kHz: 120 ms, twice what is asked of a peer.
pub const LONGEST: usize = 960;

/// Longest payload of any codec, in bytes: 120 ms of linear samples at 16 kHz.
pub const LONGEST_PAYLOAD: usize = 4 * LONGEST;

/// A payload that is none of its codec. The peer's fault, and harmless: the gap is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the payload cannot be decoded")]
pub struct Undecodable;

/// A speech codec as SDP names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Codec {
    /// G.711 μ-law: North America, Japan.
    Pcmu,
    /// G.711 A-law: everywhere else.
    Pcma,
    /// G.722 at 64 kbit/s: wideband between PBXs.
    G722,
    /// Opus, on these terms: browsers. In our own list of codecs the terms are ours, and what was agreed on has the
    /// peer's.
    Opus(OpusTerms),
    /// Linear samples of 16 bit.
    L16(Rate),
}

impl Codec {
    /// The payload type it is offered under: RFC 3551's where there is one (table 4), else one of the free ones. Browsers
    /// call Opus 111 too.
    #[must_use]
    pub const fn payload_type(self) -> u8 {
        match self {
            Self::Pcmu => 0,
            Self::Pcma => 8,
            Self::G722 => 9,
            Self::Opus(_) => 111,
            Self::L16(Rate::Hz16000) => 97,
            Self::L16(Rate::Hz8000) => 98,
        }
    }

    /// The payload type that means this codec without an `a=rtpmap`.
    #[must_use]
    pub const fn static_payload_type(self) -> Option<u8> {
        match self {
            Self::Pcmu | Self::Pcma | Self::G722 => Some(self.payload_type()),
            Self::Opus(_) | Self::L16(_) => None,
        }
    }

    /// The payload type telephone events are offered under beside it: 101, which most peers use, and two of those that
    /// browsers use.
    #[must_use]
    pub const fn events_payload_type(self) -> u8 {
        match self.clock_rate() {
            48_000 => 110,
            16_000 => 113,
            _ => 101,
        }
    }

    /// The encoding name of `a=rtpmap` (compared without regard to case).
    #[must_use]
    pub const fn encoding_name(self) -> &'static str {
        match self {
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
            Self::G722 => "G722",
            Self::Opus(_) => "opus",
            Self::L16(_) => "L16",
        }
    }

    /// The number of channels in `a=rtpmap`, where Opus says two whatever is in it (RFC 7587 section 7).
    #[must_use]
    pub const fn channels(self) -> u8 {
        match self {
            Self::Opus(_) => 2,
            Self::Pcmu | Self::Pcma | Self::G722 | Self::L16(_) => 1,
        }
    }

    /// RTP clock rate in hertz. That of G.722 is half its sampling rate, for history's sake (RFC 3551 section 4.5.2), and
    /// that of Opus is the same for all (RFC 7587 section 4.1).
    #[must_use]
    pub const fn clock_rate(self) -> u32 {
        match self {
            Self::Pcmu | Self::Pcma | Self::G722 => 8_000,
            Self::Opus(_) => 48_000,
            Self::L16(rate) => rate.hertz(),
        }
    }

    /// Units of the RTP clock in one sample at 8 kHz.
    pub(crate) const fn units(self) -> u32 {
        self.clock_rate() / 8_000
    }

    /// Sampling rate of what it can carry.
    #[must_use]
    pub const fn rate(self) -> Rate {
        match self {
            Self::Pcmu | Self::Pcma => Rate::Hz8000,
            Self::G722 | Self::Opus(_) => Rate::Hz16000,
            Self::L16(rate) => rate,
        }
    }

    /// Whether it is the same format, on whatever terms.
    #[must_use]
    pub fn is_same_format(self, other: Self) -> bool {
        (self.encoding_name(), self.clock_rate()) == (other.encoding_name(), other.clock_rate())
    }

    /// How many samples at 8 kHz a payload lasts, at most [`LONGEST`]; `None` when it is none of this codec.
    #[must_use]
    pub fn samples_in(self, payload: &[u8]) -> Option<usize> {
        let samples = match self {
            Self::Pcmu | Self::Pcma | Self::G722 => Some(payload.len()),
            Self::Opus(_) => opus::samples_in(payload),
            Self::L16(Rate::Hz8000) => whole(payload.len(), 2),
            Self::L16(Rate::Hz16000) => whole(payload.len(), 4),
        };
        samples.filter(|samples| (1..=LONGEST).contains(samples))
    }

    /// Whether a payload says that its sender is silent and may pause.
    #[must_use]
    pub const fn is_silent(self, payload: &[u8]) -> bool {
        match self {
            Self::Opus(_) => opus::is_silent(payload),
            Self::Pcmu | Self::Pcma | Self::G722 | Self::L16(_) => false,
        }
    }

    /// The length of the packets that are sent to a peer who wants this many milliseconds: 10 to 60, whole tens, no
    /// longer than wanted unless that is less than 10, and such as the codec and a datagram allow.
    #[must_use]
    pub const fn packet_ms(self, wanted: u8) -> u8 {
        let tens = wanted / 10 * 10;
        match (self, tens) {
            (_, 0 | 10) => 10,
            (_, 20) => 20,
            // Opus has no frames of 30 and of 50 ms.
            (Self::Opus(_), 30) => 20,
            (Self::Opus(_), 40 | 50) => 40,
            (Self::Opus(_), _) => 60,
            (Self::L16(Rate::Hz16000), _) => 30,
            (_, 30 | 40 | 50) => tens,
            (_, _) => 60,
        }
    }

    /// The rate at which it takes and gives samples for somebody at `rate`.
    const fn works_at(self, rate: Rate) -> Rate {
        match self {
            Self::G722 | Self::Opus(_) => rate,
            Self::Pcmu | Self::Pcma | Self::L16(_) => self.rate(),
        }
    }
}

const fn whole(bytes: usize, each: usize) -> Option<usize> {
    if bytes.is_multiple_of(each) { Some(bytes / each) } else { None }
}

fn resampling(from: Rate, to: Rate) -> Option<(Resampler, Vec<i16>)> {
    let resampler = || Resampler::new(from.hertz(), to.hertz()).expect("both rates are supported");
    (from != to).then(|| (resampler(), Vec::new()))
}

#[cfg(test)]
mod tests;
