//! Records of consent.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use garde::Validate;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::auth::Caller;
use super::body::Body;
use super::error::ApiError;
use super::paging::{Id, Items, Params};
use crate::campaign::phone::E164;
use crate::id::ConsentId;
use crate::pii::Pii;
use crate::store::consent::{self, Consent, ConsentData};

/// A consent to record.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "phone": "+442079460001", "source": "web form, spring offer", "given_at": "2026-11-01T09:30:00Z",
    "proof": "I agree to be called about the spring offer, also by an automated voice. Form 17, 192.0.2.7"
}))]
pub struct ConsentInput {
    /// Phone number with `+` and country code.
    #[garde(skip)]
    #[schema(value_type = String)]
    phone: Pii<String>,
    /// How it was given.
    #[garde(length(chars, min = 1, max = 200))]
    source: String,
    /// When it was given.
    #[garde(skip)]
    given_at: Timestamp,
    /// The words agreed to, or where the proof lies; at most 10,000 characters.
    #[garde(custom(some_text))]
    #[schema(value_type = String, max_length = 10_000)]
    proof: Pii<String>,
    /// SHA-256 of a file with the proof, hexadecimal; that of `proof` when it is left out.
    #[serde(default)]
    #[garde(inner(custom(hexadecimal)))]
    proof_hash: Option<String>,
    /// Until when it counts.
    #[serde(default)]
    #[garde(skip)]
    valid_until: Option<Timestamp>,
}

fn some_text(text: &Pii<String>, (): &()) -> garde::Result {
    if (1..=10_000).contains(&text.expose().trim().chars().count()) {
        Ok(())
    } else {
        Err(garde::Error::new("must have 1 to 10,000 characters"))
    }
}

fn hexadecimal(text: &str, (): &()) -> garde::Result {
    if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(())
    } else {
        Err(garde::Error::new("must have 64 hexadecimal digits"))
    }
}

/// A record of consent.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ConsentView {
    /// Id.
    id: ConsentId,
    /// How it was given.
    source: String,
    /// When it was given.
    given_at: Timestamp,
    /// The words agreed to, or where the proof lies.
    #[schema(value_type = String)]
    proof: Pii<String>,
    /// SHA-256 of the proof.
    proof_hash: String,
    /// Until when it counts.
    valid_until: Option<Timestamp>,
    /// When it was withdrawn.
    withdrawn_at: Option<Timestamp>,
    /// When it was written down.
    recorded_at: Timestamp,
}

/// Whose records.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct OfNumber {
    /// Phone number with `+` and country code.
    #[param(value_type = String, example = "+442079460001")]
    phone: Pii<String>,
}

/// Record a consent
///
/// It counts for all campaigns of the organisation that ask for one (`require_consent`). Records are not deleted.
#[utoipa::path(
    post, path = "/api/v1/consents", tag = "consents", request_body = ConsentInput,
    responses((status = 201, body = ConsentView), (status = 422, body = super::Problem))
)]
pub async fn create(
    State(api): State<Api>,
    caller: Caller,
    Body(input): Body<ConsentInput>,
) -> Result<(StatusCode, Json<ConsentView>), ApiError> {
    let number = api.secrets.phone.hash(&phone("/phone", &input.phone)?);
    let mut tx = api.db.begin_durable().await?;
    if input.given_at > tx.now().await? {
        return Err(ApiError::field("/given_at", "in_the_future", "consent cannot be given in the future"));
    }
    let digest = || Sha256::digest(input.proof.expose().as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    let data = ConsentData {
        proof_hash: input.proof_hash.map_or_else(digest, |hash| hash.to_ascii_lowercase()),
        source: input.source,
        given_at: input.given_at,
        proof: input.proof,
        valid_until: input.valid_until,
    };
    let made = consent::insert(&mut tx, caller.org, &caller.actor(), &number, data).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(view(made))))
}

/// List the consents of a number
#[utoipa::path(
    get, path = "/api/v1/consents", tag = "consents", params(OfNumber),
    responses((status = 200, body = Items<ConsentView>), (status = 422, body = super::Problem))
)]
pub async fn list(
    State(api): State<Api>,
    caller: Caller,
    Params(of): Params<OfNumber>,
) -> Result<Json<Items<ConsentView>>, ApiError> {
    let number = api.secrets.phone.hash(&phone("?phone", &of.phone)?);
    let mut tx = api.db.read().await?;
    let all = consent::of_number(&mut tx, caller.org, &number).await?;
    Ok(Json(Items { items: all.into_iter().map(view).collect(), next: None }))
}

/// Withdraw a consent
///
/// From now on it counts no longer; it is looked at once more immediately before each dial.
#[utoipa::path(
    post, path = "/api/v1/consents/{id}/withdraw", tag = "consents", params(("id" = ConsentId, Path)),
    responses((status = 200, body = ConsentView), (status = 404, body = super::Problem))
)]
pub async fn withdraw(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<ConsentId>,
) -> Result<Json<ConsentView>, ApiError> {
    let mut tx = api.db.begin_durable().await?;
    let withdrawn = consent::withdraw(&mut tx, caller.org, &caller.actor(), id).await?;
    tx.commit().await?;
    Ok(Json(view(withdrawn)))
}

fn phone(field: &str, text: &Pii<String>) -> Result<E164, ApiError> {
    E164::parse(text.expose(), None).map_err(|error| ApiError::field(field, "invalid_phone", error.to_string()))
}

fn view(consent: Consent) -> ConsentView {
    let ConsentData { source, given_at, proof, proof_hash, valid_until } = consent.data;
    ConsentView {
        id: consent.id,
        source,
        given_at,
        proof,
        proof_hash,
        valid_until,
        withdrawn_at: consent.withdrawn_at,
        recorded_at: consent.recorded_at,
    }
}
