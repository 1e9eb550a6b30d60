//! Carriers' trunks as they are configured, and which of them a campaign turns to.

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::Value;

use super::db::value::text_columns;
use super::db::{Arg, Listing, Page, Row, ToArg};
use super::dialing::breaker;
use super::{StoreError, Tx, Wake};
use crate::args;
use crate::campaign::phone::E164;
use crate::campaign::wire::wire_enum;
use crate::id::{AssistantId, CampaignId, OrgId, TrunkId};
use crate::stir::signer::SigningLevel;
use crate::stir::verdict::IdentityPolicy;
use crate::trunk::callers::Wording;
use crate::trunk::media::{DtmfMode, MediaTerms, SrtpPolicy};
use crate::trunk::signalling::{self, Signalling};

wire_enum! {
    /// How requests to the carrier travel.
    pub enum TrunkTransport is "transport" {
        /// Datagrams.
        Udp = "udp",
        /// A stream.
        Tcp = "tcp",
        /// An encrypted stream, to a host that proves its name.
        Tls = "tls",
        /// As the records of the host say (RFC 3263 section 4.1).
        Auto = "auto",
    }
}

text_columns!(TrunkTransport, IdentityPolicy, SigningLevel, SrtpPolicy, DtmfMode);

/// A trunk.
#[derive(Clone, Debug)]
pub struct Trunk {
    /// Its id.
    pub id: TrunkId,
    /// Whose it is.
    pub org: OrgId,
    /// Counts its changes.
    pub version: i64,
    /// What can be edited.
    pub data: TrunkData,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What can be edited of a trunk.
#[derive(Clone, Debug)]
pub struct TrunkData {
    /// Its name, unique in the organisation.
    pub name: String,
    /// Host name or address of the carrier.
    pub host: String,
    /// Port; without one, as RFC 3263 finds it.
    pub port: Option<u16>,
    /// Transport.
    pub transport: TrunkTransport,
    /// User name for digest authentication.
    pub username: Option<String>,
    /// Its password.
    pub password: Option<SecretString>,
    /// Numbers that calls over this trunk may come from.
    pub caller_ids: Vec<E164>,
    /// Whether the trunk wants us to register.
    pub register: bool,
    /// Whether it may be used.
    pub enabled: bool,
    /// Simultaneous calls, at least 1.
    pub max_channels: u32,
    /// Dials a minute, at least 1.
    pub calls_per_minute: u32,
    /// Dials a minute from one caller ID, at least 1; unlimited without it.
    pub caller_id_calls_per_minute: Option<u32>,
    /// Simultaneous calls from one caller ID, at least 1; unlimited without it.
    pub caller_id_max_calls: Option<u32>,
    /// Who answers calls that come in over it; without one they are refused.
    pub inbound_assistant: Option<AssistantId>,
    /// What is done about signatures of calls that come in over it.
    pub identity_policy: IdentityPolicy,
    /// How well calls over it are vouched for at best.
    pub attestation: SigningLevel,
    /// What its audio is like.
    pub media: MediaTerms,
    /// How it wants numbers and callers written.
    pub wording: Wording,
    /// Seconds between two OPTIONS to each of its servers; 0 asks none.
    pub options_s: u32,
    /// How its requests travel.
    pub signalling: Signalling,
}

const SELECT: &str = "SELECT id, org_id, name, host, port, transport, username, password, caller_ids, register, \
                      enabled, max_channels, calls_per_minute, caller_id_calls_per_minute, \
                      caller_id_max_calls, inbound_assistant_id, identity_policy, attestation, srtp, codecs, numbers, \
                      callers, options_s, large_over_tcp, external_signalling, external_media, dtmf, redirects, replaces, \
                      version, created_at, updated_at FROM trunk";

/// Keeps a new trunk.
///
/// # Errors
/// [`StoreError::Conflict`] when the name is taken, or when the database fails.
pub async fn insert(tx: &mut Tx, org: OrgId, data: TrunkData) -> Result<Trunk, StoreError> {
    let now = tx.now().await?;
    let id = TrunkId::generate();
    let mut args = args![id, org, now];
    args.extend(values(&data));
    tx.execute(
        "INSERT INTO trunk (id, org_id, created_at, updated_at, version, name, host, port, transport, username, \
         password, caller_ids, register, enabled, max_channels, calls_per_minute, caller_id_calls_per_minute, \
         inbound_assistant_id, caller_id_max_calls, identity_policy, attestation, srtp, codecs, numbers, callers, \
         options_s, large_over_tcp, external_signalling, external_media, dtmf, redirects, replaces) \
         VALUES ($1, $2, $3, $3, 1, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, \
         $21, $22, $23, $24, $25, $26, $27, $28, $29, $30)",
        args,
    )
    .await?;
    tx.wake(Wake::Campaigns);
    Ok(Trunk { id, org, version: 1, data, created_at: now, updated_at: now })
}

/// One trunk.
///
/// # Errors
/// [`StoreError::NotFound`], or when the database fails.
pub async fn get(tx: &mut Tx, org: OrgId, id: TrunkId) -> Result<Trunk, StoreError> {
    let rows = tx.all_built(format!("{SELECT} WHERE org_id = $1 AND id = $2"), args![org, id]).await?;
    read(rows.first().ok_or(StoreError::NotFound)?)
}

/// The trunks of an organisation, or of all.
///
/// # Errors
/// When the database fails.
pub async fn list(tx: &mut Tx, org: Option<OrgId>, page: Page<TrunkId>) -> Result<Listing<Trunk, TrunkId>, StoreError> {
    let (select, args) = match org {
        Some(org) => (format!("{SELECT} WHERE org_id = $1"), args![org]),
        None => (format!("{SELECT} WHERE 1 = 1"), vec![]),
    };
    tx.page(&select, args, "id", page, read, |trunk| trunk.id).await
}

/// Replaces what can be edited, if nobody else has since `version`. Returns the new version.
///
/// # Errors
/// [`StoreError::Stale`], [`StoreError::Conflict`] when the name is taken, or when the database fails.
pub async fn update(tx: &mut Tx, org: OrgId, id: TrunkId, version: i64, data: &TrunkData) -> Result<i64, StoreError> {
    let mut args = args![org, id, version, tx.now().await?];
    args.extend(values(data));
    let sql = "UPDATE trunk SET updated_at = $4, version = version + 1, name = $5, host = $6, port = $7, \
               transport = $8, username = $9, password = $10, caller_ids = $11, register = $12, enabled = $13, \
               max_channels = $14, calls_per_minute = $15, caller_id_calls_per_minute = $16, \
               inbound_assistant_id = $17, caller_id_max_calls = $18, identity_policy = $19, attestation = $20, \
               srtp = $21, codecs = $22, numbers = $23, callers = $24, options_s = $25, large_over_tcp = $26, \
               external_signalling = $27, external_media = $28, dtmf = $29, redirects = $30, replaces = $31 \
               WHERE org_id = $1 AND id = $2 AND version = $3";
    if tx.execute(sql, args).await? == 0 {
        return Err(StoreError::Stale);
    }
    // What was wrong with it may be mended.
    breaker::reset(tx, id).await?;
    tx.wake(Wake::Campaigns);
    Ok(version + 1)
}

/// Deletes a trunk that no campaign, no group and no route uses.
///
/// # Errors
/// [`StoreError::NotFound`], [`StoreError::Conflict`] with [`Constraint::Reference`](super::Constraint::Reference)
/// when a campaign uses it, or when the database fails.
pub async fn delete(tx: &mut Tx, org: OrgId, id: TrunkId) -> Result<(), StoreError> {
    match tx.execute("DELETE FROM trunk WHERE org_id = $1 AND id = $2", args![org, id]).await? {
        0 => Err(StoreError::NotFound),
        _ => {
            tx.wake(Wake::Campaigns);
            Ok(())
        }
    }
}

/// What part of a campaign's dials a trunk takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrunkShare {
    /// Which.
    pub trunk: TrunkId,
    /// 1 or more: lower ones are turned to first. The campaign's own trunk has 1.
    pub priority: u32,
    /// 1 or more: its part of the dials among those of its priority.
    pub weight: u32,
}

/// All trunks of a campaign in the order in which they are turned to, its own among them.
///
/// # Errors
/// When the database fails.
pub async fn shares(tx: &mut Tx, campaign: CampaignId) -> Result<Vec<TrunkShare>, StoreError> {
    const SQL: &str = "SELECT c.trunk_id, 1 AS priority, COALESCE((SELECT w.weight FROM campaign_trunk w \
                       WHERE w.campaign_id = c.id AND w.trunk_id = c.trunk_id), 1) AS weight, 0 AS ordinal \
                       FROM campaign c WHERE c.id = $1 \
                       UNION ALL SELECT f.trunk_id, f.priority, f.weight, f.ordinal FROM campaign_trunk f \
                       JOIN campaign c ON c.id = f.campaign_id WHERE c.id = $1 AND f.trunk_id <> c.trunk_id \
                       ORDER BY priority, ordinal";
    let share = |row: &Row| {
        let (priority, weight) = (row.get("priority")?, row.get("weight")?);
        Ok(TrunkShare { trunk: row.get("trunk_id")?, priority, weight })
    };
    tx.all(SQL, args![campaign]).await?.iter().map(share).collect()
}

/// The trunks that a campaign has besides its own, in the order in which they are turned to.
///
/// # Errors
/// When the database fails.
pub async fn fallbacks(tx: &mut Tx, campaign: CampaignId) -> Result<Vec<TrunkId>, StoreError> {
    let sql = "SELECT f.trunk_id FROM campaign_trunk f JOIN campaign c ON c.id = f.campaign_id \
               WHERE f.campaign_id = $1 AND f.trunk_id <> c.trunk_id ORDER BY f.priority, f.ordinal";
    tx.all(sql, args![campaign]).await?.iter().map(|row| row.get("trunk_id")).collect()
}

/// Replaces the trunks that a campaign turns to when its own leaves no room or fails, one after the other.
///
/// # Errors
/// [`StoreError::Conflict`] when one stands there twice or does not exist, or when the database fails.
pub async fn set_fallbacks(tx: &mut Tx, campaign: CampaignId, trunks: &[TrunkId]) -> Result<(), StoreError> {
    let share = |(priority, &trunk)| TrunkShare { trunk, priority, weight: 1 };
    let shares: Vec<_> = (2_u32..).zip(trunks).map(share).collect();
    set_shares(tx, campaign, &shares).await
}

/// Replaces the trunks of a campaign besides its own, and what part of the dials each takes. The own one may stand among
/// them, for its weight.
///
/// # Errors
/// As [`set_fallbacks`].
pub async fn set_shares(tx: &mut Tx, campaign: CampaignId, shares: &[TrunkShare]) -> Result<(), StoreError> {
    tx.execute("DELETE FROM campaign_trunk WHERE campaign_id = $1", args![campaign]).await?;
    for (ordinal, share) in (1_i64..).zip(shares) {
        let sql = "INSERT INTO campaign_trunk (campaign_id, ordinal, trunk_id, priority, weight) \
                   VALUES ($1, $2, $3, $4, $5)";
        tx.execute(sql, args![campaign, ordinal, share.trunk, share.priority, share.weight]).await?;
    }
    tx.wake(Wake::Campaigns);
    Ok(())
}

fn values(data: &TrunkData) -> [Arg; 27] {
    let caller_ids: Vec<_> = data.caller_ids.iter().map(E164::as_str).collect();
    let codecs: Vec<_> = data.media.codecs.iter().map(|codec| codec.as_str()).collect();
    [
        data.name.to_arg(),
        data.host.to_arg(),
        data.port.to_arg(),
        data.transport.to_arg(),
        data.username.to_arg(),
        data.password.as_ref().map(ExposeSecret::expose_secret).to_arg(),
        Value::from(caller_ids).to_arg(),
        data.register.to_arg(),
        data.enabled.to_arg(),
        data.max_channels.to_arg(),
        data.calls_per_minute.to_arg(),
        data.caller_id_calls_per_minute.to_arg(),
        data.inbound_assistant.to_arg(),
        data.caller_id_max_calls.to_arg(),
        data.identity_policy.to_arg(),
        data.attestation.to_arg(),
        data.media.srtp.to_arg(),
        Value::from(codecs).to_arg(),
        json(&data.wording.numbers).to_arg(),
        json(&data.wording.callers).to_arg(),
        data.options_s.to_arg(),
        data.signalling.large_over_tcp.to_arg(),
        data.signalling.external.as_ref().map(signalling::text).to_arg(),
        data.media.external.map(|address| address.to_string()).to_arg(),
        data.media.dtmf.to_arg(),
        data.signalling.redirects.to_arg(),
        data.signalling.replaces.to_arg(),
    ]
}

fn json<T: Serialize>(rules: &T) -> Value {
    serde_json::to_value(rules).expect("texts, numbers and flags are JSON")
}

/// What a column that may be empty says.
fn column<T>(row: &Row, column: &'static str, read: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>, StoreError> {
    let text: Option<String> = row.get(column)?;
    text.map(|text| read(&text).ok_or(StoreError::Corrupt { column })).transpose()
}

fn read(row: &Row) -> Result<Trunk, StoreError> {
    let caller_ids: Value = row.get("caller_ids")?;
    let (numbers, callers): (Value, Value) = (row.get("numbers")?, row.get("callers")?);
    let wording = Wording {
        numbers: serde_json::from_value(numbers).map_err(|_| StoreError::Corrupt { column: "numbers" })?,
        callers: serde_json::from_value(callers).map_err(|_| StoreError::Corrupt { column: "callers" })?,
    };
    let password: Option<String> = row.get("password")?;
    let codecs = serde_json::from_value(row.get("codecs")?).map_err(|_| StoreError::Corrupt { column: "codecs" })?;
    let external = column(row, "external_signalling", signalling::external)?;
    let external_media = column(row, "external_media", |text| text.parse().ok())?;
    let data = TrunkData {
        name: row.get("name")?,
        host: row.get("host")?,
        port: row.get("port")?,
        transport: row.get("transport")?,
        username: row.get("username")?,
        password: password.map(SecretString::from),
        caller_ids: serde_json::from_value(caller_ids).map_err(|_| StoreError::Corrupt { column: "caller_ids" })?,
        register: row.get("register")?,
        enabled: row.get("enabled")?,
        max_channels: row.get("max_channels")?,
        calls_per_minute: row.get("calls_per_minute")?,
        caller_id_calls_per_minute: row.get("caller_id_calls_per_minute")?,
        caller_id_max_calls: row.get("caller_id_max_calls")?,
        inbound_assistant: row.get("inbound_assistant_id")?,
        identity_policy: row.get("identity_policy")?,
        attestation: row.get("attestation")?,
        media: MediaTerms { srtp: row.get("srtp")?, codecs, dtmf: row.get("dtmf")?, external: external_media },
        wording,
        options_s: row.get("options_s")?,
        signalling: Signalling {
            large_over_tcp: row.get("large_over_tcp")?,
            external,
            redirects: row.get("redirects")?,
            replaces: row.get("replaces")?,
        },
    };
    Ok(Trunk {
        id: row.get("id")?,
        org: row.get("org_id")?,
        version: row.get("version")?,
        data,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}
