//! What adapters that speak HTTP share: the client, and what a refusal says.

use std::time::Duration;

use jiff::fmt::rfc2822;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode};
use serde_json::Value;
use tokio::time::timeout;

use super::error::{Error, ErrorKind};
use super::probe::{Failure, Step};
use super::tls;
use super::vendor::Vendor;
use crate::time;

/// Time to connect. Longer than any hedge waits; somebody else is asked by then.
const CONNECT: Duration = Duration::from_secs(4);
/// How long an unused connection is kept: longer than the pause between two calls, shorter than most vendors keep it.
const IDLE: Duration = Duration::from_secs(90);
/// Bytes of a refusal that are read.
const REFUSAL: usize = 16 << 10;
/// Time in which a refusal's body has to come.
const REFUSAL_TIME: Duration = Duration::from_secs(2);
/// Bytes of a vendor's own words that are kept.
const SAID: usize = 300;
/// Longest time that a vendor can tell us to stay away: what is longer is a mistake.
const LONGEST_AFTER: Duration = Duration::from_secs(3600);

/// The client of one vendor: its connections are kept and used again. No redirect is followed, for it would carry the
/// request to somebody else.
///
/// # Errors
/// [`ErrorKind::Local`] when the machine cannot make one.
pub fn client(vendor: &Vendor) -> Result<Client, Error> {
    Client::builder()
        .tls_backend_preconfigured(tls::http_config())
        .connect_timeout(CONNECT)
        .pool_idle_timeout(IDLE)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(Duration::from_secs(20))
        .http2_keep_alive_timeout(Duration::from_secs(5))
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("callwright/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| vendor.error(ErrorKind::Local, format!("no HTTP client: {}", innermost(&error))))
}

/// A request that got no answer, or an answer that broke off.
#[must_use]
pub fn interrupted(vendor: &Vendor, error: &reqwest::Error) -> Error {
    let kind = match () {
        () if error.is_timeout() => ErrorKind::TimedOut,
        () if error.is_connect() => ErrorKind::Unreachable,
        () if error.is_builder() => ErrorKind::Refused,
        () => ErrorKind::Broken,
    };
    vendor.error(kind, innermost(error))
}

/// The last cause: the ones before only say that something failed, and the first holds the address.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

/// A vendor's refusal: an answer that is no success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Its status.
    pub status: StatusCode,
    /// The vendor's stable name of the reason, such as `insufficient_quota`.
    pub code: Option<String>,
    /// The vendor's words. They may repeat what was sent: not for the log.
    pub said: Option<String>,
    /// How long it wants to be left alone.
    pub after: Option<Duration>,
    /// Its number of the request.
    pub request: Option<String>,
}

impl Refusal {
    /// Reads a refusal; never more than some kilobytes and seconds.
    pub async fn read(mut response: Response) -> Self {
        let mut refusal = Self::new(response.status(), response.headers());
        let mut body = Vec::new();
        let reading = async {
            while let Ok(Some(bytes)) = response.chunk().await {
                body.extend_from_slice(&bytes[..bytes.len().min(REFUSAL - body.len())]);
                if body.len() >= REFUSAL {
                    break;
                }
            }
        };
        // What has come within the time is enough to go by.
        let _late = timeout(REFUSAL_TIME, reading).await.is_err();
        refusal.take_reason(&body);
        refusal
    }

    /// What the head of a refusal says.
    #[must_use]
    pub fn new(status: StatusCode, headers: &HeaderMap) -> Self {
        Self { status, code: None, said: None, after: retry_after(headers), request: request_id(headers) }
    }

    /// Takes the reason from a body: `{"error": {"message", "type", "code"}}` and its many likenesses, or text.
    pub fn take_reason(&mut self, body: &[u8]) {
        let Ok(json) = serde_json::from_slice::<Value>(body) else {
            self.said = shortened(String::from_utf8_lossy(body).trim());
            return;
        };
        let inner = json.get("error").or_else(|| json.get("detail")).unwrap_or(&json);
        let text = |value: &Value, names: &[&str]| {
            names.iter().find_map(|&name| value.get(name)?.as_str()).and_then(shortened)
        };
        self.code = text(inner, &["code", "err_code", "error_code", "type", "status"]);
        self.said = match inner {
            Value::String(said) => shortened(said),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                text(inner, &["message", "err_msg", "description", "title"])
            }
        };
    }

    /// What may be done about it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self.status.as_u16() {
            401..=403 => ErrorKind::Unauthorised,
            429 if self.is_out_of_funds() => ErrorKind::Unauthorised,
            408 | 504 => ErrorKind::TimedOut,
            425 | 429 | 503 | 529 => ErrorKind::Busy,
            500..=599 => ErrorKind::Broken,
            _ => ErrorKind::Refused,
        }
    }

    /// The error of a live request: without the vendor's words.
    #[must_use]
    pub fn error(&self, vendor: &Vendor) -> Error {
        let detail = match &self.code {
            Some(code) => format!("{} {code}", self.status.as_u16()),
            None => self.status.to_string(),
        };
        Error { after: self.after, request: self.request.clone(), ..vendor.error(self.kind(), detail) }
    }

    /// What a trial makes of it.
    #[must_use]
    pub fn failure(self, vendor: &Vendor) -> Failure {
        let error = self.error(vendor);
        let step = match error.kind {
            ErrorKind::Unauthorised if self.status == StatusCode::PAYMENT_REQUIRED || self.is_out_of_funds() => {
                Step::Quota
            }
            ErrorKind::Refused if self.status == StatusCode::METHOD_NOT_ALLOWED => Step::Format,
            ErrorKind::Refused if self.status.is_redirection() => Step::Format,
            // An unknown model has a reason; an unknown path, a body or a page of its own.
            ErrorKind::Refused if self.status == StatusCode::NOT_FOUND && self.code.is_none() => Step::Format,
            ErrorKind::NotInstalled
            | ErrorKind::Unauthorised
            | ErrorKind::Busy
            | ErrorKind::Unreachable
            | ErrorKind::TimedOut
            | ErrorKind::Refused
            | ErrorKind::Broken
            | ErrorKind::Local => Failure::from(error.clone()).step,
        };
        Failure { step, error, said: self.said }
    }

    fn is_out_of_funds(&self) -> bool {
        self.code.as_deref().is_some_and(|code| matches!(code, "insufficient_quota" | "billing_hard_limit_reached"))
    }
}

/// How long the vendor wants to be left alone: `Retry-After` (RFC 9110 section 10.2.3) in seconds or as a date, or
/// OpenAI's `retry-after-ms`. At most an hour.
#[must_use]
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let millis = header("retry-after-ms").and_then(|value| value.parse().ok()).map(Duration::from_millis);
    let after = millis.or_else(|| {
        let value = header(RETRY_AFTER.as_str())?;
        let seconds = value.parse::<f64>().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        seconds.or_else(|| {
            let at = rfc2822::parse(value).ok()?.timestamp();
            Some(Duration::try_from(at.duration_since(time::now().wall)).unwrap_or(Duration::ZERO))
        })
    })?;
    Some(after.min(LONGEST_AFTER))
}

/// The vendor's number of a request, under whichever name it has.
#[must_use]
pub fn request_id(headers: &HeaderMap) -> Option<String> {
    ["x-request-id", "dg-request-id", "request-id", "apim-request-id", "cf-ray"]
        .iter()
        .find_map(|&name| headers.get(name))
        .and_then(|value| value.to_str().ok())
        .and_then(shortened)
}

fn shortened(text: &str) -> Option<String> {
    let end = (0..=text.len().min(SAID)).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    Some(text[..end].to_owned()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, headers: &[(&'static str, &str)], body: &str) -> Refusal {
        let headers = headers.iter().map(|&(name, value)| {
            (reqwest::header::HeaderName::from_static(name), value.parse().expect("a header value"))
        });
        let status = StatusCode::from_u16(status).expect("a status");
        let mut refusal = Refusal::new(status, &headers.collect());
        refusal.take_reason(body.as_bytes());
        refusal
    }

    fn judged(status: u16, body: &str) -> (ErrorKind, Step) {
        let failure = refusal(status, &[], body).failure(&Vendor::named("v"));
        (failure.error.kind, failure.step)
    }

    #[test]
    fn refusals_are_told_apart() {
        let openai = |code: &str| format!(r#"{{"error":{{"message":"m","type":"t","code":"{code}"}}}}"#);
        assert_eq!(judged(401, &openai("invalid_api_key")), (ErrorKind::Unauthorised, Step::Auth));
        assert_eq!(judged(402, ""), (ErrorKind::Unauthorised, Step::Quota));
        assert_eq!(judged(404, &openai("model_not_found")), (ErrorKind::Refused, Step::Model));
        assert_eq!(judged(404, "<html>"), (ErrorKind::Refused, Step::Format));
        assert_eq!(judged(308, ""), (ErrorKind::Refused, Step::Format));
        assert_eq!(judged(429, &openai("rate_limit_exceeded")), (ErrorKind::Busy, Step::Quota));
        assert_eq!(judged(429, &openai("insufficient_quota")), (ErrorKind::Unauthorised, Step::Quota));
        assert_eq!(judged(400, r#"{"detail":"no such voice"}"#), (ErrorKind::Refused, Step::Model));
        assert_eq!(judged(503, "overloaded"), (ErrorKind::Busy, Step::Quota));
        assert_eq!(judged(500, ""), (ErrorKind::Broken, Step::Format));
    }

    #[test]
    fn a_live_error_keeps_the_vendors_words_to_itself() {
        let body = r#"{"error":{"message":"invalid: 'My card is 4111…'","type":"invalid_request_error","code":null}}"#;
        let refusal = refusal(400, &[("x-request-id", "req_7")], body);
        let error = refusal.error(&Vendor::named("v"));
        assert_eq!(error.request.as_deref(), Some("req_7"));
        assert_eq!(error.detail, "400 invalid_request_error", "what was said stays out of the log");
        assert!(refusal.said.is_some_and(|said| said.contains("card")));
    }

    #[test]
    fn staying_away_is_read_in_every_form() {
        let after = |name, value: &str| refusal(429, &[(name, value)], "").after;
        assert_eq!(after("retry-after", "20"), Some(Duration::from_secs(20)));
        assert_eq!(after("retry-after", "0.5"), Some(Duration::from_millis(500)));
        assert_eq!(after("retry-after-ms", "730"), Some(Duration::from_millis(730)));
        assert_eq!(after("retry-after", "999999"), Some(LONGEST_AFTER));
        assert_eq!(after("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        assert_eq!(after("retry-after", "-3"), None);
        assert_eq!(after("retry-after", "soon"), None);
    }
}
