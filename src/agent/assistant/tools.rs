//! What an assistant can do beside talking, as people define it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::agent::transfer::TransferManner;
use crate::pii::Pii;

/// Something an assistant can do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Tool {
    /// One that comes with the server.
    Builtin(BuiltinTool),
    /// A request to a server of yours.
    Http(HttpTool),
    /// All or some tools of a server that speaks the Model Context Protocol (streamable HTTP).
    Mcp(McpServer),
}

impl Tool {
    /// What models and nodes call it; for a server its prefix.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Builtin(builtin) => builtin.name.name(),
            Self::Http(tool) => &tool.name,
            Self::Mcp(server) => &server.name,
        }
    }
}

/// A tool that comes with the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BuiltinTool {
    /// Which.
    pub name: Builtin,
    /// What the model is told of it instead of the usual words; at most 1000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// The tools that come with the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Builtin {
    /// Says goodbye and hangs up.
    EndCall,
    /// Hands the call to one of the assistant's `transfers`.
    Transfer,
    /// Presses keys, with pauses `w` (half a second) and `W` (a second).
    SendDtmf,
    /// Collects digits that the caller types.
    CollectDigits,
    /// Arranges another call at a time that is allowed.
    ScheduleCallback,
    /// Puts the number on the suppression list of the organisation.
    OptOut,
    /// Writes down an answer to a question of the campaign.
    RecordAnswer,
    /// Marks the call as a success.
    MarkSuccess,
}

impl Builtin {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::EndCall,
        Self::Transfer,
        Self::SendDtmf,
        Self::CollectDigits,
        Self::ScheduleCallback,
        Self::OptOut,
        Self::RecordAnswer,
        Self::MarkSuccess,
    ];

    /// Its name in JSON and for the model.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EndCall => "end_call",
            Self::Transfer => "transfer",
            Self::SendDtmf => "send_dtmf",
            Self::CollectDigits => "collect_digits",
            Self::ScheduleCallback => "schedule_callback",
            Self::OptOut => "opt_out",
            Self::RecordAnswer => "record_answer",
            Self::MarkSuccess => "mark_success",
        }
    }
}

/// A request to a server of yours. Templates may use the assistant's variables, the call's arguments as
/// `{{ args.name }}` and secrets from the catalog as `{{ secrets.name }}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpTool {
    /// Lower-case letters, digits and underscores; at most 64.
    pub name: String,
    /// What it does and when to use it; 1 to 1000 characters.
    pub description: String,
    /// JSON Schema of its arguments, an object.
    #[serde(default = "no_arguments")]
    #[schema(value_type = Object)]
    pub parameters: Value,
    /// How it is asked.
    #[serde(default)]
    pub method: HttpMethod,
    /// Where; a template. What is put in is encoded for its place. The host must be written out.
    pub url: String,
    /// Headers of the request; templates.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, String>)]
    pub headers: BTreeMap<String, Pii<String>>,
    /// JSON to send, every text in it a template. The arguments when it is left out; nothing with `GET` and `DELETE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub body: Option<Value>,
    /// The secret that signs the request after Standard Webhooks, by its name in the catalog.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_with: Option<String>,
    /// How long it may take; 100 to 60000 ms.
    #[serde(default = "default_timeout")]
    pub timeout_ms: u32,
    /// JSON Schema that the answer must follow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub result: Option<Value>,
    /// Whether it goes on when the caller interrupts: yes for what changes something, so that it is not done by half.
    #[serde(default = "yes")]
    pub finish_when_interrupted: bool,
    /// What is said when it takes longer than 700 ms; a template. A few words in the assistant's language when it is
    /// left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub filler: Option<Pii<String>>,
}

/// How a server is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum HttpMethod {
    /// GET.
    Get,
    /// POST.
    #[default]
    Post,
    /// PUT.
    Put,
    /// PATCH.
    Patch,
    /// DELETE.
    Delete,
}

/// A server that speaks the Model Context Protocol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct McpServer {
    /// Lower-case letters, digits and underscores; its tools are called `name_tool`.
    pub name: String,
    /// Where; `http` or `https`.
    pub url: String,
    /// Headers of its requests; templates that may use `{{ secrets.name }}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, String>)]
    pub headers: BTreeMap<String, Pii<String>>,
    /// Only these of its tools; all when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<Vec<String>>,
    /// How long a call of a tool may take; 100 to 60000 ms.
    #[serde(default = "default_timeout")]
    pub timeout_ms: u32,
}

/// Somebody the call can be handed to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Transfer {
    /// What tools and nodes call it: lower-case letters, digits and underscores.
    pub name: String,
    /// When to hand over to it, for the model; at most 1000 characters.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The number with `+` and country, or a SIP address; a template.
    #[schema(value_type = String)]
    pub to: Pii<String>,
    /// Whether somebody is spoken to first.
    #[serde(default)]
    pub kind: TransferManner,
    /// What the one who takes the call is told first, unheard by the caller; a template. Only with `warm`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub briefing: Option<Pii<String>>,
    /// How long it may ring; 5 to 120 s.
    #[serde(default = "default_ring")]
    pub ring_timeout_s: u16,
}

fn no_arguments() -> Value {
    serde_json::json!({ "type": "object", "properties": {} })
}

const fn default_timeout() -> u32 {
    10_000
}

const fn default_ring() -> u16 {
    25
}

const fn yes() -> bool {
    true
}
