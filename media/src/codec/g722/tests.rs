use ezk_g722::libg722::Bitrate;
use ezk_g722::libg722::decoder::Decoder;
use proptest::prelude::*;

use super::*;
use crate::level::rms_dbfs;

/// A byte that leaves the other implementation, whose scales begin at 0 and not at their least, in step with ours.
const NEUTRAL: u8 = 0xff;

fn tone(rate: f64, hertz: f64, samples: usize) -> Vec<i16> {
    (0..samples).map(|n| ((std::f64::consts::TAU * hertz * n as f64 / rate).sin() * 8_000.0) as i16).collect()
}

/// Through both, at these rates.
fn passed(from: Rate, to: Rate, samples: &[i16]) -> Vec<i16> {
    let mut bytes = vec![0; samples.len()];
    let length = G722Encoder::new(from).encode(samples, &mut bytes);
    let mut heard = vec![0; 2 * length];
    let count = G722Decoder::new(to).decode(&bytes[..length], &mut heard);
    heard.truncate(count);
    heard
}

proptest! {
    /// To the bit what another implementation makes of any bytes at all, in both bands and in the lower one alone.
    #[test]
    fn bytes_decode_as_elsewhere(bytes in prop::collection::vec(any::<u8>(), 1..400)) {
        let bytes = [&[NEUTRAL][..], &bytes].concat();
        for (rate, from) in [(Rate::Hz16000, SPAN), (Rate::Hz8000, 1)] {
            let theirs = Decoder::new(Bitrate::Mode1_64000, false, rate == Rate::Hz8000).decode(&bytes);
            let mut ours = vec![0; 2 * bytes.len()];
            let count = G722Decoder::new(rate).decode(&bytes, &mut ours);
            prop_assert_eq!(count, theirs.len());
            prop_assert_eq!(&ours[from.min(count)..count], &theirs[from.min(count)..]);
        }
    }

    /// What an encoder and the decoder of another implementation know of each other stays the same.
    #[test]
    fn what_we_encode_is_heard_elsewhere(seed in 0usize..1_000) {
        let signal = tone(16_000.0, 200.0 + seed as f64, 6_400);
        let mut bytes = vec![0; 3_200];
        G722Encoder::new(Rate::Hz16000).encode(&signal, &mut bytes);
        let theirs = Decoder::new(Bitrate::Mode1_64000, false, false).decode(&bytes);
        // The filters hold the signal back by 22 samples.
        let error: f64 = signal[2_000..6_000].iter().zip(&theirs[2_022..]).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
        let power: f64 = signal[2_000..6_000].iter().map(|a| f64::from(*a).powi(2)).sum();
        prop_assert!(10.0 * (power / error).log10() > 25.0, "{} dB", 10.0 * (power / error).log10());
    }
}

#[test]
fn both_bands_pass_at_their_level() {
    for hertz in [300.0, 1_000.0, 3_000.0, 5_000.0, 6_500.0] {
        let signal = tone(16_000.0, hertz, 16_000);
        let heard = passed(Rate::Hz16000, Rate::Hz16000, &signal);
        let change = rms_dbfs(&heard[2_000..]) - rms_dbfs(&signal);
        assert!(change.abs() < 1.0, "{hertz} Hz: {change} dB");
    }
}

/// Whoever works in the lower band alone hears, and is heard by, whoever works in both.
#[test]
fn the_lower_band_alone_fits_both() {
    for hertz in [300.0, 1_000.0, 3_000.0] {
        for (from, to) in [(Rate::Hz8000, Rate::Hz8000), (Rate::Hz8000, Rate::Hz16000), (Rate::Hz16000, Rate::Hz8000)] {
            let signal = tone(f64::from(from.hertz()), hertz, from.hertz() as usize);
            let heard = passed(from, to, &signal);
            assert_eq!(heard.len(), to.hertz() as usize);
            let change = rms_dbfs(&heard[2_000..]) - rms_dbfs(&signal);
            assert!(change.abs() < 1.0, "{hertz} Hz from {from:?} to {to:?}: {change} dB");
        }
    }
}

#[test]
fn full_scale_does_not_wrap() {
    let square: Vec<i16> = (0..3_200).map(|n| if n / 40 % 2 == 0 { i16::MAX } else { i16::MIN }).collect();
    for (rate, late) in [(Rate::Hz8000, 0), (Rate::Hz16000, 22)] {
        let heard = passed(rate, rate, &square);
        let wrong = heard[100..].iter().zip(&square[100 - late..]).filter(|(a, b)| a.signum() != b.signum()).count();
        assert!(wrong < heard.len() / 4, "{rate:?}: {wrong}");
        assert!(rms_dbfs(&heard) > -3.0);
    }
}

#[test]
fn buffers_that_are_too_short_take_what_fits() {
    let mut bytes = [0xaa; 3];
    assert_eq!(G722Encoder::new(Rate::Hz16000).encode(&[0; 5], &mut bytes), 2, "half a pair is left out");
    assert_eq!(bytes[2], 0xaa);
    let mut samples = [7; 3];
    assert_eq!(G722Decoder::new(Rate::Hz16000).decode(&bytes, &mut samples), 2);
    assert_eq!(samples[2], 7);
}
