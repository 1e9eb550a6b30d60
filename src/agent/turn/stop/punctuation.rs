//! A sentence that is not finished.

use std::time::Duration;

use super::super::settings::Rules;
use super::super::words::Tail;
use super::{Asked, Stopped};

/// Behind a comma.
const COMMA: Duration = Duration::from_millis(1_000);

/// Behind a word without a full stop, from a recogniser that writes them.
const OPEN: Duration = Duration::from_millis(800);

/// How much silence an open sentence wants. Answers to closed questions are no sentences.
pub(super) fn wait(rules: &Rules, stopped: &Stopped<'_>) -> Option<Duration> {
    match stopped.asked {
        Asked::YesNo | Asked::Choice | Asked::Recording { .. } => return None,
        Asked::Nothing | Asked::Open | Asked::Number { .. } | Asked::Spelling | Asked::Address | Asked::Email => {}
    }
    match rules.lexicon.tail(stopped.words) {
        Tail::Comma => Some(COMMA),
        Tail::Word if stopped.punctuates => Some(OPEN),
        Tail::Nothing | Tail::Sentence | Tail::Unfinished | Tail::Dictation | Tail::Word => None,
    }
}
