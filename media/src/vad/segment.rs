//! From verdicts per frame to "started speaking" and "stopped speaking".
//!
//! ```text
//!             voiced >= start                     unvoiced in a row >= stop
//!   Silent ───────────────────▶ Speaking ──────────────────────────────────▶ Silent
//! ```

use std::num::NonZeroU32;

/// Milliseconds of one frame.
const FRAME_MS: u32 = 20;

/// Unvoiced frames inside a beginning word that do not start the count anew: the closure of a "t" or "k" lasts up to
/// 80 ms.
const BRIDGED_FRAMES: u32 = 4;

/// How much it takes to believe a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmenterConfig {
    /// Voiced time, in ms, after which speech has started. Rounded up to whole frames of 20 ms, at least one.
    pub start_ms: u32,
    /// Unvoiced time in a row, in ms, after which speech has stopped. Rounded up as well.
    pub stop_ms: u32,
}

impl Default for SegmenterConfig {
    fn default() -> Self {
        Self { start_ms: 200, stop_ms: 200 }
    }
}

/// A change between silence and speech.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VoiceChange {
    /// Speech has started: its first voiced frame was `frames` ago, counting the frame just pushed (so 1 = this one).
    Started {
        /// Frames since the onset.
        frames: u32,
    },
    /// Speech has stopped: its last voiced frame was followed by `silent` unvoiced ones, the one just pushed included.
    Stopped {
        /// Frames from the onset to the last voiced frame, both included.
        spoken: u32,
        /// Unvoiced frames since.
        silent: u32,
    },
}

/// The segmenter of one stream. Pure counting: one [`push`](Self::push) per 20 ms.
#[derive(Debug, Clone)]
pub struct VoiceActivity {
    start_frames: NonZeroU32,
    stop_frames: NonZeroU32,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Silent,
    /// Some voice, not yet enough.
    Rising {
        since_onset: u32,
        voiced: u32,
        gap: u32,
    },
    Speaking {
        since_onset: u32,
        gap: u32,
    },
}

impl VoiceActivity {
    /// A segmenter that starts in silence.
    pub fn new(config: SegmenterConfig) -> Self {
        let frames = |ms: u32| NonZeroU32::new(ms.div_ceil(FRAME_MS)).unwrap_or(NonZeroU32::MIN);
        Self { start_frames: frames(config.start_ms), stop_frames: frames(config.stop_ms), state: State::Silent }
    }

    /// Takes the verdict on the next frame.
    pub fn push(&mut self, voiced: bool) -> Option<VoiceChange> {
        match self.state {
            State::Silent if voiced => self.rise(1, 1),
            State::Silent => None,
            State::Rising { since_onset, voiced: so_far, gap } => {
                let since_onset = since_onset.saturating_add(1);
                if voiced {
                    self.rise(since_onset, so_far + 1)
                } else {
                    self.state = match gap {
                        BRIDGED_FRAMES.. => State::Silent,
                        _ => State::Rising { since_onset, voiced: so_far, gap: gap + 1 },
                    };
                    None
                }
            }
            State::Speaking { since_onset, gap } => {
                let since_onset = since_onset.saturating_add(1);
                let gap = if voiced { 0 } else { gap + 1 };
                if gap >= self.stop_frames.get() {
                    self.state = State::Silent;
                    return Some(VoiceChange::Stopped { spoken: since_onset - gap, silent: gap });
                }
                self.state = State::Speaking { since_onset, gap };
                None
            }
        }
    }

    /// Takes what was heard in the last `frames` for speech, although it does not look like it by counting: something
    /// else is sure of it. `None` when speech has started already.
    pub fn believe(&mut self, frames: u32) -> Option<VoiceChange> {
        let (since_onset, gap) = match self.state {
            State::Silent => (frames, 0),
            State::Rising { since_onset, gap, .. } => (since_onset.max(frames), gap),
            State::Speaking { .. } => return None,
        };
        self.state = State::Speaking { since_onset, gap };
        Some(VoiceChange::Started { frames: since_onset })
    }

    /// Takes what was heard for no speech after all. `Stopped` when it had started.
    pub fn forget(&mut self) -> Option<VoiceChange> {
        match std::mem::replace(&mut self.state, State::Silent) {
            State::Speaking { since_onset, gap } => {
                Some(VoiceChange::Stopped { spoken: since_onset - gap, silent: gap })
            }
            State::Silent | State::Rising { .. } => None,
        }
    }

    /// Between `Started` and `Stopped`.
    pub fn is_speaking(&self) -> bool {
        match self.state {
            State::Speaking { .. } => true,
            State::Silent | State::Rising { .. } => false,
        }
    }

    fn rise(&mut self, since_onset: u32, voiced: u32) -> Option<VoiceChange> {
        if voiced >= self.start_frames.get() {
            self.state = State::Speaking { since_onset, gap: 0 };
            return Some(VoiceChange::Started { frames: since_onset });
        }
        self.state = State::Rising { since_onset, voiced, gap: 0 };
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `#` is a voiced frame, `.` an unvoiced one; changes come with the index of the frame that brought them.
    fn run(config: SegmenterConfig, frames: &str) -> Vec<(usize, VoiceChange)> {
        let mut activity = VoiceActivity::new(config);
        frames
            .bytes()
            .enumerate()
            .filter_map(|(index, frame)| activity.push(frame == b'#').map(|change| (index, change)))
            .collect()
    }

    #[test]
    fn speech_starts_after_200_ms_and_stops_after_200_ms() {
        let changes = run(SegmenterConfig::default(), "....####################............");
        assert_eq!(
            changes,
            [(13, VoiceChange::Started { frames: 10 }), (33, VoiceChange::Stopped { spoken: 20, silent: 10 })]
        );
    }

    #[test]
    fn a_stop_consonant_does_not_split_a_word_but_a_pause_restarts_the_count() {
        let config = SegmenterConfig::default();
        assert_eq!(run(config, "#####....#####"), [(13, VoiceChange::Started { frames: 14 })]);
        assert_eq!(run(config, "#####.....#####...."), []);
    }

    #[test]
    fn a_pause_shorter_than_the_limit_does_not_stop_speech() {
        let changes = run(SegmenterConfig::default(), "##########.........##########..........");
        assert_eq!(
            changes,
            [(9, VoiceChange::Started { frames: 10 }), (38, VoiceChange::Stopped { spoken: 29, silent: 10 })]
        );
    }

    #[test]
    fn limits_round_up_to_whole_frames_and_are_at_least_one() {
        let config = SegmenterConfig { start_ms: 0, stop_ms: 21 };
        assert_eq!(
            run(config, "#.#.."),
            [(0, VoiceChange::Started { frames: 1 }), (4, VoiceChange::Stopped { spoken: 3, silent: 2 })]
        );
    }

    proptest! {
        #[test]
        fn starts_and_stops_alternate_and_are_earned(
            start_ms in 0u32..600,
            stop_ms in 0u32..600,
            frames in prop::collection::vec(prop::bool::weighted(0.6), 0..400),
        ) {
            let mut activity = VoiceActivity::new(SegmenterConfig { start_ms, stop_ms });
            let (mut speaking, mut onset) = (false, 0);
            for (index, &voiced) in frames.iter().enumerate() {
                match activity.push(voiced) {
                    Some(VoiceChange::Started { frames: ago }) => {
                        prop_assert!(!speaking);
                        onset = index + 1 - ago as usize;
                        prop_assert!(voiced && frames[onset]);
                        let heard = frames[onset..=index].iter().filter(|&&voiced| voiced).count();
                        prop_assert_eq!(heard as u32, start_ms.div_ceil(20).max(1));
                        speaking = true;
                    }
                    Some(VoiceChange::Stopped { spoken, silent }) => {
                        prop_assert!(speaking);
                        prop_assert_eq!(silent, stop_ms.div_ceil(20).max(1));
                        prop_assert!(frames[onset + spoken as usize - 1]);
                        prop_assert!(frames[onset + spoken as usize..=index].iter().all(|&voiced| !voiced));
                        speaking = false;
                    }
                    None => {}
                }
                prop_assert_eq!(activity.is_speaking(), speaking);
            }
        }
    }
}
