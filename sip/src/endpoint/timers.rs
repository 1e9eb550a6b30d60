//! The queue of deadlines: set, clear and fire in O(log n).

use super::event::{ProbeId, RegistrationId, SessionId};
use crate::transaction::{Timer, TransactionId};

/// A deadline of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SessionTimer {
    /// Our 2xx is sent again until its ACK comes (RFC 3261 13.3.1.4): T1, doubled up to T2.
    RepeatAnswer,
    /// No ACK for our 2xx after 64*T1: the session ends with BYE.
    AckMissing,
    /// Neither answered nor refused for [`Config::early_limit`](super::Config::early_limit).
    EarlyLimit,
    /// A ringing call repeats its provisional response each minute (RFC 3261 13.3.1.1).
    RepeatProvisional,
    /// No final response 64*T1 after our CANCEL (RFC 3261 9.1).
    CancelUnanswered,
    /// An INVITE given up is forgotten: a late 1xx or 2xx finds nobody any more.
    Linger,
    /// Half of the session interval passed and we are the refresher (RFC 4028 section 10).
    Refresh,
    /// The session interval ran out without a refresh (RFC 4028 section 10).
    Expiry,
    /// The shell did not answer a re-INVITE or UPDATE in time.
    ReofferUnanswered,
}

/// Why `poll_timeout` wants to be woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WakeReason {
    /// A timer of a transaction.
    Transaction(TransactionId, Timer),
    /// A deadline of a session.
    Session(SessionId, SessionTimer),
    /// A registration is to be refreshed or tried again.
    Registration(RegistrationId),
    /// A probe took too long to be sent again after a challenge.
    Probe(ProbeId),
}

impl SessionTimer {
    /// Every one of them.
    pub const ALL: [Self; 9] = [
        Self::RepeatAnswer,
        Self::AckMissing,
        Self::EarlyLimit,
        Self::RepeatProvisional,
        Self::CancelUnanswered,
        Self::Linger,
        Self::Refresh,
        Self::Expiry,
        Self::ReofferUnanswered,
    ];
}
