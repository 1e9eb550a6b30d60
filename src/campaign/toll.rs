//! Numbers that cost more than a call should: where toll fraud sends calls to.
//!
//! Short numbers, emergency numbers among them, are no E.164 numbers and never become an [`E164`].

use std::collections::BTreeSet;

use phonenumber::Type;
use phonenumber::metadata::DATABASE;

use crate::campaign::law::region::Region;
use crate::campaign::phone::E164;
use crate::campaign::states::BlockedReason;

/// Country codes of no country: global satellite and other international networks, universal personal numbers.
const NETWORKS: [&str; 5] = ["870", "878", "881", "882", "883"];
/// International premium rate, and a code for trials that carriers bill as they like.
const PREMIUM: [&str; 2] = ["979", "991"];

/// Why a number is refused whatever anybody allows: it is a premium-rate one, or one of a satellite or international
/// network.
#[must_use]
pub fn refused(number: &E164) -> Option<BlockedReason> {
    let digits = number.digits();
    let begins = |codes: &[&str]| codes.iter().any(|code| digits.starts_with(code));
    if begins(&NETWORKS) {
        return Some(BlockedReason::SatelliteNumber);
    }
    let premium =
        || phonenumber::parse(None, number.as_str()).is_ok_and(|read| read.number_type(&DATABASE) == Type::PremiumRate);
    (begins(&PREMIUM) || premium()).then_some(BlockedReason::PremiumNumber)
}

/// The country that a call to a number is billed as, two letters; none for numbers of no country.
#[must_use]
pub fn country(number: &E164) -> Option<&'static str> {
    let region = Region::of_number(number).map(Region::country);
    // What is left of North America has no country of its own, such as freephone.
    region.or_else(|| number.digits().starts_with('1').then_some("US"))
}

/// Whether a number lies in one of these countries.
#[must_use]
pub fn allowed(number: &E164, countries: &BTreeSet<String>) -> bool {
    country(number).is_some_and(|country| countries.contains(country))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::phone::PhoneError;

    fn number(text: &str) -> E164 {
        text.parse().expect("canonical")
    }

    #[test]
    fn what_nobody_should_call_is_refused() {
        for (text, want) in [
            ("+881612345678", Some(BlockedReason::SatelliteNumber)),
            ("+870773123456", Some(BlockedReason::SatelliteNumber)),
            ("+88213312345", Some(BlockedReason::SatelliteNumber)),
            ("+883510012345", Some(BlockedReason::SatelliteNumber)),
            ("+979123456789", Some(BlockedReason::PremiumNumber)),
            ("+499001123456", Some(BlockedReason::PremiumNumber)),
            ("+449098790123", Some(BlockedReason::PremiumNumber)),
            ("+19005550123", Some(BlockedReason::PremiumNumber)),
            ("+611900123456", Some(BlockedReason::PremiumNumber)),
            ("+4930901820", None),
            ("+442079460001", None),
            ("+12125550123", None),
            ("+33140205050", None),
        ] {
            assert_eq!(refused(&number(text)), want, "{text}");
        }
    }

    #[test]
    fn emergency_numbers_are_no_numbers_at_all() {
        for (text, country) in [("112", "DE"), ("110", "DE"), ("911", "US"), ("999", "GB"), ("000", "AU")] {
            assert_eq!(E164::parse(text, Some(country)), Err(PhoneError::Invalid), "{text}");
        }
        assert_eq!("+49112".parse::<E164>(), Err(PhoneError::Invalid));
        assert_eq!("+1911".parse::<E164>(), Err(PhoneError::Invalid));
    }

    #[test]
    fn a_country_is_told_by_the_number() {
        assert_eq!(country(&number("+13055550123")), Some("US"));
        assert_eq!(country(&number("+18005550123")), Some("US"));
        assert_eq!(country(&number("+18765550123")), Some("JM"), "the same country code, another bill");
        assert_eq!(country(&number("+99912345678")), None);
        let countries = BTreeSet::from(["DE".to_owned()]);
        assert!(allowed(&number("+4930901820"), &countries) && !allowed(&number("+431234567890"), &countries));
        assert!(!allowed(&number("+99912345678"), &countries), "of no country that anybody allows");
    }
}
