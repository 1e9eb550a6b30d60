//! The REST API against real databases, without a network in between.

#[path = "../support/api.rs"]
mod api;
#[path = "../support/db.rs"]
mod db;

mod browser;
mod bucket;
mod bulk;
mod callbacks;
mod caller_numbers;
mod calling_law;
mod campaign_list;
mod campaigns;
mod client;
mod consents;
mod console;
mod diagnosis;
mod etags;
mod events;
mod examples;
mod filters;
mod forecast;
mod idempotency;
mod imports;
mod keys;
mod knowledge;
mod lists;
mod live_calls;
mod numbers;
mod organisation;
mod overwrites;
mod people;
mod phones;
mod providers;
mod recorders;
mod recordings;
mod registrations;
mod resources;
mod roles;
mod sessions;
mod setup;
mod sign_in;
mod sip_guard;
mod sip_traces;
mod suppression_lists;
mod trunk_groups;
mod trunk_health;
mod trunk_inbound;
mod trunk_wording;
mod users;

use std::fs;
use std::path::Path;

/// The document that client programs are made from changes only on purpose.
#[test]
fn the_openapi_document_is_the_committed_one() {
    let document = callwright::api::openapi().to_pretty_json().expect("the document serialises");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.json");
    if std::env::var_os("CALLWRIGHT_UPDATE_OPENAPI").is_some() {
        fs::write(&path, format!("{document}\n")).expect("docs is writable");
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed.trim_end() == document,
        "docs/openapi.json is not current: run CALLWRIGHT_UPDATE_OPENAPI=1 cargo test --test http and look at the change"
    );
    assert!(document.starts_with("{\n  \"openapi\": \"3.1."), "{}", &document[..40]);
}
