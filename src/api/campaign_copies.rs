//! Campaigns made from others.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::auth::Caller;
use super::body::Body;
use super::campaigns::{CampaignView, view};
use super::error::ApiError;
use super::etag::Tagged;
use super::paging::Id;
use crate::id::CampaignId;
use crate::store::campaign;

/// What a copy is to have.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "Spring, again", "with_contacts": true }))]
pub struct DuplicateInput {
    /// Its name.
    #[garde(length(chars, min = 1, max = 200))]
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// Whether the contacts are in it as well, but for those that were removed or rejected. They begin anew.
    #[serde(default)]
    #[garde(skip)]
    with_contacts: bool,
}

/// The campaign whose contacts move.
#[derive(Clone, Copy, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "from": "0190f3c4-7b1a-7000-8000-000000000001" }))]
pub struct MergeInput {
    /// It is cancelled.
    #[garde(skip)]
    from: CampaignId,
}

/// What came of a merge.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Merged {
    /// Contacts that moved. Those that were in both stay where their calls are.
    moved: u64,
    /// The campaign they are in now.
    campaign: CampaignView,
}

/// Make a new draft like this campaign
#[utoipa::path(
    post, path = "/api/v1/campaigns/{id}/duplicate", tag = "campaigns", params(("id" = CampaignId, Path)),
    request_body = DuplicateInput,
    responses(
        (status = 201, body = CampaignView),
        (status = 404, body = super::Problem),
        (status = 422, body = super::Problem)
    )
)]
pub async fn duplicate(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<CampaignId>,
    Body(input): Body<DuplicateInput>,
) -> Result<(StatusCode, Tagged<CampaignView>), ApiError> {
    let mut tx = api.db.begin().await?;
    let seen = campaign::get(&mut tx, caller.org, id).await?;
    let copy = campaign::duplicate(&mut tx, &seen, &caller.actor(), input.name).await?;
    tx.commit().await?;
    if input.with_contacts {
        let mut after = None;
        loop {
            let mut tx = api.db.begin().await?;
            after = campaign::copy_contacts(&mut tx, caller.org, id, copy.id, after).await?;
            tx.commit().await?;
            if after.is_none() {
                break;
            }
        }
    }
    Ok((StatusCode::CREATED, Tagged(view(copy))))
}

/// Merge another campaign into this one
///
/// Both have the same assistant, and neither dials. Contacts that are in one of them only are together afterwards; earlier
/// attempts keep the campaign they were made in. The other campaign is cancelled.
#[utoipa::path(
    post, path = "/api/v1/campaigns/{id}/merge", tag = "campaigns", params(("id" = CampaignId, Path)),
    request_body = MergeInput,
    responses(
        (status = 200, body = Merged),
        (status = 404, body = super::Problem),
        (status = 409, body = super::Problem),
        (status = 422, body = super::Problem)
    )
)]
pub async fn merge(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<CampaignId>,
    Body(input): Body<MergeInput>,
) -> Result<Json<Merged>, ApiError> {
    let mut tx = api.db.begin_durable().await?;
    let merged = campaign::merge(&mut tx, caller.org, &caller.actor(), id, input.from).await?;
    let moved = merged.map_err(|refused| ApiError::Conflict {
        code: "not_mergeable",
        detail: refused.to_string(),
        faults: Vec::new(),
    })?;
    let campaign = campaign::get(&mut tx, caller.org, id).await?;
    tx.commit().await?;
    Ok(Json(Merged { moved, campaign: view(campaign) }))
}
