//! What trunks say about calls that come in: who they are from, who answers, what is kept free for them.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::{StoreError, Tx};
use crate::args;
use crate::id::{AssistantId, TrunkId};
use crate::pii::Pii;

/// What a trunk says about calls that come in. The default says nothing.
#[derive(Clone, Debug, Default)]
pub struct TrunkInbound {
    /// What its calls have to prove, wherever they come from.
    pub auth: Option<InboundAuth>,
    /// Addresses and networks that its calls come from, beside those of its host.
    pub sources: Vec<String>,
    /// Who answers calls to numbers that begin with these digits; the longest counts.
    pub numbers: BTreeMap<Pii<String>, AssistantId>,
    /// Channels that are not dialed out over.
    pub reserve: u32,
}

/// A name and a password that calls come with.
#[derive(Clone, Debug)]
pub struct InboundAuth {
    /// The name.
    pub username: String,
    /// The password.
    pub password: SecretString,
}

/// What a trunk says.
///
/// # Errors
/// When the database fails.
pub async fn get(tx: &mut Tx, trunk: TrunkId) -> Result<TrunkInbound, StoreError> {
    const SQL: &str = "SELECT username, password, sources, reserve FROM trunk_inbound WHERE trunk_id = $1";
    let Some(row) = tx.optional(SQL, args![trunk]).await? else { return Ok(TrunkInbound::default()) };
    let (username, password): (Option<String>, Option<String>) = (row.get("username")?, row.get("password")?);
    let sources: Value = row.get("sources")?;
    let reserve = row.get("reserve")?;
    let sql = "SELECT digits, assistant_id FROM trunk_inbound_number WHERE trunk_id = $1";
    let mut numbers = BTreeMap::new();
    for row in tx.all(sql, args![trunk]).await? {
        let digits: String = row.get("digits")?;
        numbers.insert(Pii::new(digits), row.get("assistant_id")?);
    }
    let auth = username.zip(password);
    Ok(TrunkInbound {
        auth: auth.map(|(username, password)| InboundAuth { username, password: SecretString::from(password) }),
        sources: serde_json::from_value(sources).map_err(|_| StoreError::Corrupt { column: "sources" })?,
        numbers,
        reserve,
    })
}

/// Replaces what a trunk says, in the transaction that makes or changes the trunk: that one tells everybody.
///
/// # Errors
/// [`StoreError::Conflict`] when an assistant does not exist, or when the database fails.
pub async fn set(tx: &mut Tx, trunk: TrunkId, inbound: &TrunkInbound) -> Result<(), StoreError> {
    let TrunkInbound { auth, sources, numbers, reserve } = inbound;
    let username = auth.as_ref().map(|auth| auth.username.clone());
    let password = auth.as_ref().map(|auth| auth.password.expose_secret().to_owned());
    let sources = Value::from(sources.clone());
    let sql = "INSERT INTO trunk_inbound (trunk_id, username, password, sources, reserve) VALUES ($1, $2, $3, $4, $5) \
               ON CONFLICT (trunk_id) DO UPDATE SET username = excluded.username, password = excluded.password, \
               sources = excluded.sources, reserve = excluded.reserve";
    tx.execute(sql, args![trunk, username, password, sources, *reserve]).await?;
    tx.execute("DELETE FROM trunk_inbound_number WHERE trunk_id = $1", args![trunk]).await?;
    for (digits, assistant) in numbers {
        let sql = "INSERT INTO trunk_inbound_number (trunk_id, digits, assistant_id) VALUES ($1, $2, $3)";
        tx.execute(sql, args![trunk, digits.expose().clone(), *assistant]).await?;
    }
    Ok(())
}

/// Channels of a trunk that are not dialed out over.
///
/// # Errors
/// When the database fails.
pub async fn reserve(tx: &mut Tx, trunk: TrunkId) -> Result<u32, StoreError> {
    let row = tx.optional("SELECT reserve FROM trunk_inbound WHERE trunk_id = $1", args![trunk]).await?;
    row.map_or(Ok(0), |row| row.get("reserve"))
}
