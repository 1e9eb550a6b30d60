//! The people of an organisation, and their roles.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use garde::Validate;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::auth::Caller;
use super::body::Body;
use super::error::ApiError;
use super::etag::{IfMatch, Tagged};
use super::idempotency::ShownOnce;
use super::paging::{Id, Items, Paging, Params};
use super::session::is_name;
use super::setup::{is_email, no_email};
use crate::access::{Email, Role, Token};
use crate::id::UserId;
use crate::pii::Pii;
use crate::store::audit::Actor;
use crate::store::lock::Lock;
use crate::store::user::{self, Change, Changed, NewUser, User};
use crate::store::{Tx, invitation, org};

/// A user to add.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "email": "grace@example.com", "name": "Grace", "role": "manager" }))]
pub struct UserInput {
    /// The address to sign in with.
    #[garde(custom(is_email))]
    #[schema(value_type = String, max_length = 254)]
    email: Pii<String>,
    /// What people call them.
    #[garde(custom(is_name))]
    #[schema(value_type = String, min_length = 1, max_length = 200)]
    name: Pii<String>,
    /// What they are in the organisation.
    #[garde(skip)]
    role: Role,
}

/// What is changed of a user.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "Grace", "role": "supervisor", "active": true }))]
pub struct UserChange {
    /// What people call them.
    #[garde(custom(is_name))]
    #[schema(value_type = String, min_length = 1, max_length = 200)]
    name: Pii<String>,
    /// What they are in the organisation.
    #[garde(skip)]
    role: Role,
    /// Whether they may sign in. Whoever may not is signed out.
    #[garde(skip)]
    active: bool,
}

/// A user.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct UserView {
    /// Id.
    id: UserId,
    /// The address to sign in with.
    #[schema(value_type = String)]
    email: Pii<String>,
    /// What people call them.
    #[schema(value_type = String)]
    name: Pii<String>,
    /// What they are in the organisation.
    role: Role,
    /// Language of their console.
    language: String,
    /// Whether they may sign in.
    active: bool,
    /// Whether they have set a password: without one nobody can sign in.
    has_password: bool,
    /// When they were added.
    created_at: Timestamp,
}

/// Lets a user set a password once.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct InvitationView {
    /// Where in the console, to be sent to the user. It is shown here and never again: only a hash is kept.
    path: String,
    /// Until when.
    expires_at: Timestamp,
}

/// A user who was added.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct NewUserView {
    /// The user.
    #[serde(flatten)]
    user: UserView,
    /// What to send them.
    invitation: InvitationView,
}

/// List users
#[utoipa::path(
    get, path = "/api/v1/users", tag = "users", params(Paging), responses((status = 200, body = Items<UserView>))
)]
pub async fn list(
    State(api): State<Api>,
    caller: Caller,
    Params(paging): Params<Paging>,
) -> Result<Json<Items<UserView>>, ApiError> {
    let mut tx = api.db.read().await?;
    Ok(Json(Items::of(user::list(&mut tx, caller.org, paging.page()?).await?, view)))
}

/// Add a user
///
/// With the invitation they set their password; it serves once, within seven days. The same request with the same
/// `Idempotency-Key` adds nobody, and does not show the invitation again.
#[utoipa::path(
    post, path = "/api/v1/users", tag = "users", request_body = UserInput,
    responses(
        (status = 201, body = NewUserView),
        (status = 409, body = super::Problem),
        (status = 422, body = super::Problem)
    )
)]
pub async fn create(
    State(api): State<Api>,
    caller: Caller,
    Body(input): Body<UserInput>,
) -> Result<Response, ApiError> {
    let email: Email = input.email.expose().parse().map_err(|_| no_email("/email"))?;
    let mut tx = api.db.begin_durable().await?;
    let language = org::profile(&mut tx, caller.org).await?.language.unwrap_or_else(|| "en".to_owned());
    let new = NewUser { email, name: input.name, role: input.role, language };
    let user = user::insert(&mut tx, caller.org, &caller.actor(), &new).await?;
    let invitation = invited(&mut tx, &user, &caller.actor()).await?;
    tx.commit().await?;
    Ok(once((StatusCode::CREATED, Json(NewUserView { user: view(user), invitation })).into_response()))
}

/// Read a user
#[utoipa::path(
    get, path = "/api/v1/users/{id}", tag = "users", params(("id" = UserId, Path)),
    responses((status = 200, body = UserView), (status = 404, body = super::Problem))
)]
pub async fn read(State(api): State<Api>, caller: Caller, Id(id): Id<UserId>) -> Result<Tagged<UserView>, ApiError> {
    let mut tx = api.db.read().await?;
    Ok(Tagged(view(user::get(&mut tx, caller.org, id).await?)))
}

/// Change a user
///
/// Another role holds from the next request on. The last administrator who can sign in stays one: 409 `last_admin`.
#[utoipa::path(
    put, path = "/api/v1/users/{id}", tag = "users", params(("id" = UserId, Path)), request_body = UserChange,
    responses(
        (status = 200, body = UserView),
        (status = 404, body = super::Problem),
        (status = 409, body = super::Problem),
        (status = 422, body = super::Problem)
    )
)]
pub async fn replace(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<UserId>,
    wanted: IfMatch,
    Body(input): Body<UserChange>,
) -> Result<Tagged<UserView>, ApiError> {
    let UserChange { name, role, active } = input;
    let mut tx = api.db.begin_durable().await?;
    wanted.lock(&mut tx, Lock::Organisation(caller.org)).await?;
    wanted.check(&view(user::get(&mut tx, caller.org, id).await?))?;
    let change = Change { name, role, active };
    kept(user::update(&mut tx, caller.org, &caller.actor(), id, &change).await?)?;
    let user = user::get(&mut tx, caller.org, id).await?;
    tx.commit().await?;
    Ok(Tagged(view(user)))
}

/// Remove a user
///
/// With their sessions and preferences. What they did stays in the audit log. The last administrator who can sign in
/// stays: 409 `last_admin`.
#[utoipa::path(
    delete, path = "/api/v1/users/{id}", tag = "users", params(("id" = UserId, Path)),
    responses((status = 204), (status = 404, body = super::Problem), (status = 409, body = super::Problem))
)]
pub async fn delete(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<UserId>,
    wanted: IfMatch,
) -> Result<StatusCode, ApiError> {
    let mut tx = api.db.begin_durable().await?;
    wanted.lock(&mut tx, Lock::Organisation(caller.org)).await?;
    wanted.check(&view(user::get(&mut tx, caller.org, id).await?))?;
    kept(user::delete(&mut tx, caller.org, &caller.actor(), id).await?)?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Invite a user again
///
/// Also one who has lost the password: it stays until the invitation is accepted. The invitation before serves no longer.
#[utoipa::path(
    post, path = "/api/v1/users/{id}/invitation", tag = "users", params(("id" = UserId, Path)),
    responses(
        (status = 201, body = InvitationView),
        (status = 404, body = super::Problem),
        (status = 409, body = super::Problem)
    )
)]
pub async fn invite(State(api): State<Api>, caller: Caller, Id(id): Id<UserId>) -> Result<Response, ApiError> {
    let mut tx = api.db.begin_durable().await?;
    let user = user::get(&mut tx, caller.org, id).await?;
    if !user.active {
        return Err(ApiError::Conflict {
            code: "user_inactive",
            detail: "the user may not sign in: set `active` at PUT /api/v1/users/{id} first".to_owned(),
            faults: Vec::new(),
        });
    }
    let invitation = invited(&mut tx, &user, &caller.actor()).await?;
    tx.commit().await?;
    Ok(once((StatusCode::CREATED, Json(invitation)).into_response()))
}

async fn invited(tx: &mut Tx, user: &User, actor: &Actor) -> Result<InvitationView, ApiError> {
    let token = Token::fresh();
    let expires_at = invitation::make(tx, user, actor, &token).await?;
    Ok(InvitationView { path: invitation::path(&token), expires_at })
}

fn once(mut response: Response) -> Response {
    let told = "it was done, and the invitation was in the first answer: if that was lost, make another one at POST \
                /api/v1/users/{id}/invitation";
    response.extensions_mut().insert(ShownOnce(told));
    response
}

fn kept(changed: Changed) -> Result<(), ApiError> {
    match changed {
        Changed::Done => Ok(()),
        Changed::LastAdmin => Err(ApiError::Conflict {
            code: "last_admin",
            detail: "no other administrator can sign in: make one first, who has accepted the invitation".to_owned(),
            faults: Vec::new(),
        }),
    }
}

fn view(user: User) -> UserView {
    let User { id, org: _, email, name, role, language, has_password, active, created_at } = user;
    UserView { id, email, name, role, language, active, has_password, created_at }
}
