//! Trunks: the carriers that calls go through.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use garde::Validate;
use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::auth::Caller;
use super::body::Body;
use super::error::{ApiError, FieldFault};
use super::etag::{IfMatch, Tagged};
use super::paging::{Id, Items, Paging, Params};
use super::trunk_inbound::{self, InboundAuthInput, InboundAuthView, InboundNumberInput};
use crate::campaign::phone::E164;
use crate::id::{AssistantId, TrunkId};
use crate::stir::signer::SigningLevel;
use crate::stir::verdict::IdentityPolicy;
use crate::store::dialing::breaker;
use crate::store::lock::Lock;
use crate::store::trunk::{self, Trunk, TrunkData, TrunkTransport};
use crate::store::trunk_inbound as stored;
use crate::store::{Listing, StoreError, Tx, assistant};
use crate::time;
use crate::trunk::breaker::{Breaker, BreakerCause, BreakerState};
use crate::trunk::callers::{CallerRules, Wording};
use crate::trunk::media::{MediaTerms, SrtpPolicy, TrunkCodec};
use crate::trunk::numbers::{NumberRules, RuleFault};
use crate::trunk::presets::{self, Preset};
use crate::trunk::registrations::{Report, Standing};

/// What can be set of a trunk.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "Carrier", "host": "sip.carrier.example", "caller_ids": ["+442079460999"], "max_channels": 50 }))]
pub struct TrunkInput {
    /// Name, unique in the organisation.
    #[garde(length(chars, min = 1, max = 100))]
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// A preset of `GET /api/v1/trunk_presets`: it says what is not given here of `host`, `port`, `transport`, `numbers` and
    /// `callers`. It is not kept: later presets change no trunk.
    #[serde(default)]
    #[garde(length(max = 50))]
    preset: Option<String>,
    /// Host name or IP address of the carrier; needed unless a preset has it. A name without a port is looked up as SIP asks
    /// for (RFC 3263): its SRV records name the servers and their order, and with `auto` its NAPTR records the transport;
    /// without any, its own addresses are used.
    #[serde(default)]
    #[garde(length(min = 1, max = 255), inner(custom(is_host)))]
    #[schema(examples("sip.carrier.example"))]
    host: Option<String>,
    /// Port. Left out, the host's SRV records say, else it is 5060, or 5061 with TLS. With a port no SRV records are looked up.
    #[serde(default)]
    #[garde(range(min = 1))]
    port: Option<u16>,
    /// How requests travel: `udp`, `tcp`, `tls`, or `auto` for what the records of `host` say, which is UDP where they say
    /// nothing. With TLS the certificate of every server has to name `host`.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<String>, default = "udp")]
    transport: Option<TrunkTransport>,
    /// User name for digest authentication.
    #[serde(default)]
    #[garde(length(max = 200))]
    username: Option<String>,
    /// Password for digest authentication; never read back. Left out on an update it stays as it is.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<String>)]
    password: Option<SecretString>,
    /// Numbers that calls may come from; 1 to 100.
    #[garde(length(min = 1, max = 100))]
    #[schema(min_items = 1, max_items = 100)]
    caller_ids: Vec<String>,
    /// Register with the carrier, under `username`. How that goes is read in `registration`.
    #[serde(default)]
    #[garde(skip)]
    register: bool,
    /// Whether the trunk may be used.
    #[serde(default = "yes")]
    #[garde(skip)]
    #[schema(default = true)]
    enabled: bool,
    /// Simultaneous calls, 1 to 100000.
    #[serde(default = "thirty")]
    #[garde(range(min = 1, max = 100_000))]
    #[schema(default = 30)]
    max_channels: u32,
    /// Calls started per minute, 1 to 60000.
    #[serde(default = "sixty")]
    #[garde(range(min = 1, max = 60_000))]
    #[schema(default = 60)]
    calls_per_minute: u32,
    /// Calls started per minute from one caller ID; unlimited when it is left out.
    #[serde(default)]
    #[garde(range(min = 1, max = 60_000))]
    caller_id_calls_per_minute: Option<u32>,
    /// Simultaneous calls from one caller ID; unlimited when it is left out.
    #[serde(default)]
    #[garde(range(min = 1, max = 100_000))]
    caller_id_max_calls: Option<u32>,
    /// Who answers calls that come in over this trunk, from the address of `host`; without one they are refused.
    #[serde(default)]
    #[garde(skip)]
    inbound_assistant_id: Option<AssistantId>,
    /// What is done about signatures of calls that come in (STIR/SHAKEN): nothing, keep with the call what they are worth,
    /// or refuse calls without one that holds.
    #[serde(default = "record")]
    #[garde(skip)]
    #[schema(default = "record")]
    identity_policy: IdentityPolicy,
    /// How well calls over this trunk are vouched for at best, where the server has a key to sign them with. Only calls
    /// from `caller_ids` are vouched for in full (`A`); those from other numbers get `B`.
    #[serde(default = "full")]
    #[garde(skip)]
    #[schema(default = "A")]
    attestation: SigningLevel,
    /// A name and a password that calls have to prove by digest before they come in, from wherever: for a branch office
    /// without an address of its own. The addresses of the trunk count for nothing then. Who registers with us from
    /// elsewhere has to prove the same.
    #[serde(default)]
    #[garde(dive)]
    inbound_auth: Option<InboundAuthInput>,
    /// Addresses and networks that calls of this trunk come from, beside the addresses of `host`; at most 64.
    #[serde(default)]
    #[garde(length(max = 64))]
    #[schema(max_items = 64, examples(json!(["198.51.100.0/24"])))]
    inbound_sources: Vec<String>,
    /// Who answers which numbers; the longest `number` that the called one begins with counts. The others are answered
    /// by `inbound_assistant_id`. At most 1000.
    #[serde(default)]
    #[garde(length(max = 1_000), dive)]
    #[schema(max_items = 1000)]
    inbound_numbers: Vec<InboundNumberInput>,
    /// Channels that stay free for calls that come in: less than `max_channels`. No campaign dials over them.
    #[serde(default)]
    #[garde(range(max = 99_999))]
    inbound_reserve: u32,
    /// How the carrier writes telephone numbers. `POST /api/v1/trunks/{id}/preview` shows what comes of it.
    #[serde(default)]
    #[garde(skip)]
    numbers: Option<NumberRules>,
    /// How the carrier is told who calls, and what it is believed about callers.
    #[serde(default)]
    #[garde(skip)]
    callers: Option<CallerRules>,
    /// Whether the audio of calls over this trunk is encrypted (SRTP with keys in SDP): `off`, `offered` to a carrier that
    /// may take it or leave it, or `required`, which needs `transport` `tls`.
    #[serde(default = "in_the_clear")]
    #[garde(skip)]
    #[schema(default = "off")]
    srtp: SrtpPolicy,
    /// Codecs, the preferred one first: `pcmu`, `pcma`, `g722`, `opus`, `l16_8k`, `l16_16k`. The first of a carrier's offer
    /// that stands here is taken.
    #[serde(default = "usual_codecs")]
    #[garde(length(min = 1, max = 6))]
    #[schema(min_items = 1, max_items = 6, default = json!(["pcmu", "pcma"]))]
    codecs: Vec<TrunkCodec>,
    /// Seconds between two OPTIONS to each server of the trunk, 5 to 3600, or 0 to ask none. When none answers, calls keep
    /// away until one does. Leave it at 0 for a carrier that does not answer OPTIONS.
    #[serde(default)]
    #[garde(custom(is_interval))]
    #[schema(default = 0, maximum = 3600)]
    options_s: u32,
}

const fn in_the_clear() -> SrtpPolicy {
    SrtpPolicy::Off
}

fn usual_codecs() -> Vec<TrunkCodec> {
    TrunkCodec::USUAL.to_vec()
}

impl TrunkInput {
    /// Says what is not given as its preset has it.
    fn fill(&mut self, faults: &mut Vec<FieldFault>) {
        let mut fault = |pointer: &str, code: &str, reason: &str| {
            let (pointer, code, reason) = (pointer.to_owned(), code.to_owned(), reason.to_owned());
            faults.push(FieldFault { pointer, code, reason });
        };
        if let Some(name) = &self.preset {
            match presets::find(name) {
                Some(preset) => {
                    // A port belongs to its transport.
                    if self.transport.is_none() {
                        self.transport = preset.transport;
                        self.port = self.port.or(preset.port);
                    }
                    self.host = self.host.take().or_else(|| preset.host.clone());
                    self.numbers.get_or_insert_with(|| preset.numbers.clone());
                    self.callers.get_or_insert_with(|| preset.callers.clone());
                }
                None => fault("/preset", "not_found", "there is no such preset: GET /api/v1/trunk_presets lists them"),
            }
        }
        if self.host.is_none() {
            fault("/host", "missing_field", "give the carrier's host name or IP address");
        }
    }
}

/// Presets for trunks.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TrunkPresets {
    /// Counts their changes.
    version: u32,
    /// By their names in order.
    items: Vec<Preset>,
}

/// List presets for the trunks of well-known carriers
///
/// Each is taken from documents that the carrier publishes, and names them. `preset` of a trunk begins with one.
#[utoipa::path(
    get, path = "/api/v1/trunk_presets", tag = "trunks", responses((status = 200, body = TrunkPresets))
)]
pub async fn list_presets(_caller: Caller) -> Json<TrunkPresets> {
    Json(TrunkPresets { version: presets::VERSION, items: presets::all().to_vec() })
}

const fn record() -> IdentityPolicy {
    IdentityPolicy::Record
}

const fn full() -> SigningLevel {
    SigningLevel::A
}

const fn yes() -> bool {
    true
}

const fn thirty() -> u32 {
    30
}

const fn sixty() -> u32 {
    60
}

/// A trunk.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TrunkView {
    /// Id.
    id: TrunkId,
    /// Counts its changes.
    version: i64,
    /// Name.
    name: String,
    /// Host name or IP address of the carrier.
    host: String,
    /// Port, when one was given.
    port: Option<u16>,
    /// How requests travel.
    #[schema(value_type = String)]
    transport: TrunkTransport,
    /// User name for digest authentication.
    username: Option<String>,
    /// Whether a password is stored.
    has_password: bool,
    /// Numbers that calls may come from.
    #[schema(value_type = Vec<String>)]
    caller_ids: Vec<E164>,
    /// Whether we register with the carrier.
    register: bool,
    /// Whether the trunk may be used.
    enabled: bool,
    /// Simultaneous calls.
    max_channels: u32,
    /// Calls started per minute.
    calls_per_minute: u32,
    /// Calls started per minute from one caller ID.
    caller_id_calls_per_minute: Option<u32>,
    /// Simultaneous calls from one caller ID.
    caller_id_max_calls: Option<u32>,
    /// Who answers calls that come in.
    inbound_assistant_id: Option<AssistantId>,
    /// What is done about signatures of calls that come in.
    identity_policy: IdentityPolicy,
    /// How well calls over this trunk are vouched for at best.
    attestation: SigningLevel,
    /// What calls that come in have to prove.
    inbound_auth: Option<InboundAuthView>,
    /// Addresses and networks that calls come from, beside the addresses of the host.
    inbound_sources: Vec<String>,
    /// Who answers which numbers.
    inbound_numbers: Vec<InboundNumberInput>,
    /// Channels that stay free for calls that come in.
    inbound_reserve: u32,
    /// Whether the audio of its calls is encrypted.
    srtp: SrtpPolicy,
    /// Codecs, the preferred one first.
    codecs: Vec<TrunkCodec>,
    /// How the carrier writes telephone numbers.
    numbers: NumberRules,
    /// How the carrier is told who calls, and what it is believed about callers.
    callers: CallerRules,
    /// Seconds between two OPTIONS to each server; 0 asks none.
    options_s: u32,
    /// How our registration with the carrier goes, as this node sees it.
    registration: RegistrationView,
    /// Somebody at the trunk's address has registered with us: until then calls over the trunk go there, in place of
    /// `host` and `port`.
    bound_until: Option<Timestamp>,
    /// Whether calls go over it, as all nodes see it.
    breaker: BreakerView,
    /// When it was made.
    created_at: Timestamp,
    /// When it last changed.
    updated_at: Timestamp,
}

/// Whether calls go over a trunk. It opens when calls to three different numbers fail, when the carrier asks for it by
/// Retry-After, when it refuses calls to five different numbers by permission, when none of its servers answers OPTIONS, or
/// when it asks for a registration and does not grant it; then one call tries, and when that gets through the trunk comes back
/// with half its rate, which grows by 5 % for every ten seconds without a failure.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct BreakerView {
    /// Where it stands.
    state: BreakerState,
    /// Why no call goes over the trunk; absent while it is closed.
    cause: Option<BreakerCause>,
    /// Since when; absent while it is closed.
    since: Option<Timestamp>,
    /// When one call tries again; absent while it is closed.
    until: Option<Timestamp>,
    /// What is left of the trunk's calls per minute, in percent.
    rate_percent: f64,
}

/// Our registration with a carrier.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RegistrationView {
    /// How it goes.
    state: Standing,
    /// SIP status of the latest refusal while it is failing; absent when nobody answered.
    status: Option<u16>,
    /// Since when the state is this one; absent while it is off.
    since: Option<Timestamp>,
    /// When the carrier forgets us unless we refresh, which we do in time.
    until: Option<Timestamp>,
}

impl BreakerView {
    pub(super) fn of(breaker: &Breaker, now: Timestamp) -> Self {
        let opened = breaker.opened();
        Self {
            state: breaker.standing(now),
            cause: opened.map(|(cause, ..)| cause),
            since: opened.map(|(_, since, _)| since),
            until: opened.map(|(.., until)| until),
            rate_percent: f64::from(breaker.share(now)) / 10.0,
        }
    }
}

impl RegistrationView {
    pub(super) fn of(report: Report) -> Self {
        let Report { standing: state, status, since, until } = report;
        Self { state, status, since, until }
    }
}

/// Create a trunk
#[utoipa::path(
    post, path = "/api/v1/trunks", tag = "trunks", request_body = TrunkInput,
    responses(
        (status = 201, body = TrunkView),
        (status = 409, body = super::Problem),
        (status = 422, body = super::Problem)
    )
)]
pub async fn create(
    State(api): State<Api>,
    caller: Caller,
    Body(input): Body<TrunkInput>,
) -> Result<(StatusCode, Tagged<TrunkView>), ApiError> {
    let (data, inbound) = parse(input, None, None)?;
    let mut tx = api.db.begin().await?;
    check_assistant(&mut tx, caller, data.inbound_assistant).await?;
    trunk_inbound::check(&mut tx, caller, &inbound).await?;
    let trunk = trunk::insert(&mut tx, caller.org, data).await?;
    stored::set(&mut tx, trunk.id, &inbound).await?;
    let view = view(&api, &mut tx, trunk).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Tagged(view)))
}

/// List trunks
#[utoipa::path(
    get, path = "/api/v1/trunks", tag = "trunks", params(Paging),
    responses((status = 200, body = Items<TrunkView>))
)]
pub async fn list(
    State(api): State<Api>,
    caller: Caller,
    Params(paging): Params<Paging>,
) -> Result<Json<Items<TrunkView>>, ApiError> {
    let mut tx = api.db.read().await?;
    let listing = trunk::list(&mut tx, Some(caller.org), paging.page()?).await?;
    let mut items = Vec::with_capacity(listing.items.len());
    for trunk in listing.items {
        items.push(view(&api, &mut tx, trunk).await?);
    }
    Ok(Json(Items::of(Listing { items, next: listing.next }, |view| view)))
}

/// Read a trunk
#[utoipa::path(
    get, path = "/api/v1/trunks/{id}", tag = "trunks", params(("id" = TrunkId, Path)),
    responses((status = 200, body = TrunkView), (status = 404, body = super::Problem))
)]
pub async fn read(State(api): State<Api>, caller: Caller, Id(id): Id<TrunkId>) -> Result<Tagged<TrunkView>, ApiError> {
    let mut tx = api.db.read().await?;
    let trunk = trunk::get(&mut tx, caller.org, id).await?;
    Ok(Tagged(view(&api, &mut tx, trunk).await?))
}

/// Let calls over a trunk again
///
/// For a trunk that was stopped because its carrier refused our calls, or is left alone for a while: what was wrong is
/// mended. Its breaker closes at once. Replacing a trunk does the same.
#[utoipa::path(
    post, path = "/api/v1/trunks/{id}/resume", tag = "trunks", params(("id" = TrunkId, Path)),
    responses((status = 200, body = TrunkView), (status = 404, body = super::Problem))
)]
pub async fn resume(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<TrunkId>,
) -> Result<Tagged<TrunkView>, ApiError> {
    let mut tx = api.db.begin().await?;
    let trunk = trunk::get(&mut tx, caller.org, id).await?;
    breaker::reset(&mut tx, id).await?;
    let view = view(&api, &mut tx, trunk).await?;
    tx.commit().await?;
    Ok(Tagged(view))
}

/// Replace a trunk
///
/// Calls under way keep the settings they began with.
#[utoipa::path(
    put, path = "/api/v1/trunks/{id}", tag = "trunks", params(("id" = TrunkId, Path)), request_body = TrunkInput,
    responses(
        (status = 200, body = TrunkView),
        (status = 404, body = super::Problem),
        (status = 409, body = super::Problem),
        (status = 422, body = super::Problem)
    )
)]
pub async fn replace(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<TrunkId>,
    wanted: IfMatch,
    Body(input): Body<TrunkInput>,
) -> Result<Tagged<TrunkView>, ApiError> {
    let mut tx = api.db.begin().await?;
    wanted.lock(&mut tx, Lock::Trunk(id)).await?;
    let trunk = trunk::get(&mut tx, caller.org, id).await?;
    wanted.check(&view(&api, &mut tx, trunk.clone()).await?)?;
    let before = stored::get(&mut tx, id).await?.auth;
    let (data, inbound) = parse(input, trunk.data.password, before)?;
    check_assistant(&mut tx, caller, data.inbound_assistant).await?;
    trunk_inbound::check(&mut tx, caller, &inbound).await?;
    trunk::update(&mut tx, caller.org, id, trunk.version, &data).await?;
    stored::set(&mut tx, id, &inbound).await?;
    let trunk = trunk::get(&mut tx, caller.org, id).await?;
    let view = view(&api, &mut tx, trunk).await?;
    tx.commit().await?;
    Ok(Tagged(view))
}

/// Delete a trunk that no campaign, no group and no route uses
#[utoipa::path(
    delete, path = "/api/v1/trunks/{id}", tag = "trunks", params(("id" = TrunkId, Path)),
    responses((status = 204), (status = 404, body = super::Problem), (status = 409, body = super::Problem))
)]
pub async fn delete(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<TrunkId>,
    wanted: IfMatch,
) -> Result<StatusCode, ApiError> {
    let mut tx = api.db.begin().await?;
    wanted.lock(&mut tx, Lock::Trunk(id)).await?;
    let trunk = trunk::get(&mut tx, caller.org, id).await?;
    wanted.check(&view(&api, &mut tx, trunk).await?)?;
    trunk::delete(&mut tx, caller.org, id).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn check_assistant(tx: &mut Tx, caller: Caller, id: Option<AssistantId>) -> Result<(), ApiError> {
    let Some(id) = id else { return Ok(()) };
    match assistant::get(tx, caller.org, id).await {
        Ok(_) => Ok(()),
        Err(StoreError::NotFound) => {
            Err(ApiError::field("/inbound_assistant_id", "not_found", "there is no such assistant"))
        }
        Err(error) => Err(error.into()),
    }
}

fn parse(
    mut input: TrunkInput,
    old_password: Option<SecretString>,
    old_auth: Option<stored::InboundAuth>,
) -> Result<(TrunkData, stored::TrunkInbound), ApiError> {
    let mut faults = Vec::new();
    input.fill(&mut faults);
    check_media(&input, &mut faults);
    let (writing, callers) = (input.numbers.unwrap_or_default(), input.callers.unwrap_or_default());
    let mut numbers = BTreeSet::new();
    let mut caller_ids = Vec::new();
    for (index, text) in input.caller_ids.iter().enumerate() {
        let mut fault = |code: &str, reason: String| {
            faults.push(FieldFault { pointer: format!("/caller_ids/{index}"), code: code.to_owned(), reason });
        };
        match E164::parse(text, None) {
            Ok(number) if numbers.insert(number.clone()) => caller_ids.push(number),
            Ok(_) => fault("duplicate", "stands here twice".to_owned()),
            Err(error) => fault("invalid_phone", error.to_string()),
        }
    }
    let password = input.password.or(old_password);
    if input.username.is_some() != password.is_some() {
        faults.push(FieldFault {
            pointer: if password.is_some() { "/username" } else { "/password" }.to_owned(),
            code: "missing_field".to_owned(),
            reason: "a user name and a password are needed together".to_owned(),
        });
    }
    if input.register && input.username.is_none() {
        faults.push(FieldFault {
            pointer: "/username".to_owned(),
            code: "missing_field".to_owned(),
            reason: "registering needs a user name and a password".to_owned(),
        });
    }
    let asked = trunk_inbound::Asked {
        auth: input.inbound_auth,
        sources: input.inbound_sources,
        numbers: input.inbound_numbers,
        reserve: input.inbound_reserve,
        max_channels: input.max_channels,
        before: old_auth,
    };
    let inbound = trunk_inbound::parse(asked, &mut faults);
    let within = |field: &'static str| {
        move |fault: RuleFault| FieldFault {
            pointer: format!("/{field}{}", fault.pointer),
            code: fault.code.to_owned(),
            reason: fault.reason,
        }
    };
    faults.extend(writing.faults().into_iter().map(within("numbers")));
    faults.extend(callers.faults(input.username.is_some()).into_iter().map(within("callers")));
    if !faults.is_empty() {
        return Err(ApiError::Invalid(faults));
    }
    let data = TrunkData {
        name: input.name,
        host: input.host.unwrap_or_default(),
        port: input.port,
        transport: input.transport.unwrap_or(TrunkTransport::Udp),
        username: input.username,
        password,
        caller_ids,
        register: input.register,
        enabled: input.enabled,
        max_channels: input.max_channels,
        calls_per_minute: input.calls_per_minute,
        caller_id_calls_per_minute: input.caller_id_calls_per_minute,
        caller_id_max_calls: input.caller_id_max_calls,
        inbound_assistant: input.inbound_assistant_id,
        identity_policy: input.identity_policy,
        attestation: input.attestation,
        media: MediaTerms { srtp: input.srtp, codecs: input.codecs },
        wording: Wording { numbers: writing, callers },
        options_s: input.options_s,
    };
    Ok((data, inbound))
}

fn check_media(input: &TrunkInput, faults: &mut Vec<FieldFault>) {
    let mut fault = |pointer: String, code: &str, reason: &str| {
        faults.push(FieldFault { pointer, code: code.to_owned(), reason: reason.to_owned() });
    };
    for (index, codec) in input.codecs.iter().enumerate() {
        if input.codecs[..index].contains(codec) {
            fault(format!("/codecs/{index}"), "duplicate", "stands here twice");
        }
    }
    if input.srtp == SrtpPolicy::Required && input.transport != Some(TrunkTransport::Tls) {
        let reason = "needs the transport tls: by udp and tcp the keys of the audio would travel in the open; \
                      set transport to tls, or srtp to offered";
        fault("/srtp".to_owned(), "needs_tls", reason);
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that garde calls")]
fn is_interval(seconds: &u32, (): &()) -> garde::Result {
    if matches!(seconds, 0 | 5..=3600) {
        return Ok(());
    }
    Err(garde::Error::new("5 to 3600 seconds, or 0 to ask none"))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that garde calls")]
fn is_host(text: &str, (): &()) -> garde::Result {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    if text.chars().all(plain) {
        return Ok(());
    }
    Err(garde::Error::new("a host name or an IP address, without scheme, port or spaces"))
}

async fn view(api: &Api, tx: &mut Tx, trunk: Trunk) -> Result<TrunkView, StoreError> {
    let (breaker, now) = (breaker::read(tx, trunk.id).await?, tx.now().await?);
    let inbound = stored::get(tx, trunk.id).await?;
    let Trunk { id, org: _, version, data, created_at, updated_at } = trunk;
    Ok(TrunkView {
        id,
        version,
        name: data.name,
        host: data.host,
        port: data.port,
        transport: data.transport,
        username: data.username,
        has_password: data.password.is_some(),
        caller_ids: data.caller_ids,
        register: data.register,
        enabled: data.enabled,
        max_channels: data.max_channels,
        calls_per_minute: data.calls_per_minute,
        caller_id_calls_per_minute: data.caller_id_calls_per_minute,
        caller_id_max_calls: data.caller_id_max_calls,
        inbound_assistant_id: data.inbound_assistant,
        identity_policy: data.identity_policy,
        attestation: data.attestation,
        inbound_auth: trunk_inbound::auth_view(&inbound),
        inbound_numbers: trunk_inbound::numbers_view(&inbound),
        inbound_sources: inbound.sources,
        inbound_reserve: inbound.reserve,
        srtp: data.media.srtp,
        codecs: data.media.codecs,
        numbers: data.wording.numbers,
        callers: data.wording.callers,
        options_s: data.options_s,
        registration: RegistrationView::of(api.trunks.status.report(id)),
        bound_until: api.trunks.status.bound_until(time::now(), id),
        breaker: BreakerView::of(&breaker, now),
        created_at,
        updated_at,
    })
}
