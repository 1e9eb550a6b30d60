//! Logs: one line an event on standard error, filtered by `CALLWRIGHT_LOG` (default `info`), JSON on request. Traces of
//! calls: what is kept while one goes on ([`trail`]), what is made of it ([`spans`]), where it is sent ([`export`]). Figures
//! for Prometheus ([`metrics`]).

pub mod context;
pub mod export;
pub mod metrics;
pub mod spans;
pub mod trail;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts logging for this process; a second call changes nothing.
pub fn start(format: LogFormat, default_filter: &str) {
    let filter = EnvFilter::try_from_env("CALLWRIGHT_LOG").unwrap_or_else(|_| EnvFilter::new(default_filter));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        // A line that cannot be written (a full disk) would be told to stderr, which panics when that fails as well.
        .log_internal_errors(false)
        .with_span_events(FmtSpan::NONE);
    // Only the first subscriber of a process can win; a test that starts two servers keeps the first one's.
    let started = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    drop(started);
}
