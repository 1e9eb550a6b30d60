//! Whether tools, transfers, knowledge and providers are sound.

use std::collections::BTreeMap;

use serde_json::Value;

use super::head::MAX_PROMPT;
use super::{Check, Problem, escape, is_name};
use crate::agent::assistant::{Builtin, HttpTool, McpServer, Tool, Transfer};
use crate::agent::transfer::TransferManner;
use crate::pii::Pii;

/// Longest description of a tool, in characters.
const MAX_DESCRIPTION: usize = 1_000;
/// Longest web address or header, in characters.
const MAX_ADDRESS: usize = 2_000;
/// Headers that belong to the connection or to us.
const OWN_HEADERS: [&str; 6] =
    ["host", "content-length", "transfer-encoding", "connection", "webhook-signature", "webhook-id"];

impl Check<'_> {
    pub(super) fn tools(&mut self) {
        let assistant = self.assistant;
        self.length("/tools", assistant.tools.len(), 0, 40, "tools");
        self.once(|index| format!("/tools/{index}/name"), assistant.tools.iter().map(Tool::name));
        for (index, tool) in assistant.tools.iter().enumerate() {
            let at = format!("/tools/{index}");
            match tool {
                Tool::Builtin(builtin) => {
                    if let Some(description) = &builtin.description {
                        self.description(&at, description);
                    }
                    if builtin.name == Builtin::Transfer && assistant.transfers.is_empty() {
                        self.fault(format!("{at}/name"), Problem::NoTransfers);
                    }
                }
                Tool::Http(tool) => self.http(&at, tool),
                Tool::Mcp(server) => self.mcp(&at, server),
            }
        }
        self.length("/transfers", assistant.transfers.len(), 0, 20, "transfers");
        self.once(|index| format!("/transfers/{index}/name"), assistant.transfers.iter().map(|t| t.name.as_str()));
        for (index, transfer) in assistant.transfers.iter().enumerate() {
            self.transfer(&format!("/transfers/{index}"), transfer);
        }
        self.length("/knowledge", assistant.knowledge.len(), 0, 20, "entries");
        let ids: Vec<String> = assistant.knowledge.iter().map(ToString::to_string).collect();
        self.once(|index| format!("/knowledge/{index}"), ids.iter().map(String::as_str));
        self.range("/lookup/passages", assistant.lookup.passages.into(), 1, 10);
        self.range("/lookup/limit_ms", assistant.lookup.limit_ms.into(), 20, 1_000);
        self.providers();
    }

    fn providers(&mut self) {
        let providers = &self.assistant.providers;
        for (kind, names) in [("stt", &providers.stt), ("llm", &providers.llm), ("tts", &providers.tts)] {
            let at = format!("/providers/{kind}");
            self.length(&at, names.len(), 0, 3, "providers");
            self.once(|index| format!("{at}/{index}"), names.iter().map(String::as_str));
            for (index, name) in names.iter().enumerate() {
                self.reference(&format!("{at}/{index}"), name);
            }
        }
        if let Some(name) = &providers.bot {
            self.reference("/providers/bot", name);
        }
        if let Some(name) = &providers.s2s {
            self.reference("/providers/s2s", name);
        }
    }

    fn description(&mut self, at: &str, description: &str) {
        let length = description.trim().chars().count();
        self.length(&format!("{at}/description"), length, 1, MAX_DESCRIPTION, "characters");
    }

    fn http(&mut self, at: &str, tool: &HttpTool) {
        let name = format!("{at}/name");
        if !is_name(&tool.name) {
            self.fault(name, Problem::NotAName);
        } else if Builtin::ALL.iter().any(|builtin| builtin.name() == tool.name) {
            self.fault(name, Problem::Duplicate(tool.name.clone()));
        }
        self.description(at, &tool.description);
        for (field, schema) in [("parameters", Some(&tool.parameters)), ("result", tool.result.as_ref())] {
            if let Some(schema) = schema {
                self.schema(&format!("{at}/{field}"), schema);
            }
        }
        self.address(&format!("{at}/url"), &tool.url);
        self.headers(at, &tool.headers);
        if let Some(body) = &tool.body {
            self.length(&format!("{at}/body"), body.to_string().chars().count(), 0, MAX_PROMPT, "characters");
            self.texts_of(&format!("{at}/body"), body);
        }
        if let Some(secret) = &tool.sign_with {
            self.reference(&format!("{at}/sign_with"), secret);
        }
        self.range(&format!("{at}/timeout_ms"), tool.timeout_ms, 100, 60_000);
        if let Some(filler) = &tool.filler {
            self.text(&format!("{at}/filler"), filler.expose());
        }
    }

    fn mcp(&mut self, at: &str, server: &McpServer) {
        self.name(&format!("{at}/name"), &server.name);
        self.address(&format!("{at}/url"), &server.url);
        self.headers(at, &server.headers);
        for (index, tool) in server.only.iter().flatten().enumerate() {
            self.length(&format!("{at}/only/{index}"), tool.chars().count(), 1, 64, "characters");
        }
        self.range(&format!("{at}/timeout_ms"), server.timeout_ms, 100, 60_000);
    }

    fn transfer(&mut self, at: &str, transfer: &Transfer) {
        self.name(&format!("{at}/name"), &transfer.name);
        self.length(
            &format!("{at}/description"),
            transfer.description.chars().count(),
            0,
            MAX_DESCRIPTION,
            "characters",
        );
        let to = transfer.to.expose();
        self.template(&format!("{at}/to"), to, 200, &[]);
        if !to.trim().is_empty() && !to.contains("{{") && !to.contains("{%") && !is_target(to) {
            self.fault(format!("{at}/to"), Problem::NotATarget);
        }
        if let Some(briefing) = &transfer.briefing {
            self.text(&format!("{at}/briefing"), briefing.expose());
            if transfer.kind == TransferManner::Cold {
                self.fault(format!("{at}/briefing"), Problem::UnheardBriefing);
            }
        }
        self.range(&format!("{at}/ring_timeout_s"), transfer.ring_timeout_s.into(), 5, 120);
    }

    fn schema(&mut self, at: &str, schema: &Value) {
        if schema.get("type").and_then(Value::as_str) != Some("object") {
            self.fault(at, Problem::NotASchema);
        }
    }

    fn address(&mut self, at: &str, url: &str) {
        self.template(at, url, MAX_ADDRESS, &["args", "secrets"]);
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
        let sound = !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || matches!(c, '{' | '}' | '@'));
        if !sound && !url.trim().is_empty() {
            self.fault(at, Problem::NotAUrl);
        }
    }

    fn headers(&mut self, at: &str, headers: &BTreeMap<String, Pii<String>>) {
        self.length(&format!("{at}/headers"), headers.len(), 0, 20, "headers");
        for (name, value) in headers {
            let at = format!("{at}/headers/{}", escape(name));
            let sound = (1..=64).contains(&name.len())
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
                && !OWN_HEADERS.contains(&name.to_ascii_lowercase().as_str());
            if !sound {
                self.fault(&at, Problem::NotAHeader(name.chars().take(64).collect()));
            }
            self.template(&at, value.expose(), MAX_ADDRESS, &["args", "secrets"]);
        }
    }

    /// Every text of a JSON value is a template.
    fn texts_of(&mut self, at: &str, value: &Value) {
        match value {
            Value::String(text) if !text.is_empty() => self.template(at, text, MAX_PROMPT, &["args", "secrets"]),
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.texts_of(&format!("{at}/{index}"), item);
                }
            }
            Value::Object(fields) => {
                for (name, field) in fields {
                    self.texts_of(&format!("{at}/{}", escape(name)), field);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}

fn is_target(to: &str) -> bool {
    let number = to
        .strip_prefix('+')
        .is_some_and(|digits| (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()));
    number
        || ["sip:", "sips:"]
            .iter()
            .any(|scheme| to.starts_with(scheme) && callwright_sip::message::Uri::parse(to.as_bytes()).is_ok())
}
