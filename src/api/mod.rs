//! The REST API: [`mod@router`] lists every route, one file per resource holds its handlers.
//!
//! A handler parses, calls a rule or the store, and answers; decisions live elsewhere.

pub mod api_keys;
pub mod assistants;
pub mod auth;
pub mod body;
pub mod bulk;
pub mod callbacks;
pub mod caller_numbers;
pub mod calling_law;
pub mod calls;
pub mod campaign_control;
pub mod campaign_copies;
pub mod campaign_statistics;
pub mod campaign_trunks;
pub mod campaigns;
pub mod cases;
pub mod consents;
pub mod contacts;
mod cookie;
pub mod diagnosis;
mod document;
pub mod error;
pub mod etag;
pub mod events;
pub mod forecast;
pub mod idempotency;
pub mod import;
pub mod import_logs;
pub mod imports;
pub mod invitations;
pub mod knowledge;
pub mod listen;
pub mod lists;
pub mod live_calls;
pub mod numbers;
pub mod organisation;
pub mod paging;
mod peer;
pub mod people_jobs;
pub mod preferences;
pub mod prefix_routes;
pub mod providers;
mod range;
pub mod recordings;
mod router;
pub mod run_export;
pub mod runs;
pub mod scopes;
pub mod session;
pub mod setup;
pub mod sip_guard;
pub mod sip_traces;
pub mod suppression_lists;
pub mod suppressions;
pub mod tags;
pub mod take_overs;
pub mod talks;
pub mod target_control;
pub mod targets;
pub mod trunk_groups;
pub mod trunk_health;
pub mod trunk_inbound;
pub mod trunk_preview;
pub mod trunk_recorders;
pub mod trunks;
pub mod users;
pub mod webrtc;
pub mod whep;

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::access::Entry;
use crate::agent::flow::check::Lexicon;
use crate::call::registry::Calls;
use crate::config::HttpConfig;
use crate::console::Console;
use crate::dialer::status::DialerStatus;
use crate::import::Imports;
use crate::lookup::Lookups;
use crate::net::web::Web;
use crate::net::webrtc::sessions::WebRtc;
use crate::provider::catalog::Catalog;
use crate::recording::keeper::Counters;
use crate::recording::vault::Vault;
use crate::store::Db;
use crate::store::org::Secrets;
use crate::trunk::route::Router;

pub use self::error::{ApiError, FieldFault, Problem};
pub use self::listen::Tickets;
pub use self::router::{openapi, router};

/// What handlers share.
#[derive(Clone)]
pub struct Api {
    /// The database.
    pub db: Db,
    /// Keys of phone hashes.
    pub secrets: Arc<Secrets>,
    /// Words the recogniser knows; without it the words of choices are not checked.
    pub lexicon: Option<Arc<dyn Lexicon + Send + Sync>>,
    /// Where recordings lie, and replays beside them.
    pub vault: Vault,
    /// What became of recordings since the start.
    pub recorded: Counters,
    /// The vendors that serve calls.
    pub catalog: Catalog,
    /// What looks things up in documents.
    pub lookups: Lookups,
    /// The calls of this node.
    pub calls: Calls,
    /// Its sessions with browsers.
    pub webrtc: WebRtc,
    /// What keeps campaigns from being dialed.
    pub dialer: DialerStatus,
    /// The ways to trunks, and what is known of them beyond their settings.
    pub trunks: Router,
    /// Pages and webhooks at addresses that people typed in.
    pub web: Web,
    /// Files with contacts and cases.
    pub imports: Imports,
    /// Limits of requests.
    pub config: Arc<HttpConfig>,
    /// Places for readers of the stream of events: `event_readers` of the configuration.
    pub readers: Arc<Semaphore>,
    /// Places for listeners to live calls: `call_listeners` of the configuration.
    pub listeners: Arc<Semaphore>,
    /// Tokens of listeners who cannot send a header.
    pub tickets: Arc<Tickets>,
    /// What lets people in.
    pub entry: Entry,
    /// The files of the console.
    pub console: Console,
}
