//! Which country, and in the USA which state, a telephone number belongs to.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use crate::campaign::phone::E164;

/// A country (`FR`, ISO 3166-1) or a part of one (`US-FL`, ISO 3166-2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region(&'static str);

impl Region {
    /// The region that the leading digits of a number tell; none for numbers of no country: satellite networks,
    /// international freephone, North American freephone.
    ///
    /// Numbers move with their owners: a mobile number says where it was given out, not where its owner is.
    #[must_use]
    pub fn of_number(number: &E164) -> Option<Self> {
        let digits = number.digits();
        let longest = digits.len().min(PREFIXES.longest);
        (1..=longest).rev().find_map(|length| PREFIXES.regions.get(&digits[..length])).copied()
    }

    /// The American state that a time zone lies in, where it lies in one alone.
    #[must_use]
    pub fn of_zone(zone: &str) -> Option<Self> {
        ONE_STATE.iter().find(|(prefix, _)| zone.starts_with(prefix)).map(|(_, state)| Self(state))
    }

    /// The country's two letters.
    #[must_use]
    pub fn country(self) -> &'static str {
        &self.0[..2]
    }

    /// The code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }

    /// Whether this is the region of that code or lies in it.
    #[must_use]
    pub fn lies_in(self, code: &str) -> bool {
        self.0 == code || self.country() == code
    }

    /// Whether some number belongs to a country of this code.
    #[must_use]
    pub fn is_country(code: &str) -> bool {
        code.len() == 2 && PREFIXES.regions.values().any(|region| region.country() == code)
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Zones of the IANA database, or what they begin with, that belong to one state.
const ONE_STATE: &[(&str, &str)] = &[
    ("America/Anchorage", "US-AK"),
    ("America/Boise", "US-ID"),
    ("America/Detroit", "US-MI"),
    ("America/Indiana/", "US-IN"),
    ("America/Juneau", "US-AK"),
    ("America/Kentucky/", "US-KY"),
    ("America/Menominee", "US-MI"),
    ("America/North_Dakota/", "US-ND"),
    ("America/Phoenix", "US-AZ"),
    ("Pacific/Honolulu", "US-HI"),
];

struct Prefixes {
    regions: BTreeMap<&'static str, Region>,
    longest: usize,
}

static PREFIXES: LazyLock<Prefixes> = LazyLock::new(|| {
    let mut regions = BTreeMap::new();
    for line in include_str!("../data/regions.txt").lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split(' ');
        if let Some(region) = words.next() {
            regions.extend(words.map(|prefix| (prefix, Region(region))));
        }
    }
    let longest = regions.keys().map(|prefix| prefix.len()).max().unwrap_or(0);
    Prefixes { regions, longest }
});

#[cfg(test)]
mod tests {
    use super::*;

    fn region(number: &str) -> Option<&'static str> {
        Region::of_number(&number.parse().expect("canonical")).map(Region::as_str)
    }

    #[test]
    fn the_longest_prefix_tells_the_country_and_the_state() {
        for (number, want) in [
            ("+4930901820", Some("DE")),
            ("+33140205050", Some("FR")),
            ("+442079460001", Some("GB")),
            ("+441481960194", Some("GG")),
            ("+13055550123", Some("US-FL")),
            ("+12035550123", Some("US-CT")),
            ("+17135550123", Some("US-TX")),
            ("+12025550123", Some("US-DC")),
            ("+14165550123", Some("CA")),
            ("+18765550123", Some("JM")),
            ("+17875550123", Some("PR")),
            ("+77172123456", Some("KZ")),
            ("+74951234567", Some("RU")),
            ("+18005550123", None),
            ("+881612345678", None),
        ] {
            assert_eq!(region(number), want, "{number}");
        }
        assert!(Region::is_country("FR") && Region::is_country("US"));
        assert!(!Region::is_country("XX") && !Region::is_country("US-FL"));
    }

    #[test]
    fn a_zone_of_one_state_tells_it() {
        assert_eq!(Region::of_zone("America/Indiana/Vincennes").map(Region::as_str), Some("US-IN"));
        assert_eq!(Region::of_zone("America/New_York"), None);
        let florida = Region("US-FL");
        assert!(florida.lies_in("US") && florida.lies_in("US-FL") && !florida.lies_in("US-TX"));
    }
}
