//! How a number to call from is doing, from what its calls came to, pure.

use crate::campaign::wire::wire_enum;

wire_enum! {
    /// What is to be thought of a number to call from.
    pub enum CallerVerdict is "caller verdict" {
        /// Too few calls to tell.
        Unknown = "unknown",
        /// Nothing speaks against it.
        Healthy = "healthy",
        /// Something does: look at it.
        Doubtful = "doubtful",
        /// Its calls are refused as unwanted: call from another one.
        Flagged = "flagged",
    }
}

/// What the calls from a number came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallerRecord {
    /// Dials that are over or were answered.
    pub dials: u32,
    /// Those of them that were answered.
    pub answered: u32,
    /// Of the answered ones that are over, those that lasted less than 10 s.
    pub short: u32,
    /// Refused with 603: the callee does not want to talk, or a network that has no better word for its filter.
    pub declined: u32,
    /// Refused with 607 (RFC 8197): the callee does not want this caller.
    pub unwanted: u32,
    /// Refused with 608 (RFC 8688): an analysis on the way does not let it through.
    pub rejected: u32,
}

/// Below so many dials nothing is said.
const ENOUGH: u32 = 20;
/// From so many refusals on they are no chance.
const REFUSALS: u32 = 5;
/// From so many dials on the share of answers is looked at.
const MANY: u32 = 100;

impl CallerRecord {
    /// The part of the dials that was answered; none without dials.
    #[must_use]
    pub fn answer_rate(&self) -> Option<f64> {
        (self.dials > 0).then(|| f64::from(self.answered) / f64::from(self.dials))
    }

    /// What is to be thought of the number, and why.
    #[must_use]
    pub fn verdict(&self) -> (CallerVerdict, &'static str) {
        let Self { dials, answered, short, declined, unwanted, rejected } = *self;
        // At least so many of a hundred.
        let makes = |part: u32, percent: u64, of: u32| u64::from(part) * 100 >= u64::from(of) * percent;
        let refused = unwanted.saturating_add(rejected);
        if dials < ENOUGH {
            (CallerVerdict::Unknown, "fewer than 20 dials: too few to tell")
        } else if refused >= REFUSALS && makes(refused, 2, dials) {
            (CallerVerdict::Flagged, "at least 2 % of its dials are refused as unwanted (607) or by an analysis (608)")
        } else if declined >= REFUSALS && makes(declined, 10, dials) {
            (CallerVerdict::Doubtful, "at least 10 % of its dials are declined (603)")
        } else if answered >= ENOUGH && makes(short, 50, answered) {
            (CallerVerdict::Doubtful, "at least half of its answered calls last less than 10 s")
        } else if dials >= MANY && !makes(answered, 5, dials) {
            (CallerVerdict::Doubtful, "fewer than 5 % of its dials are answered")
        } else {
            (CallerVerdict::Healthy, "nothing speaks against it")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_verdict_has_its_grounds_and_the_gravest_counts() {
        let fine = CallerRecord { dials: 200, answered: 60, short: 10, ..CallerRecord::default() };
        let verdict = |change: &dyn Fn(&mut CallerRecord)| {
            let mut record = fine;
            change(&mut record);
            record.verdict().0
        };
        assert_eq!(verdict(&|_| ()), CallerVerdict::Healthy);
        assert_eq!(verdict(&|record| *record = CallerRecord::default()), CallerVerdict::Unknown);
        assert_eq!(verdict(&|record| (record.dials, record.unwanted) = (19, 19)), CallerVerdict::Unknown);
        assert_eq!(verdict(&|record| (record.unwanted, record.rejected) = (3, 2)), CallerVerdict::Flagged);
        assert_eq!(verdict(&|record| record.rejected = 4), CallerVerdict::Healthy, "four may be chance");
        assert_eq!(verdict(&|record| (record.dials, record.rejected) = (1_000, 19)), CallerVerdict::Healthy);
        assert_eq!(verdict(&|record| record.declined = 20), CallerVerdict::Doubtful);
        assert_eq!(verdict(&|record| record.declined = 19), CallerVerdict::Healthy);
        assert_eq!(verdict(&|record| record.short = 30), CallerVerdict::Doubtful);
        assert_eq!(verdict(&|record| (record.answered, record.short) = (19, 19)), CallerVerdict::Healthy);
        assert_eq!(verdict(&|record| (record.answered, record.short) = (9, 0)), CallerVerdict::Doubtful);
        let both = |record: &mut CallerRecord| (record.declined, record.rejected) = (50, 10);
        assert_eq!(verdict(&both), CallerVerdict::Flagged);
    }

    #[test]
    fn the_answer_rate_is_that_of_dials() {
        let record = CallerRecord { dials: 8, answered: 2, ..CallerRecord::default() };
        assert_eq!(record.answer_rate(), Some(0.25));
        assert_eq!(CallerRecord::default().answer_rate(), None);
    }
}
