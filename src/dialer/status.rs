//! Why nothing is being dialed, for those who look.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::pacing::{Limited, Scope};
use crate::campaign::wire::wire_enum;
use crate::id::CampaignId;
use crate::provider::catalog::NoRoom;
use crate::store::dialing::{Picked, Refused};
use crate::trunk::breaker::Shut;

wire_enum! {
    /// A limit, as it is told to those who ask why nothing is dialed.
    pub enum LimitCode is "limit" {
        /// The organisation's calls per minute.
        OrganisationPace = "organisation_pace",
        /// The organisation's calls at one time.
        OrganisationConcurrency = "organisation_concurrency",
        /// A trunk's calls per minute.
        TrunkPace = "trunk_pace",
        /// A trunk's calls at one time.
        TrunkConcurrency = "trunk_concurrency",
        /// A trunk that is left alone because its calls failed or its carrier asked for it.
        TrunkBreaker = "trunk_breaker",
        /// The campaign's calls per minute.
        CampaignPace = "campaign_pace",
        /// The campaign's calls at one time.
        CampaignConcurrency = "campaign_concurrency",
        /// The calls per minute from a number.
        CallerIdPace = "caller_id_pace",
        /// The calls at one time from a number.
        CallerIdConcurrency = "caller_id_concurrency",
        /// The dials of a day from a number.
        CallerIdDay = "caller_id_day",
        /// What the organisation's calls of a day may cost.
        SpendCap = "spend_cap",
        /// What one server takes.
        NodeConcurrency = "node_concurrency",
        /// The vendors of the campaign's assistant.
        Vendor = "vendor",
    }
}

impl LimitCode {
    /// What a person can do about it.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::OrganisationPace => "raise the organisation's calls per minute",
            Self::OrganisationConcurrency => "raise the organisation's calls at one time",
            Self::TrunkPace => "raise the trunk's calls per minute, or give the campaign another trunk",
            Self::TrunkConcurrency => "raise the trunk's channels, or give the campaign another trunk",
            Self::TrunkBreaker => "mend the trunk and resume it, or give the campaign another trunk",
            Self::CampaignPace => "raise the campaign's calls per minute",
            Self::CampaignConcurrency => "raise the campaign's calls at one time",
            Self::CallerIdPace => "raise the calls per minute of the number, or call from another one",
            Self::CallerIdConcurrency => "raise the calls at one time of the number, or call from another one",
            Self::CallerIdDay => "raise daily_dials in the calling policy, or call from another number",
            Self::SpendCap => "raise the daily cap in the calling policy",
            Self::NodeConcurrency => "add a server, or raise what it takes",
            Self::Vendor => "mend the assistant's vendors or raise their limits, or choose others",
        }
    }
}

impl From<Limited> for LimitCode {
    fn from(Limited { scope, until }: Limited) -> Self {
        match (scope, until) {
            (Scope::Organisation, None) => Self::OrganisationConcurrency,
            (Scope::Organisation, Some(_)) => Self::OrganisationPace,
            (Scope::Trunk, None) => Self::TrunkConcurrency,
            (Scope::Trunk, Some(_)) => Self::TrunkPace,
            (Scope::Campaign, None) => Self::CampaignConcurrency,
            (Scope::Campaign, Some(_)) => Self::CampaignPace,
            (Scope::CallerId, None) => Self::CallerIdConcurrency,
            (Scope::CallerId, Some(_)) => Self::CallerIdPace,
            (Scope::CallerDay, _) => Self::CallerIdDay,
            (Scope::Spend, _) => Self::SpendCap,
            (Scope::Node, _) => Self::NodeConcurrency,
            (Scope::Providers, _) => Self::Vendor,
        }
    }
}

/// What holds each campaign on this node. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct DialerStatus {
    held: Arc<Mutex<BTreeMap<CampaignId, Held>>>,
}

/// What holds a campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Which limit.
    pub code: LimitCode,
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
        let reason = if shut.trying { "one call tries whether the trunk is back" } else { shut.cause.words() };
        let code = LimitCode::TrunkBreaker;
        Self { code, scope: Scope::Trunk, reason: reason.to_owned(), until: Some(shut.until) }
    }

    /// By the vendors of its assistant, which are looked at again at `until`.
    #[must_use]
    pub fn by_vendors(why: &NoRoom, until: Timestamp) -> Self {
        let scope = Scope::Providers;
        Self { code: LimitCode::Vendor, scope, reason: why.to_string(), until: Some(until) }
    }

    /// By what a claim came to, if a limit left it no room.
    #[must_use]
    pub fn by_claim(picked: &Picked) -> Option<Self> {
        match picked.result {
            Err(Refused::Limited(limited)) => {
                Some(picked.shut.as_ref().map_or_else(|| Self::by(limited), Self::by_trunk))
            }
            Ok(_) | Err(Refused::Stopped | Refused::Empty | Refused::Again) => None,
        }
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
            (Scope::CallerDay, _) => "the caller ID has made as many dials today as the organisation allows",
            (Scope::Spend, _) => "the calls of the day would cost more than the organisation allows",
            (Scope::Node, _) => "this server has as many calls as it may",
            (Scope::Providers, _) => "the assistant's providers serve no further call",
        };
        Self { code: limited.into(), scope, reason: reason.to_owned(), until }
    }
}

impl DialerStatus {
    /// What holds a campaign, if anything does.
    #[must_use]
    pub fn of(&self, campaign: CampaignId) -> Option<Held> {
        self.lock().get(&campaign).cloned()
    }

    /// What a claim for a campaign says about it.
    pub fn after(&self, campaign: CampaignId, picked: &Picked) {
        match Held::by_claim(picked) {
            Some(held) => self.held(campaign, held),
            None => self.free(campaign),
        }
    }

    /// A campaign is held.
    pub fn held(&self, campaign: CampaignId, held: Held) {
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
