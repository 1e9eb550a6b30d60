//! Who, or what, is at the other end: a person, a machine, a machine that is ready to record, or nobody yet.
//!
//! Before the answer [`progress::ProgressDetector`] listens to early media for the network's own tones. From the answer on
//! [`callee::CalleeDetector`] listens for 20 s, with detectors side by side that are each blind to what the others are for:
//! [`greeting`] hears only speech and pauses, `beep` and `fax` only single tones, `signal` and `sit` only what networks
//! play; [`phrases`] knows what is said, where a recogniser tells, and `evidence` adds up what says a little each.

mod beep;
pub mod cadences;
pub mod callee;
mod evidence;
mod fax;
pub mod greeting;
pub(crate) mod keys;
mod openings;
pub mod phrases;
pub mod progress;
mod signal;
mod sit;
mod tone;

use std::time::Instant;

pub use cadences::Signal;
pub use callee::CalleeDetector;
pub use progress::ProgressDetector;
pub use sit::Refusal;

/// Who answered, or what is heard instead of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Callee {
    /// A person, or nothing that speaks for a machine within the deadline.
    Human,
    /// A recorded greeting.
    Machine,
    /// The tone after a greeting has just ended: what is said now is recorded.
    Beep,
    /// A service that asks who calls and why. Known by words only.
    Screening,
    /// A menu. Known by words only.
    Menu,
    /// A fax machine or a modem.
    Fax,
    /// A tone of the network. After the answer it means that the call was answered by a switch on the way.
    Network(Signal),
    /// The three tones before an announcement of the network.
    Refused(Refusal),
}

/// Something was found out about who answered. Each says what is held from there on, and corrects what was said before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Detection {
    /// Who or what.
    pub callee: Callee,
    /// When it was decided. A beep is decided on within 80 ms of its end.
    pub at: Instant,
    /// How sure it is, in percent: by its kind of evidence, not measured for the call at hand.
    pub confidence: u8,
}

#[cfg(test)]
mod tests;
