//! Interruption by voice: 300 ms of it, or the word of a detector that has listened more closely.

use std::time::{Duration, Instant};

use callwright_media::overlap::Overlap;

use super::super::settings::Rules;
use super::Overlapping;

/// So long a detector that has announced a verdict is waited for, from the onset; then the voice alone counts.
const VERDICT_LIMIT: Duration = Duration::from_millis(700);

/// When the voice stops the agent if it goes on.
pub(super) fn interrupts_at(rules: &Rules, overlapping: &Overlapping<'_>) -> Option<Instant> {
    let by_voice = |least: Duration| Some(overlapping.voice? + least.max(rules.barge_in));
    match overlapping.verdict {
        None => by_voice(Duration::ZERO),
        Some(Overlap::Undecided) => by_voice(VERDICT_LIMIT),
        // Whoever has just fallen silent has spoken long enough all the same.
        Some(Overlap::Speech) => by_voice(Duration::ZERO).or(Some(overlapping.started)),
        Some(Overlap::BackChannel | Overlap::Noise | Overlap::Echo) => None,
    }
}
