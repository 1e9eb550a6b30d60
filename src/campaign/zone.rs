//! Which clock a contact lives by.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use jiff::tz::TimeZone;

use crate::campaign::law::Rule;
use crate::campaign::phone::E164;
use crate::campaign::wire::wire_enum;

/// The zones a contact can be in: one when it is known, several when a number's prefix leaves the choice. With them go the
/// legal rules that hold on their clocks.
///
/// Calling hours hold in *all* of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Zones {
    zones: Arc<[TimeZone]>,
    source: ZoneSource,
    law: Arc<[&'static Rule]>,
}

/// Where the zones come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZoneSource {
    /// Given with the contact.
    Explicit,
    /// Told by the number's leading digits.
    Number,
    /// Assumed: the campaign's.
    Campaign,
}

wire_enum! {
    /// What tells the zone of a contact, before any campaign has a word in it.
    pub enum ZoneOrigin is "origin of a zone" {
        /// It was given with the contact.
        Given = "given",
        /// The number's leading digits tell it.
        Number = "number",
        /// Nothing does.
        None = "none",
    }
}

impl ZoneOrigin {
    /// What tells the zone of somebody with this zone and this first number.
    #[must_use]
    pub fn of(given: Option<&str>, number: Option<&E164>) -> Self {
        match (given, number) {
            (Some(_), _) => Self::Given,
            (None, Some(number)) if zones_of_number(number).is_some() => Self::Number,
            (None, _) => Self::None,
        }
    }
}

/// The name is not a zone of the IANA time zone database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a time zone: expected an IANA name such as Europe/Berlin")]
pub struct UnknownZone;

/// The zone of an IANA name, from the database that is built in.
///
/// # Errors
/// When there is no such zone.
pub fn zone_named(name: &str) -> Result<TimeZone, UnknownZone> {
    jiff::tz::db().get(name).map_err(|_| UnknownZone)
}

impl Zones {
    /// A contact's zones: those given, else those its number can have, else `fallback`.
    ///
    /// # Errors
    /// When the given name is no zone, or nothing tells the zone and there is no fallback.
    pub fn of_contact(explicit: Option<&str>, number: &E164, fallback: Option<&TimeZone>) -> Result<Self, UnknownZone> {
        if let Some(name) = explicit {
            return Ok(Self::one(zone_named(name)?, ZoneSource::Explicit));
        }
        if let Some(zones) = zones_of_number(number) {
            return Ok(Self { zones, source: ZoneSource::Number, law: Arc::default() });
        }
        fallback.map(|zone| Self::one(zone.clone(), ZoneSource::Campaign)).ok_or(UnknownZone)
    }

    /// One zone.
    #[must_use]
    pub fn one(zone: TimeZone, source: ZoneSource) -> Self {
        Self { zones: Arc::new([zone]), source, law: Arc::default() }
    }

    /// The same zones under these rules.
    #[must_use]
    pub fn under(self, law: Arc<[&'static Rule]>) -> Self {
        Self { law, ..self }
    }

    /// The legal rules that hold there.
    #[must_use]
    pub fn law(&self) -> &[&'static Rule] {
        &self.law
    }

    /// The zones; never empty.
    #[must_use]
    pub fn as_slice(&self) -> &[TimeZone] {
        &self.zones
    }

    /// Where they come from.
    #[must_use]
    pub const fn source(&self) -> ZoneSource {
        self.source
    }
}

/// The zones a number can be in by its longest known prefix; none for numbers bound to no place, such as freephone
/// numbers of all countries.
#[must_use]
pub fn zones_of_number(number: &E164) -> Option<Arc<[TimeZone]>> {
    let digits = number.digits();
    let longest = digits.len().min(PREFIXES.longest);
    (1..=longest).rev().find_map(|length| PREFIXES.zones.get(&digits[..length])).cloned()
}

struct Prefixes {
    zones: BTreeMap<&'static str, Arc<[TimeZone]>>,
    longest: usize,
}

static PREFIXES: LazyLock<Prefixes> = LazyLock::new(|| {
    let mut zones = BTreeMap::new();
    for line in include_str!("data/zones.txt").lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split(' ');
        let set: Arc<[TimeZone]> = words
            .next()
            .into_iter()
            .flat_map(|names| names.split(','))
            .filter_map(|name| zone_named(name).ok())
            .collect();
        zones.extend(words.map(|prefix| (prefix, Arc::clone(&set))));
    }
    let longest = zones.keys().map(|prefix| prefix.len()).max().unwrap_or(0);
    Prefixes { zones, longest }
});

#[cfg(test)]
mod tests {
    use super::*;

    fn names(number: &str) -> Vec<String> {
        let number = number.parse::<E164>().expect("canonical");
        zones_of_number(&number)
            .into_iter()
            .flat_map(|zones| zones.iter().filter_map(TimeZone::iana_name).map(str::to_owned).collect::<Vec<_>>())
            .collect()
    }

    #[test]
    fn every_zone_of_the_map_is_in_the_built_in_database() {
        for line in include_str!("data/zones.txt").lines().filter(|line| !line.starts_with('#')) {
            for name in line.split(' ').next().expect("a line has words").split(',') {
                assert!(zone_named(name).is_ok(), "{name}");
            }
        }
        assert!(PREFIXES.zones.values().all(|set| !set.is_empty()));
    }

    #[test]
    fn the_longest_prefix_decides() {
        assert_eq!(names("+4930901820"), ["Europe/Berlin"]);
        assert_eq!(names("+12125550123"), ["America/New_York"]);
        assert_eq!(names("+14155550123"), ["America/Los_Angeles"]);
        assert_eq!(names("+390236618300"), ["Europe/Rome"]);
        assert!(names("+15005550006").len() > 20, "an area code of no place leaves the whole country code");
        assert_eq!(names("+99912345678"), [""; 0]);
    }

    #[test]
    fn a_given_zone_wins_and_a_wrong_one_is_not_replaced_by_a_guess() {
        let number: E164 = "+4930901820".parse().expect("canonical");
        let fallback = zone_named("Asia/Tokyo").expect("exists");
        let given = Zones::of_contact(Some("America/Denver"), &number, Some(&fallback)).expect("exists");
        assert_eq!(given.source(), ZoneSource::Explicit);
        assert_eq!(Zones::of_contact(Some("Mars/Olympus"), &number, Some(&fallback)), Err(UnknownZone));
    }

    #[test]
    fn the_campaigns_zone_is_the_last_resort_unless_guessing_is_off() {
        let nowhere: E164 = "+99912345678".parse().expect("canonical");
        let fallback = zone_named("Asia/Tokyo").expect("exists");
        let zones = Zones::of_contact(None, &nowhere, Some(&fallback)).expect("falls back");
        assert_eq!((zones.source(), zones.as_slice()), (ZoneSource::Campaign, &[fallback][..]));
        assert_eq!(Zones::of_contact(None, &nowhere, None), Err(UnknownZone));
    }
}
