//! ITU-T G.711, both laws, by table.
//!
//! A-law keeps 13 bits of a sample and μ-law 14, so the tables towards bytes are indexed by the upper bits: 8 KiB and
//! 16 KiB, small enough to stay in cache beside 400 calls.

/// A-law bytes to 16-bit linear samples.
pub static ALAW_TO_LINEAR: [i16; 256] = decode_table(true);

/// μ-law bytes to 16-bit linear samples.
pub static ULAW_TO_LINEAR: [i16; 256] = decode_table(false);

/// One of the two laws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    /// A-law.
    A,
    /// μ-law.
    Mu,
}

impl Law {
    /// Encodes as many samples as fit `payload` and returns how many bytes were written.
    pub fn encode(self, samples: &[i16], payload: &mut [u8]) -> usize {
        let encode = match self {
            Self::A => encode_alaw,
            Self::Mu => encode_ulaw,
        };
        payload.iter_mut().zip(samples).map(|(byte, &sample)| *byte = encode(sample)).count()
    }

    /// Decodes as many bytes as fit `samples` and returns how many samples were written.
    pub fn decode(self, payload: &[u8], samples: &mut [i16]) -> usize {
        let table = match self {
            Self::A => &ALAW_TO_LINEAR,
            Self::Mu => &ULAW_TO_LINEAR,
        };
        samples.iter_mut().zip(payload).map(|(sample, &byte)| *sample = table[usize::from(byte)]).count()
    }
}

static LINEAR_TO_ALAW: [u8; 1 << 13] = alaw_table();
static LINEAR_TO_ULAW: [u8; 1 << 14] = ulaw_table();

/// Even bits are inverted on the wire (G.711 table 1a, note 2).
const ALAW_INVERSION: u8 = 0x55;

/// Encodes one 16-bit linear sample as A-law.
#[inline]
#[must_use]
pub fn encode_alaw(sample: i16) -> u8 {
    LINEAR_TO_ALAW[usize::from(sample.cast_unsigned() >> 3)]
}

/// Encodes one 16-bit linear sample as μ-law.
#[inline]
#[must_use]
pub fn encode_ulaw(sample: i16) -> u8 {
    LINEAR_TO_ULAW[usize::from(sample.cast_unsigned() >> 2)]
}

const fn decode_table(alaw: bool) -> [i16; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = if alaw { alaw_value(byte as u8) } else { ulaw_value(byte as u8) };
        byte += 1;
    }
    table
}

/// The middle of the interval an A-law byte stands for: sign, three bits of segment, four of step. The first two
/// segments share a step size.
const fn alaw_value(byte: u8) -> i16 {
    let code = byte ^ ALAW_INVERSION;
    let segment = (code >> 4) & 7;
    let step = ((code & 15) as i16) << 4;
    let magnitude = if segment == 0 { step + 8 } else { (step + 0x108) << (segment - 1) };
    if code & 0x80 == 0 { -magnitude } else { magnitude }
}

/// The middle of the interval a μ-law byte stands for; all bits are inverted on the wire and 33 (of 14 bits) is the
/// bias that makes every segment twice the one before.
const fn ulaw_value(byte: u8) -> i16 {
    let code = !byte;
    let segment = (code >> 4) & 7;
    let step = ((code & 15) as i16) << 3;
    let magnitude = ((step + 0x84) << segment) - 0x84;
    if code & 0x80 == 0 { magnitude } else { -magnitude }
}

const fn alaw_table() -> [u8; 1 << 13] {
    let mut table = [0; 1 << 13];
    let mut index = 0;
    while index < table.len() {
        let negative = index >= 1 << 12;
        let magnitude = if negative { (1 << 13) - 1 - index } else { index };
        // The segment is how far the highest set bit lies above bit 4, within which the first two segments end.
        let segment = if magnitude < 32 { 0 } else { magnitude.ilog2() - 4 };
        let shift = if segment == 0 { 1 } else { segment };
        let code = if magnitude < 32 {
            (magnitude >> 1) as u8
        } else {
            ((segment << 4) as u8) | ((magnitude >> shift) & 15) as u8
        };
        let sign = if negative { 0 } else { 0x80 };
        table[index] = (code | sign) ^ ALAW_INVERSION;
        index += 1;
    }
    table
}

const fn ulaw_table() -> [u8; 1 << 14] {
    let mut table = [0; 1 << 14];
    let mut index = 0;
    while index < table.len() {
        let negative = index >= 1 << 13;
        let magnitude = if negative { (1 << 14) - 1 - index } else { index };
        let biased = magnitude + 33;
        let code = if biased >= 1 << 13 {
            0x7f
        } else {
            let segment = biased.ilog2() - 5;
            ((segment << 4) as u8) | ((biased >> (segment + 1)) & 15) as u8
        };
        let sign = if negative { 0x80 } else { 0 };
        table[index] = !(code | sign);
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_decodes_as_the_reference_does() {
        for byte in 0..=u8::MAX {
            assert_eq!(
                ALAW_TO_LINEAR[usize::from(byte)],
                audio_codec_algorithms::decode_alaw(byte),
                "A-law {byte:#04x}"
            );
            assert_eq!(
                ULAW_TO_LINEAR[usize::from(byte)],
                audio_codec_algorithms::decode_ulaw(byte),
                "μ-law {byte:#04x}"
            );
        }
    }

    #[test]
    fn every_sample_encodes_as_the_reference_does() {
        for sample in i16::MIN..=i16::MAX {
            assert_eq!(encode_alaw(sample), audio_codec_algorithms::encode_alaw(sample), "A-law {sample}");
            assert_eq!(encode_ulaw(sample), audio_codec_algorithms::encode_ulaw(sample), "μ-law {sample}");
        }
    }

    #[test]
    fn a_buffer_that_is_too_short_takes_what_fits() {
        for law in [Law::Mu, Law::A] {
            let mut payload = [0xaa; 4];
            assert_eq!(law.encode(&[1_000, -1_000], &mut payload), 2);
            assert_eq!(payload[2..], [0xaa; 2]);
            let mut samples = [7; 1];
            assert_eq!(law.decode(&payload, &mut samples), 1);
            assert!((i32::from(samples[0]) - 1_000).abs() < 40, "{law:?}: {}", samples[0]);
        }
    }

    #[test]
    fn a_second_passage_changes_nothing() {
        for byte in 0..=u8::MAX {
            assert_eq!(encode_alaw(ALAW_TO_LINEAR[usize::from(byte)]), byte);
            let linear = ULAW_TO_LINEAR[usize::from(byte)];
            // μ-law has two zeros; the negative one comes back as the positive one.
            assert_eq!(ULAW_TO_LINEAR[usize::from(encode_ulaw(linear))], linear);
        }
    }
}
