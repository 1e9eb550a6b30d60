//! Settings of media: ports and worker threads.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::ConfigError;

/// Settings of media.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MediaConfig {
    /// Address that RTP sockets bind to. Default 127.0.0.1.
    pub bind: IpAddr,
    /// Lowest RTP port; even. Default 20000.
    pub port_min: u16,
    /// Highest RTP port; even. Default 39998. A port rests 30 s before it is used again.
    pub port_max: u16,
    /// Media threads. Default 0: one per core.
    pub workers: usize,
    /// End a call that has received no RTP for this many seconds after answer. Default 10.
    pub no_audio_s: u32,
}

impl Default for MediaConfig {
    fn default() -> Self {
        Self { bind: IpAddr::from([127, 0, 0, 1]), port_min: 20_000, port_max: 39_998, workers: 0, no_audio_s: 10 }
    }
}

impl MediaConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let invalid = |field, problem: &str| Err(ConfigError::Invalid { field, problem: problem.to_owned() });
        if self.port_min < 1024 || !self.port_min.is_multiple_of(2) {
            return invalid("media.port_min", "must be even and at least 1024");
        }
        if self.port_max <= self.port_min {
            return invalid("media.port_max", "must be above media.port_min");
        }
        if self.workers > 256 {
            return invalid("media.workers", "must be 0 (one per core) to 256");
        }
        if !(2..=300).contains(&self.no_audio_s) {
            return invalid("media.no_audio_s", "must be 2 to 300 seconds");
        }
        Ok(())
    }
}
