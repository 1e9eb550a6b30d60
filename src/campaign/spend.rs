//! What calls cost, and how much an organisation lets them cost in a day.
//!
//! A call reserves what it may cost at most, from its claim until it is over; then what it came to takes that place. So the
//! cap holds at every moment, whatever dies: a call whose end is never known keeps its reservation.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::campaign::phone::E164;
use crate::campaign::settings::SettingFault;
use crate::campaign::zone::zone_named;
use crate::id::TrunkId;

/// How much calls may cost in a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SpendRules {
    /// The most that the calls of a day may cost, in millionths of the currency of the rates.
    pub daily_cap: u64,
    /// Whose midnight the day begins at, an IANA name.
    #[serde(default = "utc")]
    pub time_zone: String,
    /// What a minute costs, by prefix; at most 2000.
    pub rates: Vec<Rate>,
}

fn utc() -> String {
    "UTC".to_owned()
}

/// What a minute to numbers of a prefix costs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Leading digits after the `+`; the longest that fits counts.
    #[schema(examples("49", "4915"))]
    pub prefix: String,
    /// The trunk that it is the rate of; every trunk's when it is left out, unless that one has a rate of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trunk_id: Option<TrunkId>,
    /// In millionths of the currency; minutes that have begun count.
    pub per_minute: u64,
}

impl SpendRules {
    /// Most rates.
    pub const MAX_RATES: usize = 2000;
    /// Highest rate and cap: sums of them stay far within an `i64`.
    const HIGHEST: u64 = 1_000_000_000_000;

    /// What a minute to a number over a trunk costs. A number without a rate costs as much as the dearest: a cap that lets
    /// through what it does not know is none.
    #[must_use]
    pub fn per_minute(&self, number: &E164, trunk: TrunkId) -> u64 {
        let fits =
            |rate: &&Rate| number.digits().starts_with(&rate.prefix) && rate.trunk_id.is_none_or(|of| of == trunk);
        let nearest = self.rates.iter().filter(fits).max_by_key(|rate| (rate.prefix.len(), rate.trunk_id.is_some()));
        let dearest = || self.rates.iter().map(|rate| rate.per_minute).max().unwrap_or(0);
        nearest.map_or_else(dearest, |rate| rate.per_minute)
    }

    /// The day that a call at this moment counts for, and when the next one begins.
    #[must_use]
    pub fn day(&self, at: Timestamp) -> (Date, Option<Timestamp>) {
        let zone = zone_named(&self.time_zone).unwrap_or(jiff::tz::TimeZone::UTC);
        let day = zone.to_datetime(at).date();
        let next = day.tomorrow().ok().and_then(|next| next.to_zoned(zone).ok()).map(|next| next.timestamp());
        (day, next)
    }

    /// Checks the rules; what is wrong with them.
    #[must_use]
    pub fn faults(&self) -> Vec<SettingFault> {
        let mut faults = Vec::new();
        let mut add = |field: String, fault: &str| faults.push(SettingFault { field, fault: fault.to_owned() });
        if !(1..=Self::HIGHEST).contains(&self.daily_cap) {
            add("spend.daily_cap".to_owned(), "must be between 1 and 1,000,000,000,000 millionths");
        }
        if zone_named(&self.time_zone).is_err() {
            add("spend.time_zone".to_owned(), "not a time zone: expected an IANA name such as Europe/Berlin");
        }
        if self.rates.is_empty() || self.rates.len() > Self::MAX_RATES {
            add("spend.rates".to_owned(), "between 1 and 2000 rates: a cap needs to know what calls cost");
        }
        let mut seen = BTreeMap::new();
        for (index, rate) in self.rates.iter().enumerate().take(Self::MAX_RATES) {
            let digits = (1..=15).contains(&rate.prefix.len()) && rate.prefix.bytes().all(|byte| byte.is_ascii_digit());
            if !digits {
                add(format!("spend.rates.{index}.prefix"), "expected 1 to 15 digits without the +");
            }
            if rate.per_minute > Self::HIGHEST {
                add(format!("spend.rates.{index}.per_minute"), "at most 1,000,000,000,000 millionths");
            }
            if seen.insert((&rate.prefix, rate.trunk_id), index).is_some() {
                add(format!("spend.rates.{index}.prefix"), "has an earlier rate: leave one of them out");
            }
        }
        faults
    }
}

/// What so long a call costs: minutes that have begun.
#[must_use]
pub fn cost(per_minute: u64, talked: Duration) -> u64 {
    let whole = talked.as_secs() + u64::from(talked.subsec_nanos() > 0);
    per_minute.saturating_mul(whole.div_ceil(60))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> SpendRules {
        serde_json::from_str(
            r#"{"daily_cap": 5000000, "time_zone": "Europe/Berlin", "rates": [
                {"prefix": "49", "per_minute": 10000}, {"prefix": "4915", "per_minute": 60000},
                {"prefix": "49", "per_minute": 8000, "trunk_id": "0190f3c4-7b1a-7000-8000-000000000001"},
                {"prefix": "1", "per_minute": 5000}]}"#,
        )
        .expect("well formed")
    }

    #[test]
    fn the_longest_prefix_and_the_own_trunk_decide_and_what_is_unknown_costs_most() {
        let own: TrunkId = "0190f3c4-7b1a-7000-8000-000000000001".parse().expect("an id");
        let other = TrunkId::from_u128(7);
        let price = |number: &str, trunk| rules().per_minute(&number.parse().expect("canonical"), trunk);
        assert_eq!(price("+4930901820", other), 10_000);
        assert_eq!(price("+4930901820", own), 8_000);
        assert_eq!(price("+4915112345678", own), 60_000, "the longer prefix before the own trunk");
        assert_eq!(price("+33140205050", own), 60_000);
        assert_eq!(rules().faults(), []);
    }

    #[test]
    fn minutes_that_have_begun_count() {
        let seconds = |seconds| cost(10, Duration::from_secs(seconds));
        assert_eq!([seconds(0), seconds(1), seconds(60), seconds(61), seconds(300)], [0, 10, 10, 20, 50]);
        assert_eq!(cost(10, Duration::from_millis(60_001)), 20);
    }

    #[test]
    fn a_day_begins_at_midnight_of_its_clock() {
        let (day, next) = rules().day("2026-10-24T23:30:00Z".parse().expect("a timestamp"));
        assert_eq!(day, jiff::civil::date(2026, 10, 25));
        assert_eq!(next, Some("2026-10-25T23:00:00Z".parse().expect("a timestamp")), "a day of 25 hours");
    }

    #[test]
    fn faults_name_their_fields() {
        let bad: SpendRules = serde_json::from_str(
            r#"{"daily_cap": 0, "time_zone": "Mars", "rates": [{"prefix": "+49", "per_minute": 1},
                {"prefix": "1", "per_minute": 1}, {"prefix": "1", "per_minute": 2}]}"#,
        )
        .expect("well formed");
        let fields: Vec<_> = bad.faults().into_iter().map(|fault| fault.field).collect();
        assert_eq!(fields, ["spend.daily_cap", "spend.time_zone", "spend.rates.0.prefix", "spend.rates.2.prefix"]);
    }
}
