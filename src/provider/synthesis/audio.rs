//! The audio of vendors as samples of the telephone.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use callwright_media::codec::g711::ULAW_TO_LINEAR;
use callwright_media::resample::Resampler;

use crate::provider::tts::RATE;

/// Bytes that may come before the first sample of a WAV file.
const MAX_HEADER: usize = 64 * 1024;

/// What a vendor sent is not audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NoAudio(&'static str);

impl NoAudio {
    /// Audio in a format that is not read here, or no audio at all.
    pub(crate) const UNREADABLE: Self = Self("neither bare samples nor a WAV file");
}

/// G.711 μ-law as samples.
pub(crate) fn ulaw(bytes: &[u8]) -> Vec<i16> {
    bytes.iter().map(|&byte| ULAW_TO_LINEAR[usize::from(byte)]).collect()
}

/// G.711 μ-law in base64 as samples. The padding must be there: without it a text cut short would pass.
///
/// # Errors
/// It is not base64, or cut short.
pub(crate) fn ulaw_base64(text: &str) -> Result<Vec<i16>, NoAudio> {
    STANDARD.decode(text).map(|bytes| ulaw(&bytes)).map_err(|_| NoAudio("audio that is not base64, or cut short"))
}

/// A stream of 16-bit samples, little-endian, bare or as a WAV file, on its way to 8 kHz mono. It may be cut anywhere.
#[derive(Debug)]
pub(crate) struct PcmStream {
    state: State,
    /// Rate of a bare stream in Hz.
    rate: u32,
}

#[derive(Debug)]
enum State {
    /// The beginning, until it is known whether it is a WAV file and where its samples begin.
    Header(Vec<u8>),
    /// Samples.
    Samples(Samples),
}

#[derive(Debug)]
struct Samples {
    stereo: bool,
    /// Bytes of audio that may follow; a WAV file may have other things after it.
    left: u64,
    /// Bytes of a sample that is not whole yet.
    carry: Vec<u8>,
    resampler: Option<Resampler>,
}

impl PcmStream {
    /// A stream that has `rate` Hz unless it is a WAV file that tells another.
    pub(crate) const fn new(rate: u32) -> Self {
        Self { state: State::Header(Vec::new()), rate }
    }

    /// Samples at 8 kHz of the next bytes.
    ///
    /// # Errors
    /// It is a WAV file of another kind, or a rate that is not supported.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<Vec<i16>, NoAudio> {
        match &mut self.state {
            State::Header(head) => {
                head.extend_from_slice(bytes);
                let Some((mut samples, start)) = begin(head, self.rate)? else { return Ok(Vec::new()) };
                let pcm = samples.push(&head[start..]);
                self.state = State::Samples(samples);
                Ok(pcm)
            }
            State::Samples(samples) => Ok(samples.push(bytes)),
        }
    }
}

impl Samples {
    fn new(rate: u32, stereo: bool, left: u64) -> Result<Self, NoAudio> {
        let resampler = match rate {
            RATE => None,
            rate => Some(Resampler::new(rate, RATE).map_err(|_| NoAudio("an unusual sample rate"))?),
        };
        Ok(Self { stereo, left, carry: Vec::new(), resampler })
    }

    fn push(&mut self, bytes: &[u8]) -> Vec<i16> {
        let taken = usize::try_from(self.left).map_or(bytes.len(), |left| left.min(bytes.len()));
        self.left -= taken as u64;
        self.carry.extend_from_slice(&bytes[..taken]);
        let width = if self.stereo { 4 } else { 2 };
        let whole = self.carry.len() / width * width;
        let sample = |pair: &[u8]| i16::from_le_bytes([pair[0], pair[1]]);
        let mono = |frame: &[u8]| match frame {
            [_, _] => sample(frame),
            _ => i32::midpoint(i32::from(sample(frame)), i32::from(sample(&frame[2..]))) as i16,
        };
        let pcm: Vec<i16> = self.carry[..whole].chunks_exact(width).map(mono).collect();
        self.carry.drain(..whole);
        let Some(resampler) = &mut self.resampler else { return pcm };
        let mut output = Vec::new();
        resampler.process(&pcm, &mut output);
        output
    }
}

/// Reads what stands before the samples; `None` until enough has come.
fn begin(head: &[u8], rate: u32) -> Result<Option<(Samples, usize)>, NoAudio> {
    if head.len() < 4 && b"RIFF".starts_with(head) {
        return Ok(None);
    }
    if !head.starts_with(b"RIFF") {
        return Ok(Some((Samples::new(rate, false, u64::MAX)?, 0)));
    }
    let (mut at, mut format) = (12, None);
    while let Some(chunk) = head.get(at..at + 8).filter(|_| at < MAX_HEADER) {
        let length = u32::from_le_bytes([chunk[4], chunk[5], chunk[6], chunk[7]]);
        let body = at + 8;
        match &chunk[..4] {
            b"data" => {
                let Some((rate, stereo)) = format else { return Err(NoAudio("a WAV file without a format")) };
                // A file that was not finished when its header was written has no length, or the greatest there is.
                let left = if matches!(length, 0 | 0x7fff_0000..) { u64::MAX } else { u64::from(length) };
                return Ok(Some((Samples::new(rate, stereo, left)?, body)));
            }
            b"fmt " => match head.get(body..body + 16) {
                Some(fields) => format = Some(wav_format(fields)?),
                None => break,
            },
            _ => {}
        }
        at = body.saturating_add(length as usize).saturating_add(length as usize & 1).min(MAX_HEADER);
    }
    if head.len() > MAX_HEADER { Err(NoAudio("a WAV file without samples")) } else { Ok(None) }
}

/// Rate and whether it is stereo.
fn wav_format(fields: &[u8]) -> Result<(u32, bool), NoAudio> {
    const PCM: u16 = 1;
    const EXTENSIBLE: u16 = 0xfffe;
    let number = |at: usize| u16::from_le_bytes([fields[at], fields[at + 1]]);
    let rate = u32::from_le_bytes([fields[4], fields[5], fields[6], fields[7]]);
    match (number(0), number(2), number(14)) {
        (PCM | EXTENSIBLE, channels @ (1 | 2), 16) => Ok((rate, channels == 2)),
        _ => Err(NoAudio("a WAV file that is not 16-bit PCM")),
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    fn wav(rate: u32, channels: u16, bits: u16, data: &[u8], length: u32) -> Vec<u8> {
        let mut file = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0".to_vec();
        file.extend(channels.to_le_bytes());
        file.extend(rate.to_le_bytes());
        file.extend([0; 6]);
        file.extend(bits.to_le_bytes());
        file.extend(b"LIST\x03\0\0\0abc\0data");
        file.extend(length.to_le_bytes());
        file.extend(data);
        file
    }

    fn tone(rate: u32) -> Vec<u8> {
        let samples = (0..rate).map(|n| (8_000.0 * (TAU * 440.0 * f64::from(n) / f64::from(rate)).sin()) as i16);
        samples.flat_map(i16::to_le_bytes).collect()
    }

    fn all(stream: &mut PcmStream, bytes: &[u8], step: usize) -> Vec<i16> {
        bytes.chunks(step).flat_map(|part| stream.push(part).expect("audio")).collect()
    }

    #[test]
    fn bare_samples_may_be_cut_anywhere() {
        let bytes = tone(24_000);
        let whole = all(&mut PcmStream::new(24_000), &bytes, bytes.len());
        assert_eq!(whole.len(), 8_000);
        for step in [1, 3, 7, 997] {
            assert_eq!(all(&mut PcmStream::new(24_000), &bytes, step), whole, "{step}");
        }
        let loudest = whole.iter().map(|sample| sample.unsigned_abs()).max().expect("samples");
        assert!((7_800..8_200).contains(&loudest), "{loudest}");
    }

    #[test]
    fn a_wav_file_tells_its_own_rate_and_channels() {
        let samples: Vec<u8> = [1_i16, 3, -5, -7].iter().flat_map(|sample| sample.to_le_bytes()).collect();
        for step in [1, 5, 100] {
            let mut trailing = samples.clone();
            trailing.extend(b"LIST\x04\0\0\0abcd");
            assert_eq!(all(&mut PcmStream::new(24_000), &wav(8_000, 1, 16, &trailing, 8), step), [1, 3, -5, -7]);
            assert_eq!(all(&mut PcmStream::new(24_000), &wav(8_000, 2, 16, &samples, u32::MAX), step), [2, -6]);
            assert_eq!(all(&mut PcmStream::new(24_000), &wav(8_000, 1, 16, &samples, 0), step), [1, 3, -5, -7]);
        }
        assert_eq!(all(&mut PcmStream::new(8_000), &wav(16_000, 1, 16, &tone(16_000), 0), 640).len(), 8_000);
    }

    #[test]
    fn what_is_no_audio_is_refused_and_nothing_is_hoarded() {
        assert!(PcmStream::new(24_000).push(&wav(8_000, 1, 8, &[1, 2], 2)).is_err());
        assert!(PcmStream::new(24_000).push(&wav(8_000, 6, 16, &[1, 2], 2)).is_err());
        assert!(PcmStream::new(24_000).push(&wav(7_999, 1, 16, &[1, 2], 2)).is_err());
        assert!(PcmStream::new(24_000).push(b"RIFF....WAVEdata\x08\0\0\0").is_err());
        assert!(PcmStream::new(11).push(&[0; 8]).is_err());
        let mut endless = PcmStream::new(24_000);
        let mut refused = endless.push(b"RIFF\xff\xff\xff\xffWAVEjunk\xff\xff\xff\xff").is_err();
        for _ in 0..100 {
            refused |= endless.push(&[0; 1_000]).is_err();
        }
        assert!(refused);
    }

    #[test]
    fn base64_that_is_cut_short_is_noticed() {
        assert_eq!(ulaw_base64("/////w==").expect("four bytes"), [0; 4]);
        for broken in ["/////w", "/////w=", "/////", "//!/", "/////w==x"] {
            assert!(ulaw_base64(broken).is_err(), "{broken}");
        }
        assert!(ulaw_base64("").is_ok_and(|pcm| pcm.is_empty()));
    }
}
