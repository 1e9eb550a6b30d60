//! What is done to many contacts of a campaign at once.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use garde::Validate;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::auth::Caller;
use super::body::Body;
use super::error::{ApiError, FieldFault};
use super::paging::{Id, Items, Listed, Ordering};
use crate::campaign::states::CampaignState;
use crate::id::{BulkId, CampaignId, TargetId};
use crate::store::bulk::{self, Bulk, BulkAct, BulkState, Count, Item, Order, Outcome, Pick};
use crate::store::filter::TargetFilter;
use crate::store::target::MAX_PRIORITY;
use crate::store::{Tx, campaign};

/// Pieces that are done before the answer; the rest is done behind it.
const AT_ONCE: usize = 2;

/// What is to be done to whom: either `ids` or `filter`.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "act": "suspend", "filter": { "state": ["waiting"], "variable": "offer:A" } }))]
pub struct BulkInput {
    /// What is done to each.
    #[garde(skip)]
    act: BulkAct,
    /// Ids of contacts in the campaign, at most 10000.
    #[serde(default)]
    #[garde(length(max = 10_000))]
    #[schema(max_items = 10_000)]
    ids: Option<Vec<TargetId>>,
    /// All contacts of the campaign that fit: those who fit when it is their turn, none that are added later. `{}` is
    /// everybody.
    #[serde(default)]
    #[garde(skip)]
    filter: Option<TargetFilter>,
    /// With `priority`: higher is called earlier, -1000 to 1000.
    #[serde(default)]
    #[garde(range(min = -MAX_PRIORITY, max = MAX_PRIORITY))]
    #[schema(minimum = -1000, maximum = 1000)]
    priority: Option<i32>,
    /// With `restart`: a completed campaign is opened again afterwards.
    #[serde(default)]
    #[garde(skip)]
    start: bool,
}

/// Something that is done to many contacts.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct BulkView {
    /// Id, to look at it again and to undo it.
    id: BulkId,
    /// The campaign.
    campaign_id: CampaignId,
    /// What is done.
    act: BulkAct,
    /// How far it is.
    state: BulkState,
    /// Contacts that have been looked at.
    seen: u64,
    /// Contacts to which it was done, and still is.
    changed: u64,
    /// Contacts that are still to be looked at.
    left: u64,
    /// What came of it for how many, and why; the largest groups first.
    outcomes: Vec<OutcomeView>,
    /// When it was asked for.
    created_at: Timestamp,
    /// When everybody had been looked at.
    finished_at: Option<Timestamp>,
    /// Until when it can be undone; absent when it cannot.
    undo_until: Option<Timestamp>,
}

/// What it came to for some contacts.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct OutcomeView {
    /// What came of it.
    outcome: Outcome,
    /// Why, when it was not done.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// How many contacts.
    contacts: u64,
}

/// What came of it for one contact.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct BulkItemView {
    /// Id of the contact in the campaign.
    target_id: TargetId,
    /// What came of it.
    outcome: Outcome,
    /// Why, when it was not done.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// Picks contacts by what came of it.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct ItemFilter {
    /// Only those.
    outcome: Option<Outcome>,
}

/// Do something to many contacts of a campaign
///
/// To those with these ids, or to all that fit a filter. Each is dealt with as if it were the only one, and refused by itself.
/// 1000 contacts are done before the answer; when there are more, the answer is 202 and the rest follows, whatever happens to
/// this node: look at `GET /api/v1/bulk/{id}`. It can be undone within an hour, but for calls.
#[utoipa::path(
    post, path = "/api/v1/campaigns/{id}/contacts/bulk", tag = "campaigns", params(("id" = CampaignId, Path)),
    request_body = BulkInput,
    responses(
        (status = 200, body = BulkView, description = "All of it was done"),
        (status = 202, body = BulkView, description = "It goes on"),
        (status = 404, body = super::Problem),
        (status = 409, body = super::Problem),
        (status = 422, body = super::Problem)
    )
)]
pub async fn create(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<CampaignId>,
    Body(input): Body<BulkInput>,
) -> Result<(StatusCode, Json<BulkView>), ApiError> {
    let order = parse(input)?;
    let mut tx = api.db.begin_durable().await?;
    let state = campaign::get(&mut tx, caller.org, id).await?.state;
    if matches!(state, CampaignState::Cancelled | CampaignState::Deleting) {
        let detail = format!("the campaign is {state}: its contacts stay as they are");
        return Err(ApiError::Conflict { code: "not_allowed_in_state", detail, faults: Vec::new() });
    }
    let bulk = bulk::insert(&mut tx, caller.org, &caller.actor(), id, order).await?;
    tx.commit().await?;
    go_on(&api, caller, bulk.id).await
}

/// Read how far something is that is done to many contacts
///
/// It is kept for 30 days.
#[utoipa::path(
    get, path = "/api/v1/bulk/{id}", tag = "campaigns", params(("id" = BulkId, Path)),
    responses((status = 200, body = BulkView), (status = 404, body = super::Problem))
)]
pub async fn read(State(api): State<Api>, caller: Caller, Id(id): Id<BulkId>) -> Result<Json<BulkView>, ApiError> {
    let mut tx = api.db.read().await?;
    let bulk = bulk::get(&mut tx, caller.org, id).await?;
    Ok(Json(view(&mut tx, bulk).await?))
}

/// List what came of it for single contacts
#[utoipa::path(
    get, path = "/api/v1/bulk/{id}/contacts", tag = "campaigns", params(("id" = BulkId, Path), ItemFilter, Ordering),
    responses((status = 200, body = Items<BulkItemView>), (status = 404, body = super::Problem))
)]
pub async fn items(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<BulkId>,
    listed: Listed<ItemFilter>,
) -> Result<Json<Items<BulkItemView>>, ApiError> {
    let sheet = listed.sheet(&[("target_id", None)])?;
    let mut tx = api.db.read().await?;
    bulk::get(&mut tx, caller.org, id).await?;
    let listing = bulk::items(&mut tx, id, listed.filter.outcome, &sheet).await?;
    let item = |Item { target, outcome, reason }| BulkItemView { target_id: target, outcome, reason };
    Ok(Json(Items::of(listing, item)))
}

/// Undo what was done to many contacts
///
/// Each is as it was before; those to whom something else has happened since stay as they are (`kept`).
#[utoipa::path(
    post, path = "/api/v1/bulk/{id}/undo", tag = "campaigns", params(("id" = BulkId, Path)),
    responses(
        (status = 200, body = BulkView, description = "All of it was undone"),
        (status = 202, body = BulkView, description = "It goes on"),
        (status = 404, body = super::Problem),
        (status = 409, body = super::Problem)
    )
)]
pub async fn undo(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<BulkId>,
) -> Result<(StatusCode, Json<BulkView>), ApiError> {
    let mut tx = api.db.begin_durable().await?;
    let bulk = bulk::get(&mut tx, caller.org, id).await?;
    bulk::undo(&mut tx, &bulk, &caller.actor()).await?.map_err(|refused| ApiError::Conflict {
        code: "no_undo",
        detail: refused.to_string(),
        faults: Vec::new(),
    })?;
    tx.commit().await?;
    go_on(&api, caller, id).await
}

/// Does the first pieces, and tells how far it is.
async fn go_on(api: &Api, caller: Caller, id: BulkId) -> Result<(StatusCode, Json<BulkView>), ApiError> {
    for _ in 0..AT_ONCE {
        let mut tx = api.db.begin_durable().await?;
        let more = bulk::step(&mut tx, id).await?;
        tx.commit().await?;
        if !more {
            break;
        }
    }
    let mut tx = api.db.read().await?;
    let bulk = bulk::get(&mut tx, caller.org, id).await?;
    let status = match bulk.state {
        BulkState::Done | BulkState::Undone => StatusCode::OK,
        BulkState::Running | BulkState::Undoing => StatusCode::ACCEPTED,
    };
    Ok((status, Json(view(&mut tx, bulk).await?)))
}

fn parse(input: BulkInput) -> Result<Order, ApiError> {
    let mut faults = Vec::new();
    let mut fault = |pointer: &str, code: &str, reason: &str| {
        faults.push(FieldFault { pointer: pointer.to_owned(), code: code.to_owned(), reason: reason.to_owned() });
    };
    let pick = match (input.ids, input.filter) {
        (Some(ids), None) => Some(Pick::Ids(ids)),
        (None, Some(filter)) => Some(Pick::Filter(Box::new(filter))),
        (Some(_), Some(_)) => {
            fault("/filter", "too_many", "send either ids or a filter");
            None
        }
        (None, None) => {
            fault("/filter", "missing_field", "send ids, or a filter; `{}` is everybody");
            None
        }
    };
    match (input.act == BulkAct::Priority, input.priority) {
        (true, None) => fault("/priority", "missing_field", "say which priority they are to have"),
        (false, Some(_)) => fault("/priority", "unknown_field", "only the act `priority` sets one"),
        (true, Some(_)) | (false, None) => {}
    }
    if input.start && input.act != BulkAct::Restart {
        fault("/start", "unknown_field", "only the act `restart` opens a campaign again");
    }
    match pick {
        Some(pick) if faults.is_empty() => {
            Ok(Order { act: input.act, priority: input.priority.unwrap_or(0), start_again: input.start, pick })
        }
        Some(_) | None => Err(ApiError::Invalid(faults)),
    }
}

async fn view(tx: &mut Tx, bulk: Bulk) -> Result<BulkView, ApiError> {
    let left = bulk::left(tx, &bulk).await?;
    let counts = bulk::counts(tx, bulk.id).await?;
    let of = |wanted: Option<Outcome>| {
        let fitting = counts.iter().filter(|count| wanted.is_none_or(|wanted| count.outcome == wanted));
        fitting.map(|count| count.contacts).sum()
    };
    let undoable = bulk.state == BulkState::Done && bulk.order.act != BulkAct::Call;
    Ok(BulkView {
        id: bulk.id,
        campaign_id: bulk.campaign,
        act: bulk.order.act,
        state: bulk.state,
        seen: of(None),
        changed: of(Some(Outcome::Changed)) + of(Some(Outcome::Kept)),
        left,
        created_at: bulk.created_at,
        finished_at: bulk.finished_at,
        undo_until: bulk.undo_until.filter(|_| undoable),
        outcomes: counts
            .into_iter()
            .map(|Count { outcome, reason, contacts }| OutcomeView { outcome, reason, contacts })
            .collect(),
    })
}
