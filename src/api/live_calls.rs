//! Calls that go on: seen, and stepped into by whoever supervises them.
//!
//! What is done to a call is in the audit log before it is done. It is done by the node that has the call.

use axum::Json;
use axum::extract::State;
use garde::Validate;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::auth::Caller;
use super::body::{Body, check};
use super::error::ApiError;
use super::paging::Id;
use crate::agent::assistant::Mode;
use crate::agent::record::Speaker;
use crate::call::attention::{AttentionReason, Glance, LastWords};
use crate::call::registry::{LiveCall, NotReached, Party, Reached, Stage, Supervision};
use crate::campaign::phone::E164;
use crate::id::{AssistantId, AttemptId, CallId, CampaignId, ContactId, TrunkId};
use crate::pii::Pii;
use crate::store::audit::{self, Intervention};
use crate::store::{StoreError, attempt, call};

/// A call that goes on.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LiveCallView {
    /// Id; the call keeps it when it is over.
    id: CallId,
    /// How far it has come.
    stage: LiveStage,
    /// The far side's number; absent when it shows none.
    #[schema(value_type = Option<String>, examples("+442079460001"))]
    contact: Option<Pii<E164>>,
    /// Our number.
    #[schema(value_type = Option<String>, examples("+442079460999"))]
    ours: Option<Pii<E164>>,
    /// The assistant that speaks.
    assistant_id: AssistantId,
    /// In which version.
    assistant_version: u32,
    /// Who leads it.
    mode: Mode,
    /// The trunk; absent for a browser's.
    trunk_id: Option<TrunkId>,
    /// The attempt of a campaign; absent for calls that came in.
    attempt_id: Option<AttemptId>,
    /// The campaign of that attempt.
    campaign_id: Option<CampaignId>,
    /// The campaign's name.
    campaign_name: Option<String>,
    /// The contact of that attempt.
    contact_id: Option<ContactId>,
    /// The contact's name.
    #[schema(value_type = Option<String>)]
    contact_name: Option<Pii<String>>,
    /// The call whose caller is being handed over on this one, or has been.
    second_of: Option<CallId>,
    /// When it began.
    started_at: Timestamp,
    /// When it was answered.
    answered_at: Option<Timestamp>,
    /// A supervisor has silenced the agent.
    muted: bool,
    /// A supervisor has taken the call over.
    taken_over: bool,
    /// A supervisor has taken the talk off the record.
    off_record: bool,
    /// Who speaks with the far side. Further values may come.
    speaks: LiveParty,
    /// How many listen to it.
    listeners: usize,
    /// What was said last; null before the first words.
    last_words: Option<LastWordsView>,
    /// Why somebody should look after it; null where nothing tells so, and while somebody does.
    needs_attention: Option<AttentionView>,
}

/// What was said last in a call.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LastWordsView {
    /// Who.
    speaker: Speaker,
    /// What, as the transcript has it: empty where the caller was not understood.
    #[schema(value_type = String)]
    text: Pii<String>,
    /// When they were over.
    at: Timestamp,
}

/// Why somebody should look after a call.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct AttentionView {
    /// Why. Further values may come.
    reason: AttentionReason,
    /// Since when.
    since: Timestamp,
}

/// Who speaks with the far side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LiveParty {
    /// The agent.
    Agent,
    /// Nobody: a supervisor has silenced the agent.
    Muted,
    /// A supervisor, who has taken the call over.
    Supervisor,
    /// A person, to whom the caller was handed over.
    Person,
}

/// How far a call has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LiveStage {
    /// Being set up.
    Dialing,
    /// Rings.
    Ringing,
    /// Answered, and not both have spoken yet.
    Answered,
    /// Both sides have spoken.
    InConversation,
    /// The agent has left it: the caller is with whom they were handed over to.
    HandedOver,
}

/// All live calls of the organisation.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LiveCalls {
    /// In the order in which they began.
    items: Vec<LiveCallView>,
}

/// A word to the agent.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "text": "She is a returning customer: offer free delivery." }))]
pub struct NoteInput {
    /// What the agent is told.
    #[garde(length(chars, max = 2000), custom(not_blank))]
    #[schema(min_length = 1, max_length = 2000)]
    text: String,
}

/// A switch.
#[derive(Clone, Copy, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "on": true }))]
pub struct SwitchInput {
    /// Whether it is on from now.
    #[garde(skip)]
    on: bool,
}

/// List live calls
///
/// Those of the node that answers, oldest first.
#[utoipa::path(get, path = "/api/v1/calls/live", tag = "calls", responses((status = 200, body = LiveCalls)))]
pub async fn list(State(api): State<Api>, caller: Caller) -> Json<LiveCalls> {
    let calls = api.calls.list().into_iter().filter(|call| call.org == caller.org);
    let mut items: Vec<_> = calls.map(view).collect();
    name(&api, &mut items).await;
    Json(LiveCalls { items })
}

/// Read a live call
///
/// Of the node that answers; 409 `call_over` says that it is to be read at `/api/v1/calls/{id}` by now.
#[utoipa::path(
    get, path = "/api/v1/calls/{id}/live", tag = "calls", params(("id" = CallId, Path)),
    responses(
        (status = 200, body = LiveCallView),
        (status = 404, body = super::Problem),
        (status = 409, body = super::Problem)
    )
)]
pub async fn read(State(api): State<Api>, caller: Caller, Id(id): Id<CallId>) -> Result<Json<LiveCallView>, ApiError> {
    let call = stands(&api, caller, id).await?;
    Ok(Json(named(&api, call).await))
}

/// Tell the agent of a live call something that the caller does not hear
///
/// The model sees it before what it says next, and for the rest of the call. A flow has no model that could be told
/// something: 409 with the code `no_model`.
#[utoipa::path(
    post, path = "/api/v1/calls/{id}/note", tag = "calls", params(("id" = CallId, Path)), request_body = NoteInput,
    responses(
        (status = 200, body = LiveCallView),
        (status = 404, body = super::Problem),
        (status = 409, body = super::Problem),
        (status = 422, body = super::Problem)
    )
)]
pub async fn note(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<CallId>,
    Body(input): Body<NoteInput>,
) -> Result<Json<LiveCallView>, ApiError> {
    note_to(&api, caller, id, input.text).await.map(Json)
}

/// Silence the agent of a live call, or give it the word again
///
/// What it is saying is cut off. The caller is heard, written down and recorded meanwhile; with the word it has back,
/// the agent goes on from what was said.
#[utoipa::path(
    post, path = "/api/v1/calls/{id}/mute", tag = "calls", params(("id" = CallId, Path)), request_body = SwitchInput,
    responses(
        (status = 200, body = LiveCallView),
        (status = 404, body = super::Problem),
        (status = 409, body = super::Problem)
    )
)]
pub async fn mute(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<CallId>,
    Body(SwitchInput { on }): Body<SwitchInput>,
) -> Result<Json<LiveCallView>, ApiError> {
    step_in(&api, caller, id, Supervision::Mute(on), Intervention::Mute { on }).await.map(Json)
}

/// Take a live call off the record, or put it on again
///
/// Meanwhile its recording is silent, its transcript says `[off the record]` for each line, and its replay file has
/// ended for good. Putting it on again does not undo that the caller refused to be recorded.
#[utoipa::path(
    post, path = "/api/v1/calls/{id}/off_record", tag = "calls", params(("id" = CallId, Path)),
    request_body = SwitchInput,
    responses(
        (status = 200, body = LiveCallView),
        (status = 404, body = super::Problem),
        (status = 409, body = super::Problem)
    )
)]
pub async fn off_record(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<CallId>,
    Body(SwitchInput { on }): Body<SwitchInput>,
) -> Result<Json<LiveCallView>, ApiError> {
    step_in(&api, caller, id, Supervision::OffRecord(on), Intervention::OffRecord { on }).await.map(Json)
}

/// End a live call
///
/// CANCEL before the answer, BYE after it; nothing more is said. The record then has `cancelled` or `agent_hangup` as
/// its reason, ended by `system`.
#[utoipa::path(
    post, path = "/api/v1/calls/{id}/hang_up", tag = "calls", params(("id" = CallId, Path)),
    responses(
        (status = 200, body = LiveCallView, description = "The call as it was; it ends now"),
        (status = 404, body = super::Problem),
        (status = 409, body = super::Problem)
    )
)]
pub async fn hang_up(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<CallId>,
) -> Result<Json<LiveCallView>, ApiError> {
    end_now(&api, caller, id).await.map(Json)
}

/// Tells the agent something.
pub(super) async fn note_to(api: &Api, caller: Caller, id: CallId, text: String) -> Result<LiveCallView, ApiError> {
    let input = NoteInput { text };
    check(&input)?;
    let chars = input.text.chars().count();
    step_in(api, caller, id, Supervision::Note(Pii::new(input.text)), Intervention::Note { chars }).await
}

/// Ends a call.
pub(super) async fn end_now(api: &Api, caller: Caller, id: CallId) -> Result<LiveCallView, ApiError> {
    let reached = reach(api, caller, id).await?;
    log(api, caller, id, Intervention::HangUp).await?;
    Ok(named(api, reached.hang_up()).await)
}

/// Steps into a call; the call as it then is.
pub(super) async fn step_in(
    api: &Api,
    caller: Caller,
    id: CallId,
    what: Supervision,
    intervention: Intervention,
) -> Result<LiveCallView, ApiError> {
    let reached = reach(api, caller, id).await?;
    reached.allows(&what).map_err(refusal)?;
    log(api, caller, id, intervention).await?;
    Ok(named(api, reached.supervise(what)).await)
}

/// The call, with room kept for a command.
pub(super) async fn reach(api: &Api, caller: Caller, id: CallId) -> Result<Reached, ApiError> {
    match api.calls.reach(caller.org, id) {
        Ok(reached) => Ok(reached),
        Err(NotReached::Unknown) => Err(gone(api, caller, id).await),
        Err(why) => Err(refusal(why)),
    }
}

/// The call, if it is live.
pub(super) async fn stands(api: &Api, caller: Caller, id: CallId) -> Result<LiveCall, ApiError> {
    match api.calls.get(id).filter(|call| call.org == caller.org) {
        Some(call) => Ok(call),
        None => Err(gone(api, caller, id).await),
    }
}

/// Why a call is not among the live ones: it is over, or never was.
async fn gone(api: &Api, caller: Caller, id: CallId) -> ApiError {
    let mut tx = match api.db.read().await {
        Ok(tx) => tx,
        Err(error) => return error.into(),
    };
    match call::get(&mut tx, caller.org, id).await {
        Ok(_) => refusal(NotReached::Over),
        Err(StoreError::NotFound) => match api.calls.reach(caller.org, id) {
            Err(NotReached::Over) => refusal(NotReached::Over),
            Ok(_) | Err(_) => refusal(NotReached::Unknown),
        },
        Err(error) => error.into(),
    }
}

/// Writes down what is about to be done.
pub(super) async fn log(api: &Api, caller: Caller, id: CallId, intervention: Intervention) -> Result<(), ApiError> {
    let mut tx = api.db.begin_durable().await?;
    audit::stepped_in(&mut tx, caller.org, &caller.actor(), id, intervention).await?;
    // Before it is done, not with its answer.
    Ok(tx.commit_now().await?)
}

/// Why nobody can step in, and what to do.
pub(super) fn refusal(why: NotReached) -> ApiError {
    let (code, remedy) = match why {
        NotReached::Unknown => return ApiError::NotFound("call"),
        NotReached::Over => ("call_over", "read it at /api/v1/calls/{id}"),
        NotReached::NoModel => {
            ("no_model", "give the campaign or the number an assistant with the mode llm or speech_to_speech")
        }
        NotReached::Bot => ("no_model", "tell the bot's operator, mute it, or end the call"),
        NotReached::AgentLeft => ("agent_left", "take it off the record or end it, there is no agent to steer"),
        NotReached::SecondLeg(_) => ("second_leg", "step into that call instead"),
        NotReached::TooManyListeners => ("too_many_listeners", "close one of them"),
        NotReached::TooManyNotes => ("too_many_notes", "mute the agent or end the call"),
        NotReached::TakenOver => ("taken_over", "hand it back at /api/v1/calls/{id}/hand_back first"),
        NotReached::NotTakenOver => ("not_taken_over", "take it over at /api/v1/calls/{id}/take_over first"),
        NotReached::NotAnswered => ("not_answered", "wait until it is answered"),
        NotReached::Busy => ("call_busy", "send it again in a moment"),
    };
    ApiError::Conflict { code, detail: format!("{why}: {remedy}"), faults: Vec::new() }
}

fn not_blank(text: &str, _: &()) -> garde::Result {
    if text.trim().is_empty() { Err(garde::Error::new("must say something")) } else { Ok(()) }
}

/// A call with the names of its campaign and its contact.
pub(super) async fn named(api: &Api, call: LiveCall) -> LiveCallView {
    let mut views = [view(call)];
    name(api, &mut views).await;
    let [view] = views;
    view
}

/// Adds the names of campaigns and contacts, which calls do not know. Where the database does not answer they are missing:
/// whoever supervises calls sees them all the same.
async fn name(api: &Api, calls: &mut [LiveCallView]) {
    let attempts: Vec<_> = calls.iter().filter_map(|call| call.attempt_id).collect();
    if attempts.is_empty() {
        return;
    }
    let found = match api.db.read().await {
        Ok(mut tx) => attempt::names(&mut tx, &attempts).await,
        Err(error) => Err(error),
    };
    let mut names = found.unwrap_or_else(|error| {
        tracing::warn!(%error, "live calls are shown without names");
        Default::default()
    });
    for call in calls {
        if let Some(found) = call.attempt_id.and_then(|attempt| names.remove(&attempt)) {
            call.campaign_id = Some(found.campaign);
            call.campaign_name = Some(found.campaign_name);
            call.contact_id = Some(found.contact);
            call.contact_name = Some(found.contact_name);
        }
    }
}

/// A call without the names that stand in the database.
fn view(call: LiveCall) -> LiveCallView {
    let stage = match call.stage {
        Stage::Dialing => LiveStage::Dialing,
        Stage::Ringing => LiveStage::Ringing,
        Stage::Answered { .. } => LiveStage::Answered,
        Stage::InConversation { .. } => LiveStage::InConversation,
        Stage::HandedOver { .. } => LiveStage::HandedOver,
    };
    let speaks = match call.party() {
        Party::Agent => LiveParty::Agent,
        Party::Muted => LiveParty::Muted,
        Party::Supervisor => LiveParty::Supervisor,
        Party::Person => LiveParty::Person,
    };
    let wall = |at| call.started.wall_at(at);
    let answered_at = call.stage.answered().map(wall);
    let Glance { last_words, attention } = call.glance;
    let last_words = last_words.map(|LastWords { speaker, text, at }| LastWordsView { speaker, text, at: wall(at) });
    let needs_attention = attention.map(|(reason, since)| AttentionView { reason, since: wall(since) });
    LiveCallView {
        id: call.call,
        stage,
        contact: call.contact,
        ours: call.ours,
        assistant_id: call.assistant.assistant,
        assistant_version: call.assistant.version,
        mode: call.assistant.definition.mode,
        trunk_id: call.trunk,
        attempt_id: call.attempt.map(|(attempt, _)| attempt),
        campaign_id: None,
        campaign_name: None,
        contact_id: None,
        contact_name: None,
        second_of: call.second_of,
        started_at: call.started.wall,
        answered_at,
        muted: call.muted,
        taken_over: call.taken_over,
        off_record: call.off_record,
        speaks,
        listeners: call.listeners,
        last_words,
        needs_attention,
    }
}
