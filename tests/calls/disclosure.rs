//! What a campaign demands to be told first, on real calls of a whole server: in every mode the callee hears it before
//! anything else, whatever the assistant would do by itself.

use std::path::{Path, PathBuf};
use std::time::Duration;

use callwright::app;
use callwright::config::{Config, ListenerConfig, SipTransport};
use callwright::shutdown::Shutdown;
use callwright_loadtest::vendors::chat::Answer;
use callwright_loadtest::vendors::{KEY, Script};
use reqwest::{Client, Method};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::office::PATIENCE;
use crate::phone::Phone;
use crate::talker::{Talker, words as spoken};
use crate::vendors::Vendors;

/// The campaign's words for the one line, the assistant's for the other.
const ROBOT: &str = "You are talking to a robot.";
const RECORDED: &str = "We keep what you say.";
const GREETING: &str = "Good evening from the bakery.";

struct Company {
    client: Client,
    base: String,
    key: String,
    folder: PathBuf,
    shutdown: Shutdown,
    server: app::Server,
}

impl Company {
    async fn new(vendors: &Vendors) -> Self {
        let folder = std::env::temp_dir().join(format!("callwright-disclosure-{}", std::process::id()));
        drop(std::fs::remove_dir_all(&folder));
        let bind = "127.0.0.1:0".parse().expect("an address");
        let mut config = Config { data_dir: folder.clone(), ..Config::default() };
        config.http.listen = bind;
        config.sip.listeners =
            vec![ListenerConfig { transport: SipTransport::Udp, bind, external: None, external_media: None }];
        (config.media.port_min, config.media.port_max) = (36_000, 36_198);
        let provider = |(name, kind, path): (&str, &str, &str)| {
            let base = format!("http://{}{path}", vendors.running.address);
            let provider = json!({ "name": name, "kind": kind, "base_url": base, "key": KEY });
            serde_json::from_value(provider).expect("a provider")
        };
        let kinds = [
            ("ears", "deepgram_listen", ""),
            ("model", "openai_chat", "/v1"),
            ("voice", "cartesia", ""),
            ("native", "openai_realtime", "/v1"),
        ];
        config.providers = kinds.map(provider).into();
        let shutdown = Shutdown::default();
        let server = app::start(config, shutdown.clone()).await.expect("the server starts");
        let key = server.first_key.as_ref().expect("the first key").expose_secret().to_owned();
        let base = format!("http://{}/api/v1", server.http);
        Self { client: Client::new(), base, key, folder, shutdown, server }
    }

    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let request = self.client.request(method, format!("{}/{path}", self.base)).bearer_auth(&self.key);
        let request = if let Some(body) = body { request.json(&body) } else { request };
        let response = request.send().await.expect("the API answers");
        let (status, text) = (response.status(), response.text().await.expect("a body"));
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    async fn get(&self, path: &str) -> Value {
        self.send(Method::GET, path, None).await
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        self.send(Method::POST, path, Some(body)).await
    }

    /// Makes something; its id.
    async fn make(&self, path: &str, body: Value) -> String {
        self.post(path, body).await["id"].as_str().expect("an id").to_owned()
    }

    /// Has a contact called by this assistant in a campaign that demands both lines.
    async fn campaign(&self, number: u16, trunk: &str, assistant: Value) -> String {
        let assistant = self.make("assistants", assistant).await;
        let phone = format!("+44207946{number:04}");
        let contact = json!({ "name": "Ada", "phone": phone, "time_zone": noon() });
        let contact = self.make("contacts", contact).await;
        let campaign = json!({
            "name": format!("Evening {number}"), "assistant_id": assistant, "trunk_id": trunk,
            "disclosure": { "ai": true, "ai_text": ROBOT, "recording": true },
        });
        let campaign = self.make("campaigns", campaign).await;
        self.post(&format!("campaigns/{campaign}/contacts"), json!({ "contact_ids": [contact] })).await;
        self.post(&format!("campaigns/{campaign}/start"), json!({})).await;
        campaign
    }

    /// The record of the campaign's call, once it is over.
    async fn record(&self, campaign: &str) -> Value {
        let search = async {
            loop {
                let calls = self.get(&format!("calls?campaign_id={campaign}")).await;
                if let Some(id) = calls["items"][0]["id"].as_str() {
                    return self.get(&format!("calls/{id}")).await;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(PATIENCE, search).await.expect("a record in time")
    }

    async fn closes(self) {
        self.shutdown.stop.cancel();
        self.server.finished().await;
        drop(std::fs::remove_dir_all(Path::new(&self.folder)));
    }
}

/// An assistant that by itself would not say that it is a machine.
fn assistant(mode: &str) -> Value {
    let mut assistant = json!({
        "name": format!("Clerk {mode}"), "mode": mode,
        "disclosure": { "ai": false, "recording": false, "recording_text": RECORDED },
        "providers": { "stt": ["ears"], "llm": ["model"], "tts": ["voice"] },
    });
    let more = match mode {
        "flow" => json!({ "flow": { "start": "hello", "nodes": [
            { "id": "hello", "say": { "text": GREETING, "next": "fine" } },
            { "id": "fine", "ask": { "text": "Are you well?", "answer": { "kind": "yes_no" }, "next": "bye" } },
            { "id": "bye", "end": { "text": "Goodbye." } } ] } }),
        "llm" => json!({ "greeting": GREETING, "prompt": "You work in a bakery." }),
        _ => json!({ "greeting": GREETING, "prompt": "You work in a bakery.",
                     "providers": { "s2s": "native", "tts": ["voice"] } }),
    };
    for (name, value) in more.as_object().expect("fields") {
        assistant[name] = value.clone();
    }
    assistant
}

/// A zone in which it is about noon, so that people may be rung.
fn noon() -> String {
    let hours = 12 - i32::from(callwright::time::now().wall.to_zoned(jiff::tz::TimeZone::UTC).hour());
    // The sign of these names is the other way round.
    format!("Etc/GMT{:+}", -hours)
}

fn words(text: &str) -> Vec<String> {
    let letters = |c: char| !c.is_alphanumeric();
    text.split(letters).filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_campaign_demands_is_heard_first_in_every_mode() {
    let mut script = Script::default();
    script.speaking.char_ms = 50;
    script.realtime.answers =
        vec![Answer { when: Some("exactly".to_owned()), ..Answer::say(GREETING) }, Answer::say("Yes.")];
    let vendors = Vendors::start(script.clone()).await;
    let company = Company::new(&vendors).await;
    let mut phone = Phone::new(SipTransport::Udp, 36_200).await;
    let trunk = json!({ "name": "Carrier", "host": "127.0.0.1", "port": phone.address().port(),
                        "caller_ids": ["+442079460999"] });
    let trunk = company.make("trunks", trunk).await;

    for (number, mode) in (1..).zip(["flow", "llm", "speech_to_speech"]) {
        let campaign = company.campaign(number, &trunk, assistant(mode)).await;
        let mut callee = Talker::new(phone.rings().await.answer().await);
        let told = [ROBOT, RECORDED].join(" ");
        let all = words(&told);
        callee.until("both lines", |heard| spoken(heard) > all.len()).await;
        let heard = script.speaking.recognise(&script.hearing, &told, &callee.heard());
        let heard: Vec<String> = heard.iter().take(all.len()).map(|word| word.to_lowercase()).collect();
        // Two words of one length may sound alike.
        let other = heard.iter().zip(&all).filter(|(heard, said)| heard != said).count();
        assert!(heard.len() == all.len() && other <= 1, "{mode}: {heard:?}");
        callee.hears_silence(0, Duration::from_millis(1_200)).await;
        let call = company.get("calls/live").await["items"][0]["id"].as_str().expect("it is live").to_owned();
        company.post(&format!("calls/{call}/hang_up"), json!({})).await;
        assert!(callee.gets_hung_up().await, "{mode}");

        let record = company.record(&campaign).await;
        let lines = record["transcript"].as_array().expect("lines");
        let agent: Vec<&str> =
            lines.iter().filter(|line| line["speaker"] == "agent").filter_map(|line| line["text"].as_str()).collect();
        assert_eq!(agent[..3], [ROBOT, RECORDED, GREETING], "{mode}: {record}");
        let (ai, recording) = (&record["disclosed"]["ai_ms"], &record["disclosed"]["recording_ms"]);
        assert!(ai.as_u64().is_some_and(|ai| recording.as_u64().is_some_and(|recording| recording > ai)), "{record}");
        assert!(record["recording_ms"].as_i64().is_some_and(|ms| ms > 0), "{mode}: {record}");
    }
    company.closes().await;
}
