//! Numbers, addresses, names being spelt, and sentences that hang in the air: nobody says them in one breath.

use std::time::Duration;

use super::super::settings::Rules;
use super::super::words::Tail;
use super::{Asked, Stopped};

/// Behind "and", "my", "um".
const UNFINISHED: Duration = Duration::from_millis(1_500);

/// Top-level domains that an address is complete with.
const DOMAINS: [&str; 24] = [
    ".com",
    ".org",
    ".net",
    ".de",
    ".fr",
    ".es",
    ".it",
    ".uk",
    ".at",
    ".ch",
    ".eu",
    ".nl",
    ".pt",
    ".us",
    ".io",
    ".info",
    "dot com",
    "dot org",
    "dot net",
    "dot co dot uk",
    "punkt de",
    "punkt com",
    "point fr",
    "punto it",
];

/// Whether such an answer is waited for.
pub(super) fn is_expected(asked: Asked) -> bool {
    match asked {
        Asked::Number { .. } | Asked::Spelling | Asked::Address | Asked::Email => true,
        Asked::Nothing | Asked::Open | Asked::YesNo | Asked::Choice | Asked::Recording { .. } => false,
    }
}

/// Whether the words stop in the middle of something dictated.
pub(super) fn goes_on(rules: &Rules, words: &str) -> bool {
    rules.lexicon.tail(words) == Tail::Dictation
}

/// How much silence the words want; `None` when nothing speaks for more to come.
pub(super) fn wait(rules: &Rules, stopped: &Stopped<'_>) -> Option<Duration> {
    let dictation = Some(rules.dictation_pause);
    let tail = rules.lexicon.tail(stopped.words);
    if tail == Tail::Unfinished {
        return Some(UNFINISHED.max(if is_expected(stopped.asked) { rules.dictation_pause } else { UNFINISHED }));
    }
    match stopped.asked {
        Asked::Number { digits: Some(wanted) } => {
            let said = rules.lexicon.digits(stopped.words);
            match said {
                0 if tail != Tail::Nothing => None,
                said if said >= usize::from(wanted) => None,
                _ => Some(rules.longest_pause),
            }
        }
        Asked::Number { digits: None } if matches!(tail, Tail::Nothing | Tail::Dictation) => dictation,
        Asked::Number { digits: None } => None,
        Asked::Spelling | Asked::Address => dictation,
        Asked::Email => {
            let words = stopped.words.trim_end_matches(['.', '!', '?', ' ']).to_lowercase();
            if DOMAINS.iter().any(|domain| words.ends_with(domain)) { None } else { dictation }
        }
        Asked::Nothing | Asked::Open | Asked::YesNo | Asked::Choice | Asked::Recording { .. } => {
            if tail == Tail::Dictation { dictation } else { None }
        }
    }
}
