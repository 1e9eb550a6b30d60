//! Mistakes that the dialer could have: a world with one of them has to be caught.

/// One mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// The dial's commit does not look at the campaign and the suppression list again.
    SkippedRecheck,
    /// Calls at one time are counted up and down instead of counted.
    CounterNotCount,
    /// Windows are looked up in UTC instead of on the contact's clock.
    UtcHours,
    /// A commit whose result is unknown is taken for done.
    UnknownCommitIsDone,
    /// A commit whose result is unknown is taken for not done, and forgotten.
    UnknownCommitIsForgotten,
    /// Nobody looks how long ago the commit was when the INVITE is written.
    StaleSend,
    /// Whoever had a dial of unknown outcome is dialed again.
    ReaperRedials,
    /// A lost node's channels are free before its calls are known to be over.
    OrphanIsFree,
    /// An INVITE that nobody answers goes over another trunk at once.
    SilenceFailsOver,
    /// The delay before a retry counts from the beginning of the dial.
    DelayFromStart,
    /// The INVITE leaves when the claim is there, not at its reserved moment.
    PaceByClaim,
    /// A pause is not told to those who are about to dial, and not looked at by them.
    DeafToPause,
}

impl Bug {
    pub const ALL: [Self; 12] = [
        Self::SkippedRecheck,
        Self::CounterNotCount,
        Self::UtcHours,
        Self::UnknownCommitIsDone,
        Self::UnknownCommitIsForgotten,
        Self::StaleSend,
        Self::ReaperRedials,
        Self::OrphanIsFree,
        Self::SilenceFailsOver,
        Self::DelayFromStart,
        Self::PaceByClaim,
        Self::DeafToPause,
    ];
}
