//! Requests to a company's own servers.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::template::{Place, Values};
use super::{Fault, schema, sign};
use crate::agent::assistant::{HttpMethod, HttpTool};
use crate::call::tools::ToolContext;
use crate::net::web::{self, Web, WebError};
use crate::telemetry::context;
use crate::time;

/// Largest answer that is read, in bytes: a model reads it while the caller waits.
const ANSWER: usize = 32 << 10;

/// A request, ready to be sent.
#[derive(Debug)]
struct Request {
    method: Method,
    url: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// Asks the server and gives what it answered.
pub(super) async fn run(
    tool: &HttpTool,
    context: &ToolContext,
    arguments: Value,
    web: &Web,
    secrets: &BTreeMap<String, SecretString>,
) -> Result<Value, Fault> {
    schema::check(&tool.parameters, &arguments, "the arguments are wrong")?;
    let values = Values::new(&context.variables, &arguments, secrets);
    let seconds = time::now().wall.as_second();
    let request = request(tool, &values, &arguments, secrets, &uuid::Uuid::now_v7().to_string(), seconds)?;
    let limit = Duration::from_millis(tool.timeout_ms.into());
    let asked = tokio::time::timeout(limit, ask(web, request)).await;
    let answer = asked.unwrap_or_else(|_| Err(Fault::new("the server did not answer in time")))?;
    if let Some(promised) = &tool.result {
        schema::check(promised, &answer, "the server's answer is not what was expected")?;
    }
    Ok(answer)
}

fn request(
    tool: &HttpTool,
    values: &Values,
    arguments: &Value,
    secrets: &BTreeMap<String, SecretString>,
    id: &str,
    seconds: i64,
) -> Result<Request, Fault> {
    let (method, has_body) = match tool.method {
        HttpMethod::Get => (Method::GET, false),
        HttpMethod::Delete => (Method::DELETE, false),
        HttpMethod::Post => (Method::POST, true),
        HttpMethod::Put => (Method::PUT, true),
        HttpMethod::Patch => (Method::PATCH, true),
    };
    let body = match &tool.body {
        Some(template) => values.render_json(template, arguments)?.to_string().into_bytes(),
        None if has_body => arguments.to_string().into_bytes(),
        None => Vec::new(),
    };
    let mut headers = HeaderMap::new();
    if !body.is_empty() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    if let Some(parent) = context::parent() {
        insert(&mut headers, context::HEADER, &parent)?;
    }
    for (name, template) in &tool.headers {
        let value = values.render(template.expose(), Place::Plain)?;
        insert(&mut headers, name, &value)?;
    }
    if let Some(name) = &tool.sign_with {
        let secret = secrets.get(name).ok_or_else(|| Fault::new(format!("the secret `{name}` is not set up")))?;
        for (name, value) in sign::headers(secret, id, seconds, &body) {
            insert(&mut headers, name, &value)?;
        }
    }
    Ok(Request { method, url: values.render(&tool.url, Place::Address)?, headers, body })
}

fn insert(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), Fault> {
    let wrong = || Fault::new(format!("the header `{name}` cannot be sent"));
    let mut value = HeaderValue::from_str(value).map_err(|_| wrong())?;
    value.set_sensitive(true);
    headers.insert(HeaderName::try_from(name).map_err(|_| wrong())?, value);
    Ok(())
}

async fn ask(web: &Web, request: Request) -> Result<Value, Fault> {
    let Request { method, url, headers, body } = request;
    let fault = |error: WebError| Fault::new(format!("the server {error}"));
    let url = web.check(&url).map_err(fault)?;
    let sent = web.client().request(method, url).headers(headers).body(body).send().await;
    let response = sent.map_err(|error| fault(web::fault(&error)))?;
    let status = response.status();
    let bytes = web::body(response, ANSWER).await.map_err(fault)?;
    let answer = match serde_json::from_slice(&bytes) {
        Ok(json) => json,
        Err(_) if bytes.is_empty() => json!({ "ok": true }),
        Err(_) => Value::String(String::from_utf8_lossy(&bytes).into_owned()),
    };
    match status.as_u16() {
        200..=299 => Ok(answer),
        // What the server says of a request that it refuses helps the model to do better.
        400..=499 => Ok(json!({ "error": format!("HTTP status {status}"), "answer": answer })),
        _ => Err(Fault::new(format!("the server answered with HTTP status {}", status.as_u16()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pii::Pii;

    fn tool(json: Value) -> HttpTool {
        serde_json::from_value(json).expect("a tool")
    }

    fn made(tool: &HttpTool, arguments: &Value) -> Result<Request, Fault> {
        let variables = BTreeMap::from([("customer".to_owned(), Pii::new("c/7".to_owned()))]);
        let secrets = BTreeMap::from([("crm".to_owned(), SecretString::from("key"))]);
        let values = Values::new(&variables, arguments, &secrets);
        request(tool, &values, arguments, &secrets, "msg_1", 1_700_000_000)
    }

    #[test]
    fn a_request_is_made_of_its_templates() {
        let tool = tool(json!({
            "name": "book", "description": "Books.", "url": "https://crm.test/{{ customer }}/slots",
            "headers": { "authorization": "Bearer {{ secrets.crm }}" },
            "body": { "day": "{{ args.day }}", "seats": "{{ args.seats }}" }, "sign_with": "crm"
        }));
        let request = made(&tool, &json!({ "day": "Mon\"day", "seats": 2 })).expect("a request");
        assert_eq!((request.method.as_str(), request.url.as_str()), ("POST", "https://crm.test/c%2F7/slots"));
        assert_eq!(request.body, br#"{"day":"Mon\"day","seats":2}"#);
        assert_eq!(request.headers["authorization"], "Bearer key");
        assert_eq!(request.headers["webhook-id"], "msg_1");
        assert!(!format!("{:?}", request.headers).contains("Bearer"), "secrets do not print");
    }

    #[test]
    fn arguments_are_the_body_when_there_is_no_other_and_get_has_none() {
        let mut tool = tool(json!({ "name": "a", "description": "b", "url": "https://x.test/" }));
        assert_eq!(made(&tool, &json!({ "a": 1 })).expect("a request").body, br#"{"a":1}"#);
        tool.method = HttpMethod::Get;
        let request = made(&tool, &json!({ "a": 1 })).expect("a request");
        assert!(request.body.is_empty() && request.headers.is_empty());
    }

    #[test]
    fn what_a_model_writes_cannot_become_a_header_of_its_own() {
        let tool = tool(json!({
            "name": "a", "description": "b", "url": "https://x.test/", "headers": { "x-note": "{{ args.note }}" }
        }));
        let fault = made(&tool, &json!({ "note": "a\r\nx-admin: 1" })).expect_err("refused");
        assert!(fault.0.contains("x-note"), "{fault}");
        let unset =
            self::tool(json!({ "name": "a", "description": "b", "url": "https://x.test/", "sign_with": "none" }));
        assert!(made(&unset, &json!({})).expect_err("refused").0.contains("none"));
    }
}
