//! Fax machines and modems by the tones they answer and call with.

use super::tone::Tone;

/// The answering tone (CED, ITU-T T.30 section 4.2; V.25, and V.8 with its swelling and turning phases): 2100 Hz ± 15.
const ANSWER: std::ops::RangeInclusive<f32> = 2_080.0..=2_120.0;

/// Frames of it that are enough: 0.5 s of 2.6 s or more.
const ENOUGH: u32 = 25;

/// What a frame without it costs: every turn of the phase spoils two.
const SPOILT: u32 = 2;

/// The calling tone (CNG, T.30 section 4.2): 1100 Hz ± 38 for 0.5 s, every 3.5 s.
const CALLING: std::ops::RangeInclusive<f32> = 1_062.0..=1_138.0;

/// Windows of 40 ms, one every 20 ms, of 0.425 to 0.575 s.
const CALLS: std::ops::RangeInclusive<u32> = 19..=29;

/// Hears machines that talk to machines.
#[derive(Debug, Clone, Default)]
pub(super) struct FaxDetector {
    answer: u32,
    calling: u32,
}

impl FaxDetector {
    /// Takes the tone of the next window. True when a fax machine is sure.
    pub(super) fn push(&mut self, tone: Option<Tone>) -> bool {
        let is_in = |band: &std::ops::RangeInclusive<f32>| tone.filter(|tone| band.contains(&tone.hz));
        // No voice stays there for so long, also where the agent's echo lies over it.
        self.answer = if is_in(&ANSWER).is_some() { self.answer + 1 } else { self.answer.saturating_sub(SPOILT) };
        let called = if is_in(&CALLING).is_some_and(|tone| tone.pure) {
            self.calling = self.calling.saturating_add(1);
            false
        } else {
            CALLS.contains(&std::mem::take(&mut self.calling))
        };
        self.answer >= ENOUGH || called
    }

    /// Whether the answering tone is heard, or what may be the beginning of one.
    pub(super) fn sounds(&self) -> bool {
        self.answer > 0
    }
}

#[cfg(test)]
mod tests {
    use super::super::tone::ToneMeter;
    use super::*;
    use crate::sounds;

    fn is_fax(sound: &[i16]) -> bool {
        let (mut meter, mut detector) = (ToneMeter::default(), FaxDetector::default());
        let padded = [sounds::silence(70), sound.to_vec(), sounds::silence(200)].concat();
        let mut any = false;
        for frame in sounds::through_line(&padded).chunks(160) {
            any |= detector.push(meter.push(frame));
        }
        any
    }

    #[test]
    fn both_tones_are_known() {
        assert!(is_fax(&sounds::chord(&[2_100.0], 5_000.0, 2_600)));
        assert!(is_fax(&sounds::chord(&[2_112.0], 900.0, 700)));
        assert!(is_fax(&sounds::chord(&[1_100.0], 5_000.0, 500)));
        // V.8: 15 Hz of swelling, the phase turned every 450 ms.
        let swelling: Vec<i16> = (0..16_000)
            .map(|n| {
                let t = f64::from(n) / 8_000.0;
                let turn = if (n / 3_600) % 2 == 0 { 1.0 } else { -1.0 };
                let swell = 1.0 + 0.2 * (std::f64::consts::TAU * 15.0 * t).sin();
                (5_000.0 * turn * swell * (std::f64::consts::TAU * 2_100.0 * t).sin()) as i16
            })
            .collect();
        assert!(is_fax(&swelling));
    }

    #[test]
    fn other_tones_are_none() {
        for (hz, ms) in
            [(2_100.0, 300), (2_000.0, 3_000), (1_100.0, 200), (1_100.0, 900), (1_000.0, 500), (425.0, 1_000)]
        {
            assert!(!is_fax(&sounds::chord(&[hz], 5_000.0, ms)), "{hz} Hz, {ms} ms");
        }
    }
}
