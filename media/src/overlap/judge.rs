//! The verdict on a sound from its numbers.
//!
//! Two small networks have learnt from generated overlaps what somebody who goes on talking is like, somebody who makes a
//! remark, and a throat, a line or a room: one from the first 400 to 460 ms of a sound, one from any half a second of a
//! longer one. What stands here is how sure they have to be.

use super::features::Features;
use super::weights::{FIRST, LATER};

/// What the numbers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// Not yet.
    Open,
    /// Somebody wants the word.
    Speech,
    /// Somebody listens.
    Remark,
    /// Nobody.
    Noise,
}

/// From this frame on there is a verdict, 460 ms after the onset: what is on the way may take 40 ms.
pub(super) const LAST_FRAME: usize = 23;

/// The least odds of talk, as a logarithm, at 400, 420, 440 and 460 ms. In the beginning only clear talk is believed; at
/// the end one chance in seventeen is enough, for whoever is not let in is worse off than whoever is asked to go on.
const TALK_FROM: [f32; 4] = [1.5, 1.0, 0.5, -2.8];

/// After the verdict, what was no talk has to be clearly talk to become it.
const LATER_FROM: f32 = 3.0;

/// Frames of a sound that the later network knows.
const LONG: usize = 30;

/// The verdict on a sound `frames` after its onset.
pub(super) fn judge(frames: usize, features: impl FnOnce() -> Features) -> Judgement {
    let Some(step) = (frames + TALK_FROM.len()).checked_sub(LAST_FRAME + 1) else { return Judgement::Open };
    let (opinion, least) = match TALK_FROM.get(step) {
        Some(least) => (FIRST.judge(&features()), *least),
        None => (LATER.judge(&features()), if frames >= LONG { LATER_FROM } else { f32::INFINITY }),
    };
    if opinion.odds_of_talk() >= least {
        return Judgement::Speech;
    }
    match frames {
        ..LAST_FRAME => Judgement::Open,
        _ if opinion.remark >= opinion.noise => Judgement::Remark,
        _ => Judgement::Noise,
    }
}

#[cfg(test)]
mod tests {
    use super::super::features::FEATURES;
    use super::*;

    #[test]
    fn the_verdict_falls_at_the_last_frame_and_not_before_the_first() {
        let usual_of_noise = || {
            let mut features = FIRST.mean;
            features[25..28].fill(0.0);
            features
        };
        assert_eq!(judge(19, || unreachable!("it is too early")), Judgement::Open);
        assert_eq!(judge(LAST_FRAME - 1, usual_of_noise), Judgement::Open);
        assert!(matches!(judge(LAST_FRAME, usual_of_noise), Judgement::Remark | Judgement::Noise));
        assert_ne!(
            judge(LAST_FRAME + 1, || [0.0; FEATURES]),
            Judgement::Speech,
            "between the two nobody changes his mind"
        );
    }
}
