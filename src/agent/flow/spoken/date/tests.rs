use super::*;

/// Wednesday, 5 August 2026.
const TODAY: Date = jiff::civil::date(2026, 8, 5);

fn reading(language: Language, lean: Lean) -> Reading {
    let order = if language == Language::English { DateOrder::MonthFirst } else { DateOrder::DayFirst };
    Reading { language, order, today: TODAY, lean }
}

fn future(language: Language, text: &str) -> Option<String> {
    date(&reading(language, Lean::Future), text).map(|date| date.to_string())
}

fn past(language: Language, text: &str) -> Option<String> {
    date(&reading(language, Lean::Past), text).map(|date| date.to_string())
}

#[test]
fn english_dates() {
    let cases = [
        ("today", "2026-08-05"),
        ("tomorrow please", "2026-08-06"),
        ("the day after tomorrow", "2026-08-07"),
        ("Friday", "2026-08-07"),
        ("on Wednesday", "2026-08-12"),
        ("this Saturday would be great", "2026-08-08"),
        ("next Tuesday", "2026-08-11"),
        ("next Friday", "2026-08-14"),
        ("Friday next week", "2026-08-14"),
        ("next week on Friday", "2026-08-14"),
        ("Friday week", "2026-08-14"),
        ("in three days", "2026-08-08"),
        ("in a week", "2026-08-12"),
        ("in two months", "2026-10-05"),
        ("the fifth of March", "2027-03-05"),
        ("March the fifth", "2027-03-05"),
        ("September twenty first", "2026-09-21"),
        ("the twenty-first of September, twenty twenty seven", "2027-09-21"),
        ("5 March 2027", "2027-03-05"),
        ("March 5th, 2027", "2027-03-05"),
        ("the fifth", "2026-08-05"),
        ("the third", "2026-09-03"),
        ("the fifth of next month", "2026-09-05"),
        ("Thursday the sixth of August", "2026-08-06"),
        ("8/20", "2026-08-20"),
        ("8/20/2026", "2026-08-20"),
        ("8/20/26", "2026-08-20"),
        ("2026-08-20", "2026-08-20"),
        ("February the twenty ninth", "2028-02-29"),
        ("december thirty first", "2026-12-31"),
        ("well um I think Monday", "2026-08-10"),
        ("may the first", "2027-05-01"),
    ];
    for (text, expected) in cases {
        assert_eq!(future(Language::English, text).as_deref(), Some(expected), "{text}");
    }
}

#[test]
fn german_dates() {
    let cases = [
        ("heute", "2026-08-05"),
        ("übermorgen", "2026-08-07"),
        ("am Freitag", "2026-08-07"),
        ("nächsten Dienstag", "2026-08-11"),
        ("übernächsten Freitag", "2026-08-14"),
        ("Freitag nächster Woche", "2026-08-14"),
        ("nächste Woche Montag", "2026-08-10"),
        ("in zwei Wochen", "2026-08-19"),
        ("in einem Monat", "2026-09-05"),
        ("am fünften März", "2027-03-05"),
        ("am fünften dritten", "2027-03-05"),
        ("zwölfter dritter zweitausendsiebenundzwanzig", "2027-03-12"),
        ("5.3.2027", "2027-03-05"),
        ("am 5. März", "2027-03-05"),
        ("den 20.8.", "2026-08-20"),
        ("Donnerstag, den 6. August", "2026-08-06"),
        ("am einundzwanzigsten September zweitausendsechsundzwanzig", "2026-09-21"),
        ("am siebten des nächsten Monats", "2026-09-07"),
    ];
    for (text, expected) in cases {
        assert_eq!(future(Language::German, text).as_deref(), Some(expected), "{text}");
    }
}

#[test]
fn days_gone_by() {
    let english = [
        ("the fifth of March", "2026-03-05"),
        ("the twelfth of October nineteen eighty four", "1984-10-12"),
        ("October 12, 1984", "1984-10-12"),
        ("10/12/84", "1984-10-12"),
        ("last Friday", "2026-07-31"),
        ("last Wednesday", "2026-07-29"),
        ("yesterday", "2026-08-04"),
        ("three days ago", "2026-08-02"),
        ("a week ago", "2026-07-29"),
        ("the tenth", "2026-07-10"),
    ];
    for (text, expected) in english {
        assert_eq!(past(Language::English, text).as_deref(), Some(expected), "{text}");
    }
    let german = [
        ("am zwölften Oktober neunzehnhundertvierundachtzig", "1984-10-12"),
        ("12.10.84", "1984-10-12"),
        ("vor drei Tagen", "2026-08-02"),
        ("vorgestern", "2026-08-03"),
        ("letzten Freitag", "2026-07-31"),
    ];
    for (text, expected) in german {
        assert_eq!(past(Language::German, text).as_deref(), Some(expected), "{text}");
    }
}

#[test]
fn what_is_no_date_or_two_dates_is_none() {
    for text in [
        "",
        "yes",
        "I do not know yet",
        "Monday or Tuesday",
        "the fifth or the sixth of March",
        "the thirty first of February",
        "Monday the sixth of August",
        "March",
        "in August",
        "13/13/2026",
        "let me ask my wife about that first and then call you back on some day",
    ] {
        assert_eq!(future(Language::English, text), None, "{text}");
    }
    for text in ["ja", "Montag oder Dienstag", "am einunddreißigsten Februar", "im Mai"] {
        assert_eq!(future(Language::German, text), None, "{text}");
    }
}

#[test]
fn typed_dates_follow_the_order_of_the_country() {
    assert_eq!(typed(DateOrder::DayFirst, "05032027"), Some(jiff::civil::date(2027, 3, 5)));
    assert_eq!(typed(DateOrder::MonthFirst, "05032027"), Some(jiff::civil::date(2027, 5, 3)));
    for digits in ["31022027", "5032027", "", "ab032027"] {
        assert_eq!(typed(DateOrder::DayFirst, digits), None, "{digits}");
    }
}

proptest::proptest! {
    #[test]
    fn nothing_said_breaks_it(text in "\\PC{0,60}") {
        let _ = (future(Language::English, &text), past(Language::German, &text));
    }

    #[test]
    fn the_coming_weekday_is_within_a_week(offset in 0_i32..4000, day in 0_usize..7) {
        let names = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
        let today = TODAY.checked_add(offset.days()).expect("a few years from now");
        let reading = Reading { today, ..reading(Language::English, Lean::Future) };
        let found = date(&reading, names[day]).expect("a weekday is a date");
        let ahead = today.until(found).expect("both are near").get_days();
        proptest::prop_assert!((1..=7).contains(&ahead));
        proptest::prop_assert_eq!(usize::try_from(found.weekday().to_monday_zero_offset()).ok(), Some(day));
    }
}
