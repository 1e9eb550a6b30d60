//! Settings of the object store of recordings.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::ConfigError;

/// An S3-compatible store that recordings are taken to.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordingStoreConfig {
    /// The bucket; it has to exist.
    pub bucket: String,
    /// Where the store is, such as `https://s3.example.org`. Default: that of Amazon for the region.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// The region. Default `us-east-1`, which stores of others take too.
    #[serde(default = "default_region")]
    pub region: String,
    /// What the names of objects begin with. Default nothing.
    #[serde(default)]
    pub prefix: String,
    /// Whether the bucket stands in the path of addresses and not in the host. Default true.
    #[serde(default = "default_path_style")]
    pub path_style: bool,
    /// The key's name. Default: `AWS_ACCESS_KEY_ID`, else what the machine or container is given.
    #[serde(default, skip_serializing)]
    pub access_key_id: Option<SecretString>,
    /// The key. Default: `AWS_SECRET_ACCESS_KEY`, likewise.
    #[serde(default, skip_serializing)]
    pub secret_access_key: Option<SecretString>,
}

fn default_region() -> String {
    "us-east-1".to_owned()
}

const fn default_path_style() -> bool {
    true
}

impl RecordingStoreConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let invalid = |field, problem: &str| Err(ConfigError::Invalid { field, problem: problem.to_owned() });
        let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
        if !(3..=63).contains(&self.bucket.len()) || !self.bucket.bytes().all(is_name) {
            return invalid("recording.store.bucket", "must be 3 to 63 lower-case letters, digits, dots and dashes");
        }
        let scheme = |endpoint: &&String| endpoint.starts_with("http://") || endpoint.starts_with("https://");
        if self.endpoint.as_ref().is_some_and(|endpoint| !scheme(&endpoint)) {
            return invalid("recording.store.endpoint", "must begin with https:// or http://");
        }
        if self.region.is_empty() {
            return invalid("recording.store.region", "must not be empty; us-east-1 does for most stores of others");
        }
        if self.prefix.starts_with('/') || self.prefix.ends_with('/') || self.prefix.contains("//") {
            return invalid(
                "recording.store.prefix",
                "must be names with single slashes between, such as calls/recordings",
            );
        }
        let set = |key: &Option<SecretString>| key.as_ref().is_some_and(|key| !key.expose_secret().trim().is_empty());
        if set(&self.access_key_id) != set(&self.secret_access_key) {
            return invalid(
                "recording.store.secret_access_key",
                "must be set together with recording.store.access_key_id, or neither",
            );
        }
        Ok(())
    }
}
