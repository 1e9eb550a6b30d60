//! Who answered the phone, in short: generated calls of the held-out part through G.711, RTP with jitter and loss and the
//! leg's session, while the agent's greeting plays. `make bench-detect` is the long form; `docs/detection.md` tells how the
//! calls are made.

mod corpus;
#[path = "../../../tests/support/dice.rs"]
mod dice;
mod line;
mod scene;
mod score;
#[allow(dead_code, reason = "made for other tests as well")]
#[path = "../../../tests/interruption/sounds/mod.rs"]
mod sounds;
#[path = "../../../tests/support/speech.rs"]
mod speech;

use corpus::HELD_OUT;
use line::Mode;
use scene::Class;

const SEED: u64 = 20_261_122;

#[test]
fn people_are_greeted_and_machines_are_known() {
    let figures = score::measure(&HELD_OUT, Mode::Words, 75, SEED);
    let notes = || format!("{}{}", figures.table(), figures.mistakes());
    assert_eq!(figures.greeted_by_rule(), 1.0, "{}", notes());
    assert!(figures.wronged() <= 0.01, "{}", notes());
    assert!(figures.precision(Class::Machine) >= 0.97, "{}", notes());
    assert!(figures.recall(Class::Machine) >= 0.93, "{}", notes());
    assert!(figures.latest() <= score::DEADLINE_MS, "{}", notes());
    assert_eq!(figures.false_answers_greeted().0, 0, "{}", notes());
    let over_ringing = figures.longest_over_ringing();
    assert!(over_ringing.is_some_and(|ms| ms <= score::OVER_RINGING_MS), "{}", notes());
    // Few calls make a rough middle, and of services and menus there are too few: docs/detection.md has the figures.
    assert!(figures.medians(Class::Machine).1 <= 2_500, "{}", notes());
    for class in [Class::Human, Class::Fax, Class::FalseAnswer, Class::Engaged] {
        assert!(figures.medians(class).1 <= score::AIM_MS, "{class:?}: {}", notes());
    }
}

#[test]
fn what_the_network_plays_before_the_answer_is_known() {
    let progress = score::measure_progress(&HELD_OUT, 30, SEED);
    let (right, middle) = progress.figures();
    assert!(right >= 0.95, "{}", progress.mistakes());
    assert!(middle <= 2_500, "{middle} ms");
}
