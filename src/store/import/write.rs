//! A piece of an import: looked up, decided and written in one transaction that also says how far it is.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{Counts, Import, LEASE, RowOutcome, json, settle};
use crate::args;
use crate::campaign::import::person::{CaseOf, Person, Refusal};
use crate::campaign::import::{ImportKind, Plan, Row, Strategy};
use crate::id::{CaseId, CaseLabelId, ContactId, ImportId, ListId, OrgId, TagId};
use crate::pii::Pii;
use crate::store::case_label::{self, LabelKind};
use crate::store::client_case::{self, Case, CaseData};
use crate::store::contact::{self, Contact, ContactData};
use crate::store::db::{ToArg, insert_many, places};
use crate::store::org::PhoneKey;
use crate::store::people_list::{self, ListKind};
use crate::store::tag::{self, key};
use crate::store::{StoreError, Tx};

/// Rows of one transaction; on SQLite dials wait for it.
pub const BATCH: usize = 500;
/// Rows that are told one by one, of each outcome; more are only counted.
const MAX_LOGGED: u64 = 100_000;

/// A row as it was read.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// Its line or number, and its cells.
    pub row: Row,
    /// What it says.
    pub said: Result<Person, Refusal>,
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// So many rows; the others are to be written after them.
    Rows(usize),
    /// Nothing: somebody has stopped the import, or another node has it.
    Stopped,
}

/// What is known before a piece is decided.
#[derive(Debug, Default)]
struct Known {
    by_external: HashMap<String, ContactId>,
    by_phone: HashMap<String, ContactId>,
    cases: HashMap<String, Case>,
    contacts: HashMap<ContactId, Contact>,
}

/// What is to be written.
#[derive(Debug, Default)]
struct Work {
    contacts: Vec<ContactData>,
    /// Tags of new contacts, by their place.
    tags_of_new: Vec<Vec<String>>,
    cases: Vec<(Whose, CaseOf)>,
    updates: Vec<(ContactId, ContactData)>,
    case_updates: Vec<(CaseId, Option<ContactId>, CaseOf)>,
    tags_of_old: Vec<(ContactId, Vec<String>)>,
    listed: Vec<Listed>,
    counts: Counts,
    log: Vec<Logged>,
}

/// What is written down of a row: its number, what came of it, why as a code and in words, and its cells.
type Logged = (u64, RowOutcome, &'static str, String, Option<Vec<String>>);

/// Whose a case is.
#[derive(Clone, Copy, Debug)]
enum Whose {
    Old(ContactId),
    /// A new contact, by its place.
    New(usize),
}

/// Who comes into the list.
#[derive(Clone, Copy, Debug)]
enum Listed {
    OldContact(ContactId),
    NewContact(usize),
    OldCase(CaseId),
    NewCase(usize),
}

/// Writes rows of an import that this node has. Where a row is about somebody whom an earlier row of the piece makes, the piece
/// ends before it.
///
/// # Errors
/// When the database fails; then nothing of the piece is written.
pub async fn write(
    tx: &mut Tx,
    key: &PhoneKey,
    import: &Import,
    rows: &[Parsed],
    bytes_read: u64,
) -> Result<Written, StoreError> {
    let plan = import.plan.as_ref().ok_or(StoreError::Corrupt { column: "plan" })?;
    let known = look_up(tx, import.org, key, plan, rows).await?;
    let (work, taken) = decide(key, plan, &known, rows);
    let last = rows[..taken].last().map_or(import.row, |row| row.row.number);
    let logged = import_counts(tx, import.id).await?;
    if !progress(tx, import.id, &work.counts, last, bytes_read).await? {
        return Ok(Written::Stopped);
    }
    apply(tx, key, import, plan, &known, work, logged).await?;
    Ok(Written::Rows(taken))
}

/// How many of these people are likely to be there already: by the id they have elsewhere, or a number.
///
/// # Errors
/// When the database fails.
pub async fn lookalikes(
    tx: &mut Tx,
    org: OrgId,
    key: &PhoneKey,
    plan: &Plan,
    rows: &[Parsed],
) -> Result<Vec<u64>, StoreError> {
    let mut found = Vec::new();
    let mut seen = HashMap::new();
    for piece in rows.chunks(BATCH) {
        let known = look_up(tx, org, key, plan, piece).await?;
        for row in piece {
            let Ok(person) = &row.said else { continue };
            let there = match_case(&known, person).is_some() || match_contact(key, &known, person).is_some();
            let mut repeated = false;
            for identity in identities(key, person) {
                repeated |= seen.insert(identity, row.row.number).is_some();
            }
            if there || repeated {
                found.push(row.row.number);
            }
        }
    }
    Ok(found)
}

/// What tells that two rows are about the same.
fn identities(key: &PhoneKey, person: &Person) -> Vec<String> {
    if let Some(id) = person.case.as_ref().and_then(|case| case.external_id.as_ref()) {
        return vec![format!("case {}", id.expose())];
    }
    if let Some(id) = &person.external_id {
        return vec![format!("contact {}", id.expose())];
    }
    person.phones.iter().map(|phone| key.hash(phone.expose()).to_string()).collect()
}

async fn look_up(tx: &mut Tx, org: OrgId, key: &PhoneKey, plan: &Plan, rows: &[Parsed]) -> Result<Known, StoreError> {
    let people: Vec<&Person> = rows.iter().filter_map(|row| row.said.as_ref().ok()).collect();
    let mut known = Known::default();
    let externals: Vec<String> =
        people.iter().filter_map(|person| person.external_id.as_ref().map(|id| id.expose().clone())).collect();
    for some in externals.chunks(250) {
        let mut values = args![org];
        values.extend(some.iter().map(ToArg::to_arg));
        let sql = format!(
            "SELECT id, external_id FROM contact WHERE org_id = $1 AND external_id IN ({})",
            places(2, some.len())
        );
        for row in tx.all_built(sql, values).await? {
            known.by_external.insert(row.get("external_id")?, row.get("id")?);
        }
    }
    let hashes: Vec<String> =
        people.iter().flat_map(|person| &person.phones).map(|phone| key.hash(phone.expose()).to_string()).collect();
    for some in hashes.chunks(250) {
        let mut values = args![org];
        values.extend(some.iter().map(ToArg::to_arg));
        let list = places(2, some.len());
        let sql = format!(
            "SELECT id, phone_hash FROM contact WHERE org_id = $1 AND phone_hash IN ({list}) \
             UNION ALL SELECT contact_id, phone_hash FROM further_phone WHERE org_id = $1 AND phone_hash IN ({list})"
        );
        for row in tx.all_built(sql, values).await? {
            let id: ContactId = row.get("id")?;
            // Of several the oldest counts.
            let oldest = known.by_phone.entry(row.get("phone_hash")?).or_insert(id);
            *oldest = id.min(*oldest);
        }
    }
    if plan.kind == ImportKind::Cases {
        let ids: Vec<String> = people
            .iter()
            .filter_map(|person| person.case.as_ref()?.external_id.as_ref().map(|id| id.expose().clone()))
            .collect();
        for case in client_case::by_external(tx, org, &ids).await? {
            if let Some(id) = case.data.external_id.as_ref().map(|id| id.expose().clone()) {
                known.cases.insert(id, case);
            }
        }
    }
    let mut ids: Vec<ContactId> = known.by_external.values().chain(known.by_phone.values()).copied().collect();
    ids.extend(known.cases.values().filter_map(|case| case.data.contact));
    ids.sort_unstable();
    ids.dedup();
    for contact in contact::some(tx, org, &ids).await? {
        known.contacts.insert(contact.id, contact);
    }
    Ok(known)
}

fn match_case<'a>(known: &'a Known, person: &Person) -> Option<&'a Case> {
    known.cases.get(person.case.as_ref()?.external_id.as_ref()?.expose())
}

fn match_contact(key: &PhoneKey, known: &Known, person: &Person) -> Option<ContactId> {
    if let Some(id) = &person.external_id {
        // Whoever has an id is known by it, and else by a number only when that contact has none.
        if let Some(found) = known.by_external.get(id.expose()) {
            return Some(*found);
        }
    }
    let found = person.phones.iter().find_map(|phone| known.by_phone.get(&key.hash(phone.expose()).to_string()))?;
    let other = |contact: &Contact| {
        contact.data.external_id.is_some()
            && person.external_id.is_some()
            && contact.data.external_id != person.external_id
    };
    (!known.contacts.get(found).is_some_and(other)).then_some(*found)
}

fn decide(key: &PhoneKey, plan: &Plan, known: &Known, rows: &[Parsed]) -> (Work, usize) {
    let mut work = Work::default();
    let mut seen: HashMap<String, u64> = HashMap::new();
    let mut made: HashSet<String> = HashSet::new();
    for (index, row) in rows.iter().enumerate() {
        let number = row.row.number;
        let person = match &row.said {
            Ok(person) => person,
            Err(refusal) => {
                work.fail(row, refusal.code, refusal.reason.clone());
                continue;
            }
        };
        let identities = identities(key, person);
        if let Some(earlier) = identities.iter().find_map(|identity| seen.get(identity)) {
            if plan.duplicates.strategy == Strategy::Update {
                return (work, index);
            }
            work.skip(number, "repeated", format!("row {earlier} says the same already"));
            continue;
        }
        // Somebody whom an earlier row makes is found once that is written.
        let hashes: Vec<_> = person.phones.iter().map(|phone| key.hash(phone.expose()).to_string()).collect();
        let is_known = match_case(known, person).is_some() || match_contact(key, known, person).is_some();
        if !is_known && hashes.iter().any(|hash| made.contains(hash)) {
            return (work, index);
        }
        seen.extend(identities.into_iter().map(|identity| (identity, number)));
        let before = work.contacts.len();
        one(key, plan, known, row, person, &mut work);
        if work.contacts.len() > before {
            made.extend(hashes);
        }
    }
    (work, rows.len())
}

fn one(key: &PhoneKey, plan: &Plan, known: &Known, row: &Parsed, person: &Person, work: &mut Work) {
    let number = row.row.number;
    let updates = plan.duplicates.strategy == Strategy::Update;
    let case = match_case(known, person);
    let contact = match case {
        Some(case) => case.data.contact,
        None => match_contact(key, known, person),
    };
    let old = contact.and_then(|id| known.contacts.get(&id));
    if let (Some(_), Some(old), Some(id)) = (case, old, &person.external_id)
        && old.data.external_id.as_ref().is_some_and(|there| there != id)
    {
        work.fail(row, "other_contact", "the case is there, and its primary contact has another id".to_owned());
        return;
    }
    let listed = match (plan.kind, case, contact) {
        (ImportKind::Cases, Some(case), _) => Some(Listed::OldCase(case.id)),
        (ImportKind::Contacts, _, Some(contact)) => Some(Listed::OldContact(contact)),
        (_, _, _) => None,
    };
    let is_there =
        if plan.kind == ImportKind::Cases && person.case.as_ref().is_some_and(|case| case.external_id.is_some()) {
            case.is_some()
        } else {
            contact.is_some()
        };
    if is_there && !updates {
        let what =
            if case.is_some() { "a case with this id exists" } else { "a contact with this id or number exists" };
        work.listed.extend(listed);
        work.skip(number, "exists", what.to_owned());
        return;
    }
    let mut changed = false;
    let whose = match (contact, old) {
        (Some(id), Some(old)) if updates => match settle::updated(&old.data, person, plan.duplicates) {
            Ok(data) => {
                if data != old.data {
                    work.updates.push((id, data));
                    changed = true;
                }
                changed |=
                    person.tags.iter().any(|tag| !old.tags.iter().any(|there| key_of(&there.name) == key_of(tag)));
                work.tags_of_old.push((id, person.tags.clone()));
                Whose::Old(id)
            }
            Err(refusal) => {
                work.fail(row, "no_room", refusal.to_string());
                return;
            }
        },
        (Some(id), _) => Whose::Old(id),
        (None, _) => {
            work.contacts.push(settle::made(person));
            work.tags_of_new.push(person.tags.clone());
            Whose::New(work.contacts.len() - 1)
        }
    };
    match (&person.case, case) {
        (Some(said), Some(there)) => {
            let new_contact = matches!(whose, Whose::New(_));
            let details = settle::details(there.data.details.expose(), said);
            let renamed = |there: &Option<String>, said: &Option<String>| {
                said.as_ref().is_some_and(|said| there.as_deref().map(key_of) != Some(key_of(said)))
            };
            if new_contact
                || details != *there.data.details.expose()
                || renamed(&there.kind, &said.kind)
                || renamed(&there.status, &said.status)
            {
                let of = match whose {
                    Whose::Old(id) => Some(id),
                    Whose::New(_) => there.data.contact,
                };
                work.case_updates.push((there.id, of, said.clone()));
                changed = true;
            }
            work.listed.push(Listed::OldCase(there.id));
        }
        (Some(said), None) if !is_there => {
            work.cases.push((whose, said.clone()));
            work.listed.push(Listed::NewCase(work.cases.len() - 1));
            work.counts.created += 1;
            return;
        }
        (Some(_) | None, _) => work.listed.push(match whose {
            Whose::Old(id) => Listed::OldContact(id),
            Whose::New(place) => Listed::NewContact(place),
        }),
    }
    match (is_there, changed) {
        (false, _) => work.counts.created += 1,
        (true, true) => work.counts.updated += 1,
        (true, false) => work.skip(number, "unchanged", "what it says is there already".to_owned()),
    }
}

fn key_of(name: &str) -> String {
    key(name)
}

impl Work {
    fn fail(&mut self, row: &Parsed, code: &'static str, reason: String) {
        let cells =
            row.row.cells.as_ref().map(|cells| cells.iter().map(|cell| cell.shown()).collect()).unwrap_or_default();
        self.counts.failed += 1;
        self.log.push((row.row.number, RowOutcome::Failed, code, reason, Some(cells)));
    }

    fn skip(&mut self, row: u64, code: &'static str, reason: String) {
        self.counts.skipped += 1;
        self.log.push((row, RowOutcome::Skipped, code, reason, None));
    }
}

async fn import_counts(tx: &mut Tx, id: ImportId) -> Result<(u64, u64), StoreError> {
    let row = tx.one("SELECT failed, skipped FROM import WHERE id = $1", args![id]).await?;
    Ok((row.get::<i64>("failed")?.unsigned_abs(), row.get::<i64>("skipped")?.unsigned_abs()))
}

async fn progress(tx: &mut Tx, id: ImportId, counts: &Counts, row: u64, bytes_read: u64) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE import SET created = created + $2, updated = updated + $3, skipped = skipped + $4, \
                       failed = failed + $5, row_no = $6, bytes_read = $7, lease_until = $8 \
                       WHERE id = $1 AND state = 'running' AND row_no <= $6";
    let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let until = tx.now().await? + LEASE;
    let Counts { created, updated, skipped, failed } = *counts;
    let values =
        args![id, count(created), count(updated), count(skipped), count(failed), count(row), count(bytes_read), until];
    Ok(tx.execute(SQL, values).await? > 0)
}

async fn apply(
    tx: &mut Tx,
    key: &PhoneKey,
    import: &Import,
    plan: &Plan,
    known: &Known,
    work: Work,
    logged: (u64, u64),
) -> Result<(), StoreError> {
    let org = import.org;
    let ids = contact::insert_of_import(tx, org, key, &work.contacts, Some(import.id)).await?;
    let mut touched: Vec<ContactId> = ids.clone();
    for (id, data) in &work.updates {
        contact::update(tx, org, key, *id, data).await?;
        if let Some(old) = known.contacts.get(id) {
            remember(tx, import.id, "contact", id.to_string(), &json(&old.data)).await?;
        }
    }
    touched.extend(work.tags_of_old.iter().map(|(id, _)| *id));
    tags(tx, org, plan, &ids, &work, &touched).await?;
    let cases = cases(tx, import, &ids, &work, known).await?;
    if let Some(list) = import.list {
        list_members(tx, org, list, &ids, &cases, &work.listed).await?;
    }
    note(tx, import.id, &work, logged).await
}

/// Keeps what was there before, the first time something changes.
async fn remember(tx: &mut Tx, import: ImportId, kind: &str, subject: String, was: &str) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO import_change (import_id, kind, subject_id, was, changed_at) VALUES ($1, $2, $3, $4, $5) \
                       ON CONFLICT (import_id, kind, subject_id) DO UPDATE SET changed_at = EXCLUDED.changed_at";
    let now = tx.now().await?;
    tx.execute(SQL, args![import, kind, subject, was, now]).await.map(drop)
}

async fn tags(
    tx: &mut Tx,
    org: OrgId,
    plan: &Plan,
    new: &[ContactId],
    work: &Work,
    touched: &[ContactId],
) -> Result<(), StoreError> {
    let mut names: Vec<String> = plan.tags.clone();
    names.extend(work.tags_of_new.iter().flatten().cloned());
    names.extend(work.tags_of_old.iter().flat_map(|(_, tags)| tags.iter().cloned()));
    names.sort();
    names.dedup();
    if names.is_empty() {
        return Ok(());
    }
    // More tags than an organisation may have: those that are there are given, the others are left out.
    let Ok(ids) = tag::ensure(tx, org, &names).await? else { return Ok(()) };
    let by_name: HashMap<String, TagId> = names.iter().map(|name| key(name)).zip(ids).collect();
    let mut pairs: Vec<(ContactId, TagId)> = Vec::new();
    let of = |name: &String| by_name.get(&key(name)).copied();
    for contact in touched {
        pairs.extend(plan.tags.iter().filter_map(of).map(|tag| (*contact, tag)));
    }
    for (contact, tags) in new.iter().zip(&work.tags_of_new) {
        pairs.extend(tags.iter().filter_map(of).map(|tag| (*contact, tag)));
    }
    for (contact, tags) in &work.tags_of_old {
        pairs.extend(tags.iter().filter_map(of).map(|tag| (*contact, tag)));
    }
    pairs.sort_unstable();
    pairs.dedup();
    tag::give(tx, &pairs).await.map(drop)
}

async fn cases(
    tx: &mut Tx,
    import: &Import,
    new: &[ContactId],
    work: &Work,
    known: &Known,
) -> Result<Vec<CaseId>, StoreError> {
    let said = work.cases.iter().map(|(_, case)| case).chain(work.case_updates.iter().map(|(.., case)| case));
    let said: Vec<&CaseOf> = said.collect();
    let kinds: Vec<&str> = said.iter().filter_map(|case| case.kind.as_deref()).collect();
    let states: Vec<&str> = said.iter().filter_map(|case| case.status.as_deref()).collect();
    let kinds = case_label::ensure(tx, import.org, LabelKind::Type, &kinds).await?.unwrap_or_default();
    let states = case_label::ensure(tx, import.org, LabelKind::Status, &states).await?.unwrap_or_default();
    let label = |labels: &BTreeMap<String, CaseLabelId>, name: &Option<String>| {
        name.as_ref().and_then(|name| labels.get(&key(name)).copied())
    };
    let made: Vec<CaseData> = work
        .cases
        .iter()
        .map(|(whose, case)| CaseData {
            external_id: case.external_id.clone(),
            contact: match whose {
                Whose::Old(id) => Some(*id),
                Whose::New(place) => new.get(*place).copied(),
            },
            kind: label(&kinds, &case.kind),
            status: label(&states, &case.status),
            details: case.details.clone(),
        })
        .collect();
    let ids = client_case::insert(tx, import.org, &made, Some(import.id)).await?;
    for (id, contact, case) in &work.case_updates {
        let Some(there) = known.cases.values().find(|there| there.id == *id) else { continue };
        let data = CaseData {
            contact: *contact,
            kind: label(&kinds, &case.kind).or(there.data.kind),
            status: label(&states, &case.status).or(there.data.status),
            details: Pii::new(settle::details(there.data.details.expose(), case)),
            external_id: there.data.external_id.clone(),
        };
        client_case::update(tx, import.org, *id, &data).await?;
        remember(tx, import.id, "case", id.to_string(), &json(&there.data)).await?;
    }
    Ok(ids)
}

async fn list_members(
    tx: &mut Tx,
    org: OrgId,
    list: ListId,
    contacts: &[ContactId],
    cases: &[CaseId],
    listed: &[Listed],
) -> Result<(), StoreError> {
    let list = match people_list::get(tx, org, list).await {
        Ok(list) => list,
        // Somebody has deleted it meanwhile.
        Err(StoreError::NotFound) => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut members: Vec<String> = listed
        .iter()
        .filter_map(|listed| match (list.kind, listed) {
            (ListKind::Contacts, Listed::OldContact(id)) => Some(id.to_string()),
            (ListKind::Contacts, Listed::NewContact(place)) => contacts.get(*place).map(ToString::to_string),
            (ListKind::Cases, Listed::OldCase(id)) => Some(id.to_string()),
            (ListKind::Cases, Listed::NewCase(place)) => cases.get(*place).map(ToString::to_string),
            (ListKind::Contacts | ListKind::Cases, _) => None,
        })
        .collect();
    members.sort_unstable();
    members.dedup();
    people_list::put_in(tx, list.id, &members).await.map(drop)
}

async fn note(tx: &mut Tx, import: ImportId, work: &Work, logged: (u64, u64)) -> Result<(), StoreError> {
    const ROW: &str = "INSERT INTO import_row (import_id, row_no, outcome, code, reason, cells) VALUES";
    const REASON: &str = "INSERT INTO import_reason (import_id, outcome, code, reason, row_count) VALUES";
    let (mut failed, mut skipped) = logged;
    let mut rows = Vec::new();
    let mut reasons: BTreeMap<(RowOutcome, &str), (&str, i64)> = BTreeMap::new();
    for (row, outcome, code, reason, cells) in &work.log {
        reasons.entry((*outcome, code)).or_insert((reason, 0)).1 += 1;
        let count = match outcome {
            RowOutcome::Failed => &mut failed,
            RowOutcome::Skipped => &mut skipped,
        };
        *count += 1;
        if *count <= MAX_LOGGED {
            let row = i64::try_from(*row).unwrap_or(i64::MAX);
            rows.extend(args![import, row, *outcome, *code, *reason, cells.as_ref().map(json)]);
        }
    }
    insert_many(tx, ROW, 6, rows, "ON CONFLICT (import_id, row_no) DO NOTHING").await?;
    let reasons = reasons
        .into_iter()
        .flat_map(|((outcome, code), (reason, count))| args![import, outcome, code, reason, count])
        .collect();
    let add =
        "ON CONFLICT (import_id, outcome, code) DO UPDATE SET row_count = import_reason.row_count + EXCLUDED.row_count";
    insert_many(tx, REASON, 5, reasons, add).await.map(drop)
}
