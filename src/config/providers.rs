//! Vendors of speech and models that every organisation may use.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::ConfigError;
use crate::provider::catalog::{self, Fixed, Kind, OFFLINE};
use crate::provider::vendor::Vendor;

/// One vendor: a `[[providers]]` table.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderConfig {
    /// The name that assistants use.
    pub name: String,
    /// The protocol it speaks.
    pub kind: Kind,
    /// Where it is, when it is not the vendor's public address.
    #[serde(default)]
    pub base_url: String,
    /// Its key.
    #[serde(default, skip_serializing)]
    pub key: Option<SecretString>,
    /// The environment variable that holds its key.
    #[serde(default)]
    pub key_env: Option<String>,
    /// The model, when it is not the usual one.
    #[serde(default)]
    pub model: String,
    /// What only this kind of vendor knows.
    #[serde(default)]
    pub options: Map<String, Value>,
    /// Calls it may serve at once. Default 100.
    #[serde(default = "default_capacity")]
    pub capacity: usize,
}

const fn default_capacity() -> usize {
    100
}

impl ProviderConfig {
    /// Takes the key out of the environment, where it is said to be.
    pub(super) fn resolve(&mut self, variable: impl Fn(&str) -> Option<String>) -> Result<(), ConfigError> {
        let Some(name) = &self.key_env else { return Ok(()) };
        let invalid = |field, problem| Err(ConfigError::Invalid { field, problem });
        if self.key.is_some() {
            return invalid("providers.key_env", format!("{}: say either `key` or `key_env`", self.name));
        }
        match variable(name).filter(|key| !key.trim().is_empty()) {
            Some(key) => self.key = Some(key.trim().into()),
            None => return invalid("providers.key_env", format!("{}: the variable {name} is not set", self.name)),
        }
        Ok(())
    }

    /// The vendor as the catalog takes it.
    #[must_use]
    pub fn fixed(&self) -> Fixed {
        let vendor = Vendor {
            name: self.name.as_str().into(),
            base_url: self.base_url.clone(),
            key: self.key.clone().filter(|key| !key.expose_secret().is_empty()),
            model: self.model.clone(),
            options: self.options.clone(),
            capacity: self.capacity,
        };
        Fixed { kind: self.kind, vendor }
    }
}

/// Checks all of them.
pub(super) fn validate(providers: &[ProviderConfig]) -> Result<(), ConfigError> {
    let invalid = |field, problem| Err(ConfigError::Invalid { field, problem });
    for (at, provider) in providers.iter().enumerate() {
        let name = &provider.name;
        if !catalog::is_name(name) {
            let rule = "must be 1 to 64 letters, digits, dots, dashes and underscores, and not";
            return invalid("providers.name", format!("`{name}` {rule} {OFFLINE}"));
        }
        if providers[..at].iter().any(|other| other.name == *name) {
            return invalid("providers.name", format!("`{name}` is used twice"));
        }
        if !(1..=100_000).contains(&provider.capacity) {
            return invalid("providers.capacity", format!("{name}: must be 1 to 100000"));
        }
        if let Some(fault) = catalog::unknown_options(provider.kind, &provider.options).into_iter().next() {
            return invalid("providers", format!("{name}{}: {}", fault.pointer.replace('/', "."), fault.reason));
        }
    }
    Ok(())
}
