//! Tool servers that speak the Model Context Protocol over streamable HTTP.
//!
//! One connection to a server is shared by all calls and made anew when it is lost. What a server offers is asked again
//! after a while, so that a call never waits for it longer than it has to.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::header::{HeaderName, HeaderValue};
use rmcp::ServiceExt as _;
use rmcp::model::{CallToolRequestParams, CallToolResult, ContentBlock};
use rmcp::service::{RoleClient, RunningService};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::Fault;
use super::template::{Place, Values};
use crate::agent::assistant::McpServer;
use crate::net::web::Web;
use crate::provider::llm::ToolSpec;
use crate::time;

/// Time for a connection to stand and its tools to be known.
const CONNECT: Duration = Duration::from_secs(5);
/// How long the list of a server's tools is believed.
const FRESH: Duration = Duration::from_secs(60);
/// Tools of one server that a model is shown; descriptions longer than this are cut.
const MOST_TOOLS: usize = 64;
const LONGEST_DESCRIPTION: usize = 1_000;
/// Largest result a model is given, in bytes.
const RESULT: usize = 32 << 10;
/// Largest message of a server.
const MESSAGE: usize = 1 << 20;
/// Servers connected to at one time; beyond that, connections nobody used for longest are closed.
const CONNECTIONS: usize = 64;

/// The servers in use.
pub(super) struct Servers {
    web: Web,
    connected: Mutex<BTreeMap<Key, Arc<Slot>>>,
}

/// A server as an assistant names it: the same address with other headers is another one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    url: String,
    headers: BTreeMap<String, String>,
}

#[derive(Default)]
struct Slot {
    connection: tokio::sync::Mutex<Option<Connection>>,
}

struct Connection {
    service: RunningService<RoleClient, ()>,
    tools: Vec<rmcp::model::Tool>,
    asked: Instant,
}

impl Servers {
    pub(super) fn new(web: Web) -> Self {
        Self { web, connected: Mutex::default() }
    }

    /// What a server offers to this assistant; nothing when it cannot be asked.
    pub(super) async fn offering(&self, server: &McpServer, secrets: &BTreeMap<String, SecretString>) -> Vec<ToolSpec> {
        let offered = async {
            let slot = self.slot(server, secrets)?;
            let mut connection = slot.connection.lock().await;
            let connection = self.connect(&mut connection, server, secrets).await?;
            Ok::<_, Fault>(specs(server, &connection.tools))
        };
        offered.await.unwrap_or_else(|fault| {
            tracing::warn!(server = server.name, %fault, "a tool server cannot be asked");
            Vec::new()
        })
    }

    /// Calls a tool of a server, by the server's own name for it.
    pub(super) async fn call(
        &self,
        server: &McpServer,
        tool: &str,
        arguments: Value,
        secrets: &BTreeMap<String, SecretString>,
    ) -> Result<Value, Fault> {
        if server.only.as_ref().is_some_and(|only| !only.iter().any(|name| name == tool)) {
            return Err(Fault::new(format!("there is no tool {}_{tool}", server.name)));
        }
        let arguments = match arguments {
            Value::Object(arguments) => arguments,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                serde_json::Map::new()
            }
        };
        let request = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
        let calling = async {
            let slot = self.slot(server, secrets)?;
            let peer = {
                let mut connection = slot.connection.lock().await;
                self.connect(&mut connection, server, secrets).await?.service.peer().clone()
            };
            peer.call_tool_once(request).await.map_err(|_| Fault::new("the tool server did not carry it out"))
        };
        let limit = Duration::from_millis(server.timeout_ms.into());
        let done = tokio::time::timeout(limit, calling).await;
        match done.unwrap_or_else(|_| Err(Fault::new("the tool server did not answer in time")))? {
            rmcp::model::CallToolResponse::Complete(result) => read(result),
            rmcp::model::CallToolResponse::InputRequired(_) | rmcp::model::CallToolResponse::Task(_) | _ => {
                Err(Fault::new("the tool server asks for something that a call cannot give"))
            }
        }
    }

    fn slot(&self, server: &McpServer, secrets: &BTreeMap<String, SecretString>) -> Result<Arc<Slot>, Fault> {
        let key = Key { url: server.url.clone(), headers: headers(server, secrets)? };
        let mut connected = self.connected.lock().unwrap_or_else(PoisonError::into_inner);
        if connected.len() >= CONNECTIONS && !connected.contains_key(&key) {
            // One that no call holds at present; should all be held, the map grows by those.
            let idle = connected.iter().find(|(_, slot)| Arc::strong_count(slot) == 1).map(|(key, _)| key.clone());
            idle.and_then(|key| connected.remove(&key));
        }
        Ok(Arc::clone(connected.entry(key).or_default()))
    }

    /// The connection, made anew when there is none, it is lost, or its tools were asked for too long ago.
    async fn connect<'a>(
        &self,
        connection: &'a mut Option<Connection>,
        server: &McpServer,
        secrets: &BTreeMap<String, SecretString>,
    ) -> Result<&'a mut Connection, Fault> {
        let now = time::now().mono;
        let usable = connection.take().filter(|connection| !connection.service.is_transport_closed());
        let standing = match usable {
            Some(connection) if now.saturating_duration_since(connection.asked) < FRESH => connection,
            other => {
                let asked = async {
                    let service = match other {
                        Some(connection) => connection.service,
                        None => self.open(server, secrets).await?,
                    };
                    let tools = service.list_all_tools().await;
                    let tools = tools.map_err(|_| Fault::new("the tool server does not say what it offers"))?;
                    Ok(Connection { service, tools, asked: now })
                };
                let asked = tokio::time::timeout(CONNECT, asked).await;
                asked.unwrap_or_else(|_| Err(Fault::new("the tool server did not answer in time")))?
            }
        };
        Ok(connection.insert(standing))
    }

    async fn open(
        &self,
        server: &McpServer,
        secrets: &BTreeMap<String, SecretString>,
    ) -> Result<RunningService<RoleClient, ()>, Fault> {
        self.web.check(&server.url).map_err(|error| Fault::new(format!("the tool server {error}")))?;
        let mut fields = HashMap::new();
        for (name, value) in headers(server, secrets)? {
            let wrong = || Fault::new(format!("the header `{name}` cannot be sent"));
            let mut value = HeaderValue::from_str(&value).map_err(|_| wrong())?;
            value.set_sensitive(true);
            fields.insert(HeaderName::try_from(&name).map_err(|_| wrong())?, value);
        }
        let mut config = StreamableHttpClientTransportConfig::with_uri(server.url.as_str()).custom_headers(fields);
        config.max_sse_event_size = MESSAGE;
        let transport = StreamableHttpClientTransport::with_client(self.web.client().clone(), config);
        ().serve(transport).await.map_err(|_| Fault::new("the tool server cannot be reached"))
    }
}

fn headers(server: &McpServer, secrets: &BTreeMap<String, SecretString>) -> Result<BTreeMap<String, String>, Fault> {
    let values = Values::new(&BTreeMap::new(), &json!({}), secrets);
    let render = |(name, template): (&String, &crate::pii::Pii<String>)| {
        Ok((name.clone(), values.render(template.expose(), Place::Plain)?))
    };
    server.headers.iter().map(render).collect()
}

fn specs(server: &McpServer, tools: &[rmcp::model::Tool]) -> Vec<ToolSpec> {
    let wanted =
        |tool: &&rmcp::model::Tool| server.only.as_ref().is_none_or(|only| only.iter().any(|name| *name == tool.name));
    let spec = |tool: &rmcp::model::Tool| ToolSpec {
        name: format!("{}_{}", server.name, tool.name),
        description: tool.description.as_deref().unwrap_or_default().chars().take(LONGEST_DESCRIPTION).collect(),
        parameters: Value::Object((*tool.input_schema).clone()),
    };
    // Models refuse names of other characters or lengths, and with them the whole request.
    let fits = |spec: &ToolSpec| {
        spec.name.len() <= 64 && spec.name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
    };
    tools.iter().filter(wanted).map(spec).filter(fits).take(MOST_TOOLS).collect()
}

/// What a model is given of a result: its structured form where there is one, else its texts.
fn read(result: CallToolResult) -> Result<Value, Fault> {
    let texts = result.content.iter().filter_map(ContentBlock::as_text).map(|text| text.text.as_str());
    let value = result.structured_content.unwrap_or_else(|| json!(texts.collect::<Vec<_>>().join("\n")));
    let failed = result.is_error.unwrap_or(false);
    match value.to_string().len() {
        0..=RESULT if failed => Ok(json!({ "error": value })),
        0..=RESULT => Ok(value),
        _ => Err(Fault::new("the tool server's answer is too long")),
    }
}
