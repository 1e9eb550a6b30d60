//! The first user: made once, with the code that the server prints at its start.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use garde::Validate;
use jiff::tz::TimeZone;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::body::Body;
use super::error::ApiError;
use super::peer::Peer;
use super::session::{busy, is_language, is_name, is_password, is_text, open};
use crate::access::{Email, Role};
use crate::pii::Pii;
use crate::store::audit::Actor;
use crate::store::lock::{Lock, lock};
use crate::store::org::{self, Profile};
use crate::store::user::{self, NewUser};

/// Whether the first user is still to be made.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct SetupView {
    /// It is: the server has printed a code at its start.
    needed: bool,
}

/// The first user, and the organisation.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "code": "ABCD-EFGH-JKLM-NPQR",
    "organisation": { "name": "Example", "company_name": "Example Ltd", "time_zone": "Europe/London", "language": "en" },
    "admin": { "name": "Ada", "email": "ada@example.com", "password": "a long pass phrase" }
}))]
pub struct SetupInput {
    /// The code that the server printed.
    #[garde(skip)]
    #[schema(value_type = String)]
    code: SecretString,
    /// The organisation.
    #[garde(dive)]
    organisation: OrganisationInput,
    /// Who may do everything in it.
    #[garde(dive)]
    admin: AdminInput,
}

/// What an organisation tells of itself.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrganisationInput {
    /// Its name.
    #[garde(custom(is_line))]
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// What it is called in calls.
    #[garde(custom(is_line))]
    #[schema(min_length = 1, max_length = 200)]
    company_name: String,
    /// Its IANA time zone.
    #[garde(custom(is_zone))]
    time_zone: String,
    /// Its language, such as `en` or `de-AT`.
    #[garde(custom(is_language))]
    language: String,
}

/// The first user.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AdminInput {
    /// What people call them.
    #[garde(custom(is_name))]
    #[schema(value_type = String, min_length = 1, max_length = 200)]
    name: Pii<String>,
    /// The address to sign in with.
    #[garde(custom(is_email))]
    #[schema(value_type = String, max_length = 254)]
    email: Pii<String>,
    /// The password: 10 characters or more.
    #[garde(custom(is_password))]
    #[schema(value_type = String, format = Password, min_length = 10, max_length = 1024)]
    password: SecretString,
}

/// Read whether the first user is still to be made
#[utoipa::path(
    get, path = "/api/v1/setup", tag = "session", responses((status = 200, body = SetupView))
)]
pub async fn read(State(api): State<Api>) -> Result<Json<SetupView>, ApiError> {
    let mut tx = api.db.read().await?;
    Ok(Json(SetupView { needed: !user::any(&mut tx).await? }))
}

/// Make the first user, and sign in
///
/// While there is no user the server prints a code at its start. It serves once, until the server is started anew.
#[utoipa::path(
    post, path = "/api/v1/setup", tag = "session", request_body = SetupInput,
    responses(
        (status = 200, body = super::session::SessionView, headers(("Set-Cookie" = String, description = "The session"))),
        (status = 401, body = super::Problem),
        (status = 409, body = super::Problem),
        (status = 422, body = super::Problem),
        (status = 503, body = super::Problem)
    )
)]
pub async fn make(State(api): State<Api>, peer: Peer, Body(input): Body<SetupInput>) -> Result<Response, ApiError> {
    if user::any(&mut api.db.read().await?).await? {
        return Err(done());
    }
    if !api.entry.setup.fits(input.code.expose_secret()) {
        return Err(ApiError::Denied {
            code: "wrong_code",
            detail: "this is not the code that the server printed at its last start: look at its output, or start it anew",
        });
    }
    let email: Email = input.admin.email.expose().parse().map_err(|_| no_email("/admin/email"))?;
    let hash = api.entry.passwords.hash(input.admin.password).await.map_err(busy)?;

    let mut tx = api.db.begin_durable().await?;
    let org = org::ensure_default(&mut tx).await?.id;
    // Two who have the code: one makes the user.
    lock(&mut tx, Lock::Organisation(org)).await?;
    if user::any(&mut tx).await? {
        return Err(done());
    }
    let OrganisationInput { name, company_name, time_zone, language } = input.organisation;
    let admin = NewUser { email, name: input.admin.name, role: Role::Admin, language: language.clone() };
    let user = user::insert(&mut tx, org, &Actor::system("setup"), &admin).await?;
    let actor = Actor::user(user.id);
    user::set_password(&mut tx, org, &actor, user.id, &hash).await?;
    let profile =
        Profile { name, company_name: Some(company_name), time_zone: Some(time_zone), language: Some(language) };
    org::describe(&mut tx, org, &actor, &profile).await?;
    let opened = open(&mut tx, &user, false).await?;
    tx.commit().await?;
    api.entry.setup.spend();
    Ok(opened.answer(peer))
}

fn done() -> ApiError {
    ApiError::Conflict {
        code: "already_set_up",
        detail: "there is a user already: sign in, or run `callwright user password EMAIL` on the server".to_owned(),
        faults: Vec::new(),
    }
}

pub(super) fn no_email(pointer: &str) -> ApiError {
    ApiError::field(pointer, "invalid_email", crate::access::email::NoEmail.to_string())
}

/// An address to sign in with.
pub(super) fn is_email(email: &Pii<String>, _: &()) -> garde::Result {
    email.expose().parse::<Email>().map(drop).map_err(|error| garde::Error::new(error.to_string()))
}

fn is_line(text: &str, _: &()) -> garde::Result {
    is_text(text)
}

fn is_zone(name: &str, _: &()) -> garde::Result {
    let fault = || garde::Error::new("must be an IANA time zone such as Europe/London");
    TimeZone::get(name).map(drop).map_err(|_| fault())
}
