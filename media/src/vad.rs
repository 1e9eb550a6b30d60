//! Is somebody speaking? A verdict per 20 ms frame, and the segmenter that turns verdicts into start and stop.
//!
//! The verdict is `earshot`'s (a small recurrent network over 16 kHz mel bands) at a threshold of 0.6, behind three
//! guards, each against something that fools the network:
//!
//! - an energy gate: the network keeps answering "voice" for a while after the last word has faded, and on silence it
//!   need not run at all;
//! - a tone check: dial tone, ringback, chords and low sines score as voice. A few sines are predictable from their own
//!   past, so eight-tap linear prediction leaves almost nothing of them; it leaves a fiftieth of a vowel;
//! - a shape check: loud brown, pink and white noise, hum and buzzers score as voice. Their spectrum is a straight
//!   slope, so either the signal itself or its first difference cannot be predicted at all; speech has formants in both.

use earshot::Detector;

use crate::{
    predict::{Autocorrelation, LAGS},
    resample::Resampler,
};

pub mod segment;

pub use segment::{SegmenterConfig, VoiceActivity, VoiceChange};

/// Samples of one frame: 20 ms at 8 kHz.
pub const FRAME_SAMPLES: usize = 160;

/// Probability from which on the network is believed.
const THRESHOLD: f32 = 0.6;

/// Frames quieter than this are silence. Speech on a bad line is above -50 dBFS, idle G.711 below -60 dBFS.
const GATE_DBFS: f32 = -56.0;

/// How far under the loudest recent frame a frame still counts: weak consonants are 30 dB under the vowels, what lies
/// deeper is the fading of the last word.
const DEPTH_DB: f32 = 32.0;

/// How fast the loudest frame is forgotten, per frame (10 dB a second).
const FORGET_DB: f32 = 0.2;

/// Quiet frames after which the network is no longer asked: its own memory has died away by then.
const REST_AFTER_FRAMES: u32 = 15;

/// Prediction gain above which a frame is a sum of steady sines. Vowels stay under 22 dB; G.711's own quantisation
/// noise keeps tones at 30 to 38 dB.
const TONE_GAIN_DB: f32 = 26.0;

/// Average prediction gain, of the signal or of its first difference, under which a sound has no shape.
const SHAPE_GAIN_DB: f32 = 1.9;

/// Weight of a new frame in the average of the shape check (a memory of about 120 ms).
const SHAPE_WEIGHT: f32 = 0.16;

/// Samples `earshot` takes at a time: 16 ms at 16 kHz.
const NETWORK_SAMPLES: usize = 256;

/// What one frame sounded like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict {
    /// Somebody speaks, all guards passed.
    pub voiced: bool,
    /// The network's own probability, 0 to 1, before the guards; 0 while it rests.
    pub probability: f32,
    /// Level of the frame without its constant part, in dB relative to a full-scale square wave.
    pub level_dbfs: f32,
    /// Its spectrum and that of the frame before, where a guard had to look at it.
    pub(crate) spectrum: Option<Autocorrelation<LAGS>>,
}

/// The detector of one stream of 8 kHz speech. About 12 KiB.
pub struct Vad {
    network: Box<Detector>,
    upsampler: Resampler,
    /// 16 kHz samples not yet given to the network.
    pending: Vec<i16>,
    /// The previous and the current frame, constant part removed: the window of the guards.
    window: [f32; 2 * FRAME_SAMPLES],
    blocker: DcBlocker,
    /// Level of the loudest recent frame, forgotten slowly.
    loudest_dbfs: f32,
    quiet_frames: u32,
    probability: f32,
    /// Running average of the shape check; `None` until a loud frame came after a rest.
    shape_db: Option<f32>,
}

impl std::fmt::Debug for Vad {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vad")
            .field("probability", &self.probability)
            .field("shape_db", &self.shape_db)
            .finish_non_exhaustive()
    }
}

impl Default for Vad {
    fn default() -> Self {
        Self::new()
    }
}

impl Vad {
    /// A detector that has heard nothing yet.
    pub fn new() -> Self {
        Self {
            network: Detector::new_boxed(earshot::DefaultPredictor::new()),
            upsampler: Resampler::new(8_000, 16_000).expect("both rates are supported"),
            pending: Vec::with_capacity(2 * FRAME_SAMPLES + NETWORK_SAMPLES),
            window: [0.0; 2 * FRAME_SAMPLES],
            blocker: DcBlocker::default(),
            loudest_dbfs: GATE_DBFS,
            quiet_frames: REST_AFTER_FRAMES,
            probability: 0.0,
            shape_db: None,
        }
    }

    /// Judges the next frame: 20 ms at 8 kHz, [`FRAME_SAMPLES`] samples. A shorter one is taken as ending in silence,
    /// of a longer one the rest is ignored. Does not allocate.
    pub fn push(&mut self, frame: &[i16]) -> Verdict {
        let frame = &frame[..frame.len().min(FRAME_SAMPLES)];
        self.window.copy_within(FRAME_SAMPLES.., 0);
        let fresh = &mut self.window[FRAME_SAMPLES..];
        fresh.fill(0.0);
        for (slot, &sample) in fresh.iter_mut().zip(frame) {
            *slot = self.blocker.step(f32::from(sample));
        }
        let level_dbfs = dbfs(fresh);
        self.loudest_dbfs = level_dbfs.max(self.loudest_dbfs - FORGET_DB);
        if level_dbfs < GATE_DBFS.max(self.loudest_dbfs - DEPTH_DB) {
            self.quiet_frames = self.quiet_frames.saturating_add(1);
            if self.quiet_frames > REST_AFTER_FRAMES {
                self.probability = 0.0;
                self.shape_db = None;
                return Verdict { voiced: false, probability: 0.0, level_dbfs, spectrum: None };
            }
        } else {
            self.quiet_frames = 0;
        }
        self.ask_network(frame);
        let spectrum =
            (self.quiet_frames == 0 && self.probability >= THRESHOLD).then(|| Autocorrelation::of(&self.window));
        let voiced = spectrum.is_some_and(|spectrum| self.passes_guards(&spectrum));
        Verdict { voiced, probability: self.probability, level_dbfs, spectrum }
    }

    /// Runs the network over every whole 16 ms that is there: once or twice a frame. Keeps the higher answer.
    fn ask_network(&mut self, frame: &[i16]) {
        self.upsampler.process(frame, &mut self.pending);
        let mut best: Option<f32> = None;
        let mut taken = 0;
        for chunk in self.pending.chunks_exact(NETWORK_SAMPLES) {
            let probability = self.network.predict_i16(chunk);
            best = Some(best.map_or(probability, |best| best.max(probability)));
            taken += NETWORK_SAMPLES;
        }
        self.pending.drain(..taken);
        self.probability = best.unwrap_or(self.probability);
    }

    fn passes_guards(&mut self, spectrum: &Autocorrelation<LAGS>) -> bool {
        let own = spectrum.prediction_gain_db(8);
        let difference = spectrum.of_difference().prediction_gain_db(8);
        let shape = own.min(difference);
        let average = self.shape_db.map_or(shape, |average| average + SHAPE_WEIGHT * (shape - average));
        self.shape_db = Some(average);
        own < TONE_GAIN_DB && average >= SHAPE_GAIN_DB
    }
}

/// Takes out a constant offset and what lies under 50 Hz, which analogue gateways add and no voice has.
#[derive(Debug, Clone, Copy, Default)]
struct DcBlocker {
    input: f32,
    output: f32,
}

impl DcBlocker {
    fn step(&mut self, sample: f32) -> f32 {
        const POLE: f32 = 0.96;
        let output = sample - self.input + POLE * self.output;
        // Left alone, the output fades into numbers so small that processors compute with them in slow motion.
        self.output = if output.abs() < 1e-3 { 0.0 } else { output };
        self.input = sample;
        self.output
    }
}

fn dbfs(samples: &[f32]) -> f32 {
    let power = samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len() as f32;
    10.0 * (power / (32_768.0 * 32_768.0) + 1e-12).log10()
}

#[cfg(test)]
mod tests;
