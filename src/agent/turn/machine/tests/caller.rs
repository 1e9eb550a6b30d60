//! Turns by ear: beginning, patience, end.

use super::*;

#[test]
fn a_recogniser_without_turns_is_asked_after_half_a_second_of_silence() {
    Bench::new(OFFLINE)
        .voice(1_000, Some(2_000))
        .expect(&["1200 started 0 at 1000"])
        .until(3_000)
        .expect(&["2500 close 0"])
        .answer(3_000, "yes")
        .expect(&["3000 ended 0 'yes' at 2000"])
        .answer(3_010, "yes")
        .until(20_000)
        .expect(&[]);
}

#[test]
fn a_recogniser_that_does_not_answer_is_not_waited_for_for_ever() {
    Bench::new(OFFLINE).voice(1_000, Some(2_000)).until(10_000).expect(&[
        "1200 started 0 at 1000",
        "2500 close 0",
        "5500 ended 0 strange at 2000",
    ]);
    Bench::new(OFFLINE)
        .voice(1_000, Some(2_000))
        .until(2_600)
        .tell(2_600, TurnInput::Failed { turn: TurnId(0) })
        .expect(&["1200 started 0 at 1000", "2500 close 0", "2600 ended 0 strange at 2000"]);
}

#[test]
fn words_on_the_way_prepare_a_reply_that_is_taken_back_when_more_comes() {
    Bench::new(WORDS)
        .voice(1_000, None)
        .partial(1_700, "I need")
        .expect(&["1200 started 0 at 1000", "1700 updated 'I need'"])
        .silence(2_000)
        .expect(&["2200 eager 'I need'"])
        .partial(2_300, "I need a refund.")
        .expect(&["2300 resumed", "2300 updated 'I need a refund.'", "2300 eager 'I need a refund.'"])
        .until(2_600)
        .expect(&["2600 close 0"])
        .answer(2_700, "I need a refund.")
        .expect(&["2700 ended 0 'I need a refund.' at 2000"]);
}

#[test]
fn a_pause_inside_a_turn_is_no_end_and_teaches_patience() {
    let mut bench = Bench::new(WORDS);
    bench.voice(1_000, Some(2_000)).partial(2_300, "so I thought.");
    bench.voice(2_350, Some(3_000)).voice(3_350, Some(4_000));
    bench.partial(4_300, "so I thought. that it. broke.").until(4_650);
    bench.expect(&[
        "1200 started 0 at 1000",
        "2300 updated 'so I thought.'",
        "2300 eager 'so I thought.'",
        "2550 resumed",
        "3200 eager 'so I thought.'",
        "3550 resumed",
        "4200 eager 'so I thought.'",
        "4300 resumed",
        "4300 updated 'so I thought. that it. broke.'",
        "4600 close 0",
    ]);
    assert_eq!(bench.machine.learnt_pause(), Duration::from_millis(450));
}

#[test]
fn who_speaks_on_while_the_recogniser_answers_keeps_the_turn() {
    Bench::new(WORDS)
        .voice(1_000, Some(2_000))
        .partial(2_300, "It is broken.")
        .voice(2_500, None)
        .answer(2_750, "It is broken.")
        .expect(&[
            "1200 started 0 at 1000",
            "2300 updated 'It is broken.'",
            "2300 eager 'It is broken.'",
            "2600 close 0",
            "2750 resumed",
            "2750 reopened 0 as 1 at 2500",
        ])
        .partial(3_000, "Since Monday.")
        .silence(3_000)
        .answer(3_700, "Since Monday.")
        .expect(&[
            "3000 updated 'It is broken. Since Monday.'",
            "3200 eager 'It is broken. Since Monday.'",
            "3600 close 1",
            "3700 ended 1 'It is broken. Since Monday.' at 3000",
        ]);
}

#[test]
fn who_hangs_in_the_air_is_given_time() {
    for (words, close) in [
        ("It is broken.", 2_600),
        ("It is broken,", 3_000),
        ("It is broken and", 3_500),
        ("It is, um.", 3_500),
        ("It is four five", 3_500),
    ] {
        let mut bench = Bench::new(WORDS);
        bench.voice(1_000, Some(2_000)).partial(2_300, words).until(4_000);
        let closed = format!("{close} close 0");
        assert!(bench.said.contains(&closed), "{words}: {:?}", bench.said);
    }
}

#[test]
fn nobody_is_cut_off_in_a_number() {
    let mut bench = Bench::new(WORDS);
    bench.tell(0, TurnInput::Asked(Asked::Number { digits: Some(6) }));
    bench.voice(1_000, Some(2_000)).partial(2_200, "four five six").until(4_400);
    bench.expect(&["1200 started 0 at 1000", "2200 updated 'four five six'"]);
    bench.voice(4_200, Some(5_000)).partial(5_200, "four five six seven eight nine").until(5_590);
    bench.expect(&["5200 updated 'four five six seven eight nine'", "5200 eager 'four five six seven eight nine'"]);
    bench.until(5_600).expect(&["5600 close 0"]);
}

#[test]
fn the_voice_ends_a_turn_that_never_pauses() {
    let mut bench = Bench::new(OFFLINE);
    bench.voice(1_000, None).until(16_000).expect(&["1200 started 0 at 1000", "16000 close 0"]);
    bench.answer(16_100, "yes").expect(&["16100 ended 0 'yes' at 16000", "16100 started 1 at 16100"]);
}

#[test]
fn a_recording_needs_no_recogniser() {
    let mut bench = Bench::new(OFFLINE);
    bench.tell(0, TurnInput::Asked(Asked::Recording { max: Duration::from_secs(5) }));
    bench.voice(1_000, Some(2_000)).until(4_000);
    bench.expect(&["1200 started 0 at 1000", "3500 ended 0 nothing at 2000"]);
    bench.voice(5_000, None).until(12_000);
    bench.expect(&["5200 started 1 at 5000", "10000 ended 1 nothing at 10000", "10000 started 2 at 10000"]);
}

#[test]
fn late_words_open_the_next_turn_and_very_late_ones_are_kept_for_the_record() {
    let mut bench = Bench::new(WORDS);
    bench.voice(1_000, Some(2_000)).partial(2_200, "I want.").until(3_300);
    bench.expect(&[
        "1200 started 0 at 1000",
        "2200 updated 'I want.'",
        "2200 eager 'I want.'",
        "2600 close 0",
        "3200 ended 0 'I want.' at 2000",
    ]);
    bench.answer(3_400, "I want. To cancel.");
    bench.expect(&["3400 started 1 at 3400", "3400 updated 'To cancel.'"]);
    bench.answer(3_410, "I want. To cancel.").until(4_100).expect(&["4000 close 1"]);
    bench.until(4_700).expect(&["4600 ended 1 'To cancel.' at 3400"]);
    bench.answer_to(30_000, TurnId(1), "To cancel. Everything.").expect(&["30000 late 1 'Everything.'"]);
}

#[test]
fn hearing_nothing_drops_the_turn_and_begins_anew_with_the_voice() {
    let mut bench = Bench::new(WORDS);
    bench.voice(1_000, None).tell(1_500, TurnInput::Hearing(Hearing::Nothing));
    bench.expect(&["1200 started 0 at 1000", "1500 abandoned 0"]);
    bench.partial(1_600, "my card is").tell(2_000, TurnInput::Hearing(Hearing::Everything));
    bench.expect(&["2000 started 1 at 2000"]);
    bench.tell(2_100, TurnInput::Abandon).expect(&["2100 abandoned 1"]);
}
