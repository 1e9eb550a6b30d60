//! Thousands of short worlds in which everything goes wrong, and worlds with a mistake in them that have to be caught.

use std::fmt::Write as _;
use std::io::Write as _;

use crate::scenario::{Outcome, Scenario};
use crate::shrink::shrink;
use crate::world::bug::Bug;

/// Prints a line beside the test's own output.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

fn seeds() -> u64 {
    if std::env::var("CHAOS").is_ok_and(|value| value == "1") { 30_000 } else { 1_000 }
}

/// `SIM_CASE` runs one world, in the form in which a failing one is printed.
#[test]
fn whatever_goes_wrong_nobody_is_rung_twice_and_nobody_is_lost() {
    if let Ok(case) = std::env::var("SIM_CASE") {
        let scenario: Scenario = case.parse().expect("SIM_CASE is as it was printed");
        let outcome = scenario.run(None).unwrap_or_else(|why| panic!("{why}"));
        return say(&format!("{outcome:?}"));
    }
    let mut all = Outcome::default();
    let mut broken = String::new();
    for seed in 0..seeds() {
        let scenario = Scenario::of(seed);
        match scenario.run(None) {
            Ok(outcome) => all = all.plus(outcome),
            Err(_) => {
                let (small, why) = shrink(&scenario, None);
                let _ = writeln!(broken, "{why}\n  SIM_CASE={small}");
                if broken.lines().count() >= 10 {
                    break;
                }
            }
        }
    }
    say(&format!("{} worlds: {all:?}", seeds()));
    assert!(broken.is_empty(), "{broken}");
    assert!(all.unknown > 100, "only {} dials of unknown outcome: nothing went wrong", all.unknown);
    let finished = all.finished as f64 / all.contacts as f64;
    // A fault for every second contact leaves many an outcome unknown.
    assert!(finished >= 0.85, "only {:.1} % came to an end that is known", finished * 100.0);
}

impl Outcome {
    fn plus(self, other: Self) -> Self {
        Self {
            steps: self.steps + other.steps,
            invites: self.invites + other.invites,
            unknown: self.unknown + other.unknown,
            reclaimed: self.reclaimed + other.reclaimed,
            contacts: self.contacts + other.contacts,
            finished: self.finished + other.finished,
        }
    }
}

/// What has to be found wrong with each mistake, in the words of one of these checks.
fn symptoms(bug: Bug) -> &'static [&'static str] {
    match bug {
        Bug::SkippedRecheck => &["committed after"],
        Bug::CounterNotCount => &["more live rows", "calls at once", "allowed"],
        Bug::UtcHours => &["outside the"],
        Bug::UnknownCommitIsDone => &["nothing is sent before its commit", "holds no channel"],
        Bug::UnknownCommitIsForgotten => &["its node holds its lease", "channels are left taken"],
        Bug::StaleSend => &["a third of the lease", "holds no channel"],
        Bug::ReaperRedials => &["is unknown", "at once"],
        Bug::OrphanIsFree => &["holds no channel", "than channels are held"],
        Bug::SilenceFailsOver => &["rings twice"],
        Bug::DelayFromStart => &["rung again"],
        Bug::PaceByClaim => &["before its reserved moment"],
        Bug::DeafToPause => &["committed after the campaign was stopped"],
    }
}

/// A mistake is found within a few hundred worlds, for what it is, and the world is shrunk to a few people and faults.
fn is_caught(bug: Bug) {
    let (seed, scenario) = (0..600)
        .map(|seed| (seed, Scenario::of(seed)))
        .find(|(_, scenario)| scenario.run(Some(bug)).is_err())
        .unwrap_or_else(|| panic!("{bug:?} is not caught"));
    let (small, why) = shrink(&scenario, Some(bug));
    say(&format!("{bug:?}: seed {seed}, shrunk to {small}: {why}"));
    assert!(symptoms(bug).iter().any(|symptom| why.contains(symptom)), "{bug:?} is taken for something else: {why}");
    assert!(small.contacts.len() <= 16 && small.faults.len() <= 4, "{bug:?} is not small: {small}");
    let again: Scenario = small.to_string().parse().expect("as it is printed");
    assert_eq!(again.run(Some(bug)).expect_err("it fails again"), why, "the printed line is another world");
}

#[test]
fn a_skipped_recheck_before_the_dial_is_caught() {
    is_caught(Bug::SkippedRecheck);
}

#[test]
fn a_counter_instead_of_a_count_is_caught() {
    is_caught(Bug::CounterNotCount);
}

#[test]
fn utc_instead_of_wall_time_is_caught() {
    is_caught(Bug::UtcHours);
}

#[test]
fn every_other_planted_mistake_is_caught() {
    let named = [Bug::SkippedRecheck, Bug::CounterNotCount, Bug::UtcHours];
    for bug in Bug::ALL.into_iter().filter(|bug| !named.contains(bug)) {
        is_caught(bug);
    }
}

#[test]
fn a_world_is_the_same_again_and_after_being_printed() {
    let scenario = Scenario::of(4);
    let again: Scenario = scenario.to_string().parse().expect("as it is printed");
    assert_eq!(again, scenario);
    let run = |scenario: &Scenario| scenario.run(None).map(|outcome| (outcome.steps, outcome.invites));
    assert_eq!(run(&scenario), run(&again));
}
