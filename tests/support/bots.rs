//! Calls that are led by a bot elsewhere.

use std::sync::Arc;

use callwright::agent::assistant::Assistant;
use callwright::call::providers::{Lineup, NoProvider, Providers};
use callwright::id::OrgId;
use callwright::provider::bot::Bot;
use callwright::provider::media_streams::MediaStreams;
use callwright::provider::tts::Voice;
use callwright::provider::vendor::Vendor;
use callwright::provider::witness::Witness;
use serde_json::{Value, json};

use crate::office::{Deaf, Whistle};

/// A bot at this address, and a voice that whistles for the rest.
pub(crate) fn staff(address: &str, options: Value) -> Arc<dyn Providers> {
    let options = options.as_object().cloned().unwrap_or_default();
    let vendor =
        Vendor { base_url: address.to_owned(), key: Some("their-key".into()), options, ..Vendor::named("bot") };
    Arc::new(Staff(Arc::new(MediaStreams::new(vendor).expect("settings"))))
}

/// An assistant that a bot leads.
pub(crate) fn led() -> Assistant {
    serde_json::from_value(json!({
        "name": "Bot", "mode": "external", "providers": { "bot": "bot" },
        "variables": { "first_name": { "default": "there" } },
        "external": { "parameters": { "who": "{{ first_name }}" } },
    }))
    .expect("an assistant")
}

struct Staff(Arc<dyn Bot>);

impl Providers for Staff {
    fn lineup(&self, _: OrgId, _: &Assistant) -> Result<Lineup, NoProvider> {
        Ok(Lineup {
            stt: Arc::new(Deaf),
            stand_in: None,
            tts: Arc::new(Whistle),
            voice: Voice::default(),
            llm: None,
            s2s: None,
            bot: Some(Arc::clone(&self.0)),
            witness: Witness::default(),
        })
    }

    fn capacity(&self) -> usize {
        100
    }
}
