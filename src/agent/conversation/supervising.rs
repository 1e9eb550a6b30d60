//! What a supervisor does to a conversation.

use std::time::Instant;

use super::mouth::AfterCut;
use super::{Action, Conversation, Lead, NativeOrder};
use crate::pii::Pii;

impl Conversation {
    /// A supervisor's word.
    pub(super) fn note(&mut self, text: Pii<String>) {
        match &mut self.lead {
            Lead::Flow(_) => {}
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

    /// What is said is kept out of the record, or is kept again.
    pub(super) const fn set_off_record(&mut self, off: bool) {
        self.off_record = off;
    }
}
