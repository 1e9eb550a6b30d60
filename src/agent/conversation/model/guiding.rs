//! A flow guides the model: what the plan wants next is told to it whenever the plan has moved on.

use std::time::Instant;

use super::super::{Conversation, Lead};
use crate::agent::flow::guide::Guide;
use crate::agent::transfer::TransferFailure;
use crate::pii::Pii;

impl Conversation {
    /// An answer was written down.
    pub(in crate::agent::conversation) fn guide_recorded(&mut self, now: Instant, question: &str, answer: &str) {
        self.move_guide(now, |guide| guide.recorded(question, answer));
    }

    /// A tool outside has answered.
    pub(in crate::agent::conversation) fn guide_tool_done(&mut self, now: Instant, tool: &str, result: &Pii<String>) {
        self.move_guide(now, |guide| guide.tool_done(tool, result.expose()));
    }

    /// A transfer came to nothing.
    pub(in crate::agent::conversation) fn guide_transfer_failed(&mut self, now: Instant, why: TransferFailure) {
        let technical = match why {
            TransferFailure::Refused | TransferFailure::Broken => true,
            TransferFailure::Declined
            | TransferFailure::Busy
            | TransferFailure::NoAnswer
            | TransferFailure::Voicemail => false,
        };
        self.move_guide(now, |guide| guide.transfer_failed(technical));
    }

    fn move_guide(&mut self, now: Instant, moves: impl FnOnce(&mut Guide) -> bool) {
        let Lead::Model(model) = &mut self.lead else { return };
        let Some(guide) = &mut model.guide else { return };
        if !moves(guide) {
            return;
        }
        model.context.note(Pii::new(guide.goal()));
        self.outcome.flow_completed |= guide.is_over();
        let succeeded = guide.succeeded() && !std::mem::replace(&mut model.success_marked, true);
        self.context_changed();
        if succeeded {
            self.mark_success(now);
        }
    }
}
