use jiff::civil::date;

use super::policy::{Bounds, CallingPolicy, QuietHours};
use super::*;
use crate::campaign::run::{ContactHours, Day};
use crate::campaign::settings::Settings;
use crate::campaign::states::BlockedReason;

fn slots(rule: &str, day: Date) -> String {
    let rule = law().rule(rule).expect("a rule");
    rule.slots_on(day).iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

#[test]
fn every_rule_can_be_read_and_says_where_it_comes_from() {
    let read = Law::read(include_str!("../data/law.yaml"));
    let law = read.expect("the data is well formed");
    let mut seen = BTreeSet::new();
    for rule in law.rules() {
        assert!(seen.insert(rule.id.as_str()), "{} is there twice", rule.id);
        assert!(rule.url.starts_with("http"), "{} has an official page", rule.id);
        assert!(!rule.citation.is_empty() && !rule.title.is_empty() && !rule.read.is_empty(), "{}", rule.id);
        assert!(rule.looked_up.to_string() <= law.version, "{} is not newer than the data", rule.id);
        assert!(rule.id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{}", rule.id);
        for code in &rule.regions {
            let known = Region::is_country(&code[..2]) || ["VA", "YT"].contains(&code.as_str());
            assert!(known, "{}: {code} is a region", rule.id);
        }
    }
    assert!(law.rules().len() >= 20);
}

#[test]
fn the_kinds_of_day_have_their_times() {
    assert_eq!(slots("us-federal", date(2026, 11, 22)), "08:00-21:00");
    assert_eq!(slots("us-tx", date(2026, 11, 22)), "12:00-21:00", "a Sunday");
    assert_eq!(slots("us-al", date(2026, 11, 22)), "", "a Sunday");
    assert_eq!(slots("us-al", date(2026, 11, 26)), "", "Thanksgiving");
    assert_eq!(slots("us-ri", date(2026, 11, 21)), "10:00-17:00", "a Saturday");
    assert_eq!(slots("fr-hours", date(2026, 11, 20)), "10:00-13:00 14:00-20:00");
    assert_eq!(slots("fr-hours", date(2026, 5, 25)), "", "Whit Monday");
    assert_eq!(slots("es-hours", date(2026, 10, 12)), "", "Hispanic Day");
    assert_eq!(slots("it-code", date(2026, 12, 7)), "10:00-19:00", "the day before a holiday");
    assert_eq!(slots("it-code", date(2026, 12, 8)), "");
    assert_eq!(slots("de-none", date(2026, 11, 22)), "00:00-24:00");
}

#[test]
fn the_number_tells_which_rules_hold_and_profiles_can_be_added() {
    let ids = |bounds: &Bounds, number: &str, zone: Option<&str>| -> Vec<String> {
        bounds.rules(&number.parse().expect("canonical"), zone).iter().map(|rule| rule.id.clone()).collect()
    };
    let usual = Bounds::default();
    assert_eq!(ids(&usual, "+13055550123", None), ["us-federal", "us-fl"]);
    assert_eq!(ids(&usual, "+13055550123", Some("America/Detroit")), ["us-federal", "us-fl", "us-mi"]);
    assert_eq!(ids(&usual, "+18005550123", Some("America/Detroit")), ["us-federal", "us-mi"]);
    assert_eq!(ids(&usual, "+12125550123", Some("America/New_York")), ["us-federal"]);
    assert_eq!(ids(&usual, "+33140205050", Some("America/Detroit")), ["fr-hours"]);
    assert_eq!(ids(&usual, "+442079460001", None), [""; 0]);
    let codes = Settings { law: BTreeSet::from([Profile::EuCodes]), ..Settings::default() };
    let strict = Bounds::new(&CallingPolicy::default(), &codes);
    assert_eq!(ids(&strict, "+4930901820", None), ["de-none", "de-code"]);
    let business = Settings { callees: Callees::Businesses, ..Settings::default() };
    assert_eq!(ids(&Bounds::new(&CallingPolicy::default(), &business), "+33140205050", None), [""; 0]);
    let none = CallingPolicy { law: BTreeSet::new(), ..CallingPolicy::default() };
    assert_eq!(ids(&Bounds::new(&none, &codes), "+33140205050", None), [""; 0]);
}

#[test]
fn quiet_hours_cut_holes_on_their_days() {
    let policy = CallingPolicy {
        contact_hours: ContactHours(Slot { start_min: 9 * 60, end_min: 20 * 60 }),
        quiet_hours: vec![
            QuietHours { days: BTreeSet::from([Day::Sunday]), start_min: 0, end_min: 24 * 60 },
            QuietHours { days: Day::ALL.iter().copied().collect(), start_min: 12 * 60, end_min: 13 * 60 },
        ],
        ..CallingPolicy::default()
    };
    assert_eq!(policy.validate(), Ok(()));
    let bounds = Bounds::new(&policy, &Settings::default());
    let left = |day| {
        let mut slots = vec![Slot { start_min: 8 * 60, end_min: 19 * 60 }];
        bounds.quieten(&mut slots, day);
        slots.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(left(date(2026, 11, 21)), ["09:00-12:00", "13:00-19:00"]);
    assert_eq!(left(date(2026, 11, 22)), [""; 0]);
}

#[test]
fn only_countries_that_are_allowed_are_called() {
    let refuses = |policy: &CallingPolicy, number: &str| {
        let from = "+493012345678".parse().expect("canonical");
        Bounds::new(policy, &Settings::default()).calling_from(&from).refuses(&number.parse().expect("canonical"))
    };
    let usual = CallingPolicy::default();
    assert_eq!(refuses(&usual, "+4930901820"), None, "the country it calls from");
    assert_eq!(refuses(&usual, "+431234567890"), Some(BlockedReason::CountryNotAllowed));
    assert_eq!(refuses(&usual, "+499001123456"), Some(BlockedReason::PremiumNumber), "premium at home too");
    let two = CallingPolicy { allowed_countries: Some(["AT".to_owned(), "FR".to_owned()].into()), ..usual };
    assert_eq!(two.validate(), Ok(()));
    assert_eq!(refuses(&two, "+431234567890"), None);
    assert_eq!(refuses(&two, "+4930901820"), Some(BlockedReason::CountryNotAllowed));
    assert_eq!(refuses(&two, "+881612345678"), Some(BlockedReason::SatelliteNumber));
    let wrong = CallingPolicy { allowed_countries: Some(["Germany".to_owned()].into()), ..two };
    assert_eq!(wrong.validate().expect_err("no code")[0].field, "allowed_countries");
}

#[test]
fn faults_of_a_policy_name_field_and_remedy() {
    let policy: CallingPolicy = serde_json::from_str(
        r#"{"contact_hours": {"start_min": 600, "end_min": 600}, "frequency_cap": {"dials": 0, "per_hours": 999},
            "quiet_hours": [{"start_min": 1320, "end_min": 360}, {"days": [], "start_min": 0, "end_min": 60}]}"#,
    )
    .expect("well formed");
    let faults: Vec<_> = policy.validate().expect_err("full of faults").into_iter().map(|fault| fault.field).collect();
    assert_eq!(
        faults,
        ["contact_hours", "quiet_hours.0", "quiet_hours.1.days", "frequency_cap.dials", "frequency_cap.per_hours"]
    );
    let unknown = serde_json::from_str::<CallingPolicy>(r#"{"law": ["mars"]}"#).expect_err("no such profile");
    assert!(unknown.to_string().contains("unknown variant `mars`"), "{unknown}");
}
