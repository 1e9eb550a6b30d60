//! Settings of the database.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::ConfigError;

/// Settings of the database.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreConfig {
    /// `sqlite:PATH` or `postgres://USER:PASSWORD@HOST/DB`. Default: SQLite inside the data folder.
    #[serde(skip_serializing)]
    pub url: Option<SecretString>,
    /// Connections to PostgreSQL for work, or readers of SQLite. Default 8. A server keeps eight more with PostgreSQL to hear of changes.
    pub connections: u32,
    /// Length of a node's and a claim's lease in seconds. Default 30. A dial is sent only within a third of it, so a short
    /// lease loses dials on a busy machine and a long one delays recovery after a crash.
    pub lease_s: u32,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self { url: None, connections: 8, lease_s: 30 }
    }
}

impl StoreConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let invalid = |field, problem: &str| Err(ConfigError::Invalid { field, problem: problem.to_owned() });
        if !(1..=256).contains(&self.connections) {
            return invalid("store.connections", "must be 1 to 256");
        }
        if !(6..=600).contains(&self.lease_s) {
            return invalid("store.lease_s", "must be 6 to 600 seconds");
        }
        match self.url.as_ref().map(ExposeSecret::expose_secret) {
            Some(url) if !url.starts_with("sqlite:") && !url.starts_with("postgres") => {
                invalid("store.url", "must begin with sqlite: or postgres://")
            }
            Some(_) | None => Ok(()),
        }
    }
}
