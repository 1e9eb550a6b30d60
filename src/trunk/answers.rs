//! What the latest answers of a trunk are worth as evidence, pure.

use std::collections::VecDeque;

use crate::call::outcome::{CallOutcome, TrunkEvidence};

/// Latest outcomes that tell whether 480s have become too many.
const RECENT: usize = 20;

/// The latest answers of one trunk, as one node has met them.
#[derive(Debug, Default)]
pub struct Answers {
    /// Whether each came back with a 480 and no ring.
    quick_480: VecDeque<bool>,
}

impl Answers {
    /// A dial has ended.
    pub fn note(&mut self, outcome: &CallOutcome) {
        self.quick_480.push_back(outcome.sip_code == Some(480) && !outcome.rang);
        if self.quick_480.len() > RECENT {
            self.quick_480.pop_front();
        }
    }

    /// What the trunk's behaviour says about its next failure.
    #[must_use]
    pub fn evidence(&self) -> TrunkEvidence {
        let quick = self.quick_480.iter().filter(|quick| **quick).count();
        TrunkEvidence { raised_480: self.quick_480.len() >= RECENT / 2 && quick * 2 > self.quick_480.len() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::outcome::Failover;
    use crate::campaign::disconnection::DisconnectionReason;

    #[test]
    fn a_raised_rate_of_480_is_evidence() {
        let unavailable = CallOutcome::refused(DisconnectionReason::DialNoAnswer, 480, Failover::Never);
        let mut answers = Answers::default();
        for _ in 0..9 {
            answers.note(&unavailable);
            assert!(!answers.evidence().raised_480);
        }
        answers.note(&unavailable);
        assert!(answers.evidence().raised_480);
        for _ in 0..20 {
            answers.note(&CallOutcome { sip_code: Some(486), ..unavailable.clone() });
        }
        assert!(!answers.evidence().raised_480);
    }
}
