//! What is known after a test: what the wire saw, what the server believes, which leg has which Call-ID.

use std::collections::BTreeMap;
use std::path::Path;

use callwright::campaign::disconnection::DisconnectionReason;
use callwright::campaign::states::{AttemptState, TargetState};
use callwright::demo::client::Client;
use callwright::demo::wire::Wire;
use callwright::id::{AttemptId, LegId};
use callwright::pii::Pii;
use callwright::store::db::Settings;
use callwright::store::{Db, org};
use callwright::trunk::plan::leg_key;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::campaign::Person;
use crate::course::{self, Life};
use crate::recordings::{self, Cut};
use crate::troubles::{Count, Happened};

/// A contact, as the API shows it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Contact {
    #[serde(rename = "contact_id")]
    pub(crate) id: String,
    phone: Option<Pii<String>>,
    pub(crate) state: TargetState,
}

/// An attempt, as the API shows it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Attempt {
    pub(crate) id: String,
    pub(crate) contact_id: String,
    pub(crate) state: AttemptState,
    pub(crate) reason: Option<DisconnectionReason>,
    pub(crate) claimed_at: Timestamp,
    pub(crate) dialing_at: Option<Timestamp>,
}

/// A call, as the API shows it.
#[derive(Clone, Debug, Deserialize)]
struct Call {
    id: String,
}

/// Everything.
#[derive(Debug)]
pub(crate) struct Evidence {
    pub(crate) people: Vec<Person>,
    /// What was meant to happen.
    pub(crate) troubles: Count,
    /// What happened to the servers, of each in order.
    pub(crate) happened: Vec<Happened>,
    /// The servers' lives, of each in order.
    pub(crate) lives: Vec<Life>,
    /// Where the database is when the servers have let go of it.
    pub(crate) database: String,
    /// The campaign came to its end.
    pub(crate) completed: bool,
    pub(crate) contacts: Vec<Contact>,
    /// In the order in which they were claimed.
    pub(crate) attempts: Vec<Attempt>,
    calls: Vec<Call>,
    pub(crate) wire: Wire,
    /// The attempt behind each Call-ID that the server may have sent.
    pub(crate) legs: BTreeMap<String, String>,
    /// Recordings of calls that have no record, with their servers: they were live at a kill.
    pub(crate) cuts: Vec<(usize, Cut)>,
}

impl Evidence {
    /// What the API tells.
    pub(crate) async fn from_api(client: &Client, campaign: &str, people: Vec<Person>) -> anyhow::Result<Self> {
        let mut attempts: Vec<Attempt> = all(client, &format!("/campaigns/{campaign}/attempts?")).await?;
        attempts.sort_by_key(|attempt| attempt.claimed_at);
        Ok(Self {
            people,
            troubles: Count { kills: 0, freezes: 0, cuts: 0 },
            happened: Vec::new(),
            lives: Vec::new(),
            database: String::new(),
            completed: false,
            contacts: all(client, &format!("/campaigns/{campaign}/contacts?")).await?,
            attempts,
            calls: all(client, &format!("/calls?campaign_id={campaign}&")).await?,
            wire: Wire::default(),
            legs: BTreeMap::new(),
            cuts: Vec::new(),
        })
    }

    /// What the carrier wrote down.
    pub(crate) fn add_wire(&mut self, log: &Path) {
        self.wire = Wire::read(log).expect("the carrier writes what can be read");
    }

    /// The Call-IDs that all legs have or would have on each server, derived as the servers derive them. These have
    /// ended: their database is free.
    pub(crate) async fn add_legs(&mut self, nodes: usize) {
        let db = Db::open(&Settings::new(self.database.as_str())).await.expect("the server has let go of its database");
        let mut tx = db.begin().await.expect("a transaction");
        let secret = org::secrets(&mut tx, [[0; 32]; 2]).await.expect("the server made them").leg;
        for row in tx.all("SELECT id, attempt_id FROM leg", Vec::new()).await.expect("legs") {
            let leg: LegId = row.get("id").expect("an id");
            let attempt: AttemptId = row.get("attempt_id").expect("an id");
            for node in 0..nodes {
                let call_id = leg_key(&secret, leg).call_id(&course::address_of(node).to_string());
                self.legs.insert(call_id.to_string(), attempt.to_string());
            }
        }
    }

    /// The recordings of a server that belong to no call on record.
    pub(crate) fn add_recordings(&mut self, node: usize, folder: &Path) {
        let kept: Vec<_> = self.calls.iter().map(|call| call.id.as_str()).collect();
        self.cuts.extend(recordings::without(folder, &kept).into_iter().map(|cut| (node, cut)));
    }

    /// The number of a contact.
    pub(crate) fn phone(&self, contact: &str) -> &str {
        let found = self.contacts.iter().find(|one| one.id == contact);
        found.and_then(|one| one.phone.as_ref()).map_or("", |phone| phone.expose())
    }
}

/// All pages of a list; `path` ends in `?` or `&`.
async fn all<T: DeserializeOwned>(client: &Client, path: &str) -> anyhow::Result<Vec<T>> {
    let mut items = Vec::new();
    let mut after = String::new();
    loop {
        let page = client.get(&format!("{path}limit=500{after}")).await?;
        items.extend(serde_json::from_value::<Vec<T>>(page["items"].clone())?);
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return Ok(items),
        }
    }
}

/// Seconds since 1970 UTC.
pub(crate) fn seconds(at: Timestamp) -> f64 {
    at.as_microsecond() as f64 / 1e6
}
