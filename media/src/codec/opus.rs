//! Opus (RFC 6716) as telephones speak it: one channel, and its terms in descriptions (RFC 7587).

use std::sync::{Mutex, PoisonError};

use opus::{Application, Bitrate, Channels, packet};

use super::Undecodable;
use crate::frame::Rate;

/// Bit rate where the peer names none, in bit/s: transparent for speech, and what is left of it goes into the copies of
/// earlier frames that fill losses.
const USUAL_BITRATE: u32 = 24_000;

/// How hard the encoder tries, 0 to 10. What more costs is not heard in speech.
const COMPLEXITY: i32 = 5;

/// Losses that the copies of earlier frames are made for, in percent.
const EXPECTED_LOSS: i32 = 10;

/// Longest payload of 20 ms we ask for, in bytes: what one frame may take (RFC 6716 section 3.2.1).
const LONGEST_FRAME: usize = 1_275;

/// The decoder's grain: 2.5 ms, in samples at 8 kHz.
pub(crate) const GRAIN: usize = 20;

/// A payload up to this long holds no sound: the peer is silent and says so (DTX).
const SILENT: usize = 2;

/// What a side wants to be sent (RFC 7587 section 6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpusTerms {
    /// `maxaveragebitrate`: 6,000 to 510,000 bit/s.
    pub max_bitrate: Option<u32>,
    /// `maxplaybackrate`: 8,000 to 48,000 Hz.
    pub max_playback_rate: u32,
    /// `useinbandfec`: packets carry a copy of what came before.
    pub inband_fec: bool,
    /// `cbr`: packets have one length.
    pub constant_bitrate: bool,
    /// `usedtx`: in silence packets may be left out.
    pub dtx: bool,
}

impl Default for OpusTerms {
    /// What a description without any means.
    fn default() -> Self {
        Self { max_bitrate: None, max_playback_rate: 48_000, inband_fec: false, constant_bitrate: false, dtx: false }
    }
}

impl OpusTerms {
    /// What we want: sound is worked on at 16 kHz here, and losses are to be filled.
    pub const OURS: Self =
        Self { max_bitrate: None, max_playback_rate: 16_000, inband_fec: true, constant_bitrate: false, dtx: false };

    /// Reads the parameters of an `a=fmtp`. What is unknown, out of range or no number counts as not being there.
    #[must_use]
    pub fn parse(parameters: &str) -> Self {
        let mut terms = Self::default();
        for (name, value) in parameters.split(';').filter_map(|parameter| parameter.split_once('=')) {
            let number = value.trim().parse::<u32>().ok();
            let flag = number == Some(1);
            let name = name.trim();
            let is = |known: &str| name.eq_ignore_ascii_case(known);
            if is("maxaveragebitrate") {
                terms.max_bitrate = number.filter(|rate| (6_000..=510_000).contains(rate)).or(terms.max_bitrate);
            } else if is("maxplaybackrate") {
                let known = number.filter(|rate| (8_000..=48_000).contains(rate));
                terms.max_playback_rate = known.unwrap_or(terms.max_playback_rate);
            } else if is("useinbandfec") {
                terms.inband_fec = flag;
            } else if is("cbr") {
                terms.constant_bitrate = flag;
            } else if is("usedtx") {
                terms.dtx = flag;
            }
        }
        terms
    }

    /// The parameters of an `a=fmtp`. One channel, both ways.
    #[must_use]
    pub fn print(&self) -> String {
        let flag = |name: &str, on: bool| if on { format!(";{name}=1") } else { String::new() };
        let bitrate = self.max_bitrate.map(|rate| format!(";maxaveragebitrate={rate}")).unwrap_or_default();
        format!(
            "maxplaybackrate={rate};sprop-maxcapturerate=16000;stereo=0;sprop-stereo=0{bitrate}{fec}{cbr}{dtx}",
            rate = self.max_playback_rate,
            fec = flag("useinbandfec", self.inband_fec),
            cbr = flag("cbr", self.constant_bitrate),
            dtx = flag("usedtx", self.dtx),
        )
    }
}

/// How long a payload is, in samples at 8 kHz: up to 120 ms. `None` when it is none of Opus.
pub(super) fn samples_in(payload: &[u8]) -> Option<usize> {
    packet::get_nb_samples(payload, 8_000).ok().filter(|samples| *samples > 0)
}

/// Whether a payload says that its sender is silent.
pub(super) const fn is_silent(payload: &[u8]) -> bool {
    payload.len() <= SILENT
}

/// What libopus keeps of a stream. It may go from thread to thread but be in use on one alone, and whoever holds a leg may
/// share it: the mutex says so to the compiler, and is never locked.
#[derive(Debug)]
struct Owned<T>(Mutex<T>);

impl<T> Owned<T> {
    const fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    fn get(&mut self) -> &mut T {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes one stream.
#[derive(Debug)]
pub(super) struct OpusEncoder(Owned<opus::Encoder>);

impl OpusEncoder {
    pub(super) fn new(rate: Rate, terms: OpusTerms) -> Self {
        let encoder = opus::Encoder::new(rate.hertz(), Channels::Mono, Application::Voip);
        let mut encoder = encoder.expect("libopus has both rates");
        let bitrate = terms.max_bitrate.map_or(USUAL_BITRATE, |most| most.min(USUAL_BITRATE));
        let settings = [
            encoder.set_complexity(COMPLEXITY),
            encoder.set_bitrate(Bitrate::Bits(bitrate.cast_signed())),
            encoder.set_vbr(!terms.constant_bitrate),
            encoder.set_inband_fec(terms.inband_fec),
            encoder.set_packet_loss_perc(if terms.inband_fec { EXPECTED_LOSS } else { 0 }),
        ];
        debug_assert!(settings.iter().all(Result::is_ok), "{settings:?}");
        Self(Owned::new(encoder))
    }

    /// Encodes 10, 20, 40 or 60 ms; 0 bytes when it is another length or does not fit.
    pub(super) fn encode(&mut self, samples: &[i16], payload: &mut [u8]) -> usize {
        let room = payload.len().min(LONGEST_FRAME);
        self.0.get().encode(samples, &mut payload[..room]).unwrap_or(0)
    }
}

/// Reads one stream.
#[derive(Debug)]
pub(super) struct OpusDecoder {
    decoder: Owned<opus::Decoder>,
    grain: usize,
}

impl OpusDecoder {
    pub(super) fn new(rate: Rate) -> Self {
        let decoder = opus::Decoder::new(rate.hertz(), Channels::Mono).expect("libopus has both rates");
        Self { decoder: Owned::new(decoder), grain: GRAIN * rate.samples() / Rate::Hz8000.samples() }
    }

    /// Decodes a whole payload.
    pub(super) fn decode(&mut self, payload: &[u8], samples: &mut [i16]) -> Result<usize, Undecodable> {
        // An empty payload would be taken for a loss.
        if payload.is_empty() {
            return Err(Undecodable);
        }
        self.decoder.get().decode(payload, samples, false).map_err(|_| Undecodable)
    }

    /// Makes up what was lost from what came before and, where it is there, from the copy in the payload `next` behind
    /// the gap. As many samples as are whole grains.
    pub(super) fn recover(&mut self, next: Option<&[u8]>, samples: &mut [i16]) -> usize {
        let whole = samples.len() / self.grain * self.grain;
        if whole == 0 {
            return 0;
        }
        let payload = next.unwrap_or_default();
        self.decoder.get().decode(payload, &mut samples[..whole], !payload.is_empty()).unwrap_or(0)
    }

    pub(super) fn reset(&mut self) {
        let reset = self.decoder.get().reset_state();
        debug_assert!(reset.is_ok(), "{reset:?}");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn terms_are_read_within_their_bounds() {
        let terms =
            OpusTerms::parse("minptime=10;useinbandfec=1; maxaveragebitrate=16000 ;MaxPlaybackRate=16000;cbr=1");
        assert_eq!(
            terms,
            OpusTerms {
                max_bitrate: Some(16_000),
                max_playback_rate: 16_000,
                inband_fec: true,
                constant_bitrate: true,
                dtx: false
            }
        );
        for nothing in ["", ";;=;", "maxaveragebitrate=5999", "maxaveragebitrate=510001;maxplaybackrate=1", "usedtx=2"]
        {
            assert_eq!(OpusTerms::parse(nothing), OpusTerms::default(), "{nothing}");
        }
        assert_eq!(OpusTerms::parse("maxaveragebitrate=99999999999999999999").max_bitrate, None);
    }

    #[test]
    fn lengths_are_read_from_the_first_bytes() {
        // SILK narrowband of 20 ms, of 60 ms; two frames of 20 ms; 48 frames of 2.5 ms are 120 ms, and 49 too many.
        for (payload, samples) in
            [(&[0x08, 1][..], 160), (&[0x18, 1], 480), (&[0x09, 1, 1], 320), (&[0xe3, 48, 1], 960)]
        {
            assert_eq!(samples_in(payload), Some(samples), "{payload:?}");
        }
        for none in [&[][..], &[0xe3, 49, 1], &[0x1b, 3, 1], &[0x1b]] {
            assert_eq!(samples_in(none), None, "{none:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_again(
            max_bitrate in prop::option::of(6_000u32..=510_000),
            max_playback_rate in 8_000u32..=48_000,
            flags in any::<[bool; 3]>(),
        ) {
            let [inband_fec, constant_bitrate, dtx] = flags;
            let terms = OpusTerms { max_bitrate, max_playback_rate, inband_fec, constant_bitrate, dtx };
            prop_assert_eq!(OpusTerms::parse(&terms.print()), terms);
        }

        #[test]
        fn any_text_is_harmless(text in ".{0,80}") {
            let terms = OpusTerms::parse(&text);
            prop_assert!((8_000..=48_000).contains(&terms.max_playback_rate));
        }
    }
}
