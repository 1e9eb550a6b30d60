//! The tone after which a machine records: one sine for a while, steady or fading, then nothing.

use super::tone::Tone;

/// Frequencies in use, in Hz.
const BAND: std::ops::RangeInclusive<f32> = 400.0..=2_500.0;

/// Windows of 40 ms, one every 20 ms, that a tone of 200 ms fills wherever it begins.
const MIN_WINDOWS: u32 = 7;

/// Longer tones are not beeps: fax machines answer with 2.6 s and more, dial tone never ends.
const MAX_WINDOWS: u32 = 125;

/// How far the frequency may wander between two windows, as a part of itself. The last one, half over, is less exact.
const WANDER: f32 = 0.03;

/// How far the level may rise between two frames, in dB. Some beeps ring out like a bell.
const SWELL_DB: f32 = 3.0;

/// Windows without the tone that are not its end: a lost packet spoils two.
const HOLE: u32 = 2;

/// Finds the end of a beep.
#[derive(Debug, Clone, Default)]
pub(super) struct BeepDetector {
    run: Option<Run>,
}

#[derive(Debug, Clone, Copy)]
struct Run {
    last: Tone,
    windows: u32,
    hole: u32,
}

impl BeepDetector {
    /// Takes the tone of the next window. True in the frame in which a beep is sure to have ended.
    pub(super) fn push(&mut self, tone: Option<Tone>) -> bool {
        let single = tone.filter(|tone| tone.single && BAND.contains(&tone.hz));
        match (self.run, single) {
            (Some(run), Some(tone)) if run.goes_on(tone) => {
                self.run = Some(Run { last: tone, windows: run.windows.saturating_add(1), hole: 0 });
                false
            }
            (Some(run), None) if run.hole < HOLE => {
                self.run = Some(Run { hole: run.hole + 1, ..run });
                false
            }
            (run, single) => {
                self.run = single.map(|last| Run { last, windows: 1, hole: 0 });
                // Of a tone that turns into another one (a tune, the three tones of an announcement) only the last
                // part can be the beep.
                !tone.is_some_and(|tone| tone.pure)
                    && run.is_some_and(|run| (MIN_WINDOWS..=MAX_WINDOWS).contains(&run.windows))
            }
        }
    }
}

impl Run {
    fn goes_on(&self, tone: Tone) -> bool {
        (tone.hz - self.last.hz).abs() <= WANDER * self.last.hz
            && tone.level_dbfs - self.last.level_dbfs <= SWELL_DB * (1 + self.hole) as f32
    }
}
