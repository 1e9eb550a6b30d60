//! Settings of recordings.

use serde::{Deserialize, Serialize};

use super::ConfigError;
use super::recording_store::RecordingStoreConfig;

/// Settings of recordings.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RecordingConfig {
    /// What a recording becomes after its call. Default `opus`.
    pub format: RecordingFormat,
    /// Threads that encode, all of the lowest priority. Default 0: half the cores.
    pub encoders: usize,
    /// Where recordings go when they are encoded. Default: they stay in the data folder.
    pub store: Option<RecordingStoreConfig>,
}

/// What a recording becomes after its call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingFormat {
    /// Ogg/Opus: a tenth of the size and less.
    #[default]
    Opus,
    /// It stays as it was recorded.
    Wav,
}

impl Default for RecordingConfig {
    fn default() -> Self {
        Self { format: RecordingFormat::Opus, encoders: 0, store: None }
    }
}

impl RecordingConfig {
    /// How many threads encode.
    #[must_use]
    pub fn threads(&self) -> usize {
        let half = || std::thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2));
        if self.encoders == 0 { half() } else { self.encoders }
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if self.encoders > 256 {
            return Err(ConfigError::Invalid {
                field: "recording.encoders",
                problem: "must be 0 (half the cores) to 256".to_owned(),
            });
        }
        self.store.as_ref().map_or(Ok(()), RecordingStoreConfig::validate)
    }
}
