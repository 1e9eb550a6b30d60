//! The trunks that a campaign turns to when its own leaves no room or fails.

use axum::extract::State;
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::auth::Caller;
use super::body::Body;
use super::error::{ApiError, FieldFault};
use super::etag::{IfMatch, Tagged};
use super::paging::Id;
use crate::id::{CampaignId, TrunkGroupId, TrunkId};
use crate::store::campaign::{self, Campaign};
use crate::store::dialing::MAX_TRUNKS;
use crate::store::lock::{Lock, lock};
use crate::store::{StoreError, Tx, trunk, trunk_group};

/// Trunks beside the campaign's own: one after the other (`trunk_ids`), or with priorities and weights (`shares`). Or, in
/// place of them and of its own, those of a group (`trunk_group_id`).
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "trunk_ids": ["0190f3c4-7b1a-7000-8000-000000000001"] }))]
pub struct FallbackInput {
    /// In the order in which they are turned to; at most three. Each has to let the campaign's caller ID call.
    #[serde(default)]
    #[garde(length(max = MAX_TRUNKS - 1))]
    #[schema(max_items = 3)]
    trunk_ids: Option<Vec<TrunkId>>,
    /// In the place of `trunk_ids`: which part of the dials each takes; at most four, the campaign's own with priority 1
    /// among them or not.
    #[serde(default)]
    #[garde(length(max = MAX_TRUNKS), dive)]
    #[schema(max_items = 4)]
    shares: Option<Vec<TrunkShare>>,
    /// The campaign has the trunks of this group, also when the group changes; the first of them becomes its own. Each has to
    /// let the campaign's caller ID call.
    #[serde(default)]
    #[garde(skip)]
    trunk_group_id: Option<TrunkGroupId>,
}

/// What part of the dials a trunk takes, of a campaign or a group.
#[derive(Clone, Debug, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TrunkShare {
    /// Which.
    #[garde(skip)]
    trunk_id: TrunkId,
    /// Those with the lowest are turned to first, the others when none of them has room. A campaign's own trunk has 1.
    #[garde(range(min = 1, max = 10))]
    #[schema(minimum = 1, maximum = 10)]
    priority: u32,
    /// Its part of the dials among the trunks of its priority.
    #[serde(default = "one")]
    #[garde(range(min = 1, max = 100))]
    #[schema(minimum = 1, maximum = 100)]
    weight: u32,
}

impl TrunkShare {
    /// As it is kept.
    pub(super) const fn kept(&self) -> trunk::TrunkShare {
        trunk::TrunkShare { trunk: self.trunk_id, priority: self.priority, weight: self.weight }
    }

    /// As it is shown.
    pub(super) const fn of(share: &trunk::TrunkShare) -> Self {
        Self { trunk_id: share.trunk, priority: share.priority, weight: share.weight }
    }
}

const fn one() -> u32 {
    1
}

/// All trunks of a campaign.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CampaignTrunks {
    /// In the order in which they are turned to; of one priority, the campaign's own first.
    trunk_ids: Vec<TrunkId>,
    /// The same with what part of the dials each takes.
    shares: Vec<TrunkShare>,
    /// The group that they follow; absent when they follow none.
    trunk_group_id: Option<TrunkGroupId>,
}

/// Read the trunks of a campaign
#[utoipa::path(
    get, path = "/api/v1/campaigns/{id}/trunks", tag = "campaigns", params(("id" = CampaignId, Path)),
    responses((status = 200, body = CampaignTrunks), (status = 404, body = super::Problem))
)]
pub async fn read(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<CampaignId>,
) -> Result<Tagged<CampaignTrunks>, ApiError> {
    let mut tx = api.db.read().await?;
    let campaign = campaign::get(&mut tx, caller.org, id).await?;
    Ok(Tagged(all(&mut tx, &campaign).await?))
}

/// Replace the trunks that a campaign turns to
///
/// A dial goes over the first trunk that is switched on and has room; trunks of one priority share the dials by their weights
/// (3 and 1: three of four go over the first), and what one has no room for goes over the others. When that trunk fails before anybody was rung
/// (it cannot be reached, or answers 500, 502, 503, 504 or 488), the dial goes on over the next one at once; a number that
/// it says does not exist (404, 604) is confirmed over one other trunk. Dials under way keep the trunks they began with.
#[utoipa::path(
    put, path = "/api/v1/campaigns/{id}/trunks", tag = "campaigns", params(("id" = CampaignId, Path)),
    request_body = FallbackInput,
    responses(
        (status = 200, body = CampaignTrunks),
        (status = 404, body = super::Problem),
        (status = 422, body = super::Problem)
    )
)]
pub async fn replace(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<CampaignId>,
    wanted: IfMatch,
    Body(input): Body<FallbackInput>,
) -> Result<Tagged<CampaignTrunks>, ApiError> {
    let mut tx = api.db.begin().await?;
    if let Some(group) = input.trunk_group_id {
        // Before the campaign, as whoever changes the group has it: it stays as it is until the campaign has its trunks.
        lock(&mut tx, Lock::TrunkGroup(group)).await?;
    }
    wanted.lock(&mut tx, Lock::Campaign(id)).await?;
    let campaign = campaign::get(&mut tx, caller.org, id).await?;
    wanted.check(&all(&mut tx, &campaign).await?)?;
    if let Some(group) = input.trunk_group_id {
        if input.trunk_ids.is_some() || input.shares.is_some() {
            let reason = "give either trunk_group_id, or trunk_ids or shares";
            return Err(ApiError::field("/trunk_group_id", "exclusive", reason));
        }
        follow(&mut tx, &campaign, group).await?;
        let campaign = campaign::get(&mut tx, caller.org, id).await?;
        let trunks = all(&mut tx, &campaign).await?;
        tx.commit().await?;
        return Ok(Tagged(trunks));
    }
    let (key, shares) = input.shares(campaign.data.trunk)?;
    let mut faults = Vec::new();
    for (index, share) in shares.iter().enumerate() {
        let own = key == SHARES && share.trunk == campaign.data.trunk;
        let found = match own {
            true if share.priority != 1 => Some(("priority", "the campaign's own trunk has priority 1")),
            true if shares[..index].iter().any(|before| before.trunk == share.trunk) => Some(TWICE),
            true => None,
            false => fault(&mut tx, &campaign, &shares[..index], share.trunk).await?,
        };
        if let Some((code, reason)) = found {
            let pointer = format!("/{key}/{index}");
            faults.push(FieldFault { pointer, code: code.to_owned(), reason: reason.to_owned() });
        }
    }
    if !faults.is_empty() {
        return Err(ApiError::Invalid(faults));
    }
    trunk::set_shares(&mut tx, id, &shares).await?;
    trunk_group::leave(&mut tx, id).await?;
    let trunks = all(&mut tx, &campaign).await?;
    tx.commit().await?;
    Ok(Tagged(trunks))
}

const SHARES: &str = "shares";
const TWICE: (&str, &str) = ("duplicate", "the campaign has this trunk already");

impl FallbackInput {
    /// What is asked for, and the field that says so.
    fn shares(self, own: TrunkId) -> Result<(&'static str, Vec<trunk::TrunkShare>), ApiError> {
        let fault = |pointer: &str, code: &str, reason: &str| {
            let (pointer, code, reason) = (pointer.to_owned(), code.to_owned(), reason.to_owned());
            Err(ApiError::Invalid(vec![FieldFault { pointer, code, reason }]))
        };
        match (self.trunk_ids, self.shares) {
            (Some(ids), None) => {
                let share = |(priority, trunk)| trunk::TrunkShare { trunk, priority, weight: 1 };
                Ok(("trunk_ids", (2_u32..).zip(ids).map(share).collect()))
            }
            (None, Some(shares)) => {
                let with_own = shares.iter().any(|share| share.trunk_id == own);
                if shares.len() + usize::from(!with_own) > MAX_TRUNKS {
                    return fault("/shares", "length", "a campaign has at most four trunks, its own among them");
                }
                Ok((SHARES, shares.iter().map(TrunkShare::kept).collect()))
            }
            (Some(_), Some(_)) => fault("/shares", "exclusive", "give either trunk_ids or shares"),
            (None, None) => fault("/trunk_ids", "required", "give trunk_ids, shares or trunk_group_id"),
        }
    }
}

async fn all(tx: &mut Tx, campaign: &Campaign) -> Result<CampaignTrunks, StoreError> {
    let shares = trunk::shares(tx, campaign.id).await?;
    Ok(CampaignTrunks {
        trunk_ids: shares.iter().map(|share| share.trunk).collect(),
        shares: shares.iter().map(TrunkShare::of).collect(),
        trunk_group_id: trunk_group::of_campaign(tx, campaign.id).await?,
    })
}

/// Lets the campaign follow a group, if each of its trunks lets the campaign's caller ID call.
async fn follow(tx: &mut Tx, campaign: &Campaign, group: TrunkGroupId) -> Result<(), ApiError> {
    const FIELD: &str = "/trunk_group_id";
    let group = match trunk_group::get(tx, campaign.org, group).await {
        Ok(group) => group,
        Err(StoreError::NotFound) => {
            return Err(ApiError::field(FIELD, "not_found", "there is no such trunk group: create it first"));
        }
        Err(error) => return Err(error.into()),
    };
    for share in &group.members {
        let trunk = trunk::get(tx, campaign.org, share.trunk).await?;
        if !trunk.data.caller_ids.contains(&campaign.data.caller_id) {
            let reason = format!(
                "the campaign's caller ID may not call over the trunk {} of the group: add it to the trunk's caller_ids",
                trunk.data.name
            );
            return Err(ApiError::field(FIELD, "caller_id", reason));
        }
    }
    Ok(trunk_group::follow(tx, campaign.id, group.id, &group.members).await?)
}

/// Why the campaign cannot turn to a trunk.
async fn fault(
    tx: &mut Tx,
    campaign: &Campaign,
    before: &[trunk::TrunkShare],
    id: TrunkId,
) -> Result<Option<(&'static str, &'static str)>, StoreError> {
    if id == campaign.data.trunk || before.iter().any(|share| share.trunk == id) {
        return Ok(Some(TWICE));
    }
    match trunk::get(tx, campaign.org, id).await {
        Ok(trunk) if trunk.data.caller_ids.contains(&campaign.data.caller_id) => Ok(None),
        Ok(_) => Ok(Some(("caller_id", "the campaign's caller ID may not call over this trunk"))),
        Err(StoreError::NotFound) => Ok(Some(("not_found", "there is no such trunk"))),
        Err(error) => Err(error),
    }
}
