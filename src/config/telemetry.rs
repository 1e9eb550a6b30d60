//! Settings of traces and figures.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::ConfigError;

/// Settings of traces and figures. Traces are off until a collector is named, here or by the standard variables.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetryConfig {
    /// The collector's address for OTLP over HTTP, such as `http://127.0.0.1:4318`. Without it
    /// `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` or `OTEL_EXPORTER_OTLP_ENDPOINT` counts; `OTEL_SDK_DISABLED=true` turns
    /// traces off in any case. Headers come from `OTEL_EXPORTER_OTLP_HEADERS`.
    pub otlp_endpoint: Option<String>,
    /// What the traces name as the service. Default `callwright`.
    pub service_name: String,
    /// Where `/metrics` is served for Prometheus, such as `127.0.0.1:9464`. Nobody is asked for a key there: it is an address
    /// that only the collector reaches. Default none.
    pub metrics_listen: Option<SocketAddr>,
}

/// Where traces go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Collector {
    /// There.
    Address(String),
    /// Where the standard variables say.
    Environment,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self { otlp_endpoint: None, service_name: "callwright".to_owned(), metrics_listen: None }
    }
}

impl TelemetryConfig {
    /// Where traces go; `None` when nowhere. `variable` reads the environment.
    #[must_use]
    pub fn collector(&self, variable: impl Fn(&str) -> Option<String>) -> Option<Collector> {
        const PATH: &str = "/v1/traces";
        let is_set = |name: &str| variable(name).is_some_and(|value| !value.trim().is_empty());
        if variable("OTEL_SDK_DISABLED").is_some_and(|value| value.trim().eq_ignore_ascii_case("true")) {
            return None;
        }
        if let Some(address) = &self.otlp_endpoint {
            let base = address.trim_end_matches('/');
            let path = if base.ends_with(PATH) { "" } else { PATH };
            return Some(Collector::Address(format!("{base}{path}")));
        }
        let standard = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
        standard.into_iter().any(is_set).then_some(Collector::Environment)
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let invalid = |field, problem: &str| Err(ConfigError::Invalid { field, problem: problem.to_owned() });
        match &self.otlp_endpoint {
            Some(address) if !address.starts_with("http://") && !address.starts_with("https://") => {
                invalid("telemetry.otlp_endpoint", "must begin with http:// or https://")
            }
            Some(_) | None if self.service_name.is_empty() => invalid("telemetry.service_name", "must not be empty"),
            Some(_) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collector(endpoint: Option<&str>, variables: &[(&str, &str)]) -> Option<Collector> {
        let config = TelemetryConfig { otlp_endpoint: endpoint.map(str::to_owned), ..TelemetryConfig::default() };
        let variable =
            |name: &str| variables.iter().find(|(set, _)| *set == name).map(|(_, value)| (*value).to_owned());
        config.collector(variable)
    }

    #[test]
    fn traces_are_off_until_a_collector_is_named() {
        assert_eq!(collector(None, &[]), None);
        assert_eq!(collector(None, &[("OTEL_EXPORTER_OTLP_ENDPOINT", " ")]), None);
        let standard = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");
        assert_eq!(collector(None, &[standard]), Some(Collector::Environment));
        assert_eq!(collector(None, &[standard, ("OTEL_SDK_DISABLED", "TRUE")]), None);
        let address = |text: &str| Some(Collector::Address(text.to_owned()));
        assert_eq!(collector(Some("http://here:1/"), &[standard]), address("http://here:1/v1/traces"));
        assert_eq!(collector(Some("http://here:1/v1/traces"), &[]), address("http://here:1/v1/traces"));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let config = TelemetryConfig { otlp_endpoint: Some("collector:4317".to_owned()), ..TelemetryConfig::default() };
        assert!(config.validate().expect_err("no scheme").to_string().contains("telemetry.otlp_endpoint"));
    }
}
