//! The contacts of a campaign and the attempts to reach them.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use garde::Validate;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::auth::Caller;
use super::body::Body;
use super::campaign_control::{Dialing, after};
use super::error::{ApiError, FieldFault};
use super::etag::Tagged;
use super::paging::{Id, Items, Listed, Ordering, Params};
use crate::campaign::disconnection::DisconnectionReason;
use crate::campaign::phone::E164;
use crate::campaign::states::{AnsweredBy, AttemptState, BlockedReason, CampaignState, EndedBy, TargetState};
use crate::dialer::retry::Hold;
use crate::id::{AttemptId, CampaignId, ContactId, RunId, TargetId};
use crate::pii::Pii;
use crate::store::attempt::{self, Attempt};
use crate::store::campaign::{self, Campaign};
use crate::store::filter::{AttemptFilter, TargetFilter};
use crate::store::target::{self, Batch, Entry, MAX_PRIORITY, Newcomer, Target};
use crate::store::{Tx, assistant};

/// Longest value of a variable, in characters.
const LONGEST: usize = 500;

/// Contacts to add.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "contact_ids": ["0190f3c4-7b1a-7000-8000-000000000001"], "priority": 5, "overwrites": { "offer": "B" } }))]
pub struct AddInput {
    /// Their ids; 1 to 10000 at a time.
    #[garde(length(min = 1, max = 10_000))]
    #[schema(min_items = 1, max_items = 10_000)]
    contact_ids: Vec<ContactId>,
    /// Higher is called earlier, -1000 to 1000.
    #[serde(default)]
    #[garde(range(min = -MAX_PRIORITY, max = MAX_PRIORITY))]
    #[schema(default = 0, minimum = -1000, maximum = 1000)]
    priority: i32,
    /// They are new until somebody approves them, instead of being called when it is their turn.
    #[serde(default)]
    #[garde(skip)]
    for_approval: bool,
    /// Values for variables of the campaign's assistant, for all of them in this campaign; they outrank the contacts' own and
    /// the assistant's. A blank one keeps what there is. At most 500 characters each.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = BTreeMap<String, String>)]
    overwrites: Pii<BTreeMap<String, String>>,
    /// A completed campaign is opened again at once. Without it, it stays completed until somebody resumes it.
    #[serde(default)]
    #[garde(skip)]
    start: bool,
}

/// What came of adding.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AddReport {
    /// Contacts that are in the campaign now and were not before.
    added: u64,
    /// Contacts that were in it already.
    already_there: u64,
    /// The campaign they are in.
    campaign: Dialing,
}

/// A contact in a campaign.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TargetView {
    /// Id of the contact in this campaign.
    id: TargetId,
    /// The campaign.
    campaign_id: CampaignId,
    /// The contact.
    contact_id: ContactId,
    /// Its name.
    #[schema(value_type = String)]
    name: Pii<String>,
    /// Its number.
    #[schema(value_type = Option<String>)]
    phone: Option<Pii<E164>>,
    /// Where it stands.
    state: TargetState,
    /// Why it is not called at all.
    blocked_reason: Option<BlockedReason>,
    /// The imported suppression list that has its number.
    blocked_by: Option<String>,
    /// What was decided for the end of its live call.
    hold: Option<Hold>,
    /// Round of calls, from 1.
    round: u32,
    /// Calls of this round.
    dials: u32,
    /// When it may be called next.
    next_at: Timestamp,
    /// When it is called back.
    callback_at: Option<Timestamp>,
    /// When it asked to be; `callback_at` is the next time after it that is allowed.
    callback_asked_at: Option<Timestamp>,
    /// When a callback was missed; until it is made up for, the contact is at the head of the queue.
    callback_missed_at: Option<Timestamp>,
    /// Higher is called earlier.
    priority: i32,
    /// How the last call ended.
    last_reason: Option<DisconnectionReason>,
    /// When the last call was.
    last_call_at: Option<Timestamp>,
    /// How long it lasted after the answer, milliseconds.
    last_duration_ms: Option<i64>,
    /// One of its calls was marked as a success.
    call_success: bool,
    /// It broke off its last call, once it had answered, before the script was complete.
    interrupted: bool,
    /// Values that stand in the place of its own variables in this campaign, by name.
    overwrites: Vec<OverwriteView>,
}

/// A value that stands in the place of a contact's own variable.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct OverwriteView {
    /// The variable.
    name: String,
    /// Its value.
    #[schema(value_type = String)]
    value: Pii<String>,
    /// Where it is from. Further values may come.
    source: OverwriteSource,
}

/// Where a value is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OverwriteSource {
    /// It came with those who were added together.
    Batch,
    /// It was set for this contact alone.
    Person,
}

/// How many contacts of a campaign there are.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct TargetTotalView {
    /// So many; at least so many where that is not exact.
    count: u64,
    /// All were counted. With wishes besides `state`, `call_success` and `interrupted`, the first 20,000 are looked at; without,
    /// 10,000 are counted.
    exact: bool,
}

/// One dial of a contact.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AttemptView {
    /// Id.
    id: AttemptId,
    /// Id of the contact in the campaign.
    target_id: TargetId,
    /// The contact.
    contact_id: ContactId,
    /// Round of calls, from 1.
    round: u32,
    /// Counts the dials of the round, from 1.
    dial_no: u32,
    /// The run whose day it was.
    run_id: Option<RunId>,
    /// Where it stands.
    state: AttemptState,
    /// Why it ended.
    reason: Option<DisconnectionReason>,
    /// Why it was not placed.
    blocked_reason: Option<BlockedReason>,
    /// The imported suppression list that had the number.
    blocked_by: Option<String>,
    /// Final SIP status.
    sip_code: Option<u16>,
    /// Q.850 cause.
    q850: Option<u8>,
    /// Who ended it.
    ended_by: Option<EndedBy>,
    /// What answered.
    answered_by: Option<AnsweredBy>,
    /// The contact hung up right after the answer.
    immediate: bool,
    /// It uses up one of the retries.
    consumes_retry: bool,
    /// Which of the contact's numbers was dialed, from 1.
    phone_no: u32,
    /// The number that was dialed.
    #[schema(value_type = Option<String>)]
    phone: Option<Pii<E164>>,
    /// When the dial was decided.
    claimed_at: Timestamp,
    /// When the INVITE was about to leave.
    dialing_at: Option<Timestamp>,
    /// When it rang.
    ringing_at: Option<Timestamp>,
    /// When it was answered.
    answered_at: Option<Timestamp>,
    /// When it ended.
    ended_at: Option<Timestamp>,
}

/// Add contacts to a campaign
///
/// In a running campaign they are called as soon as it is their turn. A completed one takes them as well; they are called
/// when it is resumed, or at once with `start`.
#[utoipa::path(
    post, path = "/api/v1/campaigns/{id}/contacts", tag = "campaigns", params(("id" = CampaignId, Path)),
    request_body = AddInput,
    responses(
        (status = 200, body = AddReport),
        (status = 404, body = super::Problem),
        (status = 409, body = super::Problem),
        (status = 422, body = super::Problem)
    )
)]
pub async fn add(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<CampaignId>,
    Body(input): Body<AddInput>,
) -> Result<Json<AddReport>, ApiError> {
    let mut tx = api.db.begin_durable().await?;
    let campaign = campaign::get(&mut tx, caller.org, id).await?;
    match campaign.state {
        CampaignState::Draft | CampaignState::InProgress | CampaignState::Paused | CampaignState::Completed => {}
        CampaignState::Cancelled | CampaignState::Deleting => {
            let detail = format!("a campaign that is {} takes no contacts", campaign.state);
            return Err(ApiError::Conflict { code: "not_allowed_in_state", detail, faults: Vec::new() });
        }
    }
    let overwrites = declared(&mut tx, caller, &campaign, input.overwrites).await?;
    let wanted = input.contact_ids.len() as u64;
    let entry = Entry { priority: input.priority, for_approval: input.for_approval };
    let newcomers: Vec<_> = input.contact_ids.iter().map(|id| Newcomer { contact: *id, case: None }).collect();
    let batch = Batch { list: None, overwrites };
    let added = target::add_batch(&mut tx, caller.org, id, &newcomers, entry, &batch).await?;
    let campaign = after(&mut tx, caller, id, input.start && added > 0).await?;
    tx.commit().await?;
    Ok(Json(AddReport { added, already_there: wanted.saturating_sub(added), campaign }))
}

/// List the contacts of a campaign
///
/// Ordered by `created_at` (when they were added), `updated_at`, `next_at`, `last_call_at`, `last_duration_ms`, `priority`,
/// `dials` or `name`. Whoever was never called comes first by `last_call_at` and `last_duration_ms`.
#[utoipa::path(
    get, path = "/api/v1/campaigns/{id}/contacts", tag = "campaigns",
    params(("id" = CampaignId, Path), TargetFilter, Ordering),
    responses((status = 200, body = Items<TargetView>), (status = 404, body = super::Problem))
)]
pub async fn list(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<CampaignId>,
    listed: Listed<TargetFilter>,
) -> Result<Json<Items<TargetView>>, ApiError> {
    let sheet = listed.sheet(target::ORDERS)?;
    let mut tx = api.db.read().await?;
    campaign::get(&mut tx, caller.org, id).await?;
    let listing = target::search(&mut tx, caller.org, id, &listed.filter, &sheet).await?;
    Ok(Json(Items::of(listing, view)))
}

/// Count the contacts of a campaign
#[utoipa::path(
    get, path = "/api/v1/campaigns/{id}/contacts/total", tag = "campaigns",
    params(("id" = CampaignId, Path), TargetFilter),
    responses((status = 200, body = TargetTotalView), (status = 404, body = super::Problem))
)]
pub async fn total(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<CampaignId>,
    Params(filter): Params<TargetFilter>,
) -> Result<Json<TargetTotalView>, ApiError> {
    let mut tx = api.db.read().await?;
    campaign::get(&mut tx, caller.org, id).await?;
    let target::Total { count, exact } = target::total(&mut tx, id, &filter).await?;
    Ok(Json(TargetTotalView { count, exact }))
}

/// List the attempts of a campaign
///
/// Ordered by `claimed_at`, `answered_at` or `ended_at`.
#[utoipa::path(
    get, path = "/api/v1/campaigns/{id}/attempts", tag = "campaigns", 
    params(("id" = CampaignId, Path), AttemptFilter, Ordering),
    responses((status = 200, body = Items<AttemptView>), (status = 404, body = super::Problem))
)]
pub async fn attempts(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<CampaignId>,
    listed: Listed<AttemptFilter>,
) -> Result<Json<Items<AttemptView>>, ApiError> {
    let sheet = listed.sheet(attempt::ORDERS)?;
    let mut tx = api.db.read().await?;
    campaign::get(&mut tx, caller.org, id).await?;
    let listing = attempt::search(&mut tx, caller.org, id, &listed.filter, &sheet).await?;
    Ok(Json(Items::of(listing, attempt_view)))
}

/// Read an attempt
#[utoipa::path(
    get, path = "/api/v1/attempts/{id}", tag = "campaigns", params(("id" = AttemptId, Path)),
    responses((status = 200, body = AttemptView), (status = 404, body = super::Problem))
)]
pub async fn attempt(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<AttemptId>,
) -> Result<Tagged<AttemptView>, ApiError> {
    let mut tx = api.db.read().await?;
    Ok(Tagged(attempt_view(attempt::get(&mut tx, caller.org, id).await?)))
}

/// Values for variables that the campaign's assistant declares; blank ones are left out.
pub(super) async fn declared(
    tx: &mut Tx,
    caller: Caller,
    campaign: &Campaign,
    values: Pii<BTreeMap<String, String>>,
) -> Result<Pii<BTreeMap<String, String>>, ApiError> {
    let mut values = values.into_inner();
    values.retain(|_, value| !value.trim().is_empty());
    if values.is_empty() {
        return Ok(Pii::default());
    }
    let known = assistant::get(tx, caller.org, campaign.data.assistant).await?.current.definition.variables;
    let mut faults = Vec::new();
    for (name, value) in &values {
        let pointer = format!("/overwrites/{}", name.replace('~', "~0").replace('/', "~1"));
        if !known.contains_key(name) {
            let names: Vec<_> = known.keys().map(String::as_str).collect();
            let reason = format!("the campaign's assistant declares no such variable: it has [{}]", names.join(", "));
            faults.push(FieldFault { pointer, code: "unknown_variable".to_owned(), reason });
        } else if value.chars().count() > LONGEST {
            let reason = format!("at most {LONGEST} characters");
            faults.push(FieldFault { pointer, code: "too_long".to_owned(), reason });
        }
    }
    if faults.is_empty() { Ok(Pii::new(values)) } else { Err(ApiError::Invalid(faults)) }
}

/// A contact of a campaign in the words of the API.
pub(super) fn view(target: Target) -> TargetView {
    let own = target.overwritten;
    let overwrite = |(name, value): (String, String)| {
        let source = if own.contains(&name) { OverwriteSource::Person } else { OverwriteSource::Batch };
        OverwriteView { name, value: Pii::new(value), source }
    };
    TargetView {
        id: target.id,
        campaign_id: target.campaign,
        contact_id: target.contact,
        name: target.name,
        phone: target.phone,
        state: target.state,
        blocked_reason: target.blocked_reason,
        blocked_by: target.blocked_by,
        hold: target.hold,
        round: target.round,
        dials: target.dials,
        next_at: target.next_at,
        callback_at: target.callback_at,
        callback_asked_at: target.callback_asked_at,
        callback_missed_at: target.callback_missed_at,
        priority: target.priority,
        last_reason: target.last_reason,
        last_call_at: target.last_call_at,
        last_duration_ms: target.last_duration_ms,
        call_success: target.call_success,
        interrupted: target.interrupted,
        overwrites: target.overwrites.into_inner().into_iter().map(overwrite).collect(),
    }
}

fn attempt_view(attempt: Attempt) -> AttemptView {
    AttemptView {
        id: attempt.id,
        target_id: attempt.target,
        contact_id: attempt.contact,
        round: attempt.round,
        dial_no: attempt.dial_no,
        run_id: attempt.run,
        state: attempt.state,
        reason: attempt.reason,
        blocked_reason: attempt.blocked_reason,
        blocked_by: attempt.blocked_by,
        sip_code: attempt.sip_code,
        q850: attempt.q850,
        ended_by: attempt.ended_by,
        answered_by: attempt.answered_by,
        immediate: attempt.immediate,
        consumes_retry: attempt.consumes_retry,
        phone_no: attempt.number + 1,
        phone: attempt.to,
        claimed_at: attempt.claimed_at,
        dialing_at: attempt.dialing_at,
        ringing_at: attempt.ringing_at,
        answered_at: attempt.answered_at,
        ended_at: attempt.ended_at,
    }
}
