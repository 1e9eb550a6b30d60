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
use crate::id::{AssistantId, AssistantVersionId, OrgId};
use crate::provider::catalog::Stage;
use crate::store::assistant::{self, StoredAssistant};
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
    responses((status = 200, body = Items<AssistantView>))
)]
pub async fn list(
    State(api): State<Api>,
    caller: Caller,
    Params(paging): Params<Paging>,
) -> Result<Json<Items<AssistantView>>, ApiError> {
    let mut tx = api.db.read().await?;
    let listing = assistant::list(&mut tx, caller.org, paging.page()?).await?;
    Ok(Json(Items::of(listing, view)))
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
