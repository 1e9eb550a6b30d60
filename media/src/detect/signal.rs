//! Which of the network's tones is heard: on and off, as the table of [`cadences`](super::cadences) has it.
//!
//! A row of the table stays a candidate as long as every tone and every pause has the length it should have. It is told
//! what all that are left have in common: ringing when nothing else is left after one tone, engaged or congested after
//! two equal tones.

use super::cadences::{CADENCES, Cadence, Signal};
use super::tone::Tone;

/// Tones and pauses that are remembered: two of the longest patterns, less the pause that goes on.
const MEMORY: usize = 6;

/// Frames without the tone that a lost packet makes of it; the shortest pause of a network is 165 ms.
const HOLE: u32 = 4;

/// Frames of a tone that end a pause.
const ONSET: u32 = 3;

/// Frames of a pause that show that the tone before is over.
const OVER: u32 = 8;

/// Frames of a ringing tone after which ringing is likely, whatever its cadence.
const LIKELY: u32 = 12;

/// How far a frequency may lie from the table's, and wander within a tone, as a part of itself.
const WANDER: f32 = 0.03;

/// Milliseconds of a frame.
const MS: u32 = 20;

/// Hears one network.
#[derive(Debug, Clone, Default)]
pub(super) struct SignalDetector {
    state: State,
    /// Lengths in ms of tones and pauses by turns, a tone first.
    lengths: [u32; MEMORY],
    known: usize,
    hz: f32,
    /// Frames of the tone that goes on in which nothing else was heard.
    pure: u32,
}

/// ```text
///          tone for ONSET             pause for HOLE
///   Quiet ───────────────▶ Tone ◀─────────────────▶ Pause
///     ▲     (a tone that was there from the first frame on counts for nothing)      │ fits no row
///     └─────────────────────────────────────────────────────────────────────────────┘
/// ```
#[derive(Debug, Clone, Copy)]
enum State {
    /// Nothing of a pattern yet.
    Quiet { onset: u32, first: bool },
    /// A tone, its frames, and those of the hole in it.
    Tone { frames: u32, hole: u32, whole: bool },
    /// A pause, its frames, and those of the tone that may end it.
    Pause { frames: u32, onset: u32 },
}

impl Default for State {
    fn default() -> Self {
        Self::Quiet { onset: 0, first: true }
    }
}

impl SignalDetector {
    /// Takes the tone of the next window. Says what the pattern is in every frame in which that is known.
    pub(super) fn push(&mut self, tone: Option<Tone>) -> Option<Signal> {
        let on = tone.filter(|tone| self.goes_on(tone.hz));
        self.pure = match (self.state, on) {
            (State::Quiet { .. } | State::Tone { .. }, Some(tone)) => self.pure + u32::from(tone.pure),
            (State::Pause { .. }, Some(tone)) => u32::from(tone.pure),
            (State::Tone { .. }, None) => self.pure,
            (State::Quiet { .. } | State::Pause { .. }, None) => 0,
        };
        self.state = match (self.state, on) {
            (State::Quiet { onset, first }, Some(tone)) => {
                self.hz = tone.hz;
                self.known = 0;
                if onset + 1 >= ONSET {
                    State::Tone { frames: onset + 1, hole: 0, whole: !first }
                } else {
                    State::Quiet { onset: onset + 1, first }
                }
            }
            (State::Quiet { .. }, None) => State::Quiet { onset: 0, first: false },
            (State::Tone { frames, hole, whole }, Some(tone)) => {
                self.hz += (tone.hz - self.hz) / (frames + 1).min(16) as f32;
                State::Tone { frames: frames + hole + 1, hole: 0, whole }
            }
            (State::Tone { frames, hole, whole }, None) if hole < HOLE => State::Tone { frames, hole: hole + 1, whole },
            (State::Tone { frames, hole, whole }, None) => {
                if whole {
                    self.remember(MS * frames);
                }
                State::Pause { frames: hole + 1, onset: 0 }
            }
            (State::Pause { frames, onset }, Some(_)) if onset + 1 >= ONSET => {
                if self.known > 0 {
                    self.remember(MS * frames);
                }
                State::Tone { frames: onset + 1, hole: 0, whole: true }
            }
            (State::Pause { frames, onset }, Some(_)) => State::Pause { frames, onset: onset + 1 },
            (State::Pause { frames, onset }, None) => State::Pause { frames: frames + onset + 1, onset: 0 },
        };
        self.told()
    }

    /// A tone that rings somewhere is heard, long and clean enough to be believed.
    pub(super) fn rings(&self) -> bool {
        self.pure >= LIKELY && self.sounds()
    }

    /// A tone that rings somewhere is heard, or what may be the beginning of one.
    pub(super) fn sounds(&self) -> bool {
        matches!(self.state, State::Tone { .. })
            && CADENCES.iter().any(|row| row.signal == Signal::Ringback && is_near(row.middle(), self.hz))
    }

    fn goes_on(&self, hz: f32) -> bool {
        match self.state {
            State::Quiet { onset: 0, .. } => CADENCES.iter().any(|row| is_near(row.middle(), hz)),
            State::Quiet { .. } | State::Tone { .. } | State::Pause { .. } => is_near(self.hz, hz),
        }
    }

    fn remember(&mut self, ms: u32) {
        if self.known == MEMORY {
            self.lengths.copy_within(2.., 0);
            self.known -= 2;
        }
        self.lengths[self.known] = ms;
        self.known += 1;
    }

    fn told(&mut self) -> Option<Signal> {
        let (now, over) = match self.state {
            State::Quiet { .. } => return None,
            State::Tone { frames, .. } => (MS * frames, false),
            State::Pause { frames, .. } => (MS * frames, frames >= OVER),
        };
        let (mut ringing, mut busy, mut congested) = (false, false, false);
        for row in CADENCES.iter().filter(|row| is_near(row.middle(), self.hz)) {
            if fits(row, &self.lengths[..self.known], now) {
                match row.signal {
                    Signal::Ringback => ringing = true,
                    Signal::Busy => busy = true,
                    Signal::Congestion => congested = true,
                }
            }
        }
        if !(ringing || busy || congested) {
            self.begin_again();
            return None;
        }
        let paused = self.known.is_multiple_of(2) || over;
        if ringing && !busy && !congested && self.known >= 1 && paused {
            return Some(Signal::Ringback);
        }
        // Two equal tones and the pause between them.
        if !ringing && self.known >= 3 && paused {
            return Some(if busy { Signal::Busy } else { Signal::Congestion });
        }
        None
    }

    /// What was heard is no pattern; the tone that is heard may begin one.
    fn begin_again(&mut self) {
        self.known = 0;
        self.state = match self.state {
            State::Tone { frames, hole, .. } => State::Tone { frames, hole, whole: frames < LIKELY },
            State::Quiet { .. } | State::Pause { .. } => State::Quiet { onset: 0, first: false },
        };
    }
}

/// Whether tones and pauses have the lengths of a row, and the one that goes on may still get its own.
fn fits(row: &Cadence, lengths: &[u32], now: u32) -> bool {
    let wanted = row.lengths();
    let tolerance = |wanted: u16| 40 + u32::from(wanted) / 10;
    (0..wanted.len()).step_by(2).any(|turn| {
        let at = |n: usize| wanted[(turn + n) % wanted.len()];
        let before = lengths.iter().enumerate().all(|(n, ms)| ms.abs_diff(u32::from(at(n))) <= tolerance(at(n)));
        let next = at(lengths.len());
        before && now <= u32::from(next) + tolerance(next)
    })
}

fn is_near(wanted: f32, hz: f32) -> bool {
    (hz - wanted).abs() <= WANDER * wanted
}

#[cfg(test)]
mod tests {
    use super::super::tone::ToneMeter;
    use super::*;
    use crate::sounds;

    /// What is said of a row's own sound, and when, in ms.
    fn said(row: &Cadence, offset: usize) -> Vec<(usize, Signal)> {
        let mut sound = sounds::silence(100 + offset);
        let tones: Vec<f64> = row.hz.iter().filter(|hz| **hz > 0).map(|hz| f64::from(*hz)).collect();
        for (n, ms) in row.lengths().iter().cycle().take(8).enumerate() {
            let ms = usize::from(*ms);
            sound.extend(if n % 2 == 0 { sounds::chord(&tones, 4_000.0, ms) } else { sounds::silence(ms) });
        }
        let (mut meter, mut detector) = (ToneMeter::default(), SignalDetector::default());
        let mut said: Vec<(usize, Signal)> = Vec::new();
        for (n, frame) in sounds::through_line(&sound).chunks(160).enumerate() {
            if let Some(signal) = detector.push(meter.push(frame))
                && said.last().is_none_or(|(_, last)| *last != signal)
            {
                said.push((20 * (n + 1) - 100 - offset, signal));
            }
        }
        said
    }

    #[test]
    fn every_tone_of_the_table_is_known() {
        for row in CADENCES {
            for offset in [0, 7, 13] {
                let said = said(row, offset);
                let slowest: usize =
                    row.lengths().iter().cycle().take(3).map(|ms| usize::from(*ms)).sum::<usize>() + 300;
                let (at, first) = *said.first().unwrap_or_else(|| panic!("{row:?}: nothing"));
                assert!(said.len() == 1 && at <= slowest, "{row:?}: {said:?}");
                // Some countries' congestion is engaged in others.
                let twin = CADENCES.iter().any(|other| {
                    other.signal == Signal::Busy && is_near(other.middle(), row.middle()) && {
                        let tolerance = |n: usize| 40 + other.on_off[n] / 10;
                        let near = |n: usize| other.on_off[n].abs_diff(row.on_off[n]) <= tolerance(n);
                        near(0) && near(1) && near(2) && near(3)
                    }
                });
                let expected = if row.signal == Signal::Congestion && twin { Signal::Busy } else { row.signal };
                assert_eq!(first, expected, "{row:?}");
            }
        }
    }

    #[test]
    fn a_tone_without_end_is_no_signal() {
        let (mut meter, mut detector) = (ToneMeter::default(), SignalDetector::default());
        for tones in [&[425.0][..], &[350.0, 440.0], &[400.0]] {
            let sound = [sounds::silence(60), sounds::chord(tones, 4_000.0, 9_000)].concat();
            assert!(sound.chunks(160).all(|frame| detector.push(meter.push(frame)).is_none()), "{tones:?}");
        }
    }
}
