//! Trunk groups: trunks under one name, for campaigns and routes.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use garde::Validate;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::auth::Caller;
use super::body::Body;
use super::campaign_trunks::TrunkShare;
use super::error::{ApiError, FieldFault};
use super::etag::{IfMatch, Tagged};
use super::paging::{Id, Items, Paging, Params};
use crate::id::{OrgId, TrunkGroupId};
use crate::store::dialing::MAX_TRUNKS;
use crate::store::lock::{Lock, lock};
use crate::store::trunk_group::{self, Follower, TrunkGroup};
use crate::store::{StoreError, Tx, trunk};

/// Trunks under one name.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "Europe", "members": [{ "trunk_id": "0190f3c4-7b1a-7000-8000-000000000001", "priority": 1, "weight": 3 }] }))]
pub struct TrunkGroupInput {
    /// Name, unique in the organisation.
    #[garde(length(chars, min = 1, max = 100))]
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// 1 to 4 trunks: those of the lowest priority are turned to first and share the dials by their weights.
    #[garde(length(min = 1, max = MAX_TRUNKS), dive)]
    #[schema(min_items = 1, max_items = 4)]
    members: Vec<TrunkShare>,
}

/// A trunk group.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TrunkGroupView {
    /// Id.
    id: TrunkGroupId,
    /// Counts its changes.
    version: i64,
    /// Name.
    name: String,
    /// Its trunks, in the order in which they are turned to.
    members: Vec<TrunkShare>,
    /// When it was made.
    created_at: Timestamp,
    /// When it last changed.
    updated_at: Timestamp,
}

/// Create a trunk group
///
/// It stands for its trunks in `PUT /api/v1/campaigns/{id}/trunks` and in routes.
#[utoipa::path(
    post, path = "/api/v1/trunk_groups", tag = "trunks", request_body = TrunkGroupInput,
    responses(
        (status = 201, body = TrunkGroupView),
        (status = 409, body = super::Problem),
        (status = 422, body = super::Problem)
    )
)]
pub async fn create(
    State(api): State<Api>,
    caller: Caller,
    Body(input): Body<TrunkGroupInput>,
) -> Result<(StatusCode, Tagged<TrunkGroupView>), ApiError> {
    let mut tx = api.db.begin().await?;
    let members = members(&mut tx, caller.org, &input.members, &[]).await?;
    let group = trunk_group::insert(&mut tx, caller.org, &input.name, &members).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Tagged(view(group))))
}

/// List trunk groups
#[utoipa::path(
    get, path = "/api/v1/trunk_groups", tag = "trunks", params(Paging),
    responses((status = 200, body = Items<TrunkGroupView>))
)]
pub async fn list(
    State(api): State<Api>,
    caller: Caller,
    Params(paging): Params<Paging>,
) -> Result<Json<Items<TrunkGroupView>>, ApiError> {
    let mut tx = api.db.read().await?;
    let listing = trunk_group::list(&mut tx, caller.org, paging.page()?).await?;
    Ok(Json(Items::of(listing, view)))
}

/// Read a trunk group
#[utoipa::path(
    get, path = "/api/v1/trunk_groups/{id}", tag = "trunks", params(("id" = TrunkGroupId, Path)),
    responses((status = 200, body = TrunkGroupView), (status = 404, body = super::Problem))
)]
pub async fn read(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<TrunkGroupId>,
) -> Result<Tagged<TrunkGroupView>, ApiError> {
    let mut tx = api.db.read().await?;
    Ok(Tagged(view(trunk_group::get(&mut tx, caller.org, id).await?)))
}

/// Replace a trunk group
///
/// The campaigns that follow it have its trunks from their next dial on; each of the trunks has to let their caller IDs
/// call.
#[utoipa::path(
    put, path = "/api/v1/trunk_groups/{id}", tag = "trunks", params(("id" = TrunkGroupId, Path)),
    request_body = TrunkGroupInput,
    responses(
        (status = 200, body = TrunkGroupView),
        (status = 404, body = super::Problem),
        (status = 409, body = super::Problem),
        (status = 422, body = super::Problem)
    )
)]
pub async fn replace(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<TrunkGroupId>,
    wanted: IfMatch,
    Body(input): Body<TrunkGroupInput>,
) -> Result<Tagged<TrunkGroupView>, ApiError> {
    let mut tx = api.db.begin().await?;
    lock(&mut tx, Lock::TrunkGroup(id)).await?;
    let group = trunk_group::get(&mut tx, caller.org, id).await?;
    wanted.check(&view(group.clone()))?;
    let followers = trunk_group::followers(&mut tx, id).await?;
    let members = members(&mut tx, caller.org, &input.members, &followers).await?;
    trunk_group::update(&mut tx, caller.org, id, group.version, &input.name, &members).await?;
    let group = trunk_group::get(&mut tx, caller.org, id).await?;
    tx.commit().await?;
    Ok(Tagged(view(group)))
}

/// Delete a trunk group that no campaign and no route uses
#[utoipa::path(
    delete, path = "/api/v1/trunk_groups/{id}", tag = "trunks", params(("id" = TrunkGroupId, Path)),
    responses((status = 204), (status = 404, body = super::Problem), (status = 409, body = super::Problem))
)]
pub async fn delete(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<TrunkGroupId>,
    wanted: IfMatch,
) -> Result<StatusCode, ApiError> {
    let mut tx = api.db.begin().await?;
    wanted.lock(&mut tx, Lock::TrunkGroup(id)).await?;
    let group = trunk_group::get(&mut tx, caller.org, id).await?;
    wanted.check(&view(group))?;
    trunk_group::delete(&mut tx, caller.org, id).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The members as they are kept, if each exists, stands there once and lets the followers' numbers call.
async fn members(
    tx: &mut Tx,
    org: OrgId,
    input: &[TrunkShare],
    followers: &[Follower],
) -> Result<Vec<trunk::TrunkShare>, ApiError> {
    let (mut members, mut faults) = (Vec::<trunk::TrunkShare>::new(), Vec::new());
    for (index, share) in input.iter().enumerate() {
        let share = share.kept();
        let fault = match trunk::get(tx, org, share.trunk).await {
            Ok(_) if members.iter().any(|member| member.trunk == share.trunk) => {
                Some(("duplicate", "the group has this trunk already: leave one of them out".to_owned()))
            }
            Ok(trunk) => {
                let mut kept_out =
                    followers.iter().filter(|follower| !trunk.data.caller_ids.contains(&follower.caller_id));
                kept_out.next().map(|Follower { campaign, .. }| {
                    let reason = format!(
                        "the caller ID of campaign {campaign} may not call over this trunk: add it to its \
                                          caller_ids, or give the campaign other trunks"
                    );
                    ("caller_id", reason)
                })
            }
            Err(StoreError::NotFound) => Some(("not_found", "there is no such trunk: create it first".to_owned())),
            Err(error) => return Err(error.into()),
        };
        match fault {
            Some((code, reason)) => {
                faults.push(FieldFault {
                    pointer: format!("/members/{index}/trunk_id"),
                    code: code.to_owned(),
                    reason,
                });
            }
            None => members.push(share),
        }
    }
    if faults.is_empty() { Ok(members) } else { Err(ApiError::Invalid(faults)) }
}

fn view(group: TrunkGroup) -> TrunkGroupView {
    let TrunkGroup { id, org: _, version, name, members, created_at, updated_at } = group;
    let members = members.iter().map(TrunkShare::of).collect();
    TrunkGroupView { id, version, name, members, created_at, updated_at }
}
