//! A caller who has spoken and whose words are late: they hear that somebody is there, and are answered when the words
//! come; when they do not, they are asked again.

use std::time::{Duration, Instant};

use super::mouth::{Purpose, SayingId};
use super::waiting::NEXT_WORD;
use super::{Conversation, Lead, Source, Stage, Timer, TurnInput};
use crate::provider::stt::Manner;

/// Silence, from the caller's last sound, after which somebody whose words are late hears something.
const PATIENCE: Duration = Duration::from_millis(2_000);

/// What was said to bridge such waits.
#[derive(Debug, Default)]
pub(super) struct Bridges {
    /// So many.
    said: usize,
    /// The last one, and the end of the voice for whose words it was said.
    last: Option<(SayingId, Instant)>,
}

impl Conversation {
    /// This one listens from now on.
    pub(super) fn recogniser_is(&mut self, now: Instant, manner: Manner) {
        if manner.continuous && !matches!(self.lead, Lead::Native(_) | Lead::External(_)) {
            for bridge in self.phrases.bridges {
                self.prepare(bridge);
            }
        }
        self.turns.handle(now, TurnInput::Manner(manner));
    }

    /// When a caller whose words are late hears a sign of life, or is asked again behind it.
    pub(super) fn words_late_at(&self, now: Instant) -> Option<Instant> {
        if let Lead::External(_) = self.lead {
            // The bot has heard it.
            return None;
        }
        let last_voice = self.turns.unheard()?;
        let in_talk = self.stage == Stage::Talking && self.outcome.first_speech.is_some() && self.manners.gives_word();
        let prevented = self.closing || self.deaf || self.is_silenced() || self.tools.is_transferring();
        let occupied = !self.is_mouth_free() || self.owes_something() || self.timers.contains_key(&Timer::Digit);
        if !in_talk || prevented || occupied {
            return None;
        }
        let silent_since = self.mouth.silent_since.unwrap_or(last_voice);
        let at = if self.is_bridged(last_voice) {
            silent_since.max(last_voice) + NEXT_WORD
        } else if silent_since <= last_voice {
            last_voice + PATIENCE
        } else {
            // The agent has spoken since, so that nobody waits.
            return None;
        };
        Some(at.max(now))
    }

    /// Says that the caller is not forgotten; the second time, that nothing was understood.
    pub(super) fn bridge(&mut self, now: Instant) {
        let Some(last_voice) = self.turns.unheard() else { return };
        if self.is_bridged(last_voice) {
            self.turns.give_up_unheard();
            return match &self.lead {
                Lead::Flow(_) => self.unclear(now),
                Lead::Model(_) => self.not_caught(now, false),
                Lead::Native(_) | Lead::External(_) => {}
            };
        }
        let bridge = self.phrases.bridges[self.bridges.said % self.phrases.bridges.len()];
        let saying = self.say_first(Source::Prompt(bridge), Purpose::Filler);
        if let Lead::Model(model) = &mut self.lead {
            model.context.say_beside(saying, true);
        }
        self.bridges.said += 1;
        self.bridges.last = Some((saying, last_voice));
    }

    /// Whether all that is said bridges such a wait, and the caller has not spoken over it.
    pub(super) fn is_bridging(&self) -> bool {
        let open = self.mouth.open.as_ref().filter(|reply| reply.stopping.is_none());
        let bridge = self.bridges.last.map(|(saying, _)| saying);
        open.is_some_and(|reply| Some(reply.saying.id) == bridge)
            && self.mouth.queue.is_empty()
            && self.mouth.cut.is_none()
            && self.caller.voice_since().is_none()
    }

    /// Whether a caller whose voice ended then was told to wait.
    pub(super) fn is_bridged(&self, last_voice: Instant) -> bool {
        self.bridges.last.is_some_and(|(_, of)| of == last_voice)
    }
}
