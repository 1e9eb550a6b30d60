//! Spoken clips, as speech engines and people deliver them, made ready for the line.

use std::io::Cursor;

use hound::{SampleFormat, WavReader};

use crate::resample::{UnsupportedRate, convert};

/// Longest clip, in seconds.
pub const MAX_SECONDS: usize = 600;

/// Rate of what comes out, in Hz.
const LINE_RATE: u32 = 8_000;

/// Why a clip cannot be played. The fault of whoever made the file.
#[derive(Debug, thiserror::Error)]
pub enum ClipError {
    /// Not a WAV file.
    #[error("not a WAV file")]
    NotWav(#[source] hound::Error),
    /// More than one channel.
    #[error("a clip has one channel, this one has {0}")]
    Channels(u16),
    /// Samples other than 16 bit integers.
    #[error("a clip has samples of 16 bit")]
    SampleFormat,
    /// A rate that is none of the usual ones.
    #[error(transparent)]
    Rate(#[from] UnsupportedRate),
    /// Longer than [`MAX_SECONDS`].
    #[error("a clip has at most {MAX_SECONDS} seconds")]
    TooLong,
}

/// Reads a mono 16-bit WAV file of any usual rate (8 to 48 kHz) and returns its samples at 8 kHz.
///
/// The length in the header is not trusted: a program that writes to a pipe (`espeak-ng --stdout`) cannot know it and
/// puts a huge one. The clip ends where the bytes end.
pub fn decode_wav(bytes: &[u8]) -> Result<Vec<i16>, ClipError> {
    let reader = WavReader::new(Cursor::new(bytes)).map_err(ClipError::NotWav)?;
    let spec = reader.spec();
    if spec.channels != 1 {
        return Err(ClipError::Channels(spec.channels));
    }
    if spec.bits_per_sample != 16 || spec.sample_format != SampleFormat::Int {
        return Err(ClipError::SampleFormat);
    }
    let limit = MAX_SECONDS * spec.sample_rate as usize;
    let samples: Vec<i16> = reader.into_samples().map_while(Result::ok).take(limit + 1).collect();
    if samples.len() > limit {
        return Err(ClipError::TooLong);
    }
    Ok(convert(&samples, spec.sample_rate, LINE_RATE)?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::level::rms_dbfs;

    fn wav(channels: u16, rate: u32, bits: u16, samples: &[i16]) -> Vec<u8> {
        let format = SampleFormat::Int;
        let spec = hound::WavSpec { channels, sample_rate: rate, bits_per_sample: bits, sample_format: format };
        let mut file = Cursor::new(Vec::new());
        let mut writer = hound::WavWriter::new(&mut file, spec).expect("in memory");
        samples.iter().for_each(|&sample| writer.write_sample(sample).expect("in memory"));
        writer.finalize().expect("in memory");
        file.into_inner()
    }

    fn tone(rate: u32, ms: u32) -> Vec<i16> {
        (0..rate * ms / 1000)
            .map(|n| (10_000.0 * (std::f64::consts::TAU * 700.0 * f64::from(n) / f64::from(rate)).sin()) as i16)
            .collect()
    }

    #[test]
    fn clips_of_every_usual_rate_come_out_at_the_line_rate() {
        for rate in [8_000, 16_000, 22_050, 24_000, 44_100, 48_000] {
            let clip = decode_wav(&wav(1, rate, 16, &tone(rate, 400))).expect("a good clip");
            assert_eq!(clip.len(), 3_200, "{rate}");
            assert!((rms_dbfs(&clip) - rms_dbfs(&tone(8_000, 400))).abs() < 0.1, "{rate}");
        }
    }

    #[test]
    fn a_length_nobody_knew_does_not_matter() {
        let mut piped = wav(1, 22_050, 16, &tone(22_050, 400));
        piped[4..8].copy_from_slice(&0x7fff_f024u32.to_le_bytes());
        piped[40..44].copy_from_slice(&0x7fff_f000u32.to_le_bytes());
        assert_eq!(decode_wav(&piped).expect("a good clip").len(), 3_200);
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert!(matches!(decode_wav(b"OggS"), Err(ClipError::NotWav(_))));
        assert!(matches!(decode_wav(&wav(2, 8_000, 16, &[0, 0])), Err(ClipError::Channels(2))));
        assert!(matches!(decode_wav(&wav(1, 8_000, 8, &[0])), Err(ClipError::SampleFormat)));
        assert!(matches!(decode_wav(&wav(1, 7_350, 16, &[0])), Err(ClipError::Rate(_))));
        let long = vec![0; MAX_SECONDS * 8_000 + 1];
        assert!(matches!(decode_wav(&wav(1, 8_000, 16, &long)), Err(ClipError::TooLong)));
        assert_eq!(decode_wav(&wav(1, 8_000, 16, &long[1..])).expect("just short enough").len(), long.len() - 1);
        assert_eq!(decode_wav(&wav(1, 8_000, 16, &[])).expect("an empty clip"), []);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(
            noise in prop::collection::vec(any::<u8>(), 0..300),
            hits in prop::collection::vec((0usize..44, any::<u8>()), 0..6),
        ) {
            let _ = decode_wav(&noise);
            let mut file = wav(1, 22_050, 16, &[1; 60]);
            hits.iter().for_each(|&(at, byte)| file[at] = byte);
            file.extend(noise);
            let _ = decode_wav(&file);
        }
    }
}
