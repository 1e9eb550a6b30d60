use proptest::prelude::*;
use rubato::{Fft, FixedSync, Resampler as _, WindowFunction, audioadapter_buffers::owned::InterleavedOwned};

use super::*;

const LIVE_PAIRS: [(u32, u32); 6] =
    [(8_000, 16_000), (16_000, 8_000), (22_050, 8_000), (8_000, 22_050), (22_050, 16_000), (16_000, 22_050)];

#[test]
fn a_tone_in_the_pass_band_comes_out_as_the_same_tone() {
    for (from, to) in LIVE_PAIRS {
        for frequency in [120.0, 440.0, 1004.0, 2300.0, 3300.0] {
            let converted = convert(&tone(from, frequency, 12_000.0, 0.5), from, to).expect("supported");
            let ideal = tone(to, frequency, 12_000.0, 0.5);
            let snr = snr_db(&ideal, &converted);
            assert!(snr > 48.0, "{from} -> {to} at {frequency} Hz: {snr:.1} dB");
        }
    }
}

#[test]
fn what_the_lower_rate_cannot_carry_is_removed() {
    for (from, to, frequency) in [(16_000, 8_000, 4_400.0), (22_050, 8_000, 6_000.0), (22_050, 16_000, 8_600.0)] {
        let converted = convert(&tone(from, frequency, 12_000.0, 0.5), from, to).expect("supported");
        let middle = &converted[converted.len() / 4..converted.len() * 3 / 4];
        let attenuation = 20.0 * (rms(&tone(from, frequency, 12_000.0, 0.5)) / rms(middle).max(1e-3)).log10();
        assert!(attenuation > 55.0, "{from} -> {to} at {frequency} Hz: {attenuation:.1} dB");
    }
}

#[test]
fn images_of_the_input_are_removed_when_going_up() {
    let original = tone(8_000, 3_300.0, 12_000.0, 0.5);
    let up = convert(&original, 8_000, 16_000).expect("supported");
    let image = goertzel(&up[800..7_200], 16_000, 4_700.0);
    let wanted = goertzel(&up[800..7_200], 16_000, 3_300.0);
    assert!(10.0 * (wanted / image).log10() > 55.0, "{:.1} dB", 10.0 * (wanted / image).log10());
}

#[test]
fn it_agrees_with_rubato_on_a_band_limited_mix() {
    for (from, to) in LIVE_PAIRS {
        let mix: Vec<i16> = (0..from as usize)
            .map(|n| {
                let t = n as f64 / f64::from(from);
                let wave = |hz: f64| (std::f64::consts::TAU * hz * t).sin();
                (4_000.0 * (wave(210.0) + wave(655.0) + wave(1_730.0) + wave(2_890.0))) as i16
            })
            .collect();
        let ours = convert(&mix, from, to).expect("supported");
        let oracle = rubato_convert(&mix, from, to);
        let snr = snr_db(&oracle, &ours);
        assert!(snr > 48.0, "{from} -> {to}: {snr:.1} dB against rubato");
    }
}

#[test]
fn an_impulse_is_delayed_by_no_more_than_two_milliseconds() {
    for (from, to) in LIVE_PAIRS {
        let mut impulse = vec![0i16; from as usize / 10];
        impulse[0] = 30_000;
        let mut output = Vec::new();
        Resampler::new(from, to).expect("supported").process(&impulse, &mut output);
        let peak = (0..output.len()).max_by_key(|&n| output[n].unsigned_abs()).expect("output");
        let delay_ms = peak as f64 * 1000.0 / f64::from(to);
        assert!(delay_ms <= 2.0, "{from} -> {to}: {delay_ms:.3} ms");
        assert!(delay_ms > 1.5, "{from} -> {to}: {delay_ms:.3} ms is too short for the filter");
    }
}

#[test]
fn a_constant_stays_constant_and_full_scale_does_not_wrap() {
    for (from, to) in LIVE_PAIRS {
        let converted = convert(&vec![i16::MAX; 4_000], from, to).expect("supported");
        let middle = &converted[converted.len() / 4..converted.len() * 3 / 4];
        assert!(middle.iter().all(|&sample| sample >= i16::MAX - 2), "{from} -> {to}: {:?}", &middle[..8]);
        let square: Vec<i16> =
            (0..4_000usize).map(|n| if (n / 40).is_multiple_of(2) { i16::MAX } else { i16::MIN }).collect();
        let converted = convert(&square, from, to).expect("supported");
        for (n, &sample) in converted.iter().enumerate() {
            // Away from the edges of the square the sign is that of the input.
            let input = n * from as usize / to as usize;
            if (8..32).contains(&(input % 40)) {
                assert_eq!(sample > 0, (input / 40).is_multiple_of(2), "{from} -> {to} sample {n}: {sample}");
            }
        }
    }
}

#[test]
fn samples_are_rounded_to_the_nearest_and_clipped() {
    for (value, wanted) in [
        (0.0, 0),
        (0.4, 0),
        (-0.6, -1),
        (1.5, 2),
        (2.5, 2),
        (32_767.4, i16::MAX),
        (40_000.0, i16::MAX),
        (-32_768.0, i16::MIN),
        (-1e9, i16::MIN),
    ] {
        assert_eq!(quantize(value), wanted, "{value}");
    }
    for sample in i16::MIN..=i16::MAX {
        assert_eq!(quantize(f32::from(sample)), sample);
    }
}

#[test]
fn equal_rates_pass_untouched_and_unknown_rates_are_refused() {
    let clip = [1, -2, 3, i16::MIN, i16::MAX];
    assert_eq!(convert(&clip, 8_000, 8_000), Ok(clip.to_vec()));
    assert_eq!(convert(&clip, 7_999, 8_000), Err(UnsupportedRate { from: 7_999, to: 8_000 }));
    assert_eq!(Resampler::new(8_000, 0).err(), Some(UnsupportedRate { from: 8_000, to: 0 }));
}

#[test]
fn every_known_rate_converts_to_telephone_rate_with_the_right_length() {
    for from in RATES {
        let seconds = tone(from, 700.0, 9_000.0, 1.0);
        let converted = convert(&seconds, from, 8_000).expect("supported");
        assert_eq!(converted.len(), 8_000, "{from}");
        assert!(snr_db(&tone(8_000, 700.0, 9_000.0, 1.0), &converted) > 45.0, "{from}");
    }
}

proptest! {
    #[test]
    fn the_output_does_not_depend_on_how_the_input_is_cut(
        pair in 0..LIVE_PAIRS.len(),
        input in prop::collection::vec(any::<i16>(), 0..2_000),
        cuts in prop::collection::vec(0usize..400, 0..12),
    ) {
        let (from, to) = LIVE_PAIRS[pair];
        let mut whole = Vec::new();
        Resampler::new(from, to).expect("supported").process(&input, &mut whole);
        let mut stream = Resampler::new(from, to).expect("supported");
        let (mut pieces, mut rest) = (Vec::new(), &input[..]);
        for cut in cuts {
            let (head, tail) = rest.split_at(cut.min(rest.len()));
            stream.process(head, &mut pieces);
            rest = tail;
        }
        stream.process(rest, &mut pieces);
        prop_assert_eq!(&pieces, &whole);
        stream.reset();
        let mut again = Vec::new();
        stream.process(&input, &mut again);
        prop_assert_eq!(again, whole);
    }
}

fn tone(rate: u32, frequency: f64, amplitude: f64, seconds: f64) -> Vec<i16> {
    (0..(f64::from(rate) * seconds) as usize)
        .map(|n| (amplitude * (std::f64::consts::TAU * frequency * n as f64 / f64::from(rate)).sin()) as i16)
        .collect()
}

/// Signal to error, leaving out 10 ms at both ends where the clip begins and stops.
fn snr_db(ideal: &[i16], actual: &[i16]) -> f64 {
    let length = ideal.len().min(actual.len());
    let edge = length / 50;
    let (mut signal, mut error) = (0.0, 1e-9);
    for n in edge..length - edge {
        signal += f64::from(ideal[n]).powi(2);
        error += (f64::from(ideal[n]) - f64::from(actual[n])).powi(2);
    }
    10.0 * (signal / error).log10()
}

fn rms(samples: &[i16]) -> f64 {
    (samples.iter().map(|&sample| f64::from(sample).powi(2)).sum::<f64>() / samples.len() as f64).sqrt()
}

fn goertzel(samples: &[i16], rate: u32, frequency: f64) -> f64 {
    let (mut re, mut im) = (0.0, 0.0);
    for (n, &sample) in samples.iter().enumerate() {
        let angle = std::f64::consts::TAU * frequency * n as f64 / f64::from(rate);
        re += f64::from(sample) * angle.cos();
        im += f64::from(sample) * angle.sin();
    }
    re * re + im * im
}

fn rubato_convert(samples: &[i16], from: u32, to: u32) -> Vec<i16> {
    // One block of an even number of periods: its delay is then a whole number of output samples, as ours is.
    let chunk = (from / gcd(from, to)) as usize;
    let chunk = chunk * 2 * 1_024usize.div_ceil(chunk * 2);
    let mut oracle =
        Fft::<f64>::new_custom(from as usize, to as usize, chunk, 1, 1, WindowFunction::Blackman2, FixedSync::Both)
            .expect("construct");
    let input: Vec<f64> = samples.iter().map(|&sample| f64::from(sample)).collect();
    let frames = input.len();
    let buffer = InterleavedOwned::new_from(input, 1, frames).expect("one channel");
    let output = oracle.process_all(&buffer, frames, None).expect("convert");
    output.take_data().iter().map(|&sample| sample.round() as i16).collect()
}
