//! Turns by the recogniser's own judgement.

use super::*;

#[test]
fn a_vendors_turn_runs_through_the_same_states() {
    Bench::new(VENDOR)
        .tell(1_100, TurnInput::TurnStarted)
        .expect(&["1100 started 0 at 1100"])
        .voice(1_000, None)
        .partial(1_500, "I need")
        .eager(1_800, "I need a")
        .expect(&["1500 updated 'I need'", "1800 updated 'I need a'"])
        .partial(1_900, "I need a refund")
        .silence(2_000)
        .eager(2_300, "I need a refund")
        .expect(&["1900 updated 'I need a refund'", "2300 eager 'I need a refund'"])
        .ended(2_500, "I need a refund")
        .expect(&["2500 ended 0 'I need a refund' at 2000"])
        .ended(2_510, "I need a refund")
        .until(10_000)
        .expect(&[]);
}

#[test]
fn a_vendor_may_resume() {
    Bench::new(VENDOR)
        .voice(1_000, Some(2_000))
        .eager(2_300, "I need a refund")
        .voice(2_400, None)
        .tell(2_700, TurnInput::Resumed)
        .expect(&[
            "1200 started 0 at 1000",
            "2300 updated 'I need a refund'",
            "2300 eager 'I need a refund'",
            "2700 resumed",
        ])
        .silence(3_000)
        .ended(3_300, "I need a refund please")
        .expect(&["3300 updated 'I need a refund please'", "3300 ended 0 'I need a refund please' at 3000"]);
}

#[test]
fn a_vendor_that_keeps_silent_is_overruled() {
    Bench::new(VENDOR)
        .voice(1_000, Some(2_000))
        .partial(2_300, "I need a refund")
        .until(5_000)
        .expect(&["1200 started 0 at 1000", "2300 updated 'I need a refund'", "4500 close 0"])
        .answer(5_000, "I need a refund")
        .expect(&["5000 ended 0 'I need a refund' at 2000"]);
}

#[test]
fn a_vendor_is_not_believed_in_the_middle_of_a_number() {
    let mut bench = Bench::new(VENDOR);
    bench.tell(0, TurnInput::Asked(Asked::Number { digits: Some(6) })).expect(&["0 patience Dictation"]);
    bench.voice(1_000, Some(2_000)).ended(2_300, "four five six");
    bench.expect(&["1200 started 0 at 1000", "2300 updated 'four five six'"]);
    bench.voice(3_000, Some(4_000)).ended(4_300, "seven eight nine");
    bench.expect(&[
        "4300 updated 'four five six seven eight nine'",
        "4300 ended 0 'four five six seven eight nine' at 4000",
    ]);
    bench.tell(4_300, TurnInput::Asked(Asked::Open)).expect(&["4300 patience Talk"]);
    bench.tell(5_000, TurnInput::Asked(Asked::Number { digits: Some(6) })).expect(&["5000 patience Dictation"]);
    bench.voice(5_000, Some(6_000)).ended(6_300, "four five").until(9_000);
    bench.expect(&["5200 started 1 at 5000", "6300 updated 'four five'", "8500 ended 1 'four five' at 6000"]);
}

#[test]
fn a_question_and_a_judgement_that_cross_give_one_answer() {
    Bench::new(VENDOR)
        .voice(1_000, Some(2_000))
        .partial(2_300, "stop it")
        .until(4_500)
        .ended(4_510, "stop it")
        .answer(4_600, "")
        .until(9_000)
        .expect(&[
            "1200 started 0 at 1000",
            "2300 updated 'stop it'",
            "4500 close 0",
            "4600 ended 0 'stop it' at 2000",
        ]);
}

#[test]
fn a_recogniser_that_takes_over_keeps_what_the_other_heard() {
    Bench::new(VENDOR)
        .voice(1_000, None)
        .partial(1_800, "I want to")
        .tell(2_000, TurnInput::Manner(WORDS))
        .partial(2_500, "speak to someone.")
        .silence(2_600)
        .until(3_200)
        .expect(&[
            "1200 started 0 at 1000",
            "1800 updated 'I want to'",
            "2500 updated 'I want to speak to someone.'",
            "2800 eager 'I want to speak to someone.'",
            "3200 close 0",
        ])
        .answer(3_300, "speak to someone.")
        .expect(&["3300 ended 0 'I want to speak to someone.' at 2600"]);
}
