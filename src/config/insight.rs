//! Settings of what calls leave behind to be understood by.

use serde::{Deserialize, Serialize};

use crate::replay::keeper::Keep;

/// Settings of what calls leave behind to be understood by.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InsightConfig {
    /// Which calls leave a file that `callwright replay` runs again. Default `failed`.
    pub replay: ReplayFiles,
}

/// Which calls leave a replay file. It holds what was said: calls that are not recorded leave none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplayFiles {
    /// None.
    Off,
    /// Those in which something of ours or of a vendor's failed, or a reply took longer than 4 s.
    #[default]
    Failed,
    /// All.
    All,
}

impl ReplayFiles {
    /// What is kept; `None` for nothing.
    #[must_use]
    pub const fn keep(self) -> Option<Keep> {
        match self {
            Self::Off => None,
            Self::Failed => Some(Keep::Failed),
            Self::All => Some(Keep::All),
        }
    }
}
