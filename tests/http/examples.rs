//! Every example of the OpenAPI document is sent to a live server, and what is answered is what the document says.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::body::Body;
use axum::http::header;
use axum::routing::get;
use callwright::api::scopes::PERSONAL;
use callwright::id::CallId;
use callwright::store::recording::{self, Worked};
use callwright_media::recording::Waveform;
use futures_util::FutureExt;
use serde_json::{Map, Value, json};

use crate::browser::{Browser, PASSWORD, admit};
use crate::client::{Answer, Client, assistant, trunk};
use crate::db::TestDb;
use crate::on_both;
use crate::resources::over;
use crate::sip_traces;

on_both!(every_route_answers_its_example_as_the_document_says);

/// What tests of their own look at: websockets, and sessions with browsers.
const ELSEWHERE: [(&str, &str); 10] = [
    ("GET", "/api/v1/events/stream"),
    ("GET", "/api/v1/calls/{id}/listen"),
    ("POST", "/api/v1/calls/{id}/take_over"),
    ("PATCH", "/api/v1/calls/{id}/take_over/{session_id}"),
    ("DELETE", "/api/v1/calls/{id}/take_over/{session_id}"),
    ("POST", "/api/v1/calls/{id}/whep"),
    ("PATCH", "/api/v1/calls/{id}/whep/{session_id}"),
    ("DELETE", "/api/v1/calls/{id}/whep/{session_id}"),
    ("PATCH", "/api/v1/assistants/{id}/talk/{session_id}"),
    ("DELETE", "/api/v1/assistants/{id}/talk/{session_id}"),
];
/// Who is signed in: the user of the examples.
const EMAIL: &str = "ada@example.com";
/// Nobody answers here: whoever wants to talk is turned away.
const TALK: &str = "/assistants/{id}/talk";
/// No call is live here: the refusal is what the document says of it.
const NOT_LIVE: [&str; 8] =
    ["hand_back", "hang_up", "listen", "{id}/live", "mute", "note", "off_record", "take_over/token"];

async fn every_route_answers_its_example_as_the_document_says(db: TestDb) {
    let document = serde_json::to_value(callwright::api::openapi()).expect("the document");
    let scene = Scene::new(Client::new(db).await).await;
    let (mut asked, mut faults) = (0, Vec::new());
    let paths = document["paths"].as_object().expect("paths");
    for (path, item) in paths {
        for (method, operation) in item.as_object().expect("methods") {
            let method = method.to_uppercase();
            if ELSEWHERE.contains(&(method.as_str(), path.as_str())) {
                continue;
            }
            let asking = AssertUnwindSafe(scene.ask(&document, &method, path, operation)).catch_unwind();
            if let Err(panic) = asking.await {
                let told = panic.downcast_ref::<String>().cloned();
                faults.push(format!("{method} {path}: {}", told.unwrap_or_else(|| "see above".to_owned())));
            }
            asked += 1;
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(asked > 70, "{asked} routes");
}

struct Scene {
    client: Client,
    trunk: String,
    assistant: String,
    site: String,
    count: AtomicU32,
}

impl Scene {
    async fn new(client: Client) -> Self {
        noon(&client).await;
        let page = || async { ([(header::CONTENT_TYPE, "text/html")], "<h1>Hours</h1><p>We open at nine.</p>") };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let site = format!("http://{}/", listener.local_addr().expect("an address"));
        tokio::spawn(axum::serve(listener, axum::Router::new().route("/", get(page))).into_future());
        let trunk = client.create("/api/v1/trunks", trunk("Own")).await;
        let assistant = client.create("/api/v1/assistants", assistant("Own")).await;
        admit(&client, EMAIL, "admin").await;
        Self { client, trunk, assistant, site, count: AtomicU32::new(0) }
    }

    fn next(&self) -> u32 {
        self.count.fetch_add(1, Ordering::Relaxed)
    }

    /// Whoever is signed in where a route is about a person; a program elsewhere.
    async fn send(&self, method: &str, path: &str, target: &str, kind: Option<&str>, body: Body) -> Answer {
        if PERSONAL.contains(&(method, path)) {
            let browser = Browser::signed_in(&self.client, EMAIL, PASSWORD).await;
            return browser.send(method, target, kind, body).await;
        }
        self.client.send(method, target, kind, body).await
    }

    async fn ask(&self, document: &Value, method: &str, path: &str, operation: &Value) {
        let label = format!("{method} {path}");
        let place = self.place(method, path).await;
        let mut target = path.to_owned();
        for (name, value) in &place {
            target = target.replace(&format!("{{{name}}}"), value);
        }
        target.push_str(&self.query(operation, path));
        let body = operation.get("requestBody");
        let (kind, body) =
            match body.and_then(|body| body["content"].as_object()).and_then(|content| content.iter().next()) {
                None => (None, Body::empty()),
                Some((kind, content)) => {
                    let schema = resolve(document, &content["schema"]);
                    let example = content.get("example").or_else(|| schema.get("example"));
                    let mut example = example.unwrap_or_else(|| panic!("{label}: its body has no example")).clone();
                    self.fill(&mut example, &place).await;
                    if kind == "application/json" {
                        valid(document, &content["schema"], &example, &label);
                        (Some(kind.as_str()), Body::from(example.to_string()))
                    } else {
                        (Some(kind.as_str()), Body::from(example.as_str().expect("text").to_owned()))
                    }
                }
            };
        let answer = self.send(method, path, &target, kind, body).await;
        // By law it may be a holiday.
        let not_now = path.ends_with("/call") && answer.json["code"] == "not_now";
        // There is a user already.
        let too_late = (method, path) == ("POST", "/api/v1/setup");
        let refused = not_now || too_late || NOT_LIVE.iter().any(|verb| path.ends_with(verb));
        let wanted = match answer.status {
            409 => refused,
            503 => path.ends_with(TALK),
            status => !refused && (200..300).contains(&status),
        };
        assert!(wanted, "{label} was answered {}: {}", answer.status, answer.json);
        self.told(document, operation, &answer, &label);
    }

    /// The answer is among those of the document, in its content type and shape.
    fn told(&self, document: &Value, operation: &Value, answer: &Answer, label: &str) {
        let documented = &operation["responses"][answer.status.to_string()];
        assert!(documented.is_object(), "{label}: {} is not in the document", answer.status);
        let content = documented["content"].as_object();
        let kind = answer.content_type.split(';').next().unwrap_or_default();
        match content.map(|content| content.get(kind)) {
            None => assert!(answer.bytes.is_empty(), "{label}: a body that the document does not have"),
            Some(None) => panic!("{label}: {kind} is not in the document"),
            Some(Some(content)) if kind.ends_with("json") => valid(document, &content["schema"], &answer.json, label),
            Some(Some(_)) => assert!(!answer.bytes.is_empty(), "{label}"),
        }
        if documented["headers"].get("ETag").is_some() {
            assert!(answer.header("etag").is_some_and(|tag| tag.starts_with('"')), "{label}: a tag");
        }
    }

    /// Examples of parameters, and what is required.
    fn query(&self, operation: &Value, path: &str) -> String {
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let mut pairs = Vec::new();
        for parameter in parameters.iter().filter(|parameter| parameter["in"] == "query") {
            let name = parameter["name"].as_str().expect("a name");
            match (parameter.get("example"), parameter["required"] == true) {
                (Some(Value::String(text)), _) => pairs.push(format!("{name}={}", text.replace('+', "%2B"))),
                (Some(value), _) => pairs.push(format!("{name}={value}")),
                (None, true) => panic!("{path}: the parameter {name} is required and has no example"),
                (None, false) => {}
            }
        }
        if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
    }

    /// Ids in an example stand for things that are there; names are not taken.
    async fn fill(&self, example: &mut Value, place: &BTreeMap<&'static str, String>) {
        let Value::Object(members) = example else { return };
        let list = async |scene: &Self, name: &str| match name {
            "contact_ids" => json!([scene.contact().await]),
            "trunk_ids" => {
                json!([scene.client.create("/api/v1/trunks", trunk(&format!("Beside {}", scene.next()))).await])
            }
            "sources" => json!([scene.document().await]),
            "lists" => json!([scene.suppression_list().await]),
            _ => json!([place.get("target")]),
        };
        for (name, value) in members.clone() {
            let filled = match name.as_str() {
                "contact_ids" | "trunk_ids" | "ids" | "sources" | "lists" => list(self, &name).await,
                "contact_id" => json!(place.get("contact").cloned().unwrap_or_default()),
                "from" => json!(self.campaign(false).await["campaign"]),
                "list_id" => json!(self.list().await),
                "assistant_id" => json!(self.assistant),
                "trunk_id" => json!(self.trunk),
                "members" => json!([{"trunk_id": self.trunk, "priority": 1, "weight": 3}]),
                "prefix" => json!(format!("+44{}", self.next())),
                "url" => json!(self.site),
                "name" => json!(format!("{}-{}", value.as_str().unwrap_or("x").replace(' ', "-"), self.next())),
                // Of the one who is signed in, or of somebody new.
                "email" if members.contains_key("password") => value,
                "email" => json!(format!("user-{}@example.com", self.next())),
                "phone" => json!(format!("+44207946{:04}", 5000 + self.next())),
                _ => value,
            };
            members.insert(name, filled);
        }
    }

    async fn user(&self) -> Value {
        let body = json!({"email": format!("user-{}@example.com", self.next()), "name": "Bo", "role": "viewer"});
        let made = self.client.post("/api/v1/users", body).await;
        assert_eq!(made.status, 201, "{}", made.json);
        made.json
    }

    async fn contact(&self) -> String {
        let number = self.next();
        let body = json!({"name": format!("N{number}"), "phone": format!("+44207946{number:04}")});
        self.client.create("/api/v1/contacts", body).await
    }

    async fn suppression_list(&self) -> String {
        self.client.create("/api/v1/suppression-lists", json!({"name": format!("List {}", self.next())})).await
    }

    async fn list(&self) -> String {
        let body = json!({"name": format!("People {}", self.next()), "kind": "contacts",
                          "who": {"contact_ids": [self.contact().await]}});
        let made = self.client.post("/api/v1/lists", body).await;
        assert_eq!(made.status, 201, "{}", made.json);
        text(&made.json["list"]["id"])
    }

    /// An import as far as the route needs it.
    async fn import(&self, path: &str) -> String {
        let file = "Name;Mobile\nAda;+442079460001\nBen;12\n";
        let made =
            self.client.send("POST", "/api/v1/imports?file_name=a.csv", Some("text/csv"), Body::from(file)).await;
        assert_eq!(made.status, 201, "{}", made.json);
        let id = text(&made.json["id"]);
        let verb = |verb: &str| format!("/api/v1/imports/{id}/{verb}");
        let needs_plan = ["/start", "/cancel", "/undo", "/log", "/failed.csv"].iter().any(|end| path.ends_with(end));
        if needs_plan {
            let plan = json!({"mapping": [{"column": "Mobile", "field": "phone"}]});
            assert_eq!(self.client.put(&verb("plan"), plan).await.status, 200);
        }
        if needs_plan && !path.ends_with("/start") {
            assert_eq!(self.client.post(&verb("start"), json!({})).await.status, 202);
        }
        if path.ends_with("/undo") || path.ends_with("/log") || path.ends_with("/failed.csv") {
            self.client.imports.work(&self.client.db.db, &self.client.phones).await.expect("imported");
        }
        id
    }

    async fn document(&self) -> String {
        self.client.create("/api/v1/knowledge/fetch", json!({"url": self.site})).await
    }

    /// A draft with a contact: `campaign`, `contact` and `target`.
    async fn campaign(&self, for_approval: bool) -> BTreeMap<&'static str, String> {
        let body = json!({"name": "Draft", "assistant_id": self.assistant, "trunk_id": self.trunk});
        let campaign = self.client.create("/api/v1/campaigns", body).await;
        let contact = self.contact().await;
        let path = format!("/api/v1/campaigns/{campaign}/contacts");
        let added = self.client.post(&path, json!({"contact_ids": [contact], "for_approval": for_approval})).await;
        assert_eq!(added.status, 200, "{}", added.json);
        let target = text(&self.client.get(&path).await.json["items"][0]["id"]);
        BTreeMap::from([("campaign", campaign), ("contact", contact), ("target", target)])
    }

    async fn act(&self, path: &str) {
        let done = self.client.post(path, json!({})).await;
        assert_eq!(done.status, 200, "{path}: {}", done.json);
    }

    /// The contact's number is suppressed, and its turn has come: it is blocked, with an attempt.
    async fn block(&self, place: &BTreeMap<&'static str, String>) {
        let contact = self.client.get(&format!("/api/v1/contacts/{}", place["contact"])).await.json;
        self.client.create("/api/v1/suppressions", json!({"phone": contact["phone"]})).await;
        self.act(&format!("/api/v1/campaigns/{}/start", place["campaign"])).await;
        let dialing = callwright::store::dialing::Dialing::new(&self.client.db.db, std::time::Duration::from_secs(30));
        dialing.promote(place["campaign"].parse().expect("an id"), 10).await.expect("promoted");
    }

    /// Something for the route to be about: its `id`, and what the example needs beside it.
    async fn place(&self, method: &str, path: &str) -> BTreeMap<&'static str, String> {
        let kind = path.split('/').nth(3).unwrap_or_default();
        if !path.contains('{') {
            return BTreeMap::new();
        }
        let only = |id: String| BTreeMap::from([("id", id)]);
        match kind {
            "campaigns" => {
                let mut place = self.campaign(false).await;
                let id = place["campaign"].clone();
                let verb = |verb: &str| format!("/api/v1/campaigns/{id}/{verb}");
                if ["/pause", "/resume", "/cancel", "/stop", "/call"].iter().any(|end| path.ends_with(end)) {
                    self.act(&verb("start")).await;
                }
                if path.ends_with("/resume") {
                    self.act(&verb("pause")).await;
                }
                if path.contains("{run_id}") {
                    let runs = self.client.get(&verb("runs")).await.json;
                    place.insert("run_id", text(&runs["items"][0]["id"]));
                }
                place.insert("id", id.clone());
                place
            }
            "targets" => {
                let mut place = self.campaign(path.ends_with("/approve")).await;
                let id = place["target"].clone();
                if path.ends_with("/resume") {
                    self.act(&format!("/api/v1/targets/{id}/suspend")).await;
                }
                if path.ends_with("/restart") {
                    self.block(&place).await;
                }
                if method == "DELETE" {
                    let at = json!({"at": "2099-01-15T12:00:00Z"});
                    assert_eq!(self.client.put(&format!("/api/v1/targets/{id}/callback"), at).await.status, 200);
                }
                place.insert("id", id);
                place
            }
            "attempts" => {
                let place = self.campaign(false).await;
                self.block(&place).await;
                let attempts = self.client.get(&format!("/api/v1/campaigns/{}/attempts", place["campaign"])).await.json;
                let id = text(&attempts["items"][0]["id"]);
                if path.contains("/sip") {
                    sip_traces::kept(&self.client, CallId::generate(), id.parse().ok()).await;
                }
                only(id)
            }
            "bulk" => {
                let campaign = self.campaign(false).await["campaign"].clone();
                let body = json!({"act": "suspend", "filter": {}});
                let done = self.client.post(&format!("/api/v1/campaigns/{campaign}/contacts/bulk"), body).await;
                only(text(&done.json["id"]))
            }
            "calls" => {
                let call = over(&self.client).await;
                std::fs::create_dir_all(self.client.recordings.join("a")).expect("a folder");
                for file in ["a/b.wav", "a/b.replay.gz"] {
                    std::fs::write(self.client.recordings.join(file), b"content").expect("a file");
                }
                if path.ends_with("/waveform") {
                    let peaks = Waveform { bucket_ms: 20, heard: vec![0, 90], said: vec![255, 0] }.to_bytes();
                    let worked =
                        Worked { path: "a/b.wav".to_owned(), bytes: 7, sha256: "a".repeat(64), peaks: Some(peaks) };
                    let mut tx = self.client.db.db.begin().await.expect("a transaction");
                    assert!(recording::keep(&mut tx, call.id, &worked).await.expect("kept"));
                    tx.commit().await.expect("committed");
                }
                sip_traces::kept(&self.client, call.id, None).await;
                only(call.id.to_string())
            }
            "sip" => {
                let banned = self.client.post("/api/v1/sip/guard/bans", json!({"address": "203.0.113.9"})).await;
                assert_eq!(banned.status, 201, "{}", banned.json);
                BTreeMap::from([("address", "203.0.113.9".to_owned())])
            }
            "contacts" => only(self.contact().await),
            "lists" => only(self.list().await),
            "cases" => only(self.client.create("/api/v1/cases", json!({"case_type": "Claim"})).await),
            "case-types" | "case-statuses" => {
                let made =
                    self.client.post(&format!("/api/v1/{kind}"), json!({"name": format!("L {}", self.next())})).await;
                only(text(&made.json["id"]))
            }
            "people-jobs" => {
                let body = json!({"act": "tag", "filter": {}, "tags": ["x"]});
                only(text(&self.client.post("/api/v1/contacts/bulk", body).await.json["id"]))
            }
            "import-mappings" => {
                let body = json!({"name": format!("M {}", self.next()), "plan": {"mapping": [{"column": "A", "field": "phone"}]}});
                only(text(&self.client.post("/api/v1/import-mappings", body).await.json["id"]))
            }
            "imports" => only(self.import(path).await),
            "tags" => only(self.client.create("/api/v1/tags", json!({"name": format!("Tag {}", self.next())})).await),
            "trunks" => only(self.client.create("/api/v1/trunks", trunk(&format!("Trunk {}", self.next()))).await),
            "trunk_groups" => {
                let members = json!([{"trunk_id": self.trunk, "priority": 1}]);
                let body = json!({"name": format!("Group {}", self.next()), "members": members});
                only(self.client.create("/api/v1/trunk_groups", body).await)
            }
            "routes" => {
                let body = json!({"prefix": format!("+49{}", self.next()), "trunk_id": self.trunk});
                only(self.client.create("/api/v1/routes", body).await)
            }
            "assistants" => {
                only(self.client.create("/api/v1/assistants", assistant(&format!("Assistant {}", self.next()))).await)
            }
            "providers" => {
                let name = format!("vendor-{}", self.next());
                let body = json!({"name": name, "kind": "openai_chat", "base_url": "http://127.0.0.1:9/v1"});
                only(self.client.create("/api/v1/providers", body).await)
            }
            "suppressions" => {
                let phone = format!("+44207946{:04}", 9000 + self.next());
                only(self.client.create("/api/v1/suppressions", json!({ "phone": phone })).await)
            }
            "suppression-lists" => only(self.suppression_list().await),
            "consents" => {
                let given = json!({"phone": "+442079460002", "source": "form", "given_at": "2020-01-01T00:00:00Z", "proof": "yes"});
                only(self.client.create("/api/v1/consents", given).await)
            }
            "api-keys" => {
                only(self.client.create("/api/v1/api-keys", json!({"name": "k", "scopes": ["calls:read"]})).await)
            }
            "knowledge" => only(self.document().await),
            "users" => only(text(&self.user().await["id"])),
            "invitations" => {
                let path = text(&self.user().await["invitation"]["path"]);
                BTreeMap::from([("token", path.rsplit('/').next().unwrap_or_default().to_owned())])
            }
            "preferences" => BTreeMap::from([("key", "contacts.columns".to_owned())]),
            other => panic!("nothing is known to make of {other}"),
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}

/// Calls may be placed.
async fn noon(client: &Client) {
    let now = client.db.db.read().await.expect("a transaction").now().await.expect("a clock");
    let here = now.in_tz("Europe/London").expect("a zone");
    let noon = here.with().hour(12).minute(0).second(0).subsec_nanosecond(0).build().expect("a time");
    client.db.db.shift_clock(noon.timestamp().as_microsecond() - now.as_microsecond());
}

fn resolve<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str().and_then(|place| place.strip_prefix('#')) {
        Some(place) => document.pointer(place).expect("a schema that is there"),
        None => schema,
    }
}

/// What is sent or answered has the shape of its schema.
fn valid(document: &Value, schema: &Value, instance: &Value, label: &str) {
    let mut whole = Map::new();
    whole.insert("allOf".to_owned(), json!([schema]));
    whole.insert("components".to_owned(), document["components"].clone());
    let validator = jsonschema::validator_for(&Value::Object(whole)).expect("a schema");
    let faults: Vec<_> =
        validator.iter_errors(instance).map(|error| format!("{} at {}", error, error.instance_path())).collect();
    assert!(faults.is_empty(), "{label}: {faults:#?} in {instance:#}");
}
