//! Callbacks: those that a contact asks for during a call, and those that a person arranges.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::json;

use super::terms::{Book, Ready};
use crate::args;
use crate::campaign::phone::E164;
use crate::campaign::rounds::OutsideHours;
use crate::campaign::states::TargetState;
use crate::campaign::target::{NotPossible, TargetEvent};
use crate::campaign::zone::Zones;
use crate::dialer::gate::Rules;
use crate::dialer::retry::planned;
use crate::id::{AttemptId, CampaignId, OrgId, TargetId};
use crate::pii::Pii;
use crate::store::audit::{self, Actor};
use crate::store::{Db, StoreError, Tx, Wake};

/// No callback sooner than this: the call it is asked in has to end first.
const SOONEST: Duration = Duration::from_secs(120);

/// What came of a wish.
#[derive(Clone, Debug, PartialEq)]
pub enum Arranged {
    /// They will be called then, or within minutes after.
    Agreed {
        /// The moment.
        at: Timestamp,
        /// The contact's clock.
        zone: TimeZone,
    },
    /// That moment is not allowed or has passed; this is the first allowed one after it. Nothing is arranged yet.
    NotThen {
        /// The next allowed moment; `None` when none is left in the campaign.
        next: Option<Timestamp>,
        /// The contact's clock.
        zone: TimeZone,
    },
}

/// Arranges a callback for the contact of a call that is going on, at a time on the contact's own clock. What was
/// arranged before in the same call is replaced.
///
/// # Errors
/// [`StoreError::NotFound`] when the call's attempt is over, or when the database fails.
pub async fn arrange(db: &Db, attempt: AttemptId, wanted: DateTime) -> Result<Arranged, StoreError> {
    const CONTACT: &str = "SELECT a.campaign_id, a.target_id, a.round, t.run_seq, COALESCE(a.phone, c.phone) AS phone, \
                           COALESCE(p.zone, c.zone) AS zone FROM attempt a \
                           JOIN contact c ON c.id = a.contact_id JOIN target t ON t.id = a.target_id \
                           LEFT JOIN further_phone p ON p.contact_id = a.contact_id AND p.phone_hash = a.phone_hash \
                           WHERE a.id = $1 AND a.ended_at IS NULL";
    // Whoever was promised a call gets it, also when the power fails.
    let mut tx = db.begin_durable().await?;
    let row = tx.one(CONTACT, args![attempt]).await?;
    let (campaign, zone): (CampaignId, Option<String>) = (row.get("campaign_id")?, row.get("zone")?);
    let phone: Option<Pii<E164>> = row.get("phone")?;
    let ready = Book::default().ready(&mut tx, campaign).await?;
    let phone = phone.as_ref().map(Pii::expose);
    let zones = phone.and_then(|phone| ready.rules.zones(zone.as_deref(), phone)).ok_or(StoreError::NotFound)?;
    let now = tx.now().await?;
    let (target, round, run_seq): (TargetId, u32, i64) =
        (row.get("target_id")?, row.get("round")?, row.get("run_seq")?);
    if !takes(&mut tx, &ready, target, round, run_seq, Some(attempt)).await? {
        let zone = zones.as_slice().first().cloned().unwrap_or(TimeZone::UTC);
        return Ok(Arranged::NotThen { next: None, zone });
    }
    let outside = ready.run_of(run_seq).map_or(OutsideHours::Ask, |run| run.callbacks.outside_hours);
    let (arranged, at) = judge(&ready.rules, &zones, wanted, now, outside);
    if let Some(at) = at {
        let sql = "UPDATE attempt SET callback_at = $2 WHERE id = $1 AND ended_at IS NULL";
        if tx.execute(sql, args![attempt, at]).await? == 0 {
            return Err(StoreError::NotFound);
        }
        tx.commit().await?;
    }
    Ok(arranged)
}

/// What came of a person's arranging a callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Set {
    /// They will be called then: at the wished moment, or at the next opening of their hours.
    At(Timestamp),
    /// The moment has passed.
    Past,
    /// No allowed time is left after it.
    NoTime,
    /// The target's state does not allow it.
    NotPossible(NotPossible),
}

/// Arranges a callback for a person of the organisation, or moves one. Whoever had come to rest begins a new round.
///
/// # Errors
/// [`StoreError::NotFound`] when the target is not the organisation's, or when the database fails.
pub async fn set(tx: &mut Tx, org: OrgId, actor: &Actor, id: TargetId, wish: Timestamp) -> Result<Set, StoreError> {
    let row = tx.one(locked(tx), args![org, id]).await?;
    let (campaign, state): (CampaignId, TargetState) = (row.get("campaign_id")?, row.get("status")?);
    let (phone, zone): (Option<Pii<E164>>, Option<String>) = (row.get("phone")?, row.get("zone")?);
    let ready = Book::default().ready(tx, campaign).await?;
    let now = tx.now().await?;
    let to = match TargetEvent::SetCallback.apply(state) {
        Ok(to) => to,
        Err(refused) => return Ok(Set::NotPossible(refused)),
    };
    if wish <= now {
        return Ok(Set::Past);
    }
    let zones = phone.as_ref().and_then(|phone| ready.rules.zones(zone.as_deref(), phone.expose()));
    let Some(at) = planned(&ready.rules, zones.as_ref(), wish) else { return Ok(Set::NoTime) };
    let anew = matches!(state, TargetState::Done | TargetState::Failed);
    let sql = "UPDATE target SET status = $2, callback_at = $3, callback_asked_at = $4, callback_missed_at = NULL, \
               priority = base_priority, round = round + $5, dials = CASE WHEN $5 = 0 THEN dials ELSE 0 END, \
               run_seq = CASE WHEN $5 = 0 THEN run_seq ELSE $6 END, updated_at = $7 WHERE id = $1";
    tx.execute(sql, args![id, to, at, wish, i64::from(anew), ready.round_no(), now]).await?;
    let detail = json!({ "campaign": campaign, "from": state, "asked": wish, "planned": at });
    audit::write(tx, org, actor, "target.callback_set", ("target", id.to_string()), detail).await?;
    tx.wake(Wake::Targets(campaign));
    Ok(Set::At(at))
}

/// Calls a callback off: the contact waits as it did before.
///
/// # Errors
/// As [`set`]. The inner error when there is no callback.
pub async fn drop_it(
    tx: &mut Tx,
    org: OrgId,
    actor: &Actor,
    id: TargetId,
) -> Result<Result<(), NotPossible>, StoreError> {
    let row = tx.one(locked(tx), args![org, id]).await?;
    let (campaign, state): (CampaignId, TargetState) = (row.get("campaign_id")?, row.get("status")?);
    let to = match TargetEvent::DropCallback.apply(state) {
        Ok(to) => to,
        Err(refused) => return Ok(Err(refused)),
    };
    let now = tx.now().await?;
    let sql = "UPDATE target SET status = $2, callback_at = NULL, callback_asked_at = NULL, next_at = $3, \
               opens_at = CASE WHEN opens_at IS NULL THEN NULL ELSE 0 END, updated_at = $3 WHERE id = $1";
    tx.execute(sql, args![id, to, now]).await?;
    let detail = json!({ "campaign": campaign });
    audit::write(tx, org, actor, "target.callback_dropped", ("target", id.to_string()), detail).await?;
    tx.wake(Wake::Targets(campaign));
    Ok(Ok(()))
}

fn locked(tx: &Tx) -> &'static str {
    tx.pick(
        "SELECT t.campaign_id, t.status, COALESCE(p.phone, c.phone) AS phone, COALESCE(p.zone, c.zone) AS zone FROM target t \
         JOIN contact c ON c.id = t.contact_id \
         LEFT JOIN further_phone p ON p.contact_id = t.contact_id AND p.ordinal = t.number \
         WHERE t.org_id = $1 AND t.id = $2",
        "SELECT t.campaign_id, t.status, COALESCE(p.phone, c.phone) AS phone, COALESCE(p.zone, c.zone) AS zone FROM target t \
         JOIN contact c ON c.id = t.contact_id \
         LEFT JOIN further_phone p ON p.contact_id = t.contact_id AND p.ordinal = t.number \
         WHERE t.org_id = $1 AND t.id = $2 FOR UPDATE OF t",
    )
}

/// Whether the run of a round takes another callback of a target, besides the one of this attempt.
pub(super) async fn takes(
    tx: &mut Tx,
    ready: &Ready,
    target: TargetId,
    round: u32,
    run_seq: i64,
    besides: Option<AttemptId>,
) -> Result<bool, StoreError> {
    const SQL: &str = "SELECT COUNT(*) AS value FROM attempt WHERE target_id = $1 AND round = $2 \
                       AND callback_at IS NOT NULL AND ($3 IS NULL OR id <> $3)";
    let Some(rules) = ready.run_of(run_seq).map(|run| run.callbacks) else { return Ok(true) };
    let Some(most) = rules.max_per_contact.filter(|_| rules.enabled) else { return Ok(rules.enabled) };
    let arranged: i64 = tx.value(SQL, args![target, round, besides]).await?;
    Ok(arranged < i64::from(most))
}

/// Whether a wish can be met, and the moment to keep when it can.
fn judge(
    rules: &Rules,
    zones: &Zones,
    wanted: DateTime,
    now: Timestamp,
    outside: OutsideHours,
) -> (Arranged, Option<Timestamp>) {
    // Where several zones are possible the hours hold in all of them; times are read on the first.
    let zone = zones.as_slice().first().cloned().unwrap_or(TimeZone::UTC);
    let wish = zone.to_ambiguous_zoned(wanted).compatible().map(|zoned| zoned.timestamp());
    let soonest = now + SOONEST;
    let asked = wish.ok().filter(|wish| *wish >= soonest);
    let first = rules.opening(zones, asked.unwrap_or(soonest)).ok().map(|(from, _)| from);
    match (asked, first) {
        (Some(asked), Some(first)) if asked == first => (Arranged::Agreed { at: asked, zone }, Some(asked)),
        (Some(_), Some(first)) if outside == OutsideHours::Move => (Arranged::Agreed { at: first, zone }, Some(first)),
        (_, next) => (Arranged::NotThen { next, zone }, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::run::Schedule;
    use crate::campaign::settings::{Settings, TzMode};
    use crate::campaign::states::CampaignState;
    use crate::campaign::zone::{ZoneSource, zone_named};
    use crate::dialer::calling_hours::CallingHours;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a timestamp")
    }

    /// Berlin, 8 to 21 every day until the end of June.
    fn ask(wanted: &str, now: &str) -> (Arranged, Option<Timestamp>) {
        let schedule = Schedule {
            time_zone: "Europe/Berlin".to_owned(),
            period_end: Some(jiff::civil::date(2026, 6, 30)),
            ..Schedule::default()
        };
        let hours = CallingHours::new(&schedule, TzMode::ContactLocal).expect("zone exists");
        let rules = Rules { state: CampaignState::InProgress, settings: Settings::default(), hours };
        let zones = Zones::one(zone_named("Europe/Berlin").expect("it exists"), ZoneSource::Explicit);
        judge(&rules, &zones, wanted.parse().expect("a date and time"), at(now), OutsideHours::Ask)
    }

    fn next(arranged: Arranged) -> Option<Timestamp> {
        match arranged {
            Arranged::NotThen { next, .. } => next,
            Arranged::Agreed { .. } => panic!("nothing was to be agreed"),
        }
    }

    const NOW: &str = "2026-06-10T10:00:00Z";

    #[test]
    fn an_allowed_time_on_the_contacts_clock_is_agreed() {
        let (arranged, kept) = ask("2026-06-11T14:00", NOW);
        assert_eq!(kept, Some(at("2026-06-11T12:00:00Z")));
        assert!(matches!(arranged, Arranged::Agreed { at: agreed, .. } if Some(agreed) == kept));
    }

    #[test]
    fn what_is_not_allowed_is_answered_with_the_next_time_that_is() {
        let night = ask("2026-06-11T23:00", NOW);
        assert_eq!((next(night.0), night.1), (Some(at("2026-06-12T06:00:00Z")), None));
        let past = ask("2026-06-09T14:00", NOW);
        assert_eq!((next(past.0), past.1), (Some(at("2026-06-10T10:02:00Z")), None));
        let too_soon = ask("2026-06-10T12:01", NOW);
        assert_eq!(next(too_soon.0), Some(at("2026-06-10T10:02:00Z")));
        let after_the_end = ask("2026-07-03T14:00", NOW);
        assert_eq!((next(after_the_end.0), after_the_end.1), (None, None));
    }
}
