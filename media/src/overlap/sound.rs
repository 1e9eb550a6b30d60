//! A sound since its onset: what the network is told of it frame by frame, and what it believes so far.

use super::judge::EAR;
use super::moment::Moment;
use super::network::{INPUTS, Inputs, Memory, Opinion};

/// Blocks of 5 ms in a frame.
pub(super) const BLOCKS: usize = 4;

/// Frames that are kept: two beats of a laugh.
const KEPT: usize = 13;

/// A laugh or a hum comes back after so many frames.
const BEAT: std::ops::RangeInclusive<usize> = 6..=12;

/// Blocks within this of the loudest so far are the sound; the first of them is its onset.
const ONSET_DB: f32 = 21.0;

/// A frame so far under the loudest is a pause, or the fading of the last word. What it sounds like does not matter: it
/// may be the line, the room, or what comes back of the agent's voice.
const ACTIVE_DB: f32 = 20.0;

/// How different two sounds are at most.
const FAR: f32 = 3.0;

/// Frames whose blocks are kept: an onset is looked for so far back.
const LONGEST: usize = 40;

/// Frames that are kept for whoever wants to learn from them.
const TOLD: usize = 75;

/// A sound from its onset on, or a stretch of a longer one.
#[derive(Debug)]
pub(super) struct Sound {
    /// The last frames, the newest last.
    moments: Vec<Moment>,
    /// Level of the loudest frame and of the loudest block.
    loudest: f32,
    loudest_block: f32,
    /// Levels of the last blocks, the newest last.
    blocks: Vec<f32>,
    memory: Memory,
    opinion: Opinion,
    /// It does not begin with an onset.
    later: bool,
    told: Vec<Inputs>,
}

impl Sound {
    pub(super) fn new() -> Self {
        Self {
            moments: Vec::with_capacity(KEPT),
            loudest: -96.0,
            loudest_block: -96.0,
            blocks: Vec::with_capacity(BLOCKS * LONGEST),
            memory: Memory::new(),
            opinion: Opinion::default(),
            later: false,
            told: Vec::with_capacity(TOLD),
        }
    }

    /// Forgets everything: an onset follows, or, `later`, more of a sound that has begun before.
    pub(super) fn begin(&mut self, later: bool) {
        self.moments.clear();
        self.blocks.clear();
        self.told.clear();
        (self.loudest, self.loudest_block) = (-96.0, -96.0);
        (self.memory, self.opinion, self.later) = (Memory::new(), Opinion::default(), later);
    }

    /// Listens to the next frame, over a line with noise of that level.
    pub(super) fn push(&mut self, moment: Moment, floor: f32) {
        self.loudest = self.loudest.max(moment.level);
        self.loudest_block = moment.blocks.iter().copied().fold(self.loudest_block, f32::max);
        if self.moments.len() == KEPT {
            self.moments.remove(0);
        }
        if self.blocks.len() == BLOCKS * LONGEST {
            self.blocks.drain(..BLOCKS);
        }
        self.blocks.extend(moment.blocks);
        self.moments.push(moment);
        let inputs = self.inputs(floor);
        self.opinion = EAR.hear(&mut self.memory, &inputs);
        if self.told.len() < TOLD {
            self.told.push(inputs);
        }
    }

    /// Time since the onset, in blocks: since the first one that is not far softer than the loudest so far.
    pub(super) fn blocks(&self) -> usize {
        let onset = self.blocks.iter().position(|block| *block > self.loudest_block - ONSET_DB);
        self.blocks.len() - onset.unwrap_or(0)
    }

    /// Frames heard since [`Self::begin`], up to 75.
    pub(super) fn frames(&self) -> usize {
        self.told.len()
    }

    pub(super) const fn is_later(&self) -> bool {
        self.later
    }

    pub(super) const fn opinion(&self) -> Opinion {
        self.opinion
    }

    /// What the network was told since [`Self::begin`].
    pub(super) fn told(&self) -> &[Inputs] {
        &self.told
    }

    /// What the network is told of the newest frame. All numbers are of the size of 1.
    fn inputs(&self, floor: f32) -> Inputs {
        let now = &self.moments[self.moments.len() - 1];
        let before = |frames: usize| self.moments.len().checked_sub(frames + 1).map(|at| &self.moments[at]);
        let is_active = |moment: &Moment| moment.level > self.loudest - ACTIVE_DB;
        let active = is_active(now);
        let apart = |other: Option<&Moment>| {
            other.filter(|other| active && is_active(other)).map(|other| now.distance(other).min(FAR))
        };
        let repeats = BEAT.filter_map(|beat| apart(before(beat))).reduce(f32::min);
        let jump = before(1).filter(|before| now.is_harmonic() && before.is_harmonic());
        let mut inputs = [0.0; INPUTS];
        inputs[0] = ((now.level - self.loudest) / 10.0).max(-3.0);
        inputs[1] = before(1).map_or(0.0, |before| ((now.level - before.level) / 10.0).clamp(-2.0, 2.0));
        for (slot, block) in inputs[2..6].iter_mut().zip(now.blocks) {
            *slot = ((block - self.loudest_block) / 10.0).max(-3.0);
        }
        inputs[6] = f32::from(u8::from(now.voiced));
        inputs[7] = now.probability;
        inputs[8] = if active { now.tilt } else { 0.0 };
        inputs[9] = if active { now.gain / 10.0 } else { 0.0 };
        inputs[10] = if active { now.harmonicity } else { 0.0 };
        inputs[11] = if active && now.is_harmonic() { now.octaves() } else { 0.0 };
        inputs[12] = jump.map_or(0.0, |before| (now.octaves() - before.octaves()).clamp(-0.5, 0.5) * 2.0);
        if active {
            inputs[13..21].copy_from_slice(&now.cepstrum.map(|value| value.clamp(-2.0, 2.0)));
        }
        inputs[21] = apart(before(2)).unwrap_or(0.0) / 2.0;
        inputs[22] = repeats.unwrap_or(FAR) / 2.0;
        inputs[23] = (self.blocks() as f32 / 100.0).min(1.5);
        inputs[24] = ((self.loudest - floor) / 30.0).clamp(0.0, 2.0);
        inputs[25] = f32::from(u8::from(self.later));
        inputs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::FRAME_8K;
    use crate::vad::Verdict;

    fn frame(amplitude: f32) -> Moment {
        let window: [f32; 2 * FRAME_8K] = std::array::from_fn(|n| if n % 40 < 20 { amplitude } else { -amplitude });
        let level_dbfs = 20.0 * (amplitude / 32_768.0).log10();
        Moment::of(&window, &Verdict { voiced: true, probability: 1.0, level_dbfs, spectrum: None })
    }

    #[test]
    fn the_onset_is_where_it_is_no_longer_far_softer_than_the_loudest() {
        let mut sound = Sound::new();
        for (amplitude, blocks) in [(100.0, 4), (90.0, 8), (900.0, 12), (9_000.0, 8), (5_000.0, 12)] {
            sound.push(frame(amplitude), -70.0);
            assert_eq!(sound.blocks(), blocks, "{amplitude}");
        }
        sound.begin(true);
        assert_eq!((sound.blocks(), sound.frames()), (0, 0));
    }

    #[test]
    fn what_is_told_is_of_the_size_of_one_whatever_comes() {
        let mut sound = Sound::new();
        for amplitude in [0.0, 1.0, 32_767.0, 0.0, 3.0, 20_000.0, 20_000.0, 0.1].repeat(10) {
            sound.push(frame(f32::max(amplitude, 1e-6)), -96.0);
        }
        assert_eq!(sound.told().len(), TOLD);
        for inputs in sound.told() {
            assert!(inputs.iter().all(|input| input.is_finite() && input.abs() <= 6.0), "{inputs:?}");
        }
        assert!(sound.opinion().odds_of_talk().is_finite());
    }
}
