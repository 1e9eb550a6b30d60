//! What assistants can do beside talking, carried out: requests to a company's own servers, its tool servers, looking
//! things up, arranging another call; and what a call leaves in the database while it goes on.
//!
//! A tool always answers the model, with its result or with `{"error": …}` in words the model can act upon. What went
//! wrong inside is for the log, without arguments and results: they are personal.

mod callback;
mod http;
mod knowledge;
mod mcp;
mod schema;
mod sign;
mod template;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use self::mcp::Servers;
use crate::agent::assistant::{Builtin, HttpTool, McpServer, Tool};
use crate::agent::knowledge::brief;
use crate::call::tools::{self, Keeping, LookingUp, Offering, Running, ToolContext};
use crate::lookup::Lookups;
use crate::net::web::Web;
use crate::pii::Pii;
use crate::store::org::{PhoneHash, Secrets};
use crate::store::suppression::{self, SuppressionSource};
use crate::store::{Db, StoreError};

/// Tries to keep an opt-out before it is given up.
const TRIES: u32 = 5;

/// The tools of the server.
pub struct Toolbox {
    shared: Arc<Shared>,
}

struct Shared {
    db: Db,
    secrets: Arc<Secrets>,
    web: Web,
    /// Secrets that requests may carry, by name.
    named: BTreeMap<String, SecretString>,
    servers: Servers,
    lookups: Lookups,
}

/// Why a tool gave no result; what the model is told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
struct Fault(String);

impl Fault {
    fn new(words: impl Into<String>) -> Self {
        Self(words.into())
    }

    /// What was cancelled because the caller interrupted, or is gone.
    fn interrupted() -> Self {
        Self::new("interrupted")
    }
}

impl Toolbox {
    /// Tools that keep things in `db`, look things up with `lookups`, send requests through `web` and may use the secrets
    /// `named`.
    #[must_use]
    pub fn new(
        db: Db,
        lookups: Lookups,
        secrets: Arc<Secrets>,
        web: Web,
        named: BTreeMap<String, SecretString>,
    ) -> Self {
        let servers = Servers::new(web.clone());
        Self { shared: Arc::new(Shared { db, secrets, web, named, servers, lookups }) }
    }
}

impl tools::Toolbox for Toolbox {
    fn offering(&self, context: &Arc<ToolContext>) -> Offering {
        let (shared, context) = (Arc::clone(&self.shared), Arc::clone(context));
        Box::pin(async move {
            let definition = &context.assistant.definition;
            if !definition.knowledge.is_empty() {
                shared.lookups.warm(context.org, &definition.knowledge);
            }
            let servers = definition
                .tools
                .iter()
                .filter_map(|tool| if let Tool::Mcp(server) = tool { Some(server) } else { None });
            let offered = join_all(servers.map(|server| shared.servers.offering(server, &shared.named))).await;
            let mut specs: Vec<_> = offered.into_iter().flatten().collect();
            specs.extend((!definition.knowledge.is_empty()).then(|| knowledge::spec(definition)));
            specs
        })
    }

    fn run(
        &self,
        context: &Arc<ToolContext>,
        name: &str,
        arguments: Pii<String>,
        cancelled: CancellationToken,
    ) -> Running {
        let (shared, context, name) = (Arc::clone(&self.shared), Arc::clone(context), name.to_owned());
        Box::pin(async move {
            let result = shared.run(&context, &name, &arguments, cancelled).await;
            Pii::new(match result {
                Ok(result) => result.to_string(),
                Err(fault) => {
                    tracing::info!(call = %context.call, tool = name, "a tool gave no result");
                    json!({ "error": fault.0 }).to_string()
                }
            })
        })
    }

    fn look_up(&self, context: &Arc<ToolContext>, question: Pii<String>, most: u8, limit: Duration) -> LookingUp {
        let (shared, context) = (Arc::clone(&self.shared), Arc::clone(context));
        Box::pin(async move {
            let most = usize::from(most);
            knowledge::look_up(&shared.lookups, &context, question.expose(), most, limit).await
        })
    }

    fn opt_out(&self, context: &Arc<ToolContext>, _: Pii<String>) -> Keeping {
        let (db, context) = (self.shared.db.clone(), Arc::clone(context));
        // Without a number there is nobody who could be called again.
        let Some(hash) = context.contact.as_ref().map(|number| self.shared.secrets.phone.hash(number.expose())) else {
            return Box::pin(std::future::ready(true));
        };
        Box::pin(async move {
            let note = format!("said so in call {}", context.call);
            for attempt in 1..=TRIES {
                match suppress(&db, &context, &hash, &note).await {
                    // On the list already is as good.
                    Ok(()) | Err(StoreError::Conflict(_)) => return true,
                    Err(error) => {
                        tracing::warn!(call = %context.call, %error, "an opt-out is not written yet");
                        tokio::time::sleep(Duration::from_secs(attempt.into())).await;
                    }
                }
            }
            false
        })
    }
}

impl Shared {
    async fn run(
        &self,
        context: &ToolContext,
        name: &str,
        arguments: &Pii<String>,
        cancelled: CancellationToken,
    ) -> Result<Value, Fault> {
        let arguments = read(arguments)?;
        if name == Builtin::ScheduleCallback.name() {
            return callback::schedule(&self.db, context, &arguments).await;
        }
        if name == brief::TOOL {
            return knowledge::search(&self.lookups, context, &arguments).await;
        }
        match self.find(context, name) {
            Some(Found::Http(tool)) => {
                let done = http::run(tool, context, arguments, &self.web, &self.named);
                // What must not be done by half goes on although nobody waits for it.
                if tool.finish_when_interrupted { done.await } else { unless(cancelled, done).await }
            }
            Some(Found::Mcp(server, tool)) => {
                unless(cancelled, self.servers.call(server, tool, arguments, &self.named)).await
            }
            None => Err(Fault::new(format!("there is no tool {name}"))),
        }
    }

    fn find<'a>(&self, context: &'a ToolContext, name: &'a str) -> Option<Found<'a>> {
        context.assistant.definition.tools.iter().find_map(|tool| match tool {
            Tool::Http(tool) => (tool.name == name).then_some(Found::Http(tool)),
            Tool::Mcp(server) => {
                let own = name.strip_prefix(&server.name).and_then(|rest| rest.strip_prefix('_'))?;
                Some(Found::Mcp(server, own))
            }
            Tool::Builtin(_) => None,
        })
    }
}

enum Found<'a> {
    Http(&'a HttpTool),
    Mcp(&'a McpServer, &'a str),
}

/// The arguments as the model wrote them; nothing at all stands for none.
fn read(arguments: &Pii<String>) -> Result<Value, Fault> {
    let text = arguments.expose().trim();
    if text.is_empty() {
        return Ok(json!({}));
    }
    match serde_json::from_str(text) {
        Ok(object @ Value::Object(_)) => Ok(object),
        Ok(_) => Err(Fault::new("the arguments must be a JSON object")),
        Err(error) => {
            Err(Fault::new(format!("the arguments are not JSON: line {}, column {}", error.line(), error.column())))
        }
    }
}

async fn unless<T>(cancelled: CancellationToken, work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    tokio::select! {
        done = work => done,
        () = cancelled.cancelled() => Err(Fault::interrupted()),
    }
}

async fn suppress(db: &Db, context: &ToolContext, hash: &PhoneHash, note: &str) -> Result<(), StoreError> {
    let mut tx = db.begin_durable().await?;
    suppression::insert(&mut tx, context.org, hash, SuppressionSource::SpokenOptOut, note).await?;
    tx.commit().await
}
