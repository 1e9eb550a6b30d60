use proptest::prelude::*;

use super::*;
use crate::campaign::run::Schedule;
use crate::campaign::settings::{RetryOverride, TzMode};
use crate::campaign::states::CampaignState;
use crate::campaign::zone::{ZoneSource, zone_named};
use crate::dialer::calling_hours::CallingHours;
use crate::dialer::gate::Rules;

const END: Timestamp = Timestamp::constant(1_781_085_600, 0);

fn end(reason: DisconnectionReason) -> End {
    End { reason, technical: false, retry_after: None, at: END }
}

fn show(verdict: Verdict) -> String {
    match verdict {
        Verdict::Retry(at) => format!("retry +{}s", at.duration_since(END).as_secs()),
        Verdict::Again => "again".to_owned(),
        Verdict::Rest(state) => state.to_string(),
    }
}

#[test]
fn every_reason_at_every_stage_of_a_round() {
    let settings = Settings::default();
    let first = Round::default();
    let again = Round { consumed: 1, free: 1, same_reason: 1, ..Round::default() };
    let spent = Round { consumed: 3, free: 4, same_reason: 3, ..Round::default() };
    let mut table = format!("{:37} {:14} {:14} {:14} technical\n", "", "first", "second", "spent");
    for &reason in DisconnectionReason::ALL {
        let judge = |round: &Round| show(verdict(&settings, round, &end(reason)));
        let technical = show(verdict(&settings, &first, &End { technical: true, ..end(reason) }));
        table.push_str(&format!(
            "{reason:37} {:14} {:14} {:14} {technical}\n",
            judge(&first),
            judge(&again),
            judge(&spent)
        ));
    }
    insta::assert_snapshot!(table);
}

#[test]
fn the_longer_of_delay_and_retry_after_counts() {
    let settings = Settings::default();
    let busy = |seconds| End { retry_after: Some(Duration::from_secs(seconds)), ..end(DisconnectionReason::DialBusy) };
    assert_eq!(show(verdict(&settings, &Round::default(), &busy(10))), "retry +300s");
    assert_eq!(show(verdict(&settings, &Round::default(), &busy(3_000))), "retry +3000s");
    assert_eq!(show(verdict(&settings, &Round::default(), &busy(u64::MAX))), "retry +604800s");
}

#[test]
fn another_number_follows_one_that_does_not_exist_at_once_within_the_budget() {
    let settings = Settings::default();
    let invalid = end(DisconnectionReason::InvalidPhoneNumber);
    let round = |consumed| Round { consumed, same_reason: consumed, another_number: true, ..Round::default() };
    for consumed in 0..3 {
        assert_eq!(verdict(&settings, &round(consumed), &invalid), Verdict::Retry(END));
    }
    assert_eq!(show(verdict(&settings, &round(3), &invalid)), "failed", "all numbers share one budget");
    let busy = end(DisconnectionReason::DialBusy);
    assert_eq!(show(verdict(&settings, &round(0), &busy)), "retry +300s", "whoever was rung is left alone for a while");
}

#[test]
fn an_override_changes_the_delay_and_narrows_the_shared_budget() {
    let entry =
        |delay_min, max_retries| vec![RetryOverride { reason: DisconnectionReason::DialBusy, delay_min, max_retries }];
    let busy = end(DisconnectionReason::DialBusy);
    let quick = Settings { retry_overrides: entry(Some(1), None), ..Settings::default() };
    assert_eq!(show(verdict(&quick, &Round::default(), &busy)), "retry +60s");
    let few = Settings { retry_overrides: entry(None, Some(1)), ..Settings::default() };
    let round = |consumed, same_reason| Round { consumed, same_reason, ..Round::default() };
    assert_eq!(show(verdict(&few, &round(1, 0), &busy)), "retry +300s");
    assert_eq!(show(verdict(&few, &round(1, 1), &busy)), "failed");
    let many = Settings { retry_overrides: entry(None, Some(20)), ..Settings::default() };
    assert_eq!(show(verdict(&many, &round(3, 0), &busy)), "failed", "no reason has a budget of its own");
    let run = |most| Round { most: Some(most), ..round(1, 0) };
    assert_eq!(show(verdict(&Settings::default(), &run(1), &busy)), "failed", "the run has fewer");
    let once = Settings { max_retries: 0, ..Settings::default() };
    assert_eq!(show(verdict(&once, &run(2), &busy)), "retry +300s", "the run has more");
}

#[test]
fn policies_of_the_campaign() {
    let asking =
        Settings { retry_inactivity: true, unknown_policy: UnknownPolicy::RetryAfterDelay, ..Settings::default() };
    for reason in [DisconnectionReason::Inactivity, DisconnectionReason::OutcomeUnknown] {
        assert_eq!(show(verdict(&asking, &Round::default(), &end(reason))), "retry +300s");
    }
}

fn rules(period_end: Option<jiff::civil::Date>) -> Rules {
    let schedule = Schedule { period_end, ..Schedule::default() };
    Rules {
        state: CampaignState::InProgress,
        settings: Settings::default(),
        hours: CallingHours::new(&schedule, TzMode::ContactLocal).expect("UTC"),
    }
}

#[test]
fn a_retry_waits_for_the_contacts_hours() {
    let zones = Zones::one(zone_named("UTC").expect("exists"), ZoneSource::Explicit);
    let evening =
        End { at: "2026-06-10T20:57:00Z".parse().expect("a timestamp"), ..end(DisconnectionReason::DialBusy) };
    let settled = settle(&rules(None), Some(&zones), &Round::default(), &evening, None);
    assert_eq!(settled.state, TargetState::Waiting);
    assert_eq!(settled.next_at, Some("2026-06-11T08:00:00Z".parse().expect("a timestamp")));
    let last_day = rules(Some(jiff::civil::date(2026, 6, 10)));
    assert_eq!(settle(&last_day, Some(&zones), &Round::default(), &evening, None).state, TargetState::Expired);
}

#[test]
fn a_persons_decision_during_the_call_outranks_the_retry_but_keeps_the_result() {
    let zones = Zones::one(zone_named("UTC").expect("exists"), ZoneSource::Explicit);
    let rules = rules(None);
    let state = |reason, hold| settle(&rules, Some(&zones), &Round::default(), &end(reason), hold).state;
    assert_eq!(state(DisconnectionReason::DialBusy, Some(Hold::Suspend)), TargetState::Suspended);
    assert_eq!(state(DisconnectionReason::UserHangup, Some(Hold::Suspend)), TargetState::Done);
    assert_eq!(state(DisconnectionReason::UserHangup, Some(Hold::Remove)), TargetState::Removed);
    assert_eq!(state(DisconnectionReason::NodeLost, None), TargetState::Ready);
}

proptest! {
    /// Whatever the order of reasons, a round ends: within its budget, the free dials, and never faster than allowed.
    #[test]
    fn a_round_is_bounded(
        reasons in prop::collection::vec(prop::sample::select(DisconnectionReason::ALL), 200),
        max_retries in 0_u32..=20,
    ) {
        let settings = Settings { max_retries, ..Settings::default() };
        let mut seen: Vec<DisconnectionReason> = Vec::new();
        for reason in reasons.into_iter().filter(|&reason| reason != DisconnectionReason::NodeLost) {
            let count = |wanted: &dyn Fn(DisconnectionReason) -> bool| {
                u32::try_from(seen.iter().filter(|&&earlier| wanted(earlier)).count()).expect("few")
            };
            let round = Round {
                consumed: count(&|earlier| earlier.consumes_retry()),
                free: count(&|earlier| !earlier.consumes_retry()),
                same_reason: count(&|earlier| earlier == reason),
                ..Round::default()
            };
            seen.push(reason);
            match verdict(&settings, &round, &end(reason)) {
                Verdict::Retry(at) => prop_assert!(at >= END + FREE_DIAL_SPACING),
                Verdict::Again => prop_assert!(false, "{reason} was sent"),
                Verdict::Rest(state) => {
                    prop_assert!(state.is_final());
                    break;
                }
            }
        }
        let free = seen.iter().filter(|reason| !reason.consumes_retry()).count();
        prop_assert!(free <= MAX_FREE_DIALS as usize);
        prop_assert!(seen.len() - free <= 1 + max_retries as usize);
    }
}
