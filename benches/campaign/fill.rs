//! Campaigns with very many contacts in all states, written by the database itself.

use callwright::agent::assistant::{Assistant, Disclosure};
use callwright::args;
use callwright::campaign::run::Schedule;
use callwright::campaign::settings::Settings;
use callwright::id::{AssistantId, CampaignId, OrgId, TrunkId};
use callwright::stir::signer::SigningLevel;
use callwright::stir::verdict::IdentityPolicy;
use callwright::store::audit::Actor;
use callwright::store::campaign::CampaignData;
use callwright::store::trunk::{TrunkData, TrunkTransport};
use callwright::store::{Db, Tx, assistant, campaign, org, trunk};
use callwright::trunk::callers::Wording;
use callwright::trunk::media::MediaTerms;
use callwright::trunk::signalling::Signalling;

/// Contacts written in one transaction.
const CHUNK: u64 = 100_000;

/// What there is then.
pub(crate) struct Filled {
    pub(crate) org: OrgId,
    /// The large campaign.
    pub(crate) campaign: CampaignId,
}

/// Fills an empty database: one campaign with all contacts, and others with a few each.
pub(crate) async fn fill(db: &Db, contacts: u64, campaigns: u64) -> anyhow::Result<Filled> {
    let mut tx = db.begin().await?;
    let org = org::ensure_default(&mut tx).await?.id;
    let trunk = trunk::insert(&mut tx, org, carrier()).await?.id;
    let short: Assistant = serde_json::from_value(serde_json::json!({
        "name": "Short",
        "flow": { "start": "bye", "nodes": [{ "id": "bye", "end": { "text": "Goodbye." } }] },
    }))?;
    let assistant = assistant::insert(&mut tx, org, short).await?.current.assistant;
    let large = draft(&mut tx, org, (assistant, trunk), "Large").await?;
    let now = tx.now().await?.as_microsecond();
    tx.commit().await?;
    for from in (0..contacts).step_by(usize::try_from(CHUNK)?) {
        let to = i64::try_from((from + CHUNK).min(contacts))? - 1;
        let from = i64::try_from(from)?;
        let mut tx = db.begin().await?;
        let contact = tx.pick(SQLITE_CONTACT, POSTGRES_CONTACT);
        tx.execute(contact, args![from, to, org, now]).await?;
        let target = tx.pick(SQLITE_TARGET, POSTGRES_TARGET);
        tx.execute(target, args![from, to, org, large, now]).await?;
        tx.commit().await?;
    }
    let each = i64::try_from(contacts / 10_000)?.max(1);
    for number in 1..=i64::try_from(campaigns)? {
        let mut tx = db.begin().await?;
        let small = draft(&mut tx, org, (assistant, trunk), &format!("Small {number}")).await?;
        let few = tx.pick(SQLITE_FEW, POSTGRES_FEW);
        tx.execute(few, args![0_i64, each - 1, org, small, now, number]).await?;
        tx.commit().await?;
    }
    let mut tx = db.begin().await?;
    tx.execute("ANALYZE", vec![]).await?;
    tx.commit().await?;
    Ok(Filled { org, campaign: large })
}

async fn draft(
    tx: &mut Tx,
    org: OrgId,
    (assistant, trunk): (AssistantId, TrunkId),
    name: &str,
) -> anyhow::Result<CampaignId> {
    let data = CampaignData {
        name: name.to_owned(),
        description: "A campaign to be measured".to_owned(),
        goal: None,
        assistant,
        trunk,
        caller_id: "+493012345678".parse().expect("a number"),
        schedule: Schedule { time_zone: "Europe/Berlin".to_owned(), ..Schedule::default() },
        settings: Settings::default(),
        disclosure: Disclosure::default(),
        scheduled_start_at: None,
    };
    Ok(campaign::insert(tx, org, &Actor::system("bench"), data).await?.id)
}

fn carrier() -> TrunkData {
    TrunkData {
        name: "carrier".to_owned(),
        host: "sip.example.net".to_owned(),
        port: None,
        transport: TrunkTransport::Udp,
        username: None,
        password: None,
        caller_ids: vec!["+493012345678".parse().expect("a number")],
        register: false,
        enabled: true,
        max_channels: 100,
        calls_per_minute: 100,
        caller_id_calls_per_minute: None,
        caller_id_max_calls: None,
        inbound_assistant: None,
        identity_policy: IdentityPolicy::Record,
        attestation: SigningLevel::A,
        media: MediaTerms::default(),
        wording: Wording::default(),
        options_s: 0,
        signalling: Signalling::default(),
    }
}

const SQLITE_CONTACT: &str = "WITH RECURSIVE n(i) AS (SELECT $1 UNION ALL SELECT i + 1 FROM n WHERE i < $2) \
    INSERT INTO contact (id, org_id, name, phone, phone_hash, zone, variables, search, created_at, updated_at) \
    SELECT printf('%08x-0000-7000-8000-%012x', i, i), $3, 'Contact ' || i, '+4930' || printf('%08d', i + 20000000), \
    printf('%064x', i), NULL, '{}', 'contact ' || i || ' +4930' || printf('%08d', i + 20000000), $4, $4 FROM n";
const POSTGRES_CONTACT: &str = "INSERT INTO contact (id, org_id, name, phone, phone_hash, zone, variables, search, \
    created_at, updated_at) SELECT lpad(to_hex(i), 8, '0') || '-0000-7000-8000-' || lpad(to_hex(i), 12, '0'), $3, \
    'Contact ' || i, '+4930' || lpad((i + 20000000)::text, 8, '0'), lpad(to_hex(i), 64, '0'), NULL, '{}', \
    'contact ' || i || ' +4930' || lpad((i + 20000000)::text, 8, '0'), $4, $4 FROM generate_series($1, $2) AS n(i)";
/// Of a hundred: 45 were never called, 10 wait for a retry, 34 are done, 8 failed, 2 are blocked, one asked to be called back; one
/// of ten thousand is in a call. A fifth of those who are done is a success, a seventh broke off; of those who failed one in a
/// hundred was a success once.
macro_rules! columns {
    ($ids:literal, $series:literal) => {
        concat!(
            "INSERT INTO target (id, org_id, campaign_id, contact_id, status, round, dials, next_at, priority, base_priority, \
             overwrites, created_at, updated_at, seq, place, opens_at, last_call_at, sort_called, last_duration_ms, sort_talked, \
             call_success, interrupted) SELECT ",
            $ids,
            ", CASE WHEN i % 10000 = 7 THEN 'in_progress' WHEN i % 100 < 55 THEN 'waiting' WHEN i % 100 < 89 THEN 'done' \
             WHEN i % 100 < 97 THEN 'failed' WHEN i % 100 < 99 THEN 'blocked' ELSE 'callback' END, \
             1, CASE WHEN i % 100 < 45 THEN 0 ELSE 1 END, $5, 0, 0, '{}', $5, $5, i, i, \
             CASE WHEN i % 100 < 45 THEN 0 END, CASE WHEN i % 100 >= 45 THEN $5 - (i * 7919 % 1000003) * 1000 END, \
             CASE WHEN i % 100 >= 45 THEN $5 - (i * 7919 % 1000003) * 1000 ELSE 0 END, \
             CASE WHEN i % 100 BETWEEN 55 AND 88 THEN i * 31 % 300007 END, \
             CASE WHEN i % 100 BETWEEN 55 AND 88 THEN i * 31 % 300007 ELSE 0 END, \
             (i % 100 BETWEEN 55 AND 88 AND i % 5 = 0) OR (i % 100 = 91 AND i % 700 = 91), \
             i % 100 BETWEEN 55 AND 88 AND i % 7 = 0 FROM ",
            $series
        )
    };
}
const SQLITE_TARGET: &str = concat!(
    "WITH RECURSIVE n(i) AS (SELECT $1 UNION ALL SELECT i + 1 FROM n WHERE i < $2) ",
    columns!("printf('%08x-0000-7000-9000-%012x', i, i), $3, $4, printf('%08x-0000-7000-8000-%012x', i, i)", "n")
);
const POSTGRES_TARGET: &str = columns!(
    "lpad(to_hex(i), 8, '0') || '-0000-7000-9000-' || lpad(to_hex(i), 12, '0'), $3, $4, \
     lpad(to_hex(i), 8, '0') || '-0000-7000-8000-' || lpad(to_hex(i), 12, '0')",
    "generate_series($1, $2) AS n(i)"
);
const SQLITE_FEW: &str = concat!(
    "WITH RECURSIVE n(i) AS (SELECT $1 UNION ALL SELECT i + 1 FROM n WHERE i < $2) ",
    columns!("printf('%08x-0000-7000-a000-%012x', $6, i), $3, $4, printf('%08x-0000-7000-8000-%012x', i, i)", "n")
);
const POSTGRES_FEW: &str = columns!(
    "lpad(to_hex($6::bigint), 8, '0') || '-0000-7000-a000-' || lpad(to_hex(i), 12, '0'), $3, $4, \
     lpad(to_hex(i), 8, '0') || '-0000-7000-8000-' || lpad(to_hex(i), 12, '0')",
    "generate_series($1, $2) AS n(i)"
);
