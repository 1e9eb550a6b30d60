//! The demonstration's client of the REST API.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, bail};
use jiff::Timestamp;
use reqwest::header::CONTENT_TYPE;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::agent::record::{Answer, TurnTiming};
use crate::campaign::disconnection::DisconnectionReason;
use crate::campaign::states::{AttemptState, TargetState};
use crate::pii::Pii;

/// A client with a key.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    key: SecretString,
}

/// A contact of the campaign, as the API shows it.
#[derive(Clone, Debug, Deserialize)]
pub struct TargetRow {
    /// The contact.
    pub contact_id: String,
    /// Its name.
    pub name: Pii<String>,
    /// Its number.
    pub phone: Option<Pii<String>>,
    /// Where it stands.
    pub state: TargetState,
    /// How the last call ended.
    pub last_reason: Option<DisconnectionReason>,
}

/// An attempt, as the API shows it.
#[derive(Clone, Debug, Deserialize)]
pub struct AttemptRow {
    /// Id.
    pub id: String,
    /// The contact.
    pub contact_id: String,
    /// Counts the dials of a round.
    pub dial_no: u32,
    /// Where it stands.
    pub state: AttemptState,
    /// Why it ended.
    pub reason: Option<DisconnectionReason>,
}

/// A call, as the API shows it.
#[derive(Clone, Debug, Deserialize)]
pub struct CallRow {
    /// Id.
    pub id: String,
    /// The contact.
    pub contact_id: Option<String>,
    /// When it was answered.
    pub answered_at: Option<Timestamp>,
    /// Time from the answer to the end.
    pub duration_ms: i64,
    /// Length of the recording.
    pub recording_ms: Option<i64>,
    /// What came of each question.
    #[serde(default)]
    pub answers: Vec<Answer>,
    /// How fast the agent replied.
    #[serde(default)]
    pub turns: Vec<TurnTiming>,
}

/// Everything the server believes about a campaign.
#[derive(Clone, Debug)]
pub struct Results {
    /// Its contacts.
    pub targets: Vec<TargetRow>,
    /// All attempts.
    pub attempts: Vec<AttemptRow>,
    /// All calls with what was said.
    pub calls: Vec<CallRow>,
}

impl Results {
    /// Reads everything.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn fetch(client: &Client, campaign: &str) -> anyhow::Result<Self> {
        let targets = client.all(&format!("/campaigns/{campaign}/contacts?")).await?;
        let attempts = client.all(&format!("/campaigns/{campaign}/attempts?")).await?;
        let mut calls: Vec<CallRow> = client.all(&format!("/calls?campaign_id={campaign}&")).await?;
        for call in &mut calls {
            let detail = client.get(&format!("/calls/{}", call.id)).await?;
            *call = serde_json::from_value(detail).context("a call is not as expected")?;
        }
        Ok(Self { targets, attempts, calls })
    }
}

impl Client {
    /// A client of the server at `address`.
    #[must_use]
    pub fn new(address: SocketAddr, key: SecretString) -> Self {
        Self { http: reqwest::Client::new(), base: format!("http://{address}/api/v1"), key }
    }

    /// Reads.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.send(self.http.get(format!("{}{path}", self.base)), path).await
    }

    /// Sends.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.send(self.http.post(format!("{}{path}", self.base)).json(body), path).await
    }

    /// Replaces.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub async fn put(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.send(self.http.put(format!("{}{path}", self.base)).json(body), path).await
    }

    /// Creates, and gives the id.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub async fn create(&self, path: &str, body: &Value) -> anyhow::Result<String> {
        let made = self.post(path, body).await?;
        made["id"].as_str().map(str::to_owned).with_context(|| format!("{path} gave no id"))
    }

    /// Imports a CSV sheet, and gives the ids of the contacts made.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses, or leaves out a row.
    pub async fn import(&self, sheet: String) -> anyhow::Result<Value> {
        let path = "/contacts/import";
        let request = self.http.post(format!("{}{path}", self.base)).header(CONTENT_TYPE, "text/csv").body(sheet);
        let report = self.send(request, path).await?;
        if report["created"] != report["total"] {
            bail!("not all contacts were imported: {}", report["rows"]);
        }
        Ok(report["contact_ids"].clone())
    }

    /// All pages of a list; `path` ends in `?` or `&`.
    async fn all<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<Vec<T>> {
        let mut items = Vec::new();
        let mut after = String::new();
        loop {
            let page = self.get(&format!("{path}limit=200{after}")).await?;
            let batch = page["items"].as_array().cloned().unwrap_or_default();
            for item in batch {
                items.push(serde_json::from_value(item).with_context(|| format!("{path} is not as expected"))?);
            }
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return Ok(items),
            }
        }
    }

    async fn send(&self, request: reqwest::RequestBuilder, path: &str) -> anyhow::Result<Value> {
        let request = request.bearer_auth(self.key.expose_secret()).timeout(Duration::from_secs(30));
        let response = request.send().await.with_context(|| format!("{path}: the server cannot be reached"))?;
        let status = response.status();
        let text = response.text().await?;
        if !status.is_success() {
            bail!("{path}: {status}: {text}");
        }
        serde_json::from_str(&text).with_context(|| format!("{path}: the answer is not JSON"))
    }
}
