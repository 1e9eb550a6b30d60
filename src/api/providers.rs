//! Providers: the vendors of speech and models that calls are served by.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use garde::Validate;
use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::Api;
use super::auth::Caller;
use super::body::Body;
use super::error::{ApiError, FieldFault};
use super::etag::{IfMatch, Tagged};
use super::paging::{Id, Items, Paging, Params};
use crate::id::{OrgId, ProviderId};
use crate::provider::catalog::{self, Condition, FixedView, Kind, OFFLINE, SettingFault, Stage};
use crate::provider::error::ErrorKind;
use crate::provider::health::Standing;
use crate::provider::probe::{Failure, Step};
use crate::store::lock::Lock;
use crate::store::provider::{self, ProviderData, SealedKey, StoredProvider};
use crate::store::{Page, Tx, assistant};
use crate::time;

/// What can be set of a provider.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "local", "kind": "openai_chat", "base_url": "http://127.0.0.1:11434/v1", "model": "llama3" }))]
pub struct ProviderInput {
    /// Name, unique in the organisation; assistants use it. Letters, digits, dots, dashes and underscores.
    #[garde(length(chars, min = 1, max = 64))]
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9._-]+$")]
    name: String,
    /// The protocol it speaks.
    #[garde(skip)]
    kind: Kind,
    /// Where it is: `http`, `https`, `ws` or `wss`. Left out: the vendor's public address. For those that speak like
    /// OpenAI it ends with the version.
    #[serde(default)]
    #[garde(length(max = 500))]
    #[schema(max_length = 500, examples("http://ollama.internal:11434/v1"))]
    base_url: Option<String>,
    /// Its key; never read back. Left out on an update it stays as it is; empty it is removed.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<String>)]
    key: Option<SecretString>,
    /// The vendor's name of the model. Left out: the usual one.
    #[serde(default)]
    #[garde(length(max = 200))]
    #[schema(max_length = 200)]
    model: Option<String>,
    /// What only this kind of provider knows.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Object)]
    options: Map<String, Value>,
    /// Calls it may serve at once, 1 to 100000.
    #[serde(default = "hundred")]
    #[garde(range(min = 1, max = 100_000))]
    #[schema(default = 100)]
    capacity: u32,
    /// Whether it may be used.
    #[serde(default = "yes")]
    #[garde(skip)]
    #[schema(default = true)]
    enabled: bool,
}

const fn hundred() -> u32 {
    100
}

const fn yes() -> bool {
    true
}

/// A provider.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ProviderView {
    /// Id.
    id: ProviderId,
    /// Where it comes from: one of the settings file is changed there.
    source: Source,
    /// Counts its changes; absent for one of the settings file.
    version: Option<i64>,
    /// Name.
    name: String,
    /// The protocol it speaks.
    kind: Kind,
    /// What it does in a call.
    stage: Stage,
    /// Where it is; absent for the vendor's public address.
    base_url: Option<String>,
    /// Whether a key is stored.
    has_key: bool,
    /// Its last four characters; absent for a short one, and for one of the settings file.
    key_last4: Option<String>,
    /// The model; absent for the usual one.
    model: Option<String>,
    /// What only this kind of provider knows.
    #[schema(value_type = Object)]
    options: Map<String, Value>,
    /// Calls it may serve at once.
    capacity: u32,
    /// Whether it may be used.
    enabled: bool,
    /// How it is doing, as this node sees it.
    health: HealthView,
    /// When it was made; absent for one of the settings file.
    created_at: Option<Timestamp>,
    /// When it last changed.
    updated_at: Option<Timestamp>,
}

/// Where a provider comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The settings file.
    Config,
    /// This API.
    Api,
}

/// How a provider is doing.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HealthView {
    /// `closed`: calls use it. `open`: it failed and is left alone. `half_open`: it is being tried out.
    circuit: Standing,
    /// Since when, if it ever failed.
    since: Option<Timestamp>,
    /// When it is tried again.
    until: Option<Timestamp>,
    /// Its last failure, or why it cannot be used; absent when all is well.
    error: Option<String>,
    /// Milliseconds from a request to its first word or byte: the median of the latest.
    first_ms_p50: Option<u64>,
    /// The 95th percentile.
    first_ms_p95: Option<u64>,
    /// Calls it serves on this node.
    calls: usize,
}

/// What came of a trial.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TrialView {
    /// Whether it works.
    ok: bool,
    /// How long it took, in milliseconds.
    took_ms: u64,
    /// The step that failed. Each needs the ones before: `local`, `dns`, `tcp`, `tls`, `auth`, `quota`, `model`, `format`.
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<Step>,
    /// What is wrong, in one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<&'static str>,
    /// The vendor's own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    said: Option<String>,
    /// The vendor's number of the request, to ask its support about.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    /// Seconds that the vendor wants to be left alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_s: Option<u64>,
}

/// Create a provider
#[utoipa::path(
    post, path = "/api/v1/providers", tag = "providers", request_body = ProviderInput,
    responses(
        (status = 201, body = ProviderView),
        (status = 409, body = super::Problem),
        (status = 422, body = super::Problem)
    )
)]
pub async fn create(
    State(api): State<Api>,
    caller: Caller,
    Body(input): Body<ProviderInput>,
) -> Result<(StatusCode, Tagged<ProviderView>), ApiError> {
    let id = ProviderId::generate();
    let data = parse(&api, caller.org, id, input, None).await?;
    let mut tx = api.db.begin().await?;
    let provider = provider::insert(&mut tx, caller.org, id, data).await?;
    tx.commit().await?;
    catalog::load(&api.db, &api.catalog).await?;
    Ok((StatusCode::CREATED, Tagged(stored(&api, provider))))
}

/// List providers
///
/// Those of the settings file come first.
#[utoipa::path(
    get, path = "/api/v1/providers", tag = "providers", params(Paging),
    responses((status = 200, body = Items<ProviderView>))
)]
pub async fn list(
    State(api): State<Api>,
    caller: Caller,
    Params(paging): Params<Paging>,
) -> Result<Json<Items<ProviderView>>, ApiError> {
    let page = paging.page::<ProviderId>()?;
    let fixed = if page.after.is_none() { api.catalog.fixed() } else { Vec::new() };
    let mut tx = api.db.read().await?;
    let listing = provider::list(&mut tx, Some(caller.org), page).await?;
    let mut items = Items::of(listing, |provider| stored(&api, provider));
    items.items.splice(0..0, fixed.into_iter().map(|view| from_config(&api, caller.org, view)));
    Ok(Json(items))
}

/// Read a provider
#[utoipa::path(
    get, path = "/api/v1/providers/{id}", tag = "providers", params(("id" = ProviderId, Path)),
    responses((status = 200, body = ProviderView), (status = 404, body = super::Problem))
)]
pub async fn read(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<ProviderId>,
) -> Result<Tagged<ProviderView>, ApiError> {
    if let Some(view) = api.catalog.fixed().into_iter().find(|view| view.id == id) {
        return Ok(Tagged(from_config(&api, caller.org, view)));
    }
    let mut tx = api.db.read().await?;
    Ok(Tagged(stored(&api, provider::get(&mut tx, caller.org, id).await?)))
}

/// Replace a provider
///
/// Calls under way keep what they began with.
#[utoipa::path(
    put, path = "/api/v1/providers/{id}", tag = "providers", params(("id" = ProviderId, Path)),
    request_body = ProviderInput,
    responses(
        (status = 200, body = ProviderView),
        (status = 404, body = super::Problem),
        (status = 409, body = super::Problem),
        (status = 422, body = super::Problem)
    )
)]
pub async fn replace(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<ProviderId>,
    wanted: IfMatch,
    Body(input): Body<ProviderInput>,
) -> Result<Tagged<ProviderView>, ApiError> {
    refuse_config(&api, id)?;
    let mut tx = api.db.read().await?;
    let before = provider::get(&mut tx, caller.org, id).await?;
    drop(tx);
    let (name, stage) = (before.data.name, before.data.kind.stage());
    // Its host is looked up: no lock is held meanwhile.
    let data = parse(&api, caller.org, id, input, before.data.key).await?;
    let mut tx = api.db.begin().await?;
    wanted.lock(&mut tx, Lock::Provider(id)).await?;
    wanted.check(&stored(&api, provider::get(&mut tx, caller.org, id).await?))?;
    if data.name != name || data.kind.stage() != stage {
        refuse_used(&mut tx, caller.org, &name).await?;
    }
    provider::update(&mut tx, caller.org, id, before.version, &data).await?;
    let provider = provider::get(&mut tx, caller.org, id).await?;
    tx.commit().await?;
    catalog::load(&api.db, &api.catalog).await?;
    Ok(Tagged(stored(&api, provider)))
}

/// Delete a provider that no assistant uses
#[utoipa::path(
    delete, path = "/api/v1/providers/{id}", tag = "providers", params(("id" = ProviderId, Path)),
    responses((status = 204), (status = 404, body = super::Problem), (status = 409, body = super::Problem))
)]
pub async fn delete(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<ProviderId>,
    wanted: IfMatch,
) -> Result<StatusCode, ApiError> {
    refuse_config(&api, id)?;
    let mut tx = api.db.begin().await?;
    wanted.lock(&mut tx, Lock::Provider(id)).await?;
    let before = provider::get(&mut tx, caller.org, id).await?;
    wanted.check(&stored(&api, before.clone()))?;
    refuse_used(&mut tx, caller.org, &before.data.name).await?;
    provider::delete(&mut tx, caller.org, id).await?;
    tx.commit().await?;
    catalog::load(&api.db, &api.catalog).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Try a provider out
///
/// Makes the vendor's smallest request from this node, and says which step fails. A success lets calls use it again at
/// once.
#[utoipa::path(
    post, path = "/api/v1/providers/{id}/test", tag = "providers", params(("id" = ProviderId, Path)),
    responses((status = 200, body = TrialView), (status = 404, body = super::Problem))
)]
pub async fn test(State(api): State<Api>, caller: Caller, Id(id): Id<ProviderId>) -> Result<Json<TrialView>, ApiError> {
    if api.catalog.condition(caller.org, id).is_none() {
        // It may have been made on another node a moment ago.
        catalog::load(&api.db, &api.catalog).await?;
    }
    let began = time::now().mono;
    let outcome = api.catalog.probe(caller.org, id).await.ok_or(ApiError::NotFound("record"))?;
    let took_ms = millis(time::now().mono.saturating_duration_since(began));
    Ok(Json(match outcome {
        Ok(()) => TrialView {
            ok: true,
            took_ms,
            step: None,
            detail: None,
            remedy: None,
            said: None,
            request_id: None,
            retry_after_s: None,
        },
        Err(Failure { step, error, said }) => TrialView {
            ok: false,
            took_ms,
            step: Some(step),
            detail: Some(error.detail),
            remedy: Some(remedy(step, error.kind)),
            said,
            request_id: error.request,
            retry_after_s: error.after.map(|after| after.as_secs()),
        },
    }))
}

/// What to do about a step that failed.
const fn remedy(step: Step, kind: ErrorKind) -> &'static str {
    match (step, kind) {
        (Step::Local, ErrorKind::NotInstalled) => "install what is missing on the server",
        (Step::Local, _) => "look at the settings of the provider",
        (Step::Dns, _) => "look at the host in base_url, and at the server's name resolution",
        (Step::Tcp, _) => "look at host and port in base_url, and at firewalls on the way",
        (Step::Tls, _) => "look whether base_url should begin with http, and whose certificate the host has",
        (Step::Auth, _) => "enter a key that the vendor accepts",
        (Step::Quota, ErrorKind::Unauthorised) => "add funds at the vendor",
        (Step::Quota, _) => "wait, or raise the limits at the vendor",
        (Step::Model, _) => "choose a model, voice and options that the vendor has",
        (Step::Format, _) => "look whether base_url and kind belong together",
    }
}

async fn parse(
    api: &Api,
    org: OrgId,
    id: ProviderId,
    input: ProviderInput,
    before: Option<SealedKey>,
) -> Result<ProviderData, ApiError> {
    let ProviderInput { name, kind, base_url, key, model, options, capacity, enabled } = input;
    let mut faults = Vec::new();
    let mut fault = |pointer: &str, code: &str, reason: String| {
        faults.push(FieldFault { pointer: pointer.to_owned(), code: code.to_owned(), reason });
    };
    if name != OFFLINE && !catalog::is_name(&name) {
        fault("/name", "name", "use letters, digits, dots, dashes and underscores only".to_owned());
    }
    if name == OFFLINE || api.catalog.is_fixed(&name) {
        fault("/name", "name_taken", format!("`{name}` is a name of the server's own settings: choose another one"));
    }
    let base_url = base_url.unwrap_or_default();
    if !base_url.is_empty()
        && let Err(error) = api.web.permits(&base_url).await
    {
        fault("/base_url", "address", error.to_string());
    }
    let plain = match (&key, &before) {
        (Some(key), _) => Some(key.clone()).filter(|key| !is_empty(key)),
        (None, Some(sealed)) => api.catalog.sealer().unseal(org, id, sealed).ok(),
        (None, None) => None,
    };
    let sealed = match key {
        Some(key) if is_empty(&key) => None,
        Some(key) => Some(api.catalog.sealer().seal(org, id, &key)),
        None => before,
    };
    let data = ProviderData {
        name,
        kind,
        base_url,
        key: sealed,
        model: model.unwrap_or_default(),
        options,
        capacity,
        enabled,
    };
    let vendor = catalog::vendor(data.name.as_str().into(), &data, plain);
    for SettingFault { pointer, code, reason } in api.catalog.faults(kind, vendor) {
        fault(&pointer, code, reason);
    }
    if faults.is_empty() { Ok(data) } else { Err(ApiError::Invalid(faults)) }
}

fn is_empty(key: &SecretString) -> bool {
    secrecy::ExposeSecret::expose_secret(key).is_empty()
}

fn refuse_config(api: &Api, id: ProviderId) -> Result<(), ApiError> {
    if api.catalog.fixed().iter().any(|view| view.id == id) {
        let detail = "it stands in the server's settings file: change it there".to_owned();
        return Err(ApiError::Conflict { code: "in_settings", detail, faults: Vec::new() });
    }
    Ok(())
}

/// Refuses what would leave an assistant without its provider.
async fn refuse_used(tx: &mut Tx, org: OrgId, name: &str) -> Result<(), ApiError> {
    let mut page = Page::first(Page::<crate::id::AssistantId>::MAX_LIMIT);
    loop {
        let listing = assistant::list(tx, org, page).await?;
        let user = listing.items.iter().find(|assistant| {
            let named = &assistant.current.definition.providers;
            named
                .stt
                .iter()
                .chain(&named.llm)
                .chain(&named.tts)
                .chain(&named.s2s)
                .chain(&named.bot)
                .any(|used| used == name)
        });
        if let Some(user) = user {
            let detail = format!("the assistant `{}` uses it", user.current.definition.name);
            return Err(ApiError::Conflict { code: "in_use", detail, faults: Vec::new() });
        }
        match listing.next {
            Some(next) => page.after = Some(next),
            None => return Ok(()),
        }
    }
}

fn stored(api: &Api, provider: StoredProvider) -> ProviderView {
    let StoredProvider { id, org, version, data, created_at, updated_at } = provider;
    let (has_key, last4) = (data.key.is_some(), data.key.map(|key| key.last4));
    ProviderView {
        id,
        source: Source::Api,
        version: Some(version),
        name: data.name,
        kind: data.kind,
        stage: data.kind.stage(),
        base_url: given(data.base_url),
        has_key,
        key_last4: last4.and_then(given),
        model: given(data.model),
        options: data.options,
        capacity: data.capacity,
        enabled: data.enabled,
        health: health(api.catalog.condition(org, id)),
        created_at: Some(created_at),
        updated_at: Some(updated_at),
    }
}

fn from_config(api: &Api, org: OrgId, view: FixedView) -> ProviderView {
    let FixedView { id, kind, vendor, has_key } = view;
    ProviderView {
        id,
        source: Source::Config,
        version: None,
        name: vendor.name.to_string(),
        kind,
        stage: kind.stage(),
        base_url: given(vendor.base_url),
        has_key,
        key_last4: None,
        model: given(vendor.model),
        options: vendor.options,
        capacity: u32::try_from(vendor.capacity).unwrap_or(u32::MAX),
        enabled: true,
        health: health(api.catalog.condition(org, id)),
        created_at: None,
        updated_at: None,
    }
}

fn health(condition: Option<Condition>) -> HealthView {
    let now = time::now();
    let wall = |at: std::time::Instant| match at.checked_duration_since(now.mono) {
        Some(ahead) => now.wall.saturating_add(ahead).ok(),
        None => now.wall.saturating_sub(now.mono.saturating_duration_since(at)).ok(),
    };
    match condition {
        Some(Condition { standing, since, until, error, first, used }) => HealthView {
            circuit: standing,
            since: since.and_then(wall),
            until: until.and_then(wall),
            error: error.map(|error| error.detail),
            first_ms_p50: first.map(|(median, _)| millis(median)),
            first_ms_p95: first.map(|(_, high)| millis(high)),
            calls: used,
        },
        None => HealthView {
            circuit: Standing::Closed,
            since: None,
            until: None,
            error: None,
            first_ms_p50: None,
            first_ms_p95: None,
            calls: 0,
        },
    }
}

fn given(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
