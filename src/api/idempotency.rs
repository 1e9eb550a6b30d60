//! `Idempotency-Key`: a POST that is sent again takes effect once, and is answered the same way.
//!
//! Effect and answer are one transaction: a handler's last commit is held back until its answer is in the row of the key.
//! So a crash leaves both or neither, and of two requests at the same time one takes effect. Where a handler commits more
//! than once, the first commit carries the key; a crash before the last one leaves a key without an answer, which is told as
//! `interrupted`. A request that was refused changed nothing, and leaves its key free.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use jiff::SignedDuration;
use sha2::{Digest, Sha256};

use super::Api;
use super::auth::Caller;
use super::error::ApiError;
use crate::store::StoreError;
use crate::store::db::held::{Held, hold};
use crate::store::idempotency::{self, Answer, Claim, Earlier};

/// The header with the key.
pub const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that an answer was given before.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Longest key.
const MAX_KEY: usize = 255;
/// Largest answer that is kept.
const MAX_ANSWER: usize = 64 << 20;
/// Time beyond the longest request after which one without an answer is taken for lost.
const GRACE: Duration = Duration::from_secs(10);

/// In the extensions of an answer that must not be kept, because it shows a secret: what is told instead, later.
#[derive(Clone, Copy, Debug)]
pub struct ShownOnce(pub &'static str);

/// Serves a POST under its key, when it has one.
pub(super) async fn once(State(api): State<Api>, request: Request, next: Next) -> Result<Response, ApiError> {
    if request.method() != Method::POST || !request.headers().contains_key(&KEY) {
        return Ok(next.run(request).await);
    }
    let caller = request.extensions().get::<Caller>().copied().ok_or(ApiError::Unauthorized)?;
    let key = key_of(request.headers())?;
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let route = format!("POST {route}");
    let (parts, body) = request.into_parts();
    let most = api.config.max_body_bytes.max(api.config.max_import_bytes);
    let body = axum::body::to_bytes(body, most).await.map_err(|_| ApiError::TooLarge)?;
    let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
    let mut digest = Sha256::new();
    for piece in [target.as_bytes(), b"\n", &body[..]] {
        digest.update(piece);
    }
    let request_hash = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let token = format!("{:032x}", rand::random::<u128>());
    let claim = Claim { org: caller.org, key, route, request: request_hash, token };

    if let Some(answer) = earlier(&api, &claim).await? {
        return Ok(answer);
    }
    let now = api.db.read().await?.now().await?;
    let (response, held) = hold(claim.mark(now), next.run(Request::from_parts(parts, Body::from(body)))).await;
    let Held { tx, mark } = held;
    if tx.is_none() && mark.is_some() {
        // Nothing has changed: it was refused, perhaps because another request with the key was faster.
        return Ok(earlier(&api, &claim).await?.unwrap_or(response));
    }
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, MAX_ANSWER).await.map_err(|error| ApiError::Internal(error.into()))?;
    let text = |name| parts.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).map(str::to_owned);
    let answer = match parts.extensions.get::<ShownOnce>() {
        None => Answer {
            status: parts.status.as_u16(),
            content_type: text(header::CONTENT_TYPE),
            etag: text(header::ETAG),
            body: body.to_vec(),
        },
        Some(ShownOnce(remedy)) => shown_once(remedy),
    };
    let kept = async {
        let mut tx = match tx {
            Some(tx) => tx,
            None => api.db.begin().await?,
        };
        if let Some(mark) = mark {
            mark.leave(&mut tx).await?;
        }
        idempotency::answered(&mut tx, &claim, &answer).await?;
        tx.commit().await
    };
    match kept.await {
        Ok(()) => Ok(Response::from_parts(parts, Body::from(body))),
        // Another request with the key was faster, and this one has been rolled back.
        Err(StoreError::Stale) => earlier(&api, &claim).await?.ok_or(ApiError::from(StoreError::Stale)),
        Err(error) => Err(error.into()),
    }
}

/// What is to be answered without doing anything.
async fn earlier(api: &Api, claim: &Claim) -> Result<Option<Response>, ApiError> {
    let mut tx = api.db.read().await?;
    match idempotency::earlier(&mut tx, claim).await? {
        Earlier::Nothing => Ok(None),
        Earlier::Answered(answer) => Ok(Some(replay(answer))),
        Earlier::Other => Err(ApiError::field(
            "Idempotency-Key",
            "reused",
            "this key was used for another request within the last 24 hours: send the same path and body again, or a new key",
        )),
        Earlier::Unanswered(since) => {
            let longest = Duration::from_secs(api.config.request_timeout_s) + GRACE;
            let longest = SignedDuration::try_from(longest).unwrap_or(SignedDuration::MAX);
            let (code, detail) = if tx.now().await?.duration_since(since) < longest {
                ("in_progress", "the first request with this key is still being served: send it again in a second")
            } else {
                (
                    "interrupted",
                    "the first request with this key was cut off after part of it had taken effect: look at what is \
                     there, and send what is missing with a new key",
                )
            };
            Err(ApiError::Conflict { code, detail: detail.to_owned(), faults: Vec::new() })
        }
    }
}

fn replay(answer: Answer) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let headers = response.headers_mut();
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    for (name, value) in [(header::CONTENT_TYPE, answer.content_type), (header::ETAG, answer.etag)] {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
            headers.insert(name, value);
        }
    }
    response
}

/// The answer to whoever asks a second time for what is shown once.
fn shown_once(remedy: &str) -> Answer {
    let refused = ApiError::Conflict { code: "shown_once", detail: remedy.to_owned(), faults: Vec::new() };
    let (status, body) = refused.document();
    Answer { status: status.as_u16(), content_type: Some(super::error::PROBLEM_JSON.to_owned()), etag: None, body }
}

fn key_of(headers: &HeaderMap) -> Result<String, ApiError> {
    let mut values = headers.get_all(&KEY).iter();
    let wrong = || {
        let reason = "send one key of 1 to 255 visible ASCII characters, for example a UUID";
        ApiError::field("Idempotency-Key", "invalid", reason)
    };
    match (values.next().and_then(|value| value.to_str().ok()), values.next()) {
        (Some(key), None) if (1..=MAX_KEY).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Ok(key.to_owned())
        }
        (_, _) => Err(wrong()),
    }
}
