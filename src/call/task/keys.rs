//! Keys that the agent presses, with pauses between them.

use std::collections::VecDeque;
use std::future::pending;
use std::time::{Duration, Instant};

use callwright_media::digit::Digit;
use callwright_media::dtmf::{self, MAX_QUEUED};
use callwright_media::session::ClipId;
use tokio::time::sleep_until;

use crate::net::media_leg::MediaCommand;

/// The clip of keys that are played as sound; replies have smaller numbers.
const CLIP: ClipId = ClipId(1 << 40);

/// What is still to be pressed.
#[derive(Debug, Default)]
pub(super) struct Keys {
    steps: VecDeque<Step>,
    state: State,
}

#[derive(Debug)]
enum Step {
    Press(Vec<Digit>),
    Pause(Duration),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Idle,
    /// The leg presses.
    Pressing,
    Pausing(Instant),
}

/// What follows.
#[derive(Debug)]
pub(super) enum Next {
    /// Tell the leg.
    Order(MediaCommand),
    /// Wait for [`Keys::pause_over`] or for the leg.
    Wait,
    /// All of it has left.
    Done,
}

impl Keys {
    /// Presses these: keys, `w` for half a second's pause and `W` for a second's. Other characters are left out. Keys
    /// that are being pressed are forgotten.
    pub(super) fn press(&mut self, keys: &str) {
        self.steps.clear();
        self.state = State::Idle;
        for key in keys.chars() {
            match key {
                'w' => self.steps.push_back(Step::Pause(Duration::from_millis(500))),
                'W' => self.steps.push_back(Step::Pause(Duration::from_secs(1))),
                key => match (Digit::from_char(key), self.steps.back_mut()) {
                    (Some(digit), Some(Step::Press(digits))) if digits.len() < MAX_QUEUED => digits.push(digit),
                    (Some(digit), _) => self.steps.push_back(Step::Press(vec![digit])),
                    (None, _) => {}
                },
            }
        }
    }

    /// The next step. With `events` the far side understands telephone events; without, keys are played as sound.
    pub(super) fn step(&mut self, now: Instant, events: bool) -> Next {
        match self.steps.pop_front() {
            None => {
                self.state = State::Idle;
                Next::Done
            }
            Some(Step::Pause(pause)) => {
                self.state = State::Pausing(now + pause);
                Next::Wait
            }
            Some(Step::Press(digits)) => {
                self.state = State::Pressing;
                Next::Order(if events {
                    MediaCommand::SendDtmf(digits)
                } else {
                    MediaCommand::Play { clip: CLIP, pcm: dtmf::in_band(&digits).into(), from: 0 }
                })
            }
        }
    }

    /// Whether the end of a clip is the end of keys.
    pub(super) fn is_clip(&self, clip: ClipId) -> bool {
        clip == CLIP
    }

    /// Whether the leg is pressing: its word is waited for.
    pub(super) fn is_pressing(&self) -> bool {
        self.state == State::Pressing
    }

    /// Returns when a pause is over; waits for ever when there is none.
    pub(super) async fn pause_over(&self) {
        match self.state {
            State::Pausing(until) => sleep_until(until.into()).await,
            State::Idle | State::Pressing => pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time;

    #[test]
    fn keys_and_pauses_follow_each_other() {
        let mut keys = Keys::default();
        let now = time::now().mono;
        keys.press("12x3wW#");
        let mut seen = Vec::new();
        loop {
            match keys.step(now, true) {
                Next::Order(MediaCommand::SendDtmf(digits)) => {
                    assert!(keys.is_pressing());
                    seen.push(digits.iter().map(|digit| digit.as_char()).collect::<String>());
                }
                Next::Order(other) => panic!("{other:?}"),
                Next::Wait => match keys.state {
                    State::Pausing(until) => seen.push(format!("{} ms", (until - now).as_millis())),
                    State::Idle | State::Pressing => panic!("{keys:?}"),
                },
                Next::Done => break,
            }
        }
        assert_eq!(seen, ["123", "500 ms", "1000 ms", "#"]);
    }

    #[test]
    fn keys_are_sound_for_those_who_take_no_events() {
        let mut keys = Keys::default();
        keys.press("1");
        let Next::Order(MediaCommand::Play { clip, pcm, .. }) = keys.step(time::now().mono, false) else {
            panic!("{keys:?}")
        };
        assert!(keys.is_clip(clip) && pcm.len() == 1_600);
    }
}
