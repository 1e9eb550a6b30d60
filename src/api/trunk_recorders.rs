//! The recorder of somebody else's that hears the calls of a trunk (SIPREC).

use axum::extract::State;
use callwright_sip::message::{Scheme, Uri};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::auth::Caller;
use super::body::Body;
use super::error::ApiError;
use super::etag::{IfMatch, Tagged};
use super::paging::Id;
use crate::id::TrunkId;
use crate::store::lock::Lock;
use crate::store::recorder;

/// Which recorder hears the calls of a trunk.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "uri": "sip:recorder@198.51.100.20:5060;transport=tcp" }))]
pub struct TrunkRecorderInput {
    /// Its SIP address: `sip:` or `sips:`, with `;transport=tcp` where it takes TCP. Null: none.
    #[garde(inner(length(max = 256)))]
    #[schema(max_length = 256)]
    uri: Option<String>,
}

/// The recorder of a trunk.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TrunkRecorder {
    /// Its SIP address; null where the trunk has none.
    uri: Option<String>,
}

/// Read which recorder hears the calls of a trunk
#[utoipa::path(
    get, path = "/api/v1/trunks/{id}/recorder", tag = "trunks", params(("id" = TrunkId, Path)),
    responses((status = 200, body = TrunkRecorder), (status = 404, body = super::Problem))
)]
pub async fn read(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<TrunkId>,
) -> Result<Tagged<TrunkRecorder>, ApiError> {
    let mut tx = api.db.read().await?;
    Ok(Tagged(TrunkRecorder { uri: recorder::get(&mut tx, caller.org, id).await? }))
}

/// Say which recorder hears the calls of a trunk
///
/// From the next answer on, calls over the trunk are sent to it while they go on (SIPREC, RFC 7866): what the far side says
/// and what we say, as two streams, with both numbers and the assistant's name. Calls of assistants that record nothing are
/// not sent. A call goes on when its recorder cannot be reached.
#[utoipa::path(
    put, path = "/api/v1/trunks/{id}/recorder", tag = "trunks", params(("id" = TrunkId, Path)),
    request_body = TrunkRecorderInput,
    responses(
        (status = 200, body = TrunkRecorder),
        (status = 404, body = super::Problem),
        (status = 422, body = super::Problem)
    )
)]
pub async fn replace(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<TrunkId>,
    wanted: IfMatch,
    Body(input): Body<TrunkRecorderInput>,
) -> Result<Tagged<TrunkRecorder>, ApiError> {
    if let Some(reason) = input.uri.as_deref().and_then(fault) {
        return Err(ApiError::field("/uri", "invalid_uri", reason));
    }
    let mut tx = api.db.begin().await?;
    wanted.lock(&mut tx, Lock::Trunk(id)).await?;
    wanted.check(&TrunkRecorder { uri: recorder::get(&mut tx, caller.org, id).await? })?;
    recorder::set(&mut tx, caller.org, id, input.uri.as_deref()).await?;
    tx.commit().await?;
    Ok(Tagged(TrunkRecorder { uri: input.uri }))
}

/// Why a text is no address of a recorder.
fn fault(text: &str) -> Option<&'static str> {
    match Uri::parse(text.as_bytes()) {
        Err(_) => Some("a SIP address, for example sip:recorder@198.51.100.20;transport=tcp"),
        Ok(uri) if !matches!(uri.scheme, Scheme::Sip | Scheme::Sips) => Some("an address with sip: or sips:"),
        Ok(uri) if uri.password.is_some() || uri.headers.is_some() => Some("an address without password and headers"),
        Ok(_) => None,
    }
}
