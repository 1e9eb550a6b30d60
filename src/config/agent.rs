//! Settings of the offline voice and recogniser.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::ConfigError;

/// Settings of the offline voice and recogniser.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AgentConfig {
    /// espeak-ng processes at the same time. Default 2.
    pub synthesisers: usize,
    /// pocketsphinx processes at the same time: calls at one time on this node, for each may listen at any
    /// moment. Default 128. The dialer sees it as capacity.
    pub recognisers: usize,
    /// Where an assistant names two recognisers, both hear the caller all the time, and the second takes over without a
    /// gap. Both are paid for. Without it the second hears the turn again when the first has failed. Default true.
    pub warm_spare: bool,
    /// The offline voice speaks, and in flows in English the offline recogniser listens, when every vendor that an
    /// assistant names has failed. Default true.
    pub offline_stand_in: bool,
    /// Folder of synthesised prompts. Default: `prompts` in the data folder.
    pub prompts_dir: Option<PathBuf>,
    /// Folder of pocketsphinx's English model.
    pub recogniser_model: PathBuf,
}

impl Default for AgentConfig {
    fn default() -> Self {
        Self {
            synthesisers: 2,
            recognisers: 128,
            warm_spare: true,
            offline_stand_in: true,
            prompts_dir: None,
            recogniser_model: PathBuf::from("/usr/share/pocketsphinx/model/en-us"),
        }
    }
}

impl AgentConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let invalid = |field, problem: &str| Err(ConfigError::Invalid { field, problem: problem.to_owned() });
        if !(1..=64).contains(&self.synthesisers) {
            return invalid("agent.synthesisers", "must be 1 to 64");
        }
        if !(1..=4096).contains(&self.recognisers) {
            return invalid("agent.recognisers", "must be 1 to 4096");
        }
        Ok(())
    }
}
