//! Payloads to samples.

use super::g722::G722Decoder;
use super::opus::OpusDecoder;
use super::{Codec, Undecodable, g711, l16};
use crate::frame::Rate;
use crate::resample::Resampler;

/// Reads the payloads of one stream, in order. Making one may allocate; decoding does not, once the first packet has come.
#[derive(Debug)]
pub struct Decoder {
    codec: Codec,
    kind: Kind,
    /// Where the codec does not work at the rate that is wanted: the samples before and after.
    resampling: Option<(Resampler, Vec<i16>)>,
    inside: Vec<i16>,
}

#[derive(Debug)]
enum Kind {
    Pcmu,
    Pcma,
    G722(Box<G722Decoder>),
    Opus(OpusDecoder),
    L16,
}

impl Decoder {
    /// Into samples at this rate.
    #[must_use]
    pub fn new(codec: Codec, rate: Rate) -> Self {
        let inside = codec.works_at(rate);
        let kind = match codec {
            Codec::Pcmu => Kind::Pcmu,
            Codec::Pcma => Kind::Pcma,
            Codec::G722 => Kind::G722(Box::new(G722Decoder::new(inside))),
            Codec::Opus(_) => Kind::Opus(OpusDecoder::new(inside)),
            Codec::L16(_) => Kind::L16,
        };
        let resampling = super::resampling(inside, rate);
        // As many samples as a packet may have.
        let room = if resampling.is_some() { super::LONGEST * 2 } else { 0 };
        Self { codec, kind, resampling, inside: vec![0; room] }
    }

    /// What it decodes.
    #[must_use]
    pub const fn codec(&self) -> Codec {
        self.codec
    }

    /// Decodes a payload and returns how many samples were written, at most as many as there is room for.
    ///
    /// # Errors
    /// [`Undecodable`]; the stream goes on with the next payload.
    pub fn decode(&mut self, payload: &[u8], samples: &mut [i16]) -> Result<usize, Undecodable> {
        let Some((resampler, converted)) = &mut self.resampling else {
            return decode(&mut self.kind, payload, samples);
        };
        let count = decode(&mut self.kind, payload, &mut self.inside)?;
        converted.clear();
        resampler.process(&self.inside[..count], converted);
        let count = converted.len().min(samples.len());
        samples[..count].copy_from_slice(&converted[..count]);
        Ok(count)
    }

    /// Fills a gap from what the codec knows: the copy of it in the payload `next` that follows the gap, and what came
    /// before. Returns how many samples were written, which is none for codecs that do not fill gaps, and else the length
    /// of `samples` down to whole 2.5 ms.
    pub fn recover(&mut self, next: Option<&[u8]>, samples: &mut [i16]) -> usize {
        match &mut self.kind {
            Kind::Opus(decoder) => decoder.recover(next, samples),
            Kind::Pcmu | Kind::Pcma | Kind::G722(_) | Kind::L16 => 0,
        }
    }

    /// Forgets what was heard, for a new stream.
    pub fn reset(&mut self) {
        match &mut self.kind {
            Kind::Opus(decoder) => decoder.reset(),
            Kind::G722(decoder) => decoder.reset(),
            Kind::Pcmu | Kind::Pcma | Kind::L16 => {}
        }
        if let Some((resampler, _)) = &mut self.resampling {
            resampler.reset();
        }
    }
}

fn decode(kind: &mut Kind, payload: &[u8], samples: &mut [i16]) -> Result<usize, Undecodable> {
    match kind {
        Kind::Pcmu => Ok(g711::Law::Mu.decode(payload, samples)),
        Kind::Pcma => Ok(g711::Law::A.decode(payload, samples)),
        Kind::G722(decoder) => Ok(decoder.decode(payload, samples)),
        Kind::Opus(decoder) => decoder.decode(payload, samples),
        Kind::L16 => Ok(l16::decode(payload, samples)),
    }
}
