//! Calls that are over: who, when, why they ended, what was said. How it sounded: [`super::recordings`].

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Serialize;
use tower::ServiceExt;
use tower_http::services::ServeFile;
use utoipa::ToSchema;

use super::Api;
use super::auth::Caller;
use super::error::ApiError;
use super::etag::Tagged;
use super::paging::{Id, Items, Listed, Ordering};
use crate::agent::conversation::{Answer, Line, TurnTiming};
use crate::agent::manners::disclosure::Disclosed;
use crate::call::quality::MediaQuality;
use crate::call::record::RecordingFault;
use crate::campaign::disconnection::DisconnectionReason;
use crate::campaign::phone::E164;
use crate::campaign::states::{AnsweredBy, EndedBy};
use crate::campaign::transfer::TransferWay;
use crate::id::{AttemptId, CallId, CampaignId, ContactId};
use crate::pii::Pii;
use crate::stir::verdict::CallerIdentity;
use crate::store::call::{self, Call, Conversation, Direction, Transfer};
use crate::store::filter::CallFilter;
use crate::trunk::callers::Diversion;

/// A call.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CallView {
    /// Id.
    id: CallId,
    /// Who called whom.
    direction: Direction,
    /// The campaign it belongs to.
    campaign_id: Option<CampaignId>,
    /// The attempt it belongs to.
    attempt_id: Option<AttemptId>,
    /// The contact.
    contact_id: Option<ContactId>,
    /// The calling number.
    #[schema(value_type = String)]
    from: Pii<String>,
    /// The called number.
    #[schema(value_type = String)]
    to: Pii<String>,
    /// When the INVITE was sent or came.
    started_at: Timestamp,
    /// When it was answered.
    answered_at: Option<Timestamp>,
    /// When it ended.
    ended_at: Timestamp,
    /// Time from the answer to the end, milliseconds; 0 when it was not answered.
    duration_ms: i64,
    /// Why it ended.
    reason: DisconnectionReason,
    /// Final SIP status.
    sip_code: Option<u16>,
    /// Q.850 cause.
    q850: Option<u8>,
    /// Who ended it.
    ended_by: Option<EndedBy>,
    /// What answered.
    answered_by: Option<AnsweredBy>,
    /// It was marked as a success.
    success: bool,
    /// The contact hung up or said goodbye before the script was complete.
    interrupted: bool,
    /// Length of the recording in milliseconds; absent when there is none.
    recording_ms: Option<i64>,
    /// What `…/recording` has: `ogg` (Ogg/Opus) or `wav`, which most recordings are for a minute or so after the call; absent
    /// when there is none.
    recording_format: Option<&'static str>,
    /// Why the recording does not hold the whole call, or is not there although it should be; absent when nothing was wrong.
    recording_fault: Option<RecordingFault>,
    /// Whether there is a file that runs the call again: `…/replay` has it.
    has_replay: bool,
    /// To whom the caller was handed over; absent when they were not.
    transfer: Option<TransferView>,
    /// Who vouches for the caller (STIR/SHAKEN): what was found when the call came in, or what we did for a call of ours;
    /// absent where nobody looked, and nobody did.
    caller_identity: Option<CallerIdentity>,
    /// The caller of a call that came in did not want to be known: `from` is empty.
    caller_withheld: bool,
    /// Whom a call that came in was meant for, before it was diverted to us; absent when it was not.
    diversion: Option<DiversionView>,
}

/// A call that was diverted to us.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DiversionView {
    /// The number called first; absent when it is withheld or none was told.
    #[schema(value_type = Option<String>)]
    first_called: Option<Pii<E164>>,
    /// Why the call went on: a word of RFC 5806.
    #[schema(examples("no-answer", "user-busy", "unconditional"))]
    reason: String,
}

/// A caller who was handed over.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TransferView {
    /// To which number or SIP address.
    #[schema(value_type = String)]
    to: Pii<String>,
    /// How.
    way: TransferWay,
    /// When.
    at: Timestamp,
}

/// A call with everything that was said.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CallDetail {
    /// The call.
    #[serde(flatten)]
    call: CallView,
    /// What came of each question, in order.
    answers: Vec<Answer>,
    /// Who said what when.
    transcript: Vec<Line>,
    /// How fast the agent replied, measured on the wire.
    turns: Vec<TurnTiming>,
    /// What everybody is told first, as far as it was heard to its end.
    disclosed: Disclosed,
    /// How good the audio was; absent when there was none.
    quality: Option<MediaQuality>,
}

/// List calls that are over
///
/// Ordered by `created_at` (when the record was made), `started_at`, `ended_at` or `duration_ms`.
#[utoipa::path(
    get, path = "/api/v1/calls", tag = "calls", params(CallFilter, Ordering),
    responses((status = 200, body = Items<CallView>))
)]
pub async fn list(
    State(api): State<Api>,
    caller: Caller,
    listed: Listed<CallFilter>,
) -> Result<Json<Items<CallView>>, ApiError> {
    let sheet = listed.sheet(call::ORDERS)?;
    let mut tx = api.db.read().await?;
    let listing = call::search(&mut tx, caller.org, &listed.filter, &sheet).await?;
    Ok(Json(Items::of(listing, view)))
}

/// Read a call with its transcript and answers
#[utoipa::path(
    get, path = "/api/v1/calls/{id}", tag = "calls", params(("id" = CallId, Path)),
    responses((status = 200, body = CallDetail), (status = 404, body = super::Problem))
)]
pub async fn read(State(api): State<Api>, caller: Caller, Id(id): Id<CallId>) -> Result<Tagged<CallDetail>, ApiError> {
    let mut tx = api.db.read().await?;
    let mut call = call::get(&mut tx, caller.org, id).await?;
    let quality = call.quality.take();
    let Conversation { answers, transcript, turns, disclosed } = call::conversation(&mut tx, id).await?;
    Ok(Tagged(CallDetail { call: view(call), answers, transcript, turns, disclosed, quality }))
}

/// Get the file that `callwright replay` runs the call again from
///
/// JSON lines, compressed with gzip: what the conversation was told, what it asked for, and notes on signalling and
/// media. It holds what was said.
#[utoipa::path(
    get, path = "/api/v1/calls/{id}/replay", tag = "calls", params(("id" = CallId, Path)),
    responses(
        (status = 200, content_type = "application/gzip", body = Vec<u8>),
        (status = 404, body = super::Problem)
    )
)]
pub async fn replay(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<CallId>,
    request: Request,
) -> Result<Response, ApiError> {
    let mut tx = api.db.read().await?;
    let call = call::get(&mut tx, caller.org, id).await?;
    drop(tx);
    let replay = call.replay.ok_or(ApiError::NotFound("replay"))?;
    let path = api.vault.folder().join(replay);
    if !tokio::fs::try_exists(&path).await.unwrap_or(false) {
        return Err(ApiError::NotFound("replay"));
    }
    match ServeFile::new(path).oneshot(request).await {
        Ok(response) => Ok(response.into_response()),
        Err(never) => match never {},
    }
}

fn view(call: Call) -> CallView {
    let duration_ms =
        call.answered_at.map_or(0, |at| (call.ended_at - at).total(jiff::Unit::Millisecond).unwrap_or(0.0) as i64);
    CallView {
        id: call.id,
        direction: call.direction,
        campaign_id: call.campaign,
        attempt_id: call.attempt,
        contact_id: call.contact,
        from: call.from,
        to: call.to,
        started_at: call.started_at,
        answered_at: call.answered_at,
        ended_at: call.ended_at,
        duration_ms,
        reason: call.reason,
        sip_code: call.sip_code,
        q850: call.q850,
        ended_by: call.ended_by,
        answered_by: call.answered_by,
        success: call.success,
        interrupted: call.interrupted,
        recording_format: call.recording.as_ref().map(|file| if file.path.ends_with(".ogg") { "ogg" } else { "wav" }),
        recording_ms: call.recording.map(|recording| recording.ms),
        recording_fault: call.recording_fault,
        has_replay: call.replay.is_some(),
        transfer: call.transfer.map(|Transfer { to, way, at }| TransferView { to, way, at }),
        caller_identity: call.identity,
        caller_withheld: call.arrival.withheld,
        diversion: call
            .arrival
            .diversion
            .map(|Diversion { first_called, reason }| DiversionView { first_called, reason }),
    }
}
