//! The numbers that an organisation calls from, and what their calls came to.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::trunk;
use super::{Page, StoreError, Tx};
use crate::args;
use crate::campaign::phone::E164;
use crate::id::{OrgId, TrunkId};
use crate::stir::passport::Attestation;
use crate::trunk::caller_health::CallerRecord;

/// The latest dials of a number that are looked at: an answer costs the same however many there are.
pub const MOST: u32 = 2_000;
/// The latest dials among which the last signed one is looked for.
const SIGNED_AMONG: u32 = 100;

/// What the calls from a number came to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CallerSeen {
    /// In numbers.
    pub record: CallerRecord,
    /// The latest dial.
    pub last_dial: Option<Timestamp>,
    /// How well its latest signed call was vouched for.
    pub attestation: Option<Attestation>,
}

/// The numbers of all trunks of an organisation, with the trunks that let them call.
///
/// # Errors
/// When the database fails.
pub async fn all(tx: &mut Tx, org: OrgId) -> Result<BTreeMap<E164, Vec<TrunkId>>, StoreError> {
    let mut numbers: BTreeMap<E164, Vec<TrunkId>> = BTreeMap::new();
    let mut page = Page::first(Page::<TrunkId>::MAX_LIMIT);
    loop {
        let listing = trunk::list(tx, Some(org), page).await?;
        for trunk in listing.items {
            for number in trunk.data.caller_ids {
                numbers.entry(number).or_default().push(trunk.id);
            }
        }
        match listing.next {
            Some(next) => page.after = Some(next),
            None => return Ok(numbers),
        }
    }
}

/// What the dials from a number since then came to, the latest [`MOST`] of them.
///
/// # Errors
/// When the database fails.
pub async fn seen(tx: &mut Tx, org: OrgId, number: &E164, since: Timestamp) -> Result<CallerSeen, StoreError> {
    macro_rules! counted {
        ($table:literal) => {
            concat!(
                "SELECT COUNT(CASE WHEN ended_at IS NOT NULL OR answered_at IS NOT NULL THEN 1 END) AS dials, \
                 COUNT(answered_at) AS answered, \
                 COUNT(CASE WHEN ended_at - answered_at < 10000000 THEN 1 END) AS short, \
                 COUNT(CASE WHEN sip_code = 603 THEN 1 END) AS declined, \
                 COUNT(CASE WHEN sip_code = 607 THEN 1 END) AS unwanted, \
                 COUNT(CASE WHEN sip_code = 608 THEN 1 END) AS rejected, MAX(dialing_at) AS last_dial \
                 FROM (SELECT dialing_at, answered_at, ended_at, sip_code FROM ",
                $table,
                " WHERE org_id = $1 AND caller_id = $2 AND claimed_at >= $3 AND state <> 'not_placed' \
                 ORDER BY claimed_at DESC LIMIT $4) AS dials"
            )
        };
    }
    macro_rules! signed {
        ($table:literal) => {
            concat!(
                "SELECT c.identity_attestation FROM (SELECT id, claimed_at FROM ",
                $table,
                " WHERE org_id = $1 AND caller_id = $2 AND claimed_at >= $3 AND state <> 'not_placed' \
                 ORDER BY claimed_at DESC LIMIT $4) AS a JOIN call c ON c.attempt_id = a.id \
                 WHERE c.identity_attestation IS NOT NULL ORDER BY a.claimed_at DESC LIMIT 1"
            )
        };
    }
    let sql = tx.pick(counted!("attempt INDEXED BY attempt_caller_day"), counted!("attempt"));
    let row = tx.one(sql, args![org, number, since, MOST]).await?;
    let record = CallerRecord {
        dials: row.get("dials")?,
        answered: row.get("answered")?,
        short: row.get("short")?,
        declined: row.get("declined")?,
        unwanted: row.get("unwanted")?,
        rejected: row.get("rejected")?,
    };
    let last_dial = row.get("last_dial")?;
    let sql = tx.pick(signed!("attempt INDEXED BY attempt_caller_day"), signed!("attempt"));
    let row = tx.optional(sql, args![org, number, since, SIGNED_AMONG]).await?;
    let attestation = row.map(|row| row.get("identity_attestation")).transpose()?;
    Ok(CallerSeen { record, last_dial, attestation })
}
