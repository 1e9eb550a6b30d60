use std::io::Read;

use super::*;

const PAGE: &str = "<!doctype html><title>console</title>";

/// A console with a page, a script and a picture.
fn console() -> Console {
    let script = "console.log('calls');".repeat(200);
    Console::of(move |name| {
        let (bytes, kind) = match name {
            "index.html" => (Bytes::from_static(PAGE.as_bytes()), "text/html; charset=utf-8"),
            "assets/app-1a2b.js" => (Bytes::from(script.clone()), "text/javascript"),
            "assets/logo-3c4d.png" => (Bytes::from(vec![7; 5_000]), "image/png"),
            _ => return None,
        };
        Some(File { bytes, content_type: kind.to_owned(), tag: name.len().to_string() })
    })
}

async fn ask(path: &str, pairs: &[(header::HeaderName, &'static str)]) -> Option<(StatusCode, HeaderMap, Vec<u8>)> {
    ask_of(&console(), Method::GET, path, pairs).await
}

async fn ask_of(
    console: &Console,
    method: Method,
    path: &str,
    pairs: &[(header::HeaderName, &'static str)],
) -> Option<(StatusCode, HeaderMap, Vec<u8>)> {
    let headers = pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
    let response = serve(console, &method, path, &headers).await?;
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.expect("a short body").to_vec();
    Some((parts.status, parts.headers, body))
}

#[tokio::test]
async fn every_page_is_the_one_file_and_files_are_themselves() {
    for path in ["/", "/campaigns", "/live?call=1", "/invite/abc", "/index.html", "/apiary"] {
        let (status, headers, body) = ask(path, &[]).await.expect("a page");
        assert_eq!((status, body.as_slice()), (StatusCode::OK, PAGE.as_bytes()), "{path}");
        assert_eq!(headers[header::CACHE_CONTROL], "no-cache");
        assert_eq!(headers[header::CONTENT_TYPE], "text/html; charset=utf-8");
    }
    let (_, headers, body) = ask("/assets/logo-3c4d.png", &[]).await.expect("a picture");
    assert_eq!((headers[header::CONTENT_TYPE].to_str().ok(), body.len()), (Some("image/png"), 5_000));
    assert_eq!(headers[header::CACHE_CONTROL], "public, max-age=31536000, immutable");
}

#[tokio::test]
async fn what_is_of_the_api_or_missing_is_no_page() {
    for path in ["/api", "/api/v1/nothing", "/openapi.json", "/healthz", "/readyz", "/assets/gone-5e6f.js"] {
        assert!(ask(path, &[]).await.is_none(), "{path}");
    }
    assert!(ask_of(&console(), Method::POST, "/campaigns", &[]).await.is_none());
    assert!(ask_of(&console(), Method::HEAD, "/campaigns", &[]).await.is_some());
}

#[tokio::test]
async fn pages_let_nobody_else_in() {
    let (_, headers, _) = ask("/", &[(header::HOST, "calls.example:8480")]).await.expect("a page");
    let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().expect("text");
    let of = |name: &str| policy.split("; ").find_map(|part| part.strip_prefix(name)).expect("a directive").trim();
    assert_eq!(of("default-src"), "'none'");
    assert_eq!(of("script-src"), "'self'");
    assert_eq!(of("frame-ancestors"), "'none'");
    assert_eq!(of("connect-src"), "'self' ws://calls.example:8480 wss://calls.example:8480");
    assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    assert_eq!(headers[header::REFERRER_POLICY], "same-origin");
    let (_, headers, _) = ask("/", &[(header::HOST, "a; script-src *")]).await.expect("a page");
    let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().expect("text");
    assert!(policy.contains("connect-src 'self';") && !policy.contains('*'), "{policy}");
}

#[tokio::test]
async fn scripts_travel_compressed_and_only_once() {
    let path = "/assets/app-1a2b.js";
    let (_, plain, whole) = ask(path, &[]).await.expect("a script");
    let gzip = [(header::ACCEPT_ENCODING, "br, gzip;q=0.8")];
    let (_, headers, small) = ask(path, &gzip).await.expect("a script");
    assert_eq!(headers[header::CONTENT_ENCODING], "gzip");
    assert!(small.len() * 4 < whole.len(), "{} of {}", small.len(), whole.len());
    let mut read = Vec::new();
    flate2::read::GzDecoder::new(small.as_slice()).read_to_end(&mut read).expect("gzip");
    assert_eq!(read, whole);
    assert_ne!(headers[header::ETAG], plain[header::ETAG], "the two are not the same bytes");
    for refused in ["gzip;q=0", "br"] {
        let (_, headers, _) = ask(path, &[(header::ACCEPT_ENCODING, refused)]).await.expect("a script");
        assert!(!headers.contains_key(header::CONTENT_ENCODING), "{refused}");
    }
    let again = [(header::IF_NONE_MATCH, "\"18\"")];
    let (status, headers, body) = ask(path, &again).await.expect("an answer");
    assert_eq!((status, body.len()), (StatusCode::NOT_MODIFIED, 0));
    assert_eq!(headers[header::ETAG], plain[header::ETAG]);
}

#[tokio::test]
async fn a_program_without_the_console_says_how_it_is_built() {
    let none = Console::of(|_| None);
    assert!(!none.is_there() && console().is_there());
    let (status, headers, body) = ask_of(&none, Method::GET, "/login", &[]).await.expect("a page");
    assert_eq!((status, headers[header::CACHE_CONTROL].to_str().ok()), (StatusCode::OK, Some("no-cache")));
    assert!(
        String::from_utf8_lossy(&body).contains("make web") && headers.contains_key(header::CONTENT_SECURITY_POLICY)
    );
}
