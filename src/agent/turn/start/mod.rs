//! When a caller takes the word from the agent.
//!
//! [`words`] and [`voice`] each say when; [`greeting`] and the guard of what is being said hold them back.

mod greeting;
mod voice;
mod words;

use std::time::Instant;

use callwright_media::overlap::Overlap;

use super::settings::Rules;

/// How far what the agent says may be interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// At any time.
    None,
    /// The first words of the call: people say "hello?" into them without wanting the word.
    Greeting,
    /// Not at all: a disclosure that must be heard, a goodbye.
    Whole,
}

/// The agent speaks, and something comes from the caller.
#[derive(Clone, Copy, Debug)]
pub(super) struct Overlapping<'a> {
    /// Where the caller's turn began.
    pub(super) since: Instant,
    /// Since when there is voice, while there is.
    pub(super) voice: Option<Instant>,
    /// The words of the caller's turn so far.
    pub(super) words: &'a str,
    /// What it sounds like.
    pub(super) verdict: Option<Overlap>,
    /// What the agent says.
    pub(super) guard: Guard,
    /// When its first packet left.
    pub(super) started: Instant,
}

/// Whether the agent is interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// At once.
    Now,
    /// At this time, if nothing changes until then.
    At(Instant),
    /// Not by what is known.
    No,
}

/// Whether what comes from the caller is the other half of the mutual hello.
pub(super) fn is_greeting(overlapping: &Overlapping<'_>) -> bool {
    greeting::overlaps(overlapping)
}

/// What the policies together say at `now`.
pub(super) fn decide(rules: &Rules, now: Instant, overlapping: &Overlapping<'_>) -> Decision {
    if !rules.interruptible || overlapping.guard == Guard::Whole || overlapping.verdict == Some(Overlap::Echo) {
        return Decision::No;
    }
    let greeting = greeting::overlaps(overlapping);
    if words::interrupt(rules, overlapping.words, greeting) {
        return Decision::Now;
    }
    match voice::interrupts_at(rules, overlapping) {
        Some(at) if !greeting && at <= now => Decision::Now,
        Some(at) if !greeting => Decision::At(at),
        Some(_) | None => Decision::No,
    }
}
