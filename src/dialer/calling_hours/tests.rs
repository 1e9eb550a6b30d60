use proptest::prelude::*;

use super::*;
use crate::campaign::law::policy::CallingPolicy;
use crate::campaign::settings::Settings;
use crate::campaign::zone::ZoneSource;

const RING: Duration = Duration::from_secs(30);

fn hours(json: &str, mode: TzMode) -> CallingHours {
    let schedule: Schedule = serde_json::from_str(json).expect("well formed");
    schedule.validate().expect("valid");
    CallingHours::new(&schedule, mode).expect("zone exists")
}

fn local(json: &str) -> CallingHours {
    hours(json, TzMode::ContactLocal)
}

fn zone(name: &str) -> Zones {
    Zones::one(zone_named(name).expect("exists"), ZoneSource::Explicit)
}

fn number(digits: &str) -> Zones {
    Zones::of_contact(None, &digits.parse().expect("canonical"), None).expect("known prefix")
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a timestamp")
}

fn next(hours: &CallingHours, zones: &Zones, from: &str) -> String {
    match hours.next(zones, at(from), RING) {
        Opening::At { from, until } => format!("{from} until {until}"),
        Opening::PeriodOver => "period over".to_owned(),
        Opening::Never => "never".to_owned(),
    }
}

#[test]
fn the_default_is_eight_to_nine_on_the_contacts_clock() {
    let hours = local(r#"{"time_zone": "Europe/Berlin"}"#);
    let tokyo = zone("Asia/Tokyo");
    assert_eq!(next(&hours, &tokyo, "2026-06-10T00:00:00Z"), "2026-06-10T00:00:00Z until 2026-06-10T11:59:30Z");
    assert_eq!(next(&hours, &tokyo, "2026-06-10T12:00:00Z"), "2026-06-10T23:00:00Z until 2026-06-11T11:59:30Z");
}

#[test]
fn a_ring_that_cannot_end_in_time_waits_for_the_next_opening() {
    let hours = local(r#"{"time_zone": "UTC"}"#);
    assert_eq!(next(&hours, &zone("UTC"), "2026-06-10T20:59:30Z"), "2026-06-10T20:59:30Z until 2026-06-10T20:59:30Z");
    assert_eq!(
        next(&hours, &zone("UTC"), "2026-06-10T20:59:30.000001Z"),
        "2026-06-11T08:00:00Z until 2026-06-11T20:59:30Z"
    );
}

#[test]
fn windows_stay_on_the_wall_when_clocks_change() {
    let hours = local(r#"{"time_zone": "UTC", "runs": [{"slots": [{"start_min": 540, "end_min": 720}]}]}"#);
    let berlin = zone("Europe/Berlin");
    // 25 October 2026: summer time ends in Berlin. Nine o'clock is 07:00 UTC the day before and 08:00 UTC that day.
    assert_eq!(next(&hours, &berlin, "2026-10-24T00:00:00Z"), "2026-10-24T07:00:00Z until 2026-10-24T09:59:30Z");
    assert_eq!(next(&hours, &berlin, "2026-10-25T00:00:00Z"), "2026-10-25T08:00:00Z until 2026-10-25T10:59:30Z");
    assert_eq!(next(&hours, &berlin, "2027-03-28T00:00:00Z"), "2027-03-28T07:00:00Z until 2027-03-28T09:59:30Z");
}

#[test]
fn a_wall_time_in_a_gap_is_the_end_of_the_gap_and_a_doubled_one_its_first_occurrence() {
    let berlin = zone_named("Europe/Berlin").expect("exists");
    let wall = |text: &str| text.parse::<DateTime>().expect("a wall time");
    assert_eq!(instant(&berlin, wall("2027-03-28T02:30")), Some(at("2027-03-28T01:00:00Z")));
    assert_eq!(instant(&berlin, wall("2026-10-25T02:30")), Some(at("2026-10-25T00:30:00Z")));
}

#[test]
fn a_number_of_several_zones_is_rung_when_all_are_open() {
    let hours = local(r#"{"time_zone": "UTC"}"#);
    // Area code 709 spans the zones of Newfoundland and Labrador, half an hour apart.
    let zones = number("+17095550123");
    assert!(zones.as_slice().len() > 1, "the prefix spans zones");
    assert_eq!(next(&hours, &zones, "2026-06-10T10:30:00Z"), "2026-06-10T11:00:00Z until 2026-06-10T23:29:30Z");
}

#[test]
fn days_are_the_contacts_days() {
    let hours = local(r#"{"time_zone": "UTC", "runs": [{"days": {"weekdays": ["mon"]}}]}"#);
    // Monday 8 June 2026 in Auckland begins on Sunday in UTC.
    assert_eq!(
        next(&hours, &zone("Pacific/Auckland"), "2026-06-07T12:00:00Z"),
        "2026-06-07T20:00:00Z until 2026-06-08T08:59:30Z"
    );
}

#[test]
fn in_campaign_mode_slots_follow_the_campaign_and_hours_the_contact() {
    let hours = hours(
        r#"{"time_zone": "Europe/Berlin", "runs": [{"slots": [{"start_min": 600, "end_min": 1080}]}]}"#,
        TzMode::Campaign,
    );
    // 10:00 to 18:00 in Berlin is 08:00 to 16:00 UTC; New York may be called from 12:00 UTC on.
    assert_eq!(
        next(&hours, &zone("America/New_York"), "2026-06-10T00:00:00Z"),
        "2026-06-10T12:00:00Z until 2026-06-10T15:59:30Z"
    );
    // Auckland's day is over when Berlin's begins, and the other way round: 20:00 to 08:59 UTC against 08:00 to 16:00.
    assert_eq!(
        next(&hours, &zone("Pacific/Auckland"), "2026-06-10T09:00:00Z"),
        "2026-06-11T08:00:00Z until 2026-06-11T08:59:30Z"
    );
}

#[test]
fn the_period_bounds_everything() {
    let hours = local(r#"{"time_zone": "America/New_York", "period_start": "2026-06-10", "period_end": "2026-06-11"}"#);
    let here = zone("America/New_York");
    assert_eq!(next(&hours, &here, "2026-01-01T00:00:00Z"), "2026-06-10T12:00:00Z until 2026-06-11T00:59:30Z");
    assert_eq!(next(&hours, &here, "2026-06-12T01:30:00Z"), "period over");
    // The last day ends at midnight in New York although Honolulu's afternoon goes on.
    assert_eq!(
        next(&hours, &zone("Pacific/Honolulu"), "2026-06-12T00:00:00Z"),
        "2026-06-12T00:00:00Z until 2026-06-12T03:59:30Z"
    );
    assert_eq!(next(&hours, &zone("Pacific/Honolulu"), "2026-06-12T04:00:00Z"), "period over");
}

#[test]
fn dates_that_have_passed_leave_nothing() {
    let hours = local(r#"{"time_zone": "UTC", "runs": [{"days": {"dates": ["2026-06-10"]}}]}"#);
    assert_eq!(next(&hours, &zone("UTC"), "2026-06-10T09:00:00Z"), "2026-06-10T09:00:00Z until 2026-06-10T20:59:30Z");
    assert_eq!(next(&hours, &zone("UTC"), "2026-06-11T09:00:00Z"), "never");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// Judged on the wall of every zone, independently of how the answer was found.
    #[test]
    fn what_is_found_is_open_on_every_wall_and_nothing_earlier_is(
        start in 1_780_000_000_i64..1_830_000_000,
        first in 480_u16..900,
        length in 1_u16..300,
        gap in 1_u16..120,
        prefix in prop::sample::select(vec!["+17095550123", "+493090182", "+61212345678", "+9779812345678", "+15005550006"]),
    ) {
        let second = (first + length + gap, (first + length + gap + 60).min(1259));
        let json = format!(
            r#"{{"time_zone": "UTC", "runs": [{{"slots": [
                {{"start_min": {first}, "end_min": {}}}, {{"start_min": {}, "end_min": {}}}]}}]}}"#,
            first + length, second.0, second.1
        );
        let schedule: Schedule = serde_json::from_str(&json).expect("well formed");
        prop_assume!(schedule.validate().is_ok());
        let hours = CallingHours::new(&schedule, TzMode::ContactLocal).expect("UTC");
        let zones = number(prefix);
        let from = Timestamp::from_second(start).expect("in range");
        let open = |moment: Timestamp| {
            zones.as_slice().iter().all(|zone| {
                let wall = zone.to_datetime(moment);
                let minute = u16::try_from(wall.hour()).expect("positive") * 60 + u16::try_from(wall.minute()).expect("positive");
                (first..first + length).contains(&minute) || (second.0..second.1).contains(&minute)
            })
        };
        let ring_fits = |moment: Timestamp| open(moment) && open(moment + RING - Duration::from_micros(1));
        let Opening::At { from: found, until } = hours.next(&zones, from, RING) else {
            // Several zones can share no time at all; then no minute of the next days may be open.
            for minute in 0..3 * 1440 {
                prop_assert!(!ring_fits(from + Duration::from_secs(60 * minute)));
            }
            return Ok(());
        };
        prop_assert!(found >= from && until >= found);
        prop_assert!(ring_fits(found) && ring_fits(until));
        prop_assert!(!ring_fits(until + Duration::from_micros(1)));
        let mut earlier = from;
        while earlier < found {
            prop_assert!(!ring_fits(earlier), "{} is open, found {}", earlier, found);
            earlier += Duration::from_secs(60);
        }
    }

    /// Law, holidays, the organisation's hours and the campaign's, on a wall with and without a change of clocks: walked
    /// minute by minute with nothing but the date and time that the wall shows.
    #[test]
    fn law_and_quiet_hours_hold_on_the_wall_minute_by_minute(
        start in 1_780_000_000_i64..1_830_000_000,
        first in 360_u16..900,
        length in 60_u16..420,
        quiet in 480_u16..1200,
        prefix in prop::sample::select(vec!["+33140205050", "+34910123456", "+17135550123", "+14015550123", "+18015550123", "+351211234567"]),
    ) {
        let json = format!(
            r#"{{"time_zone": "UTC", "runs": [{{"slots": [{{"start_min": {first}, "end_min": {}}}],
                "contact_hours": {{"start_min": 360, "end_min": 1380}}}}]}}"#,
            first + length
        );
        let schedule: Schedule = serde_json::from_str(&json).expect("well formed");
        prop_assume!(schedule.validate().is_ok());
        let policy = format!(
            r#"{{"contact_hours": {{"start_min": 420, "end_min": 1320}},
                "quiet_hours": [{{"start_min": {quiet}, "end_min": {}}}]}}"#,
            quiet + 45
        );
        let policy: CallingPolicy = serde_json::from_str(&policy).expect("well formed");
        let bounds = Bounds::new(&policy, &Settings::default());
        let number = prefix.parse().expect("canonical");
        let zones = Zones::of_contact(None, &number, None).expect("known prefix").under(bounds.rules(&number, None));
        prop_assert!(!zones.law().is_empty(), "{} is under some law", prefix);
        let hours = CallingHours::new(&schedule, TzMode::ContactLocal).expect("UTC").within(bounds);
        let from = Timestamp::from_second(start).expect("in range");
        let within = |minute: u16, from: u16, to: u16| (from..to).contains(&minute);
        let open = |moment: Timestamp| {
            zones.as_slice().iter().all(|zone| {
                let wall = zone.to_datetime(moment);
                let minute = u16::try_from(wall.hour()).expect("positive") * 60 + u16::try_from(wall.minute()).expect("positive");
                let lawful = zones.law().iter().all(|rule| {
                    rule.slots_on(wall.date()).iter().any(|slot| within(minute, slot.start_min, slot.end_min))
                });
                lawful && within(minute, first, first + length) && within(minute, 420, 1320)
                    && !within(minute, quiet, quiet + 45)
            })
        };
        let ring_fits = |moment: Timestamp| open(moment) && open(moment + RING - Duration::from_micros(1));
        let Opening::At { from: found, until } = hours.next(&zones, from, RING) else {
            for minute in 0..14 * 1440 {
                prop_assert!(!ring_fits(from + Duration::from_secs(60 * minute)));
            }
            return Ok(());
        };
        prop_assert!(found >= from && until >= found);
        prop_assert!(ring_fits(found) && ring_fits(until) && !ring_fits(until + Duration::from_micros(1)));
        prop_assert_eq!(hours.shut_by(&zones, found), None);
        if found > from {
            prop_assert!(hours.shut_by(&zones, found - Duration::from_micros(1)).is_some());
        }
        let mut earlier = from;
        while earlier < found {
            prop_assert!(!ring_fits(earlier), "{} is open, found {}", earlier, found);
            earlier += Duration::from_secs(60);
        }
    }
}
