//! Who did what: written in the transaction that does it.

use std::net::IpAddr;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::db::{Listing, Page, Row};
use super::{StoreError, Tx};
use crate::args;
use crate::id::{AuditId, CallId, OrgId};

/// Who acts: a key, a user, a part of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor(String);

impl Actor {
    /// A program with this key.
    #[must_use]
    pub fn key(id: crate::id::ApiKeyId) -> Self {
        Self(format!("key:{id}"))
    }

    /// A person who is signed in.
    #[must_use]
    pub fn user(id: crate::id::UserId) -> Self {
        Self(format!("user:{id}"))
    }

    /// As it was written down.
    pub(super) const fn stored(text: String) -> Self {
        Self(text)
    }

    /// The server itself; `part` says which part, for example `dialer`.
    #[must_use]
    pub fn system(part: &str) -> Self {
        Self(format!("system:{part}"))
    }
}

impl std::fmt::Display for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// One entry. `detail` holds no personal data.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its id.
    pub id: AuditId,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// What was done, for example `campaign.pause`.
    pub action: String,
    /// What it was done to: its kind and id.
    pub subject: (String, String),
    /// What changed.
    pub detail: Value,
}

/// What a person did to a live call, as the log tells it: never what was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intervention {
    /// Told the agent something.
    Note {
        /// How long it was, in characters.
        chars: usize,
    },
    /// Silenced the agent, or gave it the word again.
    Mute {
        /// Silenced.
        on: bool,
    },
    /// Took the talk off the record, or put it on again.
    OffRecord {
        /// Off the record.
        on: bool,
    },
    /// Ended the call.
    HangUp,
    /// Takes the call over.
    TakeOver,
    /// Has it no longer.
    HandedBack {
        /// How long they had it, in milliseconds.
        ms: u64,
    },
    /// Listens from now on.
    Listen,
    /// Listens no longer.
    Listened {
        /// For how long, in milliseconds.
        ms: u64,
        /// Frames of 20 ms that were too fast for the listener.
        dropped: u64,
    },
}

/// Keeps that somebody steps into a live call. Its record need not exist yet.
///
/// # Errors
/// When the database fails.
pub async fn stepped_in(
    tx: &mut Tx,
    org: OrgId,
    actor: &Actor,
    call: CallId,
    what: Intervention,
) -> Result<(), StoreError> {
    let (action, detail) = match what {
        Intervention::Note { chars } => ("call.note", json!({ "chars": chars })),
        Intervention::Mute { on } => ("call.mute", json!({ "on": on })),
        Intervention::OffRecord { on } => ("call.off_record", json!({ "on": on })),
        Intervention::HangUp => ("call.hang_up", json!({})),
        Intervention::TakeOver => ("call.take_over", json!({})),
        Intervention::HandedBack { ms } => ("call.handed_back", json!({ "ms": ms })),
        Intervention::Listen => ("call.listen", json!({})),
        Intervention::Listened { ms, dropped } => ("call.listened", json!({ "ms": ms, "dropped_frames": dropped })),
    };
    write(tx, org, actor, action, ("call", call.to_string()), detail).await
}

/// Keeps that somebody banned an address from this node's SIP sockets until then, or lifted a ban.
///
/// # Errors
/// When the database fails.
pub async fn banned(
    tx: &mut Tx,
    org: OrgId,
    actor: &Actor,
    address: IpAddr,
    until: Option<Timestamp>,
) -> Result<(), StoreError> {
    let (action, detail) = match until {
        Some(until) => ("sip.ban", json!({ "until": until })),
        None => ("sip.unban", json!({})),
    };
    write(tx, org, actor, action, ("address", address.to_string()), detail).await
}

/// Writes an entry.
pub(super) async fn write(
    tx: &mut Tx,
    org: OrgId,
    actor: &Actor,
    action: &str,
    subject: (&str, String),
    detail: Value,
) -> Result<(), StoreError> {
    let now = tx.now().await?;
    tx.execute(
        "INSERT INTO audit (id, org_id, at, actor, action, subject_kind, subject_id, detail) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        args![AuditId::generate(), org, now, actor.0, action, subject.0, subject.1, detail],
    )
    .await?;
    Ok(())
}

/// What was done to one thing.
///
/// # Errors
/// When the database fails.
pub async fn list(
    tx: &mut Tx,
    org: OrgId,
    subject: (&str, String),
    page: Page<AuditId>,
) -> Result<Listing<Entry, AuditId>, StoreError> {
    let select = "SELECT id, at, actor, action, subject_kind, subject_id, detail FROM audit \
                  WHERE org_id = $1 AND subject_kind = $2 AND subject_id = $3";
    tx.page(select, args![org, subject.0, subject.1], "id", page, read, |entry| entry.id).await
}

fn read(row: &Row) -> Result<Entry, StoreError> {
    Ok(Entry {
        id: row.get("id")?,
        at: row.get("at")?,
        actor: Actor(row.get("actor")?),
        action: row.get("action")?,
        subject: (row.get("subject_kind")?, row.get("subject_id")?),
        detail: row.get("detail")?,
    })
}
