//! The silence that ends any turn.

use std::time::Duration;

use super::super::settings::Rules;
use super::{Asked, Stopped};

/// A voice is known to have stopped so long after its last sound.
pub(super) const VOICE_STOP: Duration = Duration::from_millis(200);

/// People who speak into a machine pause to think.
const RECORDING: Duration = Duration::from_millis(1_500);

/// Words of somebody who has stopped the agent may be late; without any, the agent goes on after this.
const FALSE_ALARM: Duration = Duration::from_millis(1_500);

/// At least so much silence: what the recogniser needs for its last words, or the assistant's own measure.
pub(super) fn wait(rules: &Rules, stopped: &Stopped<'_>) -> Duration {
    if let Asked::Recording { .. } = stopped.asked {
        return RECORDING;
    }
    let words_are_there = VOICE_STOP + stopped.lag.unwrap_or(Duration::ZERO).max(rules.end_of_turn);
    if stopped.interrupted && stopped.words.is_empty() && stopped.lag.is_some() {
        words_are_there.max(FALSE_ALARM)
    } else {
        words_are_there
    }
}
