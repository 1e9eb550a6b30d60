//! The body of a request for a chat completion.

use reqwest::Url;
use serde_json::{Map, Value, json};

use crate::provider::llm::{LlmRequest, Message, ToolCall, ToolSpec};
use crate::provider::vendor::Vendor;

/// What every request to one vendor has in common.
#[derive(Clone, Debug)]
pub(super) struct Template {
    model: String,
    limit_field: &'static str,
    usage: bool,
    parallel_tools: Option<bool>,
    temperature: Option<f64>,
    /// Whatever else the operator wants in every body, such as `reasoning_effort`.
    extra: Map<String, Value>,
}

impl Template {
    /// Reads the vendor's options: `max_tokens_field` (`max_tokens` or `max_completion_tokens`), `usage`,
    /// `parallel_tool_calls`, `temperature`, `extra`.
    pub(super) fn new(vendor: &Vendor, base: &str, default_model: &str) -> Self {
        // OpenAI itself refuses the old name with newer models; many compatible servers know only the old one.
        let is_openai = Url::parse(base).ok().and_then(|url| url.host_str().map(is_openai_host)).unwrap_or(false);
        let limit_field = match vendor.text("max_tokens_field") {
            Some("max_completion_tokens") => "max_completion_tokens",
            Some("max_tokens") => "max_tokens",
            _ if is_openai => "max_completion_tokens",
            _ => "max_tokens",
        };
        Self {
            model: vendor.model_or(default_model).to_owned(),
            limit_field,
            usage: vendor.flag("usage").unwrap_or(true),
            parallel_tools: vendor.flag("parallel_tool_calls"),
            temperature: vendor.number("temperature"),
            extra: vendor.options.get("extra").and_then(Value::as_object).cloned().unwrap_or_default(),
        }
    }

    /// One request.
    pub(super) fn body(&self, request: &LlmRequest) -> Value {
        let mut body = Map::new();
        body.insert("model".to_owned(), json!(self.model));
        body.insert("stream".to_owned(), json!(true));
        if self.usage {
            body.insert("stream_options".to_owned(), json!({"include_usage": true}));
        }
        body.insert("messages".to_owned(), request.messages.iter().filter_map(message).collect());
        body.insert(self.limit_field.to_owned(), json!(request.max_tokens));
        if let Some(temperature) = request.temperature.map(shortest).or(self.temperature) {
            body.insert("temperature".to_owned(), json!(temperature));
        }
        if let Some(schema) = &request.schema {
            let schema = json!({"name": schema.name, "strict": true, "schema": schema.schema});
            body.insert("response_format".to_owned(), json!({"type": "json_schema", "json_schema": schema}));
        } else if !request.tools.is_empty() {
            body.insert("tools".to_owned(), request.tools.iter().map(tool).collect());
            body.insert("tool_choice".to_owned(), json!("auto"));
            if let Some(parallel) = self.parallel_tools {
                body.insert("parallel_tool_calls".to_owned(), json!(parallel));
            }
        }
        body.extend(self.extra.clone());
        Value::Object(body)
    }
}

fn is_openai_host(host: &str) -> bool {
    host == "api.openai.com" || host.ends_with(".api.openai.com") || host.ends_with(".openai.azure.com")
}

/// The number as it was written: 0.4 and not 0.4000000059604645.
fn shortest(number: f32) -> f64 {
    number.to_string().parse().unwrap_or_else(|_| f64::from(number))
}

/// A message on the wire. An assistant's message that says nothing and calls nothing is left out: several servers
/// refuse it.
fn message(message: &Message) -> Option<Value> {
    Some(match message {
        Message::System { text } => json!({"role": "system", "content": text.expose()}),
        Message::User { text } => json!({"role": "user", "content": text.expose()}),
        Message::Assistant { text, calls } if calls.is_empty() => {
            Some(text.expose())
                .filter(|text| !text.is_empty())
                .map(|text| json!({"role": "assistant", "content": text}))?
        }
        Message::Assistant { text, calls } => {
            let content = Some(text.expose()).filter(|text| !text.is_empty());
            let calls: Vec<Value> = calls.iter().map(call).collect();
            json!({"role": "assistant", "content": content, "tool_calls": calls})
        }
        Message::Tool { call, result } => json!({"role": "tool", "tool_call_id": call, "content": result.expose()}),
    })
}

/// A call that the model made before. Servers parse its arguments again and fail on broken ones.
fn call(call: &ToolCall) -> Value {
    let arguments = call.arguments.expose();
    let is_object = serde_json::from_str::<Map<String, Value>>(arguments).is_ok();
    let arguments = if is_object { arguments.as_str() } else { "{}" };
    json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}})
}

fn tool(tool: &ToolSpec) -> Value {
    let function = json!({"name": tool.name, "description": tool.description, "parameters": tool.parameters});
    json!({"type": "function", "function": function})
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::pii::Pii;
    use crate::provider::llm::JsonSchema;

    fn text(text: &str) -> Pii<String> {
        Pii::new(text.to_owned())
    }

    fn request(messages: Vec<Message>) -> LlmRequest {
        LlmRequest { messages: messages.into(), tools: Arc::new([]), max_tokens: 300, temperature: None, schema: None }
    }

    fn vendor(options: Value) -> Vendor {
        Vendor { options: options.as_object().cloned().expect("an object"), ..Vendor::named("v") }
    }

    fn template(options: Value) -> Template {
        Template::new(&vendor(options), "http://127.0.0.1:1/v1", "m")
    }

    #[test]
    fn a_conversation_with_a_call_in_it() {
        let asked = ToolCall { id: "call_1".to_owned(), name: "lookup".to_owned(), arguments: text("{\"id\":7}") };
        let broken = ToolCall { id: "call_2".to_owned(), arguments: text("{\"id\":"), ..asked.clone() };
        let messages = vec![
            Message::System { text: text("Be brief.") },
            Message::User { text: text("Order seven?") },
            Message::Assistant { text: text(""), calls: vec![asked, broken] },
            Message::Tool { call: "call_1".to_owned(), result: text("{\"ok\":true}") },
            Message::Tool { call: "call_2".to_owned(), result: text("{\"error\":\"interrupted\"}") },
            Message::Assistant { text: text(""), calls: vec![] },
        ];
        let specs = [ToolSpec {
            name: "lookup".to_owned(),
            description: "Finds an order.".to_owned(),
            parameters: json!({"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]}),
        }];
        let request = LlmRequest { tools: Arc::new(specs), temperature: Some(0.4), ..request(messages) };
        insta::assert_json_snapshot!(template(json!({})).body(&request));
    }

    #[test]
    fn a_schema_takes_the_place_of_tools() {
        let schema = JsonSchema { name: "answer".to_owned(), schema: json!({"type": "object"}) };
        let request = LlmRequest { schema: Some(Arc::new(schema)), ..request(vec![]) };
        let body = template(json!({})).body(&request);
        assert_eq!(body["response_format"]["json_schema"]["strict"], json!(true));
        assert_eq!(body.get("tools"), None);
    }

    #[test]
    fn options_reach_the_body() {
        let options = json!({"max_tokens_field": "max_completion_tokens", "usage": false, "temperature": 0.2,
                             "extra": {"reasoning_effort": "low", "model": "other"}});
        let body = template(options).body(&request(vec![]));
        let want = json!({"model": "other", "stream": true, "messages": [], "max_completion_tokens": 300,
                          "temperature": 0.2, "reasoning_effort": "low"});
        assert_eq!(body, want);
        let openai = Template::new(&Vendor::named("v"), "https://api.openai.com/v1", "m").body(&request(vec![]));
        assert_eq!(openai["max_completion_tokens"], json!(300), "its newer models refuse the old name");
    }
}
