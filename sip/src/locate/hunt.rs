//! From one server to the next as they fail (RFC 3263 section 4.3).

use super::Candidate;
use crate::endpoint::{Failure, FailureCause};
use crate::message::StatusCode;
use std::collections::VecDeque;
use std::time::Duration;

/// A failure of the server itself, not of whom it was to reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// It could not be reached, and nothing left this host.
    Unreachable,
    /// The connection broke after bytes were written.
    Broken,
    /// No response in 64*T1.
    Silent,
    /// 503.
    Unavailable {
        /// Its Retry-After.
        retry_after: Option<Duration>,
    },
}

impl Trouble {
    /// What the failure of a call says about the server. `None` where it answered for whom it was asked for: then no
    /// other server is tried (RFC 3263 section 4.3 names transport errors, silence and 503).
    #[must_use]
    pub fn of(failure: &Failure) -> Option<Self> {
        if failure.status == Some(StatusCode::SERVICE_UNAVAILABLE) {
            return Some(Self::Unavailable { retry_after: failure.retry_after });
        }
        match failure.cause {
            FailureCause::NotSent => Some(Self::Unreachable),
            FailureCause::ConnectionLost => Some(Self::Broken),
            FailureCause::NoResponse if !failure.provisional_seen => Some(Self::Silent),
            FailureCause::NoResponse
            | FailureCause::Response
            | FailureCause::Cancelled
            | FailureCause::Rejected
            | FailureCause::LocalError => None,
        }
    }

    /// Whether the request may have arrived all the same: whoever must not ring twice does not go on then.
    #[must_use]
    pub fn may_have_arrived(self) -> bool {
        match self {
            Self::Unreachable | Self::Unavailable { .. } => false,
            Self::Broken | Self::Silent => true,
        }
    }
}

/// The servers of one request, one after the other. Each try is a new transaction: the same request with another branch.
#[derive(Debug, Clone)]
pub struct Hunt {
    current: Candidate,
    rest: VecDeque<Candidate>,
}

impl Hunt {
    /// Begins with the first of the [`candidates`](super::Locator::candidates); `None` if there are none.
    #[must_use]
    pub fn new(candidates: Vec<Candidate>) -> Option<Self> {
        let mut rest = VecDeque::from(candidates);
        Some(Self { current: rest.pop_front()?, rest })
    }

    /// The server to try now.
    #[must_use]
    pub fn current(&self) -> &Candidate {
        &self.current
    }

    /// The current server failed: the next one, if there is one. Tell the [`Locator`](super::Locator) of it by
    /// [`report`](super::Locator::report), so that others keep away too.
    pub fn advance(&mut self) -> Option<&Candidate> {
        self.current = self.rest.pop_front()?;
        Some(&self.current)
    }

    /// How many are left after the current one.
    #[must_use]
    pub fn left(&self) -> usize {
        self.rest.len()
    }
}
