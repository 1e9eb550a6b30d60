//! One piece of what is done to many.

use std::collections::BTreeMap;

use super::{Act, BATCH, IntoCampaign, PeopleJob, Pick, take};
use crate::args;
use crate::campaign::states::CampaignState;
use crate::id::{CaseId, ContactId, PeopleJobId, SuppressionId};
use crate::store::db::{Row, ToArg, insert_many, places};
use crate::store::filter::Clause;
use crate::store::people_list::{self, ListKind};
use crate::store::suppression::SuppressionSource;
use crate::store::target::{self, Batch, Entry, Newcomer};
use crate::store::{StoreError, Tx, campaign, contact, tag};

/// One of those that are picked.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Member {
    /// What the cursor goes by: the id of the contact, or of the case.
    id: String,
    contact: Option<ContactId>,
    case: Option<CaseId>,
}

/// What came of a piece.
#[derive(Debug, Default)]
struct Done {
    changed: u64,
    skipped: BTreeMap<String, u64>,
}

impl Done {
    fn skip(&mut self, reason: &str, count: usize) {
        if count > 0 {
            *self.skipped.entry(reason.to_owned()).or_default() += count as u64;
        }
    }
}

/// Does the next piece. Returns whether there is more.
///
/// # Errors
/// When the database fails.
pub async fn step(tx: &mut Tx, id: PeopleJobId) -> Result<bool, StoreError> {
    let Some(job) = take(tx, id).await? else { return Ok(false) };
    let (members, gone, more) = next(tx, &job).await?;
    let cursor = members.last().map(|member| member.id.clone()).max(gone.last().cloned());
    let mut done = Done::default();
    done.skip("there is no such record", gone.len());
    if !members.is_empty() {
        act(tx, &job, &members, &mut done).await?;
    }
    let mut skipped = job.skipped.clone();
    for (reason, count) in done.skipped {
        *skipped.entry(reason).or_default() += count;
    }
    let (seen, changed) = (job.seen + (members.len() + gone.len()) as u64, job.changed + done.changed);
    let now = tx.now().await?;
    let finished = (!more).then_some(now);
    let state = if more { "running" } else { "done" };
    let sql = "UPDATE people_job SET cursor_id = $2, seen = $3, changed = $4, skipped = $5, state = $6, finished_at = $7 \
               WHERE id = $1";
    let (seen, changed) = (i64::try_from(seen).unwrap_or(i64::MAX), i64::try_from(changed).unwrap_or(i64::MAX));
    let skipped = serde_json::to_string(&skipped).expect("reasons and counts are JSON");
    let cursor = cursor.unwrap_or(job.cursor.clone());
    tx.execute(sql, args![id, cursor, seen, changed, skipped, state, finished]).await?;
    if !more && changed > 0 {
        start_again(tx, &job).await?;
    }
    Ok(more)
}

/// Those who come next, ids that are nobody's, and whether there are more after them.
async fn next(tx: &mut Tx, job: &PeopleJob) -> Result<(Vec<Member>, Vec<String>, bool), StoreError> {
    let by_contacts = "SELECT id FROM contact WHERE org_id = $1";
    let by_cases = "SELECT k.id, k.contact_id FROM client_case k LEFT JOIN contact c ON c.id = k.contact_id \
                    WHERE k.org_id = $1";
    let limit = BATCH as i64;
    let rows = match &job.pick {
        Pick::Contacts(ids) => {
            let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
            return named(tx, job, by_contacts, "id", &ids).await;
        }
        Pick::Cases(ids) => {
            let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
            return named(tx, job, by_cases, "k.id", &ids).await;
        }
        Pick::ContactFilter(filter) => {
            let mut clause = Clause::new(tx, by_contacts, args![job.org]);
            contact::narrowed(tx, &mut clause, filter).await?;
            clause.batch(tx, "id", &job.cursor, &job.until, limit).await?
        }
        Pick::CaseFilter(filter) => {
            let mut clause = Clause::new(tx, by_cases, args![job.org]);
            filter.add(&mut clause);
            clause.batch(tx, "k.id", &job.cursor, &job.until, limit).await?
        }
        Pick::ContactsOf(list) => {
            let sql = "SELECT c.id FROM people_list_member m JOIN contact c ON c.id = m.member_id \
                       WHERE c.org_id = $1 AND m.list_id = $2";
            Clause::new(tx, sql, args![job.org, list]).batch(tx, "m.member_id", &job.cursor, &job.until, limit).await?
        }
        Pick::CasesOf(list) => {
            let sql = "SELECT k.id, k.contact_id FROM people_list_member m JOIN client_case k ON k.id = m.member_id \
                       WHERE k.org_id = $1 AND m.list_id = $2";
            Clause::new(tx, sql, args![job.org, list]).batch(tx, "m.member_id", &job.cursor, &job.until, limit).await?
        }
    };
    let members: Vec<_> = rows.iter().map(|row| member(row, &job.pick)).collect::<Result<_, _>>()?;
    let more = members.len() == BATCH;
    Ok((members, Vec::new(), more))
}

/// The next of those that were named.
async fn named(
    tx: &mut Tx,
    job: &PeopleJob,
    sql: &str,
    id: &str,
    ids: &[String],
) -> Result<(Vec<Member>, Vec<String>, bool), StoreError> {
    let next: Vec<_> = ids.iter().filter(|id| **id > job.cursor).take(BATCH).cloned().collect();
    let mut members = Vec::with_capacity(next.len());
    for some in next.chunks(200) {
        let mut values = args![job.org];
        values.extend(some.iter().map(ToArg::to_arg));
        let sql = format!("{sql} AND {id} IN ({}) ORDER BY {id}", places(2, some.len()));
        for row in tx.all_built(sql, values).await? {
            members.push(member(&row, &job.pick)?);
        }
    }
    let gone = next.iter().filter(|id| !members.iter().any(|member| member.id == **id)).cloned().collect();
    let more = next.len() == BATCH;
    Ok((members, gone, more))
}

fn member(row: &Row, pick: &Pick) -> Result<Member, StoreError> {
    if pick.is_of_cases() {
        let case: CaseId = row.get("id")?;
        return Ok(Member { id: case.to_string(), contact: row.get("contact_id")?, case: Some(case) });
    }
    let contact: ContactId = row.get("id")?;
    Ok(Member { id: contact.to_string(), contact: Some(contact), case: None })
}

async fn act(tx: &mut Tx, job: &PeopleJob, members: &[Member], done: &mut Done) -> Result<(), StoreError> {
    let contacts: Vec<ContactId> = members.iter().filter_map(|member| member.contact).collect();
    match &job.act {
        Act::Tag(tags) => {
            let tags = there(tx, job, tags).await?;
            let before = tagged(tx, &contacts, &tags).await?;
            let pairs: Vec<_> =
                contacts.iter().flat_map(|contact| tags.iter().map(move |tag| (*contact, *tag))).collect();
            tag::give(tx, &pairs).await?;
            settle(done, members, &contacts, before, "it has the tags already");
        }
        Act::Untag(tags) => {
            let before = untagged(tx, &contacts, tags).await?;
            tag::take(tx, &contacts, tags).await?;
            settle(done, members, &contacts, before, "it does not have the tags");
        }
        Act::PutIn(list) => {
            let Some(ids) = ids_for(tx, job, *list, members).await? else {
                done.skip("the list is gone", members.len());
                return Ok(());
            };
            let added = people_list::put_in(tx, *list, &ids).await?;
            done.skip("the case has no contact", members.len() - ids.len());
            done.skip("it is in the list already", ids.len().saturating_sub(usize::try_from(added).unwrap_or(0)));
            done.changed += added;
        }
        Act::TakeOut(list) => {
            let Some(ids) = ids_for(tx, job, *list, members).await? else {
                done.skip("the list is gone", members.len());
                return Ok(());
            };
            let taken = people_list::take_out(tx, *list, &ids).await?;
            done.skip("it is not in the list", members.len().saturating_sub(usize::try_from(taken).unwrap_or(0)));
            done.changed += taken;
        }
        Act::Campaign(into) => to_campaign(tx, job, into, members, done).await?,
        Act::Suppress => {
            let new = suppress(tx, job, &contacts).await?;
            done.skip("the case has no contact", members.len() - contacts.len());
            done.skip("it has no number, or all are suppressed", contacts.len().saturating_sub(new));
            done.changed += new as u64;
        }
        Act::Delete => {
            let deleted = delete(tx, job, &contacts).await?;
            done.skip("the case has no contact", members.len() - contacts.len());
            done.skip("a campaign, a case or a call knows it", contacts.len() - deleted);
            done.changed += deleted as u64;
        }
    }
    Ok(())
}

fn settle(done: &mut Done, members: &[Member], contacts: &[ContactId], unchanged: usize, reason: &str) {
    done.skip("the case has no contact", members.len() - contacts.len());
    done.skip(reason, unchanged);
    done.changed += contacts.len().saturating_sub(unchanged) as u64;
}

/// Those of the tags that have not been deleted since.
async fn there(tx: &mut Tx, job: &PeopleJob, tags: &[crate::id::TagId]) -> Result<Vec<crate::id::TagId>, StoreError> {
    let gone = tag::unknown(tx, job.org, tags).await?;
    Ok(tags.iter().copied().filter(|tag| !gone.contains(tag)).collect())
}

/// How many of the contacts have all of the tags.
async fn tagged(tx: &mut Tx, contacts: &[ContactId], tags: &[crate::id::TagId]) -> Result<usize, StoreError> {
    count_by_tags(tx, contacts, tags, |found| found == tags.len()).await
}

/// How many of the contacts have none of the tags.
async fn untagged(tx: &mut Tx, contacts: &[ContactId], tags: &[crate::id::TagId]) -> Result<usize, StoreError> {
    count_by_tags(tx, contacts, tags, |found| found == 0).await
}

async fn count_by_tags(
    tx: &mut Tx,
    contacts: &[ContactId],
    tags: &[crate::id::TagId],
    fits: impl Fn(usize) -> bool,
) -> Result<usize, StoreError> {
    let mut found: BTreeMap<ContactId, usize> = contacts.iter().map(|contact| (*contact, 0)).collect();
    for some in contacts.chunks(200) {
        let mut values: Vec<_> = tags.iter().map(ToArg::to_arg).collect();
        values.extend(some.iter().map(ToArg::to_arg));
        let sql = format!(
            "SELECT contact_id FROM contact_tag WHERE tag_id IN ({}) AND contact_id IN ({})",
            places(1, tags.len()),
            places(tags.len() + 1, some.len())
        );
        for row in tx.all_built(sql, values).await? {
            *found.entry(row.get("contact_id")?).or_default() += 1;
        }
    }
    // A contact of several cases counts for each.
    Ok(contacts.iter().filter(|contact| found.get(contact).is_some_and(|count| fits(*count))).count())
}

/// What a list holds of these: contacts or cases.
async fn ids_for(
    tx: &mut Tx,
    job: &PeopleJob,
    list: crate::id::ListId,
    members: &[Member],
) -> Result<Option<Vec<String>>, StoreError> {
    let list = match people_list::get(tx, job.org, list).await {
        Ok(list) => list,
        Err(StoreError::NotFound) => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(Some(match list.kind {
        ListKind::Cases => members.iter().filter_map(|member| member.case).map(|case| case.to_string()).collect(),
        ListKind::Contacts => {
            let mut ids: Vec<_> =
                members.iter().filter_map(|member| member.contact).map(|contact| contact.to_string()).collect();
            ids.sort_unstable();
            ids.dedup();
            ids
        }
    }))
}

async fn to_campaign(
    tx: &mut Tx,
    job: &PeopleJob,
    into: &IntoCampaign,
    members: &[Member],
    done: &mut Done,
) -> Result<(), StoreError> {
    let over = match campaign::get(tx, job.org, into.campaign).await {
        Ok(seen) => matches!(seen.state, CampaignState::Cancelled | CampaignState::Deleting),
        Err(StoreError::NotFound) => true,
        Err(error) => return Err(error),
    };
    if over {
        done.skip("the campaign takes no contacts any longer", members.len());
        return Ok(());
    }
    let newcomers: Vec<_> = members
        .iter()
        .filter_map(|member| member.contact.map(|contact| Newcomer { contact, case: member.case }))
        .collect();
    let entry = Entry { priority: into.priority, for_approval: into.for_approval };
    let batch = Batch { list: into.list, overwrites: into.overwrites.clone().into() };
    let added = target::add_batch(tx, job.org, into.campaign, &newcomers, entry, &batch).await?;
    done.skip("the case has no contact", members.len() - newcomers.len());
    done.skip(
        "the contact is in the campaign already",
        newcomers.len().saturating_sub(usize::try_from(added).unwrap_or(usize::MAX)),
    );
    done.changed += added;
    Ok(())
}

/// Opens a completed campaign again, where that was asked for.
async fn start_again(tx: &mut Tx, job: &PeopleJob) -> Result<(), StoreError> {
    let Act::Campaign(into) = &job.act else { return Ok(()) };
    if into.start {
        let seen = campaign::get(tx, job.org, into.campaign).await?;
        if seen.state == CampaignState::Completed {
            campaign::reopen(tx, &seen, &job.actor).await?;
        }
    }
    Ok(())
}

/// Suppresses all numbers of contacts; how many contacts had one that was not.
async fn suppress(tx: &mut Tx, job: &PeopleJob, contacts: &[ContactId]) -> Result<usize, StoreError> {
    const HEAD: &str = "INSERT INTO suppression (id, org_id, phone_hash, source, note, created_at) VALUES";
    let mut numbers: BTreeMap<String, Vec<ContactId>> = BTreeMap::new();
    for some in contacts.chunks(200) {
        let list = places(2, some.len());
        let mut values = args![job.org];
        values.extend(some.iter().map(ToArg::to_arg));
        let sql = format!(
            "SELECT id, phone_hash FROM contact WHERE org_id = $1 AND phone_hash IS NOT NULL AND id IN ({list}) \
             UNION SELECT contact_id, phone_hash FROM further_phone WHERE org_id = $1 AND contact_id IN ({list})"
        );
        for row in tx.all_built(sql, values).await? {
            numbers.entry(row.get("phone_hash")?).or_default().push(row.get("id")?);
        }
    }
    let known: Vec<String> = numbers.keys().cloned().collect();
    for some in known.chunks(200) {
        let mut values = args![job.org];
        values.extend(some.iter().map(ToArg::to_arg));
        let sql = format!(
            "SELECT phone_hash FROM suppression WHERE org_id = $1 AND phone_hash IN ({})",
            places(2, some.len())
        );
        for row in tx.all_built(sql, values).await? {
            numbers.remove(&row.get::<String>("phone_hash")?);
        }
    }
    let now = tx.now().await?;
    let values = numbers
        .keys()
        .flat_map(|hash| args![SuppressionId::generate(), job.org, hash, SuppressionSource::Manual, "", now])
        .collect();
    insert_many(tx, HEAD, 6, values, "ON CONFLICT (org_id, phone_hash) DO NOTHING").await?;
    let mut whose: Vec<_> = numbers.into_values().flatten().collect();
    whose.sort_unstable();
    whose.dedup();
    Ok(whose.len())
}

/// Deletes those of the contacts that nothing knows.
async fn delete(tx: &mut Tx, job: &PeopleJob, contacts: &[ContactId]) -> Result<usize, StoreError> {
    let mut deleted = 0;
    for some in contacts.chunks(200) {
        let mut values = args![job.org];
        values.extend(some.iter().map(ToArg::to_arg));
        let sql = format!(
            "SELECT id FROM contact WHERE org_id = $1 AND id IN ({}) \
             AND NOT EXISTS (SELECT 1 FROM target t WHERE t.contact_id = contact.id) \
             AND NOT EXISTS (SELECT 1 FROM attempt a WHERE a.contact_id = contact.id) \
             AND NOT EXISTS (SELECT 1 FROM client_case k WHERE k.contact_id = contact.id) \
             AND NOT EXISTS (SELECT 1 FROM call l WHERE l.contact_id = contact.id)",
            places(2, some.len())
        );
        for row in tx.all_built(sql, values).await? {
            contact::delete(tx, job.org, row.get("id")?).await?;
            deleted += 1;
        }
    }
    Ok(deleted)
}
