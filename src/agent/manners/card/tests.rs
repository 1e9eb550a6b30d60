use super::*;

/// Well-known test numbers.
const VISA: &str = "4111 1111 1111 1111";
const AMEX: &str = "3782 822463 10005";
const SPOKEN: &str = "four one one one, one one one one, one one one one, one one one one";

fn watch() -> (CardWatch, Instant) {
    (CardWatch::new(Language::English), crate::time::now().mono)
}

#[test]
fn a_card_number_pauses_and_thirty_quiet_seconds_end_it() {
    let (mut watch, now) = watch();
    assert_eq!(watch.heard(now, "my card number is four one one one", false), Step::Nothing);
    let growing = "my card number is four one one one one one one one one one one";
    assert_eq!(watch.heard(now, growing, false), Step::Pause { lines: 0 });
    assert_eq!(watch.heard(now, &format!("my card number is {SPOKEN}"), true), Step::Nothing);
    let later = now + Duration::from_secs(20);
    assert_eq!(watch.heard(later, "the code is one two three", true), Step::Nothing);
    assert_eq!(watch.handle_timeout(later + AFTER_CARD - Duration::from_millis(1)), Step::Nothing);
    assert_eq!(watch.poll_timeout(), Some(later + AFTER_CARD));
    assert_eq!(watch.handle_timeout(later + AFTER_CARD), Step::Resume);
    assert!(!watch.is_paused());
}

#[test]
fn other_long_numbers_pause_for_a_moment_only() {
    let (mut watch, now) = watch();
    assert_eq!(watch.heard(now, "it is 4917 1123 4567", false), Step::Pause { lines: 0 });
    assert_eq!(watch.heard(now, "it is 4917 1123 4567 and that is my mobile", true), Step::Resume);
    for text in ["0171 123 456 789", "+1 212 555 0100 222", "1234 1234 1234 1234", "my order is 9988776655443322"] {
        assert_eq!(watch.heard(now, text, true), Step::Nothing, "{text}");
    }
}

#[test]
fn a_number_that_is_asked_for_is_not_suspected() {
    let (mut watch, now) = watch();
    watch.expect_number(true);
    assert_eq!(watch.heard(now, "44 20 7946 0958", true), Step::Nothing);
    assert_eq!(watch.heard(now, VISA, true), Step::Pause { lines: 0 }, "a card is a card");
}

#[test]
fn a_number_said_in_groups_is_put_together() {
    let (mut watch, now) = watch();
    let at = |s| now + Duration::from_secs(s);
    assert_eq!(watch.heard(now, "it's 4111 1111", true), Step::Nothing);
    assert_eq!(watch.heard(at(4), "1111", false), Step::Pause { lines: 1 });
    assert_eq!(watch.heard(at(4), "1111", true), Step::Nothing);
    assert_eq!(watch.heard(at(8), "1111", true), Step::Nothing);
    assert_eq!(watch.poll_timeout(), Some(at(8) + AFTER_CARD), "the four groups are a card number");
    assert_eq!(watch.masked("it's 4111 1111"), "it's [card data]");
}

#[test]
fn groups_far_apart_are_not_put_together() {
    let (mut watch, now) = watch();
    watch.heard(now, "4111 1111", true);
    assert_eq!(watch.heard(now + BETWEEN_GROUPS + Duration::from_secs(1), "1111 1111", true), Step::Nothing);
}

#[test]
fn typed_cards_pause_as_well() {
    let (mut watch, now) = watch();
    let steps: Vec<_> = "378282246310005".chars().map(|key| watch.key(now, key)).collect();
    assert_eq!(steps.iter().position(|step| *step == Step::Pause { lines: 0 }), Some(SUSPICIOUS - 1));
    assert_eq!(watch.key(now, '#'), Step::Nothing);
    assert_eq!(watch.masked_keys("378282246310005#"), "[card number]");
    assert_eq!(watch.masked_keys("1234"), "[card data]");
    assert_eq!(watch.handle_timeout(now + AFTER_CARD), Step::Resume);
    assert_eq!(watch.masked_keys("1234"), "1234");
}

#[test]
fn typed_numbers_that_are_no_card_resume_at_the_hash() {
    let (mut watch, now) = watch();
    "491711234567".chars().for_each(|key| {
        watch.key(now, key);
    });
    assert!(watch.is_paused());
    assert_eq!(watch.key(now, '#'), Step::Resume);
}

#[test]
fn a_hold_ends_when_it_is_released() {
    let (mut watch, now) = watch();
    assert_eq!(watch.hold(now), Step::Pause { lines: 0 });
    assert_eq!(watch.heard(now, SPOKEN, true), Step::Nothing);
    assert_eq!(watch.masked("my name is Anna"), "[card data]");
    assert_eq!(watch.handle_timeout(now + AFTER_CARD), Step::Nothing);
    assert_eq!(watch.release(), Step::Resume);
    assert_eq!(watch.release(), Step::Nothing);
    watch.hold(now);
    assert_eq!(watch.handle_timeout(now + LONGEST_HOLD), Step::Resume);
}

#[test]
fn lines_are_masked_where_the_number_stands() {
    let (mut watch, now) = watch();
    assert_eq!(watch.masked(&format!("It is {VISA}, thanks.")), "It is [card number] thanks.");
    assert_eq!(watch.masked(&format!("it is {SPOKEN} thanks")), "it is [card number] thanks");
    assert_eq!(watch.masked("my birthday is 12 10 1984"), "my birthday is 12 10 1984");
    watch.heard(now, AMEX, true);
    assert_eq!(watch.masked("the code is 1234 okay"), "the code is [card data] okay");
    assert_eq!(watch.masked("twelve thirty"), "[card data]");
}

#[test]
fn card_numbers_are_told_from_others() {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    for card in [VISA, AMEX, "5555 5555 5555 4444", "2223 0031 2200 3222", "6011 1111 1111 1117", "3056 930902 5904"] {
        assert!(is_card(&digits(card)), "{card}");
    }
    for other in ["4111 1111 1111 1112", "1111 1111 1111 1117", "4111 1111 1111", "0000 0000 0000 0000"] {
        assert!(!is_card(&digits(other)), "{other}");
    }
}

proptest::proptest! {
    #[test]
    fn whatever_is_said_the_pause_ends(said in proptest::collection::vec(("[0-9 a-z]{0,30}", proptest::bool::ANY, 0_u64..20), 0..20)) {
        let (mut watch, mut now) = watch();
        for (text, whole, seconds) in said {
            watch.heard(now, &text, whole);
            let _ = watch.masked(&text);
            now += Duration::from_secs(seconds);
            watch.handle_timeout(now);
        }
        watch.handle_timeout(now + AFTER_CARD);
        proptest::prop_assert!(!watch.is_paused());
    }

    /// No card number stands in what is written, however it is grouped.
    #[test]
    fn no_card_number_is_written(groups in proptest::collection::vec(1_usize..6, 1..6)) {
        let digits = "4111111111111111";
        let mut text = String::from("so it is ");
        let mut at = 0;
        for group in groups.iter().chain(&[16]) {
            let end = (at + group).min(digits.len());
            text.push_str(&digits[at..end]);
            text.push(' ');
            at = end;
        }
        let (watch, _) = watch();
        proptest::prop_assert_eq!(watch.masked(&text), "so it is [card number]");
    }
}
