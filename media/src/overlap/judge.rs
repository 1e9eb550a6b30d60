//! The verdict on a sound from what the network believes: how sure it has to be, and when.

use super::network::{Network, Opinion};
use super::sound::{BLOCKS, Sound};

/// What has learnt from generated overlaps and from recordings what somebody who goes on talking is like, somebody who
/// makes a remark, and a throat, a line or a room. `tests/interruption/train` tells how.
pub(super) static EAR: Network = Network::read(include_bytes!("weights.bin"));

/// What is made of a sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// Nothing yet.
    Open,
    /// Somebody wants the word.
    Speech,
    /// Somebody listens.
    Remark,
    /// Nobody.
    Noise,
}

/// From so many blocks after the onset on there is a verdict: 460 ms. A frame later it would be 480 ms, and what is on
/// the way may take 40 ms.
const LAST: usize = 92;

/// The least odds of talk, as a logarithm, from 400, 420 and 440 ms on: only clear talk is believed so early.
const CLEAR_TALK: [f32; 3] = [3.0, 2.5, 2.0];

/// The least odds in the end.
const TALK: f32 = -1.2;

/// After the verdict, what was no talk has to be clearly talk to become it.
const LATER: f32 = 3.0;

/// Frames of a longer sound that are judged at once.
const STRETCH: usize = 25;

/// The verdict on a sound of which `missing` frames have not come, though their time has.
pub(super) fn judge(sound: &Sound, missing: usize) -> Judgement {
    let opinion = sound.opinion();
    if sound.is_later() {
        return match sound.frames() {
            STRETCH.. if opinion.odds_of_talk() >= LATER => Judgement::Speech,
            STRETCH.. => quiet(opinion),
            _ => Judgement::Open,
        };
    }
    let blocks = sound.blocks();
    if blocks >= LAST || (missing > 0 && blocks + BLOCKS * missing >= LAST) {
        return if opinion.odds_of_talk() >= TALK { Judgement::Speech } else { quiet(opinion) };
    }
    let step = blocks.checked_sub(LAST - BLOCKS * CLEAR_TALK.len()).map(|blocks| blocks / BLOCKS);
    let least = step.and_then(|step| CLEAR_TALK.get(step));
    if least.is_some_and(|least| opinion.odds_of_talk() >= *least) { Judgement::Speech } else { Judgement::Open }
}

/// Whether there is time for another frame before the verdict.
pub(super) fn may_wait(sound: &Sound) -> bool {
    !sound.is_later() && sound.blocks() + BLOCKS <= LAST
}

/// What is no talk.
pub(super) fn quiet(opinion: Opinion) -> Judgement {
    if opinion.remark >= opinion.noise { Judgement::Remark } else { Judgement::Noise }
}

#[cfg(test)]
mod tests {
    use super::super::moment::Moment;
    use super::*;
    use crate::frame::FRAME_8K;
    use crate::vad::Verdict;

    /// Frames of a steady hum, as a sound.
    fn hum(frames: usize, later: bool) -> Sound {
        let mut sound = Sound::new();
        sound.begin(later);
        let wave = |n: usize| 3_000.0 * (n as f32 * 0.1).sin();
        let window: [f32; 2 * FRAME_8K] = std::array::from_fn(wave);
        let verdict = Verdict { voiced: true, probability: 0.9, level_dbfs: -23.0, spectrum: None };
        for _ in 0..frames {
            sound.push(Moment::of(&window, &verdict), -70.0);
        }
        sound
    }

    #[test]
    fn the_verdict_falls_after_460_ms_and_nothing_is_judged_before_400() {
        assert_eq!(judge(&hum(19, false), 0), Judgement::Open);
        assert!(may_wait(&hum(22, false)));
        assert_ne!(judge(&hum(23, false), 0), Judgement::Open);
        assert!(!may_wait(&hum(23, false)));
    }

    #[test]
    fn frames_that_do_not_come_do_not_hold_the_verdict_up() {
        assert_eq!(judge(&hum(19, false), 2), Judgement::Open);
        assert_ne!(judge(&hum(22, false), 1), Judgement::Open);
        assert_ne!(judge(&hum(20, false), 3), Judgement::Open);
    }

    #[test]
    fn a_longer_sound_is_judged_by_half_seconds() {
        assert_eq!(judge(&hum(STRETCH - 1, true), 4), Judgement::Open);
        assert_ne!(judge(&hum(STRETCH, true), 0), Judgement::Open);
    }
}
