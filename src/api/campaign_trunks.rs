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
use crate::id::{CampaignId, TrunkId};
use crate::store::campaign::{self, Campaign};
use crate::store::dialing::MAX_TRUNKS;
use crate::store::lock::Lock;
use crate::store::{StoreError, Tx, trunk};

/// Trunks beside the campaign's own.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "trunk_ids": ["0190f3c4-7b1a-7000-8000-000000000001"] }))]
pub struct FallbackInput {
    /// In the order in which they are turned to; at most three. Each has to let the campaign's caller ID call.
    #[garde(length(max = MAX_TRUNKS - 1))]
    #[schema(max_items = 3)]
    trunk_ids: Vec<TrunkId>,
}

/// All trunks of a campaign.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CampaignTrunks {
    /// In the order in which they are turned to; the campaign's own comes first.
    trunk_ids: Vec<TrunkId>,
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
/// A dial goes over the first trunk that is switched on and has room. When that trunk fails before anybody was rung
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
    wanted.lock(&mut tx, Lock::Campaign(id)).await?;
    let campaign = campaign::get(&mut tx, caller.org, id).await?;
    wanted.check(&all(&mut tx, &campaign).await?)?;
    let mut faults = Vec::new();
    for (index, id) in input.trunk_ids.iter().enumerate() {
        if let Some((code, reason)) = fault(&mut tx, &campaign, &input.trunk_ids[..index], *id).await? {
            let pointer = format!("/trunk_ids/{index}");
            faults.push(FieldFault { pointer, code: code.to_owned(), reason: reason.to_owned() });
        }
    }
    if !faults.is_empty() {
        return Err(ApiError::Invalid(faults));
    }
    trunk::set_fallbacks(&mut tx, id, &input.trunk_ids).await?;
    let trunks = all(&mut tx, &campaign).await?;
    tx.commit().await?;
    Ok(Tagged(trunks))
}

async fn all(tx: &mut Tx, campaign: &Campaign) -> Result<CampaignTrunks, StoreError> {
    let own = campaign.data.trunk;
    let others = trunk::fallbacks(tx, campaign.id).await?;
    Ok(CampaignTrunks { trunk_ids: [own].into_iter().chain(others.into_iter().filter(|id| *id != own)).collect() })
}

/// Why the campaign cannot turn to a trunk.
async fn fault(
    tx: &mut Tx,
    campaign: &Campaign,
    before: &[TrunkId],
    id: TrunkId,
) -> Result<Option<(&'static str, &'static str)>, StoreError> {
    if id == campaign.data.trunk || before.contains(&id) {
        return Ok(Some(("duplicate", "the campaign has this trunk already")));
    }
    match trunk::get(tx, campaign.org, id).await {
        Ok(trunk) if trunk.data.caller_ids.contains(&campaign.data.caller_id) => Ok(None),
        Ok(_) => Ok(Some(("caller_id", "the campaign's caller ID may not call over this trunk"))),
        Err(StoreError::NotFound) => Ok(Some(("not_found", "there is no such trunk"))),
        Err(error) => Err(error),
    }
}
