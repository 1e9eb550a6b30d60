//! Keys that the agent presses, with pauses between them.

use std::collections::VecDeque;
use std::future::pending;
use std::time::{Duration, Instant};

use callwright_media::digit::Digit;
use callwright_media::dtmf::{self, MAX_QUEUED};
use callwright_media::session::ClipId;
use callwright_sip::endpoint::Body;
use tokio::time::sleep_until;

use crate::net::media_leg::MediaCommand;
use crate::trunk::media::KeyWay;

/// From one key told by INFO to the next: as long as a key and the pause behind it take otherwise.
const PACE: Duration = Duration::from_millis(200);
/// How long each is said to be down, in ms.
const DOWN_MS: u32 = 100;

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
    /// The leg plays the sound of keys.
    Sounding,
    Pausing(Instant),
}

/// What follows.
#[derive(Debug)]
pub(super) enum Next {
    /// Tell the leg.
    Order(MediaCommand),
    /// Tell the far side by INFO, then wait.
    Tell(Body),
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

    /// The next step.
    pub(super) fn step(&mut self, now: Instant, way: KeyWay) -> Next {
        match self.steps.pop_front() {
            None => {
                self.state = State::Idle;
                Next::Done
            }
            Some(Step::Pause(pause)) => {
                self.state = State::Pausing(now + pause);
                Next::Wait
            }
            Some(Step::Press(digits)) => match way {
                KeyWay::Events => {
                    self.state = State::Pressing;
                    Next::Order(MediaCommand::SendDtmf(digits))
                }
                KeyWay::Sound => {
                    self.state = State::Sounding;
                    Next::Order(MediaCommand::Play { clip: CLIP, pcm: dtmf::in_band(&digits).into(), from: 0 })
                }
                KeyWay::Info => self.tell(now, &digits),
            },
        }
    }

    /// The first of these by INFO; the others follow after a pause.
    fn tell(&mut self, now: Instant, digits: &[Digit]) -> Next {
        let Some((first, others)) = digits.split_first() else { return self.step(now, KeyWay::Info) };
        if !others.is_empty() {
            self.steps.push_front(Step::Press(others.to_vec()));
        }
        self.state = State::Pausing(now + PACE);
        Next::Tell(info(*first))
    }

    /// Whether the leg plays the sound of keys.
    pub(super) fn are_sounding(&self) -> bool {
        self.state == State::Sounding
    }

    /// Whether the end of a clip is the end of keys.
    pub(super) fn is_clip(&self, clip: ClipId) -> bool {
        clip == CLIP
    }

    /// Whether the leg is pressing: its word is waited for.
    pub(super) fn is_pressing(&self) -> bool {
        matches!(self.state, State::Pressing | State::Sounding)
    }

    /// Returns when a pause is over; waits for ever when there is none.
    pub(super) async fn pause_over(&self) {
        match self.state {
            State::Pausing(until) => sleep_until(until.into()).await,
            State::Idle | State::Pressing | State::Sounding => pending().await,
        }
    }
}

/// A key as `application/dtmf-relay` has it.
pub(super) fn info(digit: Digit) -> Body {
    let text = format!("Signal={}\r\nDuration={DOWN_MS}\r\n", digit.as_char());
    Body { content_type: "application/dtmf-relay".to_owned(), bytes: text.into_bytes() }
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
            match keys.step(now, KeyWay::Events) {
                Next::Order(MediaCommand::SendDtmf(digits)) => {
                    assert!(keys.is_pressing());
                    seen.push(digits.iter().map(|digit| digit.as_char()).collect::<String>());
                }
                other @ (Next::Order(_) | Next::Tell(_)) => panic!("{other:?}"),
                Next::Wait => match keys.state {
                    State::Pausing(until) => seen.push(format!("{} ms", (until - now).as_millis())),
                    State::Idle | State::Pressing | State::Sounding => panic!("{keys:?}"),
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
        let Next::Order(MediaCommand::Play { clip, pcm, .. }) = keys.step(time::now().mono, KeyWay::Sound) else {
            panic!("{keys:?}")
        };
        assert!(keys.is_clip(clip) && pcm.len() == 1_600);
        assert!(keys.is_pressing() && keys.are_sounding());
    }

    #[test]
    fn keys_are_told_one_by_one_to_those_who_want_them_so() {
        let mut keys = Keys::default();
        let now = time::now().mono;
        keys.press("1w#");
        for (signal, pause) in [("1", PACE), ("", Duration::from_millis(500)), ("#", PACE)] {
            match keys.step(now, KeyWay::Info) {
                Next::Tell(body) => {
                    assert_eq!(body.content_type, "application/dtmf-relay");
                    assert_eq!(body.bytes, format!("Signal={signal}\r\nDuration=100\r\n").into_bytes());
                }
                Next::Wait => assert_eq!(signal, ""),
                other @ (Next::Order(_) | Next::Done) => panic!("{other:?}"),
            }
            assert_eq!(keys.state, State::Pausing(now + pause));
        }
        assert!(matches!(keys.step(now, KeyWay::Info), Next::Done));
    }
}
