//! Servers that tools talk to.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

/// A company's own server.
pub(crate) struct Crm {
    pub(crate) address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

/// A request it got.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    body: Vec<u8>,
}

impl Asked {
    /// Whether the signature is that of the body, the number and the time in the headers.
    pub(crate) fn is_signed_with(&self, secret: &str) -> bool {
        let field = |name: &str| self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key");
        mac.update(format!("{}.{}.", field("webhook-id"), field("webhook-timestamp")).as_bytes());
        mac.update(&self.body);
        field("webhook-signature") == format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

impl Crm {
    pub(crate) async fn start() -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let router = Router::new().fallback(any(crm)).with_state(Arc::clone(&asked));
        Self { address: serve(router).await, asked }
    }

    /// What was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("nobody panicked").clone()
    }
}

async fn crm(State(asked): State<Arc<Mutex<Vec<Asked>>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.expect("a body").to_vec();
    let path = parts.uri.path().to_owned();
    let day = serde_json::from_slice::<Value>(&body).unwrap_or_default()["day"].clone();
    asked.lock().expect("nobody panicked").push(Asked { path: path.clone(), headers: parts.headers, body });
    match path.as_str() {
        "/slow" => {
            tokio::time::sleep(Duration::from_secs(20)).await;
            Json(json!({ "booked": "slow" })).into_response()
        }
        "/late" => {
            tokio::time::sleep(Duration::from_millis(100)).await;
            Json(json!({ "booked": "late" })).into_response()
        }
        "/down" => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        "/huge" => "x".repeat(1 << 20).into_response(),
        "/other" => Json(json!({ "sold": true })).into_response(),
        "/refused" => (StatusCode::CONFLICT, Json(json!({ "reason": "the day is full" }))).into_response(),
        _ => Json(json!({ "booked": day })).into_response(),
    }
}

/// What became of requests without the secret.
#[derive(Clone, Default)]
pub(crate) struct Guard(Arc<AtomicU32>);

impl Guard {
    pub(crate) fn unauthorised(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A tool server without sessions: each request is answered with one JSON message.
pub(crate) async fn tool_server() -> (String, Guard) {
    let guard = Guard::default();
    let router = Router::new().route("/mcp", post(mcp)).with_state(guard.clone());
    (serve(router).await, guard)
}

async fn mcp(State(guard): State<Guard>, headers: HeaderMap, Json(message): Json<Value>) -> Response {
    if headers.get(header::AUTHORIZATION).is_none_or(|value| value != "Bearer s3cret") {
        guard.0.fetch_add(1, Ordering::Relaxed);
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let Some(id) = message.get("id") else { return StatusCode::ACCEPTED.into_response() };
    let params = &message["params"];
    let result = match message["method"].as_str().unwrap_or_default() {
        "initialize" => json!({
            "protocolVersion": params["protocolVersion"], "capabilities": { "tools": {} },
            "serverInfo": { "name": "crm", "version": "1" }
        }),
        "tools/list" => json!({ "tools": [
            tool("lookup", json!({ "type": "object", "properties": { "id": { "type": "integer" } }, "required": ["id"] })),
            tool("delete", json!({ "type": "object" })),
            tool("fail", json!({ "type": "object" })),
        ] }),
        "tools/call" if params["name"] == "lookup" => json!({
            "content": [{ "type": "text", "text": "Ada" }],
            "structuredContent": { "name": "Ada", "id": params["arguments"]["id"] }
        }),
        "tools/call" => json!({ "content": [{ "type": "text", "text": "no such customer" }], "isError": true }),
        _ => {
            let error = json!({ "code": -32601, "message": "no such method" });
            return Json(json!({ "jsonrpc": "2.0", "id": id, "error": error })).into_response();
        }
    };
    Json(json!({ "jsonrpc": "2.0", "id": id, "result": result })).into_response()
}

fn tool(name: &str, schema: Value) -> Value {
    json!({ "name": name, "description": format!("{name} a customer"), "inputSchema": schema })
}

async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}
