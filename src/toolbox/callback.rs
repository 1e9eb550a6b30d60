//! `schedule_callback`: another call at a time that is allowed.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use serde_json::{Value, json};

use super::Fault;
use crate::call::tools::ToolContext;
use crate::store::dialing::callback::{Arranged, arrange};
use crate::store::{Db, StoreError};

/// Arranges a callback at `at`, a date and time on the contact's own clock.
pub(super) async fn schedule(db: &Db, context: &ToolContext, arguments: &Value) -> Result<Value, Fault> {
    let Some((attempt, _)) = context.attempt else {
        return Err(Fault::new("callbacks can be arranged only in calls that a campaign made"));
    };
    let at = arguments
        .get("at")
        .and_then(Value::as_str)
        .and_then(wall_clock)
        .ok_or_else(|| Fault::new("`at` must be the callee's local date and time, such as 2026-03-14T15:30"))?;
    match arrange(db, attempt, at).await {
        Ok(Arranged::Agreed { at, zone }) => Ok(json!({ "scheduled_for": said(at, &zone) })),
        Ok(Arranged::NotThen { next: Some(next), zone }) => Ok(json!({
            "scheduled_for": null,
            "reason": "calls are not allowed at that time",
            "next_allowed": said(next, &zone),
        })),
        Ok(Arranged::NotThen { next: None, .. }) => {
            Ok(json!({ "scheduled_for": null, "reason": "no time is left for another call" }))
        }
        Err(StoreError::NotFound) => Err(Fault::new("this contact cannot be called back")),
        Err(error) => {
            tracing::warn!(call = %context.call, %error, "a callback is not written");
            Err(Fault::new("it could not be written down; try again"))
        }
    }
}

/// A date and time as models write them: with or without seconds, with a space, with an offset, which is left out
/// because the time is the contact's.
fn wall_clock(text: &str) -> Option<DateTime> {
    let text = text.trim();
    let plain: Result<DateTime, _> = text.trim_end_matches(['Z', 'z']).parse();
    plain.ok().or_else(|| text.parse::<Zoned>().ok().map(|zoned| zoned.datetime())).or_else(|| {
        let (date_time, _) = text.rsplit_once(['+', '-']).filter(|(head, _)| head.contains(':'))?;
        date_time.parse().ok()
    })
}

/// A moment on the contact's clock, with the day of the week so that it can be said.
fn said(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%A %Y-%m-%d %H:%M").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_however_they_are_written() {
        let expected: DateTime = "2026-03-14T15:30".parse().expect("a time");
        for text in [
            "2026-03-14T15:30",
            " 2026-03-14 15:30:00 ",
            "2026-03-14T15:30:00Z",
            "2026-03-14T15:30:00+01:00",
            "2026-03-14T15:30:00-05:00",
            "2026-03-14T15:30[Europe/Berlin]",
        ] {
            assert_eq!(wall_clock(text), Some(expected), "{text}");
        }
        for text in ["", "tomorrow", "2026-02-30T10:00", "15:30"] {
            assert_eq!(wall_clock(text), None, "{text}");
        }
    }

    #[test]
    fn a_time_is_said_on_the_contacts_clock() {
        let berlin = jiff::tz::db().get("Europe/Berlin").expect("it exists");
        assert_eq!(said("2026-06-11T12:00:00Z".parse().expect("a time"), &berlin), "Thursday 2026-06-11 14:00");
    }
}
