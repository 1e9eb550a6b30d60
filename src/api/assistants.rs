//! Assistants: what is said and asked in a call. Every change makes a new version; a call keeps the one it began with.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use super::auth::Caller;
use super::body::Unchecked;
use super::error::{ApiError, FieldFault};
use super::etag::{IfMatch, Tagged};
use super::paging::{Id, Items, Paging, Params};
use crate::agent::assistant::Assistant;
use crate::campaign::states::CampaignState;
use crate::id::{AssistantId, AssistantVersionId, CampaignId, OrgId, TrunkId};
use crate::provider::catalog::Stage;
use crate::store::assistant::{self, StoredAssistant, UsedBy, Users};
use crate::store::lock::Lock;

/// An assistant in its current version.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AssistantView {
    /// Id.
    id: AssistantId,
    /// Id of the current version.
    version_id: AssistantVersionId,
    /// Number of the current version, from 1.
    version: u32,
    /// What it says and asks.
    definition: Assistant,
    /// When the assistant was made.
    created_at: Timestamp,
    /// When the current version was made.
    updated_at: Timestamp,
}

/// An assistant in a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AssistantRow {
    /// The assistant.
    #[serde(flatten)]
    assistant: AssistantView,
    /// The campaigns that have it, the newest first; at most 100.
    campaigns: Vec<CampaignName>,
}

/// A campaign, by its name.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CampaignName {
    /// Id.
    id: CampaignId,
    /// Name.
    name: String,
    /// Where it stands.
    state: CampaignState,
}

/// Create an assistant
///
/// It is checked as a whole; every fault is answered with its place and what to do about it.
#[utoipa::path(
    post, path = "/api/v1/assistants", tag = "assistants", request_body = Assistant,
    responses(
        (status = 201, body = AssistantView),
        (status = 409, body = super::Problem),
        (status = 422, body = super::Problem)
    )
)]
pub async fn create(
    State(api): State<Api>,
    caller: Caller,
    Unchecked(definition): Unchecked<Assistant>,
) -> Result<(StatusCode, Tagged<AssistantView>), ApiError> {
    check(&api, caller.org, &definition)?;
    let mut tx = api.db.begin().await?;
    let assistant = assistant::insert(&mut tx, caller.org, definition).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Tagged(view(assistant))))
}

/// List assistants
#[utoipa::path(
    get, path = "/api/v1/assistants", tag = "assistants", params(Paging),
    responses((status = 200, body = Items<AssistantRow>))
)]
pub async fn list(
    State(api): State<Api>,
    caller: Caller,
    Params(paging): Params<Paging>,
) -> Result<Json<Items<AssistantRow>>, ApiError> {
    let mut tx = api.db.read().await?;
    let listing = assistant::list(&mut tx, caller.org, paging.page()?).await?;
    let ids: Vec<_> = listing.items.iter().map(|assistant| assistant.current.assistant).collect();
    let used = assistant::used_by(&mut tx, &ids).await?;
    let row = |stored: StoredAssistant| {
        let campaigns = used.get(&stored.current.assistant).into_iter().flatten().cloned().map(named).collect();
        AssistantRow { assistant: view(stored), campaigns }
    };
    Ok(Json(Items::of(listing, row)))
}

/// Delete an assistant
///
/// One that a campaign has, or that answers calls of a trunk, is refused: `errors` names each of them. Its versions stay in the
/// records of the calls that were made with them; calls that go on finish.
#[utoipa::path(
    delete, path = "/api/v1/assistants/{id}", tag = "assistants", params(("id" = AssistantId, Path)),
    responses(
        (status = 204),
        (status = 404, body = super::Problem),
        (status = 409, body = super::Problem)
    )
)]
pub async fn delete(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<AssistantId>,
    wanted: IfMatch,
) -> Result<StatusCode, ApiError> {
    let mut tx = api.db.begin().await?;
    wanted.lock(&mut tx, Lock::Assistant(id)).await?;
    wanted.check(&view(assistant::get(&mut tx, caller.org, id).await?))?;
    if let Err(users) = assistant::delete(&mut tx, caller.org, &caller.actor(), id).await? {
        return Err(in_use(users));
    }
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

fn in_use(users: Users) -> ApiError {
    let campaign = |used: UsedBy| FieldFault {
        pointer: format!("/campaigns/{}", used.id),
        code: used.state.to_string(),
        reason: format!("campaign `{}` has it: give it another assistant, or delete it", used.name),
    };
    let trunk = |(id, name): (TrunkId, String)| FieldFault {
        pointer: format!("/trunks/{id}"),
        code: "answers".to_owned(),
        reason: format!("it answers calls of trunk `{name}`: let another one answer"),
    };
    let faults = users.campaigns.into_iter().map(campaign).chain(users.trunks.into_iter().map(trunk)).collect();
    let detail = "the assistant is in use: `errors` names where; put another one there first".to_owned();
    ApiError::Conflict { code: "in_use", detail, faults }
}

pub(super) fn named(used: UsedBy) -> CampaignName {
    CampaignName { id: used.id, name: used.name, state: used.state }
}

/// Read an assistant
#[utoipa::path(
    get, path = "/api/v1/assistants/{id}", tag = "assistants", params(("id" = AssistantId, Path)),
    responses((status = 200, body = AssistantView), (status = 404, body = super::Problem))
)]
pub async fn read(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<AssistantId>,
) -> Result<Tagged<AssistantView>, ApiError> {
    let mut tx = api.db.read().await?;
    Ok(Tagged(view(assistant::get(&mut tx, caller.org, id).await?)))
}

/// Make a new version of an assistant
///
/// New attempts use it; calls under way keep theirs.
#[utoipa::path(
    put, path = "/api/v1/assistants/{id}", tag = "assistants", params(("id" = AssistantId, Path)),
    request_body = Assistant,
    responses(
        (status = 200, body = AssistantView),
        (status = 404, body = super::Problem),
        (status = 409, body = super::Problem),
        (status = 422, body = super::Problem)
    )
)]
pub async fn replace(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<AssistantId>,
    wanted: IfMatch,
    Unchecked(definition): Unchecked<Assistant>,
) -> Result<Tagged<AssistantView>, ApiError> {
    check(&api, caller.org, &definition)?;
    let mut tx = api.db.begin().await?;
    wanted.lock(&mut tx, Lock::Assistant(id)).await?;
    let before = assistant::get(&mut tx, caller.org, id).await?;
    wanted.check(&view(before.clone()))?;
    assistant::update(&mut tx, caller.org, id, before.current.version, definition).await?;
    let assistant = assistant::get(&mut tx, caller.org, id).await?;
    tx.commit().await?;
    Ok(Tagged(view(assistant)))
}

fn check(api: &Api, org: OrgId, definition: &Assistant) -> Result<(), ApiError> {
    let faults = definition.faults(api.lexicon.as_deref().map(|lexicon| lexicon as _));
    if faults.is_empty() {
        return check_providers(api, org, definition);
    }
    let told = faults.into_iter().map(|fault| FieldFault {
        pointer: fault.pointer,
        code: fault.problem.code().to_owned(),
        reason: match fault.problem.remedy() {
            Some(remedy) => format!("{}: {remedy}", fault.problem),
            None => fault.problem.to_string(),
        },
    });
    Err(ApiError::Invalid(told.collect()))
}

/// Every provider that is named is there, and does what it is named for.
fn check_providers(api: &Api, org: OrgId, definition: &Assistant) -> Result<(), ApiError> {
    let named = &definition.providers;
    let list = |stage: Stage, names: &[String]| {
        let places: Vec<_> =
            (0..).zip(names).map(|(at, name)| (stage, format!("/providers/{stage}/{at}"), name.clone())).collect();
        places
    };
    let s2s = named.s2s.iter().map(|name| (Stage::S2s, "/providers/s2s".to_owned(), name.clone()));
    let bot = named.bot.iter().map(|name| (Stage::Bot, "/providers/bot".to_owned(), name.clone()));
    let all = [list(Stage::Stt, &named.stt), list(Stage::Llm, &named.llm), list(Stage::Tts, &named.tts)];
    let fault = |(stage, pointer, name): (Stage, String, String)| FieldFault {
        pointer,
        code: "unknown_provider".to_owned(),
        reason: format!("there is no {stage} provider `{name}`: add it first, or name another one"),
    };
    let missing =
        all.into_iter().flatten().chain(s2s).chain(bot).filter(|(stage, _, name)| !api.catalog.has(org, name, *stage));
    let faults: Vec<FieldFault> = missing.map(fault).collect();
    if faults.is_empty() { Ok(()) } else { Err(ApiError::Invalid(faults)) }
}

fn view(assistant: StoredAssistant) -> AssistantView {
    let StoredAssistant { org: _, current, created_at, updated_at } = assistant;
    AssistantView {
        id: current.assistant,
        version_id: current.id,
        version: current.version,
        definition: current.definition,
        created_at,
        updated_at,
    }
}
