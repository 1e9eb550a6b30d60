//! The console's files, as they were built into the program, and how browsers get them.
//!
//! Names of files under `assets/` have a hash of their content in them: browsers keep those for ever. Every other path is
//! a page of the console, which is one file.

mod files;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;

pub use self::files::{Console, File};

/// What the page of a server says that was built without the console.
const MISSING: &str = include_str!("missing.html");
const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const ASK: HeaderValue = HeaderValue::from_static("no-cache");
/// Beginnings of paths that are none of the console's.
const NOT_OURS: [&str; 4] = ["/api", "/openapi.json", "/healthz", "/readyz"];

/// The answer to a request that no route takes; none when it is not for the console either.
pub async fn serve(console: &Console, method: &Method, path: &str, headers: &HeaderMap) -> Option<Response> {
    let foreign = |root: &str| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if !matches!(*method, Method::GET | Method::HEAD) || NOT_OURS.iter().any(|root| foreign(root)) {
        return None;
    }
    let name = path.trim_start_matches('/');
    let found = if name.is_empty() { None } else { console.file(name) };
    let mut response = match found {
        Some(file) => answer(console, file, headers, name.starts_with("assets/")).await,
        None if name.starts_with("assets/") => return None,
        None => match console.file("index.html") {
            Some(page) => answer(console, page, headers, false).await,
            None => {
                ([(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CACHE_CONTROL, "no-cache")], MISSING)
                    .into_response()
            }
        },
    };
    protect(response.headers_mut(), headers);
    Some(response)
}

async fn answer(console: &Console, file: File, headers: &HeaderMap, forever: bool) -> Response {
    let small = if accepts_gzip(headers) { console.compressed(&file).await } else { None };
    let tag = format!("\"{}{}\"", file.tag, if small.is_some() { "-gzip" } else { "" });
    let fresh = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|tags| tags.to_str().ok())
        .is_some_and(|tags| tags.split(',').any(|known| known.trim().trim_start_matches("W/") == tag));
    let encoded = small.is_some();
    let body = match (fresh, small) {
        (true, _) => Bytes::new(),
        (false, Some(small)) => small,
        (false, None) => file.bytes,
    };
    let status = if fresh { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
    let mut response = (status, Body::from(body)).into_response();
    let told = response.headers_mut();
    told.insert(header::CACHE_CONTROL, if forever { FOREVER } else { ASK });
    told.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        told.insert(header::ETAG, tag);
    }
    if !fresh {
        let kind = HeaderValue::from_str(&file.content_type);
        told.insert(header::CONTENT_TYPE, kind.unwrap_or(HeaderValue::from_static("application/octet-stream")));
        if encoded {
            told.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
    }
    response
}

/// What keeps somebody else's script, style or frame out of the pages.
fn protect(told: &mut HeaderMap, asked: &HeaderMap) {
    // Not all browsers take 'self' for websockets as well.
    let sockets = asked.get(header::HOST).and_then(|host| host.to_str().ok()).filter(|host| is_host(host));
    let sockets = sockets.map(|host| format!(" ws://{host} wss://{host}")).unwrap_or_default();
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; \
         font-src 'self' data:; media-src 'self' blob:; connect-src 'self'{sockets}; worker-src 'self'; \
         manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        told.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    told.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    told.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    told.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
}

/// Nothing that would end the policy or begin another one.
fn is_host(text: &str) -> bool {
    let signs = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'[' | b']');
    !text.is_empty() && text.len() <= 255 && text.bytes().all(signs)
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        name.trim().eq_ignore_ascii_case("gzip") && !matches!(weight.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000")
    })
}

#[cfg(test)]
mod tests;
