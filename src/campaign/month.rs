//! Calendar months, by UTC: what an organisation's minutes are counted by.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// When the next month begins.
#[must_use]
pub fn next_month(now: Timestamp) -> Option<Timestamp> {
    let first = now.to_zoned(TimeZone::UTC).date().last_of_month().tomorrow().ok()?;
    first.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_ends_with_its_last_day_in_utc() {
        let at = |text: &str| text.parse::<Timestamp>().expect("a timestamp");
        let first = at("2026-12-01T00:00:00Z");
        assert_eq!(next_month(at("2026-11-30T23:59:59.999999Z")), Some(first));
        assert_eq!(next_month(first), Some(at("2027-01-01T00:00:00Z")));
    }
}
