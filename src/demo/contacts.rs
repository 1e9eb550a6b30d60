//! Who is called in the demonstration: made-up people, each with a persona, in zones where it is day.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// One made-up person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemoContact {
    /// A name.
    pub name: String,
    /// A number of the range that the United Kingdom keeps free for drama, so that it belongs to nobody.
    pub phone: String,
    /// IANA name of the zone the person lives in.
    pub zone: &'static str,
    /// How the simulated callee behaves.
    pub persona: &'static str,
}

/// How many of each persona a full demonstration calls: forty together.
const FULL: &[(&str, usize)] = &[
    ("says_yes", 8),
    ("says_no", 6),
    ("chooses", 4),
    ("mumbles", 3),
    ("interrupts", 3),
    ("presses", 3),
    ("strays", 2),
    ("busy", 2),
    ("hangs_up", 1),
    ("silent", 1),
    ("no_answer", 1),
    ("declines", 1),
    ("invalid", 1),
    ("spam", 1),
    ("voicemail", 1),
    ("unavailable", 1),
    ("drops", 1),
];

/// The short form: ten people, nobody who has to be called again.
const SHORT: &[(&str, usize)] = &[
    ("says_yes", 2),
    ("says_no", 2),
    ("chooses", 1),
    ("mumbles", 1),
    ("presses", 1),
    ("voicemail", 1),
    ("declines", 1),
    ("invalid", 1),
];

const FIRST_NAMES: &[&str] = &["Ada", "Ben", "Clara", "David", "Eve", "Frank", "Grace", "Henry", "Ida", "Jonas"];
const LAST_NAMES: &[&str] = &["Adler", "Brook", "Castle", "Dale"];

/// Zones around the earth; at any hour it is day in some of them.
const ZONES: &[&str] = &[
    "Pacific/Auckland",
    "Australia/Sydney",
    "Asia/Tokyo",
    "Asia/Singapore",
    "Asia/Kolkata",
    "Asia/Dubai",
    "Africa/Nairobi",
    "Europe/Berlin",
    "Europe/London",
    "Atlantic/Azores",
    "America/Sao_Paulo",
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "Pacific/Honolulu",
];

/// The people of a demonstration that begins at `now`, personas mixed evenly over the order.
#[must_use]
pub fn people(now: Timestamp, short: bool) -> Vec<DemoContact> {
    let zones = zones_with_day(now);
    spread(if short { SHORT } else { FULL })
        .into_iter()
        .enumerate()
        .map(|(i, persona)| DemoContact {
            name: format!(
                "{} {}",
                FIRST_NAMES[i % FIRST_NAMES.len()],
                LAST_NAMES[i / FIRST_NAMES.len() % LAST_NAMES.len()]
            ),
            phone: format!("+44207946{i:04}"),
            zone: zones[i % zones.len()],
            persona,
        })
        .collect()
}

/// Zones in which it is between nine and half past six, so that a demonstration cannot run out of the day.
fn zones_with_day(now: Timestamp) -> Vec<&'static str> {
    let is_day = |zone: &&&str| {
        TimeZone::get(zone).is_ok_and(|tz| {
            let local = now.to_zoned(tz);
            let minute = i32::from(local.hour()) * 60 + i32::from(local.minute());
            (9 * 60..18 * 60 + 30).contains(&minute)
        })
    };
    ZONES.iter().filter(is_day).copied().collect()
}

/// Interleaves personas so that no kind comes in a row: each is placed at even distances over the whole.
fn spread(mix: &[(&'static str, usize)]) -> Vec<&'static str> {
    let mut placed: Vec<(usize, usize, &'static str)> = Vec::new();
    for (rank, (persona, count)) in mix.iter().enumerate() {
        placed.extend((0..*count).map(|i| ((2 * i + 1) * 10_000 / (2 * count), rank, *persona)));
    }
    placed.sort_unstable();
    placed.into_iter().map(|(_, _, persona)| persona).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn it_is_day_somewhere_at_every_hour_of_the_year() {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a timestamp");
        for hour in 0..365 * 24 {
            let now = start + jiff::SignedDuration::from_hours(hour);
            assert!(zones_with_day(now).len() >= 3, "only {:?} at {now}", zones_with_day(now));
        }
    }

    #[test]
    fn forty_people_with_forty_numbers() {
        let now: Timestamp = "2026-06-01T12:00:00Z".parse().expect("a timestamp");
        let people = people(now, false);
        let numbers: BTreeSet<_> = people.iter().map(|person| &person.phone).collect();
        let names: BTreeSet<_> = people.iter().map(|person| &person.name).collect();
        assert_eq!((people.len(), numbers.len(), names.len()), (40, 40, 40));
        assert_eq!(people.iter().filter(|person| person.persona == "says_yes").count(), 8);
        assert_eq!(super::people(now, true).len(), 10);
    }
}
