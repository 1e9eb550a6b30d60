//! Two legs joined: what one party says the other hears.
//!
//! ```text
//!   leg A: heard (jitter buffer) ─┬─▶ pipe ──▶ mixed into what leaves at leg B
//!          agent's voice ─────────┘(where it goes along)
//!   leg A: mixed into what leaves ◀── pipe ◀── heard at leg B
//! ```
//!
//! The legs may live on different threads. A pipe between them holds 20 ms frames, never waits and never allocates; when
//! it is full the oldest frame goes and is counted. All legs tick on one clock, so its depth is settled once and stays:
//! one frame, plus what their threads' lateness asks for.

mod pipe;

use crate::convert::Converter;
use crate::frame::PcmFrame;
use crate::mix::mix;
use pipe::{PipeReader, PipeWriter, Pulled, pipe};

/// One leg's end of a bridge. Dropping it, also with its leg, ends the bridge on the other side too.
#[derive(Debug)]
pub struct Joint {
    hears: PipeReader,
    speaks: PipeWriter,
    agent_along: bool,
    /// For a leg that works at another rate.
    converter: Option<Converter>,
}

/// Makes a bridge: one end for each leg, to be given to [`Session::join`](crate::session::Session::join).
///
/// With `agent_along` what the agent says on the first leg is heard on the second as well: three talk with each other.
#[must_use]
pub fn bridge(agent_along: bool) -> (Joint, Joint) {
    let (there, here_hears) = pipe();
    let (here, there_hears) = pipe();
    let first = Joint { hears: there_hears, speaks: there, agent_along, converter: None };
    let second = Joint { hears: here_hears, speaks: here, agent_along: false, converter: None };
    (first, second)
}

/// What a joint has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct JointCount {
    /// Frames left out because too many waited.
    pub(crate) dropped: u64,
    /// Ticks at which no frame was there although the other leg had begun.
    pub(crate) missing: u64,
}

impl Joint {
    /// Passes on what this leg's party and, where it goes along, the agent said, and mixes the other party into `said`.
    /// `false` when the other leg is gone. Both frames are of the leg's rate.
    pub(crate) fn exchange(&mut self, heard: &PcmFrame, said: &mut PcmFrame) -> bool {
        let mut passed = heard.clone();
        if self.agent_along {
            mix(passed.samples_mut(), said.samples());
        }
        self.speaks.push(passed);
        match self.hears.pull() {
            Pulled::Frame(frame) if frame.rate() == said.rate() => {
                mix(said.samples_mut(), frame.samples());
                true
            }
            Pulled::Frame(frame) => {
                let converter = self.converter.get_or_insert_with(|| Converter::new(frame.rate(), said.rate()));
                mix(said.samples_mut(), converter.convert(frame.samples()));
                true
            }
            Pulled::Nothing => true,
            Pulled::Gone => false,
        }
    }

    /// What was counted on this leg's way in.
    pub(crate) fn counted(&self) -> JointCount {
        self.hears.counted()
    }
}

impl std::ops::AddAssign for JointCount {
    fn add_assign(&mut self, other: Self) {
        self.dropped += other.dropped;
        self.missing += other.missing;
    }
}
