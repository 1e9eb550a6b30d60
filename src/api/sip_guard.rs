//! The guard of this node's SIP sockets: whom it does not listen to, and what it has counted.

use std::net::IpAddr;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use callwright_sip::guard::{Ban, IsKnown, Source};
use garde::Validate;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::auth::Caller;
use super::body::Body;
use super::error::ApiError;
use super::paging::Id;
use crate::net::sip_driver::SipStopped;
use crate::store::audit;
use crate::time;

/// A ban to begin.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "address": "203.0.113.7", "seconds": 86400 }))]
pub struct SipBanInput {
    /// The address; of IPv6 its network of 64 bits is meant.
    #[garde(skip)]
    #[schema(value_type = String, examples("203.0.113.7"))]
    address: IpAddr,
    /// How long, in seconds, 1 to 31536000; as long as bans last by the settings when it is left out.
    #[serde(default)]
    #[garde(range(min = 1, max = 31_536_000))]
    seconds: Option<u32>,
}

/// A sender that is not listened to.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SipBanView {
    /// Its address; of IPv6 the first one of its network of 64 bits.
    #[schema(value_type = String)]
    address: IpAddr,
    /// Why: `malformed` (messages that are none), `digest` (wrong passwords), `register` (REGISTER requests without end),
    /// `flood` (too much of anything), `scanner` (a program that looks for servers) or `operator`.
    cause: String,
    /// Since when.
    since: Timestamp,
    /// Until when.
    until: Timestamp,
    /// Messages dropped since.
    dropped: u64,
}

/// What the guard does, and what was counted since the node started.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SipGuardView {
    /// The bans that last.
    bans: Vec<SipBanView>,
    /// What part of new calls is turned away now, in percent.
    shedding_percent: f64,
    /// Calls that have come in and wait for their first answer.
    waiting_calls: usize,
    /// Messages that wait to be looked at.
    queued: usize,
    /// Senders that are remembered.
    remembered_sources: usize,
    /// Counters.
    counters: SipGuardCounters,
}

/// Messages, since the node started.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SipGuardCounters {
    /// Looked at.
    seen: u64,
    /// Of those, from addresses of trunks.
    of_trunks: u64,
    /// Dropped: their sender was banned.
    banned: u64,
    /// Dropped: their sender sent too much, or all strangers did.
    limited: u64,
    /// Dropped: strangers are not answered.
    strangers: u64,
    /// Dropped: from strangers, and no SIP.
    garbage: u64,
    /// Dropped: too many waited.
    crowded: u64,
    /// No SIP messages, of those that were parsed.
    malformed: u64,
    /// Refused with 503: new calls and probes when there was too much.
    shed: u64,
    /// Requests with a wrong name or password.
    unproved: u64,
    /// Bans that were begun.
    bans: u64,
}

/// Read what the guard does
///
/// Of this node alone: each has a guard of its own.
#[utoipa::path(
    get, path = "/api/v1/sip/guard", tag = "sip guard",
    responses((status = 200, body = SipGuardView))
)]
pub async fn read(State(api): State<Api>) -> Result<Json<SipGuardView>, ApiError> {
    let report = api.calls.sip().guard().await.map_err(stopped)?;
    let (guard, endpoint) = (report.guard, report.endpoint);
    Ok(Json(SipGuardView {
        bans: report.bans.iter().map(view).collect(),
        shedding_percent: f64::from(report.shedding) / 10.0,
        waiting_calls: report.waiting,
        queued: report.queued,
        remembered_sources: report.remembered,
        counters: SipGuardCounters {
            seen: guard.seen,
            of_trunks: guard.of_trunks,
            banned: guard.banned,
            limited: guard.limited,
            strangers: guard.strangers,
            garbage: guard.garbage,
            crowded: report.crowded,
            malformed: endpoint.malformed,
            shed: endpoint.shed,
            unproved: endpoint.unproved,
            bans: guard.bans,
        },
    }))
}

/// Ban an address
///
/// Nothing that comes from there is looked at any more, on this node. Addresses of trunks cannot be banned: switch the
/// trunk off.
#[utoipa::path(
    post, path = "/api/v1/sip/guard/bans", tag = "sip guard", request_body = SipBanInput,
    responses(
        (status = 201, body = SipBanView),
        (status = 409, body = super::Problem),
        (status = 422, body = super::Problem)
    )
)]
pub async fn ban(
    State(api): State<Api>,
    caller: Caller,
    Body(input): Body<SipBanInput>,
) -> Result<(StatusCode, Json<SipBanView>), ApiError> {
    let lasts = input.seconds.map(|seconds| Duration::from_secs(seconds.into()));
    let banned = api.calls.sip().ban(input.address, lasts).await.map_err(stopped)?;
    let ban = banned.map_err(|IsKnown| ApiError::Conflict {
        code: "trunk_address",
        detail: "the address is that of a trunk: switch the trunk off, or take the address from it".to_owned(),
        faults: Vec::new(),
    })?;
    let view = view(&ban);
    let mut tx = api.db.begin().await?;
    audit::banned(&mut tx, caller.org, &caller.actor(), view.address, Some(view.until)).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(view)))
}

/// Lift a ban
///
/// What was sent from there before counts no more.
#[utoipa::path(
    delete, path = "/api/v1/sip/guard/bans/{address}", tag = "sip guard",
    params(("address" = String, Path, description = "The banned address, or any of its network of 64 bits")),
    responses((status = 204), (status = 404, body = super::Problem))
)]
pub async fn unban(State(api): State<Api>, caller: Caller, Id(address): Id<IpAddr>) -> Result<StatusCode, ApiError> {
    if !api.calls.sip().unban(address).await.map_err(stopped)? {
        return Err(ApiError::NotFound("ban"));
    }
    let mut tx = api.db.begin().await?;
    let address = Source::of(address).address();
    audit::banned(&mut tx, caller.org, &caller.actor(), address, None).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

fn view(ban: &Ban) -> SipBanView {
    let now = time::now();
    SipBanView {
        address: ban.source.address(),
        cause: ban.cause.as_str().to_owned(),
        since: now.wall - now.mono.saturating_duration_since(ban.since),
        until: now.wall + ban.until.saturating_duration_since(now.mono),
        dropped: ban.dropped,
    }
}

fn stopped(SipStopped: SipStopped) -> ApiError {
    ApiError::Internal(anyhow::anyhow!("SIP has stopped"))
}
