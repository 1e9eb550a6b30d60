//! `ETag` and `If-Match`: whoever changes what they have read does not undo what another changed meanwhile.
//!
//! A tag is made of what is shown of a resource, but for what changes by itself. `If-Match` is compared in the transaction of
//! the change, with the row locked.

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::error::ApiError;
use crate::store::Tx;
use crate::store::lock::{Lock, lock};

/// Members that say how something is doing, not what was set: they change without anybody's request.
const BY_ITSELF: [&str; 7] =
    ["breaker", "bound_until", "embedded", "embedding_error", "embedding_model", "health", "registration"];
/// Bytes of the digest that a tag shows.
const DIGEST: usize = 16;

/// A resource as JSON, with its tag.
#[derive(Clone, Copy, Debug)]
pub struct Tagged<T>(pub T);

impl<T: Serialize> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        let tag = HeaderValue::from_str(&tag(&self.0)).expect("a tag is hexadecimal digits in quotes");
        ([(header::ETAG, tag)], Json(self.0)).into_response()
    }
}

/// The states in which a change is wanted; any, without the header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IfMatch(Option<Wanted>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Wanted {
    /// Whatever is there.
    Any,
    /// One of these tags.
    Tags(Vec<String>),
}

impl IfMatch {
    /// Locks a row when its state matters.
    ///
    /// # Errors
    /// When the database fails.
    pub(super) async fn lock(&self, tx: &mut Tx, row: Lock) -> Result<(), ApiError> {
        if matches!(self.0, Some(Wanted::Tags(_))) {
            lock(tx, row).await?;
        }
        Ok(())
    }

    /// Whether the resource is in a state in which the change is wanted.
    ///
    /// # Errors
    /// [`ApiError::Changed`] when it is not.
    pub(super) fn check<T: Serialize>(&self, current: &T) -> Result<(), ApiError> {
        let Some(Wanted::Tags(tags)) = &self.0 else { return Ok(()) };
        let tag = tag(current);
        // RFC 9110, 13.1.1: the strong comparison, in which a weak tag equals nothing.
        if tags.contains(&tag) { Ok(()) } else { Err(ApiError::Changed { tag }) }
    }
}

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let mut wanted = None;
        for value in parts.headers.get_all(header::IF_MATCH) {
            let text = value.to_str().map_err(|_| malformed())?;
            let tags = if text.trim() == "*" { Wanted::Any } else { Wanted::Tags(tags(text)?) };
            wanted = Some(match (wanted, tags) {
                (None, tags) => tags,
                (Some(Wanted::Tags(mut before)), Wanted::Tags(tags)) => {
                    before.extend(tags);
                    Wanted::Tags(before)
                }
                (Some(_), _) => return Err(malformed()),
            });
        }
        Ok(Self(wanted))
    }
}

/// The tags of a list: `"a", W/"b"`. What is within the quotes has no comma in any tag of ours; one of somebody else's that
/// has is none of ours and matches nothing.
fn tags(text: &str) -> Result<Vec<String>, ApiError> {
    let tag = |text: &str| {
        let text = text.trim();
        let opaque = text.strip_prefix("W/").unwrap_or(text);
        let quoted = opaque.len() >= 2 && opaque.starts_with('"') && opaque.ends_with('"');
        if quoted { Ok(text.to_owned()) } else { Err(malformed()) }
    };
    text.split(',').filter(|text| !text.trim().is_empty()).map(tag).collect()
}

fn malformed() -> ApiError {
    ApiError::field("If-Match", "invalid", "send the ETag of the answer you have read, with its quotes, or `*`")
}

/// The tag of a state: a digest of what is shown of it.
fn tag<T: Serialize>(view: &T) -> String {
    let mut shown = serde_json::to_value(view).expect("what is answered is JSON");
    if let Value::Object(members) = &mut shown {
        for name in BY_ITSELF {
            members.remove(name);
        }
    }
    let digest = Sha256::digest(shown.to_string().as_bytes());
    let digits: String = digest.iter().take(DIGEST).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{digits}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Shown {
        name: &'static str,
        health: u32,
    }

    async fn read(values: &[&str]) -> Result<IfMatch, ApiError> {
        let mut request = axum::http::Request::builder();
        for value in values {
            request = request.header(header::IF_MATCH, *value);
        }
        let (mut parts, ()) = request.body(()).expect("a request").into_parts();
        IfMatch::from_request_parts(&mut parts, &()).await
    }

    #[tokio::test]
    async fn a_change_is_wanted_in_the_states_that_are_named() {
        let (old, new) = (Shown { name: "a", health: 1 }, Shown { name: "b", health: 1 });
        let (of_old, of_new) = (tag(&old), tag(&new));
        assert_eq!(of_old, tag(&Shown { name: "a", health: 2 }), "how it is doing is nobody's change");
        for (header, wanted) in [
            (vec![], true),
            (vec!["*"], true),
            (vec![&*of_new], true),
            (vec![&*of_old], false),
            (vec![&*format!("{of_old}, {of_new}")], true),
            (vec![&*of_old, &*of_new], true),
            (vec![&*format!("W/{of_new}")], false),
        ] {
            let header = header.as_slice();
            let told = read(header).await.expect("tags").check(&new);
            assert_eq!(told.is_ok(), wanted, "{header:?}");
        }
        let told = read(&[&of_old]).await.expect("tags").check(&new);
        assert!(matches!(told, Err(ApiError::Changed { tag }) if tag == of_new));
    }

    #[tokio::test]
    async fn what_is_no_tag_is_refused() {
        for wrong in [vec!["abc"], vec!["\""], vec!["*", "\"a\""], vec!["\"a\"", "*"], vec!["\"a\", b"]] {
            assert!(matches!(read(&wrong).await, Err(ApiError::Invalid(_))), "{wrong:?}");
        }
    }
}
