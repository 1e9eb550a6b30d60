//! Keys pressed that come as sound (Q.23, heard as Q.24 asks for): two tones, one of four low and one of four high ones.
//!
//! Each stretch of 12.75 ms is looked at by itself, every half of one. It is a key when nearly all of its power lies in one
//! low and one high tone of about the same strength; four in a row, 32 ms, that are the same key and about as loud are a key
//! that has gone down. Speech has its power in more places at once, and does not keep two of them still.

use crate::digit::Digit;
use crate::dtmf::{COLUMNS, ROWS, key_at};
use crate::frame::FRAME_8K;

/// Samples of one stretch: long enough to tell 697 from 770 Hz.
const STRETCH: usize = 102;
/// Samples from one stretch to the next.
const STEP: usize = STRETCH / 2;
/// Quieter tones are none: -42 dBFS, about -39 dBm0.
const FLOOR: f32 = 260.0 * 260.0;
/// The part of the power that both tones seem to have together, each looked at by itself.
const ROUGHLY: f32 = 0.70;
/// The part that they have.
const PURE: f32 = 0.94;
/// How much stronger a tone is than the others of its group.
const DISTINCT: f32 = 3.5;
/// How much stronger one of both tones may be than the other: 8 dB.
const TWIST: f32 = 6.3;
/// How far off a tone may be (Q.24: up to 1.5 % are to be taken), to the next place where it is looked for.
const OFF: [f32; 3] = [0.989, 1.0, 1.011];
/// How much louder one of the stretches of a key may be than the one before, in power.
const STEADY: f32 = 2.0;
/// Stretches in a row that make a key.
const DOWN_AFTER: u8 = 4;
/// Stretches without the key until it counts as up, 32 ms: a packet that is lost does not press it twice.
const UP_AFTER: u8 = 5;

/// Hears keys on one leg.
#[derive(Clone, Debug)]
pub(crate) struct KeyEar {
    stretch: [f32; STRETCH],
    filled: usize,
    /// What the last stretch was, how loud, and how many in a row were the same.
    last: Option<(Digit, f32)>,
    row: u8,
    /// The key that is down.
    down: Option<Digit>,
    missing: u8,
}

impl Default for KeyEar {
    fn default() -> Self {
        Self { stretch: [0.0; STRETCH], filled: 0, last: None, row: 0, down: None, missing: 0 }
    }
}

impl KeyEar {
    /// Takes the next 20 ms at 8 kHz. A key, when one has just gone down.
    pub(crate) fn push(&mut self, frame: &[i16; FRAME_8K]) -> Option<Digit> {
        let mut pressed = None;
        for &sample in frame {
            self.stretch[self.filled] = f32::from(sample);
            self.filled += 1;
            if self.filled == STRETCH {
                pressed = self.judge().or(pressed);
                self.stretch.copy_within(STEP.., 0);
                self.filled = STRETCH - STEP;
            }
        }
        pressed
    }

    fn judge(&mut self) -> Option<Digit> {
        let heard = key_in(&self.stretch);
        let same = |((digit, power), (before, was)): ((Digit, f32), (Digit, f32))| {
            digit == before && power <= was * STEADY && was <= power * STEADY
        };
        let goes_on = heard.zip(self.last).is_some_and(same);
        self.row = if goes_on { self.row.saturating_add(1) } else { u8::from(heard.is_some()) };
        self.last = heard;
        let key = heard.map(|(digit, _)| digit);
        if key.is_some() && key == self.down {
            self.missing = 0;
            return None;
        }
        if self.down.is_some() {
            self.missing += 1;
            if self.missing >= UP_AFTER {
                self.down = None;
            }
        }
        let pressed = key.filter(|_| self.row >= DOWN_AFTER);
        if pressed.is_some() {
            (self.down, self.missing) = (pressed, 0);
        }
        pressed
    }
}

fn key_in(stretch: &[f32; STRETCH]) -> Option<(Digit, f32)> {
    let power = power(stretch);
    if power < FLOOR * STRETCH as f32 {
        return None;
    }
    let (row, low, low_hz) = strongest(stretch, &ROWS)?;
    let (column, high, high_hz) = strongest(stretch, &COLUMNS)?;
    if low + high < ROUGHLY * power {
        return None;
    }
    // So short a stretch shows a little of each tone at the place of the other: each is looked at without the other one.
    let (mut of_low, mut of_high) = (*stretch, *stretch);
    take_out(&mut of_low, high_hz);
    take_out(&mut of_high, low_hz);
    let (low, high) = (tone(&of_low, low_hz), tone(&of_high, high_hz));
    let balanced = low <= high * TWIST && high <= low * TWIST;
    let mut rest = of_high;
    take_out(&mut rest, high_hz);
    take_out(&mut rest, low_hz);
    take_out(&mut rest, high_hz);
    (balanced && self::power(&rest) <= (1.0 - PURE) * power).then(|| (key_at(row, column), power))
}

/// The tone of a group that stands out: its place, its power over the stretch, and where exactly it is.
fn strongest(stretch: &[f32; STRETCH], group: &[f64; 4]) -> Option<(usize, f32, f32)> {
    let powers = group.map(|hz| tone(stretch, hz as f32));
    let (place, power) = powers.into_iter().enumerate().max_by(|(_, a), (_, b)| a.total_cmp(b))?;
    let mut others = powers.iter().enumerate().filter(|(other, _)| *other != place);
    if others.any(|(_, other)| power < other * DISTINCT) {
        return None;
    }
    let exact = OFF.map(|off| group[place] as f32 * off).map(|hz| (tone(stretch, hz), hz));
    let (power, hz) = exact.into_iter().max_by(|(a, _), (b, _)| a.total_cmp(b))?;
    Some((place, power, hz))
}

fn power(samples: &[f32]) -> f32 {
    samples.iter().map(|sample| sample * sample).sum()
}

/// The power of one tone over the stretch (Goertzel): all of it when there is nothing else.
fn tone(stretch: &[f32; STRETCH], hz: f32) -> f32 {
    let step = 2.0 * (std::f32::consts::TAU * hz / 8_000.0).cos();
    let (mut before, mut last) = (0.0, 0.0);
    for sample in stretch {
        (before, last) = (last, sample + step * last - before);
    }
    2.0 * (last * last + before * before - step * last * before) / STRETCH as f32
}

/// Takes one tone out of a stretch.
fn take_out(stretch: &mut [f32; STRETCH], hz: f32) {
    let angle = |n: usize| (std::f32::consts::TAU * hz * n as f32 / 8_000.0).sin_cos();
    let (mut sine, mut cosine) = (0.0, 0.0);
    for (n, sample) in stretch.iter().enumerate() {
        let (sin, cos) = angle(n);
        (sine, cosine) = (sine + sample * sin, cosine + sample * cos);
    }
    let scale = 2.0 / STRETCH as f32;
    for (n, sample) in stretch.iter_mut().enumerate() {
        let (sin, cos) = angle(n);
        *sample -= scale * (sine * sin + cosine * cos);
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    use super::*;
    use crate::dtmf::in_band;

    const KEYPAD: &str = "0123456789*#ABCD";

    fn heard(samples: &[i16]) -> String {
        let mut ear = KeyEar::default();
        let frames = samples.chunks(FRAME_8K).map(|chunk| {
            let mut frame = [0; FRAME_8K];
            frame[..chunk.len()].copy_from_slice(chunk);
            frame
        });
        frames.filter_map(|frame| ear.push(&frame)).map(Digit::as_char).collect()
    }

    /// Tones of these frequencies and amplitudes, `length` samples long.
    fn tones(parts: &[(f64, f64)], length: usize) -> Vec<i16> {
        let wave = |n: usize| {
            let at = |(hz, amplitude): &(f64, f64)| (std::f64::consts::TAU * hz * n as f64 / 8_000.0).sin() * amplitude;
            parts.iter().map(at).sum::<f64>() as i16
        };
        (0..length).map(wave).collect()
    }

    /// A key of `down` ms after `before` samples of silence, its tones off by these factors and with these amplitudes.
    fn key(key: char, before: usize, down: usize, off: f64, (low, high): (f64, f64)) -> Vec<i16> {
        let place = KEYPAD_PLACES.iter().position(|there| *there == key).expect("a key");
        let mut samples = vec![0; before];
        samples.extend(tones(&[(ROWS[place / 4] * off, low), (COLUMNS[place % 4] * off, high)], down * 8));
        samples.extend([0; 4 * FRAME_8K]);
        samples
    }

    const KEYPAD_PLACES: [char; 16] = ['1', '2', '3', 'A', '4', '5', '6', 'B', '7', '8', '9', 'C', '*', '0', '#', 'D'];

    #[test]
    fn what_we_play_is_heard_key_by_key() {
        let digits: Vec<Digit> = KEYPAD.chars().chain("1122".chars()).filter_map(Digit::from_char).collect();
        assert_eq!(heard(&in_band(&digits)), format!("{KEYPAD}1122"));
    }

    /// Q.24: tones of 40 ms, up to 1.5 % off, one up to some dB louder than the other, from loud to quiet, wherever they begin.
    #[test]
    fn every_key_is_heard_once_within_the_limits() {
        let mut judged = 0;
        for pressed in KEYPAD.chars() {
            for before in [0, 17, 51, 77, 101, 140] {
                for off in [0.985, 1.0, 1.015] {
                    for amplitudes in [(8_000.0, 8_000.0), (4_000.0, 8_000.0), (8_000.0, 4_000.0), (600.0, 600.0)] {
                        let samples = key(pressed, before, 40, off, amplitudes);
                        assert_eq!(heard(&samples), pressed.to_string(), "{before} {off} {amplitudes:?}");
                        judged += 1;
                    }
                }
            }
        }
        assert_eq!(judged, 16 * 6 * 3 * 4);
    }

    #[test]
    fn a_key_that_is_held_is_pressed_once_and_one_that_is_pressed_again_is_heard_again() {
        let loud = (8_000.0, 8_000.0);
        assert_eq!(heard(&key('5', 0, 2_000, 1.0, loud)), "5");
        let mut twice = key('5', 0, 60, 1.0, loud);
        twice.truncate(60 * 8 + 40 * 8);
        twice.extend(key('5', 0, 60, 1.0, loud));
        assert_eq!(heard(&twice), "55");
        // 10 ms without sound are a fault of the line.
        let mut torn = key('5', 0, 100, 1.0, loud);
        torn[320..400].fill(0);
        assert_eq!(heard(&torn), "5");
    }

    #[test]
    fn keys_are_heard_through_noise() {
        let mut random = StdRng::seed_from_u64(7);
        for pressed in KEYPAD.chars() {
            let mut samples = key(pressed, 300, 80, 1.0, (4_000.0, 4_000.0));
            samples.iter_mut().for_each(|sample| *sample += random.random_range(-900..=900));
            assert_eq!(heard(&samples), pressed.to_string());
        }
    }

    /// Q.24 and common sense: shorter than a key, single tones, the network's own tones, noise.
    #[test]
    fn other_sounds_are_no_keys() {
        let loud = 8_000.0;
        assert_eq!(heard(&key('5', 40, 15, 1.0, (loud, loud))), "", "too short");
        assert_eq!(heard(&key('5', 40, 200, 1.035, (loud, loud))), "", "too far off");
        assert_eq!(heard(&key('5', 40, 200, 1.0, (loud, loud / 6.0))), "", "one of both is hardly there");
        for parts in [
            &[(697.0, loud)][..],
            &[(1_336.0, loud)],
            &[(350.0, loud), (440.0, loud)],
            &[(440.0, loud), (480.0, loud)],
            &[(425.0, loud)],
            &[(697.0, loud), (770.0, loud), (1_209.0, loud)],
            &[(1_100.0, loud)],
            &[(2_100.0, loud)],
        ] {
            assert_eq!(heard(&tones(parts, 16_000)), "", "{parts:?}");
        }
        let mut random = StdRng::seed_from_u64(3);
        let noise: Vec<i16> = (0..8_000 * 120).map(|_| random.random_range(-12_000..=12_000)).collect();
        assert_eq!(heard(&noise), "");
    }

    /// Voices: a fundamental that glides, with harmonics that two formants make strong. A hundred seconds of them press no key.
    #[test]
    fn voices_press_no_keys() {
        let mut random = StdRng::seed_from_u64(11);
        let mut samples = Vec::with_capacity(8_000 * 100);
        let mut phases = [0.0f64; 24];
        while samples.len() < 8_000 * 100 {
            let (from, to) = (random.random_range(80.0..320.0), random.random_range(80.0..320.0));
            let formants: [f64; 2] = [random.random_range(250.0..950.0), random.random_range(900.0..2_400.0)];
            let length = random.random_range(800..3_200);
            for n in 0..length {
                let pitch: f64 = from + (to - from) * f64::from(n) / f64::from(length);
                let mut sample = 0.0;
                for (harmonic, phase) in (1u32..).zip(&mut phases) {
                    let hz = pitch * f64::from(harmonic);
                    *phase = (*phase + std::f64::consts::TAU * hz / 8_000.0) % std::f64::consts::TAU;
                    let near = |formant: f64| 1.0 / (1.0 + ((hz - formant) / 90.0).powi(2));
                    let loud = if hz < 3_800.0 { 0.02 + near(formants[0]) + 0.7 * near(formants[1]) } else { 0.0 };
                    sample += phase.sin() * loud * 4_000.0;
                }
                samples.push(sample as i16);
            }
        }
        assert_eq!(heard(&samples), "");
    }
}
