//! A server on this machine that answers in the place of the servers behind an assistant's tools.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::scenario::Stub;
use crate::agent::assistant::{Assistant, Tool};

/// The server; it ends when this is dropped.
pub(super) struct Stubs {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Stubs {
    pub(super) async fn start(stubs: BTreeMap<String, Stub>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("no port for the tools' stand-in")?;
        let address = listener.local_addr().context("the tools' stand-in has no address")?;
        let stubs = Arc::new(stubs);
        let router =
            Router::new().route("/{tool}", any(answer)).route("/{tool}/{*rest}", any(answer_below)).with_state(stubs);
        let serving = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the tools' stand-in has ended");
            }
        });
        Ok(Self { address, serving })
    }

    /// Makes the assistant ask here instead of the servers that its tools name; with `real` only for tools that have a stub.
    pub(super) fn take_over(&self, assistant: &mut Assistant, stubs: &BTreeMap<String, Stub>, real: bool) {
        for tool in &mut assistant.tools {
            if let Tool::Http(http) = tool
                && (!real || stubs.contains_key(&http.name))
            {
                http.url = format!("http://{}/{}{}", self.address, http.name, behind_host(&http.url));
            }
        }
    }
}

impl Drop for Stubs {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// What follows the host of an address.
fn behind_host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find(['/', '?']).map_or("", |at| &rest[at..])
}

async fn answer(State(stubs): State<Arc<BTreeMap<String, Stub>>>, Path(tool): Path<String>) -> Response {
    reply(stubs.get(&tool)).await
}

async fn answer_below(
    State(stubs): State<Arc<BTreeMap<String, Stub>>>,
    Path((tool, _)): Path<(String, String)>,
) -> Response {
    reply(stubs.get(&tool)).await
}

async fn reply(stub: Option<&Stub>) -> Response {
    let Some(stub) = stub else {
        return (StatusCode::NOT_FOUND, "the scenario has no stub for this tool").into_response();
    };
    tokio::time::sleep(Duration::from_millis(stub.delay_ms.into())).await;
    let status = StatusCode::from_u16(stub.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, "application/json")], stub.body.to_string()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_and_the_query_stay() {
        assert_eq!(behind_host("https://clinic.example/slots?day={{ args.day }}"), "/slots?day={{ args.day }}");
        assert_eq!(behind_host("https://clinic.example?day=1"), "?day=1");
        assert_eq!(behind_host("https://clinic.example"), "");
    }
}
