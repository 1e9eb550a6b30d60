//! OpenAI `/v1/chat/completions`: requests checked as OpenAI checks them, answers from a script, streamed at a pace and
//! cut in all the ways that compatible servers have.

mod check;
mod script;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::connection::Connection;
use super::faults::Vendor;
use super::log::{Event, Side};
use super::peer::Gone;
use super::reply::Reply;
use super::server::{Shared, admit, authorization};

pub use self::script::{Answer, Call, Fragments, Script};

/// Largest request.
const BODY: usize = 20 << 20;

/// The routes.
pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/v1/chat/completions", post(complete))
        .layer(DefaultBodyLimit::max(BODY))
        .route("/v1/models", get(models))
}

/// The models; not in the log, for it is asked for its connection only.
async fn models(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let model = |id: &String| json!({"id": id, "object": "model", "created": 1, "owned_by": "simulator"});
    Json(json!({"object": "list", "data": shared.script.chat.models.iter().map(model).collect::<Vec<_>>()}))
}

/// The route.
async fn complete(State(shared): State<Arc<Shared>>, target: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let key = authorization(&headers, "Bearer");
    let connection = match admit(&shared, Vendor::OpenaiChat, &target, key).await {
        Ok(connection) => connection,
        Err(response) => return response,
    };
    connection.received(&String::from_utf8_lossy(&body));
    let is_json = headers.get("content-type").is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    let request = match check::read(&shared.script.chat, &body) {
        Ok(request) if is_json => request,
        Ok(_) => return refuse(&connection, &check::Refusal::invalid("the body is not application/json")),
        Err(refusal) => return refuse(&connection, &refusal),
    };
    let answer = shared.script.chat.answer(&request.messages, request.schema.as_ref());
    let mut response = if request.stream {
        stream(shared, connection, answer, request.usage)
    } else {
        pace(&shared, &answer).begin().await;
        let body = wire::whole(&answer);
        connection.sent(&body.to_string());
        connection.closed(Side::Vendor, None, "");
        Json(body).into_response()
    };
    response.headers_mut().insert("x-request-id", HeaderValue::from_static("req_simulated"));
    response
}

fn stream(shared: Arc<Shared>, connection: Arc<Connection>, answer: Answer, usage: bool) -> Response {
    let (reply, response) = Reply::begin(connection, "text/event-stream; charset=utf-8");
    let pace = pace(&shared, &answer);
    // Who has gone wants no more of it.
    tokio::spawn(async move {
        let _ = write(reply, pace, answer, usage).await;
    });
    response
}

async fn write(mut reply: Reply, pace: Pace, answer: Answer, usage: bool) -> Result<(), Gone> {
    let end = if answer.crlf { "\r\n\r\n" } else { "\n\n" };
    pace.begin().await;
    for (number, chunk) in wire::chunks(&answer, usage).into_iter().enumerate() {
        pace.token(number).await;
        if answer.comments {
            reply.text(&format!(": ping{end}")).await?;
        }
        reply.text(&format!("data: {chunk}{end}")).await?;
    }
    if answer.done {
        reply.text(&format!("data: [DONE]{end}")).await?;
    }
    reply.finish();
    Ok(())
}

/// When tokens go out, counted from the request.
#[derive(Clone, Copy, Debug)]
struct Pace {
    first: Instant,
    interval: Duration,
}

fn pace(shared: &Shared, answer: &Answer) -> Pace {
    let script = &shared.script.chat;
    let rate = answer.tokens_per_second.unwrap_or(script.tokens_per_second);
    Pace {
        first: Instant::now() + Duration::from_millis(answer.ttft_ms.unwrap_or(script.ttft_ms)),
        interval: if rate > 0.0 { Duration::from_secs_f64(1.0 / rate) } else { Duration::ZERO },
    }
}

impl Pace {
    async fn begin(&self) {
        sleep_until(self.first).await;
    }

    async fn token(&self, number: usize) {
        sleep_until(self.first + self.interval.mul_f64(number as f64)).await;
    }
}

/// The answer for a request that is not taken, as OpenAI words it.
fn refuse(connection: &Connection, refusal: &check::Refusal) -> Response {
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST);
    connection.write(Event::Refused { status: refusal.status, reason: refusal.message.clone() });
    connection.closed(Side::Vendor, None, "refused");
    let body = json!({"error": {"message": refusal.message, "type": "invalid_request_error", "param": refusal.param,
                                "code": refusal.code}});
    let mut response = (status, Json(body)).into_response();
    response.headers_mut().insert("x-request-id", HeaderValue::from_static("req_refused"));
    response
}

#[cfg(test)]
mod tests;
