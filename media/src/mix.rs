//! Several voices in one.

/// Up to here samples pass unchanged: −2.5 dBFS.
const KNEE: i32 = 24_576;

/// What lies between the knee and the largest sample.
const ROOM: i32 = i16::MAX as i32 - KNEE;

/// Adds a voice. Loud sums are bent, not cut: two people who shout at once are distorted a little and never crackle.
pub(crate) fn mix(into: &mut [i16], voice: &[i16]) {
    for (sample, other) in into.iter_mut().zip(voice) {
        *sample = bend(i32::from(*sample) + i32::from(*other));
    }
}

/// The identity up to the knee; above it the excess `e` becomes `e·r / (e + r)`, which goes on with the same slope and
/// never reaches `r`.
fn bend(sum: i32) -> i16 {
    let excess = sum.abs() - KNEE;
    let bent = if excess > 0 { KNEE + excess * ROOM / (excess + ROOM) } else { sum.abs() };
    // `bent` lies below 32,767.
    (bent * sum.signum()) as i16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::FRAME_8K;

    #[test]
    fn quiet_voices_add_up_exactly_and_loud_ones_stay_in_range_and_in_order() {
        assert_eq!(bend(0), 0);
        assert_eq!(bend(-20_000), -20_000);
        let mut last = -1;
        for sum in 0..=65_536 {
            let bent = i32::from(bend(sum));
            assert!(bent >= last && bent - last <= 1, "{sum}: from {last} to {bent}");
            assert_eq!(i32::from(bend(-sum)), -bent);
            last = bent;
        }
        assert!((30_000..32_767).contains(&last), "{last}");
    }

    #[test]
    fn a_lone_voice_is_not_touched_below_the_knee() {
        let voice: [i16; FRAME_8K] = std::array::from_fn(|n| (n as i16 - 80) * 300);
        let mut into = [0; FRAME_8K];
        mix(&mut into, &voice);
        assert_eq!(into, voice);
    }
}
