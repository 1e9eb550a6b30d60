//! When a voice interrupts the agent.

use std::time::Instant;

use super::Timing;

/// When the voice that began at `since` interrupts a reply whose first packet left at `started`, if it lasts until
/// then; `None` when it never does.
///
/// People say "hello?" into the first words of a call without wanting the word: `greeting` marks the first reply,
/// which such a voice does not stop however long it lasts.
pub(crate) fn interrupts_at(
    timing: &Timing,
    since: Instant,
    greeting: bool,
    started: Option<Instant>,
) -> Option<Instant> {
    if overlaps_greeting(timing, since, greeting, started) { None } else { Some(since + timing.barge_in) }
}

/// Whether a voice that began at `since` belongs to the mutual hello.
pub(crate) fn overlaps_greeting(timing: &Timing, since: Instant, greeting: bool, started: Option<Instant>) -> bool {
    greeting && started.is_none_or(|started| since < started + timing.greeting_overlap)
}
