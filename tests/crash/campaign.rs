//! The campaign in which the server is killed: whom it calls, how fast, and what it says.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use callwright::demo::client::Client;
use callwright::demo::contacts;
use callwright::time;
use serde_json::{Value, json};

use crate::process::Carrier;

/// Dials a minute.
pub(crate) const CALLS_PER_MINUTE: u32 = 600;
/// Calls at one time.
pub(crate) const MAX_CONCURRENT: u32 = 24;
/// Minutes to a retry; the shortest there is.
pub(crate) const RETRY_DELAY_MIN: u32 = 1;
/// So many are engaged at their first call and called again after the delay. They are among the first, and so far apart that
/// one trouble does not meet them all.
const ENGAGED: usize = 6;
const APART: usize = 8;

/// Whom the others meet, in turn: how the callee behaves and what the assistant talks about.
const MIX: &[(&str, &str)] = &[
    ("silent", "long"),
    ("no_answer", "short"),
    ("silent", "short"),
    ("silent", "long"),
    ("declines", "short"),
    ("presses", "question"),
    ("silent", "long"),
    ("no_answer", "short"),
    ("hangs_up", "long"),
    ("silent", "long"),
    ("invalid", "short"),
    ("says_yes", "question"),
];

/// One contact.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) phone: String,
    pub(crate) zone: &'static str,
    pub(crate) persona: &'static str,
    pub(crate) talk: &'static str,
}

/// So many, in zones where it is day.
pub(crate) fn people(count: usize) -> Vec<Person> {
    let zones: Vec<_> = contacts::people(time::now().wall, false).iter().map(|person| person.zone).collect();
    (0..count)
        .map(|i| {
            let engaged = i % APART == 0 && i / APART < ENGAGED;
            let (persona, talk) = if engaged { ("busy", "short") } else { MIX[i % MIX.len()] };
            Person { phone: format!("+44207946{i:04}"), zone: zones[i % zones.len()], persona, talk }
        })
        .collect()
}

/// Writes the carrier's table.
pub(crate) fn personas(folder: &Path, people: &[Person]) -> PathBuf {
    let table: BTreeMap<_, _> = people.iter().map(|person| (person.phone.as_str(), person.persona)).collect();
    let path = folder.join("personas.json");
    std::fs::write(&path, serde_json::to_vec(&table).expect("text")).expect("the folder takes files");
    path
}

/// Makes and starts the campaign; its id.
pub(crate) async fn start(client: &Client, carrier: &Carrier, people: &[Person]) -> anyhow::Result<String> {
    let trunk = json!({
        "name": "Simulated carrier",
        "host": carrier.address.ip().to_string(),
        "port": carrier.address.port(),
        "caller_ids": ["+442079460999"],
        "max_channels": 100,
        "calls_per_minute": 6000,
    });
    let trunk = client.create("/trunks", &trunk).await?;
    let assistant = client.create("/assistants", &assistant()).await?;
    let none = |reason| json!({ "reason": reason, "max_retries": 0 });
    let campaign = json!({
        "name": "Crash test",
        "assistant_id": assistant,
        "trunk_id": trunk,
        "settings": {
            "calls_per_minute": CALLS_PER_MINUTE,
            "max_concurrent_calls": MAX_CONCURRENT,
            "max_retries": 1,
            "retry_delay_min": RETRY_DELAY_MIN,
            "ring_timeout_s": 10,
            "max_call_duration_s": 30,
            "retry_overrides": [none("dial_no_answer"), none("voicemail_reached"), none("error_no_audio_received")],
        },
    });
    let campaign = client.create("/campaigns", &campaign).await?;
    let mut sheet = "phone,time_zone,talk\n".to_owned();
    for person in people {
        sheet.push_str(&format!("{},{},{}\n", person.phone, person.zone, person.talk));
    }
    let contacts = client.import(sheet).await?;
    let contacts = contacts.as_array().cloned().unwrap_or_default();
    let path = format!("/campaigns/{campaign}/contacts");
    let (engaged, others) = contacts.split_at(ENGAGED);
    client.post(&path, &json!({ "contact_ids": engaged, "priority": 10 })).await?;
    client.post(&path, &json!({ "contact_ids": others })).await?;
    client.post(&format!("/campaigns/{campaign}/start"), &json!({})).await?;
    Ok(campaign)
}

/// Talks for long, for short, or asks something, as the contact's variable says.
fn assistant() -> Value {
    let text = "Good day. This is a test of what happens when a server ends in the middle of a sentence. \
                We go on talking for a while, so that there is a sentence to end in the middle of. Nearly done.";
    json!({
        "name": "Crash test",
        "language": "en",
        "voice": "en-us",
        "mode": "flow",
        "variables": { "talk": { "default": "short" } },
        "flow": {
            "start": "choose",
            "nodes": [
                { "id": "choose", "branch": {
                    "on": "talk",
                    "cases": [{ "is": "long", "next": "long" }, { "is": "question", "next": "question" }],
                    "otherwise": "goodbye",
                } },
                { "id": "long", "say": { "text": text, "next": "goodbye" } },
                { "id": "question", "ask": {
                    "text": "Can you hear me? Please say yes or no.",
                    "answer": { "kind": "yes_no" },
                    "attempts": 1,
                    "next": "goodbye",
                } },
                { "id": "goodbye", "end": { "text": "Thank you. Goodbye.", "reason": "completed" } },
            ],
        },
    })
}
