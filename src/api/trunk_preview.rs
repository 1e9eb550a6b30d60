//! What a trunk would be told in a call, and how it would be read, without calling anybody.

use axum::Json;
use axum::extract::State;
use callwright_sip::endpoint::{PeerName, Transport};
use callwright_sip::message::header::NameAddr;
use callwright_sip::message::{HeaderName, Headers, HostPort};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::auth::Caller;
use super::body::Body;
use super::error::ApiError;
use super::paging::Id;
use crate::campaign::phone::E164;
use crate::id::TrunkId;
use crate::pii::Pii;
use crate::store::trunk::{self, TrunkTransport};
use crate::trunk::callers::{Place, Words};
use crate::trunk::numbers::Read;
use crate::trunk::route;

/// A call to be tried on paper, and numbers as they came from the carrier.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "to": "+442079460001", "incoming_caller": "442079460002" }))]
pub struct PreviewInput {
    /// Whom to call, with `+` and country code.
    #[garde(skip)]
    #[schema(value_type = String)]
    to: Pii<String>,
    /// The number to show; the first of the trunk's caller IDs when it is left out.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<String>)]
    caller_id: Option<Pii<String>>,
    /// The user part of a caller's address as the carrier sends it.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<String>)]
    incoming_caller: Option<Pii<String>>,
    /// The user part of a called address as the carrier sends it.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<String>)]
    incoming_called: Option<Pii<String>>,
}

/// What an INVITE over the trunk says. What is absent is not sent.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PreviewView {
    /// Request-URI.
    #[schema(value_type = String)]
    request_uri: Pii<String>,
    /// Its user part: the number as the carrier reads it.
    #[schema(value_type = String)]
    called: Pii<String>,
    /// Which of `numbers.called.rules` has written it, from 0; absent when none takes the number.
    called_rule: Option<usize>,
    /// To.
    #[schema(value_type = String)]
    to: Pii<String>,
    /// From.
    #[schema(value_type = String)]
    from: Pii<String>,
    /// Which of `numbers.caller.rules` has written the number shown, from 0; absent when none takes it.
    caller_rule: Option<usize>,
    /// P-Asserted-Identity.
    #[schema(value_type = Option<String>)]
    p_asserted_identity: Option<Pii<String>>,
    /// P-Preferred-Identity.
    #[schema(value_type = Option<String>)]
    p_preferred_identity: Option<Pii<String>>,
    /// Remote-Party-ID.
    #[schema(value_type = Option<String>)]
    remote_party_id: Option<Pii<String>>,
    /// Privacy.
    privacy: Option<String>,
    /// What is read from `incoming_caller`; absent when none was given.
    incoming_caller: Option<ReadView>,
    /// What is read from `incoming_called`; absent when none was given.
    incoming_called: Option<ReadView>,
}

/// What is read from a number as it came.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ReadView {
    /// The number; absent when it is none.
    #[schema(value_type = Option<String>)]
    number: Option<Pii<E164>>,
    /// Which of the rules has changed it, from 0; absent when none takes it.
    rule: Option<usize>,
}

/// Show what a trunk would be told
///
/// Nobody is called, and nothing is kept: the Request-URI, To, From, identity and Privacy of a call over the trunk as its
/// `numbers` and `callers` make them, and how numbers that come in are read.
#[utoipa::path(
    post, path = "/api/v1/trunks/{id}/preview", tag = "trunks", params(("id" = TrunkId, Path)),
    request_body = PreviewInput,
    responses(
        (status = 200, body = PreviewView),
        (status = 404, body = super::Problem),
        (status = 422, body = super::Problem)
    )
)]
pub async fn preview(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<TrunkId>,
    Body(input): Body<PreviewInput>,
) -> Result<Json<PreviewView>, ApiError> {
    let mut tx = api.db.read().await?;
    let trunk = trunk::get(&mut tx, caller.org, id).await?;
    drop(tx);
    let to = number("/to", &input.to)?;
    let from = match &input.caller_id {
        Some(shown) => Some(number("/caller_id", shown)?),
        None => trunk.data.caller_ids.first().cloned(),
    };
    let domain = route::domain(&trunk).ok_or_else(|| ApiError::Conflict {
        code: "unusable_host",
        detail: "the trunk's host can stand in no address: change it to a host name or an IP address".to_owned(),
        faults: Vec::new(),
    })?;
    let transport = match trunk.data.transport {
        // Where the records of the host say nothing, it is UDP.
        TrunkTransport::Udp | TrunkTransport::Auto => Transport::Udp,
        TrunkTransport::Tcp => Transport::Tcp,
        TrunkTransport::Tls => Transport::Tls(PeerName::NONE),
    };
    let own = trunk.data.signalling.external.map(|seen| HostPort { host: seen.address.into(), port: seen.port });
    let own = own.or_else(|| api.calls.advertised(transport).map(HostPort::from));
    let place = Place { domain: &domain, own: own.as_ref(), account: trunk.data.username.as_deref() };
    let wording = &trunk.data.wording;
    let Words { uri, from: shown, to: callee, headers } = wording.words(place, &to, from.as_ref());
    let called = wording.numbers.called(&to);
    let read = |found: Option<Read>| match found {
        Some(Read { number, rule }) => ReadView { number: Some(number), rule },
        None => ReadView { number: None, rule: None },
    };
    Ok(Json(PreviewView {
        request_uri: Pii::new(uri.to_string()),
        called: called.text,
        called_rule: called.rule,
        to: printed(&callee),
        from: printed(&shown),
        caller_rule: from.as_ref().and_then(|from| wording.numbers.caller(from).rule),
        p_asserted_identity: header(&headers, &HeaderName::PAssertedIdentity),
        p_preferred_identity: header(&headers, &HeaderName::PPreferredIdentity),
        remote_party_id: header(&headers, &HeaderName::RemotePartyId),
        privacy: header(&headers, &HeaderName::Privacy).map(Pii::into_inner),
        incoming_caller: input.incoming_caller.map(|user| read(wording.numbers.incoming_caller(user.expose()))),
        incoming_called: input.incoming_called.map(|user| read(wording.numbers.incoming_called(user.expose()))),
    }))
}

fn number(pointer: &str, text: &Pii<String>) -> Result<E164, ApiError> {
    E164::parse(text.expose(), None).map_err(|error| ApiError::field(pointer, "invalid_phone", error.to_string()))
}

fn printed(address: &NameAddr) -> Pii<String> {
    let mut out = Vec::new();
    address.print(&mut out);
    Pii::new(String::from_utf8_lossy(&out).into_owned())
}

fn header(headers: &Headers, name: &HeaderName) -> Option<Pii<String>> {
    headers.get(name).map(|value| Pii::new(String::from_utf8_lossy(value).into_owned()))
}
