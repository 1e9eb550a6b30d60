//! Why nothing is being dialed, for those who look.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::pacing::{Limited, Scope};
use crate::id::CampaignId;
use crate::trunk::breaker::{BreakerCause, Shut};

/// What holds each campaign on this node. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct DialerStatus {
    held: Arc<Mutex<BTreeMap<CampaignId, Held>>>,
}

/// What holds a campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// What the limit belongs to.
    pub scope: Scope,
    /// In words.
    pub reason: String,
    /// When it is looked at again, where a time is known; else as soon as something changes.
    pub until: Option<Timestamp>,
}

impl Held {
    /// By the breaker of a trunk, or of all trunks that the campaign has.
    #[must_use]
    pub fn by_trunk(shut: &Shut) -> Self {
        let reason = match (shut.trying, shut.cause) {
            (true, _) => "one call tries whether the trunk is back",
            (false, BreakerCause::RetryAfter) => "the trunk's carrier asked to be left alone",
            (false, BreakerCause::Failing) => "calls over the trunk failed: it is left alone for a while",
            (false, BreakerCause::Refused) => {
                "the trunk's carrier refuses our calls by permission: mend its settings or resume it"
            }
        };
        Self { scope: Scope::Trunk, reason: reason.to_owned(), until: Some(shut.until) }
    }

    /// In the words for a limit of numbers or pace.
    #[must_use]
    pub fn by(limited: Limited) -> Self {
        let Limited { scope, until } = limited;
        let reason = match (scope, until) {
            (Scope::Organisation, None) => "the organisation has as many calls as it may",
            (Scope::Organisation, Some(_)) => "the organisation's calls per minute are used up",
            (Scope::Trunk, None) => "the trunk has as many calls as it may",
            (Scope::Trunk, Some(_)) => "the trunk's calls per minute are used up",
            (Scope::Campaign, None) => "the campaign has as many calls as it may",
            (Scope::Campaign, Some(_)) => "the campaign's calls per minute are used up",
            (Scope::CallerId, None) => "the caller ID has as many calls as it may",
            (Scope::CallerId, Some(_)) => "the caller ID's calls per minute are used up",
            (Scope::Spend, _) => "the calls of the day would cost more than the organisation allows",
            (Scope::Node, _) => "this server has as many calls as it may",
            (Scope::Providers, _) => "the assistant's providers serve no further call",
        };
        Self { scope, reason: reason.to_owned(), until }
    }
}

impl DialerStatus {
    /// What holds a campaign, if anything does.
    #[must_use]
    pub fn of(&self, campaign: CampaignId) -> Option<Held> {
        self.lock().get(&campaign).cloned()
    }

    /// A campaign is held.
    pub(super) fn held(&self, campaign: CampaignId, held: Held) {
        let mut all = self.lock();
        let news =
            held.scope == Scope::Providers && all.get(&campaign).is_none_or(|before| before.reason != held.reason);
        let reason = held.reason.clone();
        all.insert(campaign, held);
        drop(all);
        if news {
            tracing::warn!(%campaign, reason, "a campaign waits for its providers");
        }
    }

    /// Nothing holds it.
    pub(super) fn free(&self, campaign: CampaignId) {
        let before = self.lock().remove(&campaign);
        if before.is_some_and(|before| before.scope == Scope::Providers) {
            tracing::info!(%campaign, "a campaign's providers are back");
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<CampaignId, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
