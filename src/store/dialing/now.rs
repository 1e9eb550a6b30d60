//! A call that a person wants at once: through the same gate and under the same limits as every other.

use jiff::Timestamp;
use serde_json::json;

use super::NOW_RANK;
use super::numbers;
use super::terms::Book;
use crate::args;
use crate::campaign::phone::E164;
use crate::campaign::settings::AlternateNumbers;
use crate::campaign::states::{BlockedReason, CampaignState, TargetState};
use crate::campaign::target::{NotPossible, TargetEvent};
use crate::dialer::gate::{Candidate, ContactNumber, DeferReason, Gate, Rules, SameNumber, check};
use crate::dialer::numbers::{gate_rank, pick};
use crate::id::{CampaignId, ContactId, OrgId, SuppressionListId, TargetId};
use crate::pii::Pii;
use crate::store::audit::{self, Actor};
use crate::store::consent::consents;
use crate::store::suppression::SuppressionSource;
use crate::store::suppression_list::listed;
use crate::store::{StoreError, Tx, Wake};

/// What came of the wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallNow {
    /// They are next: dialed as soon as the limits have room.
    Next(TargetId),
    /// The gate says no.
    Refused(BlockedReason),
    /// Not now, but from then on.
    NotBefore(Timestamp, DeferReason),
    /// No allowed time is left for them.
    Expired,
    /// The campaign does not dial.
    NotInProgress(CampaignState),
    /// The target's state does not allow it.
    NotPossible(NotPossible),
}

/// Puts a contact of a campaign before everybody else, if the gate lets it be called now. Whoever had come to rest begins
/// a new round.
///
/// # Errors
/// [`StoreError::NotFound`] when the contact is not in the campaign, or when the database fails.
pub async fn call_now(
    tx: &mut Tx,
    org: OrgId,
    actor: &Actor,
    campaign: CampaignId,
    contact: ContactId,
) -> Result<CallNow, StoreError> {
    let sql = tx.pick(
        concat!(
            "SELECT t.id, t.status, t.dials, t.number, c.further_phones, COALESCE(p.phone, c.phone) AS phone, \
             COALESCE(p.zone, c.zone) AS zone, s.source, ",
            listed!("COALESCE(p.phone_hash, c.phone_hash)", "t.org_id", "t.campaign_id"),
            " AS list, ",
            consents!("COALESCE(p.phone_hash, c.phone_hash)", "t.org_id", "$4"),
            " AS consents FROM target t JOIN contact c ON c.id = t.contact_id \
             LEFT JOIN further_phone p ON p.contact_id = t.contact_id AND p.ordinal = t.number \
             LEFT JOIN suppression s ON s.org_id = t.org_id AND s.phone_hash = COALESCE(p.phone_hash, c.phone_hash) \
             WHERE t.org_id = $1 AND t.campaign_id = $2 AND t.contact_id = $3"
        ),
        concat!(
            "SELECT t.id, t.status, t.dials, t.number, c.further_phones, COALESCE(p.phone, c.phone) AS phone, \
             COALESCE(p.zone, c.zone) AS zone, s.source, ",
            listed!("COALESCE(p.phone_hash, c.phone_hash)", "t.org_id", "t.campaign_id"),
            " AS list, ",
            consents!("COALESCE(p.phone_hash, c.phone_hash)", "t.org_id", "$4"),
            " AS consents FROM target t JOIN contact c ON c.id = t.contact_id \
             LEFT JOIN further_phone p ON p.contact_id = t.contact_id AND p.ordinal = t.number \
             LEFT JOIN suppression s ON s.org_id = t.org_id AND s.phone_hash = COALESCE(p.phone_hash, c.phone_hash) \
             WHERE t.org_id = $1 AND t.campaign_id = $2 AND t.contact_id = $3 FOR UPDATE OF t"
        ),
    );
    let now = tx.now().await?;
    let row = tx.one(sql, args![org, campaign, contact, now]).await?;
    let (id, state): (TargetId, TargetState) = (row.get("id")?, row.get("status")?);
    let ready = Book::default().ready(tx, campaign).await?;
    if ready.rules.state != CampaignState::InProgress {
        return Ok(CallNow::NotInProgress(ready.rules.state));
    }
    let to = match TargetEvent::CallNow.apply(state) {
        Ok(to) => to,
        Err(refused) => return Ok(CallNow::NotPossible(refused)),
    };
    let phone: Option<Pii<E164>> = row.get("phone")?;
    let source: Option<SuppressionSource> = row.get("source")?;
    let list: Option<SuppressionListId> = row.get("list")?;
    let candidate = Candidate {
        number: phone.map_or(ContactNumber::Missing, ContactNumber::Valid),
        zone: row.get("zone")?,
        suppression: SuppressionSource::strongest(source, list.is_some()),
        consent: row.get::<i64>("consents")? > 0,
        callback_at: None,
        dials: row.get("dials")?,
        // Other calls of the number are looked at by the claim.
        same_number: SameNumber::default(),
    };
    let mut gate = check(now, &ready.rules, &candidate);
    let policy = ready.rules.settings.alternate_numbers;
    let several = row.get::<i64>("further_phones")? > 0 && policy != AlternateNumbers::Off;
    if several && !matches!(gate, Gate::Open { .. }) {
        gate = any_number(tx, &ready.rules, &candidate, (id, contact), now).await?.unwrap_or(gate);
    }
    match gate {
        Gate::Open { .. } => {}
        Gate::Block(reason) => return Ok(CallNow::Refused(reason)),
        Gate::Defer { next_at, held } => return Ok(CallNow::NotBefore(next_at, held.why)),
        Gate::Expire | Gate::CallbackMissed => return Ok(CallNow::Expired),
    }
    let anew = matches!(state, TargetState::Done | TargetState::Failed);
    let sql = "UPDATE target SET status = $2, next_at = $3, priority = base_priority + $4, turn = 0, callback_at = NULL, \
               callback_asked_at = NULL, callback_missed_at = NULL, held_by = NULL, round = round + $5, \
               dials = CASE WHEN $5 = 0 THEN dials ELSE 0 END, \
               number = CASE WHEN $5 = 0 THEN number ELSE 0 END, \
               run_seq = CASE WHEN $5 = 0 THEN run_seq ELSE $6 END, updated_at = $3 WHERE id = $1";
    tx.execute(sql, args![id, to, now, NOW_RANK, i64::from(anew), ready.round_no()]).await?;
    let detail = json!({ "campaign": campaign, "from": state });
    audit::write(tx, org, actor, "target.call_now", ("target", id.to_string()), detail).await?;
    tx.wake(Wake::Targets(campaign));
    Ok(CallNow::Next(id))
}

/// What the gate says of the number that may be called now, or may be first, among all that the contact has.
async fn any_number(
    tx: &mut Tx,
    rules: &Rules,
    like: &Candidate,
    (target, contact): (TargetId, ContactId),
    now: Timestamp,
) -> Result<Option<Gate>, StoreError> {
    let mut found = Vec::new();
    for number in numbers::all(tx, target, contact, now).await? {
        let candidate = Candidate { same_number: SameNumber::default(), ..number.candidate(like) };
        found.push((number.line, check(now, rules, &candidate)));
    }
    let ranks: Vec<_> = found.iter().map(|(line, gate)| (*line, gate_rank(gate))).collect();
    Ok(pick(&ranks).map(|at| found[at].1))
}
