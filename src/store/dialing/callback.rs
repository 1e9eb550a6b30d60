//! Callbacks that a contact asks for during a call.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::terms::Book;
use crate::args;
use crate::campaign::phone::E164;
use crate::campaign::zone::Zones;
use crate::dialer::gate::Rules;
use crate::id::{AttemptId, CampaignId};
use crate::pii::Pii;
use crate::store::{Db, StoreError};

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
    const CONTACT: &str = "SELECT a.campaign_id, c.phone, c.zone FROM attempt a JOIN contact c ON c.id = a.contact_id \
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
    let (arranged, at) = judge(&ready.rules, &zones, wanted, now);
    if let Some(at) = at {
        let sql = "UPDATE attempt SET callback_at = $2 WHERE id = $1 AND ended_at IS NULL";
        if tx.execute(sql, args![attempt, at]).await? == 0 {
            return Err(StoreError::NotFound);
        }
        tx.commit().await?;
    }
    Ok(arranged)
}

/// Whether a wish can be met, and the moment to keep when it can.
fn judge(rules: &Rules, zones: &Zones, wanted: DateTime, now: Timestamp) -> (Arranged, Option<Timestamp>) {
    // Where several zones are possible the hours hold in all of them; times are read on the first.
    let zone = zones.as_slice().first().cloned().unwrap_or(TimeZone::UTC);
    let wish = zone.to_ambiguous_zoned(wanted).compatible().map(|zoned| zoned.timestamp());
    let soonest = now + SOONEST;
    let asked = wish.ok().filter(|wish| *wish >= soonest);
    let first = rules.opening(zones, asked.unwrap_or(soonest)).ok().map(|(from, _)| from);
    match (asked, first) {
        (Some(asked), Some(first)) if asked == first => (Arranged::Agreed { at: asked, zone }, Some(asked)),
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
        judge(&rules, &zones, wanted.parse().expect("a date and time"), at(now))
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
