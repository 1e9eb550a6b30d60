//! Every answer that is not a success: `application/problem+json` (RFC 9457) with a JSON Pointer (RFC 6901) per field.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::scopes::Scope;
use crate::store::{Constraint, StoreError};

/// Why a request was not served. What is internal is logged, never sent.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// No key and no session, or one that is unknown or over.
    #[error("no valid API key, and nobody is signed in")]
    Unauthorized,
    /// The key or the role may not do this.
    #[error(
        "this needs the scope `{0}`: use a key that has it, or make one at POST /api/v1/api-keys with a key of the scope `admin`; \
         whoever is signed in needs a role that has it, which an administrator gives at PUT /api/v1/users/{{id}}"
    )]
    Forbidden(Scope),
    /// A request with the cookie of a session may come from somebody else's page.
    #[error("the request does not prove that it comes from a page of this server: {0}")]
    Csrf(&'static str),
    /// The route is about a person, and a program asks.
    #[error(
        "this is about the person who is signed in, and a key is nobody: sign in at POST /api/v1/session, and send no key"
    )]
    NoUser,
    /// What was to let somebody in does not.
    #[error("{detail}")]
    Denied {
        /// Stable name, for programs.
        code: &'static str,
        /// What to do.
        detail: &'static str,
    },
    /// Too many tries to sign in have failed.
    #[error("too many tries have failed: try again in {seconds} seconds")]
    Locked {
        /// Seconds until the next try.
        seconds: u64,
    },
    /// The body is not JSON, or a query or path parameter does not parse.
    #[error("malformed request: {0}")]
    Malformed(String),
    /// The body is JSON, but fields are wrong.
    #[error("{} field(s) are invalid", .0.len())]
    Invalid(Vec<FieldFault>),
    /// There is no such thing, or no longer.
    #[error("no such {0}")]
    NotFound(&'static str),
    /// The thing is in a state that does not allow this.
    #[error("{detail}")]
    Conflict {
        /// Stable name of the conflict, for programs.
        code: &'static str,
        /// What stands in the way and what to do.
        detail: String,
        /// Single reasons, when there are several (such as failed start guards).
        faults: Vec<FieldFault>,
    },
    /// It is not in the state in which the change was wanted.
    #[error("it has changed since it was read: read it again and repeat the change; its tag is {tag} now")]
    Changed {
        /// Tag of its state now.
        tag: String,
    },
    /// The range that was asked for begins behind the end.
    #[error("the range begins behind the end: there are {length} bytes")]
    BeyondEnd {
        /// How long it is.
        length: u64,
    },
    /// The path exists, but not for this method.
    #[error("this path does not take this method")]
    MethodNotAllowed,
    /// The content type is not one this route takes.
    #[error("unsupported content type: send {0}")]
    UnsupportedType(&'static str),
    /// The body is larger than allowed.
    #[error("the body is larger than this route takes")]
    TooLarge,
    /// As much of this goes on as the server allows.
    #[error("{detail}")]
    Busy {
        /// Stable name, for programs.
        code: &'static str,
        /// What there is too much of and what to do.
        detail: String,
    },
    /// The database cannot be reached.
    #[error(
        "the database cannot be reached, and whether a change was made is not known: ask again, with the same Idempotency-Key"
    )]
    Away(#[source] anyhow::Error),
    /// Our own fault.
    #[error("internal error")]
    Internal(#[source] anyhow::Error),
}

/// One wrong field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldFault {
    /// JSON Pointer of the field in the body, empty for the body as a whole; a query parameter stands as `?name`, a header by its
    /// name.
    pub pointer: String,
    /// Stable name of the reason, for programs.
    pub code: String,
    /// What is wrong and what to send instead.
    pub reason: String,
}

/// Body of an error answer (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Identifies the kind of problem: a path into the documentation.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words.
    pub title: &'static str,
    /// HTTP status.
    pub status: u16,
    /// Stable name of the problem, for programs.
    pub code: &'static str,
    /// This occurrence in words: what is wrong and what to do.
    pub detail: String,
    /// Single wrong fields or reasons.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldFault>,
}

impl ApiError {
    /// One wrong field.
    #[must_use]
    pub fn field(pointer: &str, code: &str, reason: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldFault { pointer: pointer.to_owned(), code: code.to_owned(), reason: reason.into() }])
    }

    fn status_code(&self) -> StatusCode {
        match self {
            Self::Unauthorized | Self::Denied { .. } => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) | Self::Csrf(_) | Self::NoUser => StatusCode::FORBIDDEN,
            Self::Locked { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Conflict { .. } => StatusCode::CONFLICT,
            Self::Changed { .. } => StatusCode::PRECONDITION_FAILED,
            Self::BeyondEnd { .. } => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::UnsupportedType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Busy { .. } | Self::Away(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::Forbidden(_) => "missing_scope",
            Self::Csrf(_) => "csrf",
            Self::NoUser => "no_user",
            Self::Locked { .. } => "locked",
            Self::Malformed(_) => "malformed",
            Self::Invalid(_) => "invalid",
            Self::NotFound(_) => "not_found",
            Self::Conflict { code, .. } | Self::Busy { code, .. } | Self::Denied { code, .. } => code,
            Self::Changed { .. } => "changed",
            Self::BeyondEnd { .. } => "beyond_end",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::UnsupportedType(_) => "unsupported_type",
            Self::TooLarge => "too_large",
            Self::Away(_) => "database_away",
            Self::Internal(_) => "internal",
        }
    }

    fn title(&self) -> &'static str {
        match self {
            Self::Unauthorized => "A valid API key or a sign-in is needed",
            Self::Forbidden(_) => "The key or the role may not do this",
            Self::Csrf(_) => "The request may come from another page",
            Self::NoUser => "A person has to be signed in",
            Self::Denied { .. } => "Not let in",
            Self::Locked { .. } => "Too many tries have failed",
            Self::Malformed(_) => "The request cannot be read",
            Self::Invalid(_) => "Fields are invalid",
            Self::NotFound(_) => "Not found",
            Self::Conflict { .. } => "The state does not allow this",
            Self::Changed { .. } => "It has changed meanwhile",
            Self::BeyondEnd { .. } => "There is nothing at this place",
            Self::MethodNotAllowed => "Method not allowed",
            Self::UnsupportedType(_) => "Unsupported content type",
            Self::TooLarge => "The body is too large",
            Self::Busy { .. } => "Too much goes on",
            Self::Away(_) => "The database cannot be reached",
            Self::Internal(_) => "Internal error",
        }
    }
}

/// After so many seconds a database that was away may be back.
const RETRY_S: &str = "5";

/// Content type of a [`Problem`].
pub(super) const PROBLEM_JSON: &str = "application/problem+json";

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let told = match &self {
            Self::Changed { tag } => HeaderValue::from_str(tag).ok().map(|tag| (header::ETAG, tag)),
            Self::BeyondEnd { length } => {
                HeaderValue::from_str(&format!("bytes */{length}")).ok().map(|place| (header::CONTENT_RANGE, place))
            }
            Self::Away(_) => Some((header::RETRY_AFTER, HeaderValue::from_static(RETRY_S))),
            Self::Locked { seconds } => Some((header::RETRY_AFTER, HeaderValue::from(*seconds))),
            Self::Unauthorized
            | Self::Forbidden(_)
            | Self::Csrf(_)
            | Self::NoUser
            | Self::Denied { .. }
            | Self::Malformed(_)
            | Self::Invalid(_)
            | Self::NotFound(_)
            | Self::Conflict { .. }
            | Self::MethodNotAllowed
            | Self::UnsupportedType(_)
            | Self::TooLarge
            | Self::Busy { .. }
            | Self::Internal(_) => None,
        };
        let (status, body) = self.document();
        let mut response = (status, [(header::CONTENT_TYPE, PROBLEM_JSON)], body).into_response();
        if let Some((name, value)) = told {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

impl ApiError {
    /// Status and body of the answer.
    pub(super) fn document(self) -> (StatusCode, Vec<u8>) {
        let (status, code, title, detail) = (self.status_code(), self.code(), self.title(), self.to_string());
        let errors = match self {
            Self::Invalid(faults) | Self::Conflict { faults, .. } => faults,
            Self::Away(cause) => {
                tracing::warn!(cause = format!("{cause:#}"), "a request found no database");
                Vec::new()
            }
            Self::Internal(cause) => {
                tracing::error!(cause = format!("{cause:#}"), "request failed");
                Vec::new()
            }
            Self::Unauthorized
            | Self::Forbidden(_)
            | Self::Csrf(_)
            | Self::NoUser
            | Self::Denied { .. }
            | Self::Locked { .. }
            | Self::Malformed(_)
            | Self::NotFound(_)
            | Self::Changed { .. }
            | Self::BeyondEnd { .. }
            | Self::MethodNotAllowed
            | Self::UnsupportedType(_)
            | Self::TooLarge
            | Self::Busy { .. } => Vec::new(),
        };
        let detail = match code {
            "unauthorized" => {
                "Send the header `Authorization: Bearer <API key>`, or sign in at POST /api/v1/session.".to_owned()
            }
            _ => detail,
        };
        let problem =
            Problem { kind: format!("/problems/{code}"), title, status: status.as_u16(), code, detail, errors };
        let body = serde_json::to_vec(&problem).expect("strings and numbers serialise");
        (status, body)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            error if error.is_away() => Self::Away(error.into()),
            StoreError::NotFound => Self::NotFound("record"),
            StoreError::Conflict(constraint) => match conflict(constraint) {
                Some((code, detail)) => Self::Conflict { code, detail: detail.to_owned(), faults: Vec::new() },
                None => Self::Internal(StoreError::Conflict(constraint).into()),
            },
            StoreError::Stale => Self::Conflict {
                code: "changed_meanwhile",
                detail: "somebody else changed it at the same time: read it again and repeat the change".to_owned(),
                faults: Vec::new(),
            },
            StoreError::InUse { .. }
            | StoreError::Address(_)
            | StoreError::Lock { .. }
            | StoreError::Migrate(_)
            | StoreError::Corrupt { .. }
            | StoreError::Db(_) => Self::Internal(error.into()),
        }
    }
}

/// A refused write in words a caller can act upon; `None` when only a bug of ours can cause it.
const fn conflict(constraint: Constraint) -> Option<(&'static str, &'static str)> {
    match constraint {
        Constraint::UserEmail => Some(("email_taken", "a user has this e-mail address already: change that one")),
        Constraint::SuppressionNumber => Some(("number_suppressed", "the number is on the list already")),
        Constraint::TrunkName => Some(("name_taken", "another trunk has this name: choose another one")),
        Constraint::TrunkGroupName => Some(("name_taken", "another trunk group has this name: choose another one")),
        Constraint::RoutePrefix => Some(("prefix_taken", "another route has this prefix: change that one")),
        Constraint::SuppressionListName => {
            Some(("name_taken", "another suppression list has this name: choose another one"))
        }
        Constraint::ContactExternal => {
            Some(("external_id_taken", "another contact has this external_id: change that one, or leave it out"))
        }
        Constraint::TagName => Some(("name_taken", "another tag has this name: use that one, or choose another name")),
        Constraint::CaseLabelName => {
            Some(("name_taken", "there is one of this name already: use that one, or choose another name"))
        }
        Constraint::CaseExternal => {
            Some(("external_id_taken", "another case has this external_id: change that one, or leave it out"))
        }
        Constraint::ListName => Some(("name_taken", "another list has this name: choose another one")),
        Constraint::MappingName => Some(("name_taken", "another mapping has this name: choose another one")),
        Constraint::ProviderName => Some(("name_taken", "another provider has this name: choose another one")),
        Constraint::AssistantName => Some(("name_taken", "another assistant has this name: choose another one")),
        Constraint::AssistantVersion => {
            Some(("changed_meanwhile", "somebody else saved a version at the same time: read it again and repeat"))
        }
        Constraint::RunDay => Some(("day_taken", "another run of the campaign has this day")),
        Constraint::TargetContact => Some(("contact_taken", "the contact is in the campaign already")),
        Constraint::Reference => Some(("in_use", "something else refers to it, or something it refers to is missing")),
        Constraint::ApiKeyHash
        | Constraint::AttemptDial
        | Constraint::AttemptLiveTarget
        | Constraint::AttemptLivePhone
        | Constraint::CallAttempt
        | Constraint::Other => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_is_away_is_not_the_caller_s_fault_and_may_be_back() {
        for cause in [sqlx::Error::PoolTimedOut, sqlx::Error::Io(std::io::ErrorKind::BrokenPipe.into())] {
            let answer = ApiError::from(StoreError::from(cause)).into_response();
            assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(answer.headers()[header::RETRY_AFTER], RETRY_S);
        }
        let answer = ApiError::from(StoreError::from(sqlx::Error::ColumnNotFound("x".to_owned()))).into_response();
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
