//! Is this stretch a tone, and which?

use crate::frame::FRAME_8K;
use crate::predict::{Autocorrelation, LAGS};

/// Quieter tones are none: a beep comes at -10 to -30 dBFS.
const FLOOR_DBFS: f32 = -45.0;

/// Prediction gain over eight samples of a sum of steady sines on a line with noise. Some vowels reach it for a moment.
const TONE_GAIN_DB: f32 = 18.0;

/// The same where nothing else is heard; see [`crate::vad`]. No voice reaches it.
const PURE_GAIN_DB: f32 = 26.0;

/// Prediction gain over two samples of one sine. Two keys of a telephone's keypad reach 15 dB.
const SINGLE_GAIN_DB: f32 = 22.0;

/// Loudest to quietest eighth of a frame, in power. One sine stays under 2; two that lie closer than the prediction can
/// tell apart beat against each other.
const STEADY_RATIO: f32 = 3.0;

/// Samples of an eighth of a frame: 2.5 ms, a whole period of the lowest tone of interest.
const EIGHTH: usize = FRAME_8K / 8;

/// A tone heard over 40 ms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Tone {
    /// Its frequency, or the middle of several, in Hz.
    pub(super) hz: f32,
    /// Level of the last 20 ms.
    pub(super) level_dbfs: f32,
    /// Nothing else is heard.
    pub(super) pure: bool,
    /// One sine, as opposed to several at once, and pure.
    pub(super) single: bool,
}

/// Looks for tones in windows of 40 ms, one per frame.
#[derive(Debug, Clone)]
pub(super) struct ToneMeter {
    window: [f32; 2 * FRAME_8K],
}

impl Default for ToneMeter {
    fn default() -> Self {
        Self { window: [0.0; 2 * FRAME_8K] }
    }
}

impl ToneMeter {
    /// Takes the next 20 ms at 8 kHz; a shorter frame is taken as ending in silence.
    pub(super) fn push(&mut self, frame: &[i16]) -> Option<Tone> {
        self.window.copy_within(FRAME_8K.., 0);
        let fresh = &mut self.window[FRAME_8K..];
        fresh.fill(0.0);
        fresh.iter_mut().zip(frame).for_each(|(slot, &sample)| *slot = f32::from(sample));
        let power = fresh.iter().map(|sample| sample * sample).sum::<f32>() / FRAME_8K as f32;
        let level_dbfs = 10.0 * (power / (32_768.0 * 32_768.0) + 1e-12).log10();
        if level_dbfs < FLOOR_DBFS {
            return None;
        }
        let steady = is_steady(fresh);
        let spectrum = Autocorrelation::<LAGS>::of(&self.window);
        let gain = spectrum.prediction_gain_db(8);
        if gain < TONE_GAIN_DB {
            return None;
        }
        let pure = gain >= PURE_GAIN_DB;
        let single = pure && steady && spectrum.prediction_gain_db(2) >= SINGLE_GAIN_DB;
        Some(Tone { hz: spectrum.resonance() as f32 * 8_000.0, level_dbfs, pure, single })
    }
}

fn is_steady(frame: &[f32]) -> bool {
    let power = |part: &[f32]| part.iter().map(|sample| sample * sample).sum::<f32>();
    let (quietest, loudest) = frame
        .chunks_exact(EIGHTH)
        .map(power)
        .fold((f32::MAX, 0.0f32), |(low, high), power| (low.min(power), high.max(power)));
    loudest <= STEADY_RATIO * quietest
}
