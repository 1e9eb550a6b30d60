//! What a recogniser's own judgement of turns is worth.

use std::time::Duration;

use super::super::settings::Rules;
use super::{Stopped, dictation, patience};

/// How much silence, from the last sound, a turn is still held open that the recogniser has declared over: it knows the
/// tune of a sentence, but not that a number lacks three digits. `None` when it is believed.
pub(crate) fn held_for(rules: &Rules, stopped: &Stopped<'_>) -> Option<Duration> {
    dictation::wait(rules, stopped).map(|_| patience(rules, stopped))
}

/// After so much silence a turn is over although the recogniser has not said so. Words or none: a vendor that keeps
/// silent must not make the agent silent.
pub(crate) fn overruled_after(rules: &Rules, stopped: &Stopped<'_>) -> Duration {
    if stopped.words.is_empty() {
        patience(rules, stopped).max(Duration::from_millis(1_500))
    } else {
        rules.longest_pause
    }
}
