//! The three rising tones before an announcement of the network (special information tones, ITU-T E.180 section 8 and
//! Q.35): 950, 1400 and 1800 Hz, 330 ms each. North American switches bend and stretch the first two to say what is the
//! matter.

use super::tone::Tone;

/// What the tones say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refusal {
    /// That an announcement follows; not which.
    Unspecified,
    /// The number was changed or is out of service (intercept).
    Intercept,
    /// There is no such number (vacant code).
    Vacant,
    /// The network had a fault or had no time (reorder).
    Reorder,
    /// No circuit was free.
    NoCircuit,
}

/// Where the tones lie, in Hz: 50 Hz to each side.
const BANDS: [std::ops::RangeInclusive<f32>; 3] = [890.0..=1_010.0, 1_340.0..=1_465.0, 1_740.0..=1_860.0];

/// The low and the high tone of North America, in Hz, of the first and the second.
const CODES: [[f32; 2]; 2] = [[913.8, 985.2], [1_370.6, 1_428.5]];

/// How far from these a tone is still one of them.
const EXACT: f32 = 12.0;

/// Windows of 40 ms, one every 20 ms, of a tone of 260 to 400 ms.
const LENGTH: std::ops::RangeInclusive<u32> = 9..=20;

/// Windows from which on a tone of North America is a long one (380 ms) and no short one (274 ms).
const LONG: u32 = 15;

/// Windows between two tones: 30 ms of silence, and those that see both.
const BETWEEN: u32 = 5;

/// How far the frequency may wander within a tone, in Hz.
const WANDER: f32 = 12.0;

/// Finds the third tone.
#[derive(Debug, Clone, Default)]
pub(super) struct SitDetector {
    run: Option<Run>,
    /// The tones before: frequency and windows.
    heard: [(f32, u32); 2],
    known: usize,
    since: u32,
}

#[derive(Debug, Clone, Copy)]
struct Run {
    hz: f32,
    windows: u32,
}

impl SitDetector {
    /// Takes the tone of the next window. Says what it is in the frame in which the third tone is sure.
    pub(super) fn push(&mut self, tone: Option<Tone>) -> Option<Refusal> {
        let tone = tone.filter(|tone| tone.single && BANDS.iter().any(|band| band.contains(&tone.hz)));
        self.since = self.since.saturating_add(1);
        if let (Some(run), Some(tone)) = (&mut self.run, tone)
            && (tone.hz - run.hz).abs() <= WANDER
        {
            run.windows += 1;
            run.hz += (tone.hz - run.hz) / run.windows.min(8) as f32;
            let third = self.known == 2 && BANDS[2].contains(&run.hz) && run.windows == *LENGTH.start();
            return third.then(|| self.refusal());
        }
        if let Some(run) = self.run.take() {
            self.ended(run);
        }
        if let Some(tone) = tone {
            if self.known > 0 && self.since > BETWEEN {
                self.known = 0;
            }
            self.run = Some(Run { hz: tone.hz, windows: 1 });
        }
        None
    }

    fn ended(&mut self, run: Run) {
        if !LENGTH.contains(&run.windows) {
            // What is too short for a tone may be where two meet.
            if run.windows > 2 {
                self.known = 0;
            }
            return;
        }
        let next = self.known < 2 && BANDS[self.known].contains(&run.hz);
        let first = BANDS[0].contains(&run.hz);
        match (next, first) {
            (true, _) => {
                self.heard[self.known] = (run.hz, run.windows);
                self.known += 1;
            }
            (false, true) => {
                self.heard[0] = (run.hz, run.windows);
                self.known = 1;
            }
            (false, false) => self.known = 0,
        }
        self.since = 0;
    }

    fn refusal(&self) -> Refusal {
        let code = |n: usize| CODES[n].iter().position(|hz| (self.heard[n].0 - hz).abs() <= EXACT);
        let long = self.heard[0].1 >= LONG;
        match (code(0), code(1)) {
            (Some(0), Some(0)) if long => Refusal::NoCircuit,
            (Some(0), Some(0)) => Refusal::Intercept,
            (Some(1), Some(0)) if long => Refusal::Vacant,
            (Some(1), Some(0)) | (Some(0), Some(1)) => Refusal::Reorder,
            (Some(1), Some(1)) => Refusal::NoCircuit,
            (Some(_) | None, Some(_) | None) => Refusal::Unspecified,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tone::ToneMeter;
    use super::*;
    use crate::sounds;

    fn said(tones: &[(f64, usize)], gap: usize) -> Vec<Refusal> {
        let mut sound = sounds::silence(110);
        for (hz, ms) in tones {
            sound.extend(sounds::chord(&[*hz], 3_000.0, *ms));
            sound.extend(sounds::silence(gap));
        }
        sound.extend(sounds::silence(200));
        let (mut meter, mut detector) = (ToneMeter::default(), SitDetector::default());
        sounds::through_line(&sound).chunks(160).filter_map(|frame| detector.push(meter.push(frame))).collect()
    }

    #[test]
    fn the_three_tones_are_read() {
        let (short, long) = (274, 380);
        for gap in [0, 4, 15, 30] {
            assert_eq!(said(&[(950.0, 330), (1_400.0, 330), (1_800.0, 330)], gap), [Refusal::Unspecified]);
            assert_eq!(said(&[(913.8, short), (1_370.6, short), (1_776.7, long)], gap), [Refusal::Intercept]);
            assert_eq!(said(&[(985.2, long), (1_370.6, short), (1_776.7, long)], gap), [Refusal::Vacant]);
            assert_eq!(said(&[(985.2, short), (1_370.6, long), (1_776.7, long)], gap), [Refusal::Reorder]);
            assert_eq!(said(&[(913.8, short), (1_428.5, long), (1_776.7, long)], gap), [Refusal::Reorder]);
            assert_eq!(said(&[(985.2, long), (1_428.5, long), (1_776.7, long)], gap), [Refusal::NoCircuit]);
            assert_eq!(said(&[(913.8, long), (1_370.6, long), (1_776.7, long)], gap), [Refusal::NoCircuit]);
        }
    }

    #[test]
    fn two_tones_or_other_ones_are_none() {
        assert_eq!(said(&[(950.0, 330), (1_400.0, 330)], 0), []);
        assert_eq!(said(&[(1_800.0, 330), (1_400.0, 330), (950.0, 330)], 0), []);
        assert_eq!(said(&[(950.0, 330), (1_400.0, 330), (1_800.0, 330)], 300), [], "they follow each other at once");
        assert_eq!(said(&[(950.0, 900), (1_400.0, 330), (1_800.0, 330)], 0), []);
    }
}
