//! Samples to payloads.

use super::g722::G722Encoder;
use super::opus::OpusEncoder;
use super::{Codec, g711, l16};
use crate::frame::Rate;
use crate::resample::Resampler;

/// Writes the payloads of one stream. Making one may allocate; encoding does not, once the first packet has gone.
#[derive(Debug)]
pub struct Encoder {
    codec: Codec,
    kind: Kind,
    /// Where the codec does not work at the rate of what it is given.
    resampling: Option<(Resampler, Vec<i16>)>,
}

#[derive(Debug)]
enum Kind {
    Pcmu,
    Pcma,
    G722(Box<G722Encoder>),
    Opus(OpusEncoder),
    L16,
}

impl Encoder {
    /// For samples at this rate.
    #[must_use]
    pub fn new(codec: Codec, rate: Rate) -> Self {
        let inside = codec.works_at(rate);
        let kind = match codec {
            Codec::Pcmu => Kind::Pcmu,
            Codec::Pcma => Kind::Pcma,
            Codec::G722 => Kind::G722(Box::new(G722Encoder::new(inside))),
            Codec::Opus(terms) => Kind::Opus(OpusEncoder::new(inside, terms)),
            Codec::L16(_) => Kind::L16,
        };
        Self { codec, kind, resampling: super::resampling(rate, inside) }
    }

    /// What it encodes to.
    #[must_use]
    pub const fn codec(&self) -> Codec {
        self.codec
    }

    /// Encodes the samples of one packet and returns how many bytes of `payload` were written: as many as fit, and none
    /// when Opus is given another length than 10, 20, 40 or 60 ms.
    pub fn encode(&mut self, samples: &[i16], payload: &mut [u8]) -> usize {
        let samples = match &mut self.resampling {
            Some((resampler, converted)) => {
                converted.clear();
                resampler.process(samples, converted);
                converted
            }
            None => samples,
        };
        match &mut self.kind {
            Kind::Pcmu => g711::Law::Mu.encode(samples, payload),
            Kind::Pcma => g711::Law::A.encode(samples, payload),
            Kind::G722(encoder) => encoder.encode(samples, payload),
            Kind::Opus(encoder) => encoder.encode(samples, payload),
            Kind::L16 => l16::encode(samples, payload),
        }
    }
}
