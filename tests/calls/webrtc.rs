//! Sessions with browsers: what is signalled, and what a real one hears and is heard saying.

mod hearing;
mod page;
mod signalling;
mod taking;
mod talking;

use std::fs::File;
use std::io::BufReader;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, Request, header};
use axum::response::Html;
use axum::routing::get;
use callwright::api::router;
use callwright::call::call::CallConfig;
use callwright::config::SipTransport::Udp;
use callwright::id::OrgId;
use callwright_media::frame::Rate;
use callwright_media::level::rms_dbfs;
use callwright_media::recording::RecordingReader;
use callwright_media::resample::convert;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::time::sleep;
use tower::ServiceExt;

use crate::api::{Desk, desk};
use crate::db::TestDb;
use crate::office::{Office, PATIENCE};

/// What the browser's microphone hums, away from what the agent whistles.
const HUM: f64 = 1_900.0;
/// What the agent whistles, in Hz.
const WHISTLE: f64 = 0.5 * 8_000.0 / std::f64::consts::TAU;

/// An office with its API on a port, and a page for browsers.
struct Studio {
    office: Office,
    desk: Desk,
    db: TestDb,
    address: SocketAddr,
}

/// An answer of the API.
struct Reply {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    fn header(&self, name: impl header::AsHeaderName) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

impl Studio {
    async fn open(first_port: u16) -> Self {
        Self::over(Office::new(Udp, first_port, CallConfig::default(), 10).await).await
    }

    async fn over(mut office: Office) -> Self {
        let db = TestDb::sqlite().await;
        let desk = desk(&db, office.calls.clone()).await;
        office.org = desk.org;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let pages = Router::new().route("/page", get(|| async { Html(page::PAGE) }));
        tokio::spawn(axum::serve(listener, pages.merge(router(desk.api.clone()))).into_future());
        Self { office, desk, db, address }
    }

    fn org(&self) -> OrgId {
        self.desk.org
    }

    async fn send(&self, method: &str, path: &str, key: &str, kind: &str, body: impl Into<Body>) -> Reply {
        self.send_if(method, path, key, (kind, None), body).await
    }

    async fn send_if(
        &self,
        method: &str,
        path: &str,
        key: &str,
        (kind, tag): (&str, Option<&str>),
        body: impl Into<Body>,
    ) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        request = request.header(header::AUTHORIZATION, format!("Bearer {key}")).header(header::CONTENT_TYPE, kind);
        if let Some(tag) = tag {
            request = request.header(header::IF_MATCH, tag);
        }
        let request = request.body(body.into()).expect("a request");
        let response = router(self.desk.api.clone()).oneshot(request).await.expect("the router answers");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = to_bytes(response.into_body(), 1 << 20).await.expect("a body");
        Reply { status, headers, body }
    }

    /// An assistant that greets and asks one question; its id.
    async fn assistant(&self) -> String {
        let survey = json!({
            "name": "Survey",
            "flow": { "start": "hello", "nodes": [
                { "id": "hello", "say": { "text": "Hello.", "next": "open" } },
                { "id": "open", "ask": { "text": "Are you open?", "answer": { "kind": "yes_no" }, "next": "bye" } },
                { "id": "bye", "end": { "text": "Goodbye.", "reason": "done" } },
            ] },
        });
        let key = self.desk.key.clone();
        let made = self.send("POST", "/api/v1/assistants", &key, "application/json", survey.to_string()).await;
        assert_eq!(made.status, 201, "{}", made.json());
        made.json()["id"].as_str().expect("an id").to_owned()
    }

    /// Waits until there is no session left.
    async fn is_deserted(&self) {
        let until = tokio::time::Instant::now() + PATIENCE;
        while !self.desk.api.webrtc.is_empty() {
            assert!(tokio::time::Instant::now() < until, "{} sessions are left", self.desk.api.webrtc.len());
            sleep(Duration::from_millis(20)).await;
        }
    }
}

/// The share of a stretch's power that lies at a frequency.
fn power(samples: &[i16], hz: f64) -> f64 {
    let (mut re, mut im, mut all) = (0.0, 0.0, 0.0);
    for (n, &sample) in samples.iter().enumerate() {
        let (sin, cos) = (n as f64 * hz * std::f64::consts::TAU / 8_000.0).sin_cos();
        let sample = f64::from(sample);
        (re, im, all) = (re + sample * cos, im + sample * sin, all + sample * sample);
    }
    if all == 0.0 { 0.0 } else { 2.0 * (re * re + im * im) / (all * samples.len() as f64) }
}

/// Both sides of a recording of a wideband call, at 8 kHz.
fn sides(recording: &Path) -> [Vec<i16>; 2] {
    let file = File::open(recording).expect("a recording");
    let reader = RecordingReader::new(BufReader::new(file)).expect("it can be played");
    assert_eq!(reader.rate(), Rate::Hz16000, "what browsers say is recorded as wide as it comes");
    let (heard, said): (Vec<_>, Vec<_>) = reader.unzip();
    [heard, said].map(|side| convert(&side, 16_000, 8_000).expect("both are rates of calls"))
}

/// How many of its 20 ms sound at a frequency.
fn sounding(samples: &[i16], hz: f64) -> usize {
    samples.chunks_exact(160).filter(|frame| power(frame, hz) > 0.5 && rms_dbfs(frame) > -40.0).count()
}
