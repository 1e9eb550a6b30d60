//! What a supervisor does to a conversation.

use std::time::Instant;

use super::mouth::AfterCut;
use super::{Action, Conversation, Lead, NativeOrder};
use crate::pii::Pii;

/// Stands before a supervisor's word, so that the model does not take it for the caller's or read it out.
const WHISPER: &str = "Your supervisor tells you, unheard by the caller. Act on it and do not mention it:";

/// Stands before what a supervisor said to the caller.
const COLLEAGUE: &str =
    "A colleague of yours has taken the call over for a while and said to the caller, in your place:";

impl Conversation {
    /// Whether digits were given just now that may turn out to be the beginning of a card's number. What is told and
    /// asked for meanwhile must not be kept for good before that is known.
    #[must_use]
    pub fn hears_digits(&self, now: Instant) -> bool {
        self.manners.hears_digits(now)
    }

    /// A supervisor's word.
    pub(super) fn whispered(&mut self, text: &str) {
        self.note(Pii::new(format!("{WHISPER} {text}")));
    }

    /// A supervisor who has taken the call over said something to the caller.
    pub(super) fn overheard(&mut self, text: &str) {
        self.note(Pii::new(format!("{COLLEAGUE} {text}")));
    }

    /// Something for whoever leads to know, which the caller does not hear.
    pub(super) fn note(&mut self, text: Pii<String>) {
        match &mut self.lead {
            Lead::Flow(_) | Lead::External(_) => {}
            Lead::Model(model) => {
                model.context.note(text);
                self.context_changed();
            }
            Lead::Native(_) => self.actions.push_back(Action::Native(NativeOrder::Note(text))),
        }
    }

    /// A supervisor silences the agent, or gives it the word again.
    pub(super) fn mute(&mut self, now: Instant, muted: bool) {
        self.muted = muted;
        if muted {
            self.stop_speaking(AfterCut::Hear);
        } else if !self.caller_has_word() {
            self.resume(now);
        }
    }

    /// Whether nothing of what is said may be kept, by a supervisor's or a tool's wish.
    pub(super) fn is_off_record(&self) -> bool {
        self.off_record || self.tools.collects_secret()
    }

    /// What is said is kept out of the record, or is kept again.
    pub(super) const fn set_off_record(&mut self, off: bool) {
        self.off_record = off;
    }
}
