//! When the caller has finished.
//!
//! Each policy says how much silence it wants behind the last sound; the longest wins, up to the assistant's limit:
//! [`silence`] for everybody, [`punctuation`] for open sentences, [`dictation`] for numbers, names and addresses, and
//! [`pauses`] for this very caller. [`vendor`] says what becomes of a recogniser's own judgement.

mod dictation;
pub(super) mod pauses;
mod punctuation;
mod silence;
pub(super) mod vendor;

use std::time::{Duration, Instant};

use super::settings::Rules;
use crate::provider::stt::{Manner, Patience};

/// What the agent waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Asked {
    /// Nothing: it is telling something.
    Nothing,
    /// Anything.
    #[default]
    Open,
    /// Yes or no: "okay" is an answer and no remark.
    YesNo,
    /// One of several.
    Choice,
    /// A number, a date, a code.
    Number {
        /// How many digits it has, where that is known.
        digits: Option<u8>,
    },
    /// A name or a word letter by letter.
    Spelling,
    /// A postal address.
    Address,
    /// An e-mail address.
    Email,
    /// An answer that is kept as audio and not recognised.
    Recording {
        /// Its longest.
        max: Duration,
    },
}

/// What is known of a turn whose voice has stopped.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stopped<'a> {
    pub(super) asked: Asked,
    /// All words so far.
    pub(super) words: &'a str,
    /// How long after the voice the last words are usually there; `None` from a recogniser that is asked afterwards.
    pub(super) lag: Option<Duration>,
    /// This recogniser writes full stops.
    pub(super) punctuates: bool,
    /// The turn has stopped the agent.
    pub(super) interrupted: bool,
    /// What the caller's own pauses ask for.
    pub(super) learnt: Duration,
}

/// How much silence ends the turn, from its last sound.
pub(super) fn patience(rules: &Rules, stopped: &Stopped<'_>) -> Duration {
    let least = silence::wait(rules, stopped).max(stopped.learnt);
    let wanted = [punctuation::wait(rules, stopped), dictation::wait(rules, stopped)];
    wanted.into_iter().flatten().fold(least, Duration::max).min(rules.longest_pause.max(silence::wait(rules, stopped)))
}

/// When a turn that began at `since` is closed although it goes on.
pub(super) fn longest(manner: Manner, asked: Asked, since: Instant) -> Instant {
    // A recogniser that works while the caller speaks can be fed for long; one that is asked afterwards cannot.
    let usual = if manner.continuous { Duration::from_secs(120) } else { Duration::from_secs(15) };
    match asked {
        Asked::Recording { max } => since + max,
        Asked::Nothing
        | Asked::Open
        | Asked::YesNo
        | Asked::Choice
        | Asked::Number { .. }
        | Asked::Spelling
        | Asked::Address
        | Asked::Email => since + usual,
    }
}

/// Whether nothing speaks for more words to come: a reply may be prepared.
pub(super) fn may_be_over(rules: &Rules, stopped: &Stopped<'_>) -> bool {
    dictation::wait(rules, stopped).is_none()
}

/// What a recogniser that detects turns should be told.
pub(super) fn patience_of_vendor(rules: &Rules, asked: Asked, words: &str) -> Patience {
    if dictation::is_expected(asked) || dictation::goes_on(rules, words) { Patience::Dictation } else { Patience::Talk }
}
