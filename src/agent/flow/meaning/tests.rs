use super::*;
use crate::agent::language::DateOrder;

fn answer(value: &str) -> Meaning {
    Meaning::Answer(value.to_owned())
}

#[test]
fn yes_and_no_in_many_words() {
    let expected = Expectation::yes_no("en");
    for text in ["yes", "Yeah, sure!", "yes please", "oh yes", "um yes i do", "that is right"] {
        assert_eq!(expected.meaning(text), answer("yes"), "{text}");
    }
    for text in ["no", "No, thanks.", "nope", "not really", "no i do not", "definitely not", "I don't think so"] {
        assert_eq!(expected.meaning(text), answer("no"), "{text}");
    }
}

#[test]
fn ja_and_nein_in_many_words() {
    let expected = Expectation::yes_no("de-AT");
    for text in ["Ja!", "ja, gerne", "Natürlich.", "Selbstverständlich", "das stimmt"] {
        assert_eq!(expected.meaning(text), answer("yes"), "{text}");
    }
    for text in ["Nein.", "nein danke", "nee", "auf keinen Fall", "das stimmt nicht", "kein Interesse"] {
        assert_eq!(expected.meaning(text), answer("no"), "{text}");
    }
    for text in ["Wer ist da?", "ja nein", "Ich muss erst meine Frau fragen", ""] {
        assert_eq!(expected.meaning(text), Meaning::Unclear, "{text}");
    }
    assert_eq!(expected.meaning("Wie bitte?"), Meaning::Repeat);
    assert_eq!(expected.meaning("Auf Wiederhören"), Meaning::Goodbye);
    assert_eq!(expected.meaning("Rufen Sie mich nie wieder an"), Meaning::OptOut);
    assert_eq!(expected.meaning("Das geht Sie nichts an"), Meaning::Refusal);
}

#[test]
fn two_answers_in_one_sentence_are_none() {
    assert_eq!(Expectation::yes_no("en").meaning("yes no"), Meaning::Unclear);
}

#[test]
fn other_talk_is_unclear() {
    let expected = Expectation::yes_no("en");
    for text in ["what is this about", "I am driving right now", "I know the weather", "", "i do not know", "noon"] {
        assert_eq!(expected.meaning(text), Meaning::Unclear, "{text}");
    }
}

#[test]
fn commands_are_heard_at_every_question() {
    let questions = [
        Expectation::yes_no("en"),
        Expectation::nothing("en"),
        Expectation::number("en", (1, 9), (None, None)),
        Expectation::email("en"),
    ];
    for expected in questions {
        assert_eq!(expected.meaning("ok goodbye"), Meaning::Goodbye);
        assert_eq!(expected.meaning("Pardon?"), Meaning::Repeat);
        assert_eq!(expected.meaning("none of your business"), Meaning::Refusal);
        assert_eq!(expected.meaning("take me off your list"), Meaning::OptOut);
    }
}

#[test]
fn options_are_found_by_their_words() {
    let options = [("am", vec!["morning", "before noon"]), ("pm", vec!["afternoon"])].map(|(id, words)| Choice {
        id: id.to_owned(),
        words: words.into_iter().map(str::to_owned).collect(),
        dtmf: None,
    });
    let expected = Expectation::choice("en", &options);
    assert_eq!(expected.meaning("before noon please"), answer("am"));
    assert_eq!(expected.meaning("in the afternoon"), answer("pm"));
    assert_eq!(expected.meaning("in the morning or the afternoon"), Meaning::Unclear);
}

#[test]
fn numbers_are_spoken_or_typed_within_their_bounds() {
    let expected = Expectation::number("en", (1, 2), (Some(2), Some(12)));
    assert_eq!(expected.meaning("twelve please"), answer("12"));
    assert_eq!(expected.meaning("one"), Meaning::Unclear);
    assert_eq!(expected.meaning("one hundred"), Meaning::Unclear);
    assert_eq!(expected.typed("7").as_deref(), Some("7"));
    assert_eq!(expected.typed("13"), None);
    let german = Expectation::number("de", (4, 4), (None, None));
    assert_eq!(german.meaning("null acht fünfzehn"), answer("0815"));
}

#[test]
fn dates_are_spoken_or_typed() {
    let reading = date::Reading {
        language: Language::English,
        order: DateOrder::DayFirst,
        today: jiff::civil::date(2026, 8, 5),
        lean: date::Lean::Future,
    };
    let expected = Expectation::date("en-GB", reading);
    assert_eq!(expected.meaning("next Tuesday"), answer("2026-08-11"));
    assert_eq!(expected.meaning("the day before"), Meaning::Unclear);
    assert_eq!(expected.typed("05032027").as_deref(), Some("2027-03-05"));
    assert_eq!(expected.typed("99992027"), None);
}

#[test]
fn what_somebody_else_understood_is_checked() {
    assert_eq!(Expectation::yes_no("en").accepts(" yes "), Some("yes".to_owned()));
    assert_eq!(Expectation::yes_no("en").accepts("maybe"), None);
    assert_eq!(Expectation::number("en", (1, 2), (None, Some(20))).accepts("21"), None);
    assert_eq!(Expectation::date_by_key("en").accepts("2026-13-01"), None);
    assert_eq!(Expectation::phone("de", Some("DE".to_owned())).accepts("030 123456"), Some("+4930123456".to_owned()));
    assert_eq!(Expectation::email("en").accepts("Anna@Example.com"), Some("anna@example.com".to_owned()));
    assert_eq!(Expectation::email("en").accepts("anna"), None);
}

#[test]
fn phone_numbers_and_addresses_come_in_one_form() {
    let expected = Expectation::phone("de", Some("DE".to_owned()));
    assert_eq!(expected.meaning("null drei null, eins zwei drei vier fünf sechs"), answer("+4930123456"));
    assert_eq!(expected.typed("030123456").as_deref(), Some("+4930123456"));
    assert_eq!(expected.typed("12"), None);
    let expected = Expectation::email("en");
    assert_eq!(expected.meaning("anna at example dot com"), answer("anna@example.com"));
    assert_eq!(expected.typed("123"), None);
}
