//! Whether OpenAI would take a request, and what it would say if not.

use serde_json::{Map, Value};

use super::script::Script;

/// What a request may hold.
const FIELDS: [&str; 22] = [
    "model",
    "messages",
    "stream",
    "stream_options",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "max_tokens",
    "max_completion_tokens",
    "temperature",
    "top_p",
    "response_format",
    "reasoning_effort",
    "seed",
    "stop",
    "user",
    "store",
    "metadata",
    "service_tier",
    "presence_penalty",
    "frequency_penalty",
    "verbosity",
];

/// A request that was taken.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) messages: Vec<Value>,
    pub(super) stream: bool,
    /// Whether the usage is wanted.
    pub(super) usage: bool,
    pub(super) schema: Option<Value>,
}

/// Why a request is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) message: String,
    pub(super) param: Option<String>,
    pub(super) code: Option<&'static str>,
}

impl Refusal {
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self { status: 400, message: message.into(), param: None, code: None }
    }

    fn of(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self { param: Some(param.into()), ..Self::invalid(message) }
    }
}

/// Reads a request.
pub(super) fn read(script: &Script, body: &[u8]) -> Result<Request, Refusal> {
    let body: Map<String, Value> = serde_json::from_slice(body)
        .map_err(|_| Refusal::invalid("We could not parse the JSON body of your request."))?;
    if let Some(unknown) = body.keys().find(|field| !FIELDS.contains(&field.as_str())) {
        return Err(Refusal::of(unknown.clone(), format!("Unrecognized request argument supplied: {unknown}")));
    }
    model(script, &body)?;
    let messages = match body.get("messages") {
        Some(Value::Array(messages)) if !messages.is_empty() => messages.clone(),
        Some(_) => {
            return Err(Refusal::of("messages", "Invalid 'messages': expected an array with at least one item."));
        }
        None => return Err(Refusal::of("messages", "Missing required parameter: 'messages'.")),
    };
    for (at, message) in messages.iter().enumerate() {
        shape(at, message)?;
    }
    results(&messages)?;
    numbers(&body)?;
    tools(&body)?;
    let stream = flag(&body, "stream")?.unwrap_or(false);
    if body.contains_key("stream_options") && !stream {
        return Err(Refusal::of(
            "stream_options",
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
        ));
    }
    let usage = body.get("stream_options").is_some_and(|options| options["include_usage"] == true);
    Ok(Request { messages, stream, usage, schema: response_format(&body)? })
}

fn model(script: &Script, body: &Map<String, Value>) -> Result<(), Refusal> {
    let Some(model) = body.get("model").and_then(Value::as_str).filter(|model| !model.is_empty()) else {
        return Err(Refusal::invalid("you must provide a model parameter"));
    };
    if script.models.is_empty() || script.models.iter().any(|known| known == model) {
        return Ok(());
    }
    Err(Refusal {
        status: 404,
        message: format!("The model `{model}` does not exist or you do not have access to it."),
        param: None,
        code: Some("model_not_found"),
    })
}

/// One message by itself.
fn shape(at: usize, message: &Value) -> Result<(), Refusal> {
    let refuse = |field: &str, what: &str| Err(Refusal::of(format!("messages[{at}].{field}"), what.to_owned()));
    let has_text = match &message["content"] {
        Value::String(_) => true,
        Value::Array(parts) if parts.iter().all(|part| part["type"] == "text" && part["text"].is_string()) => true,
        Value::Null => false,
        Value::Array(_) | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            return refuse("content", "Invalid type for 'content'.");
        }
    };
    match message["role"].as_str() {
        Some("system" | "developer" | "user") if has_text => Ok(()),
        Some("assistant") => {
            let Some(calls) = message.get("tool_calls") else {
                return if has_text {
                    Ok(())
                } else {
                    refuse("content", "Invalid value for 'content': expected a string, got null.")
                };
            };
            let calls = calls.as_array().filter(|calls| !calls.is_empty());
            let Some(calls) = calls else { return refuse("tool_calls", "Invalid 'tool_calls': empty array.") };
            let is_call = |call: &Value| {
                let arguments = call["function"]["arguments"].as_str();
                call["id"].as_str().is_some_and(|id| !id.is_empty())
                    && call["type"] == "function"
                    && call["function"]["name"].as_str().is_some_and(is_name)
                    && arguments.is_some_and(|text| serde_json::from_str::<Map<String, Value>>(text).is_ok())
            };
            if calls.iter().all(is_call) { Ok(()) } else { refuse("tool_calls", "Invalid 'tool_calls'.") }
        }
        Some("tool") if has_text && message["tool_call_id"].is_string() => Ok(()),
        Some("tool") => refuse("tool_call_id", "Missing required parameter: 'tool_call_id'."),
        Some("system" | "developer" | "user") => refuse("content", "Missing required parameter: 'content'."),
        Some(_) | None => refuse("role", "Invalid value for 'role'."),
    }
}

/// Every call is followed by its result, every result follows its call.
fn results(messages: &[Value]) -> Result<(), Refusal> {
    let mut open: Vec<&str> = Vec::new();
    for (at, message) in messages.iter().enumerate() {
        if message["role"] == "tool" {
            let id = message["tool_call_id"].as_str().unwrap_or_default();
            let Some(place) = open.iter().position(|call| *call == id) else {
                let what = "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.";
                return Err(Refusal::of(format!("messages[{at}].role"), format!("Invalid parameter: {what}")));
            };
            open.remove(place);
            continue;
        }
        unanswered(at, &open)?;
        let calls = message["tool_calls"].as_array();
        open = calls.into_iter().flatten().filter_map(|call| call["id"].as_str()).collect();
    }
    unanswered(messages.len(), &open)
}

fn unanswered(at: usize, open: &[&str]) -> Result<(), Refusal> {
    if open.is_empty() {
        return Ok(());
    }
    let what = "An assistant message with 'tool_calls' must be followed by tool messages responding to each \
                'tool_call_id'. The following tool_call_ids did not have response messages";
    Err(Refusal::of(format!("messages[{at}].role"), format!("{what}: {}", open.join(", "))))
}

fn numbers(body: &Map<String, Value>) -> Result<(), Refusal> {
    if body.contains_key("max_tokens") && body.contains_key("max_completion_tokens") {
        return Err(Refusal::of(
            "max_tokens",
            "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
        ));
    }
    for field in ["max_tokens", "max_completion_tokens"] {
        if body.get(field).is_some_and(|value| value.as_u64().is_none_or(|count| count == 0)) {
            return Err(Refusal::of(field, format!("Invalid '{field}': expected an integer of at least 1.")));
        }
    }
    for (field, most) in [("temperature", 2.0), ("top_p", 1.0)] {
        let within = |value: &Value| value.as_f64().is_some_and(|value| (0.0..=most).contains(&value));
        if body.get(field).is_some_and(|value| !within(value)) {
            return Err(Refusal::of(field, format!("Invalid '{field}': expected 0 to {most}.")));
        }
    }
    Ok(())
}

fn tools(body: &Map<String, Value>) -> Result<(), Refusal> {
    let Some(tools) = body.get("tools") else {
        return match ["tool_choice", "parallel_tool_calls"].into_iter().find(|field| body.contains_key(*field)) {
            Some(field) => Err(Refusal::of(field, format!("'{field}' is only allowed when 'tools' are specified."))),
            None => Ok(()),
        };
    };
    let tools = tools.as_array().filter(|tools| (1..=128).contains(&tools.len()));
    let Some(tools) = tools else { return Err(Refusal::of("tools", "Invalid 'tools': expected 1 to 128 tools.")) };
    for (at, tool) in tools.iter().enumerate() {
        let function = &tool["function"];
        let parameters = function.get("parameters");
        let is_object = parameters.is_none_or(|schema| schema["type"] == "object");
        let fits = tool["type"] == "function" && function["name"].as_str().is_some_and(is_name) && is_object;
        if !fits {
            return Err(Refusal::of(format!("tools[{at}]"), format!("Invalid 'tools[{at}]'.")));
        }
    }
    flag(body, "parallel_tool_calls").map(drop)
}

fn response_format(body: &Map<String, Value>) -> Result<Option<Value>, Refusal> {
    let Some(format) = body.get("response_format") else { return Ok(None) };
    let refuse = |message: String| Err(Refusal::of("response_format", message));
    match format["type"].as_str() {
        Some("text" | "json_object") => Ok(None),
        Some("json_schema") => {
            let (name, schema) = (&format["json_schema"]["name"], &format["json_schema"]["schema"]);
            if !name.as_str().is_some_and(is_name) || !schema.is_object() {
                return refuse(
                    "Missing required parameter: 'response_format.json_schema.name' or 'schema'.".to_owned(),
                );
            }
            if format["json_schema"]["strict"] == true
                && let Err(reason) = strict(schema, true)
            {
                return refuse(format!(
                    "Invalid schema for response_format '{}': {reason}",
                    name.as_str().unwrap_or_default()
                ));
            }
            Ok(Some(schema.clone()))
        }
        Some(_) | None => refuse("Invalid value for 'response_format.type'.".to_owned()),
    }
}

/// What strict schemas have to obey: an object on top, every property required, nothing else allowed.
fn strict(schema: &Value, top: bool) -> Result<(), String> {
    if top && schema["type"] != "object" {
        return Err("schema must be a JSON Schema of 'type: \"object\"'".to_owned());
    }
    if let Some(properties) = schema["properties"].as_object() {
        if schema["additionalProperties"] != false {
            return Err("'additionalProperties' is required to be supplied and to be false.".to_owned());
        }
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if let Some(missing) = properties.keys().find(|name| !required.contains(&name.as_str())) {
            return Err(format!("'required' is required to include every key in properties. Missing '{missing}'."));
        }
        properties.values().try_for_each(|property| strict(property, false))?;
    }
    schema.get("items").map_or(Ok(()), |items| strict(items, false))?;
    schema["anyOf"].as_array().into_iter().flatten().try_for_each(|choice| strict(choice, false))
}

fn flag(body: &Map<String, Value>, field: &str) -> Result<Option<bool>, Refusal> {
    match body.get(field) {
        None => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(_) => Err(Refusal::of(field, format!("Invalid type for '{field}': expected a boolean."))),
    }
}

fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}
