//! The REST API over a test's database and calls, with a key of a fresh installation.

use std::sync::Arc;

use callwright::access::Entry;
use callwright::api::Api;
use callwright::call::registry::Calls;
use callwright::config::{HttpConfig, IceServer, OutboundConfig, WebRtcConfig};
use callwright::console::Console;
use callwright::dialer::status::DialerStatus;
use callwright::id::OrgId;
use callwright::import::Imports;
use callwright::lookup::Lookups;
use callwright::net::web::Web;
use callwright::net::webrtc::sessions::WebRtc;
use callwright::provider::catalog::{Catalog, Fixed, Kind, Sealer};
use callwright::provider::prompts::Prompts;
use callwright::provider::vendor::Vendor;
use callwright::recording::keeper::Counters;
use callwright::recording::vault::Vault;
use callwright::store::{api_key, org};
use callwright::trunk::route::Router;

use tokio::sync::Semaphore;

use crate::db::TestDb;

/// Everything for a client.
pub(crate) struct Desk {
    /// What the router is made of.
    pub(crate) api: Api,
    /// A key in force.
    pub(crate) key: String,
    /// Whose it is.
    pub(crate) org: OrgId,
}

/// The API over these.
pub(crate) async fn desk(db: &TestDb, calls: Calls) -> Desk {
    let mut tx = db.db.begin().await.expect("a transaction");
    let org = org::ensure_default(&mut tx).await.expect("an organisation");
    let secrets = org::secrets(&mut tx, [[1; 32], [2; 32]]).await.expect("secrets");
    let key = "cw_test_0123456789".to_owned();
    api_key::insert(&mut tx, org.id, "test", &["admin".to_owned()], &key).await.expect("a key");
    tx.commit().await.expect("committed");
    let recordings = std::env::temp_dir().join(format!("callwright-api-{}-{}", std::process::id(), org.id));
    let local = Vendor { base_url: "http://127.0.0.1:9/v1".to_owned(), ..Vendor::named("house") };
    let fixed =
        vec![Fixed { kind: Kind::OpenaiChat, vendor: Vendor { key: Some("sk-of-the-house-0000".into()), ..local } }];
    let prompts = Prompts::open(recordings.join("prompts"), 1 << 20).expect("a folder");
    let catalog = Catalog::new(fixed, Sealer::new([3; 32]), Arc::new(prompts));
    let api = Api {
        lookups: Lookups::new(db.db.clone(), Some(catalog.clone())),
        catalog,
        calls,
        webrtc: webrtc(),
        dialer: DialerStatus::default(),
        db: db.db.clone(),
        secrets: Arc::new(secrets),
        lexicon: None,
        imports: Imports::new(recordings.join("imports")),
        vault: Vault::new(recordings, None),
        recorded: Counters::default(),
        trunks: Router::default(),
        web: Web::new(OutboundConfig { private_hosts: vec!["127.0.0.1".to_owned()], ..OutboundConfig::default() })
            .expect("a client"),
        config: Arc::new(HttpConfig {
            max_body_bytes: 64 << 10,
            event_reader_slow_s: 1,
            event_reader_check_s: 1,
            ..HttpConfig::default()
        }),
        readers: Arc::new(Semaphore::new(2)),
        listeners: Arc::new(Semaphore::new(60)),
        tickets: Arc::default(),
        entry: Entry::default(),
        console: Console::default(),
    };
    Desk { api, key, org: org.id }
}

/// Sessions with browsers over 127.0.0.1, a few of them.
fn webrtc() -> WebRtc {
    let stun = IceServer { url: "stun:stun.example.net".to_owned(), username: None, credential: None };
    let config = WebRtcConfig { max_sessions: 8, ice_servers: vec![stun], ..WebRtcConfig::default() };
    WebRtc::start(config, rand::random()).expect("a certificate")
}
