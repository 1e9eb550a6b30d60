//! Makes audio shorter or longer without changing its pitch: of two stretches that are alike, one is left out, or one is
//! said twice, and they pass into each other (waveform similarity overlap-add).

use crate::frame::MAX_FACTOR;
use crate::vector::dot;

/// Least and most that is left out or put in, in samples at 8 kHz: 5 and 15 ms.
const LEAST: usize = 40;
pub(crate) const MOST: usize = 120;

/// Samples compared, as all here at 8 kHz: 10 ms, or what there is.
const WINDOW: usize = 80;

/// Samples over which one stretch passes into the other: 5 ms.
const OVERLAP: usize = 40;

/// Most samples that are looked at.
const LONGEST: usize = 320;

/// Leaves out 5 to 15 ms near the beginning and returns how many samples there are now: as many as before when no two
/// stretches are at least so `alike` (1 is the same). `factor` samples are one at 8 kHz, of which whole ones go.
pub(crate) fn shorten(samples: &mut [i16], alike: f32, factor: usize) -> usize {
    let Some(lag) = lag(samples, alike, factor) else { return samples.len() };
    let overlap = OVERLAP * factor;
    for n in 0..overlap {
        samples[n] = blend(samples[n], samples[n + lag], n, overlap);
    }
    samples.copy_within(lag + overlap.., overlap);
    samples.len() - lag
}

/// Puts 5 to 15 ms into the first `length` of `samples`, behind which there must be room for [`MOST`] times `factor`, and
/// returns how many there are now: `length` when no two stretches are alike enough.
pub(crate) fn lengthen(samples: &mut [i16], length: usize, alike: f32, factor: usize) -> usize {
    let Some(lag) = lag(&samples[..length], alike, factor) else { return length };
    let overlap = OVERLAP * factor;
    samples.copy_within(overlap..length, lag + overlap);
    for n in 0..overlap {
        samples[lag + n] = blend(samples[lag + n], samples[n], n, overlap);
    }
    length + lag
}

/// How far apart the beginning and the stretch most like it are; the longer, when two are as like.
fn lag(samples: &[i16], alike: f32, factor: usize) -> Option<usize> {
    let mut floats = [0.0; LONGEST * MAX_FACTOR];
    let floats = &mut floats[..samples.len().min(LONGEST * factor)];
    floats.iter_mut().zip(samples).for_each(|(to, &from)| *to = f32::from(from));
    let longest = floats.len().checked_sub(OVERLAP * factor)?.min(MOST * factor);
    let (mut best, mut beaten) = (None, alike);
    for lag in (LEAST..=longest / factor).rev().map(|lag| lag * factor) {
        let window = (WINDOW * factor).min(floats.len() - lag);
        let (first, second) = (&floats[..window], &floats[lag..lag + window]);
        let energies = dot(first, first) * dot(second, second);
        let similarity = dot(first, second) / energies.sqrt().max(1.0);
        if similarity > beaten {
            best = Some(lag);
            beaten = similarity;
        }
    }
    best
}

/// `n` samples into the overlap.
fn blend(from: i16, to: i16, n: usize, overlap: usize) -> i16 {
    let weight = (n + 1) as f32 / (overlap + 1) as f32;
    (f32::from(from) * (1.0 - weight) + f32::from(to) * weight).round() as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A buzz of this period, with room behind it.
    fn buzz(period: usize, length: usize) -> Vec<i16> {
        (0..length).map(|n| if n < LONGEST { 8_000 - (n % period * 16_000 / period) as i16 } else { 0 }).collect()
    }

    #[test]
    fn whole_periods_are_left_out_and_put_in() {
        for period in [40, 57, 80, 111] {
            let whole = buzz(period, LONGEST);
            let mut shorter = whole.clone();
            let left = shorten(&mut shorter, 0.7, 1);
            assert_eq!((LONGEST - left) % period, 0, "{period}: {left}");
            assert!((LEAST..=MOST).contains(&(LONGEST - left)));
            assert_eq!(shorter[..left], whole[..left], "nothing else has changed: {period}");

            let mut longer = buzz(period, LONGEST);
            let now = lengthen(&mut longer, 160, 0.7, 1);
            assert_eq!((now - 160) % period, 0, "{period}: {now}");
            assert!((LEAST..=MOST).contains(&(now - 160)));
            assert_eq!(longer[..now], whole[..now], "{period}");
        }
    }

    #[test]
    fn at_16_khz_as_much_time_is_left_out_and_put_in() {
        for period in [80, 114, 240] {
            let whole: Vec<i16> = (0..2 * LONGEST).map(|n| 8_000 - (n % period * 16_000 / period) as i16).collect();
            let mut shorter = whole.clone();
            let left = shorten(&mut shorter, 0.7, 2);
            assert_eq!(((2 * LONGEST - left) % period, left % 2), (0, 0), "{period}: {left}");
            assert!((2 * LEAST..=2 * MOST).contains(&(2 * LONGEST - left)));
            assert_eq!(shorter[..left], whole[..left], "{period}");
            let mut longer = whole.clone();
            let now = lengthen(&mut longer, 320, 0.7, 2);
            assert_eq!((now - 320) % period, 0, "{period}: {now}");
            assert_eq!(longer[..now], whole[..now], "{period}");
        }
    }

    #[test]
    fn what_is_not_alike_stays_as_it_is() {
        let mut state = 1u32;
        let noise: Vec<i16> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) as i16
        })
        .take(LONGEST)
        .collect();
        let mut samples = noise.clone();
        assert_eq!(shorten(&mut samples, 0.7, 1), LONGEST);
        assert_eq!(lengthen(&mut samples, 160, 0.7, 1), 160);
        assert_eq!(samples, noise);
        assert!(shorten(&mut samples, 0.0, 1) < LONGEST, "unless it must");
        assert_eq!(shorten(&mut [0; LONGEST], 0.5, 1), LONGEST, "silence is alike nothing");
        for length in 0..2 * OVERLAP {
            assert_eq!(shorten(&mut vec![1; length], 0.5, 1), length, "too short");
        }
    }
}
