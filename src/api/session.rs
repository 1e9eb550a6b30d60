//! Signing in and out, and what people change of themselves.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use garde::Validate;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::auth::SignedIn;
use super::body::Body;
use super::cookie;
use super::error::ApiError;
use super::peer::Peer;
use super::scopes::{Scope, Scopes};
use crate::access::email::MAX;
use crate::access::passwords::{Busy, LONGEST, SHORTEST};
use crate::access::{Email, Role, Token};
use crate::id::{OrgId, UserId, UserSessionId};
use crate::pii::Pii;
use crate::store::audit::Actor;
use crate::store::lock::{Lock, lock};
use crate::store::sign_in_try::{self, Subject};
use crate::store::user::{self, User};
use crate::store::{StoreError, Tx, org, user_session};

/// Who wants to sign in.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "email": "ada@example.com", "password": "a long pass phrase", "remember": false }))]
pub struct SignIn {
    /// The address of the user.
    #[garde(custom(is_short))]
    #[schema(value_type = String, max_length = 254)]
    email: Pii<String>,
    /// The password.
    #[garde(custom(bounded))]
    #[schema(value_type = String, format = Password, max_length = 1024)]
    password: SecretString,
    /// Stay signed in for 30 days, used or not, and when the browser is closed. Otherwise until it is closed, and for 12 hours
    /// at most without a request.
    #[garde(skip)]
    #[serde(default)]
    remember: bool,
}

/// Whoever is signed in.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SessionView {
    /// The user.
    user: SessionUser,
    /// The organisation.
    organisation: SessionOrganisation,
    /// What the role of the user allows.
    scopes: Vec<Scope>,
    /// Goes into the header `X-CSRF-Token` of every request that is neither GET nor HEAD.
    csrf: String,
}

/// A user, as they see themselves.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SessionUser {
    /// Id.
    id: UserId,
    /// The address.
    #[schema(value_type = String)]
    email: Pii<String>,
    /// What people call them.
    #[schema(value_type = String)]
    name: Pii<String>,
    /// What they are in the organisation.
    role: Role,
    /// Language of the console.
    language: String,
}

/// The organisation of a user.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SessionOrganisation {
    /// Id.
    id: OrgId,
    /// Its name.
    name: String,
    /// What it is called in calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    company_name: Option<String>,
    /// Its IANA time zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    time_zone: Option<String>,
    /// Its language.
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<String>,
}

/// What users change of themselves.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "Ada", "language": "en" }))]
pub struct SelfInput {
    /// What people call them.
    #[garde(custom(is_name))]
    #[schema(value_type = String, min_length = 1, max_length = 200)]
    name: Pii<String>,
    /// Language of the console, such as `en` or `de-AT`.
    #[garde(custom(is_language))]
    language: String,
    /// Another password. Everybody else who is signed in as this user is signed out.
    #[garde(dive)]
    #[serde(default)]
    password: Option<PasswordChange>,
}

/// One password for another.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    /// The one so far.
    #[garde(custom(bounded))]
    #[schema(value_type = String, format = Password, max_length = 1024)]
    old: SecretString,
    /// The one from now on: 10 characters or more.
    #[garde(custom(is_password))]
    #[schema(value_type = String, format = Password, min_length = 10, max_length = 1024)]
    new: SecretString,
}

/// Sign in
///
/// The answer sets the cookie `callwright_session`. With it, and without an API key, every request that is neither GET nor
/// HEAD needs the header `X-CSRF-Token` with the `csrf` of the answer. An unknown address and a wrong password are not told
/// apart. After five wrong passwords nobody signs in to the account for a minute, then five, fifteen and sixty after each
/// further one; after fifty from one network address nobody does from there for fifteen minutes.
#[utoipa::path(
    post, path = "/api/v1/session", tag = "session", request_body = SignIn,
    responses(
        (status = 200, body = SessionView, headers(("Set-Cookie" = String, description = "The session"))),
        (status = 401, body = super::Problem),
        (status = 422, body = super::Problem),
        (status = 429, body = super::Problem, headers(("Retry-After" = u64, description = "Seconds to wait"))),
        (status = 503, body = super::Problem)
    )
)]
pub async fn begin(
    State(api): State<Api>,
    peer: Peer,
    headers: HeaderMap,
    Body(input): Body<SignIn>,
) -> Result<Response, ApiError> {
    let wrong = || ApiError::Denied {
        code: "wrong_credentials",
        detail: "there is no user with this address and password: look at both, or ask an administrator for a new invitation",
    };
    let email: Email = input.email.expose().parse().map_err(|_| wrong())?;
    let subjects = subjects(&email, peer);
    let (found, last) = try_once(&api, &email, &subjects).await?;
    let kept = found.as_ref().filter(|(user, _)| user.active).and_then(|(_, kept)| kept.clone());
    let fits = api.entry.passwords.verify(input.password, kept.clone()).await.map_err(busy)?;
    let user = match found {
        Some((user, _)) if fits => user,
        found => {
            note_lock(&api, found.filter(|_| last).map(|(user, _)| user)).await?;
            return Err(wrong());
        }
    };

    let mut tx = api.db.begin_durable().await?;
    // The password may have been changed, or the user put out, while it was looked at; from here on it is not.
    lock(&mut tx, Lock::User(user.id)).await?;
    let now = user::by_email(&mut tx, &email).await?.filter(|(user, now)| user.active && *now == kept);
    let Some((user, _)) = now.filter(|(now, _)| now.id == user.id) else { return Err(wrong()) };
    let (account, address) = subjects;
    sign_in_try::forget(&mut tx, &account).await?;
    if let Some(address) = address {
        sign_in_try::give_back(&mut tx, &address).await?;
    }
    if let Some(before) = cookie::sent(&headers) {
        user_session::end_by_token(&mut tx, &before).await?;
    }
    user::noted(&mut tx, &user, &Actor::user(user.id), "user.sign_in").await?;
    let opened = open(&mut tx, &user, input.remember).await?;
    tx.commit().await?;
    Ok(opened.answer(peer))
}

/// Read who is signed in
#[utoipa::path(
    get, path = "/api/v1/session", tag = "session",
    responses((status = 200, body = SessionView))
)]
pub async fn read(State(api): State<Api>, signed_in: SignedIn, headers: HeaderMap) -> Result<Response, ApiError> {
    let token = cookie::sent(&headers).ok_or(ApiError::Unauthorized)?;
    let mut tx = api.db.read().await?;
    let user = user::get(&mut tx, signed_in.org, signed_in.user).await?;
    let view = view(&mut tx, &user, &token).await?;
    Ok(([(header::CACHE_CONTROL, NO_STORE)], Json(view)).into_response())
}

/// Sign out
#[utoipa::path(
    delete, path = "/api/v1/session", tag = "session",
    responses((status = 204, description = "Nobody is signed in", headers(
        ("Set-Cookie" = String, description = "Takes the cookie away")
    )))
)]
pub async fn end(State(api): State<Api>, signed_in: SignedIn, peer: Peer) -> Result<Response, ApiError> {
    let mut tx = api.db.begin_durable().await?;
    user_session::end(&mut tx, signed_in.session).await?;
    tx.commit().await?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie::clear(peer.secure))]).into_response())
}

/// Change oneself
///
/// A new password needs the old one; wrong ones count as tries to sign in.
#[utoipa::path(
    put, path = "/api/v1/session/user", tag = "session", request_body = SelfInput,
    responses(
        (status = 200, body = SessionUser),
        (status = 422, body = super::Problem),
        (status = 429, body = super::Problem, headers(("Retry-After" = u64, description = "Seconds to wait"))),
        (status = 503, body = super::Problem)
    )
)]
pub async fn change(
    State(api): State<Api>,
    signed_in: SignedIn,
    Body(input): Body<SelfInput>,
) -> Result<Json<SessionUser>, ApiError> {
    let SignedIn { org, user: id, session, .. } = signed_in;
    let hash = match input.password {
        Some(change) => Some(other_password(&api, org, id, change).await?),
        None => None,
    };
    let mut tx = api.db.begin_durable().await?;
    user::describe(&mut tx, id, &input.name, &input.language).await?;
    if let Some(hash) = hash {
        user::set_password(&mut tx, org, &Actor::user(id), id, &hash).await?;
        user_session::end_all(&mut tx, id, Some(session)).await?;
    }
    let user = user::get(&mut tx, org, id).await?;
    tx.commit().await?;
    Ok(Json(shown(&user)))
}

/// What is to be kept of the new password, if the old one is right.
async fn other_password(api: &Api, org: OrgId, id: UserId, change: PasswordChange) -> Result<String, ApiError> {
    let mut tx = api.db.read().await?;
    let user = user::get(&mut tx, org, id).await?;
    let kept = user::password(&mut tx, id).await?;
    drop(tx);
    let email: Email = user.email.expose().parse().map_err(|_| StoreError::Corrupt { column: "email" })?;
    let account = Subject::account(&email);
    let last = taken(api, &[&account]).await?;
    if !api.entry.passwords.verify(change.old, kept).await.map_err(busy)? {
        note_lock(api, Some(user).filter(|_| last)).await?;
        return Err(ApiError::field("/password/old", "wrong_password", "is not the password: send the one so far"));
    }
    let mut tx = api.db.begin().await?;
    sign_in_try::forget(&mut tx, &account).await?;
    tx.commit().await?;
    api.entry.passwords.hash(change.new).await.map_err(busy)
}

/// Whose tries a sign-in counts among: the account's, and those of the network address.
type Subjects = (Subject, Option<Subject>);

fn subjects(email: &Email, peer: Peer) -> Subjects {
    (Subject::account(email), peer.address.map(Subject::address))
}

/// A user, and what is kept of the password.
type Found = Option<(User, Option<String>)>;

/// Takes a try, and finds whom it is about; whether it is the last one for a while.
async fn try_once(api: &Api, email: &Email, subjects: &Subjects) -> Result<(Found, bool), ApiError> {
    let (account, address) = subjects;
    let all: Vec<_> = std::iter::once(account).chain(address).collect();
    let last = taken(api, &all).await?;
    Ok((user::by_email(&mut api.db.read().await?, email).await?, last))
}

/// Takes a try of each of these, or of none; whether one of them has no other for a while.
async fn taken(api: &Api, subjects: &[&Subject]) -> Result<bool, ApiError> {
    let mut tx = api.db.read().await?;
    let now = tx.now().await?;
    let locked = |until: Timestamp| {
        let left = u64::try_from(until.duration_since(now).as_millis()).unwrap_or(0);
        ApiError::Locked { seconds: left.div_ceil(1_000).max(1) }
    };
    for subject in subjects {
        if let Some(until) = sign_in_try::locked_until(&mut tx, subject).await? {
            return Err(locked(until));
        }
    }
    drop(tx);
    let mut tx = api.db.begin().await?;
    let mut last = false;
    for subject in subjects {
        let tries = sign_in_try::take(&mut tx, subject).await?.map_err(locked)?;
        last |= tries.locked_until.is_some();
    }
    tx.commit().await?;
    Ok(last)
}

/// Keeps that nobody signs in as this user for a while, if it is one.
async fn note_lock(api: &Api, user: Option<User>) -> Result<(), ApiError> {
    let Some(user) = user else { return Ok(()) };
    let mut tx = api.db.begin().await?;
    user::noted(&mut tx, &user, &Actor::system("sign-in"), "user.locked").await?;
    Ok(tx.commit().await?)
}

/// A session that was begun, and what its answer shows.
pub(super) struct Opened {
    token: Token,
    remembered: bool,
    view: SessionView,
}

/// Signs a user in, with a token that nobody has seen before.
pub(super) async fn open(tx: &mut Tx, user: &User, remembered: bool) -> Result<Opened, ApiError> {
    let token = Token::fresh();
    let _: UserSessionId = user_session::begin(tx, user.id, remembered, &token).await?;
    let view = view(tx, user, &token).await?;
    Ok(Opened { token, remembered, view })
}

impl Opened {
    pub(super) fn answer(self, peer: Peer) -> Response {
        let set = cookie::set(&self.token, self.remembered, peer.secure);
        ([(header::SET_COOKIE, set), (header::CACHE_CONTROL, NO_STORE)], Json(self.view)).into_response()
    }
}

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

async fn view(tx: &mut Tx, user: &User, token: &Token) -> Result<SessionView, ApiError> {
    let profile = org::profile(tx, user.org).await?;
    let organisation = SessionOrganisation {
        id: user.org,
        name: profile.name,
        company_name: profile.company_name,
        time_zone: profile.time_zone,
        language: profile.language,
    };
    Ok(SessionView { user: shown(user), organisation, scopes: Scopes::of_role(user.role).names(), csrf: token.csrf() })
}

fn shown(user: &User) -> SessionUser {
    SessionUser {
        id: user.id,
        email: user.email.clone(),
        name: user.name.clone(),
        role: user.role,
        language: user.language.clone(),
    }
}

pub(super) fn busy(_: Busy) -> ApiError {
    ApiError::Busy {
        code: "too_many_sign_ins",
        detail: "too many people sign in at the same time: try again in a few seconds".to_owned(),
    }
}

/// A password that somebody chooses.
pub(super) fn is_password(password: &SecretString, context: &()) -> garde::Result {
    bounded(password, context)?;
    match password.expose_secret().chars().count() {
        count if count < SHORTEST => Err(garde::Error::new("must have 10 characters or more")),
        _ => Ok(()),
    }
}

fn bounded(password: &SecretString, _: &()) -> garde::Result {
    if password.expose_secret().len() > LONGEST {
        return Err(garde::Error::new("must have 1024 bytes or less"));
    }
    Ok(())
}

fn is_short(email: &Pii<String>, _: &()) -> garde::Result {
    if email.expose().len() > MAX { Err(garde::Error::new("must have 254 bytes or less")) } else { Ok(()) }
}

/// What people are called.
pub(super) fn is_name(name: &Pii<String>, _: &()) -> garde::Result {
    is_text(name.expose())
}

pub(super) fn is_text(text: &str) -> garde::Result {
    let shown = !text.trim().is_empty() && text.chars().count() <= 200 && !text.contains(char::is_control);
    if shown { Ok(()) } else { Err(garde::Error::new("must have 1 to 200 characters, and not only spaces")) }
}

/// A language tag: `en`, `de-AT`.
pub(super) fn is_language(tag: &str, _: &()) -> garde::Result {
    let (language, region) = tag.split_once('-').unwrap_or((tag, "XX"));
    let fits = (2..=3).contains(&language.len())
        && language.bytes().all(|byte| byte.is_ascii_lowercase())
        && region.len() == 2
        && region.bytes().all(|byte| byte.is_ascii_uppercase());
    if fits { Ok(()) } else { Err(garde::Error::new("must be a language such as `en` or `de-AT`")) }
}
