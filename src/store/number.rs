//! The numbers of an organisation: those it calls from and those it is called on.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::assistant::{NAMED, UsedBy};
use super::{StoreError, Tx, caller_number, policy};
use crate::args;
use crate::campaign::caller_numbers::CallerNumberRules;
use crate::campaign::phone::E164;
use crate::campaign::states::CampaignState;
use crate::id::{AssistantId, OrgId, TrunkId};

/// A number, or the beginning of numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Number {
    /// Trunks that may call from it; none for one that is only called.
    pub calls_out: Vec<TrunkId>,
    /// Who answers calls to it, by the trunk they come over.
    pub answers: Vec<Answers>,
}

/// Who answers calls to a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answers {
    /// The trunk.
    pub trunk: TrunkId,
    /// The beginning of the called number that decides; none where the trunk has one assistant for all.
    pub digits: Option<String>,
    /// The assistant.
    pub assistant: AssistantId,
    /// Its name.
    pub name: String,
}

/// All numbers of an organisation, by their digits.
///
/// # Errors
/// When the database fails.
pub async fn all(tx: &mut Tx, org: OrgId) -> Result<BTreeMap<String, Number>, StoreError> {
    const BY_DIGITS: &str = "SELECT n.trunk_id, n.digits, n.assistant_id, a.name FROM trunk_inbound_number n \
                             JOIN trunk t ON t.id = n.trunk_id JOIN assistant a ON a.id = n.assistant_id WHERE t.org_id = $1";
    const OF_TRUNKS: &str = "SELECT t.id, t.inbound_assistant_id, a.name FROM trunk t \
                             JOIN assistant a ON a.id = t.inbound_assistant_id WHERE t.org_id = $1";
    let mut numbers: BTreeMap<String, Number> = BTreeMap::new();
    for (number, trunks) in caller_number::all(tx, org).await? {
        numbers.entry(number.digits().to_owned()).or_default().calls_out = trunks;
    }
    let mut by_digits: BTreeMap<TrunkId, Vec<Answers>> = BTreeMap::new();
    for row in tx.all(BY_DIGITS, args![org]).await? {
        let (trunk, digits): (TrunkId, String) = (row.get("trunk_id")?, row.get("digits")?);
        numbers.entry(digits.clone()).or_default();
        let (assistant, name) = (row.get("assistant_id")?, row.get("name")?);
        by_digits.entry(trunk).or_default().push(Answers { trunk, digits: Some(digits), assistant, name });
    }
    let mut of_trunks: BTreeMap<TrunkId, Answers> = BTreeMap::new();
    for row in tx.all(OF_TRUNKS, args![org]).await? {
        let (trunk, assistant) = (row.get("id")?, row.get("inbound_assistant_id")?);
        of_trunks.insert(trunk, Answers { trunk, digits: None, assistant, name: row.get("name")? });
    }
    for (digits, number) in &mut numbers {
        let own = number.calls_out.iter().copied();
        let named = by_digits.iter().filter(|(_, all)| all.iter().any(|answers| begins(answers, digits)));
        let trunks: BTreeSet<TrunkId> = own.chain(named.map(|(trunk, _)| *trunk)).collect();
        for trunk in trunks {
            let longest = by_digits.get(&trunk).into_iter().flatten().filter(|answers| begins(answers, digits));
            let longest = longest.max_by_key(|answers| answers.digits.as_ref().map(String::len));
            number.answers.extend(longest.or_else(|| of_trunks.get(&trunk)).cloned());
        }
    }
    Ok(numbers)
}

/// Whether these answer calls to that number.
fn begins(answers: &Answers, digits: &str) -> bool {
    answers.digits.as_ref().is_some_and(|beginning| digits.starts_with(beginning.as_str()))
}

/// The campaigns that call from a number, the newest first.
///
/// # Errors
/// When the database fails.
pub async fn campaigns(tx: &mut Tx, org: OrgId, number: &E164) -> Result<Vec<UsedBy>, StoreError> {
    const SQL: &str = "SELECT id, name, state FROM campaign WHERE org_id = $1 AND caller_id = $2 AND state <> $3 \
                       ORDER BY id DESC LIMIT $4";
    let rows = tx.all(SQL, args![org, number, CampaignState::Deleting, NAMED]).await?;
    rows.iter().map(|row| Ok(UsedBy { id: row.get("id")?, name: row.get("name")?, state: row.get("state")? })).collect()
}

/// How the organisation counts the dials of a day.
///
/// # Errors
/// [`StoreError::NotFound`], or when the database fails.
pub async fn day_rules(tx: &mut Tx, org: OrgId) -> Result<Option<CallerNumberRules>, StoreError> {
    Ok(policy::get(tx, org).await?.0.caller_numbers)
}

/// Dials from a number since then, counted up to `most`.
///
/// # Errors
/// When the database fails.
pub async fn dials_since(
    tx: &mut Tx,
    org: OrgId,
    number: &E164,
    since: Timestamp,
    most: u32,
) -> Result<u64, StoreError> {
    let sql = tx.pick(
        "SELECT COUNT(*) AS value FROM (SELECT 1 FROM attempt INDEXED BY attempt_caller_day \
         WHERE org_id = $1 AND caller_id = $2 AND claimed_at >= $3 AND state <> 'not_placed' LIMIT $4) AS dials",
        "SELECT COUNT(*) AS value FROM (SELECT 1 FROM attempt \
         WHERE org_id = $1 AND caller_id = $2 AND claimed_at >= $3 AND state <> 'not_placed' LIMIT $4) AS dials",
    );
    Ok(tx.value::<i64>(sql, args![org, number, since, most]).await?.unsigned_abs())
}
