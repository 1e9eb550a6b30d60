//! Tries to sign in that have not succeeded, for all nodes together.

use std::net::IpAddr;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::db::Row;
use super::{StoreError, Tx};
use crate::access::Email;
use crate::access::throttle::{ACCOUNT, ADDRESS, Rule, Tries};
use crate::args;

/// Whose tries are counted together: one of 65,536 buckets for accounts, or for network addresses.
///
/// An address that no user has is counted like any other, so a lock does not tell whether there is an account. Two that
/// share a bucket share their tries, which is rare, and keeps the table small whatever is tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    name: String,
    rule: &'static Rule,
}

impl Subject {
    /// Tries for an account.
    #[must_use]
    pub fn account(email: &Email) -> Self {
        Self { name: bucket("account", email.expose().as_bytes()), rule: &ACCOUNT }
    }

    /// Tries from a network address; of IPv6 its network of 64 bits.
    #[must_use]
    pub fn address(address: IpAddr) -> Self {
        let bytes = match address.to_canonical() {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets()[..8].to_vec(),
        };
        Self { name: bucket("address", &bytes), rule: &ADDRESS }
    }
}

/// Until when nobody may try, if so: without a transaction that writes, which whoever goes on trying would keep busy.
///
/// # Errors
/// When the database fails.
pub async fn locked_until(tx: &mut Tx, subject: &Subject) -> Result<Option<Timestamp>, StoreError> {
    const SQL: &str = "SELECT failures, last_at, locked_until FROM sign_in_try WHERE subject = $1";
    let now = tx.now().await?;
    let tries = tx.optional(SQL, args![subject.name]).await?.as_ref().map(read).transpose()?;
    Ok(tries.and_then(|tries| subject.rule.take(Some(tries), now).err()))
}

/// Takes a try. It counts as failed until it is given back.
///
/// # Errors
/// When the database fails. What is returned within says until when nobody may try.
pub async fn take(tx: &mut Tx, subject: &Subject) -> Result<Result<Tries, Timestamp>, StoreError> {
    let now = tx.now().await?;
    let before = locked(tx, subject).await?;
    let taken = subject.rule.take(before, now);
    if let Ok(tries) = taken {
        write(tx, subject, tries).await?;
    }
    Ok(taken)
}

/// Gives a try back that was right.
///
/// # Errors
/// When the database fails.
pub async fn give_back(tx: &mut Tx, subject: &Subject) -> Result<(), StoreError> {
    match locked(tx, subject).await? {
        Some(tries) => write(tx, subject, subject.rule.give_back(tries)).await,
        None => Ok(()),
    }
}

/// Forgets all tries.
///
/// # Errors
/// When the database fails.
pub async fn forget(tx: &mut Tx, subject: &Subject) -> Result<(), StoreError> {
    tx.execute("DELETE FROM sign_in_try WHERE subject = $1", args![subject.name]).await.map(drop)
}

/// The tries so far; whoever else tries waits.
async fn locked(tx: &mut Tx, subject: &Subject) -> Result<Option<Tries>, StoreError> {
    let sql = tx.pick(
        "SELECT failures, last_at, locked_until FROM sign_in_try WHERE subject = $1",
        "SELECT failures, last_at, locked_until FROM sign_in_try WHERE subject = $1 FOR UPDATE",
    );
    // A first try has no row to wait at: it makes one.
    let made =
        "INSERT INTO sign_in_try (subject, failures, last_at) VALUES ($1, 0, 0) ON CONFLICT (subject) DO NOTHING";
    tx.execute(made, args![subject.name]).await?;
    let row = tx.one(sql, args![subject.name]).await?;
    let tries = read(&row)?;
    Ok(Some(tries).filter(|tries| tries.failures > 0))
}

async fn write(tx: &mut Tx, subject: &Subject, tries: Tries) -> Result<(), StoreError> {
    let sql = "UPDATE sign_in_try SET failures = $2, last_at = $3, locked_until = $4 WHERE subject = $1";
    tx.execute(sql, args![subject.name, tries.failures, tries.last, tries.locked_until]).await.map(drop)
}

fn read(row: &Row) -> Result<Tries, StoreError> {
    Ok(Tries { failures: row.get("failures")?, last: row.get("last_at")?, locked_until: row.get("locked_until")? })
}

fn bucket(kind: &str, bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    format!("{kind}:{:02x}{:02x}", digest[0], digest[1])
}
