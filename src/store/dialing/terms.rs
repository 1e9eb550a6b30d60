//! The terms of a campaign as a transaction sees them: its rules, made ready once per version, and the limits above it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::args;
use crate::campaign::phone::E164;
use crate::campaign::states::CampaignState;
use crate::dialer::gate::Rules;
use crate::dialer::share::Shares;
use crate::id::{AssistantVersionId, CampaignId, OrgId, TrunkId};
use crate::store::campaign::{self, Campaign};
use crate::store::{StoreError, Tx, policy, prefix_route};
use crate::trunk::prefix::{Given, Routes};

/// Campaigns made ready for dialing, each in the version last seen.
#[derive(Debug, Default)]
pub(super) struct Book {
    ready: Mutex<BTreeMap<CampaignId, Arc<Ready>>>,
    /// How the trunks of campaigns share their dials on this node.
    shares: Mutex<BTreeMap<CampaignId, Shares>>,
}

/// A version of a campaign made ready.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) campaign: Campaign,
    pub(super) rules: Rules,
    /// Where its organisation's calls go by the number called.
    pub(super) routes: Routes,
    /// The version of its organisation's policy.
    policy: i64,
    /// The version of its organisation's routes.
    routing: i64,
}

/// What one transaction dials by.
#[derive(Debug)]
pub(super) struct Terms {
    pub(super) ready: Arc<Ready>,
    pub(super) org: OrgId,
    pub(super) caller_id: E164,
    pub(super) assistant_version: AssistantVersionId,
    pub(super) org_limits: Limits,
    /// The campaign's trunks that are switched on, in the order in which they are turned to. Those of one priority stand
    /// together.
    pub(super) trunks: Vec<TrunkTerms>,
}

/// A trunk's part of the terms.
#[derive(Clone, Copy, Debug)]
pub(super) struct TrunkTerms {
    pub(super) id: TrunkId,
    pub(super) priority: u32,
    pub(super) weight: u32,
    pub(super) limits: Limits,
    pub(super) caller_id_rate: Option<u32>,
    pub(super) caller_id_live: Option<u32>,
}

/// Dials a minute, and simultaneous calls.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) calls_per_minute: u32,
    pub(super) most_live: u32,
}

impl Terms {
    /// Over which of the campaign's trunks a number may be called.
    pub(super) fn lead(&self, to: &E164) -> Vec<TrunkId> {
        let named: Vec<_> = self.trunks.iter().map(|trunk| trunk.id).collect();
        self.ready.routes.lead(to, Given::Named(&named))
    }
}

impl Book {
    /// The campaign in its present version, as this transaction sees it.
    pub(super) async fn ready(&self, tx: &mut Tx, id: CampaignId) -> Result<Arc<Ready>, StoreError> {
        const SEEN: &str = "SELECT c.version, o.policy_version, o.routes_version FROM campaign c JOIN org o ON o.id = c.org_id \
             WHERE c.id = $1";
        let seen = tx.one(SEEN, args![id]).await?;
        let versions: [i64; 3] = [seen.get("version")?, seen.get("policy_version")?, seen.get("routes_version")?];
        let is_current = |ready: &Arc<Ready>| [ready.campaign.version, ready.policy, ready.routing] == versions;
        if let Some(ready) = self.known(id).filter(is_current) {
            return Ok(ready);
        }
        let campaign = campaign::of_any_org(tx, id).await?;
        let (rules, policy) = policy::rules(tx, &campaign).await?;
        let routes = prefix_route::table(tx, campaign.org).await?;
        let ready = Arc::new(Ready { campaign, rules, routes, policy, routing: versions[2] });
        let mut known = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, other| other.rules.state == CampaignState::InProgress);
        known.insert(id, Arc::clone(&ready));
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        shares.retain(|campaign, _| known.contains_key(campaign));
        drop((known, shares));
        Ok(ready)
    }

    /// The campaign with the limits that stand above it.
    pub(super) async fn terms(&self, tx: &mut Tx, id: CampaignId) -> Result<Terms, StoreError> {
        const SQL: &str = "SELECT a.version_id, o.calls_per_minute AS org_rate, o.max_concurrent_calls AS org_live, \
                           t.id, t.enabled, t.calls_per_minute AS trunk_rate, t.max_channels - COALESCE((SELECT i.reserve \
                           FROM trunk_inbound i WHERE i.trunk_id = t.id), 0) AS trunk_live, \
                           t.caller_id_calls_per_minute AS caller_id_rate, t.caller_id_max_calls AS caller_id_live, \
                           1 AS priority, COALESCE((SELECT w.weight FROM campaign_trunk w WHERE w.campaign_id = $4 \
                           AND w.trunk_id = $2), 1) AS weight, 0 AS ordinal \
                           FROM org o, trunk t, assistant a WHERE o.id = $1 AND t.id = $2 AND a.id = $3 \
                           UNION ALL \
                           SELECT a.version_id, o.calls_per_minute AS org_rate, o.max_concurrent_calls AS org_live, \
                           t.id, t.enabled, t.calls_per_minute AS trunk_rate, t.max_channels - COALESCE((SELECT i.reserve \
                           FROM trunk_inbound i WHERE i.trunk_id = t.id), 0) AS trunk_live, \
                           t.caller_id_calls_per_minute AS caller_id_rate, t.caller_id_max_calls AS caller_id_live, \
                           f.priority, f.weight, f.ordinal FROM org o, assistant a, campaign_trunk f JOIN trunk t ON t.id = f.trunk_id \
                           WHERE o.id = $1 AND a.id = $3 AND f.campaign_id = $4 AND f.trunk_id <> $2 \
                           ORDER BY priority, ordinal";
        let ready = self.ready(tx, id).await?;
        let Campaign { org, data, .. } = &ready.campaign;
        let rows = tx.all(SQL, args![org, data.trunk, data.assistant, id]).await?;
        let first = rows.first().ok_or(StoreError::NotFound)?;
        let mut trunks = Vec::with_capacity(rows.len());
        for row in &rows {
            if row.get("enabled")? {
                trunks.push(TrunkTerms {
                    id: row.get("id")?,
                    priority: row.get("priority")?,
                    weight: row.get("weight")?,
                    limits: Limits { calls_per_minute: row.get("trunk_rate")?, most_live: row.get("trunk_live")? },
                    caller_id_rate: row.get("caller_id_rate")?,
                    caller_id_live: row.get("caller_id_live")?,
                });
            }
        }
        Ok(Terms {
            org: *org,
            caller_id: data.caller_id.clone(),
            assistant_version: first.get("version_id")?,
            org_limits: Limits { calls_per_minute: first.get("org_rate")?, most_live: first.get("org_live")? },
            trunks,
            ready,
        })
    }

    /// The trunks of one priority in the order in which they are to be asked for room.
    pub(super) fn order(&self, campaign: CampaignId, level: &[TrunkTerms]) -> Vec<TrunkTerms> {
        if level.len() < 2 {
            return level.to_vec();
        }
        let weights: Vec<_> = level.iter().map(|trunk| (trunk.id, trunk.weight)).collect();
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        let order = shares.entry(campaign).or_default().order(&weights);
        order.iter().filter_map(|id| level.iter().find(|trunk| trunk.id == *id).copied()).collect()
    }

    /// A dial went over one of several trunks of a priority; `among` had room as far as they were asked.
    pub(super) fn took(&self, campaign: CampaignId, among: &[TrunkTerms], taker: TrunkId) {
        let weights: Vec<_> = among.iter().map(|trunk| (trunk.id, trunk.weight)).collect();
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shares) = shares.get_mut(&campaign) {
            shares.took(&weights, taker);
        }
    }

    fn known(&self, id: CampaignId) -> Option<Arc<Ready>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }
}
