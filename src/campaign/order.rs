//! The order in which a campaign goes through its list.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::id::ContactId;

/// The order in which contacts of the same priority are called for the first time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "by", rename_all = "snake_case", deny_unknown_fields)]
pub enum ListOrder {
    /// As they came into the campaign.
    #[default]
    AsImported,
    /// Whoever came in last is first.
    NewestFirst,
    /// Shuffled. The same seed gives the same order.
    Random {
        /// Any number.
        seed: u32,
    },
    /// By one of the contact's variables: numbers and dates by their value, other text by its first letters. Contacts without
    /// it come last.
    Field {
        /// The variable's name.
        #[schema(min_length = 1, max_length = 100)]
        field: String,
        /// The highest first.
        #[serde(default)]
        descending: bool,
    },
}

/// What a place depends on.
#[derive(Clone, Copy, Debug)]
pub struct Entrant<'a> {
    /// When it came in; a higher number came later.
    pub seq: i64,
    /// Who it is.
    pub contact: ContactId,
    /// The value of the variable that [`ListOrder::field`] names.
    pub value: Option<&'a str>,
}

/// The place of those who have no value to be ordered by.
const LAST: i64 = 1 << 62;

impl ListOrder {
    /// Longest name of a variable.
    pub const MAX_FIELD: usize = 100;

    /// The variable that it goes by, if it goes by one.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Field { field, .. } => Some(field),
            Self::AsImported | Self::NewestFirst | Self::Random { .. } => None,
        }
    }

    /// Where a contact stands: lower is called first. Between -2^62 and 2^62.
    #[must_use]
    pub fn place(&self, entrant: Entrant<'_>) -> i64 {
        match self {
            Self::AsImported => entrant.seq.clamp(-LAST, LAST),
            Self::NewestFirst => entrant.seq.clamp(-LAST, LAST).saturating_neg(),
            Self::Random { seed } => shuffled(*seed, entrant.contact),
            Self::Field { descending, .. } => match entrant.value.map(str::trim).filter(|text| !text.is_empty()) {
                None => LAST,
                Some(text) if *descending => LAST - 1 - rank(text),
                Some(text) => rank(text),
            },
        }
    }
}

/// A number below [`LAST`] that looks random (the finaliser of splitmix64, once for each half of the id).
fn shuffled(seed: u32, contact: ContactId) -> i64 {
    let id = u128::from_be_bytes(*contact.as_bytes());
    let mut mixed = u64::from(seed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for half in [id >> 64, id & u128::from(u64::MAX)] {
        mixed ^= u64::try_from(half).expect("half of an id has 64 bits");
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
    }
    i64::try_from(mixed >> 2).expect("62 bits")
}

/// Orders texts: numbers and dates by their value, and after them other text by its first seven bytes in lower case. Below
/// [`LAST`].
fn rank(text: &str) -> i64 {
    match number(text) {
        // The bits of floating-point numbers are ordered as the numbers are, those of negative ones backwards.
        Some(number) => {
            let bits = number.to_bits();
            let ordered = if bits >> 63 == 1 { !bits } else { bits | 1 << 63 };
            i64::try_from(ordered >> 3).expect("61 bits")
        }
        None => {
            let lower = text.to_lowercase();
            let mut first = [0; 8];
            for (to, byte) in first[1..].iter_mut().zip(lower.bytes()) {
                *to = byte;
            }
            (1 << 61) + i64::from_be_bytes(first)
        }
    }
}

fn number(text: &str) -> Option<f64> {
    if let Ok(number) = text.parse::<f64>() {
        return number.is_finite().then_some(number);
    }
    let seconds = match (text.parse::<Timestamp>(), text.parse::<Date>()) {
        (Ok(moment), _) => moment.as_second(),
        (Err(_), Ok(date)) => date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second(),
        (Err(_), Err(_)) => return None,
    };
    #[expect(clippy::cast_precision_loss, reason = "seconds of a year that dates know are far below 2^52")]
    Some(seconds as f64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn by_field(value: Option<&str>, descending: bool) -> i64 {
        let order = ListOrder::Field { field: "score".to_owned(), descending };
        order.place(Entrant { seq: 1, contact: ContactId::from_u128(1), value })
    }

    #[test]
    fn a_list_goes_as_it_came_in_or_the_other_way_round() {
        let place =
            |order: &ListOrder, seq| order.place(Entrant { seq, contact: ContactId::from_u128(7), value: None });
        assert!(place(&ListOrder::AsImported, 10) < place(&ListOrder::AsImported, 11));
        assert!(place(&ListOrder::NewestFirst, 10) > place(&ListOrder::NewestFirst, 11));
    }

    #[test]
    fn a_field_orders_numbers_dates_and_words() {
        for rising in [
            &["-1e9", "-12.5", "-0.1", "0", "3", "12", "100.5", "1e12", "Berlin", "Bremen", "köln"][..],
            &["1999-12-31", "2026-11-20", "2026-11-21", "2027-01-01"],
            &["2026-11-21T08:00:00Z", "2026-11-21T08:00:01Z"],
        ] {
            for pair in rising.windows(2) {
                let (first, second) = (Some(pair[0]), Some(pair[1]));
                assert!(by_field(first, false) < by_field(second, false), "{pair:?}");
                assert!(by_field(first, true) > by_field(second, true), "{pair:?} descending");
                assert!(by_field(second, false) < by_field(None, false), "none is last");
                assert!(by_field(first, true) < by_field(Some(" "), true), "none is last, also descending");
            }
        }
        assert_eq!(by_field(Some("anna"), false), by_field(Some(" ANNA "), false));
    }

    #[test]
    fn a_seed_gives_one_order_and_another_seed_another() {
        let order = |seed| {
            let order = ListOrder::Random { seed };
            let mut ids: Vec<u128> = (0..1000).collect();
            ids.sort_by_key(|id| {
                order.place(Entrant { seq: 0, contact: ContactId::from_u128(*id << 64 | *id), value: None })
            });
            ids
        };
        assert_eq!(order(7), order(7));
        assert_ne!(order(7), order(8));
        // Neighbours are spread: of the first hundred in the list about ten are among the first hundred in order.
        let early = order(7)[..100].iter().filter(|id| **id < 100).count();
        assert!((2..=25).contains(&early), "{early}");
    }

    proptest! {
        #[test]
        fn places_stay_in_their_range(text in ".{0,20}", seq: i64, seed: u32, id: u128, descending: bool) {
            let field = ListOrder::Field { field: "f".to_owned(), descending };
            for order in [ListOrder::AsImported, ListOrder::NewestFirst, ListOrder::Random { seed }, field] {
                let place = order.place(Entrant { seq, contact: ContactId::from_u128(id), value: Some(&text) });
                prop_assert!((-LAST..=LAST).contains(&place), "{order:?}: {place}");
            }
        }
    }
}
