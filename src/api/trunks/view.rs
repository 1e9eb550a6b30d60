//! A trunk as it is read.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::Api;
use crate::api::trunk_inbound::{self, InboundAuthView, InboundNumberInput};
use crate::campaign::phone::E164;
use crate::id::{AssistantId, TrunkId};
use crate::stir::signer::SigningLevel;
use crate::stir::verdict::IdentityPolicy;
use crate::store::dialing::breaker;
use crate::store::trunk::{Trunk, TrunkTransport};
use crate::store::trunk_inbound as stored;
use crate::store::{StoreError, Tx};
use crate::time;
use crate::trunk::breaker::{Breaker, BreakerCause, BreakerState};
use crate::trunk::callers::CallerRules;
use crate::trunk::media::{DtmfMode, SrtpPolicy, TrunkCodec};
use crate::trunk::numbers::NumberRules;
use crate::trunk::registrations::{Report, Standing};
use crate::trunk::signalling;

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
    /// Requests too large for a datagram leave over TCP.
    large_over_tcp: bool,
    /// How often a call may be redirected to the same number elsewhere.
    redirects: u32,
    /// Whether calls that come in may take the place of live ones.
    replaces: bool,
    /// Where the carrier sees our SIP, if not at the address that the listener advertises.
    external_signalling: Option<String>,
    /// Where it sees our audio, if not at the listener's address.
    #[schema(value_type = Option<String>)]
    external_media: Option<IpAddr>,
    /// How keys pressed are told and heard.
    dtmf: DtmfMode,
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
    pub(in crate::api) fn of(breaker: &Breaker, now: Timestamp) -> Self {
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
    pub(in crate::api) fn of(report: Report) -> Self {
        let Report { standing: state, status, since, until } = report;
        Self { state, status, since, until }
    }
}

/// The trunk with how it is doing.
pub(super) async fn view(api: &Api, tx: &mut Tx, trunk: Trunk) -> Result<TrunkView, StoreError> {
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
        large_over_tcp: data.signalling.large_over_tcp,
        redirects: data.signalling.redirects,
        replaces: data.signalling.replaces,
        external_signalling: data.signalling.external.as_ref().map(signalling::text),
        external_media: data.media.external,
        dtmf: data.media.dtmf,
        registration: RegistrationView::of(api.trunks.status.report(id)),
        bound_until: api.trunks.status.bound_until(time::now(), id),
        breaker: BreakerView::of(&breaker, now),
        created_at,
        updated_at,
    })
}
