//! Organisations and the secrets of the installation.

use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde_json::json;
use sha2::Sha256;

use super::audit::{self, Actor};
use super::db::Row;
use super::db::value::text_columns;
use super::{StoreError, Tx, Wake};
use crate::args;
use crate::campaign::phone::E164;
use crate::id::OrgId;

/// A tenant. Its limits stand above those of its campaigns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Org {
    /// Its id.
    pub id: OrgId,
    /// Its name.
    pub name: String,
    /// Dials a minute over all campaigns.
    pub calls_per_minute: u32,
    /// Simultaneous calls over all campaigns, inbound ones included.
    pub max_concurrent_calls: u32,
    /// What its plan allows.
    pub plan: Plan,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What an organisation's plan allows; none = no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Campaigns in progress at the same time.
    pub max_active_campaigns: Option<u32>,
    /// Minutes of calls in a calendar month, UTC.
    pub minutes_per_month: Option<u32>,
}

/// Keys made at first start and kept for ever: with other keys, numbers on the suppression list would no longer be
/// recognised and legs of a crashed process could not be ended.
#[derive(Clone)]
pub struct Secrets {
    /// Key of [`PhoneHash`].
    pub phone: PhoneKey,
    /// Key from which the Call-ID and tags of a leg are derived.
    pub leg: [u8; 32],
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets")
    }
}

/// The key that phone numbers are hashed with.
#[derive(Clone)]
pub struct PhoneKey([u8; 32]);

impl PhoneKey {
    /// A key of these bytes.
    #[must_use]
    pub const fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// The name under which a number is compared and kept on suppression lists.
    #[must_use]
    pub fn hash(&self, number: &E164) -> PhoneHash {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(number.as_str().as_bytes());
        PhoneHash(hex(&mac.finalize().into_bytes()))
    }
}

impl std::fmt::Debug for PhoneKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PhoneKey")
    }
}

/// HMAC-SHA-256 of a number in E.164 form, hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PhoneHash(String);

impl PhoneHash {
    /// The first half, 128 bits: what imported lists keep of a number.
    #[must_use]
    pub fn half(&self) -> &str {
        &self.0[..32]
    }
}

impl std::fmt::Display for PhoneHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for PhoneHash {
    type Err = NotHexadecimal;

    fn from_str(text: &str) -> Result<Self, NotHexadecimal> {
        let bytes: [u8; 32] = unhex(text).ok_or(NotHexadecimal)?;
        Ok(Self(hex(&bytes)))
    }
}

/// The text is not 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected 64 hexadecimal digits")]
pub struct NotHexadecimal;

text_columns!(PhoneHash, E164);

/// The organisation that exists from the first start on; made when it is missing.
///
/// # Errors
/// When the database fails.
pub async fn ensure_default(tx: &mut Tx) -> Result<Org, StoreError> {
    if let Some(org) = default(tx).await? {
        return Ok(org);
    }
    let created_at = tx.now().await?;
    let org = Org {
        id: OrgId::generate(),
        name: "Default".to_owned(),
        calls_per_minute: 6000,
        max_concurrent_calls: 1000,
        plan: Plan::default(),
        created_at,
    };
    tx.execute(
        "INSERT INTO org (id, name, calls_per_minute, max_concurrent_calls, created_at) VALUES ($1, $2, $3, $4, $5)",
        args![org.id, org.name, org.calls_per_minute, org.max_concurrent_calls, org.created_at],
    )
    .await?;
    // Two nodes that start on an empty database at once: the older one wins on both.
    default(tx).await?.ok_or(StoreError::NotFound)
}

/// Sets the limits of an organisation.
///
/// # Errors
/// [`StoreError::NotFound`], or when the database fails.
pub async fn set_limits(
    tx: &mut Tx,
    org: OrgId,
    calls_per_minute: u32,
    max_concurrent_calls: u32,
) -> Result<(), StoreError> {
    let sql = "UPDATE org SET calls_per_minute = $2, max_concurrent_calls = $3 WHERE id = $1";
    match tx.execute(sql, args![org, calls_per_minute, max_concurrent_calls]).await? {
        0 => Err(StoreError::NotFound),
        _ => {
            tx.wake(Wake::Campaigns);
            Ok(())
        }
    }
}

/// Sets what the plan of an organisation allows. What is beyond it is paused within a minute.
///
/// # Errors
/// [`StoreError::NotFound`], or when the database fails.
pub async fn set_plan(tx: &mut Tx, org: OrgId, plan: Plan) -> Result<(), StoreError> {
    let sql = "UPDATE org SET max_active_campaigns = $2, minutes_per_month = $3 WHERE id = $1";
    match tx.execute(sql, args![org, plan.max_active_campaigns, plan.minutes_per_month]).await? {
        0 => Err(StoreError::NotFound),
        _ => {
            tx.wake(Wake::Campaigns);
            Ok(())
        }
    }
}

/// What an organisation is called, where it is and what it speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// What it is called in calls.
    pub company_name: Option<String>,
    /// Its IANA time zone.
    pub time_zone: Option<String>,
    /// Its language, such as `en`.
    pub language: Option<String>,
}

/// What an organisation has told of itself.
///
/// # Errors
/// [`StoreError::NotFound`], or when the database fails.
pub async fn profile(tx: &mut Tx, id: OrgId) -> Result<Profile, StoreError> {
    const SQL: &str = "SELECT name, company_name, time_zone, language FROM org WHERE id = $1";
    let row = tx.one(SQL, args![id]).await?;
    Ok(Profile {
        name: row.get("name")?,
        company_name: row.get("company_name")?,
        time_zone: row.get("time_zone")?,
        language: row.get("language")?,
    })
}

/// Keeps what an organisation tells of itself.
///
/// # Errors
/// [`StoreError::NotFound`], or when the database fails.
pub async fn describe(tx: &mut Tx, id: OrgId, actor: &Actor, profile: &Profile) -> Result<(), StoreError> {
    let sql = "UPDATE org SET name = $2, company_name = $3, time_zone = $4, language = $5 WHERE id = $1";
    let told = args![id, profile.name, profile.company_name, profile.time_zone, profile.language];
    match tx.execute(sql, told).await? {
        0 => Err(StoreError::NotFound),
        _ => audit::write(tx, id, actor, "organisation.describe", ("organisation", id.to_string()), json!({})).await,
    }
}

/// One organisation.
///
/// # Errors
/// [`StoreError::NotFound`], or when the database fails.
pub async fn get(tx: &mut Tx, id: OrgId) -> Result<Org, StoreError> {
    const SQL: &str = "SELECT id, name, calls_per_minute, max_concurrent_calls, max_active_campaigns, minutes_per_month, \
                       created_at FROM org WHERE id = $1";
    read(&tx.one(SQL, args![id]).await?)
}

/// The simultaneous calls that each organisation may have.
///
/// # Errors
/// When the database fails.
pub async fn limits(tx: &mut Tx) -> Result<BTreeMap<OrgId, u32>, StoreError> {
    let rows = tx.all("SELECT id, max_concurrent_calls FROM org", vec![]).await?;
    rows.iter().map(|row| Ok((row.get("id")?, row.get("max_concurrent_calls")?))).collect()
}

/// The secrets of the installation; made from `entropy` when they are missing.
///
/// # Errors
/// When the database fails or holds secrets of another form.
pub async fn secrets(tx: &mut Tx, entropy: [[u8; 32]; 2]) -> Result<Secrets, StoreError> {
    let [phone, leg] = entropy;
    Ok(Secrets { phone: PhoneKey(secret(tx, "phone", phone).await?), leg: secret(tx, "leg", leg).await? })
}

async fn secret(tx: &mut Tx, name: &str, fresh: [u8; 32]) -> Result<[u8; 32], StoreError> {
    let insert = "INSERT INTO secret (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
    tx.execute(insert, args![name, hex(&fresh)]).await?;
    let kept: String = tx.value("SELECT value FROM secret WHERE name = $1", args![name]).await?;
    unhex(&kept).ok_or(StoreError::Corrupt { column: "value" })
}

/// The organisation that exists from the first start on.
///
/// # Errors
/// When the database fails.
pub async fn default(tx: &mut Tx) -> Result<Option<Org>, StoreError> {
    const SQL: &str = "SELECT id, name, calls_per_minute, max_concurrent_calls, max_active_campaigns, minutes_per_month, \
                       created_at FROM org ORDER BY id LIMIT 1";
    tx.optional(SQL, vec![]).await?.as_ref().map(read).transpose()
}

fn read(row: &Row) -> Result<Org, StoreError> {
    Ok(Org {
        id: row.get("id")?,
        name: row.get("name")?,
        calls_per_minute: row.get("calls_per_minute")?,
        max_concurrent_calls: row.get("max_concurrent_calls")?,
        plan: Plan {
            max_active_campaigns: row.get("max_active_campaigns")?,
            minutes_per_month: row.get("minutes_per_month")?,
        },
        created_at: row.get("created_at")?,
    })
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)]))
        .collect()
}

fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() != 2 * N || !text.is_ascii() {
        return None;
    }
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()?;
    }
    Some(bytes)
}
