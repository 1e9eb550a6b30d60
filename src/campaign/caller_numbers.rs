//! How many dials of a day one number to call from makes.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::campaign::settings::SettingFault;
use crate::campaign::zone::zone_named;

/// What holds for each number that campaigns call from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CallerNumberRules {
    /// Dials of a day from one number, all campaigns together; 1 to 10000.
    #[schema(minimum = 1, maximum = 10_000)]
    pub daily_dials: u32,
    /// Whose midnight the day begins at, an IANA name.
    #[serde(default = "utc")]
    pub time_zone: String,
}

fn utc() -> String {
    "UTC".to_owned()
}

impl CallerNumberRules {
    /// The most that can be allowed: a claim counts no further.
    const MOST: u32 = 10_000;

    /// When the day of this moment has begun, and when the next one begins.
    #[must_use]
    pub fn day(&self, at: Timestamp) -> (Timestamp, Option<Timestamp>) {
        let zone = zone_named(&self.time_zone).unwrap_or(jiff::tz::TimeZone::UTC);
        let date = zone.to_datetime(at).date();
        let begins = |day: Date| day.to_zoned(zone.clone()).ok().map(|begins| begins.timestamp());
        (begins(date).unwrap_or(at), date.tomorrow().ok().and_then(begins))
    }

    /// Checks the rules; what is wrong with them.
    #[must_use]
    pub fn faults(&self) -> Vec<SettingFault> {
        let mut faults = Vec::new();
        let mut add = |field: &str, fault: &str| {
            faults.push(SettingFault { field: field.to_owned(), fault: fault.to_owned() });
        };
        if !(1..=Self::MOST).contains(&self.daily_dials) {
            add("caller_numbers.daily_dials", "must be between 1 and 10000: leave caller_numbers out for no limit");
        }
        if zone_named(&self.time_zone).is_err() {
            add("caller_numbers.time_zone", "not a time zone: expected an IANA name such as Europe/Berlin");
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(zone: &str) -> CallerNumberRules {
        CallerNumberRules { daily_dials: 50, time_zone: zone.to_owned() }
    }

    #[test]
    fn a_day_goes_from_midnight_to_midnight_on_the_clock_of_the_zone() {
        let at = |text: &str| text.parse::<Timestamp>().expect("a time");
        let day = |zone, now| rules(zone).day(at(now));
        let (begins, ends) = day("Europe/Berlin", "2027-01-31T22:59:59Z");
        assert_eq!((begins, ends), (at("2027-01-30T23:00:00Z"), Some(at("2027-01-31T23:00:00Z"))));
        let (begins, ends) = day("Europe/Berlin", "2027-01-31T23:00:00Z");
        assert_eq!((begins, ends), (at("2027-01-31T23:00:00Z"), Some(at("2027-02-01T23:00:00Z"))));
        // The day on which clocks go forward has 23 hours.
        let (begins, ends) = day("Europe/Berlin", "2027-03-28T12:00:00Z");
        assert_eq!((begins, ends), (at("2027-03-27T23:00:00Z"), Some(at("2027-03-28T22:00:00Z"))));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        assert_eq!(rules("Asia/Tokyo").faults(), []);
        for (daily_dials, time_zone, field) in [
            (0, "UTC", "caller_numbers.daily_dials"),
            (10_001, "UTC", "caller_numbers.daily_dials"),
            (1, "Moon/Base", "caller_numbers.time_zone"),
        ] {
            let faults = CallerNumberRules { daily_dials, time_zone: time_zone.to_owned() }.faults();
            assert_eq!(faults.iter().map(|fault| fault.field.as_str()).collect::<Vec<_>>(), [field]);
        }
    }
}
