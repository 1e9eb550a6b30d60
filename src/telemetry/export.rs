//! Sends the traces of calls to a collector: OTLP over HTTP, as protobuf.
//!
//! Calls hand their spans over when they are over and never wait. A collector that is slow or away costs traces, which
//! are counted, and nothing else.

use std::time::Duration;

use anyhow::Context;
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::spans::{CallFacts, spans};
use crate::config::Collector;

/// Calls whose spans wait to be sent; further ones are dropped.
const WAITING: usize = 512;
/// Calls whose spans are sent together.
const BATCH: usize = 32;
/// How long one request may take, repetitions included, before its spans are given up.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long the end of the server waits for the last spans.
const LAST: Duration = Duration::from_secs(5);

/// The way to the collector. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Spans {
    queue: mpsc::Sender<Vec<SpanData>>,
}

impl Spans {
    /// Hands the spans of a call over that is over.
    pub fn send(&self, facts: &CallFacts<'_>) {
        if self.queue.try_reserve().map(|place| place.send(spans(facts))).is_err() {
            tracing::warn!(call = %facts.context.call, "the collector does not keep up: the trace of a call is dropped");
        }
    }
}

/// Opens the way to a collector; nothing is sent before there is something to send. The second part does the work
/// until it is told to stop, and sends what waits then.
///
/// # Errors
/// The address or a header for the collector cannot be used.
pub fn start(
    collector: &Collector,
    service: &str,
    stop: CancellationToken,
) -> anyhow::Result<(Spans, impl Future<Output = ()> + Send + use<>)> {
    let client = reqwest::Client::builder()
        .user_agent(concat!("callwright/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_secs(5))
        .build()
        .context("no HTTP client for the collector")?;
    let builder = SpanExporter::builder().with_http().with_http_client(client);
    let builder = match collector {
        Collector::Address(address) => builder.with_endpoint(address.clone()),
        // The exporter reads the standard variables itself, headers and all.
        Collector::Environment => builder,
    };
    let mut exporter = builder.build().context("the collector of traces cannot be used")?;
    let version = opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    exporter.set_resource(&Resource::builder().with_service_name(service.to_owned()).with_attribute(version).build());
    let (queue, receiver) = mpsc::channel(WAITING);
    Ok((Spans { queue }, run(exporter, receiver, stop)))
}

async fn run(exporter: SpanExporter, mut queue: mpsc::Receiver<Vec<SpanData>>, stop: CancellationToken) {
    let mut failing = false;
    loop {
        let mut calls = Vec::with_capacity(BATCH);
        tokio::select! {
            biased;
            received = queue.recv_many(&mut calls, BATCH) => {
                if received == 0 {
                    return;
                }
                export(&exporter, calls, PATIENCE, &mut failing).await;
            }
            () = stop.cancelled() => break,
        }
    }
    queue.close();
    let mut calls = Vec::new();
    while queue.recv_many(&mut calls, WAITING).await > 0 {}
    if !calls.is_empty() {
        export(&exporter, calls, LAST, &mut failing).await;
    }
}

async fn export(exporter: &SpanExporter, calls: Vec<Vec<SpanData>>, limit: Duration, failing: &mut bool) {
    let lost = calls.len();
    let sent = timeout(limit, exporter.export(calls.into_iter().flatten().collect())).await;
    let problem = match sent {
        Ok(Ok(())) => {
            if std::mem::replace(failing, false) {
                tracing::info!("the collector takes traces again");
            }
            return;
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => "it did not answer in time".to_owned(),
    };
    *failing = true;
    tracing::warn!(lost, problem, "the collector did not take the traces of some calls");
}
