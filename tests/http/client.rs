//! A client of the API: sends a request through the whole router, gives status and JSON.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use axum::response::Response;
use callwright::access::Entry;
use callwright::agent::assistant::Assistant;
use callwright::api::{Api, router};
use callwright::call::call::CallConfig;
use callwright::call::providers::{Lineup, NoProvider, Providers};
use callwright::call::registry::{Calls, Services};
use callwright::call::tools::NoTools;
use callwright::dialer::status::DialerStatus;
use callwright::id::OrgId;
use callwright::import::Imports;
use callwright::net::media_worker::MediaWorkers;
use callwright::net::ports::RtpPorts;
use callwright::net::sip_driver::{self, SipHandle};
use callwright::recording::remote::Remote;
use callwright::recording::vault::Vault;
use callwright::store::org::PhoneKey;
use callwright::trunk::route::Router as Trunks;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::api::{self, Desk};
use crate::db::TestDb;

/// A client with a key of a fresh installation.
pub(crate) struct Client {
    router: Router,
    key: String,
    /// The organisation that the key is of.
    pub(crate) org: OrgId,
    /// The database underneath.
    pub(crate) db: TestDb,
    /// Folder of the recordings.
    pub(crate) recordings: PathBuf,
    /// What its node has met when it claimed.
    pub(crate) dialer: DialerStatus,
    /// SIP of its node, without a socket.
    pub(crate) sip: SipHandle,
    /// What lets people in.
    pub(crate) entry: Entry,
    /// Files of its node.
    pub(crate) imports: Imports,
    /// Key of the hashes of numbers.
    pub(crate) phones: PhoneKey,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// HTTP status.
    pub(crate) status: u16,
    /// Content type.
    pub(crate) content_type: String,
    /// The body as JSON; a string when it is none.
    pub(crate) json: Value,
    /// The body.
    pub(crate) bytes: Vec<u8>,
    /// All headers.
    headers: HeaderMap,
}

impl Answer {
    /// A header, when it is there and text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Client {
    /// A client against `db`.
    pub(crate) async fn new(db: TestDb) -> Self {
        Self::over(db, Trunks::default()).await
    }

    /// A client of a server that has these ways to trunks.
    pub(crate) async fn over(db: TestDb, trunks: Trunks) -> Self {
        Self::made(db, |api| Api { trunks, ..api }).await
    }

    /// A client of a server whose recordings go to an object store.
    pub(crate) async fn stored(db: TestDb, remote: Remote) -> Self {
        Self::made(db, |api| Api { vault: Vault::new(api.vault.folder().to_owned(), Some(remote)), ..api }).await
    }

    pub(crate) async fn made(db: TestDb, make: impl FnOnce(Api) -> Api) -> Self {
        let Desk { api, key, org } = api::desk(&db, no_calls().await).await;
        let api = make(api);
        let recordings = api.vault.folder().to_path_buf();
        std::fs::create_dir_all(&recordings).expect("a folder");
        let (dialer, sip, entry) = (api.dialer.clone(), api.calls.sip().clone(), api.entry.clone());
        let (imports, phones) = (api.imports.clone(), api.secrets.phone.clone());
        Self { router: router(api), key, org, db, recordings, dialer, sip, entry, imports, phones }
    }

    /// What it talks to.
    pub(crate) fn router(&self) -> Router {
        self.router.clone()
    }

    /// Its key.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// The same client with another key.
    pub(crate) fn with_key(&self, key: &str) -> ClientRef<'_> {
        ClientRef { client: self, key: key.to_owned() }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None, Body::empty()).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send("POST", path, Some("application/json"), Body::from(body.to_string())).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.send("PUT", path, Some("application/json"), Body::from(body.to_string())).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, None, Body::empty()).await
    }

    pub(crate) async fn send(&self, method: &str, path: &str, content_type: Option<&str>, body: Body) -> Answer {
        self.with_key(&self.key).send(method, path, content_type, body).await
    }

    /// Sends a request with further headers.
    pub(crate) async fn send_with(
        &self,
        headers: &[(&str, &str)],
        method: &str,
        path: &str,
        content_type: Option<&str>,
        body: Body,
    ) -> Answer {
        self.with_key(&self.key).send_with(headers, method, path, content_type, body).await
    }

    /// Creates something and gives its id.
    pub(crate) async fn create(&self, path: &str, body: Value) -> String {
        let answer = self.post(path, body).await;
        assert_eq!(answer.status, 201, "{}", answer.json);
        answer.json["id"].as_str().expect("an id").to_owned()
    }

    /// A trunk, an assistant, a contact and a draft campaign that has it.
    pub(crate) async fn campaign(&self) -> String {
        let trunk = self.create("/api/v1/trunks", trunk("Carrier")).await;
        let assistant = self.create("/api/v1/assistants", assistant("Survey")).await;
        let contact = self.create("/api/v1/contacts", json!({"name": "Ada", "phone": "+442079460001"})).await;
        let body = json!({"name": "Spring", "assistant_id": assistant, "trunk_id": trunk});
        let campaign = self.create("/api/v1/campaigns", body).await;
        let added =
            self.post(&format!("/api/v1/campaigns/{campaign}/contacts"), json!({"contact_ids": [contact]})).await;
        assert_eq!((added.status, added.json["added"].as_u64()), (200, Some(1)), "{}", added.json);
        campaign
    }
}

/// A node without calls.
async fn no_calls() -> Calls {
    let sip = sip_driver::start(&[], Default::default(), [3; 32], CancellationToken::new()).await;
    let services = Services {
        sip: sip.expect("nothing to bind").handle,
        listeners: Vec::new(),
        ports: RtpPorts::new(Ipv4Addr::LOCALHOST.into(), 50_000..=50_008, 1),
        workers: MediaWorkers::start(1).expect("a thread"),
        recorder: None,
        recordings: PathBuf::new(),
        providers: Arc::new(Nobody),
        toolbox: Arc::new(NoTools),
        clocks: CallConfig::default(),
        secret: [4; 32],
        max_calls: 0,
    };
    Calls::new(services).0
}

struct Nobody;

impl Providers for Nobody {
    fn lineup(&self, _: OrgId, _: &Assistant) -> Result<Lineup, NoProvider> {
        Err(NoProvider("nobody is here".to_owned()))
    }

    fn capacity(&self) -> usize {
        0
    }
}

/// A client with another key.
pub(crate) struct ClientRef<'a> {
    client: &'a Client,
    key: String,
}

impl ClientRef<'_> {
    pub(crate) async fn send(&self, method: &str, path: &str, content_type: Option<&str>, body: Body) -> Answer {
        self.send_with(&[], method, path, content_type, body).await
    }

    async fn send_with(
        &self,
        headers: &[(&str, &str)],
        method: &str,
        path: &str,
        content_type: Option<&str>,
        body: Body,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !self.key.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", self.key));
        }
        if let Some(content_type) = content_type {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        let request = request.body(body).expect("a well-formed request");
        Answer::of(self.client.router.clone().oneshot(request).await.expect("the router answers")).await
    }
}

impl Answer {
    /// The whole of a response.
    pub(crate) async fn of(response: Response) -> Self {
        let status: StatusCode = response.status();
        let headers = response.headers().clone();
        let content_type = response.headers().get(header::CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let bytes = axum::body::to_bytes(response.into_body(), 8 << 20).await.expect("a bounded body").to_vec();
        let json = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Self { status: status.as_u16(), content_type, json, bytes, headers }
    }
}

/// A trunk of that name.
pub(crate) fn trunk(name: &str) -> Value {
    json!({"name": name, "host": "127.0.0.1", "port": 5070, "caller_ids": ["+442079460999"]})
}

/// An assistant of that name.
pub(crate) fn assistant(name: &str) -> Value {
    json!({
        "name": name,
        "variables": {"offer": {"default": "A"}, "company": {"default": "Ours"}},
        "flow": {
            "start": "hello",
            "nodes": [
                {"id": "hello", "say": {"text": "Hello.", "next": "bye"}},
                {"id": "bye", "end": {"text": "Goodbye."}}
            ]
        }
    })
}
