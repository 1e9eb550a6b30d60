//! The numbers of a contact that has several: another one in a claim, the next one after a dial.

use jiff::Timestamp;

use super::claim::{Candidacy, Turn};
use crate::args;
use crate::campaign::disconnection::DisconnectionReason;
use crate::campaign::phone::E164;
use crate::campaign::settings::AlternateNumbers;
use crate::campaign::states::BlockedReason;
use crate::dialer::claim::ClaimDecision;
use crate::dialer::gate::{Candidate, ContactNumber};
use crate::dialer::numbers::{Line, MAX, after, in_turn, moves_on, pick, rank};
use crate::id::{ContactId, SuppressionListId, TargetId};
use crate::pii::Pii;
use crate::store::consent::consents;
use crate::store::db::Row;
use crate::store::suppression::SuppressionSource;
use crate::store::suppression_list::listed;
use crate::store::{StoreError, Tx};

impl Turn<'_> {
    /// Looks at the other numbers of the contact, in turn, and takes the one that may be called, or may be first.
    pub(super) async fn other_number(
        &self,
        tx: &mut Tx,
        found: Candidacy,
        decision: ClaimDecision,
    ) -> Result<(Candidacy, ClaimDecision), StoreError> {
        let all = all(tx, found.target, found.contact, self.now).await?;
        let lines: Vec<_> = all.iter().map(|number| number.line).collect();
        let own = Line { ordinal: found.number, invalid: found.invalid };
        let mut seen = vec![(own, decision, None)];
        for line in in_turn(found.number, &lines).filter(|line| line.ordinal != found.number) {
            let Some(number) = all.iter().find(|number| number.line == line) else { continue };
            let same_number = self.same_number(tx, found.target, &number.hash, Some(found.contact)).await?;
            let candidate = Candidate { same_number, ..number.candidate(&found.candidate) };
            seen.push((line, self.decide(&candidate), Some((candidate, number))));
        }
        let ranks: Vec<_> = seen.iter().map(|(line, decision, _)| (*line, rank(decision))).collect();
        let at = pick(&ranks).unwrap_or_default();
        let (line, decision, other) = seen.swap_remove(at);
        let Some((candidate, number)) = other else { return Ok((found, decision)) };
        let (hash, list) = (Some(number.hash.clone()), number.list);
        let turned =
            Candidacy { number: line.ordinal, invalid: line.invalid, phone_hash: hash, list, candidate, ..found };
        // Whatever it waits for now, it waits for with this number.
        turn_to(tx, turned.target, line.ordinal).await?;
        Ok((turned, decision))
    }
}

/// A number of a contact with what the gate asks of it.
pub(super) struct Number {
    pub(super) line: Line,
    hash: String,
    phone: Option<Pii<E164>>,
    zone: Option<String>,
    suppression: Option<BlockedReason>,
    /// The imported list that has it.
    list: Option<SuppressionListId>,
    consent: bool,
}

impl Number {
    /// The same contact, on this number. What else happens on it is not known here.
    pub(super) fn candidate(&self, like: &Candidate) -> Candidate {
        Candidate {
            number: self.phone.clone().map_or(ContactNumber::Missing, ContactNumber::Valid),
            zone: self.zone.clone(),
            suppression: self.suppression,
            consent: self.consent,
            ..like.clone()
        }
    }
}

/// The numbers of a target's contact, in order.
pub(super) async fn all(
    tx: &mut Tx,
    target: TargetId,
    contact: ContactId,
    now: Timestamp,
) -> Result<Vec<Number>, StoreError> {
    const READ: &str = concat!(
        "SELECT n.ordinal, n.phone, n.phone_hash, n.zone, n.invalid_at, s.source, ",
        listed!("n.phone_hash", "t.org_id", "t.campaign_id"),
        " AS list, ",
        consents!("n.phone_hash", "t.org_id", "$2"),
        " AS consents FROM target t JOIN (SELECT id AS contact_id, 0 AS ordinal, phone, phone_hash, zone, \
         phone_invalid_at AS invalid_at FROM contact WHERE id = $3 AND phone IS NOT NULL \
         UNION ALL SELECT p.contact_id, p.ordinal, p.phone, p.phone_hash, COALESCE(p.zone, c.zone), p.invalid_at \
         FROM further_phone p JOIN contact c ON c.id = p.contact_id WHERE p.contact_id = $3) n \
         ON n.contact_id = t.contact_id \
         LEFT JOIN suppression s ON s.org_id = t.org_id AND s.phone_hash = n.phone_hash \
         WHERE t.id = $1 ORDER BY n.ordinal LIMIT $4"
    );
    let most = i64::try_from(MAX).unwrap_or(i64::MAX);
    let rows = tx.all(READ, args![target, now, contact, most]).await?;
    let number = |row: &Row| {
        let source: Option<SuppressionSource> = row.get("source")?;
        let list: Option<SuppressionListId> = row.get("list")?;
        let invalid = row.get::<Option<Timestamp>>("invalid_at")?.is_some();
        Ok(Number {
            line: Line { ordinal: row.get("ordinal")?, invalid },
            hash: row.get("phone_hash")?,
            phone: row.get("phone")?,
            zone: row.get("zone")?,
            suppression: SuppressionSource::strongest(source, list.is_some()),
            list: list.filter(|_| source.is_none()),
            consent: row.get::<i64>("consents")? > 0,
        })
    };
    rows.iter().map(number).collect()
}

/// The number that the next dial of a target goes to.
pub(super) struct Next {
    pub(super) ordinal: u32,
    pub(super) phone: Option<Pii<E164>>,
    pub(super) zone: Option<String>,
}

/// Keeps what the end of a dial says about its number, and gives the number that the next one goes to when that is another.
/// There is a policy when the contact has further numbers.
pub(super) async fn turned(
    tx: &mut Tx,
    policy: Option<AlternateNumbers>,
    contact: ContactId,
    (number, hash): (u32, &str),
    (reason, talked): (DisconnectionReason, bool),
    now: Timestamp,
) -> Result<Option<Next>, StoreError> {
    const LINES: &str = "SELECT 0 AS ordinal, phone, zone, phone_invalid_at AS invalid_at FROM contact WHERE id = $1 \
                         UNION ALL SELECT p.ordinal, p.phone, COALESCE(p.zone, c.zone), p.invalid_at FROM further_phone p \
                         JOIN contact c ON c.id = p.contact_id WHERE p.contact_id = $1 ORDER BY ordinal";
    let invalid = reason == DisconnectionReason::InvalidPhoneNumber;
    if invalid || talked {
        // By its hash: the contact may have been given another number meanwhile.
        let since = invalid.then_some(now);
        let first = "UPDATE contact SET phone_invalid_at = $3 WHERE id = $1 AND phone_hash = $2 \
                     AND (phone_invalid_at IS NULL) = $4";
        tx.execute(first, args![contact, hash, since, invalid]).await?;
        if policy.is_some() {
            let further = "UPDATE further_phone SET invalid_at = $3 WHERE contact_id = $1 AND phone_hash = $2 \
                           AND (invalid_at IS NULL) = $4";
            tx.execute(further, args![contact, hash, since, invalid]).await?;
        }
    }
    let Some(policy) = policy else { return Ok(None) };
    if policy == AlternateNumbers::Off || !(invalid || moves_on(reason)) {
        return Ok(None);
    }
    let rows = tx.all(LINES, args![contact]).await?;
    let mut lines = Vec::with_capacity(rows.len());
    for row in &rows {
        let phone: Option<Pii<E164>> = row.get("phone")?;
        let gone = phone.is_none() || row.get::<Option<Timestamp>>("invalid_at")?.is_some();
        lines.push(Line { ordinal: row.get("ordinal")?, invalid: gone });
    }
    let Some(ordinal) = after(policy, reason, number, &lines) else { return Ok(None) };
    let row = rows.iter().zip(&lines).find(|(_, line)| line.ordinal == ordinal).map(|(row, _)| row);
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Next { ordinal, phone: row.get("phone")?, zone: row.get("zone")? }))
}

/// Moves a target to another number of its contact.
pub(super) async fn turn_to(tx: &mut Tx, target: TargetId, ordinal: u32) -> Result<(), StoreError> {
    tx.execute("UPDATE target SET number = $2 WHERE id = $1", args![target, ordinal]).await.map(drop)
}
