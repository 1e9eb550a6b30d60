//! What carriers publish about their trunks, as settings to begin with. Each stands in `presets.json` with the documents it
//! was taken from; what they do not say is not set.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::callers::CallerRules;
use super::numbers::NumberRules;
use crate::store::trunk::TrunkTransport;

/// Counts changes of the presets.
pub const VERSION: u32 = 1;

/// Settings for the trunks of a carrier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    /// What `preset` of a trunk names it by.
    #[schema(examples("sipgate"))]
    pub id: String,
    /// Carrier and product.
    pub name: String,
    /// Where it was taken from.
    pub sources: Vec<PresetSource>,
    /// The carrier's host, where all customers have the same.
    #[serde(default)]
    pub host: Option<String>,
    /// What host to enter, where each customer has another.
    #[serde(default)]
    pub host_hint: Option<String>,
    /// Transport to begin with.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub transport: Option<TrunkTransport>,
    /// Port for it.
    #[serde(default)]
    pub port: Option<u16>,
    /// How numbers are written.
    #[serde(default)]
    pub numbers: NumberRules,
    /// How callers are told.
    #[serde(default)]
    pub callers: CallerRules,
    /// What else to know.
    pub notes: Vec<String>,
}

/// A public document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PresetSource {
    /// Its title.
    pub title: String,
    /// Its address.
    pub url: String,
    /// The day it was read.
    #[schema(format = "date")]
    pub read: String,
}

/// All presets, by their names in order.
#[must_use]
pub fn all() -> &'static [Preset] {
    static PRESETS: LazyLock<Vec<Preset>> =
        LazyLock::new(|| serde_json::from_str(include_str!("presets.json")).expect("a test reads the same text"));
    &PRESETS
}

/// The preset of this name.
#[must_use]
pub fn find(id: &str) -> Option<&'static Preset> {
    all().iter().find(|preset| preset.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_can_be_used_and_says_where_it_is_from() {
        assert!(all().len() >= 5);
        assert!(all().windows(2).all(|two| two[0].id < two[1].id), "in order, and none twice");
        for preset in all() {
            let id = &preset.id;
            assert_eq!(preset.numbers.faults(), [], "{id}");
            assert_eq!(preset.callers.faults(true), [], "{id}");
            assert!(preset.host.is_some() != preset.host_hint.is_some(), "{id}: a host, or what to enter");
            assert!(!preset.sources.is_empty(), "{id}");
            for source in &preset.sources {
                assert!(source.url.starts_with("https://") && !source.title.is_empty(), "{id}");
                assert!(source.read.parse::<jiff::civil::Date>().is_ok(), "{id}");
            }
            assert_eq!(find(id), Some(preset));
        }
        assert_eq!(find("nobody"), None);
    }
}
