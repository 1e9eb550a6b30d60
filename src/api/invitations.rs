//! Accepting an invitation: whoever has its token sets a password, once.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use garde::Validate;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::body::Body;
use super::cookie;
use super::error::ApiError;
use super::peer::Peer;
use super::session::{busy, is_name, is_password, open};
use crate::access::{Email, Token};
use crate::pii::Pii;
use crate::store::audit::Actor;
use crate::store::sign_in_try::{self, Subject};
use crate::store::{StoreError, Tx, invitation, org, user, user_session};

/// Who is invited.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct InvitedView {
    /// Name of the organisation.
    organisation: String,
    /// The address to sign in with.
    #[schema(value_type = String)]
    email: Pii<String>,
    /// What people call them.
    #[schema(value_type = String)]
    name: Pii<String>,
}

/// What whoever is invited sets.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "Grace", "password": "a long pass phrase" }))]
pub struct AcceptInput {
    /// What people call them.
    #[garde(custom(is_name))]
    #[schema(value_type = String, min_length = 1, max_length = 200)]
    name: Pii<String>,
    /// The password from now on: 10 characters or more.
    #[garde(custom(is_password))]
    #[schema(value_type = String, format = Password, min_length = 10, max_length = 1024)]
    password: SecretString,
}

/// Read who is invited
#[utoipa::path(
    get, path = "/api/v1/invitations/{token}", tag = "session", params(("token" = String, Path)),
    responses((status = 200, body = InvitedView), (status = 404, body = super::Problem))
)]
pub async fn read(State(api): State<Api>, Path(token): Path<String>) -> Result<Response, ApiError> {
    let token = Token::sent(&token).ok_or_else(gone)?;
    let mut tx = api.db.read().await?;
    let user = found(&mut tx, &token).await?;
    let organisation = org::profile(&mut tx, user.org).await?.name;
    let view = InvitedView { organisation, email: user.email, name: user.name };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(view)).into_response())
}

/// Accept an invitation, and sign in
///
/// Whoever was signed in as this user before is signed out.
#[utoipa::path(
    post, path = "/api/v1/invitations/{token}", tag = "session", params(("token" = String, Path)),
    request_body = AcceptInput,
    responses(
        (status = 200, body = super::session::SessionView, headers(("Set-Cookie" = String, description = "The session"))),
        (status = 404, body = super::Problem),
        (status = 422, body = super::Problem),
        (status = 503, body = super::Problem)
    )
)]
pub async fn accept(
    State(api): State<Api>,
    peer: Peer,
    headers: HeaderMap,
    Path(token): Path<String>,
    Body(input): Body<AcceptInput>,
) -> Result<Response, ApiError> {
    let token = Token::sent(&token).ok_or_else(gone)?;
    found(&mut api.db.read().await?, &token).await?;
    let hash = api.entry.passwords.hash(input.password).await.map_err(busy)?;

    let mut tx = api.db.begin_durable().await?;
    let user = match invitation::take(&mut tx, &token).await {
        Err(StoreError::NotFound) => return Err(gone()),
        user => user?,
    };
    let actor = Actor::user(user.id);
    user::describe(&mut tx, user.id, &input.name, &user.language).await?;
    user::set_password(&mut tx, user.org, &actor, user.id, &hash).await?;
    user_session::end_all(&mut tx, user.id, None).await?;
    if let Some(before) = cookie::sent(&headers) {
        user_session::end_by_token(&mut tx, &before).await?;
    }
    if let Ok(email) = user.email.expose().parse::<Email>() {
        sign_in_try::forget(&mut tx, &Subject::account(&email)).await?;
    }
    let user = user::get(&mut tx, user.org, user.id).await?;
    let opened = open(&mut tx, &user, false).await?;
    tx.commit().await?;
    Ok(opened.answer(peer))
}

async fn found(tx: &mut Tx, token: &Token) -> Result<user::User, ApiError> {
    match invitation::find(tx, token).await {
        Err(StoreError::NotFound) => Err(gone()),
        user => Ok(user?),
    }
}

/// It was accepted, replaced, is too old, or never was: nobody is told which.
fn gone() -> ApiError {
    ApiError::NotFound("invitation, or it has served: ask an administrator for another one")
}
