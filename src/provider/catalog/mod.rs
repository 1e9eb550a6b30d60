//! The vendors that calls may be served by: those of the settings file, which every organisation may use, and those of
//! the database, each its organisation's own.

mod entry;
mod keeper;
mod kind;
mod room;
mod seal;
mod service;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use secrecy::SecretString;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use tokio::sync::Notify;

use self::entry::{Entry, Settings};
use super::error::{Error, ErrorKind};
use super::health::{Report, Standing};
use super::probe::Failure;
use super::prompts::Prompts;
use super::vendor::Vendor;
use crate::id::{OrgId, ProviderId};
use crate::store::provider::{ProviderData, SealedKey, StoredProvider};

pub use self::keeper::{keep, load};
pub use self::kind::{Kind, Stage};
pub use self::room::{NoRoom, Room};
pub use self::seal::{MasterKeyError, Sealer, Unopenable};
pub use self::service::{Meaning, Served, Unknown, Wanted};

/// The name that assistants cannot give to a vendor: whatever comes with the server.
pub const OFFLINE: &str = "offline";

/// Whether a vendor may have this name: 1 to 64 letters of ASCII, digits, `.`, `-` and `_`, as assistants may refer to.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let letters = |letter: u8| letter.is_ascii_alphanumeric() || matches!(letter, b'.' | b'-' | b'_');
    (1..=64).contains(&name.len()) && name.bytes().all(letters) && name != OFFLINE
}

/// A vendor of the settings file.
#[derive(Clone, Debug)]
pub struct Fixed {
    /// What it speaks.
    pub kind: Kind,
    /// Who it is.
    pub vendor: Vendor,
}

/// The catalog. Cloning shares it.
#[derive(Clone)]
pub struct Catalog {
    inner: Arc<Inner>,
}

/// Vendors of the database, by whose they are and by their names.
type Stored = BTreeMap<(OrgId, Arc<str>), Arc<Entry>>;

struct Inner {
    fixed: BTreeMap<Arc<str>, Arc<Entry>>,
    stored: RwLock<Stored>,
    sealer: Sealer,
    /// Fixed texts that were spoken before.
    prompts: Arc<Prompts>,
    /// Rung when a circuit opens or closes, and when vendors change.
    bell: Arc<Notify>,
}

/// How a vendor is doing.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// Whether its circuit is closed.
    pub standing: Standing,
    /// Since when; unknown for one that never failed.
    pub since: Option<Instant>,
    /// When it will be tried again, for an open circuit.
    pub until: Option<Instant>,
    /// Why it cannot be used, or its last failure.
    pub error: Option<Error>,
    /// From a request to its first word or byte: median and 95th percentile of the latest.
    pub first: Option<(Duration, Duration)>,
    /// Calls it serves.
    pub used: usize,
}

/// A vendor of the settings file, for a list.
#[derive(Clone, Debug)]
pub struct FixedView {
    /// Made from the name: the same at every start.
    pub id: ProviderId,
    /// What it speaks.
    pub kind: Kind,
    /// How it is set; without its key.
    pub vendor: Vendor,
    /// Whether it has a key.
    pub has_key: bool,
}

impl Catalog {
    /// A catalog of the vendors of the settings file; those of the database come with [`replace`](Self::replace).
    #[must_use]
    pub fn new(fixed: Vec<Fixed>, sealer: Sealer, prompts: Arc<Prompts>) -> Self {
        let bell = Arc::default();
        let entry = |Fixed { kind, vendor }: Fixed| {
            let id = fixed_id(&vendor.name);
            let settings = Settings { id, org: None, kind, enabled: true, fingerprint: String::new() };
            let entry = Entry::new(settings, Ok(vendor), &prompts, &bell);
            (Arc::clone(&entry.name), Arc::new(entry))
        };
        let fixed = fixed.into_iter().map(entry).collect();
        Self { inner: Arc::new(Inner { fixed, stored: RwLock::default(), sealer, prompts, bell }) }
    }

    /// Whether there is no vendor at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inner.fixed.is_empty() && self.inner.stored.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Whose keys are sealed with it.
    #[must_use]
    pub fn sealer(&self) -> &Sealer {
        &self.inner.sealer
    }

    /// Takes the vendors of the database, all of them. One whose settings are as they were goes on with its connections
    /// and its circuit; calls keep the vendors they began with.
    pub fn replace(&self, rows: &[StoredProvider]) {
        let mut stored = self.inner.stored.write().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::take(&mut *stored);
        for row in rows {
            let settings = Settings {
                id: row.id,
                org: Some(row.org),
                kind: row.data.kind,
                enabled: row.data.enabled,
                fingerprint: fingerprint(&row.data),
            };
            let name: Arc<str> = row.data.name.as_str().into();
            let key = (row.org, Arc::clone(&name));
            let same = before.get(&key).filter(|entry| entry.settings == settings);
            let entry = same.map_or_else(|| Arc::new(self.entry(settings, name, row)), Arc::clone);
            stored.insert(key, entry);
        }
        drop(stored);
        self.inner.bell.notify_waiters();
    }

    /// The vendors of the settings file.
    #[must_use]
    pub fn fixed(&self) -> Vec<FixedView> {
        let view = |entry: &Arc<Entry>| {
            let (id, kind) = (entry.settings.id, entry.settings.kind);
            entry.shown.clone().map(|(vendor, has_key)| FixedView { id, kind, vendor, has_key })
        };
        self.inner.fixed.values().filter_map(view).collect()
    }

    /// How a vendor is doing; none when this node does not know it (yet).
    #[must_use]
    pub fn condition(&self, org: OrgId, id: ProviderId) -> Option<Condition> {
        let entry = self.by_id(org, id)?;
        let Report { standing, since, until, error, first } = entry.health.report();
        let error = entry.fault().or(error);
        Some(Condition { standing, since, until, error, first, used: entry.used() })
    }

    /// Tries a vendor out; its circuit heeds the outcome. None when this node does not know the vendor.
    pub async fn probe(&self, org: OrgId, id: ProviderId) -> Option<Result<(), Failure>> {
        Some(self.by_id(org, id)?.probe().await)
    }

    /// Whether an organisation has a vendor of this name for this stage.
    #[must_use]
    pub fn has(&self, org: OrgId, name: &str, stage: Stage) -> bool {
        self.find(org, name).is_some_and(|entry| entry.settings.kind.stage() == stage)
    }

    /// What is wrong with a vendor that shall be kept: options that its kind does not have, or what cannot work.
    #[must_use]
    pub fn faults(&self, kind: Kind, vendor: Vendor) -> Vec<SettingFault> {
        let unknown = unknown_options(kind, &vendor.options);
        if !unknown.is_empty() {
            return unknown;
        }
        let Err(error) = kind.adapter(vendor, &self.inner.prompts) else { return Vec::new() };
        let (pointer, code) = match error.kind {
            ErrorKind::Unauthorised => ("/key", "key_needed"),
            ErrorKind::NotInstalled
            | ErrorKind::Busy
            | ErrorKind::Unreachable
            | ErrorKind::TimedOut
            | ErrorKind::Refused
            | ErrorKind::Broken
            | ErrorKind::Local => ("", "cannot_work"),
        };
        vec![SettingFault { pointer: pointer.to_owned(), code, reason: error.detail }]
    }

    /// Why vendors of the settings file cannot be used, if so.
    #[must_use]
    pub fn unusable(&self) -> Option<Error> {
        self.inner.fixed.values().find_map(|entry| entry.fault())
    }

    /// Whether a name of the settings file stands in the way of a new one.
    #[must_use]
    pub fn is_fixed(&self, name: &str) -> bool {
        self.inner.fixed.contains_key(name)
    }

    fn find(&self, org: OrgId, name: &str) -> Option<Arc<Entry>> {
        if let Some(entry) = self.inner.fixed.get(name) {
            return Some(Arc::clone(entry));
        }
        let stored = self.inner.stored.read().unwrap_or_else(PoisonError::into_inner);
        stored.get(&(org, name.into())).map(Arc::clone)
    }

    fn by_id(&self, org: OrgId, id: ProviderId) -> Option<Arc<Entry>> {
        self.entries()
            .into_iter()
            .find(|entry| entry.settings.id == id && entry.settings.org.is_none_or(|of| of == org))
    }

    fn entries(&self) -> Vec<Arc<Entry>> {
        let stored = self.inner.stored.read().unwrap_or_else(PoisonError::into_inner);
        self.inner.fixed.values().chain(stored.values()).map(Arc::clone).collect()
    }

    fn entry(&self, settings: Settings, name: Arc<str>, row: &StoredProvider) -> Entry {
        let key = match &row.data.key {
            Some(sealed) => self.unseal(&name, row, sealed).map(Some),
            None => Ok(None),
        };
        let vendor = key.map(|key| vendor(name, &row.data, key));
        Entry::new(settings, vendor, &self.inner.prompts, &self.inner.bell)
    }

    fn unseal(&self, name: &str, row: &StoredProvider, sealed: &SealedKey) -> Result<SecretString, Error> {
        let key = self.inner.sealer.unseal(row.org, row.id, sealed);
        key.map_err(|error| Error::new(name.to_owned(), ErrorKind::Unauthorised, error.to_string()))
    }
}

/// The vendor that data of the database describe.
#[must_use]
pub fn vendor(name: Arc<str>, data: &ProviderData, key: Option<SecretString>) -> Vendor {
    Vendor {
        name,
        base_url: data.base_url.clone(),
        key,
        model: data.model.clone(),
        options: data.options.clone(),
        capacity: usize::try_from(data.capacity).unwrap_or(usize::MAX),
    }
}

/// What is wrong with a vendor's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingFault {
    /// JSON Pointer to the setting; empty for no single one.
    pub pointer: String,
    /// Its stable name.
    pub code: &'static str,
    /// In words.
    pub reason: String,
}

/// The options that a kind of vendor does not have.
#[must_use]
pub fn unknown_options(kind: Kind, options: &Map<String, Value>) -> Vec<SettingFault> {
    let known = kind.options();
    let fault = |name: &String| SettingFault {
        pointer: format!("/options/{}", name.replace('~', "~0").replace('/', "~1")),
        code: "unknown_option",
        reason: format!("{kind} knows these: {}", known.join(", ")),
    };
    options.keys().filter(|name| !known.contains(&name.as_str())).map(fault).collect()
}

/// The id of a vendor of the settings file.
fn fixed_id(name: &str) -> ProviderId {
    let digest = Sha256::new_with_prefix(b"callwright provider\0").chain_update(name).finalize();
    let mut bits = [0; 16];
    bits.copy_from_slice(&digest[..16]);
    ProviderId::from_u128(u128::from_be_bytes(bits))
}

/// Changes whenever anything changes that an adapter is made from.
fn fingerprint(data: &ProviderData) -> String {
    let ProviderData { name, kind: _, base_url, key, model, options, capacity, enabled: _ } = data;
    let key = key.as_ref().map_or("", |key| key.sealed.as_str());
    // Numbers of characters keep two fields from looking like one.
    let options = Value::Object(Map::clone(options)).to_string();
    [name.as_str(), base_url, key, model, &options, &capacity.to_string()]
        .map(|part| format!("{}:{part}", part.len()))
        .concat()
}

#[cfg(test)]
mod tests;
