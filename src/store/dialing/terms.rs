//! The terms of a campaign as a transaction sees them: its rules, made ready once per version, and the limits above it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::args;
use crate::campaign::phone::E164;
use crate::campaign::states::CampaignState;
use crate::dialer::calling_hours::CallingHours;
use crate::dialer::gate::Rules;
use crate::id::{AssistantVersionId, CampaignId, OrgId, TrunkId};
use crate::store::campaign::{self, Campaign};
use crate::store::{StoreError, Tx};

/// Campaigns made ready for dialing, each in the version last seen.
#[derive(Debug, Default)]
pub(super) struct Book {
    ready: Mutex<BTreeMap<CampaignId, Arc<Ready>>>,
}

/// A version of a campaign made ready.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) campaign: Campaign,
    pub(super) rules: Rules,
}

/// What one transaction dials by.
#[derive(Debug)]
pub(super) struct Terms {
    pub(super) ready: Arc<Ready>,
    pub(super) org: OrgId,
    pub(super) trunk: TrunkId,
    pub(super) caller_id: E164,
    pub(super) assistant_version: AssistantVersionId,
    pub(super) trunk_enabled: bool,
    pub(super) org_limits: Limits,
    pub(super) trunk_limits: Limits,
    pub(super) caller_id_rate: Option<u32>,
}

/// Dials a minute, and simultaneous calls.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) calls_per_minute: u32,
    pub(super) most_live: u32,
}

impl Book {
    /// The campaign in its present version, as this transaction sees it.
    pub(super) async fn ready(&self, tx: &mut Tx, id: CampaignId) -> Result<Arc<Ready>, StoreError> {
        let version: i64 = tx.value("SELECT version AS value FROM campaign WHERE id = $1", args![id]).await?;
        if let Some(ready) = self.known(id).filter(|ready| ready.campaign.version == version) {
            return Ok(ready);
        }
        let campaign = campaign::of_any_org(tx, id).await?;
        let hours = CallingHours::new(&campaign.data.schedule, campaign.data.settings.tz_mode)
            .map_err(|_| StoreError::Corrupt { column: "schedule" })?;
        let rules = Rules { state: campaign.state, settings: campaign.data.settings.clone(), hours };
        let ready = Arc::new(Ready { campaign, rules });
        let mut known = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, other| other.rules.state == CampaignState::InProgress);
        known.insert(id, Arc::clone(&ready));
        drop(known);
        Ok(ready)
    }

    /// The campaign with the limits that stand above it.
    pub(super) async fn terms(&self, tx: &mut Tx, id: CampaignId) -> Result<Terms, StoreError> {
        const SQL: &str = "SELECT a.version_id, o.calls_per_minute AS org_rate, o.max_concurrent_calls AS org_live, \
                           t.enabled, t.calls_per_minute AS trunk_rate, t.max_channels AS trunk_live, \
                           t.caller_id_calls_per_minute AS caller_id_rate FROM org o, trunk t, assistant a \
                           WHERE o.id = $1 AND t.id = $2 AND a.id = $3";
        let ready = self.ready(tx, id).await?;
        let Campaign { org, data, .. } = &ready.campaign;
        let row = tx.one(SQL, args![org, data.trunk, data.assistant]).await?;
        Ok(Terms {
            org: *org,
            trunk: data.trunk,
            caller_id: data.caller_id.clone(),
            assistant_version: row.get("version_id")?,
            trunk_enabled: row.get("enabled")?,
            org_limits: Limits { calls_per_minute: row.get("org_rate")?, most_live: row.get("org_live")? },
            trunk_limits: Limits { calls_per_minute: row.get("trunk_rate")?, most_live: row.get("trunk_live")? },
            caller_id_rate: row.get("caller_id_rate")?,
            ready,
        })
    }

    fn known(&self, id: CampaignId) -> Option<Arc<Ready>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }
}
