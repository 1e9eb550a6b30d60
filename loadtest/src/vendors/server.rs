//! One port for all vendors: the routes, and what happens before a vendor sees a request.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Json, State};
use axum::http::header::{AUTHORIZATION, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use tokio::time::sleep;

use super::connection::Connection;
use super::faults::{Fault, Injection, Plan, Vendor};
use super::log::{Event, Log, Side};
use super::peer::Peer;
use super::{Script, chat, embeddings, realtime, stt, tts};

/// What all vendors share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) script: Script,
    pub(crate) plan: Plan,
    log: Log,
    key: String,
    connections: AtomicU64,
    /// Lines of the hearing script that all recognisers began.
    pub(crate) lines_begun: AtomicUsize,
}

impl Shared {
    pub(crate) const fn new(script: Script, plan: Plan, log: Log, key: String) -> Self {
        Self { script, plan, log, key, connections: AtomicU64::new(0), lines_begun: AtomicUsize::new(0) }
    }
}

/// Every route of every vendor.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/_faults", post(set_faults))
        .merge(stt::routes())
        .merge(chat::routes())
        .merge(embeddings::routes())
        .merge(realtime::routes())
        .merge(tts::routes())
        .with_state(shared)
}

/// Replaces the faults by those of the body.
async fn set_faults(State(shared): State<Arc<Shared>>, Json(faults): Json<Vec<Injection>>) -> StatusCode {
    shared.log.write(std::time::Instant::now(), None, 0, Event::FaultsSet { count: faults.len() });
    shared.plan.replace(faults);
    StatusCode::NO_CONTENT
}

/// Numbers a request, lets the faults strike that come before an answer, and looks at the key.
///
/// # Errors
/// The answer for a request that is not taken.
pub(crate) async fn admit(
    shared: &Shared,
    vendor: Vendor,
    target: &Uri,
    key: Option<&str>,
) -> Result<Arc<Connection>, Response> {
    let number = shared.connections.fetch_add(1, Ordering::Relaxed) + 1;
    let faults = shared.plan.strike(vendor);
    let connection = Arc::new(Connection::new(vendor, number, faults.clone(), shared.log.clone()));
    connection.write(Event::Opened { target: target.to_string() });
    faults.iter().filter(|fault| fault.lasts()).for_each(|fault| connection.struck(fault));
    sleep(faults.delay()).await;
    for fault in faults.iter() {
        let status = match fault {
            Fault::Unauthorised => StatusCode::UNAUTHORIZED,
            Fault::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Fault::Refuse { status } => StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            Fault::Hang => {
                connection.struck(fault);
                let mut changes = shared.plan.changes();
                let _ = changes.wait_for(Option::is_none).await;
                StatusCode::SERVICE_UNAVAILABLE
            }
            Fault::Close { .. }
            | Fault::Cut { .. }
            | Fault::HalfOpen { .. }
            | Fault::Garbage { .. }
            | Fault::Delay { .. }
            | Fault::SlowFirstByte { .. }
            | Fault::DuplicateFinals
            | Fault::LateFinal { .. }
            | Fault::Pace { .. }
            | Fault::EmptyAudio
            | Fault::TruncatedBase64 => continue,
        };
        connection.struck(fault);
        let mut response = refuse(&connection, status, "a fault was asked for");
        if let Fault::TooMany { retry_after: Some(seconds) } = fault {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(*seconds));
        }
        return Err(response);
    }
    match key {
        Some(key) if key == shared.key => Ok(connection),
        Some(_) => Err(refuse(&connection, StatusCode::UNAUTHORIZED, "the key is wrong")),
        None => Err(refuse(&connection, StatusCode::UNAUTHORIZED, "there is no key")),
    }
}

/// The answer for a request that is not taken, as JSON with the reason.
pub(crate) fn refuse(connection: &Connection, status: StatusCode, reason: &str) -> Response {
    connection.write(Event::Refused { status: status.as_u16(), reason: reason.to_owned() });
    connection.closed(Side::Vendor, None, "refused");
    let body = serde_json::json!({ "error": { "message": reason, "type": "refused" } });
    let mut response = (status, body.to_string()).into_response();
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
    response
}

/// Makes the request a websocket that `serve` talks through.
pub(crate) fn upgrade<F>(
    shared: Arc<Shared>,
    connection: Arc<Connection>,
    socket: WebSocketUpgrade,
    serve: impl FnOnce(Arc<Shared>, Peer) -> F + Send + 'static,
) -> Response<Body>
where
    F: Future<Output = ()> + Send + 'static,
{
    socket.max_message_size(1 << 24).on_upgrade(move |socket| {
        let peer = Peer::new(Arc::clone(&shared), connection, socket);
        serve(shared, peer)
    })
}

/// The credentials of an `Authorization` header of this scheme; an empty scheme takes the header as it is.
pub(crate) fn authorization<'a>(headers: &'a HeaderMap, scheme: &str) -> Option<&'a str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    if scheme.is_empty() {
        return Some(value);
    }
    let (name, credentials) = value.split_once(' ')?;
    name.eq_ignore_ascii_case(scheme).then_some(credentials)
}

/// A header as text.
pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
