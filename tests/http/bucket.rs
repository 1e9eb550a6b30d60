//! An object store on loopback that speaks as much of S3 as recordings need, and fails when it is told to.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use callwright::config::RecordingStoreConfig;
use callwright::recording::remote::Remote;

const KEY_ID: &str = "AKIATEST";
const KEY: &str = "the key of the bucket";

/// The store. It ends with the test.
#[derive(Clone)]
pub(crate) struct Bucket {
    address: SocketAddr,
    shelf: Arc<Mutex<Shelf>>,
}

#[derive(Default)]
struct Shelf {
    objects: BTreeMap<String, Vec<u8>>,
    parts: BTreeMap<u32, Vec<u8>>,
    /// Requests that are still to be refused.
    refusals: u32,
    /// Whether a bit of what is stored is turned.
    damages: bool,
    asked: BTreeMap<String, u32>,
}

impl Bucket {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let bucket = Self { address: listener.local_addr().expect("an address"), shelf: Arc::default() };
        let router = Router::new().route("/calls/{*key}", any(answer)).layer(DefaultBodyLimit::disable());
        let router = router.with_state(bucket.clone());
        tokio::spawn(axum::serve(listener, router).into_future());
        bucket
    }

    /// The way to it.
    pub(crate) fn remote(&self) -> Remote {
        Remote::new(&RecordingStoreConfig {
            bucket: "calls".to_owned(),
            endpoint: Some(format!("http://{}", self.address)),
            region: "eu-central-1".to_owned(),
            prefix: "of/us".to_owned(),
            path_style: true,
            access_key_id: Some(KEY_ID.into()),
            secret_access_key: Some(KEY.into()),
        })
        .expect("settings that can be used")
    }

    /// What is in it.
    pub(crate) fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        self.shelf().objects.clone()
    }

    /// Refuses the next so many requests.
    pub(crate) fn refuse(&self, requests: u32) {
        self.shelf().refusals = requests;
    }

    /// Damages what is stored from now on.
    pub(crate) fn damage(&self, damages: bool) {
        self.shelf().damages = damages;
    }

    /// How often it was asked in a way, such as `PUT` or `PUT part`.
    pub(crate) fn asked(&self, way: &str) -> u32 {
        self.shelf().asked.get(way).copied().unwrap_or(0)
    }

    fn shelf(&self) -> std::sync::MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn answer(
    State(bucket): State<Bucket>,
    Path(key): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let signed = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let ours = format!("AWS4-HMAC-SHA256 Credential={KEY_ID}/");
    if !signed.starts_with(&ours) || !signed.contains("/eu-central-1/s3/") {
        return StatusCode::FORBIDDEN.into_response();
    }
    assert!(headers.values().all(|value| !value.as_bytes().windows(KEY.len()).any(|part| part == KEY.as_bytes())));
    let mut shelf = bucket.shelf();
    if shelf.refusals > 0 {
        shelf.refusals -= 1;
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let part = query.get("partNumber").and_then(|number| number.parse::<u32>().ok());
    let way = if part.is_some() { "PUT part".to_owned() } else { method.to_string() };
    *shelf.asked.entry(way).or_default() += 1;
    let tag = [(header::ETAG, "\"tag\"")];
    match (method.as_str(), part) {
        ("PUT", Some(number)) => {
            shelf.parts.insert(number, body.to_vec());
            tag.into_response()
        }
        ("PUT", None) => {
            shelf.keep(key, body.to_vec());
            tag.into_response()
        }
        ("POST", _) if query.contains_key("uploads") => {
            let made = "<InitiateMultipartUploadResult><Bucket>calls</Bucket><Key>k</Key><UploadId>7</UploadId>\
                        </InitiateMultipartUploadResult>";
            made.into_response()
        }
        ("POST", _) => {
            let whole = std::mem::take(&mut shelf.parts).into_values().flatten().collect();
            shelf.keep(key, whole);
            let made = "<CompleteMultipartUploadResult><Location>l</Location><Bucket>calls</Bucket><Key>k</Key>\
                        <ETag>\"tag\"</ETag></CompleteMultipartUploadResult>";
            made.into_response()
        }
        ("GET", _) => match shelf.objects.get(&key) {
            Some(object) => serve(object, &headers),
            None => StatusCode::NOT_FOUND.into_response(),
        },
        ("DELETE", _) => {
            shelf.objects.remove(&key);
            StatusCode::NO_CONTENT.into_response()
        }
        _ => StatusCode::METHOD_NOT_ALLOWED.into_response(),
    }
}

impl Shelf {
    fn keep(&mut self, key: String, mut object: Vec<u8>) {
        if self.damages {
            object[0] ^= 1;
        }
        self.objects.insert(key, object);
    }
}

fn serve(object: &[u8], headers: &HeaderMap) -> Response {
    let about = [(header::ETAG, "\"tag\""), (header::LAST_MODIFIED, "Sun, 22 Nov 2026 10:00:00 GMT")];
    let range = headers.get(header::RANGE).and_then(|value| value.to_str().ok()?.strip_prefix("bytes="));
    let Some((first, last)) = range.and_then(|range| range.split_once('-')) else {
        return (about, Body::from(object.to_vec())).into_response();
    };
    let first: usize = first.parse().expect("a number");
    let last = last.parse::<usize>().unwrap_or(usize::MAX).min(object.len() - 1);
    let place = [(header::CONTENT_RANGE, format!("bytes {first}-{last}/{}", object.len()))];
    (StatusCode::PARTIAL_CONTENT, about, place, Body::from(object[first..=last].to_vec())).into_response()
}
