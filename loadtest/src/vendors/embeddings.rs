//! OpenAI `/v1/embeddings`: vectors that are made of the words of a text, so that texts with the same words, or with
//! words that the script calls the same, lie near to each other.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::connection::Connection;
use super::faults::Vendor;
use super::log::{Event, Side};
use super::reply::Reply;
use super::server::{Shared, admit, authorization};

/// Most texts of one request.
const MOST: usize = 2_048;
/// Most bytes of one text; the vendor takes 8192 tokens.
const LONGEST: usize = 32_768;
/// Dimensions that can be asked for.
const MOST_DIMENSIONS: u64 = 3_072;

const FIELDS: [&str; 5] = ["model", "input", "encoding_format", "dimensions", "user"];

/// What the model knows.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Script {
    /// Models that exist; any when it is empty.
    pub models: Vec<String>,
    /// Dimensions of a vector when a request asks for none.
    pub dimensions: usize,
    /// Words that mean the same, in lower case.
    pub synonyms: Vec<Vec<String>>,
}

impl Default for Script {
    fn default() -> Self {
        Self { models: Vec::new(), dimensions: 256, synonyms: Vec::new() }
    }
}

impl Script {
    /// The vector of a text, of length 1: the sum of a direction for each of its words.
    #[must_use]
    pub fn vector(&self, text: &str, dimensions: usize) -> Vec<f32> {
        let mut sum = vec![0.0_f64; dimensions];
        let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase);
        for word in words.chain(["(text)".to_owned()]) {
            let word = self.synonyms.iter().find(|group| group.contains(&word)).map_or(&word, |group| &group[0]);
            let mut state = word
                .bytes()
                .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
                | 1;
            for value in &mut sum {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                *value += (state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0;
            }
        }
        let length = sum.iter().map(|value| value * value).sum::<f64>().sqrt().max(f64::MIN_POSITIVE);
        sum.into_iter().map(|value| (value / length) as f32).collect()
    }
}

/// The route.
pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/v1/embeddings", post(embed))
}

async fn embed(State(shared): State<Arc<Shared>>, target: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let connection = match admit(&shared, Vendor::OpenaiEmbeddings, &target, authorization(&headers, "Bearer")).await {
        Ok(connection) => connection,
        Err(response) => return response,
    };
    connection.received(&String::from_utf8_lossy(&body));
    let is_json = headers.get("content-type").is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    let script = &shared.script.embeddings;
    let request = match read(script, &body) {
        Ok(request) if is_json => request,
        Ok(_) => return refuse(&connection, (400, "invalid_request_error", "the body is not application/json")),
        Err(refusal) => return refuse(&connection, refusal),
    };
    let vectors = request.input.iter().map(|text| script.vector(text, request.dimensions)).enumerate();
    let data: Vec<Value> =
        vectors.map(|(index, vector)| json!({ "object": "embedding", "index": index, "embedding": vector })).collect();
    let tokens: usize = request.input.iter().map(|text| text.split_whitespace().count()).sum();
    let usage = json!({ "prompt_tokens": tokens, "total_tokens": tokens });
    let answer = json!({ "object": "list", "data": data, "model": request.model, "usage": usage });
    let (mut reply, mut response) = Reply::begin(connection, "application/json");
    response.headers_mut().insert("x-request-id", HeaderValue::from_static("req_simulated"));
    tokio::spawn(async move {
        // Who has gone wants no more of it.
        if reply.text(&answer.to_string()).await.is_ok() {
            reply.finish();
        }
    });
    response
}

struct Request {
    model: String,
    input: Vec<String>,
    dimensions: usize,
}

type Refusal = (u16, &'static str, &'static str);

fn read(script: &Script, body: &[u8]) -> Result<Request, Refusal> {
    let invalid = |reason| (400, "invalid_request_error", reason);
    let request: Map<String, Value> =
        serde_json::from_slice(body).map_err(|_| invalid("the body is no JSON object"))?;
    if request.keys().any(|field| !FIELDS.contains(&field.as_str())) {
        return Err((400, "unknown_parameter", "a field that there is not"));
    }
    let model = request.get("model").and_then(Value::as_str).ok_or_else(|| invalid("model is missing"))?;
    if !script.models.is_empty() && !script.models.iter().any(|known| known == model) {
        return Err((404, "model_not_found", "the model does not exist"));
    }
    let input: Option<Vec<&str>> = match request.get("input") {
        Some(Value::String(text)) => Some(vec![text]),
        Some(Value::Array(texts)) => texts.iter().map(Value::as_str).collect(),
        _ => None,
    };
    let input = input.filter(|texts| (1..=MOST).contains(&texts.len()));
    let input = input.ok_or_else(|| invalid("input is a text or 1 to 2048 texts"))?;
    if input.iter().any(|text| !(1..=LONGEST).contains(&text.len())) {
        return Err(invalid("a text is empty or too long"));
    }
    if request.get("encoding_format").is_some_and(|format| format != "float") {
        return Err(invalid("only float is simulated"));
    }
    let dimensions = match request.get("dimensions") {
        None => script.dimensions,
        Some(value) => {
            let value = value.as_u64().filter(|value| (1..=MOST_DIMENSIONS).contains(value));
            value.and_then(|value| usize::try_from(value).ok()).ok_or_else(|| invalid("dimensions are 1 to 3072"))?
        }
    };
    Ok(Request { model: model.to_owned(), input: input.into_iter().map(str::to_owned).collect(), dimensions })
}

fn refuse(connection: &Connection, (status, code, reason): Refusal) -> Response {
    connection.write(Event::Refused { status, reason: reason.to_owned() });
    connection.closed(Side::Vendor, None, "refused");
    let error = json!({"error": {"message": reason, "type": "invalid_request_error", "param": null, "code": code}});
    (StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST), Json(error)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_with_the_same_words_lie_near() {
        let synonyms = vec![vec!["cost".to_owned(), "price".to_owned()]];
        let script = Script { synonyms, ..Script::default() };
        let near = |a: &str, b: &str| -> f32 {
            let (a, b) = (script.vector(a, 128), script.vector(b, 128));
            a.iter().zip(&b).map(|(a, b)| a * b).sum()
        };
        assert!((near("What does it cost?", "what DOES it cost") - 1.0).abs() < 1e-5);
        assert!(near("the price of it", "the cost of it") > 0.99);
        assert!(near("the price of it", "a dog runs far away") < near("the price of it", "the price of bread"));
        assert!(script.vector("", 8).iter().any(|value| *value != 0.0));
    }

    #[test]
    fn requests_are_read_as_the_vendor_reads_them() {
        let script = Script { models: vec!["small".to_owned()], ..Script::default() };
        let status =
            |body: Value| read(&script, body.to_string().as_bytes()).map_or_else(|(status, ..)| status, |_| 200);
        assert_eq!(status(json!({ "model": "small", "input": "a" })), 200);
        assert_eq!(status(json!({ "model": "small", "input": ["a", "b"], "dimensions": 16 })), 200);
        assert_eq!(status(json!({ "model": "other", "input": "a" })), 404);
        for wrong in [
            json!({ "input": "a" }),
            json!({ "model": "small" }),
            json!({ "model": "small", "input": [] }),
            json!({ "model": "small", "input": ["a", ""] }),
            json!({ "model": "small", "input": [1] }),
            json!({ "model": "small", "input": "a", "encoding_format": "base64" }),
            json!({ "model": "small", "input": "a", "dimensions": 0 }),
            json!({ "model": "small", "input": "a", "purpose": "x" }),
        ] {
            assert_eq!(status(wrong.clone()), 400, "{wrong}");
        }
    }
}
