//! A campaign with very many contacts, written by the database itself.

use callwright::agent::assistant::{Assistant, Disclosure};
use callwright::args;
use callwright::campaign::run::Schedule;
use callwright::campaign::settings::Settings;
use callwright::campaign::states::CampaignState;
use callwright::id::CampaignId;
use callwright::stir::signer::SigningLevel;
use callwright::stir::verdict::IdentityPolicy;
use callwright::store::audit::Actor;
use callwright::store::campaign::{CampaignData, Move};
use callwright::store::trunk::{TrunkData, TrunkTransport};
use callwright::store::{Db, assistant, campaign, org, trunk};
use callwright::trunk::callers::Wording;
use callwright::trunk::media::MediaTerms;
use callwright::trunk::signalling::Signalling;

/// Contacts written in one transaction.
const CHUNK: u64 = 100_000;
/// More than the test dials.
const LIMIT: u32 = 1_000_000;

/// What a campaign's contacts are like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) contacts: u64,
    /// So many of them are not due for a day, and have a higher priority than the others.
    pub(crate) not_due: u64,
    /// So many of them are due first and are suppressed.
    pub(crate) suppressed: u64,
}

impl Shape {
    pub(crate) fn name(&self) -> String {
        let contacts = self.contacts;
        match (self.not_due, self.suppressed) {
            (0, 0) => format!("{contacts} contacts"),
            (0, suppressed) => format!("{contacts} contacts, {suppressed} suppressed first"),
            (not_due, _) => format!("{contacts} contacts, {not_due} not due first"),
        }
    }
}

/// Fills an empty database, at noon.
pub(crate) async fn fill(db: &Db, shape: Shape) -> anyhow::Result<CampaignId> {
    super::noon(db).await?;
    let mut tx = db.begin().await?;
    let org = org::ensure_default(&mut tx).await?.id;
    org::set_limits(&mut tx, org, LIMIT, LIMIT).await?;
    let number = "+493012345678".parse().expect("a number");
    let carrier = TrunkData {
        name: "carrier".to_owned(),
        host: "sip.example.net".to_owned(),
        port: None,
        transport: TrunkTransport::Udp,
        username: None,
        password: None,
        caller_ids: vec![number],
        register: false,
        enabled: true,
        max_channels: LIMIT,
        calls_per_minute: LIMIT,
        caller_id_calls_per_minute: None,
        caller_id_max_calls: None,
        inbound_assistant: None,
        identity_policy: IdentityPolicy::Record,
        attestation: SigningLevel::A,
        media: MediaTerms::default(),
        wording: Wording::default(),
        options_s: 0,
        signalling: Signalling::default(),
    };
    let caller_id = carrier.caller_ids[0].clone();
    let trunk = trunk::insert(&mut tx, org, carrier).await?.id;
    let short: Assistant = serde_json::from_value(serde_json::json!({
        "name": "Short",
        "flow": { "start": "bye", "nodes": [{ "id": "bye", "end": { "text": "Goodbye." } }] },
    }))?;
    let assistant = assistant::insert(&mut tx, org, short).await?.current.assistant;
    let settings = Settings { calls_per_minute: LIMIT, max_concurrent_calls: LIMIT, ..Settings::default() };
    let data = CampaignData {
        name: "Large".to_owned(),
        description: String::new(),
        goal: None,
        assistant,
        trunk,
        caller_id,
        schedule: Schedule { time_zone: "Europe/Berlin".to_owned(), ..Schedule::default() },
        settings,
        disclosure: Disclosure::default(),
        scheduled_start_at: None,
    };
    let draft = campaign::insert(&mut tx, org, &Actor::system("bench"), data).await?;
    let to = Move { to: CampaignState::InProgress, pause_reason: None };
    campaign::advance(&mut tx, &draft, &Actor::system("bench"), to).await?;
    let now = tx.now().await?;
    tx.commit().await?;
    let day = 86_400_000_000_i64;
    let first = now.as_microsecond() - day;
    for from in (0..shape.contacts).step_by(usize::try_from(CHUNK)?) {
        let to = (from + CHUNK).min(shape.contacts);
        let mut tx = db.begin().await?;
        let (from, to) = (i64::try_from(from)?, i64::try_from(to)? - 1);
        let contact = tx.pick(SQLITE_CONTACT, POSTGRES_CONTACT);
        tx.execute(contact, args![from, to, org, first]).await?;
        let target = tx.pick(SQLITE_TARGET, POSTGRES_TARGET);
        let not_due = i64::try_from(shape.not_due)?;
        tx.execute(target, args![from, to, org, draft.id, first, not_due, now.as_microsecond() + day]).await?;
        let suppressed = to.min(i64::try_from(shape.suppressed)? - 1);
        if suppressed >= from {
            let entry = tx.pick(SQLITE_SUPPRESSION, POSTGRES_SUPPRESSION);
            tx.execute(entry, args![from, suppressed, org, first]).await?;
        }
        tx.commit().await?;
    }
    let mut tx = db.begin().await?;
    tx.execute("ANALYZE", vec![]).await?;
    tx.commit().await?;
    Ok(draft.id)
}

const SQLITE_CONTACT: &str = "WITH RECURSIVE n(i) AS (SELECT $1 UNION ALL SELECT i + 1 FROM n WHERE i < $2) \
    INSERT INTO contact (id, org_id, name, phone, phone_hash, zone, variables, search, created_at, updated_at) \
    SELECT printf('%08x-0000-7000-8000-%012x', i, i), $3, 'Contact ' || i, '+4930' || printf('%08d', i + 20000000), \
    printf('%064x', i), NULL, '{}', 'contact ' || i, $4, $4 FROM n";
const POSTGRES_CONTACT: &str = "INSERT INTO contact (id, org_id, name, phone, phone_hash, zone, variables, search, \
    created_at, updated_at) SELECT lpad(to_hex(i), 8, '0') || '-0000-7000-8000-' || lpad(to_hex(i), 12, '0'), $3, \
    'Contact ' || i, '+4930' || lpad((i + 20000000)::text, 8, '0'), lpad(to_hex(i), 64, '0'), NULL, '{}', \
    'contact ' || i, $4, $4 FROM generate_series($1, $2) AS n(i)";
const SQLITE_TARGET: &str = "WITH RECURSIVE n(i) AS (SELECT $1 UNION ALL SELECT i + 1 FROM n WHERE i < $2) \
    INSERT INTO target (id, org_id, campaign_id, contact_id, status, round, dials, next_at, priority, base_priority, \
    overwrites, created_at, updated_at, seq, place, opens_at) SELECT printf('%08x-0000-7000-9000-%012x', i, i), $3, $4, \
    printf('%08x-0000-7000-8000-%012x', i, i), 'waiting', 1, 0, CASE WHEN i < $6 THEN $7 ELSE $5 + i END, \
    CASE WHEN i < $6 THEN 100 ELSE 0 END, CASE WHEN i < $6 THEN 100 ELSE 0 END, '{}', $5, $5, i, i, \
    CASE WHEN i < $6 THEN $7 ELSE 0 END FROM n";
const POSTGRES_TARGET: &str = "INSERT INTO target (id, org_id, campaign_id, contact_id, status, round, dials, next_at, \
    priority, base_priority, overwrites, created_at, updated_at, seq, place, opens_at) \
    SELECT lpad(to_hex(i), 8, '0') || '-0000-7000-9000-' || lpad(to_hex(i), 12, '0'), $3, $4, \
    lpad(to_hex(i), 8, '0') || '-0000-7000-8000-' || lpad(to_hex(i), 12, '0'), 'waiting', 1, 0, \
    CASE WHEN i < $6 THEN $7 ELSE $5 + i END, CASE WHEN i < $6 THEN 100 ELSE 0 END, \
    CASE WHEN i < $6 THEN 100 ELSE 0 END, '{}', $5, $5, i, i, \
    CASE WHEN i < $6 THEN $7 ELSE 0 END FROM generate_series($1, $2) AS n(i)";
const SQLITE_SUPPRESSION: &str = "WITH RECURSIVE n(i) AS (SELECT $1 UNION ALL SELECT i + 1 FROM n WHERE i < $2) \
    INSERT INTO suppression (id, org_id, phone_hash, source, note, created_at) \
    SELECT printf('%08x-0000-7000-a000-%012x', i, i), $3, printf('%064x', i), 'manual', '', $4 FROM n";
const POSTGRES_SUPPRESSION: &str = "INSERT INTO suppression (id, org_id, phone_hash, source, note, created_at) \
    SELECT lpad(to_hex(i), 8, '0') || '-0000-7000-a000-' || lpad(to_hex(i), 12, '0'), $3, lpad(to_hex(i), 64, '0'), \
    'manual', '', $4 FROM generate_series($1, $2) AS n(i)";
