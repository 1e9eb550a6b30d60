//! A campaign whose assistant has nobody to serve it is not dialed, says why, and goes on by itself.

use std::time::Duration;

use callwright::app;
use callwright::config::{Config, ListenerConfig, SipTransport};
use callwright::shutdown::Shutdown;
use callwright_loadtest::vendors::faults::{Fault, Injection, Vendor};
use callwright_loadtest::vendors::{self, KEY};
use reqwest::Client;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(30);

struct Api {
    client: Client,
    base: String,
    key: String,
}

impl Api {
    async fn send(&self, method: reqwest::Method, path: &str, body: Option<Value>) -> Value {
        let request = self.client.request(method, format!("{}/api/v1/{path}", self.base)).bearer_auth(&self.key);
        let request = if let Some(body) = body { request.json(&body) } else { request };
        let response = request.send().await.expect("the API answers");
        let (status, text) = (response.status(), response.text().await.expect("a body"));
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    async fn get(&self, path: &str) -> Value {
        self.send(reqwest::Method::GET, path, None).await
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        self.send(reqwest::Method::POST, path, Some(body)).await
    }

    /// What the path gives once it is as wanted.
    async fn until(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        let search = async {
            loop {
                last = self.get(path).await;
                if wanted(&last) {
                    return last.clone();
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let found = tokio::time::timeout(SOON, search).await;
        found.unwrap_or_else(|_| panic!("{path} stayed {last}"))
    }
}

/// The vendor that is away: what it does for the campaign's assistant.
struct Away {
    stage: &'static str,
    kind: &'static str,
    /// Where its interface begins.
    path: &'static str,
    vendor: Vendor,
    /// First port for media; each server has its own.
    ports: u16,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_rung_while_the_model_is_away() {
    let model = Away { stage: "llm", kind: "openai_chat", path: "/v1", vendor: Vendor::OpenaiChat, ports: 33_000 };
    nobody_is_rung_while(model).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_rung_while_the_recogniser_is_away() {
    let ears = Away { stage: "stt", kind: "deepgram_listen", path: "", vendor: Vendor::DeepgramListen, ports: 33_100 };
    nobody_is_rung_while(ears).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_rung_while_the_voice_is_away() {
    let voice = Away { stage: "tts", kind: "cartesia", path: "", vendor: Vendor::Cartesia, ports: 33_200 };
    nobody_is_rung_while(voice).await;
}

async fn nobody_is_rung_while(away: Away) {
    let folder = std::env::temp_dir().join(format!("callwright-away-{}-{}", away.stage, std::process::id()));
    drop(std::fs::remove_dir_all(&folder));
    let vendors = vendors::start(vendors::Config::default()).await.expect("a port is free");
    let (api, shutdown, server) = serve(&folder, &vendors, &away).await;
    let provider = api.get("providers").await["items"][0].clone();
    assert_eq!(provider["name"], "vendor", "{provider}");

    let limited = Injection::always(away.vendor, Fault::TooMany { retry_after: Some(1) });
    vendors.set_faults(vec![limited]);
    let test = format!("providers/{}/test", provider["id"].as_str().expect("an id"));
    assert_eq!(api.post(&test, json!({})).await["step"], "quota");
    let campaign = campaign(&api, away.stage).await;
    let progress = format!("campaigns/{campaign}/progress");
    let held = api.until(&progress, |progress| progress["held_by"]["scope"] == "providers").await;
    let reason = held["held_by"]["reason"].as_str().expect("a reason");
    let expected = format!("no {} provider answers", away.stage);
    assert!(reason.contains(&expected) && reason.contains("429"), "{reason}");
    assert_eq!((&held["pending"], &held["in_progress"]), (&json!(1), &json!(0)), "{held}");
    let told = api.until(&format!("campaigns/{campaign}/diagnosis"), |told| told["holds"][0]["code"] == "vendor").await;
    let hold = &told["holds"][0];
    assert_eq!((&hold["contacts"], &hold["waits_for"]), (&json!(1), &json!("time")), "{told}");
    assert_eq!((&told["activity"], &told["next_at"]), (&json!("waiting_capacity"), &hold["next_at"]), "{told}");
    let next: jiff::Timestamp = hold["next_at"].as_str().and_then(|at| at.parse().ok()).expect("a time");
    assert!(hold["reason"].as_str().is_some_and(|reason| reason.contains(&expected)), "{told}");
    // It goes on by itself: the moment it looks again moves ahead.
    let later = |told: &Value| told["holds"][0]["next_at"].as_str().and_then(|at| at.parse().ok()) > Some(next);
    api.until(&format!("campaigns/{campaign}/diagnosis"), later).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let attempts = format!("campaigns/{campaign}/attempts");
    assert_eq!(api.get(&attempts).await["items"], json!([]), "nobody was rung");

    // The vendor is back: a trial finds it, and no caller had to.
    vendors.set_faults(vec![]);
    let rung = api.until(&attempts, |attempts| attempts["items"].as_array().is_some_and(|all| !all.is_empty())).await;
    assert!(rung["items"][0]["state"].is_string(), "{rung}");
    api.until(&progress, |progress| progress["held_by"]["scope"] != "providers").await;
    shutdown.stop.cancel();
    server.finished().await;
    std::fs::remove_dir_all(&folder).expect("the folder can be removed");
}

async fn serve(folder: &std::path::Path, vendors: &vendors::Running, away: &Away) -> (Api, Shutdown, app::Server) {
    let bind = "127.0.0.1:0".parse().expect("an address");
    let mut config = Config { data_dir: folder.to_owned(), ..Config::default() };
    config.http.listen = bind;
    config.sip.listeners =
        vec![ListenerConfig { transport: SipTransport::Udp, bind, external: None, external_media: None }];
    (config.media.port_min, config.media.port_max) = (away.ports, away.ports + 98);
    let provider = json!({"name": "vendor", "kind": away.kind, "key": KEY, "capacity": 5,
                          "base_url": format!("http://{}{}", vendors.address, away.path)});
    config.providers = vec![serde_json::from_value(provider).expect("a provider")];
    let shutdown = Shutdown::default();
    let server = app::start(config, shutdown.clone()).await.expect("the server starts");
    let key = server.first_key.as_ref().expect("the first key").expose_secret().to_owned();
    let api = Api { client: Client::new(), base: format!("http://{}", server.http), key };
    (api, shutdown, server)
}

/// A running campaign with one contact, over a trunk where nobody answers.
async fn campaign(api: &Api, stage: &str) -> String {
    let id = |made: Value| made["id"].as_str().expect("an id").to_owned();
    let assistant = json!({
        "name": "Clerk", "mode": "flow", "providers": {stage: ["vendor"]},
        "flow": {"start": "hello", "nodes": [
            {"id": "hello", "say": {"text": "Hello.", "next": "bye"}},
            {"id": "bye", "end": {"text": "Goodbye.", "reason": "completed"}}]},
    });
    let assistant = id(api.post("assistants", assistant).await);
    let trunk = json!({"name": "Carrier", "host": "127.0.0.1", "port": 9, "caller_ids": ["+442079460000"]});
    let trunk = id(api.post("trunks", trunk).await);
    let contact = json!({"name": "Ada", "phone": "+442079460001", "time_zone": noon()});
    let contact = id(api.post("contacts", contact).await);
    let campaign = json!({
        "name": "Reminder", "assistant_id": assistant, "trunk_id": trunk, "settings": {},
    });
    let campaign = id(api.post("campaigns", campaign).await);
    api.post(&format!("campaigns/{campaign}/contacts"), json!({"contact_ids": [contact]})).await;
    api.post(&format!("campaigns/{campaign}/start"), json!({})).await;
    campaign
}

/// A zone in which it is about noon, so that people may be rung.
fn noon() -> String {
    let hours = 12 - i32::from(callwright::time::now().wall.to_zoned(jiff::tz::TimeZone::UTC).hour());
    // The sign of these names is the other way round.
    format!("Etc/GMT{:+}", -hours)
}
