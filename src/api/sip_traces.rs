//! What calls said over SIP: as a ladder, as text, as a file of packets.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use callwright_sip::trace::pcap;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::auth::Caller;
use super::error::ApiError;
use super::paging::{Id, Params};
use crate::id::{AttemptId, CallId, OrgId};
use crate::sight::view::{self, SipLadder};
use crate::sight::{LegTrace, Of, keeper};
use crate::store::{attempt, call};

/// What is answered where a call is there and its messages are not.
const GONE: &str = "trace of this call: SIP messages are kept for `sip.trace.days` days where `sip.trace.enabled` is on, \
                    and those of a live call are at the node that has it";

/// In which form.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Shown {
    /// `json`, or `text` for a ladder that can be read in a terminal.
    #[serde(default)]
    #[param(inline)]
    format: Format,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Format {
    #[default]
    Json,
    Text,
}

/// Read the SIP messages of a call as a ladder
///
/// Live or over, answered or not; second legs of transfers are in it. Passwords and what is computed from them, keys of
/// media and pressed keys are redacted before anything is kept. A live call is read at the node that has it.
#[utoipa::path(
    get, path = "/api/v1/calls/{id}/sip", tag = "calls", params(("id" = CallId, Path), Shown),
    responses(
        (status = 200, content((SipLadder = "application/json"), (String = "text/plain"))),
        (status = 404, body = super::Problem)
    )
)]
pub async fn of_call(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<CallId>,
    Params(shown): Params<Shown>,
) -> Result<Response, ApiError> {
    ladder(&api, caller.org, Of::Call(id), shown).await
}

/// Get the SIP messages of a call as a file of packets
///
/// A pcap file for Wireshark and the like, redacted as the ladder is. Each message is one UDP datagram, also where it
/// travelled over TCP or TLS.
#[utoipa::path(
    get, path = "/api/v1/calls/{id}/sip.pcap", tag = "calls", params(("id" = CallId, Path)),
    responses(
        (status = 200, content_type = "application/vnd.tcpdump.pcap", body = Vec<u8>),
        (status = 404, body = super::Problem)
    )
)]
pub async fn packets_of_call(State(api): State<Api>, caller: Caller, Id(id): Id<CallId>) -> Result<Response, ApiError> {
    packets(&api, caller.org, Of::Call(id)).await
}

/// Read the SIP messages of an attempt as a ladder
///
/// As `/api/v1/calls/{id}/sip` does, for whoever knows the attempt and not its call: also what was refused, or never
/// answered.
#[utoipa::path(
    get, path = "/api/v1/attempts/{id}/sip", tag = "calls", params(("id" = AttemptId, Path), Shown),
    responses(
        (status = 200, content((SipLadder = "application/json"), (String = "text/plain"))),
        (status = 404, body = super::Problem)
    )
)]
pub async fn of_attempt(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<AttemptId>,
    Params(shown): Params<Shown>,
) -> Result<Response, ApiError> {
    ladder(&api, caller.org, Of::Attempt(id), shown).await
}

/// Get the SIP messages of an attempt as a file of packets
///
/// As `/api/v1/calls/{id}/sip.pcap` does.
#[utoipa::path(
    get, path = "/api/v1/attempts/{id}/sip.pcap", tag = "calls", params(("id" = AttemptId, Path)),
    responses(
        (status = 200, content_type = "application/vnd.tcpdump.pcap", body = Vec<u8>),
        (status = 404, body = super::Problem)
    )
)]
pub async fn packets_of_attempt(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<AttemptId>,
) -> Result<Response, ApiError> {
    packets(&api, caller.org, Of::Attempt(id)).await
}

async fn ladder(api: &Api, org: OrgId, of: Of, shown: Shown) -> Result<Response, ApiError> {
    let (legs, complete) = messages(api, org, of).await?;
    Ok(match shown.format {
        Format::Json => Json(SipLadder::of(&legs, complete)).into_response(),
        Format::Text => view::text(&legs).into_response(),
    })
}

async fn packets(api: &Api, org: OrgId, of: Of) -> Result<Response, ApiError> {
    let (legs, _) = messages(api, org, of).await?;
    let mut messages: Vec<_> = legs.iter().flat_map(|leg| leg.trace.messages()).collect();
    messages.sort_by_key(|message| message.at_us());
    let kind = [(header::CONTENT_TYPE, "application/vnd.tcpdump.pcap")];
    Ok((kind, pcap::encode(messages)).into_response())
}

/// The messages and whether these are all; or whether it is the call that is not there, or its messages.
async fn messages(api: &Api, org: OrgId, of: Of) -> Result<(Vec<LegTrace>, bool), ApiError> {
    let (legs, complete) = keeper::messages(api.calls.sight().as_ref(), &api.db, org, of).await?;
    if !legs.is_empty() {
        return Ok((legs, complete));
    }
    let mut tx = api.db.read().await?;
    match of {
        Of::Call(id) if api.calls.get(id).is_some_and(|live| live.org == org) => {}
        Of::Call(id) => drop(call::get(&mut tx, org, id).await?),
        Of::Attempt(id) => drop(attempt::get(&mut tx, org, id).await?),
    }
    Err(ApiError::NotFound(GONE))
}
